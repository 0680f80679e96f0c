"""What is written on paper, in LaTeX or with a library's names, and how the language of equations writes it instead.

These tables only choose the words of an error: nothing in them makes a text mean anything.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

CLAIM = "claim"
MAX_SHOWN, MAX_WORDS = 40, 200  # characters of what was found, and of what is said of it
DERIVATIVE = "a derivative is written `total(L, W)`, the immediate one `partial(h[t], h[t-1])`"
SIGNS: Mapping[str, str] = MappingProxyType({
    "·": "a matrix product is written `@`, an elementwise product `*`",
    "×": "a matrix product is written `@`, an elementwise product `*`",
    **dict.fromkeys("⊙∘∗", "an elementwise product is written `*`"),
    "−": "minus is written `-`",
    **{sign: f"a power is written `**{digit}`" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **dict.fromkeys("ᵀ⊤", "the transpose is written `.T`"),
    "≤": "at most is written `<=`", "≥": "at least is written `>=`",
    "√": "a root is written `sqrt(a)`",
    "∑": "a sum is written `sum(a)`",
    "′": "a name holds letters, digits and `_`",
})
FUNCTIONS: Mapping[str, str] = MappingProxyType({
    "σ": "sigmoid", "sigma": "sigmoid", "logistic": "sigmoid", "sgn": "sign", "ln": "log", "max": "maximum",
    "min": "minimum", "norm": "sqrt(dot(a, a))", "concatenate": "concat", "heaviside": "step", "θ": "step",
    "clip": "minimum(maximum(a, low), high)",
})
QUANTITIES: Mapping[str, str] = MappingProxyType({
    "y": "target", "y_hat": "yhat", "y_pred": "yhat", "ŷ": "yhat", "loss": "L", "E": "L", "J": "L",
})


@dataclass(frozen=True)
class Spelling:
    """A pattern of another notation, and what to say of it in a cell, and in a claim."""

    pattern: str
    of_cell: Callable[[re.Match[str]], str]
    of_claim: Callable[[re.Match[str]], str]


def _both(pattern: str, words: Callable[[re.Match[str]], str]) -> Spelling:
    return Spelling(pattern, words, words)


def _step_back(match: re.Match[str]) -> str:
    name, step = match[1], match[2].replace(" ", "")
    back = re.fullmatch(r"t-(\d{1,3})", step)
    found = {"t": name, "t-1": f"{name}_prev", "prev": f"{name}_prev"}
    wanted = found.get(step, f"{name}_prev[{back[1]}]" if back else "")
    return f"steps are not written: `{wanted}` is what it is called" if wanted else \
        "a name holds letters, digits and `_`, no braces"


_spellings = (
    _both(r"^\s*([A-Za-z]\w*)\s*:(?!=)", lambda match: f"a shape is written `{match[1]}: (n, d)`, scalar or vector"),
    _both(r"^\s*([A-Za-z]\w*)\s*\(([^()=]*)\)\s*=", lambda match: f"steps are not written: `{match[1]} = …`"),
    _both(r"(?<!\w)([A-Za-z]\w*)'", lambda match: "a name holds letters, digits and `_`"),
    Spelling(r"∂|\bd[A-Za-z]\w*\s*/\s*d[A-Za-z]\w*",
             lambda match: "a cell holds no derivatives, rnnsym derives them", lambda match: DERIVATIVE),
    _both(r"\\([A-Za-z]+)?", lambda match: f"LaTeX is not read: write {f'`{match[1]}`' if match[1] else 'it'} alone"),
    Spelling(r"(?<!\w)([A-Za-z]\w*?)_\{([^{}]*)\}", _step_back,
             lambda match: f"a quantity of a step is written `{match[1]}[{match[2].replace(' ', '')}]`"),
    _both(f"[{''.join(SIGNS)}]", lambda match: SIGNS[match[0]]),
    _both(r":=", lambda match: "an equation is written with `=`"),
    _both(r"(?<![\w.])(\d+(?:\.\d+)?)([A-Za-z]\w*)", lambda match: f"write `{match[1]} * {match[2]}`"),
    _both(r"((?<!\w)[A-Za-z_]\w*|[)\]])\s+([A-Za-z]\w*|\()", lambda match: (
        "an operator is missing; a matrix product is written `@`, an elementwise product `*`")),
)


def spelt_otherwise(code: str, part: str) -> tuple[int, str] | None:
    """Return where a line first holds another notation, and what to write; None where it holds none that is known."""
    for one in _spellings:
        for match in re.finditer(one.pattern, code):
            if not any(keyword.iskeyword(word or "") for word in match.groups()):
                words = (one.of_claim if part == CLAIM else one.of_cell)(match)
                return match.start(), f"`{_short(match[0])}`: {_short(words, MAX_WORDS)}"
    return None


def _short(text: str, most: int = MAX_SHOWN) -> str:
    """A text on one line of at most so many characters."""
    joined = " ".join(text.split())
    return joined if len(joined) <= most else joined[: most - 1] + "…"


def name_otherwise(name: str) -> str:
    """Return how a name of Greek letters is written in ASCII, "" for any other: σ is `sigma`, λ `lam`."""
    words = [unicodedata.name(letter, "").split() for letter in name if not letter.isascii()]
    if not words or any(word[:1] != ["GREEK"] or "LETTER" not in word for word in words):
        return ""
    spelt = ["lam" if word[-1] in ("LAMDA", "LAMBDA") else word[-1].lower() for word in words]
    capital = [one.capitalize() if "CAPITAL" in word else one for one, word in zip(spelt, words, strict=True)]
    found = iter(capital)
    written = "".join(letter if letter.isascii() else next(found) for letter in name)
    return f": write `{written}`"


def lag_otherwise(name: str, written: str) -> str:
    """Return what is meant by an index of a state that is no number of steps back."""
    stem = name.removesuffix("_prev")
    meant = {"0": f"this step's own value is `{stem}`", "-1": f"one step back it is `{name}`"}.get(written)
    return f": {meant or f'write `{name}[2]`'}"


def function_otherwise(name: str) -> str:
    """Return what to say of a function's name, "" where nothing is known: σ is `sigmoid`, h_(t−1) is `h_prev`."""
    if name in FUNCTIONS:
        return f" (`{FUNCTIONS[name]}` is the language's)"
    return f" (the state of the step before is `{name}prev`)" if name.endswith("_") else ""


def quantity_otherwise(name: str, known: list[str]) -> str:
    """Return what to say of a name in a claim, "" where nothing is known: dL is no name, y is `target`, o_t `o[t]`."""
    derivative = re.fullmatch(r"d([A-Za-z]\w*)", name)
    if derivative is not None and derivative[1].partition("_d")[0] in known:
        return f" ({DERIVATIVE})"
    stem, _, step = name.rpartition("_")
    if stem in known and step in ("t", "T", "j", "i"):
        return f" (a quantity of a step is written `{stem}[{step}]`)"
    return f" (`{QUANTITIES[name]}` is what it is called)" if QUANTITIES.get(name) in known else ""
