"""Network files: TOML with the keys of a network, and one clear error for each way in which a file can be wrong."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnsym.errors import EquationError, NetworkError, RnnsymError
from rnnsym.model.cells import Cell, cells, entries

KEYS = ("cell", "name", "equations", "readout", "loss", "topology")
MAX_BYTES = 1_000_000  # fifty times the longest text of equations


@dataclass(frozen=True)
class NetworkFile:
    """What a network file says, its keys checked; ``place`` names it in messages."""

    place: str
    keys: Mapping[str, str]

    def cell(self) -> Cell:
        """Return the built-in cell, or the one that the file's equations describe."""
        built_in = self.keys.get("cell")
        if built_in is not None:
            return cells[built_in]
        try:
            return Cell.from_equations(self.keys["name"], self.keys["equations"])
        except EquationError as error:
            raise NetworkError(_counted_in("equations", error)) from error

    def readout(self) -> str:
        """Return the readout, for a built-in cell the recommended one where the file has none."""
        return self.keys["readout"] if "readout" in self.keys else entries[self.keys["cell"]].readout

    def refusal(self, error: RnnsymError) -> NetworkError:
        """Return what making the network raised, with the file's name; of its texts, only the readout is read there."""
        message = _counted_in("readout", error) if isinstance(error, EquationError) else str(error)
        return NetworkError(f"{self.place}: {message}")

    def choices(self) -> dict[str, str]:
        """Return loss and topology where the file names them."""
        return {key: self.keys[key] for key in ("loss", "topology") if key in self.keys}


def read_network_file(path: str | Path) -> NetworkFile:
    """Return what the file says; raise NetworkError naming the file."""
    place = f"network file {str(path)!r}"
    keys = _parse(_read(path, place), place)
    _check(keys, place)
    return NetworkFile(place, keys)


def _counted_in(key: str, error: EquationError) -> str:
    """Say that a line is one of a key's text, not of the file."""
    line = f"line {error.line}"
    return str(error) if error.line is None else f"{line} of `{key}`{str(error).removeprefix(line)}"


def _read(path: str | Path, place: str) -> bytes:
    if not isinstance(path, str | os.PathLike):
        raise NetworkError(f"a network file is named by a str or Path, but this is {path!r:.80}; give its path")
    try:
        if not Path(path).is_file():
            raise NetworkError(f"{place} is not there, or is not a file")
        if Path(path).stat().st_size > MAX_BYTES:
            raise NetworkError(f"{place} has more than {MAX_BYTES} bytes, which no network needs")
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise NetworkError(f"{place} cannot be read: {error}") from None


def _parse(content: bytes, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NetworkError(f"{place} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NetworkError(f"{place} is not TOML: {error}") from None


def _check(keys: Mapping[str, Any], place: str) -> None:
    for key, value in keys.items():
        if key not in KEYS:
            raise NetworkError(f"{place} has the unknown key {key!r:.80}; the keys are {', '.join(KEYS)}")
        if not isinstance(value, str):
            raise NetworkError(f"{place}: {key} must be a text in quotes, not {type(value).__name__}")
    own = [key for key in ("name", "equations") if key in keys]
    if "cell" in keys and own:
        raise NetworkError(f"{place} has both cell and {' and '.join(own)}: a built-in cell, or one of your own")
    needed = () if "cell" in keys else ("name", "equations", "readout")
    missing = [key for key in needed if key not in keys]
    if len(own) == 0 and missing:
        raise NetworkError(f"{place} needs the key cell (a built-in cell), or the keys name, equations and readout")
    if missing:
        raise NetworkError(f"{place} needs the key {' and the key '.join(missing)}")
