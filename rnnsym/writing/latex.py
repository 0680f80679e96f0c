"""Boxes and derivations as LaTeX, for amsmath and mathtools."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rnnsym.errors import RnnsymError
from rnnsym.writing import boxes as bx
from rnnsym.writing.spelling import GREEK

_opening = {"(": "(", "[": "[", "⟨": r"\langle ", "|": r"\lvert ", "‖": r"\lVert ", "{": r"\{"}
_closing = {")": ")", "]": "]", "⟩": r"\rangle ", "|": r"\rvert ", "‖": r"\rVert ", "}": r"\}"}
_special = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "…": r"\dots{}", "–": "--",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    **{sign: "\\" + sign for sign in "#$%&_{}"},
}
_mathematical = {
    "∂": r"\partial", "⊙": r"\odot", "−": "-", "±": r"\pm", "·": r"\cdot", "×": r"\times", "∞": r"\infty",
    "ᵀ": r"^{\top}", "‖": r"\Vert", "∑": r"\sum", "∏": r"\prod", "√": r"\surd", "≤": r"\leq", "≥": r"\geq",
    "≠": r"\neq", "≈": r"\approx", "→": r"\rightarrow", "←": r"\leftarrow", "⇒": r"\Rightarrow", "∈": r"\in",
    "⟨": r"\langle", "⟩": r"\rangle", "°": r"^{\circ}", "⁺": "^{+}", "⁻": "^{-}", "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}", "ŷ": r"\hat{y}", "∎": r"\blacksquare",
    **{sign: f"^{{{digit}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{glyph.unicode: glyph.latex for glyph in GREEK.values()},
}
LATIN = range(0xA0, 0x180)  # letters with accents, which pdflatex knows


def escape(text: str) -> str:
    """Return running text with LaTeX's special characters escaped, mathematical signs as formulas.

    Errors: RnnsymError for a sign that the table does not know, rather than a page without it.
    """
    return "".join(_escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    if sign in _special:
        return _special[sign]
    if sign in _mathematical:
        return f"${_mathematical[sign]}$"
    if ord(sign) > 126 and ord(sign) not in LATIN:
        raise RnnsymError(f"no LaTeX for the sign {sign!r}: add it to writing.latex")
    return sign


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
    if box.kind == "open":
        return rf"\bigl{_opening[box.unicode]}"
    if box.kind == "close":
        return rf"\bigr{_closing[box.unicode]}"
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


def _grid(box: bx.Grid) -> str:
    lines = r" \\ ".join(" & ".join(latex(entry).strip() for entry in line) for line in box.rows)
    return rf"\begin{{bmatrix}}{lines}\end{{bmatrix}}"


_printers: dict[type, Callable[[Any], str]] = {
    bx.Glyph: _glyph,
    bx.Row: _row,
    bx.Fraction: lambda box: rf"\frac{{{latex(box.above).strip()}}}{{{latex(box.below).strip()}}}",
    bx.Script: _script,
    bx.Limits: _limits,
    bx.Fence: _fence,
    bx.Brace: _brace,
    bx.Cases: _cases,
    bx.Grid: _grid,
    bx.Accent: lambda box: rf"\hat{{{latex(box.body)}}}",
}
