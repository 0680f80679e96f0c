"""Products and contributions of every shape of network: against differences, and against the compiled gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rnnsym
from rnnsym.dynamics import gradient_products, path_contributions, step_jacobians
from rnnsym.dynamics.draws import draw_inputs, draw_parameters
from rnnsym.dynamics.trajectories import follow_loops
from rnnsym.errors import DataError
from rnnsym.model.networks import Network
from rnnsym.numerics.validation import Given

Float = NDArray[np.float64]
cells = rnnsym.cells
STEPS, BATCH = 5, 3
SIZES = {"d": 2, "n": 3, "k": 2}
STEP = 1e-5
DIFFERENCE = 1e-7  # relative, of a norm by central differences of such steps in float64
CLOSE = 1e-12  # of sums of a few dozen products in float64, to the largest entry

READOUT = "yhat = tanh(h @ W_y + b_y)"
LOOKUP = rnnsym.Cell.from_equations("lookup", "h = tanh(E[x] + h_prev @ W_h + b)")
BACK = rnnsym.Cell.from_equations("back", "h = tanh(x @ W_x + h_prev @ W_h + h_prev[3] @ W_k)")
COUNTER = rnnsym.Cell.from_equations("counter", "u: scalar = 1\nw: (n,)\nu = sigmoid(h_prev @ w + u_prev)\n"
                                                "h = u * tanh(x @ W_x + h_prev @ W_h) + (1 - u) * h_prev")

NETWORKS: Mapping[str, Network] = {
    "many-to-one": Network(cells["lstm"]),
    "one-to-one": Network(cells["gru"], topology="one-to-one"),
    "every output": Network(cells["gru"], topology="many-to-many", loss="softmax_cross_entropy"),
    "every output, their mean": Network(cells["simple"], topology="many-to-many", over_steps="mean"),
    "fed back": Network(cells["gru"], READOUT, "squared_error", "one-to-many"),
    "fed back, fused": Network(cells["lstm"], topology="one-to-many", loss="softmax_cross_entropy", over_steps="mean"),
    "fed back through an equation": Network(cells["gru"], READOUT, "squared_error", "one-to-many",
                                             feed="x = sin(yhat @ W_f)"),
    "both ends": Network(cells["gru"], bidirectional=True),
    "both ends, every output": Network(cells["lstm"], bidirectional=True, topology="many-to-many"),
    "decoder with a teacher": Network(cells["lstm"], READOUT, "squared_error", "encoder-decoder"),
    "decoder of another kind": Network(cells["gru"], READOUT, "squared_error", "encoder-decoder",
                                        decoder=cells["lstm"]),
    "decoder without a teacher": Network(cells["gru"], READOUT, "squared_error", "encoder-decoder",
                                         teacher_forcing=False),
    "layers": Network([cells["gru"], cells["simple"]]),
    "looked up": Network(LOOKUP, readout="yhat = sigmoid(h @ W_y)"),
    "steps back": Network(BACK, readout="yhat = sigmoid(h @ W_y)"),
    "a scalar state": Network(COUNTER, readout="yhat = sigmoid(h @ W_y)"),
}


def drawn(network: Network, seed: int = 0) -> dict[str, Any]:
    """Return arguments of a batch of sequences."""
    sizes = {str(size): SIZES.get(str(size), 3) for size in network.sizes}
    pairs = [draw_inputs(network, sizes, seed + one, steps=STEPS) for one in range(BATCH)]
    inputs, targets = (np.stack([pair[place] for pair in pairs]) for place in (0, 1))
    if network.shape_of_steps.decodes:  # as many outputs as they like
        targets = targets[:, :STEPS - 2]
    return {"parameters": draw_parameters(network, sizes, seed), "inputs": inputs, "targets": targets}


@pytest.mark.parametrize("name", NETWORKS)
def test_contributions_sum_to_the_compiled_gradient(name: str) -> None:
    network, given = NETWORKS[name], drawn(NETWORKS[name])
    found = path_contributions(network, **given)
    inputs = given["inputs"]
    _, expected = rnnsym.compile(network).value_and_grad(given["parameters"], inputs, given["targets"])
    assert found.gradients
    for parameter, gradient in found.gradients.items():
        assert np.abs(gradient - expected[parameter]).max() <= CLOSE * max(1.0, np.abs(expected[parameter]).max())
        assert np.allclose(found.norms[parameter],
                           [np.linalg.norm(term) for term in found.terms[parameter]], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_lost_term_would_be_seen(name: str) -> None:
    network, given = NETWORKS[name], drawn(NETWORKS[name])
    found = path_contributions(network, **given)
    _, expected = rnnsym.compile(network).value_and_grad(given["parameters"], given["inputs"], given["targets"])
    largest = max(found.norms, key=lambda one: found.norms[one].max())
    lost = found.terms[largest][int(found.norms[largest].argmax())]
    short = found.gradients[largest] - lost
    assert np.abs(short - expected[largest]).max() > CLOSE * max(1.0, np.abs(expected[largest]).max())


def last_state(network: Network, given: Mapping[str, Any], start: Float) -> Float:
    """Return the stack of the states where the chain ends, begun from ``start``, of a batch."""
    states, found, place = network.loops[0].states, {}, 0
    fed = network.shape_of_steps.feeds_back
    inputs = given["inputs"]
    for state in states:
        if fed and state.variable.name == "yhat":  # starts from the only input
            continue
        width = int(np.prod([SIZES.get(str(length), 3) for length in state.variable.shape], dtype=int))
        own = start[:, place:place + width]
        found[state.variable.name] = own if state.variable.rank else own[:, 0]
        place += width
    targets = given["targets"] if network.forced else None
    steps = given["targets"].shape[1] if network.feeds_back else None
    followed = follow_loops(network, Given(given["parameters"], inputs, targets, found, steps=steps))
    last = followed[-1] if followed[-1].loop.decodes else followed[0]
    return np.concatenate([last.values[s][-1].reshape(len(inputs), -1) for s in last.states], axis=1)


SMOOTH = ("many-to-one", "one-to-one", "every output", "both ends, every output", "decoder with a teacher",
          "decoder of another kind", "decoder without a teacher", "layers", "looked up", "a scalar state")


@pytest.mark.parametrize("name", SMOOTH)
def test_the_product_over_all_steps_is_the_derivative_by_the_first_state(name: str) -> None:
    network, given = NETWORKS[name], drawn(NETWORKS[name])
    targets = given["targets"] if network.forced else None
    steps = given["targets"].shape[1] if network.feeds_back else None
    width = sum(int(np.prod([SIZES.get(str(length), 3) for length in s.variable.shape], dtype=int))
                for s in network.loops[0].states)
    start = 0.1 * np.arange(BATCH * width).reshape(BATCH, width) / width
    states, place = {}, 0
    for state in network.loops[0].states:
        own = int(np.prod([SIZES.get(str(length), 3) for length in state.variable.shape], dtype=int))
        part = start[:, place:place + own]
        states[state.variable.name] = part if state.variable.rank else part[:, 0]
        place += own
    columns = []
    for entry in range(width):
        moved = STEP * np.eye(width)[entry]
        there, back = (last_state(network, given, start + way) for way in (moved, -moved))
        columns.append((there - back) / (2 * STEP))
    expected = np.log(np.linalg.norm(np.stack(columns, axis=-1), ord=2, axis=(-2, -1)))
    found = gradient_products(network, given["parameters"], given["inputs"], states, targets=targets, steps=steps)
    assert np.abs(found.log_norms[:, -1] - expected).max() < DIFFERENCE
    assert found.log_norms.shape == (BATCH, found.steps + 1)


def test_a_decoder_s_lags_go_on_into_its_encoder() -> None:
    network, given = NETWORKS["decoder of another kind"], drawn(NETWORKS["decoder of another kind"])
    arguments = {"parameters": given["parameters"], "inputs": given["inputs"], "targets": given["targets"]}
    whole = gradient_products(network, **arguments).log_norms
    decoder = gradient_products(network, **arguments, loop=1).log_norms
    encoder = gradient_products(network, **arguments, loop=0).log_norms
    assert whole.shape[1] == decoder.shape[1] + encoder.shape[1] - 1
    inner = decoder.shape[1] - 1  # within the decoder's own steps, before the joint drops what is not handed over
    assert np.allclose(whole[:, :inner], decoder[:, :inner], rtol=1e-12)
    assert (whole[:, inner] <= decoder[:, inner] + 1e-12).all()


def test_a_loop_from_the_end_is_the_forward_loop_on_the_sequence_turned() -> None:
    network, given = NETWORKS["both ends"], drawn(NETWORKS["both ends"])
    twin = {name: given["parameters"][name.removeprefix("bwd_")] if name.startswith("bwd_") else value
            for name, value in given["parameters"].items()}
    backward = step_jacobians(network, twin, given["inputs"], loop=1)
    forward = step_jacobians(network, twin, given["inputs"][:, ::-1], loop=0)
    assert np.array_equal(backward, forward)
    assert not np.array_equal(backward, step_jacobians(network, twin, given["inputs"], loop=0))


@pytest.mark.parametrize("name", NETWORKS)
def test_several_networks_are_followed_as_each_alone(name: str) -> None:
    network = NETWORKS[name]
    each = [drawn(network, seed) for seed in (0, 10)]
    together: dict[str, Any] = {
        "parameters": {key: np.stack([one["parameters"][key] for one in each]) for key in each[0]["parameters"]},
        "inputs": np.stack([one["inputs"] for one in each]), "targets": np.stack([one["targets"] for one in each]),
    }
    found = path_contributions(network, **together)
    for place, one in enumerate(each):
        alone = path_contributions(network, **one)
        for parameter, terms in alone.terms.items():
            assert np.allclose(found.terms[parameter][place], terms, rtol=1e-12, atol=1e-15)


def test_a_loop_that_is_not_there_and_steps_that_are_told_are_refused() -> None:
    network, given = NETWORKS["both ends"], drawn(NETWORKS["both ends"])
    refused = 0
    for loop in (2, -1, True, "0", 0.0):
        with pytest.raises(DataError, match="loop: expected a number from 0 to 1"):
            gradient_products(network, given["parameters"], given["inputs"], loop=loop)  # type: ignore[arg-type]
        refused += 1
    assert refused == 5
    with pytest.raises(DataError, match="steps: the inputs tell"):
        gradient_products(network, given["parameters"], given["inputs"], steps=3)
    fed = NETWORKS["fed back"]
    with pytest.raises(DataError, match="steps: expected the number of outputs"):
        gradient_products(fed, drawn(fed)["parameters"], drawn(fed)["inputs"])


def test_what_reaches_the_first_step_of_a_long_encoder_is_told_beyond_the_range_of_floats() -> None:
    network = NETWORKS["decoder with a teacher"]
    given = drawn(network)
    weights = {name: 1e-6 * value for name, value in given["parameters"].items()}
    weights["b_f"] = np.full_like(weights["b_f"], -8.0)  # a gate that lets through one part in three thousand
    found = path_contributions(network, weights, np.repeat(given["inputs"], 30, axis=1), given["targets"])
    logs = found.log_norms["W_xg"]
    assert np.isfinite(logs).all()
    assert logs[0] < np.log(np.finfo(float).smallest_subnormal)
    assert np.diff(logs).mean() == pytest.approx(8.0, abs=0.1), "ln σ(−8) a step"
