"""Products of one state with several weights as one: forward with all weights side by side, back with all δ's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import Elementwise, Expression, Variable
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.plans import Group
from rnnsym.numerics.statements import Statements


def joint_name(names: Identifiers, group: Group) -> str:
    """Return the name of the array that holds all members of a group."""
    return names.derived("joint", group.vector)


def adjoint_name(names: Identifiers, group: Group) -> str:
    """Return the name of the array that holds the δ's of all members."""
    return names.derived("d_joint", group.vector)


def side_by_side_name(names: Identifiers, group: Group) -> str:
    """Return the name of the array of these δ's as the product of a step takes them."""
    return names.derived("d_flat", group.vector)


def forward_product(step: Statements, group: Group, root: Callable[[Any], Any]) -> list[str]:
    """Return one step's product for all members, and their functions as far as these follow at once."""
    names, count = step.names, len(group.members)
    joint, product = f"{joint_name(names, group)}_t", names.derived("product", group.vector)
    weights, parts = names.derived("weights", group.vector), names.derived("parts", group.vector)
    matrices = ", ".join(step.code(matrix) for matrix in group.matrices)
    step.needs |= {
        ("weights", group): f"{weights} = side_by_side(({matrices}), rows)",
        ("parts", group): f"{parts} = np.empty(({count}, *rows, {step.printer.size(group.members[0].shape[0])}))",
        ("product", group): f"{product} = {parts}.reshape(-1)",
    }
    lines = [f"# {', '.join(names(m) for m in group.members)}: the product with {names(group.vector)}",
             "if rows:", f"    np.matmul({names.of_step(group.vector)}, {weights}, out={parts})",
             "else:", f"    {names.of_step(group.vector)}.dot({weights}, out={product})",
             f"np.add({joint}, {parts}, out={joint})"]
    start = 0
    for function, run in group.runs:
        part = f"{joint}[{start}:{start + len(run)}]" if len(run) < count else joint
        lines += _run(step, function, run, part if len(run) > 1 else names.of_step(root(run[0])), root)
        start += len(run)
    return lines


def _run(step: Statements, function: str, run: tuple[Variable, ...], part: str,
         root: Callable[[Any], Any]) -> list[str]:
    """Apply one function to several members at once, or to each where there is no such call."""
    call = step.function(function, part, part)
    if call is not None:
        return [call]
    return [f"{step.names.of_step(root(m))}[...] = {step.code(Elementwise(function, m))}" for m in run]


def backward_product(step: Statements, group: Group, matrices: Mapping[Variable, Expression], out: str) -> list[str]:
    """Return the statements that make ``out`` what all members hand back to their state."""
    weights, parts = step.names.derived("back", group.vector), step.names.derived("back_parts", group.vector)
    codes = ", ".join(step.code(matrices[m]) for m in group.members)
    joint = f"{adjoint_name(step.names, group)}_t"
    step.needs |= {
        ("back", group): f"{weights} = side_by_side(({codes}), rows, axis=0)",
        ("back parts", group): f"{parts} = np.empty(({len(group.members)}, *{out}.shape))",
    }
    return ["if rows:", f"    np.matmul({joint}, {weights}, out={parts})",
            f"    np.add.reduce({parts}, axis=0, out={out})",
            "else:", f"    {joint}.dot({weights}, out={out})"]


def adjoints_of(group: Group) -> set[Adjoint]:
    """Return the δ's of all members."""
    return {Adjoint(member) for member in group.members}
