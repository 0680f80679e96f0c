"""The way back through a loop as a function: slopes at once, δ's in a scan from the end, gradients as products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import ZERO, Expression, Variable
from rnnsym.numerics.frameworks.parts import indented, needs_like
from rnnsym.numerics.frameworks.scan_plans import values_of
from rnnsym.numerics.frameworks.scans import Loop
from rnnsym.numerics.setting import tuple_of


@dataclass(frozen=True)
class WayBack:
    """Writes the way back through ``loop``."""

    loop: Loop

    def lines(self) -> Iterator[str]:
        """The function that goes back through the loop."""
        loop, recursion = self.loop, self.loop.recursion
        step = self._printed()
        late = [*recursion.step_gradients.values(), *([] if loop.indexed else [recursion.input])]
        body = [*self._slopes(), *loop.joined(loop.back.step), *self._step(), *self._scan(), *self._gradients()]
        yield f"def {loop.name}_back(weights, start, tape, running, arriving):"
        yield '    """Return ∂L/∂ of the weights, of the start and of what was read, from ∂L/∂ of what was returned."""'
        yield from indented(loop.writer.unpacked([*step, *late]))
        yield f"    {tuple_of(map(loop.names, loop.taped()))} = tape"
        yield f"    {tuple_of(map(loop.arrives, loop.kept))} = arriving"
        yield from indented(loop.writer.sized([*step, *late], loop.weights, loop.sizes(loop.reads, *loop.states)))
        if needs_like(body):
            yield "    like = start[0]"
        yield from indented(body)

    def _printed(self) -> list[Expression]:
        back = self.loop.back
        return [*back.slopes.values(), *(v for one in back.step for v in values_of(one)), *back.carry.values()]

    def _d(self, variable: Variable) -> str:
        return self.loop.names(Adjoint(variable))

    def _held(self, state: Variable) -> str:
        return self.loop.names.derived("held", Adjoint(state))

    def _outside(self) -> list[Variable]:
        """The quantities whose δ gets something from outside at each step."""
        return list(self.loop.kept) if self.loop.every else []

    def _slopes(self) -> Iterator[str]:
        if self.loop.back.slopes:
            yield "# the slopes of all steps at once"
        for slope, value in self.loop.back.slopes.items():
            yield f"{self.loop.names(slope)} = {self.loop.printer.code(value)}"

    def _moving(self) -> list[str]:
        """What a step takes from all steps."""
        loop = self.loop
        steps = [*(v for one in loop.back.step for v in values_of(one)), *loop.back.carry.values()]
        used = {n for value in steps for n in names_in(value)}
        known = [loop.names(v) for v in (*loop.read_back(), *loop.back.slopes) if v in used]
        return [*map(loop.arrives, self._outside()), *known]

    def _step(self) -> Iterator[str]:
        loop = self.loop
        yield ""
        yield "def step(later, now):"
        yield f"    {tuple_of(map(self._d, loop.states))} = later"
        yield f"    {tuple_of([*self._moving(), 'runs'])} = now"
        yield from indented(self._arrivals())
        for one in loop.back.step:
            yield from indented(self._update(one) if isinstance(one, Assignment) else [loop.product(one)])
        yield from indented(self._handed_on())
        yield f"    return {tuple_of(map(self._d, loop.before))}, {tuple_of(map(loop.names, loop.back.stored))}"
        yield ""

    def _arrivals(self) -> Iterator[str]:
        """Add what arrives, and set aside what belongs to sequences that have ended."""
        loop, chosen = self.loop, self.loop.printer.chosen
        states = [v for v in self._outside() if v in loop.states]
        yield from (f"{self._d(s)} = {self._d(s)} + {loop.arrives(s)}" for s in states)
        yield "if runs is not None:  # what belongs to a sequence that has ended goes back unchanged"
        for s in loop.states:
            yield f"    {self._held(s)} = {chosen(s.rank, '0.0', self._d(s))}"
            yield f"    {self._d(s)} = {chosen(s.rank, self._d(s), '0.0')}"
        for v in self._outside():
            if v not in states:
                yield f"    {loop.arrives(v)} = {chosen(v.rank, loop.arrives(v), '0.0')}"

    def _update(self, a: Assignment) -> Iterator[str]:
        loop, variable = self.loop, a.target.variable
        state = variable in loop.states
        if state and a.value == ZERO:
            return
        outside = not state and variable in self._outside()
        start = f"{self._d(variable)} + " if state else f"{loop.arrives(variable)} + " if outside else ""
        code = loop.printer.code(a.value)
        code = f"({code})" if start and code.startswith("-") else code
        yield f"{self._d(variable)} = {start}{code}  # {loop.writer.shape(a.target)}"

    def _handed_on(self) -> Iterator[str]:
        loop = self.loop
        for s, before in zip(loop.states, loop.before, strict=True):
            value = loop.back.carry.get(s)
            code = f"{loop.printer.library}.zeros_like({self._d(s)})" if value is None else loop.printer.code(value)
            yield f"{self._d(before)} = {code}"
        yield "if runs is not None:"
        for s, before in zip(loop.states, loop.before, strict=True):
            yield f"    {self._d(before)} = {self._d(before)} + {self._held(s)}"

    def _scan(self) -> Iterator[str]:
        loop = self.loop
        sequences = tuple_of([*self._moving(), "running"])
        steps = f"len({loop.arrives(loop.kept[0]) if loop.reads is None else loop.given})"
        later = tuple_of(self._last(i, s) for i, s in enumerate(loop.states))
        yield f"later = {later}"
        yield f"d_start, found = {loop.printer.scan}(step, later, {sequences}, {steps}, reverse=True)"
        if loop.back.stored:
            yield f"{tuple_of(map(loop.names, loop.back.stored))} = found  # of all steps"

    def _last(self, place: int, state: Variable) -> str:
        """The δ with which the way back begins."""
        if state in self.loop.kept and not self.loop.every:
            return self.loop.arrives(state)
        return f"{self.loop.printer.library}.zeros_like(start[{place}])"

    def _gradients(self) -> Iterator[str]:
        loop, recursion = self.loop, self.loop.recursion
        read = "None"
        if loop.reads is not None and not loop.indexed:
            read = loop.names(Adjoint(loop.reads))
            zeros = f"{loop.printer.library}.zeros_like({loop.given})"
            yield f"{read} = {zeros if recursion.input == ZERO else loop.printer.code(recursion.input)}"
        yield from loop.writer.gradients(loop.weights, recursion.step_gradients)
        yield f"gradients = {loop.writer.dictionary(loop.weights)}"
        yield f"return gradients, d_start, {read}"
