"""The direct path of a state: ∂°s_T/∂s_j = ∏ ∂°s_t/∂s_{t−1}, all else within each step held fixed.

For the LSTM's c it is ∏ diag(f_t): the «constant error carousel» of Hochreiter and Schmidhuber 1997 with a forget gate.
It is one part of the total derivative, whose other paths lead through the gates; it is no bound of the total.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.jacobians import jacobian
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import Expression, IdentityMatrix, Numeral, Variable


@dataclass(frozen=True)
class DirectPath:
    """∂°s_t/∂s_{t−1} = ``value`` of one state; ``rest`` is ∂s_t's own equation."""

    state: Variable
    value: Expression
    rest: Expression


def direct_paths(loop: LoopGraph) -> tuple[DirectPath, ...]:
    """Return the direct path of each state that its own equation hands on, registers of earlier steps left out."""
    found = []
    for assignment in loop.cell:
        state: Any = assignment.target
        if state not in loop.states:
            continue
        before = state.at(loop.before)
        known: dict[Expression, Expression] = {before: IdentityMatrix(state.shape[0]) if state.shape else Numeral(1)}
        value = jacobian(assignment.value, known.get, state)
        if value is not None:
            found.append(DirectPath(state, value, assignment.value))
    return tuple(found)
