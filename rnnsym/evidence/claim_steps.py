"""Steps, spans and quantities of a claim, as ``ast`` gives them: which indices are bound, and which are free."""

from __future__ import annotations

import ast
from typing import NoReturn

from sympy import Rational

from rnnsym.errors import EquationError
from rnnsym.evidence.claim_names import Names
from rnnsym.evidence.claim_terms import LAST, Quantity, Span, Step
from rnnsym.model.grammar import MAX_EXPONENT, NAME, NUMBER
from rnnsym.model.sources import MAX_DIGITS, SourceText, fail
from rnnsym.model.vocabulary import MAX_NAME

MAX_OFFSET = 64  # of an index: as many steps at least are unrolled
MAX_DEPTH = 60
MAX_NODES = 2_000
MAX_FREE = 3
SIGNS = (ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)
MAX_BOUND = 4  # sums and products inside each other


class StepReader:
    """Reads what stands in brackets and in ranges, and keeps count of the indices."""

    def __init__(self, source: SourceText, names: Names) -> None:
        self.source, self.names = source, names
        self.bound: list[str] = []
        self.once_bound: set[str] = set()
        self.free: dict[str, ast.expr] = {}
        self.in_brackets: set[str] = set()

    def check_size(self, tree: ast.expr) -> None:
        """Refuse a claim of too many parts, or nested too deeply, before anything walks through it by recursion."""
        level: list[ast.AST] = [tree]
        count = depth = 0
        while level:
            count, depth = count + len(level), depth + 1
            if count > MAX_NODES or depth > MAX_DEPTH:
                self.fail(tree, f"a claim has at most {MAX_NODES} parts, nested at most {MAX_DEPTH} deep")
            level = [child for node in level for child in ast.iter_child_nodes(node) if not isinstance(child, SIGNS)]

    def look_for_indices(self, claim: ast.expr) -> None:
        """Note the names that stand in brackets or ranges anywhere: these alone are indices."""
        for node in ast.walk(claim):
            inner = [node.slice] if isinstance(node, ast.Subscript) else []
            if isinstance(node, ast.comprehension):
                inner = [node.target, *getattr(node.iter, "args", [])]
            self.in_brackets |= {name.id for tree in inner for name in ast.walk(tree) if isinstance(name, ast.Name)}

    def is_index(self, name: str) -> bool:
        """Whether a name that stands alone is an index."""
        return name in self.bound or (name not in self.names.entries and name in self.in_brackets)

    def mentions(self, tree: ast.expr) -> bool:
        """Whether an exponent is made of steps: all names in it are T or indices."""
        found = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        return bool(found) and all(name == LAST or self.is_index(name) for name in found)

    def free_indices(self) -> tuple[str, ...]:
        """Return the free indices, none of which may be bound elsewhere."""
        for name, tree in self.free.items():
            if name in self.once_bound:
                self.fail(tree, f"the index `{name}` is free here and bound elsewhere in the claim: rename one of them")
        if len(self.free) > MAX_FREE:
            raise EquationError(f"a claim has at most {MAX_FREE} free indices, not {', '.join(self.free)}")
        return tuple(self.free)

    def bind(self, index: str, generator: ast.comprehension) -> None:
        """Begin the scope of an index."""
        if index in self.bound:
            self.fail(generator.target, f"the index `{index}` is bound already: give this one another letter")
        self.bound.append(index)
        self.once_bound.add(index)
        if len(self.bound) > MAX_BOUND:
            self.fail(generator.target, f"at most {MAX_BOUND} sums and products stand inside each other")

    def unbind(self, index: str) -> None:
        """End the scope of an index."""
        self.bound.remove(index)

    def span(self, generator: ast.comprehension) -> Span:
        """Return the steps of `for j in range(a, b)`, or of `range(a, b, -1)`."""
        call = generator.iter
        if not isinstance(generator.target, ast.Name) or generator.ifs or generator.is_async:
            self.fail(call, "a sum runs over one index: sum(… for j in range(1, T + 1))")
        index = self.index_name(generator.target)
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"
                and not call.keywords and 2 <= len(call.args) <= 3):
            self.fail(call, f"`{self.source.segment(call)}`: an index runs over range(a, b) or range(a, b, -1)")
        start, stop = (self.step(argument) for argument in call.args[:2])
        if len(call.args) == 2:
            return Span(index, start, stop.plus(Step((), 1), -1))
        if self.source.exact(call.args[2]).replace(" ", "") != "-1":
            self.fail(call.args[2], "the third argument of range is -1, or it is left out")
        return Span(index, stop.plus(Step((), 1)), start, descending=True)

    def quantity(self, tree: ast.expr) -> Quantity:
        """Return what `o[t]`, `W_h` or `L` names."""
        base = tree.value if isinstance(tree, ast.Subscript) else tree
        if not isinstance(base, ast.Name):
            self.fail(tree, f"`{self.source.segment(tree)}` must be a name, or a name with a step such as o[t]")
        name = self.source.exact(base)
        entry = self.names.entries.get(name)
        if entry is None:
            self.fail(base, self.names.unknown(name))
        if not isinstance(tree, ast.Subscript):
            if entry.single is None:
                self.fail(tree, f"`{name}` has a value at every step: write `{name}[t]` or `{name}[T]`")
            return Quantity(entry.single)
        if entry.stepped is None:
            self.fail(tree, f"there is one `{name}` only: write `{name}` without an index")
        return Quantity(entry.stepped, self.step(tree.slice))

    def step(self, tree: ast.expr) -> Step:
        """Return the step that an index expression names."""
        found = self._linear(tree)
        if abs(found.offset) > MAX_OFFSET or any(abs(factor) > MAX_OFFSET for _, factor in found.coefficients):
            self.fail(tree, f"`{self.source.segment(tree)}`: numbers in a step are at most {MAX_OFFSET}")
        return found

    def _linear(self, tree: ast.expr, depth: int = 0) -> Step:
        match tree:
            case ast.Name():
                name = self.index_name(tree)
                if name != LAST and name not in self.bound:
                    self.free.setdefault(name, tree)
                return Step(((name, 1),))
            case ast.Constant(value=int(value)) if self.source.exact(tree).isdigit() and value <= MAX_OFFSET:
                return Step((), value)
            case ast.UnaryOp(op=ast.USub()) if depth < MAX_BOUND:
                return Step().plus(self._linear(tree.operand, depth + 1), -1)
            case ast.BinOp(op=ast.Add() | ast.Sub()) if depth < MAX_OFFSET:
                sign = 1 if isinstance(tree.op, ast.Add) else -1
                return self._linear(tree.left, depth + 1).plus(self._linear(tree.right, depth + 1), sign)
            case ast.BinOp(op=ast.Mult(), left=ast.Constant(value=int(value))) if value <= MAX_OFFSET:
                return Step().plus(self._linear(tree.right, depth + 1), value)
        return self.fail(tree, f"`{self.source.segment(tree)}` is no step: a step is t, T, 3 or t - 1")

    def index_name(self, tree: ast.Name) -> str:
        """Return the name of an index."""
        name = self.source.exact(tree)
        if not NAME.fullmatch(name) or len(name) > MAX_NAME:
            self.fail(tree, f"the index `{self.source.segment(tree)}` must be ASCII letters and digits, a letter first")
        return name

    def number(self, tree: ast.Constant) -> Rational:
        """Return an exact decimal number."""
        written = self.source.exact(tree)
        match = NUMBER.fullmatch(written)
        if match is None or len(written) > MAX_DIGITS or abs(int(match[1] or 0)) > MAX_DIGITS:
            self.fail(tree, f"`{self.source.segment(tree)}`: a number is decimal, like 2 or 0.05, of at most "
                            f"{MAX_DIGITS} characters")
        return Rational(written)

    def exponent(self, tree: ast.expr) -> Rational:
        """Return the number that something is raised to: whole or half, and not 0."""
        negative = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
        inner = tree.operand if isinstance(tree, ast.UnaryOp) and negative else tree
        value = self.number(inner) if isinstance(inner, ast.Constant) else Rational(0)
        if not 0 < abs(value) <= MAX_EXPONENT or value.q not in (1, 2):
            self.fail(tree, f"the exponent `{self.source.segment(tree)}` must be a whole or a half number, not 0, of "
                            f"magnitude at most {MAX_EXPONENT}, or a step such as T - j")
        return -value if negative else value

    def fail(self, tree: ast.expr, message: str) -> NoReturn:
        fail(message, self.source.place(tree), EquationError)
