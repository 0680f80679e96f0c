"""Singular values of the Jacobian over 100 steps, for several initialisations, with tanh and with ReLU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Integer

from rnnsym.dynamics.initial_spectra import SpectrumStudy, study_spectra
from rnnsym.dynamics.letters import AUTHOR, state_symbol
from rnnsym.dynamics.own_captions import describe_spectra
from rnnsym.dynamics.plots import STEPS, drawn_over
from rnnsym.dynamics.style import GREY, MARKERS, PALETTE, LineLabel, freeze_layout, label_lines, style
from rnnsym.dynamics.type_sizes import page, points
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

names = {
    "identity": "identity", "orthogonal": "orthogonal", "xavier_uniform": "Glorot", "lecun_normal": "Gaussian",
    "pytorch": "PyTorch",
}
SIZES = {"d": 5, "n": 32, "k": 1}
FLOOR, TOP = -120.0, 12.0  # decades over 100 steps, in proportion over others; below, nothing arrives
INCHES = (9.4, 4.4)


def initial_spectrum_figure(seed: int = 0, *, steps: int = STEPS, notation: str = AUTHOR) -> Figure:
    """σ_i of ∂o_T/∂o_0 by scheme, T = ``steps``: the simple network with tanh beside the one with ReLU.

    Errors: DataError for steps that are no whole number from 2 to 1000, DerivationError for an unknown notation.
    """
    draws = replace(drawn_over(seed, steps), count=8)
    studies = {kind: study_spectra(Network(cells[cell]), SIZES, tuple(names), draws)
               for kind, cell in (("tanh", "simple"), ("ReLU", "simple_relu"))}
    return draw_initial_spectra(studies, notation)


def draw_initial_spectra(studies: dict[str, SpectrumStudy], notation: str = AUTHOR) -> Figure:
    """Return the figure of studies of the same schemes, side by side, by their titles."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=page(*INCHES), layout="constrained")
        panels: Any = figure.subplots(1, len(studies), sharey=True)
        for axes, (title, study) in zip(panels, studies.items(), strict=True):
            _draw(axes, study)
            axes.set_title(title)
        draws = next(iter(studies.values())).draws
        last, first = (state_symbol(Network(cells["simple"]), Integer(step), notation) for step in (draws.steps, 0))
        panels[0].set_ylabel(rf"$\sigma_i(\partial {last}\, /\, \partial {first})$")
        figure.supxlabel(f"$n = {SIZES['n']}$, median of {draws.count} draws, band: their middle 80%",
                         fontsize=points())
        for axes, study in zip(panels, studies.values(), strict=True):
            _label(axes, study)
        freeze_layout(figure)
    figure.set_label(describe_spectra(studies, SIZES["n"], names.values()))
    return figure


def _draw(axes: Any, study: SpectrumStudy) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    count = study.band.middle.shape[-1]
    ranks = np.arange(1, count + 1)
    axes.axhline(0, color=GREY, linewidth=0.8)
    floor, top = _limits(study)
    for place in range(len(study.schemes)):
        band = study.band
        low, middle, high = (_decades(one[place], floor) for one in (band.low, band.middle, band.high))
        axes.fill_between(ranks, low, high, color=PALETTE[place], alpha=0.16, linewidth=0)
        axes.plot(ranks, middle, color=PALETTE[place], marker=MARKERS[place], markevery=(place, 6))
    axes.set_xlim(1, count)
    axes.set_ylim(floor, top)
    axes.set_xticks([1, 8, 16, 24, 32])
    axes.set_xlabel("rank $i$")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def _limits(study: SpectrumStudy) -> tuple[float, float]:
    return FLOOR * study.draws.steps / STEPS, TOP * study.draws.steps / STEPS


def _decades(logs: Any, floor: float) -> Any:
    """Natural logarithms as decades; what is zero or below the floor leaves the picture there."""
    return np.maximum(logs / np.log(10), 2 * floor)


def _label(axes: Any, study: SpectrumStudy) -> None:
    labels = []
    for place, scheme in enumerate(study.schemes):
        floor, _ = _limits(study)
        decades = _decades(study.band.middle[place], floor)
        seen = np.flatnonzero(decades >= floor)
        last = int(seen[-1]) if len(seen) else 0  # over very many steps all may lie below
        labels.append(LineLabel(names[scheme], last + 1, float(max(decades[last], floor)), PALETTE[place]))
    label_lines(axes, labels, column=1.04, side="right")
