"""What a chapter is made of: derivations, and exhibits of claims and numbers that are no derivation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from rnnsym.errors import DerivationError
from rnnsym.writing.boxes import words
from rnnsym.writing.derivation import Derivation, Section, Step, Table
from rnnsym.writing.prose import checks_section
from rnnsym.writing.styles import Style


@dataclass(frozen=True)
class Listing:
    """Lines to be set as they stand, such as a claim or numbers to paste, under a sentence and what they state."""

    caption: str
    lines: tuple[str, ...]
    equation: Step | None = None
    style: Style = field(default_factory=Style)


@dataclass(frozen=True)
class Exhibit:
    """What was found and is no derivation: a title, words, listings, and a table of words where one says more."""

    title: str
    text: str = ""
    listings: tuple[Listing, ...] = ()
    table: Table | None = None


Part = Derivation | Exhibit


@dataclass(frozen=True)
class Built:
    """A chapter whose derivations are derived and checked, and whose numbers are computed."""

    key: str
    title: str
    text: str
    parts: tuple[Part, ...]
    sources: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    @property
    def derivations(self) -> tuple[Derivation, ...]:
        """The chapter's derivations, in order."""
        return tuple(part for part in self.parts if isinstance(part, Derivation))

    @property
    def steps(self) -> tuple[Step, ...]:
        """All displayed equations of the chapter."""
        return tuple(step for part in self.derivations for step in part.steps)

    @property
    def references(self) -> tuple[str, ...]:
        """What the chapter cites: its own sources, then those of its steps, each once."""
        cited = (reference for step in self.steps for reference in step.references)
        return tuple(dict.fromkeys((*self.sources, *cited)))

    def checks(self) -> tuple[Section, Style] | None:
        """Return the table of the checks of all derivations; None where there is no equation."""
        if not self.derivations:
            return None
        first = self.derivations[0]
        every = tuple(section for part in self.derivations for section in part.sections)
        section = checks_section(replace(first, sections=every))
        return None if section is None else (section, first.style)

    def latex(self) -> str:
        """Return the chapter as a complete LaTeX document."""
        from rnnsym.book.latex import chapter_document

        return chapter_document(self)


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book: ``build`` derives, checks and computes what it shows; ``sources`` are what it cites.

    ``figures`` are names of ``dynamics.figures`` that the book shows with it.
    """

    key: str
    title: str
    text: str
    make: Callable[[], tuple[Part, ...]]
    sources: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    def build(self) -> Built:
        """Return the chapter with its parts. Errors: CheckError where a line, a number or a verdict is not as said."""
        built = Built(self.key, self.title, self.text, self.make(), self.sources, self.figures)
        unchecked = [part.title for part in built.derivations if part.steps and not part.checked]
        if unchecked:
            raise DerivationError(f"chapter {self.key}: {unchecked[0]!r} has lines that bear no check")
        return built


def named(derivation: Derivation, name: str, *keys: str) -> Derivation:
    """Return some sections of a derivation, each titled by ``name`` too, for chapters of several derivations."""
    kept = derivation.only(*keys)
    sections = tuple(replace(s, title=f"{name}: {s.title[0].lower()}{s.title[1:]}") for s in kept.sections)
    return replace(kept, title=name, sections=sections)


def table(header: Iterable[str], *rows: Iterable[object]) -> Table:
    """Return a table of words and numbers."""
    return Table(tuple(header), tuple(tuple(words(str(value)) for value in row) for row in rows))
