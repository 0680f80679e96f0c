"""The compiled entries of a module and the functions that call them with a caller's arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rnnsym.model.expressions import Parameter, Variable
from rnnsym.numerics.compiled.loops import LoopCode

if TYPE_CHECKING:
    from rnnsym.numerics.compiled.emission import Emitter

NONE = "np.empty((0, 0))"


class EntryCode:
    """Writes ``gradient``, ``mean_loss`` and ``output``, which are compiled, and the three functions of a module."""

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
        """The functions, those that are compiled first."""
        return [self._gradient(), self._mean_loss(), self._output(), self._call("predict"), self._call("loss"),
                self._call("value_and_grad")]

    # The compiled entries

    @property
    def _fed(self) -> bool:
        return self.network.feeds_back

    @property
    def _lengths(self) -> list[str]:
        return ["lengths", *(["target_lengths"] if self.topology.decodes else [])]

    def _own_lengths(self, loop: LoopCode) -> str:
        return "target_lengths" if loop.r.graph.decodes else "lengths"

    def _types(self, kind: str) -> list[str]:
        """The types of an entry's arguments."""
        parameters = [f"array({p.rank})" for p in self.network.parameters]
        one = 0 if self.topology.one_input and self.topology.every else 1
        rank = len(self.network.input.shape)
        inputs = "array(2, types.int64)" if self.network.reads_index and one else f"array({1 + one + rank})"
        targets = [f"array({1 + self.graph.every + self.network.target.rank})"]
        if kind == "output":
            targets = ["types.intp"] if self._fed else targets if self.network.forced else []
        starts = [f"array({1 + s.rank})" for s in self.starts]
        found = [*parameters, inputs, *targets, *starts, *("array(1, types.int64)" for _ in self._lengths)]
        if kind == "gradient":
            found += [*parameters, inputs.replace("types.int64", "types.float64"), *starts]
        return found

    def _arguments(self, kind: str) -> list[str]:
        targets = ["targets"]
        if kind == "output":
            targets = ["steps"] if self._fed else targets if self.network.forced else []
        found = [*self.setting.parameters, "inputs", *targets, *self.starts.values(), *self._lengths]
        if kind == "gradient":
            found += [*map(self.setting.gradient, self.network.parameters), "d_inputs", *self.d_starts.values()]
        return found

    def _entry(self, kind: str, result: str, law: str) -> Iterator[str]:
        yield f"@entry({result}({', '.join(self._types(kind))}))"
        yield f"def {kind}({', '.join(self._arguments(kind))}):"
        yield f'    """{law}"""'
        yield from self.setting.sizes([] if self.network.reads_index else [
            ("inputs", (None, *([] if self.topology.one_input and self.topology.every else [None]),
                        *self.network.input.shape))])
        yield "    batch = inputs.shape[0]"

    def _run_forward(self, kind: str) -> Iterator[str]:
        for loop in self.e.loops:
            yield from self._read(loop, kind)
            arguments = [*self.setting.parameters, *self._given(loop), *(
                self._start(loop, s) for s in loop.r.graph.states), self._own_lengths(loop)]
            yield f"    {self.setting.tuple_of(loop.results)} = {loop.forward_name}({', '.join(arguments)})"

    def _read(self, loop: LoopCode, kind: str) -> Iterator[str]:
        reads = loop.r.reads
        if reads is None:
            if kind != "output":
                yield "    steps = targets.shape[1]"
            return
        name = self.names(reads)
        if reads.name == "x":
            if loop.r.graph.loop.reverse:
                yield f"    {name}_turned = turned_steps(by_steps(inputs), lengths)" + self._as_rows(loop)
                return
            yield f"    {name} = by_steps(inputs)" + self._as_rows(loop)
            yield f"    {'encoded' if self.topology.decodes else 'steps'} = {name}.shape[0]"
            return
        yield f"    {name} = shifted_steps(by_steps(targets))"
        yield f"    steps = {name}.shape[0]"

    def _as_rows(self, loop: LoopCode) -> str:
        """Numbers of rows, and scalars, have no axis of entries."""
        reads = loop.r.reads
        whole = reads is not None and (loop.r.index or not reads.rank)
        return ".reshape(inputs.shape[1], inputs.shape[0])" if whole else ""

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
        if self._fed:
            for v in dict.fromkeys((self.e.argument, self.graph.output)):
                yield f"    {self.names.derived('rows_of', v)} = {self._merged(self.names(v) + '[1:]' * (v in self.graph.states), v)}"
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
        arguments = [*self.setting.parameters, *(self.seen[s] for s in self.e.readout.seen)]
        yield f"    {self.setting.tuple_of(self.e.readout.results)} = readout({', '.join(arguments)})"

    def _merged(self, code: str, name: Any) -> str:
        """Steps and sequences as rows."""
        axes = ["steps * batch", *(self.setting.size(n) for n in name.shape)]
        return f"{code}.reshape({self.setting.tuple_of(axes)})"

    def _rows(self, name: Variable) -> str:
        return self.names.derived("rows_of", name) if self._fed else self.names(name)

    def _loss_lines(self) -> Iterator[str]:
        target, weight = self.names(self.graph.target), self.names(self.e.weight)
        arguments = [*self.setting.parameters, self._rows(self.e.argument)]
        if not self.graph.every:
            yield f"    {self.setting.total} = loss_of({', '.join([*arguments, 'targets'])})"
            return
        yield f"    {target} = by_steps(targets)" + ("" if self.graph.target.rank else ".reshape(steps, batch)")
        yield f"    {weight} = output_weights(steps, batch, {self._own_lengths(self.e.loops[-1])})"
        rows = [self._merged(target, self.graph.target), f"{weight}.reshape(steps * batch)"]
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
        law = "Return the mean loss over the batch, and write its gradients to the arrays that are given for them."
        yield from self._entry("gradient", "types.float64", law)
        yield from self._run_forward("gradient")
        yield from self._seen_lines()
        yield from self._loss_lines()
        for p in self.network.parameters:
            grad = self.setting.gradient(p)
            yield f"    clear({grad})"
        yield from self._readout_back()
        for loop in reversed(self.e.loops):
            yield from self._loop_back(loop)
        yield f"    return {self.setting.total} / batch"

    @property
    def _one_vector(self) -> bool:
        return self.topology.one_input and self.topology.every

    def _readout_back(self) -> Iterator[str]:
        if self._fed:
            return
        readout = self.e.readout
        target = "targets" if not self.graph.every else self._merged(self.names(self.graph.target), self.graph.target)
        weight = [f"{self.names(self.e.weight)}.reshape(steps * batch)"] if self.graph.every else []
        arguments = [*self.setting.parameters, *(self.seen[s] for s in readout.seen), *readout.results, target,
                     *weight, *map(self.setting.gradient, self.network.parameters), "batch"]
        finals = [self.names(one) for one in readout.finals.values()]
        left = f"{self.setting.tuple_of(finals)} = " if finals else ""
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
            code = f"{final}.reshape({self.setting.tuple_of(['steps', 'batch', *map(self.setting.size, s.shape)])})"
            seen.append(f"turned_steps({code}, lengths)" if graph.loop.reverse else code)
        arguments = [*self.setting.parameters, *self._given(loop), *loop.results,
                     *(self._end(loop, s) for s in graph.states), *seen, *map(self.names, loop.r.given),
                     self._own_lengths(loop), *map(self.setting.gradient, self.network.parameters), room, wanted]
        found = [self.e.adjoint(s) for s in graph.states]
        yield f"    {self.setting.tuple_of(found)} = {loop.backward_name}({', '.join(arguments)})"
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
                yield f"    add_to({out}.reshape({out}.size), {own}.reshape({own}.size), batch)"
            elif self.topology.feeds_back and s in graph.starts():
                yield f"    add_to(d_inputs.reshape(d_inputs.size), {own}.reshape({own}.size), batch)"

    def _end(self, loop: LoopCode, state: Variable) -> str:
        """What reaches the last value of a state: from the output, or from the loop that starts from it."""
        if not self.graph.every and state in self.e.readout.finals:
            return self.names(self.e.readout.finals[state])
        if self.topology.decodes and loop is self.e.loops[0]:
            for own, source in self.graph.loops[1].starts().items():
                if source == state:
                    return self.e.adjoint(own)
        return NONE

    # The functions that users' arrays come to

    def _call(self, kind: str) -> Iterator[str]:
        entry = {"value_and_grad": "gradient", "loss": "mean_loss", "predict": "output"}[kind]
        needed = ["inputs"] if kind == "predict" else ["inputs", "targets"]
        if kind == "predict":
            needed += ["steps"] if self._fed else ["targets"] if self.network.forced else []
        optional = ["initial_state=None", "lengths=None", *(["target_lengths=None"] if self.topology.decodes else [])]
        more = ["wrt=PARAMETERS"] if kind == "value_and_grad" else []
        yield f"def {kind}({', '.join(['parameters', *needed, *optional, *more])}):"
        yield f'    """{_laws[kind]}"""'
        for p in self.network.parameters:
            yield f'    {self.names(p)} = parameters["{p.name}"]'
        for s, start in self.starts.items():
            yield f'    {start} = NOTHING_{1 + s.rank} if initial_state is None else started(' \
                  f'initial_state, "{s.name}", len(inputs), {s.rank})'
        for lengths in self._lengths:
            yield f"    {lengths} = NO_LENGTHS if {lengths} is None else np.asarray({lengths}, dtype=np.int64)"
        if kind == "value_and_grad":
            yield from self._call_gradient()
        elif kind == "loss":
            yield f"    return {entry}({', '.join(self._arguments(entry))})"
        else:
            yield f"    found = {entry}({', '.join(self._arguments(entry))})"
            yield from self._shaped()

    def _shaped(self) -> Iterator[str]:
        if not self.graph.every:
            yield "    return found"
            return
        steps = "steps" if self._fed else "targets.shape[1]" if self.topology.decodes else "inputs.shape[1]"
        lengths = self._own_lengths(self.e.loops[-1])
        if steps != "steps":
            yield f"    steps = {steps}"
        yield "    found = found.reshape(steps, len(inputs), *found.shape[1:]).swapaxes(0, 1)"
        yield f"    past = {lengths}[:, None] <= np.arange(steps) if {lengths}.size else np.zeros(found.shape[:2], bool)"
        yield "    return np.where(past.reshape(past.shape + (1,) * (found.ndim - 2)), 0.0, found)"

    def _call_gradient(self) -> Iterator[str]:
        for p in self.network.parameters:
            yield f"    {self.setting.gradient(p)} = np.empty({self.names(p)}.shape)"
        parameters = [f'"{p.name}": {self.setting.gradient(p)}' for p in self.network.parameters]
        others = {"inputs": "d_inputs"} | {f"{s.name}_0": name for s, name in self.d_starts.items()}
        if self.network.reads_index and not self._one_vector:
            del others["inputs"]
        empty = {**self._empty_outputs()}
        yield "    every = wrt == PARAMETERS"
        for name, (nothing, zeros) in empty.items():
            key = next((one for one, own in others.items() if own == name), None)
            yield f"    {name} = {nothing}" + (
                "" if key is None else f' if every or "{key}" not in wrt else {zeros}')
        yield f"    value = gradient({', '.join(self._arguments('gradient'))})"
        yield f"    gradients = {{{', '.join(parameters)}}}"
        yield "    if every:"
        yield "        return value, gradients"
        pairs = ", ".join(f'"{key}": {name}' for key, name in others.items())
        yield f"    gradients |= {{{pairs}}}"
        yield "    return value, {name: gradients[name] for name in wrt}"

    def _empty_outputs(self) -> dict[str, tuple[str, str]]:
        rank = len(self._types("gradient")) and int(self._types("mean_loss")[len(self.network.parameters)][6])
        found = {"d_inputs": (f"NOTHING_{rank}", "np.zeros(inputs.shape)")}
        for s, name in self.d_starts.items():
            sizes = ["len(inputs)", *(self._size_of(n) for n in s.shape)]
            found[name] = f"NOTHING_{1 + s.rank}", f"np.zeros(({', '.join(sizes)},))"
        return found

    def _size_of(self, length: Any) -> str:
        """A size told from the arguments of a call."""
        def told(symbol: Any) -> str:
            for p in self.network.parameters:
                if symbol in p.shape:
                    return f"{self.names(p)}.shape[{tuple(p.shape).index(symbol)}]"
            return "inputs.shape[-1]"

        terms = [term.as_coeff_Mul() for term in length.as_ordered_terms()]
        return " + ".join(str(times) if name == 1 else f"{times} * {told(name)}" for times, name in terms)


_laws = {
    "predict": "Return the outputs, zero past a sequence's end.",
    "loss": "Return the mean loss over the batch.",
    "value_and_grad": "Return the mean loss and {name: gradient} for the names in ``wrt``.",
}
__all__ = ["EntryCode", "Parameter"]
