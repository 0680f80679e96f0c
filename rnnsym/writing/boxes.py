"""Boxes: what every printer prints. One tree of boxes, one table of spellings, one small back end an output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["identifier", "upright", "number", "operator", "text", "open", "close"]


@dataclass(frozen=True)
class Glyph:
    """A name, numeral, operator or single bracket; ``latex`` and ``unicode`` are its spellings."""

    kind: Kind
    latex: str
    unicode: str


@dataclass(frozen=True)
class Row:
    """Boxes side by side."""

    parts: tuple[Box, ...]


@dataclass(frozen=True)
class Fraction:
    """One box over another."""

    above: Box
    below: Box


@dataclass(frozen=True)
class Script:
    """A base with a subscript, a superscript or both."""

    base: Box
    below: Box | None = None
    above: Box | None = None


@dataclass(frozen=True)
class Limits:
    """A large operator (∑, ∏) with what stands below and above it."""

    operator: Glyph
    below: Box
    above: Box


@dataclass(frozen=True)
class Fence:
    """A box in brackets that grow with it."""

    body: Box
    left: str = "("
    right: str = ")"


@dataclass(frozen=True)
class Brace:
    """A box over a brace with a few words below."""

    body: Box
    label: str


@dataclass(frozen=True)
class Accent:
    """A letter with a hat."""

    body: Glyph
    accent: Literal["hat"] = field(default="hat")


@dataclass(frozen=True)
class Cases:
    """What is taken where a condition holds, over what is taken elsewhere, behind a brace."""

    first: Box
    condition: Box
    second: Box


@dataclass(frozen=True)
class Grid:
    """A matrix of boxes between brackets, row by row."""

    rows: tuple[tuple[Box, ...], ...]


Box = Glyph | Row | Fraction | Script | Limits | Fence | Brace | Accent | Cases | Grid


def row(*parts: Box) -> Box:
    """Put boxes side by side, rows flattened."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Row) else (part,))]
    return flat[0] if len(flat) == 1 else Row(tuple(flat))


def operator(latex: str, unicode: str) -> Glyph:
    """Return an operator sign."""
    return Glyph("operator", latex, unicode)


def words(text: str) -> Glyph:
    """Return running text inside a formula."""
    return Glyph("text", text, text)


def number(value: object) -> Glyph:
    """Return a numeral."""
    return Glyph("number", str(value), str(value))


def superscript(base: Box, above: Box) -> Box:
    """Raise ``above``; a base that has a subscript only keeps both on one letter, o_t²."""
    if isinstance(base, Script) and base.above is None:
        return Script(base.base, base.below, above)
    return Script(Fence(base) if isinstance(base, Script) else base, above=above)


PLUS = operator("+", "+")
MINUS = operator("-", "−")
EQUALS = operator("=", "=")
DEFINES = operator(r"\coloneqq", ":=")
BECOMES = operator(r"\leftarrow", "←")
HADAMARD = operator(r"\odot", "⊙")
DOT = operator(r"\cdot", "·")
COMMA = operator(",", ",")
SEMICOLON = operator(";", ";")
COLON = operator(":", ":")
PARTIAL = Glyph("upright", r"\partial", "∂")
PARTIAL_PLUS = Script(PARTIAL, above=operator("+", "+"))
TOP = Glyph("upright", r"\top", "ᵀ")
