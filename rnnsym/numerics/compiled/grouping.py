"""Operations in the order of a step, sorted into products of all sequences and loops over the entries of each one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import Expression, Named
from rnnsym.numerics.compiled.components import SHIFTED
from rnnsym.numerics.compiled.operations import (
    Added,
    Collapse,
    Contraction,
    Entries,
    FanIn,
    FanOut,
    Joined,
    Normalised,
    Operation,
    Scattered,
)

Atoms = Iterator[tuple[Any, bool]]


@dataclass
class Group:
    """Operations that share one loop over entries of ``shape``; one that is no arithmetic of entries stands alone."""

    operations: list[Operation]
    shape: tuple[Any, ...] | None


@dataclass
class Phase:
    """Groups that run for one sequence after another, or one product for all sequences."""

    groups: list[Group] = field(default_factory=list)
    product: FanOut | FanIn | None = None


def atoms(node: Expression, shifted: bool = False) -> Atoms:
    """Yield the names in ``node``; whether they are read at another index than that of the entry that is made."""
    if isinstance(node, Named | Adjoint):
        yield node, shifted
        return
    for argument in node.args:
        if isinstance(argument, Expression):
            yield from atoms(argument, shifted or isinstance(node, SHIFTED))


def reads(operation: Operation) -> Atoms:
    """Yield what an operation reads; a loop of its own reads at other indices."""
    match operation:
        case Entries() | Added():
            yield from atoms(operation.value)
        case Scattered():
            yield from atoms(operation.value)
            yield operation.row, False
        case Collapse() | Normalised():
            yield from atoms(operation.value, shifted=True)
        case Joined():
            yield from (found for part in operation.parts for found in atoms(part, shifted=True))
        case Contraction():
            yield from (found for part in (operation.left, operation.right) for found in atoms(part, shifted=True))
        case FanOut():
            yield operation.vector, True
            yield from (found for _, matrix in operation.members for found in atoms(matrix, shifted=True))
        case FanIn():
            yield from ((vector, True) for vector in operation.members)
            yield from (found for matrix in operation.members.values() for found in atoms(matrix, shifted=True))


def targets(operation: Operation) -> list[Any]:
    """Return the quantities that an operation makes."""
    match operation:
        case FanOut():
            return [member for member, _ in operation.members]
        case Added() | Scattered():
            return []
    return [operation.target]


def loop_shape(operation: Operation) -> tuple[Any, ...] | None:
    """The entries that an operation goes through, () of a scalar, None where it needs loops of its own."""
    match operation:
        case Entries():
            return tuple(operation.target.shape)
        case Added():
            return tuple(operation.parameter.shape)
        case Scattered():
            return tuple(operation.value.shape)
    return None


def in_order(names: Iterable[Any], operations: Iterable[Operation]) -> tuple[Any, ...]:
    """Return quantities in the order in which they are made."""
    order = [target for one in operations for target in targets(one)]
    wanted = tuple(names)
    if not set(wanted) <= set(order):
        raise DerivationError("the numba backend finds no order for the sums of products of this network: "
                              "use backend='numpy'")
    return tuple(sorted(wanted, key=order.index))


def scheduled(operations: Iterable[Operation]) -> list[Operation]:
    """Return operations in an order with few phases: products of one vector early, sums of products late."""
    waiting, found = list(operations), list[Operation]()
    missing = {target for one in waiting for target in targets(one)}
    while waiting:
        ready = [one for one in waiting if not any(name in missing for name, _ in reads(one))]
        early = [one for one in ready if isinstance(one, FanOut)]
        entries = [one for one in ready if not isinstance(one, FanOut | FanIn)]
        chosen = early or entries[:1] or ready
        found += chosen
        waiting = [one for one in waiting if one not in chosen]
        missing -= {target for one in chosen for target in targets(one)}
    return found


def phases_of(operations: Iterable[Operation]) -> list[Phase]:
    """Return the phases of a step."""
    found: list[Phase] = []
    for operation in operations:
        if isinstance(operation, FanOut | FanIn):
            found.append(Phase(product=operation))
            continue
        if not found or found[-1].product is not None:
            found.append(Phase())
        _place(operation, found[-1].groups)
    return found


def _place(operation: Operation, groups: list[Group]) -> None:
    shape = loop_shape(operation)
    last = groups[-1] if groups else None
    if shape and last is not None and last.shape == shape:
        made = {target for one in last.operations for target in targets(one)}
        if not any(shifted and name in made for name, shifted in reads(operation)):
            last.operations.append(operation)
            return
    groups.append(Group([operation], shape))


def kept_apart(phases: list[Phase]) -> set[Any]:
    """Return the quantities that are read outside the loop that makes them, so that they need an array."""
    made: dict[Any, tuple[int, int, bool]] = {}
    for number, phase in enumerate(phases):
        for place, group in enumerate(phase.groups):
            for operation in group.operations:
                scalar = group.shape == () or isinstance(operation, Collapse)
                made |= dict.fromkeys(targets(operation), (number, place, scalar))
    found = set()
    for number, phase in enumerate(phases):
        alone = [Group([phase.product], None)] if phase.product is not None else []
        for place, group in enumerate([*phase.groups, *alone]):
            for name, shifted in (one for operation in group.operations for one in reads(operation)):
                if name not in made:
                    continue
                own, loop, scalar = made[name]
                if own != number or (not scalar and (loop != place or shifted)):
                    found.add(name)
    return found
