"""The gradients of a loop's parameters as code: a block adds one product for all weights of a row, or one for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import Expression, Parameter, Variable
from rnnsym.numerics.forwards import ForwardEmitter
from rnnsym.numerics.joints import Joint
from rnnsym.numerics.rows import Row
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.terms import adjoints_in


class GradientEmitter:
    """Writes what each block of steps adds. ``rows`` are those whose members' δ's stand side by side.

    ``name`` gives a quantity's, or a δ's, array of a block.
    """

    def __init__(self, forward: ForwardEmitter, rows: list[Row], parameters: tuple[Parameter, ...],
                 name: Callable[[Any], str]) -> None:
        self.forward, self.rows, self.parameters, self.name = forward, rows, parameters, name
        self.step, self.names, self.one = forward.step, forward.names, forward.one
        self.found = forward.recursion.step_gradients
        known = {p for row in rows for p, _ in self._of_row(row)}
        self.others = {p: self.found[p] for p in parameters if p in self.found and p not in known}

    def _of_row(self, row: Row) -> list[tuple[Parameter, tuple[str, Variable, bool]]]:
        """The parameters whose gradients are parts of that by a row's weights."""
        return [(p, part) for p in self.parameters if p in self.found and (part := row.part_of(self.found[p]))]

    def starts(self) -> Iterator[str]:
        """The lines before the blocks."""
        for row in self.rows:
            names = ", ".join(f'"{p.name}"' for p, _ in self._of_row(row))
            yield f"{self._wanted(row)} = not {{{names}}}.isdisjoint(wrt)"
            yield f"{self._whole(row)} = 0.0"
        if not self.others:
            yield "gradients = {}"
            return
        names = tuple_of(f'"{p.name}"' for p in self.others)
        yield f"gradients = {{name: np.zeros_like(parameters[name]) for name in {names} if name in wrt}}"

    def sums(self) -> Iterator[str]:
        """The lines that add what a block gives."""
        for row in self.rows:
            layout = self.forward.joints.layouts[row.vector]
            joint = Joint(self.step, row, "d_").whole if len(row.members) > 1 else self.name(Adjoint(row.members[0]))
            yield f"if {self._wanted(row)}:"
            yield f"    {self._whole(row)} += {layout.name}.T @ {joint}"
        moving = sorted({self.name(key) for value in self.others.values() for key in _moving(value)})
        if moving and not self.one:
            yield f"{tuple_of(moving)} = map(merged, {tuple_of(moving)})"
        printer = self.forward.reprinted(self.name)
        for p, value in self.others.items():
            yield f'if "{p.name}" in wrt:'
            yield from (f"    {line}" for line in printer.accumulate(f'gradients["{p.name}"]', value))

    def results(self) -> Iterator[str]:
        """The lines that cut the gradients out of those by a row's weights."""
        for row in self.rows:
            joint, layout = Joint(self.step, row), self.forward.joints.layouts[row.vector]
            yield f"if {self._wanted(row)}:"
            yield "    parts = {"
            for p, (kind, member, turned) in self._of_row(row):
                place = row.members.index(member)
                columns = f", {joint.columns(place, place + 1)}" if joint.count > 1 else ""
                yield f'        "{p.name}": {self._whole(row)}[{layout.part(kind)}{columns}]{".T" * turned},'
            yield "    }"
            yield "    gradients |= {name: part.copy() for name, part in parts.items() if name in wrt}"

    def _whole(self, row: Row) -> str:
        return Joint(self.step, row).name("whole")

    def _wanted(self, row: Row) -> str:
        return Joint(self.step, row).name("wanted")


def _moving(value: Expression) -> list[Any]:
    return [*(n for n in names_in(value) if isinstance(n, Variable)), *adjoints_in([value])]
