"""What the book shows of a hundred steps, of initial weights, of clipping and learning rates: numbers, computed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import rnnsym
from rnnsym.book.errata import claim
from rnnsym.book.networks import gated, notes
from rnnsym.book.parts import Exhibit, Part, table
from rnnsym.dynamics.contributions import shares_of_last
from rnnsym.dynamics.draws import draw_inputs, draw_parameters, with_spectral_radius

STEPS = 100
SIZES = {"d": 5, "n": 16, "k": 1}
UPDATES = 20
DRAWS = 9  # an odd number, whose median is one of them
INPUT_SCALE = 0.1


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a true minus sign; −∞ where it is the logarithm of nothing."""
    return f"{value:.{digits}f}".replace("-", "−").replace("inf", "∞")


def product_decades(network: rnnsym.Network, scheme: str, radius: float | None = None,
                    **start: float) -> float:
    """Return the median over the draws of log₁₀ ‖∂s_T/∂s_0‖ at T = 100."""
    found = []
    for seed in range(DRAWS):
        parameters = rnnsym.dynamics.initialise(network, SIZES, scheme, seed=seed, **start)
        if radius is not None:
            parameters = with_spectral_radius(network, parameters, radius)
        inputs, _ = draw_inputs(network, SIZES, seed=seed, steps=STEPS, scale=INPUT_SCALE)
        found.append(float(rnnsym.dynamics.gradient_products(network, parameters, inputs).log_norms[-1]))
    return float(np.median(found) / np.log(10))


def hundred_steps() -> tuple[Part, ...]:
    """Return the chain's product over a hundred steps, in symbols, then in numbers for weights of several sizes."""
    whole = rnnsym.derive(notes(), steps=None).only("paths", "truncation")
    rows = [(f"{radius:g}", signed(product_decades(notes(), "xavier_normal", radius))) for radius in (0.5, 0.9, 1, 2)]
    return (whole, Exhibit(
        "A hundred steps", "The spectral radius of `W_h` is set, the inputs are small; the middle of nine draws of 16 "
        "units. The norm of the product of the hundred step Jacobians is ten to the number in the second column.", (),
        table(("spectral radius", "decades at T = 100"), *rows)), _single_steps())


def _single_steps() -> Exhibit:
    parameters = with_spectral_radius(notes(), draw_parameters(notes(), SIZES, seed=0), 0.9)
    inputs, targets = draw_inputs(notes(), SIZES, seed=0, steps=STEPS, scale=INPUT_SCALE)
    norms = rnnsym.dynamics.path_contributions(notes(), parameters, inputs, targets).log_norms["W_i"]
    shares = shares_of_last(norms)
    rows = [(f"the last {last}", f"{100 * shares[last]:.1f}%") for last in (1, 5, 10, 50, 100)]
    return Exhibit(
        "Short and long term", "The gradient of `W_i` is a sum of a term for each step at which it is used. Of the sum "
        "of their norms, one draw with spectral radius 0.9, the last steps have these shares: the long-term part is "
        "there, and weighs nothing.", (), table(("terms", "share"), *rows))


def by_function() -> tuple[Part, ...]:
    """Return the derivation with ReLU, the claim about its slope, and how far a gradient comes with each function."""
    relu = notes(cell="simple_relu")
    derivation = rnnsym.derive(relu, steps=3).only("forward", "local")
    bound = rnnsym.derive_bounds(relu).only("notation", "step", "product", "conditions")
    cells = {"tanh": "simple", "ReLU": "simple_relu", "leaky ReLU": "simple_leaky_relu"}
    rows = [(word, *(signed(product_decades(notes(cell=name), "xavier_normal", radius)) for radius in (0.5, 1, 2)))
            for word, name in cells.items()]
    identity = signed(product_decades(rnnsym.Network(rnnsym.cells["irnn"]), "identity"))
    return (derivation, bound, Exhibit(
        "A hundred steps by function", "Decades of the norm at T = 100, by the spectral radius of `W_h`, the middle of "
        "nine draws. A unit that is off has the slope 0, so that random weights lose more with ReLU than with tanh, "
        "and where the weights are large nothing saturates. Started from the identity no unit is off for small inputs, "
        f"and ReLU is near {identity} decades.", (),
        table(("function", "0.5", "1", "2"), *rows)))


def by_start() -> tuple[Part, ...]:
    """Return how far a gradient comes by the scheme of initial weights."""
    schemes = ("small_random", "pytorch", "xavier_uniform", "he_normal", "orthogonal", "identity")
    rows = [(name.replace("_", " "), signed(product_decades(notes(), name))) for name in schemes]
    gates = [(f"{bias:g}", signed(product_decades(gated("lstm"), "xavier_uniform", forget_bias=bias)))
             for bias in (0.0, 1.0, 3.0)]
    return (Exhibit(
        "Initial weights", "Decades of the norm of the product of a hundred step Jacobians of the notes' network, "
        "small inputs, the middle of nine draws.", (), table(("scheme", "decades at T = 100"), *rows)), Exhibit(
        "The forget gate's bias", "The same for an LSTM, by the bias with which `q_f` starts.", (),
        table(("bias", "decades at T = 100"), *gates)))


def by_clipping() -> tuple[Part, ...]:
    """Return what clipping does to a gradient, and to a step of descent at the foot of a wall."""
    gradient = np.array([30.0, 4.0])
    norm, value = rnnsym.dynamics.clip_by_norm(gradient, 5.0), rnnsym.dynamics.clip_by_value(gradient, 5.0)

    def row(words: str, found: Iterable[float]) -> tuple[str, str, str, str]:
        first, second = found
        return words, f"({first:.2f}, {second:.2f})", f"{np.hypot(first, second):.2f}", \
            f"{np.degrees(np.arctan2(second, first)):.1f}°"

    return (Exhibit(
        "By norm and by value", "Both with the threshold 5. The norm of all entries keeps the direction; each entry by "
        "itself turns it, and leaves a norm above the threshold.", (), table(
            ("gradient", "entries", "norm", "angle"), row("as computed", gradient), row("clipped by norm", norm),
            row("clipped by value", value))), _exploding())


def _exploding() -> Exhibit:
    parameters = with_spectral_radius(notes(cell="simple_relu"), draw_parameters(notes(), SIZES, seed=0), 3.0)
    inputs, targets = draw_inputs(notes(), SIZES, seed=0, steps=STEPS, scale=INPUT_SCALE)
    run, rows = rnnsym.compile(notes(cell="simple_relu", loss="squared_error")), []
    for steps in (10, 20, 40):
        _, gradients = run.value_and_grad(parameters, inputs[..., -steps:, :], targets)
        before = rnnsym.dynamics.global_norm(gradients)
        after = rnnsym.dynamics.global_norm(rnnsym.dynamics.clip_by_norm(gradients, 1.0))
        rows.append((steps, signed(float(np.log10(before))), f"{after:.6f}"))
    return Exhibit(
        "An exploding gradient, clipped", "ReLU with spectral radius 3 and the squared error: the norm of the gradient "
        "of all parameters in decades, and after clipping at 1. Clipping bounds the step; it brings no vanished term "
        "back.",
        (), table(("steps", "decades before", "norm after"), *rows))


def by_rate() -> tuple[Part, ...]:
    """Return the losses of a few updates at several rates."""
    corpus, run = rnnsym.corpora["reviews"], rnnsym.compile(notes())
    batch = corpus.batch()
    rows = []
    for rate in (0.01, 0.1, 1.0, 10.0):
        parameters = rnnsym.dynamics.initialise(notes(), {"d": 5, "n": 3, "k": 1}, "xavier_uniform", seed=0)
        losses = []
        for _ in range(UPDATES):
            loss, gradients = run.value_and_grad(parameters, batch.inputs, batch.targets, lengths=batch.lengths)
            losses.append(float(loss))
            parameters = {name: value - rate * gradients[name] for name, value in parameters.items()}
        rows.append((f"{rate:g}", f"{losses[0]:.3f}", f"{losses[-1]:.3f}", f"{max(losses):.3f}"))
    return (Exhibit(
        f"{UPDATES} updates", "The notes' network of 3 units on the three reviews, plain descent. Too small a rate has "
        "not arrived, too large a one overshoots.", (),
        table(("learning rate", "first loss", "last loss", "largest loss"), *rows)),)


def the_loss() -> tuple[Part, ...]:
    """Return the loss, its slope through the readout, and the notes' two slips."""
    derivation = rnnsym.derive(notes(), steps=3).only("loss")
    at = -0.0 * np.log(0.9) - (1 - 0.0) * (1 - np.log(0.9))
    right = -np.log(1 - 0.9)
    return (derivation, claim(
        "The slope of the loss by the logit", "Sigmoid and cross-entropy cancel: what arrives at the logit is output "
        "minus target.", rnnsym.Network(
            rnnsym.cells["simple"], "z = o @ W_o + b_o\nyhat = sigmoid(z)", loss="binary_cross_entropy"),
        "total(L, z) == yhat - target"), Exhibit(
        "The misprint in numbers", "At the target 0 and the output 0.9, which is far off, the loss must be large.", (),
        table(("formula", "loss"), ("−y log ŷ − (1 − y)(1 − log ŷ), as the notes print it", signed(float(at), 4)),
              ("−y log ŷ − (1 − y) log(1 − ŷ)", signed(float(right), 4)))))
