"""No NaN and no infinity in any argument ever gives a finite answer: it is a DataError that names the argument."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from rnnsym.errors import DataError, DerivationError
from rnnsym.evidence.examples import Example, examples
from rnnsym.evidence.strategies import networks
from rnnsym.model.cells import cells
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network

BAD = (float("nan"), float("inf"), float("-inf"))
QUICK = settings(max_examples=12, deadline=None, database=None)
HIDING = Network(cells["simple"], "v: (k,)\nyhat = where(o @ W_o > 0, v, 0)", loss="squared_error")


def places(call: dict[str, Any]) -> list[tuple[str, Any]]:
    """What each argument is called in an error, and its array."""
    state = call["initial_state"] or {}
    found = [(f"parameter {name}", array) for name, array in call["parameters"].items()]
    found += [(f"initial state {name}", array) for name, array in state.items()]
    found += [(name, call[name]) for name in ("inputs", "targets") if call[name].dtype.kind == "f"]
    return [(name, array) for name, array in found if array.size]


def asked(data: st.DataObject, run: CompiledNetwork) -> tuple[str, ...] | None:
    """A subset of the gradients, or none at all: what is not asked for cannot show a bad number."""
    names = [*(p.name for p in run.network.parameters), *(f"{s.variable.name}_0" for s in run.network.states)]
    names += [] if run.network.reads_index else ["inputs"]
    return data.draw(st.one_of(st.none(), st.lists(st.sampled_from(names), unique=True).map(tuple)), label="wrt")


def computed(run: CompiledNetwork, call: dict[str, Any], wrt: tuple[str, ...] | None, which: str) -> Any:
    if which == "value_and_grad":
        return run.value_and_grad(**call, wrt=wrt)
    if which == "loss":
        return run.loss(**call)
    kept = {name: value for name, value in call.items() if name != "targets" or run.network.forced}
    if run.network.feeds_back:
        kept["steps"] = call["targets"].shape[1]
    return run.predict(**kept)


def refused(run: CompiledNetwork, example: Example, data: st.DataObject) -> None:
    """Spoil one number of one argument: plain arrays and known shapes first, so that nothing is validated anew."""
    which = data.draw(st.sampled_from(("value_and_grad", "loss", "predict")), label="function")
    call, wrt = example.arguments(), asked(data, run)
    call["parameters"] = {name: np.array(value) for name, value in call["parameters"].items()}
    call["targets"] = np.array(call["targets"])
    if data.draw(st.booleans(), label="one sequence"):
        for name in ("inputs", "targets"):
            call[name] = call[name][:1].copy()
        call = call | {"initial_state": None, "lengths": None} | ({"target_lengths": None} if "target_lengths" in call
                                                                    else {})
    for _ in range(2):
        with suppress(DataError):  # the numbers themselves may leave a function's domain
            computed(run, call, wrt, which)
    found = [one for one in places(call) if which != "predict" or run.network.forced or one[0] != "targets"]
    name, array = data.draw(st.sampled_from(found), label="argument")
    array.reshape(-1)[data.draw(st.integers(0, array.size - 1), label="entry")] = data.draw(st.sampled_from(BAD))
    with pytest.raises(DataError, match=f"^{name}: expected finite numbers, but the entry at"):
        computed(run, call, wrt, which)


@pytest.mark.parametrize("cell", list(cells))
def test_a_number_that_is_not_finite_is_named_in_every_place(cell: str) -> None:
    network = Network(cells[cell])
    run = compile_network(network)

    @QUICK
    @given(examples(network), st.data())
    def law(example: Example, data: st.DataObject) -> None:
        refused(run, example, data)

    law()


@settings(QUICK, phases=(Phase.generate,))
@given(st.data())
def test_drawn_networks_name_it_too(data: st.DataObject) -> None:
    network = data.draw(networks())
    try:
        run = compile_network(network)
    except DerivationError:  # a size that no array bears
        assume(False)
    refused(run, data.draw(examples(network)), data)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("which", ["value_and_grad", "loss", "predict"])
@pytest.mark.parametrize("name", ["v", "W_i", "b"])
def test_equations_that_hide_it_do_not_hide_it_from_the_user(bad: float, which: str, name: str) -> None:
    run = compile_network(HIDING)
    parameters = {key: np.full(shape, -0.5) for key, shape in HIDING.shapes(d=2, n=2, k=2).items()}
    call = {"parameters": parameters, "inputs": np.ones((1, 3, 2)), "targets": np.ones((1, 2)), "initial_state": None}
    computed(run, call, (), which)
    parameters[name].reshape(-1)[0] = bad
    with pytest.raises(DataError, match=f"^parameter {name}: expected finite numbers"):
        computed(run, call, (), which)
