"""The function that runs a loop forward over all steps, for a batch or for one sequence, whose vectors are vectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import Elementwise, Variable
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.joints import ForwardJoints
from rnnsym.numerics.plans import Forward, forward_plan
from rnnsym.numerics.printing import BatchPrinter
from rnnsym.numerics.rows import Row, with_rows
from rnnsym.numerics.setting import Setting, tuple_of
from rnnsym.numerics.statements import Statements


class ForwardEmitter:
    """Writes one loop. Arrays of all steps bear the quantities' names; h_t is one step of h.

    They are (steps, batch, …), or for ``one`` sequence (steps, …). ``kept`` are the quantities of every step that
    outputs are made of; ``taped`` says what the way back reads.
    """

    def __init__(self, setting: Setting, recursion: LoopRecursion, kept: tuple[Variable, ...], *, one: bool) -> None:
        self.setting, self.recursion, self.kept, self.one = setting, recursion, kept, one
        self.graph: LoopGraph = recursion.graph
        self.names: Identifiers = setting.names
        plan = forward_plan(recursion, kept)
        self.plan: Forward = with_rows(plan, self.graph) if one else plan
        self.step = Statements(self.names, self.reprinted(lambda key: self.names.of_step(self.root(key))), one=one)
        self.past = Statements(self.names, self.reprinted(self._name_of_past), bulk=True, one=one)
        self.joints = ForwardJoints(self.step, self.plan.groups, self.root)

    def _name_of_past(self, key: Any) -> str:
        """All steps of one sequence, those of a block of a batch."""
        if self.one:
            return self.names(self.root(key))
        return self._block_of_input if key == self.graph.loop.reads else f"{self.names(self.root(key))}[past]"

    @property
    def _block_of_input(self) -> str:
        return self.names.local(f"{self.sequence}_past", self.graph)

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
        """The name of what the loop reads at all steps."""
        return self.names(self.graph.loop.reads)

    def before(self, state: Variable) -> Variable:
        """A state of the step before."""
        return state.at(self.graph.before)

    def looks_back(self, state: Variable) -> bool:
        """Whether a state of the step before is used."""
        before = self.before(state)
        return before in self.plan.read or any(before in names_in(a.value) for a in self.graph.cell)

    def taped(self) -> list[Variable]:
        """The quantities whose arrays the way back may read, none of them in vain: at least one tells the steps."""
        reads = self.graph.loop.reads
        known = [*([] if reads is None else [reads]), *map(self.before, self.graph.states),
                 *(a.target for a in self.graph.cell)]
        found = [name for name in dict.fromkeys(known) if name in self.plan.read]
        return found or [self.graph.states[0]]

    def body(self, active: str) -> Iterator[str]:
        """All lines between the sizes and the results; ``active`` is the mask's name, "" where there is none."""
        loop = list(self._loop(active))  # first: it tells what it needs
        yield from self._arrays(active)
        yield from self.past.needs.values()
        yield from self.step.before_the_loop()
        yield from loop

    def _arrays(self, active: str) -> Iterator[str]:
        """Make the arrays of all steps; a state's also holds where it starts."""
        for s in self.graph.states:
            if self.before(s) in self.joints.layouts:
                yield from self.joints.row_arrays(self.before(s), self._start(s), self.names(s))
                continue
            name, before, whole = self.names(s), self.names(self.before(s)), self.names.derived("all", s)
            yield f"{whole} = {self.step.empty(s.shape, 'steps + 1')}"
            yield f"{whole}[0] = {self._start(s)}"
            yield f"{name} = {whole}[1:]"
            if self.looks_back(s):
                yield f"{before} = {whole}[:-1]" + (f" if {active} is None else {whole}[:-1].copy()" if active else "")
        for group in self.plan.groups:
            yield from self.joints.arrays(group)
        for target in self._own_arrays():
            leading = "steps" if self._is_array(target) else ""
            name = self.names(target) if leading else self.names.of_step(target)
            yield f"{name} = {self.step.empty(target.shape, leading)}"

    def _start(self, state: Variable) -> str:
        starts = self.graph.starts()
        if state not in starts:
            return f'given.get("{state.name}", {float(self.graph.initial(state))!r})'
        return self.names(starts[state]) if starts[state] in self.setting.encoder_states else "inputs"

    def _own_arrays(self) -> list[Variable]:
        taken = {*self.graph.states, *(self.root(m) for group in self.plan.groups for m in group.members)}
        taken -= {self.root(group.members[0]) for group in self.plan.groups if len(group.members) == 1} - set(
            self.graph.states)
        roots = dict.fromkeys(self.root(a.target) for a in self.graph.cell)
        return [root for root in roots if root not in taken]

    def _is_array(self, root: Variable) -> bool:
        """Whether a quantity is needed of all steps, or made before the loop."""
        early = {a.target for a in self.plan.early}
        return (root in self.plan.read or root in self.kept or root in early or
                any(self.root(target) == root for target in self.plan.drives))

    def _loop(self, active: str) -> Iterator[str]:
        lines = [line for a in self.graph.cell for line in self._statements(a)]
        through = self._through([*self._held(active), *lines])
        before = {self.names.of_step(self.before(s)): self.names.of_step(s) for s in self.graph.states}
        if self.one:
            yield from self._drives()
            follow = self._following(lines, before)
            arrays = {name: whole for name, whole in through.items() if name not in follow}
            yield from (f"{name} = {through[name]}[0]" for name in follow)
            yield from loop_over(arrays)
            yield from (f"    {line}" for line in lines)
            yield from (f"    {name} = {after}" for name, after in follow.items())
            return
        yield f"block = max(1, BLOCK // {self.names(self.graph.states[0])}[0].size)"
        yield "for first in range(0, steps, block):"
        yield "    past = slice(first, min(first + block, steps))"
        drives = list(self._drives())
        if self.graph.loop.reads is not None and self._block_of_input in words_of(drives):
            yield f"    {self._block_of_input} = np.ascontiguousarray({self.sequence}[past])"
        yield from (f"    {line}" for line in drives)
        arrays = {"step": "range(first, steps)"} | {name: f"{whole}[past]" for name, whole in through.items()}
        yield from (f"    {line}" for line in loop_over(arrays))
        yield from (f"        {line}" for line in (*self._held(active), *lines))

    def _following(self, lines: list[str], before: dict[str, str]) -> dict[str, str]:
        """States of the step before that need no place in the loop's head: each is the state of the last turn."""
        words = words_of(lines)
        return {name: after for name, after in before.items() if name in words and after in words}

    def _drives(self) -> Iterator[str]:
        drives = [*((a.target, a.value) for a in self.plan.early), *self.plan.drives.items()]
        past = "" if self.one else "[past]"
        for target, value in drives:
            yield from self.past.into(f"{self.names(self.root(target))}{past}", value)
        for group in self.plan.groups:
            if not isinstance(group, Row):
                yield from (f"{self.names(self.root(m))}{past or '[...]'} = 0.0" for m in group.members
                            if m not in self.plan.drives)

    def _through(self, lines: list[str]) -> dict[str, str]:
        """Return {one step's name: all steps' name} for what the loop goes through."""
        reads = self.graph.loop.reads
        known = [*([] if reads is None else [reads]), *map(self.before, self.graph.states),
                 *self.graph.states, *(r for r in self._own_arrays() if self._is_array(r)),
                 *(self.root(m) for group in self.plan.groups if len(group.members) > 1 for m in group.members)]
        found = self.joints.through()
        found |= {self.names.of_step(one): self.names(one) for one in dict.fromkeys(known)}
        words = words_of(lines)
        return {one: all_ for one, all_ in found.items() if one in words}

    def _held(self, active: str) -> Iterator[str]:
        states = [s for s in self.graph.states if self.looks_back(s)]
        if states and active:
            yield f"if {active} is not None and step > 0:"
            for s in states:
                name, before = self.names(s), self.names(self.before(s))
                mask = f"{active}[:, step, None]" if s.rank else f"{active}[:, step]"
                yield f"    {self.names.of_step(self.before(s))}[...] = " \
                      f"np.where({mask}, {name}[step - 1], {before}[step - 1])"

    def _statements(self, a: Assignment) -> list[str]:
        if a.target in {early.target for early in self.plan.early}:
            return []
        group = self.plan.group_of(a.target)
        place = self.names.of_step(self.root(a.target))
        starts = group is not None and a.target == next(
            one.target for one in self.graph.cell if one.target in group.members)
        lines = self.joints.product(group) if group and starts else []
        if any(a.value == Elementwise(function, member) for function, member in self._activated()):
            return lines
        rest = self.plan.rest[a.target]
        if group or a.target in self.plan.drives:
            own = [] if rest is None else self.step.plus(place, rest)
        else:
            own = [] if rest is None else self.step.into(place, rest)
        comment = f"# {self.names(a.target)} = {self.setting.code(a.value)}"
        return [*lines, *([comment] if own else []), *own]

    def _activated(self) -> list[tuple[str, Variable]]:
        return [(function, member) for group in self.plan.groups for function, run in group.runs for member in run]

    def results(self, tape: list[str], *, resumable: bool) -> Iterator[str]:
        """The lines that give back the last states, the quantities of every step, the tape and the mask.

        A ``resumable`` loop also gives the states from which further steps go on: of a sequence that has ended, those
        before its last step, since that is repeated.
        """
        last = "[-1:]" if self.one else "[-1]"
        states = [f"{self.names(s)}{last}" for s in self.graph.states]
        if self.kept:
            turned = "[None]" if self.one else ".swapaxes(0, 1)"
            shaped = [f"{self.names(self.root(v))}{turned}" for v in self.kept]
            yield f"history = [{', '.join(shaped)}]  # (batch, steps, …)"
        rows = self.joints.taped()
        yield f"tape = {tuple_of(f'{name}[:-1]' if name in rows else name for name in tape)}"
        found = f"{tuple_of(states)}, {'history, ' * bool(self.kept)}tape, {'None' if self.one else 'active'}"
        if not resumable:
            yield f"return {found}"
            return
        if not self.one:
            yield "goes_on = None if lengths is None else np.asarray(lengths) > steps"
        yield f"return {found}, {tuple_of(map(self._resumed, self.graph.states))}"

    def _resumed(self, state: Variable) -> str:
        last = f"{self.names(state)}{'[-1:]' if self.one else '[-1]'}"
        if self.one or not self.looks_back(state):
            return last
        mask = "goes_on" + "[:, None]" * state.rank
        return f"{last} if goes_on is None else np.where({mask}, {last}, {self.names(self.before(state))}[-1])"


def loop_over(arrays: dict[str, str]) -> list[str]:
    """The head of a loop through the steps of several arrays at once, or of one."""
    if len(arrays) == 1:
        ((name, array),) = arrays.items()
        return [f"for {name} in {array}:"]
    return [f"turns = zip({', '.join(arrays.values())})", f"for {tuple_of(arrays)} in turns:"]


def words_of(lines: Iterable[str]) -> set[str]:
    """Return the identifiers in lines of code, comments apart."""
    return {word for line in lines if not line.startswith("# ") for word in re.findall(r"\w+", line)}
