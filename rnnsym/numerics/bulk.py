"""What of one sequence's loop NumPy does for all steps at once: terms before it that need no state, sums after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import ZERO, Constant, Expression, OrderedSum, T, Variable, add, walk
from rnnsym.numerics.functions import helpers
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.printing import BatchPrinter


@dataclass(frozen=True)
class EarlyTerms:
    """A loop's assignments: ``early`` need no state; of a late one ``drives`` has the early terms, ``rest`` the others.

    ``rest`` is in the order of the equations. ``fed`` is what the loop reads of early quantities, entry by entry.
    """

    early: tuple[Assignment, ...]
    drives: Mapping[Variable, Expression]
    rest: tuple[Assignment, ...]
    fed: tuple[Variable, ...]


def early_terms(loop: LoopGraph) -> EarlyTerms:
    """Return what of a loop needs no state; what is made of parameters alone is left where it stands."""
    late, moving = {state.at(loop.before) for state in loop.states} | set(loop.states), {loop.loop.reads}
    early, rest, drives = list[Assignment](), list[Assignment](), dict[Variable, Expression]()
    for a in loop.cell:
        names = set(names_in(a.value))
        if a.target not in late and names & moving and not names & late:
            early.append(a)
            moving.add(a.target)
            continue
        late.add(a.target)
        drive = _drive(a.value, moving, late)
        drives |= {} if drive == ZERO else {a.target: drive}
        rest.append(Assignment(a.target, _without(a.value, drive)))
    fed = dict.fromkeys(n for a in rest for n in names_in(a.value) if n in moving)
    return EarlyTerms(tuple(early), drives, tuple(rest), tuple(fed))


def _drive(value: Expression, moving: set[Any], late: set[Any]) -> Expression:
    """The terms of a sum that need no state, where one of them differs from step to step."""
    if not isinstance(value, OrderedSum):
        return ZERO
    terms = [term for term in value.args if not set(names_in(term)) & late]
    whole = add(*terms) if len(terms) < len(value.args) else ZERO
    return whole if whole.rank == value.rank and set(names_in(whole)) & moving else ZERO


def _without(value: Expression, drive: Expression) -> Expression:
    if drive == ZERO:
        return value
    gone = drive.args if isinstance(drive, OrderedSum) else (drive,)
    return add(*(term for term in value.args if term not in gone))


class BulkPrinter(BatchPrinter):
    """Prints expressions of all steps of one sequence: what one sequence of a batch is there, one step is here."""

    def __init__(self, identifiers: Identifiers, sizes: Mapping[Any, int]) -> None:
        known = {size: str(number) for size, number in sizes.items()} | {T: "steps"}
        super().__init__(lambda key: known[key] if key in known else identifiers(key))

    def _print_Constant(self, node: Constant) -> str:
        return repr(float(node.value))  # as the numbers of the loops have it, without a name

    def helpers(self) -> Iterator[str]:
        """The functions that what was printed needs."""
        yield from (helpers[name].strip() for name in sorted(self.functions) if name in helpers)


def quantities(values: Iterable[Expression]) -> dict[Any, None]:
    """Return the variables and δ's whose values are used, in order of appearance."""
    found: dict[Any, None] = {}
    for value in values:
        found |= dict.fromkeys(node for node in walk(value) if isinstance(node, Adjoint))
        found |= dict.fromkeys(name for name in names_in(value) if isinstance(name, Variable))
    return found
