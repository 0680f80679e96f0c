"""Formulas of lecture notes on recurrent networks that are wrong as written, refuted, beside what holds."""

from __future__ import annotations

import numpy as np

import rnnsym
from rnnsym.book.errata import Erratum, Slip

READOUT = "yhat = sigmoid(o @ W_o)"
NOTES = rnnsym.Network(
    rnnsym.Cell.from_equations("notes", "a = x @ W_i + o_prev @ W_h + b\no = tanh(a)"), READOUT,
    loss="binary_cross_entropy",
)
SQUARED = rnnsym.Network(rnnsym.cells["simple"], READOUT, loss="squared_error")

ERRATA = (
    Erratum(
        "The slope of a step", "tanh stands where its derivative is meant.", NOTES,
        "partial(o[t], o[t-1]) == diag(tanh(a[t])) @ W_h.T",
        "partial(o[t], o[t-1]) == diag(1 - tanh(a[t])**2) @ W_h.T",
    ),
    Erratum(
        "The gradient as a sum of products of total derivatives",
        "The derivative of a later state by the weight contains that of the earlier states already: paths are counted "
        "more than once. The last factor is the immediate derivative.", NOTES,
        "total(L, W_i) == sum(total(L, o[j]) @ total(o[j], W_i) for j in range(1, T + 1))",
        "total(L, W_i) == sum(total(L, o[j]) @ partial(o[j], W_i) for j in range(1, T + 1))",
    ),
    Erratum(
        "The gradient through the last step alone",
        "The weight is shared: it enters at every step, and each use has its own path.", NOTES,
        "total(L, W_h) == total(L, o[T]) @ partial(o[T], W_h)",
        "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(1, T + 1))",
    ),
    Erratum(
        "One bias for each step",
        "The bias is shared, too: its gradient is the sum over the steps, not that of one of them.", NOTES,
        "total(L, b) == total(L, o[1]) @ partial(o[1], b)",
        "total(L, b) == sum(total(L, o[j]) @ partial(o[j], b) for j in range(1, T + 1))",
    ),
    Erratum(
        "The first step without the recurrent weight", "The state before is multiplied by the recurrent weight.", NOTES,
        "o[1] == tanh(o[0] + x[1] @ W_i + b)",
        "o[1] == tanh(o[0] @ W_h + x[1] @ W_i + b)",
    ),
    Erratum(
        "The product over many steps without the bias", "Every step adds the bias.", NOTES,
        "o[2] == tanh(x[2] @ W_i + tanh(x[1] @ W_i + o[0] @ W_h) @ W_h)",
        "o[2] == tanh(x[2] @ W_i + tanh(x[1] @ W_i + o[0] @ W_h + b) @ W_h + b)",
    ),
    Erratum(
        "The cross-entropy", "The second logarithm is that of 1 minus the output, not 1 minus a logarithm: as printed "
        "it is negative where the output is wrong, and unbounded below.", NOTES,
        "L == sum(-target * log(yhat) - (1 - target) * (1 - log(yhat)))",
        "L == sum(-target * log(yhat) - (1 - target) * log(1 - yhat))",
    ),
    Erratum(
        "The difference as a loss", "A difference has a sign and no lower end: the further the output overshoots, the "
        "smaller it is. Its square has neither fault.", SQUARED,
        "L == sum(target - yhat)",
        "L == sum((target - yhat)**2) / 2",
    ),
)


def _weights() -> tuple[str, str]:
    network = rnnsym.Network(rnnsym.cells["simple"])
    shapes = network.shapes(d=5, n=3, k=1)
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    weights = sum(count for name, count in sizes.items() if name.startswith("W"))
    return "5 inputs, 3 units, 1 output: 18 weights", f"{weights} weights, {sum(sizes.values())} with the biases"


def _rows() -> tuple[str, str]:
    vocabulary = rnnsym.Vocabulary(("movie", "was", "good", "bad", "not"))
    spelt = " ".join(vocabulary.decode((1, 2, 3, 4)))
    rows = ", ".join(map(str, vocabulary.encode("movie was not good")))
    return 'rows 1, 2, 3, 4 of the identity for "movie was not good"', f'these spell "{spelt}"; rows {rows} are meant'


def _largest_slope() -> tuple[str, str]:
    slope = 1 - np.tanh(np.array([0.0, 1.0, 5.0])) ** 2
    return "the derivative of tanh lies between 0 and 1", \
        f"it is {slope[0]:g} at 0 ({slope[1]:.4f} at 1, {slope[2]:.1e} at 5): in (0, 1], the upper end included"


def _several_units() -> tuple[str, str]:
    weights = np.full((3, 3), 0.9)
    radius = max(abs(np.linalg.eigvals(weights)))
    return "a recurrent weight between 0 and 1 makes the product vanish", \
        f"three units, all weights 0.9: spectral radius {radius:.1f}, norm after 100 linear steps {radius**100:.1e}"


SLIPS = (
    Slip("The number of weights", "The notes' own formula gives another number.", _weights),
    Slip("The rows of the identity", "The rows that are printed spell another sentence.", _rows),
    Slip("The slope of tanh", "The slope is 1 at 0.", _largest_slope),
    Slip("A weight between 0 and 1", "This is true of one unit only.", _several_units),
)
