"""Layers, readings from both ends, decoders and feeds: names and sizes fit, and what does not is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rnnsym.errors import NetworkError, RnnsymError
from rnnsym.model.cells import Cell, cells
from rnnsym.model.composition import stacked
from rnnsym.model.expressions import S, T, Variable, t
from rnnsym.model.networks import Network

SIMPLE, LSTM, GRU = cells["simple"], cells["lstm"], cells["gru"]
READOUT = "yhat = sigmoid(h @ W_y + b_y)"


def cell(text: str) -> Cell:
    return Cell.from_equations("mine", text)


def test_layers_get_numbers_and_read_the_layer_below() -> None:
    network = Network([LSTM, GRU])
    assert [state.variable.name for state in network.states] == ["c_1", "h_1", "h_2"]
    assert network.readout == "yhat = sigmoid(h_2 @ W_y + b_y)"
    shapes = network.shapes(d=5, n=3, k=1, n_h_2=4)
    assert (shapes["W_xi_1"], shapes["W_hi_1"]) == ((5, 3), (3, 3))
    assert (shapes["W_xr_2"], shapes["W_hr_2"], shapes["W_y"]) == ((3, 4), (4, 4), (4, 1))
    assert network.shapes(d=5, n=3, k=1)["W_hr_2"] == (3, 3)


def test_one_layer_is_the_cell_itself() -> None:
    assert stacked([GRU]) is GRU
    assert Network([GRU]) == Network(GRU)


def test_a_second_reading_has_names_and_sizes_of_its_own_and_runs_from_the_end() -> None:
    network = Network(GRU, bidirectional=True)
    forward, backward = network.loops
    assert network.readout == "yhat = sigmoid(concat(h, bwd_h) @ W_y + b_y)"
    assert (forward.reverse, backward.reverse) == (False, True)
    assert network.shapes(d=5, n=3, k=1, n_bwd_h=2)["W_y"] == (5, 1)
    assert network.shapes(d=5, n=3, k=1, n_bwd_h=2)["bwd_W_xr"] == (5, 2)
    before = Variable("bwd_h", backward.states[0].variable.shape, t + 1)
    assert any(before in equation.expression.atoms(Variable) for equation in backward.equations)


def test_a_decoder_starts_from_the_encoder_and_reads_the_target_before() -> None:
    network = Network(LSTM, topology="encoder-decoder")
    encoder, decoder = network.loops
    assert (encoder.steps, decoder.steps) == (T, S)
    assert {own.name: source.name for own, source in decoder.starts.items()} == {"dec_c": "c", "dec_h": "h"}
    assert decoder.reads == Variable("target", network.output.shape, t - 1)
    assert network.shapes(d=5, n=3, k=2)["dec_W_xi"] == (2, 3)
    assert [state.variable.name for state in network.states] == ["c", "h"]


def test_a_fed_back_output_is_a_state_and_of_the_input_s_size() -> None:
    network = Network(GRU, topology="one-to-many", loss="squared_error")
    (loop,) = network.loops
    assert [state.variable.name for state in loop.states] == ["h", "yhat"]
    assert network.output.shape == network.input.shape
    assert network.input.step is None
    fed = Network(GRU, topology="one-to-many", loss="squared_error", feed="x = tanh(yhat @ W_f)")
    assert fed.shapes(d=5, n=3, k=2)["W_f"] == (2, 5)
    assert [state.variable.name for state in fed.states] == ["h"]


def test_the_recommended_readout_ends_in_what_the_loss_goes_with() -> None:
    assert Network(GRU, loss="softmax_cross_entropy").readout == "yhat = softmax(h @ W_y + b_y)"
    assert Network(GRU, loss="huber").readout == "yhat = h @ W_y + b_y"


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no layers": (lambda: Network([]), "layers are 1 to 20 cells"),
    "too many layers": (lambda: Network([GRU] * 21), "layers are 1 to 20 cells"),
    "a layer that is no cell": (lambda: Network([GRU, "gru"]), "layers are 1 to 20 cells"),  # type: ignore[list-item]
    "layers of two conventions": (lambda: stacked([GRU, cell("h = tanh(W @ x + U @ h_prev)")]),
                                  "some layers write vectors as rows"),
    "a layer without input": (lambda: stacked([GRU, cell("h = tanh(h_prev @ U)")]), "does not read x"),
    "a scalar below": (lambda: stacked([cell("s: scalar\ns = tanh(dot(x, w) + s_prev)"), GRU]), "scalar states only"),
    "a layer of another size": (lambda: stacked([cell("h: (3,)\nh = tanh(x @ W + h_prev)"),
                                                 cell("x: (4,)\nh = tanh(x @ W + h_prev)")]),
                                "layer 2 reads h_1 as its input: the sizes 3 and 4 differ"),
    "a decoder elsewhere": (lambda: Network(GRU, decoder=GRU), "decoder with the topology many-to-one"),
    "no decoder": (lambda: Network(GRU, topology="encoder-decoder", decoder="gru"),  # type: ignore[arg-type]
                   "the decoder must be a Cell, not str"),
    "a teacher elsewhere": (lambda: Network(GRU, teacher_forcing=False), "only a decoder has a teacher"),
    "a feed elsewhere": (lambda: Network(GRU, feed="x = yhat"), "no output is fed back here"),
    "both ends of one input": (lambda: Network(GRU, topology="one-to-many", bidirectional=True), "both ends"),
    "a mean of one": (lambda: Network(GRU, over_steps="mean"), "there is one output only"),
    "an unknown sum": (lambda: Network(GRU, topology="many-to-many", over_steps="max"), "there is no over_steps 'max'"),
    "states without a match": (lambda: Network(SIMPLE, READOUT, topology="encoder-decoder", decoder=LSTM),
                               "bear none of the names of the encoder's (o)"),
    "an output of another size": (
        lambda: Network(cell("x: (3,)\nh = tanh(x @ W + h_prev @ U)"), "yhat: (4,)\nyhat = sigmoid(h @ V)",
                        topology="one-to-many"),
        "yhat is read as the input x (or give feed=, an equation x = … yhat …): the sizes 3 and 4 differ"),
    "a feed of nothing": (lambda: Network(GRU, topology="one-to-many", feed="x = tanh(w)"),
                          "in the feed: `x` uses none"),
    "a feed of a state": (lambda: Network(GRU, topology="one-to-many", feed="x = h @ W_f"),
                          "in the feed: `h` stands elsewhere in the network"),
    "a feed without x": (lambda: Network(GRU, topology="one-to-many", feed="z_f = yhat @ W_f"),
                         "in the feed: the last line must assign `x`"),
    "one name for two": (lambda: Network(cell("h = tanh(x @ bwd_W + h_prev @ W)"), "yhat = sigmoid(h @ V)",
                                         bidirectional=True), "the name bwd_W stands for two things"),
    "two conventions": (lambda: Network(cell("h = tanh(x @ W + h_prev @ U)"), "yhat = sigmoid(h @ V)",
                                        topology="encoder-decoder", decoder=cell("h = tanh(W @ x + U @ h_prev)")),
                        "keep to one convention"),
    "another lag": (lambda: Network(GRU, topology="encoder-decoder",
                                    decoder=cell("h = tanh(x @ W + h_prev[2] @ U)")),
                    "reaches 1 steps back in the encoder and 2 in the decoder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str) -> None:
    build, words = REFUSED[name]
    with pytest.raises(RnnsymError) as caught:
        build()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_refusals_were_all_tried() -> None:
    assert len(REFUSED) == 22


FILE = """
cell = "lstm"
layers = 2
loss = "softmax_cross_entropy"
topology = "encoder-decoder"
decoder = "gru"
teacher_forcing = false
over_steps = "mean"
readout = "yhat = softmax(h @ W_y + b_y)"
"""


def test_a_file_says_all_that_a_network_takes(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    path.write_text(FILE.replace("layers = 2\n", ""))
    network = Network.from_file(path)
    assert (network.forced, network.feeds_back, network.over_steps) == (False, True, "mean")
    path.write_text('cell = ["lstm", "gru"]\ntopology = "many-to-many"')
    assert Network.from_file(path) == Network([LSTM, GRU], topology="many-to-many")
    path.write_text('cell = "gru"\nlayers = 2\nbidirectional = true')
    assert Network.from_file(path) == Network([GRU, GRU], bidirectional=True)
    path.write_text('cell = "gru"\ntopology = "one-to-many"\nfeed = "x = tanh(yhat @ W_f)"')
    assert Network.from_file(path).feed == "x = tanh(yhat @ W_f)"
    path.write_text('cell = "gru"\ntopology = "encoder-decoder"\ndecoder_equations = "h = tanh(x @ W + h_prev @ U)"\n'
                    'readout = "yhat = sigmoid(h @ W_y)"')
    assert Network.from_file(path).decoder is not None


BAD = {
    "layers that are no number": ('cell = "gru"\nlayers = "two"', "layers must be a whole number from 1 to 20"),
    "layers of a list": ('cell = ["gru"]\nlayers = 2', "layers and a list of cells"),
    "a list of nothing": ("cell = []", "cell must be names of built-in cells"),
    "a switch that is none": ('cell = "gru"\nbidirectional = "yes"', "bidirectional must be true or false"),
    "two decoders": ('cell = "gru"\ndecoder = "gru"\ndecoder_equations = "h = h_prev"', "both decoder and"),
    "an unknown decoder": ('cell = "gru"\ntopology = "encoder-decoder"\ndecoder = "grue"', "did you mean 'gru'?"),
    "a bad feed": ('cell = "gru"\ntopology = "one-to-many"\nfeed = "x = q"', "line 1 of `feed`, column 1: in the feed"),
    "a bad decoder": ('cell = "gru"\ntopology = "encoder-decoder"\ndecoder_equations = "h = q_prev"',
                      "line 1 of `decoder_equations`, column 5"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_is_refused_with_its_key(name: str, tmp_path: Path) -> None:
    text, words = BAD[name]
    path = tmp_path / "network.toml"
    path.write_text(text)
    with pytest.raises(NetworkError) as caught:
        Network.from_file(path)
    assert str(caught.value).startswith(f"network file {str(path)!r}")
    assert words in str(caught.value)
