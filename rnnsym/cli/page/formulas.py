"""Formulas in the page's running text: what a caption writes as ρ(`W`), n = 32 or 10⁻²⁹ becomes MathML."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

from rnnsym.dynamics.letters import state_box
from rnnsym.model.networks import Network
from rnnsym.writing.boxes import COMMA, EQUALS, MINUS, PARTIAL, Box, Fence, number, operator, row, superscript
from rnnsym.writing.pages import inline_math
from rnnsym.writing.plain import RAISED
from rnnsym.writing.spelling import GREEK, identifier
from rnnsym.writing.styles import Style

LOWERED = {raised: plain for plain, raised in RAISED.items()}
SIGNS = {glyph.unicode: glyph for glyph in GREEK.values()}
HIGH = "".join(map(chr, LOWERED))
POWER = f"10[{HIGH}]+"
NUMBER = rf"[-−]?\d+(?:\.\d+)?(?![\d{HIGH}]|\.\d)"
PATTERN = re.compile(
    rf"ρ\(`(?P<radius>[^`]+)`\)|\|`(?P<size>[^`]+)`\||`(?P<name>[^`]+)`(?: = (?P<value>{NUMBER}))?"
    rf"|\b(?P<letter>[A-Za-zρη]) = (?P<values>{NUMBER}(?:, {NUMBER})*)|(?P<power>{POWER})|(?P<sign>ρ)")


def caption_html(words: str, style: Style) -> str:
    """Return a caption as HTML: names between backticks, sizes, equations with numbers, and powers as MathML."""
    parts, end = [], 0
    for found in PATTERN.finditer(words):
        parts += [escape(words[end:found.start()]), inline_math(_box(found, style))]
        end = found.end()
    return "".join([*parts, escape(words[end:])])


def _box(found: re.Match[str], style: Style) -> Box:
    return _boxes[str(found.lastgroup)](found, style)


def _equation(found: re.Match[str]) -> Box:
    values = [_number(value) for value in found["values"].split(", ")]
    listed = [part for value in values[1:] for part in (COMMA, value)]
    return row(_letter(found["letter"]), EQUALS, values[0], *listed)


def _number(text: str) -> Box:
    digits = text.lstrip("-−")
    return number(digits) if digits == text else row(MINUS, number(digits))


def _letter(letter: str) -> Box:
    return SIGNS.get(letter) or identifier(letter)


def _power(text: str) -> Box:
    return superscript(number(10), _number(text.removeprefix("10").translate(LOWERED)))


_boxes: dict[str, Callable[[re.Match[str], Style], Box]] = {
    "radius": lambda found, style: row(SIGNS["ρ"], Fence(style.spell_in_text(found["radius"]))),
    "size": lambda found, style: Fence(style.spell_in_text(found["size"]), "|", "|"),
    "name": lambda found, style: style.spell_in_text(found["name"]),
    "value": lambda found, style: row(style.spell_in_text(found["name"]), EQUALS, _number(found["value"])),
    "values": lambda found, style: _equation(found),
    "power": lambda found, style: _power(found["power"]),
    "sign": lambda found, style: SIGNS["ρ"],
}


def state_slope(network: Network, upper: Any, lower: Any, spelt: Style) -> str:
    """Return ∂s_upper / ∂s_lower of the state that is followed, as MathML."""
    above, below = (state_box(network, step, spelt) for step in (upper, lower))
    return inline_math(row(PARTIAL, above, operator("/", "/"), PARTIAL, below))


def letter(name: str) -> str:
    """Return one letter as MathML."""
    return inline_math(_letter(name))


def equation(name: str, value: int) -> str:
    """Return «name = value» as MathML."""
    return inline_math(row(_letter(name), EQUALS, number(value)))
