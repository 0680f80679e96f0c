"""What the derivation says of the way back: the adjoint recursion, the gradients in matrix form, gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion, is_fused
from rnnsym.calculus.binding import Assignment
from rnnsym.calculus.collection import collected
from rnnsym.calculus.notation import Adjoint, SumOverSteps, Total
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import StepGraph, at_last_step
from rnnsym.model.expressions import ONE, ZERO, Expression, Parameter, T, Variable, add, at_step, t, zeros
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.writing.derivation import Section, Step

WERBOS = "Werbos 1990, Proc. IEEE 78(10)"
PASCANU = "Pascanu, Mikolov, Bengio 2013, eqs. (3)–(5)"
GOODFELLOW = "Goodfellow, Bengio, Courville 2016, section 10.2.2"
GOING_BACK = "Back through a step, and from each step to the one before."
RATES = ("eta", "alpha", "epsilon", "gamma", "learning_rate")


def recursion_section(graph: StepGraph, recursion: AdjointRecursion, counts: Mapping[Any, Any]) -> Section:
    """Return δ of every quantity, from the loss back to each step."""
    span = (counts[graph.loops[-1].loop.steps], 1) if graph.every else None
    fused = _logit(graph, span)
    lines: list[Step | None] = [
        *fused,
        *(Step("adjoint", a.target, _ended(graph, a.value, counts), "Through the readout.", span=span,
               references=(WERBOS,), scope="output")
          for a in recursion.readout if a.target not in [step.before for step in fused]),
    ]
    for loop in reversed(recursion.loops):
        lines += _through_loop(graph, recursion, loop, counts)
    return Section(
        "adjoints",
        "The adjoint recursion",
        "δ of a quantity is the derivative of `L` by it, in the shape of the quantity. It is computed from the last "
        "step to the first, within a step in the order of the lines: each needs those above it and the step after it."
        + (" A cell that reads from the end goes back from its first step to its last." * graph.network.bidirectional),
        tuple(line for line in lines if line is not None),
    )


def _through_loop(
    graph: StepGraph, recursion: AdjointRecursion, loop: LoopRecursion, counts: Mapping[Any, Any]
) -> list[Step | None]:
    length, lines = counts[loop.graph.loop.steps], list[Step | None]()
    for a in loop.step:
        state = a.target.variable
        if state in loop.graph.states:
            lines.append(_last_adjoint(graph, recursion, loop, state, counts))
            lines.append(_state_adjoint(graph, recursion, loop, state, length))
        else:
            lines.append(_inner_adjoint(a, loop, length, graph.loops.index(loop.graph)))
    return lines


def _ended(graph: StepGraph, expression: Expression, counts: Mapping[Any, Any]) -> Expression:
    return expression if graph.every else at_last_step(expression, counts[T])


def _logit(graph: StepGraph, span: tuple[Any, Any] | None) -> list[Step]:
    """δ of the logit where loss and readout cancel: ∂L/∂ŷ ⊙ f′(z) = ŷ − y.

    Where outputs are fed back, δ of the logit has a further part, and the cancellation is that of L_t alone.
    """
    entry = losses[graph.network.loss]
    if not is_fused(graph) or graph.logit is None or entry.fused_slope is None:
        return []
    last, loss = graph.step_output, graph.step_loss.target
    slope = pull_back(last.value, Total(loss, graph.output), last.target)[graph.logit]
    fused = entry.fused_slope(graph.output, graph.target)
    name = entry.name.replace("_", " ")
    fed_back = not graph.readout
    scope = "sequence" if fed_back else "output"
    whole: Expression = Total(loss, graph.logit) if fed_back or graph.weight != ONE else Adjoint(graph.logit)
    return [
        Step("chain rule", whole, slope, "Through the readout's function.", span=span, references=(GOODFELLOW,),
             scope=scope),
        Step("cancellation", whole, fused, f"The slope of {name} cancels that of {entry.link}.", span=span,
             scope=scope),
    ]


def _shaped(value: Expression, like: Expression) -> Expression:
    return zeros(like.shape) if value == ZERO else value


def _inside(loop: LoopRecursion, state: Variable) -> Expression:
    """What δ of a state gets from uses within its own step."""
    return {a.target: a.value for a in loop.step}[Adjoint(state)]


def _last_adjoint(
    graph: StepGraph, recursion: AdjointRecursion, loop: LoopRecursion, state: Variable, counts: Mapping[Any, Any]
) -> Step | None:
    """δ of a state where its loop ends: from the output, or from the loop that starts there."""
    last = loop.graph.last(counts[loop.graph.loop.steps])
    output = recursion.final.get(state)
    parts = [
        None if output is None else at_step(output, last) if graph.every else at_last_step(output, counts[T]),
        *_handed_back(recursion, loop, state, counts),
        at_step(_inside(loop, state), last),
    ]
    value = collected(_shaped(add(*(part for part in parts if part is not None)), state))
    return Step("adjoint", Adjoint(state.at(last)), value, GOING_BACK, references=(GOODFELLOW,))


def _handed_back(
    recursion: AdjointRecursion, loop: LoopRecursion, state: Variable, counts: Mapping[Any, Any]
) -> list[Expression]:
    """What the first step of a later loop hands to the state that it starts from."""
    later = [other for other in recursion.loops for source in other.graph.starts().values() if source == state]
    if not later or later[0] is loop:
        return []
    own = next(one for one, source in later[0].graph.starts().items() if source == state)
    carried = later[0].carry.get(own)
    first = later[0].graph.first(counts[later[0].graph.loop.steps])
    return [] if carried is None else [at_step(carried, first)]


def _inner_adjoint(assignment: Assignment, loop: LoopRecursion, length: Any, place: int) -> Step:
    span = (1, length) if loop.graph.loop.reverse else (length, 1)
    return Step("adjoint", assignment.target, collected(assignment.value), GOING_BACK, span=span, references=(WERBOS,),
                scope="step", loop=place)


def _state_adjoint(
    graph: StepGraph, recursion: AdjointRecursion, loop: LoopRecursion, state: Variable, length: Any
) -> Step | None:
    """δ of a state before the last step: from its output, from what the step after hands back, from its own step."""
    if length == 1:
        return None
    output = recursion.final.get(state) if graph.every else None
    carried = loop.carry.get(state)
    parts = [output, None if carried is None else at_step(carried, loop.graph.after), _inside(loop, state)]
    value = collected(_shaped(add(*(part for part in parts if part is not None)), state))
    span = (2, length) if loop.graph.loop.reverse else (length - 1, 1)
    return Step("adjoint", Adjoint(state), value, GOING_BACK, span=span, references=(WERBOS, GOODFELLOW))


def gradients_section(graph: StepGraph, recursion: AdjointRecursion, counts: Mapping[Any, Any]) -> Section:
    """Return the gradient of each parameter in terms of δ."""
    lines = []
    outputs = counts[graph.loops[-1].loop.steps]
    for parameter in graph.network.parameters:
        parts: list[Expression] = []
        for loop in recursion.loops:
            if parameter in loop.step_gradients:
                parts.append(SumOverSteps(loop.step_gradients[parameter], t, 1, counts[loop.graph.loop.steps]))
        if parameter in recursion.readout_gradients:
            own = recursion.readout_gradients[parameter]
            parts.append(SumOverSteps(own, t, 1, outputs) if graph.every else at_last_step(own, counts[T]))
        shared = parameter in recursion.step_gradients or graph.every
        why = "Each step adds its own term." if shared else "Once, in the readout."
        value = _shaped(add(*parts), parameter)
        lines.append(Step("adjoint", Total(graph.loss.target, parameter), value, why, references=(GOODFELLOW,)))
    text = "Every gradient has the shape of its parameter."
    return Section("gradients", "The gradients in matrix form", text, tuple(lines))


def descent_section(network: Network) -> Section:
    """Return one update of each parameter."""
    loss, rate = Variable("L", ()), _rate(network)
    why = f"With the learning rate `{rate.name}`."
    lines = tuple(
        Step("update", parameter, parameter - rate * Total(loss, parameter), why, relation="←")
        for parameter in network.parameters
    )
    text = "Each parameter moves against its own gradient; weights do not depend on one another."
    return Section("descent", "Gradient descent", text, lines)


def _rate(network: Network) -> Parameter:
    equations = (*network.equations, *network.readout_equations)
    names = {name.name for name in (*network.parameters, *network.constants, *(e.target for e in equations))}
    wishes = (*RATES, *(f"eta_{i}" for i in range(len(names) + 1)))
    return Parameter(next(name for name in wishes if name not in names), ())
