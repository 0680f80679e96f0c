"""Boxes as native MathML, which browsers set without a script."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from rnnsym.writing import boxes as bx
from rnnsym.writing.widths import is_tall

_tags = {"identifier": "mi", "upright": "mi", "number": "mn", "operator": "mo", "text": "mtext"}
_forms = {"open": "prefix", "close": "postfix"}


def mathml(box: bx.Box) -> str:
    """Return the MathML of a box, without the enclosing ``math`` element."""
    return _printers[type(box)](box)


def _glyph(box: bx.Glyph) -> str:
    if box.kind in _forms:
        return f'<mo form="{_forms[box.kind]}" stretchy="false">{escape(box.unicode)}</mo>'
    if box.kind == "identifier" and len(box.unicode) > 1:  # an element of several letters would stand upright
        return f"<mrow>{''.join(f'<mi>{escape(letter)}</mi>' for letter in box.unicode)}</mrow>"
    upright = ' mathvariant="normal"' if box.kind == "upright" and len(box.unicode) == 1 else ""
    text = "⊤" if box == bx.TOP else box.unicode
    if box.kind == "text":
        text = text.replace(" ", "\N{NO-BREAK SPACE}")  # MathML drops a space at either end
    return f"<{_tags[box.kind]}{upright}>{escape(text)}</{_tags[box.kind]}>"


def _row(box: bx.Row) -> str:
    return "<mrow>" + "".join(mathml(part) for part in box.parts) + "</mrow>"


def _script(box: bx.Script) -> str:
    parts = [mathml(part) for part in (box.base, box.below, box.above) if part is not None]
    tag = "msubsup" if len(parts) == 3 else "msub" if box.below is not None else "msup"
    return f"<{tag}>{''.join(parts)}</{tag}>"


def _limits(box: bx.Limits) -> str:
    sign = f'<mo largeop="true" movablelimits="false">{box.operator.unicode}</mo>'
    if box.above == bx.Row(()):
        return f"<munder>{sign}{mathml(box.below)}</munder>"
    return f"<munderover>{sign}{mathml(box.below)}{mathml(box.above)}</munderover>"


def _fence(box: bx.Fence) -> str:
    still = "" if is_tall(box.body) else ' stretchy="false"'
    return f"<mrow><mo{still}>{box.left}</mo>{mathml(box.body)}<mo{still}>{box.right}</mo></mrow>"


def _brace(box: bx.Brace) -> str:
    label = f"<mtext>{escape(box.label)}</mtext>"
    return f'<munder><munder>{mathml(box.body)}<mo stretchy="true">⏟</mo></munder>{label}</munder>'


def _cases(box: bx.Cases) -> str:
    condition = f"<mtext>if\N{NO-BREAK SPACE}</mtext>{mathml(box.condition)}"
    rows = ((mathml(box.first), condition), (mathml(box.second), "<mtext>otherwise</mtext>"))
    lines = "".join(f"<mtr><mtd>{value}</mtd><mtd>{when}</mtd></mtr>" for value, when in rows)
    return f'<mrow><mo stretchy="true">{{</mo><mtable columnalign="left left">{lines}</mtable></mrow>'


def _grid(box: bx.Grid) -> str:
    lines = "".join("<mtr>" + "".join(f"<mtd>{mathml(entry)}</mtd>" for entry in line) + "</mtr>" for line in box.rows)
    return f'<mrow><mo stretchy="true">[</mo><mtable>{lines}</mtable><mo stretchy="true">]</mo></mrow>'


_printers: dict[type, Callable[[Any], str]] = {
    bx.Glyph: _glyph,
    bx.Row: _row,
    bx.Fraction: lambda box: f"<mfrac>{mathml(box.above)}{mathml(box.below)}</mfrac>",
    bx.Script: _script,
    bx.Limits: _limits,
    bx.Fence: _fence,
    bx.Brace: _brace,
    bx.Cases: _cases,
    bx.Grid: _grid,
    bx.Accent: lambda box: f'<mover accent="true">{mathml(box.body)}<mo stretchy="false">^</mo></mover>',
}
