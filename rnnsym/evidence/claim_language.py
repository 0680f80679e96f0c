"""The language of claims: Python's syntax tree goes in, terms with shapes come out, all else is refused.

A user's text is data: it is parsed with ``ast``, every kind of node is on a list or refused, nothing is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NoReturn

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import EquationError, ShapeError
from rnnsym.evidence.claim_functions import difference, function_maker, selection_maker, transposed
from rnnsym.evidence.claim_names import Names
from rnnsym.evidence.claim_steps import StepReader
from rnnsym.evidence.claim_terms import (
    Claim,
    Contraction,
    Count,
    Derivative,
    Formula,
    Norm,
    Span,
    Step,
    StepProduct,
    StepSum,
    Term,
    Value,
    part,
)
from rnnsym.model.expressions import (
    Expression,
    Hadamard,
    IdentityMatrix,
    Negative,
    Numeral,
    Ones,
    OrderedSum,
    Parameter,
    Power,
    Quotient,
    Shape,
)
from rnnsym.model.grammar import COMPARISONS
from rnnsym.model.sources import SourceText, fail
from rnnsym.model.vocabulary import arities, largest_arities, unknown_function

MAX_CHARACTERS = 4_000  # the longest published equations stay below 400
MAX_RANK = 3  # of a value: the immediate derivative of a vector by a matrix
RELATIONS: dict[type[ast.cmpop], str] = {ast.Eq: "==", ast.LtE: "<="}


class _NoSizeError(Exception):
    """Tells that the size of I must come from what stands beside it."""


def read_claim(text: str, graph: StepGraph) -> Claim:
    """Return the claim that ``text`` states of a network; EquationError, or its kind ShapeError, for what is wrong."""
    if not isinstance(text, str):
        raise EquationError(f"a claim must be a text, not {type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        raise EquationError(f"the claim has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    reader = _Reader(SourceText.of(" ".join(text.split()), "claim"), Names.of(graph))
    return reader.claim()


class _Reader:
    """Turns the syntax tree of one claim into terms."""

    def __init__(self, source: SourceText, names: Names) -> None:
        self.source, self.names = source, names
        self.steps = StepReader(source, names)
        self.unsized: set[ast.expr] = set()

    def claim(self) -> Claim:
        statements = self.source.statements()
        tree = statements[0].value if len(statements) == 1 and isinstance(statements[0], ast.Expr) else None
        if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in RELATIONS:
            raise EquationError("a claim is one equation `left == right`, or one bound `left <= right`, not "
                                f"`{' '.join(self.source.lines)[:60]}`")
        relation = RELATIONS[type(tree.ops[0])]
        self.steps.check_size(tree)
        self.steps.look_for_indices(tree)
        left, right = self.sides(tree.left, tree.comparators[0])
        if relation == "<=" and left.shape:
            raise ShapeError(f"`<=` compares scalars, but the sides have the shape {left.shape}: write norm(…)")
        return Claim(" ".join(self.source.lines), relation, left, right, self.steps.free_indices())

    def sides(self, left: ast.expr, right: ast.expr) -> tuple[Term, Term]:
        """Return both sides, of one shape; a 0 alone is the zero of the other side's shape."""
        try:
            both = self.together([left, right], None)
        except _NoSizeError:
            self.fail(left, "the size of I cannot be told here: name what has that size, as in `I @ W_h`")
        shapes = [term.shape for term in both]
        for place, term in enumerate(both):
            other = shapes[1 - place]
            if isinstance(term, Formula) and term.expression == Numeral(0) and other:
                both[place] = Formula(other, term.source, Hadamard(Numeral(0), Ones(other)), ())
        if both[0].shape != both[1].shape:
            raise ShapeError(f"the sides of a claim need one shape, but `{both[0].source}` has the shape {shapes[0]} "
                             f"and `{both[1].source}` {shapes[1]}")
        return both[0], both[1]

    def together(self, trees: list[ast.expr], wanted: Shape | None) -> list[Term]:
        """Return terms that share a shape, which the size of an I among them is taken from."""
        found = [self.unless_unsized(tree) for tree in trees]
        shape = next((term.shape for term in found if term is not None and term.shape), wanted)
        return [self.term(tree, shape) if term is None else term for tree, term in zip(trees, found, strict=True)]

    def unless_unsized(self, tree: ast.expr) -> Term | None:
        """Return the term of a tree, None where the size of an I in it must come from outside; tried once only."""
        if tree in self.unsized:
            return None
        try:
            return self.term(tree)
        except _NoSizeError:
            self.unsized.add(tree)
            return None

    def term(self, tree: ast.expr, wanted: Shape | None = None) -> Term:
        """Return the term of a tree; ``wanted`` is the shape that an I in it takes."""
        match tree:
            case ast.Constant():
                return self.formula(tree, lambda: Numeral(self.steps.number(tree)))
            case ast.Name() | ast.Subscript():
                return self.named(tree, wanted)
            case ast.UnaryOp(op=ast.USub()):
                return self.formula(tree, Negative, self.term(tree.operand, wanted))
            case ast.BinOp(op=ast.Pow()):
                return self.power(tree)
            case ast.BinOp(op=ast.MatMult()):
                return self.contraction(tree, wanted)
            case ast.BinOp():
                return self.arithmetic(tree, wanted)
            case ast.Attribute(attr="T"):
                turned = None if wanted is None else wanted[::-1]
                return self.formula(tree, transposed, self.term(tree.value, turned))
            case ast.Call():
                return self.call(tree, wanted)
        return self.fail(tree, f"`{self.text(tree)}` is not in the language of claims: operators are + - * / @ ** .T")

    def named(self, tree: ast.Name | ast.Subscript, wanted: Shape | None) -> Term:
        written = self.source.exact(tree)
        if written == "I":
            return self.identity(tree, wanted)
        if written in self.names.constants:
            return self.formula(tree, lambda: self.names.constants[written])
        if isinstance(tree, ast.Name) and (written == "T" or self.steps.is_index(written)):
            return Count((), written, self.steps.step(tree))
        quantity = self.steps.quantity(tree)
        return Value(quantity.shape, self.text(tree), quantity)

    def identity(self, tree: ast.expr, wanted: Shape | None) -> Term:
        if wanted is None:
            raise _NoSizeError
        if len(wanted) != 2 or wanted[0] != wanted[1]:
            self.fail(tree, f"I is square, but the shape {wanted} is wanted here", ShapeError)
        return self.formula(tree, lambda: IdentityMatrix(wanted[0]))

    def arithmetic(self, tree: ast.BinOp, wanted: Shape | None) -> Term:
        left, right = self.together([tree.left, tree.right], wanted)
        match tree.op:
            case ast.Add():
                return self.formula(tree, OrderedSum, left, right)
            case ast.Sub():
                return self.formula(tree, difference, left, right)
            case ast.Mult():
                return self.formula(tree, Hadamard, left, right)
            case ast.Div():
                if isinstance(right, Formula) and right.expression == Numeral(0):
                    self.fail(tree, f"`{self.text(tree)}` divides by zero")
                return self.formula(tree, Quotient, left, right)
        power = "a power is written `**`; " if isinstance(tree.op, ast.BitXor) else ""
        return self.fail(tree, f"`{self.text(tree)}`: {power}operators are + - * / @ ** and .T")

    def contraction(self, tree: ast.BinOp, wanted: Shape | None) -> Term:
        left, right = (self.unless_unsized(side) for side in (tree.left, tree.right))
        if left is None and right is None and wanted is None:
            raise _NoSizeError
        if left is None:
            rows = wanted if right is None else right.shape[:1] * 2
            left = self.term(tree.left, rows)
        if right is None:
            right = self.term(tree.right, left.shape[-1:] * 2)
        return self.contracted(tree, left, right)

    def contracted(self, tree: ast.expr, left: Term, right: Term) -> Term:
        if not left.shape or not right.shape or left.shape[-1] != right.shape[0]:
            self.fail(tree, f"`@` joins the last axis of the left with the first of the right, but `{left.source}` has "
                            f"the shape {left.shape} and `{right.source}` {right.shape}", ShapeError)
        shape = left.shape[:-1] + right.shape[1:]
        self.check_rank(tree, shape)
        return Contraction(shape, self.text(tree), left, right)

    def power(self, tree: ast.BinOp) -> Term:
        base = self.term(tree.left)
        if self.steps.mentions(tree.right):
            count = self.steps.step(tree.right)
            if base.shape:
                self.fail(tree, f"only a scalar can be raised to a number of steps, but `{base.source}` has the shape "
                                f"{base.shape}: write prod({base.source} for s in range(…))", ShapeError)
            return StepProduct((), self.text(tree), base, Span("", Step((), 1), count))
        exponent = self.steps.exponent(tree.right)
        return self.formula(tree, lambda a: Power(a, exponent), base)

    def call(self, tree: ast.Call, wanted: Shape | None) -> Term:
        function = self.source.exact(tree.func) if isinstance(tree.func, ast.Name) else ""
        if tree.keywords or any(isinstance(argument, ast.Starred) for argument in tree.args):
            self.fail(tree, f"`{self.text(tree)}`: functions take plain arguments only")
        if function in ("total", "partial"):
            return self.derivative(tree, function)
        if function in ("sum", "prod") and len(tree.args) == 1 and isinstance(tree.args[0], ast.GeneratorExp):
            return self.repeated(tree, tree.args[0], function, wanted)
        own: dict[str, int] = {"diag": 1, "outer": 2, "norm": 1, "prod": 1}
        least = own.get(function, arities.get(function))
        if least is None and isinstance(tree.func, ast.Attribute) and tree.func.attr in {*own, *arities}:
            self.fail(tree, f"`{self.text(tree.func)}`: write `{tree.func.attr}(…)`, no module's name")
        if least is None:
            self.fail(tree, unknown_function(function) + ", total, partial, prod, diag, outer, norm")
        if not least <= len(tree.args) <= largest_arities.get(function, least):
            self.fail(tree, f"`{function}` takes {least} argument{'s' * (least > 1)}, not {len(tree.args)}")
        if function == "prod":
            self.fail(tree, "`prod` runs over steps: prod(… for t in range(T, j, -1))")
        if function == "where":
            return self.selection(tree)
        return self.applied(tree, function, [self.term(argument) for argument in tree.args])

    def applied(self, tree: ast.Call, function: str, operands: list[Term]) -> Term:
        if function == "norm":
            if len(operands[0].shape) not in (1, 2):
                self.fail(tree, f"norm needs a vector or a matrix, not the shape {operands[0].shape}", ShapeError)
            return Norm((), self.text(tree), operands[0])
        if function == "dot":
            return self.contracted(tree, *operands)
        return self.formula(tree, function_maker(function), *operands)

    def selection(self, tree: ast.Call) -> Term:
        condition = tree.args[0]
        if not isinstance(condition, ast.Compare) or len(condition.ops) != 1 \
                or type(condition.ops[0]) not in COMPARISONS:
            self.fail(tree, "the first argument of `where` is a comparison with > < >= <=, as in `where(l > r, a, b)`")
        trees = [condition.left, condition.comparators[0], *tree.args[1:]]
        sign = COMPARISONS[type(condition.ops[0])]
        return self.formula(tree, selection_maker(sign),
                            *(self.term(one) for one in trees))

    def derivative(self, tree: ast.Call, function: str) -> Term:
        if len(tree.args) != 2:
            self.fail(tree, f"`{function}` takes two names, what is differentiated and by what, not {len(tree.args)}")
        of, by = (self.steps.quantity(argument) for argument in tree.args)
        if isinstance(of.name, Parameter):
            self.fail(tree, f"`{of.name.name}` is a parameter and depends on nothing: differentiate what uses it")
        shape = of.shape + by.shape
        self.check_rank(tree, shape)
        return Derivative(shape, self.text(tree), of, by, function == "partial")

    def repeated(self, tree: ast.Call, inner: ast.GeneratorExp, function: str, wanted: Shape | None) -> Term:
        spans: list[Span] = []
        try:
            for generator in inner.generators:
                span = self.steps.span(generator)
                self.steps.bind(span.index, generator)
                spans.append(span)
            term = self.term(inner.elt, wanted)
        finally:
            for span in spans:
                self.steps.unbind(span.index)
        if function == "prod" and term.shape and (len(term.shape) != 2 or term.shape[0] != term.shape[1]):
            self.fail(tree, f"prod multiplies scalars or square matrices, not the shape {term.shape}", ShapeError)
        kind = StepSum if function == "sum" else StepProduct
        for span in reversed(spans):
            term = kind(term.shape, self.text(tree), term, span)
        return term

    def formula(self, tree: ast.expr, make: Callable[..., Expression], *parts: Term) -> Term:
        """Return what ``make`` makes of the parts."""
        try:
            expression = make(*(part(number, term.shape) for number, term in enumerate(parts)))
            shape = tuple(expression.shape)
        except ShapeError as error:
            shapes = ", ".join(f"`{term.source}` {term.shape}" for term in parts)
            self.fail(tree, f"{error} ({shapes})", ShapeError)
        self.check_rank(tree, shape)
        return Formula(shape, self.text(tree), expression, parts)

    def check_rank(self, tree: ast.expr, shape: Shape) -> None:
        if len(shape) > MAX_RANK:
            self.fail(tree, f"`{self.text(tree)}` has {len(shape)} axes; at most {MAX_RANK} are supported", ShapeError)

    def text(self, tree: ast.expr) -> str:
        return self.source.segment(tree)

    def fail(self, tree: ast.expr, message: str, kind: type[EquationError] = EquationError) -> NoReturn:
        fail(message, self.source.place(tree), kind)
