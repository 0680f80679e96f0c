"""Small networks: the form made for a call's sizes agrees with the module for every size, and shares nothing."""

from __future__ import annotations

import re
import threading
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_forms import looped

from rnnsym.errors import DataError
from rnnsym.evidence.examples import Example, examples
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network

ROUNDING = 1e-10  # relative to the largest number involved: other orders of summation, over few steps
QUICK = settings(max_examples=3, deadline=None, database=None, phases=(Phase.generate,),
                 suppress_health_check=list(HealthCheck))
SHAPES: dict[str, dict[str, Any]] = {
    "many-to-one": {},
    "one-to-one": {"topology": "one-to-one"},
    "many-to-many": {"topology": "many-to-many"},
    "mean over steps": {"topology": "many-to-many", "over_steps": "mean"},
    "from both ends": {"topology": "many-to-many", "bidirectional": True},
    "squared error": {"loss": "squared_error"},
    "unfused": {"loss": "huber"},
}


def one_sequence(example: Example, *, single: bool) -> dict[str, Any]:
    """The first sequence of an example, without a batch axis where asked for; without lengths."""
    part: Any = 0 if single else slice(0, 1)
    call = example.arguments()
    state = call["initial_state"]
    return {"parameters": {name: np.array(value) for name, value in call["parameters"].items()},
            "inputs": call["inputs"][part].copy(), "targets": np.array(call["targets"][part]),
            "initial_state": None if state is None else {name: value[part].copy() for name, value in state.items()}}


def gradients_of(network: Network) -> tuple[str, ...]:
    return (*(p.name for p in network.parameters), *(() if network.reads_index else ("inputs",)),
            *(f"{state.variable.name}_0" for state in network.states))


def close(found: Any, expected: Any) -> bool:
    size = max(1.0, float(np.abs(expected).max(initial=0.0)))
    return np.shape(found) == np.shape(expected) and float(np.abs(found - expected).max(initial=0.0)) <= ROUNDING * size


def compared(run: CompiledNetwork, general: CompiledNetwork, call: dict[str, Any], wrt: Any) -> bool:
    """Compare a call with what the general module computes, thrice over; False where it has no numbers."""
    try:
        loss, gradients = general.value_and_grad(**call, wrt=wrt)
    except DataError as error:
        with pytest.raises(DataError, match=re.escape(str(error))):
            run.value_and_grad(**call, wrt=wrt)
        return False
    expected = {"loss": loss, **gradients}
    for _ in range(2):
        value, found = run.value_and_grad(**call, wrt=wrt)
        assert list(found) == list(gradients)
        assert all(close(one, expected[name]) for name, one in {"loss": value, **found}.items())
    given_ = {name: value for name, value in call.items() if name != "targets"}
    assert close(run.loss(**call), value)
    assert close(run.predict(**given_), general.predict(**given_))
    return True


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("cell", list(cells))
def test_forms_agree_with_the_general_module(cell: str, kind: str) -> None:
    network = Network(cells[cell], **SHAPES[kind])
    run, general, counted = compile_network(network), compile_network(network, forms=False), 0

    @QUICK
    @given(examples(network), st.data())
    def law(example: Example, data: st.DataObject) -> None:
        nonlocal counted
        call = one_sequence(example, single=data.draw(st.booleans(), label="single"))
        names = st.lists(st.sampled_from(gradients_of(network)), unique=True).map(tuple)
        wrt = data.draw(st.one_of(st.none(), st.just(gradients_of(network)), names), label="wrt")
        made = run.source_for(**call, wrt=wrt) != run.source
        counted += compared(run, general, call, wrt) and made

    law()
    assert counted > 0


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
@pytest.mark.parametrize("cell", list(cells))
def test_recurrent_forms_agree_with_the_general_module(cell: str, loss: str) -> None:
    network = Network(cells[cell], loss=loss)
    run, general, counted = compile_network(network), compile_network(network, forms=False), 0

    @QUICK
    @given(examples(network), st.data())
    def law(example: Example, data: st.DataObject) -> None:
        nonlocal counted
        call = one_sequence(example, single=data.draw(st.booleans(), label="single"))
        names = st.lists(st.sampled_from(gradients_of(network)), unique=True).map(tuple)
        wrt = data.draw(st.one_of(st.none(), st.just(gradients_of(network)), names), label="wrt")
        with looped():
            made = "its recurrence in numbers" in run.source_for(**call, wrt=wrt)
            counted += compared(run, general, call, wrt) and made

    law()
    assert counted > 0


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_a_longer_sequence_of_three_units_runs_its_recurrence_in_numbers(cell: str) -> None:
    network, random = Network(cells[cell]), np.random.default_rng(0)
    run, general = compile_network(network), compile_network(network, forms=False)
    parameters = {name: random.normal(size=shape) for name, shape in network.shapes(d=5, n=3, k=1).items()}
    sources = set()
    for steps in (60, 150):
        call: dict[str, Any] = {"parameters": parameters, "inputs": random.normal(size=(1, steps, 5)),
                                "targets": np.array([[1.0]])}
        sources.add(run.source_for(**call))
        assert compared(run, general, call, None)
    assert len(sources) == 1
    assert sources != {run.source}


NETWORK = Network(cells["simple"])


def arguments(seed: int = 0, steps: int = 3, n: int = 3, state: bool = False) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    call = {"parameters": {name: random.normal(size=shape) for name, shape in NETWORK.shapes(d=5, n=n, k=1).items()},
            "inputs": random.normal(size=(1, steps, 5)), "targets": random.uniform(size=(1, 1))}
    return call | ({"initial_state": {"o": random.normal(size=(1, n))}} if state else {})


def test_the_module_that_runs_can_be_read() -> None:
    run = compile_network(NETWORK)
    small, large = arguments(), arguments(steps=3, n=40)
    assert "every step of one sequence written out" in run.source_for(**small)
    assert run.source_for(**large) == run.source
    assert compile_network(NETWORK, forms=False).source_for(**small) == run.source
    assert run.source_for(**small, wrt="W_h") != run.source_for(**small)


def test_a_form_checks_what_it_is_given() -> None:
    """After a call of its shapes, whatever is handed over is either computed as before or refused as before."""
    run, general = compile_network(NETWORK), compile_network(NETWORK, forms=False)
    run.value_and_grad(**arguments())
    for change in ({"targets": np.array([[1.5]])}, {"inputs": np.zeros((1, 3, 4))}, {"inputs": None},
                   {"parameters": {**arguments()["parameters"], "b": np.zeros(2)}}, {"parameters": [1.0]},
                   {"parameters": {**arguments()["parameters"], "W": np.zeros(2)}}, {"initial_state": [1.0]},
                   {"parameters": {name: value for name, value in arguments()["parameters"].items() if name != "b"}}):
        with pytest.raises(DataError) as caught:
            run.value_and_grad(**arguments() | change)
        with pytest.raises(DataError) as expected:
            general.value_and_grad(**arguments() | change)
        assert str(caught.value) == str(expected.value)
    plain = run.value_and_grad(**arguments())
    strided = np.repeat(arguments()["inputs"], 2, axis=1)[:, ::2]
    for change in ({"inputs": arguments()["inputs"].tolist()}, {"inputs": strided}, {"initial_state": {}}):
        assert compared_exactly(run.value_and_grad(**arguments() | change), plain)


def compared_exactly(found: Any, expected: Any) -> bool:
    same = all(np.array_equal(found[1][name], value) for name, value in expected[1].items())
    return bool(found[0] == expected[0]) and same


def test_nothing_is_shared_and_nothing_changed() -> None:
    run, call = compile_network(NETWORK), arguments(state=True)
    wrt = gradients_of(NETWORK)
    before = [value.copy() for value in (*call["parameters"].values(), call["inputs"], call["targets"])]
    loss, gradients = run.value_and_grad(**call, wrt=wrt)
    arrays = [*call["parameters"].values(), call["inputs"], call["targets"], *call["initial_state"].values()]
    assert not any(np.shares_memory(one, other) for one in gradients.values() for other in arrays)
    assert not any(np.shares_memory(one, other) for one, other in combinations(gradients.values(), 2))
    for value in gradients.values():
        value[...] = 7.0
    assert run.value_and_grad(**call, wrt=wrt)[0] == loss
    assert all(np.array_equal(old, new) for old, new in zip(before, arrays, strict=False))


def test_threads_may_share_a_network_whatever_their_sizes() -> None:
    run = compile_network(NETWORK)
    calls = [arguments(seed, steps, n, state) for seed, (steps, n, state) in
             enumerate([(1, 2, False), (2, 3, True), (3, 3, False), (60, 2, True), (70, 2, True), (5, 40, False)])]
    expected = [compile_network(NETWORK).value_and_grad(**call) for call in calls]
    wrong = list[int]()

    def work(offset: int) -> None:
        for turn in range(40):
            place = (turn + offset) % len(calls)
            if not compared_exactly(run.value_and_grad(**calls[place]), expected[place]):
                wrong.append(place)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_math_cannot_compute_is_computed_as_before() -> None:
    """sigmoid(-800) overflows in Python's exp, log(0) is an error there: the general module takes over."""
    run, general = compile_network(NETWORK), compile_network(NETWORK, forms=False)
    for far in (-800.0, 800.0, 1e308):
        call = arguments()
        call["parameters"]["b_o"][:] = far
        try:
            expected = general.value_and_grad(**call)
        except DataError as error:
            with pytest.raises(DataError, match=str(error)[:20]):
                run.value_and_grad(**call)
            continue
        value, found = run.value_and_grad(**call)
        assert value == expected[0]
        assert all(close(found[name], one) for name, one in expected[1].items())


def test_users_names_never_meet_a_form_s_own() -> None:
    """Names of the language are data: those that a form uses itself give way."""
    text = "take_3 = tanh(x @ put_3 + take_3_prev @ isfinite + empty)"
    network = Network(Cell.from_equations("names", text), "yhat = sigmoid(take_3 @ Struct + FLOAT)")
    run, general = compile_network(network), compile_network(network, forms=False)
    random = np.random.default_rng(0)
    parameters = {name: random.normal(size=shape) for name, shape in network.shapes(d=3, n=3, k=3).items()}
    call: dict[str, Any] = {"parameters": parameters, "inputs": random.normal(size=(1, 3, 3)),
                            "targets": random.uniform(size=(1, 3))}
    assert run.source_for(**call) != run.source
    assert compared(run, general, call, gradients_of(network))


@pytest.mark.parametrize("cell", list(entries))
def test_every_built_in_cell_has_a_form_at_the_smallest_sizes(cell: str) -> None:
    network = Network(cells[cell])
    run, random = compile_network(network), np.random.default_rng(0)
    parameters = {name: random.normal(size=shape) for name, shape in network.shapes(d=2, n=2, k=1).items()}
    inputs = random.normal(size=(3, 2))
    assert run.source_for(parameters, inputs, [0.5]) != run.source
    loss, gradients = run.value_and_grad(parameters, inputs, [0.5])
    assert run.loss(parameters, inputs, [0.5]) == loss  # each of its functions computes by the same steps
    assert run.value_and_grad(parameters, inputs, [0.5], wrt=["inputs"])[0] == loss
    assert all(np.array_equal(run.value_and_grad(parameters, inputs, [0.5], wrt=name)[1][name], one)
               for name, one in gradients.items())
