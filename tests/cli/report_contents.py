"""Reports for tests: of several networks, by the functions that the command calls, with few examples a check."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import rnnsym
from rnnsym.cli.corpus_data import misfit, plain_sizes, sizes_for
from rnnsym.cli.laboratory import explored, remedied
from rnnsym.cli.page.content import Content, Picture, Reading, Training
from rnnsym.cli.page.document import report_page
from rnnsym.cli.pictures import draw_pictures
from rnnsym.cli.report import derived_with_proof
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network
from rnnsym.model.text import corpora

COLUMN = Cell.from_equations("mine and yours", """
    lam: scalar
    dt = 0.05
    h = lam * h_prev + dt * tanh(W @ x + U @ h_prev + b)
""")
NETWORKS: dict[str, Callable[[], Network]] = {
    "simple": lambda: Network(cells["simple"]),
    "lstm": lambda: Network(cells["lstm"]),
    "gru": lambda: Network(cells["gru"]),
    "skip_rnn": lambda: Network(cells["skip_rnn"]),
    "bidirectional": lambda: Network(cells["simple"], bidirectional=True),
    "encoder-decoder": lambda: Network(cells["simple"], topology="encoder-decoder"),
    "columns": lambda: Network(COLUMN, "yhat = V @ h", "squared_error"),
    "single step": lambda: Network(cells["simple"], topology="one-to-one"),
}
DRAWN = ("gru", "encoder-decoder")  # with figures, which take seconds where there is a gradient flow to follow
NOTATIONS = {"gru": "goodfellow"}
FILES = ["checks.json", "corpus.json", "derivation.pdf", "derivation.tex", "derivation.txt", "gradient.py",
         "test_gradient.py"]


@functools.cache
def content(name: str) -> Content:
    """Return what the report of a network shows."""
    network = NETWORKS[name]()
    corpus, sizes, steps = corpora["reviews"], plain_sizes(network), 1 if name == "single step" else 2
    reason = misfit(network, corpus)
    if not reason:
        sizes = sizes_for(network, corpus)
    derivation = derived_with_proof(network, steps, sizes, 0).respelled(NOTATIONS.get(name, "author"))
    report = rnnsym.check(network, max_examples=2, budget=1.0)
    notation = NOTATIONS.get(name, "author")
    pictures, undrawn = _drawn(network, notation) if name in DRAWN else ((), ("Not drawn: a figure, for a reason.",))
    reading = None if reason else Reading(corpus, Training(0.5, (0.7, 0.3, 0.1), (0.9, 0.1, 0.2)))
    remedies, unremedied = remedied(network, 0)
    explorer = explored(network, 0, notation) if name in DRAWN else ""
    return Content(derivation, sizes, rnnsym.emit(network), report, pictures, undrawn, explorer, remedies, unremedied,
                   reading, reason)


def _drawn(network: Network, notation: str) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        return draw_pictures(network, Path(folder, "figures"), 0, lambda done, total: None, notation)


@functools.cache
def page(name: str) -> str:
    """Return the report's page of a network."""
    return report_page(content(name), FILES)
