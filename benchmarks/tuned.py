"""NumPy tuned by hand: one product for all gates of a step, slopes in bulk, gradients as products over all steps.

A batch keeps each gate in an array of its own and goes back in blocks that stay in the cache.
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


def simple(p: Any, inputs: Any, targets: Any) -> Result:
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


def lstm(p: Any, inputs: Any, targets: Any) -> Result:
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
