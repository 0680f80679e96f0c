"""What users hand over: every fault is one clear DataError; every harmless form is taken, unchanged and not kept."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from rnnsym.errors import DataError, DerivationError, RnnsymError
from rnnsym.model.cell_table import entries
from rnnsym.model.cells import Cell, cells
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import compile_network

NETWORK = Network(cells["simple"])
RUN = compile_network(NETWORK)
BATCH, STEPS, SIZES = 3, 4, {"d": 5, "n": 2, "k": 1}


def arguments(seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {
        "parameters": {key: generator.normal(size=shape) for key, shape in NETWORK.shapes(**SIZES).items()},
        "inputs": generator.normal(size=(BATCH, STEPS, 5)),
        "targets": generator.integers(0, 2, size=(BATCH, 1)).astype(float),
        "initial_state": {"o": generator.normal(size=(BATCH, 2))},
        "lengths": np.array([4, 2, 3]),
    }


def weight(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda call: call["parameters"].__setitem__(name, value)


def put(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda call: call.__setitem__(name, value)


def spoil(name: str, value: float) -> Callable[[dict[str, Any]], Any]:
    return lambda call: call[name].__setitem__((0, 0), value)


NAN, INF = float("nan"), float("inf")
FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no dict": (put("parameters", [1.0]), r"parameters: expected a dict with the keys W_i, .* but it is list"),
    "missing key": (lambda call: call["parameters"].pop("b"), r"parameters: the key 'b' is missing"),
    "unknown key": (weight("W_x", 1.0), r"parameters: unknown key 'W_x'; the keys are .*did you mean 'W_"),
    "key that is no text": (weight(7, 1.0), r"parameters: unknown key 7"),  # type: ignore[arg-type]
    "NaN weight": (weight("b", [0.0, NAN]), r"parameter b: expected finite numbers, but the entry at \(1,\) is nan"),
    "infinite weight": (weight("b", [INF, 0.0]), r"parameter b: expected finite numbers, .* is inf"),
    "complex weight": (weight("b", [0j, 1j]), r"parameter b: expected real numbers .* dtype is complex128"),
    "text weight": (weight("b", ["0", "1"]), r"parameter b: expected real numbers .* dtype is <U1"),
    "object weight": (weight("b", [None, 1.0]), r"parameter b: expected real numbers .* dtype is object"),
    "ragged weight": (weight("W_h", [[1.0], [1.0, 2.0]]), r"parameter W_h: expected an array of numbers"),
    "date weight": (weight("b", np.array(["2020-01-01"] * 2, "M8[D]")), r"parameter b: expected real numbers"),
    "extended weight": (weight("b", np.zeros(2, np.longdouble)), r"parameter b: .* at most 64 bits"),
    "masked weight": (
        weight("b", np.ma.masked_equal([0.0, 1.0], 0.0)),
        r"parameter b: expected an array without a mask",
    ),
    "transposed weight": (
        weight("W_i", np.zeros((2, 5))),
        r"parameter W_h: expected shape \(n, n\) with n = 5 from parameter W_i",
    ),
    "scalar weight": (weight("b", 1.0), r"parameter b: expected shape \(n,\), but the shape is \(\)"),
    "row instead of vector": (
        weight("b", np.zeros((1, 2))),
        r"parameter b: expected shape \(n,\), but the shape is \(1, 2\)",
    ),
    "empty weight": (weight("W_i", np.zeros((5, 0))), r"parameter W_i: .* the shape is \(5, 0\): nothing is in it"),
    "no step": (put("inputs", np.zeros((BATCH, 0, 5))), r"inputs: expected at least one step, but T is 0"),
    "no sequence": (put("inputs", np.zeros((0, STEPS, 5))), r"inputs: .* the shape is \(0, 4, 5\): nothing is in it"),
    "inputs of another size": (put("inputs", np.zeros((BATCH, STEPS, 4))),
                               r"inputs: expected shape \(batch, T, d\) with d = 5 from parameter W_i, .* \(3, 4, 4\)"),
    "one row": (put("inputs", np.zeros(5)), r"inputs: expected shape \(batch, T, d\), but the shape is \(5,\)"),
    "four axes": (put("inputs", np.zeros((1, BATCH, STEPS, 5))), r"inputs: expected shape \(batch, T, d\)"),
    "NaN input": (spoil("inputs", NAN), r"inputs: expected finite numbers, but the entry at \(0, 0, 0\) is nan"),
    "a text for inputs": (put("inputs", "good"), r"inputs: expected real numbers .* dtype is <U4"),
    "nothing for inputs": (put("inputs", None), r"inputs: expected real numbers .* dtype is object"),
    "label above": (spoil("targets", 2.0), r"targets: binary_cross_entropy needs values from 0 to 1, .* \(0, 0\) is 2"),
    "label below": (spoil("targets", -1e-9), r"targets: .* from 0 to 1, but the entry at \(0, 0\) is -1e-09"),
    "NaN label": (spoil("targets", NAN), r"targets: expected finite numbers"),
    "targets of another batch": (put("targets", np.zeros((2, 1))),
                                 r"targets: expected shape \(batch, k\) with batch = 3 from inputs, .* \(2, 1\)"),
    "flat targets": (put("targets", np.zeros(BATCH)), r"targets: expected shape \(batch, k\), but the shape is \(3,\)"),
    "no targets": (put("targets", None), r"targets: expected real numbers"),
    "unknown state": (put("initial_state", {"h": np.zeros(2)}), r"initial_state: unknown key 'h'; the keys are o"),
    "state of another size": (
        put("initial_state", {"o": np.zeros(3)}),
        r"initial state o: expected shape \(n,\) with n = 2",
    ),
    "state of another batch": (put("initial_state", {"o": np.zeros((2, 2))}),
                               r"initial state o: expected shape \(batch, n\) with batch = 3 from inputs"),
    "state without a name": (put("initial_state", np.zeros(2)), r"initial_state: expected a dict with the keys o"),
    "infinite state": (put("initial_state", {"o": [INF, 0.0]}), r"initial state o: expected finite numbers"),
    "length zero": (put("lengths", [4, 0, 3]), r"lengths: expected whole numbers from 1 to T = 4, but one is 0"),
    "length beyond T": (put("lengths", [4, 5, 3]), r"lengths: expected whole numbers from 1 to T = 4, but one is 5"),
    "float lengths": (put("lengths", [4.0, 2.0, 3.0]), r"lengths: expected whole numbers, but the dtype is float64"),
    "boolean lengths": (put("lengths", [True] * 3), r"lengths: expected whole numbers, but the dtype is bool"),
    "lengths of another batch": (put("lengths", [4, 2]), r"lengths: expected shape \(3,\), .* but the shape is \(2,\)"),
    "one length": (put("lengths", 4), r"lengths: expected shape \(3,\), .* but the shape is \(\)"),
    "ragged lengths": (put("lengths", [[1], [1, 2]]), r"lengths: expected an array of whole numbers"),
    "unknown gradient": (put("wrt", ["W_x"]), r"wrt: unknown name 'W_x'; the names are W_i, .*inputs, o_0"),
    "a number for wrt": (put("wrt", 3), r"wrt: expected names of gradients, but it is 3"),
    "overflow": (
        weight("W_o", np.full((2, 1), 1.7e308)),
        r"(the loss|gradient of \w+) is not finite: .* use smaller weights",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_clear_error(name: str) -> None:
    call = arguments()
    FAULTS[name][0](call)
    with pytest.raises(DataError, match=FAULTS[name][1]) as caught:
        RUN.value_and_grad(**call)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_faults_are_counted_and_nothing_else_is_wrong() -> None:
    assert len(FAULTS) == 46
    assert np.isfinite(RUN.value_and_grad(**arguments())[0])


def test_a_text_alone_is_one_name_and_no_name_no_gradient() -> None:
    assert list(RUN.value_and_grad(**arguments(), wrt="W_h")[1]) == ["W_h"]
    assert RUN.value_and_grad(**arguments(), wrt=())[1] == {}


def copied(value: Any) -> Any:
    return {key: copied(inner) for key, inner in value.items()} if isinstance(value, dict) else np.array(value)


def leaves(value: Any) -> list[Any]:
    return [leaf for inner in value.values() for leaf in leaves(inner)] if isinstance(value, dict) else [value]


def read_only(array: Any) -> Any:
    frozen = np.array(array)
    frozen.setflags(write=False)
    return frozen


def strided(array: Any) -> Any:
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


FORMS: dict[str, Callable[[Any], Any]] = {
    "float32": lambda array: array.astype(np.float32) if array.dtype.kind == "f" else array,
    "read-only": read_only,
    "not contiguous": strided,
    "Fortran order": np.asfortranarray,
    "lists": lambda array: array.tolist(),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}


def each(change: Callable[[Any], Any], value: Any) -> Any:
    return {key: each(change, inner) for key, inner in value.items()} if isinstance(value, dict) else change(value)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_numbers_gives_the_same_result(form: str) -> None:
    plain = each(FORMS["float32"], arguments()) if form == "float32" else arguments()
    exact = each(lambda array: array.astype(float) if array.dtype.kind == "f" else array, plain)
    expected, found = RUN.value_and_grad(**exact), RUN.value_and_grad(**each(FORMS[form], plain))
    assert found[0] == expected[0]
    assert all(np.array_equal(found[1][key], expected[1][key]) for key in expected[1])
    assert all(value.dtype == np.float64 for value in found[1].values())


def test_integers_and_booleans_are_numbers() -> None:
    call = arguments()
    call["inputs"] = np.ones((BATCH, STEPS, 5), dtype=bool)
    call["targets"] = np.array([[1], [0], [1]], dtype=np.uint8)
    call["parameters"]["b"] = [1, -1]
    as_floats = {**call, "inputs": call["inputs"].astype(float), "targets": call["targets"].astype(float)}
    assert RUN.loss(**call) == RUN.loss(**as_floats)


def test_arguments_stay_as_they_are_and_results_are_fresh() -> None:
    call = arguments()
    before = copied(call)
    wrt = (*call["parameters"], "inputs", "o_0")
    loss, gradients = RUN.value_and_grad(**call, wrt=wrt)
    output = RUN.predict(**{key: call[key] for key in ("parameters", "inputs", "initial_state", "lengths")})
    assert all(np.array_equal(old, new) for old, new in zip(leaves(before), leaves(call), strict=True))
    assert not any(np.shares_memory(result, given) for result in gradients.values() for given in leaves(call))
    assert not any(np.shares_memory(one, other) for one, other in combinations(gradients.values(), 2))
    for result in (*gradients.values(), output):
        result[...] = 7.0
    again = RUN.value_and_grad(**call, wrt=wrt)
    assert again[0] == loss
    assert not any((value == 7.0).any() for value in again[1].values())


def test_an_identity_passes_nothing_of_its_arguments_on() -> None:
    """h = h_prev + x: the state before is added to, not handed out."""
    run = compile_network(Network(Cell.from_equations("sum", "h = h_prev + x"), "yhat = h", loss="squared_error"))
    start, inputs = np.zeros((2, 3)), np.ones((2, 1, 3))
    output = run.predict({}, inputs, {"h": start})
    _, gradients = run.value_and_grad({}, inputs, np.zeros((2, 3)), {"h": start}, wrt=("inputs", "h_0"))
    output += 1
    gradients["h_0"] += 1
    assert not start.any()
    assert (inputs == 1).all()
    assert not np.shares_memory(gradients["inputs"], gradients["h_0"])


def test_one_sequence_has_no_batch_axis_anywhere() -> None:
    call = arguments()
    single = {"parameters": call["parameters"], "inputs": call["inputs"][0], "targets": call["targets"][0]}
    loss, gradients = RUN.value_and_grad(**single, wrt=("W_h", "inputs", "o_0"))
    assert {key: value.shape for key, value in gradients.items()} == {"W_h": (2, 2), "inputs": (4, 5), "o_0": (2,)}
    assert RUN.predict(single["parameters"], single["inputs"]).shape == (1,)
    assert RUN.loss(**{**single, "targets": float(single["targets"][0])}) == loss


@pytest.mark.parametrize("logit", [800.0, -800.0, 40.0, -40.0])
@pytest.mark.parametrize("label", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("name", entries)
def test_far_logits_give_exact_losses(name: str, label: float, logit: float) -> None:
    network = Network(cells[name], entries[name].readout)
    run = compile_network(network)
    parameters = {key: np.zeros(shape) for key, shape in network.shapes(d=2, n=2, k=1).items()}
    bias = network.parameters[-1].name
    parameters[bias] = np.array([logit])
    loss, gradients = run.value_and_grad(parameters, np.ones((1, 3, 2)), [[label]])
    exact = label * np.log1p(np.exp(-abs(logit))) + (1 - label) * np.log1p(np.exp(-abs(logit)))
    exact += (1 - label) * max(logit, 0) + label * max(-logit, 0)
    assert loss == pytest.approx(exact, rel=1e-15)
    assert gradients[bias] == pytest.approx((logit > 0) - label, abs=1e-16)


def test_leaving_a_function_s_domain_is_an_error_and_no_nan() -> None:
    run = compile_network(Network(Cell.from_equations("log", "h = log(h_prev + x @ W)"), "yhat = sigmoid(h @ V)"))
    with pytest.raises(DataError, match=r"the loss is not finite: .*left a function's domain within T = 2 steps"):
        run.loss({"W": [[-1.0]], "V": [[1.0]]}, np.ones((1, 2, 1)), [[1.0]])
    with pytest.raises(DataError, match=r"the output is not finite"):
        run.predict({"W": [[-1.0]], "V": [[1.0]]}, np.ones((1, 2, 1)))


def test_an_output_outside_the_loss_s_domain_names_the_remedy() -> None:
    run = compile_network(Network(Cell.from_equations("plain", "h = tanh(x @ W + h_prev)"), "yhat = h @ V"))
    with pytest.raises(DataError, match=r"needs outputs between 0 and 1: end the readout in sigmoid"):
        run.loss({"W": [[1.0]], "V": [[-1.0]]}, np.ones((1, 2, 1)), [[1.0]])


def test_unknown_backends_and_ambiguous_gradients_are_refused() -> None:
    with pytest.raises(DerivationError, match=r"unknown backend 'cobol'; the backends are numpy"):
        compile_network(NETWORK, "cobol")
    taken = Network(Cell.from_equations("mine", "h = tanh(x @ h_0 + h_prev)"), "yhat = sigmoid(h @ V)")
    with pytest.raises(DerivationError, match=r"the parameter 'h_0' bears the name of another gradient: rename it"):
        compile_network(taken)


def test_a_size_that_no_array_bears_is_refused_when_it_is_needed() -> None:
    lonely = Network(Cell.from_equations("mine", "h = tanh(h_prev)"), "yhat = sigmoid(h)")
    with pytest.raises(RnnsymError, match=r"the size n belongs to no parameter and no input: annotate it as a number"):
        compile_network(lonely)
    fixed = Network(Cell.from_equations("mine", "h: (3,)\nh = tanh(h_prev)"), "yhat = sigmoid(h)")
    assert compile_network(fixed).predict({}, np.zeros((2, 4, 1))).shape == (2, 3)


def test_scalar_inputs_and_states_have_no_axis_of_their_own() -> None:
    text = "x: scalar\nu: scalar = 1\nw: scalar\nu = tanh(u_prev * w + x)"
    run = compile_network(Network(Cell.from_equations("scalar", text), "v: (k,)\nyhat = sigmoid(u * v)"))
    inputs = np.array([[0.1, -0.2, 0.3], [0.5, 0.1, 0.0]])
    parameters, names = {"w": 0.5, "v": [1.0, 2.0]}, ("w", "inputs", "u_0")
    loss, gradients = run.value_and_grad(parameters, inputs, np.ones((2, 2)), wrt=names)
    assert {key: np.shape(value) for key, value in gradients.items()} == {"w": (), "inputs": (2, 3), "u_0": (2,)}
    moved = run.loss({"w": 0.5 + 1e-6, "v": [1.0, 2.0]}, inputs, np.ones((2, 2)))
    assert (moved - loss) / 1e-6 == pytest.approx(float(gradients["w"]), rel=1e-5)
    assert run.predict({"w": 0.5, "v": [1.0, 2.0]}, inputs[0]).shape == (2,)
