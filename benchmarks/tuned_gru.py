"""The gated recurrent unit in NumPy tuned by hand; the candidate's product has a place of its own beside the gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.plain import Result, read_out
from benchmarks.tuned import BLOCK, sigmoid


def gru(p: Any, inputs: Any, targets: Any) -> Result:
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
