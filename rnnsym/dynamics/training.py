"""A trainer good enough to show effects: mini-batches, clipping, schedules, an end where it diverges, resumption."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnsym.dynamics.batches import Batch, Batches
from rnnsym.dynamics.clipping import clip_by_norm, clip_by_value, global_norm
from rnnsym.dynamics.courses import Course, load_course, save_course
from rnnsym.dynamics.optimisers import Adam, Optimiser
from rnnsym.dynamics.schedules import Constant, Schedule
from rnnsym.dynamics.truncation import Truncated
from rnnsym.errors import DataError, NotFiniteError, OutputError
from rnnsym.model.kinds import instance, shown
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.numbers import positive, whole

Progress = Callable[[int, int], None]
DIVERGED = 1e6  # times the first loss (or 1, where that is smaller): from there no run of ours has come back


@dataclass(frozen=True)
class Training:
    """How a network is trained: ``updates`` of them, each W ← rule(W, clip(∂L/∂W), η_m).

    ``clip_norm`` is the largest global norm of a gradient, ``clip_value`` the largest entry (None: not clipped; by
    value first, where both are given). ``truncate`` is the number of steps that losses go
    back (``truncation.Truncated``; None: all). Every ``save_every`` updates the course is saved, where it is saved.
    """

    updates: int
    optimiser: Optimiser = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=lambda: Constant(1e-2))
    clip_norm: float | None = None
    clip_value: float | None = None
    save_every: int = 100
    truncate: int | None = None

    def __post_init__(self) -> None:
        whole("updates", self.updates, 0)
        whole("save_every", self.save_every, 1)
        if self.truncate is not None:
            whole("truncate", self.truncate, 1)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        for name, method in (("optimiser", "update"), ("schedule", "rate")):
            own = getattr(self, name)
            if isinstance(own, Mapping) or not callable(getattr(own, method, None)):
                raise DataError(f"{name}: expected one with a method {method}(…), of rnnsym.dynamics.{name}s, but it "
                                f"is {shown(own)}")

    def gradients_of(self, run: CompiledNetwork) -> CompiledNetwork | Truncated:
        """Return what gives the gradients of a compiled network."""
        return run if self.truncate is None else Truncated(run, self.truncate)

    def clipped(self, gradients: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the rule sees of the gradients."""
        found = gradients if self.clip_value is None else clip_by_value(gradients, self.clip_value)
        return found if self.clip_norm is None else clip_by_norm(found, self.clip_norm)


def train(
    network: Network | CompiledNetwork,
    parameters: Mapping[str, Any],
    batches: Batches,
    training: Training,
    *,
    course: Path | None = None,
    progress: Progress | None = None,
    until: Callable[[Course], bool] | None = None,
) -> Course:
    """Descend ∂L/∂W from ``parameters`` on, one update a batch; the same arguments give the same numbers.

    Where ``course`` names a file the run is kept there every ``save_every`` updates and at its end, and one that was
    killed goes on from there to the identical result. ``progress(done, total)`` is told of every update; ``until`` is
    asked after every ``save_every`` updates whether to stop. A run ends where a loss or gradient is not finite, or a
    loss exceeds a million times the first; ``diverged`` then names the update. Errors: DataError for arguments
    that do not fit the network, and for a ``course`` of other settings; DerivationError for a network that cannot be
    truncated; OutputError where the course cannot be written.

    >>> import rnnsym
    >>> from rnnsym.dynamics.batches import Batch, Shuffled
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> bits = [[[1], [0], [1]], [[0], [0], [1]], [[1], [1], [1]], [[0], [0], [0]]]
    >>> table = Shuffled(Batch(np.array(bits, dtype=float), np.array([[1.0], [0.0], [1.0], [0.0]])), size=4)
    >>> start = rnnsym.dynamics.initialise(network, {"d": 1, "n": 3, "k": 1}, "xavier_uniform")
    >>> found = train(network, start, table, Training(updates=300))
    >>> bool(found.losses[0] > 0.5 > 0.05 > found.losses[-1])
    True
    """
    run = network if isinstance(network, CompiledNetwork) else compile_network(network)
    _refuse_what_is_none(parameters, batches, course)
    instance("training", training, Training, "a Training, such as rnnsym.dynamics.Training(100)")
    for name, function in (("progress", progress), ("until", until)):
        if function is not None and not callable(function):
            raise DataError(f"{name}: expected a function, but it is {shown(function)}")
    settings = _settings(run.network, parameters, batches, training)
    found = Course(dict(parameters)) if course is None or not course.exists() else load_course(course, settings)
    _fits(run, found, batches.batch(0))
    done, descended = found, training.gradients_of(run)
    if until is not None and done.updates and until(done):  # it was cut off between its last save and its end
        return done
    while done.updates < training.updates and not done.diverged:
        stop = min(training.updates, done.updates + training.save_every)
        done = _stretch(descended, done, batches, training, stop, progress)
        if course is not None:
            save_course(done, course, settings)
        if until is not None and until(done):
            break
    return done


def _refuse_what_is_none(parameters: Any, batches: Any, course: Any) -> None:
    if not isinstance(parameters, Mapping):
        raise DataError(f"parameters: expected a dict of name to array, but it is {parameters!r:.80}")
    if not callable(getattr(batches, "batch", None)):
        raise DataError("batches: expected a source of batches, such as rnnsym.dynamics.batches.Shuffled(Batch(inputs, "
                        f"targets), size), but it is {batches!r:.80}")
    if course is not None and not isinstance(course, Path):
        raise DataError(f"course: expected a pathlib.Path, but it is {course!r:.80}")
    if course is not None and not course.parent.is_dir():
        raise OutputError(f"{course}: the course cannot be written (there is no folder {course.parent}); make it first")


def _settings(network: Network, parameters: Mapping[str, Any], batches: Batches, training: Training) -> str:
    """Describe a run: its kind and rules in words, its equations, where it starts and its data by what they hash to."""
    digest = hashlib.sha256(repr((
        network.cell.text, network.readout, network.over_steps, network.feed, network.bidirectional,
        network.teacher_forcing, None if network.decoder is None else network.decoder.text)).encode())
    batch = [batches.batch(update) for update in _seen(batches, training)]
    arrays = [array for one in batch for array in (one.inputs, one.targets, one.lengths) if array is not None]
    for one in (*(parameters[name] for name in sorted(parameters)), *arrays):
        array = np.ascontiguousarray(one)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    size, seed = (getattr(batches, name, "?") for name in ("size", "seed"))
    return (f"{network.cell.name}, {network.topology}, {network.loss}; {training}; {type(batches).__name__} of {size}, "
            f"seed {seed}; data and start {digest.hexdigest()[:16]}")


def _seen(batches: Batches, training: Training) -> list[int]:
    """Return the updates whose batches tell the data: an epoch, or of what is drawn without end some."""
    last = max(0, training.updates - 1)
    return sorted({min(last, update) for update in (*range(getattr(batches, "an_epoch", 3)), last)})


def _fits(run: CompiledNetwork, found: Course, batch: Batch) -> None:
    """Refuse arguments that do not fit, before anything that goes wrong later is taken for a divergence."""
    with suppress(NotFiniteError):
        run.loss(found.parameters, batch.inputs, batch.targets, lengths=batch.lengths)


def _stretch(
    run: CompiledNetwork | Truncated, course: Course, batches: Batches, training: Training, stop: int,
    progress: Progress | None,
) -> Course:
    """Make the updates up to ``stop``, or as many as there are before it diverges."""
    weights, memory, losses, norms, fault = course.parameters, course.memory, [], [], ""
    first = course.losses[0] if len(course.losses) else None
    for update in range(course.updates, stop):
        batch = batches.batch(update)
        try:
            loss, gradients = run.value_and_grad(weights, batch.inputs, batch.targets, lengths=batch.lengths)
            norm = global_norm(gradients)
            fault = _too_large(loss, loss if first is None else first)
            if not fault:
                weights, memory = training.optimiser.update(weights, training.clipped(gradients),
                                                            training.schedule.rate(update), memory)
        except NotFiniteError as error:
            fault = str(error)
        if fault:
            fault = f"update {update}: {fault}"
            break
        first = loss if first is None else first
        losses.append(loss)
        norms.append(norm)
        if progress is not None:
            progress(update + 1, training.updates)
    losses, norms = [*course.losses, *losses], [*course.norms, *norms]
    return Course(weights, memory, np.array(losses), np.array(norms), fault)


def _too_large(loss: float, first: float) -> str:
    most = DIVERGED * max(first, 1.0)
    return f"the loss is {loss:g}, above {most:g}" if loss > most else ""
