"""The way back through a loop as code, in blocks of steps: slopes at once, δ step by step, gradients as products."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import ZERO, Expression, OrderedSum, Parameter, Size, Variable, add
from rnnsym.numerics.forwards import ForwardEmitter, loop_over, words_of
from rnnsym.numerics.gradients import GradientEmitter
from rnnsym.numerics.joints import Joint, adjoints_of, backward_product
from rnnsym.numerics.plans import Backward, Group, backward_plan, members_carried
from rnnsym.numerics.rows import Row
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.solves import SolveEmitter
from rnnsym.numerics.statements import Statements
from rnnsym.numerics.terms import adjoints_in


class ReturnEmitter:
    """Writes the way back through a loop.

    ``outside`` are the states whose δ something outside the loop reaches at each step, ``given`` the quantities of all
    steps that outputs inside the loop need.
    """

    def __init__(self, forward: ForwardEmitter, parameters: tuple[Parameter, ...], outside: tuple[Variable, ...],
                 given: tuple[Variable, ...]) -> None:
        self.forward, self.parameters, self.outside, self.given = forward, parameters, outside, given
        self.one = forward.one
        self.recursion: LoopRecursion = forward.recursion
        self.graph, self.names, self.setting = forward.graph, forward.names, forward.setting
        self.plan: Backward = backward_plan(self.recursion)
        self.bulk = Statements(self.names, forward.reprinted(self._name), bulk=True, one=self.one)
        self.step = Statements(self.names, forward.reprinted(self._name_of_step), one=self.one)
        groups = [group for group in forward.plan.groups if len(group.members) > 1]
        self.groups = [group for group in groups if self._carried(group)]
        rows = [group for group in forward.plan.groups if isinstance(group, Row) and (
            group in self.groups or (len(group.members) == 1 and adjoints_of(group) <= self.plan.stored))]
        self.gradients = GradientEmitter(forward, rows, parameters, self._name)
        placed = forward.reprinted(lambda key: self._name(self._place(key)))
        solves = self.one and not given
        self.solve = SolveEmitter.of(self.plan, Statements(self.names, placed, True, True)) if solves else None

    def _carried(self, group: Group) -> Any:
        state = next(s for s in self.graph.states if s.at(self.graph.before) == group.vector)
        carry = self.plan.carry.get(state)
        stored = adjoints_of(group) <= self.plan.stored
        return members_carried(carry, group) if carry is not None and stored else None

    def _is_state(self, key: Any) -> bool:
        return isinstance(key, Adjoint) and key.variable in self.graph.states

    def _name(self, key: Any) -> str:
        """The array of a block of steps; that of a state's δ is apart from what runs back through the loop."""
        return self.names.derived("all", key) if self._is_state(key) else self.names(key)

    def _name_of_step(self, key: Any) -> str:
        if self._is_state(key) or (isinstance(key, Adjoint) and key not in self.plan.stored):
            return self.names(key)
        return self.names.of_step(self._place(key))

    def _place(self, key: Any) -> Any:
        """A slope whose array a δ takes bears the δ's name."""
        owner = next((u.target for u in self.plan.updates if u.place == key and u.target in self.plan.stored), None)
        return key if owner is None else owner

    def values(self) -> list[Expression]:
        """All expressions of the way back, and the sizes of what it makes."""
        sizes = [Size(n) for one in (*self.graph.states, *(a.target for a in self.graph.cell)) for n in one.shape]
        reads = self.graph.loop.reads
        sizes += [Size(n) for n in (() if reads is None or self.setting.index else reads.shape)]
        r = self.recursion
        return [*(a.value for a in r.step), *r.carry.values(), *r.step_gradients.values(), r.input, *sizes]

    def body(self, active: str) -> list[str]:
        """All lines after the sizes; ``active`` is the mask's name, "" where there is none."""
        taken = f"{tuple_of(self.tape())} = (values[past] for values in tape)"
        steps = list(self._steps(active))
        back = steps if self.solve is None else self.solve.or_loop(steps, {s: self._out(s) for s in self.outside})
        loop = [taken, *self._slopes(), *back, *self._sums()]
        lines = [f"{self._all(v)} = {self._ordered(self._all(v))}" for v in self.given]
        lines += [f"{self._out(s)} = {self._ordered(self._out(s))}" for s in self.outside]
        states = [self.names(Adjoint(s)) for s in self.graph.states]
        place = "[0]" if self.one else ""
        lines.append(f"{tuple_of(states)} = (values{place}.copy() for values in d_state)")
        lines += [f"{self._next(s)} = np.empty_like({self.names(Adjoint(s))})" for s in self._swapped()]
        for update in self.plan.updates:
            if not self._is_state(update.target) and update.target not in self.plan.stored:
                lines.append(f"{self.names(update.target)} = {self.step.empty(update.target.shape)}")
        lines.append(f"block = block_of(steps, {states[0]}.size)")
        lines += [] if self.solve is None else self.solve.starts(steps)
        lines += [*self._starts(), *self.gradients.starts(), *self._rooms(), *self.bulk.needs.values()]
        lines += self.step.before_the_loop()
        lines.append("for first in reversed(range(0, steps, block)):")
        lines.append("    past = slice(first, min(first + block, steps))")
        return [*lines, *(f"    {line}" for line in loop), *self._results()]

    def _ordered(self, array: str) -> str:
        return f"{array}[0]" if self.one else f"{array}.swapaxes(0, 1)"

    def _all(self, variable: Variable) -> str:
        return self.names.derived("all", variable)

    def _out(self, state: Variable) -> str:
        return self.names.derived("out", Adjoint(state))

    def _next(self, state: Variable) -> str:
        return self.names.derived("next", Adjoint(state))

    def _starts(self) -> Iterator[str]:
        reads = self.graph.loop.reads
        if self.reads_vectors and reads is not None:
            own = ", ".join(self.step.printer.size(n) for n in reads.shape)
            yield f'd_inputs = np.empty((steps, {"" if self.one else "batch, "}{own})) if "inputs" in wrt else None'

    def _sums(self) -> Iterator[str]:
        """What a block adds to the gradients."""
        if self.reads_vectors:
            yield 'if "inputs" in wrt:'
            yield f"    d_inputs[past] = {self.bulk.code(self.recursion.input)}"
        yield from self.gradients.sums()

    def _results(self) -> Iterator[str]:
        yield from self.gradients.results()
        batched = "[None]" if self.one else ""
        if self.reads_vectors:
            yield 'if "inputs" in wrt:'
            yield f'    gradients["inputs"] = d_inputs{"[None]" if self.one else ".swapaxes(0, 1)"}'
        yield f"return gradients, {tuple_of(f'{self.names(Adjoint(s))}{batched}' for s in self.graph.states)}"

    @property
    def reads_vectors(self) -> bool:
        """Whether there is ∂L/∂inputs."""
        reads = self.graph.loop.reads
        return reads is not None and reads.name == "x" and not self.setting.index

    def tape(self) -> list[str]:
        """The arrays that the way back reads, at least one: it tells the number of steps."""
        candidates = [*self.forward.joints.taped(), *map(self.names, self.forward.taped())]
        words = words_of([*self._slopes(), *self._steps(""), *self._sums()])
        reads = self._only_size()
        if reads is not None:
            words.add(self.names(reads))
            candidates = list(dict.fromkeys((*candidates, self.names(reads))))
        return [name for name in candidates if name in words] or candidates[:1]

    def _only_size(self) -> Variable | None:
        """The input where nothing else has its size."""
        reads = self.graph.loop.reads
        if reads is None or not self.reads_vectors:
            return None
        known = {n for one in (*self.parameters, *self.graph.states) for n in one.shape}
        return None if set(reads.shape) <= known else reads

    def sources(self) -> dict[Any, str]:
        """Where sizes are told from that no parameter has."""
        found = {n: f"d_state[{place}].shape[{axis + 1}]" for place, s in enumerate(self.graph.states)
                 for axis, n in enumerate(s.shape)}
        reads = self._only_size()
        if reads is not None:
            found |= dict.fromkeys(reads.shape, f"tape[{self.tape().index(self.names(reads))}].shape[-1]")
        return found

    def _slopes(self) -> Iterator[str]:
        for variable in self.given:
            yield f"{self.names(variable)} = {self._all(variable)}[past]"
        if self._in_blocks():
            yield f"{tuple_of(map(self._name, self._in_blocks()))} = (room[:past.stop - first] for room in rooms)"
        for group in self.groups:
            joint, members = Joint(self.step, group, "d_"), [self.names(Adjoint(m)) for m in group.members]
            room = joint.name("room_of") + ("[:past.stop - first]" if self.one else "[:, :past.stop - first]")
            yield from joint.arrays(members, room)
        if self.plan.slopes:
            yield "# the slopes of all steps of the block, each in the place of the δ that it will make"
        for slope, value in self.plan.slopes.items():
            yield f"# {self.names(slope)} = {self.bulk.code(value)}"
            yield from self.bulk.into(self._name(self._place(slope)), value)

    def _in_blocks(self) -> list[Any]:
        """The slopes and δ's that have an array of their own for the steps of a block."""
        joint = {d for group in self.groups for d in adjoints_of(group)}
        placed = [self._place(slope) for slope in self.plan.slopes]
        stored = [u.target for u in self.plan.updates if u.target in self.plan.stored]
        states = [Adjoint(s) for s in self.graph.states if Adjoint(s) in self.plan.stored]
        return [key for key in dict.fromkeys((*placed, *stored, *states)) if key not in joint]

    def _rooms(self) -> Iterator[str]:
        """The lines that make the arrays of a block."""
        if self._in_blocks():
            yield f"rooms = {tuple_of(self.step.empty(key.shape, 'block') for key in self._in_blocks())}"
        for group in self.groups:
            joint = Joint(self.step, group, "d_")
            yield f"{joint.name('room_of')} = np.empty({joint.shape.format(steps='block')})"

    def _steps(self, active: str) -> Iterator[str]:
        lines = list(self._masked(active))
        lines += [self.step.call("add", d, f"{self._out(s)}_t", out=d) for s in self.outside
                  if (d := self.names(Adjoint(s)))]
        for update in self.plan.updates:
            lines += self._update(update.target, update.value)
        for s in self._order():
            lines += self._carry(s)
        pairs = [(self.names(Adjoint(s)), self._next(s)) for s in self._swapped()]
        lines += [f"{now}, {then} = {then}, {now}" for now, then in pairs]
        if active:
            lines.append(f"if {active} is not None:")
            lines += [f"    {self.step.call('add', d, self._held(s), out=d)}" for s in self.graph.states
                      if (d := self.names(Adjoint(s)))]
        arrays = {one: f"{whole}[::-1]" for one, whole in self._arrays_of(lines).items()}
        turns = {"step": "range(past.stop - 1, first - 1, -1)"} if active or not arrays else {}
        yield from loop_over(turns | arrays)
        yield from (f"    {line}" for line in lines)

    def _arrays_of(self, lines: list[str]) -> dict[str, str]:
        words = words_of(lines)
        keys: list[Any] = [*self.forward.taped(), *(u.target for u in self.plan.updates),
                           *self.plan.slopes, *map(Adjoint, self.graph.states), *self.given]
        found = {self.names.of_step(self._place(key)): self._name(self._place(key)) for key in keys}
        found |= {f"{self._out(s)}_t": f"{self._out(s)}[past]" for s in self.outside}
        for group in self.groups:
            whole = Joint(self.step, group, "d_").whole
            found[f"{whole}_t"] = whole
        return {one: whole for one, whole in found.items() if one in words}

    def _masked(self, active: str) -> Iterator[str]:
        if not active:
            return
        yield f"if {active} is not None:  # what belongs to a sequence that has ended goes back unchanged"
        for s in self.graph.states:
            d, mask = self.names(Adjoint(s)), f"{active}[:, step, None]" if s.rank else f"{active}[:, step]"
            yield f"    {self._held(s)} = np.where({mask}, 0.0, {d})"
            yield f"    {d} = np.where({mask}, {d}, 0.0)"

    def _held(self, state: Variable) -> str:
        return self.names.derived("held", Adjoint(state))

    def _update(self, target: Any, value: Expression) -> list[str]:
        if self._is_state(target):
            lines = [] if value == ZERO else [f"# {self.names(target)} += {self.setting.code(value)}",
                                              *self.step.plus(self.names(target), value)]
            if target in self.plan.stored:
                lines.append(f"{self.names.of_step(target)}[...] = {self.names(target)}")
            return lines
        comment = f"# {self.names(target)} = {self.setting.code(value)}"
        return [comment, *self.step.into(self._name_of_step(target), value)]

    def _order(self) -> list[Variable]:
        """The states in an order in which, if there is one, none is overwritten that another still needs."""
        uses = {s: {d.variable for d in adjoints_in([self.plan.carry.get(s, ZERO)])} for s in self.graph.states}
        found: list[Variable] = []
        while waiting := [s for s in self.graph.states if s not in found]:
            free = [s for s in waiting if not any(s in uses[other] for other in waiting if other != s)]
            found += free[:1] or waiting[:1]
        return found

    def _swapped(self) -> list[Variable]:
        """The states whose next δ needs an array of its own, since this one is still read when it is written."""
        order = self._order()
        return [s for place, s in enumerate(order) if not self._in_place(s, order[place + 1:])]

    def _in_place(self, state: Variable, later: list[Variable]) -> bool:
        if any(Adjoint(state) in adjoints_in([self.plan.carry.get(other, ZERO)]) for other in later):
            return False
        lines, d = self._carry_into(state, "OUT"), rf"\b{self.names(Adjoint(state))}\b"
        reads = [place for place, line in enumerate(lines) if re.search(d, line)]
        writes = [place for place, line in enumerate(lines) if "OUT" in line]
        return not reads or reads[-1] < writes[0] or (reads[-1] == writes[0] and ".dot(" not in lines[writes[0]])

    def _carry(self, state: Variable) -> list[str]:
        value = self.plan.carry.get(state)
        d = self.names(Adjoint(state))
        comment = [] if value is None else [f"# {d} of the step before: {self.setting.code(value)}"]
        return comment + self._carry_into(state, self._next(state) if state in self._swapped() else d)

    def _carry_into(self, state: Variable, out: str) -> list[str]:
        value = self.plan.carry.get(state)
        if value is None:
            return [f"{out}[...] = 0.0"]
        group = next((g for g in self.groups if g.vector == state.at(self.graph.before)), None)
        if group is None:
            return self.step.into(out, _first(value, Adjoint(state)))
        matrices, rest = self._carried(group)
        if rest == ZERO:
            return backward_product(self.step, group, matrices, out)
        spare = self.step.spare(state.shape, 0)
        return [*self.step.into(out, _first(rest, Adjoint(state)), 1),
                *backward_product(self.step, group, matrices, spare), self.step.call("add", out, spare, out=out)]


def _first(value: Expression, wanted: Adjoint) -> Expression:
    """The terms of a sum that read a δ before those that do not, so that its place can take the sum."""
    if not isinstance(value, OrderedSum):
        return value
    return add(*sorted(value.args, key=lambda term: wanted not in adjoints_in([term])))
