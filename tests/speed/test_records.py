"""Verdicts on goals come from the numbers, and a part measured anew takes the place of its part alone."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from benchmarks import goals, records
from benchmarks.contestants import OURS, PLAIN
from benchmarks.growth import exponent
from benchmarks.timing import Times, interleaved, peak_memory

ON = {"processor": "one", "python": "3", "packages": {"numpy": "2"}, "blas": ["a"]}


def row(
    cell: str = "simple", shape: tuple[int, ...] = (1, 100, 5, 3), ours: float = 1.0, **peers: float
) -> dict[str, Any]:
    seconds = {OURS[0]: ours, **{name.replace("_", " "): value for name, value in peers.items()}}
    ratios = {OURS[0]: {name: value / ours for name, value in seconds.items() if name != OURS[0]}}
    return {"cell": cell, "shape": list(shape), "rounds": 3, "seconds": seconds, "ratios": ratios,
            "bytes": {OURS[0]: 120, PLAIN: 100}}


def record(*rows: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {"rows": list(rows), "growth": [], "deriving": [], "agreement": []}


def goal(words: str) -> goals.Goal:
    return next(one for one in goals.GOALS if words in one.what)


@pytest.mark.parametrize(("seconds", "verdict"), [(4.5, "yes"), (3.9, "no")])
def test_the_worst_row_decides(seconds: float, verdict: str) -> None:
    whole = record(row(plain_loop=9.0), row("gru", plain_loop=seconds))
    line = next(line for line in goals.lines(whole) if "batch 1, T ≥ 100" in line)
    assert f"{seconds:g}×" in line
    assert verdict in line.split("|")[-2]
    assert "gru (1, 100, 5, 3)" in line


def test_a_goal_covers_only_its_rows() -> None:
    short, batched = row(shape=(1, 3, 5, 3), plain_loop=1.0), row(shape=(32, 100, 32, 64), plain_loop=1.0)
    assert goals.worst(goal("batch 1, T ≥ 100"), record(short, batched)) is None
    assert goals.worst(goal("never slower"), record(short, batched)) is not None


def test_ours_over_theirs_is_a_bound_from_above() -> None:
    number = goals.worst(goal("tuned by hand"), record(row(ours=2.0, tuned_NumPy=1.0), row("lstm", tuned_NumPy=1.0)))
    assert number is not None
    assert number[0] == 2.0
    assert not goals.reached(goal("tuned by hand"), number[0])


def test_what_was_not_measured_is_said() -> None:
    assert all(line.endswith("not measured |") for line in goals.lines(record())[2:])


def test_every_goal_that_has_numbers_is_judged() -> None:
    whole = record(row())
    whole["growth"] = [{"cell": "simple", "contestant": name, "exponent": 1.2} for name in OURS]
    whole["agreement"] = [{"contestant": name, "name": "cells", "wrong": ["one"]} for name in OURS]
    judged = [line for line in goals.lines(whole) if "exponent" in line or "wrong gradients" in line]
    assert len(judged) == 4
    assert all("| no |" in line for line in judged)


def test_a_part_measured_anew_takes_its_place_alone() -> None:
    old = records.merged({}, record(row("lstm", plain_loop=2.0), row(plain_loop=2.0)), ON)
    new = records.merged(old, record(row(plain_loop=7.0)), ON | {"processor": "two"})
    assert [(one["cell"], one["seconds"][PLAIN], one["machine"]["processor"]) for one in new["rows"]] == [
        ("simple", 7.0, "two"), ("lstm", 2.0, "one")]
    assert "not all parts" in records.page(new).lower()
    assert "not all parts" not in records.page(old).lower()


def test_a_row_never_loses_a_contestant_silently() -> None:
    old = records.merged({}, record(row(plain_loop=2.0, JAX_jit=1.0)), ON)
    with pytest.raises(SystemExit, match="JAX jit"):
        records.merged(old, record(row(plain_loop=2.0)), ON)


def test_the_committed_page_is_made_from_the_committed_record() -> None:
    known = records.stored()
    assert known["rows"]
    assert (records.PLACE / "speed.md").read_text(encoding="utf-8") == records.page(known)


def test_ratios_are_of_single_rounds() -> None:
    times = Times([{"a": 1.0, "b": 2.0}, {"a": 10.0, "b": 20.0}, {"a": 1.0, "b": 50.0}, {"a": 9.0}])
    assert times.ratio("b", "a") == 2.0
    assert times.medians() == {"a": 5.0, "b": 20.0}


def test_rounds_are_interleaved_and_the_slow_one_rests() -> None:
    times = interleaved({"slow": lambda: time.sleep(0.004), "quick": lambda: None}, 0.02, least=2)
    assert [set(one) for one in times.rounds[:2]] == [{"slow", "quick"}] * 2
    assert set(times.rounds[-1]) == {"quick"}
    medians = times.medians()
    assert medians["quick"] < 1e-4 < 0.004 <= medians["slow"]


def test_the_exponent_of_a_power_is_found() -> None:
    assert exponent({T: 1e-6 * T**1.5 for T in (100, 1000, 10_000)}) == pytest.approx(1.5)


def test_peak_memory_sees_an_array() -> None:
    assert peak_memory(lambda: bytearray(10**7)) >= 10**7


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchmarks", *options], cwd=records.PLACE.parent, text=True,
                          capture_output=True, check=False)


def test_the_command_measures_what_it_is_asked_for() -> None:
    done = run("--parts", "rows", "--cells", "simple", "--shapes", "1,3,5,3", "--peers", "rnnsym numpy",
               "--seconds", "0.01")
    assert done.returncode == 0, done.stderr
    assert "simple (1, 3, 5, 3)" in done.stdout
    assert "rnnsym numpy" in done.stdout
    assert "BLAS" in done.stdout


@pytest.mark.parametrize(("options", "words"), [
    (("--write", "--peers", "C by hand"), "--write needs all contestants"),
    (("--shapes", "1,2,3"), "not a shape of the table"),
    (("--seconds", "0"), "must be positive"),
    (("--seconds", "nan"), "must be positive"),
])
def test_what_makes_no_sense_is_refused(options: tuple[str, ...], words: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert words in done.stderr
