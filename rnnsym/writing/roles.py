"""What each name of a network does, read off its equations: weight of the input, of the state before, bias, readout.

A role never depends on what a name or a cell is called; only the marks that composition puts on names (dec_, bwd_,
_1, _2) are taken off and put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from rnnsym.model.arithmetic import Negative, OrderedSum
from rnnsym.model.assembly import BACKWARD, DECODER, FED
from rnnsym.model.cells import Cell
from rnnsym.model.composition import Loop, output_state
from rnnsym.model.equations import Equation
from rnnsym.model.expressions import (
    Expression,
    Hadamard,
    Lookup,
    MatrixProduct,
    Parameter,
    Projection,
    S,
    Variable,
    t,
    walk,
)
from rnnsym.model.networks import Network

INPUT, RECURRENT, READOUT, BIAS = "input weight", "recurrent weight", "readout weight", "bias"
INPUT_BIAS, RECURRENT_BIAS, READOUT_BIAS = "input bias", "recurrent bias", "readout bias"
STATE, LOGIT, OTHER = "state", "logit", "other"
FROM_INPUT, FROM_BEFORE, FROM_STATE, INNER = "input", "before", "state", "inner"
WEIGHTS = {frozenset({FROM_INPUT}): INPUT, frozenset({FROM_BEFORE}): RECURRENT, frozenset({FROM_STATE}): READOUT}
BIASES = {frozenset({INPUT}): INPUT_BIAS, frozenset({RECURRENT}): RECURRENT_BIAS}


@dataclass(frozen=True)
class Role:
    """What a name does; ``gate`` is the equation that a parameter stands in, ``prefix`` and ``layer`` its marks."""

    kind: str
    gate: str = ""
    prefix: str = ""
    layer: str = ""


@dataclass(frozen=True)
class Place:
    """A layer of a loop, or the readout: its equations, and which variables of theirs carry what."""

    equations: tuple[Equation, ...]
    signals: Mapping[Variable, str]
    prefix: str = ""
    layer: str = ""
    defined: Mapping[Variable, Expression] = field(default_factory=dict, hash=False)

    def bare(self, name: str) -> str:
        """Take composition's marks off a name."""
        return name.removeprefix(self.prefix).removesuffix(self.layer)

    def carried(self, expression: Expression) -> frozenset[str]:
        """Return what an expression carries: the input, the state before, a state; gates only weigh what they gate."""
        if isinstance(expression, Variable):
            if expression in self.signals:
                return frozenset({self.signals[expression]})
            value = self.defined.get(expression)
            learnt = value is None or any(isinstance(node, Parameter) for node in walk(value))
            return frozenset({INNER}) if value is None or learnt else self.carried(value)
        found = frozenset(chain.from_iterable(self.carried(one) for one in _parts(expression)))
        gated = isinstance(expression, Hadamard) and found != {INNER}
        return found - {INNER} if gated else found


def parameter_roles(network: Network) -> dict[str, Role]:
    """Return the role of each parameter that has one role only; ``gate`` is empty where it is not needed."""
    found: dict[str, set[Role]] = {parameter.name: set() for parameter in network.parameters}
    for place in places(network):
        uses = [(name, kind, place.bare(e.target.name)) for e in place.equations
                for name, kind in _uses(e.expression, place)]
        gated = any(len({gate for _, own, gate in uses if own == kind}) > 1 for _, kind, _ in uses)
        for name, kind, gate in uses:
            found.setdefault(name, set()).add(Role(kind, gate if gated else "", place.prefix, place.layer))
    alone = {name: next(iter(roles)) for name, roles in found.items() if len(roles) == 1}
    return {name: role for name, role in alone.items() if role.kind != OTHER}


def state_roles(network: Network) -> dict[str, Role]:
    """Return the role of the state that the next layer reads, and of the one that the readout reads."""
    read = {node.name for e in network.readout_equations for node in walk(e.expression) if isinstance(node, Variable)}
    roles = {}
    for place in places(network)[:-1]:
        states = [e.target.name for e in place.equations if e.target.name in read]
        lower = next((v.name for v, kind in place.signals.items() if kind == FROM_BEFORE), None)
        name = states[0] if len(states) == 1 else None if states else lower
        if name is not None:
            roles[name] = Role(STATE, "", place.prefix, place.layer)
    return roles


def places(network: Network) -> list[Place]:
    """Return the layers of all loops, then the readout."""
    found = [place for loop in network.loops for place in _layers(network, loop)]
    states = {state.variable.at(step): FROM_STATE for loop in network.loops for state in loop.states
              for step in (state.variable.step, None) if state.variable.name not in ("yhat", FED)}
    return [*found, Place(network.readout_equations, states)]


def _layers(network: Network, loop: Loop) -> Iterator[Place]:
    prefix = BACKWARD if loop.reverse else DECODER if loop.steps == S else ""
    cell = (network.decoder or network.cell) if prefix == DECODER else network.cell
    layers, start = cell.layers or (cell,), 0
    read = dict.fromkeys(_read_by(loop), FROM_INPUT)
    for number, layer in enumerate(layers, start=1):
        mark = f"_{number}" if cell.layers else ""
        equations = loop.equations[start : start + len(layer.equations)]
        start += len(layer.equations)
        name = f"{prefix}{_output_name(layer)}{mark}"
        own = {node: FROM_BEFORE for e in equations for node in walk(e.expression)
               if isinstance(node, Variable) and node.name == name and node.step == t - loop.direction}
        others = {node: INNER for e in equations for node in walk(e.expression)
                  if isinstance(node, Variable) and node.step not in (t, None) and node not in own and node not in read}
        yield Place(equations, {**others, **read, **own}, prefix, mark, {e.target: e.expression for e in equations})
        read = {e.target: FROM_INPUT for e in equations}


def _read_by(loop: Loop) -> list[Variable]:
    """The variables that a loop's first layer reads as its input: x, the target before, or the output fed back."""
    nodes = [node for e in loop.equations for node in walk(e.expression) if isinstance(node, Variable)]
    return [node for node in nodes if node.name in ("x", "target", FED) or (node.name == "yhat" and node.step != t)]


def _parts(expression: Expression) -> list[Expression]:
    return [one for one in expression.args if isinstance(one, Expression)]


def _uses(node: Expression, place: Place) -> Iterator[tuple[str, str]]:
    """Yield (parameter, kind) for each place where a parameter stands in an expression."""
    if isinstance(node, Parameter):
        yield node.name, OTHER
    elif isinstance(node, OrderedSum):
        yield from _in_sum(node, place)
    elif isinstance(node, MatrixProduct | Projection | Lookup | Hadamard):
        weights, others = _split(node)
        kind = OTHER if isinstance(node, Hadamard) else _kind(node, place)  # a vector of weights has no letter
        yield from ((name, kind) for weight in weights for name in _names(weight))
        for other in others:
            yield from _uses(other, place)
    else:
        for part in _parts(node):
            yield from _uses(part, place)


def _in_sum(node: OrderedSum, place: Place) -> Iterator[tuple[str, str]]:
    terms = [term.args[0] if isinstance(term, Negative) else term for term in node.args]
    beside = frozenset(kind for term in terms for kind in [_kind(term, place)] if kind != OTHER)
    for term in terms:
        if isinstance(term, Parameter):
            yield term.name, READOUT_BIAS if READOUT in beside else BIASES.get(beside, BIAS)
        else:
            yield from _uses(term, place)


def _split(node: Expression) -> tuple[list[Expression], list[Expression]]:
    """Split the factors of a product into those made of parameters alone and all others."""
    kinds = [(one, {type(leaf) for leaf in walk(one)} & {Parameter, Variable}) for one in _parts(node)]
    return [one for one, found in kinds if found == {Parameter}], [one for one, found in kinds if found != {Parameter}]


def _kind(node: Expression, place: Place) -> str:
    """Return the kind of the weights that a product multiplies something by."""
    if not isinstance(node, MatrixProduct | Projection | Lookup | Hadamard):
        return OTHER
    weights, others = _split(node)
    carried = frozenset(chain.from_iterable(place.carried(other) for other in others))
    carried = carried - {INNER} if isinstance(node, Hadamard) and carried != {INNER} else carried
    return WEIGHTS.get(carried, OTHER) if weights else OTHER


def _names(weight: Expression) -> list[str]:
    return list(dict.fromkeys(node.name for node in walk(weight) if isinstance(node, Parameter)))


def _output_name(layer: Cell) -> str:
    """Return the name of the state that the next layer would read, of the first state where all are scalars."""
    vectors = any(state.variable.rank for state in layer.states)
    return output_state(layer).name if vectors else layer.states[0].variable.name
