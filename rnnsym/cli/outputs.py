"""Where results go: standard output, a file or a folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rnnsym.cli.streams import complain, show
from rnnsym.errors import DataError, OutputError
from rnnsym.model.networks import Network
from rnnsym.model.whole_files import write_whole

if TYPE_CHECKING:
    from rnnsym.dynamics import FigureEntry

NOTHING: Mapping[str, str] = MappingProxyType({})
MARKS = ("checks.json", "derivation.tex")  # a folder without these is no earlier report, whatever else it holds


def deliver(text: str, output: Path | None) -> None:
    """Write to a file; to standard output where none is named, or "-"."""
    if output is None or str(output) == "-":
        show(text)
    else:
        write_file(text.encode(), output)


def write_file(content: bytes, output: Path) -> None:
    """Write a file whole or not at all; a link stays. Errors: OutputError where that cannot be done."""
    write_whole(content, output, "choose another file with -o")


def _unwritable(place: Path, error: OSError | ValueError) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"{place}: cannot be written ({reason}); choose another folder with -o")


@contextmanager
def whole_folder(folder: Path, replaceable: Collection[str], marks: tuple[str, ...] = MARKS) -> Iterator[Path]:
    """Hand out a temporary folder that becomes ``folder`` at the end, or vanishes on any error.

    ``replaceable`` are the paths, relative to it, that are written: an existing folder that holds another, or lacks one
    of ``marks``, is not replaced. A link to a folder stays. Raises OutputError where the folder cannot be written, or
    is not to be replaced.
    """
    work: Path | None = None
    try:
        target = Path(os.path.realpath(folder))
        _refuse_foreign(target, replaceable, marks)
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".rnnsym-", dir=target.parent))
        yield work
        _allow_reading(work, 0o777)
        _refuse_foreign(target, replaceable, marks)  # again: the work took a while
        _replace(work, target)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _refuse_foreign(target: Path, replaceable: Collection[str], marks: tuple[str, ...]) -> None:
    if not target.is_dir():
        if target.exists():
            raise OutputError(f"{target}: is a file, but a folder is to be written; choose another name with -o")
        return
    if target in (Path.cwd(), *Path.cwd().parents):
        raise OutputError(f"{target}: is the folder you are in, and is not replaced; name one inside it with -o")
    names = {path.relative_to(target).as_posix() for path in target.rglob("*")}
    foreign = sorted(names.difference(replaceable))
    missing = sorted(set(marks) - names) if names else []
    if foreign or missing:
        fault = f"holds {foreign[0]}" if foreign else f"lacks {missing[0]}"
        kind = "report" if marks == MARKS else "book"
        raise OutputError(f"{target}: is no earlier {kind}, for it {fault}; choose another folder with -o")


def _replace(work: Path, target: Path) -> None:
    """Put the new folder in place of the old one, which is set aside until that has worked."""
    aside = Path(tempfile.mkdtemp(prefix=".rnnsym-", dir=target.parent))
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


def listed_figures() -> str:
    """Return all figures with their titles and options, those of the chosen network first, and when all are drawn."""
    from rnnsym.dynamics import figures

    width = max(map(len, figures))
    kinds = {True: "Of the network that is chosen (the simple one where none is):",
             False: "Of networks of their own, drawn without names only where no network is chosen:"}
    lines = {own: [f"  {name:{width}}  {entry.title}{_options_of(entry)}" for name, entry in figures.items()
                   if entry.of_network == own] for own in kinds}
    return "\n".join([*(line for own, heading in kinds.items() for line in (heading, *lines[own])), ""])


def _options_of(entry: FigureEntry) -> str:
    names = [f"--{name}" for name in ("steps", "notation", "seed") if name in entry.options]
    return f" ({', '.join(names)})" if names else ""


def figure_styles() -> tuple[str, ...]:
    """Return the names of all styles of figures."""
    from rnnsym.dynamics import styles

    return tuple(styles)


def drawable_figures(
    names: list[str] | None, network: Network, *, given: Mapping[str, str] = NOTHING, steps: int | None = None,
    others: bool = False,
) -> list[str]:
    """Return the figures to draw: those that are asked for, or all that the network has, with a line for each missing.

    ``given`` says of each option that the user gave what it was, ``steps`` is their T, ``others`` adds the figures of
    networks of their own to all that the network has.
    Errors: DataError for a figure that is asked for by its name, and that the network does not have, cannot be drawn
    over T, or does not depend on what was given.
    """
    from rnnsym.dynamics import figures

    chosen = []
    for name in names or (name for name, entry in figures.items() if entry.of_network or others):
        if names:
            figures[name].refuse_unused(given)
        obstacle = figures[name].obstacle(network) or _length_obstacle(figures[name], steps)
        if obstacle and names:
            raise DataError(f"the figure {name} cannot be drawn: {obstacle}; leave it out")
        if obstacle:
            complain("note", f"the figure {name} is not drawn: {obstacle}")
        else:
            chosen.append(name)
    return chosen


def _length_obstacle(entry: FigureEntry, steps: int | None) -> str:
    fewest, most = entry.lengths
    if steps is None or "steps" not in entry.options or fewest <= steps <= most:
        return ""
    return f"it follows {fewest} to {most} steps, and --steps is {steps}"


def made_folder(folder: Path) -> Path:
    """Return a folder, made where there is none. Errors: OutputError where that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None
    return folder
