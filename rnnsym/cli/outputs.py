"""Where results go: standard output, a file or a folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from rnnsym.errors import OutputError
from rnnsym.model.networks import Network

MARKS = ("checks.json", "derivation.tex")  # a folder that holds these is an earlier report, and may be replaced


def deliver(text: str, output: Path | None) -> None:
    """Write to a file under a temporary name, then rename; to standard output where no file is named."""
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=output.parent, prefix=f".{output.name}-", delete=False
        ) as file:
            file.write(text)
        _allow_reading(Path(file.name), 0o666)
        os.replace(file.name, output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror}); choose another place with -o") from None


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Hand out a temporary folder beside ``target`` that becomes ``target`` at the end, or vanishes on any error.

    Raises OutputError where ``target`` cannot be written, or is something else than an earlier report.
    """
    target = Path(os.path.abspath(target))
    _refuse_foreign(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror}); choose another folder with -o") from None
    try:
        yield work
        _allow_reading(work, 0o777)
        _replace(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _refuse_foreign(target: Path) -> None:
    if target.is_dir():
        names = {path.name for path in target.iterdir()}
        if names and not names.issuperset(MARKS):
            raise OutputError(f"{target}: holds files that are no earlier report; choose another folder with -o")
    elif target.exists() or target.is_symlink():
        raise OutputError(f"{target}: is a file, but a folder is to be written; choose another name with -o")


def _replace(work: Path, target: Path) -> None:
    """Put the new folder in place of the old one, which is set aside until that has worked."""
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    try:
        if target.exists():
            os.replace(target, aside / "old")
        os.replace(work, target)
    except OSError as error:
        if (aside / "old").exists() and not target.exists():
            os.replace(aside / "old", target)
        raise OutputError(f"{target}: cannot be replaced ({error.strerror}); choose another folder with -o") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _allow_reading(path: Path, mode: int) -> None:
    """Give what was made under a private temporary name the rights that the user's umask allows."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(mode & ~umask)


def figure_titles() -> dict[str, str]:
    """Return {name: title} of all figures."""
    from rnnsym.dynamics import figures

    return {name: entry.title for name, entry in figures.items()}


def draw_figures(names: list[str], network: Network, folder: Path, form: str, seed: int) -> Iterator[Path]:
    """Draw figures into a folder and yield their paths."""
    from rnnsym.dynamics import figures, save_figure

    if not folder.is_dir():
        raise OutputError(f"{folder}: is no folder; make it, or choose another with -o")
    for name in names:
        path = folder / f"{name}.{form}"
        save_figure(figures[name].draw(network, seed), path)
        yield path
