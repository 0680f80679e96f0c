"""Sums that share a state as one product a step: forward with all weights side by side, back with all their δ's.

Of a batch each member has an array of its own, (members, steps, batch, n), and each product its own weights. The
members of one sequence stand beside each other in a step's vector, (steps, members · n), which meets one wide matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import Elementwise, Expression, Variable, t
from rnnsym.numerics.plans import Group
from rnnsym.numerics.rows import Row
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.statements import Statements

LONGEST = 20  # characters of a name that lists several


class Joint:
    """The names of what a group's members, or their δ's, share; ``of`` gives the name of a member's own array."""

    def __init__(self, step: Statements, group: Group, prefix: str = "") -> None:
        self.names, self.group, self.one = step.names, group, step.one
        self.count, self.size = len(group.members), step.printer.size(group.members[0].shape[0])
        self.whole, self.each = self.name(f"{prefix}joint"), self.name(f"{prefix}each")

    def name(self, prefix: str) -> str:
        """The name of something of the group's: it bears that of the state, or of the only member."""
        of = self.group.vector.at(t) if self.count > 1 else self.group.members[0]
        return self.names.local(f"{prefix}_{self.names(of)}", (prefix, self.group.vector, self.group.members))

    @property
    def shape(self) -> str:
        """The code of an array's shape for ``steps``, which stand first of one sequence and second of a batch."""
        if self.one:
            return f"({{steps}}, {self.count} * {self.size})"
        return f"({self.count}, {{steps}}, batch, {self.size})"

    def arrays(self, members: list[str], source: str) -> list[str]:
        """The lines that take the members' arrays, and that of all of a step, out of one."""
        if self.one:
            return [f"{self.whole} = {source}  # side by side",
                    f"{tuple_of(members)} = {self.whole}.reshape(-1, {self.count}, {self.size}).swapaxes(0, 1)"]
        return [f"{tuple_of(members)} = {self.each} = {source}",
                f"{self.whole} = {self.each}.swapaxes(0, 1)  # all of a step"]

    def columns(self, start: int, stop: int) -> str:
        """The code of an index for some members beside each other, of one sequence."""
        first, last = ("" if place in (0, self.count) else f"{place} * {self.size}" if place > 1 else self.size
                       for place in (start, stop))
        return f"{first}:{last}"


class RowLayout:
    """Where x, 1 and h stand in the rows of a state: each is there if any of the state's products needs it."""

    def __init__(self, step: Statements, rows: list[Row]) -> None:
        names, vector = step.names, rows[0].vector
        self.name = names.local(f"row_{names(vector.at(t))}", vector)
        self.x = next((row.x for row in rows if row.x is not None), None)
        self.biased = any(row.biased for row in rows)
        self.size = step.printer.size(vector.shape[0])
        self.inputs = "" if self.x is None else step.printer.size(self.x.shape[0])
        self.before = " + ".join([*([self.inputs] if self.inputs else []), *(["1"] if self.biased else [])])
        parts = [*(["x"] if self.x is not None else []), *(["1"] if self.biased else []), names(vector)]
        self.words = f"[{'; '.join(parts)}]"

    def part(self, kind: str) -> str:
        """The code of an index for a part: "x", "1" or "h"."""
        return {"x": f":{self.inputs}", "1": self.inputs or "0", "h": f"{self.before}:"}[kind]


class ForwardJoints:
    """Writes the products of a loop's groups; ``root`` is the quantity whose array another shares."""

    def __init__(self, step: Statements, groups: tuple[Group, ...], root: Callable[[Any], Any]) -> None:
        self.step, self.names, self.groups, self.root = step, step.names, groups, root
        rows: dict[Variable, list[Row]] = {}
        for group in groups:
            if isinstance(group, Row):
                rows.setdefault(group.vector, []).append(group)
        self.layouts = {vector: RowLayout(step, own) for vector, own in rows.items()}

    def row_arrays(self, vector: Variable, start: str, state: str) -> list[str]:
        """The lines that make the rows of a state, which hold its values."""
        layout = self.layouts[vector]
        name = layout.name
        lines = [f"{name} = np.empty((steps + 1, {layout.before} + {layout.size}))  # {layout.words} of each step"]
        if layout.x is not None:
            lines.append(f"{name}[:-1, {layout.part('x')}] = {self.names(layout.x)}")
        if layout.biased:
            lines.append(f"{name}[:, {layout.part('1')}] = 1.0")
        place = layout.part("h")
        return [*lines, f"{name}[0, {place}] = {start}",
                f"{self.names(vector)}, {state} = {name}[:-1, {place}], {name}[1:, {place}]"]

    def arrays(self, group: Group) -> list[str]:
        """The lines that make the arrays of a group with several members."""
        if len(group.members) == 1:
            return []
        joint = Joint(self.step, group)
        source = f"np.empty({joint.shape.format(steps='steps')})"
        lines = joint.arrays([self.names(self.root(m)) for m in group.members], source)
        for (start, stop), run in self._parts(group):
            place = joint.columns(start, stop) if joint.one else f"{start}:{stop}"
            lines.append(f"{self._run_name(run)} = {joint.whole}[:, {place}]")
        return lines

    def _parts(self, group: Group) -> list[tuple[tuple[int, int], tuple[Variable, ...]]]:
        """The runs of several members, but not of all."""
        found, start = [], 0
        for _, run in group.runs:
            if 1 < len(run) < len(group.members):
                found.append(((start, start + len(run)), run))
            start += len(run)
        return found

    def _run_name(self, run: tuple[Variable, ...]) -> str:
        every = "_".join(self.names(self.root(m)) for m in run)
        return self.names.local(every if len(every) <= LONGEST else f"{self.names(self.root(run[0]))}_and_more", run)

    def through(self) -> dict[str, str]:
        """Return {one step's name: all steps' name} of the rows, the joint arrays and their runs."""
        found = {f"{layout.name}_t": layout.name for layout in self.layouts.values()}
        for group in self.groups:
            whole = Joint(self.step, group).whole
            found[f"{whole}_t"] = whole
            found |= {f"{self._run_name(run)}_t": self._run_name(run) for _, run in self._parts(group)}
        return found

    def taped(self) -> list[str]:
        """The rows, which the way back reads."""
        return [layout.name for layout in self.layouts.values()]

    def product(self, group: Group) -> list[str]:
        """Return one step's product for all members, and their functions as far as these follow at once."""
        joint = Joint(self.step, group)
        out = f"{joint.whole}_t" if len(group.members) > 1 else self.names.of_step(self.root(group.members[0]))
        members = ", ".join(self.names(m) for m in group.members)
        comment = f"# {members}: the product with "
        if isinstance(group, Row):
            layout = self.layouts[group.vector]
            weights = self._row_weights(group, layout, joint)
            lines = [comment + layout.words, f"{layout.name}_t.dot({weights}, {out})"]
        else:
            lines = [comment + self.names(group.vector), *self._product(group, joint, out)]
        start = 0
        for function, run in group.runs:
            lines += self._run(function, run, out if len(run) == len(group.members) else "", isinstance(group, Row))
            start += len(run)
        return lines

    def _product(self, group: Group, joint: Joint, out: str) -> list[str]:
        """The product of a group that adds it to what is there."""
        weights, parts = joint.name("weights"), joint.name("parts")
        matrices = ", ".join(self.step.code(matrix) for matrix in group.matrices)
        vector = self.names.of_step(group.vector)
        if joint.one:
            self.step.needs |= {("weights", group): f"{weights} = np.concatenate(({matrices}), axis=1)",
                                ("parts", group): f"{parts} = np.empty({joint.count} * {joint.size})"}
            product = f"{vector}.dot({weights}, {parts})"
        else:
            self.step.needs |= {("weights", group): f"{weights} = np.stack(({matrices}))",
                                ("parts", group): f"{parts} = np.empty(({joint.count}, batch, {joint.size}))"}
            product = self.step.call("matmul", vector, weights, out=parts)
        return [product, self.step.call("add", out, parts, out=out)]

    def _row_weights(self, row: Row, layout: RowLayout, joint: Joint) -> str:
        """The name of all weights that a row meets; those of σ's arguments bring the sign that exp(−a) has."""
        weights = joint.name("weights")
        zero = f"np.zeros({joint.size})"
        blocks = []
        if layout.x is not None:
            blocks.append([self._code(one, f"np.zeros(({layout.inputs}, {joint.size}))") for one in row.inputs])
        if layout.biased:
            blocks.append([self._code(one, zero) for one in row.biases])
        blocks.append([self.step.code(matrix) for matrix in row.matrices])
        if joint.count == 1:
            tall = [f"{one}[None]" if layout.biased and place == len(blocks) - 2 else one
                    for place, (one,) in enumerate(blocks)]
            code = f"np.concatenate(({', '.join(tall)}))"
        else:
            code = f"stacked({', '.join(tuple_of(block) for block in blocks)})"
        self.step.needs[("weights", row)] = f"{weights} = {code}"
        start = 0
        for function, run in row.runs:
            if function == "sigmoid":
                place = f"[:, {joint.columns(start, start + len(run))}]" if len(run) < joint.count else ""
                self.step.needs[("turned", row)] = f"{weights}{place} *= -1.0  # for exp(-a)"
            start += len(run)
        return weights

    def _code(self, value: Expression | None, absent: str) -> str:
        return absent if value is None else self.step.printer.inner(value, 4)

    def _run(self, function: str, run: tuple[Variable, ...], whole: str, turned: bool) -> list[str]:
        """Apply one function to several members at once, or to each where there is no such call."""
        place = whole or (f"{self._run_name(run)}_t" if len(run) > 1 else self.names.of_step(self.root(run[0])))
        calls = self.step.function(function, place, place, turned=turned)
        results = ", ".join(self.names(self.root(m)) for m in run)
        if calls:
            return [f"# {results}: {function}", *calls]
        return [f"{self.names.of_step(self.root(m))}[...] = {self.step.code(Elementwise(function, m))}" for m in run]


def backward_product(step: Statements, group: Group, matrices: Mapping[Variable, Expression], out: str) -> list[str]:
    """Return the statements that make ``out`` what all members hand back to their state."""
    joint = Joint(step, group, "d_")
    weights, parts = joint.name("back"), joint.name("parts")
    codes = ", ".join(step.code(matrices[m]) for m in group.members)
    if joint.one:
        step.needs[("back", group)] = f"{weights} = np.ascontiguousarray(np.concatenate(({codes})))"
        return [f"{joint.whole}_t.dot({weights}, {out})"]
    size = step.printer.size(group.vector.shape[0])
    step.needs |= {("back", group): f"{weights} = np.ascontiguousarray(np.stack(({codes})))",
                   ("back parts", group): f"{parts} = np.empty(({joint.count}, batch, {size}))"}
    step.functions["add"] = None
    return [step.call("matmul", f"{joint.whole}_t", weights, out=parts), f"add.reduce({parts}, axis=0, out={out})"]


def adjoints_of(group: Group) -> set[Adjoint]:
    """Return the δ's of all members."""
    return {Adjoint(member) for member in group.members}
