"""Tasks: what is asked follows from what is given, chance is the best that knows nothing, and cells can learn them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.dynamics import initialise
from rnnsym.dynamics.optimisers import Adam
from rnnsym.dynamics.schedules import Constant
from rnnsym.dynamics.tasks import LENGTH, LETTERS, task, tasks
from rnnsym.dynamics.training import Training, train
from rnnsym.errors import DataError, NetworkError

every = pytest.mark.parametrize("name", tasks)
lags, seeds = st.integers(2, 12), st.integers(0, 999)
MANY = 20_000
CHANCE = 0.03  # relative: four standard errors of a mean over MANY draws, the largest of all tasks


@given(lags, seeds)
def test_adding(lag: int, seed: int) -> None:
    batch = tasks["adding"].draw(np.random.default_rng(seed), 7, lag)
    values, marks = batch.inputs[..., 0], batch.inputs[..., 1]
    assert batch.inputs.shape == (7, lag, 2)
    assert (marks[:, : lag // 2].sum(axis=1) == 1).all()
    assert (marks[:, lag // 2:].sum(axis=1) == 1).all()
    assert np.allclose((values * marks).sum(axis=1, keepdims=True), batch.targets)


@given(lags, seeds)
def test_copy(lag: int, seed: int) -> None:
    batch = tasks["copy"].draw(np.random.default_rng(seed), 7, lag)
    given_, blank = batch.inputs.argmax(axis=-1), LETTERS
    assert (batch.inputs.sum(axis=-1) == 1).all()
    assert np.array_equal(batch.targets[:, -LENGTH:], given_[:, :LENGTH])
    assert (batch.targets[:, :-LENGTH] == blank).all()
    assert ((given_ == LETTERS + 1).sum(axis=1) == 1).all()
    between = given_[:, LENGTH: LENGTH + lag - 1]
    assert (between == blank).all()
    assert given_.shape[1] - LENGTH - LENGTH == lag, "from reading a letter to writing it there are T + K steps"


@given(lags, seeds)
def test_first_bit(lag: int, seed: int) -> None:
    batch = tasks["first-bit"].draw(np.random.default_rng(seed), 7, lag)
    assert batch.inputs.shape == (7, lag + 1, 1)
    assert np.array_equal(batch.inputs[:, 0], batch.targets)


def test_the_first_of_three_bits() -> None:
    """1 0 1 → 1, 0 0 1 → 0, 1 1 1 → 1, 0 0 0 → 0."""
    batch = tasks["first-bit"].draw(np.random.default_rng(0), 200, 2)
    drawn = {tuple(map(int, bits.ravel())): int(y[0]) for bits, y in zip(batch.inputs, batch.targets, strict=True)}
    assert [drawn[bits] for bits in ((1, 0, 1), (0, 0, 1), (1, 1, 1), (0, 0, 0))] == [1, 0, 1, 0]


def without_memory(name: str, batch: Any) -> float:
    """The mean loss of the best constant guess of each step, from the drawn targets themselves."""
    if name == "adding":
        return float(0.5 * batch.targets.var())
    if name == "first-bit":
        share = batch.targets.mean()
        return float(-share * math.log(share) - (1 - share) * math.log(1 - share))
    counts = np.stack([np.bincount(step, minlength=LETTERS + 1) for step in batch.targets.T]) / len(batch.targets)
    return float(-np.where(counts > 0, counts * np.log(np.maximum(counts, 1e-300)), 0.0).sum(axis=1).mean())


@every
@pytest.mark.parametrize("lag", [2, 9])
def test_chance_is_the_best_that_knows_nothing(name: str, lag: int) -> None:
    measured = without_memory(name, tasks[name].draw(np.random.default_rng(0), MANY, lag))
    assert abs(measured / tasks[name].chance(lag) - 1) < CHANCE


@every
@pytest.mark.parametrize("cell", ["simple", "irnn", "lstm", "gru", "skip_rnn"])
def test_every_cell_of_the_laboratory_takes_every_task(name: str, cell: str) -> None:
    network = tasks[name].network(rnnsym.cells[cell])
    parameters = initialise(network, tasks[name].sizes(4), "pytorch")
    batch = tasks[name].batches(3, 2).batch(0)
    loss = rnnsym.compile(network).loss(parameters, batch.inputs, batch.targets)
    assert 0 < loss < 10


def test_an_lstm_learns_a_short_lag() -> None:
    entry = tasks["first-bit"]
    network = entry.network(rnnsym.cells["lstm"])
    start = initialise(network, entry.sizes(8), "pytorch", forget_bias=1.0)
    found = train(network, start, entry.batches(4, 16), Training(300, Adam(), Constant(0.02)))
    assert found.losses[-20:].mean() < 0.1 * entry.chance(4)


def test_unknown_tasks_lags_and_cells_are_refused() -> None:
    with pytest.raises(DataError, match="did you mean 'adding'"):
        task("addding")
    with pytest.raises(DataError, match="lag: expected a whole number from 2"):
        tasks["adding"].batches(1, 4)
    with pytest.raises(NetworkError, match="needs a readout"):
        tasks["adding"].network(rnnsym.Cell.from_equations("own", "h = tanh(x @ W + h_prev @ U)"))
