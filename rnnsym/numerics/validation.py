"""What users hand over, checked and made into float64 arrays of the contract's shapes; nothing is broadcast."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.topologies import Topology
from rnnsym.numerics.arrays import Float, Shapes, as_floats, as_mapping, as_whole_numbers, check_range


class Arguments(NamedTuple):
    """Validated arguments of one call; ``single`` says that one sequence came without a batch axis.

    ``inputs`` and ``targets`` have their batch axis; rows that are looked up are whole numbers, classes are one-hot.
    ``steps`` is the number of outputs where they are fed back, else of inputs.
    """

    parameters: dict[str, Float]
    inputs: Any
    targets: Float | None
    initial_state: dict[str, Float] | None
    lengths: NDArray[np.int64] | None
    target_lengths: NDArray[np.int64] | None
    steps: int
    single: bool


class Given(NamedTuple):
    """What a caller hands over, as it came."""

    parameters: Any
    inputs: Any
    targets: Any = None
    initial_state: Any = None
    lengths: Any = None
    target_lengths: Any = None
    steps: Any = None


def validate(network: Network, given: Given, *, predict: bool = False) -> Arguments:
    """Return all arguments checked against the network and against each other.

    ``predict`` leaves targets out, but where a teacher gives them.
    """
    _refuse_unread(network, given, predict=predict)
    shapes = Shapes()
    weights = _parameters(network, given.parameters, shapes)
    inputs, single = _inputs(network, given.inputs, shapes)
    topology = network.shape_of_steps
    batch = len(inputs)
    lengths = None if topology.feeds_back else _lengths("lengths", given.lengths, batch, _axis(inputs, topology))
    targets, steps = None, _axis(inputs, topology)
    if not predict or network.forced:
        targets = _targets(network, given.targets, shapes, single=single)
    if topology.every:
        steps = _output_steps(network, given, targets, steps)
    counted = given.lengths if topology.feeds_back else given.target_lengths
    own = topology.feeds_back or topology.decodes
    name = "lengths" if topology.feeds_back else "target_lengths"
    if not own and given.target_lengths is not None:
        raise DataError("target_lengths: only a decoder's outputs have lengths of their own: give lengths")
    target_lengths = _lengths(name, counted, batch, steps) if own else None
    if topology.feeds_back:
        lengths, target_lengths = target_lengths, None
    if targets is not None:
        _check_targets(network, targets, target_lengths if topology.decodes else lengths)
    state = _initial(network, given.initial_state, shapes)
    return Arguments(weights, inputs, targets, state, lengths, target_lengths, steps, single)


def _refuse_unread(network: Network, given: Given, *, predict: bool) -> None:
    """Refuse what nothing would read, and ask for what a prediction cannot do without."""
    if given.steps is not None and not network.feeds_back:
        raise DataError("steps: the inputs tell how many outputs there are: leave it out")
    if predict and given.targets is not None and not network.forced:
        raise DataError("targets: a prediction reads them only where a decoder has a teacher: leave them out")
    if predict and network.forced and given.targets is None:
        raise DataError("targets: a decoder with a teacher reads them: give targets, or take teacher_forcing=False")


def _axis(inputs: Any, topology: Topology) -> int:
    return 1 if topology.one_input else int(inputs.shape[1])


def _parameters(network: Network, parameters: Any, shapes: Shapes) -> dict[str, Float]:
    found = as_mapping("parameters", parameters, [p.name for p in network.parameters], complete=True)
    arrays = {p.name: as_floats(f"parameter {p.name}", found[p.name]) for p in network.parameters}
    for p in network.parameters:
        shapes.match(f"parameter {p.name}", arrays[p.name], p.shape)
    return arrays


def _inputs(network: Network, inputs: Any, shapes: Shapes) -> tuple[Any, bool]:
    """Return the inputs with a batch axis, and whether they came without one."""
    own: tuple[Any, ...] = () if network.reads_index else tuple(network.input.shape)
    own = own if network.shape_of_steps.one_input else ("T", *own)
    array = as_whole_numbers("inputs", inputs) if network.reads_index else as_floats("inputs", inputs)
    single = array.ndim == len(own)
    batched = array[None] if single else array
    if batched.ndim == len(own) + 1 and "T" in own and batched.shape[1] == 0:
        raise DataError("inputs: expected at least one step, but T is 0")
    shapes.match("inputs", batched, ("batch", *own))
    if network.reads_index:
        count = shapes.length(network.input.shape[0])
        check_range("inputs", batched, count)
        if network.feeds_back and not network.shape_of_steps.decodes and count is not None:
            return np.eye(count)[batched], single  # what later steps read in its place is a vector, no row's number
    return batched, single


def _targets(network: Network, targets: Any, shapes: Shapes, *, single: bool) -> Float:
    topology = network.shape_of_steps
    axis = () if not topology.every else ("T",) if not (topology.decodes or topology.feeds_back) else ("S",)
    wanted = ("batch", *axis, *network.target.shape)
    array = _classes(network, targets, shapes, len(wanted) - 1 - single)
    array = as_floats("targets", targets) if array is None else array
    if single:
        array = array.reshape(1, 1) if array.ndim == 0 and not axis else array[None]
    shapes.match("targets", array, wanted)
    return array


def _classes(network: Network, targets: Any, shapes: Shapes, axes: int) -> Float | None:
    """Return class numbers as one-hot rows, None where the targets are no class numbers."""
    if not losses[network.loss].distribution or isinstance(targets, np.ma.MaskedArray):
        return None
    try:
        array = np.asarray(targets)
    except (ValueError, TypeError):
        return None  # no numbers at all: refused with all other targets that are none
    if array.ndim != axes or array.dtype.kind not in "iu":
        return None
    count = shapes.length(network.target.shape[0])
    if count is None:
        raise DataError("targets: the number of classes is not known here: give one-hot rows")
    check_range("targets", array, count)
    return np.asarray(np.eye(count)[array])


def _output_steps(network: Network, given: Given, targets: Float | None, steps: int) -> int:
    """The number of outputs: told by the targets, or where outputs are fed back asked for as ``steps``."""
    if targets is not None:
        return int(targets.shape[1])
    if not network.feeds_back:
        return steps
    whole = isinstance(given.steps, int | np.integer) and not isinstance(given.steps, bool)
    if not whole or not 1 <= given.steps <= MOST_STEPS:
        raise DataError(f"steps: expected the number of outputs, a whole number from 1 to {MOST_STEPS}, but it is "
                        f"{given.steps!r:.80}")
    return int(given.steps)


MOST_STEPS = 10**6  # of outputs that are fed back and kept
SUM_TOLERANCE = 1e-6  # of a distribution's entries: what float32 rows, or ones that were rounded for storing, may miss


def _check_targets(network: Network, array: Float, lengths: NDArray[np.int64] | None) -> None:
    """Refuse targets outside the loss's range; what stands past a sequence's end is no target."""
    entry = losses[network.loss]
    counts = np.ones(array.shape[: array.ndim - 1], dtype=bool)
    if lengths is not None and network.shape_of_steps.every:
        counts = np.arange(array.shape[1]) < lengths[:, None]
    slack = SUM_TOLERANCE if entry.distribution else 0.0
    outside = ((array < entry.lower - slack) | (array > entry.upper + slack)) & counts[..., None]
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise DataError(
            f"targets: {entry.name} needs values from {entry.lower:g} to {entry.upper:g}, "
            f"but the entry at {place} is {array[place]:.9g}"
        )
    wrong = counts & (np.abs(array.sum(axis=-1) - 1.0) > SUM_TOLERANCE)
    if entry.distribution and wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(f"targets: {entry.name} needs rows that sum to 1, but the row at {place} sums to "
                        f"{array[place].sum():g}: give one-hot rows, probabilities or class numbers")


def _initial(network: Network, initial_state: Any, shapes: Shapes) -> dict[str, Float] | None:
    if initial_state is None:
        return None
    known = {state.variable.name: state for state in network.states}
    found = as_mapping("initial_state", initial_state, known, complete=False)
    arrays = {}
    for name, value in found.items():
        array = as_floats(f"initial state {name}", value)
        own = (*((known[name].lag,) if known[name].lag > 1 else ()), *known[name].variable.shape)
        shapes.match(f"initial state {name}", array, own if array.ndim == len(own) else ("batch", *own))
        arrays[name] = array
    return arrays


def _lengths(name: str, lengths: Any, batch: int, steps: int) -> NDArray[np.int64] | None:
    if lengths is None:
        return None
    array = as_whole_numbers(name, lengths)
    if array.shape != (batch,):
        raise DataError(f"{name}: expected shape ({batch},), the batch of inputs, but the shape is {array.shape}")
    if array.min() < 1 or array.max() > steps:
        bad = array[(array < 1) | (array > steps)][0]
        raise DataError(f"{name}: expected whole numbers from 1 to T = {steps}, but one is {bad}")
    return array
