"""Text to numbers: words, vocabulary in order of first appearance, integers, one-hot rows, padded batches."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from reprlib import repr as shown
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.model.tables import check_label, read_labelled_texts

MAX_TENSOR_BYTES = 2**30
"""One-hot tensors grow with batch × time steps × vocabulary; beyond this a machine swaps, not computes."""
PADDING = 0

_WORD = re.compile(r"[^\W_][^ ']*(?:'[^\W_][^ ']*)*")


def split_words(text: str) -> tuple[str, ...]:
    """Words = maximal runs of letters, marks and digits, lower-cased and in Unicode form NFC.

    An apostrophe between two such runs belongs to the word, the typographic one counts as the straight one.
    Invisible format characters (a soft hyphen) are dropped; everything else separates words.

    >>> split_words("Movie was NOT good!")
    ('movie', 'was', 'not', 'good')
    >>> split_words("'Don’t' -- it's ok_ay")
    ("don't", "it's", 'ok', 'ay')
    """
    if not isinstance(text, str):
        raise DataError(f"expected a text, got {shown(text)}; give a str")
    lower = text.lower()
    invisible = {ord(sign): None for sign in set(lower) if unicodedata.category(sign) == "Cf"}
    normal = unicodedata.normalize("NFC", lower.translate(invisible)).replace("’", "'")
    separators = {ord(sign): " " for sign in set(normal) if unicodedata.category(sign)[0] not in "LMN"}
    return tuple(_WORD.findall(normal.translate(separators | {ord("'"): "'"})))


@dataclass(frozen=True)
class Vocabulary:
    """The distinct words in order of first appearance; word number i (from 1) is row i of the identity."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.words, Sequence) or isinstance(self.words, str) or not self.words:
            raise DataError(f"a vocabulary needs words, got {shown(self.words)}; use Vocabulary.from_texts")
        object.__setattr__(self, "words", tuple(self.words))
        for word in self.words:
            if split_words(word) != (word,):
                raise DataError(f"{shown(word)} is not one lower-case word; use Vocabulary.from_texts")
        if len(self._numbers) != len(self.words):
            twice = next(word for word in self.words if self.words.count(word) > 1)
            raise DataError(f"the vocabulary holds {shown(twice)} more than once; name each word once")

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """Collect the distinct words of ``texts`` in order of first appearance.

        >>> Vocabulary.from_texts(["Movie was good", "Movie was bad", "Movie was not good"]).words
        ('movie', 'was', 'good', 'bad', 'not')
        """
        if isinstance(texts, str):
            raise DataError(f"expected a list of texts, got the one text {shown(texts)}; put it in a list")
        if not isinstance(texts, Iterable):
            raise DataError(f"expected a list of texts, got {shown(texts)}; give the texts in a list")
        return cls(tuple(dict.fromkeys(word for text in texts for word in split_words(text))))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=PADDING + 1)}

    @property
    def size(self) -> int:
        """Number of words, which is the number of input features of a one-hot network."""
        return len(self.words)

    def __len__(self) -> int:
        return self.size

    def encode(self, text: str) -> tuple[int, ...]:
        """Return each word's number, counted from 1 (0 is kept for padding).

        Errors: a text without a word, a word that is not in the vocabulary.

        >>> Vocabulary(("movie", "was", "good", "bad", "not")).encode("Movie was not good")
        (1, 2, 5, 3)
        """
        words = _words_of(text)
        for word in words:
            if word not in self._numbers:
                raise DataError(
                    f"the word {shown(word)} is not in the vocabulary {self._summary()}; "
                    "use its words only, or build the vocabulary from these texts too"
                )
        return tuple(self._numbers[word] for word in words)

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Return the words that ``encode`` numbered, split_words(text); zeros at the end are padding.

        Errors: a number that is no word's.

        >>> Vocabulary(("movie", "was", "good", "bad", "not")).decode([1, 2, 4, 0])
        ('movie', 'was', 'bad')
        """
        if not isinstance(numbers, Iterable):
            raise DataError(f"expected a list of words' numbers, got {shown(numbers)}; give what encode returned")
        kept = list(numbers)
        while kept and isinstance(kept[-1], int | np.integer) and kept[-1] == PADDING:
            kept.pop()
        for number in kept:
            if not isinstance(number, int | np.integer) or not 1 <= number <= self.size:
                raise DataError(
                    f"{shown(number)} is no word's number: the vocabulary {self._summary()} counts from 1 to "
                    f"{self.size}, and {PADDING} is padding, at the end only"
                )
        return tuple(self.words[number - 1] for number in kept)

    def one_hot(self, text: str) -> NDArray[np.float64]:
        """Row t is row ``encode(text)[t]`` of the identity; shape (time steps, features).

        >>> Vocabulary(("movie", "was", "good", "bad", "not")).one_hot("movie was not good")
        array([[1., 0., 0., 0., 0.],
               [0., 1., 0., 0., 0.],
               [0., 0., 0., 0., 1.],
               [0., 0., 1., 0., 0.]])
        """
        return _one_hot(np.array(self.encode(text)), self.size)

    def _summary(self) -> str:
        first = ", ".join(self.words[:5]) + (", …" if self.size > 5 else "")
        return f"({first}; {self.size} word{'s' * (self.size != 1)})"


@dataclass(frozen=True, eq=False)
class Batch:
    """One-hot sequences as a network takes them, rows past a sequence's length are 0.

    Shapes: inputs (batch, time steps, features), lengths (batch,), targets (batch, 1).
    """

    inputs: NDArray[np.float64]
    lengths: NDArray[np.int64]
    targets: NDArray[np.float64]


@dataclass(frozen=True)
class Corpus:
    """Labelled texts, labels in [0, 1]; the vocabulary is their own unless ``fixed_vocabulary`` is given.

    Errors: no text, texts and labels of different number, a text without a word or with an unknown one,
    a label outside [0, 1].
    """

    name: str
    texts: tuple[str, ...]
    labels: tuple[float, ...]
    fixed_vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        for kind, given in (("texts", self.texts), ("labels", self.labels)):
            if isinstance(given, str) or not hasattr(given, "__len__") or not isinstance(given, Iterable):
                raise DataError(f"corpus {shown(self.name)}: the {kind} must be a list, but they are {shown(given)}")
        if self.fixed_vocabulary is not None and not isinstance(self.fixed_vocabulary, Vocabulary):
            raise DataError(
                f"corpus {shown(self.name)}: the vocabulary must be a Vocabulary, but it is "
                f"{shown(self.fixed_vocabulary)}; use Vocabulary.from_texts"
            )
        if not 0 < len(self.texts) == len(self.labels):
            raise DataError(
                f"corpus {shown(self.name)} has {len(self.texts)} texts and {len(self.labels)} labels; "
                "give at least one text and one label to each"
            )
        for number, (text, label) in enumerate(zip(self.texts, self.labels, strict=True), start=1):
            place = f"corpus {shown(self.name)}, text {number}"
            _check_text(text, self.fixed_vocabulary, place)
            check_label(label, place)
        object.__setattr__(self, "texts", tuple(self.texts))
        object.__setattr__(self, "labels", tuple(float(label) for label in self.labels))

    @classmethod
    def from_csv(cls, path: str | Path, vocabulary: Vocabulary | None = None) -> Corpus:
        """Read the columns ``text`` and ``label`` of a UTF-8 CSV file; the corpus is named after the file.

        Errors: every fault is a DataError with file and row, a word unknown to ``vocabulary`` included.
        """
        rows = read_labelled_texts(path)
        for row in rows:
            _check_text(row.text, vocabulary, row.place)
        texts, labels = tuple(row.text for row in rows), tuple(row.label for row in rows)
        return cls(Path(path).stem, texts, labels, vocabulary)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The fixed vocabulary, else the words of the texts in order of first appearance."""
        return self.fixed_vocabulary or Vocabulary.from_texts(self.texts)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of time steps (words) of each text."""
        return tuple(len(split_words(text)) for text in self.texts)

    def integers(self) -> NDArray[np.int64]:
        """Integer encoding, each row filled up with 0; shape (batch, time steps).

        >>> corpora["reviews"].integers()
        array([[1, 2, 3, 0],
               [1, 2, 4, 0],
               [1, 2, 5, 3]])
        """
        lengths = self.lengths
        _refuse_huge((len(lengths), max(lengths)), "the integer encoding")
        numbers = np.full((len(lengths), max(lengths)), PADDING, dtype=np.int64)
        for row, text in zip(numbers, self.texts, strict=True):
            encoded = self.vocabulary.encode(text)
            row[: len(encoded)] = encoded
        return numbers

    def batch(self) -> Batch:
        """One-hot encoding of the whole corpus, zero-padded to the longest text.

        >>> batch = corpora["reviews"].batch()
        >>> batch.inputs.shape, batch.lengths.tolist(), batch.targets.tolist()
        ((3, 4, 5), [3, 3, 4], [[1.0], [0.0], [0.0]])
        """
        return Batch(
            inputs=_one_hot(self.integers(), self.vocabulary.size),
            lengths=np.array(self.lengths, dtype=np.int64),
            targets=np.array(self.labels, dtype=np.float64)[:, np.newaxis],
        )


def _one_hot(numbers: NDArray[np.int64], features: int) -> NDArray[np.float64]:
    shape = (*numbers.shape, features)
    _refuse_huge(shape, "the one-hot encoding")
    encoded = np.zeros(shape)
    places = np.nonzero(numbers != PADDING)
    encoded[(*places, numbers[places] - 1)] = 1.0
    return encoded


def _refuse_huge(shape: Sequence[int], what: str) -> None:
    size = math.prod(shape) * np.dtype(np.float64).itemsize
    if size > MAX_TENSOR_BYTES:
        raise DataError(
            f"{what} of shape {tuple(shape)} needs {size:,} bytes, the limit is {MAX_TENSOR_BYTES:,}; "
            "use fewer or shorter texts, or a smaller vocabulary"
        )


def _words_of(text: str) -> tuple[str, ...]:
    words = split_words(text)
    if not words:
        raise DataError(f"the text {shown(text)} has no word; a sequence needs at least one")
    return words


def _check_text(text: str, vocabulary: Vocabulary | None, place: str) -> None:
    try:
        _words_of(text) if vocabulary is None else vocabulary.encode(text)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error


corpora: Mapping[str, Corpus] = MappingProxyType(
    {
        corpus.name: corpus
        for corpus in (
            Corpus("reviews", ("Movie was good", "Movie was bad", "Movie was not good"), (1.0, 0.0, 0.0)),
            Corpus("animals", ("Cat mat rat", "rat rat mat", "mat mat cat"), (1.0, 1.0, 0.0)),
        )
    }
)
"""The two corpora of the lecture notes: film reviews (one-hot shape (3, 4, 5)) and animals (3, 3, 3)."""
