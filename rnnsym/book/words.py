"""The book's title and preface, and the one meaning of every symbol in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TITLE = "The gradients of recurrent networks"
PREFACE = (
    "This book follows a course of lecture notes on recurrent networks from its first page to its last. Every "
    "displayed equation was derived and checked when the book was made; every number was computed; every formula of "
    "the notes that is wrong is refuted by numbers and set beside the one that holds. One letter has one meaning "
    "throughout: the state of the notes' network is `o_t`, as in the notes, and that of all others `h_t`; gates are "
    "`q` with the gate's letter below."
)

MEANINGS: Mapping[str, str] = MappingProxyType({
    "x": "input: the row of the identity that stands for a word",
    "a": "argument of the function in a step",
    "o": "state of the notes' network",
    "h": "state of the other networks",
    "c": "cell state, the long memory of an LSTM",
    "z": "logit: what the readout's function is applied to",
    "yhat": "output, the prediction",
    "target": "target, the label",
    "L": "loss of a sequence; with a step below it, of one output",
    "e": "what the decoder's function is applied to",
    "W_i": "input weight of the notes' network",
    "W_h": "recurrent weight",
    "b": "bias of a step, the same in all steps",
    "W_o": "readout weight of the notes' network",
    "b_o": "readout bias of the notes' network",
    "W_x": "input weight of the other networks",
    "W_y": "readout weight of the other networks",
    "b_y": "readout bias of the other networks",
    "W_s": "weight of the connection that skips",
    "q_i": "input gate",
    "q_f": "forget gate",
    "q_o": "output gate",
    "q_r": "reset gate",
    "q_z": "gate that keeps the state",
    "q_u": "gate that updates the state or copies it, 0 or 1",
    "m": "candidate for the new state",
    "u": "value of a function that enters a product",
    "v": "update probability, gathered while steps are skipped",
    "p": "increment of the update probability",
    "w_p": "weight of the update probability's increment",
    "b_p": "bias of the update probability's increment",
})
"""Of the networks' names; a gate's weights, biases and arguments are told by the gate."""

GATES: Mapping[str, str] = MappingProxyType({
    "i": "input gate", "f": "forget gate", "o": "output gate", "r": "reset gate", "z": "keeping gate", "m": "candidate",
})

GENERAL = (
    ("d", "number of entries of an input; of words in the vocabulary", "encoding"),
    ("n", "number of units, the entries of a state", "encoding"),
    ("k", "number of outputs", "encoding"),
    ("T", "number of steps, the length of a sequence", "encoding"),
    ("t", "a step", "encoding"),
    ("j", "the step at which a path leaves its parameter", "bptt_any_length"),
    ("S", "number of steps of a decoder", "network_shapes"),
    ("theta", "any parameter of the step", "bptt_any_length"),
    ("kappa", "number of last uses that truncated backpropagation keeps", "vanishing"),
    ("eta", "learning rate", "gradient_descent"),
)
"""(name, meaning, chapter) of the numbers that all networks share."""
