"""Network files: TOML with the keys of a network, and one clear error for each way in which a file can be wrong."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnsym.errors import EquationError, NetworkError, RnnsymError
from rnnsym.model.cells import Cell, cells
from rnnsym.model.composition import MOST_LAYERS
from rnnsym.model.sources import MAX_SHOWN

TEXTS = ("name", "equations", "readout", "loss", "topology", "feed", "over_steps", "decoder", "decoder_equations")
SWITCHES = ("bidirectional", "teacher_forcing")
KEYS = ("cell", "layers", *TEXTS, *SWITCHES)
OPTIONS = ("loss", "topology", "feed", "over_steps", *SWITCHES)  # handed on to the network as they are
MAX_BYTES = 1_000_000  # fifty times the longest text of equations


@dataclass(frozen=True)
class NetworkFile:
    """What a network file says, its keys checked; ``place`` names it in messages."""

    place: str
    keys: Mapping[str, Any]

    def cell(self) -> Cell | list[Cell]:
        """Return the built-in cell or cells, or the one that the file's equations describe, in as many layers."""
        built_in = self.keys.get("cell")
        layers: int = self.keys.get("layers", 1)
        if isinstance(built_in, list):
            return [self._built_in(name) for name in built_in]
        one = self._own_cell(self.keys["name"], "equations") if built_in is None else cells[built_in]
        return [one] * layers if layers > 1 else one

    def _built_in(self, name: str) -> Cell:
        if name not in cells:
            raise NetworkError(f"a list of cells stacks built-in ones, and {name!r:.80} is none ({', '.join(cells)}); "
                               "a cell of your own is stacked by its equations and `layers`")
        return cells[name]

    def _own_cell(self, name: str, key: str) -> Cell:
        try:
            return Cell.from_equations(name, self.keys[key])
        except EquationError as error:
            raise NetworkError(_counted_in(key, error)) from error

    def readout(self) -> str:
        """Return the readout, empty where the network shall take the recommended one."""
        return str(self.keys.get("readout", ""))

    def refusal(self, error: RnnsymError) -> NetworkError:
        """Return what making the network raised, with the file's name; of its texts, only the readout is read there."""
        key = "feed" if "in the feed:" in str(error) else "readout"
        message = _counted_in(key, error) if isinstance(error, EquationError) else str(error)
        return NetworkError(f"{self.place}: {message}")

    def choices(self) -> dict[str, Any]:
        """Return the options of a network that the file names."""
        found = {key: self.keys[key] for key in OPTIONS if key in self.keys}
        if "decoder" in self.keys:
            found["decoder"] = cells[self.keys["decoder"]]
        if "decoder_equations" in self.keys:
            found["decoder"] = self._own_cell("decoder", "decoder_equations")
        return found


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
    except (ValueError, RecursionError) as error:  # ValueError also for an integer of thousands of digits
        raise NetworkError(f"{place} is not TOML: {error}{_toml_remedy(str(error), content)}") from None


def _toml_remedy(message: str, content: bytes) -> str:
    """What to say besides of a backslash, and of a key that stands twice."""
    if "\\" in message:
        return "; LaTeX is not read, and equations need no backslash"
    line = re.search(r"line (\d+)", message)
    if "overwrite" not in message:
        return ""
    lines = content.decode("utf-8-sig").splitlines()
    key = lines[int(line[1]) - 1 if line else -1].partition("=")[0].strip()
    return f"; the key {key[:MAX_SHOWN]} stands there for the second time"


def _check(keys: Mapping[str, Any], place: str) -> None:
    for key, value in keys.items():
        if key not in KEYS:
            raise NetworkError(f"{place} has the unknown key {key!r:.80}; the keys are {', '.join(KEYS)}")
        fault = _fault(key, value)
        if fault:
            raise NetworkError(f"{place}: {key} must be {fault}, not {value!r:.40}")
    own = [key for key in ("name", "equations") if key in keys]
    if "cell" in keys and own:
        raise NetworkError(f"{place} has both cell and {' and '.join(own)}: a built-in cell, or one of your own")
    if "decoder" in keys and "decoder_equations" in keys:
        raise NetworkError(f"{place} has both decoder and decoder_equations: a built-in cell, or one of your own")
    if "layers" in keys and isinstance(keys.get("cell"), list):
        raise NetworkError(f"{place} has layers and a list of cells: the list says how many layers there are")
    needed = () if "cell" in keys else ("name", "equations", "readout")
    missing = [key for key in needed if key not in keys]
    if len(own) == 0 and missing:
        raise NetworkError(f"{place} needs the key cell (a built-in cell), or the keys name, equations and readout")
    if missing:
        raise NetworkError(f"{place} needs the key {' and the key '.join(missing)}")


def _fault(key: str, value: Any) -> str:
    """Say what a key's value must be, where it is not."""
    if key in SWITCHES:
        return "" if isinstance(value, bool) else "true or false"
    if key == "layers":
        whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_LAYERS
        return "" if whole else f"a whole number from 1 to {MOST_LAYERS}"
    if key == "cell" and isinstance(value, list):
        return "" if value and all(isinstance(name, str) for name in value) else "names of built-in cells"
    return "" if isinstance(value, str) else "a text in quotes"
