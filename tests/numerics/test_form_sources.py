"""The forms of small calls as text, and what is remembered of calls: names, constants, steps that read nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_networks import BY_CELL, Calls, difference
from hypothesis import HealthCheck, Phase, assume, given, settings
from small_forms import looped, names_given_nowhere

from rnnsym.errors import DataError, RnnsymError
from rnnsym.evidence.strategies import networks
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network
from rnnsym.numerics.forms import Form, Forms
from rnnsym.numerics.selection import GradientNames
from rnnsym.numerics.validation import Given, validate

ROUNDING = 1e-10  # relative to the largest entry: other orders of summation, over some sixty steps
LITERATURE = Path(__file__).parents[1] / "evidence" / "literature"
NETWORKS: dict[str, Callable[[], Network]] = {
    **BY_CELL, **{path.stem: partial(Network.from_file, path) for path in sorted(LITERATURE.glob("*.toml"))}}
FUNCTIONS = ("loss", "predict", "value_and_grad")
BACKENDS = ["numpy", pytest.param("numba", marks=pytest.mark.skipif(find_spec("numba") is None, reason="no numba"))]


def network_of(text: str, readout: str = "yhat = sigmoid(h @ V)", loss: str = "binary_cross_entropy") -> Network:
    return Network(Cell.from_equations("own", text), readout, loss)


def one_sequence(network: Network, steps: int) -> dict[str, Any]:
    calls = Calls(network)
    return {"parameters": calls.parameters, "inputs": calls._inputs(1, steps), "targets": calls._targets(1, steps)}


def sources(network: Network) -> Iterator[str]:
    """The forms of each function, and of several choices of gradients and initial states."""
    known, names = Forms(network), GradientNames(network)
    calls = Calls(network)
    for (inputs, targets, state), lengths, _ in calls:
        if len(inputs) > 1 or lengths:
            continue
        for function in FUNCTIONS:
            for wrt in (calls.wrt, calls.wrt[-1:]) if function == "value_and_grad" else ((),):
                aims = None if function == "predict" else targets
                found = validate(network, Given(calls.parameters, inputs, aims, state), predict=aims is None)
                form = known.form(function, names.wanted(wrt), found)
                yield from [] if form is None else [form.source]


@pytest.mark.parametrize("kind", ["written out", "looped"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_name_of_a_form_is_given_somewhere(name: str, kind: str) -> None:
    network = NETWORKS[name]()
    with looped() if kind == "looped" else nullcontext():
        for source in sources(network):
            assert not names_given_nowhere(source)


def test_built_in_and_published_cells_have_forms() -> None:
    """What the test above compares: all but cells of classes have a form written out, most a loop."""
    made = {name for name, make in NETWORKS.items() if next(sources(make()), None)}
    with looped():
        recurrent = {name for name, make in NETWORKS.items() if next(sources(make()), None)}
    assert set(cells) <= made
    assert len(made) > len(NETWORKS) * 0.8
    assert len(recurrent) > len(NETWORKS) * 0.7


@pytest.mark.parametrize("kind", ["written out", "looped"])
def test_every_name_of_a_form_of_a_drawn_network_is_given_somewhere(kind: str) -> None:
    seen = 0

    @settings(max_examples=15, deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))
    @given(networks(("many-to-one",)))
    def law(network: Network) -> None:
        nonlocal seen
        assume(not network.reads_index)  # rows that are looked up have no form
        try:
            texts = list(sources(network))
        except RnnsymError:  # a size that no array bears, or that the standard ones do not give
            assume(False)
        for source in texts:
            seen += 1
            assert not names_given_nowhere(source)

    with looped() if kind == "looped" else nullcontext():
        law()
    assert seen > 0


def test_a_name_that_nothing_gives_is_found() -> None:
    source = next(sources(NETWORKS["simple"]()))
    assert names_given_nowhere(source.replace("return None", "return nowhere")) == {"nowhere"}


def agree(network: Network, call: dict[str, Any], wrt: tuple[str, ...], backend: str = "numpy") -> None:
    run, general = compile_network(network, backend), compile_network(network, forms=False)
    assert backend != "numpy" or run.source_for(**call, wrt=wrt) != run.source
    value, expected = general.value_and_grad(**call, wrt=wrt)
    for _ in range(2):
        loss, found = run.value_and_grad(**call, wrt=wrt)
        assert difference(loss, value) <= ROUNDING
        assert list(found) == list(expected)
        assert all(difference(found[name], one) <= ROUNDING for name, one in expected.items())
    assert difference(run.loss(**call), value) <= ROUNDING


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", ["loss: scalar\nh = tanh(x @ W + loss * h_prev)", "h = tanh(x @ W + loss * h_prev)",
                                  "h = tanh(x @ W + h_prev @ loss)"])
def test_a_parameter_may_be_called_loss(text: str, backend: str) -> None:
    for steps in (3, 60):
        agree(network_of(text), one_sequence(network_of(text), steps), ("loss", "W", "V", "inputs"), backend)


@pytest.mark.parametrize("name", ["scrn", "lipschitz-rnn", "own"])
def test_constants_of_terms_in_bulk(name: str) -> None:
    network = network_of("a = 0.25\nh = tanh((1 - a) * (x @ W) + h_prev @ U)") if name == "own" else NETWORKS[name]()
    with looped():
        agree(network, one_sequence(network, 60), Calls(network).wrt)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", ["h = sign(x @ W + h_prev @ U)", "h = 0.5 * h_prev + sign(x @ W)",
                                  "h = h_prev + sign(x @ W)"])
@pytest.mark.parametrize("steps", [1, 5, 60])
def test_a_way_back_that_reads_nothing_of_a_step_still_goes_through_the_steps(
    steps: int, text: str, backend: str
) -> None:
    """∂L/∂h_0 of a step that hands on nothing is zero."""
    network = network_of(text, "yhat = h @ V", "squared_error")
    call = one_sequence(network, steps)
    gradient = compile_network(network, backend, forms=False).value_and_grad(**call, wrt="h_0")[1]["h_0"]
    assert gradient.any() == ("sign(x @ W)" in text)
    with looped():
        agree(network, call, ("V", "h_0"), backend)


@pytest.mark.parametrize("forms_too", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_prediction_that_fitted_does_not_make_a_loss_without_targets_fit(backend: str, forms_too: bool) -> None:
    network = network_of("h = tanh(x @ W + h_prev @ U)")
    run, call = compile_network(network, backend, forms=forms_too), one_sequence(network, 3)
    output = run.predict(call["parameters"], call["inputs"])
    for function in (run.loss, run.value_and_grad):
        with pytest.raises(DataError, match="targets"):
            function(call["parameters"], call["inputs"], None)
        function(**call)
    with pytest.raises(DataError, match="targets: a prediction reads them only"):
        run.predict(call["parameters"], call["inputs"], targets=call["targets"])
    assert np.array_equal(run.predict(call["parameters"], call["inputs"]), output)


def test_a_form_is_returned_though_another_thread_forgets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("h = tanh(x @ W + h_prev @ U)")
    known, call = Forms(network), one_sequence(network, 3)
    found = validate(network, Given(**call))

    class Forgetting(dict[Any, Form | None]):
        def __setitem__(self, key: Any, value: Form | None) -> None:
            """What clear() of another thread leaves at once."""

    monkeypatch.setattr(known, "_known", Forgetting())
    form = known.form("loss", (), found)
    assert form is not None
    assert form.run(**call) is not None
