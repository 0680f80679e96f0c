"""Backpropagation through time as a textbook writes it: one equation a line, forward and back, nothing shared."""

from __future__ import annotations

from typing import Any

import numpy as np

Result = tuple[float, dict[str, Any]]


def sigmoid(a: Any) -> Any:
    """1 / (1 + exp(−a))."""
    return 1.0 / (1.0 + np.exp(-a))


def read_out(p: Any, names: tuple[str, str], h: Any, targets: Any) -> tuple[float, Any, dict[str, Any]]:
    """Return the mean loss, ∂L/∂h_T and the gradients of the readout ŷ = σ(h W + b)."""
    W, b = names
    z = h @ p[W] + p[b]
    loss = (targets * np.logaddexp(0.0, -z) + (1.0 - targets) * np.logaddexp(0.0, z)).sum() / len(h)
    dz = (sigmoid(z) - targets) / len(h)
    gradients = {name: np.zeros_like(value) for name, value in p.items()}
    return float(loss), dz @ p[W].T, gradients | {W: h.T @ dz, b: dz.sum(axis=0)}


def simple(p: Any, inputs: Any, targets: Any) -> Result:
    """The simple network: o_t = tanh(x_t W_i + o_{t−1} W_h + b)."""
    states = [np.zeros((len(inputs), len(p["b"])))]
    for t in range(inputs.shape[1]):
        states.append(np.tanh(inputs[:, t] @ p["W_i"] + states[-1] @ p["W_h"] + p["b"]))
    loss, do, g = read_out(p, ("W_o", "b_o"), states[-1], targets)
    for t in range(inputs.shape[1], 0, -1):
        da = do * (1 - states[t] ** 2)
        g["W_i"] += inputs[:, t - 1].T @ da
        g["W_h"] += states[t - 1].T @ da
        g["b"] += da.sum(axis=0)
        do = da @ p["W_h"].T
    return loss, g


def lstm(p: Any, inputs: Any, targets: Any) -> Result:
    """Long short-term memory, gate by gate."""
    h = c = np.zeros((len(inputs), len(p["b_i"])))
    tape = []
    for t in range(inputs.shape[1]):
        x, h_prev, c_prev = inputs[:, t], h, c
        i = sigmoid(x @ p["W_xi"] + h @ p["W_hi"] + p["b_i"])
        f = sigmoid(x @ p["W_xf"] + h @ p["W_hf"] + p["b_f"])
        g = np.tanh(x @ p["W_xg"] + h @ p["W_hg"] + p["b_g"])
        o = sigmoid(x @ p["W_xo"] + h @ p["W_ho"] + p["b_o"])
        c = f * c + i * g
        u = np.tanh(c)
        h = o * u
        tape.append((x, h_prev, c_prev, i, f, g, o, u))
    loss, dh, gradients = read_out(p, ("W_y", "b_y"), h, targets)
    dc = np.zeros_like(dh)
    for x, h_prev, c_prev, i, f, g, o, u in reversed(tape):
        dc = dc + dh * o * (1 - u**2)
        slopes = {"i": dc * g * i * (1 - i), "f": dc * c_prev * f * (1 - f), "g": dc * i * (1 - g**2),
                  "o": dh * u * o * (1 - o)}
        dc, dh = dc * f, 0.0
        for gate, da in slopes.items():
            gradients[f"W_x{gate}"] += x.T @ da
            gradients[f"W_h{gate}"] += h_prev.T @ da
            gradients[f"b_{gate}"] += da.sum(axis=0)
            dh = dh + da @ p[f"W_h{gate}"].T
    return loss, gradients


def gru(p: Any, inputs: Any, targets: Any) -> Result:
    """The gated recurrent unit with the reset gate after the product."""
    h = np.zeros((len(inputs), len(p["b_r"])))
    tape = []
    for t in range(inputs.shape[1]):
        x, h_prev = inputs[:, t], h
        r = sigmoid(x @ p["W_xr"] + h @ p["W_hr"] + p["b_r"])
        z = sigmoid(x @ p["W_xz"] + h @ p["W_hz"] + p["b_z"])
        q = h @ p["W_hn"] + p["b_hn"]
        n = np.tanh(x @ p["W_xn"] + p["b_xn"] + r * q)
        h = (1 - z) * n + z * h
        tape.append((x, h_prev, r, z, q, n))
    loss, dh, g = read_out(p, ("W_y", "b_y"), h, targets)
    for x, h_prev, r, z, q, n in reversed(tape):
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (h_prev - n) * z * (1 - z)
        dr, dq = dn * q * r * (1 - r), dn * r
        dh = dh * z
        for gate, da in {"r": dr, "z": dz, "n": dn}.items():
            g[f"W_x{gate}"] += x.T @ da
            g["b_xn" if gate == "n" else f"b_{gate}"] += da.sum(axis=0)
        for gate, da in {"r": dr, "z": dz, "n": dq}.items():
            g[f"W_h{gate}"] += h_prev.T @ da
            dh = dh + da @ p[f"W_h{gate}"].T
        g["b_hn"] += dq.sum(axis=0)
    return loss, g


loops = {"simple": simple, "lstm": lstm, "gru": gru}
