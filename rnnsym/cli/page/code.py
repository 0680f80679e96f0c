"""The generated module, its comments and keywords set apart."""

from __future__ import annotations

import io
import keyword
import tokenize
from html import escape

from rnnsym.cli.page.content import Content
from rnnsym.cli.page.markup import listing, section


def code_part(content: Content) -> str:
    """Return the module that computes the loss and its gradient, and how it is called."""
    words = ('<p>The derived recursion as a module that runs alone, with NumPy: <a href="gradient.py">gradient.py</a>. '
             "Its function <code>value_and_grad</code> returns the loss and the gradient of every parameter.</p>")
    return section("code", "The code", words, listing(highlighted(content.source), "gradient.py"))


def highlighted(source: str) -> str:
    """Return Python as HTML, every character of it; comments, texts and keywords bear a class."""
    lines, parts, at = source.splitlines(keepends=True), [], (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = _kind(token)
        if not kind:
            continue
        parts += [escape(_between(lines, at, token.start)), f'<span class="{kind}">{escape(token.string)}</span>']
        at = token.end
    return "".join(parts) + escape(_between(lines, at, (len(lines) + 1, 0)))


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.COMMENT:
        return "comment"
    if token.type == tokenize.STRING:
        return "string"
    return "keyword" if token.type == tokenize.NAME and keyword.iskeyword(token.string) else ""


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the text from one place (line from 1, column from 0) to another."""
    (first, left), (last, right) = start, end
    if first == last:
        return "".join(lines[first - 1:first])[left:right]
    whole = lines[first - 1][left:] if first <= len(lines) else ""
    return whole + "".join(lines[first:last - 1]) + (lines[last - 1][:right] if last <= len(lines) else "")
