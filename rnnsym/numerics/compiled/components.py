"""Expressions as code of one entry: a vector at the index i, a matrix at (i, j), in terms of its operands' entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.numerics.compiled.functions import template_of

SUM, NEGATIVE, PRODUCT, POWER, ATOM = range(5)
Index = tuple[str, ...]
Code = tuple[str, int]  # with how tightly it binds


class ComponentPrinter:
    """Prints entries. ``entry(name, index)`` is the code of an entry of what has a name, ``size`` that of a size."""

    def __init__(self, entry: Callable[[Any, Index], str], size: Callable[[Any], str]) -> None:
        self.entry, self.size = entry, size
        self.functions: set[str] = set()

    def code(self, node: ex.Expression, index: Index) -> str:
        """Return the code of the entry of ``node`` at ``index``."""
        return self._print(node, index)[0]

    def _print(self, node: ex.Expression, index: Index) -> Code:
        if isinstance(node, ex.Named | Adjoint | ex.Constant):
            return self.entry(node, index), ATOM
        rule = _rules.get(type(node))
        if rule is None:
            raise DerivationError(f"the numba backend has no code for {type(node).__name__}: use backend=\"numpy\"")
        return rule(self, node, index)

    def inner(self, node: ex.Expression, index: Index, level: int) -> str:
        """Print an operand, in parentheses where it binds less tightly than ``level``; a scalar has no index."""
        code, own = self._print(node, index if node.rank else ())
        return f"({code})" if own < level or (code.startswith("-") and level > SUM) else code


def _numeral(printer: ComponentPrinter, node: ex.Numeral, index: Index) -> Code:
    return repr(float(node.value)), ATOM


def _size(printer: ComponentPrinter, node: ex.Size, index: Index) -> Code:
    factors = [(base, int(times)) for base, times in (f.as_base_exp() for f in node.count.as_ordered_factors())]
    sizes = [f"({printer.size(base)})" for base, times in factors for _ in range(times)]
    return " * ".join(sizes), PRODUCT


def _sum(printer: ComponentPrinter, node: ex.OrderedSum, index: Index) -> Code:
    code = printer.inner(node.args[0], index, SUM)
    for term in node.args[1:]:
        negative = isinstance(term, ex.Negative) or (isinstance(term, ex.Numeral) and term.value < 0)
        operand = printer.inner(ex.negate(term) if negative else term, index, PRODUCT)
        code += f" {'-' if negative else '+'} {operand}"
    return code, SUM


def _hadamard(printer: ComponentPrinter, node: ex.Hadamard, index: Index) -> Code:
    first, *rest = node.args
    parts = [printer.inner(first, index, PRODUCT), *(printer.inner(factor, index, POWER) for factor in rest)]
    return " * ".join(parts), PRODUCT


def _quotient(printer: ComponentPrinter, node: ex.Quotient, index: Index) -> Code:
    above, below = node.args
    return f"{printer.inner(above, index, PRODUCT)} / {printer.inner(below, index, POWER)}", PRODUCT


def _power(printer: ComponentPrinter, node: ex.Power, index: Index) -> Code:
    if node.exponent == 2 and isinstance(node.base, ex.Named | Adjoint):
        factor = printer.inner(node.base, index, POWER)
        return f"{factor} * {factor}", PRODUCT
    exponent = int(node.exponent) if node.exponent.q == 1 and node.exponent >= 0 else float(node.exponent)
    return f"{printer.inner(node.base, index, ATOM)}**({exponent})", POWER


def _function(printer: ComponentPrinter, node: ex.Elementwise, index: Index) -> Code:
    printer.functions.add(node.function)
    template = template_of(node.function)
    once = template.count("{0}") == 1
    return template.format(printer.inner(node.argument, index, SUM if once else ATOM)), ATOM


def _condition(printer: ComponentPrinter, node: ex.Expression, index: Index) -> str:
    if not isinstance(node, ex.Comparison):
        return f"{printer.inner(node, index, PRODUCT)} == 1.0"
    left, right = (printer.inner(operand, index, SUM) for operand in node.operands)
    return f"{left} {node.name} {right}"


def _comparison(printer: ComponentPrinter, node: ex.Comparison, index: Index) -> Code:
    return f"(1.0 if {_condition(printer, node, index)} else 0.0)", ATOM


def _selection(printer: ComponentPrinter, node: ex.Selection, index: Index) -> Code:
    condition, *branches = node.args
    chosen, other = (printer.inner(branch, index, SUM) for branch in branches)
    return f"({chosen} if {_condition(printer, condition, index if condition.rank else ())} else {other})", ATOM


def _extremum(printer: ComponentPrinter, node: ex.Extremum, index: Index) -> Code:
    printer.functions.add("extrema")
    name = "larger" if node.name == "maximum" else "smaller"
    return f"{name}({', '.join(printer.inner(operand, index, SUM) for operand in node.operands)})", ATOM


def _outer(printer: ComponentPrinter, node: ex.Outer, index: Index) -> Code:
    sides = zip(node.args, index, strict=True)
    return " * ".join(printer.inner(side, (place,), POWER) for side, place in sides), PRODUCT


def _identity(printer: ComponentPrinter, node: ex.IdentityMatrix, index: Index) -> Code:
    return f"(1.0 if {index[0]} == {index[1]} else 0.0)", ATOM


def _diagonal(printer: ComponentPrinter, node: ex.Diagonal, index: Index) -> Code:
    entry = printer.inner(node.args[0], index[:1], SUM)
    return f"({entry} if {index[0]} == {index[1]} else 0.0)", ATOM


def _part(printer: ComponentPrinter, node: ex.Part, index: Index) -> Code:
    first = index[0] if node.start == 0 else f"{printer.size(node.start)} + {index[0]}"
    return printer._print(node.operand, (first, *index[1:]))


def _lookup(printer: ComponentPrinter, node: ex.Lookup, index: Index) -> Code:
    return printer._print(node.matrix, (printer.entry(node.vector, ()), *index))


def _transposed(printer: ComponentPrinter, node: ex.Transposed, index: Index) -> Code:
    return printer._print(node.args[0], index[::-1])


def _ones(printer: ComponentPrinter, node: ex.Ones, index: Index) -> Code:
    return "1.0", ATOM


def _negative(printer: ComponentPrinter, node: ex.Negative, index: Index) -> Code:
    return "-" + printer.inner(node.args[0], index, PRODUCT), NEGATIVE


_rules: Mapping[type, Callable[[ComponentPrinter, Any, Index], Code]] = {
    ex.Numeral: _numeral, ex.Size: _size, ex.Ones: _ones, ex.IdentityMatrix: _identity, ex.OrderedSum: _sum,
    ex.Negative: _negative, ex.Hadamard: _hadamard, ex.Quotient: _quotient, ex.Power: _power,
    ex.Elementwise: _function, ex.Comparison: _comparison, ex.Selection: _selection, ex.Extremum: _extremum,
    ex.Outer: _outer, ex.Diagonal: _diagonal, ex.Part: _part, ex.Lookup: _lookup, ex.Transposed: _transposed,
}
SHIFTED = (ex.Outer, ex.Diagonal, ex.Part, ex.Transposed)
"""Nodes whose entry is made of operands' entries at other indices."""
