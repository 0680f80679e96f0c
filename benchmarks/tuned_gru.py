"""The gated recurrent unit in NumPy tuned by hand; the candidate's product has a place of its own beside the gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.plain import Result, read_out
from benchmarks.tuned import BLOCK, sigmoid


def gru_one(p: Any, inputs: Any, targets: Any) -> Result:
    """One sequence: drives r, z and the product q of all steps side by side."""
    x, n = inputs[0], len(p["b_r"])
    steps = len(x)
    W_h = np.concatenate((p["W_hr"], p["W_hz"], p["W_hn"]), axis=1)
    back = W_h.T.copy()
    a = np.empty((steps, 3 * n))  # r, z, q
    a[:, : 2 * n] = x @ np.concatenate((p["W_xr"], p["W_xz"]), axis=1)
    a[:, : 2 * n] += np.concatenate((p["b_r"], p["b_z"]))
    a[:, 2 * n:] = p["b_hn"]
    drive = x @ p["W_xn"] + p["b_xn"]
    h, product, spare = np.zeros((steps + 1, n)), np.empty(3 * n), np.empty(n)
    multiply, add, subtract, tanh = np.multiply, np.add, np.subtract, np.tanh
    r, z, q = np.split(a, 3, axis=1)
    for row, rz, r_t, z_t, q_t, n_t, before, h_t in zip(a, a[:, : 2 * n], r, z, q, drive, h, h[1:], strict=False):
        before.dot(W_h, product)
        add(row, product, row)
        sigmoid(rz)
        multiply(r_t, q_t, spare)
        add(n_t, spare, n_t)
        tanh(n_t, n_t)
        subtract(before, n_t, spare)
        multiply(z_t, spare, spare)
        add(n_t, spare, h_t)
    loss, dh, g = read_out(p, ("W_y", "b_y"), h[-1:], targets)
    dn, dz, dr = (1.0 - z) * (1.0 - drive**2), (h[:-1] - drive) * z * (1.0 - z), q * r * (1.0 - r)
    da, dh = np.empty((steps, 3 * n)), dh[0]
    for row, a_r, a_z, a_q, n_t, s_z, s_r, r_t, z_t in zip(
        da[::-1], da[::-1, :n], da[::-1, n: 2 * n], da[::-1, 2 * n:], dn[::-1], dz[::-1], dr[::-1], r[::-1], z[::-1],
        strict=True,
    ):
        multiply(dh, n_t, n_t)
        multiply(n_t, s_r, a_r)
        multiply(dh, s_z, a_z)
        multiply(n_t, r_t, a_q)
        multiply(dh, z_t, spare)
        row.dot(back, dh)
        add(dh, spare, dh)
    before, given, sums = h[:-1].T @ da, x.T @ da[:, : 2 * n], da.sum(axis=0)
    return loss, g | {
        "W_hr": before[:, :n].copy(), "W_hz": before[:, n: 2 * n].copy(), "W_hn": before[:, 2 * n:].copy(),
        "W_xr": given[:, :n].copy(), "W_xz": given[:, n:].copy(), "W_xn": x.T @ dn,
        "b_r": sums[:n].copy(), "b_z": sums[n: 2 * n].copy(), "b_hn": sums[2 * n:].copy(), "b_xn": dn.sum(axis=0),
    }


def gru_batch(p: Any, inputs: Any, targets: Any) -> Result:
    """A batch: each gate in an array of its own, and back in blocks."""
    (batch, steps, d), size = inputs.shape, len(p["b_r"])
    x = np.ascontiguousarray(inputs.swapaxes(0, 1))
    W_h = np.stack((p["W_hr"], p["W_hz"], p["W_hn"]))
    back = W_h.swapaxes(1, 2).copy()
    a, h = np.empty((4, steps, batch, size)), np.zeros((steps + 1, batch, size))
    product, spare = np.empty((3, batch, size)), np.empty((batch, size))
    block = max(1, BLOCK // (batch * size))
    for first in range(0, steps, block):
        past = slice(first, min(first + block, steps))
        for gate, (weight, bias) in enumerate((("W_xr", "b_r"), ("W_xz", "b_z"), ("W_xn", "b_xn"))):
            place = a[gate if gate < 2 else 3, past]
            np.matmul(x[past], p[weight], out=place)
            place += p[bias]
        for t in range(first, past.stop):
            np.matmul(h[t], W_h, out=product)
            np.add(a[:2, t], product[:2], out=a[:2, t])
            np.add(product[2], p["b_hn"], out=a[2, t])
            sigmoid(a[:2, t])
            np.multiply(a[0, t], a[2, t], out=spare)
            np.add(a[3, t], spare, out=spare)
            np.tanh(spare, out=a[3, t])
            np.subtract(h[t], a[3, t], out=spare)
            np.multiply(a[1, t], spare, out=spare)
            np.add(a[3, t], spare, out=h[t + 1])
    loss, dh, g = read_out(p, ("W_y", "b_y"), h[-1], targets)
    for first in reversed(range(0, steps, block)):
        past = slice(first, min(first + block, steps))
        r, z, q, n = a[:, past]
        dn, dz, dr = (1.0 - z) * (1.0 - n**2), (h[past] - n) * z * (1.0 - z), q * r * (1.0 - r)
        da = np.empty((3, *dn.shape))
        for t in reversed(range(len(dn))):
            np.multiply(dh, dn[t], out=dn[t])
            np.multiply(dn[t], dr[t], out=da[0, t])
            np.multiply(dh, dz[t], out=da[1, t])
            np.multiply(dn[t], r[t], out=da[2, t])
            np.matmul(da[:, t], back, out=product)
            np.multiply(dh, z[t], out=dh)
            for part in product:
                np.add(dh, part, out=dh)
        rows = [one.reshape(-1, size) for one in (*da, dn)]
        _add_gradients(g, h[past].reshape(-1, size), x[past].reshape(-1, d), rows)
    return loss, g


def _add_gradients(g: dict[str, Any], before: Any, given: Any, rows: list[Any]) -> None:
    """Add a block's gradients; rows are the δ's of r, z, the product and n."""
    names = (("W_xr", "W_hr", "b_r"), ("W_xz", "W_hz", "b_z"), (None, "W_hn", "b_hn"), ("W_xn", None, "b_xn"))
    for one, (from_input, from_state, bias) in zip(rows, names, strict=True):
        if from_input is not None:
            g[from_input] += given.T @ one
        if from_state is not None:
            g[from_state] += before.T @ one
        g[bias] += one.sum(axis=0)


def gru(p: Any, inputs: Any, targets: Any) -> Result:
    """The GRU in the form that fits the batch."""
    return (gru_one if len(inputs) == 1 else gru_batch)(p, inputs, targets)
