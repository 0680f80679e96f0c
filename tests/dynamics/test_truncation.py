"""Laws of truncated backpropagation: the sum of the last paths, the full gradient where nothing is cut."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsym import Cell, Network, cells, compile
from rnnsym.dynamics import Training, Truncated, draw_inputs, draw_parameters, path_contributions, train
from rnnsym.dynamics.batches import Batch, Drawn
from rnnsym.dynamics.optimisers import GradientDescent
from rnnsym.dynamics.schedules import Constant
from rnnsym.dynamics.truncation import truncation_bias
from rnnsym.errors import DataError, DerivationError, NotFiniteError

# Both sides sum the same products in another order: a few ulp of the largest term, times the number of terms.
SUM_TOLERANCE = 1e-13
SIZES = {"d": 2, "n": 3, "k": 2}
READOUT = "yhat = sigmoid(h @ W_y + b_y)"
CELLS = {
    "simple": cells["simple"],
    "lstm": cells["lstm"],
    "gru": cells["gru"],
    "two steps back": Cell.from_equations("two", "h = tanh(x @ W_x + h_prev @ W_h + h_prev[2] @ W_s + b)"),
    "scalar beside": Cell.from_equations(
        "beside", "u: scalar\nu = 0.5 * u_prev + mean(tanh(h_prev))\nh = tanh(x @ W_x + u * h_prev + b)"),
}


def network(name: str, topology: str, **options: Any) -> Network:
    return Network(CELLS[name], "" if name == "simple" else READOUT, topology=topology, **options)


def drawn(of: Network, seed: int, steps: int, batch: int) -> tuple[dict[str, Any], Any, Any]:
    pairs = [draw_inputs(of, SIZES, seed + i, steps=steps) for i in range(batch)]
    inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
    return draw_parameters(of, SIZES, seed), inputs, targets


def agree(found: Any, expected: Any, scale: float) -> bool:
    return bool(np.abs(found - expected).max() <= SUM_TOLERANCE * scale + np.finfo(float).tiny)


many = settings(max_examples=8)
lengths_of, seeds = st.integers(1, 8), st.integers(0, 2**20)


@pytest.mark.parametrize("name", CELLS)
@many
@given(seeds, lengths_of, st.integers(1, 3), st.integers(1, 9))
def test_with_one_output_it_is_the_sum_of_the_last_paths(name: str, seed: int, steps: int, batch: int, k: int) -> None:
    of = network(name, "many-to-one")
    parameters, inputs, targets = drawn(of, seed, steps, batch)
    run = compile(of)
    loss, gradients = Truncated(run, k).value_and_grad(parameters, inputs, targets)
    full_loss, full = run.value_and_grad(parameters, inputs, targets)
    terms = path_contributions(of, parameters, inputs, targets).terms
    assert set(gradients) == set(full) > set(terms)
    assert abs(loss - full_loss) <= SUM_TOLERANCE * (1 + full_loss)
    for weight, gradient in gradients.items():
        expected = terms[weight][max(0, steps - k):].sum(axis=0) if weight in terms else full[weight]
        scale = steps * np.abs(terms[weight] if weight in terms else full[weight]).max(initial=0.0)
        assert agree(gradient, expected, scale)
        assert k < steps or agree(gradient, full[weight], scale)


def by_output(of: Network, parameters: Any, inputs: Any, targets: Any) -> Any:
    """{W: ∂L_s/∂W^(j) at [s − 1, j − 1]} of one sequence, each output by itself."""
    one, steps = replace(of, topology="many-to-one", over_steps="sum"), len(inputs)
    found = {p.name: np.zeros((steps, steps, *np.shape(parameters[p.name]))) for p in of.cell.parameters}
    for s in range(1, steps + 1):
        for name, terms in path_contributions(one, parameters, inputs[:s], targets[s - 1]).terms.items():
            found[name][s - 1, :s] = terms
    return found


@pytest.mark.parametrize("over_steps", ["sum", "mean"])
@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=4)
@given(seeds, st.integers(1, 7), st.integers(1, 8))
def test_with_an_output_at_every_step_it_is_the_sum_of_the_paths_kept(
    name: str, over_steps: str, seed: int, steps: int, k: int
) -> None:
    of = network(name, "many-to-many", over_steps=over_steps)
    parameters, inputs, targets = drawn(of, seed, steps, 1)
    run, terms = compile(of), by_output(of, parameters, inputs[0], targets[0])
    full_loss, full = run.value_and_grad(parameters, inputs, targets)
    s, j = np.arange(1, steps + 1)[:, None], np.arange(1, steps + 1)
    kept = {False: j > k * ((s - 1) // k), True: j > s - k}
    for overlapping, mask in kept.items():
        loss, gradients = Truncated(run, k, overlapping).value_and_grad(parameters, inputs, targets)
        assert abs(loss - full_loss) <= SUM_TOLERANCE * (1 + full_loss) * steps
        for weight, gradient in gradients.items():
            parts = terms.get(weight)
            scale = steps**2 * np.abs(full[weight] if parts is None else parts).max(initial=0.0)
            divisor = steps if over_steps == "mean" else 1
            expected = full[weight] if parts is None else parts[mask].sum(axis=0) / divisor
            assert agree(gradient, expected, scale)
            assert k < steps or agree(gradient, full[weight], scale)


@pytest.mark.parametrize("topology", ["many-to-one", "many-to-many"])
@pytest.mark.parametrize("name", ["simple", "two steps back"])
@many
@given(seeds, st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 8))
def test_padded_sequences_are_truncated_each_by_its_own_length(
    name: str, topology: str, seed: int, lengths: list[int], k: int
) -> None:
    of = network(name, topology)
    parameters, inputs, targets = drawn(of, seed, 7, len(lengths))
    run = compile(of)
    for overlapping in (False, True)[: 1 + of.shape_of_steps.every]:
        instrument = Truncated(run, k, overlapping)
        loss, gradients = instrument.value_and_grad(parameters, inputs, targets, None, lengths)
        each = [instrument.value_and_grad(parameters, x[:n], y[:n] if of.shape_of_steps.every else y)
                for x, y, n in zip(inputs, targets, lengths, strict=True)]
        assert np.isclose(loss, np.mean([one[0] for one in each]), rtol=1e-12)
        for weight, gradient in gradients.items():
            assert np.allclose(gradient, np.mean([one[1][weight] for one in each], axis=0), rtol=1e-11, atol=1e-14)


@many
@given(seeds, st.integers(1, 6))
def test_a_given_start_is_where_the_first_window_begins(seed: int, k: int) -> None:
    of = network("two steps back", "many-to-many")
    parameters, inputs, targets = drawn(of, seed, 5, 2)
    state = {"h": np.random.default_rng(seed).standard_normal((2, 2, 3))}
    run = compile(of)
    loss, gradients = Truncated(run, k).value_and_grad(parameters, inputs, targets, state)
    full_loss, full = run.value_and_grad(parameters, inputs, targets, state)
    assert np.isclose(loss, full_loss, rtol=1e-12)
    assert k < 5 or all(np.allclose(gradients[name], full[name], rtol=1e-11, atol=1e-14) for name in full)


def test_a_window_that_is_cut_one_step_wrong_is_told() -> None:
    """Negative: the gradients of every other κ are further away than what agreement allows."""
    of = network("simple", "many-to-one")
    parameters, inputs, targets = drawn(of, 1, 8, 1)
    terms = path_contributions(of, parameters, inputs, targets).terms["b"]
    rejected = 0
    for k in range(1, 8):
        found = Truncated(compile(of), k).value_and_grad(parameters, inputs, targets)[1]["b"]
        for other in (k - 1, k + 1):
            rejected += not agree(found, terms[8 - other:].sum(axis=0), 8 * np.abs(terms).max())
    assert rejected == 14


@given(seeds, st.integers(1, 10))
def test_the_bias_is_what_the_truncated_gradient_lacks(seed: int, steps: int) -> None:
    of = network("simple", "many-to-one")
    parameters, inputs, targets = drawn(of, seed, steps, 1)
    terms = path_contributions(of, parameters, inputs, targets).terms["b"]
    full = compile(of).value_and_grad(parameters, inputs, targets)[1]["b"]
    bias = truncation_bias(terms)
    assert (bias.shape, bias[0], bias[-1]) == ((steps + 1,), 1.0, 0.0)
    for k in range(1, steps + 1):
        found = Truncated(compile(of), k).value_and_grad(parameters, inputs, targets)[1]["b"]
        assert np.isclose(bias[k], np.linalg.norm(full - found) / np.linalg.norm(full), rtol=1e-6, atol=1e-10)


def test_networks_without_last_steps_are_refused_by_name() -> None:
    others = [
        (network("simple", "one-to-one"), "one-to-one"),
        (Network(cells["simple"], topology="one-to-many", feed="x = yhat @ W_f"), "one-to-many"),
        (Network(cells["simple"], topology="encoder-decoder"), "encoder-decoder"),
        (Network(cells["simple"], "yhat = sigmoid(o @ W_o + bwd_o @ W_b)", bidirectional=True), "read from both ends"),
    ]
    refused = 0
    for of, words in others:
        with pytest.raises(DerivationError, match=words):
            Truncated(compile(of), 2)
        with pytest.raises(DerivationError, match=words):
            Training(3, truncate=2).gradients_of(compile(of))
        refused += 1
    assert refused == len(others) == 4


def test_bad_arguments_are_refused_by_name() -> None:
    run = compile(network("simple", "many-to-one"))
    mean = compile(network("simple", "many-to-many", over_steps="mean"))
    parameters, inputs, targets = drawn(mean.network, 0, 4, 2)
    calls: list[tuple[Any, str]] = [
        (lambda: Truncated(run, 0), "steps"), (lambda: Truncated(run, 2.5), "steps"),  # type: ignore[arg-type]
        (lambda: Truncated(run, 2, overlapping=True), "overlapping"), (lambda: Training(1, truncate=0), "truncate"),
        (lambda: Training(1, truncate=True), "truncate"),
        (lambda: Truncated(mean, 2).value_and_grad(parameters, inputs, targets, None, [4, 3]), "over_steps='sum'"),
        (lambda: Truncated(mean, 2).value_and_grad(parameters, inputs[..., :1], targets), "inputs"),
        (lambda: truncation_bias([]), "terms"), (lambda: truncation_bias([[np.nan]]), "terms"),
        (lambda: truncation_bias(np.zeros((3, 2))), "zero"), (lambda: truncation_bias("a"), "terms"),
        (lambda: truncation_bias([[1.0], [1.0, 2.0]]), "terms"), (lambda: truncation_bias([1j]), "terms"),
        (lambda: truncation_bias(5.0), "terms"), (lambda: truncation_bias([10**400]), "terms"),
    ]
    refused = 0
    for call, words in calls:
        with pytest.raises(DataError, match=words):
            call()
        refused += 1
    assert refused == len(calls) == 15


def test_the_bias_of_terms_at_the_ends_of_the_floats() -> None:
    for size in (1.0, 1.7e308, 1e-307):
        assert np.allclose(truncation_bias(size * np.array([[0.5, -0.5], [0.5, 0.5]])), [1.0, math.sqrt(0.5), 0.0])
    assert truncation_bias([[1.0], [-1.0], [1e-200]]).tolist() == [1.0, 0.0, 1e200, 0.0]


TASK = network("simple", "many-to-many")


def batch_of(random: np.random.Generator, size: int) -> Batch:
    return Batch(random.standard_normal((size, 6, 2)), random.integers(0, 2, (size, 6, 2)).astype(float))


def test_a_run_is_trained_with_truncated_gradients_and_resumed_to_the_same_numbers(tmp_path: Path) -> None:
    start, data = draw_parameters(TASK, SIZES, 0), Drawn(batch_of, size=3)
    training = Training(12, GradientDescent(), Constant(0.1), save_every=4, truncate=2)
    whole, kept = train(TASK, start, data, training), tmp_path / "run.npz"
    part = train(TASK, start, data, training, course=kept, until=lambda course: course.updates >= 4)
    assert part.updates == 4
    resumed = train(TASK, start, data, training, course=kept)
    full = train(TASK, start, data, replace(training, truncate=None))
    for name in start:
        assert np.array_equal(resumed.parameters[name], whole.parameters[name])
    assert np.array_equal(resumed.losses, whole.losses)
    assert np.isclose(whole.losses[0], full.losses[0], rtol=1e-12)
    assert not np.allclose(whole.parameters["W_h"], full.parameters["W_h"], rtol=1e-3)
    uncut = train(TASK, start, data, replace(training, truncate=6))
    assert all(np.allclose(uncut.parameters[name], full.parameters[name], rtol=1e-9, atol=1e-12) for name in start)
    with pytest.raises(DataError, match="other settings"):
        train(TASK, start, data, replace(training, truncate=3), course=kept)


def test_an_update_is_the_rule_applied_to_the_truncated_gradient() -> None:
    start, data = draw_parameters(TASK, SIZES, 0), Drawn(batch_of, size=3)
    found, batch = train(TASK, start, data, Training(1, GradientDescent(), Constant(0.5), truncate=2)), data.batch(0)
    _, gradients = Truncated(compile(TASK), 2).value_and_grad(start, batch.inputs, batch.targets)
    assert all(np.array_equal(found.parameters[name], start[name] - 0.5 * gradients[name]) for name in start)


def test_a_state_that_overflows_is_named_with_its_step_and_ends_a_run_with_its_update() -> None:
    cell = Cell.from_equations("growing", "h = x @ W_x + h_prev @ W_h")
    of = Network(cell, "yhat = h @ W_y", "squared_error")
    start = {"W_x": [[1.0]], "W_h": [[1e200]], "W_y": [[1.0]]}
    inputs, targets = np.ones((1, 5, 1)), np.zeros((1, 1))
    with pytest.raises(NotFiniteError, match="state h is not finite at step 3"):
        Truncated(compile(of), 1).value_and_grad(start, inputs, targets)
    source = Drawn(lambda random, size: Batch(inputs, targets), size=1)
    weights = {name: np.asarray(value) for name, value in start.items()}
    course = train(of, weights, source, Training(3, truncate=1))
    assert course.updates == 0
    assert "update 0: the state h is not finite at step 3" in course.diverged
