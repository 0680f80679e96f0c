"""Boxes and derivations as LaTeX, for amsmath and mathtools."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rnnsym.writing import boxes as bx

_opening = {"(": "(", "[": "[", "⟨": r"\langle ", "|": r"\lvert "}
_closing = {")": ")", "]": "]", "⟩": r"\rangle ", "|": r"\rvert "}
_special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def escape(text: str) -> str:
    """Return running text with LaTeX's special characters escaped."""
    return "".join(_special.get(sign, "\\" + sign if sign in "#$%&_{}" else sign) for sign in text)


def latex(box: bx.Box) -> str:
    """Return the LaTeX of a box, for math mode."""
    return _printers[type(box)](box)


def _row(box: bx.Row) -> str:
    joined = ""
    for part in (latex(part) for part in box.parts):
        word_meets_letter = re.search(r"\\[A-Za-z]+$", joined) and re.match(r"[A-Za-z]", part)
        joined += (" " if word_meets_letter else "") + part
    return joined


def _glyph(box: bx.Glyph) -> str:
    if box.kind == "operator":
        return f" {box.latex} "
    return rf"\text{{{escape(box.latex)}}}" if box.kind == "text" else box.latex


def _script(box: bx.Script) -> str:
    base = latex(box.base)
    below = "" if box.below is None else f"_{{{_tight(box.below)}}}"
    above = "" if box.above is None else f"^{{{_tight(box.above)}}}"
    return f"{base}{below}{above}"


def _tight(box: bx.Box) -> str:
    return latex(box).replace(" ", "") if not re.search(r"\\[A-Za-z]+ ", latex(box)) else latex(box).strip()


def _limits(box: bx.Limits) -> str:
    above = latex(box.above).strip()
    return rf"{box.operator.latex}_{{{latex(box.below).strip()}}}" + (f"^{{{above}}}" if above else "") + " "


def _fence(box: bx.Fence) -> str:
    body = latex(box.body).strip()
    tall = any(command in body for command in (r"\frac", r"\sum", r"\prod", r"\begin"))
    grow, close = (r"\left", r"\right") if tall else ("", "")
    return f"{grow}{_opening[box.left]}{body}{close}{_closing[box.right]}"


def _brace(box: bx.Brace) -> str:
    return rf"\underbrace{{{latex(box.body).strip()}}}_{{\text{{{escape(box.label)}}}}}"


def _cases(box: bx.Cases) -> str:
    first, condition, second = (latex(part).strip() for part in (box.first, box.condition, box.second))
    return rf"\begin{{cases}}{first} & \text{{if }} {condition} \\ {second} & \text{{otherwise}}\end{{cases}}"


_printers: dict[type, Callable[[Any], str]] = {
    bx.Glyph: _glyph,
    bx.Row: _row,
    bx.Fraction: lambda box: rf"\frac{{{latex(box.above).strip()}}}{{{latex(box.below).strip()}}}",
    bx.Script: _script,
    bx.Limits: _limits,
    bx.Fence: _fence,
    bx.Brace: _brace,
    bx.Cases: _cases,
    bx.Accent: lambda box: rf"\hat{{{latex(box.body)}}}",
}
