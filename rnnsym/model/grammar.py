"""The grammar of equations: Python's syntax tree goes in, a small tree of our own comes out, all else is refused.

A user's text is data: it is parsed with ``ast``, every kind of node is on a list or refused, nothing is evaluated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sympy import Rational, S

from rnnsym.model.other_notations import lag_otherwise, name_otherwise
from rnnsym.model.sources import MAX_DIGITS, Place, SourceText, fail, reserved_by_python
from rnnsym.model.statements import Annotation, Assignment, Node, Statements
from rnnsym.model.vocabulary import MAX_NAME, arities, largest_arities, unknown_function

MAX_DEPTH = 60  # later stages walk expressions recursively; sums and products written flat count once
MAX_NODES = 5_000  # of one text, ten times those of the longest published cells: what follows is not linear in them
MAX_NAMES = 200
MAX_LAG = 64  # steps back: each is a further copy of the state that a step hands on
MAX_EXPONENT = 64  # a larger power overflows doubles at once
MAX_MAGNITUDE = 300  # powers of ten, so that a literal is a finite double and an exact fraction of bearable length

PREVIOUS = "_prev"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?")

OPERATORS: Mapping[type[ast.operator], str] = MappingProxyType({
    ast.Add: "sum", ast.Sub: "sum", ast.Mult: "product", ast.Div: "quotient", ast.MatMult: "matmul",
})
COMPARISONS: Mapping[type[ast.cmpop], str] = MappingProxyType({ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="})
REFUSED: Mapping[type[ast.AST], str] = MappingProxyType({
    ast.Compare: "a comparison", ast.Subscript: "an index", ast.IfExp: "a condition", ast.BoolOp: "and/or",
    ast.Tuple: "a tuple", ast.List: "a list", ast.Dict: "a dictionary", ast.JoinedStr: "a string",
    ast.NamedExpr: "`:=`", ast.Starred: "a starred expression", ast.Set: "a set", ast.ListComp: "a comprehension",
})


def read(text: str, part: str = "cell") -> Statements:
    """Return the statements of ``text``; raise EquationError with line and column for what is not in the language."""
    reader = _Reader(SourceText.of(text, part))
    statements = [reader.statement(statement) for statement in reader.source.statements()]
    return Statements(tuple(one for one in statements if isinstance(one, Assignment)),
                      tuple(one for one in statements if isinstance(one, Annotation)))


class _Reader:
    """Turns one text's syntax trees into nodes and counts its names."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.names: set[str] = set()
        self.count = 0

    def statement(self, tree: ast.stmt) -> Assignment | Annotation:
        place = self.source.place(tree)
        if isinstance(tree, ast.AnnAssign):
            return self.annotation(tree, place)
        if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Lambda):
            fail(reserved_by_python("lambda"), place)
        if not isinstance(tree, ast.Assign):
            fail(f"`{place.source}` is not an assignment: a line reads `name = expression`", place)
        if len(tree.targets) != 1 or not isinstance(tree.targets[0], ast.Name):
            stepped = isinstance(tree.targets[0], ast.Subscript)
            remedy = ": steps are not written, `h` is that of this step, `h_prev` the one before" if stepped else ""
            fail(f"`{place.source}` must assign to exactly one simple name{remedy}", place)
        return Assignment(self.name(tree.targets[0]), self.node(tree.value, 1), place)

    def annotation(self, tree: ast.AnnAssign, place: Place) -> Annotation:
        if not isinstance(tree.target, ast.Name):
            fail(f"`{place.source}` must annotate exactly one simple name", place)
        name, initial = self.name(tree.target), None
        if tree.value is not None:
            value = self.node(tree.value, 1)
            if value.kind != "number":
                fail(f"behind an annotation only a state's first value may stand, a number: write `{name} = "
                     f"{value.place.source}` on a line of its own", value.place)
            initial = value.value
        ranks = {"scalar": 0, "vector": 1, "matrix": 2}
        if isinstance(tree.annotation, ast.Name) and tree.annotation.id in ranks:
            return Annotation(name, ranks[tree.annotation.id], None, initial, place)
        sizes = self.sizes(tree.annotation)
        return Annotation(name, len(sizes), sizes, initial, place)

    def sizes(self, tree: ast.expr) -> tuple[str | int, ...]:
        place = self.source.place(tree)
        if not isinstance(tree, ast.Tuple) or len(tree.elts) not in (1, 2):
            fail(f"an annotation is scalar, vector, matrix, (n,) or (n, n), not `{place.source}`", place)
        return tuple(self.size(part) for part in tree.elts)

    def size(self, tree: ast.expr) -> str | int:
        place = self.source.place(tree)
        if isinstance(tree, ast.Name):
            name = self.name(tree)
            if name in ("t", "T"):
                fail(f"`{name}` counts steps and cannot be a size: take another letter", place)
            return name
        value = self.node(tree, 1)
        if value.kind != "number" or not value.value.is_Integer or not 1 <= value.value <= 10**6:
            fail(f"a size is a name or an integer from 1 to 1000000, not `{place.source}`", place)
        return int(value.value)

    def name(self, tree: ast.Name) -> str:
        place = self.source.place(tree)
        written = self.source.exact(tree)
        if not NAME.fullmatch(written):  # Python itself would fold `ℎ` into `h`
            fail(f"the name `{place.source}` must be an ASCII letter followed by letters, digits and _"
                 f"{name_otherwise(written)}", place)
        if len(written) > MAX_NAME:
            fail(f"the name `{place.source}` has {len(written)} characters; at most {MAX_NAME} are read", place)
        self.names.add(written)
        if len(self.names) > MAX_NAMES:
            fail(f"more than {MAX_NAMES} names", place)
        return written

    def node(self, tree: ast.expr, depth: int) -> Node:
        place = self.source.place(tree)
        self.count += 1
        if depth > MAX_DEPTH:
            fail(f"nested more than {MAX_DEPTH} deep: assign parts to names", place)
        if self.count > MAX_NODES:
            fail(f"more than {MAX_NODES} names, numbers and operations", place)
        match tree:
            case ast.Name():
                return Node("name", place, name=self.name(tree), value=S.One)
            case ast.Constant():
                return self.number(tree, place)
            case ast.UnaryOp(op=ast.USub()):
                operand = self.node(tree.operand, depth + 1)
                if operand.kind == "number":
                    return Node("number", place, value=-operand.value)
                return Node("negative", place, (operand,))
            case ast.BinOp(op=ast.Pow()):
                return self.power(tree, place, depth)
            case ast.BinOp() if type(tree.op) in OPERATORS:
                return Node(OPERATORS[type(tree.op)], place, self.operands(tree, depth))
            case ast.Attribute(attr="T"):
                return Node("transpose", place, (self.node(tree.value, depth + 1),))
            case ast.Call():
                return self.call(tree, place, depth)
            case ast.Subscript(value=ast.Name()):
                return self.subscript(tree, self.node(tree.value, depth + 1), place, depth)
        return self.refuse(tree, place)

    def operands(self, tree: ast.BinOp, depth: int) -> tuple[Node, ...]:
        """Return the operands of a chain a + b − c, or a * b * c, from left to right, without recursion along it."""
        chain: tuple[type[ast.operator], ...] = (type(tree.op),)
        if isinstance(tree.op, (ast.Add, ast.Sub)):
            chain = (ast.Add, ast.Sub)
        repeat = isinstance(tree.op, (ast.Add, ast.Sub, ast.Mult))
        links: list[ast.BinOp] = []
        left: ast.expr = tree
        while isinstance(left, ast.BinOp) and isinstance(left.op, chain) and (repeat or not links):
            links.append(left)
            left = left.left
        operands = [self.node(left, depth + 1)]
        for link in reversed(links):
            operand = self.node(link.right, depth + 1)
            operands.append(_negative(operand) if isinstance(link.op, ast.Sub) else operand)
        return tuple(operands)

    def power(self, tree: ast.BinOp, place: Place, depth: int) -> Node:
        exponent = self.node(tree.right, depth + 1)
        if exponent.kind != "number" or not 0 < abs(exponent.value) <= MAX_EXPONENT:
            fail(f"the exponent `{exponent.place.source}` must be a number alone, not 0, of magnitude at most "
                 f"{MAX_EXPONENT}", exponent.place)
        return Node("power", place, (self.node(tree.left, depth + 1),), value=exponent.value)

    def number(self, tree: ast.Constant, place: Place) -> Node:
        written = self.source.exact(tree)
        match = NUMBER.fullmatch(written)
        if isinstance(tree.value, (str, bytes)):
            fail(f"the string {place.source} is not in the language", place)
        if match is None or type(tree.value) not in (int, float):
            fail(f"`{place.source}` is not in the language: a number is decimal, like 2 or 0.05 or 1e-3", place)
        if len(written) > MAX_DIGITS:
            fail(f"a number has at most {MAX_DIGITS} characters", place)
        if abs(int(match[1] or 0)) > MAX_MAGNITUDE:
            fail(f"the number {written} is out of range: its exponent may be at most ±{MAX_MAGNITUDE}", place)
        return Node("number", place, value=Rational(written))

    def subscript(self, tree: ast.Subscript, base: Node, place: Place, depth: int) -> Node:
        """Return the name ``h_prev[k]``, k steps back, or ``E[x]``, row x of a matrix."""
        if not base.name.endswith(PREVIOUS):
            if not isinstance(tree.slice, ast.Name) or self.source.exact(tree.slice) != "x":
                fail(f"`{place.source}`: an index is not in the language but in `E[x]`, row x of a matrix, and in "
                     "`h_prev[2]`, the state h two steps back; one step back it is `h_prev`", place)
            return Node("lookup", place, (base, self.node(tree.slice, depth + 1)))
        written = self.source.exact(tree.slice)
        if not re.fullmatch("[0-9]{1,9}", written) or not 1 <= int(written) <= MAX_LAG:
            index = self.source.place(tree.slice)
            fail(f"`{place.source}`: the steps back are a whole number from 1 to {MAX_LAG}"
                 f"{lag_otherwise(base.name, written)}", index)
        return replace(base, place=place, value=Rational(written))

    def call(self, tree: ast.Call, place: Place, depth: int) -> Node:
        function = self.source.exact(tree.func) if isinstance(tree.func, ast.Name) else ""
        if not function:
            own = tree.func.attr if isinstance(tree.func, ast.Attribute) and tree.func.attr in arities else ""
            remedy = f"write `{own}(…)`, no module's name" if own else "only a function of the table can be called"
            fail(f"`{place.source}` is not in the language: {remedy}", place)
        if function not in arities:
            fail(unknown_function(function), place)
        if tree.keywords or any(isinstance(argument, ast.Starred) for argument in tree.args):
            fail(f"`{function}` takes plain arguments only", place)
        least, most = arities[function], largest_arities[function]
        if not least <= len(tree.args) <= most:
            number = f"{least} to {most}" if most > least else str(least)
            fail(f"`{function}` takes {number} argument{'s' * (most > 1)}, not {len(tree.args)}", place)
        condition, rest = tree.args[: function == "where"], tree.args[function == "where" :]
        operands = [self.comparison(argument, depth + 1) for argument in condition]
        operands += [self.node(argument, depth + 1) for argument in rest]
        return Node("call", place, tuple(operands), name=function)

    def comparison(self, tree: ast.expr, depth: int) -> Node:
        """Return the condition of a `where`: one comparison of two sides."""
        place = self.source.place(tree)
        if not isinstance(tree, ast.Compare):
            fail(f"`{place.source}`: the first argument of `where` is a comparison, as in `where(l > r, a, b)`", place)
        if len(tree.ops) > 1:
            fail(f"`{place.source}` chains comparisons: put one `where` into another", place)
        if type(tree.ops[0]) not in COMPARISONS:
            fail(f"`{place.source}`: `where` compares with > < >= <= only", place)
        sides = (self.node(tree.left, depth + 1), self.node(tree.comparators[0], depth + 1))
        return Node("comparison", place, sides, name=COMPARISONS[type(tree.ops[0])])

    def refuse(self, tree: ast.expr, place: Place) -> Node:
        if isinstance(tree, ast.Lambda):
            fail(reserved_by_python("lambda"), place)
        if isinstance(tree, ast.Attribute):
            fail(f"the attribute `.{tree.attr}` is not in the language: only .T is", place)
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitXor):
            fail(f"`{place.source}`: ^ is not in the language: a power is written **, the transpose .T", place)
        what = REFUSED.get(type(tree), "this")
        fail(f"`{place.source}`: {what} is not in the language (operators are + - * / @ ** and .T)", place)


def _negative(operand: Node) -> Node:
    if operand.kind == "number":
        return Node("number", operand.place, value=-operand.value)
    return Node("negative", operand.place, (operand,))
