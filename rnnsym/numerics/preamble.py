"""What stands at the head of a generated module: its docstring, its constants, and the helpers that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rnnsym.calculus.unrolling import graph_of
from rnnsym.model.networks import Network
from rnnsym.numerics.functions import helpers
from rnnsym.numerics.lines import broken, filled
from rnnsym.numerics.setting import Setting, tuple_of
from rnnsym.numerics.solves import CONSTANTS, HELPERS
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain

SUM_WEIGHTS = '''
def weights(batch, steps, active):
    """Return how much each output counts in the mean loss over the batch, (batch, steps)."""
    return np.full((batch, steps), 1.0 / batch) if active is None else active / batch
'''
MEAN_WEIGHTS = '''
def weights(batch, steps, active):
    """Return how much each output counts in the mean over its sequence and the batch, (batch, steps)."""
    return np.full((batch, steps), 1.0 / (batch * steps)) if active is None else (
        active / (batch * active.sum(axis=1, keepdims=True)))
'''
TURNED = '''
def turned(values, active):
    """Return the values of all steps in the order of the sequences, each turned within its own length."""
    batch, steps = values.shape[:2]
    order = np.arange(steps)[None, ::-1]
    if active is not None:
        lengths = active.sum(axis=1, keepdims=True)
        order = np.where(active, lengths - 1 - np.arange(steps), np.arange(steps))
    return values[np.arange(batch)[:, None], order]
'''
MERGED = '''
def merged(values):
    """Lay the steps of all sequences in one long batch."""
    return values.reshape(-1, *values.shape[2:])
'''
STACKED = '''
def stacked(*rows):
    """Join weights side by side, and these rows, of matrices or of vectors, one below the other."""
    return np.vstack([np.concatenate(row, axis=-1) for row in rows])
'''
ALONE = '''
def alone(sequences, lengths, width=0):
    """Whether there is one sequence, without padding and of few inputs a step: it needs no batch axis."""
    return len(sequences) == 1 and lengths is None and width <= WIDE
'''

BLOCK_OF = '''
def block_of(steps, size):
    """Return how many steps a block has: few beside all, so that what is made for it takes little memory."""
    most = max(1, min(BLOCK // size, steps // 12 + FEW // size))
    return -(-steps // -(-steps // most))  # no block is much shorter than the others
'''


def helper_functions(network: Network, text: str) -> list[str]:
    """Return the helpers that a text calls."""
    weights = MEAN_WEIGHTS if network.over_steps == "mean" else SUM_WEIGHTS
    known = {"weights": weights, "turned": TURNED, "merged": MERGED, "stacked": STACKED, "alone": ALONE,
             "block_of": BLOCK_OF, **HELPERS}
    return [source.strip() for name, source in known.items() if re.search(rf"\b{name}[(,]", text)]


def head(setting: Setting, *, solves: bool = False) -> Iterator[str]:
    """Yield the lines before the module's own functions, when these have said what they use.

    ``solves`` tells whether some solve for what flows back.
    """
    network, names = setting.graph.network, setting.names
    yield f'"""Loss and gradient of the network {network.cell.name} ({network.topology}, {network.loss}).'
    yield ""
    yield from (line for equation in equation_lines(network) for line in filled(f"    {equation}"))
    yield ""
    yield "A batch is the first axis of everything but the parameters. Made by rnnsym from the equations above."
    yield '"""'
    yield ""
    yield "import numpy as np"
    yield ""
    yield "BLOCK = 24_000  # numbers of one quantity in a block of steps, so that a block's arrays stay in the cache"
    yield "WIDE = 256  # inputs of a step; the products of more are made of many steps at once"
    yield "FEW = 850  # numbers of one quantity that are a block however few steps there are"
    yield from CONSTANTS if solves else ()
    yield from broken([f"PARAMETERS = {tuple_of(f'{chr(34)}{p.name}{chr(34)}' for p in network.parameters)}"])
    yield from (f"{names(c)} = {float(c.value)!r}" for c in network.constants)
    yield from (f"\n{helpers[name].rstrip()}" for name in sorted(setting.printer.functions) if name in helpers)


def equation_lines(network: Network) -> list[str]:
    """Return the let-bound equations of a step, of the readout and of the loss, as Unicode text."""
    graph, style = graph_of(network), style_of(network)
    assignments = (*graph.cell, *graph.readout, *dict.fromkeys((graph.step_loss, graph.loss)))
    return [f"{plain(lay_out(a.target, style))} = {plain(lay_out(a.value, style))}" for a in assignments]
