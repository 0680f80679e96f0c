"""The gradient-flow explorer of a report's page: a curve that is there without a script, and a script that moves it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from sympy import Symbol

from rnnsym.cli.page.formulas import letter, state_slope
from rnnsym.dynamics.explorations import USUAL_RADIUS, WIDEST, Exploration
from rnnsym.model.expressions import T
from rnnsym.model.networks import Network
from rnnsym.writing.pages import inline_math
from rnnsym.writing.plain import RAISED
from rnnsym.writing.styles import Style

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 620, 16, 270
EVERY = 5  # decades between two lines
STYLE = """
#explorer svg { max-width: 100%; height: auto; }
#explorer text { fill: currentColor; font: 15px system-ui, sans-serif; }
#explorer .curve { fill: none; stroke: #0072B2; stroke-width: 2.5; }
#explorer .rule { stroke: currentColor; stroke-opacity: .18; }
#explorer .zero { stroke: currentColor; stroke-opacity: .6; }
#explorer form { display: flex; flex-wrap: wrap; gap: .4rem 2rem; align-items: center; margin: .6rem 0; }
#explorer form[hidden] { display: none; }
#explorer label { display: flex; gap: .6rem; align-items: center; }
#explorer output { display: block; min-height: 3em; }
@media (prefers-color-scheme: dark) { #explorer .curve { stroke: #56B4E9; } }
@media print { #explorer form { display: none; } }
"""


@dataclass(frozen=True)
class _Frame:
    """The decades at the lower and the upper edge, and the number of steps across."""

    low: float
    high: float
    steps: int

    def x(self, lag: float) -> float:
        return LEFT + (RIGHT - LEFT) * lag / self.steps

    def y(self, decade: float) -> float:
        inside = min(self.high, max(self.low, decade))
        return BOTTOM - (BOTTOM - TOP) * (inside - self.low) / (self.high - self.low)


def explorer(found: Exploration, network: Network, spelt: Style) -> str:
    """Return the explorer as HTML with its style and its script; it asks for nothing from elsewhere.

    Names are written as ``spelt`` has them.
    Without a script the curve of the network's own activation at the usual radius stands there, with its words.
    """
    usual = found.radii.index(USUAL_RADIUS)
    curve = [float(value) for value in found.curves[0].decades[usual]]
    script = files("rnnsym.cli").joinpath("explorer.js").read_text(encoding="utf-8")
    return "\n".join([
        f'<div id="explorer"><style>{STYLE}</style>', f"<p>{_about(found, network, spelt)}</p>", _form(found, usual),
        _picture(curve), f"<output>{escape(_words(found, usual, curve))}</output>",
        f'<script type="application/json" id="explorer-data">{_data(found)}</script>',
        f"<script>{script}</script></div>",
    ])


def _about(found: Exploration, network: Network, spelt: Style) -> str:
    names = ", ".join(inline_math(spelt.spell(name)) for name in found.weights)
    slope = state_slope(network, T, T - Symbol("k"), spelt)
    return (f"The norm of {slope} over the steps {letter('k')} back, as the spectral radius {letter('ρ')} of {names} "
            f"is changed: the median of {found.count} networks of {found.units} units, drawn at random.")


def _form(found: Exploration, usual: int) -> str:
    options = "".join(f'<option value="{number}">{escape(curve.activation)}</option>'
                      for number, curve in enumerate(found.curves))
    choice = f'<label>activation <select name="activation">{options}</select></label>'
    if len(found.curves) == 1:
        choice = '<input type="hidden" name="activation" value="0">'
    return (
        '<form hidden aria-label="Explore the gradient flow"><label><span>spectral radius '
        f"{letter('ρ')}</span> "
        f'<input type="range" name="radius" min="0" max="{len(found.radii) - 1}" value="{usual}">'
        f'<span class="radius">{USUAL_RADIUS}</span></label>{choice}'
        f'<label><span>steps {letter("T")}</span> '
        f'<input type="range" name="lags" min="5" max="{found.steps}" value="{found.steps}">'
        f'<span class="lags">{found.steps}</span></label></form>'
    )


def _frame(curve: list[float]) -> _Frame:
    known = [value for value in curve if math.isfinite(value)]
    low, high = min([-2.0, *known]), max([2.0, *known])
    return _Frame(max(-WIDEST, EVERY * math.floor(low / EVERY)), min(WIDEST, EVERY * math.ceil(high / EVERY)),
                  len(curve) - 1)


def _picture(curve: list[float]) -> str:
    frame, path, pen = _frame(curve), [], "M"
    for lag, value in enumerate(curve):
        if math.isfinite(value):
            path.append(f"{pen}{frame.x(lag):.1f} {frame.y(value):.1f}")
        pen = "L" if math.isfinite(value) else "M"
    return (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
            f'aria-label="The norm of the gradient over the steps back, on a logarithmic axis">'
            f'<g class="grid">{"".join(_grid(frame))}</g><path class="curve" d="{"".join(path)}"></path>'
            f'<text x="{(LEFT + RIGHT) / 2:g}" y="{HEIGHT - 6}" text-anchor="middle">steps back, k</text></svg>')


def _grid(frame: _Frame) -> list[str]:
    lines = []
    for decade in range(int(frame.low), int(frame.high) + 1, EVERY):
        height, kind = frame.y(decade), "rule" if decade else "zero"
        label = f"10{str(decade).translate(RAISED)}" if decade else "1"
        lines.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{height:.1f}" y2="{height:.1f}" class="{kind}"></line>'
                     f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{label}</text>')
    for part in range(5):
        lag = round(frame.steps * part / 4)
        lines.append(f'<text x="{frame.x(lag):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{lag}</text>')
    return lines


def _words(found: Exploration, usual: int, curve: list[float]) -> str:
    """Say what the curve says at its end, in the words that the script uses."""
    name, value = found.curves[0].activation, curve[-1]
    start = f"{found.steps} steps back, with ρ = {found.radii[usual]:.1f}{f' and {name}' if name else ''}, "
    if not math.isfinite(value):
        return f"{start}the gradient is exactly 0."
    verdict = "vanishes" if value < -1 else "explodes" if value > 1 else "is kept"
    return f"{start}the gradient is {_power(value)} times as large: it {verdict}."


def _power(value: float) -> str:
    """Return ten to a power as 2.0 · 10⁻⁶."""
    hundredths = round(value, 2)  # as the script reads it
    exponent = math.floor(hundredths)
    return f"{10 ** (hundredths - exponent):.1f} · 10{str(exponent).translate(RAISED)}"


def _data(found: Exploration) -> str:
    """Return the curves as JSON, hundredths of decades; null where nothing is left. No text ends the script early."""
    curves = [{"name": curve.activation,
               "decades": [[round(float(v), 2) if math.isfinite(v) else None for v in row] for row in curve.decades]}
              for curve in found.curves]
    box = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    content = {"box": box, "steps": found.steps, "widest": WIDEST, "radii": found.radii, "curves": curves}
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
