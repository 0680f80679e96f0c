"""Weights side by side, laid out once a call as the products of a step read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnnsym.model.expressions import Expression, Parameter, Transposed, transpose
from rnnsym.numerics.compiled.components import ComponentPrinter
from rnnsym.numerics.compiled.operations import FanIn, FanOut
from rnnsym.numerics.compiled.setting import Setting


def fan_out_weights(setting: Setting, printer: ComponentPrinter, product: FanOut) -> tuple[str, list[str]]:
    """Return the matrix (m, K n) of K weights (m, n) side by side, and the lines that make it."""
    matrices = [matrix for _, matrix in product.members]
    if len(matrices) == 1 and isinstance(matrices[0], Parameter):
        return setting.names(matrices[0]), []
    inner, outer = (setting.size(length) for length in matrices[0].shape)
    array, flat = (setting.fresh(f"{word}_{setting.wish(product.vector)}") for word in ("apart", "weights"))
    return flat, [f"{flat} = np.empty(({inner}, {setting.times(len(matrices), outer)}))",
                  f"{array} = {setting.seen_as(flat, inner, str(len(matrices)), outer)}",
                  *_laid(setting, printer, array, matrices)]


def fan_in_weights(setting: Setting, printer: ComponentPrinter, product: FanIn,
                   order: Iterable[Any]) -> tuple[str, list[str]]:
    """Return the matrix (K m, n) of K weights (m, n) on top of each other, and the lines that make it."""
    matrices: list[Expression] = [product.members[member] for member in order]
    if len(matrices) == 1 and isinstance(matrices[0], Parameter):
        return setting.names(matrices[0]), []
    inner, outer = (setting.size(length) for length in matrices[0].shape)
    array, flat = setting.fresh("back_apart"), setting.fresh("back_weights")
    lines = [f"{flat} = np.empty(({setting.times(len(matrices), inner)}, {outer}))"]
    for number, matrix in enumerate(matrices):  # one member above the other, each a plain matrix of its own
        own = f"{flat}[{number} * ({inner}):{number + 1} * ({inner})]"
        lines += [f"{array}_{number} = {setting.seen_as(own, inner, '1', outer)}",
                  *_laid(setting, printer, f"{array}_{number}", [matrix])]
    return flat, lines


def _laid(setting: Setting, printer: ComponentPrinter, array: str, matrices: list[Expression]) -> list[str]:
    lines = []
    for number, matrix in enumerate(matrices):
        if isinstance(matrix, Parameter):
            lines.append(f"lay({array}, {number}, {setting.names(matrix)})")
        elif isinstance(matrix, Transposed) and isinstance(matrix.args[0], Parameter):
            lines.append(f"lay_turned({array}, {number}, {setting.names(transpose(matrix))})")
        else:
            (i, j), (inner, outer) = setting.indices(2), (setting.size(length) for length in matrix.shape)
            lines += [f"for {i} in range({inner}):", f"    for {j} in range({outer}):",
                      f"        {array}[{i}, {number}, {j}] = {printer.code(matrix, (i, j))}"]
    return lines
