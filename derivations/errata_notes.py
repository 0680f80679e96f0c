"""Formulas of lecture notes on recurrent networks that are wrong as written, refuted, beside what holds."""

from __future__ import annotations

from math import exp, log
from pathlib import Path

import numpy as np
from errata import Erratum, Finding, Slip, write_page

import rnnsym

TITLE = "Errata to lecture notes on recurrent networks"
READOUT = "yhat = sigmoid(o @ W_o)"
DIGITS = 9  # to which two computations in double precision agree
NOTES = rnnsym.Network(
    rnnsym.Cell.from_equations("notes", "a = x @ W_i + o_prev @ W_h + b\no = tanh(a)"), READOUT,
    loss="binary_cross_entropy",
)
SQUARED = rnnsym.Network(rnnsym.cells["simple"], READOUT, loss="squared_error")
WITH_OUTPUT_BIAS = rnnsym.Network(rnnsym.cells["simple"])
ONE_UNIT = rnnsym.Network(
    rnnsym.Cell.from_equations("one unit", "w_i: (d,)\nw_h: scalar\nb: scalar\no: scalar\n"
                                           "o = tanh(dot(x, w_i) + w_h * o_prev + b)"),
    "w_o: (k,)\nyhat = sigmoid(w_o * o)",
)
SLOPE = rnnsym.Network(rnnsym.Cell.from_equations("slope", "o = tanh(o_prev + x)"), "yhat = o", loss="squared_error")
NINE_TENTHS = rnnsym.Network(
    rnnsym.Cell.from_equations("all weights 0.9", "o = tanh(x + 0.9 * sum(o_prev))"), "yhat = o @ W_o", "squared_error",
)
RECTIFIED = rnnsym.Network(rnnsym.cells["simple_relu"])
LEAKY = rnnsym.Network(rnnsym.cells["simple_leaky_relu"])
PATH = "total(L, o[T]) @ prod(partial(o[t], o[t-1]) for t in range(T, {0}, -1)) @ partial(o[{0}], W_i)"

ERRATA = (
    Erratum(
        "The slope of a step", "tanh stands where its derivative is meant.", NOTES,
        "partial(o[t], o[t-1]) == diag(tanh(a[t])) @ W_h.T",
        "partial(o[t], o[t-1]) == diag(1 - tanh(a[t])**2) @ W_h.T",
    ),
    Erratum(
        "The slope of a step, of one unit", "The same with every letter a number, and without the bias, as written.",
        ONE_UNIT,
        "partial(o[t], o[t-1]) == tanh(dot(x[t], w_i) + w_h * o[t-1]) * w_h",
        "partial(o[t], o[t-1]) == (1 - tanh(dot(x[t], w_i) + w_h * o[t-1] + b)**2) * w_h",
    ),
    Erratum(
        "The gradient as a sum of products of total derivatives",
        "The derivative of a later state by the weight contains that of the earlier states already: paths are counted "
        "more than once. The last factor is the immediate derivative.", NOTES,
        "total(L, W_i) == sum(total(L, o[j]) @ total(o[j], W_i) for j in range(1, T + 1))",
        "total(L, W_i) == sum(total(L, o[j]) @ partial(o[j], W_i) for j in range(1, T + 1))",
    ),
    Erratum(
        "The same sum for the recurrent weight", "As above: the notes print it for both.", NOTES,
        "total(L, W_h) == sum(total(L, yhat) @ total(yhat, o[j]) @ total(o[j], W_h) for j in range(1, T + 1))",
        "total(L, W_h) == sum(total(L, yhat) @ total(yhat, o[j]) @ partial(o[j], W_h) for j in range(1, T + 1))",
    ),
    Erratum(
        "The same sum with immediate derivatives alone", "The output uses the last state only: all other terms are 0, "
        "and the paths through earlier states are lost.", NOTES,
        "total(L, W_i) == sum(total(L, yhat) @ partial(yhat, o[j]) @ partial(o[j], W_i) for j in range(1, T + 1))",
        "total(L, W_i) == sum(total(L, yhat) @ total(yhat, o[j]) @ partial(o[j], W_i) for j in range(1, T + 1))",
    ),
    Erratum(
        "The gradient through the last step alone",
        "The weight is shared: it enters at every step, and each use has its own path.", NOTES,
        "total(L, W_h) == total(L, o[T]) @ partial(o[T], W_h)",
        "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(1, T + 1))",
    ),
    Erratum(
        "The product over 100 steps in place of the gradient",
        "The notes pass from three steps to a hundred, and keep the longest path alone: it is one of T.", NOTES,
        f"total(L, W_i) == {PATH.format(1)}",
        f"total(L, W_i) == sum({PATH.format('j')} for j in range(1, T + 1))",
    ),
    Erratum(
        "Three paths, because the corpus has three words",
        "There are as many paths as steps, however many words the vocabulary has.", NOTES,
        f"total(L, W_i) == sum({PATH.format('j')} for j in range(1, 4))",
        f"total(L, W_i) == sum({PATH.format('j')} for j in range(1, T + 1))",
    ),
    Erratum(
        "A chain through the weights", "The notes multiply by the derivative of the last state by the output weight, and "
        "of that weight by the others. Weights do not depend on each other, and no state on the output weight: the "
        "product is 0.", ONE_UNIT,
        "total(L, w_o) == total(L, w_o) * total(o[3], w_o)",
        "total(L, w_o) == (yhat - target) * o[T]",
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
        "The cross-entropy", "The second logarithm is that of 1 minus the output, not 1 minus a logarithm: where the "
        "target is 0 it is negative, and falls without bound as the output falls.", NOTES,
        "L == sum(-target * log(yhat) - (1 - target) * (1 - log(yhat)))",
        "L == sum(-target * log(yhat) - (1 - target) * log(1 - yhat))",
    ),
    Erratum(
        "The slope of the cross-entropy as printed", "It does not vanish where the output is the target.", NOTES,
        "total(L, yhat) == (1 - 2 * target) / yhat",
        "total(L, yhat) == (yhat - target) / (yhat * (1 - yhat))",
    ),
    Erratum(
        "The difference as a loss", "A loss is at least 0, and least where output and target agree. A difference has a "
        "sign, and its slope never vanishes; that of half its square does so where they agree.", SQUARED,
        "0 <= sum(target - yhat)",
        "total(L, yhat) == yhat - target",
    ),
    Erratum(
        "The slope of tanh below 1", "It is 1 at 0, so no number below 1 bounds it.", SLOPE,
        "norm(partial(o[t], o[t-1])) <= 0.999",
        "norm(partial(o[t], o[t-1])) <= 1",
    ),
    Erratum(
        "Recurrent weights between 0 and 1", "That the product then vanishes is true of one unit. With several, what "
        "counts is the norm of the matrix, and it is no bound below 1 that its entries have.", NINE_TENTHS,
        "norm(total(o[T], o[0])) <= 0.9**T",
        "norm(total(o[T], o[j])) <= norm(W_h)**(T - j)", corrected_network=NOTES,
    ),
)


def _numbers_of(network: rnnsym.Network, kind: str) -> int:
    shapes = network.shapes(d=5, n=3, k=1)
    return sum(int(np.prod(shapes[one.parameter.name])) for one in network.counts() if one.kind == kind)


def _weights() -> Finding:
    weights, biases = _numbers_of(WITH_OUTPUT_BIAS, "weight"), _numbers_of(WITH_OUTPUT_BIAS, "bias")
    return Finding("5 inputs, 3 units, 1 output: 18 weights", f"{weights} weights, {weights + biases} with the biases",
                   5 * 3 + 3 * 1, weights, 5 * 3 + 3 * 3 + 3 * 1)


def _biases() -> Finding:
    found, meant = _numbers_of(NOTES, "bias"), _numbers_of(WITH_OUTPUT_BIAS, "bias")
    return Finding(f"{READOUT}, and one bias for the output node: 3 + 1 biases",
                   f"this readout has none: {found} biases; with b_o in it {meant}", 3 + 1, found, meant - 1)


def _rows() -> Finding:
    vocabulary = rnnsym.corpora["reviews"].vocabulary
    spelt, rows = " ".join(vocabulary.decode((1, 2, 3, 4))), vocabulary.encode("movie was not good")
    places = tuple(int(row.argmax()) + 1 for row in vocabulary.one_hot("movie was not good"))
    return Finding('rows 1, 2, 3, 4 of the identity for "movie was not good"',
                   f'these spell "{spelt}"; rows {", ".join(map(str, rows))} are meant', (1, 2, 3, 4), rows, places)


def _animals() -> Finding:
    vocabulary = rnnsym.corpora["animals"].vocabulary
    printed = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    spelt = vocabulary.decode(tuple(int(row.argmax()) + 1 for row in printed))
    again = tuple(vocabulary.words[int(place)] for place in printed @ np.arange(3))
    return Finding('100, 001, 010 for "cat mat rat" where cat, mat, rat are 100, 010, 001',
                   f'these spell "{" ".join(spelt)}"', ("cat", "mat", "rat"), spelt, again)


def _cross_entropy() -> Finding:
    """y = 0 and ŷ = 0.9, by a weight of zero and an output bias of log 9."""
    shapes = WITH_OUTPUT_BIAS.shapes(d=1, n=1, k=1)
    parameters = {name: np.zeros(shape) for name, shape in shapes.items()} | {"b_o": np.array([log(9)])}
    loss = rnnsym.compile(WITH_OUTPUT_BIAS).loss(parameters, np.zeros((1, 1)), np.zeros((1, 1)))
    printed = -0 * log(0.9) - (1 - 0) * (1 - log(0.9))
    return Finding(f"-(1 - y)(1 - log yhat) at y = 0, yhat = 0.9, which is {printed:.3f}", f"{float(loss):.3f}",
                   round(printed, DIGITS), round(float(loss), DIGITS), round(-log(1 - 0.9), DIGITS))


def _descent() -> Finding:
    """Three sequences of one step, x = 10, with the targets 1, 1, 0: W_i = b = 0 and W_o = 2."""
    run = rnnsym.compile(NOTES)
    data = np.full((3, 1, 1), 10.0), np.array([[1.0], [1.0], [0.0]])
    parameters = {"W_i": np.zeros((1, 1)), "W_h": np.zeros((1, 1)), "b": np.zeros(1), "W_o": np.full((1, 1), 2.0)}
    before, slopes = run.value_and_grad(parameters, *data)
    after = {rate: float(run.loss({name: value - rate * slopes[name] for name, value in parameters.items()}, *data))
             for rate in (1.0, 0.01)}
    z = (2 - float(slopes["W_o"][0, 0])) * np.tanh(-10 * float(slopes["W_i"][0, 0]) - float(slopes["b"][0]))
    by_hand = (2 * log(1 + exp(-z)) + log(1 + exp(z))) / 3
    return Finding("w_new = w_old - dL/dw lowers the loss",
                   f"it takes L from {float(before):.4f} to {after[1.0]:.4f}; with the rate 0.01, to {after[0.01]:.4f}",
                   (True, True), (after[1.0] < before, after[0.01] < before), (by_hand < log(2), True))


def _padding() -> Finding:
    batch = rnnsym.corpora["reviews"].batch()
    run = rnnsym.compile(NOTES)
    shapes = NOTES.shapes(d=5, n=3, k=1)
    parameters = {name: np.linspace(-1, 1, int(np.prod(shape))).reshape(shape) for name, shape in shapes.items()}
    padded = float(run.loss(parameters, batch.inputs, batch.targets))
    known = float(run.loss(parameters, batch.inputs, batch.targets, lengths=batch.lengths))
    alone = np.mean([float(run.loss(parameters, row[:length], target[None])) for row, length, target in zip(
        batch.inputs, batch.lengths, batch.targets, strict=True)])
    return Finding("reviews of 3, 3 and 4 words are the tensor of shape (3, 4, 5)",
                   f"the rows of zeros change the loss: {padded:.4f} with them, {known:.4f} with the true lengths",
                   round(padded, DIGITS), round(known, DIGITS), round(float(alone), DIGITS))


def _several_units() -> Finding:
    weights = np.full((3, 3), 0.9)
    radius = float(max(abs(np.linalg.eigvals(weights))))
    return Finding("a recurrent weight between 0 and 1 makes the product vanish",
                   f"three units, all weights 0.9: spectral radius {radius:.1f}, norm after 100 linear steps "
                   f"{radius**100:.1e}", round(0.9, DIGITS), round(radius, DIGITS), round(3 * 0.9, DIGITS))


def _rectifiers() -> Finding:
    claim = "norm(partial(o[t], o[t-1])) <= norm(W_h)"
    holds = tuple(rnnsym.check_claim(claim, network).holds for network in (RECTIFIED, LEAKY))
    tanh = rnnsym.check_claim(claim, NOTES).holds
    return Finding("ReLU and leaky ReLU help since their derivatives are not limited to between 0 and 1",
                   f"they are, as that of tanh: {claim} is proved of all three", (False, False), holds, (tanh, tanh))


SLIPS = (
    Slip("The number of weights", "The notes' own formula gives another number.", _weights),
    Slip("The bias of the output", "It is counted, and stands in no formula.", _biases),
    Slip("The rows of the identity", "The rows that are printed spell another sentence.", _rows),
    Slip("The rows of the identity, backward", "The second and the third row are exchanged.", _animals),
    Slip("The cross-entropy in numbers", "An output that is nearly wrong costs less than nothing.", _cross_entropy),
    Slip("Descent without a learning rate", "A step of length 1 may overshoot.", _descent),
    Slip("Padded reviews as they are", "The state goes on changing over rows of zeros.", _padding),
    Slip("A weight between 0 and 1", "This is true of one unit only.", _several_units),
    Slip("The slope of rectifiers", "It is 0 or 1, or the leak or 1. What helps is that it is 1 wherever a unit is "
         "active.", _rectifiers),
)


def main(folder: Path = Path(__file__).parent) -> None:
    """Write errata_notes.tex."""
    write_page(folder / "errata_notes.tex", TITLE, ERRATA, SLIPS)


if __name__ == "__main__":
    main()
