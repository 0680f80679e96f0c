"""Texts that are damaged or hostile: what a parser must answer with one clear error, soon, and run nothing of."""

from __future__ import annotations

import keyword

from hypothesis import strategies as st

from rnnsym.model.grammar import MAX_DEPTH
from rnnsym.model.sources import MAX_CHARACTERS
from rnnsym.model.vocabulary import arities

MOST_CHANGES = 6
LONGEST_CUT = 9
LONGEST = 2 * MAX_CHARACTERS

CHARACTERS = (
    "()[]{}@*/+-=.,:;#'\"\\ \t\n\r\0\x0b\x0c\x1a\x1b\x7f\x85\xa0\u200b\u200e\u202e\u2028\u2029\ufeff\ud800\udfff"
    "\U0001f600\U000e0001αℎ𝒉ｈhхϵſıéé×−·²½٣३％!?$%^&|~<>`_0123456789xhWITLt"
)
TOKENS = (
    "@", "**", "//", "->", ":=", "==", "!=", "<=", "<<", "...", ".T", ".T.T", ".real", ".__class__", "_prev",
    "_prev_prev", "[0]", "[1]", "[-1]", "[2:3]", "[x]", "x", "h", "I", "L", "T", "t", "target", "yhat", ": scalar",
    ": vector = 1", ": (n,)", ": (n, n)", ": (t,)", "sum(", "dot(", "(x for x in x)", "*x", "**x", "h = ", "=", "\n",
    "\n    ", ";", "\\\n", "#", "'''", 'f"{x}"', 'b"x"', "lambda x: x", "x if x else x", "not x", "x and x", "x > x",
    "await x", "yield x", "-", "--", "~", "+x", "0", "00", "0x1F", "0b1", "1_000", "1j", "1e5", "1e999", "1e-999",
    ".5", "5.", "9" * 41, "1e" + "9" * 30, "inf", "nan", "None", "True", "Ellipsis", "__debug__",
)
WORDS = (
    *keyword.kwlist, *keyword.softkwlist, *arities, "eval", "open", "print", "__import__",
)

SMALL = (
    "h = __import__('os').system('true')", "h = eval('1')", "h = open('f')", "h = exec(x)", "import os",
    "from os import *", "h = h_prev.__class__.__bases__[0]", "h = h_prev.__init__", "h = (lambda: 1)()",
    "h = [x for x in x]", "h = {x: x}", "h = {x}", "h = (y := x)", "(h := x)", "h = f'{x}'", "h = f'{h_prev!r:>{x}}'",
    "h = b'x'", "h = 'x' 'y'", "h = x if x else h_prev", "h = h_prev and x", "h = not h_prev", "h = h_prev is x",
    "h = h_prev < x < h", "h = *x, h_prev", "h, g = x, h_prev", "h = g = h_prev", "h += h_prev", "h.T = h_prev",
    "h[0] = h_prev", "h: eval('1') = h_prev", "h: (n, n, n)\nh = h_prev", "h: (0,)\nh = h_prev",
    "h: (-1,)\nh = h_prev", "h: (1e9,)\nh = h_prev", "h: ()\nh = h_prev", "h: scalar = x\nh = h_prev",
    "h: h\nh = h_prev", "h: matrix\nh = h_prev", "(h): scalar\nh = h_prev", "def h(): pass", "class h: pass",
    "async def h(): pass", "while 1: pass", "if x: h = 1", "for h in x: pass", "try: pass\nexcept: pass",
    "with x: pass", "match x:\n case 1: pass", "del h", "global h", "assert h", "raise h", "return h", "yield h",
    "pass", "type h = x", "@x\ndef h(): pass", "# -*- coding: utf-7 -*-\nh = h_prev", "h = h_prev \\\n + x",
    "h = (h_prev\n + x)", "h = h_prev; g = x", "ℎ = ℎ_prev", "𝒉 = 𝒉_prev", "hх = hх_prev", "h = h\u200b_prev",
    "\ufeffh = h_prev", "h = h_prev\0", "h = h_prev\u2028g = x", "h = h_prev\x0cg = x", "h = h_prev + ٣",
    "h = h_prev + 0x10", "h = h_prev + 1_0", "h = h_prev + 1j", "h = h_prev + 1e400", "h = h_prev ** 1e9",
    "h = h_prev ** 99999999999", "h = h_prev ** x", "h = 2 ** h_prev", "h = h_prev ** 0.3", "h = h_prev / 0",
    "h = 0 * h_prev", "h = h_prev - h_prev", "h = 1e300 * 1e300 * h_prev", "h = h_prev ** 64 ** 64", "h = h_prev[0]",
    "h = h_prev[65]", "h = h_prev[-1]", "h = h_prev[1:2]", "h = h_prev[x]", "h = h_prev[True]", "h = h_prev[1][1]",
    "h = h_prev[1e1]", "h = h_prev[01]", "h = h_prev[0x1]", "h = x[0] + h_prev", "h = tanh(a=h_prev)",
    "h = tanh(*h_prev)", "h = tanh(**h_prev)", "h = tanh()", "h = tanh(h_prev, h_prev)", "h = tanh", "h = tanh_prev",
    "tanh = tanh_prev", "h = tanh(tanh)", "h = I", "h = I + h_prev", "h = I @ h_prev", "h = sum(I) * h_prev",
    "x = x_prev", "I = I_prev", "T = T_prev", "h_prev = h_prev_prev", "h = h_prev\nh = h_prev", "h = g\ng = h_prev",
    "h = h_prev @ h_prev", "h = h_prev.T", "h = h_prev @ W.T.T.T", "W = W_prev @ W", "h = print(h_prev)", "h = ...",
    "h = None", "h = True * h_prev", "h = __debug__", "", "\n", "#", "h", "=", "h =", "= h", "(", ")",
)


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Draw a text and damage it in one to six places."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, MOST_CHANGES))):
        text = draw(_changed(text))
    return text


@st.composite
def _changed(draw: st.DrawFn, text: str) -> str:
    """Delete, replace, insert, double or swap."""
    start = draw(st.integers(0, len(text)))
    end = min(start + draw(st.integers(0, LONGEST_CUT)), len(text))
    piece = draw(st.one_of(st.just(""), st.sampled_from(TOKENS), st.sampled_from(CHARACTERS), st.sampled_from(WORDS),
                           st.just(text[start:end]), st.integers(-99, 99).map(str)))
    far = draw(st.integers(end, len(text)))
    return draw(st.sampled_from([
        text[:start] + piece + text[end:],
        text[:start] + piece + text[start:],
        text[:start] + text[start:end] * 2 + text[end:],
        text[:start] + text[end:far] + text[start:end] + text[far:],
    ]))


PAIRS = (
    ("(", "x", ")"), ("tanh(", "h_prev", ")"), ("-", "x", ""), ("x + ", "h_prev", ""), ("x * ", "h_prev", ""),
    ("x ** ", "2", ""), ("[", "x", "]"), ("{", "x", "}"), ("not ", "x", ""), ("h_prev", "", "[1]"), ("W", "", ".T"),
    ("x @ ", "W", ""), ("(x + ", "h_prev", ")"), ("x / (", "h_prev", ")"), ("lambda: ", "x", ""), ("f(", "x", "),"),
    ("9", "", ""), ("0.", "1", ""), ("h_prev\nh = ", "x", ""), ("h_prev\ng: scalar\nh = ", "x", ""), ("a", "", ""),
    ("~", "x", ""), ("x if x else ", "x", ""), ("(", "", ""), ("x and ", "x", ""), ("x < ", "x", ""), ("'", "", ""),
    ("\\\n", "x", ""), ("# ", "", ""), ("(x for x in ", "x", ")"), ("-(", "x", ")"), ("await ", "x", ""),
    ("*", "x", ""),
    ("x(", "", ")"), ("\t", "x", ""), ("\n", "x", ""), ("(W @ ", "h_prev", ")"), ("softplus(x + ", "h_prev", ")"),
    ("(1 + ", "h_prev", ")**2"), ("x.", "T", ""), ("x, ", "x", ""), ("concat(x, ", "h_prev", ")"), ("E[", "x", "]"),
    ("where(x > h_prev, x, ", "h_prev", ")"), ("maximum(x, ", "h_prev", ")"), ("softmax(", "h_prev", ")"),
)


@st.composite
def repetitions(draw: st.DrawFn) -> str:
    """Draw ``h = `` and one thing many times over: nesting, chains, long lines, many lines."""
    before, middle, after = draw(st.sampled_from(PAIRS))
    most = max(1, LONGEST // max(1, len(before + after)))
    count = draw(st.one_of(st.integers(1, 2 * MAX_DEPTH), st.integers(1, most)))
    return "h = h_prev + " + before * count + middle + after * count


def small_texts() -> st.SearchStrategy[str]:
    """Draw one short hostile text."""
    return st.sampled_from(SMALL)


def any_texts() -> st.SearchStrategy[str]:
    """Draw any text at all."""
    return st.text(max_size=200)
