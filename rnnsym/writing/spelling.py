"""How names are spelt: ``W_xr`` is W with xr below, ``yhat`` is ŷ, ``delta`` is δ, each in one table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from rnnsym.writing.boxes import COMMA, Accent, Box, Fence, Glyph, Script, operator, row

_greek = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "iota": "ι", "kappa": "κ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}
_latex_names = {"lam": r"\lambda", "epsilon": r"\varepsilon"}

GREEK: Mapping[str, Glyph] = MappingProxyType(
    {name: Glyph("identifier", _latex_names.get(name, f"\\{name}"), sign) for name, sign in _greek.items()}
)
SPECIAL: Mapping[str, Box] = MappingProxyType({
    "yhat": Accent(Glyph("identifier", "y", "y")),
    "target": Glyph("identifier", "y", "y"),
})
LONGEST_ITALIC = 2  # xr, hh are products of letters to the eye and stay italic; a longer word is set upright


def identifier(word: str, *, below: bool = False) -> Box:
    """Spell one part of a name: a letter or two in italics, a word upright, a Greek letter by its sign.

    In a subscript two letters stay two letters: the i-th gate's input weight W_xi has nothing to do with ξ.
    """
    if word == "yhat":
        return SPECIAL[word]
    if word in GREEK and not (below and len(word) <= LONGEST_ITALIC):
        return GREEK[word]
    if word.isdigit():
        return Glyph("number", word, word)
    if len(word) <= LONGEST_ITALIC:
        return Glyph("identifier", word, word)
    return Glyph("upright", rf"\mathrm{{{word}}}", word)


def name_parts(name: str) -> tuple[Box, tuple[Box, ...]]:
    """Split a name into its base and its subscripts: ``W_xr`` → W, (xr); ``c1`` → c, (1)."""
    if name in SPECIAL:
        return SPECIAL[name], ()
    base, *rest = [part for part in name.split("_") if part]
    digits = re.fullmatch(r"([A-Za-z]+?)(\d+)", base)
    if digits is not None:
        base, rest = digits.group(1), [digits.group(2), *rest]
    return identifier(base), tuple(identifier(part, below=True) for part in rest)


def spell(name: str, step: Box | None = None) -> Box:
    """Spell a name with its step, if it has one, as the last subscript.

    What composition adds to a name stands above it: the decoder's h is h^dec, the h that is read from the end h^←, and
    h'2, which holds the h of two steps before, h^(2).
    """
    bare, above = _marked(name)
    base, below = name_parts(bare)
    subscripts = (*below, *((step,) if step is not None else ()))
    if not subscripts and above is None:
        return base
    joined: list[Box] = [*subscripts[:1]]
    for subscript in subscripts[1:]:
        joined += [COMMA, subscript]
    return Script(base, below=row(*joined) if joined else None, above=above)


MARKS: Mapping[str, Box] = MappingProxyType({
    "dec_": Glyph("upright", r"\mathrm{dec}", "dec"), "bwd_": operator(r"\leftarrow", "←"),
})


def _marked(name: str) -> tuple[str, Box | None]:
    """Take a name's mark off it: the prefix of a decoder or a backward copy, and the number of steps kept."""
    marks: list[Box] = []
    for prefix, mark in MARKS.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            name, marks = name.removeprefix(prefix), [*marks, mark]
    kept = re.fullmatch(r"(.+)'(\d+)", name)
    if kept is not None:
        name, marks = kept[1], [*marks, Fence(Glyph("number", kept[2], kept[2]))]
    return name, row(*marks) if marks else None
