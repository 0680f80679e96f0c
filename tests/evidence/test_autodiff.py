"""Gradients against HIPS autograd on forward passes written by hand: a witness that shares nothing with rnnsym."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from agreement import outliers
from combinations import (
    CASES,
    CLASSES,
    LOSSES,
    SHAPES,
    Case,
    Combination,
    arguments_for,
    covering,
    faults,
    names_of,
)
from forward_passes import DISTANCES, UNITS, Unit, Values
from full_product import main

import rnnsym
from rnnsym.model.cells import Cell, cells
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.topologies import topologies

COVERING = covering()
SHORT = Case(2, 3, 4, padded=True, started=True)

# The witness knows all that there is, and the suite sees every pair


def test_every_cell_topology_and_loss_is_written_by_hand() -> None:
    assert set(UNITS) == set(cells)
    assert {shape.topology for shape in SHAPES.values()} == set(topologies)
    assert set(DISTANCES) == set(losses)
    for name, unit in UNITS.items():
        states = {state.variable.name: state for state in cells[name].states}
        assert {one: float(state.initial) for one, state in states.items()} == unit.states


def test_every_pair_is_covered() -> None:
    assert {(one.cell, one.shape) for one in COVERING} == set(product(UNITS, SHAPES))
    assert {(one.cell, one.loss) for one in COVERING} == set(product(UNITS, LOSSES))
    assert {(one.shape, one.loss) for one in COVERING} == set(product(SHAPES, LOSSES))


@pytest.mark.parametrize("number", range(len(COVERING)), ids=[str(one) for one in COVERING])
def test_all_gradients_are_those_of_autograd(number: int) -> None:
    combination = COVERING[number]
    for case in (CASES[0], CASES[1 + number % (len(CASES) - 1)]):
        assert faults(combination, arguments_for(combination, case, seed=number)) == [], case


def test_one_command_judges_a_combination_against_all_witnesses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "janet × one-to-one × huber", "--examples", "2"]) == 0
    assert main(["--only", "no such cell"]) == 1
    first, summary, nothing = capsys.readouterr().out.splitlines()
    assert first.startswith("1/1 janet × one-to-one × huber: agrees")
    assert summary == "1 combinations, 0 of them failed"
    assert "no such cell" in nothing


# Saturation


@pytest.mark.parametrize("loss", DISTANCES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_right_where_outputs_saturate(shape: str, loss: str) -> None:
    combination = Combination("lstm", shape, loss)
    arguments = arguments_for(combination, SHORT, seed=5)
    bias = arguments["parameters"]["b_y"]
    bias[:] = np.where(np.arange(len(bias)) % 2, -800.0, 800.0)
    with np.errstate(over="ignore"):  # autograd's slope of tanh is 1 / cosh², which overflows to the right 0
        assert faults(combination, arguments) == []


@pytest.mark.parametrize("cell", UNITS)
def test_saturated_cells_are_right_to_the_rounding_of_one(cell: str) -> None:
    combination = Combination(cell, "many-to-many", "huber")
    arguments = arguments_for(combination, SHORT, seed=7)
    arguments["parameters"] = {name: 40 * value for name, value in arguments["parameters"].items()}
    _, gradients = combination.run.value_and_grad(**arguments, wrt=names_of(combination))
    largest = max(float(np.abs(gradient).max()) for gradient in gradients.values())
    with np.errstate(over="ignore"):  # as above
        assert faults(combination, arguments, scale=max(1.0, largest)) == []


@pytest.mark.parametrize(("loss", "value", "slope"), [
    ("binary_cross_entropy", 1600.0, 1.0),
    ("softmax_cross_entropy", 1600.0, 1.0),
    ("squared_error", 800.0**2 / 2 + 801.0**2 / 2, None),
    ("absolute_error", 1601.0, 1.0),
    ("huber", 1600.0, 1.0),
])
def test_the_loss_of_logits_of_800_is_exact(loss: str, value: float, slope: float | None) -> None:
    run = Combination("simple", "many-to-one", loss).run
    zeros = {name: np.zeros(shape) for name, shape in run.network.shapes(d=1, n=1, k=2).items()}
    parameters = zeros | {"b_o": np.array([800.0, -800.0])}
    found, gradients = run.value_and_grad(parameters, np.ones((1, 1, 1)), np.array([[0.0, 1.0]]))
    assert found == value
    assert gradients["b_o"].tolist() == ([800.0, -801.0] if slope is None else [slope, -slope])


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "softmax_cross_entropy"])
def test_a_sure_and_right_answer_costs_nothing(loss: str) -> None:
    run = Combination("simple", "many-to-one", loss).run
    zeros = {name: np.zeros(shape) for name, shape in run.network.shapes(d=1, n=1, k=2).items()}
    parameters = zeros | {"b_o": np.array([800.0, -800.0])}
    found, gradients = run.value_and_grad(parameters, np.ones((1, 1, 1)), np.array([[1.0, 0.0]]))
    assert found == 0.0
    assert not gradients["b_o"].any()


# Rows that are looked up


def words(p: Values, x: Any, s: Values) -> Values:
    return {"h": anp.tanh(anp.dot(x, p["E"]) + anp.dot(s["h"], p["U"]) + p["b"])}


WORDS = "h = tanh(E[x] + h_prev @ U + b)"
WORD_SHAPES = [name for name, shape in SHAPES.items() if shape.layers == 1 and not shape.other_decoder]


@pytest.mark.parametrize("shape", WORD_SHAPES)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_rows_that_are_looked_up_have_the_gradients_of_one_hot_products(shape: str, batch: int) -> None:
    known, random = SHAPES[shape], np.random.default_rng(batch)
    options = dict(known.options)
    network = Network(Cell.from_equations("words", WORDS), "yhat = softmax(" + (
        "concat(h, bwd_h)" if options.get("bidirectional") else "h") + " @ W_y + b_y)",
        "softmax_cross_entropy", known.topology, **options)
    witness = replace(Combination("gru", shape, "softmax_cross_entropy").witness, unit=Unit(words, {"h": 0.0}, "h"))
    witness = replace(witness, decoder=witness.unit if witness.decoder else None)
    rows, count, steps = 6, 6, 7
    sizes = {"d": rows, "n": 4, "k": count}
    shapes = network.shapes(**{size.name: sizes.get(size.name, 5) for size in network.sizes})
    parameters = {name: random.normal(size=shape) / 2 for name, shape in shapes.items()}
    topology = network.shape_of_steps
    inputs = random.integers(rows - 1, size=(batch, *(() if topology.one_input else (steps,))))
    targets = random.integers(count, size=(batch, *((steps,) if topology.every else ())))
    lengths = None if topology.single_step else random.integers(1, steps + 1, size=batch)
    starts = witness.starts({"n": 4, "n_bwd": 5, "d_dec": 5 if witness.feed else count})
    names = [*parameters, *(f"{name}_0" for name in starts)]
    value, gradients = rnnsym.compile(network).value_and_grad(parameters, inputs, targets, lengths=lengths, wrt=names)
    expected, by_autograd = witness.value_and_grad(
        {"parameters": parameters, "inputs": np.eye(rows)[inputs], "targets": np.eye(count)[targets],
         "lengths": lengths}, starts)
    del by_autograd["inputs"]
    assert abs(value - expected) <= 1e-12 * expected
    assert outliers(gradients, by_autograd) == []
    if not network.feeds_back:
        assert not gradients["E"][rows - 1].any(), "a row that nothing reads"


def test_classes_are_one_hot_rows() -> None:
    combination, hot = (Combination("gru", "many-to-many", loss) for loss in (CLASSES, "softmax_cross_entropy"))
    arguments = arguments_for(combination, CASES[0], seed=6)
    one_hot = arguments | {"targets": np.eye(2)[arguments["targets"]]}
    assert combination.run.loss(**arguments) == hot.run.loss(**one_hot)
