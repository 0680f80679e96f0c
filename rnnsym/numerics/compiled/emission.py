"""The text of a module for numba: functions of loops and outputs, three compiled entries, and calls of these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.adjoints import adjoint_recursion, is_fused
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.model.expressions import ONE, ZERO, Variable, t
from rnnsym.numerics.compiled.calls import CallCode
from rnnsym.numerics.compiled.entries import EntryCode
from rnnsym.numerics.compiled.functions import function_sources
from rnnsym.numerics.compiled.helpers import (
    BY_STEPS,
    CALLED,
    HEAD,
    LOOPS,
    OUTPUT_WEIGHTS,
    SHIFTED_STEPS,
    TURNED_STEPS,
    WITHIN,
)
from rnnsym.numerics.compiled.loops import LoopCode
from rnnsym.numerics.compiled.readouts import ReadoutCode
from rnnsym.numerics.compiled.recurrences import Recurrence
from rnnsym.numerics.compiled.setting import Setting
from rnnsym.numerics.lines import broken, filled
from rnnsym.numerics.products import with_named_products
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain


class Emitter:
    """Writes the module of one network."""

    def __init__(self, graph: StepGraph) -> None:
        self.graph = with_named_products(graph)
        self.network = graph.network
        self.setting = Setting(self.graph)
        self.weight = Variable("output weight", (), t if graph.every else None)
        self.recursion = adjoint_recursion(self.graph, weight=self.weight if graph.every else ONE)
        logit = self.graph.logit
        self.argument = logit if logit is not None and is_fused(self.graph) else self.graph.output
        self.loops = [LoopCode(self._recurrence(number)) for number in range(len(self.graph.loops))]
        self.readout = ReadoutCode(self.setting, self.graph, self.recursion, self.argument, self.weight)
        self.setting.check_sizes(
            [] if self.network.reads_index else [("inputs", tuple(self.network.input.shape))])

    def _recurrence(self, number: int) -> Recurrence:
        loop: LoopGraph = self.graph.loops[number]
        suffix = "" if not number else "_decode" if loop.decodes else "_turned"
        fed = self.network.feeds_back and number + 1 == len(self.graph.loops)
        kept = tuple(dict.fromkeys((self.argument, self.graph.output))) if fed else ()
        arriving = tuple(s for s in loop.states if self.graph.every and s in self.recursion.final)
        given = (self.graph.target, self.weight) if fed else ()
        return Recurrence(self.setting, self.recursion.loops[number], suffix, kept, arriving, given)

    def source(self) -> str:
        """Return the module's text."""
        functions = [part for loop in self.loops for part in (loop.forward(), loop.backward())]
        if self.graph.readout:
            functions += [self.readout.readout(), self.readout.backward()]
        functions.append(self.readout.loss())
        entries = EntryCode(self)
        functions += entries.functions()
        compiled = len(functions)
        functions += CallCode(entries, self.loops).functions()
        bodies = ["\n".join(broken(part)) for part in functions]  # first: they say which functions they use
        parts = ["\n".join(self._head()), *function_sources(self._used()), LOOPS.strip(), *self._moves(),
                 *bodies[:compiled], CALLED.strip(), *bodies[compiled:]]
        return "\n\n\n".join(parts) + "\n"

    def _used(self) -> list[str]:
        return sorted(self.setting.functions)

    def _head(self) -> Iterator[str]:
        network, names = self.network, self.setting.names
        yield f'"""Loss and gradient of the network {network.cell.name} ({network.topology}, {network.loss}).'
        yield ""
        style = style_of(network)
        for a in (*self.graph.cell, *self.graph.readout, *dict.fromkeys((self.graph.step_loss, self.graph.loss))):
            yield from filled(f"    {plain(lay_out(a.target, style))} = {plain(lay_out(a.value, style))}")
        yield ""
        yield "Arrays of all steps are (steps, batch, …), those of states have one step more: h[at] is what step `at`"
        yield "starts from, h[at + 1] what it makes. Made by rnnsym from the equations above; numba compiles it."
        yield '"""'
        yield HEAD.rstrip()
        yield ""
        names_ = ", ".join(f'"{p.name}"' for p in network.parameters)
        yield from broken([f"PARAMETERS = ({names_}{',' * (len(network.parameters) == 1)})"])
        yield from (f"{names(c)} = {float(c.value)!r}" for c in network.constants)

    def _moves(self) -> Iterator[str]:
        yield BY_STEPS.strip()
        yield WITHIN.strip()
        if self.network.bidirectional:
            yield TURNED_STEPS.strip()
        if self.network.forced:
            yield SHIFTED_STEPS.strip()
        if self.graph.every:
            yield OUTPUT_WEIGHTS.strip().replace(
                "{weight}", "1.0 / length" if self.network.over_steps == "mean" else "1.0")

    def free_states(self) -> list[tuple[LoopGraph, Any]]:
        """The states that start freely, each with its loop."""
        return [(loop, s) for loop in self.graph.loops for s in loop.states if s not in loop.starts() and loop.lag(s)]

    def input_in_step(self, loop: LoopCode) -> bool:
        """Whether ∂L/∂x is made step by step, so that there must be room for it."""
        r = loop.r
        plain_input = r.reads is not None and r.reads.name == "x" and not r.index
        return plain_input and r.input_sum is None and r.recursion.input != ZERO

    def adjoint(self, name: Any) -> str:
        """The name of what reaches a quantity."""
        return self.setting.names(Adjoint(name))


def numba_source(graph: StepGraph) -> str:
    """Return the text of a module with ``predict``, ``loss`` and ``value_and_grad`` that numba compiles."""
    return Emitter(graph).source()
