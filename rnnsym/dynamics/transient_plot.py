"""Decay that is no plain exponential: growth before it with a spectral radius below 1, and a power law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.closed_forms import tanh_decay
from rnnsym.dynamics.own_captions import describe_transient
from rnnsym.dynamics.scans import log_product_norms
from rnnsym.dynamics.style import GREY, PALETTE, freeze_layout, style
from rnnsym.dynamics.type_sizes import page, points, type_factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]

NON_NORMAL = np.array([[0.9, 10.0], [0.0, 0.9]])
RADIUS = 0.9
LAGS = 150
LONGEST = 10_000
INCHES = (9.0, 4.2)
DECADE = np.log(10.0)


def transient_figure() -> Figure:
    """‖W^k‖₂ of a matrix with ρ(W) = 0.9, and ∂h_T/∂h_0 of h ← tanh h beside 0.9^T."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=page(*INCHES), layout="constrained")
        panels: Any = figure.subplots(1, 2)
        _draw_growth(panels[0])
        _draw_power(panels[1])
        figure.supxlabel("both forget: the left one after it has grown, the right one more slowly than any exponential",
                         fontsize=points())
        freeze_layout(figure)
    figure.set_label(describe_transient(RADIUS, LAGS, LONGEST))
    return figure


def _draw_growth(axes: Any) -> None:
    lags = np.arange(LAGS + 1)
    norms = log_product_norms(np.broadcast_to(NON_NORMAL, (LAGS, 2, 2))) / DECADE
    peak = int(np.argmax(norms))
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.plot(lags, norms, color=PALETTE[4], zorder=3)
    axes.plot(lags, lags * np.log10(RADIUS), color=PALETTE[0], linestyle=(0, (5, 3)))
    axes.plot(peak, norms[peak], marker="o", color=PALETTE[4])
    axes.annotate(f"{10 ** norms[peak]:.2f} at $k = {peak}$", (peak, norms[peak]), (26, norms[peak] + 0.35),
                  va="center", arrowprops={"arrowstyle": "-", "linewidth": 0.8})
    axes.text(70, 0.3, r"$\Vert W^k\, \Vert_2$", color=PALETTE[4])
    axes.text(60, 60 * np.log10(RADIUS) - 0.25, r"$\rho(W)^k = 0.9^k$", color=PALETTE[0], ha="right", va="top")
    axes.text(0.03, 0.06, r"$W = (0.9,\ 10\,;\ 0,\ 0.9)$", transform=axes.transAxes)
    axes.set_xlim(0, LAGS)
    axes.set_ylim(-7, 2.6)
    axes.set_xlabel("lag $k$")
    axes.set_title("growth before decay")
    _decades(axes)


def _decades(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    axes.yaxis.set_major_locator(MultipleLocator(2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def _draw_power(axes: Any) -> None:
    steps = np.unique(np.geomspace(1, LONGEST, 60).astype(int))
    slopes = np.array([tanh_decay(1.0, int(one)) for one in steps])
    axes.loglog(steps, slopes, color=PALETTE[4], zorder=3)
    early = np.arange(1, 200)
    axes.loglog(early, RADIUS**early, color=PALETTE[0], linestyle=(0, (5, 3)))
    far = steps[steps >= 30]
    axes.loglog(far, 3.2 * slopes[-1] * (far / LONGEST) ** -1.5, color=GREY, linewidth=1.0)
    axes.text(1500, 3e-4, "slope $-3/2$", color="#5A5A5A", ha="left")
    room = type_factor() ** 3  # before the first step, for the words
    axes.set_xlim(0.63 / room, 1.6 * LONGEST)
    axes.text(0.9 / room, 3e-4, "$\\partial h_T / \\partial h_0$ of\n$h_t = \\tanh(h_{t-1})$", color=PALETTE[4])
    axes.text(120, 2.5e-7, "$0.9^T$", color=PALETTE[0], ha="right")
    axes.set_ylim(1e-7, 2)
    axes.set_xlabel("number $T$ of steps, $h_0 = 1$")
    axes.set_title("a power law")
    axes.minorticks_off()
