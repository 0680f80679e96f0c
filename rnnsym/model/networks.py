"""Networks: a cell, a readout, a loss and a topology, in one system of sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sympy

from rnnsym.errors import NetworkError, RnnsymError
from rnnsym.model.cells import Cell, State, recommended_readout
from rnnsym.model.equations import Equation, Equations, read_equations
from rnnsym.model.expressions import (
    Constant,
    Expression,
    MatrixProduct,
    Named,
    Negative,
    OrderedSum,
    Parameter,
    Variable,
    size,
    t,
    walk,
)
from rnnsym.model.losses import losses
from rnnsym.model.names import Context
from rnnsym.model.network_files import read_network_file

STANDARD_SIZES = ("d", "n", "k")


@dataclass(frozen=True)
class Topology:
    """How inputs and outputs lie over the steps."""

    name: str
    title: str


topologies: Mapping[str, Topology] = MappingProxyType({
    "many-to-one": Topology("many-to-one", "an input at every step, one output after the last"),
})
PLANNED_TOPOLOGIES = ("one-to-one", "one-to-many", "many-to-many", "encoder-decoder")


@dataclass(frozen=True)
class ParameterCount:
    """A parameter, whether it is a "weight" or a "bias", and the formula of its number of entries."""

    parameter: Parameter
    kind: str
    formula: Any


@dataclass(frozen=True)
class Network:
    """A cell, its readout ``yhat = …`` (a built-in cell's recommended one where absent), the loss and the topology.

    Errors: NetworkError for an unknown loss or topology and for a readout that does not fit the cell; EquationError
    with line and column, marked "in the readout", for its text.

    >>> from rnnsym.model.cells import cells
    >>> network = Network(cells["simple"])
    >>> network.shapes(d=5, n=3, k=1)
    {'W_i': (5, 3), 'W_h': (3, 3), 'b': (3,), 'W_o': (3, 1), 'b_o': (1,)}
    """

    cell: Cell
    readout: str = ""
    loss: str = "binary_cross_entropy"
    topology: str = "many-to-one"
    _readout: Equations = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.cell, Cell):
            raise NetworkError(f"the cell must be a Cell, like rnnsym.cells['lstm'], not {type(self.cell).__name__}")
        if not self.readout:
            object.__setattr__(self, "readout", recommended_readout(self.cell))
        _check_choice("loss", self.loss, tuple(losses), ())
        _check_choice("topology", self.topology, tuple(topologies), PLANNED_TOPOLOGIES)
        found = read_equations(self.readout, _readout_context(self.cell))
        object.__setattr__(self, "_readout", found)
        self._check_convention()

    @classmethod
    def from_file(cls, path: str | Path) -> Network:
        """Return the network that a TOML file describes.

        Keys: ``cell`` (the name of a built-in cell) or ``name`` and ``equations``; ``readout`` (for a built-in cell
        its recommended one where absent); ``loss`` and ``topology``. Errors: NetworkError naming the file.
        """
        file = read_network_file(path)
        try:
            return cls(file.cell(), file.readout(), **file.choices())
        except RnnsymError as error:
            raise file.refusal(error) from error

    @cached_property
    def equations(self) -> tuple[Equation, ...]:
        """The cell's equations, in the sizes of the whole network."""
        return tuple(Equation(self._resized(one.target), self._resized(one.expression), one.line)
                     for one in self.cell.equations)

    @cached_property
    def states(self) -> tuple[State, ...]:
        """The states, in the order of assignment."""
        return tuple(State(self._resized(state.variable), state.initial) for state in self.cell.states)

    @cached_property
    def readout_equations(self) -> tuple[Equation, ...]:
        """The readout's equations; the last one has the target yhat."""
        return self._readout.equations

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The cell's parameters, then the readout's, each in the order of appearance."""
        return (*(self._resized(parameter) for parameter in self.cell.parameters), *self._readout.parameters)

    @cached_property
    def constants(self) -> tuple[Constant, ...]:
        """The cell's named constants, then the readout's."""
        return self.cell.constants + self._readout.constants

    @cached_property
    def convention(self) -> str:
        """Either "row" (``x @ W``, also where no product tells) or "column" (``W @ x``)."""
        return self._readout.convention or self.cell.convention

    @cached_property
    def input(self) -> Variable:
        """The input x at step t."""
        named = (node for equation in self.equations for node in walk(equation.expression)
                 if isinstance(node, Variable) and node.name == "x")
        return next(named, Variable("x", (size("d"),), t))

    @cached_property
    def output(self) -> Variable:
        """The output yhat at step t."""
        return self.readout_equations[-1].target

    @cached_property
    def target(self) -> Variable:
        """The target, of the output's shape, at step t."""
        return Variable("target", self.output.shape, t)

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        """The symbolic sizes: d, n, k where they occur, then further ones in the order of appearance."""
        expressions = [part for equation in (*self.equations, *self.readout_equations)
                       for part in (equation.expression, equation.target)]
        found = dict.fromkeys(symbol for expression in (self.input, *expressions) for symbol in _sizes(expression))
        standard = [size(name) for name in STANDARD_SIZES]
        return (*(one for one in standard if one in found), *(one for one in found if one not in standard))

    def shapes(self, /, **sizes: int) -> dict[str, tuple[int, ...]]:
        """Return the parameters' shapes in numbers; sizes beyond d, n and k are those of n unless given.

        Errors: NetworkError for a size that is missing, unknown, no integer of at least 1, or at odds with another.
        """
        values = self._values(sizes)
        return {parameter.name: tuple(int(one.xreplace(values)) for one in parameter.shape)
                for parameter in self.parameters}

    def size_values(self, **sizes: int) -> dict[Any, Any]:
        """Return {size symbol: integer} for all sizes; errors as for ``shapes``."""
        return self._values(sizes)

    def counts(self) -> tuple[ParameterCount, ...]:
        """Return the number of entries of each parameter; a bias has no two axes and enters only as a term of sums."""
        factors = {name for equation in (*self.equations, *self.readout_equations)
                   for name in _beside_sums(equation.expression, in_sum=False)}
        return tuple(
            ParameterCount(one, "bias" if one.rank <= 1 and one.name not in factors else "weight",
                           sympy.Mul(*one.shape))
            for one in self.parameters
        )

    def _resized(self, expression: Any) -> Any:
        return expression.xreplace(dict(self._readout.outer))

    def _values(self, given: Mapping[str, int]) -> dict[Any, Any]:
        for name, value in given.items():
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
                raise NetworkError(f"the size {name} must be an integer of at least 1, not {value!r:.80}")
        known = {one.name: one for one in self.sizes}
        for name in STANDARD_SIZES:
            if name in known and name not in given:
                raise NetworkError(f"the size {name} is missing: call shapes({', '.join(f'{one}=…' for one in known)})")
        values = {known[name]: sympy.Integer(given[name]) for name in given if name in known}
        for name in given.keys() - known.keys():
            self._check_merged(name, given[name], values)
        for name in known.keys() - given.keys():
            if size("n") not in values:
                raise NetworkError(f"the size {name} is missing")
            values[known[name]] = values[size("n")]
        return values

    def _check_merged(self, name: str, value: int, values: Mapping[Any, Any]) -> None:
        """Accept d, n or k where it is another size or a number here, if the value is the same."""
        vectors = {"d": self.input.shape, "k": self.output.shape,
                   "n": next((state.variable.shape for state in self.states if state.variable.rank), ())}
        if not vectors.get(name):
            known = ", ".join(str(one) for one in self.sizes)
            raise NetworkError(f"this network has no size {name}; its sizes are {known or 'all numbers'}")
        same = vectors[name][0]
        if same.xreplace(dict(values)) != value:
            raise NetworkError(f"{name} is {same} in this network, so {name}={value} does not fit"
                               + (f" {same}={values[same]}" if same in values else ""))

    def _check_convention(self) -> None:
        inner = _convention(self.cell.equations)
        outer = _convention(self.readout_equations)
        if inner and outer and inner[0] != outer[0]:
            raise NetworkError(
                f"the cell {self.cell.name} writes vectors as {inner[0]}s (line {inner[1].line}, equation of "
                f"{inner[1].target.name}), the readout as {outer[0]}s (line {outer[1].line}, equation of "
                f"{outer[1].target.name}): keep to one convention")


def _check_choice(what: str, name: object, known: tuple[str, ...], planned: tuple[str, ...]) -> None:
    if isinstance(name, str) and name in known:
        return
    if name in planned:
        raise NetworkError(f"the {what} {name!r} is not supported yet; supported: {', '.join(known)}")
    raise NetworkError(f"there is no {what} {name!r:.80}; known: {', '.join(known)}")


def _readout_context(cell: Cell) -> Context:
    """Return what a readout sees: states and constants of the cell, and why not the rest."""
    states = {state.variable.name: state.variable.shape for state in cell.states}
    only = f"only the states of the cell {cell.name} ({', '.join(states)}) can be used"
    refused = {"x": f"{only}, not the input `x`"}
    for equation in cell.equations:
        if equation.target.name not in states:
            refused[equation.target.name] = f"{only}, not the gate `{equation.target.name}`"
    for parameter in cell.parameters:
        refused[parameter.name] = (f"`{parameter.name}` is a parameter of the cell {cell.name}: a parameter of the "
                                   "readout needs another name")
    parts = [part for equation in cell.equations for part in (equation.target, equation.expression)]
    sizes = dict.fromkeys(symbol for part in parts for symbol in _sizes(part))
    return Context("readout", states, {one.name: one for one in cell.constants}, refused, tuple(sizes))


def _sizes(expression: Expression) -> Iterator[Any]:
    """Yield the symbolic sizes of all that bears a name."""
    for node in walk(expression):
        if isinstance(node, Named):
            yield from (one for one in node.shape if one.is_Symbol)


def _convention(equations: tuple[Equation, ...]) -> tuple[str, Equation] | None:
    """Return the convention that the first product of a vector and a matrix shows, with its equation."""
    for equation in equations:
        for node in walk(equation.expression):
            if isinstance(node, MatrixProduct) and node.left.rank != node.right.rank:
                return "row" if node.left.rank < node.right.rank else "column", equation
    return None


def _beside_sums(expression: Expression, in_sum: bool) -> Iterator[str]:
    """Yield the names of parameters that stand elsewhere than as a term of a sum."""
    if isinstance(expression, Parameter) and not in_sum:
        yield expression.name
    inside = isinstance(expression, OrderedSum) or (in_sum and isinstance(expression, Negative))
    for argument in expression.args:
        if isinstance(argument, Expression):
            yield from _beside_sums(argument, inside)
