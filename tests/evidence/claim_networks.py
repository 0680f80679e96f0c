"""Networks that claims are made about in the tests."""

from __future__ import annotations

from functools import cache

from rnnsym import Cell, Network, cells


@cache
def network(name: str) -> Network:
    """Return a network by its name here."""
    match name:
        case "tags":
            return Network(cells["simple"], "yhat = o @ W_o + b_o", "squared_error", "many-to-many", over_steps="mean")
        case "column":
            return Network(Cell.from_equations("column", "h = tanh(W @ h_prev + U @ x + b)"), "yhat = V @ h",
                           "squared_error")
        case "both":
            return Network(cells["simple"], bidirectional=True)
        case "fed":
            return Network(cells["simple"], "yhat = tanh(o @ W_o + b_o)", "squared_error", "one-to-many")
        case "single":
            return Network(cells["simple"], topology="one-to-one")
        case "decoder":
            return Network(cells["simple"], topology="encoder-decoder")
        case "two":
            return Network([cells["simple"]] * 2)
    return Network(cells[name])
