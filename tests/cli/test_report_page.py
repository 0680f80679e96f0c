"""The report's page: laws of its structure, for networks of every kind, and faults that the laws must find."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

import pytest
from page_laws import Tree, faults_of, requests, unlabelled, wide_on_their_own, wrong_headings, wrong_names
from report_contents import DRAWN, FILES, NETWORKS, content, page

from rnnsym.cli.page.code import highlighted
from rnnsym.cli.page.document import report_page
from rnnsym.cli.page.inline_svg import inline_svg
from rnnsym.cli.page.markup import counted
from rnnsym.errors import OutputError
from rnnsym.evidence.reports import Finding

every = pytest.mark.parametrize("name", NETWORKS)


@functools.cache
def tree_of(name: str) -> Tree:
    return Tree(page(name))


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
    bare = re.sub(r"<script.*?</script>", "", page(name), flags=re.DOTALL)
    assert page(name).count("<script") == (2 if content(name).explorer else 0)
    assert faults_of(bare) == []
    assert "<form hidden" in bare or not content(name).explorer, "what needs the script is not there without it"


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


def test_a_notation_spells_the_figures_and_the_gradient_flow() -> None:
    source = page("gru")
    flow = source.split('<section id="flow"')[1].split("</section>")[0]
    drawn = {picture.name: picture for picture in content("gru").pictures}
    assert "`W_r`" in drawn["path-contributions"].words
    assert "W_{r}" in drawn["path-contributions"].svg
    assert "W_{hr}" not in flow
    assert "W_hr" not in flow.replace('"W_hr"', "")
    assert "<msub><mi>W</mi><mi>r</mi></msub>" in flow.split('<div id="explorer">')[1]


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
    assert source.count('role="img" aria-labelledby="figure-') == len(content(name).pictures)
    assert 0 < source.index('id="figure-gradient-paths"') - source.index('<section id="paths">') < \
        source.index('<section id="proof"')
    for picture in content(name).pictures:
        assert picture.title not in picture.words
        assert len(re.findall(r"\d", picture.words)) > 2, "what is seen, in numbers"
    figures = re.findall(r"<figure.*?</figure>", source, re.DOTALL)
    assert len(figures) >= len(content(name).pictures)
    assert not any(re.search(r"<(?:style|metadata)\b", one) for one in figures), "its rules would hold for the page"


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


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_found(kind: str) -> None:
    pattern, planted = FAULTS[kind]
    wrong, count = re.subn(pattern, planted, page("encoder-decoder"), count=1, flags=re.DOTALL)
    assert count == 1
    assert faults_of(wrong) != [], "and the page itself has none, as the tests above say"


def test_planted_faults_are_counted() -> None:
    assert len(FAULTS) == 17
