"""What is allowed in a network, and is more often a slip: a line that nothing uses, a loss beside another function.

One entry a remark. None of them changes what the network means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, built_in_entry
from rnnsym.model.expressions import Application, Elementwise, Variable, walk
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network

STEPS = ("_t", "_prev")


def remarks(network: Network) -> tuple[str, ...]:
    r"""Return one sentence for each thing in a network that is probably not meant; none where all is usual.

    >>> import rnnsym
    >>> cell = rnnsym.Cell.from_equations("mine", "h = tanh(x @ W + h_prev @ U)\nz = sigmoid(x @ V)")
    >>> remarks(rnnsym.Network(cell, "yhat = sigmoid(h @ W_y)"))
    ('`z` is assigned and used nowhere: parameters that stand in its line alone get no gradient',)
    """
    return tuple(sentence for remark in _remarks for sentence in remark(network))


def _cells(network: Network) -> Iterator[Cell]:
    for cell in (network.cell, network.decoder):
        if cell is not None:
            yield from dict.fromkeys(cell.layers or (cell,))


def _unused_lines(network: Network) -> Iterator[str]:
    lines = (*network.equations, *network.readout_equations)
    used = {node.name for line in lines for node in walk(line.expression) if isinstance(node, Variable)}
    for name in dict.fromkeys(line.target.name for line in lines):
        if name not in used and name != "yhat":
            yield f"`{name}` is assigned and used nowhere: parameters that stand in its line alone get no gradient"


def _other_function(network: Network) -> Iterator[str]:
    """The readout ends in the function that another loss is made for."""
    own = losses[network.loss].link
    last = network.readout_equations[-1].expression if network.readout_equations else None
    ends = last.function if isinstance(last, Application) else ""
    others = [loss.name for loss in losses.values() if loss.link == ends]
    if own is not None and ends != own and others:
        yield (f"the loss {network.loss} is made for a readout that ends in {own}, but this one ends in {ends}, as "
               f"{' and '.join(others)} has it")


def _other_cells_name(network: Network) -> Iterator[str]:
    for cell in _cells(network):
        if cell.name in entries and built_in_entry(cell) is None:
            yield f"the cell is called {cell.name}, as a built-in cell is, but its equations are others"


def _parameters_with_steps(network: Network) -> Iterator[str]:
    """A parameter called as a quantity of a step is on paper."""
    quantities = {"x", *(line.target.name for line in (*network.equations, *network.readout_equations))}
    for parameter in network.parameters:
        for ending in STEPS:
            stem = parameter.name.removesuffix(ending)
            if stem != parameter.name and stem in quantities:
                yield f"`{parameter.name}` is read as a parameter: the quantity of this step is written `{stem}`"


def _entry_by_entry(network: Network) -> Iterator[str]:
    """The input is as long as a state although no matrix with named sizes says so."""
    named = [one for cell in _cells(network) for parameter in cell.parameters if parameter.rank == 2
             for one in parameter.shape]
    lengths = {state.variable.shape for state in network.states if state.variable.rank}
    activated = any(isinstance(node, Elementwise) for line in network.equations for node in walk(line.expression))
    if activated and network.input.rank and network.input.shape in lengths and network.input.shape[0] not in named:
        yield (f"the input and the state have one length, {network.input.shape[0]}: they meet entry by entry; a matrix "
               "product is written `@`")


_remarks: tuple[Callable[[Network], Iterator[str]], ...] = (
    _unused_lines, _other_function, _other_cells_name, _parameters_with_steps, _entry_by_entry,
)
