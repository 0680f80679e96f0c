"""What stands at the head of a generated module: its docstring, its constants, and the helpers that it needs."""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.networks import Network
from rnnsym.numerics.functions import helpers
from rnnsym.numerics.lines import broken, filled
from rnnsym.numerics.setting import Setting, tuple_of
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain

SUM_WEIGHTS = '''
def weights(batch, steps, active):
    """Return how much each output counts in the loss of its sequence, (batch, steps)."""
    return np.ones((batch, steps)) if active is None else active.astype(float)
'''
MEAN_WEIGHTS = '''
def weights(batch, steps, active):
    """Return how much each output counts in the mean over its sequence, (batch, steps)."""
    weight = np.ones((batch, steps)) if active is None else active.astype(float)
    return weight / weight.sum(axis=1, keepdims=True)
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
def merged(values, rows):
    """Lay the steps of all sequences in one long batch."""
    return values.reshape(-1, *values.shape[1 + len(rows):])
'''
JOINED = '''
def joined(parts, steps, rows, size, apart=False):
    """Return an array of quantities that share a product, (steps, parts, *rows, size), and each of them alone.

    ``apart`` lays each of them out for itself, so that its steps and sequences can be merged.
    """
    if apart and rows:
        whole = np.empty((parts, steps, *rows, size)).swapaxes(0, 1)
    else:
        whole = np.empty((steps, parts, *rows, size))
    return whole, [whole[:, part] for part in range(parts)]


def side_by_side(weights, rows, axis=1):
    """Join weights for one product: of one sequence with a wide matrix, of a batch with each."""
    return np.ascontiguousarray(np.stack(weights) if rows else np.concatenate(weights, axis=axis))
'''


def helper_functions(network: Network, *, joined: bool) -> list[Iterator[str]]:
    """Return the lines of what outputs at every step, readings from both ends and joined products need beside."""
    weights = MEAN_WEIGHTS if network.over_steps == "mean" else SUM_WEIGHTS
    found = [weights] * network.shape_of_steps.every + [TURNED] * network.bidirectional
    found += [MERGED] + [part for part in JOINED.split("\n\n\n") if joined]
    return [iter(text.strip().split("\n")) for text in found]


def head(setting: Setting) -> Iterator[str]:
    """Yield the lines before the module's own functions, when these have said what they use."""
    network, names = setting.graph.network, setting.names
    yield f'"""Loss and gradient of the network {network.cell.name} ({network.topology}, {network.loss}).'
    yield ""
    yield from (line for equation in _equation_lines(setting.graph) for line in filled(f"    {equation}"))
    yield ""
    yield "A batch is the first axis of everything but the parameters. Made by rnnsym from the equations above."
    yield '"""'
    yield ""
    yield "import numpy as np"
    yield ""
    yield "BLOCK = 24_000  # numbers of one quantity in a block of steps, so that a block's arrays stay in the cache"
    yield from broken([f"PARAMETERS = {tuple_of(f'{chr(34)}{p.name}{chr(34)}' for p in network.parameters)}"])
    yield from (f"{names(c)} = {float(c.value)!r}" for c in network.constants)
    yield from (f"\n{helpers[name].rstrip()}" for name in sorted(setting.printer.functions) if name in helpers)


def _equation_lines(graph: StepGraph) -> list[str]:
    style = style_of(graph.network)
    assignments = (*graph.cell, *graph.readout, *dict.fromkeys((graph.step_loss, graph.loss)))
    return [f"{plain(lay_out(a.target, style))} = {plain(lay_out(a.value, style))}" for a in assignments]
