"""Forward passes written by hand from the papers' equations, for one sequence: nothing of rnnsym takes part.

HIPS autograd differentiates them. A sequence is as long as it is: there is no padding here, and no mask to get wrong.
Vectors are rows. A state that reaches k steps back is a list of its last k values, the oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive

Values = dict[str, Any]
Step = Callable[[Values, Any, Values], Values]


def sigmoid(a: Any) -> Any:
    return anp.exp(-anp.logaddexp(0.0, -a))


def relu(a: Any) -> Any:
    return anp.where(a > 0, a, 0.0 * a)


@primitive  # type: ignore[untyped-decorator]
def half_up(a: Any) -> Any:
    return np.floor(a + 0.5)


defvjp(half_up, lambda _, a: lambda slope: slope)  # straight through: the slope of a ↦ a + c


def affine(p: Values, gate: str, x: Any, h: Any) -> Any:
    """x W_x· + h W_h· + b_·"""
    return anp.dot(x, p[f"W_x{gate}"]) + anp.dot(h, p[f"W_h{gate}"]) + p[f"b_{gate}"]


# The cells


def elman(unit: Callable[[Any], Any]) -> Step:
    """Elman 1990."""
    return lambda p, x, s: {"o": unit(anp.dot(x, p["W_i"]) + anp.dot(s["o"], p["W_h"]) + p["b"])}


def irnn(p: Values, x: Any, s: Values) -> Values:
    """Le, Jaitly, Hinton 2015."""
    return {"h": relu(anp.dot(x, p["W_x"]) + anp.dot(s["h"], p["W_h"]) + p["b"])}


def lstm(p: Values, x: Any, s: Values) -> Values:
    """Gers, Schmidhuber, Cummins 2000."""
    c = sigmoid(affine(p, "f", x, s["h"])) * s["c"] + sigmoid(affine(p, "i", x, s["h"])) * anp.tanh(
        affine(p, "g", x, s["h"]))
    return {"c": c, "h": sigmoid(affine(p, "o", x, s["h"])) * anp.tanh(c)}


def lstm_peephole(p: Values, x: Any, s: Values) -> Values:
    """Graves 2013, eqs. (7)-(11): the output gate sees the new cell, the others the old one."""
    entering = sigmoid(affine(p, "i", x, s["h"]) + p["w_ci"] * s["c"])
    kept = sigmoid(affine(p, "f", x, s["h"]) + p["w_cf"] * s["c"])
    c = kept * s["c"] + entering * anp.tanh(affine(p, "c", x, s["h"]))
    return {"c": c, "h": sigmoid(affine(p, "o", x, s["h"]) + p["w_co"] * c) * anp.tanh(c)}


def lstm_coupled(p: Values, x: Any, s: Values) -> Values:
    """Greff et al. 2017, CIFG: i = 1 − f."""
    kept = sigmoid(affine(p, "f", x, s["h"]))
    c = kept * s["c"] + (1 - kept) * anp.tanh(affine(p, "g", x, s["h"]))
    return {"c": c, "h": sigmoid(affine(p, "o", x, s["h"])) * anp.tanh(c)}


def gru(p: Values, x: Any, s: Values) -> Values:
    """Cho et al. 2014, the reset gate behind the product: r ⊙ (h U + c)."""
    r, z = sigmoid(affine(p, "r", x, s["h"])), sigmoid(affine(p, "z", x, s["h"]))
    new = anp.tanh(anp.dot(x, p["W_xn"]) + p["b_xn"] + r * (anp.dot(s["h"], p["W_hn"]) + p["b_hn"]))
    return {"h": z * s["h"] + (1 - z) * new}


def gru_reset_before(p: Values, x: Any, s: Values) -> Values:
    """Cho et al. 2014, eqs. (5)-(8): (r ⊙ h) U."""
    r, z = sigmoid(affine(p, "r", x, s["h"])), sigmoid(affine(p, "z", x, s["h"]))
    return {"h": z * s["h"] + (1 - z) * anp.tanh(affine(p, "n", x, r * s["h"]))}


def mgu(p: Values, x: Any, s: Values) -> Values:
    """Zhou et al. 2016: one gate f resets and updates."""
    f = sigmoid(affine(p, "f", x, s["h"]))
    return {"h": s["h"] + f * (anp.tanh(affine(p, "n", x, f * s["h"])) - s["h"])}


def janet(p: Values, x: Any, s: Values) -> Values:
    """Van der Westhuizen, Lasenby 2018."""
    f, new = sigmoid(affine(p, "f", x, s["h"])), anp.tanh(affine(p, "c", x, s["h"]))
    return {"h": new + f * (s["h"] - new)}


def indrnn(p: Values, x: Any, s: Values) -> Values:
    """Li et al. 2018: recurrent weights are a vector."""
    return {"h": relu(anp.dot(x, p["W_x"]) + p["u"] * s["h"] + p["b"])}


def antisymmetric_rnn(p: Values, x: Any, s: Values) -> Values:
    """Chang et al. 2019, in rows: h + ε tanh(x V + h (W − Wᵀ − γ I) + b), ε = γ = 1/10."""
    turned = anp.dot(s["h"], p["W_h"]) - anp.dot(p["W_h"], s["h"]) - 0.1 * s["h"]
    return {"h": s["h"] + 0.1 * anp.tanh(anp.dot(x, p["W_x"]) + turned + p["b"])}


def linear_recurrence(p: Values, x: Any, s: Values) -> Values:
    """Feng et al. 2024, minGRU: gate and candidate see the input alone."""
    z = sigmoid(anp.dot(x, p["W_z"]) + p["b_z"])
    return {"h": s["h"] - z * s["h"] + z * (anp.dot(x, p["W_h"]) + p["b_h"])}


def skip_rnn(p: Values, x: Any, s: Values) -> Values:
    """Campos et al. 2018, eqs. (1)-(4), u_next being ũ of the step to come."""
    u = half_up(s["u_next"])
    new = u * anp.tanh(anp.dot(x, p["W_x"]) + anp.dot(s["s"], p["W_s"]) + p["b"]) + (1 - u) * s["s"]
    delta = sigmoid(anp.dot(new, p["w_p"]) + p["b_p"])
    left = 1 - s["u_next"]
    return {"s": new, "u_next": u * delta + (1 - u) * (s["u_next"] + anp.where(delta < left, delta, left))}


def skip_connection(p: Values, x: Any, s: Values) -> Values:
    """Zhang et al. 2016: h of one step back and of four steps back."""
    past = anp.dot(s["h"][-1], p["W_h"]) + anp.dot(s["h"][0], p["W_s"])
    return {"h": [*s["h"][1:], anp.tanh(anp.dot(x, p["W_x"]) + past + p["b"])]}


@dataclass(frozen=True)
class Unit:
    """A cell by hand: its step, its states with their declared starts, the one that is read, the readout's names."""

    step: Step
    states: Mapping[str, float]
    output: str
    weights: tuple[str, str] = ("W_y", "b_y")
    scalars: tuple[str, ...] = ()
    lags: Mapping[str, int] = field(default_factory=dict)


def of_h(step: Step, lags: Mapping[str, int] | None = None) -> Unit:
    return Unit(step, {"h": 0.0}, "h", lags=lags or {})


def of_o(unit: Callable[[Any], Any]) -> Unit:
    return Unit(elman(unit), {"o": 0.0}, "o", ("W_o", "b_o"))


def of_c_and_h(step: Step) -> Unit:
    return Unit(step, {"c": 0.0, "h": 0.0}, "h")


UNITS: dict[str, Unit] = {
    "simple": of_o(anp.tanh),
    "simple_relu": of_o(relu),
    "simple_leaky_relu": of_o(lambda a: anp.where(a > 0, a, a / 100)),
    "irnn": of_h(irnn),
    "lstm": of_c_and_h(lstm),
    "lstm_peephole": of_c_and_h(lstm_peephole),
    "lstm_coupled": of_c_and_h(lstm_coupled),
    "gru": of_h(gru),
    "gru_reset_before": of_h(gru_reset_before),
    "mgu": of_h(mgu),
    "janet": of_h(janet),
    "indrnn": of_h(indrnn),
    "antisymmetric_rnn": of_h(antisymmetric_rnn),
    "linear_recurrence": of_h(linear_recurrence),
    "skip_rnn": Unit(skip_rnn, {"s": 0.0, "u_next": 1.0}, "s", scalars=("u_next",)),
    "skip_connection": of_h(skip_connection, {"h": 4}),
}


# The losses of one output, from what stands before the link


def binary_cross_entropy(a: Any, y: Any) -> Any:
    """−Σ y log σ(a) + (1 − y) log σ(−a)"""
    return anp.sum(y * anp.logaddexp(0.0, -a) + (1 - y) * anp.logaddexp(0.0, a))


def softmax_cross_entropy(a: Any, y: Any) -> Any:
    """−Σ y log softmax(a), for a y that sums to 1"""
    top = anp.max(a)
    return top + anp.log(anp.sum(anp.exp(a - top))) - anp.sum(y * a)


def softmax(a: Any) -> Any:
    grown = anp.exp(a - anp.max(a))
    return grown / anp.sum(grown)


def squared_error(a: Any, y: Any) -> Any:
    return anp.dot(a - y, a - y) / 2


def absolute_error(a: Any, y: Any) -> Any:
    return anp.sum(anp.abs(a - y))


def huber(a: Any, y: Any) -> Any:
    """Huber 1964: parabola within 1, beyond it the straight line that goes on from there."""
    r = anp.abs(a - y)
    within = anp.where(r < 1, r, anp.ones(len(r)))
    return anp.sum(within**2 / 2 + (r - within))


@dataclass(frozen=True)
class Distance:
    """A loss by hand, and the function that ends the readout."""

    of: Callable[[Any, Any], Any]
    link: Callable[[Any], Any] = lambda a: a


DISTANCES: dict[str, Distance] = {
    "binary_cross_entropy": Distance(binary_cross_entropy, sigmoid),
    "softmax_cross_entropy": Distance(softmax_cross_entropy, softmax),
    "squared_error": Distance(squared_error),
    "absolute_error": Distance(absolute_error),
    "huber": Distance(huber),
}
