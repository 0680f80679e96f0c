"""The same gradients in loops that numba compiles, written by hand; compiled once, then read from the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from benchmarks.plain import Result

Function = TypeVar("Function", bound=Callable[..., Any])
GATHERED = 256  # rows of δ's that a weight's gradient gathers in one product


def compiled(function: Function) -> Function:
    """Compile at the first call; sums may be taken in another order."""
    machine_code: Function = njit(cache=True, fastmath=True, error_model="numpy")(function)
    return machine_code


@compiled
def add_product(a: Any, weights: Any, out: Any) -> None:
    """Add a W to ``out``; BLAS only pays for several rows."""
    if len(a) > 1:
        out += np.dot(a, weights)
        return
    for k in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            out[0, j] += a[0, k] * weights[k, j]


@compiled
def gather(a: Any, b: Any, out: Any) -> None:
    """Add Aᵀ B to ``out``, summed over rows (step, sequence)."""
    if len(a) > 64 and out.shape[1] > 8:
        out += np.dot(a.T, b)
        return
    for row in range(len(a)):
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] += a[row, i] * b[row, j]


@compiled
def add_rows(rows: Any, out: Any) -> None:
    """out_j += Σ_row rows_j."""
    for row in range(len(rows)):
        for j in range(len(out)):
            out[j] += rows[row, j]


@compiled
def sigmoid(a: float) -> float:
    """1 / (1 + exp(−a))."""
    return 1.0 / (1.0 + np.exp(-a))


@compiled
def beside(parts: Any) -> Any:
    """Matrices of one height, side by side."""
    rows, n = parts[0].shape
    whole = np.empty((rows, n * len(parts)))
    for k in range(len(parts)):
        for i in range(rows):
            for j in range(n):
                whole[i, k * n + j] = parts[k][i, j]
    return whole


@compiled
def by_time(inputs: Any) -> Any:
    """(batch, T, d) as (T, batch, d)."""
    batch, steps, d = inputs.shape
    if batch == 1:
        return inputs.reshape(steps, 1, d)
    return inputs.transpose(1, 0, 2).copy()


@compiled
def read_out(h: Any, weights: Any, bias: Any, targets: Any) -> Any:
    """The mean cross-entropy of ŷ = σ(h W + b), ∂L/∂h and the readout's gradients."""
    loss, dh, d_weights, d_bias = 0.0, np.empty_like(h), np.zeros_like(weights), np.zeros_like(bias)
    for i in range(len(h)):
        for k in range(len(bias)):
            z = bias[k]
            for j in range(h.shape[1]):
                z += h[i, j] * weights[j, k]
            loss += max(z, 0.0) - targets[i, k] * z + np.log1p(np.exp(-abs(z)))
            dz = (sigmoid(z) - targets[i, k]) / len(h)
            for j in range(h.shape[1]):
                dh[i, j] = dz * weights[j, k] + (dh[i, j] if k else 0.0)
                d_weights[j, k] += dz * h[i, j]
            d_bias[k] += dz
    return loss / len(h), dh, d_weights, d_bias


@compiled
def simple(inputs: Any, targets: Any, W_i: Any, W_h: Any, b: Any, W_o: Any, b_o: Any) -> Any:
    """The simple network: o_t = tanh(x_t W_i + o_{t−1} W_h + b)."""
    (batch, steps, d), n = inputs.shape, len(b)
    x, h, back = by_time(inputs), np.empty((steps + 1, batch, n)), W_h.T.copy()
    h[0] = 0.0
    for t in range(steps):
        now = h[t + 1]
        for i in range(batch):
            for j in range(n):
                now[i, j] = b[j]
        add_product(x[t], W_i, now)
        add_product(h[t], W_h, now)
        for i in range(batch):
            for j in range(n):
                now[i, j] = np.tanh(now[i, j])
    loss, dh, dW_o, db_o = read_out(h[steps], W_o, b_o, targets)
    dW_i, dW_h, db = np.zeros_like(W_i), np.zeros_like(W_h), np.zeros_like(b)
    block = max(1, GATHERED // batch)
    da = np.empty((block, batch, n))
    end = steps
    while end:
        first = max(0, end - block)
        for t in range(end - 1, first - 1, -1):
            for i in range(batch):
                for j in range(n):
                    da[t - first, i, j] = dh[i, j] * (1.0 - h[t + 1, i, j] ** 2)
                    dh[i, j] = 0.0
            add_product(da[t - first], back, dh)
        rows = da[: end - first].reshape(-1, n)
        gather(x[first:end].reshape(-1, d), rows, dW_i)
        gather(h[first:end].reshape(-1, n), rows, dW_h)
        add_rows(rows, db)
        end = first
    return loss, dW_i, dW_h, db, dW_o, db_o


@compiled
def lstm(inputs: Any, targets: Any, W_xi: Any, W_hi: Any, b_i: Any, W_xf: Any, W_hf: Any, b_f: Any, W_xg: Any,
         W_hg: Any, b_g: Any, W_xo: Any, W_ho: Any, b_o: Any, W_y: Any, b_y: Any) -> Any:
    """Long short-term memory; the gates stand side by side as i, f, o, g."""
    (batch, steps, d), n = inputs.shape, len(b_i)
    W_x, W_h = beside((W_xi, W_xf, W_xo, W_xg)), beside((W_hi, W_hf, W_ho, W_hg))
    b, x, back = np.concatenate((b_i, b_f, b_o, b_g)), by_time(inputs), W_h.T.copy()
    gates, h, c = np.empty((steps, batch, 4 * n)), np.empty((steps + 1, batch, n)), np.empty((steps + 1, batch, n))
    u = np.empty((steps, batch, n))
    h[0], c[0] = 0.0, 0.0
    for t in range(steps):
        a = gates[t]
        for i in range(batch):
            for j in range(4 * n):
                a[i, j] = b[j]
        add_product(x[t], W_x, a)
        add_product(h[t], W_h, a)
        for i in range(batch):
            for j in range(3 * n):
                a[i, j] = sigmoid(a[i, j])
            for j in range(n):
                a[i, 3 * n + j] = np.tanh(a[i, 3 * n + j])
                c[t + 1, i, j] = a[i, n + j] * c[t, i, j] + a[i, j] * a[i, 3 * n + j]
                u[t, i, j] = np.tanh(c[t + 1, i, j])
                h[t + 1, i, j] = a[i, 2 * n + j] * u[t, i, j]
    loss, dh, dW_y, db_y = read_out(h[steps], W_y, b_y, targets)
    dW_x, dW_h, db, dc = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b), np.zeros_like(dh)
    block = max(1, GATHERED // batch)
    da = np.empty((block, batch, 4 * n))
    end = steps
    while end:
        first = max(0, end - block)
        for t in range(end - 1, first - 1, -1):
            to, a = da[t - first], gates[t]
            for i in range(batch):
                for j in range(n):
                    in_, keep, out, new = a[i, j], a[i, n + j], a[i, 2 * n + j], a[i, 3 * n + j]
                    whole = dc[i, j] + dh[i, j] * out * (1.0 - u[t, i, j] ** 2)
                    to[i, j] = whole * new * in_ * (1.0 - in_)
                    to[i, n + j] = whole * c[t, i, j] * keep * (1.0 - keep)
                    to[i, 2 * n + j] = dh[i, j] * u[t, i, j] * out * (1.0 - out)
                    to[i, 3 * n + j] = whole * in_ * (1.0 - new**2)
                    dc[i, j], dh[i, j] = whole * keep, 0.0
            add_product(to, back, dh)
        rows = da[: end - first].reshape(-1, 4 * n)
        gather(x[first:end].reshape(-1, d), rows, dW_x)
        gather(h[first:end].reshape(-1, n), rows, dW_h)
        add_rows(rows, db)
        end = first
    fi, ff, fo, fg = slice(0, n), slice(n, 2 * n), slice(2 * n, 3 * n), slice(3 * n, 4 * n)
    return (loss, dW_x[:, fi].copy(), dW_h[:, fi].copy(), db[fi].copy(),
            dW_x[:, ff].copy(), dW_h[:, ff].copy(), db[ff].copy(),
            dW_x[:, fg].copy(), dW_h[:, fg].copy(), db[fg].copy(),
            dW_x[:, fo].copy(), dW_h[:, fo].copy(), db[fo].copy(), dW_y, db_y)


@compiled
def gru(inputs: Any, targets: Any, W_xr: Any, W_hr: Any, b_r: Any, W_xz: Any, W_hz: Any, b_z: Any, W_xn: Any, b_xn: Any,
        W_hn: Any, b_hn: Any, W_y: Any, b_y: Any) -> Any:
    """The gated recurrent unit; behind h stand r, z and the product q, behind x r, z and n."""
    (batch, steps, d), n = inputs.shape, len(b_r)
    W_x, W_h, x = beside((W_xr, W_xz, W_xn)), beside((W_hr, W_hz, W_hn)), by_time(inputs)
    b_x, b_h, back = np.concatenate((b_r, b_z, b_xn)), np.concatenate((0.0 * b_r, 0.0 * b_z, b_hn)), W_h.T.copy()
    from_x, from_h = np.empty((steps, batch, 3 * n)), np.empty((steps, batch, 3 * n))
    h = np.empty((steps + 1, batch, n))
    h[0] = 0.0
    for t in range(steps):
        a, e = from_h[t], from_x[t]
        for i in range(batch):
            for j in range(3 * n):
                a[i, j], e[i, j] = b_h[j], b_x[j]
        add_product(x[t], W_x, e)
        add_product(h[t], W_h, a)
        for i in range(batch):
            for j in range(2 * n):
                a[i, j] = sigmoid(a[i, j] + e[i, j])
            for j in range(n):
                e[i, 2 * n + j] = np.tanh(e[i, 2 * n + j] + a[i, j] * a[i, 2 * n + j])
                h[t + 1, i, j] = e[i, 2 * n + j] + a[i, n + j] * (h[t, i, j] - e[i, 2 * n + j])
    loss, dh, dW_y, db_y = read_out(h[steps], W_y, b_y, targets)
    dW_x, dW_h, db_x, db_h = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b_x), np.zeros_like(b_h)
    block = max(1, GATHERED // batch)
    da, dx = np.empty((block, batch, 3 * n)), np.empty((block, batch, 3 * n))
    end = steps
    while end:
        first = max(0, end - block)
        for t in range(end - 1, first - 1, -1):
            by_h, by_x, a, e = da[t - first], dx[t - first], from_h[t], from_x[t]
            for i in range(batch):
                for j in range(n):
                    r, z, q, new = a[i, j], a[i, n + j], a[i, 2 * n + j], e[i, 2 * n + j]
                    dn = dh[i, j] * (1.0 - z) * (1.0 - new**2)
                    by_h[i, j] = by_x[i, j] = dn * q * r * (1.0 - r)
                    by_h[i, n + j] = by_x[i, n + j] = dh[i, j] * (h[t, i, j] - new) * z * (1.0 - z)
                    by_x[i, 2 * n + j], by_h[i, 2 * n + j] = dn, dn * r
                    dh[i, j] *= z
            add_product(by_h, back, dh)
        rows, given = da[: end - first].reshape(-1, 3 * n), dx[: end - first].reshape(-1, 3 * n)
        gather(x[first:end].reshape(-1, d), given, dW_x)
        gather(h[first:end].reshape(-1, n), rows, dW_h)
        add_rows(given, db_x)
        add_rows(rows, db_h)
        end = first
    r, z, q = slice(0, n), slice(n, 2 * n), slice(2 * n, 3 * n)
    return (loss, dW_x[:, r].copy(), dW_h[:, r].copy(), db_x[r].copy(), dW_x[:, z].copy(), dW_h[:, z].copy(),
            db_x[z].copy(), dW_x[:, q].copy(), db_x[q].copy(), dW_h[:, q].copy(), db_h[q].copy(), dW_y, db_y)


cells: dict[str, Callable[..., Any]] = {"simple": simple, "lstm": lstm, "gru": gru}


def with_numba(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Callable[[], Result]:
    """Return the gradient; it is compiled at the first call."""
    gradient, values, names = cells[cell], tuple(p.values()), tuple(p)

    def run() -> Result:
        loss, *gradients = gradient(inputs, targets, *values)
        return loss, dict(zip(names, gradients, strict=True))

    return run
