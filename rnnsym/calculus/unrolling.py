"""The network as let-bound assignments: every intermediate is a symbol, at one step and unrolled over all of them.

Nothing here is ever substituted into anything else. A nested expression grows exponentially with the number of
steps; a chain of assignments grows linearly, and one step's assignments serve for every T.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import Integer
from sympy.core.sympify import _sympify

from rnnsym.calculus.binding import Assignment, Names, let_bind
from rnnsym.calculus.lengths import step_counts
from rnnsym.calculus.notation import SumOverSteps
from rnnsym.errors import DerivationError
from rnnsym.model.composition import Loop
from rnnsym.model.expressions import (
    ONE,
    Expression,
    S,
    Size,
    T,
    Variable,
    add,
    at_step,
    multiply,
    rebuild,
    t,
)
from rnnsym.model.kinds import known_network
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network

BACK = "'"  # h'2 is the register that holds h of two steps before; no name of a user's has such a sign


@dataclass(frozen=True)
class LoopGraph:
    """One loop as assignments at step t.

    ``cell`` computes the states at step t from those of the step before, and where outputs are fed back the output,
    too. A state that is used k > 1 steps back has registers h'1 … h'(k−1) beside it, each the one before it a
    step earlier, so that ``states`` reach one step back only.
    """

    loop: Loop
    cell: tuple[Assignment, ...]
    states: tuple[Variable, ...]

    @property
    def before(self) -> Any:
        """The step before t: t − 1, or t + 1 in a loop that runs from the end."""
        return t - self.loop.direction

    @property
    def decodes(self) -> bool:
        """Whether this is a decoder's loop, which has steps of its own."""
        return bool(self.loop.steps == S)

    @property
    def after(self) -> Any:
        """The step after t."""
        return t + self.loop.direction

    def first(self, steps: Any) -> Any:
        """The step at which a loop of ``steps`` steps begins; its states start at the one before."""
        return _sympify(steps if self.loop.reverse else 1)

    def last(self, steps: Any) -> Any:
        """The step at which a loop of ``steps`` steps ends."""
        return _sympify(1 if self.loop.reverse else steps)

    def start(self, steps: Any) -> Any:
        """The step before the first."""
        return self.first(steps) - self.loop.direction

    def starts(self) -> dict[Variable, Variable]:
        """Pair each state that starts from an earlier loop, or the only input, with that; registers with registers."""
        found = dict(self.loop.starts)
        for state, source in self.loop.starts.items():
            for back in range(1, self.lag(state)):
                found[register(state, back)] = register(source, back)
        return found

    def initial(self, state: Variable) -> Any:
        """The declared value that a state, or the register of one, starts with."""
        name = state.name.partition(BACK)[0]
        return next(one.initial for one in self.loop.states if one.variable.name == name)

    def lag(self, state: Variable) -> int:
        """How many steps back a state of the network is used."""
        return next((one.lag for one in self.loop.states if one.variable == state), 1)


@dataclass(frozen=True)
class StepGraph:
    """A network as assignments of one step of each of its loops.

    ``readout`` computes ŷ from the states: at step t where there is an output at every step, else of the last step,
    without a step of its own; it is empty where outputs are fed back, whose loop computes them. ``step_loss`` assigns
    L_t, the loss of one output (or L, where there is one); ``loss`` assigns L. ``logit`` is what the readout's last
    function acts on (None if it is no function). All names but the parameters are ``Variable``.
    """

    network: Network
    loops: tuple[LoopGraph, ...]
    readout: tuple[Assignment, ...]
    step_loss: Assignment
    loss: Assignment
    logit: Variable | None

    @property
    def every(self) -> bool:
        """Whether there is an output at every step."""
        return self.network.shape_of_steps.every

    @property
    def cell(self) -> tuple[Assignment, ...]:
        """The assignments of all loops."""
        return tuple(a for loop in self.loops for a in loop.cell)

    @property
    def states(self) -> tuple[Variable, ...]:
        """The states of all loops at step t, in the order of their equations."""
        return tuple(state for loop in self.loops for state in loop.states)

    @property
    def output(self) -> Variable:
        """ŷ, at step t where there is one at every step."""
        return self.step_output.target

    @property
    def step_output(self) -> Assignment:
        """The assignment of ŷ."""
        outputs = [a for a in (*self.readout, *self.cell) if a.target.name == "yhat"]
        return outputs[0]

    @property
    def target(self) -> Variable:
        """The target of ``output``."""
        return Variable("target", self.output.shape, self.output.step)

    @property
    def reading(self) -> tuple[LoopGraph, ...]:
        """The loops whose states the outputs are made of."""
        return self.loops[-1:] if self.network.shape_of_steps.decodes else self.loops

    @property
    def weight(self) -> Expression:
        """The factor of each output's loss in L: 1, or 1 over the number of outputs where L is their mean."""
        return ONE / Size(self.loops[-1].loop.steps) if self.network.over_steps == "mean" else ONE

    def only_loop(self) -> LoopGraph:
        """Return the loop of a network that has one; DerivationError for others."""
        if len(self.loops) > 1:
            raise DerivationError(
                f"this is made for networks of one loop, but {self.network.topology} "
                f"{'read from both ends ' * self.network.bidirectional}has {len(self.loops)}"
            )
        return self.loops[0]


def register(state: Variable, back: int) -> Variable:
    """Return the register that holds ``state`` of ``back`` steps before."""
    return Variable(f"{state.name}{BACK}{back}", state.shape, state.step)


def graph_of(network: Network) -> StepGraph:
    """Return the let-bound steps of ``network``. Errors: DataError for what is no network."""
    known_network(network)
    names = Names.of(network)
    states = frozenset(state.variable for loop in network.loops for state in loop.states)
    loops = tuple(_loop_graph(network, *part, names) for part in zip(network.loops, "ae", strict=False))
    readout: tuple[Assignment, ...] = ()
    if not network.feeds_back:
        bound = let_bind(network.readout_equations, names, "z", states)
        readout = bound if network.shape_of_steps.every else tuple(_without_step(a, network) for a in bound)
    return _with_loss(network, loops, readout)


def readout_in_place(network: Network) -> tuple[Assignment, ...]:
    """Return the readout's own equations where the network uses them: at every step t, or behind the last one."""
    lines = tuple(Assignment(one.target, one.expression) for one in network.readout_equations)
    return lines if network.shape_of_steps.every else tuple(_without_step(line, network) for line in lines)


def _with_loss(network: Network, loops: tuple[LoopGraph, ...], readout: tuple[Assignment, ...]) -> StepGraph:
    last = next(a for a in (*readout, *loops[-1].cell) if a.target.name == "yhat")
    yhat, every = last.target, network.shape_of_steps.every
    value = losses[network.loss].value(yhat, Variable("target", yhat.shape, yhat.step))
    step_loss = Assignment(Variable("L", (), t if every else None), value)
    argument = getattr(last.value, "argument", None)
    logit = argument if isinstance(argument, Variable) else None
    graph = StepGraph(network, loops, readout, step_loss, step_loss, logit)
    if not every:
        return graph
    total = SumOverSteps(step_loss.target, t, 1, loops[-1].loop.steps)
    whole = total if graph.weight == ONE else multiply(graph.weight, total)
    return replace(graph, loss=Assignment(Variable("L", ()), whole))


def _loop_graph(network: Network, loop: Loop, letter: str, names: Names) -> LoopGraph:
    registers = [
        Assignment(register(s.variable, back), _at(register(s.variable, back - 1) if back > 1 else s.variable, loop))
        for s in loop.states for back in range(1, s.lag)
    ]
    equations = [replace(e, expression=_one_step_back(e.expression, loop)) for e in loop.equations]
    outputs = {e.target for e in network.readout_equations}
    places = [place for place, e in enumerate(equations) if e.target in outputs] or [len(equations)]
    parts = equations[: places[0]], equations[places[0] : places[-1] + 1], equations[places[-1] + 1 :]
    own = frozenset(s.variable for s in loop.states)
    bound = [let_bind(part, names, sign, own if sign == "z" else frozenset())
             for part, sign in zip(parts, (letter, "z", "q"), strict=True)]
    states = (*(s.variable for s in loop.states), *(r.target for r in registers))
    return LoopGraph(loop, (*registers, *(a for part in bound for a in part)), states)


def _one_step_back(expression: Expression, loop: Loop) -> Expression:
    """Write h of k steps before as what its register held one step before."""
    names = {s.variable.name for s in loop.states}

    def nearer(node: Expression) -> Expression | None:
        if not isinstance(node, Variable) or node.step is None or node.name not in names:
            return None
        back = int((t - node.step) * loop.direction)
        return _at(register(node.at(t), back - 1), loop) if back > 1 else None

    return rebuild(expression, nearer)


def _at(variable: Variable, loop: Loop) -> Variable:
    return variable.at(t - loop.direction)


def unroll(graph: StepGraph, steps: int, output_steps: int | None = None) -> tuple[Assignment, ...]:
    """Return the assignments of all steps in order of computation, then those of the outputs and the loss.

    ``output_steps`` is the decoder's number of steps, ``steps`` where absent.
    """
    counts = step_counts(graph, steps, output_steps)
    assignments: list[Assignment] = []
    for loop in graph.loops:
        length = int(counts[loop.loop.steps])
        assignments += _handed_over(graph, loop, length, counts)
        order = range(length, 0, -1) if loop.loop.reverse else range(1, length + 1)
        assignments += [Assignment(a.target.at(i), at_step(a.value, i)) for i in order for a in loop.cell]
    return (*assignments, *outputs_of(graph, counts))


def _handed_over(graph: StepGraph, loop: LoopGraph, length: int, counts: dict[Any, Any]) -> list[Assignment]:
    ends = {state: other.last(counts[other.loop.steps]) for other in graph.loops for state in other.states}
    return [Assignment(state.at(loop.start(length)), source.at(ends[source]) if source in ends else source)
            for state, source in loop.starts().items()]


def outputs_of(graph: StepGraph, counts: Mapping[Any, Any]) -> list[Assignment]:
    """Return the assignments of all outputs and of the loss."""
    if not graph.every:
        return [*(Assignment(a.target, at_last_step(a.value, counts[T])) for a in graph.readout), graph.loss]
    steps = range(1, int(counts[graph.loops[-1].loop.steps]) + 1)
    readout = [Assignment(a.target.at(i), at_step(a.value, i)) for i in steps for a in graph.readout]
    each = [Assignment(graph.step_loss.target.at(i), at_step(graph.step_loss.value, i)) for i in steps]
    total = add(*(a.target for a in each))
    whole = total if graph.weight == ONE else multiply(graph.weight.xreplace(dict(counts)), total)
    return [*readout, *each, Assignment(graph.loss.target, whole)]


def at_last_step(expression: Expression, steps: Any) -> Expression:
    """Return a readout's expression with the last step T written as ``steps``."""
    def moved(node: Expression) -> Expression | None:
        return node.at(steps) if isinstance(node, Variable) and node.step == T else None

    return rebuild(expression, moved)


def _without_step(assignment: Assignment, network: Network) -> Assignment:
    """Put the readout behind the last step: states where their loops end, its own names and ŷ without a step."""
    ends = {s.variable.name: Integer(1) if loop.reverse else T for loop in network.loops for s in loop.states}

    def moved(node: Expression) -> Expression | None:
        return node.at(ends.get(node.name)) if isinstance(node, Variable) else None

    return Assignment(rebuild(assignment.target, moved), rebuild(assignment.value, moved))
