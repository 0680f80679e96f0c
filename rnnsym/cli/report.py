"""The main job: one folder with the derivation, the code, the checks and the figures of a network on a corpus."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import rnnsym
from rnnsym.cli.corpus_data import arguments_for, misfit, plain_sizes, sizes_for
from rnnsym.cli.laboratory import explored, remedied
from rnnsym.cli.outputs import figure_titles, whole_folder
from rnnsym.cli.page.content import Content, Reading, Training
from rnnsym.cli.page.document import report_page
from rnnsym.cli.pictures import draw_pictures
from rnnsym.cli.progress import Advance, progress_bar
from rnnsym.cli.streams import complain
from rnnsym.cli.typesetting import installed, typeset
from rnnsym.errors import DataError, OutputError
from rnnsym.evidence.property_tests import property_test
from rnnsym.evidence.reports import Report
from rnnsym.model.networks import Network
from rnnsym.model.text import Corpus, corpora
from rnnsym.numerics.compilation import CompiledNetwork
from rnnsym.writing.derivation import Derivation

LEARNING_RATE = 0.5
DESCENT_STEPS = 100
DEVIATION = 0.5
FILES = (
    "index.html", "derivation.tex", "derivation.txt", "derivation.pdf", "corpus.json", "gradient.py",
    "test_gradient.py", "checks.json", "figures",
)


@dataclass(frozen=True)
class Request:
    """What a report is asked for; no corpus means the notes' three reviews, where the network learns from them."""

    network: Network
    corpus: Path | None
    steps: int
    seed: int
    notation: str = "author"


def write_report(request: Request, folder: Path) -> bool:
    """Write the report's folder whole, or nothing; True where every check passed."""
    lesson = _lesson(request)
    with whole_folder(folder, report_names()) as work, progress_bar() as stage:
        content = _content(request, lesson, work, stage)
        _typeset(content.derivation, work, stage("typesetting"))
        files = sorted(path.name for path in work.iterdir() if path.is_file())
        (work / "index.html").write_text(report_page(content, files), encoding="utf-8")
    return content.report.passed


@dataclass(frozen=True)
class _Lesson:
    """The sizes in numbers, and the corpus; None where the network learns from none, which ``unread`` gives reason."""

    sizes: dict[str, int]
    corpus: Corpus | None = None
    unread: str = ""


def _lesson(request: Request) -> _Lesson:
    """Return what the network learns from; DataError where a corpus was asked for from which it cannot."""
    if request.corpus is not None:
        corpus = Corpus.from_csv(request.corpus)
        return _Lesson(sizes_for(request.network, corpus), corpus)
    corpus = corpora["reviews"]
    reason = misfit(request.network, corpus)
    if reason:
        return _Lesson(plain_sizes(request.network), None, f"This network has no corpus here: {reason}.")
    return _Lesson(sizes_for(request.network, corpus), corpus)


def report_names() -> frozenset[str]:
    """Return the paths, relative to its folder, that a report may write; a folder of others is a user's own."""
    return frozenset((*FILES, *(f"figures/{name}.svg" for name in figure_titles())))


def _typeset(derivation: Derivation, work: Path, advance: Advance) -> None:
    """Add the PDF where pdflatex is installed; where it fails, the rest of the report is as good without."""
    if installed():
        try:
            (work / "derivation.pdf").write_bytes(typeset(derivation.latex()))
        except OutputError as error:
            complain("warning", f"the report has no PDF: {error}")
    advance(1, 1)


def _content(request: Request, lesson: _Lesson, work: Path, stage: Callable[[str], Advance]) -> Content:
    derivation = _derived(request, lesson.sizes, work, stage("deriving"))
    run = rnnsym.compile(request.network)
    (work / "gradient.py").write_text(run.source, encoding="utf-8")
    (work / "test_gradient.py").write_text(property_test(request.network), encoding="utf-8")
    reading = _read(run, lesson, request.seed, work, stage)
    report = rnnsym.check(request.network, request.seed, progress=stage("checking"))
    (work / "checks.json").write_text(_checks(derivation, report), encoding="utf-8")
    pictures, undrawn = draw_pictures(request.network, work / "figures", request.seed, stage("drawing"),
                                       request.notation)
    advance = stage("gradient flow")
    remedies, unremedied = remedied(request.network, request.seed)
    advance(1, 2)
    explorer = explored(request.network, request.seed, request.notation)
    advance(2, 2)
    return Content(derivation, lesson.sizes, run.source, report, pictures, undrawn, explorer, remedies, unremedied,
                   reading, lesson.unread)


def _read(
    run: CompiledNetwork, lesson: _Lesson, seed: int, work: Path, stage: Callable[[str], Advance]
) -> Reading | None:
    if lesson.corpus is None:
        return None
    _write_corpus(lesson.corpus, work)
    try:
        return Reading(lesson.corpus, _train(run, lesson.corpus, lesson.sizes, seed, stage("gradient descent")))
    except DataError as error:  # weights at random may leave nothing to descend on; the rest of the report is as good
        complain("warning", f"the report has no gradient descent: {error}")
        return Reading(lesson.corpus, None, f"Gradient descent with η = {LEARNING_RATE:g} was broken off: {error}.")


def _write_corpus(corpus: Corpus, work: Path) -> None:
    batch = corpus.batch()
    vocabulary = corpus.vocabulary
    content = {
        "name": corpus.name,
        "vocabulary": {word: number for number, word in enumerate(vocabulary.words, start=1)},
        "texts": [
            {
                "text": text,
                "label": label,
                "integers": vocabulary.encode(text),
                "shape": list(vocabulary.one_hot(text).shape),
            }
            for text, label in zip(corpus.texts, corpus.labels, strict=True)
        ],
        "padded shape": list(batch.inputs.shape),
        "lengths": [int(length) for length in batch.lengths],
    }
    (work / "corpus.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _derived(request: Request, sizes: dict[str, int], work: Path, advance: Advance) -> Derivation:
    derivation = derived_with_proof(request.network, request.steps, sizes, request.seed).respelled(request.notation)
    (work / "derivation.tex").write_text(derivation.latex(), encoding="utf-8")
    (work / "derivation.txt").write_text(derivation.text(), encoding="utf-8")
    advance(1, 1)
    return derivation


def derived_with_proof(network: Network, steps: int, sizes: dict[str, int], seed: int) -> Derivation:
    """Return the derivation for a number of steps, and behind the gradients' readings the proof for every number."""
    document = rnnsym.derive(network, steps, sizes=sizes, seed=seed)
    if network.shape_of_steps.single_step:
        return document
    proof = rnnsym.derive(network, None, seed=seed).only("proof").sections
    end = next(place for place, section in enumerate(document.sections) if section.key == "descent")
    return replace(document, sections=(*document.sections[:end], *proof, *document.sections[end:]))


def _train(run: CompiledNetwork, corpus: Corpus, sizes: dict[str, int], seed: int, advance: Advance) -> Training:
    """Plain gradient descent on the whole corpus, from small random weights."""
    parameters = _first_parameters(run.network, sizes, seed)
    arguments = arguments_for(run.network, corpus)
    losses = []
    for step in range(DESCENT_STEPS):
        loss, slopes = run.value_and_grad(parameters, **arguments)
        losses.append(loss)
        parameters = {name: value - LEARNING_RATE * slopes[name] for name, value in parameters.items()}
        advance(step + 1, DESCENT_STEPS)
    losses.append(run.loss(parameters, **arguments))
    outputs = run.predict(parameters, arguments["inputs"], lengths=arguments["lengths"])  # of class 1 where it is last
    return Training(LEARNING_RATE, tuple(losses), tuple(float(output) for output in outputs[:, -1]))


def _first_parameters(network: Network, sizes: dict[str, int], seed: int) -> dict[str, Any]:
    """Draw N(0, 0.5²), but gains 1 and shares U(0, 1)."""
    from rnnsym.dynamics.multipliers import first_value, multipliers

    random, multiplying = np.random.default_rng(seed), multipliers(network)
    drawn = {name: random.standard_normal(shape) for name, shape in network.shapes(**sizes).items()}
    return {name: first_value(multiplying[name], normal) if name in multiplying else DEVIATION * normal
            for name, normal in drawn.items()}


def _checks(derivation: Derivation, report: Report) -> str:
    lines: list[dict[str, Any]] = [
        {
            "section": section.key,
            "rule": step.rule,
            "why": step.why.replace("`", ""),
            "checks": [vars(check) for check in step.checks],
        }
        for section in derivation.sections
        for step in section.steps
    ]
    content = {"derivation": lines, "network": json.loads(report.as_json())}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
