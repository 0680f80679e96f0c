"""What clipping and learning rates do to a training run, drawn from tables of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.experiment_table import experiments
from rnnsym.dynamics.experiments import Result, Run, rules
from rnnsym.dynamics.result_plots import (
    DARK,
    Paint,
    draw_dots,
    draw_losses,
    draw_reference,
    drawn,
    ends,
    name_lines,
)
from rnnsym.dynamics.schedules import laws
from rnnsym.dynamics.style import GREY, MARKERS, PALETTE, LineLabel, spread
from rnnsym.dynamics.type_sizes import points, type_factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Results = Mapping[Run, Result]
CLIPS: Mapping[str, Paint] = MappingProxyType({
    "none": Paint("not clipped", PALETTE[4], MARKERS[6]),
    "norm": Paint("by norm", PALETTE[0], MARKERS[0], (0, (5, 2))),
    "value": Paint("by value", PALETTE[2], MARKERS[2], (0, (1, 1))),
})
RULES: Mapping[str, Paint] = MappingProxyType({
    name: Paint(text, PALETTE[place], MARKERS[place], dashes) for name, text, place, dashes in (
        ("descent", "descent", 0, "-"), ("momentum", "momentum", 2, (0, (1, 1))), ("adam", "Adam", 4, (0, (5, 2))))})
LAWS: Mapping[str, Paint] = MappingProxyType({
    name: Paint(name, PALETTE[place], MARKERS[place], dashes) for name, place, dashes in (
        ("constant", 2, "-"), ("steps", 0, (0, (5, 2))), ("exponential", 5, (0, (1, 1))),
        ("cosine", 4, (0, (5, 1, 1, 1))), ("warm-up", 6, (0, (3, 1))))})
TOP = 0.94  # in heights of the axes: the line that counts the runs that diverged
DIGITS = 1.3  # the width of two digits, in sizes of type
SHIFTS = (-0.24, 0.0, 0.24)  # of the three ways to clip from the middle of a group


def clip_of(run: Run) -> str:
    """Say how a run is clipped."""
    return "norm" if run.clip_norm is not None else "value" if run.clip_value is not None else "none"


def clipping_figure(table: Path | None = None) -> Figure:
    """Losses of descent from ρ(W) = 2 with and without clipping, and what each start comes to."""
    results = experiments["clipping"].results(table)
    steepest = max(run.radius or 0.0 for run in results)

    def draw(panels: Any) -> None:
        _draw_courses(panels[0], [one for run, one in results.items() if run.radius == steepest])
        _draw_ends(panels[1], results)

    wider = 1 + 0.6 * (type_factor() - 1)  # where the names of the ways to clip stand in one group's width
    return drawn(results, 2, (9.4, 4.4), draw, r"adding, $T = 20$; simple, $n = 32$, descent with $\eta = 0.1$, "
                 "clipped to the norm 1 or each entry to 0.1; seeds 0 to 4", width_ratios=(1, wider))


def _draw_courses(axes: Any, results: Sequence[Result]) -> None:
    for one in results:
        paint = CLIPS[clip_of(one.run)]
        if paint is not CLIPS["value"]:  # as by norm, over which it would lie
            axes.loglog(ends(one), one.losses, color=paint.colour, linewidth=1.0, zorder=3)
    _count_updates(axes, [one for one in results if one.diverged])
    axes.text(0.85, 3e4, "not clipped", color=CLIPS["none"].colour)
    axes.text(1.1e3, 0.014, "clipped by norm", color=CLIPS["norm"].colour, ha="right")
    axes.set_ylim(1e-2, 1e8)
    axes.set_xlabel("update")
    axes.set_ylabel("training loss")
    axes.set_title(r"$\rho(W_h) = 2$ at the start")
    axes.minorticks_off()


def _count_updates(axes: Any, diverged: Sequence[Result]) -> None:
    """Write above the ends after how many updates they are, the numbers moved apart where they would touch."""
    if not diverged:
        return
    top = max(one.losses[-1] for one in diverged)
    low, high = np.log10(axes.get_xlim())
    room = 0.3 * 72 * float(axes.get_figure().get_size_inches()[0])  # about the width of the axes
    places = [(np.log10(one.updates) - low) / (high - low) for one in diverged]
    for one, place in zip(diverged, spread(places, points(9) * DIGITS / room), strict=True):
        colour = CLIPS[clip_of(one.run)].colour
        axes.plot(one.updates, one.losses[-1], color=colour, marker="X", markersize=7)
        axes.annotate(str(one.updates), (10 ** (low + place * (high - low)), top), (0, 6),
                      textcoords="offset points", ha="center", fontsize=points(9), color=colour)
    axes.set_xlim(10**low, 10**high)


def _draw_ends(axes: Any, results: Results) -> None:
    radii = sorted({run.radius or 0.0 for run in results})
    for place, radius in enumerate(radii):
        for shift, clip in zip(SHIFTS, CLIPS, strict=True):
            own = [one for run, one in results.items() if run.radius == radius and clip_of(run) == clip]
            kept = [one.measures["share of chance"] for one in own if not one.diverged]
            draw_dots(axes, place + shift, kept, CLIPS[clip], apart=0.035)
            if len(kept) < len(own):
                axes.text(place + shift, TOP, f"{len(own) - len(kept)} of {len(own)}", ha="center", va="center",
                          color=CLIPS[clip].colour, transform=axes.get_xaxis_transform())
    axes.text(0.02, TOP, "diverged:", va="center", color=DARK, transform=axes.transAxes)
    draw_reference(axes, 1.0, "chance", 1.01, "left")
    for edge in range(len(radii) - 1):
        axes.axvline(edge + 0.5, color=GREY, linewidth=0.6)
    axes.set_xticks(range(len(radii)), [f"{radius:g}" for radius in radii])
    axes.set_xlim(-0.5, len(radii) - 0.5)
    axes.set_yscale("log")
    axes.set_ylim(0.3, 100)
    axes.set_xlabel(r"$\rho(W_h)$ at the start")
    axes.set_title("loss held out, over chance's")
    _name_clips(axes)


def _name_clips(axes: Any) -> None:
    for height, paint in zip((0.80, 0.73, 0.66), CLIPS.values(), strict=True):
        axes.plot(0.02, height, color=paint.colour, marker=paint.marker, markersize=5.5, transform=axes.transAxes)
        axes.text(0.045, height, paint.text, color=paint.colour, va="center", transform=axes.transAxes)


def learning_rate_figure(table: Path | None = None) -> Figure:
    """The training loss after 300 updates over η by rule, and over the updates by the law of the rate."""
    results = experiments["learning-rates"].results(table)
    single = {run: one for run, one in results.items() if run.schedule == "constant" and run.seed == 0}
    groups = {law: [one for run, one in results.items() if (run.rule, run.rate, run.schedule) == ("adam", 0.03, law)]
              for law in laws}

    def draw(panels: Any) -> None:
        labels = [_draw_rule(panels[0], rule, [one for run, one in single.items() if run.rule == rule])
                  for rule in rules]
        panels[0].set_ylim(2e-2, 4e2)
        draw_reference(panels[0], np.log(10), "chance", 0.02, "left")
        panels[0].set_xlabel(r"$\eta$, constant")
        panels[0].set_ylabel("training loss, last updates")
        panels[0].set_title("by rule")
        panels[0].minorticks_off()
        name_lines(panels[0], labels)
        found = draw_losses(panels[1], groups, LAWS)
        panels[1].set_ylim(8e-3, 4)
        panels[1].set_title(r"by schedule: Adam from $\eta = 0.03$")
        panels[1].set_ylabel("training loss")
        name_lines(panels[1], found)

    return drawn(results, 2, (10.0, 4.4), draw, "digits by row, $T = 8$; simple, $n = 32$, 300 updates; left: seed 0; "
                 "right: median of seeds 0 to 2, band: all of them")


def _draw_rule(axes: Any, rule: str, results: Sequence[Result]) -> LineLabel:
    paint = RULES[rule]
    rates, losses = [one.run.rate for one in results], [one.losses[-1] for one in results]
    axes.loglog(rates, losses, color=paint.colour, marker=paint.marker, linestyle=paint.dashes)
    return LineLabel(paint.text, rates[-1], losses[-1], paint.colour)
