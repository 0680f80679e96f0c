"""Users' functions as they are usually written: their signatures are adapted, and what is not understood is refused."""

from __future__ import annotations

from collections.abc import Callable
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


FORMS: dict[str, tuple[Callable[..., Any], str]] = {
    "gradients as a tuple": (as_tuple, "as_tuple(parameters, inputs, targets)"),
    "loss and gradients in one tuple": (flat_tuple, "inputs (batch, T, d)"),
    "gradients alone, prefixed": (gradients_alone, "the loss is not returned"),
    "each parameter an argument": (separate, "separate(inputs, targets, parameters['W_i']"),
    "parameters as a tuple": (parameters_as_tuple, "(parameters['W_i'], parameters['W_h']"),
    "time-major": (time_major, "inputs (T, batch, d)"),
    "one sequence": (one_sequence, "one sequence a call"),
    "columns": (columns, "transposed matrices and vectors as (n, 1)"),
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


def test_a_function_of_the_contract_is_passed_through() -> None:
    assert adapted(RUN.value_and_grad, NETWORK) == RUN.value_and_grad


def test_arguments_changed_through_an_adapter_are_found() -> None:
    def function(params: Any, x: Any, y: Any) -> Any:
        answer = contract(params, np.swapaxes(x, 0, 1), y)
        x += 1
        return answer

    report = rnnsym.check_gradient(function, NETWORK, max_examples=4)
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


def test_the_pasted_counterexample_runs_and_shows_the_error() -> None:
    report = rnnsym.check_gradient(flipped, NETWORK, max_examples=20)
    assert report.counterexample is not None
    pasted = str(report).split("to paste:\n")[1]
    names: dict[str, Any] = {"flipped": flipped}
    exec("\n".join(line[4:] for line in pasted.splitlines()), names)
    right = RUN.value_and_grad(**report.counterexample.arguments())[1]
    assert np.array_equal(names["gradients"]["b"], -right["b"])
    assert right["b"].any()


def test_assert_gradient_raises_with_the_report() -> None:
    rnnsym.assert_gradient(as_tuple, NETWORK, max_examples=FEW)
    with pytest.raises(AssertionError, match="has the wrong sign"):
        rnnsym.assert_gradient(
            lambda params, x, y: (contract(params, x, y)[0], {
                name: -value for name, value in contract(params, x, y)[1].items()}), NETWORK, max_examples=FEW)
