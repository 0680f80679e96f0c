"""What each parameter connects: how many entries it sums over, whether it recurs, which bias a forget gate has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from rnnsym.errors import DataError
from rnnsym.model.equations import Equation
from rnnsym.model.expressions import (
    Elementwise,
    Expression,
    Hadamard,
    MatrixProduct,
    OrderedSum,
    Parameter,
    Transposed,
    Variable,
    walk,
)
from rnnsym.model.networks import Network


@dataclass(frozen=True)
class Connection:
    """A parameter in numbers: its shape, fans, and the number of units of the layer that it belongs to.

    ``fan_in`` is the number of entries that a weight sums over for one entry of its result, ``fan_out`` the number of
    results that one entry goes into. ``units`` counts what the readout reads for a parameter of the readout.
    """

    shape: tuple[int, ...]
    fan_in: int
    fan_out: int
    units: int
    is_bias: bool
    recurrent: bool


def connections(network: Network, sizes: Mapping[str, int], recurrent: tuple[str, ...] = ()) -> dict[str, Connection]:
    """Return what each parameter connects, in the order of ``network.parameters``; NetworkError for sizes."""
    shapes = network.shapes(**sizes)
    axes = summed_axes(network)
    default = 0 if network.convention == "row" else 1
    read = _read_by_readout(network, shapes, axes)
    found = {}
    for count in network.counts():
        name, shape = count.parameter.name, shapes[count.parameter.name]
        axis = axes.get(name, default if len(shape) == 2 else None)
        fan_in = 1 if axis is None else shape[axis]
        fan_out = prod(shape) // fan_in if len(shape) == 2 else 1
        units = read.get(name) or (fan_out if len(shape) == 2 else prod(shape))
        found[name] = Connection(shape, fan_in, fan_out, units, count.kind == "bias", name in recurrent)
    return found


def summed_axes(network: Network) -> dict[str, int]:
    """Return, for each parameter that stands beside ``@``, the axis that its first product sums over."""
    found: dict[str, int] = {}
    for equation in (*network.equations, *network.readout_equations):
        for node in walk(equation.expression):
            if isinstance(node, MatrixProduct):
                _note_axis(found, node.left, is_left=True)
                _note_axis(found, node.right, is_left=False)
    return found


def _note_axis(found: dict[str, int], operand: Expression, *, is_left: bool) -> None:
    """Note for a parameter, bare or transposed, which axis the product sums over: a left operand's last one."""
    transposed = isinstance(operand, Transposed)
    parameter = operand.args[0] if transposed else operand
    if isinstance(parameter, Parameter):
        found.setdefault(parameter.name, parameter.rank - 1 if is_left != transposed else 0)


def _read_by_readout(
    network: Network, shapes: Mapping[str, tuple[int, ...]], axes: Mapping[str, int]
) -> dict[str, int]:
    """Return, for each parameter of the readout, how many entries its equation's matrices sum over together."""
    found: dict[str, int] = {}
    for equation in network.readout_equations:
        names = list(dict.fromkeys(node.name for node in walk(equation.expression) if isinstance(node, Parameter)))
        total = sum(shapes[name][axes[name]] for name in names if name in axes)
        found |= dict.fromkeys(names, total)
    return found


def forget_biases(network: Network) -> tuple[str, ...]:
    """Name the bias b of each gate f in ``s = f * s_prev + …`` with ``f = sigmoid(… + b)``, once each.

    Errors: DataError where no state has such a gate, or a gate has no bias or several: they can then be named.
    """
    gates = {equation.target: equation.expression for equation in network.equations}
    found = [gate for equation in network.equations for gate in _gates(equation, gates)]
    if not found:
        raise DataError(f"forget_bias: no state of the cell {network.cell.name} is s = f * s_prev + … with a gate f = "
                        "sigmoid(… + b): name the biases, as in {'b_f': 1.0}")
    biases = {count.parameter.name for count in network.counts() if count.kind == "bias"}
    return tuple(dict.fromkeys(_bias(gate, biases) for gate in found))


def _gates(equation: Equation, gates: Mapping[Variable, Expression]) -> Iterator[Elementwise]:
    """Yield each sigmoid, or gate that is one, that alone multiplies the equation's own state of the step before."""
    terms = equation.expression.args if isinstance(equation.expression, OrderedSum) else (equation.expression,)
    for term in terms:
        if isinstance(term, Hadamard) and len(term.args) == 2:
            previous = [factor for factor in term.args if _is_step_before(factor, equation.target)]
            others = [gates.get(factor, factor) for factor in term.args if factor not in previous]
            if previous and others and isinstance(others[0], Elementwise) and others[0].function == "sigmoid":
                yield others[0]


def _is_step_before(factor: Expression, target: Variable) -> bool:
    return isinstance(factor, Variable) and factor.name == target.name and factor.step != target.step


def _bias(gate: Elementwise, biases: set[str]) -> str:
    inside = gate.argument
    terms = inside.args if isinstance(inside, OrderedSum) else (inside,)
    names = [term.name for term in terms if isinstance(term, Parameter) and term.name in biases]
    if len(names) != 1:
        has = f"the biases {', '.join(names)}" if names else "no bias"
        raise DataError(f"forget_bias: a forget gate has {has}, where one is expected: name them, as in "
                        "{'b_f': 1.0}")
    return names[0]
