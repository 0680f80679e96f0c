"""The LSTM in NumPy tuned by hand for a batch of at most 64 units: features in rows, sequences in columns.

A step is one product for all gates, and each gate is still one piece of memory. σ is a scaled tanh, the scale folded
into the weights. Beyond 64 units BLAS does better on each gate's product alone, as in ``tuned``; for the other cells
the two forms take equally long.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import tuned
from benchmarks.plain import Result, read_out
from benchmarks.tuned import BLOCK

MOST_UNITS = 64


def gathered(rows: Any) -> Any:
    """(steps, features, batch) as (features, steps · batch)."""
    return rows.swapaxes(0, 1).reshape(rows.shape[1], -1)


def half(a: Any) -> None:
    """Overwrite tanh(a/2) by σ(a)."""
    np.multiply(a, 0.5, out=a)
    np.add(a, 0.5, out=a)


def lstm(p: Any, inputs: Any, targets: Any) -> Result:
    """The LSTM; a step's rows are c_{t−1} and the gates g, f, i, o, so that f c_{t−1} and i g are one product."""
    (batch, steps, d), n = inputs.shape, len(p["b_i"])
    if n > MOST_UNITS:
        return tuned.lstm(p, inputs, targets)
    x = np.ascontiguousarray(inputs.transpose(1, 2, 0))
    W_x, W_h = (np.concatenate([p[f"{kind}{gate}"].T for gate in "gfio"]) for kind in ("W_x", "W_h"))
    scale = np.repeat((1.0, 0.5, 0.5, 0.5), n)[:, None]
    half_x, half_h, b = W_x * scale, W_h * scale, np.concatenate([p[f"b_{gate}"] for gate in "gfio"])[:, None] * scale
    rows, h, u = np.empty((steps + 1, 5 * n, batch)), np.zeros((steps + 1, n, batch)), np.empty((steps, n, batch))
    rows[0, :n] = 0.0
    product, pair, block = np.empty((4 * n, batch)), np.empty((2 * n, batch)), max(1, BLOCK // (batch * n))
    multiply, add, tanh = np.multiply, np.add, np.tanh
    for first in range(0, steps, block):
        part = rows[first : min(first + block, steps), n:]
        np.matmul(half_x, x[first : first + block], out=part)
        part += b
        for t in range(first, first + len(part)):
            row, c = rows[t], rows[t + 1, :n]
            gates = row[n:]
            half_h.dot(h[t], product)
            add(gates, product, gates)
            tanh(gates, gates)
            half(row[2 * n :])
            multiply(row[: 2 * n], row[2 * n : 4 * n], pair)
            add(pair[:n], pair[n:], c)
            tanh(c, u[t])
            multiply(row[4 * n :], u[t], h[t + 1])
    loss, last, gradients = read_out(p, ("W_y", "b_y"), h[-1].T, targets)
    dh, dc, spare, back = np.ascontiguousarray(last.T), np.zeros((n, batch)), np.empty((n, batch)), W_h.T.copy()
    sums = np.zeros((4 * n, d)), np.zeros((4 * n, n)), np.zeros(4 * n)
    for first in reversed(range(0, steps, block)):
        past = slice(first, min(first + block, steps))
        da, through = _lstm_slopes(rows[past], u[past], n)
        for t in reversed(range(len(da))):
            by_gate = da[t]
            multiply(dh, through[t], spare)
            add(dc, spare, dc)
            multiply(dc, by_gate[:3], by_gate[:3])
            multiply(dh, by_gate[3], by_gate[3])
            back.dot(by_gate.reshape(4 * n, batch), dh)
            multiply(dc, rows[first + t, 2 * n : 3 * n], dc)
        _gather(sums, da.reshape(len(da), 4 * n, batch), x[past], h[past])
    return loss, gradients | _named(sums, n)


def _lstm_slopes(rows: Any, u: Any, n: int) -> tuple[Any, Any]:
    """Return ∂/∂a of all gates but for what arrives at c and h, and ∂h/∂c."""
    c, g, _, i, o = rows.reshape(len(rows), 5, n, -1).swapaxes(0, 1)
    sigmoids = rows[:, 2 * n :].reshape(len(rows), 3, n, -1)
    da = np.empty((len(rows), 4, *u.shape[1:]))
    np.subtract(1.0, sigmoids, out=da[:, 1:])
    da[:, 1:] *= sigmoids
    for gate, factor in enumerate((c, g, u), start=1):
        da[:, gate] *= factor
    through = np.empty_like(u)
    for place, value, factor in ((da[:, 0], g, i), (through, u, o)):
        np.multiply(value, value, out=place)
        np.subtract(1.0, place, out=place)
        np.multiply(place, factor, out=place)
    return da, through


def _gather(sums: Any, da: Any, x: Any, h: Any) -> None:
    """Add a block's gradients by the weights of x, of h, and by the biases."""
    rows = gathered(da)
    for total, more in zip(sums, (rows @ gathered(x).T, rows @ gathered(h).T, rows.sum(axis=1)), strict=True):
        np.add(total, more, out=total)


def _named(sums: Any, n: int) -> dict[str, Any]:
    """Take the gates' gradients apart."""
    return {f"{kind}{gate}": total[k * n : (k + 1) * n].T.copy()
            for kind, total in zip(("W_x", "W_h", "b_"), sums, strict=True) for k, gate in enumerate("gfio")}
