"""Weights side by side, laid out once a call as the products of a step read them."""

from __future__ import annotations

from typing import Any

from rnnsym.model.expressions import Expression, Parameter
from rnnsym.numerics.compiled.components import ComponentPrinter
from rnnsym.numerics.compiled.operations import FanIn, FanOut
from rnnsym.numerics.compiled.setting import Setting


def fan_out_weights(setting: Setting, printer: ComponentPrinter, product: FanOut) -> tuple[str, list[str]]:
    """Return the matrix (m, K n) of K weights (m, n) side by side, and the lines that make it."""
    matrices = [matrix for _, matrix in product.members]
    if len(matrices) == 1 and isinstance(matrices[0], Parameter):
        return setting.names(matrices[0]), []
    inner, outer = (setting.size(length) for length in matrices[0].shape)
    array, flat = (setting.names.fresh(f"{word}_{setting.wish(product.vector)}") for word in ("apart", "weights"))
    i, j = setting.indices(2)
    lines = [f"{array} = np.empty(({inner}, {len(matrices)}, {outer}))",
             f"{flat} = {array}.reshape({inner}, {len(matrices)} * ({outer}))"]
    for number, matrix in enumerate(matrices):
        lines += _loops(i, inner, j, outer, f"{array}[{i}, {number}, {j}] = {printer.code(matrix, (i, j))}")
    return flat, lines


def fan_in_weights(setting: Setting, printer: ComponentPrinter, product: FanIn,
                   order: tuple[Any, ...]) -> tuple[str, list[str]]:
    """Return the matrix (K m, n) of K weights (m, n) on top of each other, and the lines that make it."""
    matrices: list[Expression] = [product.members[member] for member in order]
    inner, outer = (setting.size(length) for length in matrices[0].shape)
    array, flat = (setting.names.fresh(word) for word in ("back_apart", "back_weights"))
    i, j = setting.indices(2)
    lines = [f"{array} = np.empty(({len(matrices)}, {inner}, {outer}))",
             f"{flat} = {array}.reshape({len(matrices)} * ({inner}), {outer})"]
    for number, matrix in enumerate(matrices):
        lines += _loops(i, inner, j, outer, f"{array}[{number}, {i}, {j}] = {printer.code(matrix, (i, j))}")
    return flat, lines


def _loops(i: str, inner: str, j: str, outer: str, line: str) -> list[str]:
    return [f"for {i} in range({inner}):", f"    for {j} in range({outer}):", f"        {line}"]
