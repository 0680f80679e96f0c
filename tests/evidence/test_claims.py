"""Claims: the true ones hold, the false ones are refuted by numbers, and what cannot be decided says so."""

from __future__ import annotations

import numpy as np
import pytest
from claim_networks import network

import rnnsym
from rnnsym import check_claim
from rnnsym.errors import CheckError
from rnnsym.evidence.verdicts import Verdict

PATHS = "sum({} @ partial({}[j], {}) for j in range(1, T + 1))"

HELD = "partial(h[t], …) holds c[t] fixed; total(h[t], …) follows it"


def test_a_refuted_claim_says_what_partial_holds_fixed() -> None:
    refuted = check_claim("partial(h[t], c[t-1]) == diag(o[t] * (1 - tanh(c[t])**2)) @ diag(f[t])", network("lstm"))
    assert refuted.holds is False
    assert HELD in refuted.text()
    held = check_claim("total(h[t], c[t]) @ partial(c[t], c[t-1]) == diag(o[t] * (1 - tanh(c[t])**2)) @ diag(f[t])",
                       network("lstm"))
    assert held.holds
    assert not held.note
    assert not check_claim("partial(o[t], o[t-1]) == W_h", network("simple")).note


TRUE = [
    ("simple", "partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h.T"),
    ("simple", "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(T, j, -1))"),
    ("simple", "total(o[t], o[j]) == prod(diag(1 - o[i]**2) @ W_h.T for i in range(t, j, -1))"),
    ("simple", "total(o[t], o[t]) == I"),
    ("simple", "total(L, W_h) == " + PATHS.format("total(L, o[j])", "o", "W_h")),
    ("simple", "total(L, W_h) == sum(outer(o[j-1], total(L, o[j]) * (1 - o[j]**2)) for j in range(1, T + 1))"),
    ("simple", "total(L, W_h) == sum(outer(o[T-k-1], total(L, a[T-k])) for k in range(0, T))"),
    ("simple", "total(L, b) == sum(total(L, a[j]) for j in range(1, T + 1))"),
    ("simple", "total(L, o[j]) == total(L, yhat) @ total(yhat, o[T]) @ total(o[T], o[j])"),
    ("simple", "total(L, o[t]) == (total(L, o[t+1]) * (1 - o[t+1]**2)) @ W_h.T"),
    ("simple", "total(L, z) == yhat - target"),
    ("simple", "total(L, W_o) == outer(o[T], yhat - target)"),
    ("simple", "L == sum(-target * log(yhat) - (1 - target) * log(1 - yhat))"),
    ("simple", "total(o[3], o[1]) == partial(o[3], o[2]) @ partial(o[2], o[1])"),
    ("simple", "total(o[t], x[t+1]) == 0"),
    ("simple", "o[t] == tanh(x[t] @ W_i + o[t-1] @ W_h + b)"),
    ("simple", "partial(o[t], W_h) == partial(o[t], a[t]) @ partial(a[t], W_h)"),
    ("simple", "norm(total(o[T], o[j])) <= norm(W_h)**(T - j)"),
    ("simple_relu", "partial(o[t], o[t-1]) == diag(step(a[t])) @ W_h.T"),
    ("simple_relu", "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(T, j, -1))"),
    ("lstm", "partial(c[t], c[t-1]) == diag(f[t])"),
    ("lstm", "total(h[t], c[t]) == diag(o[t] * (1 - tanh(c[t])**2))"),
    ("lstm", "total(L, c[t]) == total(L, h[t]) * o[t] * (1 - tanh(c[t])**2) + total(L, c[t+1]) * f[t+1]"),
    ("lstm", "total(L, W_hf) == sum(total(L, h[j]) @ partial(h[j], W_hf) + total(L, c[j]) @ partial(c[j], W_hf) "
             "for j in range(1, T + 1))"),
    ("gru", "total(L, W_hn) == " + PATHS.format("total(L, h[j])", "h", "W_hn")),
    ("skip_connection", "total(L, W_s) == " + PATHS.format("total(L, h[j])", "h", "W_s")),
    ("column", "partial(h[t], h[t-1]) == diag(1 - h[t]**2) @ W"),
    ("column", "total(L, W) == sum(outer(total(L, h[j]) * (1 - h[j]**2), h[j-1]) for j in range(1, T + 1))"),
    ("tags", "total(L, o[t]) == total(L, o[t+1]) @ partial(o[t+1], o[t]) + total(L, yhat[t]) @ W_o.T"),
    ("tags", "T * L == sum(L[t] for t in range(1, T + 1))"),
    ("tags", "total(L, b_o) == sum(yhat[t] - target[t] for t in range(1, T + 1)) / T"),
    ("fed", "total(L, W_h) == " + PATHS.format("total(L, o[j])", "o", "W_h")),
    ("single", "total(L, W_h) == total(L, o[1]) @ partial(o[1], W_h)"),
    ("two", "total(L, W_h_1) == " + PATHS.format("total(L, o_1[j])", "o_1", "W_h_1")),
]

FALSE = [
    ("simple", "partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h", "W_h is symmetric"),
    ("simple", "partial(o[t], o[t-1]) == W_h.T @ diag(1 - o[t]**2)", "one unit"),
    ("simple", "partial(o[t], o[t-1]) == diag(o[t]) @ W_h.T", ""),
    ("simple", "partial(o[t], o[t-1]) == diag(1 - o[t]) @ W_h.T", ""),
    ("simple", "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(j + 1, T + 1))", "one unit"),
    ("simple", "total(o[T], o[j]) == prod(partial(o[t], o[t-1]) for t in range(T, j + 1, -1))", ""),
    ("simple", "total(o[T], o[j]) == partial(o[T], o[j])", "j >= T - 1"),
    ("simple", "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(T - 5, T + 1))", "T = 6 "),
    ("simple", "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(T, T + 1))", "T = 1 "),
    ("simple", "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(2, T + 1))", "start at zero"),
    ("simple", "total(L, W_h) == sum(total(L, o[j]) @ total(o[j], W_h) for j in range(1, T + 1))", "T = 1 "),
    ("simple", "total(L, W_h) == sum(outer(total(L, a[j]), o[j-1]) for j in range(1, T + 1))", "one unit"),
    ("simple", "total(L, b) == sum(total(L, o[j]) for j in range(1, T + 1))", ""),
    ("simple", "total(L, z) == target - yhat", ""),
    ("simple", "L == -target @ log(yhat) - (1 - target) @ (1 - log(yhat))", ""),
    ("simple", "(T - 1) * (T - 2) * (T - 3) * (T - 4) * (T - 5) * L == 0", "T = 1, 2, 3, 4, 5 "),
    ("simple", "(t - 1) * (t - 2) * (t - 3) * o[t] == 0", ""),
    ("simple", "total(o[t], o[t]) == 2 * I", ""),
    ("simple", "norm(total(o[T], o[j])) <= (1/2)**(T - j)", ""),
    ("simple", "norm(o[t]) <= 1", ""),
    ("simple_relu", "partial(o[t], o[t-1]) == W_h.T", ""),
    ("lstm", "total(c[t], c[t-1]) == diag(f[t])", "t = 1"),
    ("lstm", "total(c[T], c[j]) == prod(diag(f[t]) for t in range(T, j, -1))", "j = T"),
    ("lstm", "total(L, W_hf) == sum(total(L, h[j]) @ partial(h[j], W_hf) for j in range(1, T + 1))", ""),
    ("gru", "partial(h[t], h[t-1]) == diag(z[t])", ""),
    ("column", "partial(h[t], h[t-1]) == diag(1 - h[t]**2) @ W.T", "W is symmetric"),
    ("tags", "L == sum(L[t] for t in range(1, T + 1))", "T = 1 "),
    ("tags", "total(L, o[t]) == total(L, o[t+1]) @ partial(o[t+1], o[t])", ""),
    ("single", "total(L, W_h) == 0", "start at zero"),
    ("two", "total(L, W_h_1) == sum(total(L, o_2[j]) @ partial(o_2[j], W_h_1) for j in range(1, T + 1))", ""),
]

# The standard identity of 2 × 2 matrices (Amitsur, Levitzki 1950) holds for no larger ones.
JACOBIANS = [f"partial(o[t+{i}], o[t+{i - 1}])" for i in (1, 2, 3, 4)]
UNDECIDED = [
    ("simple", "tanh(o[t]) == 2 * sigmoid(2 * o[t]) - 1", "agrees numerically"),
    ("simple", "exp(o[t] + b) == exp(o[t]) * exp(b)", "agrees numerically"),
    ("simple_relu", "o[t] == step(a[t]) * a[t]", "agrees numerically"),
    ("simple_relu", "partial(o[t], b) == diag(step(a[t])) @ diag(step(a[t]))", "draws of the cases"),
    ("simple", "o[t+j] == 1 * o[t+j]", "not at a fixed distance"),
    ("simple", "exp(o[t] * o[j]) == exp(o[j] * o[t])", "far from each other"),
    ("simple", "norm(o[t]) <= norm(x[t] @ W_i + o[t-1] @ W_h + b)", "no rule for bounds"),
    ("both", "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(1, T + 1))", "both ends"),
]


def permutations(letters: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Return all orders of the letters with their signs."""
    if len(letters) < 2:
        return [(1, letters)]
    found = []
    for place, first in enumerate(letters):
        rest = letters[:place] + letters[place + 1 :]
        found += [(sign * (-1) ** place, (first, *order)) for sign, order in permutations(rest)]
    return found


STANDARD = " + ".join(
    f"{sign} * " + "(" + " @ ".join(JACOBIANS[i] for i in order) + ")" for sign, order in permutations((0, 1, 2, 3))
).replace("+ -1 * ", "- ").replace("1 * ", "")


def test_there_are_enough_claims_of_each_kind() -> None:
    assert len(TRUE) >= 25
    assert len(FALSE) >= 25
    assert len({*TRUE} | {one[:2] for one in FALSE}) == len(TRUE) + len(FALSE)


@pytest.mark.parametrize(("name", "text"), TRUE, ids=str)
def test_a_true_claim_holds(name: str, text: str) -> None:
    verdict = check_claim(text, network(name))
    assert verdict.holds is True, verdict.text()
    assert verdict.counterexample is None


@pytest.mark.parametrize(("name", "text", "case"), FALSE, ids=str)
def test_a_false_claim_is_refuted_and_its_special_cases_are_told(name: str, text: str, case: str) -> None:
    verdict = check_claim(text, network(name))
    assert verdict.holds is False, verdict.text()
    found = verdict.counterexample
    assert found is not None
    assert found.gap > 0
    assert not np.array_equal(found.left, found.right)
    assert case in " ".join(verdict.cases)


@pytest.mark.parametrize(("name", "text", "reason"), UNDECIDED, ids=str)
def test_what_is_not_proved_is_undecided(name: str, text: str, reason: str) -> None:
    verdict = check_claim(text, network(name))
    assert verdict.holds is None, verdict.text()
    assert reason in verdict.how


def test_what_holds_for_few_units_only_is_refuted() -> None:
    """The factors share W_h, so that the identity of 2 × 2 matrices holds of these for three units, too."""
    verdict = check_claim(f"{STANDARD} == 0", network("simple"))
    assert verdict.holds is False
    assert any("n = 1, 2, 3 alone" in case for case in verdict.cases)
    assert verdict.counterexample is not None
    assert verdict.counterexample.sizes["n"] == 4


def test_the_counterexample_can_be_computed_again() -> None:
    """Both sides of ∂L/∂W_h = Σ … by the generated code and by hand, at the numbers that are printed."""
    text = "total(L, W_h) == sum(outer(total(L, a[j]), o[j-1]) for j in range(1, T + 1))"
    found = check_claim(text, network("simple")).counterexample
    assert found is not None
    start = {name: value[None] for name, value in found.initial_state.items()}
    _, gradients = rnnsym.compile(network("simple")).value_and_grad(
        found.parameters, found.inputs[None], found.target[None], start)
    np.testing.assert_allclose(gradients["W_h"], found.left, atol=1e-12)
    np.testing.assert_allclose(gradients["W_h"].T, found.right, atol=1e-12)
    assert abs(found.left[found.entry] - found.right[found.entry]) >= found.gap - 1e-12


def test_a_verdict_is_printed_with_numbers_to_paste() -> None:
    verdict = check_claim("total(o[t], o[t]) == 2 * I", network("simple"))
    assert "refuted for simple" in verdict.text()
    assert "parameters = {" in str(verdict)
    assert '"holds": false' in verdict.as_json()
    with pytest.raises(TypeError, match="three outcomes"):
        bool(verdict)


def test_one_number_of_steps_can_be_asked_for() -> None:
    text = "total(L, W_h) == sum(total(L, o[j]) @ partial(o[j], W_h) for j in range(T - 5, T + 1))"
    assert check_claim(text, network("simple"), steps=6).holds is True
    assert check_claim(text, network("simple"), steps=7).holds is False
    with pytest.raises(CheckError, match="at no indices"):
        check_claim(text, network("simple"), steps=3)


def test_degrees_that_are_too_high_for_random_points_leave_a_claim_undecided() -> None:
    cell = rnnsym.Cell.from_equations("powers", "h = h_prev**64 * (x @ W)")
    steep = rnnsym.Network(cell, "yhat = h @ V", "squared_error")
    text = "total(h[T], h[j]) == prod(partial(h[t], h[t-1]) for t in range(T, j, -1))"
    verdict = check_claim(text, steep)
    assert verdict.holds is None
    assert "degrees are too high" in verdict.how
    assert check_claim(text, steep, steps=2).holds is True


def test_another_seed_gives_the_same_verdict() -> None:
    verdicts: list[Verdict] = [check_claim(TRUE[5][1], network("simple"), seed) for seed in (1, 2)]
    verdicts += [check_claim(FALSE[4][1], network("simple"), seed) for seed in (1, 2)]
    assert [verdict.holds for verdict in verdicts] == [True, True, False, False]
