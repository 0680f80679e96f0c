"""The figures of gradient flow, drawn from studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics.axis_limits import cut_bands, marks, step_ticks
from rnnsym.dynamics.captions import describe_contributions, describe_cut, describe_products
from rnnsym.dynamics.letters import AUTHOR, in_words, letters, product_label, recurrent_name, weight_sizes
from rnnsym.dynamics.products import affine_step
from rnnsym.dynamics.studies import (
    ContributionStudy,
    Draws,
    ProductStudy,
    study_contributions,
    study_products,
)
from rnnsym.dynamics.style import (
    GREY,
    MARKERS,
    NEAR,
    PALETTE,
    LineLabel,
    freeze_layout,
    label_lines,
    style,
)
from rnnsym.dynamics.type_sizes import WIDE, page, points, type_factor
from rnnsym.errors import DataError
from rnnsym.model.cells import cells
from rnnsym.model.expressions import Parameter, Transposed
from rnnsym.model.kinds import instance, known_network
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.numbers import whole
from rnnsym.writing.latex import latex
from rnnsym.writing.spelling import spell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float = NDArray[np.float64]

SCALAR_WEIGHTS = (0.5, 0.9, 1.0, 1.1, 1.5)
RADII = (0.5, 0.9, 1.0, 1.5, 2.0)
UNITS = 32
INPUTS = 5
STEPS, FEWEST_STEPS, MOST_STEPS = 100, 2, 1000  # the Jacobians of all draws are in memory at once
RECENT = 10  # the paths through the last steps that the figure marks as short-term
INCHES = (9.0, 4.5)
LABEL_MARGIN = 0.33  # the room left of the first step for labels, in lengths of the sequence, for type of print
SHADE = 0.18


def gradient_product_figure(
    network: Network | None = None, seed: int = 0, *, steps: int = STEPS, notation: str = AUTHOR
) -> Figure:
    """‖∏ ∂s_t/∂s_{t−1}‖₂ over the lag: one unit beside many, tanh beside the linear network.

    ``network`` is the simple recurrent network where None, ``steps`` is T, ``notation`` says whose letters are written.
    Errors: DataError for a network whose recurrent weights cannot be scaled, or whose state has a fixed size, and for
    steps that are no whole number from 2; DerivationError for a notation that is unknown or prints two names alike.
    """
    chosen = network or Network(cells["simple"])
    draws = drawn_over(seed, steps)
    scalar = study_products(chosen, study_sizes(chosen, 1, 1), SCALAR_WEIGHTS, draws)
    matrix = study_products(chosen, study_sizes(chosen, UNITS, INPUTS), RADII, draws)
    return draw_gradient_products(chosen, scalar, matrix, notation)


def path_contribution_figure(
    network: Network | None = None, seed: int = 0, *, steps: int = STEPS, notation: str = AUTHOR
) -> Figure:
    """‖∂L/∂W^(j)‖ over the steps j, and the share of the last k steps, for several spectral radii of W.

    ``network`` is the simple recurrent network where None; W is its first recurrent weight. Arguments and errors as for
    ``gradient_product_figure``.
    """
    chosen = network or Network(cells["simple"])
    study = study_contributions(chosen, study_sizes(chosen, UNITS, INPUTS), RADII, drawn_over(seed, steps))
    return draw_path_contributions(replace(study, parameter=letters(chosen, notation).name(study.parameter)))


def drawn_over(seed: int, steps: int, scale: float = Draws.input_scale) -> Draws:
    """Return how the networks of a figure over T = ``steps`` are drawn; DataError for steps that are out of range."""
    return Draws(seed, steps=whole("steps", steps, FEWEST_STEPS, MOST_STEPS), input_scale=scale)


def draw_gradient_products(
    network: Network, scalar: ProductStudy, matrix: ProductStudy, notation: str = AUTHOR
) -> Figure:
    """Return the figure of two studies of one network, side by side on one axis of decades."""
    for name, study in (("scalar", scalar), ("matrix", matrix)):
        instance(name, study, ProductStudy, "what study_products returns")
    unit, radius = weight_sizes(network, notation)
    with style():
        figure, panels = _panels(share_y=True)
        for axes, study in zip(panels, (scalar, matrix), strict=True):
            _draw_products(axes, study)
        panels[0].set_title(f"scalar network, $n = {scalar.size}$")
        panels[1].set_title(f"matrix network, $n = {matrix.size}$")
        panels[0].set_ylabel(product_label(network, notation))
        label_decades(panels[0])
        cut = cut_bands(panels[0], (scalar, matrix))
        solid, dashed = _line_words(network, scalar.draws.count, notation)
        explain(figure, solid, f"{dashed}\nbands beyond the axis are cut off" if cut else dashed)
        for axes, study, name in zip(panels, (scalar, matrix), (unit, radius), strict=True):
            if study.alike:
                found = "zero from lag 1 on" if np.isneginf(study.norms.middle[:, 1:]).all() else "the same"
                axes.set_title(f"{axes.get_title()}:\n{found}, whatever ${name}$")
            else:
                _label_ends(axes, to_decades(study.norms.middle), study.radii, name, column=1 + NEAR, side="right")
        freeze_layout(figure)
    words = describe_products(scalar, matrix, recurrent_name(network, notation))
    figure.set_label(" ".join(filter(None, (words, describe_cut(cut)))))
    return figure


def draw_path_contributions(study: ContributionStudy) -> Figure:
    """Return the figure of a study of contributions: norms over steps, and shares of the last steps."""
    instance("study", study, ContributionStudy, "what study_contributions returns")
    weight = latex(spell(study.parameter))
    with style():
        figure, (left, right) = _panels(share_y=False)
        _draw_contributions(left, study, weight)
        _draw_shares(right, study)
        explain(figure, f"$n = {study.size}$, median of {study.draws.count} draws, band: their middle 80%",
                 f"grey: the last {RECENT} of $T = {study.draws.steps}$ steps")
        norms, shares = to_decades(study.norms.middle), study.shares.middle[:, 1:]
        column = _margin() / (1 + _margin()) - 0.048
        for axes, curves in ((left, norms), (right, shares)):
            _label_ends(axes, curves, study.radii, r"\rho", column=column, side="left", first=1)
        freeze_layout(figure)
    figure.set_label(describe_contributions(study, RECENT))
    return figure


def study_sizes(network: Network, units: int, inputs: int) -> dict[str, int]:
    """Return n = ``units``, d = ``inputs`` and the outputs, those that the network has; DataError where n is not free.

    There is one output; two where they are a distribution, which has nothing to tell over one.
    """
    known_network(network)
    wanted = {"d": inputs, "n": units, "k": 2 if losses[network.loss].distribution else 1}
    known = [str(size) for size in network.sizes]
    if "n" not in known:
        raise DataError("this figure needs a network whose state has the free size n; this one's sizes are "
                        f"{', '.join(known) or 'all numbers'}")
    return {name: wanted[name] for name in known if name in wanted}


def _margin() -> float:
    return LABEL_MARGIN * type_factor()


def _panels(*, share_y: bool) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=page(*INCHES), layout="constrained")
    panels: Any = figure.subplots(1, 2, sharey=share_y)
    layout: Any = figure.get_layout_engine()
    layout.set(w_pad=0.08, wspace=0.04)
    return figure, panels


def to_decades(logs: Float) -> Float:
    """Return natural logarithms as decades, NaN for −∞: a norm of zero is no point of a line."""
    return np.where(np.isfinite(logs), logs / np.log(10), np.nan)


def draw_line(axes: Axes, x: Float, y: Float, place: int, **options: Any) -> None:
    """Draw one curve in the colour and the marker of its place."""
    marked = {"marker": MARKERS[place % len(MARKERS)], "markevery": marks(len(x), 4 + 3 * place, 20)} | options
    axes.plot(x, y, color=PALETTE[place % len(PALETTE)], zorder=3, **marked)


def draw_band(axes: Axes, x: Float, low: Float, high: Float, place: int) -> None:
    """Shade what lies between two curves in the colour of its place."""
    axes.fill_between(x, low, high, color=PALETTE[place % len(PALETTE)], alpha=0.16, linewidth=0, zorder=2)


def _draw_products(axes: Axes, study: ProductStudy) -> None:
    lags = np.arange(study.draws.steps + 1, dtype=float)
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    for place in range(1 if study.alike else len(study.radii)):
        draw_band(axes, lags, to_decades(study.norms.low[place]), to_decades(study.norms.high[place]), place)
        if study.linear is not None:
            draw_line(axes, lags, to_decades(study.linear.middle[place]), place, linestyle=(0, (5, 3)), linewidth=1.0,
                  markerfacecolor="white", markersize=3.5)
        draw_line(axes, lags, to_decades(study.norms.middle[place]), place)
    axes.set_xlim(0, study.draws.steps)
    axes.set_xlabel(f"lag $k$ of $T = {study.draws.steps}$ steps")


def _line_words(network: Network, draws: int, notation: str) -> tuple[str, str]:
    """Say what solid and dashed lines are; there are no dashed ones where the network has no linear counterpart."""
    affine = affine_step(graph_of(network))
    words = f"median of {draws} draws, band: their middle 80%"
    if affine is None:
        return f"{in_words(network.cell.name)}: {words}", ""
    if isinstance(affine.matrix, Parameter | Transposed):
        unit, weight = weight_sizes(network, notation)[0], latex(spell(recurrent_name(network, notation)))
        dashed = rf"dashed: linear, ${unit}^k$ and $\Vert {weight}^k\, \Vert_2$"
    else:  # a state's own share is added to that of the weight
        dashed = "dashed: linear"
    return (f"solid: {in_words(affine.function or 'the network')}, {words}",
            dashed)


def explain(figure: Figure, *words: str) -> None:
    """Write below the panels, where no curve can be, how the figure is read."""
    figure.supxlabel(WIDE.join(filter(None, words)), fontsize=points())


def label_decades(axes: Axes) -> None:
    """Label a linear axis of decades with powers of ten; unlike a log axis it has no smallest float."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))


def _draw_contributions(axes: Axes, study: ContributionStudy, weight: str) -> None:
    steps = np.arange(1, study.draws.steps + 1, dtype=float)
    for place in range(len(study.radii)):
        draw_band(axes, steps, to_decades(study.norms.low[place]), to_decades(study.norms.high[place]), place)
        draw_line(axes, steps, to_decades(study.norms.middle[place]), place)
    last = study.draws.steps
    axes.set_xlim(-_margin() * last, last + 0.5)
    axes.set_xticks(step_ticks(last))
    axes.set_xlabel("step $j$")
    axes.set_ylabel(rf"$\Vert\, \partial L \,/\, \partial {weight}^{{(j)}} \,\Vert_F$")
    axes.set_title(rf"the path through step $j$, by $\rho = \rho({weight})$")
    mark_terms(axes, last)
    label_decades(axes)


def mark_terms(axes: Axes, last: int, recent: int = RECENT) -> None:
    """Mark the last steps as short-term, the others, where there are any, as long-term, in a strip below all curves."""
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.16 * (high - low), high)
    border = max(last - recent, 0) + 0.5
    axes.axvspan(border, last + 0.5, color=GREY, alpha=SHADE, linewidth=0, zorder=0)
    at = axes.get_xaxis_transform()
    arrow = {"arrowstyle": "<->", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "color": "black"}
    for ends in ((1.0, border), (border, last + 0.5))[border < 1:]:
        axes.annotate("", (ends[0], 0.035), (ends[1], 0.035), xycoords=at, textcoords=at, arrowprops=arrow)
    if border > 1:
        axes.text((1 + border) / 2, 0.05, "long-term", transform=at, ha="center", va="bottom")
    narrow = recent < last / 4
    axes.text((border + last + 0.5) / 2, 0.07 if narrow else 0.05, "short-term", transform=at, ha="center", va="bottom",
              rotation=90 if narrow else 0)


def _draw_shares(axes: Axes, study: ContributionStudy) -> None:
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    counts = np.arange(1, study.draws.steps + 1, dtype=float)
    for place in range(len(study.radii)):
        draw_band(axes, counts, study.shares.low[place, 1:], study.shares.high[place, 1:], place)
        draw_line(axes, counts, study.shares.middle[place, 1:], place, markevery=(0.04 * place, 0.2))
    axes.set_xscale("log")
    axes.set_xlim(study.draws.steps ** -_margin(), study.draws.steps)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.axvspan(1, min(RECENT, study.draws.steps), color=GREY, alpha=SHADE, linewidth=0, zorder=0)
    axes.set_xlabel("number $k$ of steps")
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title("share of the last $k$ steps in the sum of the norms")


def _label_ends(
    axes: Axes, curves: Float, settings: Sequence[float], name: str, *,
    column: float, side: str, first: int = 0,
) -> None:
    """Label each curve at its last point (side right) or its first (side left); one without points gets no label.

    A curve that ends before the right edge ends where the norm becomes exactly zero, and its label says so.
    """
    labels = []
    for place, (curve, setting) in enumerate(zip(curves, settings, strict=True)):
        present = np.flatnonzero(np.isfinite(curve))
        if len(present):
            end = int(present[-1 if side == "right" else 0])
            words = " (zero)" if side == "right" and end < len(curve) - 1 else ""
            colour = PALETTE[place % len(PALETTE)]
            labels.append(LineLabel(f"${name} = {setting:g}${words}", end + first, float(curve[end]), colour))
    label_lines(axes, labels, column=column, side=side)
