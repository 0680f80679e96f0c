"""The wall as a surface and as a map, with the way of gradient descent from its foot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.own_captions import describe_wall
from rnnsym.dynamics.style import GREY, PALETTE, freeze_layout, style
from rnnsym.dynamics.type_sizes import page, points, type_factor
from rnnsym.dynamics.walls import Wall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Float = NDArray[np.float64]

WEIGHTS, BIASES = (4.0, 4.6), (-2.5, -1.8)  # from the latch's tip, at w = 4, on
GRID = 481  # points a side of the map, so that the wall, thinner and thinner, is a line
SURFACE = 3  # of these the surface shows every one of so many
FOOT = (4.5, -1.95)  # from here the valley's floor leads to the wall
RATE, UPDATES, THRESHOLD = 0.3, 24, 0.5
INCHES = (9.4, 4.4)
PLAIN, CLIPPED = PALETTE[4], PALETTE[0]


def wall_figure() -> Figure:
    """E(w, b) of one unit over 50 steps, the gradient's norm, and descent with and without clipping."""
    from matplotlib.figure import Figure

    wall = Wall()
    w, b = np.meshgrid(np.linspace(*WEIGHTS, GRID), np.linspace(*BIASES, GRID), indexing="ij")
    error, by_w, by_b = wall.error_and_gradient(w, b)
    paths = {PLAIN: wall.descend(*FOOT, RATE, UPDATES), CLIPPED: wall.descend(*FOOT, RATE, UPDATES, THRESHOLD)}
    with style():
        figure = Figure(figsize=page(*INCHES), layout="constrained")
        surface: Any = figure.add_subplot(1, 2, 1, projection="3d")
        plane: Any = figure.add_subplot(1, 2, 2)
        _draw_surface(surface, wall, (w, b, error), paths)
        _draw_map(figure, plane, (w, b, np.log10(np.hypot(by_w, by_b))), paths)
        _explain(figure)
        freeze_layout(figure)
    figure.set_label(describe_wall(wall, FOOT, RATE, UPDATES, THRESHOLD))
    return figure


def _draw_surface(axes: Any, wall: Wall, values: tuple[Float, Float, Float], paths: dict[str, Float]) -> None:
    w, b, error = (one[::SURFACE, ::SURFACE] for one in values)
    axes.plot_surface(w, b, error, color="#E4E4E4", edgecolor="none", antialiased=False, shade=True, rcount=161,
                      ccount=161, alpha=0.85, rasterized=True)
    for place in range(0, w.shape[0], 8):
        axes.plot(w[place], b[place], error[place], color=GREY, linewidth=0.6)
    for colour, path in paths.items():
        seen = _inside(path)
        axes.plot(*seen.T, wall.error(*seen.T) + 0.004, color=colour, linewidth=1.4, marker="o", markersize=2.5,
                  zorder=10)
    pad = 4.0 + 20 * (type_factor() - 1)  # off the numbers, which lie aslant
    axes.set_xlabel("$w$", labelpad=pad)
    axes.set_ylabel("$b$", labelpad=pad)
    axes.set_title(r"$E = (\sigma(x_{50}) - 0.7)^2$", y=1.0)
    axes.set_xticks([4.0, 4.2, 4.4, 4.6])
    axes.set_yticks([-2.4, -2.2, -2.0, -1.8])
    axes.view_init(elev=28, azim=-125)


def _inside(path: Float) -> Float:
    """The part of a path within the map, up to where it first leaves it."""
    low, high = np.array([WEIGHTS[0], BIASES[0]]), np.array([WEIGHTS[1], BIASES[1]])
    out = np.flatnonzero(~((path >= low) & (path <= high)).all(axis=1))
    return path[: out[0]] if len(out) else path


def _draw_map(figure: Figure, axes: Any, values: tuple[Float, Float, Float], paths: dict[str, Float]) -> None:
    from matplotlib.ticker import FuncFormatter

    w, b, norm = values
    shown = axes.pcolormesh(w, b, norm, cmap="Greys", vmin=-2, vmax=2, shading="gouraud", rasterized=True)
    bar = figure.colorbar(shown, ax=axes, ticks=[-2, -1, 0, 1, 2],
                          format=FuncFormatter(lambda power, _: f"$10^{{{power:.0f}}}$"))
    bar.set_label(r"$\Vert \partial E / \partial (w, b) \Vert$")
    for colour, path in paths.items():
        axes.plot(*path.T, color=colour, linewidth=1.4, marker="o", markersize=3)
    axes.plot(*FOOT, marker="*", markersize=11, color="white", markeredgecolor="black", zorder=5)
    axes.tick_params(pad=points(3.5))  # the first numbers of both axes meet in the corner
    axes.set_xlim(*WEIGHTS)
    axes.set_ylim(*BIASES)
    axes.text(4.475, -1.84, "without clipping", color=PLAIN, ha="right", va="center")
    axes.text(4.34, -1.99, "clipped", color=CLIPPED, ha="right", va="center")
    axes.set_xlabel("$w$")
    axes.set_ylabel("$b$")


def _explain(figure: Figure) -> None:
    figure.supxlabel(
        rf"$x_t = w\,\sigma(x_{{t-1}}) + b$, $x_0 = 1/2$, $T = 50$ steps; from the star {UPDATES} steps of descent, "
        rf"$\eta = {RATE:g}$, as it is and clipped to the norm {THRESHOLD:g}", fontsize=points())
