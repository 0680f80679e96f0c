"""A corpus of labelled texts as arguments of a network: sizes, inputs, targets, lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from sympy import Mul

from rnnsym.errors import DataError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.text import Corpus

UNITS = 3  # the notes' hidden layer
PLAIN_INPUTS = 5  # of a network without a corpus: as many as the notes' reviews have words
CLASSES = 2  # of a loss over classes: label 0 and label 1


def sizes_for(network: Network, corpus: Corpus) -> dict[str, int]:
    """Return the sizes on a corpus: d words, three units, one label; DataError where the network does not fit it."""
    reason = misfit(network, corpus)
    if reason:
        raise DataError(f"{reason}; leave --corpus out, and the report comes without texts")
    return _sizes(network, corpus)


def misfit(network: Network, corpus: Corpus) -> str:
    """Say why a network does not learn from a corpus; nothing where it does."""
    if network.topology != "many-to-one":
        return (f"the corpus {corpus.name} has one label a text, which a many-to-one network learns, not "
                f"{network.topology}")
    values = network.size_values(**_sizes(network, corpus))
    outputs, inputs = (int(Mul(*one.shape).xreplace(values)) for one in (network.output, network.input))
    if (inputs, outputs) == (len(corpus.vocabulary), _labels(network)) and network.output.shape:
        return ""
    return (f"the network {network.cell.name} takes {inputs} features and gives {outputs} outputs, but the corpus "
            f"{corpus.name} has {len(corpus.vocabulary)} words and one label a text: give the readout a weight of its "
            "own")


def _sizes(network: Network, corpus: Corpus) -> dict[str, int]:
    words = {"d": len(corpus.vocabulary)}
    return {name: words.get(name, size) for name, size in plain_sizes(network).items()}


def _labels(network: Network) -> int:
    return CLASSES if losses[network.loss].distribution else 1


def plain_sizes(network: Network) -> dict[str, int]:
    """Return the sizes that a network without a corpus is shown with: five inputs, three units, one output or two."""
    wanted = {"d": PLAIN_INPUTS, "n": UNITS, "k": _labels(network)}
    return {str(symbol): wanted.get(str(symbol), UNITS) for symbol in network.sizes}


def arguments_for(network: Network, corpus: Corpus) -> dict[str, Any]:
    """Return inputs, targets and lengths: one-hot rows or their numbers, labels or classes."""
    batch = corpus.batch()
    targets: Any = batch.targets
    if losses[network.loss].distribution:
        targets = np.array(corpus.labels).astype(np.int64)
        if not np.array_equal(targets, corpus.labels):
            raise DataError(f"the corpus {corpus.name} has labels between 0 and 1, and {network.loss} needs classes: "
                            "take the loss binary_cross_entropy")
    inputs: Any = np.maximum(corpus.integers() - 1, 0) if network.reads_index else batch.inputs
    return {"inputs": inputs, "targets": targets, "lengths": batch.lengths}
