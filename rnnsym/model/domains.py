"""Where expressions and their slopes are finite."""

from __future__ import annotations

from rnnsym.model.activations import activations
from rnnsym.model.expressions import Elementwise, Expression, Power, Quotient, walk


def is_total(expression: Expression) -> bool:
    """Whether the expression and its slopes are finite for all finite numbers, as far as its nodes tell."""
    return not any(_may_be_infinite(node) for node in walk(expression))


def _may_be_infinite(node: object) -> bool:
    if isinstance(node, Elementwise):
        return activations[node.function].slope_bound is None
    whole = isinstance(node, Power) and node.exponent.is_Integer and node.exponent > 0
    return isinstance(node, Quotient | Power) and not whole
