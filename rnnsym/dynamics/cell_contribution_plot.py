"""Short against long term in the gradients of input and recurrent weights, several cells side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.axis_limits import step_ticks
from rnnsym.dynamics.captions import describe_cells
from rnnsym.dynamics.cell_contributions import CellContributions, Subject, study_cell, weight_kinds
from rnnsym.dynamics.letters import AUTHOR, in_words, letters
from rnnsym.dynamics.plots import (
    INPUTS,
    RECENT,
    STEPS,
    UNITS,
    draw_band,
    draw_line,
    drawn_over,
    explain,
    label_decades,
    mark_terms,
    study_sizes,
    to_decades,
)
from rnnsym.dynamics.style import GREY, MARKERS, PALETTE, LineLabel, freeze_layout, label_lines, style
from rnnsym.dynamics.type_sizes import FONT_POINTS, page, points, type_factor
from rnnsym.errors import DataError
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network
from rnnsym.writing.latex import latex

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INPUT_SCALE = 1.0  # as large as normalised data
INCHES = (12.6, 5.2)
KINDS = (("all input weights", "W_i"), ("all recurrent weights", "W_h"))  # in the letters of the simple network
MARGIN = 0.85  # the room left of the first step for labels, in lengths of the sequence, for type of print
BARS = 0.16  # how far the two kinds of weights stand from the middle of a row


def subjects(network: Network | None = None, notation: str = AUTHOR) -> tuple[Subject, ...]:
    """The cells that are compared: the table's, and the user's where it is none of these."""
    simple, lstm, gru, skip = (Network(cells[name]) for name in ("simple", "lstm", "gru", "skip_rnn"))
    known = (
        Subject("simple RNN", simple),
        *(_biased("LSTM", lstm, "b_f", value, notation) for value in (0, 1, 3)),
        Subject("GRU", gru),
        _biased("Skip RNN", skip, "b_p", -2, notation),
    )
    if network is None or any(network == one.network for one in known):
        return known
    return (*known, Subject(in_words(network.cell.name), network))


def _biased(title: str, network: Network, name: str, value: float, notation: str) -> Subject:
    spelt = letters(network, notation)
    return Subject(title, network, {name: value}, {name: latex(spelt.spell(name))}, {name: spelt.name(name)})


def cell_contribution_figure(
    network: Network | None = None, seed: int = 0, *, steps: int = STEPS, notation: str = AUTHOR
) -> Figure:
    """‖∂L/∂W^(j)‖_F over the steps j for input and recurrent weights, and the share of the last ten steps, by cell.

    A ``network`` that is not among the cells is one more line. Errors: DataError for a network without input weights
    or recurrent weights, and for steps that are no whole number from 2; NetworkError for sizes; DerivationError for a
    notation that is unknown or prints two names alike.
    """
    draws = drawn_over(seed, steps, INPUT_SCALE)
    return draw_cell_contributions([
        study_cell(one, study_sizes(one.network, UNITS, INPUTS), RECENT, draws)
        for one in subjects(network, notation)
    ], notation)


def no_weight_kinds(network: Network) -> str:
    """Say why a network's two kinds of weights are not compared; nothing where they are."""
    try:
        weight_kinds(network)
    except DataError:
        return "it compares matrices that multiply the input with those that multiply a state, and one kind is missing"
    return ""


def draw_cell_contributions(studies: Sequence[CellContributions], notation: str = AUTHOR) -> Figure:
    """Return the figure of studies of several cells: a panel for each kind of weights, one for the shares."""
    from matplotlib.figure import Figure

    draws, recent = studies[0].draws, studies[0].recent
    symbols = weight_symbols(notation)
    with style():
        figure = Figure(figsize=page(*INCHES), layout="constrained")
        panels: Any = figure.subplots(1, 3, width_ratios=(7, 7, 4))
        panels[1].sharey(panels[0])
        for kind, axes in enumerate(panels[:2]):
            _draw_norms(axes, studies, kind, symbols[kind])
        label_decades(panels[0])
        mark_terms(panels[0], draws.steps, recent)
        limits = panels[0].get_ylim()
        mark_terms(panels[1], draws.steps, recent)  # it makes room below once more, on the axis that both share
        panels[1].set_ylim(limits)
        _draw_shares(panels[2], studies, symbols)
        explain(figure, f"$n = {studies[0].size}$, Glorot; median of {draws.count} draws, band: their middle 80%; "
                        f"of several weights the norm of all together;\ngrey: the last {recent} of $T = {draws.steps}$ "
                        "steps; terms that are exactly 0 (state copied) are left out of the medians")
        for kind, axes in enumerate(panels[:2]):
            _label(axes, studies, kind)
        freeze_layout(figure)
    figure.set_label(describe_cells(studies))
    return figure


def weight_symbols(notation: str = AUTHOR) -> tuple[str, ...]:
    """Return what the input weights and the recurrent weights are called, in mathtext."""
    style_of_simple = letters(Network(cells["simple"]), notation)
    return tuple(latex(style_of_simple.spell(name)) for _, name in KINDS)


def _draw_norms(axes: Axes, studies: Sequence[CellContributions], kind: int, symbol: str) -> None:
    last = studies[0].draws.steps
    steps = np.arange(1, last + 1, dtype=float)
    for place, study in enumerate(studies):
        low, middle, high = (to_decades(one[kind]) for one in (study.norms.low, study.norms.middle, study.norms.high))
        draw_band(axes, steps, low, high, place)
        draw_line(axes, steps, middle, place)
    axes.set_xlim(-MARGIN * type_factor() * last, last + 0.5)
    axes.set_xticks(step_ticks(last))
    axes.set_xlabel("step $j$")
    axes.set_ylabel(rf"$\Vert\, \partial L \,/\, \partial {symbol}^{{(j)}} \,\Vert_F$")
    axes.set_title(f"{KINDS[kind][0]} ${symbol}$")


def _label(axes: Axes, studies: Sequence[CellContributions], kind: int) -> None:
    labels = []
    for place, study in enumerate(studies):
        curve = to_decades(study.norms.middle[kind])
        first = int(np.flatnonzero(np.isfinite(curve))[0])
        name, colour = _short(study, studies), PALETTE[place % len(PALETTE)]
        labels.append(LineLabel(name, first + 1, float(curve[first]), colour))
    margin = MARGIN * type_factor()
    label_lines(axes, labels, column=margin / (1 + margin) - 0.035, side="left")


def _short(study: CellContributions, studies: Sequence[CellContributions]) -> str:
    """Return a label, without its bias where larger type leaves no room for that and no other cell is called so."""
    subject = study.subject
    alike = sum(one.subject.name == subject.name for one in studies)
    return subject.name if type_factor() > 1 and alike == 1 else subject.label


def _draw_shares(axes: Axes, studies: Sequence[CellContributions], symbols: Sequence[str]) -> None:
    """One row a cell: filled for input weights, open for recurrent ones, with the middle 80% of the draws."""
    from matplotlib.ticker import PercentFormatter

    for place, study in enumerate(studies):
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        for kind, (shift, face) in enumerate(((-BARS, colour), (BARS, "white"))):
            low, middle, high = (float(one[kind, 0]) for one in
                                 (study.shares.low, study.shares.middle, study.shares.high))
            axes.plot([low, high], [place + shift] * 2, color=colour, linewidth=1.2)
            axes.plot([middle], [place + shift], color=colour, marker=marker, markerfacecolor=face, markersize=7)
    uniform = studies[0].recent / studies[0].draws.steps
    axes.axvline(uniform, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.text(uniform + 0.02, -0.62, "all steps alike", fontsize=points(FONT_POINTS - 1), va="center")
    axes.set_ylim(len(studies) - 0.4, -0.95)
    axes.set_xlim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks(range(len(studies)), [study.subject.label for study in studies])
    axes.set_xlabel(f"filled: ${symbols[0]}$, open: ${symbols[1]}$")
    axes.set_title(f"share of the last {studies[0].recent} steps")
