"""One sequence in NumPy tuned by hand: few calls a step forward, and one banded solve instead of a loop back.

σ(a) = ½ + ½ tanh(a/2): with the half folded into the weights one tanh serves all gates of a step. What flows back from
step to step is linear, v_{t−1} = v_t M_t: all M_t are made in bulk and stand in one banded triangle, which BLAS solves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy.linalg.blas import dtbsv

from benchmarks.plain import Result

FEW, MANY = 16, 16  # units up to which, and steps from which, the solve beats a loop
SOLVED = 200_000  # numbers of the triangle that are solved at once, so that they stay in the cache


def read_out(p: Any, names: tuple[str, str], h: Any, targets: Any) -> tuple[float, Any, dict[str, Any]]:
    """Return the loss, ∂L/∂h_T and the gradients of one output ŷ = σ(h W + b), in scalars."""
    (W, b), y = names, float(targets[0, 0])
    weights = p[W]
    z = float(h.dot(weights[:, 0])) + float(p[b][0])
    small = math.exp(-abs(z))
    loss = max(z, 0.0) - y * z + math.log1p(small)
    dz = (1.0 if z >= 0 else small) / (1.0 + small) - y
    return loss, dz * weights[:, 0], {W: dz * h[:, None], b: np.array([dz])}


def solved(n: int, steps: int) -> bool:
    """Whether what flows back is solved for and not looped over."""
    return n <= FEW and steps >= MANY


def chain(last: Any, fill: Any, steps: int) -> Any:
    """Return v_T … v_1 for v_{t−1} = v_t M_t, v_T = last; ``fill(M, r, s)`` writes −M of steps T−r … T−s+1 into M.

    M[i, a, b] lies in column (i, a) of a unit lower triangle, m + b − a below its diagonal.
    """
    m = len(last)
    found = np.zeros((steps + 1, m))
    found[0] = last
    block = max(1, SOLVED // (2 * m * m))
    for first in range(0, steps, block):
        count = min(block, steps - first)
        band = np.zeros((count + 1, m, 2 * m))
        whole, part = band.strides[0], band.itemsize
        fill(as_strided(band[0, 0, m:], (count, m, m), (whole, 2 * m * part - part, part)), first, first + count)
        rows = found[first : first + count + 1].reshape(-1)
        dtbsv(2 * m - 1, band.reshape(-1, 2 * m).T, rows, lower=1, diag=1, overwrite_x=1)
    return found[:-1]


def augmented(inputs: Any, n: int) -> Any:
    """Return [x; 1; h] of all steps, with one more for the last state."""
    steps, d = inputs.shape[1:]
    s = np.zeros((steps + 1, d + 1 + n))
    s[:steps, :d], s[:steps, d] = inputs[0], 1.0
    return s


def simple(p: Any, inputs: Any, targets: Any) -> Result:
    """The simple network: a step is one product and one tanh."""
    d, n = p["W_i"].shape
    if n == 3:
        return three_units(p, inputs, targets)
    weights, back = np.concatenate((p["W_i"], p["b"][None], p["W_h"])), p["W_h"].T
    s = augmented(inputs, n)
    h = s[:, d + 1 :]
    tanh = np.tanh
    for row, o in zip(s, h[1:], strict=False):
        row.dot(weights, o)
        tanh(o, o)
    loss, do, g = read_out(p, ("W_o", "b_o"), h[-1], targets)
    slopes = h[:0:-1] ** 2
    slopes -= 1.0  # minus the slope, from the last step to the first
    if solved(n, len(slopes)):
        da = chain(do, lambda M, r, s: np.multiply(slopes[r:s, :, None], back, out=M), len(slopes))
        da *= slopes
    else:
        da, minus, multiply = slopes, -back, np.multiply
        do = do.copy()
        for row in da:  # a slope is overwritten by the gradient it makes
            multiply(do, row, row)
            row.dot(minus, do)
    whole = s[-2::-1].T @ da
    np.negative(whole, out=whole)
    return loss, g | {"W_i": whole[:d], "b": whole[d], "W_h": whole[d + 1 :]}


def three_units(p: Any, inputs: Any, targets: Any) -> Result:
    """The simple network of three units in scalars; so few of them are cheaper than a call of NumPy."""
    x, tanh = inputs[0], math.tanh
    (a, b, c), (d, e, f), (g, h, i) = p["W_h"].tolist()
    u = v = w = 0.0
    states = []
    for one, two, three in (x.dot(p["W_i"]) + p["b"]).tolist():
        u, v, w = (tanh(one + u * a + v * d + w * g), tanh(two + u * b + v * e + w * h),
                   tanh(three + u * c + v * f + w * i))
        states.append((u, v, w))
    loss, do, gradients = read_out(p, ("W_o", "b_o"), np.array(states[-1]), targets)
    if len(x) >= MANY:
        o = np.array(states)
        slopes = o[::-1] ** 2
        slopes -= 1.0
        da = chain(do, lambda M, r, s: np.multiply(slopes[r:s, :, None], p["W_h"].T, out=M), len(x))
        da *= slopes
        np.negative(da, out=da)
        da = da[::-1]
    else:
        one, two, three = do.tolist()
        found = []
        for u, v, w in reversed(states):
            one, two, three = one * (1.0 - u * u), two * (1.0 - v * v), three * (1.0 - w * w)
            found.append((one, two, three))
            one, two, three = (one * a + two * b + three * c, one * d + two * e + three * f,
                               one * g + two * h + three * i)
        da, o = np.array(found[::-1]), np.array(states)
    return loss, gradients | {"W_i": x.T.dot(da), "b": da.sum(axis=0), "W_h": o[:-1].T.dot(da[1:])}


def lstm(p: Any, inputs: Any, targets: Any) -> Result:
    """The LSTM: a row holds c_{t−1} and the gates g, f, i, o, so that f c_{t−1} and i g are one product."""
    d, n = p["W_xi"].shape
    steps, kinds = inputs.shape[1], ("W_x", "b_", "W_h")
    weights = np.concatenate([np.concatenate([p[f"{kind}{gate}"].reshape(-1, n) for gate in "gfio"], axis=1)
                              for kind in kinds])
    scale, shift = np.full(4 * n, 0.5), np.full(4 * n, 0.5)
    scale[:n], shift[:n] = 1.0, 0.0
    s, rows, u, pair = augmented(inputs, n), np.zeros((steps + 1, 5 * n)), np.empty((steps, n)), np.empty(2 * n)
    h, halved = s[:, d + 1 :], weights * scale
    first, second = pair[:n], pair[n:]
    multiply, add, tanh = np.multiply, np.add, np.tanh
    for state, gates, cg, fi, c, o, v, out in zip(
        s, rows[:, n:], rows[:, : 2 * n], rows[:, 2 * n : 4 * n], rows[1:, :n], rows[:, 4 * n :], u, h[1:], strict=False
    ):
        state.dot(halved, gates)
        tanh(gates, gates)
        multiply(gates, scale, gates)
        add(gates, shift, gates)
        multiply(cg, fi, pair)
        add(first, second, c)
        tanh(c, v)
        multiply(o, v, out)
    loss, dh, readout = read_out(p, ("W_y", "b_y"), h[-1], targets)
    c, g, f, i, o = rows[-2::-1].reshape(steps, 5, n).swapaxes(0, 1)
    u = u[::-1]
    slopes = np.stack((i * (1.0 - g * g), c * f * (1.0 - f), g * i * (1.0 - i), u * o * (1.0 - o)))
    through = o * (1.0 - u * u)
    back = weights[d + 1 :].reshape(n, 4, n).transpose(2, 1, 0)  # of unit, gate, state

    def fill(M: Any, r: int, s: int) -> None:
        by_unit = slopes[:, r:s].transpose(2, 1, 0)
        by_c = np.matmul(by_unit[..., :3], -back[:, :3]).swapaxes(0, 1)
        by_h = np.matmul(by_unit[..., 3:], -back[:, 3:]).swapaxes(0, 1)
        M[:, n:, :n] = by_c
        by_h += by_c * through[r:s, :, None]
        M[:, :n, :n] = by_h
        units = range(n)
        M[:, range(n, 2 * n), range(n, 2 * n)] = -f[r:s]
        M[:, units, range(n, 2 * n)] = -f[r:s] * through[r:s]

    if solved(n, steps):
        v = chain(np.concatenate((dh, np.zeros(n))), fill, steps)
        dh, dc = v[:, :n], v[:, n:] + v[:, :n] * through
        slopes[:3] *= dc
        slopes[3] *= dh
        da = slopes.swapaxes(0, 1).reshape(steps, 4 * n)
    else:
        da = _lstm_loop(dh.copy(), slopes, through, f, weights[d + 1 :].T.copy())
    whole = s[-2::-1].T @ da
    parts = {"W_x": whole[:d], "b_": whole[d], "W_h": whole[d + 1 :]}
    return loss, readout | {f"{kind}{gate}": part[..., k * n : (k + 1) * n].copy()
                            for kind, part in parts.items() for k, gate in enumerate("gfio")}


def _lstm_loop(dh: Any, slopes: Any, through: Any, f: Any, back: Any) -> Any:
    """Return the δ's of all gates, step by step."""
    steps, n = through.shape
    da, dc, spare = slopes.swapaxes(0, 1).copy(), np.zeros(n), np.empty(n)
    multiply, add = np.multiply, np.add
    for flat, by_c, by_h, slope, keep in zip(da.reshape(steps, 4 * n), da[:, :3], da[:, 3], through, f, strict=True):
        multiply(dh, slope, spare)
        add(dc, spare, dc)
        multiply(dc, by_c, by_c)
        multiply(dh, by_h, by_h)
        flat.dot(back, dh)
        multiply(dc, keep, dc)
    return da.reshape(steps, 4 * n)


def gru(p: Any, inputs: Any, targets: Any) -> Result:
    """The GRU: one product makes the drives of r and z, the product q behind h, and the drive of n."""
    d, n = p["W_xr"].shape
    steps = inputs.shape[1]
    nothing_x, nothing_h = np.zeros((d, n)), np.zeros((n, n))
    weights = np.concatenate((
        np.concatenate((0.5 * p["W_xr"], 0.5 * p["W_xz"], nothing_x, p["W_xn"]), axis=1),
        np.concatenate((0.5 * p["b_r"], 0.5 * p["b_z"], p["b_hn"], p["b_xn"]))[None],
        np.concatenate((0.5 * p["W_hr"], 0.5 * p["W_hz"], p["W_hn"], nothing_h), axis=1),
    ))
    s, rows, spare = augmented(inputs, n), np.empty((steps, 4 * n)), np.empty(n)
    h, half = s[:, d + 1 :], np.full(2 * n, 0.5)
    multiply, add, subtract, tanh = np.multiply, np.add, np.subtract, np.tanh
    for state, row, rz, r_t, z_t, q_t, n_t, before, now in zip(
        s, rows, rows[:, : 2 * n], rows[:, :n], rows[:, n : 2 * n], rows[:, 2 * n : 3 * n], rows[:, 3 * n :], h, h[1:],
        strict=False,
    ):
        state.dot(weights, row)
        tanh(rz, rz)
        multiply(rz, half, rz)
        add(rz, half, rz)
        multiply(r_t, q_t, spare)
        add(n_t, spare, n_t)
        tanh(n_t, n_t)
        subtract(before, n_t, spare)
        multiply(z_t, spare, spare)
        add(n_t, spare, now)
    loss, dh, readout = read_out(p, ("W_y", "b_y"), h[-1], targets)
    r, z, q, new = rows[::-1].reshape(steps, 4, n).swapaxes(0, 1)
    by_n = (1.0 - z) * (1.0 - new * new)
    slopes = np.stack((by_n * q * r * (1.0 - r), (h[-2::-1] - new) * z * (1.0 - z), by_n * r))
    back = -np.stack((p["W_hr"], p["W_hz"], p["W_hn"])).transpose(2, 0, 1)  # of unit, gate, state

    def fill(M: Any, r: int, s: int) -> None:
        M[...] = np.matmul(slopes[:, r:s].transpose(2, 1, 0), back).swapaxes(0, 1)
        M[:, range(n), range(n)] -= z[r:s]

    v = chain(dh, fill, steps) if solved(n, steps) else _gru_loop(dh, slopes, z, weights[d + 1 :, : 3 * n].T.copy())
    slopes *= v
    by_n *= v
    da = slopes.swapaxes(0, 1).reshape(steps, 3 * n)
    before, x = h[-2::-1].T @ da, s[-2::-1, : d + 1].T
    given, dn = x @ da, x @ by_n
    return loss, readout | {
        "W_hr": before[:, :n].copy(), "W_hz": before[:, n : 2 * n].copy(), "W_hn": before[:, 2 * n :].copy(),
        "W_xr": given[:d, :n].copy(), "W_xz": given[:d, n : 2 * n].copy(), "W_xn": dn[:d].copy(),
        "b_r": given[d, :n].copy(), "b_z": given[d, n : 2 * n].copy(), "b_hn": given[d, 2 * n :].copy(),
        "b_xn": dn[d].copy(),
    }


def _gru_loop(dh: Any, slopes: Any, z: Any, back: Any) -> Any:
    """Return ∂L/∂h of all steps, the last first."""
    steps, n = z.shape
    rows, found, spare = slopes.swapaxes(0, 1).copy(), np.empty((steps + 1, n)), np.empty(n)
    found[0] = dh
    back[: 2 * n] *= 2.0  # the weights of r and z were halved
    multiply, add = np.multiply, np.add
    for row, flat, keep, now, to in zip(rows, rows.reshape(steps, -1), z, found, found[1:], strict=False):
        multiply(row, now, row)
        flat.dot(back, to)
        multiply(now, keep, spare)
        add(to, spare, to)
    return found[:-1]


cells: dict[str, Callable[[Any, Any, Any], Result]] = {"simple": simple, "lstm": lstm, "gru": gru}
