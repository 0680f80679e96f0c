"""Functions that modules for JAX and PyTorch have in common, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnsym.numerics.framework_modules import Module

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


def in_names(text: str, module: Module) -> str:
    """Fill in what differs from network to network."""
    index = module.network.reads_index
    state = next((s.variable.name for s in module.network.states), "h")
    lengths = ", ".join(f"{name}={name}" for name in module.lengths.split(", "))
    for word, code in {"OPTIONAL": module.optional, "INPUTS or": " or" if index else ', "inputs" or', "STATE_0":
                       f"{state}_0", "LIKE": module.like, "KNOWN": "" if index else '"inputs": inputs, ',
                       "FOUND": "_" if index else "inputs", "READS": "inputs" if index else 'free["inputs"]', "LENGTHS": lengths, "EXTRA": module.extra}.items():
        text = text.replace(word, code)
    return text.strip()
