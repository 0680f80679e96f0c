"""Expressions evaluated with mpmath: every entry of the table of activations by its SymPy symbol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
import sympy

from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, evaluate
from rnnsym.model.expressions import Expression, Variable

DIGITS = 60
argument = sympy.Symbol("a", real=True)

# Written out for the functions that SymPy does not know, from their definitions.
DEFINITIONS: Mapping[str, Callable[[Any], Any]] = {
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "relu": lambda a: max(a, mpmath.mpf(0)),
    "leaky_relu": lambda a: a if a > 0 else a / 100,
    "step": lambda a: mpmath.mpf(1) if a > 0 else mpmath.mpf(0),
    "signum": lambda a: mpmath.mpf(1) if a > 0 else mpmath.mpf(-1) if a < 0 else mpmath.mpf(0),
    "absolute": lambda a: a if a > 0 else -a,
    "rounded": lambda a: mpmath.floor(a + mpmath.mpf(1) / 2),
    "exponential": mpmath.exp,
}


def function(formula: Any) -> Callable[[Any], Any]:
    """Return a SymPy formula in ``argument`` as an mpmath function."""
    compiled: Callable[[Any], Any] = sympy.lambdify(argument, formula, [dict(DEFINITIONS), "mpmath"])
    return compiled


def apply(name: str, array: Any) -> Any:
    exact = function(activations[name].symbol(argument))
    return np.vectorize(exact, otypes=[object])(array) if np.shape(array) else exact(array)


def number(exact: Any) -> Any:
    fraction = sympy.Rational(exact)
    return mpmath.mpf(int(fraction.p)) / int(fraction.q)


EXACT = Arithmetic(number, apply, {})


def value(expression: Expression, values: Mapping[Variable, Any]) -> Any:
    """Return the value of ``expression`` with mpmath numbers for its names."""
    return evaluate(expression, lambda name: values[name], EXACT)
