"""Claims as equations: each kind of term has one, and the equation says what the claim says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claim_networks import network
from test_claims import TRUE

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import EquationError
from rnnsym.evidence import claim_terms as ct
from rnnsym.evidence.claim_language import read_claim
from rnnsym.evidence.claim_layout import _expressions, equation_of, expression_of
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.verification import SIZES, verified_step
from rnnsym.model.expressions import T
from rnnsym.writing.derivation import Step
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.mathml import mathml
from rnnsym.writing.plain import plain

STEPS = 3
READ_AS = {
    "partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h.T": "∂⁺o_t/∂o_{t−1} = diag(1 − o_t²) W_hᵀ",
    "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(T, j, -1))":
        "∂o_T/∂o_j = (∏_{t=T↓j+1} ∂⁺o_t/∂o_{t−1})",
    "total(L, W_h) == sum(total(L, o[j]) @ total(o[j], W_h) for j in range(1, T + 1))":
        "∂L/∂W_h = ∑_{j=1}^{T} ∂L/∂o_j · ∂o_j/∂W_h",
    "norm(total(o[T], o[j])) <= norm(W_h)**(T - j)": "‖∂o_T/∂o_j‖ ≤ ‖W_h‖^{T−j}",
    "o[1] == tanh(o[0] @ W_h + x[1] @ W_i + b)": "o_1 = tanh(o_0 W_h + x_1 W_i + b)",
    "L == sum(-target * log(yhat) - (1 - target) * log(1 - yhat))":
        "L = ∑_{i} [−y ⊙ log(ŷ) − (1 − y) ⊙ log(1 − ŷ)]_i",
}
HOLD = (
    "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(1, T + 1))",
    "total(o[T], o[1]) == prod(partial(o[t], o[t-1]) for t in range(T, 1, -1))",
    "total(L, b) == sum(total(L, a[j]) for j in range(1, T + 1))",
    "total(L, o[1]) == (total(L, o[2]) * (1 - o[2]**2)) @ W_h.T",
)
FAIL = (
    "total(L, W_h) == sum(total(L, o[j]) @ total(o[j], W_h) for j in range(1, T + 1))",
    "total(o[T], o[1]) == prod(partial(o[t], o[t-1]) for t in range(2, T + 1))",
    "total(L, b) == sum(total(L, a[j]) for j in range(2, T + 1))",
    "total(L, o[1]) == (total(L, o[2]) * (1 - o[2]**2)) @ W_h",
)


def stated(text: str, name: str = "simple") -> Step:
    return equation_of(read_claim(text, graph_of(network(name))))


def spelt(step: Step, name: str = "simple") -> str:
    style = style_of(network(name))
    return f"{plain(lay_out(step.before, style))} {step.relation} {plain(lay_out(step.after, style))}"


@pytest.mark.parametrize("text", READ_AS)
def test_reads_as_in_a_derivation(text: str) -> None:
    assert spelt(stated(text)) == READ_AS[text]


@pytest.mark.parametrize(("name", "text"), TRUE)
def test_every_claim_is_typeset(name: str, text: str) -> None:
    step, style = stated(text, name), style_of(network(name))
    for side in (step.before, step.after):
        box = lay_out(side, style)
        assert "#" not in latex(box) + mathml(box).replace("&#", "") + plain(box)


def test_every_kind_of_term_has_an_equation() -> None:
    kinds = {kind for kind in vars(ct).values() if isinstance(kind, type) and issubclass(kind, ct.Term)}
    assert kinds - {ct.Term, ct.Repeated} == set(_expressions)
    with pytest.raises(EquationError, match="add it to evidence"):
        expression_of(ct.Term((), "?"))


@pytest.mark.parametrize(("texts", "passed"), [(HOLD, True), (FAIL, False)], ids=["hold", "fail"])
def test_the_equation_holds_where_the_claim_does(texts: tuple[str, ...], passed: bool) -> None:
    graph = graph_of(network("simple"))
    point = Point(graph, Draw(SIZES, STEPS, 0, None))
    for text in texts:
        step = stated(text)
        there = replace(step, before=step.before.xreplace({T: STEPS}), after=step.after.xreplace({T: STEPS}))
        assert verified_step(there, [point], 0).checks[0].passed is passed, text
