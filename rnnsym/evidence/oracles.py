"""``sympy.diff`` of the fully nested loss, entry by entry: an oracle for small T that shares no rule with ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from rnnsym.calculus.paths import paths
from rnnsym.calculus.unrolling import StepGraph, unroll
from rnnsym.errors import CheckError
from rnnsym.evidence.points import Draw, Point
from rnnsym.evidence.residues import opaque_function
from rnnsym.model.evaluation import Arithmetic, Array, entrywise, evaluate
from rnnsym.model.expressions import Expression, Extremum, Named, Selection
from rnnsym.model.losses import losses

MAX_STEPS = 4  # the nested expression grows about 3.5-fold with each step


def nested_loss(graph: StepGraph, steps: int, sizes: Mapping[str, int]) -> tuple[Any, dict[Expression, Array]]:
    """Return L as one SymPy scalar in the entries of all parameters, inputs, target and states, and those entries."""
    if steps > MAX_STEPS:
        raise CheckError(f"the nested loss is an oracle for at most {MAX_STEPS} steps, but steps is {steps}")
    values: dict[Expression, Array] = {}
    entries: dict[Expression, Array] = {}
    arithmetic = Arithmetic(sympy.Rational, _apply, graph.network.size_values(**sizes))

    def look_up(node: Expression) -> Array:
        if node not in values:
            entries[node] = values[node] = _symbols(node, arithmetic)
        return values[node]

    for assignment in unroll(graph, steps):
        values[assignment.target] = evaluate(assignment.value, look_up, arithmetic)
    return values[graph.loss.target], entries


def _symbols(node: Any, arithmetic: Arithmetic) -> Array:
    if not isinstance(node, Named):
        raise CheckError(f"{node} has no entries")
    shape = tuple(arithmetic.length(length) for length in node.shape)
    array = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        array[place] = sympy.Symbol(f"{node.name}{getattr(node, 'step', None)}{list(place)}", real=True)
    return array if shape else array[()]


def _apply(function: str, array: Array) -> Array:
    return entrywise(opaque_function(function), array)


def differing_entries(graph: StepGraph, draw: Draw) -> dict[str, tuple[int, int]]:
    """Return {parameter: (entries that differ, entries compared)} between ``sympy.diff`` and the sum over paths."""
    point = Point(graph, draw)
    loss, entries = nested_loss(graph, draw.steps, draw.sizes)
    values = {
        symbol: residue.value for leaf, array in entries.items() for symbol, residue in _pairs(array, point.value(leaf))
    }
    counts = {}
    weight = point.value(graph.weight)
    for parameter, found in paths(graph, draw.steps).items():
        total = [weight * point.value(path.term) for path in found]
        counts[parameter.name] = _compare(loss, entries.get(parameter), sum(total[1:], total[0]), values, point)
    return counts


def _compare(loss: Any, symbols: Array, total: Array, values: dict[Any, int], point: Point) -> tuple[int, int]:
    """An entry that L does not contain has derivative 0, which is compared like any other."""
    if symbols is None:
        flat = np.asarray(total, dtype=object).reshape(-1)
        return sum(entry.value != 0 for entry in flat), len(flat)
    pairs = list(_pairs(symbols, total))
    wrong = sum(point.atoms.scalar(sympy.diff(loss, symbol), values) != entry.value for symbol, entry in pairs)
    return wrong, len(pairs)


def _pairs(left: Array, right: Array) -> Any:
    first, second = np.asarray(left, dtype=object), np.asarray(right, dtype=object)
    return zip(first.reshape(-1), second.reshape(-1), strict=True)


LARGEST_NESTED = 1000  # nodes times n²: about a second of SymPy; the odd cell beyond it takes minutes


def affordable_draws(graph: StepGraph, seed: int) -> list[Draw]:
    """Two steps of two units where SymPy can afford it, else two of one unit and one of two, else one of one."""
    steps = 1 if graph.network.shape_of_steps.single_step else 2
    whole = _draws(graph, seed, [(steps, 2)])
    return whole or _draws(graph, seed, [(steps, 1), (1, 2)]) or [_draw(graph, seed, 1, 1)]


def _draws(graph: StepGraph, seed: int, plans: list[tuple[int, int]]) -> list[Draw]:
    return [_draw(graph, seed, *plan) for plan in plans if nested_size(graph, plan[0]) * plan[1] ** 2 <= LARGEST_NESTED]


def _draw(graph: StepGraph, seed: int, steps: int, units: int) -> Draw:
    outputs = 2 if losses[graph.network.loss].distribution else 1  # one output that sums to 1 has no slope to compare
    own = set(graph.output.shape)
    sizes = {one.name: max(outputs, 1 if one.name == "k" else units) if one in own else units
             for one in graph.network.sizes}
    return Draw(sizes, steps, seed)


def nested_size(graph: StepGraph, steps: int) -> int:
    """Count the nodes of the nested loss of one unit, without nesting it."""
    sizes: dict[Expression, int] = {}
    for assignment in unroll(graph, steps):
        sizes[assignment.target] = 1 + _nodes(assignment.value, sizes)
    return sizes[graph.loss.target]


def _nodes(node: Expression, sizes: Mapping[Expression, int]) -> int:
    """Count nodes; of the larger of a and b, [a > b] a + (1 − [a > b]) b, each operand stands there three times."""
    below = [_nodes(arg, sizes) for arg in node.args if isinstance(arg, Expression)]
    match node:
        case Extremum():
            return 3 * sum(below)
        case Selection():
            return 2 * sum(below)
    return sizes.get(node, 1) + sum(below)
