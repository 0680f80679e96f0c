"""Lessons: a short one retrained to the same numbers, a table that loses nothing, what counts as learnt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnsym.dynamics.lessons import (
    CELLS,
    LAGS,
    LEARNT,
    Lesson,
    Outcome,
    curriculum,
    longest_lag,
    read_outcomes,
    take,
    take_all,
    write_outcomes,
)
from rnnsym.errors import DataError, OutputError

GROWN = 1e-6  # relative: another machine's products round otherwise, and fifty updates let that grow
SHORT = Lesson("first-bit", "gru", 3, units=4, batch=8, rate=0.02, updates=400)


def test_a_lesson_is_learnt_and_ends_there() -> None:
    found = take(SHORT)
    assert found.learnt
    assert found.updates < SHORT.updates
    assert found.share < LEARNT
    assert take(SHORT) == found, "the same lesson, the same numbers"
    assert take(replace(SHORT, seed=1)) != found


def test_a_lesson_without_a_chance_is_not_learnt() -> None:
    hopeless = take(replace(SHORT, rate=1e-9, updates=100))
    assert not hopeless.learnt
    assert hopeless.updates == 100
    assert 0.9 < hopeless.share < 1.5


def test_a_diverged_lesson_is_not_learnt() -> None:
    assert not Outcome(SHORT, 0.1, 10, "update 10: the loss is not finite").learnt


def test_a_lesson_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    whole, kept = take(SHORT), tmp_path / "course.npz"

    def cut(done: int, total: int) -> None:
        if done == whole.updates - 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(SHORT, kept, cut)
    assert kept.exists()
    assert take(SHORT, kept) == whole


def test_a_table_is_read_as_it_was_written_and_holds_what_was_trained(tmp_path: Path) -> None:
    path, trained = tmp_path / "table.json", []
    two = [SHORT, replace(SHORT, lag=2)]
    for _ in range(2):
        found = take_all(two, path, progress=lambda lesson, done, total: trained.append(lesson))
    assert read_outcomes(path) == found
    assert len(found) == 2
    assert trained.count(SHORT.name) == found[SHORT.name].updates, "the second time nothing was left to train"
    again = take_all([replace(SHORT, rate=0.01)], path)
    assert again[SHORT.name].lesson.rate == 0.01, "a lesson of other settings replaces the old one"
    assert [row["lesson"]["lag"] for row in json.loads(path.read_text())] == [2, 3]


def test_a_broken_table_is_refused_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    assert read_outcomes(tmp_path / "absent.json") == {}
    refused = 0
    for text in ("", "{}x", '[{"lesson": {"task": "adding"}}]', '[{"share": 1}]', "[3]"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError, match="is no table of outcomes"):
            read_outcomes(tmp_path / "bad.json")
        refused += 1
    assert refused == 5
    with pytest.raises(OutputError, match="cannot be written"):
        write_outcomes([], tmp_path / "absent" / "table.json")


def test_the_longest_lag_is_the_end_of_an_unbroken_row() -> None:
    def outcomes(*learnt: bool) -> list[Outcome]:
        return [Outcome(Lesson("adding", "gru", lag), 0.1 if one else 0.9, 100) for lag, one in zip(LAGS, learnt,
                                                                                             strict=False)]

    assert longest_lag(outcomes(True, True, False, True), "adding", "gru") == LAGS[1]
    assert longest_lag(outcomes(False, True), "adding", "gru") == 0
    assert longest_lag(outcomes(True, True, True, True, True), "adding", "gru") == LAGS[-1]
    assert longest_lag(outcomes(True), "adding", "lstm") == 0


def test_unknown_cells_and_tasks_are_refused() -> None:
    for wrong, words in (({"cell": "vanilla"}, "cell: there is no 'vanilla'"),
                         ({"task": "adding up"}, "task: there is no 'adding up'"), ({"lag": 0}, "lag: expected"),
                         ({"schedule": "foo"}, "schedule: there is no 'foo'"), ({"updates": 1.5}, "updates: expected")):
        with pytest.raises(DataError, match=words):
            replace(SHORT, **wrong)


def test_the_committed_table_holds_the_whole_curriculum_and_one_entry_trains_to_its_numbers() -> None:
    table = read_outcomes()
    lessons = {name: one.lesson for name, one in table.items()}
    assert {lesson.name: lesson for lesson in curriculum()}.items() <= lessons.items()
    assert all(0 < one.share < 3 and 0 < one.updates <= one.lesson.updates for one in table.values())
    quickest: Any = min(table.values(), key=lambda one: one.updates * one.lesson.lag)
    retrained = take(quickest.lesson)
    assert retrained.updates == quickest.updates
    assert np.isclose(retrained.share, quickest.share, rtol=GROWN)


def test_starts_and_lags_cover_the_curriculum() -> None:
    assert len(curriculum()) == 3 * len(CELLS) * len(LAGS)
