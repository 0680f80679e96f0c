"""The same gradients by automatic differentiation: HIPS autograd, PyTorch and JAX, each where it is installed.

What they are given is theirs before the clock starts, and what they return stays theirs: no conversion is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import rnnsym
from benchmarks import plain
from benchmarks.plain import Result
from rnnsym.numerics.torch_layout import from_torch_state_dict, to_torch_state_dict

Gradient = Callable[[], Result]


def step(cell: str, np_: Any, p: Mapping[str, Any], x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """One step of a cell in any framework that has the names of NumPy; c is the LSTM's second state."""
    tanh: Callable[[Any], Any] = np_.tanh

    def sigmoid(a: Any) -> Any:
        return 0.5 * tanh(0.5 * a) + 0.5

    if cell == "simple":
        return tanh(x @ p["W_i"] + h @ p["W_h"] + p["b"]), c
    if cell == "lstm":
        i, f, o = (sigmoid(x @ p[f"W_x{gate}"] + h @ p[f"W_h{gate}"] + p[f"b_{gate}"]) for gate in "ifo")
        c = f * c + i * tanh(x @ p["W_xg"] + h @ p["W_hg"] + p["b_g"])
        return o * tanh(c), c
    r, z = (sigmoid(x @ p[f"W_x{gate}"] + h @ p[f"W_h{gate}"] + p[f"b_{gate}"]) for gate in "rz")
    n = tanh(x @ p["W_xn"] + p["b_xn"] + r * (h @ p["W_hn"] + p["b_hn"]))
    return (1 - z) * n + z * h, c


def readout_names(cell: str) -> tuple[str, str]:
    """The readout's weights and biases."""
    return ("W_o", "b_o") if cell == "simple" else ("W_y", "b_y")


def with_autograd(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Gradient:
    """HIPS autograd of a Python loop."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    W, b = readout_names(cell)

    def loss(weights: Any) -> Any:
        h = c = np.zeros((len(inputs), len(weights[W])))
        for t in range(inputs.shape[1]):
            h, c = step(cell, anp, weights, inputs[:, t], h, c)
        z = h @ weights[W] + weights[b]
        return anp.sum(targets * anp.logaddexp(0.0, -z) + (1 - targets) * anp.logaddexp(0.0, z)) / len(inputs)

    return lambda: value_and_grad(loss)(p)


def with_torch_loop(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Gradient:
    """PyTorch, an eager loop of single steps."""
    import torch

    weights = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
    x, y = torch.tensor(inputs), torch.tensor(targets)
    W, b = readout_names(cell)

    def run() -> Result:
        for value in weights.values():
            value.grad = None
        h = c = torch.zeros(len(x), len(p[W]), dtype=x.dtype)
        for t in range(x.shape[1]):
            h, c = step(cell, torch, weights, x[:, t], h, c)
        loss = _torch_loss(torch, h @ weights[W] + weights[b], y)
        loss.backward()
        return loss.detach(), {name: value.grad for name, value in weights.items()}

    return run


def _torch_loss(torch: Any, z: Any, y: Any) -> Any:
    return torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(y)


def with_torch_layer(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Gradient:
    """PyTorch's own layer, nn.RNN, nn.LSTM or nn.GRU; its gradients keep the layer's names and blocks."""
    import torch

    network = rnnsym.Network(rnnsym.cells[cell])
    kind = {"simple": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    W, b = readout_names(cell)
    layer = kind(inputs.shape[2], len(p[W]), batch_first=True, dtype=torch.float64)
    given = to_torch_state_dict(network, p)
    layer.load_state_dict({key: torch.tensor(np.array(value)) for key, value in given.items()})
    last = {name: torch.tensor(p[name], requires_grad=True) for name in (W, b)}
    x, y = torch.tensor(inputs), torch.tensor(targets)
    found = {**dict(layer.named_parameters()), **last}

    def run() -> Result:
        for value in found.values():
            value.grad = None
        loss = _torch_loss(torch, layer(x)[0][:, -1] @ last[W] + last[b], y)
        loss.backward()
        return loss.detach(), {key: value.grad for key, value in found.items()}

    _check_layer(network, run()[1], plain.loops[cell](p, inputs, targets)[1])
    return run


def _check_layer(network: Any, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare the gradients of a layer's weights under their own names; its biases stand twice and are sums here."""
    layer = {key: value.numpy() for key, value in found.items() if key.endswith("_l0")}
    for name, value in from_torch_state_dict(network, layer).items():
        if value.ndim == 2 and np.abs(value - expected[name]).max() > 1e-12 * np.abs(expected[name]).max():
            raise SystemExit(f"PyTorch layer: the gradient of {name} differs from the plain loop's")


def with_jax(cell: str, p: dict[str, Any], inputs: Any, targets: Any) -> Gradient:
    """JAX: jit of the gradient of a scan."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    W, b = readout_names(cell)

    def loss(weights: Any, x: Any, y: Any) -> Any:
        start = jnp.zeros((x.shape[0], weights[W].shape[0]))
        (h, _), _ = jax.lax.scan(lambda state, one: (step(cell, jnp, weights, one, *state), None), (start, start),
                                 x.swapaxes(0, 1))
        z = h @ weights[W] + weights[b]
        return jnp.sum(y * jnp.logaddexp(0.0, -z) + (1 - y) * jnp.logaddexp(0.0, z)) / x.shape[0]

    gradient = jax.jit(jax.value_and_grad(loss))

    given = jax.device_put((p, inputs, targets))
    return lambda: jax.block_until_ready(gradient(*given))
