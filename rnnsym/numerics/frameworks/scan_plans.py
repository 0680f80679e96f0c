"""What of a loop is computed for all steps at once and what in each: the plan of targets that scan over the steps.

Terms without a state come before the scan, for all steps at once. Products of one vector with several weights are one
product with the weights side by side; on the way back, products of several δ's that are added are one product of the
δ's side by side. The factors without a δ are slopes, made for all steps before the scan back; δ's that only hand on
are written out.
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
    ZERO,
    Expression,
    MatrixProduct,
    Named,
    Numeral,
    OrderedSum,
    Variable,
    add,
    t,
    walk,
)
from rnnsym.numerics.products import vector_and_matrix
from rnnsym.numerics.terms import Terms, adjoints_in, expression_of, replaced, terms_of


@dataclass(frozen=True)
class Spread:
    """``pieces`` = vector · matrices, each with its own matrix, as one product."""

    vector: Variable
    matrices: tuple[Expression, ...]
    pieces: tuple[Variable, ...]


@dataclass(frozen=True)
class Gathered:
    """``target`` = the sum of each δ · its matrix, as one product of the δ's side by side."""

    target: Variable
    vectors: tuple[Adjoint, ...]
    matrices: tuple[Expression, ...]


Statement = Assignment | Spread | Gathered


@dataclass(frozen=True)
class Forward:
    """``early`` is computed for all steps at once; ``step`` in each, from states and what is early."""

    early: tuple[Statement, ...]
    step: tuple[Statement, ...]


@dataclass(frozen=True)
class Backward:
    """``slopes`` of all steps at once; ``step`` makes δ's, ``carry`` what each state gets from the step after it.

    ``stored`` are the δ's that gradients are made of when all steps are done.
    """

    slopes: Mapping[Variable, Expression]
    step: tuple[Statement, ...]
    carry: Mapping[Variable, Expression]
    stored: tuple[Adjoint, ...]


def moves(node: Expression) -> bool:
    """Whether a value differs from step to step, or from sequence to sequence."""
    return any(isinstance(inner, Variable) for inner in walk(node))  # a δ holds its quantity


def forward_plan(recursion: LoopRecursion) -> Forward:
    """Return the plan of the way forward through a loop."""
    loop = recursion.graph
    late = {state.at(loop.before) for state in loop.states} | set(loop.states)
    for a in loop.cell:
        if late & set(names_in(a.value)):
            late.add(a.target)
    early, step = list[Assignment](), list[Assignment]()
    for a in loop.cell:
        if a.target not in late:
            early.append(a)
            continue
        drive, rest = _parted(a, late)
        early += [drive] if drive else []
        step.append(rest)
    return Forward(_with_spreads(early), _with_spreads(step))


def _terms(value: Expression) -> tuple[Expression, ...]:
    return value.args if isinstance(value, OrderedSum) else (value,)


def _parted(a: Assignment, late: set[Any]) -> tuple[Assignment | None, Assignment]:
    """Take the terms of a sum that need no state out of it, where one of them moves and is more than a name."""
    terms = _terms(a.value)
    early = [one for one in terms if one.rank == a.value.rank and not late & set(names_in(one))]
    if not any(moves(one) and not isinstance(one, Named) for one in early):
        return None, a
    drive = Variable(f"drive {a.target.name}", a.value.shape, t)
    rest = add(drive, *(one for one in terms if one not in early))
    return Assignment(drive, add(*early)), Assignment(a.target, rest)


def _with_spreads(assignments: Iterable[Assignment]) -> tuple[Statement, ...]:
    """Put one product before the first of the assignments that use products of one vector with several weights."""
    listed = list(assignments)
    uses: dict[Any, list[tuple[int, Expression]]] = {}
    for place, a in enumerate(listed):
        for term in _terms(a.value):
            pair = vector_and_matrix(term)
            if pair is not None and isinstance(pair[0], Variable):
                uses.setdefault((pair[0], term.shape), []).append((place, term))
    before: dict[int, list[Statement]] = {}
    pieces: dict[tuple[int, Expression], Variable] = {}
    for (vector, shape), found in uses.items():
        if len(found) > 1:
            names = list[Variable]()
            for place, _ in found:
                wish = f"{listed[place].target.name} of {_spelled(vector)}".removeprefix("drive ")
                names.append(Variable(_free(wish, [*names, *pieces.values()]), shape, t))
            matrices = tuple(pair[1] for _, term in found if (pair := vector_and_matrix(term)))
            before.setdefault(found[0][0], []).append(Spread(vector, matrices, tuple(names)))
            pieces |= dict(zip(found, names, strict=True))
    statements: list[Statement] = []
    for place, a in enumerate(listed):
        terms = [pieces.get((place, term), term) for term in _terms(a.value)]
        value = a.value if terms == list(_terms(a.value)) else add(*terms)
        statements += [*before.get(place, ()), Assignment(a.target, value)]
    return tuple(statements)


def _spelled(vector: Variable) -> str:
    return vector.name if vector.step == t else f"{vector.name}_prev"


def backward_plan(recursion: LoopRecursion, arriving: Iterable[Variable]) -> Backward:
    """Return the plan of the way back; ``arriving`` are the quantities whose δ gets something from outside."""
    states, outside = set(recursion.graph.states), set(arriving)
    forms = {a.target: terms_of(a.value) for a in recursion.step}
    carry = {s: terms_of(value) for s, value in recursion.carry.items()}
    stored = adjoints_in([*recursion.step_gradients.values(), recursion.input])
    known, kept = _written_out(forms, carry, stored, states | outside)
    slopes: dict[Variable, Expression] = {}
    statements: list[Statement] = []
    for target, terms in kept.items():
        statements += _gathered(target, target.variable.name, _named(target.variable, terms, slopes))
    handed: dict[Variable, Expression] = {}
    for s, terms in carry.items():
        *gathered, last = _gathered(s, f"{s.name} prev", _named(s, replaced(terms, known), slopes))
        statements += gathered
        handed[s] = last.value
    order = [target for target in kept if target in stored]
    order += [Adjoint(s) for s in recursion.graph.states if Adjoint(s) in stored and Adjoint(s) not in order]
    return Backward(slopes, tuple(statements), handed, tuple(order))


def _written_out(forms: Mapping[Any, Terms], carry: Mapping[Any, Terms], stored: set[Adjoint],
                 fixed: set[Any]) -> tuple[dict[Any, Terms], dict[Any, Terms]]:
    """Return the δ's that only hand on, written in others, and the rest, in which these stand written out."""
    every = [*forms.values(), *carry.values()]
    whole = adjoints_in(base for terms in every for base in terms if not isinstance(base, Adjoint))
    uses = Counter(base for terms in every for base in terms)
    known, kept = dict[Any, Terms](), dict[Any, Terms]()
    for target, form in forms.items():
        terms = replaced(form, known)
        hands_on = terms and all(isinstance(base, Adjoint) for base in terms) and (len(terms) == 1 or uses[target] == 1)
        if hands_on and target.variable not in fixed and target not in stored | whole:
            known[target] = terms
        else:
            kept[target] = terms
    return known, kept


def _named(variable: Any, terms: Terms, slopes: dict[Variable, Expression]) -> Terms:
    """Give each factor that moves a name, unless it has one."""
    found: Terms = {}
    for base, slope in terms.items():
        found[base] = slope
        if not isinstance(slope, Named | Numeral) and moves(slope):
            known = next((name for name, value in slopes.items() if value == slope), None)
            found[base] = known or Variable(_free(f"slope {variable.name}", slopes), slope.shape, t)
            slopes[found[base]] = slope
    return found


def _free(wish: str, taken: Iterable[Variable]) -> str:
    """Return the wish, with a number where names of ``taken`` have it already."""
    known = {one.name for one in taken}
    return next(name for name in (wish, *(f"{wish} {i}" for i in range(2, len(known) + 3))) if name not in known)


def _gathered(target: Any, label: str, terms: Terms) -> list[Any]:
    """Return the assignment of a sum of terms, after the products of several δ's as one."""
    products: dict[Any, list[Any]] = {}
    for base, slope in terms.items():
        pair = vector_and_matrix(base) if isinstance(base, MatrixProduct) and slope == ONE else None
        if pair is not None and isinstance(pair[0], Adjoint):
            products.setdefault(base.shape, []).append((base, *pair))
    statements: list[Any] = []
    rest = dict(terms)
    for shape, found in products.items():
        if len(found) > 1:
            taken = [one.target for one in statements]
            name = Variable(_free(f"gathered {label}", taken), shape, t)
            statements.append(Gathered(name, tuple(d for _, d, _ in found), tuple(m for _, _, m in found)))
            rest = {name if base == found[0][0] else base: slope for base, slope in rest.items()
                    if base not in [one for one, _, _ in found[1:]]}
    return [*statements, Assignment(target, expression_of(rest) if rest else ZERO)]


def values_of(statement: Statement) -> tuple[Expression, ...]:
    """Return the expressions that a statement computes with."""
    if isinstance(statement, Assignment):
        return (statement.value,)
    if isinstance(statement, Spread):
        return (statement.vector, *statement.matrices)
    return (*statement.vectors, *statement.matrices)
