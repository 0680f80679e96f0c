"""How wide a box is on paper, in ems: the widths of Computer Modern's letters (Knuth 1986) and TeX's spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnsym.writing import boxes as bx

_italic = """
a529 b429 c433 d520 e466 f597 g513 h576 i345 j469 k552 l318 m878 n600 o485 p503 q482 r479 s469 t361 u572 v521 w743 x572
y526 z509 A750 B809 C786 D856 E796 F782 G786 H912 I518 J651 K921 L681 M1079 N912 O791 P781 Q791 R767 S671 T723 U792
V806 W1083 X907 Y803 Z754 Γ754 Δ833 Θ791 Λ694 Ξ818 Π912 Σ838 Φ667 Ψ722 Ω823 α643 β618 γ573 δ482 ε466 ζ511 η532 θ497
ι354 κ576 λ583 μ603 ν558 ξ484 π606 ρ517 σ607 τ550 φ654 χ626 ψ687 ω658
"""
_roman = """
a500 b556 c444 d556 e444 f383 g514 h556 i278 j306 k528 l278 m833 n556 o500 p556 q528 r392 s394 t389 u556 v542 w736 x528
y542 z444 A750 B708 C722 D764 E681 F653 G785 H750 I361 J514 K778 L625 M917 N750 O778 P681 Q778 R736 S556 T722 U750 V764
W1042 X750 Y775 Z611 ,278 .278 :278 ;278 (389 )389 ‖500 [278 ]278 |278 /500 -333 ∂594 ᵀ778 ·278 ↓500 ↑500 ∑1444 ∏1278
{528 }528
"""


def _table(text: str) -> dict[str, float]:
    return {entry[0]: int(entry[1:]) / 1000 for entry in text.split()}


ITALIC, ROMAN = _table(_italic), _table(_roman)
UNKNOWN_LETTER, DIGIT, SIGN, BLANK = 0.75, 0.5, 0.778, 0.333
BINARY, RELATION, THIN = 0.222, 0.278, 0.167
RELATIONS = frozenset("=>≥<≤") | {":=", "←"}
PUNCTUATION = frozenset(",;:")
DISPLAY, TEXT, SCRIPT = 0, 1, 2  # TeX's styles; what is smaller still counts as 3
SCALES = (1.0, 1.0, 0.8, 0.72)  # of letters; small letters are cut wider than large ones
TALL_BRACKET, SINGLE_BRACKET = 0.75, 0.6
COLUMN_SEP = 1.0  # between the columns of a matrix
TALL = (bx.Fraction, bx.Limits, bx.Cases, bx.Grid)


def width(box: bx.Box, style: int = DISPLAY) -> float:
    """Return the width of a box as a display has it, in ems of its letters' size."""
    return _widths[type(box)](box, style)


def words_width(text: str) -> float:
    """Return the width of upright running text in ems."""
    return sum(BLANK if sign == " " else DIGIT if sign.isdigit() else ROMAN.get(sign, UNKNOWN_LETTER) for sign in text)


def _smaller(style: int) -> int:
    return min(max(style, TEXT) + 1, 3)


def _glyph(box: bx.Glyph, style: int) -> float:
    scale, spaced = SCALES[style], style < SCRIPT
    if box.kind == "operator":
        sign = ROMAN.get(box.unicode, SIGN * max(1, len(box.unicode)))
        space = 2 * RELATION if box.unicode in RELATIONS else THIN if box.unicode in PUNCTUATION else 2 * BINARY
        return scale * (sign + (space if spaced else 0.0))
    if box.kind in ("open", "close"):
        return scale * SINGLE_BRACKET
    if box.kind == "identifier":
        return scale * sum(ITALIC.get(sign, DIGIT if sign.isdigit() else UNKNOWN_LETTER) for sign in box.unicode)
    word = len(box.unicode) > 1 and box.kind == "upright"
    return scale * words_width(box.unicode) + (THIN if word and spaced else 0.0)


def _row(box: bx.Row, style: int) -> float:
    total = sum(width(part, style) for part in box.parts)
    unary = bool(box.parts) and box.parts[0] in (bx.MINUS, bx.PLUS) and style < SCRIPT
    return total - (2 * BINARY if unary else 0.0)


def _fraction(box: bx.Fraction, style: int) -> float:
    inner = TEXT if style == DISPLAY else _smaller(style)
    return max(width(box.above, inner), width(box.below, inner)) + 0.24


def _script(box: bx.Script, style: int) -> float:
    scripts = [width(part, _smaller(style)) for part in (box.below, box.above) if part is not None]
    return width(box.base, style) + max(scripts) + 0.05


def _limits(box: bx.Limits, style: int) -> float:
    beside = max(width(box.below, _smaller(style)), width(box.above, _smaller(style)))
    return max(words_width(box.operator.unicode), beside) + 2 * THIN


def is_tall(box: bx.Box) -> bool:
    """Whether brackets around a box must grow."""
    if isinstance(box, TALL):
        return True
    inner = getattr(box, "parts", None) or [getattr(box, name, None) for name in ("body", "base")]
    return any(is_tall(part) for part in inner if isinstance(part, bx.Box))


def _fence(box: bx.Fence, style: int) -> float:
    bracket = TALL_BRACKET + THIN if is_tall(box.body) else 0.39
    return width(box.body, style) + 2 * SCALES[style] * bracket


def _cases(box: bx.Cases, style: int) -> float:
    condition = max(width(box.condition, TEXT) + words_width("if "), words_width("otherwise"))
    return max(width(box.first, TEXT), width(box.second, TEXT)) + condition + 2.3


def _grid(box: bx.Grid, style: int) -> float:
    columns = [max(width(entry, TEXT) for entry in column) for column in zip(*box.rows, strict=True)]
    return sum(columns) + COLUMN_SEP * (len(columns) - 1) + 2 * SCALES[style] * (TALL_BRACKET + THIN)


_widths: dict[type, Callable[[Any, int], float]] = {
    bx.Glyph: _glyph,
    bx.Row: _row,
    bx.Fraction: _fraction,
    bx.Script: _script,
    bx.Limits: _limits,
    bx.Fence: _fence,
    bx.Brace: lambda box, style: max(width(box.body, style), SCALES[SCRIPT] * words_width(box.label)),
    bx.Cases: _cases,
    bx.Grid: _grid,
    bx.Accent: lambda box, style: width(box.body, style),
}
