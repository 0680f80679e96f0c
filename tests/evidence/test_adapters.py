"""Users' functions as they are usually written: their signatures are adapted, and what is not understood is refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.errors import CheckError
from rnnsym.evidence.adapters import Adapter
from rnnsym.evidence.probes import adapted
from rnnsym.model.networks import Network

NETWORK = Network(rnnsym.cells["simple"])
RUN = rnnsym.compile(NETWORK)
FEW = 16
ORDER = ("W_i", "W_h", "b", "W_o", "b_o")


def contract(p: Any, x: Any, y: Any, h: Any = None) -> tuple[float, dict[str, Any]]:
    return RUN.value_and_grad(p, x, y, None if h is None else {"o": h})


def as_tuple(params: Any, x: Any, y: Any, h0: Any = None) -> Any:
    loss, gradients = contract(params, x, y, h0)
    return loss, tuple(gradients[name] for name in ORDER)


def flat_tuple(params: Any, x: Any, y: Any) -> Any:
    loss, gradients = contract(params, x, y)
    return (loss, *(gradients[name] for name in ORDER))


def gradients_alone(params: Any, x: Any, y: Any) -> Any:
    return {f"d{name}": value for name, value in contract(params, x, y)[1].items()}


def separate(x: Any, y: Any, W_i: Any, W_h: Any, b: Any, W_o: Any, b_o: Any) -> Any:
    return contract({"W_i": W_i, "W_h": W_h, "b": b, "W_o": W_o, "b_o": b_o}, x, y)


def parameters_as_tuple(weights: Any, inputs: Any, targets: Any) -> Any:
    loss, gradients = contract(dict(zip(ORDER, weights, strict=True)), inputs, targets)
    return loss, [gradients[name] for name in ORDER]


def time_major(params: Any, x: Any, y: Any) -> Any:
    assert x.shape[-1] == params["W_i"].shape[0]
    return contract(params, np.swapaxes(x, 0, 1), y)


def one_sequence(params: Any, x: Any, y: Any, h0: Any) -> Any:
    assert x.ndim == 2
    loss, gradients = contract(params, x[None], y[None], h0[None])
    return np.array([[loss]]), gradients


def columns(params: Any, x: Any, y: Any) -> Any:
    """Matrices (out, in), vectors (n, 1), a step's vectors as columns (T, d, batch)."""
    rows = {name: value[:, 0] if name.startswith("b") else value.T for name, value in params.items()}
    loss, gradients = contract(rows, x.transpose(2, 0, 1), y.T)
    return loss, {name: value[:, None] if value.ndim == 1 else value.T for name, value in gradients.items()}


def biases_as_rows(params: Any, x: Any, y: Any) -> Any:
    loss, gradients = contract({name: value[0] if name.startswith("b") else value for name, value in params.items()},
                               x, y)
    return loss, {name: value[None] if value.ndim == 1 else value for name, value in gradients.items()}


def biases_as_columns(params: Any, x: Any, y: Any) -> Any:
    loss, gradients = contract({name: value[:, 0] if name.startswith("b") else value for name, value in params.items()},
                               x, y)
    return loss, {name: value[:, None] if value.ndim == 1 else value for name, value in gradients.items()}


def sequence_as_columns(params: Any, x: Any, y: Any) -> Any:
    return contract(params, x.T[None], y[None])


def further_keywords(params: Any, x: Any, y: Any, **options: Any) -> Any:
    assert not options
    return contract(params, x, y)


def hands_on_the_state(params: Any, x: Any, y: Any, h0: Any) -> Any:
    return (*contract(params, x, y, h0), h0)


def contract_in_order(parameters: Any, inputs: Any, targets: Any) -> Any:
    loss, gradients = contract(parameters, inputs, targets)
    return loss, *(gradients[name] for name in ORDER)


def only_by_position(parameters: Any, inputs: Any, targets: Any, /) -> Any:
    return contract(parameters, inputs, targets)


FORMS: dict[str, tuple[Callable[..., Any], str]] = {
    "gradients as a tuple": (as_tuple, "as_tuple(parameters, inputs, targets)"),
    "loss and gradients in one tuple": (flat_tuple, "inputs (batch, T, d)"),
    "gradients alone, prefixed": (gradients_alone, "the loss is not returned"),
    "each parameter an argument": (separate, "separate(inputs, targets, parameters['W_i']"),
    "parameters as a tuple": (parameters_as_tuple, "(parameters['W_i'], parameters['W_h']"),
    "time-major": (time_major, "inputs (T, batch, d)"),
    "one sequence": (one_sequence, "one sequence a call"),
    "columns": (columns, "transposed matrices and vectors as (n, 1)"),
    "biases (1, n)": (biases_as_rows, "vectors as (1, n)"),
    "biases (n, 1)": (biases_as_columns, "inputs (batch, T, d), vectors as (n, 1)"),
    "one sequence, steps as columns": (sequence_as_columns, "inputs (d, T), one sequence a call"),
    "further keywords": (further_keywords, "further_keywords(parameters, inputs, targets)"),
    "a further result": (hands_on_the_state, "a dict of gradients, and 1 more that are not looked at"),
    "the contract's names, a tuple": (contract_in_order, "returns loss, dW_i, dW_h, db, dW_o, db_o"),
    "only by position": (only_by_position, "only_by_position(parameters, inputs, targets)"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_usual_signature_is_adapted_and_the_report_says_how(form: str) -> None:
    function, words = FORMS[form]
    report = rnnsym.check_gradient(function, NETWORK, max_examples=FEW)
    assert report.passed, str(report)
    assert words in str(report)
    assert report.witnesses[0].comparisons >= FEW


@pytest.mark.parametrize("form", FORMS)
def test_an_error_is_found_through_every_adapter(form: str) -> None:
    adapter = adapted(FORMS[form][0], NETWORK)
    assert isinstance(adapter, Adapter)

    def wrong(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = adapter(parameters=parameters, inputs=inputs, targets=targets)
        return loss, gradients | {"W_h": np.asarray(gradients["W_h"]).T}

    report = rnnsym.check_gradient(wrong, NETWORK, max_examples=FEW)
    assert {finding.parameter for finding in report.findings} == {"W_h"}
    assert "transposed" in str(report)


MANY = Network(rnnsym.cells["simple"], topology="many-to-many")


def summed(params: Any, x: Any, y: Any) -> Any:
    """Time-major; where time and batch are exchanged it runs as well, and its loss is the network's in no layout."""
    count = x.shape[1]
    loss, gradients = rnnsym.compile(MANY).value_and_grad(params, x.swapaxes(0, 1), y.swapaxes(0, 1))
    return count * loss, {name: count * value for name, value in gradients.items()}


def test_a_wrong_factor_does_not_hide_the_layout() -> None:
    report = rnnsym.check_gradient(summed, MANY, max_examples=FEW)
    assert "inputs (T, batch, d)" in report.adapter
    assert "may not be its own" not in report.adapter
    assert "sum over the batch" in report.findings[-1].mistake


def test_a_layout_that_nothing_confirms_is_said_to_be_unknown() -> None:
    report = rnnsym.check_gradient(lambda params, x, y: (7.0, {
        name: np.ones(np.shape(value)) for name, value in params.items()}), NETWORK, max_examples=FEW)
    assert not report.passed
    assert "may not be its own" in report.adapter


def test_a_gradient_of_another_shape_is_a_finding_in_the_right_layout() -> None:
    def function(params: Any, x: Any, y: Any) -> Any:
        loss, gradients = contract(params, x.swapaxes(0, 1), y)
        return loss, gradients | {"W_i": gradients["W_i"].T}

    report = rnnsym.check_gradient(function, NETWORK, max_examples=FEW)
    assert "inputs (T, batch, d)" in report.adapter
    assert report.findings[0].message.startswith("the gradient of W_i must have shape")


def test_a_function_that_fails_is_quoted_from_the_layout_in_which_it_came_furthest() -> None:
    def function(params: Any, x: Any, y: Any) -> Any:
        loss = contract(params, x.swapaxes(0, 1), y)[0]
        return loss, params["W_x"]  # the mistake

    line = function.__code__.co_firstlineno + 2
    with pytest.raises(CheckError, match=rf"with inputs \(T, batch, d\) it raised KeyError in line {line}"):
        rnnsym.check_gradient(function, NETWORK)


def test_a_function_of_the_contract_is_passed_through() -> None:
    assert adapted(RUN.value_and_grad, NETWORK) == RUN.value_and_grad


def test_arguments_changed_through_an_adapter_are_found() -> None:
    def function(params: Any, x: Any, y: Any) -> Any:
        x += 1
        return contract(params, np.swapaxes(x - 1, 0, 1), y)

    report = rnnsym.check_gradient(function, NETWORK, max_examples=4)
    assert "inputs (T, batch, d)" in report.adapter
    assert any("changed its argument inputs" in finding.message for finding in report.findings)


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "an unknown argument": (lambda params, x, y, q: None, "'q' is not understood"),
    "no targets": (lambda params, x: None, "no argument for targets"),
    "twice the same": (lambda params, weights, x, y: None, "not the only argument"),
    "fails everywhere": (lambda params, x, y: 1 / 0, "ZeroDivisionError"),
    "too few gradients": (lambda params, x, y: (1.0, (0.0,)), "there are 5 parameters"),
    "no gradients": (lambda params, x, y: 1.0, "it returned float"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_not_understood_is_one_error_with_the_remedy(form: str) -> None:
    function, words = REFUSED[form]
    with pytest.raises(CheckError, match="expected a function of") as caught:
        rnnsym.check_gradient(function, NETWORK)
    assert words in str(caught.value)


def flipped(params: Any, x: Any, y: Any, h0: Any = None) -> Any:
    loss, gradients = contract(params, np.swapaxes(x, 0, 1), y, h0)
    return loss, gradients | {"b": -gradients["b"]}


def single(params: Any, x: Any, y: Any, h0: Any) -> Any:
    loss, gradients = contract(params, x[None], y[None], h0[None])
    return loss, gradients | {"b": -gradients["b"]}


def columns_with_states(params: Any, x: Any, y: Any, initial_state: Any) -> Any:
    state = initial_state and {"o": initial_state["o"].T}
    loss, gradients = RUN.value_and_grad(params, x.transpose(2, 0, 1), y.T, state)
    return loss, gradients | {"b": -gradients["b"]}


def pasted(report: Any, function: Callable[..., Any]) -> dict[str, Any]:
    """Run a report's counterexample as it would be pasted."""
    names: dict[str, Any] = {function.__name__: function}
    text = str(report).split("to paste:\n")[1]
    lines = takewhile(lambda line: not line or line.startswith("    "), text.splitlines())
    exec("\n".join(line[4:] for line in lines), names)
    return names


@pytest.mark.parametrize("function", [flipped, single, columns_with_states])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_pasted_counterexample_runs_and_shows_the_error(function: Callable[..., Any], seed: int) -> None:
    report = rnnsym.check_gradient(function, NETWORK, seed, max_examples=20)
    assert report.counterexample is not None
    right = RUN.value_and_grad(**report.counterexample.arguments())[1]
    assert np.array_equal(pasted(report, function)["answer"][1]["b"], -right["b"])
    assert right["b"].any()


def test_a_pasted_counterexample_with_padded_targets_runs() -> None:
    network = Network(rnnsym.cells["simple"], topology="encoder-decoder")
    run = rnnsym.compile(network)

    def ignores_the_padding(
        parameters: Any, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None,
        target_lengths: Any = None,
    ) -> Any:
        return run.value_and_grad(parameters, inputs, targets, initial_state, lengths)

    report = rnnsym.check_gradient(ignores_the_padding, network, max_examples=20)
    assert report.counterexample is not None
    right = run.value_and_grad(**report.counterexample.arguments())[0]
    assert pasted(report, ignores_the_padding)["loss"] != pytest.approx(right)


def test_a_function_without_a_name_is_not_called_in_what_is_pasted() -> None:
    report = rnnsym.check_gradient(lambda params, x, y: (0.0, contract(params, x, y)[1]), NETWORK, max_examples=FEW)
    assert not report.passed
    assert not report.call


def test_assert_gradient_raises_with_the_report() -> None:
    rnnsym.assert_gradient(as_tuple, NETWORK, max_examples=FEW)
    with pytest.raises(AssertionError, match="has the wrong sign"):
        rnnsym.assert_gradient(
            lambda params, x, y: (contract(params, x, y)[0], {
                name: -value for name, value in contract(params, x, y)[1].items()}), NETWORK, max_examples=FEW)
