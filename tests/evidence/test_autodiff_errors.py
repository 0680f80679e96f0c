"""Errors planted in forward passes and in gradients: the comparison with autograd must tell every one apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import autograd.numpy as anp
import forward_passes
import numpy as np
import pytest
from agreement import outliers
from autograd.tracer import getval
from combinations import CASES, SHAPES, Combination, arguments_for, faults, judged, names_of
from forward_passes import Distance, Unit, Values
from witnesses import Witness

# In a forward pass


def with_step(unit: Unit, change: Callable[[Values, Values], tuple[Values, Values]]) -> Unit:
    """The unit with a step whose parameters and states are changed first."""
    def step(p: Values, x: Any, s: Values) -> Values:
        weights, states = change(p, s)
        return unit.step(weights, x, states)

    return replace(unit, step=step)


def planted(change: Callable[[Values, Values], tuple[Values, Values]]) -> Callable[[Witness], Witness]:
    return lambda witness: replace(witness, unit=with_step(witness.unit, change))


def cut_off(state: str) -> Callable[[Witness], Witness]:
    """The path through a state is dropped: truncated backpropagation."""
    return planted(lambda p, s: (p, s | {state: getval(s[state])}))


def constant(parameter: str) -> Callable[[Witness], Witness]:
    return planted(lambda p, s: (p | {parameter: getval(p[parameter])}, s))


def transposed(parameter: str) -> Callable[[Witness], Witness]:
    return planted(lambda p, s: (p | {parameter: p[parameter].T}, s))


def first_target_first(targets: Any) -> list[Any]:
    return [targets[0], *targets[:-1]]


PLANTED: tuple[tuple[str, str, str, Callable[[Witness], Witness]], ...] = (
    ("the path through the cell state", "lstm", "many-to-one", cut_off("c")),
    ("the path through the hidden state", "lstm", "many-to-many", cut_off("h")),
    ("the path through a single state", "gru", "many-to-one", cut_off("h")),
    ("the path through the update probability", "skip_rnn", "many-to-many", cut_off("u_next")),
    ("the path through the cell state, both ways", "lstm", "bidirectional many-to-one", cut_off("c")),
    ("the path through the lower layer", "gru", "two layers", cut_off("h_1")),
    ("the path of an encoder", "mgu", "encoder-decoder", cut_off("h")),
    ("a recurrent weight is constant", "gru", "many-to-one", constant("W_hz")),
    ("a bias is constant", "janet", "many-to-many", constant("b_c")),
    ("a peephole is constant", "lstm_peephole", "many-to-one", constant("w_co")),
    ("a transpose is missing", "simple", "many-to-one", transposed("W_h")),
    ("a transpose is missing in a gate", "lstm", "many-to-many", transposed("W_ho")),
    ("the antisymmetric part has the wrong sign", "antisymmetric_rnn", "many-to-one", transposed("W_h")),
    ("the skipped states in the wrong order", "skip_connection", "many-to-one",
     planted(lambda p, s: (p, s | {"h": s["h"][::-1]}))),
    ("the feedback path", "gru", "one-to-many", lambda w: replace(w, pass_on=getval)),
    ("the feedback path through a feed", "lstm", "one-to-many through a feed", lambda w: replace(w, pass_on=getval)),
    ("the feedback path of a decoder", "simple", "encoder-decoder, feeding back",
     lambda w: replace(w, pass_on=getval)),
    ("the path from encoder to decoder", "lstm", "encoder-decoder", lambda w: replace(w, hand_over=getval)),
    ("the path from encoder to another decoder", "lstm", "encoder-decoder of two cells",
     lambda w: replace(w, hand_over=getval)),
    ("a decoder that starts from zero", "gru", "encoder-decoder", lambda w: replace(w, hand_over=lambda h: 0 * h)),
    ("a teacher that tells the answer", "gru", "encoder-decoder", lambda w: replace(w, teach=list)),
    ("a teacher that does not begin with zeros", "gru", "encoder-decoder",
     lambda w: replace(w, teach=first_target_first)),
    ("padding is read", "gru", "many-to-one", lambda w: replace(w, truncate=False)),
    ("padding is read from the end", "gru", "bidirectional many-to-one", lambda w: replace(w, truncate=False)),
    ("outputs past the end count", "gru", "many-to-many", lambda w: replace(w, truncate=False)),
    ("outputs of a decoder past the end count", "gru", "encoder-decoder", lambda w: replace(w, truncate=False)),
    ("the mean for the sum", "gru", "many-to-many", lambda w: replace(w, mean=True)),
    ("the sum for the mean", "gru", "many-to-many, mean", lambda w: replace(w, mean=False)),
    ("another loss beyond 1", "gru", "many-to-one",
     lambda w: replace(w, distance=Distance(forward_passes.squared_error))),
    ("the slope of the loss without its kink", "gru", "many-to-many",
     lambda w: replace(w, distance=Distance(lambda a, y: anp.sum(anp.sqrt((a - y) ** 2 + 1) - 1)))),
)


@pytest.mark.parametrize(("error", "cell", "shape", "plant"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_planted_error_is_told_apart(
    error: str, cell: str, shape: str, plant: Callable[[Witness], Witness]
) -> None:
    combination = Combination(cell, shape, "huber")
    arguments = arguments_for(combination, CASES[0], seed=1)
    value, gradients = combination.run.value_and_grad(**arguments, wrt=names_of(combination))
    assert judged(combination.witness, combination, arguments, value, gradients) == []
    wrong = judged(plant(combination.witness), combination, arguments, value, gradients)
    assert set(wrong) - {"loss"}, f"{error}: not seen in any gradient"


def test_a_rounding_without_its_straight_slope_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    combination = Combination("skip_rnn", "many-to-many", "squared_error")
    arguments = arguments_for(combination, CASES[0], seed=2)
    assert faults(combination, arguments) == []
    monkeypatch.setattr(forward_passes, "half_up", lambda a: np.floor(getval(a) + 0.5))
    assert set(faults(combination, arguments)) >= {"w_p", "b_p"}


# In a gradient


def damaged(gradient: Any) -> Iterator[tuple[str, Any]]:
    """Wrong versions of a gradient; each differs from it unless it is zero."""
    yield "another sign", -gradient
    yield "the eighth digit", gradient * (1 + 1e-8)
    yield "the sum over the batch", gradient * 5
    yield "not a number", gradient * np.nan
    yield "an axis too many", gradient[None]
    largest = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)
    entry = gradient.copy()
    entry[largest] = 0.0
    yield "one entry is missing", entry
    if gradient.ndim == 2 and gradient.shape[0] == gradient.shape[1]:
        yield "transposed", gradient.T
    if gradient.ndim >= 2:
        yield "rows in another order", gradient[::-1]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_damaged_gradient_is_told_apart(shape: str) -> None:
    combination = Combination("gru", shape, "squared_error")
    arguments = arguments_for(combination, CASES[0], seed=3)
    _, right = combination.run.value_and_grad(**arguments, wrt=names_of(combination))
    count = 0
    for name, gradient in right.items():
        for error, wrong in damaged(gradient):
            count += 1
            assert outliers(right | {name: wrong}, right) == [name], (name, error)
        assert outliers({one: right[one] for one in right if one != name}, right) == [name]
    assert count >= 80


def test_a_path_over_fifty_steps_is_seen_though_it_has_all_but_vanished() -> None:
    combination = Combination("simple", "many-to-one", "squared_error")
    arguments = arguments_for(combination, CASES[1], seed=4)
    arguments["parameters"]["W_h"] *= 0.2
    assert faults(combination, arguments) == []
    _, right = combination.run.value_and_grad(**arguments, wrt=names_of(combination))
    oldest = np.abs(right["inputs"][:, 0]).max()
    assert 0 < oldest < 1e-30 * np.abs(right["inputs"]).max()
    wrong = right["inputs"].copy()
    wrong[:, 0] = 0.0
    assert outliers(right | {"inputs": wrong}, right) == ["inputs"]
