"""Expressions as statements that write into arrays at hand: ``multiply(f_t, c_prev_t, c_t)`` makes no new array.

A loop calls NumPy's functions by names of its own and hands the place of the result on as the last argument: at one
sequence a step's call takes a fifth of a microsecond, and looking a name up in a module or a keyword a tenth of that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.activations import activations
from rnnsym.model.expressions import (
    ONE,
    Elementwise,
    Expression,
    Hadamard,
    MatrixProduct,
    Named,
    Negative,
    Numeral,
    OrderedSum,
    Parameter,
    Power,
    Transposed,
)
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.printing import ATOM, PRODUCT, BatchPrinter
from rnnsym.numerics.products import vector_and_matrix

CALL = re.compile(r"np\.(?!where)(?P<name>\w+)\((?P<operands>[^()]*)\)")
NAMED_OUT = ("maximum", "minimum")  # whose third argument NumPy takes for a third operand some day


@dataclass
class Statements:
    """Writes the statements of one loop, or with ``bulk`` those of many steps at once.

    ``needs`` are the lines before the loop: spare arrays, and weights made ready. ``one`` sequence has no batch axis.
    """

    names: Identifiers
    printer: BatchPrinter
    bulk: bool = False
    one: bool = False
    needs: dict[Any, str] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)
    _named: dict[Any, str] = field(default_factory=dict)

    def before_the_loop(self) -> list[str]:
        """Return the lines that a loop of these statements needs before it."""
        called = list(self.functions)
        bound = [f"{', '.join(called)} = {', '.join(f'np.{name}' for name in called)}"] if called else []
        return [*bound, *self.needs.values()]

    def call(self, function: str, *operands: str, out: str) -> str:
        """Return the statement that writes a function of NumPy's to ``out``."""
        if self.bulk:
            return f"np.{function}({', '.join(operands)}, out={out})"
        self.functions[function] = None
        place = f"out={out}" if function in NAMED_OUT else out
        return f"{function}({', '.join((*operands, place))})"

    def code(self, expression: Expression) -> str:
        """Return the code of an expression."""
        return str(self.printer.doprint(expression))

    def operand(self, atom: Expression) -> str:
        """Return the code of a name or a number; a number that each step needs is an array, which is met sooner."""
        if not isinstance(atom, Numeral) or self.bulk:
            return self.code(atom)
        if atom not in self._named:
            self._named[atom] = self.names.local({1: "one", 2: "two"}.get(atom.value, "number"), atom)
            self.needs[atom] = f"{self._named[atom]} = np.array({self.code(atom)})  # met sooner than a number"
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
                return [*start, self.call("negative", self.operand(inner) if _is_atom(inner) else out, out=out)]
            case Elementwise():
                return self._function(out, value, depth)
            case Power() if value.exponent == 2 and _is_atom(value.base):
                return [self.call("square", self.code(value.base), out=out)]
            case MatrixProduct() if (pair := vector_and_matrix(value)) and _is_atom(pair[0]):
                vector, matrix = self.code(pair[0]), self.matrix(pair[1])
                if self.bulk and not self.one:  # steps and sequences as the rows of one product
                    return [f"np.matmul(merged({vector}), {matrix}, out=merged({out}))"]
                return [f"np.matmul({vector}, {matrix}, out={out})" if self.bulk else
                        f"{vector}.dot({matrix}, {out})"]
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
            self._named[matrix] = self.names.local(wish, matrix)
            code = self.code(matrix)
            self.needs[matrix] = f"{self._named[matrix]} = " + (
                f"{code}.copy()" if isinstance(inner, Parameter) else f"np.ascontiguousarray({code})")
        return self._named[matrix]

    def spare(self, shape: Any, depth: int) -> str:
        """Return the name of an array for what lies between, in one step: bulk statements make new arrays instead."""
        key = ("spare", shape, depth)
        if self.bulk:
            return self.names.local("between" if depth == 0 else f"between_{depth}", depth)
        if key not in self._named:
            self._named[key] = self.names.local("spare" if depth == 0 else f"spare_{depth}", key)
            self.needs[key] = f"{self._named[key]} = {self.empty(shape)}"
        return self._named[key]

    def _fresh(self, place: str, out: str) -> list[str]:
        """The line that makes a spare array for many steps, as many as those of ``out``."""
        return [f"{place} = np.empty_like({out})"] if self.bulk and place != out else []

    def empty(self, shape: Any, leading: str = "") -> str:
        """Return the code of a new array for a quantity of one step, or of several."""
        return f"np.empty({self.shape(shape, leading)})"

    def shape(self, shape: Any, leading: str = "") -> str:
        """Return the code of an array's shape, that of one number if it has no axes."""
        axes = [*([leading] if leading else []), *([] if self.one else ["batch"]), *map(self.printer.size, shape)]
        return axes[0] if len(axes) == 1 else f"({', '.join(axes)})"

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
            return [self.call(call, left, self.operand(bare), out=out)]
        if not self.printer.batched(bare) or bare.rank == 0 or (self.bulk and left == out):
            return [self.call(call, left, self.printer.inner(bare, PRODUCT), out=out)]
        place = out if left != out else self.spare(bare.shape, depth)
        return [*self._fresh(place, out), *self.into(place, bare, depth + (place != out)),
                self.call(call, left, place, out=out)]

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
                lines += [*self._fresh(code, out), *self.into(code, operand, depth + 1)]
            if current:
                lines.append(self.call(call, current, code, out=out))
            current = out if current else code
        return lines

    def _function(self, out: str, value: Elementwise, depth: int) -> list[str]:
        argument = value.argument
        lines = [] if _is_atom(argument) else self.into(out, argument, depth)
        calls = self.function(value.function, self.code(argument) if _is_atom(argument) else out, out)
        return [*lines, *calls] if calls else [f"{out}[...] = {self.code(value)}"]

    def function(self, name: str, argument: str, out: str, *, turned: bool = False) -> list[str]:
        """Return the statements that apply a function of the table in place, none where there are none such.

        σ is 1 / (1 + exp(−a)), which is 0 where exp(−a) overflows; ``turned`` says that −a is at hand.
        """
        if name == "sigmoid":
            start = [] if turned else [self.call("negative", argument, out=out)]
            one = self.operand(ONE)
            return [*start, self.call("exp", out, out=out), self.call("add", out, one, out=out),
                    self.call("reciprocal", out, out=out)]
        found = CALL.fullmatch(activations[name].numpy)
        if found is None or found["operands"].count("{a}") != 1:
            return []
        return [self.call(found["name"], *found["operands"].format(a=argument).split(", "), out=out)]


def _is_atom(value: Expression) -> bool:
    return isinstance(value, Named | Numeral | Adjoint)


