"""NumPy tuned by hand: one product for all gates of a step, slopes in bulk, gradients as products over all steps.

One sequence has no batch axis, and its state [x; 1; h] meets all weights in one product; a batch keeps each gate in an
array of its own and goes back in blocks that stay in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.plain import Result, read_out

BLOCK = 24_000  # numbers of one gate in a block


def sigmoid(a: Any) -> None:
    """Overwrite a by 1 / (1 + exp(−a))."""
    np.negative(a, out=a)
    np.exp(a, out=a)
    np.add(a, 1.0, out=a)
    np.divide(1.0, a, out=a)


def augmented(inputs: Any, n: int) -> Any:
    """Return [x; 1; h] of all steps of one sequence, with one more for the last state."""
    steps, d = inputs.shape[1:]
    s = np.zeros((steps + 1, d + 1 + n))
    s[:steps, :d], s[:steps, d] = inputs[0], 1.0
    return s


def simple_one(p: Any, inputs: Any, targets: Any) -> Result:
    """One sequence through the simple network."""
    d, n = p["W_i"].shape
    weights, back = np.concatenate((p["W_i"], p["b"][None], p["W_h"])), p["W_h"].T.copy()
    s = augmented(inputs, n)
    h = s[:, d + 1:]
    tanh = np.tanh
    for row, o in zip(s[:-1], h[1:], strict=True):
        row.dot(weights, o)
        tanh(o, o)
    loss, do, g = read_out(p, ("W_o", "b_o"), h[-1:], targets)
    slopes = 1.0 - h[1:] ** 2
    do, multiply = do[0], np.multiply
    for da in slopes[::-1]:  # a slope is overwritten by the gradient it makes
        multiply(do, da, da)
        da.dot(back, do)
    whole = s[:-1].T @ slopes
    return loss, g | {"W_i": whole[:d].copy(), "b": whole[d].copy(), "W_h": whole[d + 1:].copy()}


def simple_batch(p: Any, inputs: Any, targets: Any) -> Result:
    """A batch through the simple network."""
    (batch, steps, d), n = inputs.shape, len(p["b"])
    x = np.ascontiguousarray(inputs.swapaxes(0, 1))
    h, product = np.zeros((steps + 1, batch, n)), np.empty((batch, n))
    back = p["W_h"].T.copy()
    block = max(1, BLOCK // (batch * n))
    for first in range(0, steps, block):
        rows = h[first + 1: first + block + 1]
        np.matmul(x[first: first + block], p["W_i"], out=rows)
        rows += p["b"]
        for before, o in zip(h[first:], rows, strict=False):
            before.dot(p["W_h"], product)
            np.add(o, product, out=o)
            np.tanh(o, out=o)
    loss, do, g = read_out(p, ("W_o", "b_o"), h[-1], targets)
    for first in reversed(range(0, steps, block)):
        da = 1.0 - h[first + 1: first + block + 1] ** 2
        for row in da[::-1]:
            np.multiply(do, row, out=row)
            row.dot(back, do)
        da = da.reshape(-1, n)
        g["W_i"] += x[first: first + block].reshape(-1, d).T @ da
        g["W_h"] += h[first: first + block][: len(x) - first].reshape(-1, n).T @ da
        g["b"] += da.sum(axis=0)
    return loss, g


def lstm_one(p: Any, inputs: Any, targets: Any) -> Result:
    """One sequence through the LSTM; the gates stand in the order i, f, o, g."""
    d, n = p["W_xi"].shape
    kinds = [np.concatenate([p[f"{kind}{gate}"].reshape(-1, n) for gate in "ifog"], axis=1)
             for kind in ("W_x", "b_", "W_h")]
    weights, back = np.concatenate(kinds), kinds[2].T.copy()
    s, c = augmented(inputs, n), np.zeros((inputs.shape[1] + 1, n))
    a, u = np.empty((len(c) - 1, 4 * n)), np.empty((len(c) - 1, n))
    h, spare = s[:, d + 1:], np.empty(n)
    multiply, add, tanh = np.multiply, np.add, np.tanh
    i, f, o, g = np.split(a, 4, axis=1)
    rows = zip(s[:-1], a, a[:, : 3 * n], i, f, o, g, c[:-1], c[1:], u, h[1:], strict=True)
    for state, gates, ifo, i_t, f_t, o_t, g_t, c_prev, c_t, u_t, h_t in rows:
        state.dot(weights, gates)
        sigmoid(ifo)
        tanh(g_t, g_t)
        multiply(f_t, c_prev, c_t)
        multiply(i_t, g_t, spare)
        add(c_t, spare, c_t)
        tanh(c_t, u_t)
        multiply(o_t, u_t, h_t)
    loss, dh, gradients = read_out(p, ("W_y", "b_y"), h[-1:], targets)
    da = np.stack((g * i * (1.0 - i), c[:-1] * f * (1.0 - f), u * o * (1.0 - o), i * (1.0 - g**2)), axis=1)
    through, dh, dc = o * (1.0 - u**2), dh[0], np.zeros(n)
    for gates, flat, if_, o_t, g_t, slope, f_t in zip(da[::-1], da.reshape(-1, 4 * n)[::-1], da[::-1, :2], da[::-1, 2],
                                                  da[::-1, 3], through[::-1], f[::-1], strict=True):
        del gates
        multiply(dh, slope, spare)
        add(dc, spare, dc)
        multiply(dc, if_, if_)
        multiply(dh, o_t, o_t)
        multiply(dc, g_t, g_t)
        flat.dot(back, dh)
        multiply(dc, f_t, dc)
    whole = s[:-1].T @ da.reshape(-1, 4 * n)
    parts = {"W_x": whole[:d], "b_": whole[d], "W_h": whole[d + 1:]}
    return loss, gradients | {f"{kind}{gate}": part[..., k * n:(k + 1) * n].copy()
                              for kind, part in parts.items() for k, gate in enumerate("ifog")}


def lstm_batch(p: Any, inputs: Any, targets: Any) -> Result:
    """A batch through the LSTM."""
    (batch, steps, d), n = inputs.shape, len(p["b_i"])
    x = np.ascontiguousarray(inputs.swapaxes(0, 1))
    W_x, W_h, b = (np.stack([p[f"{kind}{gate}"] for gate in "ifog"]) for kind in ("W_x", "W_h", "b_"))
    back = W_h.swapaxes(1, 2).copy()
    a, (h, c), u = np.empty((4, steps, batch, n)), np.zeros((2, steps + 1, batch, n)), np.empty((steps, batch, n))
    product, spare = np.empty((4, batch, n)), np.empty((batch, n))
    block = max(1, BLOCK // (batch * n))
    for first in range(0, steps, block):
        np.matmul(x[None, first: first + block], W_x[:, None], out=a[:, first: first + block])
        a[:, first: first + block] += b[:, None, None]
        for t in range(first, min(first + block, steps)):
            gates = a[:, t]
            np.matmul(h[t], W_h, out=product)
            np.add(gates, product, out=gates)
            sigmoid(gates[:3])
            np.tanh(gates[3], out=gates[3])
            np.multiply(gates[1], c[t], out=c[t + 1])
            np.multiply(gates[0], gates[3], out=spare)
            np.add(c[t + 1], spare, out=c[t + 1])
            np.tanh(c[t + 1], out=u[t])
            np.multiply(gates[2], u[t], out=h[t + 1])
    loss, dh, gradients = read_out(p, ("W_y", "b_y"), h[-1], targets)
    dc = np.zeros_like(dh)
    for first in reversed(range(0, steps, block)):
        past = slice(first, min(first + block, steps))
        (i, f, o, g), v = a[:, past], u[past]
        da = np.stack((g * i * (1.0 - i), c[past] * f * (1.0 - f), v * o * (1.0 - o), i * (1.0 - g**2)))
        through = o * (1.0 - v**2)
        for t in reversed(range(len(v))):
            np.multiply(dh, through[t], out=spare)
            np.add(dc, spare, out=dc)
            for gate, upstream in enumerate((dc, dc, dh, dc)):
                np.multiply(upstream, da[gate, t], out=da[gate, t])
            np.matmul(da[:, t], back, out=product)
            np.add.reduce(product, axis=0, out=dh)
            np.multiply(dc, f[t], out=dc)
        before, given = h[past].reshape(-1, n), x[past].reshape(-1, d)
        for gate, name in enumerate("ifog"):
            rows = da[gate].reshape(-1, n)
            gradients[f"W_h{name}"] += before.T @ rows
            gradients[f"W_x{name}"] += given.T @ rows
            gradients[f"b_{name}"] += rows.sum(axis=0)
    return loss, gradients


def simple(p: Any, inputs: Any, targets: Any) -> Result:
    """The simple network in the form that fits the batch."""
    return (simple_one if len(inputs) == 1 else simple_batch)(p, inputs, targets)


def lstm(p: Any, inputs: Any, targets: Any) -> Result:
    """The LSTM in the form that fits the batch."""
    return (lstm_one if len(inputs) == 1 else lstm_batch)(p, inputs, targets)
