"""One loop of a network as code: the function that runs it forward, and the lines of the way back through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.binding import names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import ZERO, Expression, Parameter, Size, Variable
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.printing import BatchPrinter
from rnnsym.numerics.setting import Setting, together, tuple_of

ORDER = "order"  # of a loop that runs from the end: where each of its steps stands in the sequence


@dataclass(frozen=True)
class LoopEmitter:
    """Writes one loop. ``kept`` are the quantities of every step that outputs are made of (none: the last states)."""

    setting: Setting
    recursion: LoopRecursion
    function: str
    kept: tuple[Variable, ...]
    tape: str

    @property
    def graph(self) -> LoopGraph:
        """The loop's assignments."""
        return self.recursion.graph

    @property
    def names(self) -> Identifiers:
        """The identifiers."""
        return self.setting.names

    @property
    def printer(self) -> BatchPrinter:
        """The printer of expressions."""
        return self.setting.printer

    @property
    def sequence(self) -> str:
        """What the loop reads at each step, or the number of its steps where it reads its own output."""
        reads = self.graph.loop.reads
        return "steps" if reads is None else "inputs" if reads.name == "x" else "previous"

    @property
    def starts_late(self) -> bool:
        """Whether the loop starts from another's last states."""
        return self.graph.decodes

    @property
    def arguments(self) -> str:
        """The arguments of the loop's function, as its definition lists them before the optional ones."""
        fed = self.graph.loop.reads is None and not self.starts_late
        return ", ".join(["parameters", *(["start"] if self.starts_late else []), *(["inputs"] if fed else []),
                          self.sequence])

    @property
    def results(self) -> str:
        """What a call of the loop's function is assigned to."""
        kept = ["history"] if self.kept else []
        return ", ".join([self.state, *kept, self.tape, self.active])

    @property
    def state(self) -> str:
        """The name of the tuple of last states."""
        return "state" if self.tape == "tape" else f"state_{self.function}"

    @property
    def active(self) -> str:
        """The name of the mask of steps that count."""
        return "active" if self.tape == "tape" else f"active_{self.function}"

    def forward(self) -> Iterator[str]:
        """The function that runs the loop."""
        states = [self.names(s) for s in self.graph.states]
        values = [a.value for a in self.graph.cell]
        kept = f"{tuple_of(self.names(v) for v in self.kept)} of all steps, " if self.kept else ""
        results = f"the last state ({', '.join(states)}), {kept}what the way back reads, and who runs when"
        yield f"def {self.function}({self.arguments}, initial_state=None, lengths=None):"
        yield f'    """Return {results}."""'
        yield from self.setting.unpack(values)
        needed = self.setting.repeated_sizes(self.graph.cell)
        yield from self.setting.sizes([*values, *needed, *(Size(n) for s in self.graph.states for n in s.shape)])
        yield from self._counts()
        yield "    given = {} if initial_state is None else initial_state"
        yield from self._starts()
        yield "    active = None"
        yield from self._masks()
        for s in self.graph.states:
            yield f"    {self.names(s.at(self.graph.before))} = {self.names(s)}"
        yield "    tape = []"
        if self.kept:
            yield "    history = []"
        yield "    for step in range(steps):"
        yield from self._step()
        if self.kept:
            yield "    history = [np.stack(values, axis=1) for values in zip(*history)]  # (batch, steps, …)"
        yield f"    return {tuple_of(states)}, {'history, ' * bool(self.kept)}tape, active"

    def _counts(self) -> Iterator[str]:
        if self.sequence != "steps":
            yield f"    batch, steps = {self.sequence}.shape[:2]"
        else:
            yield f"    batch = len({'start[0]' if self.starts_late else 'inputs'})"

    def _starts(self) -> Iterator[str]:
        starts = self.graph.starts()
        if self.starts_late:
            yield f"    {tuple_of(self.names(s) for s in self.setting.encoder_states)} = start"
        for s in self.graph.states:
            if s in starts:
                source = starts[s]
                value = self.names(source) if source in self.setting.encoder_states else "inputs"
                yield f"    {self.names(s)} = np.array({value}, dtype=float)"
            else:
                yield self._start(s, float(self.graph.initial(s)))

    def _start(self, state: Variable, initial: float) -> str:
        shape = "".join(f", {self.printer.size(n)}" for n in state.shape) or ","
        key = f'given.get("{state.name}", {initial!r})'
        return f"    {self.names(state)} = np.array(np.broadcast_to({key}, (batch{shape})), dtype=float)"

    def _masks(self) -> Iterator[str]:
        turned, fed = self.graph.loop.reverse, self.sequence == "steps"
        if turned:
            yield f"    {ORDER} = np.arange(steps)[None, ::-1]  # the loop's first step reads the sequence's last one"
        yield "    if lengths is not None:  # past a sequence's end its last step is repeated, from the same state"
        yield "        active = np.arange(steps) < np.asarray(lengths)[:, None]  # (batch, steps)"
        if not fed:
            yield "        last = np.asarray(lengths)[:, None] - 1"
        if turned:
            yield f"        {ORDER} = np.maximum(last - np.arange(steps), 0)"
        elif not fed:
            yield (f"        {self.sequence} = {self.sequence}[np.arange(batch)[:, None], "
                   "np.minimum(np.arange(steps), last)]")
        if turned:
            yield f"    inputs = inputs[np.arange(batch)[:, None], {ORDER}]"

    def _step(self) -> Iterator[str]:
        reads = self.graph.loop.reads
        if reads is not None:
            shape = "(batch,)" if self.setting.index else self.setting.shape(reads)
            yield f"        {self.names(reads)} = {self.sequence}[:, step]  # {shape}"
        for s in self.graph.states:
            name, before = self.names(s), self.names(s.at(self.graph.before))
            yield f"        {before} = {name} if active is None else np.where({_mask(s)}, {name}, {before})"
        for a in self.graph.cell:
            value = self.setting.value(a.target, a.value)
            yield f"        {self.names(a.target)} = {value}  # {self.setting.shape(a.target)}"
        yield f"        tape.append({self._taped_names()})"
        if self.kept:
            yield f"        history.append({tuple_of(self.names(v) for v in self.kept)})"

    def _taped(self) -> list[Variable]:
        """The quantities of a step that its backward pass reads."""
        step = self.recursion
        values = [a.value for a in step.step] + [*step.carry.values(), *step.step_gradients.values(), step.input]
        used = {n for value in values for n in names_in(value) if isinstance(n, Variable)}
        reads = self.graph.loop.reads
        known = [*([] if reads is None else [reads]), *(s.at(self.graph.before) for s in self.graph.states),
                 *(a.target for a in self.graph.cell)]
        return [name for name in known if name in used]

    def _taped_names(self) -> str:
        return tuple_of(self.names(name) for name in self._taped())

    def backward(self, arriving: dict[Variable, str], given: list[str]) -> Iterator[str]:
        """The lines of the way back; ``arriving`` is added to a state's δ at each step, ``given`` stands before all."""
        adjoints = {s: self.names(Adjoint(s)) for s in self.graph.states}
        active = self.active
        yield f"    for step in reversed(range(len({self.tape}))):"
        lines = [f"{self._taped_names()} = {self.tape}[step]", *given] if self._taped() else list(given)
        lines.append(f"if {active} is not None:  # what belongs to a sequence that has ended goes back unchanged")
        for s, d in adjoints.items():
            lines.append(f"    {self._held(s)} = np.where({_mask(s, active)}, 0.0, {d})")
            lines.append(f"    {d} = np.where({_mask(s, active)}, {d}, 0.0)")
        lines += [f"{adjoints[s]} = {adjoints[s]} + {out}[:, step]" for s, out in arriving.items()]
        for a in self.recursion.step:
            lines += self._adjoint_line(a.target, a.value)
        for p in self.setting.parameters:
            if p in self.recursion.step_gradients:
                name = self.names.derived("grad", p)
                lines += self.printer.accumulate(name, self.recursion.step_gradients[p])
        lines += self._input_lines()
        carries = [self._carry(s) for s in adjoints]
        lines.append(f"{together(adjoints.values())} = {together(carries)}")
        lines.append(f"if {active} is not None:")
        lines += [f"    {d} = {d} + {self._held(s)}" for s, d in adjoints.items()]
        yield from (f"        {line}" for line in lines)

    def _input_lines(self) -> list[str]:
        reads = self.graph.loop.reads
        if reads is None or reads.name != "x" or self.recursion.input == ZERO or self.setting.index:
            return []
        sign = "+=" if self.setting.graph.network.bidirectional else "="
        code = self.setting.code(self.recursion.input)
        return ['if "inputs" in wrt:', f"    {self.input_gradient}[:, step] {sign} {code}"]

    @property
    def input_gradient(self) -> str:
        """The array that the gradients of this loop's inputs are written to, in the order of its steps."""
        return "d_reversed" if self.graph.loop.reverse else "d_inputs"

    def _held(self, state: Variable) -> str:
        return self.names.derived("held", Adjoint(state))

    def _carry(self, state: Variable) -> str:
        value = self.recursion.carry.get(state)
        return f"np.zeros({self.names(Adjoint(state))}.shape)" if value is None else self.setting.code(value)

    def _adjoint_line(self, target: Any, value: Expression) -> list[str]:
        name, variable = self.names(target), target.variable
        if variable not in self.graph.states:
            return [f"{name} = {self.setting.code(value)}  # {self.setting.shape(variable)}"]
        return [] if value == ZERO else [f"{name} = {name} + {self.setting.code(value)}"]


def _mask(state: Variable, active: str = "active") -> str:
    return f"{active}[:, step, None]" if state.rank else f"{active}[:, step]"


def backward_values(recursion: LoopRecursion) -> Iterable[Expression]:
    """All expressions of the way back through a loop."""
    return [*(a.value for a in recursion.step), *recursion.carry.values(), *recursion.step_gradients.values(),
            recursion.input]


def parameters_used(values: Iterable[Expression]) -> set[Parameter]:
    """The parameters in expressions."""
    return {name for value in values for name in names_in(value) if isinstance(name, Parameter)}
