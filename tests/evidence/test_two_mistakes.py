"""A second mistake does not hide the first: a common factor is divided out, and two mistakes are told in turn."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from planted_bugs import GRU, LSTM, SIMPLE
from planted_cells import CORRECT, planted

import rnnsym
from rnnsym.model.networks import Network

WORDS = {"simple": SIMPLE, "lstm": LSTM, "gru": GRU}
FACTORS: dict[str, tuple[Callable[[Any, Any], float], str]] = {
    "batch": (lambda inputs, targets: len(inputs), "is the sum over the batch"),
    "outputs": (lambda inputs, targets: 1 / targets.shape[-1], "is divided by the number of outputs"),
}
BEHIND = [
    ("simple", "no slope"), ("simple", "truncated after 2"), ("simple", "missing transpose"),
    ("lstm", "slope of f at i"), ("lstm", "cell not carried"), ("gru", "z for 1 - z"),
]
TWO = [
    ("simple", "no slope", "W_o", -1.0, "wrong sign"),
    ("lstm", "no slope of the forget gate", "W_y", 3.0, "3 times"),
    ("gru", "sign of z's path", "b_y", 0.5, "half"),
]


def told(function: Callable[..., Any], network: str) -> list[str]:
    return [one.mistake for one in rnnsym.check_gradient(function, Network(rnnsym.cells[network])).findings]


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("network", "bug"), BEHIND)
def test_a_common_factor_does_not_hide_a_mistake(network: str, bug: str, factor: str) -> None:
    wrong, (of, words) = planted(network, bug), FACTORS[factor]

    def scaled(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = wrong(parameters, inputs, targets)
        return loss, {name: of(inputs, targets) * value for name, value in gradients.items()}

    found = told(scaled, network)
    assert found
    assert all(words in one for one in found)
    assert any(re.search(WORDS[network][bug], one) for one in found), found


@pytest.mark.parametrize("names", [("b_o",), ("W_i", "W_h", "b", "W_o", "b_o")], ids=["one", "all"])
def test_a_half_is_a_half_and_no_mean_over_outputs(names: tuple[str, ...]) -> None:
    def halved(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = CORRECT["simple"](parameters, inputs, targets)
        return loss, {name: value / 2 if name in names else value for name, value in gradients.items()}

    found = told(halved, "simple")
    assert found
    assert all("half the derived one" in one for one in found)


@pytest.mark.parametrize("network", CORRECT)
@pytest.mark.parametrize("factor", FACTORS)
def test_a_common_factor_alone_is_all_that_is_told(network: str, factor: str) -> None:
    of, words = FACTORS[factor]

    def scaled(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = CORRECT[network](parameters, inputs, targets)
        return loss, {name: of(inputs, targets) * value for name, value in gradients.items()}

    net = Network(rnnsym.cells["simple"], topology="encoder-decoder") if network == "encoder-decoder" else \
        Network(rnnsym.cells[network])
    found = {one.mistake for one in rnnsym.check_gradient(scaled, net).findings}
    assert len(found) == 1
    assert words in found.pop()


@pytest.mark.parametrize(("network", "bug", "parameter", "factor", "words"), TWO)
def test_two_mistakes_are_told(network: str, bug: str, parameter: str, factor: float, words: str) -> None:
    wrong = planted(network, bug)

    def twice_wrong(parameters: Any, inputs: Any, targets: Any) -> Any:
        loss, gradients = wrong(parameters, inputs, targets)
        return loss, gradients | {parameter: factor * gradients[parameter]}

    found = told(twice_wrong, network)
    assert any(words in one and parameter in one for one in found), found
    assert any(re.search(WORDS[network][bug], one) for one in found), found
