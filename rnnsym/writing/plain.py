"""Boxes as one line of Unicode text, for terminals and source comments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnsym.writing import boxes as bx

_raised = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_spaced = {"=", ":=", "←", "+", "−", "⊙", "·", "×"}


def plain(box: bx.Box) -> str:
    """Return a box as Unicode text on one line."""
    return _printers[type(box)](box)


def _row(box: bx.Row) -> str:
    joined = ""
    for place, part in enumerate(box.parts):
        text = plain(part)
        if isinstance(part, bx.Glyph) and part.kind == "operator":
            unary = place == 0 and text == "−"
            joined += text if unary else f" {text} ".lstrip(" " if place == 0 else "") if text in _spaced else f"{text} "
        else:
            after_operand = place > 0 and not _is_operator(box.parts[place - 1]) and not _is_function(box.parts[place - 1])
            joined += (" " if after_operand else "") + text
    return joined


def _is_operator(box: bx.Box) -> bool:
    return (isinstance(box, bx.Glyph) and box.kind == "operator") or isinstance(box, bx.Limits)


def _is_function(box: bx.Box) -> bool:
    partial = isinstance(box, bx.Script) and box == bx.PARTIAL_PLUS
    return partial or (isinstance(box, bx.Glyph) and box.kind == "upright")


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
    raised = above.translate(_raised)
    return text + (raised if raised != above else f"^{above}" if len(above) == 1 else f"^{{{above}}}")


def _fraction(box: bx.Fraction) -> str:
    return f"{_operand(box.above)}/{_operand(box.below)}"


def _operand(box: bx.Box) -> str:
    text = plain(box)
    is_derivative = isinstance(box, bx.Row) and box.parts[0] in (bx.PARTIAL, bx.PARTIAL_PLUS)
    return f"({text})" if " " in text and not is_derivative else text


def _limits(box: bx.Limits) -> str:
    above = _compact(box.above)
    return f"{box.operator.unicode}_{{{_compact(box.below)}}}" + (f"^{{{above}}} " if above else " ")


_printers: dict[type, Callable[[Any], str]] = {
    bx.Glyph: lambda box: box.unicode,
    bx.Row: _row,
    bx.Fraction: _fraction,
    bx.Script: _script,
    bx.Limits: _limits,
    bx.Fence: lambda box: f"{box.left}{plain(box.body)}{box.right}",
    bx.Brace: lambda box: f"{plain(box.body)}   ({box.label})",
    bx.Accent: lambda box: f"{box.body.unicode}\u0302" if box.body.unicode != "y" else "ŷ",
}
