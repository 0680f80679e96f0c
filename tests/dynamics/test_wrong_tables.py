"""Tables of results with entries of the wrong kind: one error that names the file, whatever is wrong in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnsym.dynamics.batches import Batch, Drawn, Shuffled, padded
from rnnsym.dynamics.experiments import TABLES, Run, perform, read_results
from rnnsym.dynamics.lessons import TABLE, Lesson, read_outcomes, take
from rnnsym.dynamics.remedies import TABLE as STARTS
from rnnsym.dynamics.remedies import effects, read_starts
from rnnsym.errors import DataError

LESSON: dict[str, list[Any]] = {
    "lesson": [None, "a", {}, {"task": "adding"}, 5], "share": ["a", None, [0.5], "NaN", True],
    "updates": ["abc", -1, 1.5], "diverged": [5, None], "lesson/lag": ["x", 0, None, 1.5],
    "lesson/cell": ["zzz", ["lstm"]], "lesson/task": ["zzz", 3],
    "lesson/seed": [-1, "a"], "lesson/units": [0, "a"], "lesson/rate": ["a", -1.0, 0], "lesson/clip_norm": ["a", 0],
    "lesson/schedule": ["zzz", None], "lesson/other": [1],
}
RESULT: dict[str, list[Any]] = {
    "run": [None, "a", {}, 5], "updates": ["abc", -1, 1.5], "losses": ["abc", [None], ["a"], [[1.0]], 5, "NaN"],
    "norms": [["a"], None], "measures": [5, {"error": "a"}, {"error": None}, [1]], "references": [{"error": [1]}],
    "outputs": [["a"]], "targets": [[None]], "diverged": [5, None], "run/data": ["zzz", [1], {"a": 1}],
    "run/cell": ["zzz", [1]], "run/units": [0, "a"], "run/rate": ["a", 0], "run/rule": ["zzz"], "run/radius": [-1, "a"],
    "run/clip_norm": [0, "a"], "run/other": [1],
}
START: dict[str, list[Any]] = {"learner": [["a"]], "low": ["a", None, [1]], "middle": ["NaN"], "high": [True, {}]}

KINDS: dict[str, tuple[Path, Callable[[Path], Any], dict[str, list[Any]]]] = {
    "lessons": (TABLE, read_outcomes, LESSON),
    "results": (TABLES / "clipping.json", read_results, RESULT),
    "starts": (STARTS, read_starts, START),
}


def damaged(row: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return a row with one entry changed; "NaN" is the word that JSON has not, and Python reads."""
    value = [float("nan")] if value == "NaN" and place == "losses" else float("nan") if value == "NaN" else value
    outer, _, inner = place.partition("/")
    return {**row, outer: {**row[outer], inner: value} if inner else value}


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_the_wrong_kind_is_refused_with_the_file_s_name(kind: str, tmp_path: Path) -> None:
    table, read, wrong = KINDS[kind]
    row = json.loads(table.read_text(encoding="utf-8"))[0]
    path = tmp_path / table.name
    path.write_text(json.dumps([row]), encoding="utf-8")
    assert len(read(path)) == 1
    tried = 0
    for place, values in wrong.items():
        for value in values:
            path.write_text(json.dumps([damaged(row, place, value)]), encoding="utf-8")
            with pytest.raises(DataError) as caught:
                read(path)
            assert str(caught.value).startswith(f"{path}: is no table of outcomes ("), (place, value)
            tried += 1
    assert tried >= 7


@pytest.mark.parametrize("text", ["", "5", "{}", "{}x", "null", '"a"', "[1]", "[[]]", "[" * 100_000, "\x00"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_table_is_refused(kind: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="is no table of outcomes"):
        KINDS[kind][1](path)


def test_what_is_missing_in_the_tables_of_the_remedies_is_named() -> None:
    with pytest.raises(DataError, match="the table of starts lacks simple"):
        effects({}, [])
    with pytest.raises(DataError, match="the table of lessons lacks"):
        effects(read_starts(), [])


def test_a_run_and_a_lesson_of_no_updates_are_done_at_once() -> None:
    found = perform(Run("three-bits", "simple", 4, 4, updates=0))
    assert (found.updates, found.losses, found.norms) == (0, (), ())
    assert not take(Lesson("first-bit", "gru", 3, units=2, batch=2, updates=0)).learnt


def test_numbers_of_targets_and_lengths_other_than_of_sequences_are_refused() -> None:
    two, nan, refused = [[[1.0]], [[2.0]]], float("nan"), 0
    for attempt in (lambda: padded(two, [[1.0]]), lambda: padded(two, 1.0), lambda: padded(two, [[1.0], [nan]]),
                    lambda: padded([[[nan]]], [[1.0]]), lambda: padded([[1.0]], [[1.0]]),
                    lambda: Shuffled(Batch(two, [[1.0]]), 1), lambda: Shuffled(Batch(two, [[1.0], [2.0]], [1]), 1),
                    lambda: Shuffled(Batch(two, [[1.0], [nan]]), 1), lambda: Shuffled(Batch(two, 1.0), 1),
                    lambda: Drawn(lambda random, size: None, 1).batch(0)):  # type: ignore[arg-type, return-value]
        with pytest.raises(DataError):
            attempt()
        refused += 1
    assert refused == 10
