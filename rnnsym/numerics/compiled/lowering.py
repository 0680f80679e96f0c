"""Expressions taken apart: what is no arithmetic of entries gets an operation and a name of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import (
    ZERO,
    Concatenation,
    Expression,
    Lookup,
    MatrixProduct,
    Named,
    Negative,
    OrderedSum,
    Outer,
    Parameter,
    Part,
    Projection,
    Reduction,
    Scatter,
    Softmax,
    Transposed,
    Variable,
    add,
    multiply,
    negate,
    rebuild,
    t,
    transpose,
    walk,
)
from rnnsym.numerics.compiled.operations import (
    Added,
    Collapse,
    Contraction,
    Entries,
    FanIn,
    FanOut,
    Joined,
    Normalised,
    Operation,
    Rows,
    Scattered,
)
from rnnsym.numerics.terms import has_adjoint

APART = (MatrixProduct, Projection, Reduction, Softmax, Concatenation)
"""Nodes that are no arithmetic of entries; of the projections all but a row that is looked up."""


def moves(node: Expression) -> bool:
    """Whether ``node`` differs between steps and sequences."""
    return any(isinstance(inner, Variable) for inner in walk(node))


class Lowering:
    """Takes the assignments of a step apart; ``operations`` are its steps, ``ready`` those that no step changes.

    ``fresh`` gives new names to temporary quantities that no step changes, ``label`` to others.
    """

    def __init__(self, fresh: Callable[[str], str], label: Callable[[str], str]) -> None:
        self.operations: list[Operation] = []
        self.ready: list[Operation] = []
        self.rows: list[Rows] = []
        self._fresh, self._label = fresh, label
        self._known: dict[Expression, Any] = {}
        self._fans: dict[Any, FanOut] = {}

    def assign(self, target: Any, value: Expression) -> None:
        """Add what makes ``target`` the value."""
        self.operations.append(Entries(target, self.lower(value)))

    def lower(self, node: Expression) -> Expression:
        """Return ``node`` as arithmetic of entries; what it needs besides becomes operations before."""
        return rebuild(node, self._change)

    def bind(self, node: Expression) -> Any:
        """Return the name of a quantity, a new one where it has none."""
        lowered = self.lower(node)
        if isinstance(lowered, Named | Adjoint):
            return lowered
        return self._named(("bound", lowered), lowered, lambda name: Entries(name, lowered))

    def _named(self, key: Any, node: Expression, operation: Callable[[Any], Operation]) -> Any:
        if key not in self._known:
            still = not moves(node)
            name: Any = Parameter(self._fresh("ready"), node.shape) if still else Variable(
                self._label("part"), node.shape, t)
            made = operation(name)  # first: it may add what it needs itself
            (self.ready if still else self.operations).append(made)
            self._known[key] = name
        return self._known[key]

    def _change(self, node: Expression) -> Expression | None:
        if isinstance(node, Named | Adjoint):
            return node
        if isinstance(node, Lookup):
            return Lookup(node.vector, self.lower(node.matrix))
        if isinstance(node, OrderedSum) and node.rank == 1:
            return self._sum(node)
        if isinstance(node, Part) and moves(node):
            return Part(self.bind(node.operand), node.args[1], node.args[2])
        if type(node) is Outer and moves(node):
            return Outer(*(self.bind(side) for side in node.args))
        return self._apart(node) if isinstance(node, APART) else None

    def _apart(self, node: Any) -> Any:
        if isinstance(node, Reduction) and not node.operand.rank and node.kind != "logsumexp":
            return self.lower(node.operand)
        if isinstance(node, Reduction):
            return self._named(node, node, lambda name: Collapse(name, node.kind, self.lower(node.operand)))
        if isinstance(node, Softmax):
            return self._named(node, node, lambda name: Normalised(name, self.lower(node.argument)))
        if isinstance(node, Concatenation):
            return self._named(node, node, lambda name: Joined(name, tuple(self.lower(one) for one in node.args)))
        return self._product(MatrixProduct(*node.args) if isinstance(node, Projection) else node)

    def _product(self, node: MatrixProduct) -> Any:
        pair = weighted(node)
        if pair is not None:
            return self._fan_in({pair[0]: pair[1]}, node) if has_adjoint(pair[0]) else self._fan_out(*pair, node)
        if node.left.rank == node.right.rank == 1:
            return self._named(node, node, lambda name: Collapse(
                name, "sum", multiply(self.lower(node.left), self.lower(node.right))))
        return self._named(node, node, lambda name: Contraction(name, self.bind(node.left), self.bind(node.right)))

    def _fan_out(self, vector: Expression, matrix: Expression, node: Expression) -> Any:
        if node not in self._known:
            bound = self.bind(vector)
            key = (bound, matrix.shape)
            if key not in self._fans:
                self._fans[key] = FanOut(bound)
                self.operations.append(self._fans[key])
            self._known[node] = Variable(self._label("product"), node.shape, t)
            self._fans[key].members.append((self._known[node], self.lower(matrix)))
        return self._known[node]

    def _fan_in(self, members: dict[Expression, Expression], node: Expression) -> Any:
        found: dict[Expression, Expression] = {}
        for vector, matrix in members.items():
            bound = self.bind(vector)
            found[bound] = add(found[bound], self.lower(matrix)) if bound in found else self.lower(matrix)
        return self._named(node, node, lambda name: FanIn(name, found))

    def _sum(self, node: OrderedSum) -> Expression | None:
        """Join the products of δ's with weights in a sum."""
        members: dict[Any, dict[Expression, Expression]] = {}
        rest: list[Expression] = []
        for term in node.args:
            negative = isinstance(term, Negative)
            pair = weighted(term.args[0] if negative else term)
            if pair is None or not has_adjoint(pair[0]):
                rest.append(term)
                continue
            own = members.setdefault(pair[0].shape, {})
            matrix = negate(pair[1]) if negative else pair[1]
            own[pair[0]] = add(own[pair[0]], matrix) if pair[0] in own else matrix
        if not members:
            return None
        products = [self._fan_in(own, _key(own)) for own in members.values()]
        return add(*products, *(self.lower(term) for term in rest))

    def add_gradient(self, parameter: Parameter, value: Expression) -> None:
        """Add what a step gives to the gradient of ``parameter``."""
        for term in value.args if isinstance(value, OrderedSum) and value.rank == parameter.rank else (value,):
            self._add_term(parameter, term)

    def _add_term(self, parameter: Parameter, term: Expression) -> None:
        negative = isinstance(term, Negative)
        bare: Any = term.args[0] if negative else term
        turned = isinstance(bare, Transposed) and type(bare.args[0]) is Outer
        outer = bare.args[0] if turned else bare
        if isinstance(bare, Scatter):
            vector = negate(bare.args[1]) if negative else bare.args[1]
            self.operations.append(Scattered(parameter, bare.args[0], self.lower(vector)))
        elif type(outer) is Outer and all(moves(side) for side in outer.args):
            left, right = outer.args
            swapped = has_adjoint(left) and not has_adjoint(right)
            vector, adjoint = (right, left) if swapped else (left, right)
            self.rows.append(Rows(parameter, self.bind(vector), self.bind(adjoint), turned != swapped, negative))
        elif bare.rank == 1 and isinstance(bare, Adjoint):
            self.rows.append(Rows(parameter, None, bare, negative=negative))
        elif term != ZERO:
            self.operations.append(Added(parameter, self.lower(term)))


def _key(members: dict[Expression, Expression]) -> Expression:
    return add(*(MatrixProduct(vector, matrix) for vector, matrix in members.items()))


def weighted(node: Expression) -> tuple[Any, Expression] | None:
    """Return v and W of a product v W or W.T v of a vector that moves with weights that do not; None for others."""
    if not isinstance(node, MatrixProduct | Projection) or isinstance(node, Lookup):
        return None
    left, right = node.args
    if left.rank == 1 and right.rank == 2 and moves(left) and not moves(right):
        return left, right
    if left.rank == 2 and right.rank == 1 and moves(right) and not moves(left):
        return right, transpose(left)
    return None
