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

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Arguments:
    """Validated arguments of one call; ``single`` says that one sequence came without a batch axis."""

    parameters: dict[str, Float]
    inputs: Float
    targets: Float | None
    initial_state: dict[str, Float] | None
    lengths: NDArray[np.int64] | None
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
    """Sizes told from the arrays as they come: the first array that bears a size settles it for all others."""

    def __init__(self) -> None:
        self._settled: dict[Any, tuple[int, str]] = {}

    def match(self, name: str, array: Float, shape: Iterable[Any]) -> None:
        """Check that ``array`` has ``shape``; DataError names the size, its value and who settled it."""
        wanted = tuple(shape)
        if array.ndim != len(wanted):
            raise DataError(f"{name}: expected shape {self._spell(wanted)}, but the shape is {array.shape}")
        for length, found in zip(wanted, array.shape, strict=True):
            self._match_size(name, length, found, wanted, array.shape)

    def _match_size(self, name: str, length: Any, found: int, wanted: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        if found == 0:
            raise DataError(f"{name}: expected shape {self._spell(wanted)}, but the shape is {shape}: nothing is in it")
        expected, by = self._settled.setdefault(length, (found, name)) if not _is_number(length) else (int(length), "")
        if found != expected:
            source = f" with {length} = {expected} from {by}" if by else ""
            raise DataError(f"{name}: expected shape {self._spell(wanted)}{source}, but the shape is {shape}")

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


def validate(
    network: Network, parameters: Any, inputs: Any, targets: Any, initial_state: Any, lengths: Any, *,
    predict: bool = False,
) -> Arguments:
    """Return all arguments checked against the network and against each other."""
    shapes = Shapes()
    weights = _parameters(network, parameters, shapes)
    sequence = as_floats("inputs", inputs)
    axes = 2 + network.input.rank
    single = sequence.ndim == axes - 1
    batched = sequence[None] if single else sequence
    if batched.ndim == axes and batched.shape[1] == 0:
        raise DataError("inputs: expected at least one step, but T is 0")
    shapes.match("inputs", batched, ("batch", "T", *network.input.shape))
    wanted = None if predict else _targets(network, targets, shapes, single=single)
    batch, steps = batched.shape[:2]
    return Arguments(
        weights, batched, wanted, _initial(network, initial_state, shapes), _lengths(lengths, batch, steps), single
    )


def _parameters(network: Network, parameters: Any, shapes: Shapes) -> dict[str, Float]:
    found = as_mapping("parameters", parameters, [p.name for p in network.parameters], complete=True)
    arrays = {p.name: as_floats(f"parameter {p.name}", found[p.name]) for p in network.parameters}
    for p in network.parameters:
        shapes.match(f"parameter {p.name}", arrays[p.name], p.shape)
    return arrays


def _targets(network: Network, targets: Any, shapes: Shapes, *, single: bool) -> Float:
    array = as_floats("targets", targets)
    if single:
        array = array.reshape(1, 1) if array.ndim == 0 else array[None]
    shapes.match("targets", array, ("batch", *network.target.shape))
    entry = losses[network.loss]
    outside = (array < entry.lower) | (array > entry.upper)
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise DataError(
            f"targets: {entry.name} needs values from {entry.lower:g} to {entry.upper:g}, "
            f"but the entry at {place} is {array[place]:g}"
        )
    return array


def _initial(network: Network, initial_state: Any, shapes: Shapes) -> dict[str, Float] | None:
    if initial_state is None:
        return None
    known = {state.variable.name: state.variable for state in network.states}
    found = as_mapping("initial_state", initial_state, known, complete=False)
    arrays = {}
    for name, value in found.items():
        array = as_floats(f"initial state {name}", value)
        own = known[name].shape
        shapes.match(f"initial state {name}", array, own if array.ndim == len(own) else ("batch", *own))
        arrays[name] = array
    return arrays


def _lengths(lengths: Any, batch: int, steps: int) -> NDArray[np.int64] | None:
    if lengths is None:
        return None
    try:
        array = np.asarray(lengths)
    except (ValueError, TypeError) as error:
        raise DataError(f"lengths: expected an array of whole numbers ({error})") from None
    if array.dtype.kind not in "iu":
        raise DataError(f"lengths: expected whole numbers, but the dtype is {array.dtype}")
    if array.shape != (batch,):
        raise DataError(f"lengths: expected shape ({batch},), the batch of inputs, but the shape is {array.shape}")
    if array.min() < 1 or array.max() > steps:
        bad = array[(array < 1) | (array > steps)][0]
        raise DataError(f"lengths: expected whole numbers from 1 to T = {steps}, but one is {bad}")
    return array.astype(np.int64)
