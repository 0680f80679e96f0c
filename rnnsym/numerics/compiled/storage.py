"""Generated modules as files of a cache, so that numba keeps their machine code beside them for the next process.

The folder is ``$RNNSYM_CACHE``, else ``rnnsym`` in the user's folder for caches; where it cannot be written to, or
others could write to it, a temporary folder of this process. A module runs from the text at hand, never from the file:
the file is what numba ties its machine code to, and it is written anew where it differs.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

import rnnsym.numerics.loading as loading
from rnnsym.errors import OutputError
from rnnsym.model.whole_files import replace_file

VARIABLE = "RNNSYM_CACHE"
_loading = threading.Lock()


def cached_module(source: str, versions: str) -> ModuleType:
    """Return the module of a generated source; ``versions`` names what its machine code depends on besides."""
    key = hashlib.sha256(f"{versions}\n{source}".encode()).hexdigest()[:32]
    name = f"rnnsym_compiled_{key}"
    with _loading:
        known = sys.modules.get(name)
        return known if known is not None else _loaded(name, source)


def _loaded(name: str, source: str) -> ModuleType:
    path = _placed(name, source)
    loader = _FileLoader(source, path)
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    sys.modules[name] = module  # numba looks for a module's globals by its name
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _FileLoader(loading.SourceLoader):
    """Loads a module from its text under the name of a file with the same text."""

    def __init__(self, source: str, path: Path) -> None:
        super().__init__(source)
        self._path = path

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text that was generated, whatever stands in the file by now."""
        return self.source_to_code(self.get_source(fullname), str(self._path))


def _placed(name: str, source: str) -> Path:
    """Return the file with this text: in the cache, or where it cannot be written there, in a temporary folder."""
    try:
        return _written(cache_folder(), name, source)
    except OSError:  # a full disk, or a folder under the file's name
        pass
    try:
        return _written(_temporary(), name, source)
    except OSError as error:
        raise OutputError(f"the numba backend keeps its modules as files, and neither its cache nor a temporary folder "
                          f"takes one ({error}): make room, or set {VARIABLE} to a folder of your own") from error


def _written(folder: Path, name: str, source: str) -> Path:
    """Return the file with this text, written anew, whole or not at all, unless it is there."""
    path, text = folder / f"{name}.py", source.encode()
    try:
        if path.is_file() and not path.is_symlink() and path.read_bytes() == text:
            return path
    except OSError:
        pass  # what cannot be read is written anew
    replace_file(text, path)
    return path


def cache_folder() -> Path:
    """Return a folder of this user's own that can be written to."""
    for folder in _wishes():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if _is_own(folder):
            return folder
    return _temporary()


def _wishes() -> Iterator[Path]:
    if os.environ.get(VARIABLE):
        yield Path(os.environ[VARIABLE])
        return
    if os.name == "nt":
        yield Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "rnnsym" / "Cache"
    elif sys.platform == "darwin":
        yield Path.home() / "Library" / "Caches" / "rnnsym"
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnsym"


def _is_own(folder: Path) -> bool:
    """Whether this user alone can put files there: machine code in it is run as it stands."""
    try:
        found = folder.stat()
    except OSError:
        return False
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        return False
    return os.access(folder, os.W_OK | os.X_OK)


@cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="rnnsym-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
