"""PDF where TeX is at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from rnnsym.errors import OutputError

TIME_LIMIT = 120  # seconds; a derivation takes about one
NAME = "derivation"

# Neither the hour nor the temporary folder's name goes into the PDF: the same input gives the same bytes.
SAME_BYTES = r"\pdfinfoomitdate=1 \pdftrailerid{}"
SAME_DATE = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}


PASSES = 3  # the widths of long tables and numbers are known after the first, pages after the second
NO_FILES: Mapping[str, bytes] = MappingProxyType({})


def installed() -> bool:
    """Whether pdflatex is found."""
    return shutil.which("pdflatex") is not None


def require_pdflatex() -> str:
    """Return the program's path, or raise OutputError where it is not installed."""
    program = shutil.which("pdflatex")
    if program is None:
        raise OutputError("a PDF needs pdflatex, which is not found; install TeX Live, or ask for --format latex")
    return program


def typeset(source: str, files: Mapping[str, bytes] = NO_FILES) -> bytes:
    """Return the PDF of a LaTeX document, the same bytes each time; ``files`` are {path: content} that it includes.

    Errors: OutputError where pdflatex is missing or fails.
    """
    program = require_pdflatex()
    try:
        with tempfile.TemporaryDirectory(prefix="rnnsym-") as folder:
            Path(folder, f"{NAME}.tex").write_text(source, encoding="utf-8")
            for name, content in files.items():
                path = Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            for _ in range(PASSES):
                _run(program, folder)
            return Path(folder, f"{NAME}.pdf").read_bytes()
    except OSError as error:
        raise OutputError(f"pdflatex cannot be run ({error.strerror}); ask for --format latex") from None


def _run(program: str, folder: str) -> None:
    options = ["-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", f"-jobname={NAME}"]
    command = [program, *options, rf"{SAME_BYTES} \input{{{NAME}.tex}}"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=SAME_DATE | dict(os.environ),  # a date that the user has set goes before
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutputError(f"pdflatex took more than {TIME_LIMIT} s; ask for --format latex, or fewer steps") from None
    if done.returncode:
        log = done.stdout.decode("utf-8", "replace").splitlines()
        reason = next((line for line in log if line.startswith("!")), "no reason in its log")
        raise OutputError(f"pdflatex failed ({reason}); the document is complete with --format latex")
