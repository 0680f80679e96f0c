"""Networks: a cell, a readout, a loss and a topology, in one system of sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sympy

from rnnsym.errors import NetworkError, RnnsymError
from rnnsym.model.assembly import Assembly, assemble
from rnnsym.model.cells import Cell, State
from rnnsym.model.composition import Loop, named_sizes, stacked
from rnnsym.model.equations import Equation
from rnnsym.model.expressions import (
    Constant,
    Expression,
    MatrixProduct,
    Negative,
    OrderedSum,
    Parameter,
    Variable,
    size,
    walk,
)
from rnnsym.model.losses import losses
from rnnsym.model.network_files import read_network_file
from rnnsym.model.topologies import Topology, topologies

STANDARD_SIZES = ("d", "n", "k")
OVER_STEPS = ("sum", "mean")


@dataclass(frozen=True)
class ParameterCount:
    """A parameter, whether it is a "weight" or a "bias", and the formula of its number of entries."""

    parameter: Parameter
    kind: str
    formula: Any


@dataclass(frozen=True)
class Network:
    """A cell, its readout ``yhat = …`` (a built-in cell's recommended one where absent), the loss and the topology.

    ``cell`` may be a sequence of cells: layers, whose names get _1, _2, …. ``decoder`` is the second cell of an
    encoder-decoder (the same cell where absent; its names get the prefix dec_), which reads the target of the step
    before, or with ``teacher_forcing=False`` its own output. ``feed`` is the equation ``x = … yhat …`` by which an
    output becomes the next input (absent: x = yhat). ``bidirectional`` adds a copy of the cell, names with the prefix
    bwd_, that reads from the end. ``over_steps`` says whether the losses of several outputs are summed, or their mean
    is taken.

    Errors: NetworkError for an unknown loss or topology, an option that the topology does not have, and parts that do
    not fit each other; EquationError with line and column, marked "in the readout", for its text.

    >>> from rnnsym.model.cells import cells
    >>> network = Network(cells["simple"])
    >>> network.shapes(d=5, n=3, k=1)
    {'W_i': (5, 3), 'W_h': (3, 3), 'b': (3,), 'W_o': (3, 1), 'b_o': (1,)}
    """

    cell: Cell
    readout: str = ""
    loss: str = "binary_cross_entropy"
    topology: str = "many-to-one"
    decoder: Cell | None = field(default=None, kw_only=True)
    feed: str = field(default="", kw_only=True)
    teacher_forcing: bool = field(default=True, kw_only=True)
    bidirectional: bool = field(default=False, kw_only=True)
    over_steps: str = field(default="sum", kw_only=True)
    _parts: Assembly = field(init=False, repr=False, compare=False)

    if TYPE_CHECKING:  # what the generated one takes: layers, too
        def __init__(
            self, cell: Cell | Sequence[Cell], readout: str = "", loss: str = ..., topology: str = ..., *,
            decoder: Cell | Sequence[Cell] | None = None, feed: str = "", teacher_forcing: bool = True,
            bidirectional: bool = False, over_steps: str = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("cell", "decoder"):
            given = getattr(self, name)
            if isinstance(given, Sequence) and not isinstance(given, str):
                object.__setattr__(self, name, stacked(given))
        if not isinstance(self.cell, Cell):
            raise NetworkError(f"the cell must be a Cell, like rnnsym.cells['lstm'], not {type(self.cell).__name__}")
        _check_choice("loss", self.loss, tuple(losses))
        _check_choice("topology", self.topology, tuple(topologies))
        _check_choice("over_steps", self.over_steps, OVER_STEPS)
        self._check_options()
        object.__setattr__(self, "_parts", assemble(self))
        object.__setattr__(self, "readout", self._parts.readout_text)
        self._check_convention()

    @classmethod
    def from_file(cls, path: str | Path) -> Network:
        """Return the network that a TOML file describes.

        Keys: ``cell`` (the name of a built-in cell, or a list of them: layers) or ``name`` and ``equations``;
        ``layers`` (how often the cell is stacked); ``readout`` (for built-in cells their recommended one where absent);
        ``loss``, ``topology``, ``bidirectional``, ``feed``, ``teacher_forcing`` and ``over_steps``; ``decoder`` (the
        name of a built-in cell) or ``decoder_equations``. Errors: NetworkError naming the file.
        """
        file = read_network_file(path)
        try:
            return cls(file.cell(), file.readout(), **file.choices())
        except RnnsymError as error:
            raise file.refusal(error) from error

    @property
    def shape_of_steps(self) -> Topology:
        return topologies[self.topology]

    @property
    def forced(self) -> bool:
        """Whether the decoder reads the targets of the step before."""
        return self.shape_of_steps.decodes and self.teacher_forcing

    @property
    def feeds_back(self) -> bool:
        """Whether an output becomes the next input."""
        topology = self.shape_of_steps
        return topology.feeds_back or (topology.decodes and not self.teacher_forcing)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The recurrences, in the order in which they run; the last gives the outputs."""
        return self._parts.loops

    @cached_property
    def equations(self) -> tuple[Equation, ...]:
        """The cells' equations, in the sizes of the whole network; with those of outputs that are fed back."""
        return tuple(equation for loop in self.loops for equation in loop.equations)

    @cached_property
    def states(self) -> tuple[State, ...]:
        """The states that start freely, from a declared or a given value, in the order of assignment."""
        return tuple(state for loop in self.loops for state in loop.states
                     if state.variable not in loop.starts and state.lag)

    @property
    def readout_equations(self) -> tuple[Equation, ...]:
        """The readout's equations; the last one has the target yhat."""
        return self._parts.readout

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The cells' parameters, then the readout's and the feed's, each in the order of appearance."""
        return self._parts.parameters

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The named constants of the cells, then the readout's and the feed's."""
        return self._parts.constants

    @cached_property
    def convention(self) -> str:
        """Either "row" (``x @ W``, also where no product tells) or "column" (``W @ x``)."""
        return (_convention(self.readout_equations) or [self.cell.convention])[0]

    @property
    def input(self) -> Variable:
        """The input x, at step t where there is one at every step."""
        return self._parts.input

    @property
    def reads_index(self) -> bool:
        """Whether inputs are whole numbers, the rows of a matrix that is looked up: ``E[x]``."""
        return self.cell.reads_index

    @property
    def output(self) -> Variable:
        """The output yhat at step t."""
        return self.readout_equations[-1].target

    @cached_property
    def target(self) -> Variable:
        """The target, of the output's shape, at step t."""
        return Variable("target", self.output.shape, self.output.step)

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        """The symbolic sizes: d, n, k where they occur, then further ones in the order of appearance."""
        equations = (*self.equations, *self.readout_equations)
        expressions = [part for equation in equations for part in (equation.expression, equation.target)]
        found = dict.fromkeys(symbol for expression in (self.input, *expressions) for symbol in named_sizes(expression))
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

    def _check_options(self) -> None:
        for name, kind in (("teacher_forcing", bool), ("bidirectional", bool), ("feed", str)):
            if not isinstance(getattr(self, name), kind):
                raise NetworkError(f"{name} must be a {kind.__name__}, not {getattr(self, name)!r:.80}")
        topology = self.shape_of_steps
        fed = topology.feeds_back or (topology.decodes and not self.teacher_forcing)
        faults = (
            (self.decoder is not None and not topology.decodes, "decoder", "only encoder-decoder has one"),
            (not self.teacher_forcing and not topology.decodes, "teacher_forcing", "only a decoder has a teacher"),
            (bool(self.feed) and not fed, "feed", "no output is fed back here"),
            (self.bidirectional and (topology.one_input or topology.decodes), "bidirectional",
             "only many-to-one and many-to-many can be read from both ends"),
            (self.over_steps == "mean" and not topology.every, "over_steps", "there is one output only"),
        )
        for wrong, option, reason in faults:
            if wrong:
                raise NetworkError(f"{option} with the topology {self.topology}: {reason}; leave it out")
        if not isinstance(self.decoder, Cell | None):
            raise NetworkError(f"the decoder must be a Cell, not {type(self.decoder).__name__}")

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
        if self.decoder is not None and self.decoder.convention != self.cell.convention:
            raise NetworkError(f"the cell {self.cell.name} writes vectors as {self.cell.convention}s, the decoder "
                               f"{self.decoder.name} as {self.decoder.convention}s: keep to one convention")


def _check_choice(what: str, name: object, known: tuple[str, ...]) -> None:
    if not (isinstance(name, str) and name in known):
        raise NetworkError(f"there is no {what} {name!r:.80}; known: {', '.join(known)}")


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
