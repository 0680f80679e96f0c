"""Products of one-step Jacobians, ∂s_T/∂s_{T−k}, over all lags, and what bounds them.

Norms are kept as natural logarithms, so that a product of many factors neither under- nor overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.jacobians import jacobian
from rnnsym.calculus.notation import StepBlock
from rnnsym.calculus.paths import Block, step_blocks
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.dynamics.scans import TOGETHER, log_product_norms
from rnnsym.dynamics.trajectories import Trajectories, Values, follow_loops, wide
from rnnsym.errors import DataError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import Elementwise, Expression, IdentityMatrix, Numeral, Parameter, t
from rnnsym.model.networks import Network
from rnnsym.model.stacking import rank_of
from rnnsym.numerics.validation import Given

Float = NDArray[np.float64]


@dataclass(frozen=True)
class GradientProducts:
    """Norms of the ordered products ∂s_T/∂s_{T−k} = J_T J_{T−1} ⋯ J_{T−k+1} for the lags k = 0 … T.

    ``log_norms`` is the natural logarithm of the spectral norm, (T + 1,), or (batch, T + 1); −∞ where a product is
    exactly zero. ``log_linear`` is the same for the linear network, (T + 1,): the cell without its outermost function.
    ``log_bound`` is k ln(γ σ_max), (T + 1,), γ the largest slope of that function: no product exceeds it. Both are
    None where the state is not one function of an affine map of the state before (gates, several states) or, the
    bound, where the slope has none. Of m networks each array has their axis in front, (m, …). (Pascanu, Mikolov,
    Bengio 2013, section 2.1.)
    """

    log_norms: Float
    log_linear: Float | None
    log_bound: Float | None

    @property
    def steps(self) -> int:
        """The number T of steps."""
        return self.log_norms.shape[-1] - 1


def gradient_products(
    network: Network, parameters: Any, inputs: Any, initial_state: Any = None, *, targets: Any = None,
    steps: int | None = None, loop: int | None = None,
) -> GradientProducts:
    """‖∂s_T/∂s_{T−k}‖₂ for k = 0 … T, as natural logarithms, s the stack of all states.

    ``inputs`` (batch, T, d), or (T, d) for one sequence; ``initial_state`` as for ``rnnsym.compile``. ``targets`` are
    read by a decoder with a teacher alone; a network that reads its own outputs takes ``steps`` of them. A decoder's
    lags go on into the encoder that it starts from: ∂s_S/∂s'_t, k = 0 … S + T. Of two loops that read from both ends
    the one from the beginning is followed. ``loop`` chooses one loop alone, counted from 0; lags count back from where
    it ends. Parameters that have one more axis each, (m, *shape), are those of m networks of a kind, which are followed
    together, each along its own sequences: every other argument then has that axis in front. A norm is exact up to the
    rounding of the product: cancellation between its directions (‖J_T ⋯ J_1‖ far below ∏ ‖J_t‖) costs as many digits as
    it does in any product of floats.
    Errors: DataError for arguments that do not fit, a loop that is not there, and a Jacobian that is not finite.

    >>> from rnnsym.model.cells import Cell
    >>> network = Network(Cell.from_equations("linear", "o = x @ W_i + o_prev @ W_h"), "yhat = sigmoid(o @ W_o)")
    >>> weights = {"W_i": [[1.0]], "W_h": [[0.5]], "W_o": [[1.0]]}
    >>> products = gradient_products(network, weights, [[0.0]] * 100)
    >>> round(float(products.log_norms[100] / np.log(2)), 12)
    -100.0
    """
    followed = follow_loops(network, Given(parameters, inputs, targets, initial_state, steps=steps))
    chosen = _chain(followed) if loop is None else (followed[_place(followed, loop)],)
    norms = log_product_norms(_chained(chosen))
    return GradientProducts(chosen[-1].arguments.without_batch(norms), *_references(chosen))


def step_jacobians(
    network: Network, parameters: Any, inputs: Any, initial_state: Any = None, *, targets: Any = None,
    steps: int | None = None, loop: int = 0,
) -> Float:
    """J_t = ∂s_t/∂s_{t−1} for t = 1 … T, (T, N, N) or (batch, T, N, N), J[i, j] = ∂s_{t,i}/∂s_{t−1,j}.

    s stacks all states of a loop, N entries together; J_t is the Jacobian of the composed step map, in which routes
    within the step (h through c, an output through the input that it becomes) are contained. They stand in the order in
    which the loop runs. Arguments and errors as ``gradient_products``; of several networks, all have their axis in
    front. ``loop`` is the loop's number, from 0: the first reads the inputs from the beginning.
    """
    followed = follow_loops(network, Given(parameters, inputs, targets, initial_state, steps=steps))
    chosen = followed[_place(followed, loop)]
    return np.asarray(chosen.arguments.without_batch(_jacobians(chosen)))


def _place(followed: tuple[Trajectories, ...], loop: Any) -> int:
    whole = isinstance(loop, int | np.integer) and not isinstance(loop, bool)
    if not whole or not 0 <= loop < len(followed):
        raise DataError(f"loop: expected a number from 0 to {len(followed) - 1}, for this network has "
                        f"{len(followed)}, but it is {loop!r:.80}")
    return int(loop)


def _chain(followed: tuple[Trajectories, ...]) -> tuple[Trajectories, ...]:
    """Return the loops that the last state goes back through: a decoder's and the encoder's; else the first."""
    return followed if followed[-1].loop.decodes else followed[:1]


def _chained(chain: tuple[Trajectories, ...]) -> Float:
    """Return the Jacobians of all steps of a chain of loops, padded with zeros to one size, joints in the next."""
    factors = [_jacobians(one) for one in chain]
    size = max(one.shape[-1] for one in factors)
    for place, (before, after) in enumerate(pairwise(chain), start=1):
        joint = _joint(before, after)
        first = factors[place][..., :1, :, :] @ joint
        factors[place - 1] = _padded(factors[place - 1], size)
        factors[place] = np.concatenate([_padded(first, size), _padded(factors[place][..., 1:, :, :], size)], axis=-3)
    return np.concatenate(factors, axis=-3) if len(factors) > 1 else factors[0]


def _joint(before: Trajectories, after: Trajectories) -> Float:
    """∂s'_0/∂s_T: an identity from each state that is handed over, (N', N)."""
    found = np.zeros((sum(after.state_lengths), sum(before.state_lengths)))
    sources, targets = _places(before), _places(after)
    for state, source in after.loop.starts().items():
        rows, columns = targets[state], sources[source]
        found[rows, columns] = np.eye(rows.stop - rows.start)
    return found


def _padded(factors: Float, size: int) -> Float:
    rows, columns = (size - length for length in factors.shape[-2:])
    return np.pad(factors, [(0, 0)] * (factors.ndim - 2) + [(0, rows), (0, columns)])


def _jacobians(trajectories: Trajectories) -> Float:
    """Return the one-step Jacobians of all sequences, (*leading, T, N, N), in the order in which the loop runs."""
    blocks, places = step_blocks(trajectories.loop), _places(trajectories)
    size, leading = sum(trajectories.state_lengths), trajectories.arguments.leading
    found = np.zeros((trajectories.steps, *leading, size, size))
    at_a_time = max(1, TOGETHER // max(1, found[0].size))
    with np.errstate(all="ignore"):
        for start in range(0, trajectories.steps, at_a_time):
            chosen = slice(start, start + at_a_time)
            _fill(found[chosen], trajectories, blocks, places, trajectories.at(chosen))
    _refuse_what_is_not_finite(trajectories, found)
    return np.moveaxis(found, 0, len(leading))


def _refuse_what_is_not_finite(trajectories: Trajectories, found: Float) -> None:
    bad = np.argwhere(~np.isfinite(found).all(axis=(-2, -1)))
    if len(bad):
        step, *at = bad[0].tolist()
        raise DataError(f"the Jacobian of step {step + 1}{trajectories.arguments.place(tuple(at))} is not finite: use "
                        "smaller weights or inputs")


def _places(trajectories: Trajectories) -> dict[Expression, slice]:
    """Return where each state, and each state before, stands in the stack."""
    places: dict[Expression, slice] = {}
    start = 0
    for state, length in zip(trajectories.states, trajectories.state_lengths, strict=True):
        places[state] = places[state.at(trajectories.loop.before)] = slice(start, start + length)
        start += length
    return places


def _fill(
    found: Float, trajectories: Trajectories, blocks: tuple[Block, ...], places: dict[Expression, slice], values: Values
) -> None:
    """Write the blocks of some steps, (steps, *leading, N, N)."""
    for block in blocks:  # a state computed earlier in the step stands in later blocks as its own block's symbol
        name = StepBlock(block.of, block.by)
        values[name] = trajectories.evaluate(block.value, values)
        target = found[..., places[block.of], places[block.by]]
        own = np.ndim(values[name]) - rank_of(block.value)
        target[...] = np.reshape(values[name], (*np.shape(values[name])[:own], *target.shape[-2:]))


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
    if len(graph.states) != 1:  # of one loop, and nothing fed back
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


def _references(chain: tuple[Trajectories, ...]) -> tuple[Float | None, Float | None]:
    """Return ln ‖A^k‖ and k ln(γ ‖A‖) for k = 0 … T, each None where it is not defined; one a network."""
    trajectories = chain[-1]
    affine, steps = affine_step(trajectories.graph), trajectories.steps
    if affine is None:
        return None, None
    matrix, length = trajectories.evaluate(affine.matrix, trajectories.parameters), trajectories.state_lengths[0]
    networks = trajectories.arguments.leading[:-1]
    matrix = np.reshape(wide(matrix, (*networks, 1), affine.matrix), (*networks, 1, length, length))
    linear = log_product_norms(np.broadcast_to(matrix, (*networks, steps, length, length)))
    slope = affine.slope_bound
    if slope is None:
        return linear, None
    with np.errstate(divide="ignore"):
        rate = np.log(slope) + log_product_norms(matrix)[..., 1:]
    return linear, np.concatenate([np.zeros((*networks, 1)), np.arange(1, steps + 1) * rate], axis=-1)
