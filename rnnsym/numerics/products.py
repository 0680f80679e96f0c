"""Names for products of recurrent quantities, so that none is computed twice and each meets its weights at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rnnsym.calculus.binding import Assignment, Names, names_in
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.model.expressions import (
    Expression,
    MatrixProduct,
    Negative,
    OrderedSum,
    Selection,
    Variable,
    rebuild,
    t,
    transpose,
    walk,
)


def vector_and_matrix(node: Expression) -> tuple[Any, Expression] | None:
    """Return v and W of a product v W or W.T v of a vector that moves with weights that do not; None for others."""
    if not isinstance(node, MatrixProduct):
        return None
    left, right = node.args
    if left.rank == 1 and right.rank == 2 and _moves(left) and not _moves(right):
        return left, right
    if left.rank == 2 and right.rank == 1 and _moves(right) and not _moves(left):
        return right, transpose(left)
    return None


def _moves(node: Expression) -> bool:
    return any(isinstance(inner, Variable) for inner in walk(node))  # a δ holds its quantity


def with_named_products(graph: StepGraph) -> StepGraph:
    """Return ``graph`` with a name for each product inside another term, and for each vector that meets weights."""
    names = Names.of(graph.network)
    names.used.update(a.target.name for a in (*graph.cell, *graph.readout))
    return replace(graph, loops=tuple(_named(loop, names) for loop in graph.loops))


def _named(loop: LoopGraph, names: Names) -> LoopGraph:
    late = {state.at(loop.before) for state in loop.states}
    cell: list[Assignment] = []
    for assignment in loop.cell:
        cell += _bound(assignment, late, names)
        if late & set(names_in(assignment.value)) or assignment.target in loop.states:
            late.add(assignment.target)
    return replace(loop, cell=tuple(cell))


def _bound(assignment: Assignment, late: set[Any], names: Names) -> Iterator[Assignment]:
    bound: list[Assignment] = []

    def bind(value: Expression, letter: str) -> Variable:
        known = next((one.target for one in bound if one.value == value), None)
        if known is None:
            known = Variable(names.fresh(f"{letter}_{assignment.target.name}"), value.shape, t)
            bound.append(Assignment(known, value))
            late.add(known)
        return known

    def is_late(node: Expression) -> bool:
        return bool(late & set(names_in(node)))

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Selection):
            return node  # a branch that is not taken may have no value
        pair = vector_and_matrix(node)
        if pair is None or not is_late(pair[0]):
            return None
        vector = pair[0] if isinstance(pair[0], Variable) else bind(rebuild(pair[0], inner), "q")
        left, right = node.args
        return MatrixProduct(vector, right) if left == pair[0] else MatrixProduct(left, vector)

    def inner(node: Expression) -> Expression | None:
        """A product, or a sum with a product, that stands inside another term."""
        if isinstance(node, Selection):
            return node
        terms = node.args if isinstance(node, OrderedSum) else (node,)
        products = [vector_and_matrix(term.args[0] if isinstance(term, Negative) else term) for term in terms]
        if any(pair is not None and is_late(pair[0]) for pair in products):
            return bind(_top(node), "p")
        return None

    def _top(value: Expression) -> Expression:
        if isinstance(value, OrderedSum | Negative):
            return type(value)(*(_top(term) for term in value.args))
        return change(value) or rebuild(value, inner)

    value = _top(assignment.value)
    yield from bound
    yield Assignment(assignment.target, value)
