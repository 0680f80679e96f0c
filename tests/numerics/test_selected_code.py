"""Batch code of selections, extrema, comparisons, softmax and logsumexp: each sequence as the interpreter has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnsym.calculus.jacobians import jacobian
from rnnsym.calculus.rules import pull_back
from rnnsym.model import expressions as ex
from rnnsym.model.evaluation import Arithmetic, choose, evaluate
from rnnsym.numerics.functions import elementwise_functions, helpers
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.printing import BatchPrinter

BATCH, LENGTH = 4, 3
ROUNDING = 1e-13  # a few operations on numbers near one
n = ex.size("n")
a, b = ex.Variable("a", (n,), ex.t), ex.Variable("b", (n,), ex.t)
s, u = ex.Variable("s", (), ex.t), ex.Variable("u", (), ex.t)
w, g = ex.Parameter("w", (n,)), ex.Parameter("g", ())
NAMES = (a, b, s, u, w, g)
half = ex.Numeral("1/2")


def where(relation: str, left: Any, right: Any, chosen: Any, other: Any) -> ex.Expression:
    condition = ex.Comparison(relation, *map(ex.as_expression, (left, right)))
    return ex.Selection(condition, *map(ex.as_expression, (chosen, other)))


EXPRESSIONS: dict[str, ex.Expression] = {
    "vectors": where(">", a, b, a + b, a * b),
    "a scalar condition": where("<", s, u, a, w),
    "a condition of parameters": where(">=", g, 0, a, s),
    "scalar branches": where("<=", a, w, s, u),
    "a parameter's condition, scalar branches": where(">", w, 0, s, 0),
    "scalars only": where(">", s, g, u, 1),
    "all parameters": a + where(">", w, g, w, 0),
    "inside a product": (where(">", s, 0, 2, s) * a + u) / (1 + a * a),
    "inside another": where(">", a, 0, where("<", s, 0, b, u), -a),
    "a negative condition": where(">", -a, -s, -a, -b),
    "nothing taken": where("<", a, 0, 0, 0) + b,
    "maximum": ex.Extremum("maximum", a, s) - ex.Extremum("minimum", b * 2, w),
    "minimum of scalars": ex.Extremum("minimum", s, g) * a,
    "a clipped state": ex.Extremum("minimum", ex.Extremum("maximum", a + b, ex.Numeral(-1)), ex.ONE),
    "softmax": ex.Softmax(a + b) * s,
    "softmax of a parameter": ex.Softmax(w) * a,
    "logsumexp": ex.Reduction("logsumexp", a * b) * a + ex.Reduction("logsumexp", w),
    "sizes, signs, roundings": ex.Elementwise("abs", a) * ex.Elementwise("sign", b) + ex.Elementwise("round", s * 3),
}


class Point:
    """Random values for a batch; ``at`` gives those of one sequence."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.values = {
            name: np.asarray(generator.normal(size=self._shape(name, isinstance(name, ex.Variable)))) for name in NAMES
        }
        functions = elementwise_functions()
        self.arithmetic = Arithmetic(float, lambda name, x: functions[name](x), {n: LENGTH}, choose, np.max)

    @staticmethod
    def _shape(name: ex.Named, batched: bool) -> tuple[int, ...]:
        return (BATCH,) * batched + (LENGTH,) * name.rank

    def at(self, expression: ex.Expression, place: int) -> Any:
        values = {name: v[place] if isinstance(name, ex.Variable) else v for name, v in self.values.items()}
        return evaluate(expression, lambda name: values[name], self.arithmetic)

    def code(self, expression: ex.Expression, *, summed: bool = False) -> Any:
        printer = BatchPrinter(lambda key: str(getattr(key, "name", key)))
        line = printer.over_batch(expression) if summed else str(printer.doprint(expression))
        used = [helpers[name] for name in sorted(printer.functions) if name in helpers]
        head = f"def run({', '.join(name.name for name in NAMES)}, n={LENGTH}, batch={BATCH}):"
        module = load_source("selected", "\n".join(["import numpy as np", *used, head, f"    return {line}", ""]))
        return module.run(*self.values.values())


def close(found: Any, expected: Any) -> bool:
    error = np.abs(np.asarray(found) - np.asarray(expected))
    return np.shape(found) == np.shape(expected) and bool(np.all(error <= ROUNDING * (1 + np.abs(expected))))


def gradients(expression: ex.Expression) -> dict[ex.Expression, ex.Expression]:
    return pull_back(expression, b * a if expression.rank else u * s)


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_sequence_has_the_value_of_the_interpreter(name: str, seed: int) -> None:
    point, expression = Point(seed), EXPRESSIONS[name]
    assert close(point.code(expression), np.stack([point.at(expression, place) for place in range(BATCH)]))


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("seed", [3, 4])
def test_each_gradient_has_the_value_of_the_interpreter(name: str, seed: int) -> None:
    point = Point(seed)
    for target, gradient in gradients(EXPRESSIONS[name]).items():
        each = [np.broadcast_to(point.at(gradient, place), (LENGTH,) * target.rank) for place in range(BATCH)]
        if isinstance(target, ex.Parameter):
            assert close(point.code(gradient, summed=True), np.sum(each, axis=0))
        else:
            assert close(np.broadcast_to(point.code(gradient), np.shape(each)), np.stack(each))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_pullback_is_the_row_times_the_jacobian(name: str) -> None:
    expression, point = EXPRESSIONS[name], Point(5)
    row = point.at(b * a if expression.rank else u * s, 0)
    for target, gradient in gradients(expression).items():
        seed = ex.IdentityMatrix(n) if target.rank else ex.ONE
        slope = jacobian(expression, {target: seed}.get)
        assert slope is not None
        product = np.tensordot(row, point.at(slope, 0), axes=1) if expression.rank else row * point.at(slope, 0)
        assert close(np.broadcast_to(point.at(gradient, 0), (LENGTH,) * target.rank), product)


def test_a_condition_beside_entries_gets_an_axis() -> None:
    """A scalar of each sequence meets a vector's entries: without an axis it would meet the wrong sequences."""
    printer = BatchPrinter(lambda key: str(getattr(key, "name", key)))
    assert printer.doprint(EXPRESSIONS["a scalar condition"]) == "np.where((s < u)[..., None], a, w)"
    assert printer.doprint(EXPRESSIONS["scalar branches"]) == "np.where(a <= w, s[..., None], u[..., None])"


@pytest.mark.parametrize("size", [800.0, -800.0])
def test_softmax_and_logsumexp_neither_overflow_nor_lose_the_small(size: float) -> None:
    point = Point(6)
    point.values[a] = np.array([[size, 0.0, 1.0]] * BATCH)
    exact = np.array([1.0, 0.0, 0.0]) if size > 0 else np.array([0.0, 1 / (1 + np.e), np.e / (1 + np.e)])
    with np.errstate(under="ignore"):
        assert close(point.code(ex.Softmax(a)), np.array([exact] * BATCH))
        assert close(point.code(ex.Reduction("logsumexp", a)), [800.0 if size > 0 else np.log(1 + np.e)] * BATCH)
