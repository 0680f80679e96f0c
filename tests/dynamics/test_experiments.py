"""Experiments: short rows of the committed tables retrained, killed trainings resumed, data and their simple rules."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.dynamics.characters import Characters
from rnnsym.dynamics.data_sources import characters_of, data_of, sources
from rnnsym.dynamics.experiment_table import CLIPPED, Experiment, experiment, experiments
from rnnsym.dynamics.experiments import Result, Run, _course_of, perform, perform_all, read_results, rules
from rnnsym.dynamics.schedules import laws
from rnnsym.errors import DataError, OutputError

GROWN = 1e-6  # relative: another machine's products round otherwise, and some hundred updates let that grow
SHORT = (Run("reviews", "simple", 3, 3, updates=120, rate=0.03), Run("three-bits", "gru", 4, 4, updates=130, rate=0.03))


def agree(found: Result, expected: Result) -> bool:
    """Whether two results are the same up to rounding: every curve, measure and output."""
    pairs = [(found.losses, expected.losses), (found.norms, expected.norms), (found.outputs, expected.outputs)]
    names = found.measures.keys() == expected.measures.keys() and found.references.keys() == expected.references.keys()
    pairs += [(tuple(one[name] for name in other), tuple(other.values())) for one, other in (
        (found.measures, expected.measures), (found.references, expected.references)) if names]
    same = (found.run, found.updates, found.diverged) == (expected.run, expected.updates, expected.diverged)
    return same and names and all(len(a) == len(b) and np.allclose(a, b, rtol=GROWN, atol=0) for a, b in pairs)


QUICK = {
    "reviews": [run for run in experiments["reviews"].runs if run.seed == 0],
    "sunspots": [run for run in experiments["sunspots"].runs if (run.cell, run.seed) == ("irnn", 0)],
    "learning-rates": [run for run in experiments["learning-rates"].runs
                       if run.rule == "descent" and run.rate in (0.001, 0.1)],
    "characters": [run for run in experiments["characters"].runs if (run.cell, run.updates) == ("simple", 50)],
}


@pytest.mark.parametrize("name", QUICK)
def test_short_runs_train_to_the_numbers_of_the_committed_tables(name: str) -> None:
    results = experiments[name].results()
    assert QUICK[name]
    for run in QUICK[name]:
        found = perform(run)
        assert agree(found, results[run])
        changed = tuple(loss * (1 + 1e-4) for loss in found.losses)
        assert not agree(replace(found, losses=changed), results[run]), "a change of a ten-thousandth is seen"
        assert not agree(perform(replace(run, rate=run.rate * 1.001)), replace(results[run], run=run))


def test_the_committed_tables_hold_every_run_with_finite_numbers_and_name_where_one_diverged() -> None:
    diverged = Counter[str]()
    for one in experiments.values():
        for run, result in one.results().items():
            assert len(result.losses) == len(result.norms) > 0
            assert np.isfinite([*result.losses, *result.norms, *result.measures.values()]).all()
            assert bool(result.diverged) == (not result.measures)
            assert result.updates == run.updates or result.diverged.startswith(f"update {result.updates}: the loss is")
            diverged[one.name] += bool(result.diverged)
    assert {name for name, count in diverged.items() if count} == {"clipping"}


def test_what_is_said_of_the_tables_holds() -> None:
    tables = {name: one.results().values() for name, one in experiments.items()}
    assert all(one.measures["accuracy"] == 1.0 for one in tables["reviews"])
    by_clip = Counter((one.run.radius, one.run.clip_norm is None and one.run.clip_value is None)
                      for one in tables["clipping"] if one.diverged)
    assert by_clip == {(1.5, True): 3, (2.0, True): 5}, "none that is clipped diverges"
    gru = [one.measures["RMSE"] for one in tables["sunspots"] if one.run.cell == "gru"]
    references = next(iter(tables["sunspots"])).references
    assert max(gru) < references["AR(9)"] < references["persistence"]
    pixels = [one.measures["accuracy"] for one in tables["digits"]
              if (one.run.data, one.run.cell) == ("digits-by-pixel", "irnn")]
    assert max(pixels) < 0.12, "the IRNN learns nothing here"


def test_a_killed_training_goes_on_to_the_identical_table(tmp_path: Path) -> None:
    whole, cut, seen = tmp_path / "whole.json", tmp_path / "cut.json", Counter[str]()
    perform_all(SHORT, whole)

    def kill(run: Run, done: int, total: int) -> None:
        seen[run.name] += 1
        if (run, done) == (SHORT[1], 110):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform_all(SHORT, cut, kill)
    left = [_course_of(SHORT[1], cut).name, "cut.json", "whole.json"]
    assert [path.name for path in sorted(tmp_path.iterdir())] == left
    assert list(read_results(cut)) == [SHORT[0]]
    perform_all(SHORT, cut, lambda run, done, total: seen.update([run.name]))
    assert cut.read_bytes() == whole.read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["cut.json", "whole.json"]
    assert seen == {SHORT[0].name: 120, SHORT[1].name: 110 + 30}, "it went on from update 100, and with one run only"
    before = dict(seen)
    perform_all(SHORT, cut, lambda run, done, total: seen.update([run.name]))
    assert seen == before, "nothing was left to train"


def test_a_course_left_by_a_run_that_is_in_the_table_stands_in_nobody_s_way(tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    whole = perform_all(SHORT, tmp_path / "whole.json")
    perform_all(SHORT[:1], table)
    perform(replace(SHORT[0], updates=50), _course_of(SHORT[0], table))  # as if it had been cut off before its end
    assert perform_all(SHORT, table) == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.json", "whole.json"]


def test_a_run_without_updates_is_a_result() -> None:
    assert perform(replace(SHORT[0], updates=0)).losses == ()


def test_a_damaged_row_is_refused_and_no_traceback(tmp_path: Path) -> None:
    one, path, refused = Experiment("short", "two short runs", SHORT), tmp_path / "short.json", 0
    for text in ('[{"run": {"data": [1]}}]', "[" * 100_000, '[{"run": 5}]', "[[]]", '{"a": 1}'):
        path.write_text(text)
        with pytest.raises(DataError, match="is no table of outcomes"):
            one.train(path)
        refused += 1
    assert refused == 5


def test_a_table_that_lacks_runs_or_is_none_is_refused(tmp_path: Path) -> None:
    one, path = Experiment("short", "two short runs", SHORT), tmp_path / "short.json"
    with pytest.raises(DataError, match=r"lacks 2 of 2 runs.*rnnsym figures short --train"):
        one.results(path)
    one.train(path)
    assert list(one.results(path)) == list(SHORT)
    rows = json.loads(path.read_text())
    path.write_text(json.dumps(rows[:1]))
    with pytest.raises(DataError, match="lacks 1 of 2 runs, the first is 'three-bits, gru"):
        one.results(path)
    rows[0]["run"]["learning"] = 1
    path.write_text(json.dumps(rows))
    with pytest.raises(DataError, match="is no table of outcomes"):
        one.train(path)
    with pytest.raises(OutputError, match="cannot be written"):
        one.train(tmp_path / "absent" / "short.json")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    wrong = {"cell": "vanilla", "data": "review", "rule": "adams", "schedule": "step"}
    for name, value in wrong.items():
        with pytest.raises(DataError, match=repr(value)):
            perform(replace(SHORT[0], **{name: value}))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="did you mean 'clipping'"):
        experiment("cliping")
    assert experiment("digits") is experiments["digits"]


def test_a_run_is_named_by_what_sets_it_apart() -> None:
    for one in experiments.values():
        assert len({run.name for run in one.runs}) == len(one.runs)
    assert Run("reviews", "gru", seed=2).name == "reviews, gru, seed=2"
    assert {run.rule for run in experiments["learning-rates"].runs} == set(rules)
    assert {run.schedule for run in experiments["learning-rates"].runs} == set(laws)
    assert len(experiments["clipping"].runs) == 3 * len(CLIPPED) * 5


@pytest.mark.parametrize("name", sources)
def test_data_fit_their_network_and_are_the_same_each_time(name: str) -> None:
    found = data_of(name)
    first, again, other = (found.batches(5, seed).batch(3) for seed in (1, 1, 2))
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.targets, again.targets)
    assert first.inputs.shape[2] == found.inputs
    assert len(first) <= 3 or not np.array_equal(first.inputs, other.inputs)
    result = perform(Run(name, "simple", 4, 4, updates=3))
    assert result.updates == 3
    assert np.isfinite([*result.measures.values(), *result.references.values()]).all()
    assert result.references


def test_the_years_and_images_held_out_are_not_trained_on() -> None:
    held = {one.measures["RMSE"] for one in experiments["sunspots"].results().values()}
    assert len(held) == len(experiments["sunspots"].runs)
    sunspots = data_of("sunspots")
    shown = np.concatenate([sunspots.batches(32, 0).batch(update).targets.ravel() for update in range(7)])
    last = 100 * shown.max()
    assert 150 < last < 155, "the record of 1778 is seen, that of 1957 (190.2) is held out"
    digits = data_of("digits-by-row")
    an_epoch = np.concatenate([digits.batches(100, 0).batch(update).inputs for update in range(13)])
    assert an_epoch.shape == (1300, 8, 8)


def test_persistence_and_the_autoregression_are_what_they_are_called() -> None:
    from statsmodels.datasets import sunspots

    series = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    references = data_of("sunspots").references
    assert references["persistence"] == pytest.approx(math.sqrt(np.mean(np.diff(series[-80:]) ** 2)), rel=1e-12)
    known = series[:-79]
    design = np.column_stack([np.ones(len(known) - 9), *(known[9 - lag:len(known) - lag] for lag in range(1, 10))])
    fitted = np.linalg.lstsq(design, known[9:], rcond=None)[0]
    forecasts = [fitted[0] + sum(fitted[lag] * series[year - lag] for lag in range(1, 10)) for year in range(230, 309)]
    expected = math.sqrt(np.mean((np.array(forecasts) - series[-79:]) ** 2))
    assert references["AR(9)"] == pytest.approx(expected, rel=1e-9)


@given(st.text(st.sampled_from("abc"), min_size=30, max_size=60))
def test_counts_tell_no_fewer_bits_than_the_entropy_of_what_they_counted(text: str) -> None:
    found, everything = Characters(text), slice(0, len(text))
    counts = Counter(text)
    smoothed = {one: (counts[one] + 1) / (len(text) + len(counts)) for one in counts}
    expected = -np.mean([math.log2(smoothed[one]) for one in text[1:]])
    assert found.bits(everything, everything, 0) == pytest.approx(expected, rel=1e-12)
    pairs, before = Counter(pairwise(text)), Counter(text[:-1])
    told = -np.mean([math.log2((pairs[pair] + 1) / (before[pair[0]] + len(counts)))
                     for pair in pairwise(text)])
    assert found.bits(everything, everything, 1) == pytest.approx(told, rel=1e-12)


def test_a_text_of_the_user_s_is_learnt_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("aabb" * 60, encoding="utf-8")  # one character back says nothing, two say all
    data = characters_of(path)
    found = perform(Run("sonnets", "simple", 8, 8, updates=200, rate=0.03), data=data)
    assert found.measures["bits"] < 0.3 < 0.9 < found.references["bigram"]
    path.write_text("too short", encoding="utf-8")
    with pytest.raises(DataError, match="expected more than"):
        characters_of(path)
    path.write_bytes(b"\xff\xfe\xff")
    for place in (path, tmp_path / "absent"):
        with pytest.raises(DataError, match="cannot be read as a UTF-8 text"):
            characters_of(place)


@pytest.mark.parametrize(("name", "package", "module"), [
    ("sunspots", "statsmodels", "statsmodels.datasets"), ("digits-by-row", "scikit-learn", "sklearn.datasets")])
def test_without_their_package_data_say_what_brings_it(
    name: str, package: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=rf"{package} holds these data.*pip install 'rnnsym\[data\]'"):
        sources[name].load()
