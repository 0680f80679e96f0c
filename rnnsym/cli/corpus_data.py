"""A corpus of labelled texts as arguments of a network: sizes, inputs, targets, lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnsym.errors import DataError
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.model.text import Corpus

UNITS = 3  # the notes' hidden layer
CLASSES = 2  # of a loss over classes: label 0 and label 1


def sizes_for(network: Network, corpus: Corpus) -> dict[str, int]:
    """Return the sizes on a corpus: d words, three units, one label; DataError where the network does not fit it."""
    if network.topology != "many-to-one":
        raise DataError(f"the corpus {corpus.name} has one label a text, which a many-to-one network learns, not "
                        f"{network.topology}: use derive, check, code and figures for this network")
    wanted = {"d": len(corpus.vocabulary), "n": UNITS, "k": CLASSES if losses[network.loss].distribution else 1}
    sizes = {str(symbol): wanted.get(str(symbol), UNITS) for symbol in network.sizes}
    values = network.size_values(**sizes)
    outputs, inputs = (int(v.shape[0].xreplace(values)) for v in (network.output, network.input))
    if (inputs, outputs) != (wanted["d"], wanted["k"]):
        raise DataError(
            f"the network {network.cell.name} takes {inputs} features and gives {outputs} outputs, but the corpus "
            f"{corpus.name} has {wanted['d']} words and one label a text: give the readout a weight of its own"
        )
    return sizes


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
