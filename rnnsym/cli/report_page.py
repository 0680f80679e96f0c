"""The report's first page: what the network is, what was derived, run, checked and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from rnnsym.evidence.reports import Report
from rnnsym.model.text import Corpus
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.pages import html_fragment, style_sheet

MOST_TEXTS = 20  # shown on the page; corpus.json has all
EXTRA_STYLE = """
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8884; border-radius: .3rem; font-size: .85rem; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; background: #fff; }
.passed { color: #0a7d54; } .failed { color: #c2410c; } nav a { margin-right: 1rem; }
@media (prefers-color-scheme: dark) { .passed { color: #5fd3a6; } .failed { color: #ff9d6b; } }
"""


@dataclass(frozen=True)
class Training:
    """Gradient descent on the corpus: the loss before each step and after the last, and the final outputs."""

    learning_rate: float
    losses: tuple[float, ...]
    outputs: tuple[float, ...]


@dataclass(frozen=True)
class Content:
    """All that the page shows; ``figures`` maps file stems to titles."""

    derivation: Derivation
    corpus: Corpus
    source: str
    report: Report
    training: Training
    figures: dict[str, str]


def report_page(content: Content, files: list[str]) -> str:
    """Return the page as HTML; figures and ``files`` are linked, everything else is inline."""
    title = escape(f"rnnsym report: {content.derivation.network.cell.name}")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    derivation = html_fragment(content.derivation)
    parts = [
        _summary(content, files),
        _corpus(content),
        derivation,
        _code(content),
        _checks(content),
        _figures(content),
    ]
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{title}</title>',
            f"<style>{style_sheet(derivation)}{EXTRA_STYLE}</style></head><body><main><h1>{title}</h1>",
            *parts,
            "</main></body></html>\n",
        ]
    )


def _mark(passed: bool) -> str:
    return '<span class="passed">passed</span>' if passed else '<span class="failed">failed</span>'


def _summary(content: Content, files: list[str]) -> str:
    network, steps = content.derivation.network, content.derivation.steps
    checked = sum(bool(step.checks) for step in steps)
    equations = "\n".join(line.strip() for line in (*network.cell.text.strip().splitlines(), network.readout.strip()))
    links = " ".join(f'<a href="{name}">{name}</a>' for name in files)
    return (
        f"<pre>{escape(equations)}</pre><p>{escape(network.topology)}, loss: {escape(network.loss.replace('_', ' '))}. "
        f"{checked} of {len(steps)} lines of the derivation are checked; "
        f"derivation and code {_mark(content.report.passed)} all checks.</p><nav>{links}</nav>"
    )


def _corpus(content: Content) -> str:
    corpus, outputs = content.corpus, content.training.outputs
    vocabulary, batch = corpus.vocabulary, corpus.batch()
    rows = "".join(
        f"<tr><td>{escape(text)}</td><td>{label:g}</td><td>{' '.join(map(str, vocabulary.encode(text)))}</td>"
        f"<td>{vocabulary.one_hot(text).shape}</td><td>{output:.3f}</td></tr>"
        for text, label, output in list(zip(corpus.texts, corpus.labels, outputs, strict=True))[:MOST_TEXTS]
    )
    more = (
        f"<p>… and {len(corpus.texts) - MOST_TEXTS} more in corpus.json.</p>" if len(corpus.texts) > MOST_TEXTS else ""
    )
    losses = content.training.losses
    shape = " × ".join(map(str, batch.inputs.shape))
    head = "<th>text</th><th>label</th><th>integers</th><th>(time steps, features)</th><th>output after descent</th>"
    return (
        f'<section id="corpus"><h2>The corpus: {escape(corpus.name)}</h2><p>{len(vocabulary)} words in order of first '
        f"appearance: {escape(', '.join(vocabulary.words[:MOST_TEXTS]))}"
        f"{' …' if len(vocabulary) > MOST_TEXTS else ''}. Padded, the batch is {shape} "
        f"(batch, time steps, features); steps past a text's length change nothing.</p>"
        f'<table class="names"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{more}"
        f"<p>{len(losses) - 1} steps of gradient descent with η = {content.training.learning_rate:g} take the loss "
        f"from {losses[0]:.4f} to {losses[-1]:.4f}.</p></section>"
    )


def _code(content: Content) -> str:
    text = "The module runs alone with NumPy; it is gradient.py in this folder."
    return f'<section id="code"><h2>The code</h2><p>{text}</p><pre>{escape(content.source)}</pre></section>'


def _checks(content: Content) -> str:
    report = content.report
    rows = "".join(
        f"<tr><td>{escape(w.name)}</td><td>{w.comparisons}</td><td>{w.error:.2g}</td><td>{w.tolerance:.2g}</td>"
        f"<td>{escape(w.reason)}</td></tr>"
        for w in report.witnesses
    )
    findings = "".join(f'<p class="failed">{escape(finding.message)}</p>' for finding in report.findings)
    example = (
        "" if report.counterexample is None else f"<pre>{escape(chr(10).join(report.pasted()))}</pre>"
    )
    undecided = f"<p>{len(report.undecided)} comparisons were left undecided.</p>" if report.undecided else ""
    head = "<th>witness</th><th>comparisons</th><th>largest error</th><th>allowed there</th><th>why</th>"
    return (
        f'<section id="checks"><h2>The checks: {_mark(report.passed)}</h2>{findings}{example}'
        f'<table class="names"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{undecided}</section>'
    )


def _figures(content: Content) -> str:
    images = "".join(
        f'<figure><img src="figures/{name}.svg" alt="{escape(title)}"><figcaption>{escape(title)}</figcaption></figure>'
        for name, title in content.figures.items()
    )
    return f'<section id="figures"><h2>The network and its gradient flow</h2>{images}</section>'
