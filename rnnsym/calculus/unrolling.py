"""The network as let-bound assignments: every intermediate is a symbol, at one step and unrolled over all of them.

Nothing here is ever substituted into anything else. A nested expression grows exponentially with the number of
steps; a chain of assignments grows linearly, and one step's assignments serve for every T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Basic

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import (
    Elementwise,
    Expression,
    Named,
    Parameter,
    T,
    Variable,
    at_step,
    rebuild,
    t,
    walk,
)
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network

MAX_STEPS = 10_000  # a derivation prints each path; beyond this a document cannot be read, nor held in memory


@dataclass(frozen=True)
class Assignment:
    """``target := value``: the target is a name from here on."""

    target: Any
    value: Expression


@dataclass(frozen=True)
class StepGraph:
    """One step of a network as assignments.

    ``cell`` computes the new states at step t from those at t − 1 and the input; ``readout`` computes ŷ from the states
    of the last step; ``loss`` is L. ``logit`` is what the readout's last function acts on (None if it is no
    function). All names but the parameters are ``Variable``.
    """

    network: Network
    cell: tuple[Assignment, ...]
    readout: tuple[Assignment, ...]
    loss: Assignment
    logit: Variable | None

    @property
    def states(self) -> tuple[Variable, ...]:
        """The states at step t, in the order of their equations."""
        return tuple(state.variable for state in self.network.states)

    @property
    def output(self) -> Variable:
        """ŷ, which has one step only in a many-to-one network."""
        return self.readout[-1].target


def graph_of(network: Network) -> StepGraph:
    """Return the let-bound step of ``network``; the readout stands at step T and its own names bear no step."""
    names = _Names.of(network)
    states = frozenset(state.variable for state in network.states)
    cell = _let_bind(network.equations, names, "a")
    readout = tuple(_without_step(a, network) for a in _let_bind(network.readout_equations, names, "z", states))
    yhat = readout[-1].target
    target = Variable("target", yhat.shape)
    loss = Assignment(Variable("L", ()), losses[network.loss].value(yhat, target))
    last = readout[-1].value
    argument = last.argument if isinstance(last, Elementwise) else None
    return StepGraph(network, cell, readout, loss, argument if isinstance(argument, Variable) else None)


def unroll(graph: StepGraph, steps: int) -> tuple[Assignment, ...]:
    """Return the assignments of steps 1 … T in order of computation, then the readout's and the loss."""
    if not 1 <= steps <= MAX_STEPS:
        raise DerivationError(f"steps must be a whole number from 1 to {MAX_STEPS}, but it is {steps}")
    cell = [
        Assignment(a.target.at(step), at_step(a.value, step)) for step in range(1, steps + 1) for a in graph.cell
    ]
    readout = [Assignment(a.target, rebuild(a.value, _last_step(steps))) for a in graph.readout]
    return (*cell, *readout, graph.loss)


def _last_step(steps: Any) -> Any:
    def moved(node: Expression) -> Expression | None:
        return node.at(steps) if isinstance(node, Variable) and node.step == T else None

    return moved


def at_last_step(expression: Expression, steps: Any) -> Expression:
    """Return a readout's expression with the last step T written as ``steps``."""
    return rebuild(expression, _last_step(steps))


def names_in(expression: Expression) -> tuple[Named, ...]:
    """Return the names whose values ``expression`` uses, in order of first appearance; the v in δ^v is not used."""
    found: dict[Named, None] = {}
    stack: list[Basic] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Named):
            found[node] = None
        elif not isinstance(node, Adjoint):
            stack.extend(arg for arg in reversed(node.args) if isinstance(arg, Expression))
    return tuple(found)


def _without_step(assignment: Assignment, network: Network) -> Assignment:
    """Put the readout at step T: states at T, its own intermediates and ŷ without a step."""
    states = {state.variable.name for state in network.states}

    def moved(node: Expression) -> Expression | None:
        if not isinstance(node, Variable):
            return None
        return node.at(T) if node.name in states else node.at(None)

    return Assignment(rebuild(assignment.target, moved), rebuild(assignment.value, moved))


class _Names:
    """Fresh names that the user's equations do not use."""

    def __init__(self, used: set[str]) -> None:
        self.used = used

    @classmethod
    def of(cls, network: Network) -> _Names:
        equations = (*network.equations, *network.readout_equations)
        named = {name.name for equation in equations for name in names_in(equation.expression)}
        own = {*(e.target.name for e in equations), *(c.name for c in network.constants)}
        return cls(named | own | {"x", "L", "target"})

    def fresh(self, *wishes: str) -> str:
        for name in (*wishes, *(f"{wishes[-1]}{i}" for i in range(1, 1000))):
            if name not in self.used:
                self.used.add(name)
                return name
        raise DerivationError(f"no free name is left near {wishes[-1]!r}: rename some of the equations' names")


def _let_bind(
    equations: Any, names: _Names, letter: str, foreign: frozenset[Variable] = frozenset()
) -> tuple[Assignment, ...]:
    """Give each argument of a function that has no name of its own here, and each nested function, a name.

    ``foreign`` names belong elsewhere: the logit of ŷ = σ(h_T) is the readout's own z = h_T, since δ of the state h_T
    also gathers what arrives by other ways.
    """
    functions = [node for e in equations for node in walk(e.expression) if isinstance(node, Elementwise)]
    unnamed = [f for f in functions if not isinstance(f.argument, Named) or f.argument in foreign]
    return tuple(a for e in equations for a in _bind_equation(e, names, letter, foreign, alone=len(unnamed) == 1))


def _bind_equation(
    equation: Any, names: _Names, letter: str, foreign: frozenset[Variable], *, alone: bool
) -> Iterator[Assignment]:
    bound: list[Assignment] = []

    def bind(value: Expression, *wishes: str) -> Variable:
        for known in bound:
            if known.value == value:
                return known.target
        bound.append(Assignment(Variable(names.fresh(*wishes), value.shape, t), value))
        return bound[-1].target

    def change(node: Expression) -> Expression | None:
        if not isinstance(node, Elementwise):
            return None
        argument = rebuild(node.argument, change)
        if not isinstance(argument, Variable | Parameter) or argument in foreign:
            wish = f"{letter}_{equation.target.name}"
            argument = bind(argument, *((letter, wish) if alone else (wish,)))
        call = Elementwise(node.function, argument)
        return call if node is equation.expression else bind(call, "u", "v", "q", "u")

    value = rebuild(equation.expression, change)
    yield from bound
    yield Assignment(equation.target, value)
