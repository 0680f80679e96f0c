"""The chapters in order, each one entry: key, title, a few sentences, what it shows, what it cites."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import rnnsym
from rnnsym.book import encodings, measurements
from rnnsym.book.errata import HOW_TO_READ
from rnnsym.book.networks import gated, notes
from rnnsym.book.parts import Chapter, Part, named
from rnnsym.model.cell_table import entries

PASCANU = ("Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, ICML, "
           "arXiv:1211.5063")
BENGIO = ("Bengio, Simard, Frasconi 1994, Learning long-term dependencies with gradient descent is difficult, IEEE "
          "Transactions on Neural Networks 5(2), 157-166")
GLOROT = "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, AISTATS"
LE = ("Le, Jaitly, Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, "
      "arXiv:1504.00941")
NAIR = "Nair, Hinton 2010, Rectified linear units improve restricted Boltzmann machines, ICML"
MAAS = "Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models, ICML workshop"


def _source(cell: str) -> str:
    """Return where a built-in cell was published first."""
    return entries[cell].source.split("; ")[0]


def _forward() -> tuple[Part, ...]:
    return (rnnsym.derive(notes(), steps=3).only("notation", "forward"),)


def _topologies() -> tuple[Part, ...]:
    shapes = (
        ("One to one", notes("one-to-one"), 1), ("One to many", notes("one-to-many", "squared_error"), 3),
        ("Many to one", notes(), 3), ("Many to many", notes("many-to-many", "softmax_cross_entropy"), 3),
        ("Encoder and decoder", notes("encoder-decoder", "squared_error"), 3),
    )
    return tuple(named(rnnsym.derive(network, steps=steps), name, "forward", "loss") for name, network, steps in shapes)


def _three_steps() -> tuple[Part, ...]:
    return (rnnsym.derive(notes(), steps=3).only("loss", "local", "paths", "adjoints", "gradients"),)


def _any_length() -> tuple[Part, ...]:
    kept = ("forward", "uses", "local", "paths", "adjoints", "gradients", "accumulation", "proof")
    return (rnnsym.derive(notes(), steps=None).only(*kept),)


def _every_output() -> tuple[Part, ...]:
    network = notes("many-to-many", "softmax_cross_entropy")
    return (rnnsym.derive(network, steps=3).only("notation", "loss", "local", "paths", "adjoints", "gradients"),)


def _encoder_decoder() -> tuple[Part, ...]:
    network = notes("encoder-decoder", "squared_error", teacher_forcing=False)
    kept = ("notation", "forward", "loss", "local", "paths", "adjoints", "gradients")
    return (rnnsym.derive(network, steps=3, output_steps=2).only(*kept),)


def _descent() -> tuple[Part, ...]:
    return (rnnsym.derive(notes(), steps=3).only("descent"),)


def _bounds() -> tuple[Part, ...]:
    return (rnnsym.derive_bounds(notes()),)


def _skip() -> tuple[Part, ...]:
    learned = rnnsym.derive(gated("skip_rnn"), steps=None)
    fixed = rnnsym.derive(rnnsym.Network(rnnsym.cells["skip_connection"]), steps=None)
    return (named(learned, "Skipping that is learned", "notation", "forward", "local", "adjoints", "gradients"),
            named(fixed, "A connection four steps back", "notation", "forward", "local", "adjoints", "gradients"))


def _lstm() -> tuple[Part, ...]:
    kept = ("notation", "forward", "local", "paths", "adjoints", "gradients", "proof")
    bounds = rnnsym.derive_bounds(gated("lstm")).only("direct", "excess-c")
    return (rnnsym.derive(gated("lstm"), steps=None).only(*kept), bounds)


def _gru() -> tuple[Part, ...]:
    kept = ("notation", "forward", "local", "adjoints", "gradients", "proof")
    bounds = rnnsym.derive_bounds(gated("gru")).only("direct", "excess-h")
    return (rnnsym.derive(gated("gru"), steps=None).only(*kept), bounds)


def _errata_notes() -> tuple[Part, ...]:
    from rnnsym.book.errata_notes import ERRATA, SLIPS

    return tuple(one.exhibit() for one in (*ERRATA, *SLIPS))


def _errata_literature() -> tuple[Part, ...]:
    from rnnsym.book.errata_literature import ERRATA

    return tuple(one.exhibit() for one in ERRATA)


_chapters = (
    Chapter("encoding", "Words as numbers", (
        "The notes turn three film reviews into rows of the identity, a row for each word of a vocabulary of five, and "
        "pad them to one length. Their rows for the third review spell another sentence. Padding is said to be what "
        "recurrent networks do without; it is needed in a batch, and harmless as long as the lengths are kept."
    ), encodings.words_as_numbers),
    Chapter("forward", "The forward pass", (
        "One cell is applied at every step: to the word of that step, and to the state that the step before has left. "
        "The notes give each step a bias of its own and leave the recurrent weight out of the first step, the bias out "
        "of the long product; here one bias is shared by all steps, as the weights are."
    ), _forward, (_source("simple"),),
            figures=("unrolled",)),
    Chapter("network_shapes", "Shapes of networks", (
        "The notes count four shapes, and draw a fifth: with outputs of another length than the inputs, which takes an "
        "encoder and a decoder. What differs is where inputs enter, where outputs leave, and whether an output is read "
        "again; the step is the same in all of them."
    ), _topologies),
    Chapter("parameter_counts", "Weights and biases", (
        "With 5 inputs, 3 units and 1 output the notes count 18 weights, and so forget the nine between the units that "
        "their own formula names. There are 27, and 4 biases."
    ), encodings.weights_and_biases),
    Chapter("loss", "The loss", (
        "The notes write the loss first as a difference, which has a sign and no lower end, then as a cross-entropy in "
        "whose second term a logarithm is subtracted from 1 instead of being taken of 1 minus the output. Both are "
        "refuted among the errata; this is the cross-entropy that holds."
    ), measurements.the_loss),
    Chapter("bptt_three_steps", "Backpropagation through three time steps, path by path", (
        "The heart of the notes: three words, hence three paths from the loss to each weight of the step. Their sum of "
        "three products is right if the last factor of each is the immediate derivative, through the one use at that "
        "step. The first attempt, in which weights are differentiated by weights, has no meaning: each weight is "
        "updated by a gradient of its own."
    ), _three_steps,
            figures=("gradient-paths",)),
    Chapter("bptt_any_length", "Backpropagation through time for every length, with its proof", (
        "A sentence may have any number of words, so the notes write a sum over the steps. As printed, with two total "
        "derivatives in each term, it counts paths more than once. Here the sum is derived with the length a symbol, "
        "and proved to be the total derivative by induction."
    ), _any_length),
    Chapter("bptt_every_output", "Backpropagation through time with an output at every step", (
        "The notes backpropagate from a single output. Where every step has one, as in tagging words, the gradient is "
        "a sum over the outputs, and for each of them over the steps before it."
    ), _every_output),
    Chapter("encoder_decoder", "Backpropagation through an encoder and a decoder", (
        "Translation, the notes' example of different lengths, takes two recurrences. The encoder is reached only "
        "through the state that it hands over, and a decoder that reads its own outputs has paths through them, too."
    ), _encoder_decoder),
    Chapter("gradient_descent", "Updates by gradient descent", (
        "Every parameter takes a step against its own gradient, times the learning rate. One of the notes' lines drops "
        "the rate; the biases, which they call learnable, never get an update."
    ), _descent),
    Chapter("vanishing", "Vanishing and exploding over a hundred steps", (
        "Over a hundred steps the gradient holds a product of a hundred step Jacobians. The notes take its factors for "
        "numbers between 0 and 1, write tanh where its slope is meant, and conclude that the product vanishes. For one "
        "unit it does; for several, what counts is the spectral radius and the norm of the weight, not its entries."
    ), measurements.hundred_steps, (BENGIO, PASCANU),
            figures=("gradient-products", "contributions-by-cell")),
    Chapter("bounds", "How fast a gradient can vanish or explode", (
        "What can be said for all weights and inputs are bounds, derived rule by rule from the equation of the step. A "
        "bound below one is enough for vanishing; one above is needed for exploding, and does not bring it about."
    ), _bounds, (PASCANU,)),
    Chapter("relu", "ReLU and leaky ReLU", (
        "The notes' first remedy is a function whose slope is not confined to the range from 0 to 1. The slope of ReLU "
        "is 0 or 1, of leaky ReLU a hundredth or 1: confined as well, and the largest slope is that of tanh at 0. What "
        "they change is that an active unit passes its gradient on whole, at the price of units that pass nothing."
    ), measurements.by_function, (NAIR, MAAS, LE),
            figures=("activations",)),
    Chapter("initialisation", "Initial weights", (
        "The second remedy, which the notes name without saying how: start with a recurrent weight whose singular "
        "values are near one. How far a gradient then comes is a matter of measurement, and of the inputs."
    ), measurements.by_start, (GLOROT, LE),
            figures=("initial-spectra",)),
    Chapter("skip_rnn", "Skipping steps", (
        "The third remedy shortens the paths. The network of Campos and others learns at which steps to copy the "
        "state; the rounding in its gate has slope zero and is passed straight through. A connection that reaches four "
        "steps back gives the gradient a second way, with a quarter of the factors."
    ), _skip, (_source("skip_rnn"), _source("skip_connection"))),
    Chapter("lstm", "Long short-term memory", (
        "The fourth remedy keeps a cell state that is multiplied by a gate instead of a matrix. It is often told as if "
        "the forget gate were the whole derivative from one cell state to the next; it is the direct path alone, and "
        "the others go through the gates. The bounds at the end say by how much the whole can exceed it."
    ), _lstm, tuple(entries["lstm"].source.split("; ")),
            figures=("lags",)),
    Chapter("gru", "The gated recurrent unit", (
        "The notes name it beside the LSTM. One state does both services: a gate keeps the old one or takes the "
        "candidate, another decides how much of the old one the candidate sees."
    ), _gru, (_source("gru"),),
            figures=("remedies",)),
    Chapter("gradient_clipping", "Gradient clipping", (
        "Against exploding gradients the notes cut at a maximal value. Cut by the norm of all parameters together, the "
        "direction stays; cut entry by entry, it turns."
    ), measurements.by_clipping, (PASCANU,),
            figures=("wall", "clipping")),
    Chapter("learning_rate", "The learning rate", (
        "The notes' second remedy against exploding gradients is a controlled learning rate. It scales the step "
        "without bounding it: a rate that suits most steps does not suit the one at a wall."
    ), measurements.by_rate,
            figures=("learning-rates",)),
    Chapter("errata_notes", "Errata to lecture notes on recurrent networks", HOW_TO_READ, _errata_notes),
    Chapter("errata_literature", "Errata to the literature on recurrent networks", (
        f"Published formulas that are wrong as printed, or hold for one unit only. {HOW_TO_READ}"
    ), _errata_literature),
)

chapters: Mapping[str, Chapter] = MappingProxyType({chapter.key: chapter for chapter in _chapters})
