"""The course of a training run: its parameters and losses so far, kept in a file and taken up again without loss."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.optimisers import Memory
from rnnsym.errors import DataError
from rnnsym.model.whole_files import write_whole

Float = NDArray[np.float64]
FORMAT = "rnnsym course 1"


@dataclass(frozen=True, eq=False)
class Course:
    """What a run has come to after ``updates`` updates.

    ``losses`` and ``norms``, (updates,), are those of each update's batch, before it was made: the loss, and the
    gradient's global norm before clipping. ``diverged`` says at which update the run stopped and why, "" if it has not.
    """

    parameters: Mapping[str, Float]
    memory: Memory = field(default_factory=Memory)
    losses: Float = field(default_factory=lambda: np.empty(0))
    norms: Float = field(default_factory=lambda: np.empty(0))
    diverged: str = ""

    @property
    def updates(self) -> int:
        """The number of updates so far."""
        return self.memory.updates


def save_course(course: Course, path: Path, settings: str) -> None:
    """Write a course as .npz, whole or not at all; ``settings`` describe the run, and only this run can take it up.

    Errors: OutputError where the file cannot be written.
    """
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT), "settings": np.array(settings), "diverged": np.array(course.diverged),
        "updates": np.array(course.updates), "losses": course.losses, "norms": course.norms,
        **{f"parameters/{name}": value for name, value in course.parameters.items()},
        **{f"memory/{kind}/{name}": value for kind, values in course.memory.averages.items()
           for name, value in values.items()},
    }
    file = io.BytesIO()
    np.savez(file, **arrays)
    write_whole(file.getvalue(), path)


def _is_whole(arrays: Mapping[str, Any]) -> bool:
    """Whether all entries are there, and as many losses and norms as updates."""
    if not {"settings", "diverged", "updates", "losses", "norms"} <= set(arrays):
        return False
    updates, losses, norms = (arrays[name] for name in ("updates", "losses", "norms"))
    parameters = {key.removeprefix("parameters/"): value.shape for key, value in arrays.items()
                  if key.startswith("parameters/")}
    memory = [(key.split("/", 2)[-1], value.shape) for key, value in arrays.items() if key.startswith("memory/")]
    return bool(updates.shape == () and updates.dtype.kind in "iu" and losses.shape == norms.shape == (int(updates),)
                and losses.dtype == norms.dtype == np.float64
                and all(parameters.get(name) == shape for name, shape in memory))


def load_course(path: Path, settings: str) -> Course:
    """Read a course that ``save_course`` wrote, bit for bit.

    Errors: DataError for what is no such file, and for the course of a run with other settings.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, TypeError, EOFError, NotImplementedError, KeyError, zipfile.BadZipFile,
            zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a course ({error}); remove it to start anew") from None
    if str(arrays.get("format", "")) != FORMAT or not _is_whole(arrays):
        raise DataError(f"{path}: is no course of a training run, or is damaged; remove it to start anew")
    if str(arrays["settings"]) != settings:
        raise DataError(f"{path}: belongs to a run with other settings ({arrays['settings']}), not to this one "
                        f"({settings}); remove it to start anew, or name another file")
    averages: dict[str, dict[str, Float]] = {}
    for key in arrays:
        if key.startswith("memory/"):
            _, kind, name = key.split("/", 2)
            averages.setdefault(kind, {})[name] = arrays[key]
    parameters = {key.removeprefix("parameters/"): value for key, value in arrays.items()
                  if key.startswith("parameters/")}
    memory = Memory(int(arrays["updates"]), MappingProxyType(averages))
    return Course(parameters, memory, arrays["losses"], arrays["norms"], str(arrays["diverged"]))
