"""The networks of the book, in letters that do not clash: a state is never called what a gate is called elsewhere."""

from __future__ import annotations

from functools import cache

import rnnsym

READOUT = "yhat = sigmoid(h @ W_y + b_y)"

LSTM = """
    q_i = sigmoid(x @ W_xi + h_prev @ W_hi + b_i)
    q_f = sigmoid(x @ W_xf + h_prev @ W_hf + b_f)
    m = tanh(x @ W_xm + h_prev @ W_hm + b_m)
    q_o = sigmoid(x @ W_xo + h_prev @ W_ho + b_out)
    c = q_f * c_prev + q_i * m
    h = q_o * tanh(c)
"""
GRU = """
    q_r = sigmoid(x @ W_xr + h_prev @ W_hr + b_r)
    q_z = sigmoid(x @ W_xz + h_prev @ W_hz + b_z)
    m = tanh(x @ W_xm + b_xm + q_r * (h_prev @ W_hm + b_hm))
    h = (1 - q_z) * m + q_z * h_prev
"""
SKIP = """
    v: scalar = 1
    w_p: (n,)
    b_p: scalar
    q_u = round(v_prev)
    h = q_u * tanh(x @ W_x + h_prev @ W_h + b) + (1 - q_u) * h_prev
    p = sigmoid(h @ w_p + b_p)
    v = q_u * p + (1 - q_u) * (v_prev + minimum(p, 1 - v_prev))
"""


@cache
def gated(name: str) -> rnnsym.Network:
    """Return the LSTM, the GRU or the Skip RNN in the book's letters: the built-in cell, renamed."""
    text = {"lstm": LSTM, "gru": GRU, "skip_rnn": SKIP}[name]
    return rnnsym.Network(rnnsym.Cell.from_equations(name, text), READOUT, loss="binary_cross_entropy")


def notes(topology: str = "many-to-one", loss: str = "binary_cross_entropy", cell: str = "simple",
          *, teacher_forcing: bool = True) -> rnnsym.Network:
    """Return the notes' network: o_t = tanh(x_t W_i + o_{t−1} W_h + b), or another function in the place of tanh."""
    return rnnsym.Network(rnnsym.cells[cell], loss=loss, topology=topology,
                          teacher_forcing=teacher_forcing)
