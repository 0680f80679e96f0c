"""Seeded weights and sequences, and recurrent weights scaled to a spectral radius."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics.multipliers import first_value, multipliers
from rnnsym.dynamics.scans import scale_into_range
from rnnsym.errors import DataError, NotFiniteError
from rnnsym.model.expressions import MatrixProduct, Named, Parameter, Transposed, t, walk
from rnnsym.model.kinds import checked_sizes, known_network, texts
from rnnsym.model.losses import Loss, losses
from rnnsym.model.networks import Network
from rnnsym.numerics import numbers
from rnnsym.numerics.arrays import as_floats, as_mapping
from rnnsym.numerics.numbers import nonnegative, whole

Float = NDArray[np.float64]


def draw_parameters(network: Network, sizes: Mapping[str, int], seed: int, *, scale: float = 1.0) -> dict[str, Float]:
    """W ~ N(0, scale² / fan-in), biases 0, gains 1, shares U(0, 1); {name: array of its shape}, one for each seed.

    ``sizes`` as for ``network.shapes``, such as ``{"d": 5, "n": 3, "k": 1}``. The fan-in is the number of entries that
    a weight sums over: the rows of W in ``x @ W``, its columns in ``W @ x``, 1 for a weight that is no matrix. A share
    is a p beside 1 − p, a gain another scalar or vector that multiplies, but no factor of a state inside a function:
    that is a diagonal weight. Errors: DataError for a scale that is no number from 0 or so large that a weight
    overflows, or a seed that is no whole number from 0; NetworkError for sizes.
    """
    known_network(network)
    size = nonnegative("scale", scale)
    generator = np.random.default_rng(numbers.seed(seed))
    kinds = {count.parameter.name: count.kind for count in network.counts()}
    axis, multiplying = 0 if network.convention == "row" else 1, multipliers(network)
    found = {}
    for name, shape in network.shapes(**checked_sizes(sizes)).items():
        drawn = generator.standard_normal(shape)  # drawn for biases too: a weight's draw shall not depend on the kinds
        fan_in = shape[axis] if len(shape) == 2 else 1
        if name in multiplying:
            found[name] = first_value(multiplying[name], drawn)
        else:
            found[name] = np.zeros(shape) if kinds[name] == "bias" else _scaled(drawn, size / np.sqrt(fan_in))
    return found


def draw_inputs(
    network: Network, sizes: Mapping[str, int], seed: int, *, steps: int, scale: float = 1.0
) -> tuple[Float, Float]:
    """x_t ~ N(0, scale²), independent; return inputs (T, d) and a target (k,), within the loss's bounds.

    Inputs are numbers of rows, uniform, (T,), where the cell looks these up; there is one input, (d,), and a target at
    every step, (T, k), where the topology says so. A target is one end or the other of a bounded loss's range, one
    class of several, else N(0, 1). Errors: DataError for steps that are no whole number from 1, a seed that is none
    from 0, a scale that is no number from 0 or so large that an input overflows; NetworkError for sizes.
    """
    known_network(network)
    length, size = whole("steps", steps, 1), nonnegative("scale", scale)
    values = network.size_values(**checked_sizes(sizes))
    shape = tuple(int(one.xreplace(values)) for one in network.input.shape)
    outputs = tuple(int(one.xreplace(values)) for one in network.target.shape)
    outputs = (length, *outputs) if network.shape_of_steps.every else outputs
    generator = np.random.default_rng([numbers.seed(seed), 1])  # another stream than the parameters' of the same seed
    axes = () if network.shape_of_steps.one_input else (length,)
    if network.reads_index:
        inputs: Any = generator.integers(0, shape[0], size=axes)
    else:
        inputs = _scaled(generator.standard_normal((*axes, *shape)), size)
    return inputs, _drawn_targets(losses[network.loss], generator.standard_normal(outputs))


def _scaled(drawn: Float, scale: float) -> Float:
    with np.errstate(over="ignore"):
        found = drawn * scale
    if not np.isfinite(found).all():
        raise DataError(f"scale: at {scale:g} a number that is drawn exceeds the largest float: take a smaller scale")
    return np.asarray(found)


def _drawn_targets(loss: Loss, drawn: Float) -> Float:
    if loss.distribution:
        return np.asarray(np.eye(drawn.shape[-1])[drawn.argmax(axis=-1)])
    bounded = np.isfinite(loss.lower) and np.isfinite(loss.upper)
    return np.where(drawn > 0, loss.upper, loss.lower) if bounded else drawn


def recurrent_weights(network: Network) -> tuple[str, ...]:
    """Name the square matrices W that multiply a state of the step before, itself or through gates, in their order.

    They stand in the product as W or W.T. A weight inside an expression, as W in ``h_prev @ (W - W.T)`` or in
    ``h_prev @ (a * W)``, is not among them: its own spectral radius is not that of the factor.
    """
    graph = graph_of(network)
    carried: set[Any] = {state.at(t - 1) for state in graph.states}
    found: set[Named] = set()
    for assignment in graph.cell:
        for node in walk(assignment.value):
            if isinstance(node, MatrixProduct):
                found |= {p for p, other in _weighted(node) if carried & set(names_in(other))}
        if assignment.target not in graph.states and carried & set(names_in(assignment.value)):
            carried.add(assignment.target)
    return tuple(p.name for p in network.parameters if p in found and p.shape[0] == p.shape[1])


def input_weights(network: Network) -> tuple[str, ...]:
    """Name the matrices W that multiply the input, itself or in an expression without a state, in their order."""
    graph = graph_of(network)
    carried: set[Any] = {name for state in graph.states for name in (state, state.at(t - 1))}
    found: set[Named] = set()
    for assignment in graph.cell:
        read = set(names_in(assignment.value))
        for node in walk(assignment.value):
            if isinstance(node, MatrixProduct):
                found |= {p for p, other in _weighted(node)
                          if network.input in names_in(other) and not carried & set(names_in(other))}
        if carried & read:
            carried.add(assignment.target)
    return tuple(p.name for p in network.parameters if p in found)


def spectral_radius(matrix: Any) -> float:
    """ρ(W) = max |λ_i|, of a square matrix (n, n).

    Errors: DataError for what is no square matrix of finite numbers, NotFiniteError where the radius is no float.
    """
    radius, exponent = _scaled_radius(_square("matrix", matrix))
    with np.errstate(over="ignore"):
        found = float(np.ldexp(radius, exponent))
    if np.isinf(found):
        raise NotFiniteError("matrix: its spectral radius is above the largest float: scale the matrix")
    return found


def _square(name: str, matrix: Any) -> Float:
    array = as_floats(name, matrix)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise DataError(f"{name}: a spectral radius needs a square matrix (n, n), but the shape is {array.shape}")
    return array


def _scaled_radius(matrix: Float) -> tuple[float, int]:
    """Return (ρ / 2^e, e), e = 0 for a matrix whose entries are far from the ends of the floats."""
    scaled, exponent = scale_into_range(matrix)
    return float(np.abs(np.linalg.eigvals(scaled)).max()), int(exponent)


def with_spectral_radius(
    network: Network, parameters: Any, radius: float, names: Iterable[str] | None = None
) -> dict[str, Float]:
    """W ← (radius / ρ(W)) W for the weights ``names``, by default all of ``recurrent_weights(network)``.

    Only those can be named: a weight that multiplies no state directly, as W in ``h_prev @ (W - W.T)``, could be
    scaled, but the factor of the recurrence would not get the radius. The other parameters are copied. Errors:
    DataError for a radius that is no number from 0, a name that is no such weight, a matrix whose own radius is 0 (no
    scaling can give it another), a radius at which an entry overflows, and a network without recurrent weights.
    """
    known_network(network)
    wanted = nonnegative("radius", radius)
    known = [p.name for p in network.parameters]
    given = as_mapping("parameters", parameters, known, complete=True)
    found = {name: as_floats(f"parameter {name}", given[name]) for name in known}
    for name in _scalable(network, names):
        found[name] = _with_radius(f"parameter {name}", found[name], wanted)
    return found


def _with_radius(name: str, matrix: Float, wanted: float) -> Float:
    """Scale by a mantissa and a power of two: the factor itself may be no float where the result is one."""
    own, exponent = _scaled_radius(_square(name, matrix))
    if own <= np.finfo(float).tiny:
        raise DataError(f"{name}: its spectral radius is {own:g}, and scaling cannot make it {wanted:g}")
    (above, more), (below, less) = np.frexp(wanted), np.frexp(own)
    with np.errstate(over="ignore"):
        mantissas, powers = np.frexp(matrix)
        found = np.ldexp(mantissas * (above / below), powers + (int(more) - int(less) - exponent))
    if not np.isfinite(found).all() or (wanted and not found.any()):
        fault = "every entry is below the smallest" if np.isfinite(found).all() else "an entry is above the largest"
        raise DataError(f"{name}: at the spectral radius {wanted:g} {fault} float: take another radius")
    return np.asarray(found)


def _scalable(network: Network, names: Iterable[str] | None) -> tuple[str, ...]:
    """Return the recurrent weights that are asked for, each once, or raise DataError."""
    recurrent = recurrent_weights(network)
    if not recurrent:
        raise DataError(f"the cell {network.cell.name} has no square matrix that multiplies a state of the step before "
                        "directly: scale what it has yourself, spectral_radius tells the radius of a matrix")
    if names is None:
        return recurrent
    chosen = tuple(dict.fromkeys(texts("names", names, f"names of weights, of {', '.join(recurrent)}")))
    for name in chosen:
        if name not in recurrent:
            parameter = any(name == p.name for p in network.parameters)
            fault = "multiplies no state of the step before directly" if parameter else "is no parameter"
            raise DataError(f"names: {name!r} {fault}; the recurrent weights are {', '.join(recurrent)}")
    return chosen


def _weighted(node: MatrixProduct) -> list[tuple[Parameter, Any]]:
    """Pair each matrix parameter of a product with the other operand."""
    pairs = [(node.left, node.right), (node.right, node.left)]
    bare = [(one.args[0] if isinstance(one, Transposed) else one, other) for one, other in pairs]
    return [(one, other) for one, other in bare if isinstance(one, Parameter) and one.rank == 2]
