"""A derivation as data: sections of steps, each with its rule, its reason and the checks that ran on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from rnnsym.calculus.norms import rules as norm_rules
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
    "truncation": "only the last uses of a shared parameter are kept",
    "forward accumulation": "the derivatives of the states are carried along with them",
    "base case": "the statement for the first step",
    "induction step": "from one step to the next, at an arbitrary state",
    "last term": "the last term of a sum and the first factor of its products are taken off",
    "claim": "an equation that is put to the test",
    "induction": "base case and step together give the statement for every length",
    **norm_rules,
})


SCOPES: Mapping[str, str] = MappingProxyType({
    "sequence": "whole sequences of several lengths",
    "start": "the first state",
    "step": "any one step of a loop, at an arbitrary state and with arbitrary derivatives arriving",
    "output": "any one output, at an arbitrary state",
    "closed form": "sums and products of arbitrary matrices",
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
    ``factors`` are the ordered factors of a single path. ``scope`` says of what the equation is an identity, which is
    where it is checked: a line about one step of the loop number ``loop`` holds at every step of every sequence.
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
    scope: str = "sequence"
    loop: int = 0

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise DerivationError(f"unknown scope {self.scope!r}: the scopes are {', '.join(SCOPES)}")
        if self.rule not in RULES:
            known = ", ".join(RULES)
            raise DerivationError(f"unknown rule {self.rule!r}: add it to writing.derivation.RULES ({known})")


Cell = Box | Expression | tuple[Expression, ...]
"""An entry of a table: a box, or names that are spelt where they are printed."""


@dataclass(frozen=True)
class Table:
    """A table with a header of words."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of a derivation: ``key`` to ask for it, words, a table where one says more, steps, and what follows."""

    key: str
    title: str
    text: str = ""
    steps: tuple[Step, ...] = ()
    table: Table | None = None
    conclusion: str = ""


@dataclass(frozen=True)
class Derivation:
    """The derivation of a network's gradient for a sequence of ``length`` steps; None: of any length T.

    ``output_length`` is the decoder's number of steps where that is another.

    ``steps`` are all displayed equations; ``latex()``, ``html()`` and ``text()`` are complete documents. A derivation
    is made unchecked and handed back by ``rnnsym.derive`` with the checks filled in.
    """

    title: str
    network: Network
    length: int | None
    output_length: int | None
    style: Style
    sections: tuple[Section, ...] = field(repr=False)

    def __repr__(self) -> str:
        borne = sum(bool(step.checks) and all(check.passed for check in step.checks) for step in self.steps)
        return f"<Derivation: {self.title}; {len(self.steps)} equations, {borne} of them checked>"

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all sections, in order."""
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def checked(self) -> bool:
        """Whether every step bears at least one check, and all checks passed."""
        return bool(self.steps) and all(step.checks and all(c.passed for c in step.checks) for step in self.steps)

    @property
    def proved(self) -> bool:
        """Whether the gradient is proved for every length: the proof by induction is there, and every line passed."""
        return self.checked and any(section.key == "proof" for section in self.sections)

    def only(self, *keys: str) -> Derivation:
        """Return the derivation with the sections named by ``keys`` alone; an unknown key is a DerivationError."""
        known = [section.key for section in self.sections]
        for key in keys:
            if key not in known:
                raise DerivationError(f"there is no section {key!r}; the sections are {', '.join(known)}")
        return replace(self, sections=tuple(section for section in self.sections if section.key in keys))

    def respelled(self, notation: str) -> Derivation:
        """Return the same derivation with its names spelt as "author", "notes", "goodfellow" or "pytorch" spell them.

        Only names change, each by what it does in the equations; a table says which is which. Errors: DerivationError
        for an unknown notation, and for names that it would print alike.
        """
        from rnnsym.writing.notations import respelled

        return respelled(self, notation)

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
        from rnnsym.writing.terminal import text_document

        return text_document(self)

    def _repr_latex_(self) -> str:
        from rnnsym.writing.documents import notebook_latex

        return notebook_latex(self)
