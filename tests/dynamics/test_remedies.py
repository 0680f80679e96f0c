"""The table of remedies: measured anew to the same numbers, judged by a rule, generated into the README."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import rnnsym
from rnnsym.dynamics.lessons import LAGS, SEEDS, Lesson, Outcome, climb, read_outcomes, starts
from rnnsym.dynamics.lessons import TABLE as LESSONS
from rnnsym.dynamics.own_remedies import own_effects
from rnnsym.dynamics.remedies import (
    BASELINE,
    TABLE,
    TASKS,
    Decades,
    Effect,
    Remedy,
    effects,
    learners,
    measure_start,
    middle,
    read_starts,
    remedies,
    starts_beside,
    train_remedies,
    write_starts,
)
from rnnsym.dynamics.remedy_table import power_of_ten, remedy_table
from rnnsym.errors import DataError
from rnnsym.model.networks import Network

README = Path(__file__).parents[2] / "README.md"
ROUNDED = 1e-6  # of a decade: what another machine's products make of a hundred factors


def test_the_readme_has_the_table_that_the_numbers_give() -> None:
    text = README.read_text(encoding="utf-8")
    inside = text.split("<!-- remedies: generated -->\n")[1].split("<!-- end of remedies -->")[0]
    assert inside.strip() == remedy_table(effects(read_starts(), read_outcomes().values())).strip()


@pytest.mark.parametrize("learner", ["simple", "irnn", "lstm", "skip_connection"])
def test_a_start_measured_anew_gives_the_committed_numbers(learner: str) -> None:
    committed, found = read_starts()[learner], measure_start(learner)
    for one, other in zip(vars(committed).values(), vars(found).values(), strict=True):
        assert one == pytest.approx(other, abs=ROUNDED)


def test_every_learner_was_measured_and_trained_with_every_seed() -> None:
    found, outcomes = read_starts(), read_outcomes()
    assert set(found) == set(learners()) <= set(starts)
    for name in learners():
        for task in TASKS:
            for seed in range(SEEDS):
                assert f"{task}/{name}/{LAGS[0]}/{seed}" in outcomes
                lag = LAGS[0]
                while lag != LAGS[-1] and outcomes[f"{task}/{name}/{lag}/{seed}"].learnt:
                    lag = LAGS[LAGS.index(lag) + 1]
                    assert f"{task}/{name}/{lag}/{seed}" in outcomes, "trained up to the first lag that is not learnt"


def test_outcomes_are_of_lessons_as_the_table_has_them() -> None:
    for one in read_outcomes().values():
        assert one.lesson == Lesson.of(one.lesson.task, one.lesson.cell, one.lesson.lag, one.lesson.seed)


def effect(gradient: float, without: float, lags: tuple[int, int], before: tuple[int, int], *,
           of_updates: bool = False, moved: int = SEEDS) -> Effect:
    """``moved`` of the seeds learn ``lags``, the rest what was learnt before."""
    same = dict(zip(TASKS, ((lag,) * SEEDS for lag in before), strict=True))
    pairs = zip(lags, before, strict=True)
    changed = dict(zip(TASKS, ((lag,) * moved + (old,) * (SEEDS - moved) for lag, old in pairs), strict=True))
    named: list[Mapping[str, tuple[int, ...]]] = [changed, same]
    own, other = (Decades(value, value, value) for value in (gradient, without))
    return Effect(Remedy("planted", "", "simple", of_updates=of_updates), own, other, *named)


@pytest.mark.parametrize(("found", "verdict"), [
    (effect(-1, -10, (50, 10), (10, 10)), "borne out: gradient, adding"),
    (effect(-1, -10, (10, 10), (10, 10)), "borne out: gradient"),
    (effect(-9, -10, (10, 10), (10, 10)), "not borne out"),
    (effect(-22, -10, (10, 10), (10, 10)), "not borne out: gradient worse"),
    (effect(22, 10, (10, 25), (10, 10)), "in part: first-bit; but gradient worse"),
    (effect(0, 0, (10, 0), (25, 0)), "not borne out: adding worse"),
    (effect(-np.inf, -np.inf, (0, 0), (0, 0)), "not borne out"),
    (effect(-1, -np.inf, (0, 0), (0, 0)), "borne out: gradient"),
    (effect(-1, -10, (25, 10), (10, 10), of_updates=True), "borne out: adding"),
    (effect(-1, -10, (10, 10), (10, 10), of_updates=True), "not borne out"),
    (effect(-1, -10, (200, 10), (10, 10), of_updates=True, moved=2), "borne out: adding"),
    (effect(-1, -10, (200, 10), (10, 10), of_updates=True, moved=1), "not borne out"),
    (effect(-1, -10, (10, 10), (200, 10), of_updates=True, moved=1), "not borne out"),
])
def test_the_verdict_follows_from_the_numbers(found: Effect, verdict: str) -> None:
    assert found.verdict == verdict


def test_each_seed_is_compared_with_itself() -> None:
    outcomes = [Outcome(Lesson.of(task, name, LAGS[0], seed), 0.1 if seed < good else 0.9, 1)
                for task, good in zip(TASKS, (2, 1), strict=True) for name in learners() for seed in range(3)]
    every = {name: Decades(-1, -1, -1) for name in learners()}
    found = effects(every, outcomes)
    assert [dict(one.lags) for one in found] == [{TASKS[0]: (10, 10, 0), TASKS[1]: (10, 0, 0)}] * len(remedies)
    assert [middle(lags) for lags in found[0].lags.values()] == [LAGS[0], 0]
    assert {one.verdict for one in found} == {"not borne out"}


def test_starts_are_measured_and_lessons_trained_into_two_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("rnnsym.dynamics.remedies.measure_start", lambda name: Decades(-2.0, -1.0, 0.0))
    monkeypatch.setattr("rnnsym.dynamics.remedies.train_all", lambda path, progress: asked.append(path))
    train_remedies(tmp_path / "remedies.json", lambda run, done, total: None)
    assert asked == [tmp_path / "remedies.json"]
    assert set(read_starts(starts_beside(tmp_path / "remedies.json"))) == set(learners())
    assert starts_beside(LESSONS) == TABLE


def test_tables_with_gaps_are_refused() -> None:
    every = read_starts()
    with pytest.raises(DataError, match="the table of lessons lacks 96 learners, the first is adding/simple, seed 0"):
        effects(every, [])
    with pytest.raises(DataError, match="the table of starts lacks simple, relu"):
        effects({}, read_outcomes().values())


def test_powers_are_printed_as_powers() -> None:
    assert [power_of_ten(value) for value in (-2.72, 2.0, 0.04, -0.04, -np.inf)] == ["10⁻²˙⁷", "10²", "1", "1", "0"]


def test_learning_stops_at_the_first_lag_that_is_not_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def taken_all(lessons: list[Lesson], path: Path, progress: object = None) -> dict[str, Outcome]:
        taken.append(lessons[0].lag)
        return {lessons[0].name: Outcome(lessons[0], 0.1 if lessons[0].lag < 50 else 0.9, 1)}

    monkeypatch.setattr("rnnsym.dynamics.lessons.take_all", taken_all)
    climb("adding", BASELINE, tmp_path / "table.json")
    assert taken == [10, 25, 50]


def test_the_table_of_starts_is_written_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnsym.dynamics.remedies.measure_start", lambda name: Decades(-2.0, -1.0, float(len(name))))
    write_starts(tmp_path / "starts.json")
    assert read_starts(tmp_path / "starts.json") == {name: Decades(-2.0, -1.0, len(name)) for name in learners()}


def test_what_remedies_do_for_a_cell_of_ones_own() -> None:
    cell = rnnsym.Cell.from_equations("own", "h = tanh(x @ W_x + h_prev @ W_h + b)")
    found = {one.name: one for one in own_effects(Network(cell, readout="yhat = sigmoid(h @ W_y)"))}
    assert next(iter(found)) == "as it is, Glorot's start"
    measured = {name: one.decades.middle for name, one in found.items() if one.decades is not None}
    assert measured["pytorch start"] < measured["as it is, Glorot's start"] < measured["identity start"]
    assert found["forget bias 1"].obstacle == "the cell has no forget gate with one bias"
    assert "tanh" not in found, "what the cell has is no remedy"


def test_a_gate_that_forgets_less_keeps_more() -> None:
    found = {one.name: one.decades for one in own_effects(Network(rnnsym.cells["lstm"]))}
    closed, usual, wide = (found[name] for name in ("as it is, Glorot's start", "forget bias 1", "forget bias 3"))
    assert closed is not None
    assert usual is not None
    assert wide is not None
    assert closed.middle < usual.middle < wide.middle


def test_a_network_that_reads_its_own_outputs_is_measured() -> None:
    network = Network(rnnsym.cells["simple"], "yhat = o @ W_o + b_o", "squared_error", "one-to-many")
    assert sum(one.decades is not None for one in own_effects(network)) > 5
