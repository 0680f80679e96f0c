"""What a kept course can be taken for, what a training can be asked for, and where an update leaves the floats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_training import BITS, RULES, SIMPLE, START, TABLE, same

import rnnsym
from rnnsym.dynamics import initialise
from rnnsym.dynamics.batches import Batch
from rnnsym.dynamics.courses import Course, load_course, save_course
from rnnsym.dynamics.schedules import Constant
from rnnsym.dynamics.training import Training, train
from rnnsym.errors import DataError


def test_a_run_that_was_cut_off_after_its_last_save_is_not_taken_further(tmp_path: Path) -> None:
    training, kept = Training(100, save_every=10), tmp_path / "run.npz"

    def enough(course: Course) -> bool:
        return course.updates >= 20

    first = train(SIMPLE, START, TABLE, training, course=kept, until=enough)
    again = train(SIMPLE, START, TABLE, training, course=kept, until=enough)
    assert first.updates == again.updates == 20
    assert same(first, again)


def test_a_course_of_other_equations_or_of_other_data_is_refused(tmp_path: Path) -> None:
    kept, training = tmp_path / "run.npz", Training(6)
    train(SIMPLE, START, TABLE, training, course=kept)
    rectified = rnnsym.Cell.from_equations("simple", "o = relu(x @ W_i + o_prev @ W_h + b)")
    late = Batch(BITS.inputs, np.array([[1.0], [0.0], [1.0], [1.0]]))
    short = Batch(BITS.inputs, BITS.targets, np.array([3, 2, 3, 3]))
    readout = "yhat = sigmoid(o @ W_o + b_o)"
    others: list[tuple[rnnsym.Network, Any]] = [
        (rnnsym.Network(rectified, readout), TABLE),
        (rnnsym.Network(SIMPLE.cell, "yhat = sigmoid(2 * (o @ W_o + b_o))"), TABLE),
        (SIMPLE, replace(TABLE, data=late)), (SIMPLE, replace(TABLE, data=short)),
    ]
    refused = 0
    for network, table in others:
        with pytest.raises(DataError, match="belongs to a run with other settings"):
            train(network, START, table, training, course=kept)
        refused += 1
    assert refused == 4


def test_a_damaged_course_is_refused_in_one_line(tmp_path: Path) -> None:
    kept, refused = tmp_path / "run.npz", 0
    save_course(train(SIMPLE, START, TABLE, Training(4)), kept, "settings")
    with np.load(kept) as found:
        whole = {name: found[name] for name in found.files}
    damages: list[dict[str, Any]] = [{**whole, "updates": np.array("x")}, {**whole, "updates": np.array(-5)},
                                     {**whole, "losses": np.array(0.5)}, {**whole, "norms": whole["norms"][:1]},
                                     {**whole, "updates": np.array(10)}, {**whole, "memory/mean/b": np.ones((1, 1))}]
    damages += [{name: value for name, value in whole.items() if name != lost}
                for lost in ("settings", "updates", "losses", "norms", "diverged")]
    for damaged in damages:
        np.savez(kept, **damaged)
        with pytest.raises(DataError, match="remove it to start anew"):
            load_course(kept, "settings")
        refused += 1
    with kept.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(DataError, match="remove it to start anew"):
        load_course(kept, "settings")
    assert refused == 11


@pytest.mark.parametrize("rule", RULES)
def test_an_update_beyond_the_floats_is_a_divergence_and_no_error(rule: str) -> None:
    network = rnnsym.Network(rnnsym.cells["simple_relu"], "yhat = o @ W_o + b_o", "squared_error")
    start = initialise(network, {"d": 1, "n": 3, "k": 1}, "xavier_uniform")
    found = train(network, start, TABLE, Training(5, RULES[rule], Constant(1e308)))
    assert found.diverged.startswith("update ")
    assert all(np.isfinite(value).all() for value in found.parameters.values())


def test_what_is_no_training_is_refused_at_once() -> None:
    refused = 0
    wrong: list[dict[str, Any]] = [{"clip_norm": -1.0}, {"clip_norm": 0}, {"clip_value": "a"}, {"optimiser": "adam"},
                                   {"schedule": 0.1}]
    for settings in wrong:
        with pytest.raises(DataError, match=f"^{next(iter(settings))}: expected"):
            Training(10, **settings)
        refused += 1
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("parameters", (None, TABLE), {}), ("parameters", ([1], TABLE), {}), ("batches", (START, (BITS, BITS)), {}),
        ("batches", (START, None), {}), ("course", (START, TABLE), {"course": "run.npz"}),
    ]
    for name, (start, table), options in calls:
        with pytest.raises(DataError, match=f"^{name}: expected"):
            train(SIMPLE, start, table, Training(1), **options)
        refused += 1
    assert refused == 10
