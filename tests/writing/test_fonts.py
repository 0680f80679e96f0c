"""The font in the page: the glyphs of its formulas, the table of mathematical spacing, the same bytes each time."""

from __future__ import annotations

import re
from base64 import b64decode
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import pytest
from fontTools.ttLib import TTFont

import rnnsym
from rnnsym.errors import OutputError
from rnnsym.writing import fonts
from rnnsym.writing.pages import html_fragment, style_sheet
from rnnsym.writing.sections import derivation

BODY = html_fragment(derivation(rnnsym.Network(rnnsym.cells["lstm"]), 2))
MOST_BYTES = 150_000  # of a page's font


def embedded(rule: str) -> bytes:
    found = re.search(r"url\(data:font/woff2?;base64,([^)]*)\)", rule)
    assert found is not None
    return b64decode(found[1])


def without_brotli(name: str, package: str | None = None) -> ModuleSpec | None:
    return None if name == "brotli" else FOUND(name, package)


FOUND = find_spec


def test_the_font_has_what_the_formulas_need_and_its_table_of_spacing() -> None:
    data = embedded(fonts.font_face(BODY))
    font = TTFont(BytesIO(data))
    assert "MATH" in font
    assert font["MATH"].table.MathVariants.VertGlyphConstruction is not None
    known = set(font.getBestCmap())
    assert {ord(sign) for sign in "ℎ𝑊𝑡∂⊙δ𝛿(="} <= known
    assert {sign for sign in fonts.glyphs(BODY) if ord(sign) not in known} == set()
    assert len(data) < MOST_BYTES


def test_the_same_page_has_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for brotli in (True, False):
        if not brotli:
            monkeypatch.setattr(fonts, "find_spec", without_brotli)
        fonts._subset.cache_clear()
        first = fonts.font_face(BODY)
        fonts._subset.cache_clear()
        assert fonts.font_face(BODY) == first
    assert "font/woff;" in first
    assert "MATH" in TTFont(BytesIO(embedded(first)))
    fonts._subset.cache_clear()


def test_the_glyphs_are_those_of_formulas_alone() -> None:
    found = fonts.glyphs("<p>Ж</p><math><mi>h</mi><mo>&lt;</mo></math><math><mi>Σ</mi></math>")
    assert {"h", "ℎ", "<", "Σ", "𝛴"} <= found
    assert "Ж" not in found


def test_a_missing_font_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str, package: str | None = None) -> Any:
        return None

    monkeypatch.setattr(fonts, "find_spec", nothing)
    with pytest.raises(OutputError, match="of the package ziamath, is missing: install ziamath"):
        fonts.font_file()


def test_the_style_of_a_page_asks_for_nothing() -> None:
    assert not re.search(r"https?:|@import|url\((?!data:font/woff)", style_sheet(BODY))
    assert "math { font-family: \"rnnsym math\"" in style_sheet(BODY)
