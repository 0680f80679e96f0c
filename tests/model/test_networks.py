"""Networks: sizes over cell and readout, shapes and counts in numbers, refusals, and network files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rnnsym.errors import EquationError, NetworkError, RnnsymError
from rnnsym.model.cells import Cell, cells
from rnnsym.model.expressions import Parameter, Variable, size, t
from rnnsym.model.networks import Network
from rnnsym.model.topologies import topologies

d, n, k = size("d"), size("n"), size("k")
PLAIN = "h = tanh(x @ W + h_prev @ U + b)"


def network(text: str = PLAIN, readout: str = "yhat = sigmoid(h @ W_y + b_y)") -> Network:
    return Network(Cell.from_equations("mine", text), readout)


def test_the_notes_network_has_27_weights_and_4_biases() -> None:
    notes = Network(cells["simple"])
    values = {d: 5, n: 3, k: 1}
    counts = {kind: sum(int(one.formula.subs(values)) for one in notes.counts() if one.kind == kind)
              for kind in ("weight", "bias")}
    assert counts == {"weight": 27, "bias": 4}
    assert [str(one.formula) for one in notes.counts()] == ["d*n", "n**2", "n", "k*n", "k"]
    assert notes.shapes(d=5, n=3, k=1) == {"W_i": (5, 3), "W_h": (3, 3), "b": (3,), "W_o": (3, 1), "b_o": (1,)}
    assert (notes.loss, notes.topology, notes.convention) == ("binary_cross_entropy", "many-to-one", "row")


def test_a_network_names_its_input_output_and_target() -> None:
    plain = network()
    assert plain.input == Variable("x", (d,), t)
    assert plain.output == Variable("yhat", (k,), t)
    assert plain.target == Variable("target", (k,), t)
    assert plain.sizes == (d, n, k)
    assert plain.readout_equations[-1].target == plain.output
    assert [one.name for one in plain.parameters] == ["W", "U", "b", "W_y", "b_y"]


def test_an_unused_input_still_has_a_size() -> None:
    assert network("h = tanh(h_prev @ U)").input.shape == (d,)
    assert network("x: (4,)\nh = tanh(x @ W + h_prev)").input.shape == (4,)


def test_sizes_that_the_readout_makes_one_are_one_in_the_cell() -> None:
    text = "a = tanh(x @ A + a_prev @ B)\nh = tanh(a @ C + h_prev @ D)"
    apart, joined = network(text), network(text, "yhat = (a + h) @ V")
    assert apart.sizes == (d, n, k, size("n_h"))
    assert joined.sizes == (d, n, k)
    assert {one.name: str(one.shape) for one in joined.parameters} == {
        "A": "(d, n)", "B": "(n, n)", "C": "(n, n)", "D": "(n, n)", "V": "(n, k)"}
    assert joined.states[1].variable.shape == (n,)
    assert all(one.target.shape == one.expression.shape == (n,) for one in joined.equations)
    assert str(joined.cell.parameters[2].shape) == "(n, n_h)"


def test_an_output_without_a_weight_has_the_state_s_size() -> None:
    bare = network(readout="yhat = sigmoid(h)")
    assert bare.output.shape == (n,)
    assert bare.sizes == (d, n)
    assert bare.shapes(d=5, n=3, k=3) == bare.shapes(d=5, n=3)
    with pytest.raises(NetworkError, match="k is n in this network, so k=1 does not fit n=3"):
        bare.shapes(d=5, n=3, k=1)


def test_a_readout_may_have_several_lines_and_constants() -> None:
    deep = network("a = 0.5\n" + PLAIN, "c = 2\nm = tanh(a * h @ V + e)\nyhat = c * m @ Z")
    assert [one.name for one in deep.constants] == ["a", "c"]
    assert deep.shapes(d=5, n=3, k=1) == {"W": (5, 3), "U": (3, 3), "b": (3,), "V": (3, 3), "e": (3,), "Z": (3, 1)}
    assert deep.shapes(d=5, n=3, k=1, n_m=7)["Z"] == (7, 1)


def test_a_neutral_cell_takes_the_readout_s_convention() -> None:
    assert network("h = u * h_prev + x", "yhat = V @ h").convention == "column"
    assert network("h = u * h_prev + x", "yhat = h").convention == "row"


@pytest.mark.parametrize(("sizes", "words"), [
    ({"d": 5, "n": 3}, "the size k is missing: call shapes(d=…, n=…, k=…)"),
    ({"n": 3, "k": 1}, "the size d is missing"),
    ({"d": 5, "k": 1}, "the size n is missing"),
    ({"d": 5, "n": 3, "k": 1, "m": 2}, "this network has no size m; its sizes are d, n, k"),
    ({"d": 5, "n": 3, "k": 1, "self": 2}, "this network has no size self"),
    ({"d": 0, "n": 3, "k": 1}, "the size d must be an integer of at least 1, not 0"),
    ({"d": 5, "n": 3.0, "k": 1}, "the size n must be an integer of at least 1, not 3.0"),
    ({"d": 5, "n": 3, "k": True}, "the size k must be an integer of at least 1, not True"),
    ({"d": "5", "n": 3, "k": 1}, "the size d must be an integer of at least 1, not '5'"),
])
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int], words: str) -> None:
    with pytest.raises(NetworkError) as caught:
        network().shapes(**sizes)
    assert words in str(caught.value)


def test_a_number_as_a_size_admits_that_number_only() -> None:
    fixed = network("W: (d, 7)\nh = tanh(x @ W + h_prev)")
    assert fixed.shapes(d=5, k=1) == fixed.shapes(d=5, n=7, k=1)
    with pytest.raises(NetworkError, match="n is 7 in this network, so n=3 does not fit"):
        fixed.shapes(d=5, n=3, k=1)


def test_a_bias_only_ever_enters_as_a_term_of_a_sum() -> None:
    found = network("g: scalar\nh = tanh(h_prev @ U - (-a) + g + u * x + b - q) + b * v + r * (h_prev + c)").counts()
    kinds = {one.parameter.name: one.kind for one in found}
    assert {name for name, kind in kinds.items() if kind == "bias"} == {"a", "g", "q", "c", "b_y"}
    assert next(one.formula for one in found if one.parameter.name == "g") == 1


REFUSED = {
    "no yhat": ("y = h @ V", "line 1, column 1: in the readout: the last line must assign `yhat`, not `y`"),
    "yhat early": ("yhat = h @ V\ny = h", "the last line must assign `yhat`"),
    "yhat twice": ("yhat = h @ V\nyhat = h", "`yhat` is assigned a second time"),
    "the input": ("yhat = x @ V", "only the states of the cell mine (h) can be used, not the input `x`"),
    "a gate": ("yhat = r @ V", "only the states of the cell mine (h) can be used, not the gate `r`"),
    "the past": ("yhat = h_prev @ V", "only states of the same step can be used, not `h_prev`"),
    "no state": ("yhat = sigmoid(b_y)", "`yhat` uses none of the states of the cell (h)"),
    "a state that is not used": ("m = h @ V\nyhat = sigmoid(b_y)", "`yhat` uses none of the states of the cell (h)"),
    "the cell's parameter": ("yhat = h @ W", "line 1, column 12: in the readout: `W` is a parameter of the cell mine"),
    "a state assigned": ("h = h @ V\nyhat = h", "`h` belongs to the cell"),
    "a gate assigned": ("r = h @ V\nyhat = r", "`r` belongs to the cell"),
    "a constant assigned": ("a = 2\nyhat = a * h", "`a` belongs to the cell"),
    "a state annotated": ("h: (4,)\nyhat = h @ V", "no equation of the readout introduces it"),
    "scalar": ("yhat = dot(h, w)", "write it as a product with a matrix"),
    "annotated scalar": ("yhat: scalar\nyhat = dot(h, w)", "`yhat` is a vector: leave out"),
    "columns": ("yhat = V @ h", "the cell mine writes vectors as rows (line 2, equation of r), the readout as columns"),
    "no text": ("# nothing", "in the readout: there is no equation"),
    "several faults": ("yhat = h @", "in the readout: this cannot be read as an equation"),
    "own weight twice": ("m = h @ V\nyhat = m @ V", "the parameter `V` is (n, n_m)"),
    "the loss": ("yhat = L * h", "`L` is reserved for the loss"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_readout_that_does_not_fit_is_refused(name: str) -> None:
    readout, words = REFUSED[name]
    with pytest.raises(RnnsymError) as caught:
        network("a = 0.5\nr = sigmoid(x @ W)\nh = a * r * h_prev", readout)
    assert words in str(caught.value)
    assert isinstance(caught.value, EquationError) == (name != "columns")


def test_the_refusals_were_all_tried() -> None:
    assert len(REFUSED) == 20


def test_losses_and_topologies_are_chosen_from_their_tables() -> None:
    simple = cells["simple"]
    assert Network(simple, loss="squared_error").loss == "squared_error"
    assert list(topologies) == ["one-to-one", "one-to-many", "many-to-one", "many-to-many", "encoder-decoder"]
    assert all(Network(simple, topology=name).topology == name for name in topologies)
    with pytest.raises(NetworkError, match="there is no loss 'bce'; known: binary_cross_entropy"):
        Network(simple, loss="bce")
    with pytest.raises(NetworkError, match="there is no topology 'ring'"):
        Network(simple, topology="ring")
    with pytest.raises(EquationError, match="must be a text, not int"):
        Network(simple, readout=3)  # type: ignore[arg-type]


def test_a_network_is_frozen_hashable_and_equal_to_its_twin() -> None:
    one, other = network(), network()
    assert one == other
    assert len({one, other}) == 1
    assert one.parameters[0] == Parameter("W", (d, n))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.loss = "squared_error"  # type: ignore[misc]


# Network files


def write(folder: Path, text: str) -> Path:
    path = folder / "network.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_with_a_built_in_cell_takes_its_recommended_readout(tmp_path: Path) -> None:
    assert Network.from_file(write(tmp_path, 'cell = "lstm"\n')) == Network(
        cells["lstm"], "yhat = sigmoid(h @ W_y + b_y)")


def test_a_file_with_equations(tmp_path: Path) -> None:
    path = write(tmp_path, f'name = "mine"\nequations = """\n  {PLAIN}\n"""\nreadout = "yhat = h @ V"\n'
                           'loss = "squared_error"\ntopology = "many-to-one"\n')
    found = Network.from_file(str(path))
    assert found.cell.name == "mine"
    assert found.loss == "squared_error"
    assert found.shapes(d=5, n=3, k=2)["V"] == (3, 2)


FILES = {
    "bad TOML": ("cell = ", "is not TOML"),
    "unknown key": ('cell = "gru"\ncolour = "red"', "unknown key 'colour'; the keys are cell, layers, name, equations"),
    "wrong type": ('cell = "gru"\nloss = 3', "loss must be a text in quotes, not 3"),
    "a table": ("[cell]\nname = 'gru'", "cell must be a text in quotes, not {'name': 'gru'}"),
    "no cell": ('loss = "squared_error"', "needs the key cell"),
    "no equations": ('name = "a"\nreadout = "yhat = h"', "needs the key equations"),
    "no name": ('equations = "h = h_prev"\nreadout = "yhat = h"', "needs the key name"),
    "no readout": ('name = "a"\nequations = "h = h_prev"', "needs the key readout"),
    "two cells": ('cell = "gru"\nname = "a"', "has both cell and name"),
    "unknown cell": ('cell = "grue"', "did you mean 'gru'?"),
    "unknown loss": ('cell = "gru"\nloss = "bce"', "there is no loss 'bce'"),
    "bad equations": ('name = "a"\nequations = "h = q_prev"\nreadout = "yhat = h"',
                      "line 1 of `equations`, column 5: `q_prev`"),
    "bad equations below": ('name = "a"\nequations = """\nr = x @ W\nh = q_prev\n"""\nreadout = "yhat = h"',
                            "line 2 of `equations`, column 5: `q_prev`"),
    "shapes": ('name = "a"\nequations = "\\n\\nh = h_prev @ W + x @ W"\nreadout = "yhat = h"',
               "line 3 of `equations`, "),
    "no line": ('name = "a"\nequations = "# nothing"\nreadout = "yhat = h"', "there is no equation"),
    "bad readout": ('cell = "gru"\nreadout = "yhat = x"',
                    "line 1 of `readout`, column 8: in the readout: only the states"),
    "bad readout below": ('cell = "gru"\nreadout = "a = 2\\nyhat = x"', "line 2 of `readout`, column 8"),
    "empty": ("", "needs the key cell"),
    "too long": ("#" * 1_000_001, "more than 1000000 bytes"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_refused_by_name_in_one_line(name: str, tmp_path: Path) -> None:
    text, words = FILES[name]
    path = write(tmp_path, text)
    with pytest.raises(NetworkError) as caught:
        Network.from_file(path)
    assert str(caught.value).startswith(f"network file {str(path)!r}")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b'\xef\xbb\xbfcell = "gru"\n')
    assert Network.from_file(path) == Network(cells["gru"])


@pytest.mark.parametrize("path", [None, 3, b"network.toml", ["network.toml"], True])
def test_what_names_no_file_is_refused(path: object) -> None:
    with pytest.raises(NetworkError, match="named by a str or Path, but this is") as caught:
        Network.from_file(path)  # type: ignore[arg-type]
    assert repr(path) in str(caught.value)


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('# é\ncell = "gru"'.encode("latin-1"))
    for path, words in ((tmp_path, "is not a file"), (tmp_path / "none.toml", "is not there"), (latin, "is not UTF-8"),
                        (tmp_path / "a\0b", ""), (tmp_path / ("n" * 400), "")):
        with pytest.raises(NetworkError) as caught:
            Network.from_file(path)
        assert words in str(caught.value)
