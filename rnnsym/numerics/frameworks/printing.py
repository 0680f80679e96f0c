"""One step's expressions for JAX and PyTorch: NumPy's code with the library's name exchanged, and what differs more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.numerics.printing import ATOM, SUM, BatchPrinter

NUMPY = re.compile(r"\bnp\.")  # no name of a user's is ``np``: it is reserved


class FrameworkPrinter(BatchPrinter):
    """Prints expressions of one step, or of all steps at once, for a library that has NumPy's names.

    ``like`` in the code stands for an array with the type and the place of all others.
    """

    library, column, axis, scan = "", "", "axis", "scan"
    functions_of_vectors: Mapping[str, str] = MappingProxyType({})

    def __init__(self, names: Callable[[Any], str]) -> None:
        super().__init__(names)
        self.helpers: set[str] = set()

    def code(self, node: ex.Expression) -> str:
        """Return the code of an expression."""
        return self.exchanged(str(self.doprint(node)))

    def exchanged(self, code: str) -> str:
        """Return NumPy's code as the library's."""
        return NUMPY.sub(f"{self.library}.", code)

    def _print_Elementwise(self, node: ex.Elementwise) -> str:
        entry = activations[node.function]
        own = str(getattr(entry, self.column))
        if entry.helper and not own:
            self.helpers.add(node.function)
        template = own or entry.numpy
        return template.format(a=self.argument(node.argument, SUM if template.count("{a}") == 1 else ATOM))

    def argument(self, node: ex.Expression, level: int) -> str:
        """Print what a function of the library is applied to."""
        return self.inner(node, level)

    def _print_Softmax(self, node: ex.Softmax) -> str:
        return self._call("softmax", node.argument)

    def _call(self, helper: str, argument: ex.Expression) -> str:
        return self.functions_of_vectors[helper].format(a=self._print(argument))

    def spread(self, node: ex.Expression, shape: str) -> str:
        """Return the code of a value repeated along leading axes."""
        return f"{self.library}.broadcast_to({self.code(node)}, ({shape}))"

    def chosen(self, rank: int, runs: str, ended: str) -> str:
        """Return the code that takes one value where a sequence runs, another where it has ended."""
        return f"{self.library}.where(runs{'[:, None]' * (rank == 1)}, {runs}, {ended})"

    def side_by_side(self, codes: Iterable[str], axis: int = -1) -> str:
        """Return the code of arrays joined along an axis."""
        return f"{self.library}.concatenate(({', '.join(codes)}), {self.axis}={axis})"

    def pieces(self, code: str, count: int) -> str:
        """Return the code of an array's last axis cut into equal pieces."""
        raise NotImplementedError

    def summed(self, node: ex.Expression) -> str:
        """Return the code of Σ over the one leading axis."""
        return self.exchanged(self.over_batch(node))

    def gradient(self, zeros: str, node: ex.Expression) -> str:
        """Return the code of Σ over the one leading axis where rows are added to their places in ``zeros``."""
        terms = node.args if isinstance(node, ex.OrderedSum) else (node,)
        scattered = [term for term in terms if isinstance(_bare(term), ex.Scatter)]
        rest = ex.add(*(term for term in terms if term not in scattered))
        code = zeros if rest == ex.ZERO else self.summed(rest)
        for term in scattered:
            rows, values = _bare(term).args
            place, value = self.code(rows), self.code(ex.negate(values) if term is not _bare(term) else values)
            code = self.added_at(code if code == zeros else f"({code})", place, value)
        return code

    def added_at(self, code: str, rows: str, values: str) -> str:
        """Return the code of an array with values added to its rows; a row counts as often as it is named."""
        raise NotImplementedError


def _bare(term: ex.Expression) -> ex.Expression:
    return term.args[0] if isinstance(term, ex.Negative) else term


class JaxPrinter(FrameworkPrinter):
    """Prints for ``jax.numpy``."""

    library, column, scan = "jnp", "jax", "lax.scan"
    functions_of_vectors = MappingProxyType(
        {"softmax": "jax.nn.softmax({a}, axis=-1)", "logsumexp": "jax.nn.logsumexp({a}, axis=-1)"}
    )

    def _print_IdentityMatrix(self, node: ex.IdentityMatrix) -> str:
        return f"jnp.eye({self.size(node.shape[0])}, dtype=like.dtype)"

    def _print_Ones(self, node: ex.Ones) -> str:
        lengths = "".join(f"{self.size(length)}, " for length in node.shape).rstrip()
        return f"jnp.ones(({lengths}), like.dtype)"

    def _print_Lookup(self, node: ex.Lookup) -> str:
        return f"jnp.take({self._print(node.matrix)}, {self._print(node.vector)}, axis=0)"  # no such row: NaN

    def pieces(self, code: str, count: int) -> str:
        return f"jnp.split({code}, {count}, axis=-1)"

    def added_at(self, code: str, rows: str, values: str) -> str:
        return f"{code}.at[{rows}].add({values})"


class TorchPrinter(FrameworkPrinter):
    """Prints for ``torch``."""

    library, column, axis = "torch", "torch", "dim"
    functions_of_vectors = MappingProxyType(
        {"softmax": "torch.softmax({a}, dim=-1)", "logsumexp": "torch.logsumexp({a}, dim=-1)"}
    )

    def exchanged(self, code: str) -> str:
        return re.sub(r"\baxis=", "dim=", super().exchanged(code))

    def _print_IdentityMatrix(self, node: ex.IdentityMatrix) -> str:
        return f"torch.eye({self.size(node.shape[0])}, dtype=like.dtype, device=like.device)"

    def _print_Ones(self, node: ex.Ones) -> str:
        return "like.new_ones((" + "".join(f"{self.size(length)}, " for length in node.shape).rstrip() + "))"

    def argument(self, node: ex.Expression, level: int) -> str:
        return f"like.new_tensor({self._print(node)})" if _is_number(node) else super().argument(node, level)

    def _print_Selection(self, node: ex.Selection) -> str:
        condition, *branches = node.args
        holds = self.aligned(condition, node.rank, SUM - 1)
        holds = holds if isinstance(condition, ex.Comparison) else f"({holds}) == 1"
        if _is_number(condition):
            holds = f"torch.tensor({holds}, device=like.device)"
        print_one = self.argument if all(map(_is_number, branches)) else partial(self.aligned, rank=node.rank)
        return f"torch.where({holds}, {', '.join(print_one(branch, level=SUM) for branch in branches)})"

    def _print_Extremum(self, node: ex.Extremum) -> str:
        left, right = (self.aligned(operand, node.rank, SUM) for operand in node.operands)
        numbers = [_is_number(operand) for operand in node.operands]
        if all(numbers):
            return f"{node.name[:3]}({left}, {right})"
        if not any(numbers):
            return f"torch.{node.name}({left}, {right})"
        value, limit = (right, left) if numbers[0] else (left, right)
        return f"torch.clamp({value}, {'min' if node.name == 'maximum' else 'max'}={limit})"

    def _print_Outer(self, node: ex.Outer) -> str:
        return super()._print_Outer(node).replace("np.outer(", "torch.outer(")

    def _repeated(self, node: ex.Expression, one: Any, rank: int) -> str:
        leading = f"{self.names(one)}.shape" + (f"[:-{rank}]" if rank else "")
        return f"torch.broadcast_to({self._print(node)}, {leading} + {self.inner(node, ATOM)}.shape)"

    def spread(self, node: ex.Expression, shape: str) -> str:
        number = _is_number(node)
        code = f"like.new_tensor({self.code(node)})" if number else self.code(node)
        return f"torch.broadcast_to({code}, ({shape}))"

    def pieces(self, code: str, count: int) -> str:
        return f"({code}).chunk({count}, dim=-1)"

    def added_at(self, code: str, rows: str, values: str) -> str:
        return f"{code}.index_add(0, {rows}, {values})"


def _is_number(node: ex.Expression) -> bool:
    """Whether the code of ``node`` is a number of Python's: functions make tensors of numbers, too."""
    tensors = ex.Named | Adjoint | ex.Ones | ex.IdentityMatrix | ex.Application | ex.Selection
    return not any(isinstance(inner, tensors) for inner in ex.walk(node))
