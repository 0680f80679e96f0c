"""Names for intermediate results: each argument of a function becomes a symbol, so that nothing is ever nested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Basic

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model.domains import is_total
from rnnsym.model.expressions import Application, Expression, Named, Parameter, Selection, Variable, rebuild, t, walk
from rnnsym.model.networks import Network


@dataclass(frozen=True)
class Assignment:
    """``target := value``: the target is a name from here on."""

    target: Any
    value: Expression


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


class Names:
    """Fresh names that the user's equations do not use."""

    def __init__(self, used: set[str]) -> None:
        self.used = used

    @classmethod
    def of(cls, network: Network) -> Names:
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


def let_bind(
    equations: Any, names: Names, letter: str, foreign: frozenset[Variable] = frozenset()
) -> tuple[Assignment, ...]:
    """Give each argument of a function that has no name of its own here, and each nested function, a name.

    ``foreign`` names belong elsewhere: the logit of ŷ = σ(h_T) is the readout's own z = h_T, since δ of the state h_T
    also gathers what arrives by other ways. A `where` that keeps a function to its domain, or a divisor from zero,
    keeps all that is in it: log(a) by a name of its own would have no value where a is negative, nor any slope.
    """
    functions = [node for e in equations for node in walk(e.expression) if isinstance(node, Application)]
    unnamed = [f for f in functions if not isinstance(f.argument, Named) or f.argument in foreign]
    return tuple(a for e in equations for a in _bind_equation(e, names, letter, foreign, alone=len(unnamed) == 1))


def _bind_equation(
    equation: Any, names: Names, letter: str, foreign: frozenset[Variable], *, alone: bool
) -> Iterator[Assignment]:
    bound: list[Assignment] = []

    def bind(value: Expression, *wishes: str) -> Variable:
        for known in bound:
            if known.value == value:
                return known.target
        bound.append(Assignment(Variable(names.fresh(*wishes), value.shape, t), value))
        return bound[-1].target

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Selection) and not is_total(node):
            return node
        if not isinstance(node, Application):
            return None
        argument = rebuild(node.argument, change)
        if not isinstance(argument, Variable | Parameter) or argument in foreign:
            wish = f"{letter}_{equation.target.name}"
            argument = bind(argument, *((letter, wish) if alone else (wish,)))
        call = node.applied_to(argument)
        return call if node is equation.expression else bind(call, "u", "v", "q", "u")

    value = rebuild(equation.expression, change)
    yield from bound
    yield Assignment(equation.target, value)
