"""A sequence of one network in floats, at which norms and bounds of its Jacobians have values.

Jacobians are products of the step Jacobians that the derivation prints; that those are right is an exact identity,
checked elsewhere by dual numbers. ``σ_max`` is computed from eigenvalues of AᵀA, ``‖A‖`` by a singular value
decomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy.core.sympify import _sympify

from rnnsym.calculus import norms
from rnnsym.calculus.bound_values import in_numbers
from rnnsym.calculus.bounds import JacobianBound
from rnnsym.calculus.direct import direct_paths
from rnnsym.calculus.notation import DescendingProduct, Stack, StepBlock, Total
from rnnsym.errors import CheckError
from rnnsym.model.evaluation import Arithmetic, choose, evaluate
from rnnsym.model.expressions import Expression, Variable, t
from rnnsym.numerics.functions import elementwise_functions

Float = NDArray[np.float64]
NOWHERE: Mapping[Any, int] = MappingProxyType({})


def float_arithmetic(sizes: Mapping[Any, int]) -> Arithmetic:
    """Return the arithmetic of float64 arrays."""
    functions = elementwise_functions()
    return Arithmetic(float, lambda name, array: functions[name](array), dict(sizes), choose, np.max)


@dataclass(frozen=True)
class Given:
    """What a sequence is made of: sizes, the parameters, the input of each step, and the states at step 0."""

    sizes: Mapping[Any, int]
    parameters: Mapping[Expression, Any]
    inputs: tuple[Any, ...]
    starts: Mapping[Expression, Any]


class NormNumbers:
    """Values of expressions of printed numbers, norms and powers of them."""

    def __init__(self, sizes: Mapping[Any, int]) -> None:
        self.arithmetic = float_arithmetic(sizes)

    def value(self, expression: Expression, here: Mapping[Any, int] = NOWHERE) -> Any:
        """Return the value of an expression, its indices (t, or T and j) having the values that ``here`` gives."""
        return evaluate(expression, lambda node: self._look_up(node, here), self.arithmetic)

    def _look_up(self, node: Any, here: Mapping[Any, int]) -> Any:
        rule = _meanings.get(type(node))
        return self.named(node, here) if rule is None else rule(self, node, here)

    def named(self, node: Any, here: Mapping[Any, int]) -> Any:
        """Return the value of a name, of which there is none among plain numbers."""
        raise CheckError(f"{node} has no value among printed numbers at {dict(here)}")

    def measured(self, node: Any, here: Mapping[Any, int]) -> Any:
        """Return the value of what a norm is taken of."""
        return self.value(node.operand, here)

    def product(self, node: Any, here: Mapping[Any, int]) -> Any:
        """Return an ordered product of matrices, the last step on the left."""
        upper, lower = number(node.args[2], here), number(node.args[3], here)
        factors = [np.atleast_2d(self.value(node.factor, {**here, t: step})) for step in range(upper, lower - 1, -1)]
        return reduce(np.matmul, factors) if factors else np.eye(1)

    def product_of_numbers(self, node: norms.ProductOverSteps, here: Mapping[Any, int]) -> Any:
        """Return a product of numbers, or of vectors entry by entry."""
        lower, upper = number(node.args[2], here), number(node.args[3], here)
        factors = [self.value(node.factor, {**here, t: step}) for step in range(lower, upper + 1)]
        return np.prod(factors, axis=0) if factors else 1.0

    def power(self, node: norms.StepPower, here: Mapping[Any, int]) -> Any:
        """Return a power of a number or of a matrix."""
        base, exponent = self.value(node.base, here), number(node.exponent, here)
        return np.linalg.matrix_power(base, exponent) if np.ndim(base) == 2 else base**exponent


class NormPoint(NormNumbers):
    """The values of all quantities of ``given``, and of norms and bounds of its Jacobians."""

    def __init__(self, bound: JacobianBound, given: Given) -> None:
        super().__init__(given.sizes)
        self.bound, self.given, self.loop = bound, given, bound.loop
        self._direct = {path.state.name: path.value for path in direct_paths(self.loop)}
        self._steps = self._run()
        self._places = self._state_places()
        self._jacobians = [self._stacked(step) for step in range(1, len(given.inputs) + 1)]

    def _run(self) -> list[dict[Expression, Any]]:
        before = dict(self.given.starts)
        found = []
        for x in self.given.inputs:
            values: dict[Expression, Any] = {**self.given.parameters, self.bound.network.input: x}
            values |= {state.at(self.loop.before): before[state] for state in self.loop.states}
            for assignment in self.loop.cell:
                values[assignment.target] = evaluate(assignment.value, values.__getitem__, self.arithmetic)
            before = {state: values[state] for state in self.loop.states}
            found.append(values)
        return found

    def _state_places(self) -> dict[str, slice]:
        places, start = {}, 0
        for state in self.loop.states:
            count = int(np.size(self.given.starts[state]))
            places[state.name] = slice(start, start + count)
            start += count
        return places

    def _stacked(self, step: int) -> Float:
        """The Jacobian of the whole stack at one step, from the blocks that are printed."""
        size = max(place.stop for place in self._places.values())
        values, stacked = self._steps[step - 1], np.zeros((size, size))
        for estimate in self.bound.estimates:
            block = estimate.block
            value = evaluate(block.value, values.__getitem__, self.arithmetic)
            values[StepBlock(block.of, block.by)] = value
            target = stacked[self._places[block.of.name], self._places[block.by.name]]
            target[...] = np.reshape(value, target.shape)
        return stacked

    def named(self, node: Any, here: Mapping[Any, int]) -> Any:
        """Return a parameter, or a quantity at its step."""
        if not isinstance(node, Variable) or node.step is None:
            return self.given.parameters[node]
        step = number(node.step, here)
        return self.given.starts[node.at(t)] if step == 0 else self._steps[step - 1][node.at(t)]

    def total(self, node: Total, here: Mapping[Any, int]) -> Float:
        """Return ∂a/∂b of states or stacks: the rows and columns of a product of step Jacobians."""
        (rows, last), (columns, first) = (self._entries(part, here) for part in (node.of, node.by))
        product = np.eye(len(self._jacobians[0]))
        for step in range(last, first, -1):
            product = product @ self._jacobians[step - 1]
        found: Float = product[np.ix_(rows, columns)]
        return found

    def _entries(self, part: Any, here: Mapping[Any, int]) -> tuple[list[int], int]:
        parts = part.args if isinstance(part, Stack) else (part,)
        rows = [row for one in parts for row in range(self._places[one.name].start, self._places[one.name].stop)]
        return rows, number(parts[0].step, here)

    def direct(self, node: Any, here: Mapping[Any, int]) -> Any:
        """Return the product of a state's own blocks along the direct path."""
        first, last = (number(part.step, here) for part in (node.by, node.of))
        factors = [self._matrix(self._direct[node.of.name], step) for step in range(last, first, -1)]
        return reduce(np.matmul, factors, np.eye(max(1, int(np.size(self.given.starts[node.of.at(t)])))))

    def _matrix(self, expression: Expression, step: int) -> Float:
        return np.atleast_2d(self.value(expression, {t: step}))

    def step_bound(self, _: norms.StepBound, here: Mapping[Any, int]) -> Any:
        """Return β, as the rules give it, whatever the page says."""
        return self.value(self.bound.step, here)

    def block_bound(self, node: norms.BlockBound, here: Mapping[Any, int]) -> Any:
        """Return the bound of a block, as the rules give it."""
        return self.value(self.bound.entry(node.of, node.by), here)

    def block_bounds(self, _: norms.BlockBounds, here: Mapping[Any, int]) -> Float:
        """Return the matrix of the blocks' bounds."""
        states = self.loop.states
        return np.array([[float(self.value(self.bound.entry(of, by), here)) for by in states] for of in states])


def number(step: Any, here: Mapping[Any, int]) -> int:
    """Return a step as an integer; CheckError where it has none here."""
    return _counted(step, tuple(here.items()))


@lru_cache(maxsize=4096)
def _counted(step: Any, here: tuple[tuple[Any, int], ...]) -> int:
    found = _sympify(step).subs(here)
    if not found.is_Integer:
        raise CheckError(f"the step {step} has no value here: a line about T and j needs both")
    return int(found)


def largest_singular_value(matrix: Any) -> float:
    """Return σ_max(A) as the root of the largest eigenvalue of AᵀA."""
    return _scaled(matrix, lambda scaled: np.sqrt(np.linalg.eigvalsh(scaled.T @ scaled).max()))


def spectral_norm(array: Any) -> float:
    """Return ‖A‖₂ of a matrix, a vector or a number."""
    return _scaled(array, lambda scaled: np.linalg.norm(scaled, 2)) if np.ndim(array) else abs(float(array))


def _scaled(array: Any, norm: Callable[[Float], Any]) -> float:
    """A norm of an array whose largest entry is brought to 1 before, so that no square under- or overflows."""
    scale = float(np.abs(array).max(initial=0.0))
    return scale * float(norm(np.asarray(array) / scale)) if scale else 0.0


def _measure(function: Any) -> Any:
    return lambda point, node, here: function(point.measured(node, here))


_meanings: dict[type, Any] = {
    Total: NormPoint.total,
    StepBlock: NormPoint.total,
    norms.Direct: NormPoint.direct,
    DescendingProduct: NormNumbers.product,
    norms.ProductOverSteps: NormNumbers.product_of_numbers,
    norms.StepPower: NormNumbers.power,
    norms.StepBound: NormPoint.step_bound,
    norms.BlockBound: NormPoint.block_bound,
    norms.BlockBounds: NormPoint.block_bounds,
    norms.LargestSlope: lambda point, node, here: float(in_numbers(node).value),
    norms.Decimal: lambda point, node, here: float(node.value),
    norms.NumberMatrix: lambda point, node, here: np.array(node.rows, dtype=float),
    norms.SpectralNorm: _measure(spectral_norm),
    norms.LargestSingularValue: _measure(largest_singular_value),
    norms.SpectralRadius: _measure(lambda matrix: float(np.abs(np.linalg.eigvals(matrix)).max())),
    norms.LargestEntry: _measure(lambda array: float(np.abs(array).max(initial=0.0))),
    norms.ColumnSum: _measure(lambda matrix: float(np.abs(matrix).sum(axis=0).max())),
    norms.RowSum: _measure(lambda matrix: float(np.abs(matrix).sum(axis=1).max())),
}
