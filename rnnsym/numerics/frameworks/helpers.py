"""What modules for JAX and PyTorch are made of beside their parts: functions as text, the same in both or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnsym.model.activations import activations
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.frameworks.printing import FrameworkPrinter
from rnnsym.numerics.frameworks.readouts import Readout
from rnnsym.numerics.frameworks.scans import Loop

if TYPE_CHECKING:
    from rnnsym.numerics.frameworks.modules import Module

LENGTH = '''
def length(sizes, axis):
    """Return the length of an axis: a number, a size, or a sum of sizes."""
    if isinstance(axis, tuple):
        return sum(length(sizes, part) for part in axis)
    return axis if isinstance(axis, int) else sizes[axis]
'''

FITTED = '''
def fitted(sizes, name, array, axes):
    """Return ``array`` if its axes fit: nothing is broadcast. The first array that bears a size settles it."""
    shape = tuple(array.shape)
    for axis, found in zip(axes, shape):
        if isinstance(axis, str):
            sizes.setdefault(axis, found)
    parts = [part for axis in axes for part in (axis if isinstance(axis, tuple) else (axis,))]
    known = all(isinstance(part, int) or part in sizes for part in parts)
    if len(shape) != len(axes) or (known and shape != tuple(length(sizes, axis) for axis in axes)):
        raise ValueError(f"{name}: expected the axes {axes}, but the shape is {shape}; the sizes are {sizes}")
    return array
'''

MERGED = '''
def merged(values, rank):
    """Lay the steps of all sequences in one long batch; the last ``rank`` axes stay."""
    return values.reshape(-1, *values.shape[values.ndim - rank:])
'''


@dataclass(frozen=True)
class Dialect:
    """What modules for a library are made of: texts, in which «WORDS» stand for what a network decides.

    ``helpers`` are functions that all modules have, the others those that some have. ``loop`` and ``readout`` make a
    part differentiable by its own way back. ``zeros`` is the code of an array of zeros.
    """

    title: str
    printer: type[FrameworkPrinter]
    imports: str
    helpers: tuple[str, ...]
    prepared: str
    held: str
    turned: str
    rows: str
    one_hot: str
    as_targets: str
    classes: str
    loop: str
    loop_without_inputs: str
    readout: str
    value_and_grad: str
    zeros: str

    def derived(self, part: Loop | Readout) -> str:
        """Return the text that makes a part differentiable."""
        words = {"NAME": part.name, "CLASS": "".join(word.capitalize() for word in part.name.split("_")),
                 "OWN": part.own, "TAPE": str(len(part.weights) + len(part.states))}
        if isinstance(part, Readout):
            return filled_in(self.readout, words)
        text = self.loop_without_inputs if part.reads is None else self.loop
        return filled_in(text, words | {"GIVEN": part.given})

    def texts(self, module: Module) -> Iterator[str]:
        """Yield the functions that ``module`` needs beside its own."""
        network, printer = module.network, module.printer
        yield from (printer.exchanged(activations[name].helper) for name in sorted(printer.helpers))
        yield from (LENGTH, FITTED, MERGED, *self.helpers, self._prepared(module))
        if network.reads_index:
            yield self.rows
        if any(loop.reads is not None for loop in module.loops):
            yield self.held
        if network.bidirectional:
            yield self.turned
        classes = losses[network.loss].distribution
        if classes or rows_as_vectors(network):
            yield self.one_hot
        yield filled_in(self.as_targets, {"CLASSES": self.classes if classes else ""})

    def _prepared(self, module: Module) -> str:
        if not module.network.reads_index:
            return self.prepared
        rows = 'fitted(sizes, "inputs", rows(inputs), INPUTS)'
        if rows_as_vectors(module.network):
            rows = f"one_hot({rows}, length(sizes, {module.axis(module.network.input.shape[0])}), dtype)"
        lines = self.prepared.replace("*arrays.values(), inputs)", "*arrays.values(),)").split("\n")
        return "\n".join(f"    return arrays, {rows}, sizes" if line.startswith("    return") else line
                         for line in lines)

    def public(self, module: Module) -> str:
        """Return the text of ``value_and_grad``, and of what else the module offers."""
        index = module.network.reads_index
        return filled_in(self.value_and_grad, {
            "OPTIONAL": module.optional,
            "NAMED": "or " if index else '"inputs" or ',
            "STATE": next((s.variable.name for s in module.network.states), "h"),
            "LIKE": module.like,
            "FOUND": "_" if index else "inputs",
            "KNOWN": "" if index else '"inputs": inputs, ',
            "READS": "inputs" if index else 'free["inputs"]',
            "LENGTHS": module.lengths,
            "EXTRA": module.extra,
        })


def filled_in(text: str, words: Mapping[str, str]) -> str:
    """Return a text with «WORD» replaced, all at once: what is put in is not looked at again."""
    return re.sub("«([A-Z]+)»", lambda found: words[found[1]], text).strip()


def rows_as_vectors(network: Network) -> bool:
    """Whether numbers of rows become vectors, as later steps read the output in their place."""
    return network.reads_index and network.shape_of_steps.feeds_back
