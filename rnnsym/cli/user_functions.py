"""A user's own function out of a user's own file, whose code is run: the command line says so."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from rnnsym.cli.streams import complain
from rnnsym.errors import CheckError

FORM = "expected FILE.py:FUNCTION, such as my_rnn.py:backward"


@contextmanager
def user_function(text: str) -> Iterator[Callable[..., Any]]:
    """Run the file of ``FILE:FUNCTION`` and give its function. Errors: CheckError.

    As long as it is in use, the file's folder comes first where modules are looked for, as for Python itself, and what
    the user's code prints goes to standard error: standard output is the report's.
    """
    file, colon, name = text.rpartition(":")
    if not colon or not file or not name:
        raise CheckError(f"{text}: {FORM}")
    path = Path(file)
    if not path.is_file():
        raise CheckError(f"{file}: there is no such file; {FORM}")
    complain("note", f"this runs the code of {file}")
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield _found(_run(path.resolve(), file), name, file)
    finally:
        with suppress(ValueError):  # the user's code may have changed it
            sys.path.remove(folder)


def _found(module: ModuleType, name: str, file: str) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(module, name, None)
    owner = getattr(module, name.partition(".")[0], None)
    if isinstance(owner, type):
        kind = "a method" if "." in name else "a class"
        raise CheckError(f"{file}: {name!r} is {kind}, which needs an object first; "
                         "name a function that makes one, such as `def backward(parameters, inputs, targets): "
                         f"return {owner.__name__}(…).backward(…)`")
    if found is None or not callable(found):
        functions = sorted(key for key, value in vars(module).items()
                           if callable(value) and getattr(value, "__module__", "") == module.__name__)
        raise CheckError(f"{file}: has no function {name!r}; it has {', '.join(functions) or 'none'}")
    return found


def _run(path: Path, shown: str) -> ModuleType:
    """Run a file as a module of its own name, or of another where a module in use has that."""
    name = path.stem if path.stem not in sys.modules else f"{path.stem} of {path.parent}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"{shown}: is no Python file; {FORM}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = f", line {frames[-1].lineno}" if frames else ""
        raise CheckError(f"{shown}{line}: running it raised {type(error).__name__}: {error}") from None
    return module
