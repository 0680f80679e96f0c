"""The report's page as a whole: its parts in order, their contents list, the files beside it."""

from __future__ import annotations

import re
from html import escape, unescape

from rnnsym.cli.page.checks import checks_part
from rnnsym.cli.page.code import code_part
from rnnsym.cli.page.content import Content
from rnnsym.cli.page.derived import derivation_part, proof_part, references_part
from rnnsym.cli.page.flow import flow_part, remedies_part
from rnnsym.cli.page.markup import section, table
from rnnsym.cli.page.opening import masthead, opening, title_of
from rnnsym.cli.page.reading import corpus_part
from rnnsym.cli.page.style import REPORT_STYLE
from rnnsym.writing.pages import style_sheet

PARTS = (opening, derivation_part, proof_part, code_part, checks_part, flow_part, remedies_part, corpus_part,
         references_part)

# What each file of the folder is, in the order in which the page lists them.
FILES = {
    "derivation.pdf": "the derivation and the proof on paper",
    "derivation.tex": "the same as LaTeX",
    "derivation.txt": "the same as text",
    "gradient.py": "the code, which runs alone with NumPy",
    "test_gradient.py": "a property test of a gradient of yours, which runs alone",
    "checks.json": "every check of every line, and of the network",
    "corpus.json": "vocabulary, integers and shapes",
}


def report_page(content: Content, files: list[str]) -> str:
    """Return the page as HTML, self-contained; ``files`` are the names of those beside it."""
    title = escape(f"{title_of(content.derivation.network)} · rnnsym report")
    parts = [*(part(content) for part in PARTS), _files(files)]
    body = "\n".join([
        '<a class="skip" href="#content">Skip to the content</a>', '<div class="page">', _contents(parts),
        '<main id="content" tabindex="-1">', masthead(content), *parts, "</main>", "</div>",
    ])
    head = ('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">')
    style = style_sheet(body) + REPORT_STYLE
    return (f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{title}</title>\n<style>{style}</style></head>\n'
            f"<body>\n{body}\n</body></html>\n")


def _contents(parts: list[str]) -> str:
    """Return the list of all parts that the page has, by their headings."""
    found = [re.search(r'<section id="([a-z]+)" class="part".*?<h2[^>]*>(.*?)</h2>', part, re.DOTALL)
             for part in parts]
    items = "".join(f'<li><a href="#{one[1]}">{escape(_plain(one[2]))}</a></li>' for one in found if one)
    return f'<nav class="contents" aria-label="Contents"><ol>{items}</ol></nav>'


def _plain(heading: str) -> str:
    """Return a heading's words, without a verdict that stands behind them."""
    return unescape(re.sub(r"<span.*", "", heading, flags=re.DOTALL)).strip()


def _files(files: list[str]) -> str:
    listed = [name for name in FILES if name in files] + sorted(set(files) - FILES.keys())
    rows = [(f'<a href="{escape(name)}">{escape(name)}</a>', FILES.get(name, "")) for name in listed]
    return section("files", "The files of this folder", table("Files beside this page", ("file", "what it is"), rows))
