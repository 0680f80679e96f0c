"""Rules that prove a claim `left <= right`: the bound of the Jacobians between steps, by the rules for norms."""

from __future__ import annotations

from typing import Any

from rnnsym.calculus.bound_values import is_at_most
from rnnsym.calculus.bounds import jacobian_bound
from rnnsym.calculus.norms import SpectralNorm
from rnnsym.errors import DerivationError
from rnnsym.evidence.claim_terms import Claim, Derivative, Formula, Norm, Step, StepProduct, Term, Value
from rnnsym.model.expressions import Expression, Parameter, Transposed, Variable, rebuild
from rnnsym.model.networks import Network

RULE = ("for every T, by the rules for bounds: ‖∂{0}_t/∂{0}_(t−1)‖ ≤ β with β no larger than `{1}`, and the norm of a "
        "product is at most the product of the norms (see rnnsym.derive_bounds)")


def bound_rule(claim: Claim, network: Network) -> str | None:
    """Return by which rule for bounds a claim `left <= right` holds, in words; None where no rule proves it.

    The claim must be norm(total(s[a], s[b])) <= R**(a - b), or <= R where b = a − 1, for the only state s of a network,
    with R made of numbers and of norms of parameters, and no smaller than β of ``jacobian_bound``.
    """
    derivative = claim.left.operand if isinstance(claim.left, Norm) else None
    if not isinstance(derivative, Derivative) or derivative.of.step is None or derivative.by.step is None:
        return None
    lag = derivative.of.step.plus(derivative.by.step, -1)
    if derivative.immediate and lag != Step((), 1):
        return None
    factor = _each_step(claim.right, lag)
    largest = None if factor is None else _in_norms(factor)
    if factor is None or largest is None:
        return None
    state = _only_state(network)
    if state is None or {derivative.of.name.name, derivative.by.name.name} != {state}:
        return None
    return RULE.format(state, factor.source) if _proved(network, largest) else None


def _each_step(right: Term, lag: Step) -> Term | None:
    """Return R of R**lag, or of R where the lag is one step."""
    if isinstance(right, StepProduct):
        count = right.span.high.plus(right.span.low, -1).plus(Step((), 1))
        return right.term if count == lag else None
    return right if lag == Step((), 1) else None


def _only_state(network: Network) -> str | None:
    states = [state.variable.name for loop in network.loops for state in loop.states]
    return states[0] if len(states) == 1 else None


def _proved(network: Network, largest: Expression) -> bool:
    try:
        bound = jacobian_bound(network)
    except DerivationError:
        return False
    return bound.alone and bound.uniform and not bound.starts and is_at_most(bound.step, largest)


def _in_norms(term: Term) -> Expression | None:
    """Return a term as an expression in norms of parameters, None where it holds anything else."""
    match term:
        case Norm(operand=Value(quantity=quantity)) if isinstance(quantity.name, Parameter):
            return SpectralNorm(quantity.name)
        case Norm(operand=Formula(expression=Transposed(), parts=(Value(quantity=quantity),))) \
                if isinstance(quantity.name, Parameter):
            return SpectralNorm(quantity.name)  # ‖Wᵀ‖ = ‖W‖
        case Formula():
            found = {f"#{number}": _in_norms(one) for number, one in enumerate(term.parts)}
            return None if None in found.values() else _put_together(term.expression, found)
    return None


def _put_together(expression: Expression, found: dict[str, Any]) -> Expression | None:
    named = rebuild(expression, lambda node: found.get(node.name) if isinstance(node, Variable) else None)
    return named if not named.shape else None
