"""PDF where TeX is at hand."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from rnnsym.errors import OutputError

TIME_LIMIT = 120  # seconds; a derivation takes about one


def typeset(source: Path) -> Path | None:
    """Write the PDF of a LaTeX file beside it; None where pdflatex is not installed, OutputError where it fails."""
    program = shutil.which("pdflatex")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source, folder)
        _run(program, source.name, folder)
        target = source.with_suffix(".pdf")
        shutil.copy(Path(folder, target.name), target)
    return target


def _run(program: str, name: str, folder: str) -> None:
    command = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", name]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise OutputError(
            f"pdflatex took more than {TIME_LIMIT} s for {name}; the .tex file is complete without it"
        ) from None
    if done.returncode:
        log = done.stdout.decode("utf-8", "replace").splitlines()
        reason = next((line for line in log if line.startswith("!")), "no reason in its log")
        raise OutputError(f"pdflatex failed for {name}: {reason}")
