"""The whole book: contents, links, index of symbols, references, and a PDF without a line that is too long."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import rnnsym
from rnnsym.book import Built, book_document, book_page
from rnnsym.book.latex import numbered
from rnnsym.book.symbols import meaning_of, symbols_of
from rnnsym.book.words import MEANINGS
from rnnsym.cli import main
from rnnsym.cli.typesetting import PASSES

OVERFULL = re.compile(r"Overfull \\hbox \((\d+\.\d+)pt too wide\)")
SEEN = 1.0  # point: what sticks out less is within the width of a rule


class Page(HTMLParser):
    """The places of a page, its links, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places, self.links, self.loaded = list[str](), list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.places += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loaded += [tag] if tag in {"script", "img", "link", "iframe"} or "src" in found else []


@pytest.fixture(scope="module")
def built() -> tuple[Built, ...]:
    return tuple(chapter.build() for chapter in rnnsym.book.chapters.values())


@pytest.fixture(scope="module")
def page(built: tuple[Built, ...]) -> str:
    return book_page(built)


@pytest.fixture(scope="module")
def source(built: tuple[Built, ...]) -> str:
    return book_document(built)


def test_every_line_of_every_chapter_is_checked(built: tuple[Built, ...]) -> None:
    derivations = [part for chapter in built for part in chapter.derivations if part.steps]
    assert len(derivations) > 15
    assert all(part.checked for part in derivations)


def test_every_chapter_is_on_the_page_and_every_link_leads_to_a_place(built: tuple[Built, ...], page: str) -> None:
    found = Page(page)
    assert len(set(found.places)) == len(found.places)
    assert {f"#{chapter.key}" for chapter in built} <= set(found.links)
    assert [link for link in found.links if link.removeprefix("#") not in found.places] == []
    assert found.loaded == []
    assert "http" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_the_index_has_every_name_of_every_chapter_with_one_meaning(built: tuple[Built, ...]) -> None:
    index = {symbol.name: symbol for symbol in symbols_of(built)}
    shapes: dict[str, set[int]] = {}
    for part in (part for chapter in built for part in chapter.derivations):
        network = part.network
        equations = (*network.equations, *network.readout_equations)
        for name in (network.input, *network.parameters, *(equation.target for equation in equations)):
            shapes.setdefault(name.name, set()).add(len(name.shape))
    assert len(shapes) > 40
    assert set(shapes) <= set(index)
    assert {name: ranks for name, ranks in shapes.items() if len(ranks) > 1} == {}
    printed = [str(symbol.box) for symbol in index.values()]
    assert len(set(printed)) == len(printed)


def test_no_meaning_is_left_over(built: tuple[Built, ...]) -> None:
    assert set(MEANINGS) <= {symbol.name for symbol in symbols_of(built)}


def test_a_name_without_a_meaning_is_refused() -> None:
    with pytest.raises(rnnsym.errors.NetworkError, match="add it to"):
        meaning_of("q")


def test_the_same_letters_are_no_other_cells() -> None:
    for name in ("lstm", "gru", "skip_rnn"):
        ours, theirs = rnnsym.book.networks.gated(name), rnnsym.Network(rnnsym.cells[name])
        sizes = {"d": 3, "n": 2, "k": 1}
        drawn = rnnsym.dynamics.draw_parameters(ours, sizes, seed=1)
        inputs, targets = rnnsym.dynamics.draw_inputs(ours, sizes, seed=1, steps=4)
        renamed = dict(zip((p.name for p in theirs.parameters), (drawn[p.name] for p in ours.parameters), strict=True))
        losses = [rnnsym.compile(network).value_and_grad(parameters, inputs, targets)[0]
                  for network, parameters in ((ours, drawn), (theirs, renamed))]
        assert losses[0] == losses[1]


def test_references_are_numbered_once_and_all_are_cited(built: tuple[Built, ...], source: str, page: str) -> None:
    numbers = numbered(built)
    assert len(numbers) > 5
    assert list(numbers.values()) == list(range(1, len(numbers) + 1))
    prose = re.sub(r"\\begin{verbatim}.*?\\end{verbatim}", "", source, flags=re.DOTALL)
    cited = {int(number) for found in re.findall(r" \[(\d+(?:, \d+)*)\]", prose) for number in found.split(", ")}
    assert cited == set(numbers.values())
    assert [f'id="reference-{number}"' in page for number in numbers.values()] == [True] * len(numbers)


def test_a_chapter_without_checks_is_not_built() -> None:
    chapter = rnnsym.book.chapters["forward"]
    bare = chapter.make()[0]
    assert not isinstance(bare, rnnsym.book.parts.Exhibit)
    sections = tuple(replace(s, steps=tuple(replace(step, checks=()) for step in s.steps)) for s in bare.sections)
    with pytest.raises(rnnsym.errors.DerivationError, match="no check"):
        replace(chapter, make=lambda: (replace(bare, sections=sections),)).build()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_no_line_of_the_pdf_is_too_long_and_no_reference_is_lost(source: str, tmp_path: Path) -> None:
    (tmp_path / "book.tex").write_text(source, encoding="utf-8")
    for _ in range(PASSES):
        run = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "book.tex"], cwd=tmp_path,
                             capture_output=True, check=False)
        assert run.returncode == 0
    log = (tmp_path / "book.log").read_text(encoding="latin-1")
    assert [width for width in OVERFULL.findall(log) if float(width) > SEEN] == []
    assert "Overfull \\vbox" not in log
    assert "undefined" not in log
    assert "Rerun to get" not in log


def test_the_command_writes_the_book_whole_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")  # without pdflatex
    folder, few = tmp_path / "book", dict(list(rnnsym.book.chapters.items())[:4])
    monkeypatch.setattr(rnnsym.book, "chapters", few)
    monkeypatch.setattr("sys.argv", ["rnnsym", "book", "-o", str(folder)])
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None)
    shown = capsys.readouterr()
    assert "pdflatex is not found" in shown.err
    assert shown.out.split()[:2] == [str(folder / "book.html"), str(folder / "book.tex")]
    page = (folder / "book.html").read_text(encoding="utf-8")
    assert "Weights and biases" in page
    assert '<title id="figure-unrolled-title">' in page
    assert r"\includegraphics" in (folder / "book.tex").read_text(encoding="utf-8")
    assert [path.name for path in (folder / "figures").iterdir()] == ["unrolled.pdf"]


def test_a_folder_of_a_users_own_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["rnnsym", "book", "-o", str(tmp_path)])
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "is no earlier book" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
