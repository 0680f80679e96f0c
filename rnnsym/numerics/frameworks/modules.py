"""A whole module for JAX or PyTorch: parts, checks, and the public functions that call them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from rnnsym.calculus.adjoints import adjoint_recursion, is_fused
from rnnsym.calculus.binding import names_in
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import ZERO, Variable
from rnnsym.model.losses import losses
from rnnsym.numerics.frameworks.calls import Calls
from rnnsym.numerics.frameworks.helpers import Dialect
from rnnsym.numerics.frameworks.parts import Writer
from rnnsym.numerics.frameworks.readouts import Readout
from rnnsym.numerics.frameworks.scans import Loop
from rnnsym.numerics.frameworks.scans_back import WayBack
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.lines import broken, filled
from rnnsym.numerics.products import with_named_products
from rnnsym.numerics.setting import tuple_of
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain

RESERVED = frozenset({
    "jax", "jnp", "lax", "torch", "partial", "refuse_second_derivatives", "reduce", "like", "running", "runs", "keep",
    "held", "found", "carry", "now", "later", "arriving", "start", "starts", "states", "sizes", "sequences",
    "merged", "scan", "fitted", "prepared", "started", "counted", "as_targets", "one_hot", "run", "length",
    "before", "last", "whole", "places", "place", "known", "SHAPES", "STATES", "INPUTS", "TARGETS", "FORWARD",
    "READOUT", "DECODE", "FROM_THE_END", "Forward", "Readout", "Decode", "FromTheEnd", "Network", "d_start", "out",
    "kept", "steps", "target_lengths", "each", "back", "number", "rows", "numbers",
    *(f"{part}_{ending}" for part in ("forward", "decode", "from_the_end", "readout")
      for ending in ("steps", "back", "kept", "pulled", "values")),
})


class Module:
    """Writes the module of one network."""

    def __init__(self, graph: StepGraph, dialect: Dialect) -> None:
        self.graph = with_named_products(graph)
        self.network, self.dialect = graph.network, dialect
        self.topology = graph.network.shape_of_steps
        names = Identifiers(RESERVED)
        for name in (*self.network.parameters, *self.network.constants, self.network.input, *self.graph.states):
            names(name)
        self.writer = Writer(self.graph, names, dialect.printer(names))
        self.names, self.printer = names, self.writer.printer

    @property
    def fed(self) -> bool:
        """Whether a loop computes the outputs."""
        return self.network.feeds_back

    @property
    def loss_argument(self) -> Variable:
        """The logit where loss and readout are fused in code, else ŷ."""
        logit = self.graph.logit
        return logit if logit is not None and is_fused(self.graph) else self.graph.output

    @cached_property
    def outputs(self) -> tuple[Variable, ...]:
        """What the loss is computed of, and ŷ."""
        return tuple(dict.fromkeys((self.loss_argument, self.graph.output)))

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """The loops, in the order in which they run."""
        recursion = adjoint_recursion(self.graph, weight=ZERO)  # what arrives from the outputs is told from outside
        second = "decode" if self.topology.decodes else "from_the_end"
        return tuple(Loop.of(self.writer, second if number else "forward", one, self._kept(number),
                             every=self.graph.every and one.graph in self.graph.reading)
                     for number, one in enumerate(recursion.loops))

    def _kept(self, number: int) -> tuple[Variable, ...]:
        """What a loop returns: the outputs, or the states that are seen by the readout or by the next loop."""
        loop = self.graph.loops[number]
        if loop not in self.graph.reading:
            return tuple(s for s in loop.states if s in self.graph.loops[-1].starts().values())
        if self.fed:
            return self.outputs
        seen = {n.name for a in self.graph.readout for n in names_in(a.value) if isinstance(n, Variable)}
        return tuple(s for s in loop.states if s.name in seen) or loop.states[:1]

    @cached_property
    def readout(self) -> Readout | None:
        """The readout, unless a loop computes it."""
        if self.fed:
            return None
        seen = tuple(self._ended(s, loop) for loop in self.loops for s in loop.kept if loop.graph in self.graph.reading)
        return Readout.of(self.writer, seen, self.outputs)

    def _ended(self, state: Variable, loop: Loop) -> Variable:
        """A state as the readout sees it."""
        return state if self.graph.every else state.at(loop.graph.last(loop.graph.loop.steps))

    @property
    def parts(self) -> list[Loop | Readout]:
        """All parts of the module."""
        return [*self.loops, *([self.readout] if self.readout else [])]

    def source(self) -> str:
        """Return the module's text."""
        bodies = [text for part in self.parts for text in self._part(part)]
        bodies += ["\n".join(broken(lines)) for lines in (self._losses(), *Calls(self).lines())]
        bodies = [*(text.strip() for text in self.dialect.texts(self)), *bodies, self.dialect.public(self)]
        partly = any("@partial" in text for text in bodies)
        return "\n\n\n".join(["\n".join(self._head(partly=partly)), *bodies]) + "\n"

    def _part(self, part: Loop | Readout) -> Iterator[str]:
        back = WayBack(part).lines() if isinstance(part, Loop) else part.backward()
        yield "\n".join(broken(part.forward()))
        yield "\n".join(broken(back))
        yield self.dialect.derived(part)

    # The head

    def _head(self, *, partly: bool) -> Iterator[str]:
        network = self.network
        yield from filled(f'"""{self.dialect.title}: loss and gradient of the network {network.cell.name} '
                          f"({network.topology}, {network.loss}).", hanging="")
        yield ""
        yield from (line for equation in equation_lines(self.graph) for line in filled(f"    {equation}"))
        yield ""
        yield "A batch is the first axis of everything but the parameters. The way back is not recorded: it is the"
        yield "recursion that rnnsym derived from the equations above."
        yield '"""'
        yield ""
        if partly:
            yield "from functools import partial"
            yield ""
        yield self.dialect.imports
        yield ""
        yield "SHAPES = {"
        yield from (f'    "{p.name}": {self.axes(p.shape)},' for p in network.parameters)
        yield "}"
        yield "PARAMETERS = tuple(SHAPES)"
        yield f"INPUTS = {self._input_axes()}"
        yield f"TARGETS = {self.axes(network.target.shape, 'batch', *self.output_axis())}"
        yield from broken([f"STATES = {{{', '.join(self._states())}}}  # axes, and where they start"])
        yield from (line for part in self.parts for line in broken(
            [f"{part.own} = {tuple_of(f'{chr(34)}{p.name}{chr(34)}' for p in part.weights)}"]))
        yield from (f"{self.names(c)} = {float(c.value)!r}" for c in network.constants)

    def axes(self, shape: Iterable[Any], *leading: str) -> str:
        """Spell a shape as data: a size by its name, a number, or a sum of sizes as a tuple."""
        return tuple_of([*(f'"{name}"' for name in leading), *map(self.axis, shape)])

    def axis(self, length: Any) -> str:
        """Spell one axis."""
        if length.is_Integer or length.is_Symbol:
            return str(length) if length.is_Integer else f'"{length}"'
        parts = [part for term in length.as_ordered_terms() for part in self._parts_of(*term.as_coeff_Mul())]
        return tuple_of(parts)

    def _parts_of(self, times: Any, size: Any) -> list[str]:
        if not (size == 1 or size.is_Symbol):
            raise DerivationError(f"the size {size} is no sum of sizes: annotate it as a number")
        return [str(times)] if size == 1 else [f'"{size}"'] * int(times)

    def _input_axes(self) -> str:
        leading = ["batch"] if self.topology.one_input else ["batch", "T"]
        return self.axes(() if self.network.reads_index else self.network.input.shape, *leading)

    def output_axis(self) -> tuple[str, ...]:
        """Return the axis of steps that outputs have."""
        return () if not self.topology.every else ("S",) if self.topology.decodes else ("T",)

    def _states(self) -> Iterator[str]:
        self._check_sizes()
        for state in self.network.states:
            lag = [str(state.lag)] if state.lag > 1 else []
            axes = tuple_of([*lag, *map(self.axis, state.variable.shape)])
            yield f'"{state.variable.name}": ({axes}, {float(state.initial)!r})'

    def _check_sizes(self) -> None:
        """Refuse states whose size no array tells."""
        given = () if self.network.reads_index else self.network.input.shape
        told = {n for shape in (given, *(p.shape for p in self.network.parameters)) for n in shape}
        for state in self.graph.states:
            for length in state.shape:
                missing = [n for n in length.free_symbols if n not in told]
                if missing:
                    raise DerivationError(f"the size {missing[0]} of the state {state.name} belongs to no parameter "
                                          "and no input: annotate it as a number")

    # What the functions share

    @property
    def extra(self) -> str:
        """What tells the outputs beside the inputs: their number where they are fed back, the targets of a teacher."""
        return ", steps" if self.network.feeds_back else ", targets" if self.network.forced else ""

    @property
    def lengths(self) -> str:
        """The names of the lengths that count."""
        return "lengths, target_lengths" if self.topology.decodes else "lengths"

    @property
    def optional(self) -> str:
        """The optional arguments of all functions."""
        return "initial_state=None, " + ", ".join(f"{name}=None" for name in self.lengths.split(", "))

    @property
    def like(self) -> str:
        """Code of an array with the type and the place of all others."""
        return f'parameters["{self.network.parameters[0].name}"]' if self.network.parameters else "inputs"

    def _losses(self) -> Iterator[str]:
        entry, of = losses[self.network.loss], self.loss_argument
        target = Variable("target", of.shape, of.step)
        value = entry.value if entry.fused_value is None or of == self.graph.output else entry.fused_value
        stable = "" if of == self.graph.output else ", from the logit: it neither overflows nor cancels"
        code = self.printer.code(value(of, target))
        yield f"def losses({self.names(of)}, {self.names(target)}):"
        yield f'    """Return the loss of each {"output" if self.graph.every else "sequence"}{stable}."""'
        yield f"    return {code}"


def equation_lines(graph: StepGraph) -> list[str]:
    """Return the equations of a network as text, one a line."""
    style = style_of(graph.network)
    assignments = (*graph.cell, *graph.readout, *dict.fromkeys((graph.step_loss, graph.loss)))
    return [f"{plain(lay_out(a.target, style))} = {plain(lay_out(a.value, style))}" for a in assignments]
