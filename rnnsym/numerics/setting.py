"""What all functions of a generated module share: its names, its printer, and the lines that unpack arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import Expression, Parameter, Size, Variable, walk
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.printing import BatchPrinter


@dataclass(frozen=True)
class Setting:
    """The network that a module is made of, its identifiers and its printer."""

    graph: StepGraph
    names: Identifiers
    printer: BatchPrinter
    batch: Any

    @classmethod
    def of(cls, graph: StepGraph, batch: Any) -> Setting:
        """Return the setting of a module; the user's own names come first, so that ours give way.

        ``batch`` is the size that stands for the number of sequences.
        """
        names = Identifiers()
        names.reserve(batch, "batch")
        for name in (*graph.network.parameters, *graph.network.constants, graph.network.input, *graph.states):
            names(name)
        return cls(graph, names, BatchPrinter(names), batch)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The network's parameters."""
        return self.graph.network.parameters

    @property
    def encoder_states(self) -> tuple[Variable, ...]:
        """The states of the first of two loops that run one after the other."""
        return self.graph.loops[0].states if self.graph.network.shape_of_steps.decodes else ()

    @property
    def index(self) -> bool:
        """Whether inputs are whole numbers."""
        return self.graph.network.reads_index

    def code(self, expression: Expression) -> str:
        """Return the NumPy code of an expression."""
        return str(self.printer.doprint(expression))

    def value(self, target: Variable, value: Expression, batch: str = "batch") -> str:
        """Return the code of what is assigned; what does not differ between sequences is repeated for each of them."""
        code = self.code(value)
        if self.printer.batched(value):
            return code
        lengths = "".join(f", {self.printer.size(length)}" for length in target.shape) or ","
        return f"np.broadcast_to({code}, ({batch}{lengths}))"

    def repeated_sizes(self, assignments: Iterable[Assignment]) -> list[Size]:
        """The sizes that ``value`` needs where it repeats."""
        return [Size(n) for a in assignments if not self.printer.batched(a.value) for n in a.target.shape]

    def shape(self, name: Any, batched: bool = True) -> str:
        """Spell the shape of an array, for a comment."""
        return tuple_of((["batch"] if batched else []) + [str(length) for length in name.shape])

    def unpack(self, expressions: Iterable[Expression]) -> Iterator[str]:
        """Take the parameters that ``expressions`` use out of their dictionary."""
        used = {name for expression in expressions for name in names_in(expression)}
        for parameter in self.parameters:
            if parameter in used:
                shape = self.shape(parameter, False)
                yield f'    {self.names(parameter)} = parameters["{parameter.name}"]  # {shape}'

    def sizes(self, expressions: Iterable[Expression], known: Mapping[Any, str] | None = None) -> Iterator[str]:
        """Assign the sizes that the code of ``expressions`` or a zero state needs, each from an array that bears it.

        ``known`` are further sources of sizes that no parameter has; where it is absent, the inputs are one.
        """
        needed = dict.fromkeys(
            symbol
            for expression in expressions
            for node in walk(expression)
            if not isinstance(node, Parameter | Variable | Adjoint)
            for symbol in _own_sizes(node)
        )
        for symbol in needed:
            if symbol == self.batch:
                continue
            yield f"    {self.names(symbol)} = {self._source_of(symbol, known)}"

    def _source_of(self, symbol: Any, known: Mapping[Any, str] | None) -> str:
        for parameter in self.parameters:
            if symbol in parameter.shape:
                return f'parameters["{parameter.name}"].shape[{tuple(parameter.shape).index(symbol)}]'
        if known is not None and symbol in known:
            return known[symbol]
        given = self.graph.network.input
        if symbol in given.shape and not self.index:
            return "inputs.shape[1]" if given.step is None else "inputs.shape[2]"
        raise DerivationError(f"the size {symbol} belongs to no parameter and no input: annotate it as a number")


def _own_sizes(node: Expression) -> list[Any]:
    own = (arg for arg in node.args if not isinstance(arg, Expression))
    return sorted({symbol for arg in own for symbol in arg.free_symbols}, key=str)


def tuple_of(names: Iterable[str]) -> str:
    """Spell a tuple."""
    return "(" + ", ".join(found) + ("," if len(found) == 1 else "") + ")" if (found := list(names)) else "()"


def together(names: Iterable[str]) -> str:
    """Several values as a tuple, one alone as itself."""
    return found[0] if len(found := list(names)) == 1 else tuple_of(found)
