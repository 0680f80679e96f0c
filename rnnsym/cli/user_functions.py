"""A user's own function out of a user's own file, whose code is run: the command line says so."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnsym.cli.streams import complain
from rnnsym.errors import CheckError

FORM = "expected FILE.py:FUNCTION, such as my_rnn.py:backward"


def load_function(text: str) -> Callable[..., Any]:
    """Return the function that ``FILE:FUNCTION`` names, after running the file. Errors: CheckError."""
    file, colon, name = text.rpartition(":")
    if not colon or not file or not name:
        raise CheckError(f"{text}: {FORM}")
    path = Path(file)
    if not path.is_file():
        raise CheckError(f"{file}: there is no such file; {FORM}")
    complain("note", f"this runs the code of {file}")
    module = _run(path.resolve(), file)
    found: Callable[..., Any] | None = getattr(module, name, None)
    if found is None or not callable(found):
        functions = sorted(key for key, value in vars(module).items()
                           if callable(value) and getattr(value, "__module__", "") == module.__name__)
        raise CheckError(f"{file}: has no function {name!r}; it has {', '.join(functions) or 'none'}")
    return found


def _run(path: Path, shown: str) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"{shown}: is no Python file; {FORM}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # a file may import its neighbours
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = f", line {frames[-1].lineno}" if frames else ""
        raise CheckError(f"{shown}{line}: running it raised {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(path.parent))
    return module
