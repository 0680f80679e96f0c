"""Products of step Jacobians of one recurrence with several activations, one unit above many, bounds beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnsym.dynamics.axis_limits import marks
from rnnsym.dynamics.captions import describe_activations
from rnnsym.dynamics.letters import AUTHOR, product_label, weight_sizes
from rnnsym.dynamics.plots import (
    INPUTS,
    STEPS,
    UNITS,
    draw_band,
    draw_line,
    drawn_over,
    explain,
    label_decades,
    study_sizes,
    to_decades,
)
from rnnsym.dynamics.studies import ProductStudy
from rnnsym.dynamics.style import GREY, PALETTE, LineLabel, freeze_layout, label_lines, style
from rnnsym.dynamics.type_sizes import page
from rnnsym.dynamics.variants import Function, outer_function, study_activations
from rnnsym.errors import DataError
from rnnsym.model.activations import activations
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FUNCTIONS: tuple[Function, ...] = ("tanh", "sigmoid", "relu", "leaky_relu", None)
SCALAR_WEIGHTS = (0.5, 1.0, 1.5)
RADII = (0.5, 1.0, 2.0)
PLACES = (0, 2, 4)  # in the palette: cold, neutral, warm
COLUMN_INCHES = 2.3
HEIGHT = 6.0
DECADES = (-95.0, 65.0)  # that are seen over 100 steps; over more or fewer, in proportion


def activation_figure(
    network: Network | None = None, seed: int = 0, *, steps: int = STEPS, notation: str = AUTHOR
) -> Figure:
    """‖∏ ∂s_t/∂s_{t−1}‖₂ over the lag for each of ``FUNCTIONS`` as f in s_t = f(A s_{t−1} + …).

    ``network`` is the simple recurrent network where None; its own function is a column, too. Errors: DataError for a
    network whose step is no such map (see ``outer_function``), or whose weights cannot be scaled, and for steps that
    are no whole number from 2; DerivationError for a notation that is unknown or prints two names alike.
    """
    chosen = network or Network(cells["simple"])
    own = outer_function(chosen)
    functions = FUNCTIONS if own in FUNCTIONS else (own, *FUNCTIONS)
    draws = drawn_over(seed, steps)
    scalar = study_activations(chosen, study_sizes(chosen, 1, 1), SCALAR_WEIGHTS, functions, draws)
    matrix = study_activations(chosen, study_sizes(chosen, UNITS, INPUTS), RADII, functions, draws)
    return draw_activations(chosen, scalar, matrix, notation)


def no_activations(network: Network) -> str:
    """Say why a network has no function to exchange; nothing where it has one."""
    try:
        outer_function(network)
    except DataError:
        return ("it exchanges the function that a step applies to an affine map of the state before, and this "
                "network's step is no such map")
    return ""


def draw_activations(
    network: Network, scalar: Mapping[Function, ProductStudy], matrix: Mapping[Function, ProductStudy],
    notation: str = AUTHOR,
) -> Figure:
    """Return the figure of two studies of the same functions: a row each, on axes that all panels share."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=page(COLUMN_INCHES * len(scalar), HEIGHT), layout="constrained")
        panels: Any = figure.subplots(2, len(scalar), sharex=True, sharey=True, squeeze=False)
        draws = next(iter(scalar.values())).draws
        for row, studies in zip(panels, (scalar, matrix), strict=True):
            for axes, study in zip(row, studies.values(), strict=True):
                _draw(axes, study)
        for axes, function in zip(panels[0], scalar, strict=True):
            axes.set_title(title_with(function))
        names = weight_sizes(network, notation)
        for axes, studies, name in zip(panels[:, 0], (scalar, matrix), names, strict=True):
            axes.set_ylabel(f"$n = {next(iter(studies.values())).size}$, by ${name}$")
        label_decades(panels[0, 0])
        figure.supylabel(product_label(network, notation))
        explain(figure, f"lag $k$ of $T = {draws.steps}$ steps; solid: median of {draws.count} draws, band: their "
                        r"middle 80%; dashed: the bound $(\gamma\, \sigma_{\mathrm{max}})^k$, $\gamma = \max |f'|$")
        for axes, study in zip(panels.flat, (*scalar.values(), *matrix.values()), strict=True):
            _label(axes, study)
        freeze_layout(figure)
    figure.set_label(describe_activations(matrix))
    return figure


def title_with(function: Function) -> str:
    """Return what stands above a column: f, and the bound of its slope."""
    if function is None:
        return "linear, $f(a) = a$"
    entry = activations[function]
    named = entry.latex == f"\\{entry.unicode}"  # as a function it would be followed by a space
    slope = "" if entry.slope_bound is None else rf",\ \gamma = {entry.slope_bound}"
    written = rf"\mathrm{{{entry.unicode}}}" if named else entry.latex
    return f"$f = {{{written}}}{slope}$"


def _draw(axes: Axes, study: ProductStudy) -> None:
    lags = np.arange(study.draws.steps + 1, dtype=float)
    axes.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    limits = _seen_decades(study)
    for row, place in enumerate(PLACES[:len(study.radii)]):
        low, high = (_seen(logs[row], limits[0]) for logs in (study.norms.low, study.norms.high))
        draw_band(axes, lags, low, high, place)
        if study.bound is not None:
            draw_line(axes, lags, to_decades(study.bound.middle[row]), place, linestyle=(0, (4, 3)), linewidth=1.1,
                      marker="")
        draw_line(axes, lags, to_decades(study.norms.middle[row]), place, markevery=marks(len(lags), 8 + 5 * row, 30))
    axes.set_xlim(0, study.draws.steps)
    axes.set_ylim(*limits)
    axes.set_xticks(np.linspace(0, study.draws.steps, 3))


def _seen_decades(study: ProductStudy) -> tuple[float, float]:
    low, high = DECADES
    return low * study.draws.steps / STEPS, high * study.draws.steps / STEPS


def _seen(logs: Any, floor: float) -> Any:
    """Natural logarithms as decades; a product that is exactly zero lies below the picture."""
    return np.maximum(logs / np.log(10), 2 * floor)


def _label(axes: Axes, study: ProductStudy) -> None:
    """Write the setting at each curve's end; below, where a curve ends because the norm becomes exactly zero."""
    reaching, ending = [], dict[int, list[str]]()
    for row, place in enumerate(PLACES[:len(study.radii)]):
        curve = to_decades(study.norms.middle[row])
        end = int(np.flatnonzero(np.isfinite(curve))[-1])
        if end == study.draws.steps:
            height = float(np.clip(curve[end], *_seen_decades(study)))
            reaching.append(LineLabel(f"{study.radii[row]:g}", end, height, PALETTE[place]))
        else:
            ending.setdefault(end + 1, []).append(f"{study.radii[row]:g}")
    if reaching:
        label_lines(axes, reaching, column=1.05, side="right")
    words = [f"{', '.join(those)}: median\nexactly 0 from $k = {first}$" for first, those in ending.items()]
    axes.text(0.06, 0.03, "\n".join(words), transform=axes.transAxes, va="bottom")
