"""How many steps prove a claim: false claims that fail late are met within the bound, fewer steps would miss them."""

from __future__ import annotations

import pytest
from claim_networks import network

from rnnsym import check_claim
from rnnsym.calculus.unrolling import graph_of
from rnnsym.evidence import claim_decision
from rnnsym.evidence.claim_language import read_claim
from rnnsym.evidence.claim_lengths import Lengths, sufficient_lengths
from rnnsym.evidence.claim_names import Names
from rnnsym.evidence.claim_parts import UnboundedError
from rnnsym.evidence.claim_points import Judge, settling_steps, sizes_of


def bound(name: str, text: str, units: int) -> Lengths:
    found = network(name)
    values = found.size_values(**sizes_of(graph_of(found), units))
    return sufficient_lengths(read_claim(text, graph_of(found)), graph_of(found), lambda one: int(one.subs(values)))


LATE = [
    *((count + 1, " * ".join(f"(T - {i})" for i in range(1, count + 1)) + " * L == 0") for count in range(1, 7)),
    *((count + 2, f"total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(T - {count}, T + 1))")
      for count in range(6)),
    *((count + 1, " * ".join(f"(t - {i})" for i in range(0, count + 1)) + " * o[t] == 0") for count in range(1, 5)),
    *((count + 1, f"sum(o[j] for j in range({count}, T + 1)) == sum(o[j] for j in range({count}, {count + 1}))")
      for count in range(1, 5)),
]


@pytest.mark.parametrize(("first", "text"), LATE)
def test_a_claim_that_fails_late_is_met_within_the_bound(first: int, text: str) -> None:
    lengths = bound("simple", text, units=1)
    assert lengths.base + lengths.summands >= first
    verdict = check_claim(text, network("simple"))
    assert verdict.holds is False
    assert verdict.counterexample is not None
    assert verdict.counterexample.steps == first


def test_a_bound_that_is_too_small_would_let_a_false_claim_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_decision, "sufficient_lengths", lambda *_: Lengths(1, 3))
    assert check_claim(LATE[5][1], network("simple")).holds is True


@pytest.mark.parametrize("text", [
    "exp(o[t] + o[j]) == exp(o[j] + o[t])", "o[t+j] == o[j+t]", "L / (T + 1) == L / (1 + T)",
    "prod(diag(o[t]) @ W_h for j in range(1, t)) == prod(diag(o[t]) @ W_h for j in range(1, t))",
])
def test_a_claim_without_a_bound_stays_undecided(text: str) -> None:
    with pytest.raises(UnboundedError):
        bound("simple", text, units=2)
    assert check_claim(text, network("simple")).holds is None


def test_what_grows_with_the_units_needs_more_steps() -> None:
    text = "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(T, j, -1))"
    found = [bound("simple", text, units).summands for units in (1, 2, 3, 4)]
    assert found == sorted(set(found))
    assert bound("lstm", "total(L, W_hf) == 0", 3).summands > bound("simple", "total(L, W_h) == 0", 3).summands


@pytest.mark.parametrize(("name", "steps"), [("simple", 0), ("lstm", 0), ("skip_connection", 0), ("fed", 1)])
def test_after_how_many_steps_states_fill_what_they_ever_fill(name: str, steps: int) -> None:
    """An output that is fed back is a function of the state, and so no state of its own after the first step."""
    graph = graph_of(network(name))
    judge = Judge(read_claim("L == L", graph), graph, Names.of(graph))
    assert settling_steps(judge, sizes_of(graph, 2)) == steps
