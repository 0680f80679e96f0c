"""Scalars and vectors that multiply entry by entry: which of them share out, which are gains, and where they start.

They are no weights of a sum: a law by fan-in, made for sums of many terms, would draw a leak of −1.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.connections import summed_axes
from rnnsym.model.expressions import (
    ONE,
    Application,
    Constant,
    Expression,
    Extremum,
    Hadamard,
    Negative,
    Numeral,
    OrderedSum,
    Parameter,
    Variable,
    walk,
)
from rnnsym.model.networks import Network

Float = NDArray[np.float64]
SHARE, GAIN = "share", "gain"
_erf = np.vectorize(erf, otypes=[float])


def multipliers(network: Network) -> dict[str, str]:
    """Return {name: "share" or "gain"} of the scalars and vectors p that multiply entry by entry.

    A share stands beside its complement, 1 − p. Of the others a diagonal of weights is none of these: p in p * s, s a
    state or the input, as a term inside a function, where a matrix would stand as well (a peephole, IndRNN's u).
    """
    summed, complements, diagonals = summed_axes(network), set(_complements(network)), set(_diagonals(network))
    found = {}
    for count in network.counts():
        name = count.parameter.name
        if count.kind == "weight" and count.parameter.rank <= 1 and name not in summed:
            if name in complements:
                found[name] = SHARE
            elif name not in diagonals:
                found[name] = GAIN
    return found


def first_value(kind: str, normal: Any) -> Float:
    """Return where a multiplier starts, given N(0, 1) of its shape: a share Φ(normal) ~ U(0, 1), a gain 1."""
    drawn = np.asarray(normal, dtype=np.float64)
    return np.asarray((1 + _erf(drawn / sqrt(2))) / 2) if kind == SHARE else np.ones(drawn.shape)


def _expressions(network: Network) -> Iterator[Expression]:
    return (equation.expression for equation in (*network.equations, *network.readout_equations))


def _complements(network: Network) -> Iterator[str]:
    """Yield each parameter p of a sum 1 − p."""
    for expression in _expressions(network):
        for node in walk(expression):
            if isinstance(node, OrderedSum) and len(node.args) == 2 and ONE in node.args:
                other = next(term for term in node.args if term != ONE)
                if isinstance(other, Negative) and isinstance(other.args[0], Parameter):
                    yield other.args[0].name


def _diagonals(network: Network) -> Iterator[str]:
    """Yield each parameter p of a term p * s inside a function, s a state or the input."""
    states = {state.variable.name for state in network.states}
    between = {equation.target: equation.expression for equation in network.equations
               if equation.target.name not in states}
    for expression in _expressions(network):
        for node in walk(expression):
            if isinstance(node, Application | Extremum):
                terms = [term for operand in node.args if isinstance(operand, Expression)
                         for term in _terms(operand, between)]
                yield from (name for term in terms for name in _diagonal(term, {*states, network.input.name}))


def _terms(expression: Any, between: Mapping[Variable, Expression]) -> Iterator[Expression]:
    """Yield the terms of a sum, those of what it names within the step among them, without their signs."""
    if isinstance(expression, OrderedSum | Negative):
        for term in expression.args:
            yield from _terms(term, between)
    elif expression in between:
        yield from _terms(between[expression], between)
    else:
        yield expression


def _diagonal(term: Expression, multiplied: set[str]) -> Iterator[str]:
    factors = [factor for factor in term.args if not isinstance(factor, Numeral | Constant)]
    if isinstance(term, Hadamard) and len(factors) == 2:
        for own, other in (factors, factors[::-1]):
            if isinstance(own, Parameter) and isinstance(other, Variable) and other.name in multiplied:
                yield own.name
