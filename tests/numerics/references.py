"""Independent references: the networks written once more by hand, differentiated by HIPS autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network

State = dict[str, Any]
Step = Callable[[dict[str, Any], Any, State], State]
Readout = Callable[[dict[str, Any], State], Any]


def sigmoid(a: Any) -> Any:
    return 0.5 * (anp.tanh(0.5 * a) + 1)


def cross_entropy(logit: Any, target: Any) -> Any:
    return anp.sum(target * anp.logaddexp(0, -logit) + (1 - target) * anp.logaddexp(0, logit))


def squares(output: Any, target: Any) -> Any:
    return 0.5 * anp.sum((target - output) ** 2)


def simple(p: dict[str, Any], x: Any, s: State) -> State:
    return {"o": anp.tanh(anp.dot(x, p["W_i"]) + anp.dot(s["o"], p["W_h"]) + p["b"])}


def lstm(p: dict[str, Any], x: Any, s: State) -> State:
    i, f, g, o = (anp.dot(x, p[f"W_x{k}"]) + anp.dot(s["h"], p[f"W_h{k}"]) + p[f"b_{k}"] for k in "ifgo")
    c = sigmoid(f) * s["c"] + sigmoid(i) * anp.tanh(g)
    return {"c": c, "h": sigmoid(o) * anp.tanh(c)}


def gru(p: dict[str, Any], x: Any, s: State) -> State:
    r, z = (sigmoid(anp.dot(x, p[f"W_x{k}"]) + anp.dot(s["h"], p[f"W_h{k}"]) + p[f"b_{k}"]) for k in "rz")
    n = anp.tanh(anp.dot(x, p["W_xn"]) + p["b_xn"] + r * (anp.dot(s["h"], p["W_hn"]) + p["b_hn"]))
    return {"h": (1 - z) * n + z * s["h"]}


def column(p: dict[str, Any], x: Any, s: State) -> State:
    return {"h": anp.tanh(anp.dot(p["W"], x) + anp.dot(p["U"], s["h"]) + p["b"])}


def odd(p: dict[str, Any], x: Any, s: State) -> State:
    """A scalar state that starts at 1 and scales a matrix, a vector beside @, I, a constant, mean, sum, dot, powers."""
    y, u, dt = s["y"], s["u"], 0.05
    inner = anp.dot(x, p["W_x"]) - (y + p["b"])
    y_new = -inner * anp.tanh(anp.dot(y, p["W_hidden"])) ** 2 / (1 + anp.exp(-y))
    y_new = anp.tanh(y_new + anp.dot(y, u * p["A"].T - dt * anp.eye(len(y))) + p["s"] * u - 1)
    gate = sigmoid(anp.dot(y_new, p["w_p"]) + anp.mean(y_new)) * u + anp.sum((y_new**2) ** 2) * dt + anp.mean(p["A"])
    return {"y": y_new, "u": gate}


ODD = """
    u: scalar = 1
    w_p: (n,)
    s: scalar
    dt = 0.05
    v = -(x @ W_x - (y_prev + b)) * tanh(y_prev @ W_hidden)**2 / (1 + exp(-y_prev))
    y = tanh(v + y_prev @ (u_prev * A.T - dt * I) + s * u_prev - 1)
    u = sigmoid(y @ w_p + mean(y)) * u_prev + sum((y**2)**2) * dt + mean(A)
"""


def clashing(p: dict[str, Any], x: Any, s: State) -> State:
    """Names of Python and of generated code: ``batch``, ``tape``, ``np``, ``d_o``, ``grad_W`` and so on."""
    step_ = anp.tanh(anp.dot(x, p["tape"]) + anp.dot(s["loss"], p["np"]) + p["batch"])
    d_o = sigmoid(step_ * p["grad_W"] + p["size_n"])
    return {"loss": d_o * step_ + p["name"]}


CLASHING = """
    step_ = tanh(x @ tape + loss_prev @ np + batch)
    d_o = sigmoid(step_ * grad_W + size_n)
    loss = d_o * step_ + name
"""


class Case:
    """A network, its steps by hand, and how they start."""

    def __init__(self, network: Network, step: Step, logit: Readout, start: dict[str, float]) -> None:
        self.network, self.step, self.logit, self.start = network, step, logit, start
        self.distance = squares if network.loss == "squared_error" else cross_entropy

    def loss(self, parameters: Any, inputs: Any, target: Any, initial: Any) -> Any:
        """The loss of one sequence (T, d)."""
        state = dict(initial)
        for x in inputs:
            state = self.step(parameters, x, state)
        return self.distance(self.logit(parameters, state), target)

    def zero_state(self, sizes: dict[str, int]) -> dict[str, Any]:
        values = self.network.size_values(**sizes)
        return {state.variable.name: np.full([int(n.xreplace(values)) for n in state.variable.shape],
                                             self.start.get(state.variable.name, 0.0)) for state in self.network.states}

    def value_and_grad(
        self, parameters: Any, inputs: Any, targets: Any, initial: list[Any]
    ) -> tuple[float, dict[str, Any]]:
        """Means over a batch, all gradients: parameters, ``inputs`` and initial states by name."""
        batch = len(inputs)
        total, gradients = 0.0, {name: np.zeros(np.shape(value)) for name, value in parameters.items()}
        found: dict[str, list[Any]] = {"inputs": [], **{f"{name}_0": [] for name in initial[0]}}
        for x, target, start in zip(inputs, targets, initial, strict=True):
            total += self.loss(parameters, x, target, start) / batch
            by = [autograd.grad(self.loss, argument)(parameters, x, target, start) for argument in (0, 1, 3)]
            for name in gradients:
                gradients[name] = gradients[name] + by[0][name] / batch
            found["inputs"].append(by[1] / batch)
            for name in start:
                found[f"{name}_0"].append(by[2][name] / batch)
        return total, {**gradients, **{name: np.stack(parts) for name, parts in found.items()}}


def _network(text: str, readout: str, loss: str = "binary_cross_entropy") -> Network:
    return Network(Cell.from_equations("mine", text), readout, loss=loss)


def _built_in(name: str) -> Network:
    return Network(cells[name], entries[name].readout)


def _row(weights: str, bias: str, state: str) -> Readout:
    return lambda p, s: anp.dot(s[state], p[weights]) + p[bias]


CASES: dict[str, Case] = {
    "simple": Case(_built_in("simple"), simple, _row("W_o", "b_o", "o"), {}),
    "lstm": Case(_built_in("lstm"), lstm, _row("W_y", "b_y", "h"), {}),
    "gru": Case(_built_in("gru"), gru, _row("W_y", "b_y", "h"), {}),
    "column": Case(_network("h = tanh(W @ x + U @ h_prev + b)", "yhat = sigmoid(V @ h + c)"), column,
                   lambda p, s: anp.dot(p["V"], s["h"]) + p["c"], {}),
    "odd": Case(_network(ODD, "yhat = y @ W_y + b_y", "squared_error"), odd, _row("W_y", "b_y", "y"), {"u": 1.0}),
    "names that clash": Case(_network(CLASHING, "yhat = sigmoid(loss @ PARAMETERS + losses)"), clashing,
                             _row("PARAMETERS", "losses", "loss"), {}),
    "state as logit": Case(_network("h = tanh(x @ W_i + h_prev @ W_h + b)", "yhat = sigmoid(h)"),
                           lambda p, x, s: {"h": simple(p, x, {"o": s["h"]})["o"]}, lambda p, s: s["h"], {}),
}
