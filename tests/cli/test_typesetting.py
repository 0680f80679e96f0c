"""PDFs: the same input gives the same bytes; a pdflatex that is missing, fails or hangs costs the PDF alone."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from command_runs import run

from rnnsym.cli import typesetting
from rnnsym.cli.typesetting import typeset
from rnnsym.errors import OutputError

DOCUMENT = r"\documentclass{article}\usepackage{hyperref}\begin{document}$\sigma$, \today\end{document}"
needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


def pretend(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in place of pdflatex."""
    program = folder / "pdflatex"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@needs_pdflatex
def test_the_same_document_gives_the_same_bytes_later_and_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = typeset(DOCUMENT)
    time.sleep(1.1)  # a PDF's dates count seconds
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert typeset(DOCUMENT) == first
    assert first.startswith(b"%PDF")
    assert b"CreationDate" not in first
    assert typeset(DOCUMENT.replace("sigma", "tau")) != first


@needs_pdflatex
def test_two_reports_are_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = []
    for name in ("one", "other"):
        assert run(["report", "--steps", "2", "-o", str(tmp_path / name)], capsys, monkeypatch)[0] == 0
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        reports.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert Path("derivation.pdf") in reports[0]
    assert reports[0] == reports[1]


@needs_pdflatex
def test_only_a_pdf(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "gru.PDF"
    for more in ([], ["--format", "pdf"]):
        assert run(["derive", "--steps", "1", "-o", str(target), *more], capsys, monkeypatch) == (0, "", "")
        assert target.read_bytes().startswith(b"%PDF")
    assert [path.name for path in tmp_path.iterdir()] == ["gru.PDF"]


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.tex", "\\documentclass"), ("a.HTML", "<!DOCTYPE html>"), ("a.txt", "Backprop"), ("notes", "Backprop")],
)
def test_the_suffix_chooses_the_format(
    name: str, start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["derive", "--steps", "1", "-o", str(tmp_path / name)], capsys, monkeypatch) == (0, "", "")
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_a_suffix_that_names_no_format_is_refused_unless_one_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.docx"
    status, out, err = run(["derive", "--steps", "1", "-o", str(target)], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert "no format is named '.docx'; use .txt, .tex, .html, .pdf, or say --format" in err
    assert not target.exists()
    assert run(["derive", "--steps", "1", "--format", "text", "-o", str(target)], capsys, monkeypatch) == (0, "", "")


FAILING = {
    "fails with a reason": ("echo '! Undefined control sequence.'; exit 1", "failed (! Undefined control sequence.)"),
    "fails without a word": ("exit 1", "failed (no reason in its log)"),
    "hangs": ("exec sleep 60", "took more than 0.5 s"),
    "writes nothing": ("exit 0", "cannot be run (No such file or directory)"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_pdflatex_that_fails_is_one_error(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, words = FAILING[kind]
    pretend(tmp_path, script, monkeypatch)
    monkeypatch.setattr(typesetting, "TIME_LIMIT", 0.5)
    with pytest.raises(OutputError) as caught:
        typeset(DOCUMENT)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_report_is_kept_without_the_pdf_and_a_warning_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, FAILING["fails with a reason"][0], monkeypatch)
    folder = tmp_path / "report"
    status, out, err = run(["report", "--steps", "1", "-o", str(folder)], capsys, monkeypatch)
    assert (status, out) == (0, f"{folder / 'index.html'}\n")
    assert err.startswith("rnnsym: warning: the report has no PDF: pdflatex failed (! Undefined control sequence.)")
    assert err.count("\n") == 1
    assert not (folder / "derivation.pdf").exists()
    assert "derivation.pdf" not in (folder / "index.html").read_text(encoding="utf-8")
    assert (folder / "derivation.tex").exists()


def test_without_pdflatex_a_pdf_is_one_line_and_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = run(["derive", "-o", str(tmp_path / "a.pdf")], capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert err.startswith("rnnsym: error: a PDF needs pdflatex, which is not found; install")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
