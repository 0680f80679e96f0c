"""Products of one-step Jacobians, ∂s_T/∂s_{T−k}, over all lags, and what bounds them.

Norms are kept as natural logarithms, and factors are rescaled by powers of two (which is exact), so that a product
of a hundred factors neither under- nor overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.jacobians import jacobian
from rnnsym.calculus.notation import StepBlock
from rnnsym.calculus.paths import Block, step_blocks
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.dynamics.trajectories import Trajectories, Values, follow
from rnnsym.errors import DataError
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import evaluate
from rnnsym.model.expressions import Elementwise, Expression, IdentityMatrix, Numeral, Parameter, t
from rnnsym.model.networks import Network

Float = NDArray[np.float64]


@dataclass(frozen=True)
class GradientProducts:
    """Norms of the ordered products ∂s_T/∂s_{T−k} = J_T J_{T−1} ⋯ J_{T−k+1} for the lags k = 0 … T.

    ``log_norms`` is the natural logarithm of the spectral norm, (T + 1,), or (batch, T + 1); −∞ where a product is
    exactly zero. ``log_linear`` is the same for the linear network, (T + 1,): the cell without its outermost function.
    ``log_bound`` is k ln(γ σ_max), (T + 1,), γ the largest slope of that function: no product exceeds it. Both are
    None where the state is not one function of an affine map of the state before (gates, several states) or, the
    bound, where the slope has none. (Pascanu, Mikolov, Bengio 2013, section 2.1.)
    """

    log_norms: Float
    log_linear: Float | None
    log_bound: Float | None

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return self.log_norms.shape[-1] - 1


def gradient_products(network: Network, parameters: Any, inputs: Any, initial_state: Any = None) -> GradientProducts:
    """‖∂s_T/∂s_{T−k}‖₂ for k = 0 … T, as natural logarithms, s the stack of all states.

    Arguments as for ``follow``. A norm is exact up to the rounding of the product: cancellation
    between its directions (‖J_T ⋯ J_1‖ far below ∏ ‖J_t‖) costs as many digits as it does in any product of floats.
    Errors: DataError for arguments that do not fit, and for a Jacobian that is not finite.

    >>> from rnnsym.model.cells import Cell
    >>> network = Network(Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h"), "yhat = sigmoid(o @ W_o)")
    >>> weights = {"W_i": [[1.0]], "W_h": [[0.5]], "W_o": [[1.0]]}
    >>> products = gradient_products(network, weights, [[0.0]] * 100)
    >>> round(float(products.log_norms[100] / np.log(2)), 12)
    -100.0
    """
    trajectories = follow(network, parameters, inputs, initial_state)
    norms = np.array([log_product_norms(factors) for factors in _jacobians(trajectories)])
    linear, bound = _references(trajectories, norms.shape[1] - 1)
    return GradientProducts(norms[0] if trajectories.single else norms, linear, bound)


def step_jacobians(network: Network, parameters: Any, inputs: Any, initial_state: Any = None) -> Float:
    """J_t = ∂s_t/∂s_{t−1} for t = 1 … T, (T, N, N) or (batch, T, N, N), J[i, j] = ∂s_{t,i}/∂s_{t−1,j}.

    s stacks all states in the order of ``network.states``, N entries together; J_t is the Jacobian of the composed step
    map, in which routes within the step (h through c) are contained. Arguments and errors as ``gradient_products``.
    """
    trajectories = follow(network, parameters, inputs, initial_state)
    found = _jacobians(trajectories)
    return found[0] if trajectories.single else found


def log_product_norms(factors: Any) -> Float:
    """‖A_T A_{T−1} ⋯ A_{T−k+1}‖₂ for k = 0 … T, as natural logarithms, (T + 1,), −∞ for zero.

    ``factors`` are A_1 … A_T, (T, N, N). Each factor and each partial product is divided by a power of two, and the
    exponents are added up as integers.
    """
    scaled = [scale_to_one(factor) for factor in np.asarray(factors, dtype=np.float64)[::-1]]
    size = len(factors[0])
    product, exponent = np.eye(size), 0
    products, exponents = [product], [0]
    for factor, power in scaled:
        product, own = scale_to_one(product @ factor)
        exponent += power + own
        products.append(product)
        exponents.append(exponent)
    norms = np.linalg.norm(np.array(products), 2, axis=(1, 2))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(norms) + np.array(exponents) * np.log(2.0))


def scale_to_one(array: Float) -> tuple[Float, int]:
    """Return (array / 2^e, e) with the largest entry in [½, 1); e = 0 for an array of zeros."""
    exponent = int(np.frexp(np.abs(array).max(initial=0.0))[1])
    return np.ldexp(array, -exponent), exponent


def _jacobians(trajectories: Trajectories) -> Float:
    """Return the one-step Jacobians of all sequences, (batch, T, N, N)."""
    blocks, places = step_blocks(trajectories.graph.only_loop()), _places(trajectories)
    with np.errstate(all="ignore"):
        found = np.array([[_stacked(trajectories, blocks, places, values) for values in sequence]
                          for sequence in trajectories.sequences])
    if not np.isfinite(found).all():
        step = int(np.argwhere(~np.isfinite(found))[0][1]) + 1
        raise DataError(f"the Jacobian of step {step} is not finite: use smaller weights or inputs")
    return found


def _places(trajectories: Trajectories) -> dict[Expression, slice]:
    """Return where each state, and each state before, stands in the stack."""
    places: dict[Expression, slice] = {}
    start = 0
    for state, length in zip(trajectories.graph.states, trajectories.state_lengths, strict=True):
        places[state] = places[state.at(t - 1)] = slice(start, start + length)
        start += length
    return places


def _stacked(
    trajectories: Trajectories, blocks: tuple[Block, ...], places: dict[Expression, slice], step: Values
) -> Float:
    size = max(place.stop for place in places.values())
    values, stacked = dict(step), np.zeros((size, size))
    for block in blocks:  # a state computed earlier in the step stands in later blocks as its own block's symbol
        value = evaluate(block.value, values.__getitem__, trajectories.arithmetic)
        values[StepBlock(block.of, block.by)] = value
        target = stacked[places[block.of], places[block.by]]
        target[...] = np.reshape(value, target.shape)
    return stacked


@dataclass(frozen=True)
class AffineStep:
    """A step s_t = f(A s_{t−1} + …): ``matrix`` is A, of parameters alone; ``function`` names f, if there is one."""

    matrix: Expression
    function: str | None

    @property
    def slope_bound(self) -> float | None:
        """The largest slope γ = sup |f′|; None where it is unbounded."""
        bound = 1 if self.function is None else activations[self.function].slope_bound
        return None if bound is None else float(bound)


def affine_step(graph: StepGraph) -> AffineStep | None:
    """Return A and f where the one state is an elementwise function, or none, of an affine map of the state before."""
    if len(graph.states) != 1:
        return None
    state = graph.states[0]
    before = state.at(t - 1)
    known: dict[Expression, Expression] = {before: IdentityMatrix(before.shape[0]) if before.shape else Numeral(1)}
    function = None
    for assignment in graph.cell:
        value = assignment.value
        if assignment.target == state and isinstance(value, Elementwise) and value.argument in known:
            function, value = value.function, value.argument
        own = jacobian(value, known.get)
        if own is not None:
            known[assignment.target] = own
    matrix = known.get(state)
    if matrix is None or not all(isinstance(name, Parameter) for name in names_in(matrix)):
        return None
    return AffineStep(matrix, function)


def _references(trajectories: Trajectories, steps: int) -> tuple[Float | None, Float | None]:
    """Return ln ‖A^k‖ and k ln(γ ‖A‖) for k = 0 … T, each None where it is not defined."""
    affine = affine_step(trajectories.graph)
    if affine is None:
        return None, None
    weights, length = trajectories.sequences[0][0], trajectories.state_lengths[0]
    matrix = np.reshape(evaluate(affine.matrix, weights.__getitem__, trajectories.arithmetic), (length, length))
    linear = log_product_norms(np.broadcast_to(matrix, (steps, length, length)))
    slope = affine.slope_bound
    if slope is None:
        return linear, None
    with np.errstate(divide="ignore"):
        rate = np.log(slope) + log_product_norms(matrix[None])[1]
    return linear, np.concatenate([[0.0], np.arange(1, steps + 1) * rate])
