"""One step's expressions as NumPy, for a batch: every quantity of a step has the batch as its first axis.

Parameters have no batch axis. A scalar of a step is (batch,), a vector (batch, n); but for sums over the batch the code
serves as well where steps stand before the batch, or where one sequence has no axis of its own. ``W @ x`` of the column
convention becomes ``x @ W.T``, since a batch of columns is stored as rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy.printing.numpy import NumPyPrinter

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations

SUM, NEGATIVE, PRODUCT, POWER, ATOM = range(5)
_levels: dict[type, int] = {
    ex.OrderedSum: SUM,
    ex.Negative: NEGATIVE,
    ex.Hadamard: PRODUCT,
    ex.Quotient: PRODUCT,
    ex.MatrixProduct: PRODUCT,
    ex.Outer: PRODUCT,
    ex.Projection: PRODUCT,
    ex.Size: PRODUCT,
    ex.Power: POWER,
    ex.Comparison: SUM - 1,
}


class BatchPrinter(NumPyPrinter):
    """Prints expressions of one step; ``names`` gives each name, constant and size its Python identifier."""

    def __init__(self, names: Callable[[Any], str]) -> None:
        super().__init__({"fully_qualified_modules": False, "allow_unknown_functions": False})
        self.names = names
        self.functions: set[str] = set()

    def emptyPrinter(self, expr: Any) -> str:
        """Raise: an unknown node must not become code that means something else."""
        raise DerivationError(f"no NumPy code for {type(expr).__name__}: add a method to numerics.printing")

    def batched(self, node: ex.Expression) -> bool:
        """Whether ``node`` differs from one sequence of the batch to the next."""
        return any(isinstance(inner, ex.Variable | Adjoint) for inner in ex.walk(node))

    def inner(self, node: ex.Expression, level: int) -> str:
        """Print an operand, in parentheses where it binds less tightly than ``level``."""
        code = str(self._print(node))
        loose = _levels.get(type(node), ATOM) < level or (code.startswith("-") and level > SUM)
        return f"({code})" if loose and not code.isidentifier() else code

    def aligned(self, node: ex.Expression, rank: int, level: int) -> str:
        """Print an elementwise operand; a scalar of each sequence gets an axis to meet a vector's entries."""
        if node.rank == 0 and rank and self.batched(node):
            return self.inner(node, ATOM) + "[..." + ", None" * rank + "]"
        return self.inner(node, level)

    def _print_Numeral(self, node: ex.Numeral) -> str:
        return repr(float(node.value))

    def _print_Constant(self, node: ex.Constant) -> str:
        return self.names(node)

    def _print_Parameter(self, node: ex.Parameter) -> str:
        return self.names(node)

    def _print_Variable(self, node: ex.Variable) -> str:
        return self.names(node)

    def _print_Adjoint(self, node: Adjoint) -> str:
        return self.names(node)

    def _print_IdentityMatrix(self, node: ex.IdentityMatrix) -> str:
        return f"np.eye({self.size(node.shape[0])})"

    def _print_Ones(self, node: ex.Ones) -> str:
        return "np.ones((" + "".join(f"{self.size(length)}, " for length in node.shape).rstrip() + "))"

    def _print_Size(self, node: ex.Size) -> str:
        factors = [factor.as_base_exp() for factor in node.count.as_ordered_factors()]
        sizes = [f"({self.size(base)})" if base.is_Add else self.size(base)
                 for base, times in factors for _ in range(int(times))]
        return " * ".join(sizes)

    def size(self, length: Any) -> str:
        """Print a size: a number, the name that holds it, or a sum of such."""
        terms = [term.as_coeff_Mul() for term in length.as_ordered_terms()]
        return " + ".join(
            str(times) if name == 1 else self.names(name) if times == 1 else f"{times} * {self.names(name)}"
            for times, name in terms
        )

    def _print_OrderedSum(self, node: ex.OrderedSum) -> str:
        code = self.aligned(node.args[0], node.rank, SUM)
        for term in node.args[1:]:
            negative = isinstance(term, ex.Negative) or (isinstance(term, ex.Numeral) and term.value < 0)
            operand = self.aligned(ex.negate(term) if negative else term, node.rank, PRODUCT)
            code += f" {'-' if negative else '+'} {operand}"
        return code

    def _print_Negative(self, node: ex.Negative) -> str:
        return "-" + self.inner(node.args[0], PRODUCT)

    def _print_Hadamard(self, node: ex.Hadamard) -> str:
        first, *rest = node.args
        parts = [self.aligned(first, node.rank, POWER if isinstance(first, ex.MatrixProduct) else PRODUCT)]
        return " * ".join([*parts, *(self.aligned(factor, node.rank, POWER) for factor in rest)])

    def _print_Quotient(self, node: ex.Quotient) -> str:
        above, below = node.args
        return f"{self.aligned(above, node.rank, POWER)} / {self.aligned(below, node.rank, POWER)}"

    def _print_Power(self, node: ex.Power) -> str:
        exponent = node.exponent if node.exponent.q == 1 else float(node.exponent)
        return f"{self.inner(node.base, ATOM)}**{exponent}" if exponent >= 0 else self._negative_power(node)

    def _negative_power(self, node: ex.Power) -> str:
        return f"{self.inner(node.base, ATOM)}**({float(node.exponent)!r})"

    def _print_Elementwise(self, node: ex.Elementwise) -> str:
        self.functions.add(node.function)
        template = activations[node.function].numpy
        once = template.count("{a}") == 1
        return template.format(a=self.inner(node.argument, SUM if once else ATOM))

    def _print_Softmax(self, node: ex.Softmax) -> str:
        return self._call("softmax", node.argument)

    def _call(self, helper: str, argument: ex.Expression) -> str:
        self.functions.add(helper)
        return f"{helper}({self._print(argument)})"

    def _print_Comparison(self, node: ex.Comparison) -> str:
        left, right = (self.aligned(operand, node.rank, SUM) for operand in node.operands)
        return f"{left} {node.name} {right}"

    def _print_Selection(self, node: ex.Selection) -> str:
        condition, *branches = node.args
        code = self.aligned(condition, node.rank, SUM - 1)
        holds = code if isinstance(condition, ex.Comparison) else f"({code}) == 1"
        return f"np.where({holds}, {', '.join(self.aligned(branch, node.rank, SUM) for branch in branches)})"

    def _print_Extremum(self, node: ex.Extremum) -> str:
        return f"np.{node.name}({', '.join(self.aligned(operand, node.rank, SUM) for operand in node.operands)})"

    def _print_MatrixProduct(self, node: ex.MatrixProduct) -> str:
        left, right = node.left, node.right
        kinds = (left.rank, self.batched(left), right.rank, self.batched(right))
        match kinds:
            case (1, True, 1, True):
                return f"({self.inner(left, ATOM)} * {self.inner(right, ATOM)}).sum(axis=-1)"
            case (2, False, 1, True):
                return f"{self.inner(right, ATOM)} @ {self._turned(left)}"
            case (1, False, 1, True):
                return f"{self.inner(right, ATOM)} @ {self.inner(left, ATOM)}"
            case (_, True, 2, True) | (2, True, _, _) | (1, False, 2, True):
                return self._einsum(node)
        first = self.inner(left, PRODUCT if isinstance(left, ex.MatrixProduct) else ATOM)
        return f"{first} @ {self.inner(right, ATOM)}"

    def _turned(self, matrix: ex.Expression) -> str:
        if isinstance(matrix, ex.Transposed):
            return self.inner(matrix.args[0], ATOM)
        return self.inner(matrix, ATOM) + ".T"

    def _einsum(self, node: ex.MatrixProduct) -> str:
        left, right = node.left, node.right
        first, second = "ij"[2 - left.rank :], "jk"[: right.rank]
        subscripts = [("..." if self.batched(side) else "") + axes for side, axes in ((left, first), (right, second))]
        result = "..." + first[:-1] + second[1:]
        return f'np.einsum("{subscripts[0]},{subscripts[1]}->{result}", {self._print(left)}, {self._print(right)})'

    def _print_Transposed(self, node: ex.Transposed) -> str:
        operand = self.inner(node.args[0], ATOM)
        return f"{operand}.swapaxes(-1, -2)" if self.batched(node) else f"{operand}.T"

    def _print_Reduction(self, node: ex.Reduction) -> str:
        if node.kind == "logsumexp":
            return self._call("logsumexp", node.operand)
        axes = tuple(range(1, node.operand.rank + 1))
        if not self.batched(node):
            return f"{self.inner(node.operand, ATOM)}.{node.kind}()" if axes else self.inner(node.operand, ATOM)
        axis = {0: "", 1: "axis=-1", 2: "axis=(-2, -1)"}[len(axes)]
        return f"{self.inner(node.operand, ATOM)}.{node.kind}({axis})" if axes else self.inner(node.operand, ATOM)

    def _print_Outer(self, node: ex.Outer) -> str:
        left, right = node.args
        if not self.batched(node):
            return f"np.outer({self._print(left)}, {self._print(right)})"
        return f"{self.inner(left, ATOM)}[..., :, None] * {self.inner(right, ATOM)}[..., None, :]"

    def _print_Concatenation(self, node: ex.Concatenation) -> str:
        batched = [self.batched(operand) for operand in node.args]
        if not any(batched):
            return f"np.concatenate(({', '.join(str(self._print(operand)) for operand in node.args)}))"
        one = next(inner for inner in ex.walk(node) if isinstance(inner, ex.Variable | Adjoint))
        looked_up = any(isinstance(inner, ex.Lookup) and inner.vector == one for inner in ex.walk(node))
        pieces = [str(self._print(operand)) if own else self._repeated(operand, one, 0 if looked_up else one.rank)
                  for operand, own in zip(node.args, batched, strict=True)]
        return f"np.concatenate(({', '.join(pieces)}), axis=-1)"

    def _repeated(self, node: ex.Expression, one: Any, rank: int) -> str:
        """Print what has no batch once for each sequence, as many as the array ``one`` of this rank has."""
        leading = f"{self.names(one)}.shape" + (f"[:-{rank}]" if rank else "")
        code = self._print(node)
        return f"np.broadcast_to({code}, {leading} + np.shape({code}))"

    def _print_Part(self, node: ex.Part) -> str:
        start = "" if node.start == 0 else f"{self.size(node.start)}"
        stop = "" if node.stop == node.operand.shape[0] else f"{self.size(node.stop)}"
        return f"{self.inner(node.operand, ATOM)}[{'..., ' * self.batched(node)}{start}:{stop}]"

    def _print_Projection(self, node: ex.Projection) -> str:
        return self._print_MatrixProduct(ex.MatrixProduct(node.vector, node.matrix))

    def _print_Lookup(self, node: ex.Lookup) -> str:
        return f"{self.inner(node.matrix, ATOM)}[{self._print(node.vector)}]"

    def _print_Scatter(self, node: ex.Scatter) -> str:
        raise DerivationError(f"a gradient by rows of shape {node.shape} is added in place: print it with accumulate")

    def accumulate(self, name: str, node: ex.Expression) -> tuple[str, ...]:
        """Print the statements that add Σ over the batch of ``node`` to the array ``name``; rows go to their places."""
        terms = node.args if isinstance(node, ex.OrderedSum) else (node,)
        scattered = [term for term in terms if _is_scatter(term)]
        rest = ex.add(*(term for term in terms if not _is_scatter(term)))
        whole = () if scattered and rest == ex.ZERO else (f"{name} += {self.over_batch(rest)}",)
        return (*whole, *(self._scatter(name, term) for term in scattered))

    def _scatter(self, name: str, term: ex.Expression) -> str:
        """``np.add.at`` counts a row as often as it is named; ``name[x] += g`` would count it once."""
        at, node = ("subtract", term.args[0]) if isinstance(term, ex.Negative) else ("add", term)
        return f"np.{at}.at({name}, {self._print(node.args[0])}, {self._print(node.args[1])})"

    def over_batch(self, node: ex.Expression) -> str:
        """Print Σ over the batch of ``node``, by one matrix product where an outer product is summed."""
        rule = _batch_sums.get(type(node))
        code = None if rule is None else rule(self, node)
        if code is not None:
            return code
        return f"{self.inner(node, ATOM)}.sum(axis=0)" if self.batched(node) else f"batch * {self.inner(node, ATOM)}"


def _is_scatter(term: ex.Expression) -> bool:
    return isinstance(term.args[0] if isinstance(term, ex.Negative) else term, ex.Scatter)


def _sum_outer(printer: BatchPrinter, node: ex.Outer) -> str | None:
    left, right = node.args
    if printer.batched(left) and printer.batched(right):
        return f"{printer.inner(left, ATOM)}.T @ {printer.inner(right, ATOM)}"
    if not printer.batched(node):
        return None
    sides = [printer.inner(side, ATOM) + (".sum(axis=0)" if printer.batched(side) else "") for side in node.args]
    return f"np.outer({sides[0]}, {sides[1]})"


def _sum_terms(printer: BatchPrinter, node: ex.OrderedSum) -> str:
    negatives = [isinstance(term, ex.Negative) for term in node.args]
    codes = [
        printer.over_batch(term.args[0] if negative else term)
        for negative, term in zip(negatives, node.args, strict=True)
    ]
    code = ("-" if negatives[0] else "") + codes[0]
    for negative, part in zip(negatives[1:], codes[1:], strict=True):
        code += f" - ({part})" if negative else f" + {part}"
    return code


def _sum_product(printer: BatchPrinter, node: ex.MatrixProduct) -> str | None:
    left, right = node.args
    if not printer.batched(right):
        return f"({printer.over_batch(left)}) @ {printer.inner(right, ATOM)}" if left.rank == 2 else None
    if not printer.batched(left) and right.rank == 2:
        return f"{printer.inner(left, ATOM)} @ ({printer.over_batch(right)})"
    return None


def _sum_hadamard(printer: BatchPrinter, node: ex.Hadamard) -> str | None:
    """Take the factors without a batch out of the sum; what is left must have the rank of the whole."""
    inside = [factor for factor in node.args if printer.batched(factor)]
    outside = [factor for factor in node.args if not printer.batched(factor)]
    if len(inside) != 1 or not outside or inside[0].rank != node.rank:
        return None
    return " * ".join([*(printer.inner(f, ATOM) for f in outside), f"({printer.over_batch(inside[0])})"])


_batch_sums: Mapping[type, Callable[[BatchPrinter, Any], str | None]] = {
    ex.Outer: _sum_outer,
    ex.OrderedSum: _sum_terms,
    ex.Negative: lambda printer, node: f"-({printer.over_batch(node.args[0])})",
    ex.Transposed: lambda printer, node: f"({printer.over_batch(node.args[0])}).T",
    ex.MatrixProduct: _sum_product,
    ex.Hadamard: _sum_hadamard,
}
