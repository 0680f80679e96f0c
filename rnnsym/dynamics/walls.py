"""The error of one unit over its two parameters: flat valleys, and the wall at which a gradient explodes.

x_t = w σ(x_{t−1}) + b for t = 1 … T, E = (σ(x_T) − y)² (Pascanu, Mikolov, Bengio 2013, section 2.3 and figure 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.clipping import clip_by_norm
from rnnsym.errors import DataError
from rnnsym.numerics.numbers import number, whole

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Wall:
    """The setting of figure 6: T = 50, x_0 = ½, y = 0.7."""

    steps: int = 50
    start: float = 0.5
    target: float = 0.7

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1)
        number("start", self.start)
        number("target", self.target)

    def error(self, weight: Any, bias: Any) -> Float:
        """E(w, b) for numbers or arrays that NumPy broadcasts against each other."""
        return self.error_and_gradient(weight, bias)[0]

    def error_and_gradient(self, weight: Any, bias: Any) -> tuple[Float, Float, Float]:
        """E, ∂E/∂w and ∂E/∂b: x_t and its two derivatives are carried forward together.

        dx_t/dw = σ(x_{t−1}) + w σ′(x_{t−1}) dx_{t−1}/dw, and dx_t/db the same with 1 in place of the first term.
        """
        w, b = np.broadcast_arrays(np.asarray(weight, dtype=np.float64), np.asarray(bias, dtype=np.float64))
        if not (np.isfinite(w).all() and np.isfinite(b).all()):
            raise DataError("weight, bias: expected finite numbers")
        x, by_w, by_b = np.full(w.shape, float(self.start)), np.zeros(w.shape), np.zeros(w.shape)
        for _ in range(self.steps):
            s, slope = _logistic(x)
            x, by_w, by_b = w * s + b, s + w * slope * by_w, 1.0 + w * slope * by_b
        s, slope = _logistic(x)
        outer = 2.0 * (s - self.target) * slope
        return (s - self.target) ** 2, outer * by_w, outer * by_b

    def descend(self, weight: float, bias: float, rate: float, updates: int,
                threshold: float | None = None) -> Float:
        """(w, b) ← (w, b) − η g, g clipped to the norm ``threshold`` where one is given; the path, (updates + 1, 2).

        Errors: DataError for updates that are no whole number from 0, and where the path leaves the numbers.
        """
        path = [np.array([weight, bias], dtype=np.float64)]
        for _ in range(whole("updates", updates, 0)):
            _, *gradient = self.error_and_gradient(*path[-1])
            step = np.array(gradient) if threshold is None else clip_by_norm(np.array(gradient), threshold)
            path.append(path[-1] - rate * step)
        return np.array(path)

    def steepest(self, low: tuple[float, float], high: tuple[float, float], count: int = 400) -> tuple[float, float]:
        """Return the point (w, b) of the largest gradient on a grid between two corners: the wall's face."""
        w, b = np.meshgrid(np.linspace(low[0], high[0], count), np.linspace(low[1], high[1], count), indexing="ij")
        _, by_w, by_b = self.error_and_gradient(w, b)
        place = np.unravel_index(np.argmax(np.hypot(by_w, by_b)), w.shape)
        return float(w[place]), float(b[place])


def _logistic(x: Float) -> tuple[Float, Float]:
    """σ(x) and σ′(x), without overflow."""
    small = np.exp(-np.abs(x))
    s = np.where(x >= 0, 1.0, small) / (1.0 + small)
    return s, small / (1.0 + small) ** 2
