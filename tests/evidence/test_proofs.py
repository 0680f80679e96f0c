"""Laws of the proof for every length: all cells and topologies are proved, no line is bare, no wrong rule survives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from combinations import SHAPES, Combination
from hypothesis import HealthCheck, Phase, given, note, settings
from random_cells import described

import rnnsym
from rnnsym import cells
from rnnsym.calculus import jacobians, paths, readings, rules
from rnnsym.calculus.notation import AscendingProduct, DescendingProduct, SumOverSteps
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError, DerivationError
from rnnsym.evidence import strategies
from rnnsym.evidence.certainty import error_exponent, matrix_factors
from rnnsym.evidence.induction import Prover
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.writing import proof as proof_lines
from rnnsym.writing.clashes import refuse_clashes
from rnnsym.writing.derivation import Step
from rnnsym.writing.sections import derivation

LEAST_EXPONENT = 60  # a wrong line passes with probability below 2^−60
FEW = 4  # random networks; the profile of a thorough run judges more


def proved(network: Network) -> rnnsym.Derivation:
    document = rnnsym.derive(network, steps=None)
    assert document.proved
    assert all(step.checks for step in document.steps)
    return document


@pytest.mark.parametrize("name", cells)
def test_every_cell_is_proved_for_every_length(name: str) -> None:
    document = proved(Network(cells[name]))
    assert len(document.only("proof").steps) >= 12
    assert all(step.scope != "sequence" for step in document.only("proof").steps)


@pytest.mark.parametrize("cell", ["simple", "lstm", "skip_connection"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_topology_is_proved_for_every_length(shape: str, cell: str) -> None:
    proved(Combination(cell, shape, "squared_error").network)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "softmax_cross_entropy", "binary_cross_entropy"])
def test_every_loss_is_proved_for_every_length(loss: str) -> None:
    proved(Combination("gru", "many-to-many, mean", loss).network)


@settings(max_examples=max(FEW, settings.default.max_examples // 20 if settings.default else 0), deadline=None,
          phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(strategies.networks())
def test_random_cells_are_proved_for_every_length(network: Network) -> None:
    note(described(network))
    try:
        derivation(network, 3)
        refuse_clashes(graph_of(network), 3)
    except DerivationError:
        return  # names that print alike, a Jacobian of three axes: refused at any length
    proved(network)


def test_the_probability_of_an_error_is_stated_and_small() -> None:
    checks = [check for step in proved(Network(cells["lstm"])).steps for check in step.checks
              if "probability" in check.tolerance]
    assert len(checks) > 50
    assert all(int(check.tolerance.rsplit("2^-", 1)[1]) > LEAST_EXPONENT for check in checks)


def test_deeper_networks_are_decided_at_larger_sizes() -> None:
    deep = [graph_of(Network([cells["gru"]] * layers)) for layers in (1, 2, 5)]
    factors = [matrix_factors(graph) for graph in deep]
    assert factors == sorted(set(factors))
    exponents = [error_exponent(graph, 4, 100) for graph in deep]
    assert exponents == sorted(exponents, reverse=True)


def test_the_document_does_not_grow_with_anything_but_the_cell() -> None:
    whole = rnnsym.derive(Network(cells["simple"]), steps=None)
    assert len(whole.latex()) < len(rnnsym.derive(Network(cells["simple"]), steps=40).latex())
    assert "T steps" in whole.title


def test_what_has_a_number_of_steps_is_checked_and_not_proved() -> None:
    assert not rnnsym.derive(Network(cells["simple"]), steps=3).proved


def test_the_documents_own_signs_give_way_to_the_cells_names() -> None:
    cell = Cell.from_equations("greek", "theta: vector\nkappa: scalar\nh = tanh(x @ W + kappa * h_prev * theta)")
    document = proved(Network(cell, "yhat = h @ V", loss="squared_error"))
    assert "mu" in document.only("truncation").sections[0].text
    assert "phi" in document.only("proof").sections[0].text


@pytest.mark.parametrize("steps", [3, None])
def test_a_loop_whose_states_no_parameter_reaches_carries_nothing_forward(steps: int | None) -> None:
    cell = Cell.from_equations("free", "s: scalar = 0\nb: (d,)\nunused = softmax(b)\ns = sigmoid(s_prev[3]) * s_prev")
    document = rnnsym.derive(Network(cell, "yhat = softmax(s * v)", loss="softmax_cross_entropy"), steps)
    assert document.checked
    assert not document.only("accumulation").steps


def test_output_steps_without_steps_are_refused() -> None:
    network = Network(cells["simple"], topology="encoder-decoder", decoder=cells["simple"])
    with pytest.raises(DerivationError, match="together with steps"):
        rnnsym.derive(network, steps=None, output_steps=3)


# Planted errors: each rule of differentiation, each slope, and each step of the proof


CELLS = {
    "sum": "h = tanh(x @ W + h_prev @ U + b)",
    "negative": "h = tanh(x @ W - h_prev)",
    "hadamard": "h = tanh(x @ W) * h_prev * v",
    "quotient": "h = (x @ W + h_prev) / (2 + h_prev * h_prev)",
    "power": "h = tanh(x @ W) + h_prev**3",
    "transposed": "h = tanh(x @ W + h_prev @ U.T)",
    "softmax": "h = softmax(x @ W + h_prev @ U)",
    "selection": "h = where(h_prev > x @ W, h_prev * v, x @ W)",
    "extremum": "h = maximum(h_prev * v, x @ W)",
    "concatenation": "h = tanh(concat(x, h_prev) @ W)",
    "lookup": "h = tanh(E[x] + h_prev @ U)",
    "mean": "h = tanh(x @ W) * mean(h_prev * v)",
    "scaled": "s: scalar\ns = tanh(s_prev + mean(x))\nh = tanh(x @ (s_prev * W).T + h_prev)",
    "logsumexp": "h = tanh(x @ W) * logsumexp(h_prev * v)",
}


@cache
def covering() -> dict[str, Network]:
    """Networks in which each kind of node stands on a way from state to state, or from a parameter to one."""
    found = {name: Network(Cell.from_equations("planted", text), "yhat = h @ V", loss="squared_error")
             for name, text in CELLS.items()}
    embedded = Cell.from_equations("embedded", CELLS["lookup"])
    upper = Cell.from_equations("upper", CELLS["sum"])
    return found | {"projection": Network([upper, embedded], "yhat = h_2 @ V", loss="squared_error")}


def networks_with(kind: type) -> Iterator[Network]:
    for network in covering().values():
        graph = graph_of(network)
        if any(isinstance(node, kind) for a in (*graph.cell, *graph.readout) for node in ex.walk(a.value)):
            yield network


def refused(network: Network) -> bool:
    try:
        return not rnnsym.derive(network, steps=None).proved
    except (CheckError, DerivationError):
        return True


@pytest.mark.parametrize("name", CELLS)
def test_what_the_errors_are_planted_in_is_proved(name: str) -> None:
    proved(covering()[name])


@pytest.mark.parametrize("kind", rules.pullbacks, ids=lambda kind: kind.__name__)
def test_a_wrong_pullback_makes_a_proof_fail(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    right, found = rules.pullbacks[kind], list(networks_with(kind))

    def wrong(*arguments: Any) -> Any:
        return ((operand, ex.negate(part)) for operand, part in right(*arguments))

    monkeypatch.setitem(rules.pullbacks, kind, wrong)
    assert any(refused(network) for network in found)


ON_A_WAY = [kind for kind in jacobians.jacobians if kind is not ex.Lookup]  # what is looked up depends on no state


@pytest.mark.parametrize("kind", ON_A_WAY, ids=lambda kind: kind.__name__)
def test_a_wrong_jacobian_makes_a_proof_fail(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    right, found = jacobians.jacobians[kind], list(networks_with(kind))

    def wrong(*arguments: Any) -> Any:
        value = right(*arguments)
        return None if value is None else ex.multiply(ex.Numeral(2), value)

    monkeypatch.setitem(jacobians.jacobians, kind, wrong)
    assert any(refused(network) for network in found)


FLAT = ("step", "sign")  # their slope is 0 wherever there is one, and twice that is right


@pytest.mark.parametrize("name", [name for name in activations if name not in FLAT])
def test_a_wrong_slope_makes_a_proof_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = activations[name]
    cell = Cell.from_equations("planted", f"h = {name}(x @ W + h_prev * v)")
    network = Network(cell, "yhat = h @ V", loss="squared_error")
    proved(network)
    wrong = replace(entry, slope=lambda argument, output: ex.multiply(ex.Numeral(2), entry.slope(argument, output)))
    monkeypatch.setattr(rules, "activations", {**activations, name: wrong})
    assert refused(network)


def without_the_use(loop: Any, parameter: Any, step: Any) -> Any:
    return readings.carried_forward(loop, parameter, step).args[0]


def from_the_first(loop: Any, start: Any, end: Any) -> Any:
    """The product in the other order, as several texts print it."""
    product = paths.path_product(loop, start, end)
    kind = AscendingProduct if isinstance(product, DescendingProduct) else DescendingProduct
    return kind(product.args[0], product.args[1], product.args[3], product.args[2])


def without_the_oldest(*arguments: Any) -> Any:
    """The sum over uses from the second on."""
    def shorter(node: Any) -> Any:
        return SumOverSteps(node.args[0], node.args[1], 2, node.args[3]) if isinstance(node, SumOverSteps) else None

    return ex.rebuild(paths.general_sum_in(*arguments), shorter)


@pytest.mark.parametrize(("name", "wrong"), [
    ("carried_forward", without_the_use),
    ("path_product", from_the_first),
    ("general_sum_in", without_the_oldest),
])
@pytest.mark.parametrize("cell", ["simple", "lstm"])
def test_a_wrong_step_of_the_proof_fails(cell: str, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_lines, name, wrong)
    assert refused(Network(cells[cell]))


CHANGES = {
    "a sign": lambda step: replace(step, after=ex.negate(step.after)),
    "twice": lambda step: replace(step, after=ex.multiply(ex.Numeral(2), step.after)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["simple", "gru"])
def test_each_line_of_a_proof_can_fail(name: str, change: str) -> None:
    document = proved(Network(cells[name]))
    lines = [step for step in document.only("proof").steps if step.after != ex.ZERO]
    prover = Prover(graph_of(document.network), 0)
    wrong: list[Step] = []
    for line in lines:
        try:
            changed = CHANGES[change](replace(line, checks=()))
        except (TypeError, ValueError):
            continue  # a row written state by state has no sign of its own
        wrong.append(changed)
        assert not prover.checked(changed).checks[-1].passed, line
    assert len(wrong) >= 12
