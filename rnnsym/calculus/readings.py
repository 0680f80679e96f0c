"""Other readings of the sum over paths: nearest and earlier uses, the last κ uses, derivatives carried forward.

Truncated backpropagation keeps the paths of at most κ steps (Williams, Peng 1990); real-time recurrent learning carries
∂s_t/∂θ along with the states, ∂s_t/∂θ = ∂s_t/∂s_{t−1} · ∂s_{t−1}/∂θ + ∂⁺s_t/∂θ (Williams, Zipser 1989).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sympy import Integer, Max, Min, Rational, Symbol

from rnnsym.calculus.adjoints import AdjointRecursion
from rnnsym.calculus.binding import names_in
from rnnsym.calculus.notation import Chain, Immediate, SumOverSteps, Total
from rnnsym.calculus.paths import (
    handover,
    head,
    loop_with,
    path_product,
    readout_parameters,
    state_at,
    step_jacobian,
)
from rnnsym.calculus.unrolling import LoopGraph, StepGraph
from rnnsym.model.expressions import ONE, Expression, Parameter, S, T, add, multiply

WISHES = ("theta", "phi", "omega", "psi")
COUNTS = ("kappa", "mu", "nu")


def any_parameter(graph: StepGraph) -> Parameter:
    """Return the sign that stands for each parameter in turn."""
    return Parameter(_unused(graph, WISHES), ())


def kept_uses(graph: StepGraph) -> Symbol:
    """Return the sign κ for the number of uses that truncation keeps."""
    return Symbol(_unused(graph, COUNTS), integer=True, positive=True)


@lru_cache(maxsize=64)
def _unused(graph: StepGraph, wishes: tuple[str, ...]) -> str:
    equations = (*graph.cell, *graph.readout)
    used = {name.name for a in equations for name in (a.target, *names_in(a.value))}
    used |= {constant.name for constant in graph.network.constants}
    further = (f"{wishes[0]}_{number}" for number in range(len(used) + 1))
    return next(name for name in (*wishes, *further) if name not in used)


def weighted(graph: StepGraph, expression: Expression) -> Expression:
    """Return the expression times the factor of each output's loss in L."""
    return expression if graph.weight == ONE else multiply(graph.weight, expression)


def from_outputs(graph: StepGraph, loop: LoopGraph, to: Any, output: Any) -> Expression:
    """∂L/∂s at the step ``to`` as paths: from the only output, or from every output that sees it."""
    last, steps = loop.last(loop.loop.steps), loop.loop.steps
    if loop not in graph.reading:
        handed, later = handover(graph, loop, {T: T, S: S})
        way = (*_back_to(graph, later, output, 0).args, handed, path_product(loop, last, to))
        return weighted(graph, SumOverSteps(Chain(*way), output, 1, later.loop.steps))
    if not graph.every:
        return _back_to(graph, loop, last, to)
    lower, upper = (1, to) if loop.loop.reverse else (to, steps)
    return weighted(graph, SumOverSteps(_back_to(graph, loop, output, to), output, lower, upper))


def _back_to(graph: StepGraph, loop: LoopGraph, begin: Any, to: Any) -> Chain:
    return Chain(*head(graph, loop, begin), path_product(loop, begin, to))


def trained_and_read(graph: StepGraph, recursion: AdjointRecursion) -> list[LoopGraph]:
    """Return the loops that an output reads directly, and whose states depend on parameters of their own."""
    return [loop.graph for loop in recursion.loops if loop.step_gradients and loop.graph in graph.reading]


def nearest_and_earlier(
    graph: StepGraph, loop: LoopGraph, parameter: Parameter, output: Any, use: Any, counts: Mapping[Any, Any]
) -> tuple[Expression, Expression]:
    """∂L/∂W as its paths through the use at the output's own step, and through all others, of a loop that is read."""
    steps = counts[loop.loop.steps]
    first, back = loop.first(steps), loop.loop.direction
    begin = output if graph.every else loop.last(steps)
    entering = Chain(*head(graph, loop, begin), Immediate(state_at(loop, begin), parameter))
    earlier = _uses(graph, loop, parameter, begin, use, (first, begin - back))
    return _outputs(graph, entering, output, steps), _outputs(graph, earlier, output, steps)


def kept_and_dropped(
    graph: StepGraph, loop: LoopGraph, parameter: Parameter, output: Any, use: Any, counts: Mapping[Any, Any]
) -> tuple[Expression, Expression]:
    """∂L/∂W as its paths through the last κ uses that an output sees and through the others, of a loop that is read."""
    steps = counts[loop.loop.steps]
    begin, kappa = output if graph.every else loop.last(steps), kept_uses(graph)
    if loop.loop.reverse:
        oldest, edge = Min(steps, begin + kappa - 1), begin + kappa
    else:
        oldest, edge = Max(1, begin - kappa + 1), begin - kappa
    kept = _uses(graph, loop, parameter, begin, use, (oldest, begin))
    dropped = _uses(graph, loop, parameter, begin, use, (loop.first(steps), edge))
    return _outputs(graph, kept, output, steps), _outputs(graph, dropped, output, steps)


def _uses(
    graph: StepGraph, loop: LoopGraph, parameter: Parameter, begin: Any, use: Any, span: tuple[Any, Any]
) -> Expression:
    """The paths from one output through the uses from the oldest to the newest of a span."""
    term = Chain(*_back_to(graph, loop, begin, use).args, Immediate(state_at(loop, use), parameter))
    lower, upper = reversed(span) if loop.loop.reverse else span
    return SumOverSteps(term, use, lower, upper)


def _outputs(graph: StepGraph, of_one: Expression, output: Any, steps: Any) -> Expression:
    return weighted(graph, SumOverSteps(of_one, output, 1, steps)) if graph.every else of_one


def carried_forward(loop: LoopGraph, parameter: Parameter, step: Any) -> Expression:
    """∂s_t/∂θ from that of the step before, and from the use at t itself."""
    before = Total(state_at(loop, step - loop.loop.direction), parameter)
    return add(Chain(step_jacobian(loop, step), before), Immediate(state_at(loop, step), parameter))


def gathered(graph: StepGraph, loop: LoopGraph, parameter: Parameter, output: Any, steps: Any) -> Expression:
    """∂L/∂θ from the derivatives of the states that the outputs see."""
    if not graph.every:
        last = loop.last(steps)
        return Chain(*head(graph, loop, last), Total(state_at(loop, last), parameter))
    term = Chain(*head(graph, loop, output), Total(state_at(loop, output), parameter))
    return weighted(graph, SumOverSteps(term, output, 1, steps))


def number_of_paths(graph: StepGraph, parameter: Parameter, counts: Mapping[Any, Any]) -> Any:
    """Return how many paths lead from L to a parameter, as an expression of the lengths."""
    outputs = counts[graph.loops[-1].loop.steps] if graph.every else Integer(1)
    loop = loop_with(graph, parameter)
    direct = outputs if parameter in readout_parameters(graph) else Integer(0)
    if loop is None:
        return direct
    uses = counts[loop.loop.steps]
    if graph.every and loop in graph.reading:
        return direct + Rational(1, 2) * outputs * (outputs + 1)
    return direct + outputs * uses
