"""The mathematical font of a page: STIX Two Math (SIL Open Font Licence), cut to the glyphs that the page uses."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from html import unescape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

from rnnsym.errors import OutputError

FAMILY = "rnnsym math"
PACKAGE, FILE = "ziamath", "fonts/STIXTwoMath-Regular.ttf"
ALWAYS = " ()[]{}|‖⟨⟩^⏟+−=0123456789"
KEPT_PAGES = 8
ITALIC_CAPITALS, ITALIC_LETTERS, ITALIC_ALPHA, ITALIC_CAPITAL_ALPHA = 0x1D434, 0x1D44E, 0x1D6FC, 0x1D6E2
EXCEPTION = {"h": "ℎ"}  # Planck's constant took the place of the italic h
_italic = {
    **{letter: chr(ITALIC_CAPITALS + place) for place, letter in enumerate(ascii_uppercase)},
    **{letter: chr(ITALIC_LETTERS + place) for place, letter in enumerate(ascii_lowercase)},
    **{chr(ord("α") + place): chr(ITALIC_ALPHA + place) for place in range(25)},
    **{chr(ord("Α") + place): chr(ITALIC_CAPITAL_ALPHA + place) for place in range(25)},
    "∂": "𝜕",
    **EXCEPTION,
}


def font_face(body: str) -> str:
    """Return the rule that embeds the font with the glyphs of the formulas in ``body``; the same bytes each time."""
    form, data = _subset("".join(sorted(glyphs(body))))
    source = f'url(data:font/{form};base64,{b64encode(data).decode("ascii")}) format("{form}")'
    return f'\n@font-face {{ font-family: "{FAMILY}"; src: {source}; }}'


def glyphs(body: str) -> set[str]:
    """Return the characters of all formulas in a page, each letter in italics too."""
    formulas = re.findall(r"<math[^>]*>(.*?)</math>", body, re.DOTALL)
    found = set(unescape(re.sub(r"<[^>]*>", "", "".join(formulas)))) | set(ALWAYS)
    return found | {_italic[sign] for sign in found if sign in _italic}


@lru_cache(KEPT_PAGES)
def _subset(characters: str) -> tuple[str, bytes]:
    """Return the format and the bytes of the font cut to ``characters``, its table of mathematical spacing kept."""
    from fontTools.subset import Options, Subsetter, load_font, save_font

    form = "woff2" if find_spec("brotli") is not None else "woff"
    options = Options(flavor=form, layout_features=["ssty", "dtls"], hinting=False, recalc_timestamp=False,
                      notdef_outline=True, name_IDs=[0, 13, 14], drop_tables=["DSIG", "GPOS"])
    saved = BytesIO()
    with load_font(font_file(), options) as font:
        subsetter = Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(font)
        save_font(font, saved, options)
    return form, saved.getvalue()


def font_file() -> Path:
    """Return where the font lies, without an import of the package that ships it; OutputError where it is missing."""
    found = find_spec(PACKAGE)
    folders = [] if found is None else list(found.submodule_search_locations or [])
    paths = [path for folder in folders if (path := Path(folder, FILE)).is_file()]
    if not paths:
        raise OutputError(f"the font of the page, {FILE} of the package {PACKAGE}, is missing: install {PACKAGE}>=0.13")
    return paths[0]
