"""How much a step of a network is, in operations of numbers and in calls of array functions, by its equations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import (
    Elementwise,
    Expression,
    MatrixProduct,
    Named,
    Outer,
    Projection,
    Softmax,
    Transposed,
    walk,
)
from rnnsym.numerics.bulk import early_terms
from rnnsym.numerics.sequences import Plan

FUNCTION = 5  # operations that a function such as tanh counts as
Amount = Counter[tuple[Any, ...]]  # {sizes whose product counts: how often}


@dataclass(frozen=True)
class Work:
    """``step`` and ``output`` count the operations of one step and of one output, ``loop`` those that need a state.

    ``calls`` are what is done to arrays in a step of the loops, forward and back.
    """

    step: Amount
    output: Amount
    loop: Amount
    calls: int

    @classmethod
    def of(cls, plan: Plan) -> Work:
        """Return the work of a network."""
        graph, recursion = plan.graph, plan.recursion
        back = [value for loop in recursion.loops for value in (*(a.value for a in loop.step), *loop.carry.values())]
        loops = [*(a.value for a in graph.cell), *back]
        products = [value for loop in recursion.loops for value in (*loop.step_gradients.values(), loop.input)]
        outputs = [plan.loss, *(a.value for a in (*graph.readout, *recursion.readout)), *recursion.final.values(),
                   *recursion.readout_gradients.values()]
        late = [a.value for loop in graph.loops for a in early_terms(loop).rest]
        return cls(_amount([*loops, *products]), _amount(outputs), _amount([*late, *back]), sum(_calls(loops)))


def number_of(amount: Amount, sizes: Mapping[Any, int]) -> int:
    """Return an amount at given sizes."""
    known: dict[Any, int] = {}

    def length(count: Any) -> int:
        if count not in known:
            known[count] = int(count.xreplace(dict(sizes)))
        return known[count]

    return sum(times * prod(map(length, counts)) for counts, times in amount.items())


def _amount(expressions: Iterable[Expression]) -> Amount:
    found: Amount = Counter()
    for node in (node for expression in expressions for node in walk(expression)):
        if isinstance(node, MatrixProduct | Projection):
            found[*node.args[0].shape, *node.shape[-1:]] += 2
        elif isinstance(node, Outer):
            found[node.shape] += 2
        elif not isinstance(node, Named | Adjoint | Transposed) and isinstance(node, Expression):
            found[node.shape] += FUNCTION if isinstance(node, Elementwise | Softmax) else 1
    return found


def _calls(expressions: Iterable[Expression]) -> Iterable[int]:
    for node in (node for expression in expressions for node in walk(expression)):
        yield isinstance(node, Expression) and not isinstance(node, Named | Adjoint | Transposed) and bool(node.args)
