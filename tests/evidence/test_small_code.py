"""A check judges the code of every size: that made for small sizes, and the module for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from rnnsym.evidence import checks
from rnnsym.evidence.enclosures import Subject
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.numerics import components, forms, sequences
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.scalars import Scalars

NETWORK = Network(Cell.from_equations("small", "g = sigmoid(x @ W_x)\nh = tanh((g * h_prev) @ W_h + g)"),
                  "yhat = sigmoid(h @ W_y)")
EXAMPLES = 8  # the first designs: one sequence and several, with and without initial states


def passed() -> bool:
    """Whether the part of a check that judges code on examples finds nothing."""
    return checks.check_function(checks._with_inputs(Subject.of(NETWORK)), NETWORK, 0, EXAMPLES).passed


def changed(kind: type, change: Callable[[Any, Any], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Plant an error in the rule of a kind of node."""
    right = components._rules[kind]

    def wrong(self: Any, node: Any, known: Any) -> Any:
        return change(self, right(self, node, known))

    return lambda patch: patch.setitem(components._rules, kind, wrong)


def turned(self: Any, entries: Any) -> Any:
    return entries[::-1] if isinstance(entries, list) else entries


def method(name: str, change: Callable[..., Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Plant an error in an operation of the ledger."""
    right = getattr(Scalars, name)
    return lambda patch: patch.setattr(Scalars, name, lambda self, *given: change(right, self, *given))


ERRORS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a product's entries in another order": changed(ex.MatrixProduct, turned),
    "an elementwise product's entries in another order": changed(ex.Hadamard, turned),
    "a transposed matrix left as it was": lambda patch: patch.setitem(
        components._rules, ex.Transposed, lambda self, node, known: self.entries(node.args[0], known)),
    "an outer product with its sides changed": lambda patch: patch.setitem(
        components._rules, ex.Outer, lambda self, node, known: [
            [self.scalars.multiply((a, a)) for _ in self.entries(node.args[1], known)]
            for a in self.entries(node.args[0], known)]),
    "a sum without its last term": method(
        "add", lambda right, self, terms: right(self, list(terms)[:-1] or [self.zero])),
    "a product without its last factor": method(
        "multiply", lambda right, self, factors: right(self, (list(factors) * 2)[: max(1, len(list(factors)) - 1)])),
    "a sign lost": method("negative", lambda right, self, operand: operand),
    "a function for another": lambda patch: patch.setattr(
        "rnnsym.numerics.components.activations", {name: SimpleNamespace(scalar="sin({0})") for name in activations}),
    "a step that starts from zero": lambda patch: patch.setattr(
        sequences.Sequence, "_first", lambda self, loop, state: self._full(self._components.scalars.zero, state)),
}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_code_for_small_sizes_is_found(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ERRORS[error](monkeypatch)
    assert not passed()


@pytest.mark.parametrize("error", ["a transposed matrix left as it was", "a sign lost",
                                   "an elementwise product's entries in another order"])
def test_an_error_in_the_code_for_longer_sequences_is_found(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST_OPERATIONS", 0)
    monkeypatch.setattr(forms, "LOOPED", 0.0)
    assert passed()
    ERRORS[error](monkeypatch)
    assert not passed()


def test_the_right_code_passes() -> None:
    assert passed()


def test_an_error_of_the_module_for_every_size_is_found_even_if_it_shows_for_one_sequence_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compiled(network: Network) -> CompiledNetwork:
        run = compile_network(network)
        right = run._functions.value_and_grad

        def wrong(parameters: Any, inputs: Any, *given: Any, **named: Any) -> Any:
            loss, gradients = right(parameters, inputs, *given, **named)
            return loss, {name: 2 * value if len(inputs) == 1 and name == "W_h" else value
                          for name, value in gradients.items()}

        return replace(run, _functions=SimpleNamespace(loss=run._functions.loss, predict=run._functions.predict,
                                                       value_and_grad=wrong))

    monkeypatch.setattr(checks, "compile_network", compiled)
    assert not passed()
