"""Published equations of backpropagation through time, decided for every number of steps."""

from __future__ import annotations

import pytest

import rnnsym
from rnnsym import Cell, Network, check_claim

# Zhang, Lipton, Li, Smola, Dive into Deep Learning, section 9.7: column vectors, the loss is the mean over the steps.
LINEAR = Network(
    Cell.from_equations("linear", "h = W_hx @ x + W_hh @ h_prev"), "yhat = W_qh @ h", "squared_error", "many-to-many",
    over_steps="mean",
)
HIDDEN = Network(
    Cell.from_equations("hidden", "h = tanh(W_hx @ x + W_hh @ h_prev)"), "yhat = W_qh @ h", "squared_error",
    "many-to-many", over_steps="mean",
)
PATHS = ("total(h[t], W_hh) == partial(h[t], W_hh) + sum(prod(partial(h[j], h[j-1]) for j in {}) "
         "@ partial(h[i], W_hh) for i in range(1, t))")

DIVE = {
    "9.7.10": "L == (1 / T) * sum(L[t] for t in range(1, T + 1))",
    "9.7.11": "total(L, yhat[t]) == (1 / T) * total(L[t], yhat[t])",
    "9.7.12": "total(L, W_qh) == sum(outer(total(L, yhat[t]), h[t]) for t in range(1, T + 1))",
    "9.7.13": "total(L, h[T]) == W_qh.T @ total(L, yhat[T])",
    "9.7.14": "total(L, h[t]) == W_hh.T @ total(L, h[t+1]) + W_qh.T @ total(L, yhat[t])",
    "9.7.15": "total(L, h[t]) == sum(prod(W_hh.T for s in range(i, T)) @ W_qh.T @ total(L, yhat[T + t - i]) "
              "for i in range(t, T + 1))",
    "9.7.15, forwards": "total(L, h[t]) == sum(prod(W_hh.T for s in range(t, i)) @ W_qh.T @ total(L, yhat[i]) "
                        "for i in range(t, T + 1))",
    "9.7.16, W_hx": "total(L, W_hx) == sum(outer(total(L, h[t]), x[t]) for t in range(1, T + 1))",
    "9.7.16, W_hh": "total(L, W_hh) == sum(outer(total(L, h[t]), h[t-1]) for t in range(1, T + 1))",
}
DIVE_GENERAL = {
    "9.7.3": "total(L, W_hh) == (1 / T) * sum(total(L[t], yhat[t]) @ total(yhat[t], h[t]) @ total(h[t], W_hh) "
             "for t in range(1, T + 1))",
    "9.7.4": "total(h[t], W_hh) == partial(h[t], W_hh) + partial(h[t], h[t-1]) @ total(h[t-1], W_hh)",
    "9.7.7, descending": PATHS.format("range(t, i, -1)"),
}

# Goodfellow, Bengio, Courville, Deep Learning, section 10.2.2: column vectors, the loss is the sum over the steps.
GOODFELLOW = Network(
    Cell.from_equations("tanh", "a = b + W @ h_prev + U @ x\nh = tanh(a)"), "o = c + V @ h\nyhat = softmax(o)",
    "softmax_cross_entropy", "many-to-many",
)
BOOK = {
    "10.18": "total(L, o[t]) == yhat[t] - target[t]",
    "10.19": "total(L, h[T]) == V.T @ total(L, o[T])",
    "10.21": "total(L, h[t]) == W.T @ diag(1 - h[t+1]**2) @ total(L, h[t+1]) + V.T @ total(L, o[t])",
    "10.22": "total(L, c) == sum(total(L, o[t]) for t in range(1, T + 1))",
    "10.23": "total(L, b) == sum(diag(1 - h[t]**2) @ total(L, h[t]) for t in range(1, T + 1))",
    "10.24": "total(L, V) == sum(outer(total(L, o[t]), h[t]) for t in range(1, T + 1))",
    "10.26": "total(L, W) == sum(diag(1 - h[t]**2) @ outer(total(L, h[t]), h[t-1]) for t in range(1, T + 1))",
    "10.28": "total(L, U) == sum(diag(1 - h[t]**2) @ outer(total(L, h[t]), x[t]) for t in range(1, T + 1))",
}

# Pascanu, Mikolov, Bengio 2013: column vectors, the activation stands inside the product.
PASCANU = Network(
    Cell.from_equations("rec", "s = W_rec @ tanh(s_prev) + W_in @ x + b"), "yhat = V @ s", "squared_error",
    "many-to-many",
)
PATH_SUM = ("total(L, W_rec) == sum(sum(total(L[t], s[t]) @ total(s[t], s[j]) @ partial(s[j], W_rec) "
            "for j in range(1, t + 1)) for t in range(1, T + 1))")


@pytest.mark.parametrize("equation", DIVE)
def test_dive_into_deep_learning_holds(equation: str) -> None:
    assert check_claim(DIVE[equation], LINEAR).holds


@pytest.mark.parametrize("equation", DIVE_GENERAL)
def test_dive_into_deep_learning_holds_of_any_hidden_layer(equation: str) -> None:
    assert check_claim(DIVE_GENERAL[equation], HIDDEN).holds


def test_the_ascending_product_of_dive_into_deep_learning_holds_for_one_unit_only() -> None:
    verdict = check_claim(PATHS.format("range(i + 1, t + 1)"), HIDDEN)
    assert verdict.holds is False
    assert any("one unit" in case for case in verdict.cases)
    assert verdict.counterexample is not None
    assert (verdict.counterexample.sizes["n"], verdict.counterexample.steps) == (2, 3)


@pytest.mark.parametrize("equation", BOOK)
def test_goodfellow_bengio_courville_hold(equation: str) -> None:
    verdict = check_claim(BOOK[equation], GOODFELLOW)
    assert verdict.holds, verdict.text()
    assert "for every T" in verdict.how


def test_the_sum_over_paths_of_pascanu_mikolov_bengio_holds_and_their_equation_5_needs_symmetric_weights() -> None:
    assert check_claim(PATH_SUM, PASCANU).holds
    right = check_claim("partial(s[t], s[t-1]) == W_rec @ diag(1 - tanh(s[t-1])**2)", PASCANU)
    printed = check_claim("partial(s[t], s[t-1]) == W_rec.T @ diag(1 - tanh(s[t-1])**2)", PASCANU)
    assert (right.holds, printed.holds) == (True, False)
    assert any("W_rec is symmetric" in case for case in printed.cases)


def test_the_notes_network() -> None:
    network = Network(rnnsym.cells["simple"])
    path = ("total(L, {0}) == sum(total(L, yhat) @ total(yhat, o[T]) @ prod(partial(o[t], o[t-1]) "
            "for t in range(T, j, -1)) @ partial(o[j], {0}) for j in range(1, T + 1))")
    assert all(check_claim(path.format(name), network).holds for name in ("W_i", "W_h", "b"))
    both_total = check_claim(
        "total(L, W_i) == sum(total(L, yhat) @ total(yhat, o[j]) @ total(o[j], W_i) for j in range(1, T + 1))", network)
    both_immediate = check_claim("total(L, W_i) == sum(total(L, yhat) @ total(yhat, o[T]) @ partial(o[j], W_i) "
                                 "for j in range(1, T + 1))", network)
    assert (both_total.holds, both_immediate.holds) == (False, False)
