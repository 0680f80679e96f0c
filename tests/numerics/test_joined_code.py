"""The batch code of joined vectors, their pieces and looked-up rows against the interpreter, one sequence at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model import expressions as ex
from rnnsym.model.evaluation import Arithmetic, evaluate
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.printing import BatchPrinter

BATCH = 5
ROUNDING = 1e-12  # relative; the same dozen products of numbers near one, summed in another order
d, n = ex.size("d"), ex.size("n")
SIZES = {d: 4, n: 3}
x, h = ex.Variable("x", (d,), ex.t), ex.Variable("h", (n,), ex.t - 1)
g, wide = Adjoint(ex.Variable("h", (n,), ex.t)), Adjoint(ex.Variable("v", (d + n,), ex.t))
b, W, E, C = (ex.Parameter(name, shape) for name, shape in
              (("b", (n,)), ("W", (d, n)), ("E", (d, n)), ("C", (d + n, n))))
NAMES: list[Any] = [x, h, g, wide, b, W, E, C]
seeds = st.integers(0, 2**32 - 1)


class Batch:
    """Random values of all names, those of a step for each sequence; x is a one-hot row where ``index`` says so."""

    def __init__(self, seed: int, *, index: bool = False) -> None:
        generator = np.random.default_rng(seed)
        self.names = Identifiers()
        self.printer = BatchPrinter(self.names)
        self.values: dict[Any, Any] = {}
        for name in NAMES:
            shape = [int(size.subs(SIZES)) for size in name.shape]
            own = isinstance(name, ex.Parameter)
            self.values[name] = generator.normal(size=shape if own else (BATCH, *shape))
        self.rows = generator.integers(0, SIZES[d], BATCH)
        self.index = index
        if index:
            self.values[x] = np.eye(SIZES[d])[self.rows]

    def run(self, *lines: str) -> Any:
        """Return what ``result`` is after the lines of code."""
        arguments = {self.names(name): value for name, value in self.values.items()}
        arguments |= {self.names(size): value for size, value in SIZES.items()}
        if self.index:
            arguments[self.names(x)] = self.rows
        body = "".join(f"    {line}\n" for line in lines)
        source = f"import numpy as np\n\n\ndef run({', '.join(arguments)}):\n{body}    return result\n"
        return load_source("printed", source).run(**arguments)

    def computed(self, expression: ex.Expression) -> Any:
        return self.run(f"result = {self.printer.doprint(expression)}")

    def summed(self, expression: ex.Expression) -> Any:
        """Run the statements that add the sum over the batch to an array of ones."""
        start = f"result = np.ones({tuple(int(size.subs(SIZES)) for size in expression.shape)})"
        return self.run(start, *self.printer.accumulate("result", expression)) - 1

    def expected(self, expression: ex.Expression) -> Any:
        """Return the interpreter's value of each sequence."""
        arithmetic = Arithmetic(float, lambda name, array: {"tanh": np.tanh}[name](array), SIZES)

        def sequence(place: int) -> Any:
            def look_up(name: ex.Expression) -> Any:
                return self.values[name] if isinstance(name, ex.Parameter) else self.values[name][place]

            return evaluate(expression, look_up, arithmetic)

        return np.array([sequence(place) for place in range(BATCH)])


def close(found: Any, expected: Any) -> bool:
    error, allowed = np.abs(found - expected), ROUNDING * (1 + np.abs(expected))
    return np.shape(found) == np.shape(expected) and bool(np.all(error <= allowed))


JOINED = {
    "two": ex.Concatenation(x, h),
    "three": ex.Concatenation(h, x, ex.Elementwise("tanh", h)),
    "with a parameter": ex.Concatenation(b, x),
    "with an expression of parameters": ex.Concatenation(x, b @ C.T),
    "a product": ex.Concatenation(x, h) @ C,
    "a product on the right": C.T @ ex.Concatenation(x, h),
    "nested": ex.Concatenation(x, ex.Concatenation(h, x * 2)),
    "the first piece": ex.Part(wide, (d, n), 0),
    "the last piece": ex.Part(wide, (d, n), 1),
    "a piece in the middle": ex.Part(ex.Concatenation(x, h, x), (d, n, d), 1),
    "a piece of a product": ex.Part(g @ C.T, (d, n), 1) * h,
    "a piece of a sum": ex.Part(wide + ex.Concatenation(x, h), (d, n), 0),
    "a projection": ex.Projection(g, E.T),
}
INDEXED = {
    "a row": ex.Lookup(x, E),
    "a row beside a product": ex.Lookup(x, E) + h @ C.T @ C,
    "a row joined": ex.Concatenation(ex.Lookup(x, E), h),
}
SUMS = {
    "a row": ex.Scatter(x, g),
    "a row, negative": ex.Negative(ex.Scatter(x, g)),
    "a row of a product": ex.Scatter(x, g * h - h),
    "a row of a parameter": ex.Scatter(x, b),
    "two rows": ex.Scatter(x, g) - ex.Scatter(x, h),
    "a row and an outer product": ex.Scatter(x, g) + ex.Outer(ex.Part(wide, (d, n), 0), h),
    "a piece": ex.Part(wide, (d, n), 1),
    "an outer product of a joined vector": ex.Outer(ex.Concatenation(h, h), g),
}


@pytest.mark.parametrize("name", JOINED)
@given(seeds)
def test_joined_vectors_in_code_are_those_of_the_interpreter(name: str, seed: int) -> None:
    batch = Batch(seed)
    assert close(batch.computed(JOINED[name]), batch.expected(JOINED[name]))


@pytest.mark.parametrize("name", INDEXED)
@given(seeds)
def test_an_index_in_code_is_a_one_hot_row_for_the_interpreter(name: str, seed: int) -> None:
    batch = Batch(seed, index=True)
    assert close(batch.computed(INDEXED[name]), batch.expected(INDEXED[name]))


@pytest.mark.parametrize("name", SUMS)
@given(seeds)
def test_accumulated_gradients_are_the_sums_over_the_batch(name: str, seed: int) -> None:
    batch = Batch(seed, index=True)
    assert close(batch.summed(SUMS[name]), batch.expected(SUMS[name]).sum(axis=0))


def test_a_row_that_a_batch_names_twice_is_added_twice() -> None:
    """``grad[x] += g`` would count it once."""
    batch = Batch(3, index=True)
    batch.rows[:] = 1
    batch.values[x] = np.eye(SIZES[d])[batch.rows]
    found = batch.summed(ex.Scatter(x, g))
    assert close(found[1], batch.values[g].sum(axis=0))
    assert not np.any(found[[0, 2, 3]])


def test_the_code_reads_as_one_would_write_it() -> None:
    printer = BatchPrinter(Identifiers())
    assert printer.doprint(JOINED["a product"]) == "np.concatenate((x, h_prev), axis=-1) @ C"
    assert printer.doprint(JOINED["the first piece"]) == "d_v[..., :size_d]"
    assert printer.doprint(JOINED["the last piece"]) == "d_v[..., size_d:]"
    assert printer.doprint(INDEXED["a row"]) == "E[x]"
    assert printer.accumulate("grad_E", ex.Scatter(x, g)) == ("np.add.at(grad_E, x, d_h)",)
    assert printer.accumulate("grad_b", g) == ("grad_b += d_h.sum(axis=0)",)
    assert printer.accumulate("grad_E", ex.Outer(x, h) - ex.Scatter(x, g)) == (
        "grad_E += x.T @ h_prev", "np.subtract.at(grad_E, x, d_h)")


def test_a_size_that_is_a_sum_is_printed_with_the_names_of_its_parts() -> None:
    printer = BatchPrinter(Identifiers())
    assert printer.doprint(ex.Ones((d + 2 * n + 1,))) == "np.ones((size_d + 2 * size_n + 1,))"
    assert printer.doprint(ex.Size((d + n) * n)) == "size_n * (size_d + size_n)"


@pytest.mark.parametrize("expression", [ex.Scatter(x, g), ex.Hadamard(ex.Numeral(2), ex.Scatter(x, g))])
def test_a_gradient_by_rows_has_no_code_but_in_place(expression: ex.Expression) -> None:
    for printed in (BatchPrinter(Identifiers()).doprint, BatchPrinter(Identifiers()).over_batch):
        with pytest.raises(DerivationError, match="added in place"):
            printed(expression)


def test_the_cases_were_all_tried() -> None:
    assert (len(JOINED), len(INDEXED), len(SUMS)) == (13, 3, 8)
