"""The table of planted bugs: which pass, which bug, and what a student must be told."""

from __future__ import annotations

from dataclasses import dataclass

SIMPLE = {
    "extra slope at the output": r"δ\^z of the output has the slope sigmoid′ besides",
    "wrong sign in 1 - y": r"wrong sign of \(1 − y\)/\(1 − ŷ\)",
    "sign at the output": "wrong sign",
    "sum over the batch": "sum over the batch, not its mean",
    "mean twice": "batch size twice",
    "divided by T": "divided by the number of steps",
    "clipped by value": r"clipped, entry by entry, to ±0\.01",
    "clipped by norm": r"norm .* held to 0\.01",
    "fourth digit": r"1\.0001 times",
    "sign of all": "wrong sign",
    "weight decay": "weight decay",
    "padded steps counted": "padded steps count",
    "first sequence alone": "first sequence of the batch alone",
    "truncated after 1": "last step alone",
    "truncated after 2": "last 2 steps alone",
    "truncated after 5": "last 5 steps alone",
    "slope at the output": "tanh′ at the output of tanh",
    "slope of the argument": "argument of tanh where its slope",
    "tanh for its slope": "tanh in place of its slope",
    "no slope": "lacks the slope tanh′",
    "slope of sigmoid": r"sigmoid′ in place of tanh′",
    "float32": "float32",
    "state of the same step": "o_t in place of o_{t−1}",
    "initial state ignored": "without the path through step 1",
    "initial state wrapped": "last state for the initial one",
    "input of the step before": r"x_{t−1} in place of x_t",
    "missing transpose": r"in place of its transpose",
    "not handed back": r"handed to o_{t−1} is δ_t unchanged",
    "bias of the last step alone": "gradient of b holds the last step alone",
    "not accumulated": "last step alone: it is not accumulated",
    "oldest path missing": "without the path through step 1",
    "oldest path missing in W_i": "gradient of W_i equals the derived one without the path through step 1",
    "newest path twice": "path through the last step, T, twice",
}
LSTM = {
    "no slope of tanh(c)": r"lacks the slope tanh′",
    "slope of tanh(c) at its output": "tanh′ at the output of tanh",
    "no path from h to c": r"δ_t\^u is zero",
    "f reads the newer cell": "c_t in place of c_{t−1}",
    "no slope of the forget gate": "lacks the slope sigmoid′",
    "slope of sigmoid for g": r"sigmoid′ in place of tanh′",
    "slope of f at i": r"δ_t\^{a_f} takes the slope sigmoid′ of f_t at i_t",
    "slope of g at i": r"δ_t\^{a_g} takes the slope tanh′ of g_t at i_t",
    "output gate's path missing": r"δ_t\^o is zero",
    "gate order": r"exchanged.*gates stand in another order",
    "i and g mixed up": r"δ_t\^g and δ_t\^i are exchanged",
    "o not handed to h": r"lacks the term δ_t\^{a_o} W_ho",
    "missing transpose": r"in place of its transpose",
    "h not carried": r"handed to h_{t−1} is zero",
    "no forget gate in the cell path": "lacks the factor f_t",
    "cell not carried": r"handed to c_{t−1} is zero",
    "i for f in the cell path": "i_t in place of f_t",
    "f of the step before": "f_{t−1} in place of f_t",
    "oldest path missing": "without the path through step 1",
    "wrong sign in 1 - y": r"wrong sign of \(1 − y\)/\(1 − ŷ\)",
}
GRU = {
    "z for 1 - z": "z_t in place of 1 − z_t",
    "sign of z's path": r"δ_t\^z has the wrong sign",
    "half of z's path missing": r"lacks the term δ_t ⊙ h_{t−1}",
    "no path through z": r"δ_t\^z is zero",
    "tanh for its slope": "tanh in place of its slope",
    "reset gate missing": "lacks the factor r_t",
    "no path through r": r"δ_t\^r is zero",
    "reset gate reads h": r"h_{t−1} in place of h_{t−1} W_hn",
    "no direct path": r"lacks the term δ_t ⊙ z_t",
    "reset before the product": "before the product",
}
ENCODER_DECODER = {
    "outputs before the last ignored": r"last output alone",
    "targets shifted": r"y_t in place of y_{t−1}",
    "encoder not reached": "does not hand its gradient to the encoder",
    "handed over twice": r"is twice the derived one: the decoder does not hand",
    "last encoder step missing": r"without the path through the last step",
    "missing transpose": r"in place of its transpose",
    "oldest path missing": "without the path through step 1",
    "tanh for its slope": "tanh in place of its slope",
}


@dataclass(frozen=True)
class Planted:
    """A bug in the pass of a network, and the words that some finding must match, as a regular expression."""

    network: str
    bug: str
    words: str


PLANTED = tuple(
    Planted(network, bug, words)
    for network, bugs in (("simple", SIMPLE), ("lstm", LSTM), ("gru", GRU), ("encoder-decoder", ENCODER_DECODER))
    for bug, words in bugs.items()
)
