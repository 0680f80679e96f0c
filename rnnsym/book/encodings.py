"""What the book shows of words as numbers, and of the numbers of weights: tables that are computed."""

from __future__ import annotations

import numpy as np

import rnnsym
from rnnsym.book.networks import notes
from rnnsym.book.parts import Exhibit, Listing, Part, table
from rnnsym.errors import CheckError

ROUNDING = 1e-14  # of sums of a few dozen products of numbers below one
SIZES = {"d": 5, "n": 3, "k": 1}


def words_as_numbers() -> tuple[Part, ...]:
    """Return the notes' reviews as integers, rows and a padded batch, and what order and padding do."""
    corpus = rnnsym.corpora["reviews"]
    return (_vocabulary(corpus), _reviews(corpus), _order(), _padding(corpus))


def _vocabulary(corpus: rnnsym.Corpus) -> Exhibit:
    rows = corpus.vocabulary.one_hot(" ".join(corpus.vocabulary.words)).astype(int)
    shown = (f"{word:8}{row}" for word, row in zip(corpus.vocabulary.words, rows, strict=True))
    return Exhibit(
        "The vocabulary", "Words are numbered from 1 in order of first appearance; 0 is kept for padding. The row of a "
        "word is the row of the identity with its number.", (Listing("Each word and its row:", tuple(shown)),),
    )


def _reviews(corpus: rnnsym.Corpus) -> Exhibit:
    vocabulary = corpus.vocabulary
    rows = [(text, ", ".join(map(str, vocabulary.encode(text))),
             " × ".join(map(str, vocabulary.one_hot(text).shape)), f"{label:g}")
            for text, label in zip(corpus.texts, corpus.labels, strict=True)]
    return Exhibit("The reviews", "A review is a matrix of a row for each word: `T` × `d`.", (),
                   table(("review", "integers", "shape", "label"), *rows))


def _order() -> Exhibit:
    vocabulary = rnnsym.Vocabulary(("cat", "mat", "rat"))
    first, second = (vocabulary.one_hot(text) for text in ("cat mat rat", "rat mat cat"))
    network = notes()
    parameters = rnnsym.dynamics.draw_parameters(network, {"d": 3, "n": 3, "k": 1}, seed=0)
    run = rnnsym.compile(network)
    outputs = [float(np.ravel(run.predict(parameters, rows))[0]) for rows in (first, second)]
    same = bool((first.sum(axis=0) == second.sum(axis=0)).all())
    if not same or outputs[0] == outputs[1]:
        raise CheckError("two orders of the same words must have one bag of words and two outputs")
    return Exhibit(
        "The order of words", "Counts of words forget their order, rows keep it, and so does a recurrent network: with "
        "weights drawn once, the two sentences below have the same counts and different outputs.", (),
        table(("sentence", "counts", "output"),
              *((text, ", ".join(f"{count:g}" for count in rows.sum(axis=0)), f"{output:.4f}")
                for text, rows, output in zip(("cat mat rat", "rat mat cat"), (first, second), outputs, strict=True))),
    )


def _padding(corpus: rnnsym.Corpus) -> Exhibit:
    batch, run = corpus.batch(), rnnsym.compile(notes())
    parameters = rnnsym.dynamics.draw_parameters(notes(), SIZES, seed=0)
    loss, _ = run.value_and_grad(parameters, batch.inputs, batch.targets, lengths=batch.lengths)
    blind, _ = run.value_and_grad(parameters, batch.inputs, batch.targets)
    alone = [run.value_and_grad(parameters, rows[:length], target)[0]
             for rows, length, target in zip(batch.inputs, batch.lengths, batch.targets, strict=True)]
    if abs(loss - np.mean(alone)) > ROUNDING or abs(blind - loss) < ROUNDING:
        raise CheckError("a padded batch with its lengths must be the mean of its sequences, and no other")
    shape = " × ".join(map(str, batch.inputs.shape))
    return Exhibit(
        "Padding", f"To be one array, {shape} (batch, steps, features), the shorter reviews are padded with rows of "
        "zeros. A step on a row of zeros is a step all the same, for it multiplies the state by the recurrent weight: "
        "the loss is another unless the lengths are told.", (),
        table(("how the batch is read", "loss"), ("each review alone, the mean", f"{np.mean(alone):.6f}"),
              ("padded, with lengths", f"{loss:.6f}"), ("padded, without lengths", f"{blind:.6f}")),
    )


def weights_and_biases() -> tuple[Part, ...]:
    """Return the numbers of weights and biases of 5 inputs, 3 units and 1 output, and of other cells."""
    counts = rnnsym.derive(notes(), steps=3, sizes=SIZES).only("counts")
    rows = []
    for name in ("simple", "gru", "lstm"):
        network = rnnsym.Network(rnnsym.cells[name])
        shapes = network.shapes(**SIZES)
        by_kind = {kind: sum(int(np.prod(shapes[count.parameter.name])) for count in network.counts()
                             if count.kind == kind) for kind in ("weight", "bias")}
        rows.append((rnnsym.cells[name].name, by_kind["weight"], by_kind["bias"], sum(by_kind.values())))
    other = Exhibit("The same sizes, other cells", "Each gate has weights and biases of its own.", (),
                    table(("cell", "weights", "biases", "all"), *rows))
    return counts, other
