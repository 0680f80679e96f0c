"""A derivation as data: sections of steps, each with its rule, its reason and the checks that ran on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from rnnsym.errors import DerivationError
from rnnsym.model.expressions import Expression
from rnnsym.model.networks import Network
from rnnsym.writing.boxes import Box
from rnnsym.writing.layout import Style

RULES: Mapping[str, str] = MappingProxyType({
    "definition": "the network's own equation",
    "let": "a name for an intermediate result",
    "local derivative": "a Jacobian of one step, J[i, j] = ∂a_i/∂b_j",
    "chain rule": "factors along a path are multiplied",
    "shared weight": "a parameter that enters at several steps collects one path from each",
    "any length": "the same sum for a sequence of any length",
    "adjoint": "the derivative of the loss by a quantity is gathered from its uses",
    "cancellation": "factors of the loss and of the readout's function cancel",
    "update": "a step against the gradient",
})


@dataclass(frozen=True)
class Check:
    """One check that ran: by which witness, with what error against what tolerance, from which seed."""

    witness: str
    passed: bool
    error: str
    tolerance: str
    seed: int


@dataclass(frozen=True)
class Step:
    """One displayed equation: ``before relation after``, by ``rule``, because ``why``.

    ``span`` is the range (first, last) of the step index t for which it holds, downwards where first is the larger;
    None where it bears no index.
    ``factors`` are the ordered factors of a single path.
    """

    rule: str
    before: Expression
    after: Expression
    why: str
    relation: str = "="
    span: tuple[Any, Any] | None = None
    factors: tuple[Expression, ...] = ()
    assumptions: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            known = ", ".join(RULES)
            raise DerivationError(f"unknown rule {self.rule!r}: add it to writing.derivation.RULES ({known})")


@dataclass(frozen=True)
class Table:
    """A table of boxes with a header of words."""

    header: tuple[str, ...]
    rows: tuple[tuple[Box, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of a derivation: ``key`` to ask for it, words, steps, and a table where one says more."""

    key: str
    title: str
    text: str = ""
    steps: tuple[Step, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Derivation:
    """The derivation of a network's gradient for a sequence of ``length`` steps.

    ``output_length`` is the decoder's number of steps where that is another.

    ``steps`` are all displayed equations; ``latex()``, ``html()`` and ``text()`` are complete documents. A derivation
    is made unchecked and handed back by ``rnnsym.derive`` with the checks filled in.
    """

    title: str
    network: Network
    length: int
    output_length: int | None
    style: Style
    sections: tuple[Section, ...] = field(repr=False)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all sections, in order."""
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def checked(self) -> bool:
        """Whether every step bears at least one check, and all checks passed."""
        return bool(self.steps) and all(step.checks and all(c.passed for c in step.checks) for step in self.steps)

    def only(self, *keys: str) -> Derivation:
        """Return the derivation with the sections named by ``keys`` alone; an unknown key is a DerivationError."""
        known = [section.key for section in self.sections]
        for key in keys:
            if key not in known:
                raise DerivationError(f"there is no section {key!r}; the sections are {', '.join(known)}")
        return replace(self, sections=tuple(section for section in self.sections if section.key in keys))

    def latex(self) -> str:
        """Return a complete LaTeX document (amsmath, mathtools, booktabs)."""
        from rnnsym.writing.documents import latex_document

        return latex_document(self)

    def html(self) -> str:
        """Return a complete HTML page with native MathML, no script and no request to the network."""
        from rnnsym.writing.pages import html_page

        return html_page(self)

    def text(self) -> str:
        """Return the derivation as Unicode text."""
        from rnnsym.writing.documents import text_document

        return text_document(self)

    def _repr_latex_(self) -> str:
        from rnnsym.writing.documents import notebook_latex

        return notebook_latex(self)
