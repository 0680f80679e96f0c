"""The reference of every check: balls that hold the exact gradient, bounds that float64 keeps, designs, shrinking."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rnnsym
from rnnsym.calculus import rules
from rnnsym.evidence.confirmations import Confirmations, is_analytic
from rnnsym.evidence.designs import DESIGNS, LONG, REGIMES, designed_examples
from rnnsym.evidence.enclosures import Subject, deviation, enclosed_gradient
from rnnsym.evidence.examples import Drawn, Example, examples
from rnnsym.evidence.judging import Tally, judge
from rnnsym.evidence.shrinking import shrunk
from rnnsym.model.expressions import negate
from rnnsym.model.networks import Network

NETWORKS = {name: Network(rnnsym.cells[name]) for name in rnnsym.cells}
SUBJECTS = {name: Subject.of(network) for name, network in NETWORKS.items()}
RUNS = {name: rnnsym.compile(network) for name, network in NETWORKS.items()}
VACUOUS = 1e-11  # a bound larger than this share of the largest entry, over a few steps, would let real errors pass
SEEN = 3.0  # bounds: an entry wrong by so much is certainly outside
RATIO = 1e4  # by which the gradient over a long sequence may change where the weights are picked to keep it


@pytest.mark.parametrize("name", NETWORKS)
@given(data=st.data())
def test_the_code_keeps_within_the_bounds_and_an_error_of_three_bounds_does_not(name: str, data: Any) -> None:
    example = data.draw(examples(NETWORKS[name]))
    enclosure = enclosed_gradient(SUBJECTS[name], example)
    if not enclosure.finite:
        return
    gradients = RUNS[name].value_and_grad(**example.arguments())[1]
    for parameter, found in gradients.items():
        balls, bound = enclosure.exact[parameter], enclosure.bound[parameter]
        right = deviation(found, balls, bound)
        assert not right.wrong.any()
        wrong = deviation(enclosure.value(parameter) + SEEN * np.maximum(bound, 1e-300), balls, bound)
        assert (wrong.wrong | wrong.wide).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_bounds_are_no_excuse(name: str) -> None:
    compared = 0
    for design, example in designed_examples(NETWORKS[name], Drawn(), seed=1):
        enclosure = enclosed_gradient(SUBJECTS[name], example)
        if design.regime != "long" and enclosure.finite:
            for parameter, bound in enclosure.bound.items():
                largest = max(float(np.abs(enclosure.value(one)).max()) for one in example.parameters)
                compared += 1
                assert bound.max() <= VACUOUS * max(largest, np.abs(enclosure.value(parameter)).max())
    assert compared > 30


@pytest.mark.parametrize("name", NETWORKS)
def test_three_further_witnesses_confirm_the_balls(name: str) -> None:
    confirmations = Confirmations(SUBJECTS[name])
    for design, example in designed_examples(NETWORKS[name], Drawn(), seed=2):
        if design.steps <= 4:
            confirmations.confirm(example, enclosed_gradient(SUBJECTS[name], example))
    assert not confirmations.findings
    names = {witness.name.split(" ")[0] for witness in confirmations.witnesses()}
    assert names == {"ball", "central", *(["complex"] if is_analytic(NETWORKS[name]) else [])}


def test_the_complex_step_is_taken_only_where_everything_is_analytic() -> None:
    assert {name for name, network in NETWORKS.items() if not is_analytic(network)} == {
        "skip_rnn", *(name for name in NETWORKS if "relu" in NETWORKS[name].cell.text)}
    absolute = Network(rnnsym.cells["simple"], "yhat = o @ W_o", loss="absolute_error")
    assert not is_analytic(absolute)


@pytest.mark.parametrize("kind", ["MatrixProduct", "Elementwise", "Hadamard"])
def test_a_wrong_rule_of_ours_is_contradicted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = next(node for node in rules.pullbacks if node.__name__ == kind)
    right = rules.pullbacks[key]

    def turned(*arguments: Any) -> Any:
        first, *rest = right(*arguments)
        return iter([(first[0], negate(first[1])), *rest])

    monkeypatch.setitem(rules.pullbacks, key, turned)
    report = rnnsym.check_gradient(RUNS["gru"].value_and_grad, NETWORKS["gru"], max_examples=10)
    assert any("itself is in doubt" in finding.message for finding in report.findings)


@pytest.mark.parametrize("name", ["simple", "lstm", "gru"])
def test_designs_are_what_they_say(name: str) -> None:
    network, seen = NETWORKS[name], set()
    for design, example in designed_examples(network, Drawn(), seed=0):
        steps = example.inputs.shape[1]
        seen.add(design.name)
        assert (steps, len(example.inputs)) == (design.steps, design.batch)
        assert (example.initial_state is not None) == design.initial
        assert (example.lengths is not None) == design.padded
        nonzero = [step for step in range(steps) if example.inputs[:, step].any()]
        expected = {"first": [0], "last": [steps - 1], "middle": [steps // 2], "none": []}
        assert nonzero == expected.get(design.inputs, list(range(steps)))
        if design.weights == "kept":
            gradients = RUNS[name].value_and_grad(**example.arguments(), wrt=("inputs",))[1]["inputs"][0]
            assert 1 / RATIO < np.abs(gradients[0]).max() / np.abs(gradients[LONG // 2]).max() < RATIO
    assert seen == {design.name for design in DESIGNS}
    assert {design.regime for design in DESIGNS} == set(REGIMES)


def test_a_function_that_takes_no_options_gets_designs_without_them() -> None:
    for _, example in designed_examples(NETWORKS["simple"], Drawn(initial_state=False, lengths=False), seed=0):
        assert example.initial_state is None
        assert example.lengths is None


def test_an_example_is_shrunk_to_what_still_fails() -> None:
    network = NETWORKS["simple"]
    (large,) = (example for design, example in designed_examples(network, Drawn(), seed=0)
                if design.name == "six steps, padded batch")

    def fails(example: Example) -> bool:
        return len(example.inputs) >= 2 and example.inputs.shape[1] >= 3 and example.parameters["W_h"][0, 0] != 0

    small = shrunk(network, large, fails)
    assert small.inputs.shape == (2, 3, 1)
    assert small.sizes == {"d": 1, "n": 1, "k": 1}
    assert small.initial_state is None and small.lengths is None  # noqa: PT018 - one thought
    zeros = [name for name, value in small.parameters.items() if not value.any()]
    assert zeros == ["W_i", "b", "W_o", "b_o"]


def test_at_a_kink_a_subgradient_passes_and_anything_else_is_undecided() -> None:
    cell = rnnsym.Cell.from_equations("kink", "b: (n,)\nh = relu(b + h_prev)")
    network = Network(cell, "yhat = h @ W", loss="squared_error")
    subject, run = Subject.of(network), rnnsym.compile(network)
    base = next(example for design, example in designed_examples(network, Drawn(), 0) if design.name == "two steps")
    at_kink = replace(base, parameters={**base.parameters, "b": np.zeros_like(base.parameters["b"])})

    def with_b(share: float) -> Any:
        def function(**arguments: Any) -> Any:
            loss, gradients = run.value_and_grad(**arguments)
            one_sided = run.value_and_grad(**{**arguments, "parameters": {
                **arguments["parameters"], "b": arguments["parameters"]["b"] + 1e-9}})[1]["b"]
            return loss, gradients | {"b": share * one_sided}

        return function

    for share, undecided in ((0.0, False), (0.5, False), (1.0 - 1e-6, False), (3.0, True), (-3.0, True)):
        tally = Tally()
        assert not judge(with_b(share), subject, at_kink, tally).failed
        assert bool(tally.undecided) == undecided


def test_float32_is_judged_by_its_own_rounding() -> None:
    network, run = NETWORKS["simple"], RUNS["simple"]

    def in_single(parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None) -> Any:
        assert inputs.dtype == np.float32
        return by_hand(np.float32, parameters, inputs, targets)

    def mixed(parameters: Any, inputs: Any, targets: Any) -> Any:
        return by_hand(np.float32, parameters, inputs, targets)

    def half(parameters: Any, inputs: Any, targets: Any) -> Any:
        return by_hand(np.float16, parameters, inputs, targets)

    def without_options(parameters: Any, inputs: Any, targets: Any) -> Any:
        return in_single(parameters, inputs, targets)

    assert rnnsym.check_gradient(without_options, network, dtype="float32").passed
    report = rnnsym.check_gradient(mixed, network, dtype="float64")
    assert not report.passed
    assert "float32" in str(report)
    coarse = rnnsym.check_gradient(half, network, dtype=np.float32)
    assert not coarse.passed
    assert "dtype=np.float32" in "\n".join(coarse.pasted())
    assert "those of float32" not in str(coarse), "float32 is what was asked for"
    assert rnnsym.check_gradient(run.value_and_grad, network, dtype=np.float64, max_examples=10).passed
    with pytest.raises(rnnsym.errors.CheckError, match="float64 or float32"):
        rnnsym.check_gradient(run.value_and_grad, network, dtype="int8")


def by_hand(dtype: Any, parameters: Any, inputs: Any, targets: Any) -> Any:
    """The notes' network in the given precision, returned as the arguments' dtype."""
    p = {name: value.astype(dtype) for name, value in parameters.items()}
    x, y = inputs.astype(dtype), targets.astype(dtype)
    states = [np.zeros((len(x), len(p["b"])), dtype=dtype)]
    for step in range(x.shape[1]):
        states.append(np.tanh(x[:, step] @ p["W_i"] + states[-1] @ p["W_h"] + p["b"]))
    z = states[-1] @ p["W_o"] + p["b_o"]
    loss = float((np.logaddexp(dtype(0), z) - y * z).sum() / len(x))
    dz = ((1 / (1 + np.exp(-z)) - y) / dtype(len(x))).astype(dtype)
    gradients = {"W_o": states[-1].T @ dz, "b_o": dz.sum(0),
                 **{name: np.zeros_like(p[name]) for name in ("W_i", "W_h", "b")}}
    back = dz @ p["W_o"].T
    for step in range(x.shape[1], 0, -1):
        da = back * (1 - states[step] ** 2)
        gradients["W_i"] += x[:, step - 1].T @ da
        gradients["W_h"] += states[step - 1].T @ da
        gradients["b"] += da.sum(0)
        back = da @ p["W_h"].T
    return loss, {name: value.astype(inputs.dtype) for name, value in gradients.items()}


WALL_STEPS = 50
FIXED_STEP = 1e-5  # of an ordinary central difference, which the wall defeats


def on_the_wall(w: float, b: float) -> Example:
    """One unit σ(w h + b) over 50 steps, whose loss has a wall where h goes to another of its fixed points."""
    state = {"h": np.array([[0.5]])}
    parameters = {"w": np.array([[w]]), "b": np.array([b])}
    sizes = WALL.size_values(d=1, n=1, k=1) if WALL.sizes else {}
    return Example(parameters, np.zeros((1, WALL_STEPS, 1)), np.array([[0.7]]), state, None,
                   {size.name: 1 for size in WALL.sizes}, sizes)


WALL = Network(rnnsym.Cell.from_equations("unit", "h = sigmoid(h_prev @ w + b + 0 * sum(x))"), "yhat = h",
               loss="squared_error")


def test_on_pascanus_wall_the_balls_are_right_and_a_fixed_step_is_not() -> None:
    subject, run = Subject.of(WALL), rnnsym.compile(WALL)

    def loss(b: float) -> float:
        return float(run.loss(**on_the_wall(5.0, b).arguments()))

    b = -2.5 + 1e-6  # at −w/2 the initial state ½ is a fixed point, which repels by a factor w/4 a step
    example = on_the_wall(5.0, b)
    enclosure = enclosed_gradient(subject, example)
    exact = float(enclosure.value("b")[0])
    fixed = (loss(b + FIXED_STEP) - loss(b - FIXED_STEP)) / (2 * FIXED_STEP)
    assert abs(exact) > 100
    assert abs(fixed - exact) > 0.05 * abs(exact)
    confirmations = Confirmations(subject)
    confirmations.confirm(example, enclosure)
    assert not confirmations.findings
    assert {witness.name.split(" ")[0] for witness in confirmations.witnesses()} >= {"ball", "complex"}


def test_what_is_exactly_right_never_stands_for_the_worst_error() -> None:
    """The largest ratio is kept in any order: an exact zero that is allowed no error has none."""
    for order in itertools.permutations([(0.3, 4e-15), (0.0, 0.0), (0.0, 4e-15), (0.5, 0.0)]):
        tally = Tally()
        for error, tolerance in order:
            tally.take(error, tolerance)
        assert (tally.error, tally.tolerance) == (0.5, 0.0)
    right = Tally()
    for error, tolerance in ((0.0, 1e-15), (0.0, 2e-15)):
        right.take(error, tolerance)
    assert (right.error, right.tolerance) == (0.0, 2e-15)
