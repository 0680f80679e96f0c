"""The proof by induction that path sum, adjoint recursion and total derivative are one, for every length.

Each line is an identity about one step, one output or the first state, with the state arbitrary, or an identity of
sums and products of arbitrary matrices: so it says nothing of a length, and holds at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Symbol

from rnnsym.calculus.adjoints import AdjointRecursion, LoopRecursion, within_step
from rnnsym.calculus.notation import Adjoint, Chain, Immediate, Stack, SumOverSteps, Total
from rnnsym.calculus.paths import general_sum, general_sum_in, handover, head, path_product, state_at, step_jacobian
from rnnsym.calculus.readings import any_parameter, carried_forward, from_outputs, gathered, weighted
from rnnsym.calculus.unrolling import LoopGraph, StepGraph, at_last_step
from rnnsym.model.expressions import ZERO, Expression, Parameter, S, T, add, at_step, t, zeros
from rnnsym.writing.derivation import Section, Step

i, j = Symbol("i", integer=True), Symbol("j", integer=True)
ANY = {T: T, S: S}

FORWARD = "Forward: the total derivative of the states."
CLOSED = "Both together, as a sum over uses: its last term is the step."
LOSS = "From the states to the loss."
BACKWARD = "Backward: the derivative of the loss by the states."
BEGINS = "What the adjoint recursion begins with."
HANDED = "What the adjoint recursion hands to the step before."
DELTA = "δ of a state is this derivative."
DELTAS = "δ of a state adds what comes through the other states of its step."
USES = "One step's term of a gradient, as the recursion has it."
JOINED = "The recursion's terms together are the sum over paths."


@dataclass(frozen=True)
class _Proof:
    graph: StepGraph
    recursion: AdjointRecursion
    loop: LoopGraph
    theta: Parameter

    @property
    def place(self) -> int:
        return self.graph.loops.index(self.loop)

    @property
    def own(self) -> LoopRecursion:
        return self.recursion.loops[self.place]

    def state(self, step: Any) -> Expression:
        return state_at(self.loop, step)

    def line(self, rule: str, before: Expression, after: Expression, why: str, scope: str, **more: Any) -> Step:
        return Step(rule, before, after, why, scope=scope, loop=self.place, **more)

    @property
    def last(self) -> Any:
        return self.loop.last(self.loop.loop.steps)

    @property
    def span(self) -> tuple[Any, Any]:
        steps = self.loop.loop.steps
        return (steps, 1) if self.loop.loop.reverse else (1, steps)


def proof_section(graph: StepGraph, recursion: AdjointRecursion) -> Section:
    """Return the proof for every T: base case, step and conclusion, of each loop."""
    theta = any_parameter(graph)
    lines: list[Step] = []
    for loop in graph.loops:
        proof = _Proof(graph, recursion, loop, theta)
        trained = bool(proof.own.step_gradients)
        lines += [*(_forward(proof) if trained else ()), *_backward(proof), *(_gradients(proof) if trained else ())]
    lines += _readout(graph, recursion)
    words, end = _words(graph, theta), _conclusion(graph)
    return Section("proof", "Proof, for every length", words, tuple(lines), conclusion=end)


def _words(graph: StepGraph, theta: Parameter) -> str:
    states = " or ".join(f"`{state.variable.name}`" for loop in graph.loops for state in loop.loop.states)
    return (
        f"Three quantities are shown to be one for every {_lengths(graph)}: the total derivative of `L`, the sum over "
        f"paths, and what the adjoint recursion gathers. `{theta.name}` stands for each parameter of the cell in turn. "
        f"Every line is about one step, in which {states} of the step before and all that arrives are arbitrary, or "
        "about sums and products of arbitrary matrices: so none depends on the length, and induction over it is all "
        "that is left. What is proved is the statement for every length, at the sizes at which the lines were decided, "
        "which the checks name; each function is an arbitrary one there, of which only its slope is known. A wrong "
        "line would pass with a probability of less than one in a billion billion."
    )


def _lengths(graph: StepGraph) -> str:
    return "`T` and `S`" if graph.network.shape_of_steps.decodes else "`T`"


def _conclusion(graph: StepGraph) -> str:
    """What has been shown, for the lines are about single steps."""
    return (f"So the base case holds, and each step follows from the one before: for every {_lengths(graph)} the "
            f"derivative of `{graph.loss.target.name}` by each parameter is the sum over paths, and the adjoint "
            "recursion computes it. ∎")


def _forward(proof: _Proof) -> Iterator[Step]:
    """dS_T/dθ is the sum over uses: by induction over the steps."""
    loop, theta = proof.loop, proof.theta
    start = loop.start(loop.loop.steps)
    yield proof.line("base case", Total(proof.state(start), theta), ZERO, FORWARD, "start")
    yield proof.line("induction step", Total(proof.state(t), theta), carried_forward(loop, theta, t), FORWARD, "step",
                     span=proof.span)
    whole, shorter = _uses_until(proof, proof.last), _uses_until(proof, proof.last - loop.loop.direction)
    taken_off = add(Chain(step_jacobian(loop, proof.last), shorter), Immediate(proof.state(proof.last), theta))
    yield proof.line("last term", whole, taken_off, CLOSED, "closed form")
    yield proof.line("induction", Total(proof.state(proof.last), theta), whole, CLOSED, "closed form")
    loss = proof.graph.loss.target
    if loop in proof.graph.reading:
        reached = gathered(proof.graph, loop, theta, i, loop.loop.steps)
        yield proof.line("chain rule", Total(loss, theta), reached, LOSS, "output")
    else:
        end = proof.state(proof.last)
        yield proof.line("chain rule", Total(loss, theta), Chain(Total(loss, end), Total(end, theta)), LOSS, "sequence")
    yield proof.line("induction", Total(loss, theta), _path_sum(proof), LOSS, "closed form")


def _uses_until(proof: _Proof, step: Any) -> SumOverSteps:
    """Σ_j (Π_{t=step…j+1} ∂S_t/∂S_{t−1}) ∂⁺S_j/∂θ."""
    loop = proof.loop
    term = Chain(path_product(loop, step, j), Immediate(proof.state(j), proof.theta))
    lower, upper = (step, loop.loop.steps) if loop.loop.reverse else (1, step)
    return SumOverSteps(term, j, lower, upper)


def _path_sum(proof: _Proof) -> Expression:
    return weighted(proof.graph, general_sum_in(proof.graph, proof.loop, proof.theta, (i, j), ANY))


def _backward(proof: _Proof) -> Iterator[Step]:
    """∂L/∂S_j is the way back through the steps: by induction from the last to the first."""
    graph, loop, loss = proof.graph, proof.loop, proof.graph.loss.target
    yield from _arrives_at_the_end(proof)
    here, before = Total(loss, proof.state(t)), Total(loss, proof.state(loop.before))
    back = Chain(here, step_jacobian(loop, t))
    own = weighted(graph, Chain(*head(graph, loop, loop.before))) if graph.every and loop in graph.reading else None
    span = _inner_span(proof)
    yield proof.line("induction step", before, back if own is None else add(own, back), BACKWARD, "step", span=span)
    yield proof.line("adjoint", back, _row(proof, proof.own.carry), HANDED, "step", span=span)
    yield _deltas(proof)
    yield proof.line("induction", Total(loss, proof.state(j)), from_outputs(graph, loop, j, i), BACKWARD,
                     "closed form")


def _deltas(proof: _Proof) -> Step:
    """δ of the states beside ∂L/∂S_t: the same, or more where a state is used within its own step."""
    inside, here = within_step(proof.loop), Total(proof.graph.loss.target, proof.state(t))
    adjoints = [Adjoint(state) for state in proof.loop.states]
    deltas = adjoints[0] if len(adjoints) == 1 else Stack(*adjoints)
    alone = all(value == ZERO for value in inside.values())
    value = here if alone else add(here, _row(proof, inside))
    return proof.line("adjoint", deltas, value, DELTA if alone else DELTAS, "step", span=proof.span)


def _inner_span(proof: _Proof) -> tuple[Any, Any]:
    """The steps that have a step before them."""
    steps = proof.loop.loop.steps
    return (1, steps - 1) if proof.loop.loop.reverse else (steps, 2)


def _row(proof: _Proof, parts: Any) -> Expression:
    """A derivative of L by the stack, written state by state."""
    row = [_shaped(parts.get(state, ZERO), state) for state in proof.loop.states]
    return row[0] if len(row) == 1 else Stack(*row)


def _shaped(value: Expression, like: Expression) -> Expression:
    return zeros(like.shape) if value == ZERO else value


def _arrives_at_the_end(proof: _Proof) -> Iterator[Step]:
    graph, loop, loss = proof.graph, proof.loop, proof.graph.loss.target
    end = Total(loss, proof.state(proof.last))
    if loop in graph.reading:
        first = weighted(graph, Chain(*head(graph, loop, proof.last)))
        yield proof.line("base case", end, first, BACKWARD, "output")
        if graph.readout:
            ended = {state: _at_end(proof, value) for state, value in proof.recursion.final.items()}
            yield proof.line("adjoint", first, _row(proof, ended), BEGINS, "output")
        return
    handed, later = handover(graph, loop, ANY)
    begin = later.first(later.loop.steps)
    way = Chain(Total(loss, state_at(later, begin)), step_jacobian(later, begin), handed)
    yield proof.line("base case", end, way, BACKWARD, "sequence")


def _at_end(proof: _Proof, value: Expression) -> Expression:
    return at_step(value, proof.last) if proof.graph.every else at_last_step(value, T)


def _gradients(proof: _Proof) -> Iterator[Step]:
    """Each step's term is the row at that step times the immediate derivative; together they are the path sum."""
    loop, loss = proof.loop, proof.graph.loss.target
    row = Total(loss, proof.state(t))
    for parameter, term in proof.own.step_gradients.items():
        yield proof.line("adjoint", Chain(row, Immediate(proof.state(t), parameter)), term, USES, "step",
                         span=proof.span)
    total = SumOverSteps(Chain(row, Immediate(proof.state(t), proof.theta)), t, 1, loop.loop.steps)
    yield proof.line("induction", total, _path_sum(proof), JOINED, "closed form")


def _readout(graph: StepGraph, recursion: AdjointRecursion) -> Iterator[Step]:
    """A parameter of the readout enters in each output, and by no other way."""
    loss, steps = graph.loss.target, graph.loops[-1].loop.steps
    found = {parameter: general_sum(graph, parameter, i, j) for parameter in recursion.readout_gradients}
    for parameter, total in found.items():
        yield Step("chain rule", Total(loss, parameter), total, "A parameter of the readout enters there alone.",
                   scope="output")
    for parameter, total in found.items():
        term = recursion.readout_gradients[parameter]
        value = SumOverSteps(term, t, 1, steps) if graph.every else term
        yield Step("adjoint", total, _shaped(value, parameter), "The readout's term, as the recursion has it.",
                   scope="output")
