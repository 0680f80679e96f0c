"""The checker: our own gradients pass, planted errors fail with a small counterexample and the right parameter."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.errors import CheckError
from rnnsym.evidence.differences import Losses, central_differences
from rnnsym.evidence.judging import OutsideDomainError
from rnnsym.evidence.reports import Report
from rnnsym.model.networks import Network

NETWORK = Network(rnnsym.cells["simple"])
RUN = rnnsym.compile(NETWORK)
FEW = 15
Gradients = dict[str, Any]


def hand_written(
    parameters: Gradients, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None
) -> tuple[float, Gradients]:
    """The notes' network by hand, one sequence after the other, in the manner of min-char-rnn."""
    total, sums = 0.0, {name: np.zeros_like(value) for name, value in parameters.items()}
    W_i, W_h, b, W_o, b_o = (parameters[name] for name in ("W_i", "W_h", "b", "W_o", "b_o"))
    for place, sequence in enumerate(inputs):
        steps = len(sequence) if lengths is None else int(lengths[place])
        o = [np.zeros(len(b)) if initial_state is None else initial_state["o"][place]]
        for x in sequence[:steps]:
            o.append(np.tanh(x @ W_i + o[-1] @ W_h + b))
        z = o[-1] @ W_o + b_o
        yhat = 1 / (1 + np.exp(-z))
        y = targets[place]
        total += float((np.logaddexp(0, z) - y * z).sum())
        dz = yhat - y
        sums["W_o"] += np.outer(o[-1], dz)
        sums["b_o"] += dz
        do = W_o @ dz
        for t in range(steps, 0, -1):
            da = do * (1 - o[t] * o[t])
            sums["W_i"] += np.outer(sequence[t - 1], da)
            sums["W_h"] += np.outer(o[t - 1], da)
            sums["b"] += da
            do = W_h @ da
    return total / len(inputs), {name: value / len(inputs) for name, value in sums.items()}


Change = Callable[[Gradients, Gradients], Gradients]


def spoiled(change: Change) -> Callable[..., Any]:
    def function(parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None) -> Any:
        loss, gradients = RUN.value_and_grad(parameters, inputs, targets, initial_state, lengths)
        return loss, gradients | change(gradients, parameters)

    return function


def test_a_gradient_by_hand_passes() -> None:
    report = rnnsym.check_gradient(hand_written, NETWORK, max_examples=FEW)
    assert report.passed, str(report)
    assert report.witnesses[0].comparisons >= FEW


@pytest.mark.parametrize("name", ["simple", "lstm", "gru"])
def test_our_own_derivation_and_code_pass(name: str) -> None:
    report = rnnsym.check(Network(rnnsym.cells[name]), max_examples=5)
    assert report.passed, str(report)
    assert len(report.witnesses) == 6, "exact identities, sympy.diff, balls, and three that confirm the balls"
    assert all(witness.comparisons > 0 for witness in report.witnesses)
    assert max(report.minimum_detectable_error.values()) < 1e-12


def truncated(k: int) -> Callable[..., Any]:
    """Backpropagation that forgets all but the last k steps."""

    def function(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = RUN.value_and_grad(parameters, inputs, targets)
        if inputs.shape[1] > k:
            steps = inputs.shape[1] - k
            start = forward(parameters, inputs[:, :steps])
            gradients = RUN.value_and_grad(parameters, inputs[:, steps:], targets, {"o": start})[1]
        return loss, gradients

    return function


def forward(parameters: Gradients, inputs: Any) -> Any:
    o = np.zeros((len(inputs), len(parameters["b"])))
    for t in range(inputs.shape[1]):
        o = np.tanh(inputs[:, t] @ parameters["W_i"] + o @ parameters["W_h"] + parameters["b"])
    return o


WRONG: dict[str, tuple[str, Callable[..., Any]]] = {
    "transposed": ("W_h", spoiled(lambda g, p: {"W_h": g["W_h"].T.copy()})),
    "sign": ("b", spoiled(lambda g, p: {"b": -g["b"]})),
    "doubled": ("W_i", spoiled(lambda g, p: {"W_i": 2 * g["W_i"]})),
    "fourth digit": ("W_o", spoiled(lambda g, p: {"W_o": g["W_o"] * 1.0001})),
    "tenth digit": ("W_o", spoiled(lambda g, p: {"W_o": g["W_o"] * (1 + 1e-10)})),
    "float32": ("W_h", spoiled(lambda g, p: {"W_h": g["W_h"].astype(np.float32).astype(float)})),
    "one entry": ("W_h", spoiled(lambda g, p: {"W_h": g["W_h"] + np.eye(*g["W_h"].shape)[::-1] * 1e-9})),
    "zero": ("b_o", spoiled(lambda g, p: {"b_o": 0 * g["b_o"]})),
    "clipped": ("W_o", spoiled(lambda g, p: {"W_o": np.clip(g["W_o"], -0.01, 0.01)})),
    "only the last step": ("b", truncated(1)),  # the smallest example has zero inputs: the bias alone shows it
    "the last two steps": ("b", truncated(2)),
    "decayed": ("W_i", spoiled(lambda g, p: {"W_i": g["W_i"] + 1e-3 * p["W_i"]})),
}


@pytest.mark.parametrize("error", WRONG)
def test_a_planted_error_is_found_and_its_parameter_named(error: str) -> None:
    parameter, function = WRONG[error]
    report = rnnsym.check_gradient(function, NETWORK, max_examples=40)
    assert not report.passed
    assert parameter in {finding.parameter for finding in report.findings}
    assert report.counterexample is not None
    assert report.counterexample.inputs.size <= 12, "the counterexample is small"


def test_there_are_twelve_planted_errors() -> None:
    assert len(WRONG) == 12


FORMS: dict[str, tuple[str, Callable[..., Any]]] = {
    "missing": (
        "missing",
        lambda **a: (lambda v: (v[0], {k: g for k, g in v[1].items() if k != "b"}))(RUN.value_and_grad(**a)),
    ),
    "extra": ("no parameter", spoiled(lambda g, p: {"W_x": g["W_i"]})),
    "shape": ("shape", spoiled(lambda g, p: {"b": g["b"][None]})),
    "nan": ("not finite", spoiled(lambda g, p: {"b": g["b"] * np.nan})),
    "complex": ("dtype", spoiled(lambda g, p: {"b": g["b"] + 0j})),
    "not a pair": ("must return", lambda **a: RUN.value_and_grad(**a)[1]),
    "raises": ("raised ZeroDivisionError", lambda **a: 1 / 0),
    "a list": ("whose second part is list", lambda **a: (0.0, [])),
    "ragged": ("cannot be made into an array", spoiled(lambda g, p: {"b": [[1.0], [1.0, 2.0]]})),
    "exits": ("raised SystemExit", lambda **a: sys.exit(3)),
    "wrong loss": ("loss", lambda **a: (lambda v: (v[0] + 1, v[1]))(RUN.value_and_grad(**a))),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_malformed_answer_is_a_finding_in_its_own_words(form: str) -> None:
    words, function = FORMS[form]
    report = rnnsym.check_gradient(function, NETWORK, max_examples=5)
    assert not report.passed
    assert words in report.findings[0].message


def test_a_function_that_changes_its_arguments_is_found() -> None:
    def function(parameters: Any, inputs: Any, targets: Any) -> Any:
        answer = RUN.value_and_grad(parameters, inputs, targets)
        parameters["b"] += 1
        return answer

    report = rnnsym.check_gradient(function, NETWORK, max_examples=5)
    assert "changed its argument parameters['b']" in report.findings[0].message


def test_a_function_that_answers_differently_each_time_is_found() -> None:
    calls = iter(range(10_000))

    def function(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = RUN.value_and_grad(parameters, inputs, targets)
        return loss, gradients | {"b": gradients["b"] + (next(calls) % 2)}

    report = rnnsym.check_gradient(function, NETWORK, max_examples=5)
    assert not report.passed
    assert any("not deterministic" in finding.message for finding in report.findings)


def test_arguments_that_are_not_taken_are_not_drawn_and_the_report_says_so() -> None:
    def without_options(parameters: Any, inputs: Any, targets: Any) -> Any:
        return RUN.value_and_grad(parameters, inputs, targets)

    report = rnnsym.check_gradient(without_options, NETWORK, max_examples=3)
    assert report.passed
    assert [note.split(":")[0] for note in report.undecided] == ["initial_state", "lengths"]


def test_a_check_of_nothing_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def outside(*arguments: Any, **options: Any) -> Any:
        raise OutsideDomainError

    monkeypatch.setattr("rnnsym.evidence.trials.judge", outside)
    report = rnnsym.check_gradient(hand_written, NETWORK, max_examples=2)
    assert not report.passed
    assert "compares nothing" in report.findings[0].message


def test_a_seed_repeats_a_report() -> None:
    first, second = (rnnsym.check_gradient(WRONG["sign"][1], NETWORK, seed=7, max_examples=10) for _ in range(2))
    assert first.as_json() == second.as_json()
    assert json.loads(first.as_json())["passed"] is False


def test_the_counterexample_can_be_pasted() -> None:
    report: Report = rnnsym.check_gradient(WRONG["sign"][1], NETWORK, max_examples=10)
    text = str(report)
    assert "FAILED" in text
    assert "parameters = {" in text
    assert "inputs = np.array(" in text


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (np.sin, 1.0),
        (np.exp, 1.0),
        (lambda h: np.tanh(3 + h), 1 / np.cosh(3) ** 2),
        (lambda h: h**3, 0.0),
        (lambda h: np.tanh(20 * h), 20.0),
    ],
)
def test_the_error_of_a_difference_is_within_its_estimate(function: Callable[[Any], Any], slope: float) -> None:
    found = central_differences(lambda _, h: Losses(function(h), np.array(True)), np.array([function(0.0)]))
    assert abs(found.values[0] - slope) <= found.errors[0] + 4e-16 * abs(slope)
    assert found.errors[0] < 1e-10 * max(1.0, abs(slope))


def test_a_kink_within_every_step_is_unsettled_and_one_far_away_is_not() -> None:
    kinks = np.array([1e-6, 0.0, 1e-2, 0.5])
    found = central_differences(
        lambda of, h: Losses(np.maximum(h - kinks[of], 0), np.sign(h - kinks[of]) == np.sign(-kinks[of])), 0 * kinks)
    assert np.isfinite(found.errors).tolist() == [False, False, True, True]
    assert found.values[2:].tolist() == [0, 0]


def test_a_value_outside_the_domain_is_unsettled() -> None:
    with np.errstate(all="ignore"):
        found = central_differences(lambda _, h: Losses(np.sqrt(h - 1), np.array(True)), np.sqrt([-1.0]))
    assert np.isinf(found.errors).all()


RELU = "h = relu(x @ W + h_prev @ U + b)"
ROOT = "h = sqrt(1 + x @ W + h_prev)"
STEEP = "h = h_prev ** 2 + x @ W"


@pytest.mark.parametrize("text", [RELU, RELU.replace("relu", "leaky_relu"), ROOT, STEEP])
@pytest.mark.parametrize("seed", range(3))
def test_kinks_domains_and_steep_losses_raise_no_false_alarm(text: str, seed: int) -> None:
    network = Network(rnnsym.Cell.from_equations("c", text), "yhat = h @ V", loss="squared_error")
    report = rnnsym.check_gradient(rnnsym.compile(network).value_and_grad, network, seed=seed, max_examples=15)
    assert report.passed, str(report)


def test_a_wrong_slope_of_relu_is_found_away_from_the_kink() -> None:
    network = Network(rnnsym.Cell.from_equations("c", RELU), "yhat = h @ V", loss="squared_error")
    right = rnnsym.compile(network).value_and_grad

    def wrong(**arguments: Any) -> Any:
        loss, gradients = right(**arguments)
        return loss, gradients | {"b": 0.5 * gradients["b"]}

    assert not rnnsym.check_gradient(wrong, network).passed


def test_what_else_is_wrong_on_a_larger_example_is_said() -> None:
    function = spoiled(lambda g, p: {"b": -g["b"], "W_i": -g["W_i"], "W_h": -g["W_h"]})
    report = rnnsym.check_gradient(function, NETWORK)
    assert {finding.parameter for finding in report.findings} == {"b", "W_i", "W_h"}


def test_the_sum_over_the_batch_is_named() -> None:
    def function(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = RUN.value_and_grad(parameters, inputs, targets)
        return loss * len(inputs), gradients

    report = rnnsym.check_gradient(function, NETWORK)
    assert "sum over the batch" in str(report)


def test_no_example_is_no_check() -> None:
    with pytest.raises(CheckError, match="at least 1 example"):
        rnnsym.check_gradient(RUN.value_and_grad, NETWORK, max_examples=0)
