"""What the figures of trained networks share: a cell's paint, curves with bands over seeds, dots beside references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.experiments import Result, Run
from rnnsym.dynamics.own_captions import describe_runs
from rnnsym.dynamics.style import GREY, MARKERS, PALETTE, LineLabel, freeze_layout, label_lines, style
from rnnsym.dynamics.type_sizes import page, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]
DARK = "#5A5A5A"


@dataclass(frozen=True)
class Paint:
    """How a line or its dots look: told apart without colour by marker and dashes."""

    text: str
    colour: str
    marker: str
    dashes: Any = "-"


CELLS: Mapping[str, Paint] = MappingProxyType({
    "simple": Paint("simple", PALETTE[0], MARKERS[0]),
    "irnn": Paint("IRNN", PALETTE[3], MARKERS[3], (0, (5, 2))),
    "lstm": Paint("LSTM", PALETTE[2], MARKERS[2], (0, (1, 1))),
    "gru": Paint("GRU", PALETTE[4], MARKERS[1], (0, (5, 1, 1, 1))),
})


def drawn(
    results: Mapping[Run, Result], panels: int, inches: tuple[float, float], draw: Callable[[Any], None], words: str,
    **layout: Any,
) -> Figure:
    """Return a figure of panels side by side in the one style, drawn by ``draw(axes)`` of results, with words below."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=page(*inches), layout="constrained")
        axes: Any = figure.subplots(1, panels, **layout)
        figure.supxlabel(words, fontsize=points())
        draw(axes)
        freeze_layout(figure)
    figure.set_label(describe_runs(results))
    return figure


def ends(result: Result) -> Float:
    """The number of updates at the end of each stretch of a result's curves."""
    count = len(result.losses)
    sizes = np.full(count, result.updates // max(count, 1)) + (np.arange(count) < result.updates % max(count, 1))
    return np.asarray(np.cumsum(sizes), dtype=np.float64)


def draw_losses(axes: Any, groups: Mapping[str, Sequence[Result]], paints: Mapping[str, Paint]) -> list[LineLabel]:
    """The loss over the updates, the median of seeds with a band from the least to the largest; return labels."""
    labels = []
    for name, results in groups.items():
        paint, steps, values = paints[name], ends(results[0]), np.array([one.losses for one in results])
        middle = np.median(values, axis=0)
        axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=paint.colour, alpha=0.16, linewidth=0)
        axes.plot(steps, middle, color=paint.colour, linestyle=paint.dashes, marker=paint.marker, markevery=12)
        labels.append(LineLabel(paint.text, steps[-1], float(middle[-1]), paint.colour))
    axes.set_yscale("log")
    axes.set_xlim(0, float(steps[-1]))
    axes.set_xlabel("update")
    return labels


def name_lines(axes: Any, labels: Sequence[LineLabel]) -> None:
    """Write the labels at the right of the lines."""
    label_lines(axes, labels, column=1.05, side="right")


def draw_dots(axes: Any, place: float, values: Iterable[float], paint: Paint, apart: float = 0.09) -> None:
    """One dot a seed, the dots of one group beside each other."""
    found = list(values)
    offsets = apart * (np.arange(len(found)) - (len(found) - 1) / 2)
    axes.plot(place + offsets, found, color=paint.colour, marker=paint.marker, linestyle="none", markersize=5.5)


def draw_reference(
    axes: Any, value: float, text: str, x: float = 0.99, side: str = "right", *, above: bool = True, apart: float = 2
) -> None:
    """A dashed line across for what a simple rule reaches, with its name ``apart`` points over the line, or below."""
    axes.axhline(value, color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(text, (x, value), (0, apart if above else -apart), xycoords=("axes fraction", "data"),
                  textcoords="offset points", ha=side, va="bottom" if above else "top", color=DARK, label="_reference")


def name_places(axes: Any, paints: Iterable[Paint]) -> None:
    """Name the groups of dots below them."""
    texts = [paint.text for paint in paints]
    axes.set_xticks(range(len(texts)), texts)
    axes.set_xlim(-0.6, len(texts) - 0.4)
    axes.tick_params(axis="x", length=0)
