"""The NumPy module of a network: one step's expressions inside loops over the steps, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rnnsym.calculus.adjoints import AdjointRecursion, adjoint_recursion, is_fused
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.expressions import ONE, Expression, Size, Variable, size, t
from rnnsym.numerics.lines import broken, without_idle
from rnnsym.numerics.loops import LoopEmitter
from rnnsym.numerics.preamble import head, helper_functions
from rnnsym.numerics.products import with_named_products
from rnnsym.numerics.readouts import losses_function, readout_function
from rnnsym.numerics.setting import Setting, tuple_of

OPTIONAL = "initial_state=None, lengths=None"


BATCH = size("the number of sequences")  # no user's name has blanks


class Emitter:
    """Writes the module of one network; lines are made by meaning, the text is joined at the end."""

    resumable = False  # whether loops tell the states from which further steps go on

    def __init__(self, graph: StepGraph) -> None:
        graph = with_named_products(graph)
        self.graph = graph
        self.network = graph.network
        self.setting = Setting.of(graph, BATCH)
        self.names, self.printer, self.code = self.setting.names, self.setting.printer, self.setting.code
        self.weight = Variable("weight", (), t if graph.every else None)
        weight = self.weight if graph.every else ONE / Size(BATCH)
        self.recursion: AdjointRecursion = adjoint_recursion(graph, weight=weight)
        self.loops = [self._loop(number) for number in range(len(graph.loops))]

    def _loop(self, number: int) -> LoopEmitter:
        graph, last = self.graph.loops[number], number + 1 == len(self.graph.loops)
        second = "decode" if self.network.shape_of_steps.decodes else "from_the_end"
        kept: tuple[Variable, ...] = ()
        if self.graph.every and graph in self.graph.reading:
            kept = tuple(dict.fromkeys((self.loss_argument, self.graph.output))) if self.fed else graph.states
        outside = tuple(s for s in graph.states if self.graph.every and s in self.recursion.final)
        given = (self.graph.target, self.weight) if self.fed and last else ()
        return LoopEmitter(self.setting, self.recursion.loops[number], second if number else "forward", kept, outside,
                           given, resumable=self.resumable)

    @property
    def fed(self) -> bool:
        """Whether the loop computes the outputs."""
        return self.network.feeds_back

    @property
    def loss_argument(self) -> Variable:
        """The logit where loss and readout are fused in code, else ŷ."""
        logit = self.graph.logit
        return logit if logit is not None and is_fused(self.graph) else self.graph.output

    def source(self) -> str:
        """Return the module's text."""
        return self.module()

    def module(self, more: Iterable[Iterable[str]] = (), helper: str = "") -> str:
        """Return the text of a module with further functions, and their helper, before those that are called."""
        loops = [lines for loop in self.loops for lines in loop.functions()]
        readout = [] if self.fed else [readout_function(self.setting, self._seen_names())]
        parts = [*loops, *readout, losses_function(self.setting, self.loss_argument), *more, self._predict(),
                 self._loss(), self._value_and_grad()]
        bodies = ["\n".join(broken(without_idle(part))) for part in parts]
        first = [*helper_functions(self.network, "\n".join(bodies)), *filter(None, [helper.strip()])]
        top = "\n".join(head(self.setting, solves=self._solves))  # last: it tells what was used
        return "\n\n\n".join([top, *first, *bodies]) + "\n"

    @property
    def _solves(self) -> bool:
        return any(form.solve is not None for loop in self.loops for form in loop.forms)

    def _readout_names(self) -> list[str]:
        return [self.names(a.target) for a in self.graph.readout]

    def _seen_names(self) -> list[str]:
        return [self.names(s) for loop in self.graph.reading for s in loop.states]

    def _call_loops(self, target: bool) -> Iterator[str]:
        """Run all loops; ``target`` says whether the targets are at hand, which tell the decoder's steps."""
        for loop in self.loops:
            extra = "initial_state, lengths"
            if loop.starts_late:
                extra = "initial_state, target_lengths"
                if loop.sequence == "previous":
                    yield "    previous = np.concatenate((np.zeros_like(targets[:, :1]), targets[:, :-1]), axis=1)"
            if loop.sequence == "steps" and target:
                yield "    steps = targets.shape[1]"
            arguments = loop.arguments.replace("start", self.loops[0].state)
            yield f"    {loop.results if loop is self.loops[-1] else self._first(loop)} = " \
                  f"{loop.function}({arguments}, {extra})"

    def _first(self, loop: LoopEmitter) -> str:
        """Name the history of the first of two loops apart from the second's."""
        return loop.results.replace("history", "history_forward")

    @property
    def optional(self) -> str:
        """The optional arguments of all functions."""
        return OPTIONAL + (", target_lengths=None" if self.network.shape_of_steps.decodes else "")

    @property
    def needed(self) -> str:
        """What ``predict`` needs: inputs, and where outputs are fed back their number, or the teacher's targets."""
        extra = {"steps": ", steps", "previous": ", targets"}.get(self.loops[-1].sequence, "")
        return f"parameters, inputs{extra}"

    def _seen(self) -> Iterator[str]:
        """Lay the states of all steps in one long batch, and compute the outputs from it."""
        if self.fed:
            yield f"    {tuple_of(self.names(v) for v in self.loops[-1].kept)} = history"
            return
        if self.network.bidirectional:
            yield f"    seen = [*history_forward, *(turned(values, {self.loops[1].active}) for values in history)]"
        else:
            yield "    seen = history"
        yield "    batch, steps = seen[0].shape[:2]"
        yield "    rows = tuple(values.reshape(batch * steps, *values.shape[2:]) for values in seen)"

    def _predict(self) -> Iterator[str]:
        yield f"def predict({self.needed}, {self.optional}):"
        if not self.graph.every:
            yield f'    """Return the output of each sequence, {self.setting.shape(self.graph.output)}."""'
            yield from self._call_loops(target=False)
            yield from self._all_states()
            yield "    return readout(parameters, state)[-1]"
            return
        shape = self.setting.shape(self.graph.output).replace("batch,", "batch, steps,")
        yield f'    """Return the output of each step, {shape}; zero past a sequence\'s end."""'
        yield from self._call_loops(target=False)
        yield from self._outputs("return {}")

    def _outputs(self, result: str) -> Iterator[str]:
        """The lines from a loop's history to the outputs of its steps."""
        yield from self._seen()
        name = self.names(self.graph.output)
        if not self.fed:
            yield f"    {name} = readout(parameters, rows)[-1].reshape(batch, steps, -1)"
        active = self.loops[-1].active
        yield f"    {result.format(f'{name} if {active} is None else np.where({active}[:, :, None], {name}, 0.0)')}"

    def _all_states(self) -> Iterator[str]:
        if self.network.bidirectional:
            yield f"    state = (*state, *{self.loops[1].state})"

    def _loss(self) -> Iterator[str]:
        yield f"def loss(parameters, inputs, targets, {self.optional}):"
        yield '    """Return the mean loss over the batch."""'
        yield from self._call_loops(target=True)
        yield from self._losses_of()
        if not self.graph.every:
            yield "    batch = len(inputs)"
        yield f"    return {self._value}"

    @property
    def _value(self) -> str:
        of = self.names(self.loss_argument)
        if not self.graph.every:
            return f"losses({of}, {self.names(self.graph.target)}).sum() / batch"
        if not self.fed:
            return f"(losses({of}, {self.names(self.graph.target)}) * {self.names(self.weight)}).sum()"
        each = f"losses({of}.reshape(batch * steps, -1), targets.reshape(batch * steps, -1))"
        return f"({each} * all_weights.ravel()).sum()"

    def _losses_of(self) -> Iterator[str]:
        """The lines from the loops' results to what the loss is computed of."""
        target, weight = self.names(self.graph.target), self.names(self.weight)
        active = self.loops[-1].active
        if not self.graph.every:
            yield from self._all_states()
            yield f"    {tuple_of(self._readout_names())} = readout(parameters, state)"
            yield f"    {target} = targets"
            return
        yield from self._seen()
        if self.fed:
            yield "    batch, steps = targets.shape[:2]"
            yield f"    all_weights = weights(batch, steps, {active})"
            return
        yield f"    {tuple_of(self._readout_names())} = readout(parameters, rows)"
        yield f"    {target} = targets.reshape(batch * steps, -1)"
        yield f"    {weight} = weights(batch, steps, {active}).ravel()"

    def _value_and_grad(self) -> Iterator[str]:
        yield f"def value_and_grad(parameters, inputs, targets, {self.optional}, wrt=PARAMETERS):"
        yield '    """Return the mean loss and {name: gradient} for the names in ``wrt``."""'
        yield from self._call_loops(target=True)
        yield from self._losses_of()
        if not self.graph.every:
            yield "    batch = len(inputs)"
        yield f"    value = {self._value}"
        yield from self._from_readout()
        for number in reversed(range(len(self.loops))):
            yield from self._backward_loop(number)
        yield "    return value, {name: gradients[name] for name in wrt}"

    def _from_readout(self) -> Iterator[str]:
        """The lines that give what the readout hands back, and the gradients of its parameters."""
        yield from self.setting.unpack(self._backward_values())
        yield from self.setting.sizes(self._backward_values())
        if not self.fed:
            yield f"    {tuple_of(self._seen_names())} = {'rows' if self.graph.every else 'state'}"
        yield from self._backward_readout()
        if not self.graph.every and self.resumable:
            for s in self.loops[0].graph.states:
                yield from self._arriving(0, s)

    def _backward_values(self) -> list[Expression]:
        r = self.recursion
        return [*(a.value for a in r.readout), *r.final.values(), *r.readout_gradients.values()]

    def _backward_readout(self) -> Iterator[str]:
        for a in self.recursion.readout:
            yield f"    {self.names(a.target)} = {self.code(a.value)}"
        yield "    gradients = {}"
        known = {p for loop in self.recursion.loops for p in loop.step_gradients}
        for p in self.network.parameters:
            own = self.recursion.readout_gradients.get(p)
            if own is not None or p not in known:
                code = f'np.zeros_like(parameters["{p.name}"])' if own is None else self.printer.over_batch(own)
                yield f'    if "{p.name}" in wrt:'
                yield f'        gradients["{p.name}"] = {code}  # {self.setting.shape(p, False)}'

    def _backward_loop(self, number: int) -> Iterator[str]:
        loop = self.loops[number]
        for s in loop.graph.states:
            yield from self._arriving(number, s)
        states = tuple_of(self.names(Adjoint(s)) for s in loop.graph.states)
        outside = [self.names.derived("out", Adjoint(s)) for s in loop.outside]
        yield from loop.call_back(states, [*outside, *(["targets", "all_weights"] if loop.given else [])])
        yield from self._merged_with_readout(number)
        yield from self._inputs_in_order(loop)
        yield "    gradients |= loop_gradients"
        yield from self._started(loop)

    def _merged_with_readout(self, number: int) -> Iterator[str]:
        """The lines for parameters that the readout shares with a loop."""
        for p in self.recursion.readout_gradients:
            if p in self.recursion.loops[number].step_gradients:
                yield f'    if "{p.name}" in wrt:'
                yield f'        loop_gradients["{p.name}"] += gradients["{p.name}"]'

    def _arriving(self, number: int, s: Variable, *, start: bool = True) -> Iterator[str]:
        """The lines that give δ of a state at the end of its loop, and what reaches it at each step from outside."""
        loop, value = self.loops[number], self.recursion.final.get(s)
        last = self._from_later(number, s)
        if value is not None and self.graph.every:
            code = f"({self.code(value)}).reshape(batch, -1, *{self.names(s)}.shape[1:])"
            arriving = f"turned({code}, {loop.active})" if loop.graph.loop.reverse else code
            yield f"    {self.names.derived('out', Adjoint(s))} = {arriving}"
        elif value is not None:
            last = self.code(value)
        if start and last:
            yield f"    {self.names(Adjoint(s))} = {last}  # {self.setting.shape(s)}"

    def _inputs_in_order(self, loop: LoopEmitter) -> Iterator[str]:
        """∂L/∂inputs in the order of the sequences, of both readings together."""
        if self.network.bidirectional and not self.setting.index:
            yield '    if "inputs" in wrt:'
            if loop.graph.loop.reverse:
                yield f'        loop_gradients["inputs"] = turned(loop_gradients["inputs"], {loop.active})'
            else:
                yield '        loop_gradients["inputs"] += gradients["inputs"]'

    def _started(self, loop: LoopEmitter, d_start: str = "d_start") -> Iterator[str]:
        """Where δ of the states goes that the loop starts from."""
        starts = loop.graph.starts()
        places = []
        for s in loop.graph.states:
            fed = self.network.shape_of_steps.feeds_back and s in loop.graph.loop.starts and not loop.starts_late
            source = starts.get(s)
            own = f'gradients["{s.name}_0"]' if loop.graph.lag(s) else "_"
            places.append('gradients["inputs"]' if fed else self.names(Adjoint(source)) if loop.starts_late and source
                          else own)
        yield f"    {tuple_of(places)} = {d_start}"

    def _from_later(self, number: int, state: Variable) -> str:
        """δ with which the way back into a state begins: zero, or "" where a later loop that starts from it gave it."""
        zero = f"np.zeros_like({self.loops[number].state}[{self.graph.loops[number].states.index(state)}])"
        if number + 1 == len(self.loops) or self.network.bidirectional:
            return zero
        return "" if state in self.graph.loops[number + 1].starts().values() else zero


def numpy_source(graph: StepGraph) -> str:
    """Return the text of a NumPy module with ``predict``, ``loss`` and ``value_and_grad``."""
    return Emitter(graph).source()
