"""Singular values of the Jacobian over 100 steps, for several initialisations, with tanh and with ReLU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.initial_spectra import SpectrumStudy, study_spectra
from rnnsym.dynamics.studies import Draws
from rnnsym.dynamics.style import FONT_POINTS, GREY, MARKERS, PALETTE, LineLabel, freeze_layout, label_lines, style
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

names = {
    "identity": "identity", "orthogonal": "orthogonal", "xavier_uniform": "Glorot", "lecun_normal": "Gaussian",
    "pytorch": "PyTorch",
}
SIZES = {"d": 5, "n": 32, "k": 1}
FLOOR = -120.0  # decades; below, a curve says no more than that nothing arrives
INCHES = (9.4, 4.4)


def initial_spectrum_figure(seed: int = 0) -> Figure:
    """σ_i of ∂o_100/∂o_0 by scheme: the simple network with tanh beside the one with ReLU."""
    draws = Draws(seed, count=8)
    studies = {kind: study_spectra(Network(cells[cell]), SIZES, tuple(names), draws)
               for kind, cell in (("tanh", "simple"), ("ReLU", "simple_relu"))}
    return draw_initial_spectra(studies)


def draw_initial_spectra(studies: dict[str, SpectrumStudy]) -> Figure:
    """Return the figure of studies of the same schemes, side by side, by their titles."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=INCHES, layout="constrained")
        panels: Any = figure.subplots(1, len(studies), sharey=True)
        for axes, (title, study) in zip(panels, studies.items(), strict=True):
            _draw(axes, study)
            axes.set_title(title)
        panels[0].set_ylabel(r"$\sigma_i(\partial o_{100}\, /\, \partial o_0)$")
        draws = next(iter(studies.values())).draws
        figure.supxlabel(f"$n = {SIZES['n']}$, median of {draws.count} draws, band: their middle 80%",
                         fontsize=FONT_POINTS)
        for axes, study in zip(panels, studies.values(), strict=True):
            _label(axes, study)
        freeze_layout(figure)
    return figure


def _draw(axes: Any, study: SpectrumStudy) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    count = study.band.middle.shape[-1]
    ranks = np.arange(1, count + 1)
    axes.axhline(0, color=GREY, linewidth=0.8)
    for place in range(len(study.schemes)):
        low, middle, high = (_decades(one[place]) for one in (study.band.low, study.band.middle, study.band.high))
        axes.fill_between(ranks, low, high, color=PALETTE[place], alpha=0.16, linewidth=0)
        axes.plot(ranks, middle, color=PALETTE[place], marker=MARKERS[place], markevery=(place, 6))
    axes.set_xlim(1, count)
    axes.set_ylim(FLOOR, 12)
    axes.set_xticks([1, 8, 16, 24, 32])
    axes.set_xlabel("rank $i$")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def _decades(logs: Any) -> Any:
    """Natural logarithms as decades; what is zero or below the floor leaves the picture there."""
    return np.maximum(logs / np.log(10), 2 * FLOOR)


def _label(axes: Any, study: SpectrumStudy) -> None:
    labels = []
    for place, scheme in enumerate(study.schemes):
        decades = _decades(study.band.middle[place])
        seen = int(np.flatnonzero(decades >= FLOOR)[-1])
        labels.append(LineLabel(names[scheme], seen + 1, float(decades[seen]), PALETTE[place]))
    label_lines(axes, labels, column=1.04, side="right")
