"""Loops that every compiled module brings along: products, sums over rows, arrays turned about."""

from __future__ import annotations

HEAD = '''
import math

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

OPTIONS = {"error_model": "numpy", "nogil": True}
INLINE = {"error_model": "numpy", "nogil": True, "forceinline": True, "fastmath": {"contract"}}
PRODUCT = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
MANY = 20_000  # multiplications from which BLAS is worth a call
FEW_ROWS = 4
BLOCK = 48_000  # numbers of a block of steps, so that it stays in the cache
LEAST_ROWS = 512  # of a product of a block, so that adding it to a sum of gradients costs little


def array(axes, of=types.float64):
    """Return the type of a contiguous array."""
    return types.Array(of, axes, "C")
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
        out += np.dot(left.T, right)
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
def begin(whole, given, count, value):
    """Set the first ``count`` numbers to those that are given, or where none is to ``value``."""
    for i in range(count):
        whole[i] = given[i] if given.size > 0 else value


@njit(**OPTIONS)
def add_to(out, values):
    """Add to a gradient, unless it is not wanted and has no numbers."""
    if out.size > 0:
        for i in range(out.size):
            out[i] += values[i]


@njit(**OPTIONS)
def divide(values, by):
    """Divide all numbers in place."""
    if by != 1:
        for i in range(values.size):
            values[i] /= by
'''

BY_STEPS = '''
@njit(**OPTIONS)
def by_steps(values):
    """Return (batch, steps, …) as (steps, batch, …)."""
    batch, steps = values.shape[:2]
    flat = values.reshape(batch, steps, values.size // (batch * steps))
    if batch == 1:
        return flat.reshape(steps, batch, flat.shape[2])
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


def called(kernel, *arguments):
    """Call a compiled function; arrays that may not be written to, or lie at odd addresses, are handed on as copies."""
    try:
        return kernel(*arguments)
    except TypeError:  # no signature fits
        return kernel(*(one if not isinstance(one, np.ndarray) or one.flags.carray else np.array(one)
                        for one in arguments))


def started(initial_state, name, batch, rank):
    """Return what a state starts from, (batch, …), or an empty array where nothing is given."""
    if initial_state is None or name not in initial_state:
        return np.empty((0,) * (1 + rank))
    given = np.asarray(initial_state[name], dtype=float)
    return np.array(np.broadcast_to(given, (batch, *given.shape[given.ndim - rank:])))
'''
