"""Values of a stack are those of its items, for every kind of node that is read off a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnnsym.errors import RnnsymError
from rnnsym.model import expressions as ex
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, choose, evaluate, meanings
from rnnsym.model.stacking import evaluate_stacked, largest_entry, rank_of
from rnnsym.numerics.functions import elementwise_functions

n, d = ex.size("n"), ex.size("d")
SIZES = {n: 3, d: 2}
s, u = ex.Variable("s", (), ex.t), ex.Parameter("u", ())
h, g, x = ex.Variable("h", (n,), ex.t), ex.Parameter("g", (n,)), ex.Variable("x", (d,), ex.t)
W, U, V = ex.Parameter("W", (d, n)), ex.Parameter("U", (n, n)), ex.Parameter("V", (n, n))
C = ex.Parameter("C", (d + n, n))
NAMES = (s, u, h, g, x, W, U, V, C)
SAMPLES: dict[str, ex.Expression] = {
    "numeral": h + ex.Numeral("1/3"),
    "constant": ex.Constant("dt", "1/20") * h,
    "size": h * ex.Size(n),
    "ones": ex.Hadamard(ex.Ones((n,)), h, s),
    "identity": ex.OrderedSum(ex.IdentityMatrix(n), U, s),
    "sum": ex.OrderedSum(h, s, g, ex.Negative(u)),
    "negative": -U,
    "hadamard": ex.Hadamard(s, h, u, g),
    "scalars": ex.Hadamard(s, u) + s,
    "a scalar and a matrix": ex.Hadamard(s, U, V),
    "quotient": ex.Quotient(s, ex.Numeral(2) + ex.Elementwise("tanh", h)),
    "power": ex.Power(ex.Numeral(2) + ex.Elementwise("tanh", h), "-3/2"),
    "row times matrix": x @ W,
    "matrix times column": U @ h,
    "matrix times matrix": W @ (U @ V),
    "dot": h @ g,
    "scaled dot": (h @ g) * h,
    "transpose": ex.Transposed(W) @ x,
    "elementwise": ex.Elementwise("sigmoid", h * s),
    "softmax": ex.Softmax(h * ex.Numeral(40)),
    "comparison": ex.Comparison(">=", h, s),
    "selection": ex.Selection(ex.Comparison("<", h, s), s, h),
    "a selection of scalars": ex.Selection(ex.Comparison(">", s, u), s, ex.ZERO),
    "extremum": ex.Extremum("maximum", h, s),
    "sum of a matrix": ex.Reduction("sum", ex.Hadamard(s, U)),
    "mean of a vector": ex.Reduction("mean", h) * g,
    "mean of a constant": ex.Reduction("mean", ex.Ones((d, n))) * s,
    "logsumexp": ex.Reduction("logsumexp", h * ex.Numeral(40)),
    "outer": ex.Outer(x, h),
    "diagonal": ex.Diagonal(h) @ ex.Transposed(U),
    "concatenation": ex.Concatenation(x, h) @ C,
    "matrices on top of each other": ex.Concatenation(W, U),
    "a constant beside another": ex.Concatenation(ex.Ones((d,)), h),
    "part of a vector": ex.Part(ex.Concatenation(x, h), (d, n), 1),
    "part of a matrix": ex.Part(C, (d, n), 1),
    "projection": ex.Projection(h, U),
    "lookup": ex.Lookup(x, W),
    "scatter": ex.Scatter(x, h),
}
LEADING = [(), (4,), (1,), (2, 3), (0,)]
# Which names vary along which of the axes: none of them, all, or the first alone (as weights of several networks do).
KINDS: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "constant": lambda leading: (),
    "varying": lambda leading: leading,
    "by network": lambda leading: tuple(length if not place else 1 for place, length in enumerate(leading)),
}


def arithmetic(largest: Any) -> Arithmetic:
    return Arithmetic(float, lambda name, array: elementwise_functions()[name](array), SIZES, choose, largest)


def shape(name: Any) -> tuple[int, ...]:
    return tuple(int(length.subs(SIZES)) for length in name.shape)


def values_of(leading: tuple[int, ...], kinds: list[str], seed: int) -> dict[Any, Any]:
    random = np.random.default_rng(seed)
    return {name: random.normal(size=(*KINDS[kind](leading), *shape(name)))
            for name, kind in zip(NAMES, kinds, strict=True)}


def wrong_items(sample: ex.Expression, leading: tuple[int, ...], values: dict[Any, Any]) -> int:
    """How many items of a stack are not, to the last bit, what they are alone."""
    found = evaluate_stacked(sample, values.__getitem__, arithmetic(largest_entry))
    stack = np.broadcast_to(found, (*leading, *shape(sample)))
    wide = {name: np.broadcast_to(value, (*leading, *shape(name))) for name, value in values.items()}
    items = {place: evaluate(sample, lambda name, at=place: wide[name][at], arithmetic(np.max))  # type: ignore[misc]
             for place in np.ndindex(leading)}
    return sum(not np.array_equal(stack[place], item) for place, item in items.items())


@pytest.mark.parametrize("name", SAMPLES)
@given(st.sampled_from(LEADING), st.lists(st.sampled_from(list(KINDS)), min_size=len(NAMES), max_size=len(NAMES)),
       st.integers(0, 2**32 - 1))
def test_an_item_of_a_stack_is_what_it_is_alone(
    name: str, leading: tuple[int, ...], kinds: list[str], seed: int
) -> None:
    assert wrong_items(SAMPLES[name], leading, values_of(leading, kinds, seed)) == 0


def test_every_kind_of_node_has_a_sample() -> None:
    seen = Counter(type(node) for sample in SAMPLES.values() for node in ex.walk(sample))
    assert set(meanings) <= set(seen)
    assert {node.function for sample in SAMPLES.values() for node in ex.walk(sample)
            if isinstance(node, ex.Elementwise)} <= set(activations)


def test_without_axes_for_scalars_stacks_would_be_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many items as entries: nothing raises where a scalar of each item meets one entry of every item."""
    monkeypatch.setattr("rnnsym.model.stacking.with_axes", lambda scalars, count: scalars)
    values = values_of((3,), ["varying"] * len(NAMES), 0)
    noticed = [name for name in ("sum", "hadamard", "quotient", "selection", "extremum", "comparison", "softmax")
               if wrong_items(SAMPLES[name], (3,), values)]
    assert len(noticed) == 7


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=1, max_dims=3), elements=st.floats(-9, 9)))
def test_the_largest_entry_is_that_of_the_last_axis(array: Any) -> None:
    assert np.array_equal(largest_entry(array), np.apply_along_axis(max, -1, array))


def test_an_unknown_node_is_asked_of_the_lookup_and_three_axes_are_refused() -> None:
    assert evaluate_stacked(s, {s: 2.0}.__getitem__, arithmetic(largest_entry)) == 2.0
    with pytest.raises(KeyError):
        evaluate_stacked(u, {s: 2.0}.__getitem__, arithmetic(largest_entry))
    cube = ex.Parameter("cube", (n, n, n))
    with pytest.raises(RnnsymError, match="more axes"):
        evaluate_stacked(h @ cube, {h: np.ones(3), cube: np.ones((3, 3, 3))}.__getitem__, arithmetic(largest_entry))
    assert rank_of(cube) == 3
