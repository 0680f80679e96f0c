"""Expressions as statements that write into arrays at hand: ``np.multiply(f, c_prev, out=c)`` makes no new array."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    Elementwise,
    Expression,
    Hadamard,
    MatrixProduct,
    Named,
    Negative,
    Numeral,
    OrderedSum,
    Parameter,
    Transposed,
)
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.printing import ATOM, PRODUCT, BatchPrinter
from rnnsym.numerics.products import vector_and_matrix

CALL = re.compile(r"np\.(?!where)\w+\([^()]*\)")


@dataclass
class Statements:
    """Writes the statements of one loop. ``needs`` are the lines before it: spare arrays, and weights made ready."""

    names: Identifiers
    printer: BatchPrinter
    bulk: bool = False
    needs: dict[Any, str] = field(default_factory=dict)
    _named: dict[Any, str] = field(default_factory=dict)

    def code(self, expression: Expression) -> str:
        """Return the code of an expression."""
        return str(self.printer.doprint(expression))

    def operand(self, atom: Expression) -> str:
        """Return the code of a name or a number; a number that each step needs is an array, which is met sooner."""
        if not isinstance(atom, Numeral) or self.bulk:
            return self.code(atom)
        if atom not in self._named:
            self._named[atom] = self.names.fresh({1: "one", 2: "two"}.get(atom.value, "number"))
            self.needs[atom] = f"{self._named[atom]} = np.array({self.code(atom)})"
        return self._named[atom]

    def into(self, out: str, value: Expression, depth: int = 0) -> list[str]:
        """Return the statements that make the array ``out`` the value; ``depth`` counts the spare arrays in use."""
        match value:
            case OrderedSum() if self._even(value):
                return self._sum(out, value, depth)
            case Hadamard() if self._even(value):
                return self._chain(out, "multiply", list(value.args), depth)
            case Negative():
                inner = value.args[0]
                start = [] if _is_atom(inner) else self.into(out, inner, depth)
                return [*start, f"np.negative({self.operand(inner) if _is_atom(inner) else out}, out={out})"]
            case Elementwise():
                return self._function(out, value, depth)
            case MatrixProduct() if (pair := vector_and_matrix(value)) and _is_atom(pair[0]):
                vector, matrix = self.code(pair[0]), self.matrix(pair[1])
                return [f"np.matmul({vector}, {matrix}, out={out})" if self.bulk else
                        f"{vector}.dot({matrix}, out={out})"]
        return [f"{out}[...] = {self.code(value)}"]

    def plus(self, out: str, value: Expression, depth: int = 0) -> list[str]:
        """Return the statements that add the value to the array ``out``."""
        terms = value.args if isinstance(value, OrderedSum) and self._even(value) else (value,)
        return [line for term in terms for line in self._term(out, out, term, depth)]

    def matrix(self, matrix: Expression) -> str:
        """Return the name of weights that are laid out for a product before the loop."""
        if isinstance(matrix, Parameter):
            return self.names(matrix)
        if matrix not in self._named:
            inner = matrix.args[0] if isinstance(matrix, Transposed) else None
            wish = f"{self.names(inner)}_T" if isinstance(inner, Parameter) else "weights_of_a_step"
            self._named[matrix] = self.names.fresh(wish)
            code = self.code(matrix)
            self.needs[matrix] = f"{self._named[matrix]} = " + (
                f"{code}.copy()" if isinstance(inner, Parameter) else f"np.ascontiguousarray({code})")
        return self._named[matrix]

    def spare(self, shape: Any, depth: int) -> str:
        """Return the name of an array for what lies between, in one step: bulk statements make new arrays instead."""
        key = ("spare", shape, depth)
        if key not in self._named:
            self._named[key] = self.names.fresh("spare" if depth == 0 else f"spare_{depth}")
            self.needs[key] = f"{self._named[key]} = {self.empty(shape)}"
        return self._named[key]

    def empty(self, shape: Any, leading: str = "") -> str:
        """Return the code of a new array for a quantity of one step, or of several."""
        return f"np.empty(({leading}*rows{''.join(f', {self.printer.size(n)}' for n in shape) or ','}))"

    def _even(self, value: Expression) -> bool:
        """Whether all terms or factors have the whole's shape, or need no axis to meet it."""
        whole = all(one.shape == value.shape or (one.rank == 0 and not self.printer.batched(one)) for one in value.args)
        return whole and any(self.printer.batched(one) for one in value.args)

    def _sum(self, out: str, value: OrderedSum, depth: int) -> list[str]:
        positive = [term for term in value.args if not isinstance(term, Negative)]
        order = [*sorted(positive, key=_is_atom), *(term for term in value.args if isinstance(term, Negative))]
        first, second, *rest = order
        if not positive:
            return [f"{out}[...] = {self.code(value)}"]
        if not _is_atom(first):
            lines = self.into(out, first, depth) + self._term(out, out, second, depth)
        else:
            lines = self._term(out, self.operand(first), second, depth)
        return lines + [line for term in rest for line in self._term(out, out, term, depth)]

    def _term(self, out: str, left: str, term: Expression, depth: int) -> list[str]:
        """Write left ± term to out."""
        negative = isinstance(term, Negative)
        bare = term.args[0] if negative else term
        call = "subtract" if negative else "add"
        if _is_atom(bare):
            return [f"np.{call}({left}, {self.operand(bare)}, out={out})"]
        if not self.printer.batched(bare) or bare.rank == 0 or (self.bulk and left == out):
            return [f"np.{call}({left}, {self.printer.inner(bare, PRODUCT)}, out={out})"]
        place = out if left != out else self.spare(bare.shape, depth)
        return [*self.into(place, bare, depth + (place != out)), f"np.{call}({left}, {place}, out={out})"]

    def _chain(self, out: str, call: str, operands: list[Expression], depth: int) -> list[str]:
        order = sorted(operands, key=lambda one: _is_atom(one) or not self.printer.batched(one))
        lines, current = [], ""
        for operand in order:
            if _is_atom(operand):
                code = self.operand(operand)
            elif not self.printer.batched(operand) or (self.bulk and current):
                code = self.printer.inner(operand, ATOM)
            elif not current:
                lines += self.into(out, operand, depth)
                code = out
            else:
                code = self.spare(operand.shape, depth)
                lines += self.into(code, operand, depth + 1)
            if current:
                lines.append(f"np.{call}({current}, {code}, out={out})")
            current = out if current else code
        return lines

    def _function(self, out: str, value: Elementwise, depth: int) -> list[str]:
        argument = value.argument
        lines = [] if _is_atom(argument) else self.into(out, argument, depth)
        call = self.function(value.function, self.code(argument) if _is_atom(argument) else out, out)
        return [*lines, call] if call else [f"{out}[...] = {self.code(value)}"]

    def function(self, name: str, argument: str, out: str) -> str | None:
        """Return the statement that applies a function of the table in place, None where there is none such."""
        if name == "sigmoid":
            self.printer.functions.add("logistic")
            return f"logistic({argument}, out={out})"
        template = activations[name].numpy
        if not CALL.fullmatch(template) or template.count("{a}") != 1:
            return None
        return f"{template.format(a=argument)[:-1]}, out={out})"


def _is_atom(value: Expression) -> bool:
    return isinstance(value, Named | Numeral | Adjoint)


