"""Recursions with one mistake in them, made from the right one by general rules over its expressions.

Each mutant knows its words. Nothing here knows a cell: a missing transpose, a slope taken for its function or another
gate's name in a term is the same rule for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion, adjoint_recursion, is_fused
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.evidence.damaged_expressions import (
    Say,
    Variant,
    damaged,
    equation_variants,
    is_transpose,
    renamed,
    untransposed,
    variants,
)
from rnnsym.evidence.slope_mistakes import SLOPE_KINDS, Factors, slope_mistakes, slopes_elsewhere, slopes_of, with_slope
from rnnsym.model.expressions import ZERO, Expression, Hadamard, Parameter, Variable, add, multiply, negate, walk


@dataclass(frozen=True)
class Mutant:
    """A network's graph and recursion with one mistake; ``forward`` says that the forward pass differs, too."""

    words: str
    graph: StepGraph
    recursion: AdjointRecursion
    forward: bool = False


Put = Callable[[Expression], AdjointRecursion]


@dataclass(frozen=True)
class _Site:
    """One expression of a recursion, and how the recursion is put together with another in its place."""

    where: str
    expression: Expression
    put: Put
    loop: LoopGraph | None = None
    is_gradient: bool = False


Rule = Callable[[StepGraph, _Site, Say], Iterator[Variant]]


def mutants(graph: StepGraph, say: Say) -> Iterator[Mutant]:
    """Yield all mutants: those of slopes, transposes, terms and factors first, then those of names, then of cells."""
    right, unfused = adjoint_recursion(graph), adjoint_recursion(graph, fused=False)
    yield from _everywhere(graph, right, say)
    for rule in (_of_slopes, _of_structure, _of_names):
        for site in _sites(right, say):
            yield from _of_site(graph, site, rule, say)
        for site in _sites(unfused, say) if is_fused(graph) else ():
            if site.where.endswith("of the output"):
                yield from _of_site(graph, site, rule, say)
    yield from _unchanged(right, graph, say)
    yield from _other_cells(graph, say)


def _of_site(graph: StepGraph, site: _Site, rule: Rule, say: Say) -> Iterator[Mutant]:
    for words, changed in rule(graph, site, say):
        yield Mutant(f"in which {site.where} {words}", graph, site.put(changed))


def _sites(recursion: AdjointRecursion, say: Say) -> Iterator[_Site]:
    def put_readout(place: int) -> Put:
        return lambda new: replace(recursion, readout=_with(recursion.readout, place, new))

    def put_final(state: Variable) -> Put:
        return lambda new: replace(recursion, final={**recursion.final, state: new})

    def put_gradient(name: Parameter) -> Put:
        return lambda new: replace(recursion, readout_gradients={**recursion.readout_gradients, name: new})

    for place, a in enumerate(recursion.readout):
        yield _Site(f"{say(a.target)} of the output", a.value, put_readout(place))
    for state, value in recursion.final.items():
        yield _Site(f"what the output hands to {say(state)}", value, put_final(state))
    for name, value in recursion.readout_gradients.items():
        yield _Site(f"the term of ∂L/∂{name.name}", value, put_gradient(name), is_gradient=True)
    for number in range(len(recursion.loops)):
        yield from _loop_sites(recursion, number, say)


def _loop_sites(recursion: AdjointRecursion, number: int, say: Say) -> Iterator[_Site]:
    loop = recursion.loops[number]

    def put(changed: Callable[[Expression], LoopRecursion]) -> Put:
        before, after = recursion.loops[:number], recursion.loops[number + 1 :]
        return lambda new: replace(recursion, loops=(*before, changed(new), *after))

    def put_step(place: int) -> Put:
        return put(lambda new: replace(loop, step=_with(loop.step, place, new)))

    def put_carry(state: Variable) -> Put:
        return put(lambda new: replace(loop, carry={**loop.carry, state: new}))

    def put_gradient(name: Parameter) -> Put:
        return put(lambda new: replace(loop, step_gradients={**loop.step_gradients, name: new}))

    for place, a in enumerate(loop.step):
        if a.value != ZERO:
            yield _Site(say(a.target), a.value, put_step(place), loop.graph)
    for state, value in loop.carry.items():
        yield _Site(f"what is handed to {say(state.at(loop.graph.before))}", value, put_carry(state), loop.graph)
    for name, value in loop.step_gradients.items():
        yield _Site(f"each step's term of ∂L/∂{name.name}", value, put_gradient(name), loop.graph, is_gradient=True)


def _with(assignments: tuple[Assignment, ...], place: int, value: Expression) -> tuple[Assignment, ...]:
    return (*assignments[:place], Assignment(assignments[place].target, value), *assignments[place + 1 :])


def _of_slopes(graph: StepGraph, site: _Site, say: Say) -> Iterator[Variant]:
    for kind in range(SLOPE_KINDS):
        for _, words, factors, new in slope_mistakes(graph, kind):
            changed = with_slope(site.expression, factors, new)
            if changed is not None:
                yield words, changed
    for words, factors, new in slopes_elsewhere(graph, [] if site.loop is None else _names(site.loop), say):
        changed = with_slope(site.expression, factors, new)
        if changed is not None:
            yield words, changed
    for function, _, output, factors in slopes_of(graph):
        if graph.logit is not None and site.where == f"{say(Adjoint(graph.logit))} of the output" \
                and output == graph.output and is_fused(graph):
            yield (f"has the slope {function}′ besides, which ŷ − y already holds",
                   multiply(site.expression, *factors))


def _unchanged(right: AdjointRecursion, graph: StepGraph, say: Say) -> Iterator[Mutant]:
    """δ of a state used again at the step before, as where a loop never sets it anew."""
    for number, loop in enumerate(right.loops):
        for state in loop.carry:
            moved = replace(loop, carry={**loop.carry, state: Adjoint(state)})
            before, delta = say(state.at(loop.graph.before)), say(Adjoint(state))
            yield Mutant(f"in which what is handed to {before} is {delta} unchanged: it is not carried back through "
                         "the step", graph,
                         replace(right, loops=(*right.loops[:number], moved, *right.loops[number + 1 :])))


def _everywhere(graph: StepGraph, right: AdjointRecursion, say: Say) -> Iterator[Mutant]:
    """The same mistake in the slope of a function wherever it stands, and a missing transpose in all that is handed."""
    for kind in range(SLOPE_KINDS):
        found = list(slope_mistakes(graph, kind))
        for function in dict.fromkeys(name for name, *_ in found):
            told = [one for one in found if one[0] == function]
            changed = _at_all_sites(right, say, partial(_with_slopes, told))
            if changed is not None:
                yield Mutant(f"that everywhere {told[0][1]}", graph, changed)
    changed = _at_all_sites(right, say, untransposed)
    transposes = [node for site in _sites(right, say) for node in walk(site.expression) if is_transpose(node)]
    if changed is not None and len(set(transposes)) > 1:
        yield Mutant("in which each square matrix stands in place of its transpose", graph, changed)
    yield from _repeated_products(graph, right, say)
    yield from _exchanged_adjoints(graph, right, say)


def _repeated_products(graph: StepGraph, right: AdjointRecursion, say: Say) -> Iterator[Mutant]:
    """A product that stands in several places, computed once by hand, and there without one of its factors."""
    sites = [set(walk(site.expression)) for site in _sites(right, say)]
    products = [node for node in dict.fromkeys(node for site in sites for node in site) if isinstance(node, Hadamard)]
    for node in products:
        if sum(node in site for site in sites) > 1:
            for words, damage in damaged(node, say):
                changed = _at_all_sites(right, say, partial(_exchanged, node, damage))
                if changed is not None:
                    yield Mutant(f"in which {say(node)} everywhere {words}", graph, changed)


def _exchanged(node: Expression, other: Expression, value: Expression) -> Expression:
    return value.xreplace({node: other})


def _exchanged_adjoints(graph: StepGraph, right: AdjointRecursion, say: Say) -> Iterator[Mutant]:
    """Two quantities of a step, each with the other's adjoint."""
    for number, loop in enumerate(right.loops):
        for first, one in enumerate(loop.step):
            for second in range(first + 1, len(loop.step)):
                other = loop.step[second]
                if one.value.shape == other.value.shape and ZERO not in (one.value, other.value):
                    step = _with(_with(loop.step, first, other.value), second, one.value)
                    loops = (*right.loops[:number], replace(loop, step=step), *right.loops[number + 1 :])
                    yield Mutant(f"in which {say(one.target)} and {say(other.target)} are exchanged", graph,
                                 replace(right, loops=loops))


def _with_slopes(told: list[tuple[str, str, Factors, Expression | None]], value: Expression) -> Expression:
    changed = (with_slope(value, factors, new) for _, _, factors, new in told)
    return next((one for one in changed if one is not None), value)


def _at_all_sites(
    right: AdjointRecursion, say: Say, change: Callable[[Expression], Expression]
) -> AdjointRecursion | None:
    """Change all expressions of a recursion; None where none does."""
    recursion, count = right, 0
    sites = list(_sites(recursion, say))
    for place in range(len(sites)):
        changed = change(sites[place].expression)
        if changed != sites[place].expression:
            recursion, count = sites[place].put(changed), count + 1
            sites = list(_sites(recursion, say))
    return recursion if count else None


def _of_structure(graph: StepGraph, site: _Site, say: Say) -> Iterator[Variant]:
    if not site.is_gradient:
        yield "is zero", multiply(ZERO, site.expression)
        yield "has the wrong sign", negate(site.expression)
        yield "is counted twice", add(site.expression, site.expression)
    yield from variants(site.expression, lambda node: damaged(node, say))


def _of_names(graph: StepGraph, site: _Site, say: Say) -> Iterator[Variant]:
    if site.loop is not None:
        known = _names(site.loop)
        yield from variants(site.expression, lambda node: renamed(node, known, say))


def _names(loop: LoopGraph) -> list[Variable]:
    """The quantities of a step, its input, and the states before."""
    reads = () if loop.loop.reads is None else (loop.loop.reads,)
    return [*reads, *(a.target for a in loop.cell), *(s.at(loop.before) for s in loop.states)]


def _other_cells(graph: StepGraph, say: Say) -> Iterator[Mutant]:
    """Cells with one mistake in an equation, derived anew: a function that computes those returns their gradients."""
    for number, loop in enumerate(graph.loops):
        for place, a in enumerate(loop.cell):
            known = [name for name in _names(loop) if name not in [b.target for b in loop.cell[place:]]]
            for words, value in equation_variants(a.value, known, say):
                changed = replace(loop, cell=_with(loop.cell, place, value))
                other = replace(graph, loops=(*graph.loops[:number], changed, *graph.loops[number + 1 :]))
                yield Mutant(f"of another cell, in which {say(a.target)} {words}", other, adjoint_recursion(other),
                             forward=True)


