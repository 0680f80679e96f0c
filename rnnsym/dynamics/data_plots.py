"""Networks trained on data: the notes' reviews and bits, sunspots, digits, a text; drawn from tables of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.data_sources import HELD_YEARS, WINDOW
from rnnsym.dynamics.experiment_table import SEEDS, experiments
from rnnsym.dynamics.experiments import Result, Run
from rnnsym.dynamics.result_plots import (
    CELLS,
    draw_dots,
    draw_losses,
    draw_reference,
    drawn,
    name_lines,
    name_places,
)
from rnnsym.dynamics.style import GREY, LineLabel
from rnnsym.dynamics.type_sizes import type_factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Results = Mapping[Run, Result]
LAST_YEAR = 2008
SHOWN = "gru"  # whose forecasts are drawn over the observed numbers
CEILING = 5.5  # bits; above, the IRNN's runs that do not stay finite for long
BANDS = f"median of {len(SEEDS)} seeds, band: all of them"


def by_cell(results: Results, data: str) -> dict[str, list[Result]]:
    """Group the results on some data by their cells."""
    found: dict[str, list[Result]] = {}
    for run, result in results.items():
        if run.data == data:
            found.setdefault(run.cell, []).append(result)
    return found


def review_figure(table: Path | None = None) -> Figure:
    """The loss over the updates on the notes' reviews and on their table of bits."""
    results = experiments["reviews"].results(table)

    def draw(panels: Any) -> None:
        for axes, data, title in zip(panels, ("reviews", "three-bits"),
                                     ("three reviews, $n = 3$", "a table of three bits, $n = 4$"), strict=True):
            groups = by_cell(results, data)
            labels = draw_losses(axes, groups, CELLS)
            draw_reference(axes, _ignorant(groups), "the majority's share, whatever is read", 0.98)
            axes.set_title(title)
            axes.set_ylim(3e-4, 1.5 * type_factor() ** 3)
            name_lines(axes, labels)
        panels[0].set_ylabel("$L$, mean over the sequences")

    return drawn(results, 2, (9.4, 4.2), draw, f"{BANDS}", sharey=True)


def _ignorant(groups: Mapping[str, Sequence[Result]]) -> float:
    """The least mean loss of a network that does not look at its inputs: the entropy of the labels."""
    share = float(np.mean(next(iter(groups.values()))[0].targets))
    return float(-share * np.log(share) - (1 - share) * np.log(1 - share))


def sunspot_figure(table: Path | None = None) -> Figure:
    """One-step forecasts of the years held out, and their root mean squared errors by cell."""
    results = experiments["sunspots"].results(table)
    groups = by_cell(results, "sunspots")

    def draw(panels: Any) -> None:
        _draw_series(panels[0], groups[SHOWN][0])
        for place, (cell, found) in enumerate(groups.items()):
            draw_dots(panels[1], place, [one.measures["RMSE"] for one in found], CELLS[cell])
        for name, value in groups[SHOWN][0].references.items():
            draw_reference(panels[1], value, name, 0.02, "left", above=name == "persistence")
        name_places(panels[1], [CELLS[cell] for cell in groups])
        panels[1].set_ylim(0, 36)
        panels[1].set_title("RMSE, in sunspot numbers")

    first = LAST_YEAR - HELD_YEARS + 1
    words = f"one step ahead; trained on the years before {first}, {WINDOW} at a time; a dot a seed"
    return drawn(results, 2, (9.4, 4.2), draw, words, width_ratios=(1.7, 1))


def _draw_series(axes: Any, result: Result) -> None:
    years = np.arange(LAST_YEAR - len(result.targets) + 1, LAST_YEAR + 1)
    paint = CELLS[SHOWN]
    axes.plot(years, result.targets, color=GREY, marker="o", markersize=4, linewidth=1.0)
    axes.plot(years, result.outputs, color=paint.colour, linewidth=1.4)
    peak = int(np.argmax(result.targets))
    axes.annotate("observed", (years[peak], result.targets[peak]), (years[peak] - 3, result.targets[peak]),
                  ha="right", va="center", color="#5A5A5A")
    axes.text(years[peak] + 4, result.targets[peak] - 12, f"forecast by the {paint.text}", color=paint.colour)
    axes.set_ylim(-8, 208)
    axes.set_xlabel("year")
    axes.set_title("sunspot number")


def digit_figure(table: Path | None = None) -> Figure:
    """The loss over the updates by row and by pixel, and the share of images held out that is told rightly."""
    results = experiments["digits"].results(table)
    data = {"digits-by-row": "by row, $T = 8$", "digits-by-pixel": "by pixel, $T = 64$"}

    def draw(panels: Any) -> None:
        for axes, (name, title) in zip(panels, data.items(), strict=False):
            labels = draw_losses(axes, by_cell(results, name), CELLS)
            axes.set_title(title)
            axes.set_ylim(5e-3, 4)
            draw_reference(axes, np.log(10), "chance", 0.99)
            name_lines(axes, labels)
        panels[0].set_ylabel("training loss")
        _draw_accuracies(panels[2], results, data)

    words = f"$n = 32$, Adam, clipped to the norm 1; {BANDS}; at the right a dot a seed"
    return drawn(results, 3, (12.4, 4.2), draw, words)


def _draw_accuracies(axes: Any, results: Results, data: Mapping[str, str]) -> None:
    from matplotlib.ticker import PercentFormatter

    for name, shift in zip(data, (-0.2, 0.2), strict=True):
        for place, (cell, found) in enumerate(by_cell(results, name).items()):
            draw_dots(axes, place + shift, [one.measures["accuracy"] for one in found], CELLS[cell], 0.07)
    axes.annotate("row", (-0.2, 0.9), (-0.2, 0.76), ha="center")
    axes.annotate("pixel", (0.2, 0.7), (0.24, 0.62), ha="center")
    first = next(iter(results.values()))
    draw_reference(axes, first.references["logistic regression"], "logistic regression", 0.98, apart=6)
    draw_reference(axes, first.references["majority"], "the most frequent digit", 0.02, "left")
    name_places(axes, CELLS.values())
    axes.set_ylim(0, 1.08)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=r"$\%$"))
    axes.set_title("told rightly, of 497 held out")


def character_figure(table: Path | None = None) -> Figure:
    """Bits for the next character of the text held out and of that learnt from, over the updates."""
    results = experiments["characters"].results(table)
    groups = by_cell(results, "sonnets")
    panels_of = {"bits": "the last seventh, held out", "bits in training": "the part that is learnt from"}

    def draw(panels: Any) -> None:
        for axes, (measure, title) in zip(panels, panels_of.items(), strict=True):
            labels = [_draw_bits(axes, cell, found, measure) for cell, found in groups.items()]
            references = next(iter(groups.values()))[0].references
            for order in ("unigram", "bigram"):
                words = order if type_factor() > 1 else f"{order} counts"
                draw_reference(axes, references[measure.replace("bits", order)], words, 0.48, "center")
            axes.set_xscale("log", base=2)
            updates = [one.run.updates for one in next(iter(groups.values()))]
            axes.set_xticks(updates, [str(one) for one in updates])
            axes.minorticks_off()
            axes.set_ylim(0, CEILING)
            axes.set_xlabel("update")
            axes.set_title(title)
            name_lines(axes, labels)
        panels[0].set_ylabel("bits a character")
        panels[0].text(56, CEILING - 0.1, "far above", va="center", color=CELLS["irnn"].colour)

    words = (f"one pass over the whole text; trained on {WINDOW} characters at a time, $n = 48$, Adam, "
             "clipped by value to 5")
    return drawn(results, 2, (9.4, 4.4), draw, words, sharey=True)


def _draw_bits(axes: Any, cell: str, results: Sequence[Result], measure: str) -> LineLabel:
    """Draw a cell's curve; what lies above the ceiling is marked there."""
    paint, updates = CELLS[cell], [one.run.updates for one in results]
    bits = np.array([one.measures[measure] for one in results])
    axes.plot(updates, np.where(bits < CEILING, bits, np.nan), color=paint.colour, marker=paint.marker,
              linestyle=paint.dashes)
    above = [update for update, one in zip(updates, bits, strict=True) if one >= CEILING]
    if above:
        axes.plot(above, [CEILING - 0.1] * len(above), color=paint.colour, marker="^", markersize=8, linestyle="none")
    return LineLabel(paint.text, updates[-1], float(bits[-1]), paint.colour)
