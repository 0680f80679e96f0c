"""What of a loop needs the recurrence and what does not, told from the equations.

Terms without a state are early: those of all steps are computed at once. Products of one state with several weights are
one product with all of them side by side. What a function alone is applied to shares the function's array. On the
way back the factors without δ are slopes, computed for many steps at once; δ's that only hand on are written out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import (
    ONE,
    Elementwise,
    Expression,
    MatrixProduct,
    Named,
    Numeral,
    OrderedSum,
    Variable,
    add,
    t,
)
from rnnsym.numerics.products import vector_and_matrix
from rnnsym.numerics.terms import Terms, adjoints_in, expression_of, replaced, terms_of


@dataclass(frozen=True)
class Group:
    """Quantities whose sums each hold a product of ``vector`` with weights; ``activated`` are the functions of them.

    The first members are those of which nothing but their sum is needed, in runs of one function.
    """

    vector: Variable
    members: tuple[Variable, ...]
    matrices: tuple[Expression, ...]
    runs: tuple[tuple[str, tuple[Variable, ...]], ...]


@dataclass(frozen=True)
class Forward:
    """A step forward: ``early`` assignments and ``drives`` (the early terms of sums) need no state.

    ``rest`` is what is left of each other assignment, None where nothing is. ``shared`` names, for what a function
    alone is applied to, the function's value. ``read`` is what the way back reads.
    """

    early: tuple[Assignment, ...]
    drives: Mapping[Variable, Expression]
    rest: Mapping[Variable, Expression | None]
    groups: tuple[Group, ...]
    shared: Mapping[Variable, Variable]
    read: frozenset[Any]

    def group_of(self, target: Variable) -> Group | None:
        """The group that a quantity is a member of."""
        return next((group for group in self.groups if target in group.members), None)


def forward_plan(recursion: LoopRecursion, kept: tuple[Variable, ...]) -> Forward:
    """Return the plan of a step forward; ``kept`` is what others read of every step."""
    loop = recursion.graph
    late = {state.at(loop.before) for state in loop.states} | set(loop.states)
    for a in loop.cell:
        if late & set(names_in(a.value)):
            late.add(a.target)
    read = frozenset(n for value in backward_expressions(recursion) for n in names_in(value) if isinstance(n, Variable))
    shared = _shared(loop.cell, read | set(kept) | set(loop.states), set(loop.states))
    early = tuple(a for a in loop.cell if a.target not in late)
    others = [a for a in loop.cell if a.target in late]
    drives, rest = dict[Variable, Expression](), dict[Variable, Expression | None]()
    groups = _groups(others, {state.at(loop.before) for state in loop.states}, set(loop.states), shared)
    for a in others:
        rest[a.target] = a.value
        group = next((one for one in groups if a.target in one.members), None)
        _split(a, late, group, drives, rest)
    return Forward(early, drives, rest, _with_runs(groups, rest, others, shared), shared, read)


def backward_expressions(recursion: LoopRecursion) -> list[Expression]:
    """All expressions of the way back through a loop."""
    return [*(a.value for a in recursion.step), *recursion.carry.values(), *recursion.step_gradients.values(),
            recursion.input]


def _shared(cell: tuple[Assignment, ...], needed: set[Any] | frozenset[Any], states: set[Any]) -> dict[Any, Any]:
    uses = Counter(name for a in cell for name in names_in(a.value))
    targets = {a.target for a in cell}
    return {a.value.argument: a.target for a in cell
            if isinstance(a.value, Elementwise) and a.value.argument in targets - needed
            and uses[a.value.argument] == 1}


def terms_of_sum(value: Expression) -> tuple[Expression, ...]:
    """Return the terms of a sum of equals, or what is none."""
    plain = isinstance(value, OrderedSum) and all(term.rank == value.rank for term in value.args)
    return value.args if plain else (value,)


def _split(a: Assignment, late: set[Any], group: Group | None, drives: dict[Any, Any], rest: dict[Any, Any]) -> None:
    """Take the early terms and the group's product out of a sum."""
    terms = terms_of_sum(a.value)
    early = [term for term in terms if not late & set(names_in(term))]
    if not group and not (len(early) < len(terms) and any(not isinstance(one, Named | Numeral) for one in early)):
        return
    own = [term for term in terms if term not in early and not (group and _is_product_of(term, group.vector))]
    if early:
        drives[a.target] = add(*early)
    rest[a.target] = add(*own) if own else None


def _is_product_of(term: Expression, vector: Any) -> bool:
    pair = vector_and_matrix(term)
    return pair is not None and pair[0] == vector


def _groups(assignments: list[Assignment], before: set[Any], states: set[Any],
            shared: Mapping[Any, Any]) -> list[Group]:
    found: dict[tuple[Any, Any], list[tuple[Variable, Expression]]] = {}
    for a in assignments:
        products = [pair for term in terms_of_sum(a.value) if (pair := vector_and_matrix(term)) and pair[0] in before]
        if a.target in states or shared.get(a.target) in states or a.target.rank != 1 or not products:
            continue
        vector, matrix = products[0]
        if len([pair for pair in products if pair[0] == vector]) == 1:
            found.setdefault((vector, a.target.shape), []).append((a.target, matrix))
    return [Group(vector, tuple(m for m, _ in members), tuple(w for _, w in members), ())
            for (vector, _), members in found.items() if len(members) > 1]


def _with_runs(groups: Iterable[Group], rest: Mapping[Any, Any], others: list[Assignment],
               shared: Mapping[Any, Any]) -> tuple[Group, ...]:
    """Put members that are no more than their sum first, those of one function side by side."""
    functions = {a.value.argument: a.value.function for a in others if isinstance(a.value, Elementwise)}
    return tuple(_with_own_runs(group, rest, functions, shared) for group in groups)


def _with_own_runs(group: Group, rest: Mapping[Any, Any], functions: Mapping[Any, str],
                   shared: Mapping[Any, Any]) -> Group:
    runs: dict[str, list[Variable]] = {}
    for member in group.members:
        if rest[member] is None and member in shared:
            runs.setdefault(functions[member], []).append(member)
    first = [member for run in runs.values() for member in run]
    members = (*first, *(member for member in group.members if member not in first))
    matrices = dict(zip(group.members, group.matrices, strict=True))
    return Group(group.vector, members, tuple(matrices[m] for m in members),
                 tuple((function, tuple(run)) for function, run in runs.items()))


@dataclass(frozen=True)
class Update:
    """δ of ``target`` at a step. ``place`` is the slope whose array it takes, once the slope has been used."""

    target: Adjoint
    value: Expression
    place: Variable | None


@dataclass(frozen=True)
class Backward:
    """A step back: ``slopes`` of all steps at once, then ``updates`` step by step, and what each step hands on."""

    slopes: Mapping[Variable, Expression]
    updates: tuple[Update, ...]
    carry: Mapping[Variable, Expression]
    stored: frozenset[Adjoint]


def backward_plan(recursion: LoopRecursion) -> Backward:
    """Return the plan of a step back."""
    states = set(recursion.graph.states)
    forms = {a.target: terms_of(a.value) for a in recursion.step}
    carry = {s: terms_of(value) for s, value in recursion.carry.items()}
    stored = adjoints_in([*recursion.step_gradients.values(), recursion.input])
    whole = adjoints_in(base for terms in (*forms.values(), *carry.values()) for base in terms
                        if not isinstance(base, Adjoint))
    uses = Counter(base for terms in (*forms.values(), *carry.values()) for base in terms)
    known: dict[Any, Terms] = {}
    kept: dict[Adjoint, Terms] = {}
    for target, form in forms.items():
        terms = replaced(form, known)
        hands_on = all(isinstance(base, Adjoint) or base == ONE for base in terms) and terms
        single = len(terms) == 1 or uses[target] == 1
        if hands_on and single and target.variable not in states and target not in stored | whole:
            known[target] = terms
        else:
            kept[target] = terms
    slopes: dict[Variable, Expression] = {}
    updates = tuple(_update(target, terms, slopes, states) for target, terms in kept.items())
    carried = {s: _update(s, replaced(terms, known), slopes, states).value for s, terms in carry.items()}
    return Backward(slopes, updates, carried, frozenset(stored))


def _update(target: Any, terms: Terms, slopes: dict[Variable, Expression], states: set[Any]) -> Update:
    variable = getattr(target, "variable", target)
    named: Terms = {}
    place = None
    for base, slope in terms.items():
        named[base] = slope
        if isinstance(slope, Named | Numeral) or not any(isinstance(name, Variable) for name in names_in(slope)):
            continue
        number = len(slopes) if len(terms) > 1 or not isinstance(target, Adjoint) else ""
        named[base] = Variable(f"slope {variable.name} {number}".strip(), slope.shape, t)
        slopes[named[base]] = slope
        alone = len(terms) == 1 and isinstance(base, Adjoint)  # what is computed first would overwrite the slope
        if alone and slope.shape == variable.shape and variable not in states:
            place = named[base]
    return Update(target, expression_of(named), place)


def members_carried(value: Expression, group: Group) -> tuple[dict[Variable, Expression], Expression] | None:
    """Split what a step hands on into the products of a group's δ's and the rest; None if one is missing."""
    terms = terms_of_sum(value)
    found: dict[Variable, Expression] = {}
    for term in terms:
        pair = vector_and_matrix(term) if isinstance(term, MatrixProduct) else None
        if pair and isinstance(pair[0], Adjoint) and pair[0].variable in group.members:
            found[pair[0].variable] = pair[1]
    if set(found) != set(group.members):
        return None
    products = [term for term in terms if (pair := vector_and_matrix(term)) and isinstance(pair[0], Adjoint)
                and pair[0].variable in found]
    if len(products) != len(found):
        return None
    return found, add(*(term for term in terms if term not in products)) if len(terms) > len(products) else add()
