"""Lines no wider than the page: where they break, that nothing is lost, and that TeX finds none too wide."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import rnnsym
from rnnsym.calculus.notation import Labelled
from rnnsym.evidence import strategies
from rnnsym.model import expressions as ex
from rnnsym.writing.boxes import Box, words
from rnnsym.writing.breaking import Breaker
from rnnsym.writing.derivation import Derivation, Table
from rnnsym.writing.documents import LINE, _columns, paper
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import Style, lay_out
from rnnsym.writing.plain import plain
from rnnsym.writing.sections import derivation
from rnnsym.writing.terminal import COLUMNS

MAX_OVERFULL = 5.0  # points; less is not seen on paper
t, n = ex.t, ex.size("n")
a, b, c, d = (ex.Variable(name, (n,), t) for name in "abcd")
W, U = ex.Parameter("W_one", (n, n)), ex.Parameter("U_two", (n, n))


def lines(expression: ex.Expression, room: float, *, apart: bool = False) -> list[str]:
    breaker = Breaker(lambda box: len(plain(box).rstrip()), room, room, 2, apart)
    return ["  " * line.indent + plain(line.box).strip() for line in breaker.lines(lay_out(expression, Style()))]


BROKEN: list[tuple[ex.Expression, float, list[str]]] = [
    (a + b - c, 40, ["a_t + b_t − c_t"]),
    (a + b - c, 12, ["a_t", "  + b_t", "  −c_t"]),
    (ex.OrderedSum(ex.Negative(a + b), c), 16, ["−(a_t + b_t)", "  + c_t"]),
    (a @ W @ U @ W, 16, ["a_t W_one U_two", "  · W_one"]),
    (a * b * c * d, 16, ["a_t ⊙ b_t ⊙ c_t", "  ⊙ d_t"]),
    (ex.Elementwise("tanh", a + b + c) * d, 14, ["tanh(a_t + b_t", "    + c_t)", "  ⊙ d_t"]),
    ((a + b + c) @ W, 14, ["(a_t + b_t", "    + c_t)", "  · W_one"]),
    ((a + b + c + d)**2, 18, ["(a_t + b_t + c_t", "    + d_t)²"]),
    ((a + b + c) / (a - d), 20, ["((a_t + b_t + c_t)", "    / (a_t − d_t))"]),
    (
        ex.Selection(ex.Comparison(">", a, b), c + d, a @ W), 26,
        ["{c_t + d_t if a_t > b_t,", "    a_t W_one otherwise}"],
    ),
    (
        ex.Selection(ex.Comparison(">", a, b), c + d, a @ W), 20,
        ["{c_t + d_t", "      if a_t > b_t,", "    a_t W_one", "      otherwise}"],
    ),
    (ex.Extremum("maximum", a + b, c + d), 14, ["max(a_t + b_t,", "    c_t + d_t)"]),
]


@pytest.mark.parametrize(("expression", "room", "expected"), BROKEN)
def test_a_line_breaks_at_its_loosest_sign(expression: ex.Expression, room: float, expected: list[str]) -> None:
    assert lines(expression, room) == expected


def test_a_labelled_sum_says_where_its_label_begins() -> None:
    total = ex.add(Labelled(a, "short"), Labelled(b - c, "long"))
    assert lines(total, 60, apart=True) == ["a_t   (short)", "  + b_t", "  −c_t   (these 2 lines: long)"]
    assert lines(total, 30) == ["a_t   (short)", "  + b_t − c_t   (long)"]


trees = st.recursive(st.sampled_from([a, b, c, d]), lambda inner: st.one_of(
    st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
    st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
    st.tuples(inner, inner).map(lambda pair: ex.Hadamard(*pair)),
    st.tuples(inner, inner).map(lambda pair: pair[0] / pair[1]),
    inner.map(ex.Negative),
    inner.map(lambda node: ex.Elementwise("tanh", node)),
    inner.map(lambda node: (node @ W)),
), max_leaves=12)


@given(trees, st.integers(10, 60))
def test_no_sign_is_lost_and_brackets_balance(tree: ex.Expression, room: int) -> None:
    """Letters stand in their order; brackets are added where a fraction is written on a line, none is dropped."""
    joined = "".join(lines(tree, room)).replace(" ", "").replace("·", "")
    letters = re.compile(r"[^()/]")
    whole = plain(lay_out(tree, Style())).replace(" ", "").replace("·", "")
    assert letters.findall(joined) == letters.findall(whole)
    assert joined.count("(") == joined.count(")") >= whole.count("(")


@given(trees, st.integers(24, 60))
def test_no_line_is_wider_than_the_room(tree: ex.Expression, room: int) -> None:
    for line in lines(tree, room):
        inner = line.lstrip(" (·+−⊙/").removeprefix("tanh").lstrip("(")
        assert len(line) <= room or not re.search(r" [+−⊙·] ", inner), line  # one name in many brackets may stand out


def cells(name: str, steps: int = 3) -> Callable[[], Derivation]:
    return lambda: derivation(rnnsym.Network(rnnsym.cells[name]), steps)


def network(name: str, layers: int = 1, **options: object) -> Callable[[], Derivation]:
    cell = [rnnsym.cells[name]] * layers if layers > 1 else rnnsym.cells[name]
    return lambda: derivation(rnnsym.Network(cell, **options), 3)  # type: ignore[arg-type]


WIDE: dict[str, Callable[[], Derivation]] = {
    "lstm": cells("lstm"), "gru": cells("gru"), "skip rnn": cells("skip_rnn"), "peephole": cells("lstm_peephole"),
    "antisymmetric": cells("antisymmetric_rnn"), "skip connection": cells("skip_connection", 6),
    "lstm, three layers": network("lstm", 3),
    "lstm, both ways": network("lstm", topology="many-to-many", bidirectional=True),
    "gru, decoder": network("gru", loss="squared_error", topology="encoder-decoder", teacher_forcing=False),
    "skip rnn, three layers": network("skip_rnn", 3),
    "gru, as in the notes": lambda: cells("gru")().respelled("notes"),
}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", WIDE)
def test_tex_finds_no_line_too_wide(name: str, tmp_path: Path) -> None:
    document = WIDE[name]()
    assert wide_lines(document, tmp_path) == []
    assert max(len(line) for line in document.text().splitlines()) <= COLUMNS
    assert not re.search(r"\\resizebox|\\scriptsize|\\tiny", document.latex())


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_tex_finds_no_line_too_wide_in_networks_drawn_at_random(tmp_path: Path) -> None:
    drawn: list[rnnsym.Network] = []

    @settings(max_examples=8, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategies.networks())
    def draw(found: rnnsym.Network) -> None:
        drawn.append(found)

    draw()
    for found in drawn:
        document = derivation(found, 1 if found.shape_of_steps.single_step else 2)
        assert wide_lines(document, tmp_path) == []
        assert max(len(line) for line in document.text().splitlines()) <= COLUMNS


def wide_lines(document: Derivation, folder: Path) -> list[float]:
    (folder / "page.tex").write_text(document.latex(), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "-draftmode", "page.tex"]
    result = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "page.log").read_text(encoding="latin-1")
    assert result.returncode == 0, log[-2000:]
    return too_wide(log)


def too_wide(log: str) -> list[float]:
    found = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    return [points for points in found if points > MAX_OVERFULL]


def test_a_planted_wide_line_is_found() -> None:
    assert too_wide("Overfull \\hbox (5.1pt too wide) in alignment\nOverfull \\hbox (4.9pt too wide)") == [5.1]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_widths_are_those_that_tex_finds(tmp_path: Path) -> None:
    """Each line, set by TeX, is as wide as we think, to a hundredth above and a tenth below: a line that fits does."""
    found: list[tuple[Box, str]] = []
    for step in cells("lstm")().steps:
        box = lay_out(step.after, Style("row", None))
        found.append((box, rf"\sbox0{{$\displaystyle {latex(box)}$}}\message{{<\the\wd0>}}"))
    source = "\n".join([r"\documentclass[11pt]{article}\usepackage{amsmath,amssymb,mathtools}\begin{document}",
                        *(line for _, line in found), "x", r"\end{document}"])
    (tmp_path / "page.tex").write_text(source, encoding="utf-8")
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "page.tex"], cwd=tmp_path, capture_output=True, check=True)
    log = (tmp_path / "page.log").read_text(encoding="latin-1").replace("\n", "")
    true = [float(points) / 10.95 for points in re.findall(r"<([\d.]+)pt>", log)]
    assert len(true) == len(found)
    measure = paper(LINE).measure
    for (box, _), width in zip(found, true, strict=True):
        assert 0.99 * width - 0.3 <= measure(box) <= 1.1 * width + 0.5, plain(box)


def test_a_table_gives_its_widest_column_what_is_left() -> None:
    table = Table(("a", "b"), ((words("short"), words("long " * 40)),))
    assert re.fullmatch(r"l>\{\\raggedright\\arraybackslash\}p\{(3\d\.\d)em\}",
                        _columns(table, [[cell for cell in table.rows[0] if isinstance(cell, Box)]]))
    narrow = Table(("a", "b"), ((words("short"), words("long")),))
    assert _columns(narrow, [[cell for cell in narrow.rows[0] if isinstance(cell, Box)]]) == "ll"


@example(60)
@given(st.integers(20, 200))
def test_a_name_alone_is_never_broken(room: int) -> None:
    assert lines(W, room) == ["W_one"]
