"""Laws over random cells and networks: every drawn text is accepted, and every witness agrees about its gradients.

``python tests/evidence/random_cells.py --cells 2000 --seed 0`` counts what was agreed, undecided and wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import random_cells
from hypothesis import HealthCheck, Phase, find, given, note, settings
from hypothesis import seed as fixed_seed
from hypothesis import strategies as st
from random_cells import described, judged, quickly

from rnnsym.calculus import rules
from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence import strategies
from rnnsym.evidence.examples import examples
from rnnsym.evidence.oracles import affordable_draws, differing_entries
from rnnsym.model.activations import activations
from rnnsym.model.cells import Cell
from rnnsym.model.expressions import negate
from rnnsym.model.networks import Network
from rnnsym.model.topologies import topologies
from rnnsym.model.vocabulary import arities
from rnnsym.numerics.compilation import CompiledNetwork, compile_network

Drawn = TypeVar("Drawn")
ENOUGH = 1000  # texts in which everything of the language occurs
SMALL = 12  # lines: a state or two, what they need, and the annotations that were drawn with them
NETWORKS = 20  # judged ones of each run: each takes seconds, and the command judges thousands
FEATURES = {
    "a state of one step back": "_prev ", "of several": "_prev[3]", "a row": "[x]", "a transpose": ".T",
    "an identity": "* I", "a product of matrices and a vector": " @ ", "a power": "**-0.5", "a quotient": " / ",
    "a named constant": "dt = ", "a first value": ": vector = 1", "a scalar state": ": scalar = ",
    "a number as a size": "(3,)", "a comment": "# drawn",
}


def drawn(strategy: st.SearchStrategy[Drawn], count: int) -> list[Drawn]:
    found: list[Drawn] = []

    @fixed_seed(0)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(one: Drawn) -> None:
        found.append(one)

    collect()
    return found


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return drawn(strategies.cell_texts(), ENOUGH)


def test_every_drawn_text_is_a_cell_of_one_to_three_states(texts: list[str]) -> None:
    found = [Cell.from_equations("drawn", text) for text in texts]
    assert {cell.convention for cell in found} == {"row", "column"}
    assert max(state.lag for cell in found for state in cell.states) > 1
    assert {len(cell.equations) for cell in found} >= set(range(1, 9))


@pytest.mark.parametrize("function", arities)
def test_every_function_of_the_tables_is_drawn(function: str, texts: list[str]) -> None:
    assert any(f"{function}(" in text for text in texts)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_of_the_language_is_drawn(feature: str, texts: list[str]) -> None:
    assert any(FEATURES[feature] in text for text in texts)


def test_what_fails_shrinks_to_a_small_cell() -> None:
    smallest = find(strategies.cell_texts(), lambda text: "concat(" in text,
                    settings=settings(max_examples=ENOUGH, database=None))
    assert len(smallest.splitlines()) <= SMALL


@settings(max_examples=max(NETWORKS, settings.default.max_examples // 50 if settings.default else 0),
          phases=[Phase.generate], suppress_health_check=[HealthCheck.nested_given, HealthCheck.too_slow])
@given(strategies.networks())
def test_every_witness_agrees_on_a_random_network(network: Network) -> None:
    verdict = judged(network)
    note(described(network))
    assert not verdict.disagreed
    assert verdict.comparisons["exact"] > 0


@pytest.mark.parametrize("topology", topologies)
def test_every_topology_can_be_drawn_alone(topology: str) -> None:
    networks = drawn(strategies.networks([topology]), 20)
    assert {network.topology for network in networks} == {topology}
    assert judged(networks[0]).kind in ("agreed", "undecided")


# SymPy writes tanh(-a) as -tanh(a) and sqrt(4 a) as 2 sqrt(a); exact witnesses know a function by its argument alone.
@pytest.mark.parametrize("argument", ["-h_prev", "4 * h_prev", "h_prev**2", "2"])
@pytest.mark.parametrize("function", activations)
def test_what_a_computer_algebra_system_would_rewrite_is_no_disagreement(function: str, argument: str) -> None:
    cell = Cell.from_equations("rewritten", f"h = tanh(x @ W) * {function}({argument}) + h_prev")
    graph = graph_of(Network(cell, "yhat = h @ V", loss="squared_error"))
    for draw in affordable_draws(graph, 0):
        assert not any(wrong for wrong, _ in differing_entries(graph, draw).values())


# What the witnesses must see: planted errors in each of the parts that they judge


FEW = 6  # a wrong gradient shows on most of them
SUBJECT = Network(
    Cell.from_equations("planted", "c: vector = 0.5\nc = tanh(x @ V + c_prev)\nh = tanh(c * h_prev @ U + b)"),
    "yhat = h @ W", loss="squared_error",
)


def spoiled(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Network], Any]:
    """A compiler whose gradients are changed."""

    class Spoiled(CompiledNetwork):
        def value_and_grad(self, *arguments: Any, **named: Any) -> Any:
            value, gradients = super().value_and_grad(*arguments, **named)
            return value, gradients | change(gradients)

    def compiled(network: Network) -> Any:
        run = compile_network(network)
        return Spoiled(run.network, run.backend, run.source, run._functions)

    return compiled


WRONG = {
    "a sign": spoiled(lambda g: {"b": -g["b"]}),
    "a tenth digit": spoiled(lambda g: {"W": g["W"] * (1 + 1e-10)}),
    "a transpose": spoiled(lambda g: {"U": g["U"].T.copy()}),
    "a missing state": spoiled(lambda g: {"V": 0 * g["V"]}),
}


@pytest.mark.parametrize("error", WRONG)
def test_a_wrong_gradient_is_a_disagreement(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(SUBJECT).kind == "agreed"
    monkeypatch.setattr(random_cells, "compile_network", WRONG[error])
    assert judged(SUBJECT, examples=FEW).kind == "disagreed"


@pytest.mark.parametrize("error", WRONG)
def test_a_wrong_gradient_is_seen_along_one_direction_too(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = drawn(examples(SUBJECT), 5 * FEW)[FEW:]  # the first are the simplest, at which much is zero
    assert not any(quickly(SUBJECT, example, 0).disagreed for example in found)
    monkeypatch.setattr(random_cells, "compile_network", WRONG[error])
    assert any(quickly(SUBJECT, example, 0).disagreed for example in found)


def test_a_wrong_first_value_is_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell.from_equations("planted", SUBJECT.cell.text.replace("0.5", "0"))
    other = Network(cell, SUBJECT.readout, SUBJECT.loss)
    monkeypatch.setattr(random_cells, "compile_network", lambda network: compile_network(other))
    assert judged(SUBJECT, examples=FEW).kind == "disagreed"


@pytest.mark.parametrize("kind", ["MatrixProduct", "Elementwise", "Hadamard"])
def test_a_wrong_rule_is_a_disagreement(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = next(node for node in rules.pullbacks if node.__name__ == kind)
    right = rules.pullbacks[key]

    def turned(*arguments: Any) -> Any:
        first, *rest = right(*arguments)
        return iter([(first[0], negate(first[1])), *rest])

    monkeypatch.setitem(rules.pullbacks, key, turned)
    assert judged(SUBJECT).kind == "disagreed"


def test_what_lies_on_a_kink_is_no_disagreement() -> None:
    cell = Cell.from_equations("kink", "b: (n,)\nh = relu(b + h_prev)")
    verdict = judged(Network(cell, "yhat = h @ W", loss="squared_error"))
    assert verdict.kind == "agreed", "the gradient of the code is one of those between the two sides"


def test_a_network_that_cannot_be_run_is_counted_as_refused() -> None:
    cell = Cell.from_equations("free", "h: (m,)\nh = tanh(h_prev)\ns: scalar\ns = s_prev + mean(x)")
    verdict = judged(Network(cell, "yhat = s * w", loss="squared_error"))
    assert verdict.kind == "refused"


def test_the_command_counts_and_answers_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert random_cells.main(["--cells", "2", "--topologies", "many-to-one"]) == 0
    assert "2 networks" in capsys.readouterr().out
    assert random_cells.main(["--cells", "2", "--quick"]) == 0
    assert "2 networks" in capsys.readouterr().out
