"""What one sequence's step needs as one product: the row [x; 1; h] with all weights and biases at once.

A sum x W_x + h W_h + b is that row times [W_x; b; W_h]. Several sums of the same state stand side by side; where one
has no x, or no bias, its weights there are zero. At one sequence a step so needs no call to add what its input drives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import Elementwise, Expression, Outer, Variable, add, walk
from rnnsym.numerics.plans import Forward, Group, terms_of_sum
from rnnsym.numerics.products import vector_and_matrix


@dataclass(frozen=True)
class Row(Group):
    """A group whose members' early terms are no more than a product of x with weights, and biases.

    ``inputs`` and ``biases`` are the members' weights of x and of 1, None where a member has none; ``x`` is None, or
    ``biased`` false, where none has any.
    """

    x: Variable | None
    inputs: tuple[Expression | None, ...]
    biases: tuple[Expression | None, ...]

    @property
    def biased(self) -> bool:
        """Whether any member has a bias."""
        return any(self.biases)

    def part_of(self, gradient: Expression) -> tuple[str, Variable, bool] | None:
        """Say which part of the gradient by all weights of the row a parameter's is: of x, 1 or h, and whose.

        True says that it is transposed. None is told of any other gradient.
        """
        if isinstance(gradient, Adjoint) and gradient.variable in self.members:
            return "1", gradient.variable, False
        if not isinstance(gradient, Outer):
            return None
        known = {self.x: "x", self.vector: "h"}
        for (vector, delta), turned in ((gradient.args, False), (gradient.args[::-1], True)):
            if vector in known and isinstance(delta, Adjoint) and delta.variable in self.members:
                return known[vector], delta.variable, turned
        return None


def with_rows(plan: Forward, loop: LoopGraph) -> Forward:
    """Return the plan with rows for groups, and for single sums, wherever the equations allow it."""
    found, drives, rest = list[Group](), dict(plan.drives), dict(plan.rest)
    reader = _Reader(plan, loop)
    for group in (*plan.groups, *reader.single()):
        row = reader.row(group)
        if row is not None:
            found.append(row)
            drives = {target: value for target, value in drives.items() if target not in row.members}
            rest |= {member: reader.left(member, row) for member in row.members}
        elif group in plan.groups:
            found.append(group)
    return replace(plan, groups=tuple(found), drives=drives, rest=rest)


class _Reader:
    """Reads the sums of a loop's step: their weights of x, of 1 and of a state, and what else they hold."""

    def __init__(self, plan: Forward, loop: LoopGraph) -> None:
        self.plan, self.cell, self.x = plan, loop.cell, loop.loop.reads
        self.sums = {a.target: a.value for a in loop.cell}
        self.early = {self.x, *(a.target for a in plan.early)}
        self.before = {state.at(loop.before) for state in loop.states}
        self.functions = {a.value.argument: a.value.function for a in loop.cell if isinstance(a.value, Elementwise)}

    def single(self) -> list[Group]:
        """Sums with one product of a state, which make no group; a function that acts on no more follows at once."""
        found = []
        for target, value in self.sums.items():
            pairs = [pair for term in terms_of_sum(value) if (pair := vector_and_matrix(term))]
            products = [pair for pair in pairs if pair[0] in self.before]
            if target.rank == 1 and len(products) == 1 and self.plan.group_of(target) is None:
                group = Group(products[0][0], (target,), (products[0][1],), ())
                row = self.row(group)
                alone = row is not None and target in self.plan.shared and self.left(target, row) is None
                found.append(replace(group, runs=((self.functions[target], group.members),)) if alone else group)
        return found

    def row(self, group: Group) -> Row | None:
        """Return the group as a row, None where x or the bias comes in another way."""
        parts = [self._parts(self.sums[member]) for member in group.members]
        inputs, biases = (tuple(part[place] for part in parts if part) for place in (0, 1))
        if None in parts or not any((*inputs, *biases)):
            return None
        x = self.x if any(inputs) else None
        return Row(group.vector, group.members, group.matrices, group.runs, x, inputs, biases)

    def left(self, member: Variable, row: Row) -> Expression | None:
        """What of a member's sum is no part of the row."""
        terms = [term for term in terms_of_sum(self.sums[member]) if _variables(term)
                 and not self._reads(_vector(term)) and _vector(term) != row.vector]
        return add(*terms) if terms else None

    def _parts(self, value: Expression) -> tuple[Expression | None, Expression | None] | None:
        """The weights of x and the bias in a sum; None if x comes twice, or something else needs no state."""
        terms = terms_of_sum(value)
        inputs = [pair[1] for term in terms if (pair := vector_and_matrix(term)) and self._reads(pair[0])]
        biases = [term for term in terms if not _variables(term)]
        others = [term for term in terms if _variables(term) and not self._reads(_vector(term))]
        bad = len(inputs) > 1 or any(_variables(term) <= self.early for term in others)
        if bad or any(term.rank != 1 for term in biases):
            return None
        return (inputs[0] if inputs else None), (add(*biases) if biases else None)

    def _reads(self, vector: Any) -> bool:
        return vector is not None and vector == self.x


def _vector(term: Expression) -> Any:
    pair = vector_and_matrix(term)
    return None if pair is None else pair[0]


def _variables(term: Expression) -> set[Any]:
    return {node for node in walk(term) if isinstance(node, Variable)}
