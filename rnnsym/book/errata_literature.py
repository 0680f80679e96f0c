"""Published formulas that are wrong as printed, or hold for one unit only, refuted, beside what holds."""

from __future__ import annotations

import rnnsym
from rnnsym.book.errata import Erratum
from rnnsym.book.networks import gated

PASCANU = rnnsym.Network(
    rnnsym.Cell.from_equations("pascanu", "h = W_rec @ sigmoid(h_prev) + W_in @ x + b"), "yhat = V @ h",
    loss="squared_error",
)
SIMPLE = rnnsym.Network(rnnsym.cells["simple"], loss="squared_error")
LSTM = gated("lstm")

ERRATA = (
    Erratum(
        "Pascanu, Mikolov, Bengio 2013, equation (5)",
        "In either layout the transposed matrix stands with the slope on the wrong side of it: the Jacobian is W diag, "
        "its transpose diag times the transposed W. The norm of the product is unaffected.", PASCANU,
        "partial(h[t], h[t-1]) == W_rec.T @ diag(sigmoid(h[t-1]) * (1 - sigmoid(h[t-1])))",
        "partial(h[t], h[t-1]) == W_rec @ diag(sigmoid(h[t-1]) * (1 - sigmoid(h[t-1])))",
    ),
    Erratum(
        "The product of step Jacobians in ascending order, as several texts print it",
        "Matrices do not commute: the last step stands on the left.", SIMPLE,
        "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(j + 1, T + 1))",
        "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(T, j, -1))",
    ),
    Erratum(
        "Backpropagation without the transposed weight, as it is often programmed",
        "The derivative by the state before multiplies by the transposed recurrent weight.", SIMPLE,
        "total(L, o[t-1]) == (total(L, o[t]) * (1 - o[t]**2)) @ W_h",
        "total(L, o[t-1]) == (total(L, o[t]) * (1 - o[t]**2)) @ W_h.T",
    ),
    Erratum(
        "The LSTM's cell path as the whole derivative, as the constant error carousel is often told",
        "The gates depend on the state before, too: the forget gate is the immediate derivative alone.", LSTM,
        "total(c[t], c[t-1]) == diag(q_f[t])",
        "partial(c[t], c[t-1]) == diag(q_f[t])",
    ),
)
