"""What is computed in bulk, joined or written in place gives the same numbers, and touches nobody's arrays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DataError
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.loading import load_source
from rnnsym.numerics.plans import backward_plan, forward_plan
from rnnsym.numerics.products import with_named_products

ROUNDING = 1e-12  # relative to the largest entry: sums over blocks, rows or joined columns in another order
CELLS = tuple(rnnsym.cells)
OTHERS = {
    "one-to-many": {"topology": "one-to-many", "feed": "x = tanh(yhat @ W_feed + b_feed)"},
    "many-to-many": {"topology": "many-to-many", "over_steps": "mean"},
    "from both ends": {"topology": "many-to-many", "bidirectional": True},
}


def network_of(cell: str) -> Network:
    return Network(rnnsym.cells[cell])


def draw(network: Network, batch: int, steps: int, seed: int = 0) -> tuple[dict[str, Any], Any, Any]:
    random = np.random.default_rng(seed)
    known = {str(size) for size in network.sizes}
    sizes = {key: value for key, value in {"d": 4, "n": 3, "k": 2}.items() if key in known}
    parameters = {name: random.normal(0, 0.6, shape) for name, shape in network.shapes(**sizes).items()}
    outputs = (steps,) if network.shape_of_steps.every else ()
    inputs = (batch, 4) if network.shape_of_steps.one_input else (batch, steps, 4)
    return parameters, random.normal(size=inputs), random.uniform(size=(batch, *outputs, sizes.get("k", 3)))


def close(found: Any, expected: Any) -> bool:
    found, expected = np.asarray(found), np.asarray(expected)
    allowed = ROUNDING * max(1.0, float(np.abs(expected).max(initial=0.0)))
    return found.shape == expected.shape and bool((np.abs(found - expected) <= allowed).all())


def same(found: tuple[Any, dict[str, Any]], expected: tuple[Any, dict[str, Any]]) -> bool:
    return close(found[0], expected[0]) and found[1].keys() == expected[1].keys() and all(
        close(found[1][name], value) for name, value in expected[1].items())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch", [1, 3])
def test_blocks_of_any_length_give_the_same(cell: str, batch: int) -> None:
    run = compile_network(network_of(cell))
    arguments = draw(run.network, batch, 7)
    expected = run.value_and_grad(*arguments)
    for numbers in (1, 2 * 3 * batch, 3 * 3 * batch, 10**6):
        module: Any = load_source("blocks", run.source)
        assert module.BLOCK > 1000
        module.BLOCK = numbers
        assert same(module.value_and_grad(*arguments), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_one_sequence_gives_what_it_gives_twice_in_a_batch(cell: str) -> None:
    """A single sequence has no batch axis; its loss and gradient are the mean of itself and itself."""
    run = compile_network(network_of(cell))
    parameters, inputs, targets = draw(run.network, 1, 6)
    twice = run.value_and_grad(parameters, np.tile(inputs, (2, 1, 1)), np.tile(targets, (2, 1)))
    assert same(run.value_and_grad(parameters, inputs, targets), twice)
    assert same(run.value_and_grad(parameters, inputs, targets, lengths=[6]), twice)


@pytest.mark.parametrize("name", OTHERS)
def test_one_sequence_in_other_topologies(name: str) -> None:
    run = compile_network(Network(rnnsym.cells["lstm"], **OTHERS[name]))  # type: ignore[arg-type]
    parameters, inputs, targets = draw(run.network, 1, 5)
    twice = [np.concatenate((one, one)) for one in (inputs, targets)]
    assert same(run.value_and_grad(parameters, inputs, targets), run.value_and_grad(parameters, *twice))


def frozen(*arrays: Any) -> None:
    for array in arrays:
        array.flags.writeable = False


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch", [1, 3])
def test_no_argument_is_written_and_no_result_is_an_argument(cell: str, batch: int) -> None:
    run = compile_network(network_of(cell))
    parameters, inputs, targets = draw(run.network, batch, 5)
    frozen(inputs, targets, *parameters.values())
    wrt = (*parameters, "inputs", *(f"{s.variable.name}_0" for s in run.network.states))
    first = run.value_and_grad(parameters, inputs, targets, wrt=wrt)
    kept = {name: value.copy() for name, value in first[1].items()}
    second = run.value_and_grad(parameters, inputs, targets, wrt=wrt)
    for name, value in first[1].items():
        assert np.array_equal(value, kept[name])
        assert not any(np.shares_memory(value, other) for other in (inputs, targets, *parameters.values()))
        assert not any(np.shares_memory(value, other) for other in second[1].values())
        assert not any(np.shares_memory(value, other) for key, other in first[1].items() if key != name)


def test_threads_do_not_meet() -> None:
    run = compile_network(network_of("lstm"))
    calls = [draw(run.network, 1 + seed % 3, 40, seed) for seed in range(12)]
    expected = [run.value_and_grad(*call) for call in calls]
    with ThreadPoolExecutor(4) as pool:
        for found, one in zip(pool.map(lambda call: run.value_and_grad(*call), calls * 4), expected * 4, strict=True):
            assert same(found, one)


@pytest.fixture
def warm() -> tuple[CompiledNetwork, dict[str, Any], Any, Any]:
    run = compile_network(network_of("simple"))
    arguments = draw(run.network, 2, 4)
    run.value_and_grad(*arguments)
    return (run, *arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["W_h", "inputs", "targets"])
def test_a_number_that_is_none_is_named_in_later_calls_too(warm: Any, bad: float, place: str) -> None:
    run, parameters, inputs, targets = warm
    given = {**parameters, "inputs": inputs, "targets": targets}
    given[place] = given[place].copy()
    given[place].flat[0] = bad
    inputs, targets = given.pop("inputs"), given.pop("targets")
    for function in (run.value_and_grad, run.loss):
        with pytest.raises(DataError, match=place):
            function(given, inputs, targets)


def test_shapes_and_ranges_are_checked_in_later_calls_too(warm: Any) -> None:
    run, parameters, inputs, targets = warm
    with pytest.raises(DataError, match="W_h"):
        run.loss(parameters | {"W_h": np.ones((4, 3))}, inputs, targets)
    with pytest.raises(DataError, match="unknown key"):
        run.loss(parameters | {"V": np.ones(3)}, inputs, targets)
    with pytest.raises(DataError, match="needs values"):
        run.loss(parameters, inputs, targets + 1)
    with pytest.raises(DataError, match="shape"):
        run.loss(parameters, inputs[:1], targets)


def test_numbers_too_large_to_square_are_no_error(warm: Any) -> None:
    run, parameters, inputs, targets = warm
    assert np.isfinite(run.loss(parameters, np.sign(inputs) * 1e200, targets))


def test_what_comes_in_other_clothes_gives_the_same(warm: Any) -> None:
    run, parameters, inputs, targets = warm
    expected = run.value_and_grad(parameters, inputs, targets)
    turned = {name: np.asfortranarray(value) for name, value in parameters.items()}
    assert same(run.value_and_grad(turned, np.asfortranarray(inputs), targets.tolist()), expected)
    alone = run.value_and_grad(parameters, inputs[0], targets[0])
    assert same(run.value_and_grad(parameters, inputs[0], targets[0]), alone)
    assert same(run.value_and_grad(parameters, inputs[:1], targets[:1]), alone)


LSTM = rnnsym.cells["lstm"].text


def plans(network: Network) -> Any:
    graph = with_named_products(graph_of(network))
    recursion = adjoint_recursion(graph).loops[0]
    return forward_plan(recursion, ()), backward_plan(recursion)


def test_the_gates_of_a_step_are_one_product_whatever_the_cell_is_called() -> None:
    built_in, own = (compile_network(Network(cell, "yhat = sigmoid(h @ W_y + b_y)"))
                     for cell in (rnnsym.cells["lstm"], Cell.from_equations("nobody", LSTM)))
    assert own.source == built_in.source.replace("the network lstm", "the network nobody")
    forward, backward = plans(built_in.network)
    (group,) = forward.groups
    assert {member.name for member in group.members} == {"a_i", "a_f", "a_g", "a_o"}
    assert [(function, len(run)) for function, run in group.runs] == [("sigmoid", 3), ("tanh", 1)]
    assert forward.rest == forward.rest | dict.fromkeys(group.members)  # nothing but the product needs the state
    assert len(backward.updates) == 6  # of i, f, g, o and both states: all others only hand on


def test_columns_are_joined_as_rows_are() -> None:
    columns = LSTM
    for gate in "ifgo":
        columns = columns.replace(f"x @ W_x{gate} + h_prev @ W_h{gate}", f"W_x{gate} @ x + W_h{gate} @ h_prev")
    turned = compile_network(Network(Cell.from_equations("columns", columns), "yhat = sigmoid(W_y @ h + b_y)"))
    rows = compile_network(network_of("lstm"))
    parameters, inputs, targets = draw(rows.network, 2, 5)
    loss, gradients = rows.value_and_grad(parameters, inputs, targets)
    found = turned.value_and_grad({name: value.T for name, value in parameters.items()}, inputs, targets)
    assert same((found[0], {name: value.T for name, value in found[1].items()}), (loss, gradients))
    for joined, times in {"= stacked(": 1, "_h = np.stack(": 1, "whole_h += ": 1}.items():
        assert turned.source.count(joined) == rows.source.count(joined) == times


def test_terms_without_a_state_stand_before_the_loop() -> None:
    forward, _ = plans(network_of("linear_recurrence"))
    assert {a.target.name for a in forward.early} == {"a", "z"}
    forward, _ = plans(network_of("gru"))
    assert {target.name for target in forward.drives} == {"a_r", "a_z", "a_n", "p_a_n"}
    forward, _ = plans(network_of("simple"))
    assert {a.name: b.name for a, b in forward.shared.items()} == {"a": "o"}


@pytest.mark.parametrize("text", [
    "r = tanh(minimum(2, c) + x * c)",
    "r = tanh(minimum(2, c) - x * c)",
    "r = (x + c) * (x - c) * x",
    "r = (x * x - (x + c) * (c - x)) * (c - x * x) - (x + c) * x",
])
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (1, 4), (3, 4)])
def test_what_lies_between_in_bulk_holds_all_steps(text: str, batch: int, steps: int) -> None:
    cell = Cell.from_equations("between", f"{text}\nh = tanh(r @ W + h_prev @ U)")
    network = Network(cell, "yhat = h @ V", loss="squared_error")
    parameters, inputs, targets = draw(network, batch, steps)
    together = compile_network(network).value_and_grad(parameters, inputs, targets)
    state = Network(Cell.from_equations("between", f"s = 0 * s_prev + x\n{text.replace('x', 's')}\n"
                                        "h = tanh(r @ W + h_prev @ U)"), "yhat = h @ V", loss="squared_error")
    apart = compile_network(state).value_and_grad(parameters, inputs, targets)  # the same, but nothing is in bulk
    assert together[0] == pytest.approx(apart[0], rel=1e-14)
    for name, gradient in apart[1].items():
        assert np.abs(together[1][name] - gradient).max() <= 1e-13 * np.abs(gradient).max()


def test_a_step_without_slopes_goes_back_over_padding() -> None:
    cell = Cell.from_equations("signs", "h = sign(x @ W + h_prev @ U)")
    run = compile_network(Network(cell, "yhat = h @ V", loss="squared_error"))
    parameters, inputs, targets = draw(run.network, 2, 5)
    _, gradients = run.value_and_grad(parameters, inputs, targets, lengths=np.array([5, 2]))
    assert not gradients["W"].any()
    assert gradients["V"].any()


@pytest.mark.parametrize("text", [
    "b: (q,)\nb_3: (d,)\ns = tanh(concat(b, b_3 / (1.5 + tanh(x))) @ W_2 + s_prev)",
    "b: (q,)\ns = tanh(concat(b, tanh(x) * tanh(s_prev)) @ W_2)",
    "s = tanh(sum(tanh(x) * b_3) * b_4 + s_prev @ W_2)",
])
def test_a_slope_is_not_overwritten_before_it_is_used(text: str) -> None:
    """What arrives on a δ may itself be computed: then it must not be written where the slope still stands."""
    cell = Cell.from_equations("aliased", text)
    network = Network(cell, "yhat = s @ V", loss="squared_error")
    random = np.random.default_rng(0)
    known = {str(size) for size in network.sizes}
    sizes = {key: value for key, value in {"d": 3, "n": 3 if "tanh(s_prev)" in text else 2, "k": 1, "q": 2}.items()
             if key in known}
    parameters = {name: random.normal(size=shape) for name, shape in network.shapes(**sizes).items()}
    arguments: tuple[Any, Any, Any] = parameters, random.normal(size=(1, 3, 3)), random.normal(size=(1, 1))
    wrt = (*parameters, "inputs")
    written_out = compile_network(network).value_and_grad(*arguments, wrt=wrt)
    assert same(compile_network(network, forms=False).value_and_grad(*arguments, wrt=wrt), written_out)
    twice = [np.concatenate((one, one)) for one in arguments[1:]]
    loss, gradients = compile_network(network).value_and_grad(parameters, twice[0], twice[1], wrt=parameters)
    assert same((loss, gradients), (written_out[0], {name: written_out[1][name] for name in parameters}))
