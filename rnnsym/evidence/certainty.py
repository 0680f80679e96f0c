"""How sure an exact check at random points is: bounds on the degrees of what is compared.

Two rational functions that differ agree at a random point with probability at most (the degree of the numerator of
their difference)/p (Schwartz 1980; Zippel 1979). A function's value is a residue of its own for each argument, so that
it has degree 1; two arguments that differ may meet with the same probability.
"""

from __future__ import annotations

from functools import cache
from math import ceil, log2
from typing import Any

from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import CheckError
from rnnsym.evidence.residues import PRIME
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    Application,
    Elementwise,
    Expression,
    Extremum,
    Hadamard,
    MatrixProduct,
    Named,
    Negative,
    OrderedSum,
    Parameter,
    Power,
    Quotient,
    Selection,
    walk,
)

SLOPE = 8  # degree of the slope of any function of the table, in its argument, its value and roots of them
ENOUGH = 64  # the probability 2^−64 of missing an error by draws of cases
MOST_CASES = 5
FACTORS = 4  # of a compared product: a row, two Jacobians, an immediate derivative


def number_of_cases(graph: StepGraph) -> int:
    """Return how many functions with cases take part, whose slope is one number here and another there."""
    return sum(_cases(a.value) for a in (*graph.cell, *graph.readout, graph.step_loss))


@cache
def _cases(expression: Any) -> int:
    return sum(isinstance(node, Selection | Extremum)
               or (isinstance(node, Elementwise) and bool(activations[node.function].kinks))
               for node in walk(expression))


def draws_of_cases(cases: int) -> int:
    """Return how many draws of 0 and 1 for each slope make an error's probability small, (1 − 2^−m)^draws for m cases.

    A polynomial of degree m in slopes c with c² = c, if it vanishes not everywhere, does so at 2^−m of all choices at
    least. CheckError where m is so large that no affordable number is enough.
    """
    if cases > MOST_CASES:
        raise CheckError(f"an identity of {cases} functions with cases needs c² = c of their slopes; at most "
                         f"{MOST_CASES} can be decided by draws")
    return ceil(ENOUGH / -log2(1 - 2.0**-cases))


def exponent_of_cases(cases: int, draws: int) -> int:
    """Return k for which so many draws miss an error with probability at most 2^−k."""
    return int(-log2(1 - 2.0**-cases) * draws)


def error_exponent(graph: StepGraph, size: int, compared: int) -> int:
    """Return k so that one wrong entry of ``compared`` passes with probability below 2^−k, at sizes up to ``size``."""
    assignments = (*graph.cell, *graph.readout, graph.step_loss)
    largest = max(_degree(a.value, size + 3) for a in assignments)
    whole = sum(2 * _degree(a.value, size + 3) + SLOPE for a in assignments) * FACTORS * (size + 3)
    atoms = sum(isinstance(node, Application) for a in assignments for node in walk(a.value)) * (size + 3) * 2
    wrong = compared * whole + atoms**2 * largest
    return int(PRIME.bit_length() - 1 - wrong.bit_length())


@cache
def _degree(expression: Any, length: int) -> int:
    """A bound on the degrees of numerator and denominator together; sums over ``length`` entries share denominators."""
    if isinstance(expression, Named) or not expression.args:
        return 1
    if isinstance(expression, Application):
        return 1 + _degree(expression.argument, length)
    parts = [_degree(arg, length) for arg in expression.args if isinstance(arg, Expression)]
    if isinstance(expression, Power):
        return int(abs(expression.exponent) + 1) * sum(parts)
    fractions = any(isinstance(node, Quotient | Power) for node in walk(expression))
    return sum(parts, 1) * (length if fractions else 1)


def matrix_factors(graph: StepGraph) -> int:
    """Return a bound on how many matrices are multiplied along one way through a step of any loop, or an output."""
    depths: dict[Any, int] = {}
    for a in (*graph.cell, *graph.readout):
        depths[a.target] = _longest(a, depths)
    return max(depths.values(), default=0)


def _longest(assignment: Assignment, depths: dict[Any, int]) -> int:
    before = [depths.get(node, 0) for node in walk(assignment.value) if isinstance(node, Named)]
    return max(before, default=0) + _multiplied(assignment.value)


@cache
def _multiplied(expression: Any) -> int:
    """The most matrices in one term of an expression."""
    if isinstance(expression, Parameter):
        return int(expression.rank == 2)
    parts = [_multiplied(arg) for arg in expression.args if isinstance(arg, Expression)]
    if isinstance(expression, MatrixProduct | Hadamard | Quotient):
        return sum(parts)
    if isinstance(expression, Power):
        return int(abs(expression.exponent) + 1) * sum(parts)
    if isinstance(expression, OrderedSum | Negative):
        return max(parts, default=0)
    return sum(parts)
