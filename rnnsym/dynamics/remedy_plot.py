"""Who still learns at which lag, and what each remedy makes of the gradient: figures of the committed tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnsym.dynamics.lessons import CELLS, LAGS, SEEDS, TABLE, Outcome, longest_lag, read_outcomes
from rnnsym.dynamics.own_captions import describe_lags, describe_remedies
from rnnsym.dynamics.remedies import STEPS, TASKS, UNITS, Decades, learners, read_starts, starts_beside
from rnnsym.dynamics.style import GREY, PALETTE, freeze_layout, style
from rnnsym.dynamics.tasks import tasks
from rnnsym.dynamics.type_sizes import page, points, type_factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES: Mapping[str, str] = {
    "simple": "tanh, Glorot", "irnn": "ReLU, from I", "lstm": "LSTM, bias 1", "gru": "GRU", "skip_rnn": "Skip RNN",
    "relu": "ReLU, Glorot", "leaky_relu": "leaky ReLU, Glorot", "pytorch": "tanh, PyTorch's",
    "orthogonal": "tanh, orthogonal", "identity": "tanh, from I", "skip_connection": "skip connection",
    "lstm_bias_0": "LSTM, bias 0", "unclipped": "tanh, unclipped", "irnn_unclipped": "ReLU from I, unclipped",
    "fast": r"tanh, $\eta = 0.03$", "fast_controlled": r"tanh, $\eta = 0.03$ controlled",
}
SHORT: Mapping[str, str] = {
    "simple": "tanh", "irnn": "ReLU from $I$", "lstm": "LSTM", "gru": "GRU", "skip_rnn": "Skip RNN",
}
MARKS = ("o", "s", "^")
FLOOR = -30.0  # decades
SEED_GAP = 0.16  # between the rows of one learner's seeds


def lag_figure(table: Path = TABLE) -> Figure:
    """Each task and cell: the lags that were learnt (filled) and those that were not (hollow), a row a seed."""
    from matplotlib.figure import Figure

    outcomes = tuple(read_outcomes(table).values())
    names = tuple(dict.fromkeys(one.lesson.task for one in outcomes))
    with style():
        figure = Figure(figsize=page(9.4, 3.6), layout="constrained")
        panels: Any = figure.subplots(1, len(names), sharey=True)
        for axes, name in zip(panels, names, strict=True):
            _draw_lags(axes, [one for one in outcomes if one.lesson.task == name])
            axes.set_title(name)
            axes.set_xlabel("lag $T$")
        panels[0].set_yticks(range(len(CELLS)), [SHORT[cell] for cell in CELLS])
        panels[0].set_ylim(len(CELLS) - 0.5, -0.5)
        figure.supxlabel("filled: learnt, the loss is below half of what chance gives; hollow: not in 3000 updates;\n"
                         "no dot: not tried; one row a seed", fontsize=points())
        freeze_layout(figure)
    figure.set_label(describe_lags([name.replace("$", "") for name in SHORT.values()], names, LAGS, SEEDS))
    return figure


def _draw_lags(axes: Any, outcomes: Sequence[Outcome]) -> None:
    for row, cell in enumerate(CELLS):
        own = [one for one in outcomes if one.lesson.cell == cell]
        seeds = sorted({one.lesson.seed for one in own})
        for place, seed in enumerate(seeds):
            height = row + SEED_GAP * (place - (len(seeds) - 1) / 2)
            of_seed = [one for one in own if one.lesson.seed == seed]
            last = longest_lag(of_seed, of_seed[0].lesson.task, cell)
            if last:
                axes.plot([LAGS[0], last], [height, height], color=PALETTE[0], linewidth=1.4)
            for one in of_seed:
                axes.plot(one.lesson.lag, height, marker="o", markersize=4.5, color=PALETTE[0],
                          markerfacecolor=PALETTE[0] if one.learnt else "white")
    _lag_axis(axes)


def _lag_axis(axes: Any) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(LAGS, [str(lag) for lag in LAGS])
    axes.set_xlim(LAGS[0] / 1.3, LAGS[-1] * 1.3)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)


def remedy_figure(table: Path = TABLE) -> Figure:
    """The gradient over 100 steps at the start, by learner, beside the longest lags that it learns."""
    from matplotlib.figure import Figure

    starts, outcomes = read_starts(starts_beside(table)), tuple(read_outcomes(table).values())
    order = sorted(learners(), key=lambda name: -starts[name].middle)
    with style():
        figure = Figure(figsize=page(9.4, 5.6), layout="constrained")
        panels: Any = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2 * type_factor()))
        _draw_starts(panels[0], [starts[name] for name in order])
        for place, task in enumerate(TASKS):
            _draw_longest(panels[1], outcomes, task, order, place)
        panels[1].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, handletextpad=0.2)
        _lag_axis(panels[1])
        panels[1].set_xticks([_no_lag(), *LAGS], ["none", *(str(lag) for lag in LAGS)])
        panels[1].set_xlim(_no_lag() / 1.25, LAGS[-1] * 1.3)
        panels[1].set_xlabel("longest lag learnt, each seed")
        panels[0].set_yticks(range(len(order)), [NAMES[name] for name in order])
        panels[0].set_ylim(len(order) - 0.5, -0.5)
        figure.supxlabel(f"$n = {UNITS}$; along sequences of the adding task; median, and the middle 80% of 20 draws",
                         fontsize=points())
        freeze_layout(figure)
    figure.set_label(describe_remedies(len(order), STEPS, TASKS, SEEDS))
    return figure


def _no_lag() -> float:
    """Return where no lag stands, before the first, far enough for the words below."""
    return LAGS[0] / 1.6 ** (1 + 3 * (type_factor() - 1))


def _draw_starts(axes: Any, found: Sequence[Decades]) -> None:
    from matplotlib.ticker import FuncFormatter

    for row, one in enumerate(found):
        axes.plot([max(FLOOR, one.low), max(FLOOR, one.high)], [row, row], color=GREY, linewidth=2.4, zorder=1)
        axes.plot(max(FLOOR, one.middle), row, marker="o", color=PALETTE[0], markersize=6)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:.0f}}}$"))
    axes.set_xlabel(rf"$\Vert \partial s_{{{STEPS}}}\, /\, \partial s_0 \Vert$ at the start")


def _draw_longest(axes: Any, outcomes: Sequence[Outcome], task: str, order: Sequence[str], place: int) -> None:
    xs, ys = [], []
    for row, learner in enumerate(order):
        own = [one for one in outcomes if (one.lesson.task, one.lesson.cell) == (task, learner)]
        for number, seed in enumerate(sorted({one.lesson.seed for one in own})):
            lag = longest_lag([one for one in own if one.lesson.seed == seed], task, learner)
            xs.append(lag or _no_lag())
            ys.append(row + 0.15 * (2 * place - 1) + 0.07 * (number - 1))
    label = f"{tasks[task].name}, {('above', 'below')[place]}"
    axes.plot(xs, ys, linestyle="none", marker=MARKS[place], markersize=5, color=PALETTE[(0, 4)[place]],
              markerfacecolor=PALETTE[0] if place == 0 else "white", label=label)
