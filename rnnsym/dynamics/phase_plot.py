"""The phase diagram: measured rates as a map, the measured and the predicted border between order and chaos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.own_captions import describe_phases
from rnnsym.dynamics.phases import Phases, study_phases
from rnnsym.dynamics.style import GREY, PALETTE, LineLabel, freeze_layout, label_lines, style
from rnnsym.dynamics.type_sizes import page, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAINS = tuple(np.linspace(0.5, 3.0, 26))
STRENGTHS = tuple(np.linspace(0.0, 1.5, 16))  # standard deviations √R of the input
SHOWN = (0, 5, 10, 15)
INCHES = (9.4, 4.4)


def phase_figure(seed: int = 0) -> Figure:
    """Measured Lyapunov rates of tied random tanh networks against the mean field's."""
    return draw_phases(study_phases(GAINS, np.square(STRENGTHS), seed=seed))


def draw_phases(study: Phases) -> Figure:
    """Return the figure of a study over a grid."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=page(*INCHES), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_map(figure, left, study)
        _draw_cuts(right, study)
        figure.supxlabel(
            rf"$a_t = g\,\tanh(a_{{t-1}})\,W + x_t$, $n = {study.units}$, $T = {study.steps}$, mean of {study.seeds} "
            f"networks, seed {study.seed}; dashed: mean field", fontsize=points())
        _label_cuts(right, study)
        freeze_layout(figure)
    figure.set_label(describe_phases(study))
    return figure


def _draw_map(figure: Figure, axes: Any, study: Phases) -> None:
    strengths = np.sqrt(study.variances)
    shown = axes.pcolormesh(study.gains, strengths, study.measured.T, cmap="RdBu_r", vmin=-0.7, vmax=0.7,
                            shading="gouraud", rasterized=True)
    axes.contour(study.gains, strengths, study.measured.T, [0.0], colors="black", linewidths=1.6)
    axes.contour(study.gains, strengths, study.predicted.T, [0.0], colors="black", linewidths=1.2,
                 linestyles=[(0, (5, 3))])
    bar = figure.colorbar(shown, ax=axes, ticks=[-0.6, -0.3, 0.0, 0.3, 0.6])
    bar.set_label(r"growth of $\ln \Vert \partial a_t / \partial a_0 \Vert$ a step")
    axes.text(0.28, 0.9, "vanishes", transform=axes.transAxes, ha="center")
    axes.text(0.78, 0.12, "explodes", transform=axes.transAxes, ha="center")
    axes.set_xlabel("scale $g$ of the weights")
    axes.set_ylabel(r"input strength $\sqrt{R}$")
    axes.set_title("where the gradient vanishes and explodes")


def _draw_cuts(axes: Any, study: Phases) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    for place, column in enumerate(SHOWN):
        axes.plot(study.gains, study.measured[:, column], color=PALETTE[place], zorder=3)
        axes.plot(study.gains, study.predicted[:, column], color=PALETTE[place], linestyle=(0, (5, 3)), linewidth=1.1)
    axes.set_xlim(study.gains[0], study.gains[-1])
    axes.set_xlabel("scale $g$ of the weights")
    axes.set_title("growth a step, by $\\sqrt{R}$")


def _label_cuts(axes: Any, study: Phases) -> None:
    labels = [LineLabel(rf"$\sqrt{{R}} = {np.sqrt(study.variances[column]):.2g}$", float(study.gains[-1]),
                        float(study.measured[-1, column]), PALETTE[place]) for place, column in enumerate(SHOWN)]
    label_lines(axes, labels, column=1.06, side="right")
