"""Backward passes by hand, in the manner of min-char-rnn: right, or with one planted bug each.

Plain loops over sequences and steps; nothing of rnnsym takes part. Each function returns (loss, gradients).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Values = dict[str, Any]
Pass = Callable[..., tuple[float, Values]]


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def zeros_of(p: Values) -> Values:
    return {name: np.zeros_like(value) for name, value in p.items()}


def entropy(z: Any, y: Any) -> float:
    return float((np.logaddexp(0, z) - y * z).sum())


def output_error(z: Any, y: Any, bug: str) -> Any:
    """∂L/∂z of the binary cross-entropy of σ(z)."""
    yhat = sigmoid(z)
    if bug == "extra slope at the output":
        return (yhat - y) * yhat * (1 - yhat)
    if bug == "wrong sign in 1 - y":
        return -y * (1 - yhat) - (1 - y) * yhat
    if bug == "sign at the output":
        return y - yhat
    return yhat - y


def averaged(total: float, sums: Values, batch: int, steps: int, p: Values, bug: str) -> tuple[float, Values]:
    """The mean over the batch, and what goes wrong at the very end."""
    scale = {"sum over the batch": 1, "mean twice": batch * batch, "divided by T": batch * steps}.get(bug, batch)
    gradients = {name: value / scale for name, value in sums.items()}
    if bug == "clipped by value":
        gradients = {name: np.clip(value, -0.01, 0.01) for name, value in gradients.items()}
    if bug == "clipped by norm":
        norm = np.sqrt(sum(float((value**2).sum()) for value in gradients.values()))
        gradients = {name: value * min(1.0, 0.01 / norm) if norm else value for name, value in gradients.items()}
    if bug == "fourth digit":
        gradients = {name: value * 1.0001 for name, value in gradients.items()}
    if bug == "sign of all":
        gradients = {name: -value for name, value in gradients.items()}
    if bug == "weight decay":
        gradients = {name: value + 1e-3 * p[name] for name, value in gradients.items()}
    return total / batch, gradients


def simple(
    parameters: Values, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None, *, bug: str = ""
) -> tuple[float, Values]:
    """o = tanh(x W_i + o_prev W_h + b), ŷ = σ(o W_o + b_o)."""
    p, total, sums = parameters, 0.0, zeros_of(parameters)
    for place, x in enumerate(inputs):
        steps = len(x) if lengths is None or bug == "padded steps counted" else int(lengths[place])
        start = np.zeros(len(p["b"])) if initial_state is None else initial_state["o"][place]
        a, o = [start], [start]
        for t in range(1, steps + 1):
            a.append(x[t - 1] @ p["W_i"] + o[t - 1] @ p["W_h"] + p["b"])
            o.append(np.tanh(a[t]))
        z = o[steps] @ p["W_o"] + p["b_o"]
        total += entropy(z, targets[place])
        if bug == "first sequence alone" and place:
            continue
        dz = output_error(z, targets[place], bug)
        sums["W_o"] += np.outer(o[steps], dz)
        sums["b_o"] += dz
        simple_back(p, sums, x, a, o, p["W_o"] @ dz, steps, bug)
    return averaged(total, sums, len(inputs), inputs.shape[1], p, bug)


def simple_back(p: Values, sums: Values, x: Any, a: Any, o: Any, do: Any, steps: int, bug: str) -> None:
    kept = {"truncated after 1": 1, "truncated after 2": 2, "truncated after 5": 5}.get(bug, steps)
    for t in range(steps, max(steps - kept, 0), -1):
        slope = {
            "slope at the output": 1 - np.tanh(o[t]) ** 2, "slope of the argument": 1 - a[t] ** 2,
            "tanh for its slope": o[t], "no slope": 1.0, "slope of sigmoid": o[t] * (1 - o[t]),
        }.get(bug, 1 - o[t] ** 2)
        da = do * slope
        if bug == "float32":
            da = da.astype(np.float32).astype(np.float64)
        before = {"state of the same step": o[t], "initial state ignored": o[t - 1] if t > 1 else 0 * o[0],
                  "initial state wrapped": o[t - 1] if t > 1 else o[-1]}.get(bug, o[t - 1])
        read = {"input of the step before": x[t - 2] if t > 1 else 0 * x[0]}.get(bug, x[t - 1])
        terms = {"W_i": np.outer(read, da), "W_h": np.outer(before, da), "b": da}
        for name, term in terms.items():
            sums[name] += count(name, t, steps, bug) * term
        if bug != "not handed back":
            do = p["W_h"].T @ da if bug == "missing transpose" else p["W_h"] @ da


def count(name: str, t: int, steps: int, bug: str) -> int:
    """How often the path through step t is counted."""
    if bug == "bias of the last step alone" and name == "b":
        return int(t == steps)
    if bug == "not accumulated":
        return int(t == steps)
    if bug == "oldest path missing":
        return int(t > 1)
    if bug == "oldest path missing in W_i" and name == "W_i":
        return int(t > 1)
    if bug == "newest path twice":
        return 1 + int(t == steps)
    return 1


def gates_of(p: Values, gates: str, x: Any, h: Any) -> dict[str, Any]:
    return {gate: x @ p[f"W_x{gate}"] + h @ p[f"W_h{gate}"] + p[f"b_{gate}"] for gate in gates}


def lstm(
    parameters: Values, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None, *, bug: str = ""
) -> tuple[float, Values]:
    """The LSTM with a forget gate; ŷ = σ(h W_y + b_y)."""
    p, total, sums = parameters, 0.0, zeros_of(parameters)
    for place, x in enumerate(inputs):
        steps = len(x) if lengths is None else int(lengths[place])
        zero = np.zeros(len(p["b_i"]))
        h = [zero if initial_state is None else initial_state["h"][place]]
        c = [zero if initial_state is None else initial_state["c"][place]]
        tape: list[dict[str, Any]] = [{}]
        for t in range(1, steps + 1):
            a = gates_of(p, "ifgo", x[t - 1], h[t - 1])
            now = {gate: np.tanh(value) if gate == "g" else sigmoid(value) for gate, value in a.items()}
            c.append(now["f"] * c[t - 1] + now["i"] * now["g"])
            h.append(now["o"] * np.tanh(c[t]))
            tape.append(now)
        z = h[steps] @ p["W_y"] + p["b_y"]
        total += entropy(z, targets[place])
        dz = output_error(z, targets[place], bug)
        sums["W_y"] += np.outer(h[steps], dz)
        sums["b_y"] += dz
        lstm_back(p, sums, x, h, c, tape, p["W_y"] @ dz, steps, bug)
    return averaged(total, sums, len(inputs), inputs.shape[1], p, bug)


def lstm_back(
    p: Values, sums: Values, x: Any, h: Any, c: Any, tape: Any, dh: Any, steps: int, bug: str
) -> None:
    dc = np.zeros_like(dh)
    for t in range(steps, 0, -1):
        now = tape[t]
        i, f, g, o = (now[gate] for gate in "ifgo")
        u = np.tanh(c[t])
        through = dh * o * {"no slope of tanh(c)": 1.0, "slope of tanh(c) at its output": 1 - np.tanh(u) ** 2}.get(
            bug, 1 - u**2)
        if bug == "no path from h to c":
            through = 0 * through
        dc = dc + through
        do = dh * u
        di, df, dg = dc * g, dc * c[t - 1], dc * i
        if bug == "f reads the newer cell":
            df = dc * c[t]
        if bug == "i and g mixed up":
            di, dg = dc * i, dc * g
        da = {"i": di * i * (1 - i), "f": df * f * (1 - f), "g": dg * (1 - g**2), "o": do * o * (1 - o)}
        if bug == "no slope of the forget gate":
            da["f"] = df
        if bug == "slope of sigmoid for g":
            da["g"] = dg * g * (1 - g)
        if bug == "slope of f at i":
            da["f"] = df * i * (1 - i)
        if bug == "slope of g at i":
            da["g"] = dg * (1 - i**2)
        if bug == "output gate's path missing":
            da["o"] = 0 * da["o"]
        named = dict(zip("ifgo", "figo", strict=True)) if bug == "gate order" else {gate: gate for gate in "ifgo"}
        for gate, name in named.items():
            sums[f"W_x{name}"] += np.outer(x[t - 1], da[gate])
            sums[f"W_h{name}"] += np.outer(h[t - 1], da[gate]) * (bug != "oldest path missing" or t > 1)
            sums[f"b_{name}"] += da[gate]
        skipped = "o" if bug == "o not handed to h" else ""
        dh = sum(p[f"W_h{gate}"] @ da[gate] for gate in "ifgo" if gate != skipped)
        if bug == "missing transpose":
            dh = sum(p[f"W_h{gate}"].T @ da[gate] for gate in "ifgo")
        if bug == "h not carried":
            dh = 0 * dh
        older = tape[t - 1].get("f", f) if t > 1 else f
        dc = dc * {"no forget gate in the cell path": 1.0, "cell not carried": 0.0, "i for f in the cell path": i,
                   "f of the step before": older}.get(bug, f)


def gru(
    parameters: Values, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None, *, bug: str = ""
) -> tuple[float, Values]:
    """The GRU with the reset gate after the product; ŷ = σ(h W_y + b_y)."""
    p, total, sums = parameters, 0.0, zeros_of(parameters)
    before = bug == "reset before the product"
    for place, x in enumerate(inputs):
        steps = len(x) if lengths is None else int(lengths[place])
        h = [np.zeros(len(p["b_r"])) if initial_state is None else initial_state["h"][place]]
        tape: list[Any] = [()]
        for t in range(1, steps + 1):
            a = gates_of(p, "rz", x[t - 1], h[t - 1])
            r, z = sigmoid(a["r"]), sigmoid(a["z"])
            m = (r * h[t - 1]) @ p["W_hn"] + p["b_hn"] if before else h[t - 1] @ p["W_hn"] + p["b_hn"]
            n = np.tanh(x[t - 1] @ p["W_xn"] + p["b_xn"] + (m if before else r * m))
            h.append((1 - z) * n + z * h[t - 1])
            tape.append((r, z, m, n))
        logit = h[steps] @ p["W_y"] + p["b_y"]
        total += entropy(logit, targets[place])
        dz = output_error(logit, targets[place], bug)
        sums["W_y"] += np.outer(h[steps], dz)
        sums["b_y"] += dz
        gru_back(p, sums, x, h, tape, p["W_y"] @ dz, steps, bug)
    return averaged(total, sums, len(inputs), inputs.shape[1], p, bug)


def gru_back(p: Values, sums: Values, x: Any, h: Any, tape: Any, dh: Any, steps: int, bug: str) -> None:
    before = bug == "reset before the product"
    for t in range(steps, 0, -1):
        r, z, m, n = tape[t]
        dn = dh * (z if bug == "z for 1 - z" else 1 - z)
        dz = dh * (n - h[t - 1] if bug == "sign of z's path" else h[t - 1] - n)
        if bug == "half of z's path missing":
            dz = dh * -n
        if bug == "no path through z":
            dz = 0 * dz
        da_n = dn * (n if bug == "tanh for its slope" else 1 - n**2)
        dm = da_n if before or bug == "reset gate missing" else da_n * r
        back = p["W_hn"] @ dm
        dr = back * h[t - 1] if before else da_n * m
        if bug == "no path through r":
            dr = 0 * dr
        if bug == "reset gate reads h":
            dr = da_n * h[t - 1]
        da = {"r": dr * r * (1 - r), "z": dz * z * (1 - z)}
        for gate in "rz":
            sums[f"W_x{gate}"] += np.outer(x[t - 1], da[gate])
            sums[f"W_h{gate}"] += np.outer(h[t - 1], da[gate])
            sums[f"b_{gate}"] += da[gate]
        sums["W_xn"] += np.outer(x[t - 1], da_n)
        sums["b_xn"] += da_n
        sums["W_hn"] += np.outer(r * h[t - 1] if before else h[t - 1], dm)
        sums["b_hn"] += dm
        direct = 0 * dh if bug == "no direct path" else dh * z
        dh = direct + (back * r if before else back) + sum(p[f"W_h{gate}"] @ da[gate] for gate in "rz")


def encoder_decoder(
    parameters: Values, inputs: Any, targets: Any, initial_state: Any = None, lengths: Any = None,
    target_lengths: Any = None, *, bug: str = "",
) -> tuple[float, Values]:
    """Two simple cells; the decoder starts from the encoder's last state and reads the target of the step before."""
    p, total, sums = parameters, 0.0, zeros_of(parameters)
    for place, x in enumerate(inputs):
        steps = len(x) if lengths is None else int(lengths[place])
        y = targets[place][: None if target_lengths is None else int(target_lengths[place])]
        o = [np.zeros(len(p["b"])) if initial_state is None else initial_state["o"][place]]
        for t in range(1, steps + 1):
            o.append(np.tanh(x[t - 1] @ p["W_i"] + o[t - 1] @ p["W_h"] + p["b"]))
        shown = np.vstack([np.zeros((1, y.shape[1])), y[:-1]])
        s = [o[-1]]
        for t in range(1, len(y) + 1):
            s.append(np.tanh(shown[t - 1] @ p["dec_W_i"] + s[t - 1] @ p["dec_W_h"] + p["dec_b"]))
        ds = np.zeros_like(s[0])
        for t in range(len(y), 0, -1):
            z = s[t] @ p["W_o"] + p["b_o"]
            total += entropy(z, y[t - 1])
            dz = output_error(z, y[t - 1], bug)
            if bug != "outputs before the last ignored" or t == len(y):
                sums["W_o"] += np.outer(s[t], dz)
                sums["b_o"] += dz
                ds = ds + p["W_o"] @ dz
            da = ds * (1 - s[t] ** 2)
            read = y[t - 1] if bug == "targets shifted" else shown[t - 1]
            sums["dec_W_i"] += np.outer(read, da)
            sums["dec_W_h"] += np.outer(s[t - 1], da)
            sums["dec_b"] += da
            ds = p["dec_W_h"] @ da
        do = ds * {"encoder not reached": 0.0, "handed over twice": 2.0}.get(bug, 1.0)
        renamed = {name: sums[name] for name in ("W_i", "W_h", "b")}
        first = steps - 1 if bug == "last encoder step missing" else steps
        if first < steps:
            do = p["W_h"] @ (do * (1 - o[steps] ** 2))
        simple_back(p, renamed, x, o, o, do, first, bug)
    return averaged(total, sums, len(inputs), inputs.shape[1], p, bug)


CORRECT: dict[str, Pass] = {"simple": simple, "lstm": lstm, "gru": gru, "encoder-decoder": encoder_decoder}


def planted(network: str, bug: str) -> Pass:
    """Return the pass of a network with a bug in it."""
    return partial(CORRECT[network], bug=bug)
