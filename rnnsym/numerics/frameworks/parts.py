"""Parts of a network as functions with a derived way back, and what their lines share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import Expression, Parameter, Size, Variable, walk
from rnnsym.numerics.frameworks.printing import FrameworkPrinter
from rnnsym.numerics.frameworks.scan_plans import moves
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.setting import tuple_of


@dataclass(frozen=True)
class Writer:
    """The network that a module is made of, its identifiers, and the printer of the library."""

    graph: StepGraph
    names: Identifiers
    printer: FrameworkPrinter

    def shape(self, name: Any, leading: str = "batch") -> str:
        """Spell the shape of an array, for a comment."""
        return tuple_of([*([leading] if leading else []), *(str(length) for length in name.shape)])

    def weights_in(self, values: Iterable[Expression]) -> tuple[Parameter, ...]:
        """The parameters that expressions use."""
        used = {name for value in values for name in names_in(value)}
        return tuple(p for p in self.graph.network.parameters if p in used)

    def unpacked(self, values: Iterable[Expression]) -> Iterator[str]:
        """Take the parameters that ``values`` use out of their dictionary."""
        for p in self.weights_in(values):
            yield f'{self.names(p)} = weights["{p.name}"]  # {self.shape(p, "")}'

    def sized(self, values: Iterable[Expression], weights: Iterable[Parameter], moving: Mapping[Any, str]
              ) -> Iterator[str]:
        """Assign the sizes that the code of ``values`` needs, each from weights or from what ``moving`` says."""
        needed = dict.fromkeys(
            symbol for value in values for node in walk(value)
            if not isinstance(node, Parameter | Variable | Adjoint) for symbol in own_sizes(node)
        )
        told = dict(moving)
        for p in reversed(list(weights)):
            told |= {n: f'weights["{p.name}"].shape[{axis}]' for axis, n in enumerate(p.shape)}
        for symbol in needed:
            if symbol not in told:
                raise DerivationError(f"the size {symbol} belongs to no weights and no input of its equations: "
                                      "annotate it as a number")
            yield f"{self.names(symbol)} = {told[symbol]}"

    def repeated(self, assignments: Iterable[Assignment]) -> list[Expression]:
        """The sizes that are needed where a value that does not move is repeated for each sequence."""
        return [Size(n) for a in assignments if not moves(a.value) for n in a.target.shape]

    def assigned(self, a: Assignment, leading: str) -> str:
        """One assignment as code; what does not differ between sequences is repeated along the leading axes."""
        if moves(a.value):
            return f"{self.names(a.target)} = {self.printer.code(a.value)}"
        shape = "".join(f", {self.printer.size(n)}" for n in a.target.shape) or ","
        return f"{self.names(a.target)} = {self.printer.spread(a.value, leading + shape)}"

    def gradients(self, weights: Iterable[Parameter], terms: Mapping[Parameter, Expression]) -> Iterator[str]:
        """The lines that sum the terms of all steps and sequences, each by one product."""
        owned = list(weights)
        values = [terms[p] for p in owned if p in terms]
        for key in moving_in(values):
            name = self.names(key)
            yield f"{name} = merged({name}, {0 if self.is_row(key) else key.rank})"
        for p in owned:
            zeros = f'{self.printer.library}.zeros_like(weights["{p.name}"])'
            code = self.printer.gradient(zeros, terms[p]) if p in terms else zeros
            yield f"{self.gradient(p)} = {code}  # {self.shape(p, '')}"

    def is_row(self, key: Any) -> bool:
        """Whether a quantity is the number of a row."""
        return self.graph.network.reads_index and isinstance(key, Variable) and key.name == "x"

    def gradient(self, parameter: Parameter) -> str:
        """The name of a gradient."""
        return self.names.derived("grad", parameter)

    def dictionary(self, weights: Iterable[Parameter]) -> str:
        """All gradients by name."""
        return "{" + ", ".join(f'"{p.name}": {self.gradient(p)}' for p in weights) + "}"


@dataclass(frozen=True)
class Part:
    """A part of the network that becomes a function of its own, ``name``, differentiated by ``name_back``."""

    writer: Writer
    name: str

    @property
    def names(self) -> Identifiers:
        return self.writer.names

    @property
    def printer(self) -> FrameworkPrinter:
        return self.writer.printer

    @property
    def weights(self) -> tuple[Parameter, ...]:
        """The parameters that the part uses."""
        raise NotImplementedError

    @property
    def own(self) -> str:
        """The name of the tuple of their names."""
        return self.name.upper()

    def arrives(self, key: Variable) -> str:
        """The name of the gradient that arrives at what the part returns."""
        return self.names.derived("out", key)


def own_sizes(node: Any) -> list[Any]:
    """Return the size symbols that a node itself holds."""
    own = (arg for arg in node.args if not isinstance(arg, Expression))
    return sorted({symbol for arg in own for symbol in arg.free_symbols}, key=str)


def moving_in(values: Iterable[Expression]) -> list[Any]:
    """Return the quantities and δ's that expressions use, in order of appearance."""
    found: dict[Any, None] = {}
    for value in values:
        found |= dict.fromkeys(n for n in names_in(value) if isinstance(n, Variable))
        found |= dict.fromkeys(n for n in walk(value) if isinstance(n, Adjoint))
    return list(found)


def indented(lines: Iterable[str], depth: int = 1) -> Iterator[str]:
    """Indent lines of code."""
    return ("    " * depth + line if line else "" for line in lines)


def needs_like(lines: Iterable[str]) -> bool:
    """Whether code takes type and place of its constants from ``like``."""
    return any("like." in line for line in lines)
