"""One network of each shape that networks can have, for the laws that hold of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network

SIMPLE = cells["simple"]
BOTH_ENDS = "yhat = sigmoid(o @ W_o + bwd_o @ W_p + b_o)"
SKIPPING = Cell.from_equations("skipping", "h = tanh(x @ W + h_prev @ U + h_prev[3] @ V)")
SKIPPING_READOUT = "yhat = sigmoid(h @ W_y + b_y)"
GATED = Cell.from_equations(
    "gated", "g = sigmoid(x @ W_x + h_prev @ U_h + b_g)\nh = g * h_prev + (1 - g) * tanh(x @ V)"
)

NETWORKS: Mapping[str, Callable[[], Network]] = {
    "one-to-one": lambda: Network(SIMPLE, topology="one-to-one"),
    "many-to-one": lambda: Network(SIMPLE),
    "many-to-one, softmax": lambda: Network(SIMPLE, loss="softmax_cross_entropy"),
    "many-to-one, both ends": lambda: Network(SIMPLE, BOTH_ENDS, bidirectional=True),
    "many-to-many": lambda: Network(SIMPLE, topology="many-to-many"),
    "many-to-many, mean": lambda: Network(SIMPLE, topology="many-to-many", over_steps="mean"),
    "many-to-many, both ends": lambda: Network(SIMPLE, BOTH_ENDS, topology="many-to-many", bidirectional=True),
    "one-to-many": lambda: Network(SIMPLE, topology="one-to-many"),
    "one-to-many, feed": lambda: Network(
        SIMPLE, loss="squared_error", topology="one-to-many", feed="x = tanh(yhat @ W_f)"
    ),
    "encoder-decoder": lambda: Network(SIMPLE, topology="encoder-decoder"),
    "encoder-decoder, fed back": lambda: Network(SIMPLE, topology="encoder-decoder", teacher_forcing=False),
    "encoder-decoder, feed": lambda: Network(
        SIMPLE, loss="squared_error", topology="encoder-decoder", teacher_forcing=False, feed="x = tanh(yhat @ W_f)"
    ),
    "encoder-decoder, two cells": lambda: Network(
        cells["lstm"], SKIPPING_READOUT, topology="encoder-decoder", decoder=GATED, over_steps="mean"
    ),
    "two layers": lambda: Network([SIMPLE, cells["gru"]]),
    "two layers, many-to-many": lambda: Network([SIMPLE, SIMPLE], topology="many-to-many"),
    "skipping": lambda: Network(SKIPPING, SKIPPING_READOUT),
    "skipping, many-to-many, both ends": lambda: Network(
        SKIPPING, "yhat = sigmoid(concat(h, bwd_h) @ W_y)", topology="many-to-many", bidirectional=True
    ),
    "skipping, encoder-decoder": lambda: Network(SKIPPING, SKIPPING_READOUT, topology="encoder-decoder"),
}
