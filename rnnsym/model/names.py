"""What each name of a text stands for: input, gate, state, state before, parameter, constant or identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from rnnsym.model.expressions import Constant, Shape, size
from rnnsym.model.grammar import PREVIOUS
from rnnsym.model.sources import Place, fail
from rnnsym.model.statements import Annotation, Assignment, Node, Statements, walk
from rnnsym.model.vocabulary import arities

RESERVED: Mapping[str, str] = MappingProxyType({
    "x": "the input", "I": "the identity matrix", "L": "the loss", "T": "the last step", "target": "the target",
    "yhat": "the output, which only the readout's last line assigns",
})


@dataclass(frozen=True)
class Context:
    """What a text finds outside itself: given variables, constants, names that it must not use, sizes."""

    part: str
    given: Mapping[str, Shape]
    constants: Mapping[str, Constant]
    refused: Mapping[str, str]
    sizes: tuple[Any, ...]

    @property
    def is_readout(self) -> bool:
        """Whether the text is a readout or a feed, which has no states of its own and ends in ``result``."""
        return self.part != "cell"

    @property
    def result(self) -> str:
        """What the last line of a readout or a feed assigns."""
        return {"readout": "yhat", "feed": "x"}.get(self.part, "")


CELL = Context("cell", {"x": (size("d"),)}, {}, {}, ())


@dataclass(frozen=True)
class Program:
    """A text whose names are understood: its lines hold variable, previous, parameter, constant and identity nodes.

    ``lags`` holds, for each state in the order of assignment, the most steps back from which it is used.
    """

    context: Context
    lines: tuple[Assignment, ...]
    lags: Mapping[str, int]
    parameters: tuple[str, ...]
    constants: Mapping[str, Constant]
    annotations: Mapping[str, Annotation]

    @property
    def states(self) -> tuple[str, ...]:
        """The states, in the order of assignment."""
        return tuple(self.lags)


def understand(statements: Statements, context: Context) -> Program:
    """Return the program of ``statements``; raise EquationError for a name that stands where it must not."""
    resolver = _Resolver(statements, context)
    for index, line in enumerate(resolver.equations):
        resolver.lines.append(replace(line, expression=resolver.resolve(line.expression, index)))
    _check_index(resolver.lines)
    if not resolver.lines:
        fail("there is no equation: a line reads `h = tanh(x @ W + h_prev @ U + b)`", Place(1, 1, "", context.part))
    if not context.is_readout and not resolver.lags:
        first = resolver.lines[0]
        fail(f"no line uses a value of the step before, so nothing recurs: write `{first.target}{PREVIOUS}` for "
             f"`{first.target}` one step back", first.place)
    lags = {line.target: resolver.lags[line.target] for line in resolver.lines if line.target in resolver.lags}
    return Program(context, tuple(resolver.lines), lags, tuple(resolver.parameters),
                   resolver.constants, resolver.annotations())


def _check_index(lines: Sequence[Assignment]) -> None:
    """Refuse an x that is an index in one place and a vector in another."""
    nodes = [node for line in lines for node in walk(line.expression)]
    lookups = [node for node in nodes if node.kind == "lookup"]
    indices = {node.operands[1].place for node in lookups}
    for node in nodes:
        if lookups and node.kind == "variable" and node.name == "x" and node.place not in indices:
            row = lookups[0].place
            fail(f"x is an index where `{row.source}` stands ({row}), so it cannot be a vector here: assign "
                 f"`e = {row.source}` and use e", node.place)


class _Resolver:
    """Sorts the names of one text, line by line."""

    def __init__(self, statements: Statements, context: Context) -> None:
        self.context = context
        self.statements = statements
        self.equations: list[Assignment] = []
        self.lines: list[Assignment] = []
        self.constants: dict[str, Constant] = {}
        self.order: dict[str, int] = {}
        self.places: dict[str, Place] = {}
        self.lags: dict[str, int] = {}
        self.parameters: dict[str, None] = {}
        for line in statements.assignments:
            self._assign(line)

    def _assign(self, line: Assignment) -> None:
        self._check_target(line.target, line.place)
        self.places[line.target] = line.place
        if line.expression.kind == "number":
            self.constants[line.target] = Constant(line.target, line.expression.value)
        else:
            self.order[line.target] = len(self.equations)
            self.equations.append(line)

    def _check_target(self, name: str, place: Place) -> None:
        if name in self.places:
            first = self.places[name].line
            fail(f"`{name}` is assigned a second time (first on line {first}): take another name", place)
        if name == self.context.result:
            return
        self._check_free(name, place)
        if name.endswith(PREVIOUS):
            fail(f"`{name}` cannot be assigned: it is `{name[:-len(PREVIOUS)]}` of the step before", place)
        if name in {**self.context.given, **self.context.constants, **self.context.refused}:
            fail(f"`{name}` belongs to the cell: take another name in the {self.context.part}", place)

    def _check_free(self, name: str, place: Place) -> None:
        if name in RESERVED:
            fail(f"`{name}` is reserved for {RESERVED[name]}: take another name", place)
        if name in arities:
            fail(f"`{name}` is a function: write `{name}(…)`, or take another name", place)

    def resolve(self, node: Node, line: int) -> Node:
        """Return ``node`` with every name in it told apart."""
        if node.kind == "name":
            kind, name = self._kind(node.name, line, node.place), node.name.removesuffix(PREVIOUS)
            if kind == "previous":
                self.lags[name] = max(self.lags.get(name, 1), int(node.value))
            return replace(node, kind=kind, name=name)
        operands = tuple(self.resolve(operand, line) for operand in node.operands)
        if node.kind == "lookup" and operands[0].kind != "parameter":
            fail(f"`{node.place.source}`: only a parameter has rows to look up, and `{operands[0].place.source}` is "
                 "none: take another name", node.place)
        return replace(node, operands=operands)

    def _kind(self, name: str, line: int, place: Place) -> str:
        if name == "I":
            return "identity"
        if name in self.context.refused:
            fail(self.context.refused[name], place)
        if name in self.context.given or self.order.get(name, line) < line:
            return "variable"
        if name in self.constants or name in self.context.constants:
            return "constant"
        if name.endswith(PREVIOUS):
            return self._previous(name, place)
        self._check_free(name, place)
        if name in self.order:
            back = "" if self.context.is_readout else f"; its value of the step before is `{name}{PREVIOUS}`"
            fail(f"`{name}` is used before it is assigned (on line {self.places[name].line}){back}", place)
        self.parameters[name] = None
        return "parameter"

    def _previous(self, name: str, place: Place) -> str:
        base = name.removesuffix(PREVIOUS)
        if self.context.is_readout:
            fail(f"only states of the same step can be used, not `{name}`: use that in the cell", place)
        if base == "x":
            fail("the input x is not a state: assign it (`u = x`) and use `u_prev`", place)
        if base in self.constants:
            fail(f"`{base}` is a constant, the same at every step: write `{base}`", place)
        if base not in self.order:
            stem = base.removesuffix(PREVIOUS)
            if stem in self.order:
                fail(f"`{name}`: `{stem}` of two steps before is written `{stem}{PREVIOUS}[2]`", place)
            fail(f"`{name}`: no line assigns `{base}`; {self._choices()}", place)
        return "previous"

    def _choices(self) -> str:
        return "the names assigned are " + ", ".join(self.order) if self.order else "no name is assigned"

    def annotations(self) -> Mapping[str, Annotation]:
        """Return the annotations by name; raise EquationError for one that settles nothing."""
        known = {*self.order, *self.parameters} | ({"x"} if not self.context.is_readout else set())
        found: dict[str, Annotation] = {}
        for annotation in self.statements.annotations:
            name, place = annotation.name, annotation.place
            if name in found:
                fail(f"`{name}` is annotated a second time (first on line {found[name].place.line})", place)
            if name in self.constants:
                fail(f"`{name}` is a constant and needs no annotation", place)
            if name not in known:
                fail(f"`{name}` is annotated but no equation {'of the readout ' * self.context.is_readout}"
                     "introduces it", place)
            if annotation.initial is not None and name not in self.lags:
                fail(f"only a state has a first value, and `{name}` is none: for a constant write "
                     f"`{name} = {annotation.initial}`", place)
            found[name] = annotation
        return found
