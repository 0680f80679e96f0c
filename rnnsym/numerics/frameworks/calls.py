"""The public functions of a module for JAX or PyTorch: what runs the loops, and what calls that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rnnsym.calculus.unrolling import BACK
from rnnsym.model.expressions import Variable
from rnnsym.numerics.frameworks.parts import indented
from rnnsym.numerics.frameworks.scans import Loop
from rnnsym.numerics.setting import tuple_of

if TYPE_CHECKING:
    from rnnsym.numerics.frameworks.modules import Module


class Calls:
    """Writes ``run``, ``predict`` and ``loss`` of a module."""

    def __init__(self, module: Module) -> None:
        self.module, self.network, self.topology = module, module.network, module.topology
        self.loops, self.printer = module.loops, module.printer

    def lines(self) -> list[Iterator[str]]:
        """The lines of each function."""
        return [self._run(), self._predict(), self._loss()]

    def _run(self) -> Iterator[str]:
        module = self.module
        results = " and ".join(map(module.names, module.outputs))
        yield f"def run(parameters, inputs, sizes{self.module.extra}, initial_state, {module.lengths}):"
        yield f'    """Return {results}, of all steps (steps, batch, …) where there are several, and which count."""'
        yield from indented(self._prepared())
        for loop in self.loops:
            yield from indented(self._called(loop))
        if module.readout is None:
            yield f"    return states, {self._running(self.loops[-1])}"
        else:
            yield ("    return readout({name: parameters[name] for name in READOUT}, states), "
                   f"{self._running(self.loops[-1])}")

    def _running(self, loop: Loop) -> str:
        return "running_decode" if loop.graph.decodes else "running"

    def _prepared(self) -> Iterator[str]:
        yield f"starts = started(initial_state, sizes, {self.module.like})"
        if self.topology.single_step:
            yield "inputs = inputs[:, None]"
        if not self.topology.feeds_back:
            yield "x = inputs.swapaxes(0, 1)  # (steps, batch, …)"
        steps = "steps" if self.topology.feeds_back else "len(x)"
        yield f"lengths, running, starts = counted(lengths, {steps}, sizes, starts)"
        if self.network.forced:
            yield "steps = targets.shape[1]"
        if self.topology.decodes:
            yield "target_lengths, running_decode, starts = counted(target_lengths, steps, sizes, starts)"

    def _called(self, loop: Loop) -> Iterator[str]:
        given, lengths = "steps", "target_lengths" if loop.graph.decodes else "lengths"
        if loop.reads is not None and loop.reads.name == "x":
            given = f"held({'turned(x, lengths)' if loop.graph.loop.reverse else 'x'}, {lengths})"
        elif loop.reads is not None:
            shown = (f"{self.printer.library}.zeros_like(targets[:, :1])", "targets[:, :-1]")
            yield f"previous = {self.printer.side_by_side(shown, axis=1)}  # the target of the step before"
            given = f"held(previous.swapaxes(0, 1), {lengths})"
        yield f"start = {tuple_of(self._start(loop, s) for s in loop.states)}"
        call = f"{loop.name}({{name: parameters[name] for name in {loop.own}}}, start, {given}, {self._running(loop)})"
        if loop.graph.loop.reverse:
            call = f"(turned(values, lengths) for values in {call})" if loop.every else call
            yield f"states = (*states, *{call})"
        else:
            yield f"{'last' if loop is not self.loops[-1] and self.topology.decodes else 'states'} = {call}"

    def _start(self, loop: Loop, state: Variable) -> str:
        """Where a state starts: from an earlier loop, from the only input, from what is given, or nowhere at all."""
        source = loop.graph.starts().get(state)
        if source is not None:
            kept = self.loops[0].kept if self.topology.decodes else ()
            return f"last[{kept.index(source)}]" if source in kept else "inputs"
        name, _, back = state.name.partition(BACK)
        free = next((s for s in self.network.states if s.variable.name == name), None)
        if free is None:
            shape = "".join(f", length(sizes, {self.module.axis(n)})" for n in state.shape) or ","
            return self.module.dialect.zeros.format(shape=f"(len(inputs){shape})", like=self.module.like)
        return f'starts["{name}"]' + (f"[:, {-1 - int(back or 0)}]" if free.lag > 1 else "")

    def _predict(self) -> Iterator[str]:
        module = self.module
        shape = module.axes(module.graph.output.shape, "batch", *module.output_axis()).replace('"', "")
        padded = "; zero past a sequence's end" if self.topology.every else ""
        yield f"def predict(parameters, inputs{self.module.extra}, {module.optional}):"
        of = "step" if self.topology.every else "sequence"
        yield f'    """Return the output of each {of}, {shape}{padded}."""'
        yield "    parameters, inputs, sizes = prepared(parameters, inputs)"
        if self.network.forced:
            yield f"    targets = as_targets(targets, sizes, {module.like})"
        yield f"    {self._found()}"
        if not self.topology.every:
            yield "    return found[-1]"
            return
        name = module.names(module.graph.output)
        yield f"    {name} = found[-1]"
        yield "    if running is not None:"
        yield f"        {name} = {self.printer.library}.where(running[..., None], {name}, 0.0)"
        yield f"    return {name}.swapaxes(0, 1)"

    def _found(self) -> str:
        optional = f"initial_state, {self.module.lengths}"
        return f"found, running = run(parameters, inputs, sizes{self.module.extra}, {optional})"

    def _loss(self) -> Iterator[str]:
        axis = f"{self.printer.axis}=0"
        yield f"def loss(parameters, inputs, targets, {self.module.optional}):"
        yield '    """Return the mean loss over the batch."""'
        yield "    parameters, inputs, sizes = prepared(parameters, inputs)"
        yield f"    targets = as_targets(targets, sizes, {self.module.like})"
        if self.network.feeds_back:
            yield "    steps = targets.shape[1]"
        yield f"    {self._found()}"
        if not self.topology.every:
            yield "    return losses(found[0], targets).mean()"
            return
        yield "    each = losses(found[0], targets.swapaxes(0, 1))  # (steps, batch)"
        yield "    if running is not None:"
        yield f"        each = {self.printer.library}.where(running, each, 0.0)"
        if self.network.over_steps == "mean":
            yield f"    number = len(each) if running is None else running.sum({axis})"
            yield f"    return (each.sum({axis}) / number).mean()"
        else:
            yield f"    return each.sum({axis}).mean()"
