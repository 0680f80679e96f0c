"""From the text of equations to expressions with shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Rational, S

from rnnsym.errors import EquationError
from rnnsym.model.applications import EXTREMA
from rnnsym.model.expressions import (
    ZERO,
    Comparison,
    Concatenation,
    Constant,
    Elementwise,
    Expression,
    Extremum,
    Hadamard,
    IdentityMatrix,
    Lookup,
    MatrixProduct,
    Negative,
    Numeral,
    Parameter,
    Power,
    Quotient,
    Reduction,
    Selection,
    Softmax,
    Variable,
    add,
    multiply,
    negate,
    t,
    transpose,
)
from rnnsym.model.grammar import read
from rnnsym.model.names import CELL, Context, Program, understand
from rnnsym.model.shapes import Shapes, infer_shapes
from rnnsym.model.sources import fail
from rnnsym.model.statements import Node
from rnnsym.model.vocabulary import reductions


@dataclass(frozen=True)
class Equation:
    """One line ``target = expression``: ``target`` at step t, a state k steps back as a variable at t − k."""

    target: Variable
    expression: Expression
    line: int


@dataclass(frozen=True)
class Equations:
    """A text understood: equations, what occurs in them in the order of first use, and the convention.

    ``initial`` holds the first value of each state, in the order of assignment, ``lags`` the most steps back from which
    it is used. ``convention`` is "row", "column" or None where no product tells. ``outer`` maps the sizes given from
    outside to the names that they have now.
    """

    equations: tuple[Equation, ...]
    initial: Mapping[str, Rational]
    lags: Mapping[str, int]
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    convention: str | None
    outer: Mapping[Any, Any]

    def variable(self, name: str) -> Variable:
        """Return the variable that an equation assigns."""
        return next(equation.target for equation in self.equations if equation.target.name == name)


def read_equations(text: str, context: Context = CELL) -> Equations:
    """Return the equations of ``text``; raise EquationError, or its kind ShapeError, with line and column.

    >>> equations = read_equations("h = tanh(x @ W + h_prev @ U)").equations
    >>> equations[0].expression.shape
    (n,)
    """
    program = understand(read(text, context.part), context)
    if context.is_readout:
        _check_output(program)
    shapes = infer_shapes(program)
    builder = _Builder(program, shapes)
    equations = tuple(Equation(builder.variable(line.target), builder.build(line.expression), line.place.line)
                      for line in program.lines)
    notes = program.annotations
    initial = {name: notes[name].initial if name in notes else None for name in program.states}
    return Equations(
        equations,
        {name: S.Zero if value is None else value for name, value in initial.items()},
        program.lags,
        tuple(Parameter(name, shapes.named[name]) for name in program.parameters),
        tuple(program.constants.values()),
        shapes.convention,
        shapes.outer,
    )


def _check_output(program: Program) -> None:
    """Refuse a readout whose last line does not assign yhat, or whose yhat rests on no state; a feed likewise."""
    last, result = program.lines[-1], program.context.result
    if last.target != result:
        fail(f"the last line must assign `{result}`, not `{last.target}`", last.place)
    needed = {result}
    for line in reversed(program.lines):
        if line.target in needed:
            needed |= _names(line.expression)
    states = program.context.given
    if not needed & states.keys():
        kind = "states of the cell " if result == "yhat" else ""
        fail(f"`{result}` uses none of the {kind}({', '.join(states)}): its loss would not depend on them", last.place)


def _names(node: Node) -> set[str]:
    """Return the names of variables in ``node``."""
    own = {node.name} if node.kind == "variable" else set()
    return own.union(*(_names(operand) for operand in node.operands))


class _Builder:
    """Builds expressions of one program in its final shapes."""

    def __init__(self, program: Program, shapes: Shapes) -> None:
        self.shapes = shapes
        self.constants = {**program.context.constants, **program.constants}

    def variable(self, name: str, step: Any = t) -> Variable:
        return Variable(name, self.shapes.named[name], step)

    def build(self, node: Node) -> Expression:
        """Return the expression of ``node``, in the order in which it is written."""
        match node.kind:
            case "number":
                return Numeral(node.value)
            case "constant":
                return self.constants[node.name]
            case "variable":
                return self.variable(node.name)
            case "previous":
                return self.variable(node.name, t - node.value)
            case "parameter":
                return Parameter(node.name, self.shapes.named[node.name])
            case "identity":
                return IdentityMatrix(self.shapes.identities[node.place])
        return self._compound(node, [self.build(operand) for operand in node.operands])

    def _compound(self, node: Node, operands: list[Expression]) -> Expression:
        match node.kind:
            case "sum":
                return add(*operands)
            case "negative":
                return Negative(operands[0]) if isinstance(operands[0], Selection) else negate(operands[0])
            case "product":
                # A literal 0 keeps its place: the product 0 * h is a vector, the numeral 0 is none. So does a `where`,
                # into which derivatives move factors.
                kept = any(operand == ZERO or isinstance(operand, Selection) for operand in operands)
                return Hadamard(*operands) if kept else multiply(*operands)
            case "quotient":
                return self._quotient(node, operands)
            case "power":
                return Power(operands[0], node.value)
            case "matmul":
                return MatrixProduct(*operands)
            case "transpose":
                return transpose(operands[0])
            case "lookup":
                return Lookup(operands[1], operands[0])
            case "comparison":
                return Comparison(node.name, *operands)
            case "call":
                return _call(node.name, operands)
        raise EquationError(f"there is no expression for a node of the kind {node.kind}")

    def _quotient(self, node: Node, operands: list[Expression]) -> Expression:
        divisor = operands[1]
        if isinstance(divisor, (Numeral, Constant)) and divisor.value == 0:
            fail(f"`{node.place.source}` divides by zero", node.place)
        return Quotient(*operands)


def _call(function: str, operands: list[Expression]) -> Expression:
    if function in reductions:
        return Reduction(function, operands[0])
    if function in EXTREMA:
        return Extremum(function, *operands)
    direct: Mapping[str, Callable[..., Expression]] = {
        "concat": Concatenation, "dot": MatrixProduct, "softmax": Softmax, "where": Selection,
    }
    return direct[function](*operands) if function in direct else Elementwise(function, operands[0])
