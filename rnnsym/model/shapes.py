"""Shape inference by unification: the sizes of all axes from the equations alone.

First every occurrence of a parameter has sizes of its own: what is found equal then, the equations say without help
of a weight. Then the occurrences of each parameter are made one: two sizes that become equal only there are refused,
because nothing but the shared weight, which is more often a slip than a wish, forces them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from rnnsym.errors import ShapeError
from rnnsym.model.expressions import Shape
from rnnsym.model.names import Program
from rnnsym.model.ranks import infer_ranks
from rnnsym.model.sizes import Axes, Sizes
from rnnsym.model.sources import Place, fail
from rnnsym.model.statements import Annotation, Assignment, Node
from rnnsym.model.vocabulary import reductions

KINDS = ("a scalar", "a vector", "a matrix")
VECTOR_FUNCTIONS = ("softmax", "logsumexp")
MAX_PIECES = 1_000  # of one size: nested joins double it with each line


@dataclass(frozen=True)
class Shapes:
    """The shapes of one text: by name, of each identity by its place; the convention; what the outer sizes became."""

    named: Mapping[str, Shape]
    identities: Mapping[Place, Any]
    convention: str | None
    outer: Mapping[Any, Any]


def infer_shapes(program: Program) -> Shapes:
    """Return the shapes of ``program``; raise ShapeError where two that must agree do not."""
    inference = _Inference(program)
    for line in program.lines:
        inference.line(line)
    inference.unify_occurrences()
    return inference.result()


def _declared_ranks(program: Program) -> dict[str, int]:
    ranks = {name: len(shape) for name, shape in program.context.given.items()}
    ranks |= dict.fromkeys(program.states, 1)
    ranks |= {program.context.result: 1} if program.context.is_readout else {}
    return ranks | {name: annotation.rank for name, annotation in program.annotations.items()}


class _Inference:
    """The sizes of one program while they are being found."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sizes = Sizes()
        self.ranks = infer_ranks(program.lines, _declared_ranks(program))
        self.axes: dict[str, Axes] = {}
        self.occurrences: dict[str, list[tuple[Axes, Node]]] = {}
        self.identities: dict[Place, int] = {}
        self.conventions: dict[str, Node] = {}
        self.joined: dict[int, Node] = {}
        self.target = ""
        for outer in program.context.sizes:
            self.sizes.of(outer)
        for name, shape in program.context.given.items():
            self._declare(name, tuple(self.sizes.of(one) for one in shape))
        for name in program.states:
            self._declare_state(name)

    def _declare(self, name: str, axes: Axes) -> None:
        """Set the shape of a variable, joined with its annotation where it has one."""
        annotation = self.program.annotations.get(name)
        if annotation is None:
            self.axes[name] = axes
        elif annotation.rank == 2:
            fail(f"`{name}` is annotated as a matrix, but inputs, gates, states and outputs are scalars or vectors",
                 annotation.place)
        else:
            self.axes[name] = axes[:annotation.rank]
            self._annotate(name, annotation)

    def _annotate(self, name: str, annotation: Annotation) -> None:
        axes = self.axes[name]
        if annotation.sizes is None:
            return
        said = tuple(self.sizes.named(one) for one in annotation.sizes)

        def refuse() -> NoReturn:
            fail(f"`{name}` has the shape {self.sizes.show(axes)} and is annotated {annotation.text}",
                 annotation.place, ShapeError)

        self.sizes.agree(axes, said, refuse)

    def _declare_state(self, name: str) -> None:
        """Give a state a size: ``n`` the first that is no scalar, its own name's every other."""
        axis = self.sizes.new(variable=name)
        if self.ranks[name] and not any(self.axes[state] for state in self.program.states if state in self.axes):
            self.sizes.merge(axis, self.sizes.named("n"))
        self._declare(name, (axis,))

    def line(self, line: Assignment) -> None:
        """Unify along one equation."""
        self.target = line.target
        axes = self.shape(line.expression, line.expression)
        if len(axes) == 2:
            fail(f"`{line.target}` would be a matrix {self.sizes.show(axes)}, and matrix-valued states and gates are "
                 "not in the language: "
                 f"write `{line.expression.place.source}` where it is used", line.place, ShapeError)
        if line.target not in self.axes:
            self._declare_assigned(line, axes)
        declared = self.axes[line.target]
        if len(declared) != len(axes):
            self._refuse_rank(line, len(axes))
        self._merge(declared, axes, line.expression, f"`{line.target}`", f"`{line.expression.place.source}`")

    def _declare_assigned(self, line: Assignment, axes: Axes) -> None:
        rank = _declared_ranks(self.program).get(line.target, len(axes))
        own = tuple(self.sizes.new(variable=line.target) for _ in range(rank))
        if line.target == self.program.context.result:
            if rank != 1:
                fail(f"`{line.target}` is a vector: leave out its annotation", line.place, ShapeError)
            if line.target == "yhat":
                self.sizes.merge(own[0], self.sizes.named("k"))
        self._declare(line.target, own)

    def _refuse_rank(self, line: Assignment, rank: int) -> None:
        name, expression = line.target, line.expression.place.source
        remedy = f"annotate `{name}: {'vector' if rank else 'scalar'}`"
        if name == self.program.context.result:
            remedy = "write it as a product with a matrix, as in `h @ W`"
        elif line.expression.kind == "matmul" and not rank:
            remedy = f"an elementwise product is written `*`; `@` of two vectors is a scalar (`{name}: scalar`)"
        elif rank:
            remedy = f"leave out the annotation of `{name}`, or reduce with sum, mean or dot"
        fail(f"`{name}` is {KINDS[len(self.axes[name])]}, but `{expression}` is {KINDS[rank]}: {remedy}",
             line.place, ShapeError)

    def shape(self, node: Node, parent: Node) -> Axes:
        """Return the axes of ``node``, with all that its operands force."""
        if node.kind in ("number", "constant"):
            return ()
        if node.kind in ("variable", "previous"):
            return self.axes[node.name]
        if node.kind == "parameter":
            return self._occurrence(node, parent)
        if node.kind == "identity":
            self.identities[node.place] = self.sizes.new()
            return (self.identities[node.place],) * 2
        operands = [self.shape(operand, node) for operand in node.operands]
        if node.kind == "matmul" or node.name == "dot":
            return self._product(node, operands[0], operands[1])
        if node.kind == "transpose":
            return self._transpose(node, operands[0])
        if node.kind == "lookup":
            return self._lookup(node, operands[0], operands[1])
        if node.name == "concat":
            return self._concatenation(node, operands)
        if node.name in reductions and not operands[0]:
            fail(f"`{node.place.source}`: there is nothing to reduce in a scalar", node.place, ShapeError)
        if node.name in VECTOR_FUNCTIONS and len(operands[0]) != 1:
            fail(f"in the equation of {self.target}, `{node.operands[0].place.source}` is {KINDS[len(operands[0])]} "
                 f"{self.sizes.show(operands[0])}: {node.name} needs a vector", node.place, ShapeError)
        if node.name in reductions:
            return ()
        return self._elementwise(node, operands)

    def _occurrence(self, node: Node, parent: Node) -> Axes:
        axes = tuple(self.sizes.new(parameter=node.name) for _ in range(self.ranks[node.name]))
        annotation = self.program.annotations.get(node.name)
        if annotation is not None and annotation.sizes is not None:
            axes = tuple(self.sizes.named(one) for one in annotation.sizes)
        self.occurrences.setdefault(node.name, []).append((axes, parent))
        return axes

    def _elementwise(self, node: Node, operands: list[Axes]) -> Axes:
        found: Axes = ()
        which = node
        for axes, operand in zip(operands, node.operands, strict=True):
            if found and axes and len(found) != len(axes):
                self._refuse_broadcast(which, found, operand, axes)
            if found and axes:
                self._merge(found, axes, operand, f"`{which.place.source}`", f"`{operand.place.source}`")
            elif axes:
                found, which = axes, operand
        return found

    def _refuse_broadcast(self, left: Node, first: Axes, right: Node, second: Axes) -> None:
        said = self.program.annotations
        bare = [node for node in (left, right) if node.kind == "parameter" and node.name not in said]
        remedy = f"; if it is meant so, annotate `{bare[0].name}: scalar`" if bare else ""
        fail(f"in the equation of {self.target}, `{left.place.source}` is {KINDS[len(first)]} {self.sizes.show(first)} "
             f"and `{right.place.source}` is {KINDS[len(second)]} {self.sizes.show(second)}: elementwise, only a "
             f"scalar goes with another shape{remedy}", right.place, ShapeError)

    def _product(self, node: Node, left: Axes, right: Axes) -> Axes:
        first, second = node.operands
        for axes, operand in ((left, first), (right, second)):
            if not axes or (node.name == "dot" and len(axes) != 1):
                need = "dot needs two vectors" if node.name else "@ needs vectors or matrices (scale with *)"
                fail(f"in the equation of {self.target}, `{operand.place.source}` is {KINDS[len(axes)]} "
                     f"{self.sizes.show(axes)}: {need}", operand.place, ShapeError)
        self._see_convention(node, len(left), len(right))
        self._merge(left[-1:], right[:1], second, f"the inner size of `{first.place.source}`",
                    f"that of `{second.place.source}`")
        return left[:-1] + right[1:]

    def _lookup(self, node: Node, matrix: Axes, index: Axes) -> Axes:
        rows, one = node.operands
        for axes, operand, rank in ((matrix, rows, 2), (index, one, 1)):
            if len(axes) != rank:
                fail(f"in the equation of {self.target}, `{operand.place.source}` is {KINDS[len(axes)]} "
                     f"{self.sizes.show(axes)}: `{node.place.source}` needs {KINDS[rank]}", operand.place, ShapeError)
        self._merge(index, matrix[:1], rows, f"the size of `{one.place.source}`",
                    f"the number of rows of `{rows.place.source}`")
        return matrix[1:]

    def _concatenation(self, node: Node, operands: list[Axes]) -> Axes:
        for axes, operand in zip(operands, node.operands, strict=True):
            if len(axes) != 1:
                fail(f"in the equation of {self.target}, `{operand.place.source}` is {KINDS[len(axes)]} "
                     f"{self.sizes.show(axes)}: concat joins vectors", operand.place, ShapeError)
        axis = self.sizes.sum(tuple(axes[0] for axes in operands))
        self.joined[axis] = node
        return (axis,)

    def _see_convention(self, node: Node, left: int, right: int) -> None:
        if left == right:
            return
        self.conventions.setdefault("row" if left < right else "column", node)
        if len(self.conventions) == 2:
            row, column = self.conventions["row"].place, self.conventions["column"].place
            fail(f"`{row.source}` ({row}) writes vectors as rows, `{column.source}` ({column}) as columns: "
                 "keep to one convention", node.place, ShapeError)

    def _transpose(self, node: Node, axes: Axes) -> Axes:
        if len(axes) != 2:
            operand = node.operands[0].place.source
            fail(f"in the equation of {self.target}, `{operand}` is {KINDS[len(axes)]} {self.sizes.show(axes)}: "
                 ".T needs a matrix", node.place, ShapeError)
        return axes[::-1]

    def _merge(self, left: Axes, right: Axes, node: Node, first: str, second: str) -> None:
        target = self.target

        def refuse() -> NoReturn:
            fail(f"in the equation of {target}, {first} is {self.sizes.show(left)} and {second} is "
                 f"{self.sizes.show(right)}: the sizes must agree", node.place, ShapeError)

        self.sizes.agree(left, right, refuse)

    def unify_occurrences(self) -> None:
        """Give every parameter one shape; raise ShapeError where that alone makes two sizes equal."""
        for name, occurrences in self.occurrences.items():
            first, where = occurrences[0]
            for axes, parent in occurrences[1:]:
                refuse = partial(self._refuse_occurrences, name, (first, where), (axes, parent))
                forced = [not self.sizes.same(a, b) and self.sizes.anchored(a) and self.sizes.anchored(b)
                          for a, b in zip(first, axes, strict=True)]
                if any(forced):
                    refuse()
                self.sizes.agree(first, axes, refuse)

    def _refuse_occurrences(self, name: str, first: tuple[Axes, Node], second: tuple[Axes, Node]) -> NoReturn:
        (left, where), (right, parent) = first, second
        shown = self.sizes.show(left), self.sizes.show(right)
        sums = any(set(shape) & set("+*") for shape in shown)  # which no annotation can make equal to anything
        remedy = "" if sums else f", or annotate `{name}: {shown[0]}` if these sizes shall be one"
        fail(f"the parameter `{name}` is {shown[0]} in `{where.place.source}` ({where.place}) and {shown[1]} in "
             f"`{parent.place.source}`: take two parameters{remedy}", parent.place, ShapeError)

    def _check_sums(self) -> None:
        for axis, node in self.joined.items():
            if self.sizes.terms(axis).total() > MAX_PIECES:
                fail(f"`{node.place.source}` joins more than {MAX_PIECES} pieces", node.place, ShapeError)
        self.sizes.settle()

    def result(self) -> Shapes:
        """Return the shapes in the final names of the sizes."""
        self._check_sums()
        for place, axis in self.identities.items():
            if not self.sizes.belongs(axis):
                fail("nothing determines the size of `I`", place, ShapeError)
        named = self.axes | {name: occurrences[0][0] for name, occurrences in self.occurrences.items()}
        identities = self.sizes.shapes({place: (axis,) for place, axis in self.identities.items()})
        outer = self.sizes.shapes({one: (self.sizes.of(one),) for one in self.program.context.sizes})
        return Shapes(self.sizes.shapes(named), {place: one for place, (one,) in identities.items()},
                      next(iter(self.conventions), None), {one: kept for one, (kept,) in outer.items()})
