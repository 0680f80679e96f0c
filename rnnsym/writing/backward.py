"""What the derivation says of the way back: the adjoint recursion, the gradients in matrix form, gradient descent."""

from __future__ import annotations

from rnnsym.calculus.adjoints import AdjointRecursion, is_fused
from rnnsym.calculus.notation import Adjoint, SumOverSteps, Total
from rnnsym.calculus.rules import pull_back
from rnnsym.calculus.unrolling import Assignment, StepGraph, at_last_step
from rnnsym.model.expressions import ZERO, Expression, Parameter, Variable, add, at_step, t, zeros
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.writing.derivation import Section, Step

WERBOS = "Werbos 1990, Proc. IEEE 78(10)"
PASCANU = "Pascanu, Mikolov, Bengio 2013, eqs. (3)–(5)"
GOODFELLOW = "Goodfellow, Bengio, Courville 2016, section 10.2.2"
GOING_BACK = "Back through a step, and from each step to the one before."
RATES = ("eta", "alpha", "epsilon", "gamma", "learning_rate")


def recursion_section(graph: StepGraph, recursion: AdjointRecursion, steps: int) -> Section:
    """Return δ of every quantity, from the loss back to each step."""
    fused = _logit(graph)
    lines: list[Step | None] = [
        *fused,
        *(Step("adjoint", a.target, at_last_step(a.value, steps), "Through the readout.", references=(WERBOS,))
          for a in recursion.readout if a.target not in [step.before for step in fused]),
    ]
    for a in recursion.step:
        state = a.target.variable
        both = [_last_adjoint(recursion, state, steps), _state_adjoint(recursion, state, steps)]
        lines += both if state in graph.states else [_inner_adjoint(a, steps)]
    return Section(
        "adjoints",
        "The adjoint recursion",
        "δ of a quantity is the derivative of `L` by it, in the shape of the quantity. It is computed from the last "
        "step to the first, within a step in the order of the lines: each needs those above it and the step after it.",
        tuple(line for line in lines if line is not None),
    )


def _logit(graph: StepGraph) -> list[Step]:
    """δ of the logit where loss and readout cancel: ∂L/∂ŷ ⊙ f′(z) = ŷ − y."""
    entry = losses[graph.network.loss]
    if not is_fused(graph) or graph.logit is None or entry.fused_slope is None:
        return []
    last = graph.readout[-1]
    slope = pull_back(last.value, Total(graph.loss.target, graph.output), last.target)[graph.logit]
    target = Variable("target", graph.output.shape)
    fused = entry.fused_slope(graph.output, target)
    name = entry.name.replace("_", " ")
    return [
        Step("chain rule", Adjoint(graph.logit), slope, "Through the readout's function.", references=(GOODFELLOW,)),
        Step("cancellation", Adjoint(graph.logit), fused, f"The slope of {name} cancels that of {entry.link}."),
    ]


def _shaped(value: Expression, like: Expression) -> Expression:
    return zeros(like.shape) if value == ZERO else value


def _last_adjoint(recursion: AdjointRecursion, state: Variable, steps: int) -> Step | None:
    inside = {a.target: a.value for a in recursion.step}[Adjoint(state)]
    parts = [recursion.final.get(state), at_step(inside, steps)]
    value = _shaped(at_last_step(add(*(part for part in parts if part is not None)), steps), state)
    return Step("adjoint", Adjoint(state.at(steps)), value, GOING_BACK, references=(GOODFELLOW,))


def _inner_adjoint(assignment: Assignment, steps: int) -> Step:
    return Step("adjoint", assignment.target, assignment.value, GOING_BACK, span=(steps, 1), references=(WERBOS,))


def _state_adjoint(recursion: AdjointRecursion, state: Variable, steps: int) -> Step | None:
    """δ of a state before the last step: what step t + 1 hands back, and its uses within its own step."""
    if steps == 1:
        return None
    inside = {a.target: a.value for a in recursion.step}[Adjoint(state)]
    carried = recursion.carry.get(state)
    value = _shaped(add(*([] if carried is None else [at_step(carried, t + 1)]), inside), state)
    return Step(
        "adjoint", Adjoint(state), value, GOING_BACK, span=(steps - 1, 1),
        references=(WERBOS, GOODFELLOW),
    )


def gradients_section(graph: StepGraph, recursion: AdjointRecursion, steps: int) -> Section:
    """Return the gradient of each parameter in terms of δ."""
    lines = []
    for parameter in graph.network.parameters:
        parts = []
        if parameter in recursion.step_gradients:
            parts.append(SumOverSteps(recursion.step_gradients[parameter], t, 1, steps))
        if parameter in recursion.readout_gradients:
            parts.append(at_last_step(recursion.readout_gradients[parameter], steps))
        why = "Each step adds its own term." if parameter in recursion.step_gradients else "Once, in the readout."
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
