"""What users hand over, checked and made into float64 arrays of the contract's shapes; nothing is broadcast."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.topologies import Topology

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Arguments:
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


def as_floats(name: str, value: Any) -> Float:
    """Return ``value`` as a fresh, contiguous float64 array of finite numbers; DataError names what it is otherwise."""
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(f"{name}: expected an array without a mask: fill it, and give the steps that count as lengths")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected an array of numbers, but this cannot be made into one ({error})") from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DataError(f"{name}: expected real numbers of at most 64 bits, but the dtype is {array.dtype}")
    floats = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(floats).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
        raise DataError(f"{name}: expected finite numbers, but the entry at {place} is {floats[place]}")
    return floats


class Shapes:
    """Sizes told from the arrays as they come: the first array that bears a size settles it for all others.

    A size that is a sum of others, d + n, is compared as soon as all of these are settled.
    """

    def __init__(self) -> None:
        self._settled: dict[Any, tuple[int, str]] = {}
        self._waiting: list[tuple[Any, int, str]] = []

    def match(self, name: str, array: Any, shape: Iterable[Any]) -> None:
        """Check that ``array`` has ``shape``; DataError names the size, its value and who settled it."""
        wanted = tuple(shape)
        if array.ndim != len(wanted):
            raise DataError(f"{name}: expected shape {self._spell(wanted)}, but the shape is {array.shape}")
        for length, found in zip(wanted, array.shape, strict=True):
            self._match_size(name, length, found, wanted, array.shape)
        self._match_sums()

    def _match_size(self, name: str, length: Any, found: int, wanted: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        if found == 0:
            raise DataError(f"{name}: expected shape {self._spell(wanted)}, but the shape is {shape}: nothing is in it")
        if getattr(length, "is_Add", False):
            self._waiting.append((length, found, name))
            return
        expected, by = self._settled.setdefault(length, (found, name)) if not _is_number(length) else (int(length), "")
        if found != expected:
            source = f" with {length} = {expected} from {by}" if by else ""
            raise DataError(f"{name}: expected shape {self._spell(wanted)}{source}, but the shape is {shape}")

    def _match_sums(self) -> None:
        for length, found, name in self._waiting:
            expected = self.length(length)
            if expected is not None and expected != found:
                parts = ", ".join(f"{one} = {self._settled[one][0]}" for one in sorted(length.free_symbols, key=str))
                raise DataError(f"{name}: expected the size {length} with {parts}, but it is {found}")

    def length(self, size: Any) -> int | None:
        """Return a size as a number, or None while an array that tells it is missing."""
        if _is_number(size):
            return int(size)
        known = {one: self._settled[one][0] for one in size.free_symbols if one in self._settled}
        return int(size.subs(known)) if len(known) == len(size.free_symbols) else None

    def _spell(self, shape: tuple[Any, ...]) -> str:
        return "(" + ", ".join(str(length) for length in shape) + ("," if len(shape) == 1 else "") + ")"


def _is_number(length: Any) -> bool:
    return isinstance(length, int) or bool(getattr(length, "is_Integer", False))


def as_mapping(name: str, value: Any, known: Iterable[str], *, complete: bool) -> Mapping[str, Any]:
    """Check the keys of a dict; DataError for one that is missing or unknown, with the nearest known one."""
    expected = list(known)
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise DataError(f"{name}: expected a dict with the keys {', '.join(expected)}, but it is {kind}")
    for key in value:
        if key not in expected:
            by_letters = {name.lower(): name for name in reversed(expected)}
            near = difflib.get_close_matches(str(key).lower(), by_letters, 1)
            hint = f"; did you mean {by_letters[near[0]]!r}?" if near else ""
            raise DataError(f"{name}: unknown key {key!r}; the keys are {', '.join(expected)}{hint}")
    missing = [key for key in expected if key not in value]
    if complete and missing:
        raise DataError(f"{name}: the key {missing[0]!r} is missing; the keys are {', '.join(expected)}")
    return value


@dataclass(frozen=True)
class Given:
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
        _check_range("inputs", batched, count)
        if network.feeds_back and not network.shape_of_steps.decodes and count is not None:
            return np.eye(count)[batched], single  # what later steps read in its place is a vector, no row's number
    return batched, single


def as_whole_numbers(name: str, value: Any) -> NDArray[np.int64]:
    """Return ``value`` as a fresh array of whole numbers; DataError for any other kind."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected an array of whole numbers ({error})") from None
    if isinstance(value, np.ma.MaskedArray) or array.dtype.kind not in "iu":
        raise DataError(f"{name}: expected whole numbers, but the dtype is {array.dtype}")
    return np.array(array, dtype=np.int64)


def _check_range(name: str, array: NDArray[Any], count: int | None) -> None:
    if count is not None and (array.min() < 0 or array.max() >= count):
        wrong = array[(array < 0) | (array >= count)][0]
        raise DataError(f"{name}: expected whole numbers from 0 to {count - 1}, but one is {wrong}")


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
    array = np.asarray(targets) if isinstance(targets, np.ndarray | list | tuple | int | np.integer) else None
    if not losses[network.loss].distribution or array is None or array.ndim != axes or array.dtype.kind not in "iu":
        return None
    count = shapes.length(network.target.shape[0])
    if count is None:
        raise DataError("targets: the number of classes is not known here: give one-hot rows")
    _check_range("targets", array, count)
    return np.asarray(np.eye(count)[array])


def _output_steps(network: Network, given: Given, targets: Float | None, steps: int) -> int:
    """The number of outputs: told by the targets, or where outputs are fed back asked for as ``steps``."""
    if targets is not None:
        return int(targets.shape[1])
    if not network.feeds_back:
        return steps
    if isinstance(given.steps, bool) or not isinstance(given.steps, int | np.integer) or given.steps < 1:
        raise DataError(f"steps: expected the number of outputs, a whole number from 1, but it is {given.steps!r:.80}")
    return int(given.steps)


SUM_TOLERANCE = 1e-6  # of a distribution's entries: what float32 rows, or ones that were rounded for storing, may miss


def _check_targets(network: Network, array: Float, lengths: NDArray[np.int64] | None) -> None:
    """Refuse targets outside the loss's range; what stands past a sequence's end is no target."""
    entry = losses[network.loss]
    counts = np.ones(array.shape[: array.ndim - 1], dtype=bool)
    if lengths is not None and network.shape_of_steps.every:
        counts = np.arange(array.shape[1]) < lengths[:, None]
    outside = ((array < entry.lower) | (array > entry.upper)) & counts[..., None]
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise DataError(
            f"targets: {entry.name} needs values from {entry.lower:g} to {entry.upper:g}, "
            f"but the entry at {place} is {array[place]:g}"
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
