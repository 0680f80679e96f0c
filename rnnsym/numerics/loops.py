"""One loop of a network as code: the function that runs it forward over all steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import Elementwise, Size, Variable
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.joints import forward_product, joint_name
from rnnsym.numerics.plans import Forward, forward_plan
from rnnsym.numerics.printing import BatchPrinter
from rnnsym.numerics.setting import Setting, tuple_of
from rnnsym.numerics.statements import Statements

ORDER = "order"  # of a loop that runs from the end: where each of its steps stands in the sequence


class LoopEmitter:
    """Writes one loop. ``kept`` are the quantities of every step that outputs are made of (none: the last states).

    Arrays of all steps bear the quantities' names, (steps, *rows, …), where rows is (batch,), or () for one sequence
    of vectors; h_t is one step of h.
    """

    def __init__(self, setting: Setting, recursion: LoopRecursion, function: str, kept: tuple[Variable, ...],
                 tape: str) -> None:
        self.setting, self.recursion, self.function, self.kept, self.tape = setting, recursion, function, kept, tape
        self.graph: LoopGraph = recursion.graph
        self.names: Identifiers = setting.names
        self.plan: Forward = forward_plan(recursion, kept)
        self.step = Statements(self.names, self.reprinted(lambda key: self.names.of_step(self.root(key))))
        self.past = Statements(self.names, self.reprinted(lambda key: f"{self.names(self.root(key))}[past]"),
                               bulk=True)

    def reprinted(self, name: Callable[[Any], str]) -> BatchPrinter:
        """Return a printer with other names for what moves from step to step."""
        printer = BatchPrinter(lambda key: name(key) if isinstance(key, Variable | Adjoint) else self.names(key))
        printer.functions = self.setting.printer.functions
        return printer

    def root(self, key: Any) -> Any:
        """The quantity whose array another shares."""
        return self.plan.shared.get(key, key)

    @property
    def sequence(self) -> str:
        """What the loop reads at each step, or the number of its steps where it reads its own output."""
        reads = self.graph.loop.reads
        return "steps" if reads is None else "inputs" if reads.name == "x" else "previous"

    @property
    def read_shape(self) -> tuple[Any, ...]:
        """The shape of what the loop reads at a step; a row's number has no axes."""
        reads = self.graph.loop.reads
        return () if reads is None or (self.setting.index and reads.name == "x") else tuple(reads.shape)

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

    @property
    def joins(self) -> bool:
        """Whether products are joined."""
        return bool(self.plan.groups)

    def rows(self, lengths: str) -> str:
        """The line that says what axes stand between steps and entries."""
        vectors = all(a.target.rank == 1 for a in self.graph.cell)
        if not vectors:
            return "rows = (batch,)"
        return f"rows = () if batch == 1 and {lengths} is None else (batch,)  # one sequence has no batch axis"

    def forward(self) -> Iterator[str]:
        """The function that runs the loop."""
        states = [self.names(s) for s in self.graph.states]
        kept = f"{tuple_of(self.names(v) for v in self.kept)} of all steps, " if self.kept else ""
        yield f"def {self.function}({self.arguments}, initial_state=None, lengths=None):"
        yield (f'    """Return the last state ({", ".join(states)}), {kept}what the way back reads, '
               'and who runs when."""')
        yield from self._unpacking()
        yield "    given = {} if initial_state is None else initial_state"
        yield "    active = None"
        yield from self._masks()
        yield f"    {self.rows('lengths')}"
        body = list(self._blocks())  # first: it tells what it needs
        yield from self._arrays()
        yield from (f"    {line}" for line in (*self.past.needs.values(), *self.step.needs.values()))
        yield from body
        yield from self._results()

    def _unpacking(self) -> Iterator[str]:
        values = [a.value for a in self.graph.cell]
        yield from self.setting.unpack(values)
        sized = [*self.graph.states, *(a.target for a in self.graph.cell)]
        sizes = [Size(n) for one in sized for n in one.shape] + [Size(n) for n in self.read_shape]
        yield from self.setting.sizes([*values, *sizes])
        if self.sequence != "steps":
            yield f"    batch, steps = {self.sequence}.shape[:2]"
        else:
            yield f"    batch = len({'start[0]' if self.starts_late else 'inputs'})"

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

    def _arrays(self) -> Iterator[str]:
        """Make the arrays of all steps; a state's also holds where it starts."""
        reads = self.graph.loop.reads
        if reads is not None:
            own = "".join(f", {self.step.printer.size(n)}" for n in self.read_shape)
            yield f"    {self.names(reads)} = np.ascontiguousarray({self.sequence}.swapaxes(0, 1)).reshape(" \
                  f"steps, *rows{own})"
        if self.starts_late:
            yield f"    {tuple_of(self.names(s) for s in self.setting.encoder_states)} = start"
        for s in self.graph.states:
            name, before, whole = self.names(s), self.names(s.at(self.graph.before)), self._whole(s)
            yield f"    {whole} = {self.step.empty(s.shape, 'steps + 1, ')}"
            yield f"    {whole}[0] = {self._start(s)}"
            yield f"    {name} = {whole}[1:]"
            if self._looks_back(s):
                yield f"    {before} = {whole}[:-1] if active is None else {whole}[:-1].copy()"
        for group in self.plan.groups:
            size = self.step.printer.size(group.members[0].shape[0])
            members = ", ".join(self.names(self.root(m)) for m in group.members)
            name, count = joint_name(self.names, group), len(group.members)
            yield f"    {name}, ({members}) = joined({count}, steps, rows, {size})"
        for target in self._own_arrays():
            leading = "steps, " if self._is_array(target) else ""
            name = self.names(target) if leading else self.names.of_step(target)
            yield f"    {name} = {self.step.empty(target.shape, leading)}  # {self.setting.shape(target)} at each step"

    def _looks_back(self, state: Variable) -> bool:
        """Whether a state of the step before is used."""
        before = state.at(self.graph.before)
        return before in self.plan.read or any(before in names_in(a.value) for a in self.graph.cell)

    def _whole(self, state: Variable) -> str:
        return self.names.derived("all", state)

    def _start(self, state: Variable) -> str:
        starts = self.graph.starts()
        if state not in starts:
            return f'given.get("{state.name}", {float(self.graph.initial(state))!r})'
        return self.names(starts[state]) if starts[state] in self.setting.encoder_states else "inputs"

    def _own_arrays(self) -> list[Variable]:
        taken = {*self.graph.states, *(self.root(m) for group in self.plan.groups for m in group.members)}
        roots = dict.fromkeys(self.root(a.target) for a in self.graph.cell)
        return [root for root in roots if root not in taken]

    def _is_array(self, root: Variable) -> bool:
        """Whether a quantity is needed of all steps, or made before the loop."""
        early = {a.target for a in self.plan.early}
        return (root in self.plan.read or root in self.kept or root in early or
                any(self.root(target) == root for target in self.plan.drives))

    def _blocks(self) -> Iterator[str]:
        yield f"    block = max(1, BLOCK // {self._whole(self.graph.states[0])}[0].size)"
        yield "    for first in range(0, steps, block):"
        yield "        past = slice(first, min(first + block, steps))"
        drives = [*((a.target, a.value) for a in self.plan.early), *self.plan.drives.items()]
        for target, value in drives:
            out = f"{self.names(self.root(target))}[past]"
            yield from (f"        {line}" for line in self.past.into(out, value))
        for group in self.plan.groups:
            yield from (f"        {self.names(self.root(m))}[past] = 0.0" for m in group.members
                        if m not in self.plan.drives)
        lines = [line for a in self.graph.cell for line in self._statements(a)]
        arrays = self._arrays_of(lines)
        through = "".join(f", {whole}[past]" for whole in arrays.values())
        yield f"        for (step{''.join(f', {one}' for one in arrays) or ','}) in zip(range(first, steps){through}):"
        yield from (f"            {line}" for line in (*self._held(), *lines))

    def _arrays_of(self, lines: Iterable[str]) -> dict[str, str]:
        """Return {one step's name: all steps' name} for what the loop goes through."""
        reads = self.graph.loop.reads
        known = [*([] if reads is None else [reads]), *(s.at(self.graph.before) for s in self.graph.states),
                 *self.graph.states, *(r for r in self._own_arrays() if self._is_array(r)),
                 *(self.root(m) for group in self.plan.groups for m in group.members)]
        found = {self.names.of_step(one): self.names(one) for one in dict.fromkeys(known)}
        found |= {f"{joint_name(self.names, group)}_t": joint_name(self.names, group) for group in self.plan.groups}
        words = words_of(lines) | {
            self.names.of_step(s.at(self.graph.before)) for s in self.graph.states if self._looks_back(s)}
        return {one: all_ for one, all_ in found.items() if one in words}

    def _held(self) -> Iterator[str]:
        states = [s for s in self.graph.states if self._looks_back(s)]
        if states:
            yield "if active is not None and step > 0:"
        for s in states:
            name, before = self.names(s), self.names(s.at(self.graph.before))
            mask = "active[:, step, None]" if s.rank else "active[:, step]"
            yield f"    {self.names.of_step(s.at(self.graph.before))}[...] = " \
                  f"np.where({mask}, {name}[step - 1], {before}[step - 1])"

    def _statements(self, a: Assignment) -> list[str]:
        if a.target in {early.target for early in self.plan.early}:
            return []
        group = self.plan.group_of(a.target)
        place = self.names.of_step(self.root(a.target))
        comment = f"# {self.names(a.target)} = {self.setting.code(a.value)}"
        starts = group is not None and self._is_first(group.members, a.target)
        lines = forward_product(self.step, group, self.root) if group and starts else []
        if any(a.value == Elementwise(function, member) for function, member in self._activated()):
            return lines
        rest = self.plan.rest[a.target]
        if group or a.target in self.plan.drives:
            own = [] if rest is None else self.step.plus(place, rest)
        else:
            own = [] if rest is None else self.step.into(place, rest)
        return [*lines, *([comment] if own else []), *own]

    def _activated(self) -> list[tuple[str, Variable]]:
        return [(function, member) for group in self.plan.groups for function, run in group.runs for member in run]

    def _is_first(self, members: tuple[Variable, ...], target: Variable) -> bool:
        return target == next(a.target for a in self.graph.cell if a.target in members)

    def _results(self) -> Iterator[str]:
        states = [f"{self._whole(s)}[-1].reshape(batch{', -1' * s.rank})" for s in self.graph.states]
        if self.kept:
            shaped = [f"{self.names(self.root(v))}.reshape(steps, batch{', -1' * v.rank}).swapaxes(0, 1)"
                      for v in self.kept]
            yield f"    history = [{', '.join(shaped)}]  # (batch, steps, …)"
        yield f"    tape = {tuple_of(self.names(v) for v in self.taped())}"
        yield f"    return {tuple_of(states)}, {'history, ' * bool(self.kept)}tape, active"

    def taped(self) -> list[Variable]:
        """The quantities whose arrays the way back reads."""
        reads = self.graph.loop.reads
        known = [*([] if reads is None else [reads]), *(s.at(self.graph.before) for s in self.graph.states),
                 *(a.target for a in self.graph.cell)]
        return [name for name in dict.fromkeys(known) if name in self.plan.read]


def words_of(lines: Iterable[str]) -> set[str]:
    """Return the identifiers in lines of code, comments apart."""
    return {word for line in lines if not line.startswith("# ") for word in re.findall(r"\w+", line)}
