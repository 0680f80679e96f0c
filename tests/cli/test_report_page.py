"""The report's page: laws of its structure, for networks of every kind, and faults that the laws must find."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from report_contents import DRAWN, FILES, NETWORKS, content, page

from rnnsym.cli.page.code import highlighted
from rnnsym.cli.page.document import report_page
from rnnsym.cli.page.inline_svg import inline_svg
from rnnsym.cli.page.markup import counted
from rnnsym.errors import OutputError
from rnnsym.evidence.reports import Finding

every = pytest.mark.parametrize("name", NETWORKS)


class Tree(HTMLParser):
    """The elements of a page, each with its attributes, the tags around it and the text in it."""

    VOID = ("meta", "br", "img", "hr", "input")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.open: list[tuple[str, dict[str, str]]] = []
        self.headings: list[tuple[int, str]] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.found.append((tag, attributes, tuple(f"{one}.{given.get('class', '')}" for one, given in self.open)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in self.VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(re.fullmatch("h[1-6]", tag) for tag, _ in self.open):
            level, words = self.headings[-1]
            self.headings[-1] = level, words + data

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes, _ in self.found if name in attributes]

    def tags(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes, _ in self.found if tag == name]


@functools.cache
def tree_of(name: str) -> Tree:
    return Tree(page(name))


# The laws


def wrong_headings(tree: Tree) -> list[str]:
    levels = [level for level, _ in tree.headings]
    faults = [] if levels.count(1) == 1 and levels[0] == 1 else ["not one h1 in front of all"]
    faults += [f"h{after} behind h{before}" for before, after in pairwise(levels)
               if after > before + 1]
    return faults + [f"an empty h{level}" for level, words in tree.headings if not words.strip()]


def wrong_names(tree: Tree, source: str) -> list[str]:
    """Ids that occur twice, and references to ids that do not occur, of links, of labels and inside figures."""
    ids = tree.attributes("id")
    wanted = [name[1:] for name in tree.attributes("href") if name.startswith("#")]
    wanted += [name for names in tree.attributes("aria-labelledby") for name in names.split()]
    wanted += re.findall(r"url\(#([^)]*)\)", source)
    return sorted({one for one, count in Counter(ids).items() if count > 1} | (set(wanted) - set(ids)))


def requests(tree: Tree, source: str) -> list[str]:
    """All that a browser would ask for when it opens the page, wherever it lies."""
    loading = {"script", "link", "img", "iframe", "object", "embed", "image", "video", "audio", "source", "track"}
    found = [tag for tag, attributes, _ in tree.found
             if tag in loading and {"src", "href", "data", "srcset"} & attributes.keys()]
    found += [one for tag, attributes, _ in tree.found if tag == "use" for one in [attributes.get("href", "")]
              if not one.startswith("#")]
    found += [one for one in re.findall(r"url\(([^)]*)\)", source) if not one.startswith(("data:", "#"))]
    return found + re.findall(r"@import|https?:[^\"'\s<]*|<meta[^>]*http-equiv[^>]*>", source)


def unlabelled(tree: Tree) -> list[str]:
    """Pictures without a text, tables without a caption, groups without a name."""
    faults = [tag for tag, attributes, _ in tree.found
              if (tag == "svg" or attributes.get("role") in ("group", "img"))
              and not {"aria-label", "aria-labelledby"} & attributes.keys()]
    faults += ["img" for attributes in tree.tags("img") if not attributes.get("alt", "").strip()]
    tables = [attributes for attributes in tree.tags("table") if attributes.get("role") != "presentation"]
    faults += ["table"] * (len(tables) - len(tree.tags("caption")))
    return faults + ["th" for attributes in tree.tags("th") if attributes.get("scope") not in ("col", "row")]


def wide_on_their_own(tree: Tree) -> list[str]:
    """Tables and listings that no box around them lets scroll, or that the keyboard cannot reach."""
    faults = [tag for tag, _, around in tree.found
              if tag == "table" and not re.search(r"div\.(?:plate )?(?:wide|equations)", " ".join(around))]
    boxes = [attributes for tag, attributes, _ in tree.found
             if tag == "pre" or {"wide", "equations"} & set(attributes.get("class", "").split())]
    return faults + ["box" for attributes in boxes if attributes.get("tabindex") != "0"]


@every
def test_headings_descend_by_one_from_a_single_h1(name: str) -> None:
    tree = tree_of(name)
    assert wrong_headings(tree) == []
    titles = [words for level, words in tree.headings if level == 2]
    assert [one.split(" ✓")[0] for one in titles[:2]] == [
        "The network and its shapes", f"The derivation, T = {content(name).derivation.length}"]
    expected = ["The code", "The checks", "The gradient flow", "What remedies would do for this cell"]
    places = [next(place for place, title in enumerate(titles) if title.startswith(one)) for one in expected]
    assert places == sorted(places)


@every
def test_names_are_unique_and_all_that_is_referred_to_is_there(name: str) -> None:
    assert wrong_names(tree_of(name), page(name)) == []
    files = {link for link in tree_of(name).attributes("href") if not link.startswith("#")}
    assert files == {*FILES, *(f"figures/{one.name}.svg" for one in content(name).pictures)}


@every
def test_nothing_is_asked_for_from_elsewhere_and_no_script_is_needed(name: str) -> None:
    assert requests(tree_of(name), page(name)) == []
    assert "<script" not in page(name)


@every
def test_pictures_tables_and_groups_say_what_they_are(name: str) -> None:
    assert unlabelled(tree_of(name)) == []
    assert wide_on_their_own(tree_of(name)) == []


@every
def test_a_reader_by_keyboard_or_ear_finds_the_way(name: str) -> None:
    tree = tree_of(name)
    assert [attributes.get("lang") for attributes in tree.tags("html")] == ["en"]
    assert len(tree.tags("main")) == len(tree.tags("nav")) == len(tree.tags("h1")) == 1
    links = [attributes["href"] for attributes in tree.tags("a")]
    assert links[0] == f"#{tree.tags('main')[0]['id']}", "the first link leads past the contents"
    parts = [attributes["id"] for attributes in tree.tags("section") if attributes.get("class") == "part"]
    assert links[1:len(parts) + 1] == [f"#{part}" for part in parts], "the contents are all parts, in their order"
    assert len(tree.tags("details")) == len(tree.tags("summary")) > 5


@every
def test_each_line_of_derivation_and_proof_has_its_mark_and_formulas_are_xml(name: str) -> None:
    derivation, source = content(name).derivation, page(name)
    assert source.count('<details class="check">') == len(derivation.steps)
    assert derivation.checked
    assert ('<section id="proof"' in source) == derivation.proved == (name != "single step")
    formulas = re.findall(r"<math.*?</math>", source, re.DOTALL)
    assert len(formulas) > len(derivation.steps)
    for formula in formulas:
        ElementTree.fromstring(formula)


@every
def test_the_words_are_the_networks_own(name: str) -> None:
    found, source = content(name), page(name)
    network = found.derivation.network
    assert tree_of(name).headings[0] == (1, f"The gradient of {network.cell.name}")
    assert network.topology in source
    assert ("Movie was good" in source) == (found.reading is not None) == (not found.unread)
    assert all(line.strip() in unescape(source) for line in network.cell.text.splitlines())
    assert network.readout.strip() in unescape(source)


@pytest.mark.parametrize(("name", "counts"), [
    ("simple", "27 weights + 4 biases"), ("lstm", "99 weights + 13 biases"), ("columns", "28 weights + 3 biases"),
])
def test_weights_and_biases_are_counted(name: str, counts: str) -> None:
    assert counts in page(name)


def test_a_notation_spells_equations_tables_and_proof() -> None:
    source = page("gru")
    assert content("gru").derivation.style.notation == "goodfellow"
    assert '<section id="names">' in source
    lead = source.split('<div class="lead">')[1].split("</div>")[0]
    assert "<mi>W</mi>" in lead or "<mi>U</mi>" in lead


def test_a_failed_check_leads_the_part_of_the_checks() -> None:
    found = content("single step")
    finding = Finding("W_h", "", "The gradient of W_h is <wrong> in one path.")
    source = report_page(replace(found, report=replace(found.report, findings=(finding,))), FILES)
    assert source.count("✗ failed") == 2
    assert "The gradient of W_h is &lt;wrong&gt; in one path." in source
    assert wrong_headings(Tree(source)) == []


# Figures


@pytest.mark.parametrize("name", DRAWN)
def test_figures_say_what_is_seen_and_share_no_name(name: str) -> None:
    source = page(name)
    assert source.count('<svg viewBox="') == len(content(name).pictures)
    for picture in content(name).pictures:
        assert picture.title not in picture.words
        assert len(re.findall(r"\d", picture.words)) > 2, "what is seen, in numbers"
    body = source.split("<body>")[1]
    assert not re.search(r"<(?:style|metadata)\b", body), "a figure's rules would hold for the page"


def test_two_figures_with_the_same_names_inside_do_not_meet() -> None:
    one = ('<?xml version="1.0"?><svg viewBox="0 0 9 9"><style>*{fill: red}</style><g id="g"><clipPath id="p"/>'
           '<use xlink:href="#g" clip-path="url(#p)"/></g></svg>')
    both = inline_svg(one, "a", "A & B", "Two <lines>.") + inline_svg(one, "b", "B", "One.")
    assert wrong_names(Tree(both), both) == []
    assert "style>" not in both
    assert "<title id=\"a-title\">A &amp; B</title>" in both
    assert 'href="#a-g" clip-path="url(#a-p)"' in both
    with pytest.raises(OutputError, match="the figure c is no SVG file"):
        inline_svg("<p>no figure</p>", "c", "C", "None.")


# Small pieces


@pytest.mark.parametrize("source", [
    "", "x = 1\n", "x = 1", "# only & a comment\n",
    'def f(a):\n    """Two\n    lines <b>."""\n    return a @ "σ"  # end\n',
])
def test_highlighting_changes_no_character(source: str) -> None:
    assert unescape(re.sub(r"<[^>]*>", "", highlighted(source))) == source


@every
def test_the_code_on_the_page_is_the_code(name: str) -> None:
    shown = page(name).split('aria-label="gradient.py"><code>')[1].split("</code></pre>")[0]
    assert unescape(re.sub(r"<[^>]*>", "", shown)) == content(name).source


def test_numbers_of_things_are_spelt() -> None:
    assert [counted(1, "bias"), counted(4, "bias"), counted(2000, "weight")] == ["1 bias", "4 biases", "2,000 weights"]


# Faults that the laws must find


FAULTS = {
    "a heading that skips a level": ("<h3>The loss</h3>", "<h5>The loss</h5>"),
    "an empty heading": ("<h3>The loss</h3>", "<h3> </h3>"),
    "two titles": ("<h3>The loss</h3>", "<h1>The loss</h1>"),
    "an id twice": ('<section id="loss">', '<section id="paths">'),
    "a link to nothing": ('href="#code"', 'href="#nowhere"'),
    "a script from elsewhere": ("</main>", '<script src="a.js"></script></main>'),
    "a picture from elsewhere": ("</main>", '<img alt="a" src="//example.org/a.png"></main>'),
    "a frame": ("</main>", '<iframe src="a.html" title="a"></iframe></main>'),
    "an address": ("</main>", "http://example.org</main>"),
    "a font from elsewhere": ("</style>", "@font-face { src: url(a.woff2) }</style>"),
    "another style sheet": ("</style>", "@import 'a.css';</style>"),
    "a picture without a text": ("</main>", '<img src="data:image/png;base64,"></main>'),
    "a figure without a text": ('aria-labelledby="figure-unrolled-title figure-unrolled-words"', ""),
    "a table without a caption": ("<caption.*?</caption>", ""),
    "a column without a scope": ('<th scope="col">', "<th>"),
    "a table that does not scroll": ("</main>", "<table><caption>a</caption></table></main>"),
    "a box that the keyboard cannot reach": (' tabindex="0"', ""),
}


def faults_of(source: str) -> list[str]:
    tree = Tree(source)
    return [*wrong_headings(tree), *wrong_names(tree, source), *requests(tree, source), *unlabelled(tree),
            *wide_on_their_own(tree)]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_found(kind: str) -> None:
    pattern, planted = FAULTS[kind]
    wrong, count = re.subn(pattern, planted, page("encoder-decoder"), count=1, flags=re.DOTALL)
    assert count == 1
    assert faults_of(wrong) != [], "and the page itself has none, as the tests above say"


def test_planted_faults_are_counted() -> None:
    assert len(FAULTS) == 17
