"""The command line: what it writes, what it refuses in one line with exit status 2, and how soon it answers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_runs import run

import rnnsym

REPORT_FILES = {
    "index.html",
    "derivation.tex",
    "derivation.txt",
    "corpus.json",
    "gradient.py",
    "checks.json",
    "figures",
}


@pytest.fixture(scope="module")
def report_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("main-job") / "report"
    done = subprocess.run(
        [sys.executable, "-m", "rnnsym", "report", "-o", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_report_holds_everything(report_folder: Path) -> None:
    names = {path.name for path in report_folder.iterdir()}
    assert names >= REPORT_FILES
    assert {path.name for path in (report_folder / "figures").iterdir()} == {
        "activations.svg",
        "contributions-by-cell.svg",
        "gradient-paths.svg",
        "gradient-products.svg",
        "path-contributions.svg",
        "unrolled.svg",
    }
    checks = json.loads((report_folder / "checks.json").read_text(encoding="utf-8"))
    assert checks["network"]["passed"]
    assert all(step["checks"] for step in checks["derivation"])
    corpus = json.loads((report_folder / "corpus.json").read_text(encoding="utf-8"))
    assert [text["shape"] for text in corpus["texts"]] == [[3, 5], [3, 5], [4, 5]]
    assert corpus["padded shape"] == [3, 4, 5]


def test_nothing_is_left_beside_the_report(report_folder: Path) -> None:
    assert [path.name for path in report_folder.parent.iterdir()] == ["report"]


def test_the_reports_code_runs_alone(report_folder: Path) -> None:
    script = (
        "import numpy as np, gradient\n"
        "shapes = {'W_i': (5, 3), 'W_h': (3, 3), 'b': 3, 'W_o': (3, 1), 'b_o': 1}\n"
        "p = {name: np.ones(shape) for name, shape in shapes.items()}\n"
        "print(gradient.value_and_grad(p, np.ones((2, 4, 5)), np.ones((2, 1)))[0] > 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=report_folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "True", done.stderr


def test_the_proof_for_every_length_is_in_all_forms_of_the_derivation(report_folder: Path) -> None:
    """The laws of the page itself are those of test_report_page.py."""
    for name in ("index.html", "derivation.tex", "derivation.txt"):
        text = (report_folder / name).read_text(encoding="utf-8")
        assert text.index("The unrolled equations") < text.rindex("roof, for every")
    page = (report_folder / "index.html").read_text(encoding="utf-8")
    assert "27 weights + 4 biases" in page
    assert page.count("✓ passed") == 2


def test_a_report_on_a_users_reviews(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reviews = tmp_path / "reviews.csv"
    reviews.write_text("text,label\nA fine plot,1\nA dull plot indeed,0\n", encoding="utf-8")
    status, out, err = run(
        ["report", "--corpus", str(reviews), "-o", str(tmp_path / "r"), "--steps", "2", "--seed", "1"],
        capsys,
        monkeypatch,
    )
    assert (status, err) == (0, "")
    assert out.strip().endswith("index.html")
    vocabulary = json.loads((tmp_path / "r" / "corpus.json").read_text(encoding="utf-8"))["vocabulary"]
    assert list(vocabulary) == ["a", "fine", "plot", "dull", "indeed"]


def test_an_earlier_report_is_replaced_and_a_foreign_folder_is_not(
    report_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.tex").write_text("mine")
    status, _, err = run(["report", "-o", str(foreign)], capsys, monkeypatch)
    assert status == 2
    assert "no earlier report" in err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]
    assert (foreign / "chapter.tex").read_text() == "mine"
    (report_folder / "derivation.txt").write_text("old")
    assert run(["report", "-o", str(report_folder)], capsys, monkeypatch)[0] == 0
    assert (report_folder / "derivation.txt").read_text(encoding="utf-8").startswith("Backpropagation")


@pytest.mark.parametrize("form", ["text", "latex", "html"])
def test_derive_prints_and_writes(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(["derive", "--format", form, "--steps", "2"], capsys, monkeypatch)
    assert status == 0
    target = tmp_path / "d"
    assert run(["derive", "--format", form, "--steps", "2", "-o", str(target)], capsys, monkeypatch)[0] == 0
    assert target.read_text(encoding="utf-8") == out
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_derive_proves_for_every_length_and_derives_bounds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(["derive", "--steps", "T"], capsys, monkeypatch)
    assert (status, "Proof, for every length" in out, "T steps" in out) == (0, True, True)
    status, out, _ = run(["derive", "--bounds"], capsys, monkeypatch)
    assert (status, out.startswith("Bounds on the gradient")) == (0, True)


def test_code_cells_check_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "def value_and_grad(" in run(["code", "--cell", "gru"], capsys, monkeypatch)[1]
    listed = run(["cells"], capsys, monkeypatch)[1]
    assert all(name in listed for name in rnnsym.cells)
    assert "all weights" in run(["cells", "lstm"], capsys, monkeypatch)[1]
    status, out, _ = run(["check", "--examples", "3", "--format", "json"], capsys, monkeypatch)
    assert (status, json.loads(out)["passed"]) == (0, True)
    assert "gradient-products" in run(["figures", "--list"], capsys, monkeypatch)[1]
    folder = tmp_path / "made" / "here"
    status, out, err = run(["figures", "path-contributions", "-o", str(folder), "--format", "pdf"], capsys, monkeypatch)
    assert (status, out, err) == (0, f"{folder / 'path-contributions.pdf'}\n", "")
    assert [path.name for path in folder.iterdir()] == ["path-contributions.pdf"]


def test_figures_that_a_network_has_not_are_left_out_with_a_line_or_refused_by_their_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = ["--cell", "simple", "--topology", "one-to-one"]
    status, out, err = run(["figures", *network, "-o", str(tmp_path)], capsys, monkeypatch)
    assert (status, out) == (0, f"{tmp_path / 'unrolled.svg'}\n{tmp_path / 'gradient-paths.svg'}\n")
    notes = err.splitlines()
    followed = ("gradient-products", "activations", "path-contributions", "contributions-by-cell")
    for line, name in zip(notes, followed, strict=True):
        assert line.startswith(f"rnnsym: note: the figure {name} is not drawn: it follows many steps, and this network")
    names = ["unrolled", "path-contributions"]
    status, out, err = run(["figures", *names, *network, "-o", str(tmp_path / "new")], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"rnnsym: error: the figure path-contributions cannot be drawn: [^\n]+\n", err)
    assert not (tmp_path / "new").exists()


def test_a_failed_check_is_exit_status_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnsym.calculus import rules
    from rnnsym.model.expressions import MatrixProduct, negate

    right = rules.pullbacks[MatrixProduct]

    def wrong(node: object, *rest: object) -> object:
        return ((operand, negate(part)) for operand, part in right(node, *rest))  # type: ignore[arg-type]

    monkeypatch.setitem(rules.pullbacks, MatrixProduct, wrong)
    status, out, _ = run(["check", "--examples", "10"], capsys, monkeypatch)
    assert status == 1
    assert "FAILED" in out
    assert "gradient of" in out


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


CELL = 'name = "mine"\nequations = """\n{}\n"""\nreadout = "yhat = sigmoid(h @ W_y)"\n'
BAD: dict[str, tuple[list[str], str, str]] = {
    "shape conflict": (["derive", "--network", "@"], CELL.format("h = tanh(x @ W + h_prev @ W)"), "W"),
    "unknown function": (["derive", "--network", "@"], CELL.format("h = tahn(x @ W + h_prev @ U)"), "tahn"),
    "unknown name after _prev": (["derive", "--network", "@"], CELL.format("h = tanh(x @ W + q_prev @ U)"), "q_prev"),
    "hostile text": (["code", "--network", "@"], CELL.format("h = __import__('os').system('x')"), "line 1"),
    "no toml": (["check", "--network", "@"], "name = ", "TOML"),
    "unknown cell": (["check", "--cell", "lsmt"], "", "lstm"),
    "empty corpus": (["report", "--corpus", "@"], "", "empty"),
    "header only": (["report", "--corpus", "@"], "text,label\n", "row"),
    "label outside [0, 1]": (["report", "--corpus", "@"], "text,label\ngood,2\n", "row 2"),
    "missing label": (["report", "--corpus", "@"], "text,label\ngood,1\nbad\n", "row 3"),
    "missing file": (["report", "--corpus", "/nowhere/reviews.csv"], "", "reviews.csv"),
    "T = 0": (["derive", "--steps", "0"], "", "steps"),
    "T too large": (["derive", "--steps", "10000000"], "", "steps"),
    "no number": (["derive", "--steps", "three"], "", "--steps"),
    "a length of its own for bounds": (["derive", "--bounds", "--steps", "3"], "", "leave one out"),
    "a decoder's length for any length": (["derive", "--steps", "T", "--output-steps", "3"], "", "together with steps"),
    "unknown format": (["derive", "--format", "word"], "", "latex"),
    "a suffix that contradicts the format": (["derive", "--format", "text", "-o", "a.tex"], "", "named as latex"),
    "a PDF on standard output": (["derive", "--format", "pdf"], "", "name a file with -o"),
    "a PDF on standard output, by its sign": (["derive", "--format", "pdf", "-o", "-"], "", "name a file with -o"),
    "a cell and a network": (["derive", "--cell", "gru", "--network", "@"], "", "not both"),
    "a cell and a network, though the default": (["code", "--cell", "simple", "--network", "@"], "", "not both"),
    "no cell's name": (["code", "--cell", ""], "", "lstm"),
    "no example": (["check", "--examples", "0"], "", "at least 1 example"),
    "fewer than no example": (["check", "--examples", "-3"], "", "at least 1 example"),
    "unknown figure": (["figures", "cliff"], "", "gradient-products"),
    "unknown option": (["derive", "--stesp", "3"], "", "--stesp"),
    "unknown command": (["derife"], "", "derife"),
    "folder is a file": (["report", "-o", "@"], "x", "is a file"),
    "folder of figures is a file": (["figures", "-o", "@"], "x", "File exists"),
    "folder of figures in a file": (["figures", "-o", "@/figures"], "x", "Not a directory"),
    "file is a folder": (["derive", "-o", "."], "", "is a folder"),
    "file without a name": (["code", "-o", ""], "", "is a folder"),
    "file in a file": (["code", "-o", "@/code.py"], "x", "Not a directory"),
    "a report where one stands": (["report", "-o", "."], "", "the folder you are in"),
    "a report above where one stands": (["report", "-o", ".."], "", "the folder you are in"),
    "file in no folder": (["derive", "-o", "/nowhere/d.tex"], "", "/nowhere/d.tex"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line_and_exit_status_2(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, text, words = BAD[kind]
    path = written(tmp_path, "given", text)
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    status, out, err = run([argument.replace("@", path) for argument in arguments], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert err.startswith("rnnsym: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert sorted(tmp_path.iterdir()) == before, "nothing half-written is left behind"


def test_the_kinds_of_bad_input_are_counted() -> None:
    assert len(BAD) == 37


def test_a_place_where_no_folder_can_be_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, err = run(["report", "-o", "/dev/null/report"], capsys, monkeypatch)
    assert status == 2
    assert "cannot be written" in err


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['rnnsym', '--help']\n"
        "from rnnsym.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'sympy', 'numpy', 'matplotlib', 'hypothesis', 'scipy', 'flint'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "report" in done.stdout
