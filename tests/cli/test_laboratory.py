"""What the report says of remedies: in which words, measured for which networks, and why not for others."""

from __future__ import annotations

import math

import pytest

from rnnsym.cli import laboratory
from rnnsym.cli.laboratory import explored, remedied
from rnnsym.dynamics import explorations, own_remedies
from rnnsym.dynamics.own_remedies import OwnEffect, own_effects
from rnnsym.dynamics.remedies import Decades
from rnnsym.errors import DataError
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network

SIMPLE, SINGLE = Network(cells["simple"]), Network(cells["simple"], topology="one-to-one")


def effect(decades: float, name: str = "a start") -> OwnEffect:
    return OwnEffect(name, Decades(decades - 1, decades, decades + 1))


def test_each_remedy_is_said_with_its_size_and_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (effect(-12.0, "as it is"), effect(-2.0), effect(-11.0), effect(-30.0), effect(40.0), effect(0.3),
             OwnEffect("forget bias 1", None, "the cell has none"), OwnEffect("dead", Decades(*[-math.inf] * 3)))
    monkeypatch.setattr(own_remedies, "own_effects", lambda network, seed: found)
    remedies, unremedied = remedied(SIMPLE, 0)
    assert unremedied == ""
    assert [(one.effect, one.meaning) for one in remedies] == [
        ("10⁻¹² (10⁻¹³ to 10⁻¹¹)", "the cell as it stands; the others are measured against it"),
        ("10⁻² (10⁻³ to 0.1)", "vanishes; clearly closer to 1"),
        ("10⁻¹¹ (10⁻¹² to 10⁻¹⁰)", "vanishes; about as far from 1"),
        ("10⁻³⁰ (10⁻³¹ to 10⁻²⁹)", "vanishes; clearly further from 1"),
        ("10⁴⁰ (10³⁹ to 10⁴¹)", "explodes; clearly further from 1"),
        ("2 (0.2 to 20)", "is kept; clearly closer to 1"),
        ("not to be had", "the cell has none"),
        ("zero (zero to zero)", "vanishes; clearly further from 1"),
    ]


def test_a_reason_that_several_remedies_share_is_said_once() -> None:
    softsign = Cell.from_equations("softsign", "a = x @ W + h_prev @ U + b\nh = a / (1 + abs(a))")
    found = remedied(Network(softsign, "yhat = sigmoid(h @ W_y + b_y)"), 0)[0]
    missing = [one for one in found if one.effect == "not to be had"]
    assert [one.name for one in missing] == ["tanh, relu, leaky relu", "forget bias 1, forget bias 3"]
    assert len({one.meaning for one in missing}) == 2
    assert len(found) == 1 + 4 + 2


def test_remedies_are_measured_for_the_network_at_hand() -> None:
    for cell in ("simple", "gru"):
        network = Network(cells[cell])
        assert ", ".join(one.name for one in remedied(network, 0)[0]) == ", ".join(
            one.name for one in own_effects(network))
    assert remedied(SIMPLE, 0) != remedied(SIMPLE, 1)


def test_a_network_without_a_gradient_flow_to_follow_says_why() -> None:
    remedies, unremedied = remedied(SINGLE, 0)
    assert remedies == ()
    assert unremedied.endswith("it follows many steps, and this network has a single one.")
    assert explored(SINGLE, 0) == ""


def test_weights_that_leave_nothing_to_follow_cost_the_report_this_part_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(network: Network, seed: int) -> None:
        raise DataError("the state of step 3 is not finite")

    monkeypatch.setattr(own_remedies, "own_effects", refuse)
    monkeypatch.setattr(explorations, "explore", refuse)
    assert laboratory.remedied(SIMPLE, 0) == (
        (), "What remedies do could not be measured: the state of step 3 is not finite.")
    assert laboratory.explored(SIMPLE, 0) == ""
    assert capsys.readouterr().err == "rnnsym: warning: the report has no explorer: the state of step 3 is not finite\n"
