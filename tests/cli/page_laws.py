"""Laws of a page's structure: headings, names, what it asks for, what pictures and tables say, what may be wide."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

SVG = "http://www.w3.org/2000/svg"


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
    written = source.replace(SVG, "")  # the name of a language, which nothing asks for
    return found + re.findall(r"@import|https?:[^\"'\s<]*|<meta[^>]*http-equiv[^>]*>", written)


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


def faults_of(source: str) -> list[str]:
    tree = Tree(source)
    return [*wrong_headings(tree), *wrong_names(tree, source), *requests(tree, source), *unlabelled(tree),
            *wide_on_their_own(tree)]
