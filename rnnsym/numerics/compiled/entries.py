"""The compiled entries of a module: the gradient, the loss and the outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rnnsym.model.expressions import Variable
from rnnsym.model.losses import losses
from rnnsym.numerics.compiled.loops import LoopCode

if TYPE_CHECKING:
    from rnnsym.numerics.compiled.emission import Emitter

NONE = "np.empty((0, 0))"


class EntryCode:
    """Writes ``gradient``, ``mean_loss`` and ``output``."""

    def __init__(self, emitter: Emitter) -> None:
        self.e, self.setting, self.graph = emitter, emitter.setting, emitter.graph
        self.names, self.network = emitter.setting.names, emitter.network
        self.topology = emitter.network.shape_of_steps
        self.free = emitter.free_states()
        self.starts = {s: self.setting.fresh(f"from_{s.name}") for _, s in self.free}
        self.d_starts = {s: self.setting.fresh(f"d_from_{s.name}") for _, s in self.free}
        self.seen = {s: self.setting.fresh(f"all_{s.name}") for s in self.graph.states}
        self.d_input = self.setting.fresh("d_sequence")

    def functions(self) -> list[Iterator[str]]:
        """The functions that are compiled."""
        return [self._gradient(), self._mean_loss(), self._output()]

    @property
    def fed(self) -> bool:
        return self.network.feeds_back

    @property
    def lengths_of_loops(self) -> list[str]:
        return ["lengths", *(["target_lengths"] if self.topology.decodes else [])]

    def own_lengths(self, loop: LoopCode) -> str:
        return "target_lengths" if loop.r.graph.decodes else "lengths"

    @property
    def one_vector(self) -> bool:
        """Whether the inputs have no axis of steps."""
        return self.topology.one_input and self.topology.every

    @property
    def input_axes(self) -> int:
        """How many axes the inputs have; a row's number has none of its own."""
        if self.one_vector:
            return 1 + len(self.network.input.shape)
        return 2 + (0 if self.network.reads_index else len(self.network.input.shape))

    def types(self, kind: str) -> list[str]:
        """The types of an entry's arguments."""
        parameters = [f"array({p.rank})" for p in self.network.parameters]
        whole = self.network.reads_index and not self.one_vector
        inputs = f"array({self.input_axes}{', types.int64' * whole})"
        targets = [f"array({1 + self.graph.every + self.network.target.rank})"]
        if kind == "output":
            targets = ["types.intp"] if self.fed else targets if self.network.forced else []
        starts = [f"array({1 + s.rank})" for s in self.starts]
        found = [*parameters, inputs, *targets, *starts, *("array(1, types.int64)" for _ in self.lengths_of_loops)]
        if kind == "gradient":
            found += [*parameters, inputs.replace("types.int64", "types.float64"), *starts]
        return found

    def arguments(self, kind: str) -> list[str]:
        targets = ["targets"]
        if kind == "output":
            targets = ["steps"] if self.fed else targets if self.network.forced else []
        found = [*self.setting.parameters, "inputs", *targets, *self.starts.values(), *self.lengths_of_loops]
        if kind == "gradient":
            found += [*map(self.setting.gradient, self.network.parameters), "d_inputs", *self.d_starts.values()]
        return found

    def _entry(self, kind: str, result: str, law: str) -> Iterator[str]:
        yield f"@entry({result}({', '.join(self.types(kind))}))"
        yield f"def {kind}({', '.join(self.arguments(kind))}):"
        yield f'    """{law}"""'
        yield from self.setting.sizes([] if self.network.reads_index else [
            ("inputs", (None, *([] if self.topology.one_input and self.topology.every else [None]),
                        *self.network.input.shape))])
        yield "    batch = inputs.shape[0]"
        yield f"    weights = {self.setting.pack(self.setting.parameters)}"

    def _run_forward(self, kind: str) -> Iterator[str]:
        for loop in self.e.loops:
            yield from self._read(loop, kind)
            starts = self.setting.pack(self._start(loop, s) for s in loop.r.graph.states)
            arguments = ["weights", *self._given(loop), starts, self.own_lengths(loop)]
            yield f"    {self.setting.pack(loop.results)} = {loop.forward_name}({', '.join(arguments)})"

    def _read(self, loop: LoopCode, kind: str) -> Iterator[str]:
        reads = loop.r.reads
        if reads is None:
            if kind != "output":
                yield "    steps = targets.shape[1]"
            return
        name = self.names(reads)
        if reads.name == "x":
            if loop.r.graph.loop.reverse:
                yield f"    {name}_turned = {self._as_rows(loop, 'turned_steps(by_steps(inputs), lengths)')}"
                return
            yield f"    {name} = {self._as_rows(loop, 'by_steps(inputs)')}"
            yield f"    {'encoded' if self.topology.decodes else 'steps'} = {name}.shape[0]"
            return
        yield f"    {name} = shifted_steps(by_steps(targets))"
        yield f"    steps = {name}.shape[0]"

    def _as_rows(self, loop: LoopCode, code: str) -> str:
        """Numbers of rows, and scalars, have no axis of entries."""
        reads = loop.r.reads
        whole = reads is not None and (loop.r.index or not reads.rank)
        return self.setting.seen_as(code, "inputs.shape[1]", "inputs.shape[0]") if whole else code

    def _given(self, loop: LoopCode) -> list[str]:
        reads = loop.r.reads
        if reads is None:
            return ["steps", "batch"]
        return [self.names(reads) + ("_turned" if loop.r.graph.loop.reverse else "")]

    def _start(self, loop: LoopCode, state: Variable) -> str:
        starts = loop.r.graph.starts()
        if state not in starts:
            return self.starts.get(state, NONE)
        source = starts[state]
        return f"{self.names(source)}[encoded]" if source in self.graph.loops[0].states else "inputs"

    def _seen_lines(self) -> Iterator[str]:
        """The states of all outputs, and the outputs."""
        if self.fed:
            for v in dict.fromkeys((self.e.argument, self.graph.output)):
                steps = self.names(v) + "[1:]" * (v in self.graph.states)
                yield f"    {self._rows(v)} = {self._merged(steps, v)}"
            return
        for loop in self.e.loops:
            if loop.r.graph not in self.graph.reading:
                continue
            for s in loop.r.graph.states:
                own = self.names(s)
                if not self.graph.every:
                    yield f"    {self.seen[s]} = {own}[steps]"
                    continue
                turned = f"turned_steps({own}[1:], lengths)" if loop.r.graph.loop.reverse else f"{own}[1:]"
                yield f"    {self.seen[s]} = {self._merged(turned, s)}"
        yield f"    {self.setting.pack(self.e.readout.results)} = readout(weights, {self._states})"

    @property
    def _states(self) -> str:
        return self.setting.pack(self.seen[s] for s in self.e.readout.seen)

    def _merged(self, code: str, name: Any) -> str:
        """Steps and sequences as rows."""
        axes = ["steps * batch", *(self.setting.size(n) for n in name.shape)]
        return self.setting.seen_as(code, *axes)

    def _rows(self, name: Variable) -> str:
        return self.names.derived("rows_of", name) if self.fed else self.names(name)

    def _loss_lines(self) -> Iterator[str]:
        target, weight = self.names(self.graph.target), self.names(self.e.weight)
        arguments = ["weights", self._rows(self.e.argument)]
        if not self.graph.every:
            yield f"    {self.setting.total} = loss_of({', '.join([*arguments, 'targets'])})"
            return
        code = "by_steps(targets)"
        yield f"    {target} = {code if self.graph.target.rank else self.setting.seen_as(code, 'steps', 'batch')}"
        yield f"    {weight} = output_weights(steps, batch, {self.own_lengths(self.e.loops[-1])})"
        rows = [self._merged(target, self.graph.target), self.setting.seen_as(weight, "steps * batch")]
        yield f"    {self.setting.total} = loss_of({', '.join([*arguments, *rows])})"

    def _mean_loss(self) -> Iterator[str]:
        yield from self._entry("mean_loss", "types.float64", "Return the mean loss over the batch.")
        yield from self._run_forward("mean_loss")
        yield from self._seen_lines()
        yield from self._loss_lines()
        yield f"    return {self.setting.total} / batch"

    def _output(self) -> Iterator[str]:
        yhat = self.graph.output
        yield from self._entry("output", f"array({1 + yhat.rank})", "Return the outputs of all rows.")
        yield from self._run_forward("output")
        yield from self._seen_lines()
        yield f"    return {self._rows(yhat)}"

    def _gradient(self) -> Iterator[str]:
        law = "Write the gradients of the mean loss; return it, and 0 where shapes fit and all numbers are good."
        yield from self._entry("gradient", "types.UniTuple(types.float64, 2)", law)
        yield from self._fitting()
        yield from self._run_forward("gradient")
        yield from self._seen_lines()
        yield from self._loss_lines()
        yield f"    gradients = {self.setting.pack(self.setting.gradients)}"
        yield from (f"    clear({one})" for one in self.setting.gradients)
        yield from self._readout_back()
        for loop in reversed(self.e.loops):
            yield from self._loop_back(loop)
        numbers = [*self.setting.parameters, *([] if self.network.reads_index else ["inputs"]), "targets",
                   *self.setting.gradients]
        yield f"    check = {self.setting.total} + {' + '.join(f'sum_of({one})' for one in numbers)}"
        entry = losses[self.network.loss]
        if math.isfinite(entry.lower) or math.isfinite(entry.upper):
            lower, upper = (f"{'-' * (end < 0)}np.inf" if math.isinf(end) else repr(end)
                            for end in (entry.lower, entry.upper))
            yield f"    if not within(targets, {lower}, {upper}):"
            yield "        check = np.nan"
        yield f"    return {self.setting.total} / batch, 0.0 * check"

    def _fitting(self) -> Iterator[str]:
        """Leave arguments whose shapes differ from each other, or are empty, to those who say so."""
        arrays = [(self.names(p), tuple(p.shape)) for p in self.network.parameters]
        own = () if self.network.reads_index and not self.one_vector else tuple(self.network.input.shape)
        arrays.append(("inputs", (*[None] * (self.input_axes - len(own)), *own)))
        target = tuple(self.network.target.shape)
        arrays.append(("targets", ("batch", *[self._target_steps] * self.graph.every, *target)))
        apart = [f"({code}.shape[{axis}] != {length if isinstance(length, str) else self.setting.size(length)})"
                 for code, shape in arrays for axis, length in enumerate(shape) if length is not None]
        yield f"    misfit = {' | '.join(apart)}"
        yield f"    content = {' * '.join(f'min(1, {code}.size)' for code, _ in arrays)}"
        yield "    if misfit or content == 0:"
        yield "        return np.nan, np.nan"

    @property
    def _target_steps(self) -> str:
        free = self.topology.decodes or self.topology.feeds_back
        return "targets.shape[1]" if free else "inputs.shape[1]"

    def _readout_back(self) -> Iterator[str]:
        if self.fed:
            return
        readout = self.e.readout
        target = "targets" if not self.graph.every else self._merged(self.names(self.graph.target), self.graph.target)
        weight = [self.setting.seen_as(self.names(self.e.weight), "steps * batch")] if self.graph.every else []
        arguments = ["weights", self._states, self.setting.pack(readout.results), target, *weight, "gradients", "batch"]
        finals = [self.names(one) for one in readout.finals.values()]
        left = f"{self.setting.pack(finals)} = " if finals else ""
        yield f"    {left}backward_readout({', '.join(arguments)})"

    def _loop_back(self, loop: LoopCode) -> Iterator[str]:
        graph, suffix = loop.r.graph, loop.r.suffix
        room = f"{self.d_input}{suffix}"
        reads = loop.r.reads
        wide = "" if reads is None or not reads.rank or loop.r.index else f", {self.setting.size(reads.shape[0])}"
        always = self.e.input_in_step(loop)
        wanted = "d_inputs.size > 0" if reads is not None and reads.name == "x" and not loop.r.index else "False"
        count = "steps" if always else f"steps if {wanted} else 0" if wanted != "False" else "0"
        yield f"    {room} = np.empty(({count}, batch{wide}))"
        yield f"    clear({room})"
        seen = []
        for s in loop.r.arriving:
            final = self.names(self.e.readout.finals[s])
            code = self.setting.seen_as(final, "steps", "batch", *map(self.setting.size, s.shape))
            seen.append(f"turned_steps({code}, lengths)" if graph.loop.reverse else code)
        ends = (self._end(loop, s) for s in graph.states)
        outside = [*seen, *map(self.names, loop.r.given)]
        tuples = [self.setting.pack(one) for one in (loop.results, ends, outside)]
        arguments = ["weights", *self._given(loop), *tuples, "gradients", self.own_lengths(loop), room, wanted]
        found = [self.e.adjoint(s) for s in graph.states]
        yield f"    {self.setting.pack(found)} = {loop.backward_name}({', '.join(arguments)})"
        if wanted != "False":
            turned = f"turned_steps({room}, lengths)" if graph.loop.reverse else room
            yield "    if d_inputs.size > 0:"
            yield f"        ordered{suffix} = {turned}"
            yield "        for at in range(steps):"
            yield "            for row in range(batch):"
            yield f"                add_to(d_inputs[row, at], ordered{suffix}[at, row], batch)"
        yield from self._starts_back(loop)
        if graph.decodes:
            yield "    steps = encoded"

    def _starts_back(self, loop: LoopCode) -> Iterator[str]:
        graph = loop.r.graph
        for s in graph.states:
            own = self.e.adjoint(s)
            if s in self.d_starts:
                out = self.d_starts[s]
                yield f"    add_to({self.setting.flat(out)}, {self.setting.flat(own)}, batch)"
            elif self.topology.feeds_back and s in graph.starts():
                yield f"    add_to({self.setting.flat('d_inputs')}, {self.setting.flat(own)}, batch)"

    def _end(self, loop: LoopCode, state: Variable) -> str:
        """What reaches the last value of a state: from the output, or from the loop that starts from it."""
        if not self.graph.every and state in self.e.readout.finals:
            return self.names(self.e.readout.finals[state])
        if self.topology.decodes and loop is self.e.loops[0]:
            for own, source in self.graph.loops[1].starts().items():
                if source == state:
                    return self.e.adjoint(own)
        return NONE
