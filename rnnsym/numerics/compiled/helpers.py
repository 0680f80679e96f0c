"""Loops that every compiled module brings along: products, sums over rows, arrays turned about."""

from __future__ import annotations

HEAD = '''
import math
import threading

import numpy as np
from numba import njit, types
from numba.core.cgutils import unpack_tuple
from numba.core.errors import NumbaError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

OPTIONS = {"error_model": "numpy", "nogil": True}
INSIDE = {**OPTIONS, "inline": "always"}  # compiled as a part of what calls it
INLINE = {"error_model": "numpy", "nogil": True, "forceinline": True, "fastmath": {"contract"}}
SUM = {**OPTIONS, "fastmath": {"reassoc"}}
PRODUCT = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
MANY = 20_000  # multiplications from which BLAS is worth a call
FEW_ROWS = 4
BLOCK = 48_000  # numbers of a block of steps, so that it stays in the cache
LEAST_ROWS = 512  # of a product of a block, so that adding it to a sum of gradients costs little


def array(axes, of=types.float64):
    """Return the type of a contiguous array."""
    return types.Array(of, axes, "C")


@intrinsic
def seen_as(typing, values, shape):
    """Return the numbers of a contiguous array as an array of another shape with as many."""
    result = types.Array(values.dtype, len(shape), "C")

    def code(context, builder, signature, arguments):
        source = make_array(signature.args[0])(context, builder, arguments[0])
        found = make_array(result)(context, builder)
        lengths = [context.cast(builder, one, kind, types.intp) for one, kind in zip(
            unpack_tuple(builder, arguments[1]), signature.args[1])]
        strides = [source.itemsize]
        for length in reversed(lengths[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        populate_array(found, data=source.data, shape=lengths, strides=strides, itemsize=source.itemsize,
                       meminfo=source.meminfo, parent=source.parent)
        return impl_ret_borrowed(context, builder, result, found._getvalue())

    return result(values, shape), code


class Entry:
    """A function that is compiled for one signature, when it is first called, or found compiled in the cache."""

    def __init__(self, signature, function):
        self.signature, self.function, self.compiled, self.lock = signature, function, None, threading.Lock()

    def __call__(self, *arguments):
        compiled = self.compiled or self.ready()
        try:
            return compiled(*arguments)
        except TypeError:  # no array may be read-only, nor lie at an odd address: such are handed on as copies
            return compiled(*(np.array(one, order="C") if isinstance(one, np.ndarray) and not one.flags.carray else one
                              for one in arguments))

    def ready(self):
        """Compile the function, once; a damaged file of the cache gives way to a new one."""
        with self.lock:
            if self.compiled is None:
                try:
                    self.compiled = self.made()
                except OSError:  # the cache can be neither read nor written
                    self.compiled = self.made(cache=False)
                except Exception:  # what unpickling a damaged file raises may be anything
                    self.compiled = self.made_anew()
            return self.compiled

    def made(self, cache=True):
        """Return the compiled function, with the cache or without."""
        return njit(self.signature, cache=cache, error_model="numpy", nogil=True)(self.function)

    def made_anew(self):
        """Empty what the cache has of the function, and compile it."""
        try:
            njit(cache=True)(self.function).recompile()  # of no signature yet: it empties the index
            return self.made()
        except (OSError, RuntimeError):  # RuntimeError: no folder for a cache
            return self.made(cache=False)


def entry(signature):
    """Compile a function for one signature."""
    return lambda function: Entry(signature, function)
'''

LOOPS = '''
@njit(**PRODUCT)
def multiply(left, right, out):
    """Write left @ right to ``out``: by loops where there are few rows, else by BLAS."""
    rows, inner = left.shape
    columns = right.shape[1]
    if rows > FEW_ROWS and rows * inner * columns > MANY:
        np.dot(left, right, out)
        return
    for i in range(rows):
        for j in range(columns):
            out[i, j] = 0.0
        whole = inner - inner % 4
        for k in range(0, whole, 4):
            a, b, c, d = left[i, k], left[i, k + 1], left[i, k + 2], left[i, k + 3]
            for j in range(columns):
                out[i, j] += a * right[k, j] + b * right[k + 1, j] + c * right[k + 2, j] + d * right[k + 3, j]
        for k in range(whole, inner):
            a = left[i, k]
            for j in range(columns):
                out[i, j] += a * right[k, j]


@njit(**PRODUCT)
def accumulate(left, right, out):
    """Add left.T @ right, a sum over rows, to ``out``."""
    rows, height = left.shape
    columns = right.shape[1]
    if rows > FEW_ROWS and rows * height * columns > MANY:
        part = np.dot(left.T, right)
        for k in range(height):
            for j in range(columns):
                out[k, j] += part[k, j]
        return
    whole = rows - rows % 4
    for i in range(0, whole, 4):
        for k in range(height):
            a, b, c, d = left[i, k], left[i + 1, k], left[i + 2, k], left[i + 3, k]
            for j in range(columns):
                out[k, j] += a * right[i, j] + b * right[i + 1, j] + c * right[i + 2, j] + d * right[i + 3, j]
    for i in range(whole, rows):
        for k in range(height):
            a = left[i, k]
            for j in range(columns):
                out[k, j] += a * right[i, j]


@njit(**PRODUCT)
def total_over_rows(values, out):
    """Add the sum of all rows to ``out``."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[j] += values[i, j]


@njit(**OPTIONS)
def block_of(steps, batch, width):
    """Return how many steps a block has, of ``width`` numbers for each sequence."""
    return min(steps, max(1, BLOCK // (batch * width), LEAST_ROWS // batch))


@njit(**OPTIONS)
def begin(whole, given, value):
    """Set all numbers to those that are given, or where none is to ``value``."""
    for i in range(whole.size):
        whole[i] = given[i] if given.size > 0 else value


@njit(**OPTIONS)
def clear(values):
    """Set all numbers to zero."""
    flat = seen_as(values, (values.size,))
    for i in range(flat.size):
        flat[i] = 0.0


@njit(**SUM)
def sum_of(values):
    """Return the sum of all numbers, in any order: it is finite only where all of them are."""
    flat = seen_as(values, (values.size,))
    total = 0.0
    for i in range(flat.size):
        total += flat[i]
    return total


@njit(**OPTIONS)
def lay(side_by_side, member, weights):
    """Put weights beside others."""
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            side_by_side[i, member, j] = weights[i, j]


@njit(**OPTIONS)
def lay_turned(side_by_side, member, weights):
    """Put transposed weights beside others."""
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            side_by_side[j, member, i] = weights[i, j]


@njit(**OPTIONS)
def hand_on(sums, member, gradient, by):
    """Add one of several sums, divided, to a gradient."""
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] += sums[i, member, j] / by


@njit(**OPTIONS)
def hand_on_turned(sums, member, gradient, by):
    """Add one of several sums, transposed and divided, to a gradient."""
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] += sums[j, member, i] / by


@njit(**OPTIONS)
def add_to(out, values, by):
    """Add numbers, divided, to a gradient, unless it is not wanted and has none."""
    if out.size > 0:
        for i in range(out.size):
            out[i] += values[i] / by
'''

WITHIN = '''
@njit(**OPTIONS)
def within(values, lower, upper):
    """Return whether all numbers are in a range."""
    flat = seen_as(values, (values.size,))
    outside = 0
    for i in range(flat.size):
        outside += not (flat[i] >= lower and flat[i] <= upper)
    return outside == 0
'''

BY_STEPS = '''
@njit(**OPTIONS)
def by_steps(values):
    """Return (batch, steps, …) as (steps, batch, …)."""
    batch, steps = values.shape[:2]
    flat = seen_as(values, (batch, steps, values.size // (batch * steps)))
    if batch == 1:
        return seen_as(flat, (steps, batch, flat.shape[2]))
    out = np.empty((steps, batch, flat.shape[2]), flat.dtype)
    for at in range(steps):
        for row in range(batch):
            for i in range(flat.shape[2]):
                out[at, row, i] = flat[row, at, i]
    return out
'''

TURNED_STEPS = '''
@njit(**OPTIONS)
def turned_steps(values, lengths):
    """Return (steps, batch, n) with the steps of each sequence in reverse order; those past its end stay."""
    steps, batch = values.shape[:2]
    out = np.empty(values.shape, values.dtype)
    for at in range(steps):
        for row in range(batch):
            length = lengths[row] if lengths.size > 0 else steps
            source = length - 1 - at if at < length else at
            for i in range(values.shape[2]):
                out[at, row, i] = values[source, row, i]
    return out
'''

SHIFTED_STEPS = '''
@njit(**OPTIONS)
def shifted_steps(values):
    """Return (steps, batch, n) of what stood one step before, zero at the first."""
    out = np.zeros(values.shape)
    out[1:] = values[:-1]
    return out
'''

OUTPUT_WEIGHTS = '''
@njit(**OPTIONS)
def output_weights(steps, batch, lengths):
    """Return how much each output counts in the loss of its sequence, (steps, batch)."""
    out = np.zeros((steps, batch))
    for row in range(batch):
        length = lengths[row] if lengths.size > 0 else steps
        for at in range(length):
            out[at, row] = {weight}
    return out
'''

CALLED = '''
NO_LENGTHS = np.empty(0, dtype=np.int64)
NOTHING_1, NOTHING_2, NOTHING_3 = np.empty(0), np.empty((0, 0)), np.empty((0, 0, 0))


def started(initial_state, name, batch, rank):
    """Return what a state starts from, (batch, …), or an empty array where nothing is given."""
    if initial_state is None or name not in initial_state:
        return np.empty((0,) * (1 + rank))
    given = np.asarray(initial_state[name], dtype=float)
    return np.array(np.broadcast_to(given, (batch, *given.shape[given.ndim - rank:])), order="C")
'''
