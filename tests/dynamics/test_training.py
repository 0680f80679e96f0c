"""Laws of the trainer: the same numbers each time, a killed run that loses nothing, an end where it diverges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.dynamics import initialise
from rnnsym.dynamics.batches import Batch, Drawn, Shuffled, padded
from rnnsym.dynamics.clipping import clip_by_norm, global_norm
from rnnsym.dynamics.courses import Course, load_course, save_course
from rnnsym.dynamics.optimisers import Adam, GradientDescent, Memory, Momentum, Optimiser
from rnnsym.dynamics.schedules import Constant, Exponential
from rnnsym.dynamics.training import Training, train
from rnnsym.errors import DataError, OutputError

SIMPLE = rnnsym.Network(rnnsym.cells["simple"])
START = initialise(SIMPLE, {"d": 1, "n": 3, "k": 1}, "xavier_uniform")
BITS = Batch(np.array([[[1], [0], [1]], [[0], [0], [1]], [[1], [1], [1]], [[0], [0], [0]]], dtype=float),
             np.array([[1.0], [0.0], [1.0], [0.0]]))
TABLE = Shuffled(BITS, size=3, seed=5)
RULES: dict[str, Optimiser] = {"descent": GradientDescent(), "momentum": Momentum(), "adam": Adam()}


def same(one: Course, other: Course) -> bool:
    arrays = [(one.losses, other.losses), (one.norms, other.norms)]
    arrays += [(one.parameters[name], value) for name, value in other.parameters.items()]
    arrays += [(one.memory.averages[kind][name], value) for kind, values in other.memory.averages.items()
               for name, value in values.items()]
    return one.updates == other.updates and one.diverged == other.diverged and len(arrays) > 4 and all(
        np.array_equal(left, right) for left, right in arrays)


def has_made(updates: int) -> Callable[[Course], bool]:
    return lambda course: course.updates >= updates


@pytest.mark.parametrize("rule", RULES)
def test_a_run_in_pieces_is_the_run_in_one(rule: str, tmp_path: Path) -> None:
    training = Training(60, RULES[rule], Exponential(0.1, 0.99), clip_norm=0.5, save_every=10)
    whole = train(SIMPLE, START, TABLE, training)
    kept = tmp_path / "run.npz"
    for stop in (10, 30, 60):
        part = train(SIMPLE, START, TABLE, training, course=kept, until=has_made(stop))
        assert part.updates == stop
    assert same(train(SIMPLE, START, TABLE, training, course=kept), whole)


def test_an_update_is_the_rule_applied_to_the_clipped_gradient() -> None:
    training = Training(1, GradientDescent(), Constant(0.5), clip_norm=0.01)
    found, batch = train(SIMPLE, START, TABLE, training), TABLE.batch(0)
    loss, gradients = rnnsym.compile(SIMPLE).value_and_grad(START, batch.inputs, batch.targets)
    clipped = clip_by_norm(gradients, 0.01)
    assert found.losses.tolist() == [loss]
    assert found.norms.tolist() == [global_norm(gradients)]
    assert all(np.array_equal(found.parameters[name], START[name] - 0.5 * clipped[name]) for name in START)


def test_values_are_clipped_before_the_norm() -> None:
    gradients = {"a": np.array([30.0, 4.0])}
    both = Training(1, clip_value=5.0, clip_norm=1.0).clipped(gradients)["a"]
    assert np.array_equal(both, clip_by_norm(np.array([5.0, 4.0]), 1.0))


SCRIPT = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_training import SIMPLE, START, TABLE
    from rnnsym.dynamics.training import Training, train
    train(SIMPLE, START, TABLE, Training(400, save_every=5), course=Path({course!r}),
          progress=lambda done, total: time.sleep(0.005))
"""


def test_a_killed_run_goes_on_to_the_identical_result(tmp_path: Path) -> None:
    """The process is killed with SIGKILL in the midst of its updates, twice, at times of its own."""
    kept = tmp_path / "run.npz"
    text = textwrap.dedent(SCRIPT).format(tests=str(Path(__file__).parent), course=str(kept))
    seen = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", text], env={**os.environ, "MPLBACKEND": "Agg"})
        before = kept.stat().st_mtime_ns if kept.exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not kept.exists() or kept.stat().st_mtime_ns == before):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with np.load(kept) as found:
            seen.append(int(found["updates"]))
    assert 0 < seen[0] < seen[1] < 400
    training = Training(400, save_every=5)
    assert same(train(SIMPLE, START, TABLE, training, course=kept), train(SIMPLE, START, TABLE, training))


def test_a_course_comes_back_bit_for_bit(tmp_path: Path) -> None:
    found = train(SIMPLE, START, TABLE, Training(7))
    save_course(found, tmp_path / "a.npz", "settings")
    assert same(load_course(tmp_path / "a.npz", "settings"), found)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_course_of_another_run_or_no_course_at_all_is_refused(tmp_path: Path) -> None:
    kept, training = tmp_path / "run.npz", Training(4)
    train(SIMPLE, START, TABLE, training, course=kept)
    others: list[tuple[Any, Any, Any]] = [
        (START, TABLE, replace(training, clip_norm=1.0)), (START, replace(TABLE, seed=6), training),
        ({**START, "b": START["b"] + 1}, TABLE, training),
    ]
    refused = 0
    for start, table, changed in others:
        with pytest.raises(DataError, match="belongs to a run with other settings"):
            train(SIMPLE, start, table, changed, course=kept)
        refused += 1
    whole = kept.read_bytes()
    for content in (b"", b"no archive", whole[: len(whole) // 2]):
        kept.write_bytes(content)
        with pytest.raises(DataError, match="remove it to start anew"):
            train(SIMPLE, START, TABLE, training, course=kept)
        refused += 1
    np.savez(kept, losses=np.ones(2))
    with pytest.raises(DataError, match="is no course"):
        train(SIMPLE, START, TABLE, training, course=kept)
    assert refused == 6


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        train(SIMPLE, START, TABLE, Training(1), course=tmp_path / "missing" / "run.npz")


EXPLOSIVE = rnnsym.Network(rnnsym.Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h"),
                           readout="yhat = o @ W_o", loss="squared_error")


def explosive(scale: float) -> tuple[dict[str, Any], Drawn]:
    start = {"W_i": np.ones((1, 1)), "W_h": np.full((1, 1), scale), "W_o": np.ones((1, 1))}
    return start, Drawn(lambda random, size: Batch(random.normal(size=(size, 50, 1)), np.zeros((size, 1))), 2)


@pytest.mark.parametrize(("scale", "words"), [(1.5, "the loss is"), (1e7, "not finite")])
def test_a_run_that_diverges_ends_and_names_the_update(scale: float, words: str) -> None:
    start, batches = explosive(scale)
    found = train(EXPLOSIVE, start, batches, Training(50, GradientDescent(), Constant(1.0)))
    assert found.updates < 50
    assert found.diverged.startswith(f"update {found.updates}: ")
    assert words in found.diverged
    assert len(found.losses) == len(found.norms) == found.updates
    assert all(np.isfinite(value).all() for value in found.parameters.values())


def test_clipping_keeps_the_same_run_from_diverging() -> None:
    start, batches = explosive(1.5)
    found = train(EXPLOSIVE, start, batches, Training(50, GradientDescent(), Constant(0.01), clip_norm=1.0))
    assert not found.diverged
    assert found.updates == 50


def test_arguments_that_do_not_fit_are_no_divergence() -> None:
    wrong = Shuffled(Batch(np.ones((4, 3, 2)), np.ones((4, 1))), 2)
    with pytest.raises(DataError, match="inputs"):
        train(SIMPLE, START, wrong, Training(1))


def test_progress_is_told_of_every_update() -> None:
    seen: list[tuple[int, int]] = []
    train(SIMPLE, START, TABLE, Training(7, save_every=3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 7) for i in range(1, 8)]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_an_epoch_sees_every_sequence_once(count: int, size: int, seed: int) -> None:
    size = min(size, count)
    batches = Shuffled(Batch(np.arange(count, dtype=float)[:, None, None], np.zeros((count, 1))), size, seed)
    for epoch in range(2):
        of_epoch = [batches.batch(epoch * batches.an_epoch + m).inputs.ravel() for m in range(batches.an_epoch)]
        assert sorted(np.concatenate(of_epoch)) == list(range(count))


def test_padding_changes_nothing() -> None:
    random = np.random.default_rng(0)
    sequences, targets = [random.normal(size=(steps, 1)) for steps in (2, 5, 3)], random.uniform(size=(3, 1))
    run, batch = rnnsym.compile(SIMPLE), padded(sequences, targets)
    alone = [run.loss(START, one, y) for one, y in zip(sequences, targets, strict=True)]
    assert np.isclose(run.loss(START, batch.inputs, batch.targets, lengths=batch.lengths), np.mean(alone), rtol=1e-13)
    part = batch.part(np.array([2, 0]))
    assert part.lengths.tolist() == [3, 2]


def test_bad_sources_and_settings_are_refused() -> None:
    makers: list[Callable[[], object]] = [
        lambda: Shuffled(BITS, 5), lambda: Shuffled(BITS, 0), lambda: Shuffled(BITS, 2, seed=-1),
        lambda: Shuffled(Batch(BITS.inputs, BITS.targets[:2]), 2), lambda: Drawn(lambda random, size: BITS, 0),
        lambda: padded([], []), lambda: padded([np.ones((2, 1)), np.ones((2, 2))], [0, 1]),
        lambda: padded([np.ones((0, 1))], [0]), lambda: Training(-1), lambda: Training(1, save_every=0),
    ]
    refused = 0
    for make in makers:
        with pytest.raises(DataError):
            make()
        refused += 1
    assert refused == len(makers) == 10


def test_a_course_starts_with_nothing() -> None:
    assert Course(START).updates == 0
    assert train(SIMPLE, START, TABLE, Training(0)).memory == Memory()
