"""The figure of the record: how many times as fast as the plain loop everybody is, cell by cell and shape by shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt

from benchmarks.contestants import OURS, PLAIN
from benchmarks.rows import CELLS, SHAPES
from rnnsym.dynamics.style import GREY, PALETTE, LineLabel, freeze_layout, label_lines, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES = (9.5, 12.5)
TITLES = {"simple": "simple RNN", "lstm": "LSTM", "gru": "GRU"}
DARK = "#404040"
BATCHED = tuple(shape for shape in SHAPES if shape[0] > 1)
ORDER = (*BATCHED, *(shape for shape in SHAPES if shape[0] == 1))  # the two kinds apart, no line from one to the other


@dataclass(frozen=True)
class Look:
    """How a contestant is drawn: ours strong and coloured, code by hand dark, frameworks grey."""

    colour: str
    marker: str
    width: float = 1.0


looks: dict[str, Look] = {
    OURS[0]: Look(PALETTE[0], "o", 3.0),
    OURS[1]: Look(PALETTE[4], "o", 3.0),
    "tuned NumPy": Look(DARK, "s"),
    "numba by hand": Look(DARK, "^"),
    "C by hand": Look(DARK, "D"),
    "C, fast-math": Look(DARK, "v"),
    "autograd": Look(GREY, "s"),
    "PyTorch loop": Look(GREY, "^"),
    "PyTorch layer": Look(GREY, "v"),
    "JAX jit": Look(GREY, "D"),
}


def draw(record: Mapping[str, Any]) -> Figure:
    """Return the figure: a panel for each cell that was measured."""
    cells = [cell for cell in CELLS if any(row["cell"] == cell for row in record["rows"])]
    with style():
        figure, panels = plt.subplots(len(cells), 1, figsize=(INCHES[0], INCHES[1] * len(cells) / 3), squeeze=False,
                                      sharex=True, sharey=True, layout="constrained")
        labels: list[list[LineLabel]] = []
        for axes, cell in zip(panels[:, 0], cells, strict=True):
            _frame(axes, cell)
            labels.append(_lines(axes, [row for row in record["rows"] if row["cell"] == cell]))
        axes.set_xticks(range(len(ORDER)), [_words(shape) for shape in ORDER])
        axes.set_xlabel(r"batch $\times$ steps, inputs $\to$ units")
        axes.set_xlim(-0.35, len(ORDER) - 0.8)
        for axes, own in zip(panels[:, 0], labels, strict=True):
            label_lines(axes, own, column=1.03, side="right")
        freeze_layout(figure)
    plt.close(figure)
    return figure


def _words(shape: tuple[int, int, int, int]) -> str:
    batch, steps, d, n = shape
    return f"{batch} $\\times$ {steps}\n{d} $\\to$ {n}"


def _frame(axes: Axes, cell: str) -> None:
    axes.set_yscale("log")
    axes.set_title(TITLES[cell], loc="left")
    axes.set_ylabel("times as fast as the plain loop")
    axes.axvspan(-0.35, len(BATCHED) - 0.5, color="#F4F4F4", linewidth=0, zorder=0)
    axes.axhline(1.0, color="black", linewidth=0.8, linestyle="--", zorder=0)
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)


def _lines(axes: Axes, rows: list[dict[str, Any]]) -> list[LineLabel]:
    """Draw a line for each contestant over the shapes, and return its label at the last of them."""
    labels = [LineLabel(PLAIN, len(ORDER) - 1, 1.0, "black")]
    for name, look in looks.items():
        points = sorted((ORDER.index(tuple(row["shape"])), _speed(row, name)) for row in rows if name in row["seconds"])
        for kind in (True, False):
            part = [one for one in points if (one[0] < len(BATCHED)) is kind]
            axes.plot([x for x, _ in part], [y for _, y in part], color=look.colour, marker=look.marker,
                      linewidth=look.width, markersize=3 + 1.5 * look.width, zorder=2 + look.width)
        if points:
            labels.append(LineLabel(name, *points[-1], look.colour))
    return labels


def _speed(row: Mapping[str, Any], name: str) -> float:
    """The plain loop's seconds over a contestant's, by the ratios of single rounds where there are some."""
    given = row["ratios"].get(name, {})
    return float(given[PLAIN] if PLAIN in given else row["seconds"][PLAIN] / row["seconds"][name])
