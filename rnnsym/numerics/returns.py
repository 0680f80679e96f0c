"""The way back through one loop as code, in blocks of steps: slopes at once, δ step by step, gradients as products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import ZERO, Expression, Parameter, Variable
from rnnsym.numerics.joints import adjoint_name, adjoints_of, backward_product, side_by_side_name
from rnnsym.numerics.loops import LoopEmitter, words_of
from rnnsym.numerics.plans import Backward, Group, backward_plan, members_carried
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.statements import Statements
from rnnsym.numerics.terms import adjoints_in


class ReturnEmitter:
    """Writes the way back through a loop. ``given`` are quantities of all steps that outputs inside it need."""

    def __init__(self, loop: LoopEmitter, parameters: tuple[Parameter, ...]) -> None:
        self.loop, self.parameters = loop, parameters
        self.graph, self.names, self.setting = loop.graph, loop.names, loop.setting
        self.plan: Backward = backward_plan(loop.recursion)
        self.bulk = Statements(self.names, loop.reprinted(self._name), bulk=True)
        self.step = Statements(self.names, loop.reprinted(self._name_of_step))
        self.groups = [group for group in loop.plan.groups if self._carried(group)]

    def _carried(self, group: Group) -> Any:
        state = next(s for s in self.graph.states if s.at(self.graph.before) == group.vector)
        carry = self.plan.carry.get(state)
        stored = all(Adjoint(m) in self.plan.stored for m in group.members)
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

    def lines(self, arriving: dict[Variable, str], given: dict[Variable, str], lengths: str, *,
              inputs: bool = False) -> Iterator[str]:
        """All lines; ``arriving`` names what reaches a state's δ at each step from outside, of all steps."""
        body = list(self._steps(arriving))
        yield f"    steps = {'targets' if self.loop.sequence == 'steps' else self.loop.sequence}.shape[1]"
        yield f"    {self.loop.rows(lengths)}"
        if inputs:
            own = "".join(f", {self.setting.printer.size(n)}" for n in self.loop.read_shape)
            yield f'    {self.loop_input} = np.zeros((steps, *rows{own}) if "inputs" in wrt else 0)'
        for state, array in arriving.items():
            own = "".join(f", {self.setting.printer.size(n)}" for n in state.shape)
            yield f"    {array} = {array}.swapaxes(0, 1).reshape(steps, *rows{own})"
        for variable, code in given.items():
            yield f"    {self._all(variable)} = {code}.swapaxes(0, 1).reshape(steps, *rows{', -1' * variable.rank})"
        for s in self.graph.states:
            own = "".join(f", {self.setting.printer.size(n)}" for n in s.shape) or ","
            name = self.names(Adjoint(s))
            yield f"    {name} = np.array({name}).reshape(*rows{own})" if s.rank else f"    {name} = np.array({name})"
            yield f"    {self._next(s)} = np.empty_like({name})"
        for update in self.plan.updates:
            if not self._is_state(update.target) and update.target not in self.plan.stored:
                yield f"    {self.names(update.target)} = {self.step.empty(update.target.shape)}"
        yield from (f"    {line}" for line in (*self.bulk.needs.values(), *self.step.needs.values()))
        yield f"    block = max(1, BLOCK // {self.names(Adjoint(self.graph.states[0]))}.size)"
        yield "    for first in reversed(range(0, steps, block)):"
        yield "        past = slice(first, min(first + block, steps))"
        yield from self._slopes(given)
        yield from body
        yield from self._gradients()
        for s in self.graph.states:
            name = self.names(Adjoint(s))
            yield f"    {name} = {name}.reshape(batch{', -1' * s.rank})"

    def _all(self, variable: Variable) -> str:
        return self.names.derived("all", variable)

    def _next(self, state: Variable) -> str:
        return self.names.derived("next", Adjoint(state))

    def _slopes(self, given: dict[Variable, str]) -> Iterator[str]:
        taped = [self.names(v) for v in self.loop.taped()]
        if taped:
            yield f"        {tuple_of(taped)} = (values[past] for values in {self.loop.tape})"
        for variable in given:
            yield f"        {self.names(variable)} = {self._all(variable)}[past]"
        joint = {d for group in self.groups for d in adjoints_of(group)}
        for group in self.groups:
            size = self.setting.printer.size(group.members[0].shape[0])
            members = ", ".join(self.names(Adjoint(m)) for m in group.members)
            yield (f"        {adjoint_name(self.names, group)}, ({members}) = "
                   f"joined({len(group.members)}, past.stop - first, rows, {size}, apart=True)")
            joint_ = adjoint_name(self.names, group)
            yield (f"        {side_by_side_name(self.names, group)} = "
                   f"{joint_} if rows else {joint_}.reshape(len({joint_}), -1)  # those of a step side by side")
        if self.plan.slopes:
            yield "        # the slopes of all steps of the block; what bears the name of a δ becomes it in the loop"
        for slope, value in self.plan.slopes.items():
            place = self._place(slope)
            if place in joint:
                lines = [f"{self.names(place)}[...] = {self.bulk.code(value)}"]
            else:
                lines = [f"{self._name(place)} = {self.bulk.code(value)}"]
            yield from (f"        {line}" for line in lines)
        placed = {self._place(slope) for slope in self.plan.slopes}
        for target in (u.target for u in self.plan.updates if u.target in self.plan.stored):
            if target not in placed | joint:
                yield f"        {self._name(target)} = {self.step.empty(target.shape, 'past.stop - first, ')}"
        for s in self.graph.states:  # a state's δ that nothing within its step reaches
            if Adjoint(s) in self.plan.stored and all(u.target != Adjoint(s) for u in self.plan.updates):
                yield f"        {self._name(Adjoint(s))} = {self.step.empty(s.shape, 'past.stop - first, ')}"

    def _steps(self, arriving: dict[Variable, str]) -> Iterator[str]:
        lines = list(self._masked())
        lines += [f"np.add({self.names(Adjoint(s))}, {array}_t, out={self.names(Adjoint(s))})"
                  for s, array in arriving.items()]
        for update in self.plan.updates:
            lines += self._update(update.target, update.value)
        states = list(self.graph.states)
        for s in states:
            lines += self._carry(s)
        pairs = [(self.names(Adjoint(s)), self._next(s)) for s in states]
        lines += [f"{now}, {then} = {then}, {now}" for now, then in pairs]
        lines.append(f"if {self.loop.active} is not None:")
        lines += [f"    np.add({self.names(Adjoint(s))}, {self._held(s)}, out={self.names(Adjoint(s))})"
                  for s in states]
        arrays = self._arrays_of(lines, arriving)
        through = "".join(f", {whole}[::-1]" for whole in arrays.values())
        yield (f"        for (step{''.join(f', {one}' for one in arrays) or ','}) in zip("
               f"range(past.stop - 1, -1, -1){through}):")
        yield from (f"            {line}" for line in lines)

    def _arrays_of(self, lines: list[str], arriving: dict[Variable, str]) -> dict[str, str]:
        words = words_of(lines)
        keys: list[Any] = [*self.loop.taped(), *(u.target for u in self.plan.updates),
                           *self.plan.slopes, *map(Adjoint, self.graph.states),
                           *(self.setting.graph.target, self._weight)]
        found = {self.names.of_step(self._place(key)): self._name(self._place(key)) for key in keys}
        found |= {f"{array}_t": f"{array}[past]" for array in arriving.values()}
        for group in self.groups:
            joint = adjoint_name(self.names, group)
            found[f"{joint}_t"] = side_by_side_name(self.names, group)
        return {one: whole for one, whole in found.items() if one in words}

    @property
    def _weight(self) -> Variable:
        return Variable("weight", (), self.setting.graph.target.step)

    def _masked(self) -> Iterator[str]:
        active = self.loop.active
        yield f"if {active} is not None:  # what belongs to a sequence that has ended goes back unchanged"
        for s in self.graph.states:
            d, mask = self.names(Adjoint(s)), f"{active}[:, step, None]" if s.rank else f"{active}[:, step]"
            yield f"    {self._held(s)} = np.where({mask}, 0.0, {d})"
            yield f"    {d} = np.where({mask}, {d}, 0.0)"

    def _held(self, state: Variable) -> str:
        return self.names.derived("held", Adjoint(state))

    def _update(self, target: Any, value: Expression) -> list[str]:
        if self._is_state(target):
            lines = [] if value == ZERO else self.step.plus(self.names(target), value)
            if target in self.plan.stored:
                lines.append(f"{self.names.of_step(target)}[...] = {self.names(target)}")
            return lines
        return self.step.into(self._name_of_step(target), value)

    def _carry(self, state: Variable) -> list[str]:
        value, out = self.plan.carry.get(state), self._next(state)
        if value is None:
            return [f"{out}[...] = 0.0"]
        group = next((g for g in self.groups if g.vector == state.at(self.graph.before)), None)
        if group is None:
            return self.step.into(out, value)
        matrices, rest = self._carried(group)
        own = [] if rest == ZERO else self.step.plus(out, rest)
        return [*backward_product(self.step, group, matrices, out), *own]

    def _gradients(self) -> Iterator[str]:
        recursion, reads = self.loop.recursion, self.graph.loop.reads
        if reads is not None and reads.name == "x" and recursion.input != ZERO and not self.setting.index:
            yield '        if "inputs" in wrt:'
            yield f"            {self.loop_input}[past] = {self.bulk.code(recursion.input)}"
        values = [recursion.step_gradients[p] for p in self.parameters if p in recursion.step_gradients]
        names = sorted({(self._name(key)) for value in values for key in self._moving(value)})
        if names:
            yield "        if rows:"
        for name in names:
            yield f"            {name} = merged({name}, rows)"
        printer = self.loop.reprinted(self._name)
        for p in self.parameters:
            if p in recursion.step_gradients:
                lines = printer.accumulate(self.names.derived("grad", p), recursion.step_gradients[p])
                yield f'        if "{p.name}" in wrt:'
                yield from (f"            {line}" for line in lines)

    @property
    def loop_input(self) -> str:
        """The array of the gradients of this loop's inputs, in the order of its steps."""
        return "d_reversed" if self.graph.loop.reverse else "d_inputs"

    def _moving(self, value: Expression) -> list[Any]:
        return [*(n for n in names_in(value) if isinstance(n, Variable)), *adjoints_in([value])]
