"""Whole texts of cells and of readouts, drawn line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from hypothesis import strategies as st

from rnnsym.evidence.expression_texts import BOUNDED, TAME, ExpressionWriter
from rnnsym.evidence.scopes import (
    ATOM,
    PRODUCT,
    SIGN,
    SUM,
    Scope,
    Shape,
    Source,
    Weight,
    annotation_of,
    atom,
    call,
)
from rnnsym.model.cells import Cell
from rnnsym.model.losses import losses
from rnnsym.model.names import RESERVED

MOST_STATES = 3
MOST_GATES = 5
DEEPEST = 3
# Names of the field, and names that generated code could trip over.
STATE_NAMES = ("h", "c", "s", "m", "loss", "step_size", "W_r", "v", "h_back", "h_back1", "history")
GATE_NAMES = ("g", "i", "f", "o", "z", "r", "n", "np", "batch", "grad_h", "a_h", "u", "q", "tape", "k", "lengths")
INITIAL = ("", " = 1", " = 0.5", " = -0.25", " = 0", " = 1e-1")
OUTPUT_SIZE = "k"
NOTHING: Mapping[str, int] = MappingProxyType({})


class CellWriter(ExpressionWriter):
    """Draws the lines of one cell."""

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, Scope({"x": ("d",)}, taken=set(RESERVED)), row=not draw(st.booleans()))
        if self.pick(False, False, False, False, True):
            self.scope.names, self.scope.indexed = {}, True
        self.depth = draw(st.integers(0, DEEPEST))
        self.lines: list[str] = []
        self.annotated: dict[str, str] = {}

    def text(self) -> str:
        """Return the text: annotations and constants, then gates and states in any order."""
        self.declare_states()
        gates = self.draw(st.integers(0, MOST_GATES))
        for name, shape in list(self.scope.kept.items()):
            here = self.draw(st.integers(0, gates)) if gates else 0
            gates -= here
            for _ in range(here):
                self.gate()
            self.lines.append(f"{name} = {self.update(name, shape).text}")
            self.scope.names[name] = shape
        return laid_out(self, self.annotated)

    def declare_states(self) -> None:
        """Give every state its shape, its first value and perhaps an annotation."""
        sizes: list[str | int] = ["p", 2, 1, 3]
        fixed = self.pick(*sizes)
        for _ in range(self.draw(st.integers(1, MOST_STATES))):
            name = self.scope.fresh(self.pick(*STATE_NAMES))
            shapes: list[Shape] = [("n",), (), ("n",), ("m",), ("d",), (fixed,)]
            shape = self.pick(*shapes)
            initial = self.pick(*INITIAL)
            if not shape or initial or self.draw(st.booleans()):
                self.annotated[name] = (self.pick("vector", annotation_of(shape)) if shape else "scalar") + initial
            self.scope.kept[name] = shape

    def gate(self) -> None:
        """Add a gate: most are functions of a sum, some anything at all."""
        shapes: list[Shape] = [*self.scope.kept.values(), (), ("d",)]
        shape = self.pick(*shapes)
        source = self.of(shape, self.depth + 1)
        source = self.bounded(source) if self.pick(True, False) else source
        name = self.scope.fresh(self.pick(*GATE_NAMES))
        self.lines.append(f"{name} = {self.named(source).text}")
        self.scope.names[name] = shape

    def named(self, source: Source) -> Source:
        """Return a source that is no number alone, which would make its name a constant."""
        try:
            float(source.text)
        except ValueError:
            return source
        return Source(f"{source.at(PRODUCT)} * {self.weight(()).text}", PRODUCT)

    def update(self, name: str, shape: Shape) -> Source:
        """Return the new value of a state, which keeps to moderate values over many steps."""
        return self.pick(self.affine, self.leaky, self.gated, self.anything)(name, shape)

    def before(self, name: str, shape: Shape) -> Source:
        """Return the state of the step before, as it is or times a weight."""
        past = Source(f"{name}_prev", ATOM)
        if self.pick(True, False):
            weight = self.weight((*shape, *shape), evident=bool(shape))
            if not shape:
                return Source(f"{weight.text} * {past.text}", PRODUCT)
            left, right = (past, weight) if self.row else (weight, past)
            return Source(f"{left.text} @ {right.text}", PRODUCT)
        return self.past(name) if self.pick(True, False) else past

    def affine(self, name: str, shape: Shape) -> Source:
        """Return f(x @ W + h_prev @ U + b) for any f that grows no faster than a line."""
        terms = [self.before(name, shape).at(PRODUCT)]
        if shape:
            terms.insert(0, self.input_term(shape).text)
        if self.pick(True, False):
            terms.append(self.weight(shape, evident=bool(shape)).text)
        return call(self.pick(*TAME), Source(" + ".join(terms), SUM))

    def input_term(self, shape: Shape) -> Source:
        """Return ``x @ W`` or ``W @ x``, or the row ``E[x]``."""
        if self.scope.indexed:
            return self.row_of(shape)
        weight = self.weight(("d", *shape) if self.row else (*shape, "d"), evident=True)
        return Source(f"x @ {weight.text}" if self.row else f"{weight.text} @ x", PRODUCT)

    def leaky(self, name: str, shape: Shape) -> Source:
        """Return (1 − dt) h_prev + dt f(…)."""
        rate = self.constant()
        new = self.bounded(self.of(shape, self.depth))
        return Source(f"(1 - {rate.text}) * {name}_prev + {rate.text} * {new.text}", SUM)

    def gated(self, name: str, shape: Shape) -> Source:
        """Return z h_prev + (1 − z) f(…), the gate z on a line of its own."""
        gate = self.scope.fresh(f"z_{name}")
        self.lines.append(f"{gate} = {call('sigmoid', self.of(shape, self.depth)).text}")
        self.scope.names[gate] = shape
        new = self.bounded(self.of(shape, self.depth))
        return Source(f"{gate} * {name}_prev + (1 - {gate}) * {new.text}", SUM)

    def anything(self, name: str, shape: Shape) -> Source:
        """Return a bounded function of the state before and anything else."""
        rest = self.of(shape, self.depth)
        before = self.before(name, shape)
        both = Source(f"{rest.text} {self.pick('+', '-')} {before.at(PRODUCT)}", SUM)
        if self.pick(False, True):
            both = Source(f"{rest.at(PRODUCT)} * {before.at(SIGN)}", PRODUCT)
        return call(self.pick(*BOUNDED), both)


class ReadoutWriter(ExpressionWriter):
    """Draws a readout of a cell: hidden lines, then yhat through the loss's own link.

    ``further`` are states of unknown sizes that yhat rests on too, ``taken`` names that belong to other parts.
    """

    def __init__(
        self, draw: st.DrawFn, cell: Cell, loss: str, further: Mapping[str, int] = NOTHING, taken: Iterable[str] = ()
    ) -> None:
        self.states = {one.variable.name: tuple(map(_plain, one.variable.shape)) for one in cell.states}
        scope = Scope(dict(self.states), taken={*names_of(cell), *taken, *RESERVED})
        super().__init__(draw, scope, row=cell.convention == "row")
        self.loss, self.further = loss, further
        self.lines: list[str] = []

    def text(self) -> str:
        """Return the text, whose yhat always rests on a state."""
        vectors = [name for name, shape in self.states.items() if shape]
        name = self.pick(*(vectors or self.states))
        shape: Shape = self.states[name]
        for _ in range(self.pick(0, 0, 1)):
            name, shape = self.hidden(name, shape)
        output = self.output(name, shape)
        link = losses[self.loss].link
        self.lines.append(f"yhat = {output.text if link is None else self.linked(link, output).text}")
        return laid_out(self, {})

    def hidden(self, name: str, shape: Shape) -> tuple[str, Shape]:
        """Add a line between the state and yhat."""
        further: Shape = self.pick(shape, ("e",) if shape else ())
        source = self.weighted(name, shape, further)
        new = self.scope.fresh("o")
        self.lines.append(f"{new} = {call(self.pick(*TAME), source).text}")
        self.scope.names[new] = further
        return new, further

    def weighted(self, name: str, shape: Shape, into: Shape) -> Source:
        """Return ``h @ W + b`` of the size wanted, or ``a * h`` for scalars."""
        if not shape or not into:
            product = Source(f"{name} * {self.weight(into).text}", PRODUCT)
        else:
            weight = self.weight((*shape, *into) if self.row else (*into, *shape), evident=True)
            product = Source(f"{name} @ {weight.text}" if self.row else f"{weight.text} @ {name}", PRODUCT)
        if self.pick(True, False):
            return Source(f"{product.text} + {self.weight(into, evident=bool(into and shape)).text}", SUM)
        return product

    def output(self, name: str, shape: Shape) -> Source:
        """Return what yhat is a function of: most often an affine function, sometimes the state itself."""
        wanted: Shape = (OUTPUT_SIZE,)
        plain = self.weighted(name, shape, wanted)
        for other, rank in self.further.items():
            left, right = (atom(other), self.unsized_matrix()) if rank else (atom(other), self.weight(wanted))
            left, right = (left, right) if self.row or not rank else (right, left)
            plain = Source(f"{plain.text} + {left.text} {'@' if rank else '*'} {right.text}", SUM)
        if self.pick(True, False):
            return plain
        extra = self.of(wanted, 2)
        return Source(f"{plain.text} + {self.bounded(extra).text}", SUM)

    def linked(self, link: str, source: Source) -> Source:
        """Return the loss's own link of the source, or for probabilities something else between 0 and 1."""
        entry = losses[self.loss]
        unfused = link == "sigmoid" and (entry.output_lower, entry.output_upper) == (0.0, 1.0)
        if unfused and self.pick(False, False, False, True):
            return Source(f"0.25 + {call(link, source).text} / 2", SUM)
        return call(link, source)


def names_of(cell: Cell) -> set[str]:
    """Return all names of a cell's own."""
    return {one.name for one in (*cell.parameters, *cell.constants, *(e.target for e in cell.equations))}


def laid_out(writer: CellWriter | ReadoutWriter, annotated: Mapping[str, str]) -> str:
    """Return annotations, constants and lines as one text, as plain or as commented and indented."""
    weights: Mapping[str, Weight] = writer.scope.weights
    notes = [f"{name}: {note}" for name, note in annotated.items()]
    notes += [f"{name}: {weight.annotation}" for name, weight in weights.items() if weight.annotation]
    constants = [f"{name} = {value}" for name, value in writer.scope.constants.items()]
    lines = [*notes, *constants, *writer.lines]
    if writer.pick(False, False, False, True):
        return "# drawn\n\n" + "".join(f"    {line}  # {number}\n\n" for number, line in enumerate(lines))
    return "\n".join(lines)


def _plain(size: object) -> str | int:
    """Return a symbolic size as an annotation writes it."""
    text = str(size)
    return int(text) if text.isdigit() else text
