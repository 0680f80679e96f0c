"""Data to train on: one entry a source, with what a trained network is judged by and what simple rules make of it.

The notes' reviews and table of bits, a real series and real images that come inside a package, a text, and the tasks
with a lag. Packages of data are imported when their data are asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.batches import Batch, Batches, Drawn, Shuffled, padded
from rnnsym.dynamics.characters import Characters, read_text
from rnnsym.dynamics.tasks import tasks
from rnnsym.errors import DataError
from rnnsym.model.cells import Cell
from rnnsym.model.networks import Network
from rnnsym.model.text import corpora
from rnnsym.model.topologies import topologies
from rnnsym.numerics.compilation import CompiledNetwork

Float = NDArray[np.float64]
Values = Mapping[str, float]

WINDOW = 25  # years of a training sequence of the series, and characters of one of the text
HELD_YEARS = 79  # the sunspots' last: 1930 to 2008
LAGS = 9  # of the autoregression: what the information criterion of Akaike chooses for yearly sunspots
HELD_DIGITS = 497  # of 1797 images
HELD_SHARE = 7  # the last of so many parts of a text is held out


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is measured of a trained network by name; ``outputs`` beside ``targets`` where they are few."""

    measures: Values
    outputs: tuple[float, ...] = ()
    targets: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Data:
    """What an experiment runs on: a source of batches, d and k, the judge, and simple rules' own measures by name."""

    batches: Callable[[int, int], Batches]
    inputs: int
    outputs: int
    judge: Callable[[CompiledNetwork, Mapping[str, Any]], Judgement]
    references: Values = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Source:
    """One entry: ``load()`` returns the data, read once; ``steps`` is T of the longest sequence that is learnt from."""

    name: str
    title: str
    origin: str
    loss: str
    topology: str
    steps: int
    load: Callable[[], Data]

    def network(self, cell: Cell) -> Network:
        """Return the network of a cell for these data, with the readout that is recommended for it and for the loss.

        Errors: NetworkError for a cell without a recommended readout.
        """
        mean = topologies[self.topology].every
        return Network(cell, loss=self.loss, topology=self.topology, over_steps="mean" if mean else "sum")


def _shuffled(data: Batch) -> Callable[[int, int], Batches]:
    return lambda size, seed: Shuffled(data, min(size, len(data)), seed)


@contextmanager
def _from(distribution: str) -> Iterator[None]:
    """Import a package of data within, or say by name what brings it."""
    try:
        yield
    except ImportError as error:
        raise DataError(f"{distribution} holds these data, and is not installed ({error}); "
                        "pip install 'rnnsym[data]' brings it") from None


def _bits(data: Batch) -> Data:
    """A few sequences with a yes or no, all of them seen in training."""
    wanted = np.asarray(data.targets)[:, 0]

    def judge(run: CompiledNetwork, parameters: Mapping[str, Any]) -> Judgement:
        found = run.predict(parameters, data.inputs, lengths=data.lengths)[:, 0]
        right = float(np.mean((found > 0.5) == (wanted > 0.5)))
        return Judgement({"accuracy": right}, tuple(map(float, found)), tuple(map(float, wanted)))

    share = float(np.mean(wanted))
    return Data(_shuffled(data), data.inputs.shape[2], 1, judge, {"majority": max(share, 1 - share)})


def _reviews() -> Data:
    found = corpora["reviews"].batch()
    return _bits(Batch(found.inputs, found.targets, found.lengths))


def _three_bits() -> Data:
    rows = {(1, 0, 1): 1, (0, 0, 1): 0, (1, 1, 1): 0, (0, 0, 0): 0}
    return _bits(padded([[[bit] for bit in row] for row in rows], [[float(one)] for one in rows.values()]))


def _sunspots() -> Data:
    """Forecast each year's number from those before, one step ahead; RMSE over the years held out."""
    with _from("statsmodels"):
        from statsmodels.datasets import sunspots
        from statsmodels.tsa.ar_model import AutoReg
    series = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(dtype=np.float64)
    known, scale = len(series) - HELD_YEARS, 100.0
    scaled = series / scale
    starts = np.arange(known - WINDOW)
    places = starts[:, None] + np.arange(WINDOW)
    seen = Batch(scaled[places][..., None], scaled[places + 1][..., None])

    def judge(run: CompiledNetwork, parameters: Mapping[str, Any]) -> Judgement:
        forecasts = scale * run.predict(parameters, scaled[:-1, None])[:, 0]
        past, held = forecasts[:known - 1] - series[1:known], forecasts[known - 1:]
        return Judgement({"RMSE": _root(held - series[known:]), "RMSE in training": _root(past[WINDOW:])},
                         tuple(map(float, held)), tuple(map(float, series[known:])))

    fitted = AutoReg(series[:known], LAGS).fit().params
    linear = fitted[0] + np.lib.stride_tricks.sliding_window_view(series[:-1], LAGS)[:, ::-1] @ fitted[1:]
    return Data(_shuffled(seen), 1, 1, judge, {
        "persistence": _root(series[known - 1:-1] - series[known:]),
        f"AR({LAGS})": _root(linear[-HELD_YEARS:] - series[known:])})


def _root(errors: Float) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _digits(width: int) -> Data:
    """Images of 8 × 8 grey values, ``width`` of them a step; the share of images held out that is told rightly."""
    with _from("scikit-learn"):
        from sklearn.datasets import load_digits
        from sklearn.linear_model import LogisticRegression
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.data))
    images, classes = found.data[order] / 16.0, np.asarray(found.target)[order]
    known = len(images) - HELD_DIGITS
    sequences, labels = images.reshape(len(images), -1, width), np.eye(10)[classes]

    def judge(run: CompiledNetwork, parameters: Mapping[str, Any]) -> Judgement:
        told = run.predict(parameters, sequences).argmax(axis=1) == classes
        return Judgement({"accuracy": float(told[known:].mean()), "accuracy in training": float(told[:known].mean())})

    fitted = LogisticRegression(max_iter=1000).fit(images[:known], classes[:known])
    return Data(_shuffled(Batch(sequences[:known], labels[:known])), width, 10, judge, {
        "majority": float(np.bincount(classes[known:]).max() / HELD_DIGITS),
        "logistic regression": float(fitted.score(images[known:], classes[known:]))})


def characters_of(path: Path) -> Data:
    """The data of a text file: its next character from those before, in bits, on the last seventh, which is held out.

    Errors: DataError for a file that cannot be read, or is too short.
    """
    text = Characters(read_text(path))
    known, held = text.parts(HELD_SHARE, WINDOW)

    def judge(run: CompiledNetwork, parameters: Mapping[str, Any]) -> Judgement:
        def bits(part: Batch) -> float:
            return float(run.loss(parameters, part.inputs[0], part.targets[0]) / np.log(2))

        return Judgement({"bits": bits(text.sequence(held)), "bits in training": bits(text.sequence(known))})

    return Data(lambda size, seed: Drawn(lambda random, count: text.draw(random, count, known, WINDOW), size, seed),
                text.size, text.size, judge, {
                    f"{name}{where}": text.bits(known, part, order) for name, order in (("unigram", 0), ("bigram", 1))
                    for where, part in (("", held), (" in training", known))})


def _lagged(name: str, lag: int) -> Data:
    """A task with a lag: fresh sequences, and the loss on 256 that training does not see, over what chance gives."""
    entry = tasks[name]
    held = entry.batches(lag, 256, seed=1_000_003).batch(0)

    def judge(run: CompiledNetwork, parameters: Mapping[str, Any]) -> Judgement:
        loss = float(run.loss(parameters, held.inputs, held.targets))
        return Judgement({"share of chance": loss / entry.chance(lag)})

    return Data(lambda size, seed: entry.batches(lag, size, seed), entry.inputs, entry.outputs, judge, {"chance": 1.0})


def _lag_source(name: str, lag: int, steps: int) -> Source:
    entry = tasks[name]
    return Source(f"{name}-{lag}", f"{entry.title}, at lag {lag}", entry.source, entry.loss, entry.topology,
                  steps, lambda: _lagged(name, lag))


SONNETS = Path(__file__).parent / "texts" / "sonnets.txt"
_digits_origin = "scikit-learn's load_digits: Alpaydin, Kaynak 1998, UCI, optical recognition of handwritten digits"
_entries: Sequence[Source] = (
    Source("reviews", "Three film reviews", "the lecture notes", "binary_cross_entropy", "many-to-one", 4, _reviews),
    Source("three-bits", "A table of three bits", "the lecture notes, under long-term dependencies",
           "binary_cross_entropy", "many-to-one", 3, _three_bits),
    Source("sunspots", "Yearly sunspot numbers, 1700 to 2008", "statsmodels' datasets.sunspots (NOAA, public domain)",
           "squared_error", "many-to-many", WINDOW, _sunspots),
    Source("digits-by-row", "Handwritten digits, a row of 8 pixels a step", _digits_origin, "softmax_cross_entropy",
           "many-to-one", 8, lambda: _digits(8)),
    Source("digits-by-pixel", "Handwritten digits, a pixel a step", _digits_origin, "softmax_cross_entropy",
           "many-to-one", 64, lambda: _digits(1)),
    Source("sonnets", "Seven sonnets, a character a step", "Shakespeare 1609, sonnets 18, 29, 30, 55, 73, 116, 130",
           "softmax_cross_entropy", "many-to-many", WINDOW, lambda: characters_of(SONNETS)),
    _lag_source("adding", 20, 20),
    _lag_source("first-bit", 20, 21),
)

sources: Mapping[str, Source] = MappingProxyType({entry.name: entry for entry in _entries})


def source(name: Any) -> Source:
    """Return a source of the table. Errors: DataError for another name, with the nearest one."""
    if not isinstance(name, str) or name not in sources:
        near = difflib.get_close_matches(str(name), sources, 1)
        question = f" (did you mean {near[0]!r}?)" if near else ""
        raise DataError(f"data: there are none named {name!r:.80}{question}; there are {', '.join(sources)}")
    return sources[name]


@lru_cache(maxsize=2)
def data_of(name: str) -> Data:
    """Return the data of a source of the table; the last two are kept at hand. Errors as for ``source``."""
    return source(name).load()
