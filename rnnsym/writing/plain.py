"""Boxes as one line of Unicode text, for terminals and source comments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnsym.writing import boxes as bx

RAISED = str.maketrans("0123456789+−-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")  # signs as exponents: text.translate(RAISED)
_spaced = {"=", ":=", "←", "+", "−", "⊙", "·", "×", "/", ">", "<", "≥", "≤", "≈", "⇒"}


def plain(box: bx.Box) -> str:
    """Return a box as Unicode text on one line."""
    return _printers[type(box)](box)


def _row(box: bx.Row) -> str:
    joined = ""
    for place, part in enumerate(box.parts):
        text = f"({plain(part)})" if _would_swallow(part, box.parts[place + 1 :]) else plain(part)
        if isinstance(part, bx.Glyph) and part.kind == "operator":
            joined += _sign(text, first=place == 0 or _stands_open(box.parts[place - 1]))
        else:
            before = box.parts[place - 1] if place else bx.PLUS
            close = _is_function(before) or _stands_open(before) or _bracket(part, "close") or text.startswith(" ")
            joined += ("" if close or joined.endswith(" ") else " ") + text
    return joined


def _sign(text: str, *, first: bool) -> str:
    """A minus in front of everything is unary and stands close."""
    if first and text == "−":
        return text
    return f" {text} " if text in _spaced and not first else f"{text} "


def _would_swallow(box: bx.Box, rest: tuple[bx.Box, ...]) -> bool:
    """Whether a quotient a/b is followed by a factor, which a reader would take into the denominator."""
    if not isinstance(box, bx.Fraction) or not rest or _is_operator(rest[0]):
        return False
    is_derivative = isinstance(box.above, bx.Row) and box.above.parts[0] in (bx.PARTIAL, bx.PARTIAL_PLUS)
    return not is_derivative and not (_is_number(box.above) and _is_number(box.below))


def _stands_open(box: bx.Box) -> bool:
    """Whether what follows stands close, and a minus is unary: behind an operator, a word or an opening bracket."""
    blank = isinstance(box, bx.Glyph) and box.kind == "text" and box.unicode.endswith(" ")
    return _is_operator(box) or blank or _bracket(box, "open")


def _bracket(box: bx.Box, kind: str) -> bool:
    """Whether a box is a single bracket, with what is written on it."""
    sign = box.base if isinstance(box, bx.Script) else box
    return isinstance(sign, bx.Glyph) and sign.kind == kind


def _is_number(box: bx.Box) -> bool:
    return isinstance(box, bx.Glyph) and box.kind == "number"


def _is_operator(box: bx.Box) -> bool:
    return (isinstance(box, bx.Glyph) and box.kind == "operator") or isinstance(box, bx.Limits)


def _is_function(box: bx.Box) -> bool:
    name = box.base if isinstance(box, bx.Script) else box
    return box == bx.PARTIAL_PLUS or (isinstance(name, bx.Glyph) and name.kind == "upright")


def _compact(box: bx.Box) -> str:
    return plain(box).replace(" ", "")


def _script(box: bx.Script) -> str:
    text = plain(box.base)
    if box.below is not None:
        below = _compact(box.below)
        text += f"_{below}" if below.isalnum() else f"_{{{below}}}"
    if box.above is None:
        return text
    above = _compact(box.above)
    if above == "ᵀ":
        return text + above
    if all(ord(sign) in RAISED for sign in above):
        return text + above.translate(RAISED)
    return text + (f"^{above}" if len(above) == 1 else f"^{{{above}}}")


def _fraction(box: bx.Fraction) -> str:
    below = plain(box.below)
    return f"{_operand(box.above)}/" + (f"({below})" if isinstance(box.below, bx.Fraction) else _operand(box.below))


def _operand(box: bx.Box) -> str:
    """A row needs brackets unless its first part is a sign that binds to all of it: ∂a, σ(a)."""
    one_piece = isinstance(box, bx.Row) and len(box.parts) == 2 and _is_function(box.parts[0])
    return f"({plain(box)})" if isinstance(box, bx.Row) and not one_piece else plain(box)


def _limits(box: bx.Limits) -> str:
    above = _compact(box.above)
    return f"{box.operator.unicode}_{{{_compact(box.below)}}}" + (f"^{{{above}}} " if above else " ")


def _grid(box: bx.Grid) -> str:
    """Row by row between brackets, as a program takes it."""
    return "[" + ", ".join("[" + ", ".join(map(plain, line)) + "]" for line in box.rows) + "]"


_printers: dict[type, Callable[[Any], str]] = {
    bx.Glyph: lambda box: box.unicode,
    bx.Row: _row,
    bx.Fraction: _fraction,
    bx.Script: _script,
    bx.Limits: _limits,
    bx.Fence: lambda box: f"{box.left}{plain(box.body)}{box.right}",
    bx.Cases: lambda box: f"{{{plain(box.first)} if {plain(box.condition)}, {plain(box.second)} otherwise}}",
    bx.Brace: lambda box: f"{plain(box.body)}   ({box.label})",
    bx.Grid: _grid,
    bx.Accent: lambda box: f"{box.body.unicode}\u0302" if box.body.unicode != "y" else "ŷ",
}
