"""Text to numbers: the notes' arrays, laws for any text, and one message for each fault."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.errors import DataError
from rnnsym.model.text import MAX_TENSOR_BYTES, Corpus, Vocabulary, corpora, split_words

words = st.text("abcxyzàé", min_size=1, max_size=4)
sentences = st.lists(words, min_size=1, max_size=6).map(" ".join)
many_sentences = st.lists(sentences, min_size=1, max_size=5)
labels = st.floats(0, 1)


@st.composite
def drawn_corpora(draw: st.DrawFn) -> Corpus:
    texts = draw(many_sentences)
    drawn = draw(st.lists(labels, min_size=len(texts), max_size=len(texts)))
    return Corpus("drawn", tuple(texts), tuple(drawn))


def test_the_notes_reviews_are_the_padded_tensor_3_4_5() -> None:
    reviews = corpora["reviews"]
    assert reviews.vocabulary.words == ("movie", "was", "good", "bad", "not")
    assert [reviews.vocabulary.one_hot(text).shape for text in reviews.texts] == [(3, 5), (3, 5), (4, 5)]
    movie, was, good, bad, not_ = np.eye(5)
    padding = np.zeros(5)
    batch = reviews.batch()
    expected = [[movie, was, good, padding], [movie, was, bad, padding], [movie, was, not_, good]]
    np.testing.assert_array_equal(batch.inputs, np.array(expected), strict=True)
    np.testing.assert_array_equal(batch.lengths, np.array([3, 3, 4]), strict=True)
    np.testing.assert_array_equal(batch.targets, np.array([[1.0], [0.0], [0.0]]), strict=True)
    np.testing.assert_array_equal(reviews.integers(), [[1, 2, 3, 0], [1, 2, 4, 0], [1, 2, 5, 3]])


def test_movie_was_not_good_is_rows_1_2_5_3_of_the_identity_not_1_to_4() -> None:
    rows = corpora["reviews"].vocabulary.one_hot("movie was not good")
    np.testing.assert_array_equal(rows, np.eye(5)[[0, 1, 4, 2]], strict=True)
    assert corpora["reviews"].vocabulary.decode([1, 2, 3, 4]) == ("movie", "was", "good", "bad")


def test_the_notes_animals_are_the_tensor_3_3_3() -> None:
    animals = corpora["animals"]
    assert animals.vocabulary.words == ("cat", "mat", "rat")
    np.testing.assert_array_equal(animals.integers(), [[1, 2, 3], [3, 3, 2], [2, 2, 1]])
    batch = animals.batch()
    np.testing.assert_array_equal(batch.inputs, np.eye(3)[[[0, 1, 2], [2, 2, 1], [1, 1, 0]]], strict=True)
    np.testing.assert_array_equal(batch.targets, np.array([[1.0], [1.0], [0.0]]), strict=True)
    assert animals.lengths == (3, 3, 3)


def test_the_table_of_corpora_cannot_be_changed() -> None:
    assert list(corpora) == ["reviews", "animals"]
    with pytest.raises(TypeError):
        corpora["mine"] = corpora["reviews"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Movie was good", ("movie", "was", "good")),
        ("Good, very good -- (really)!", ("good", "very", "good", "really")),
        ("Don't; don’t; 'quoted' rock'n'roll dogs'", ("don't", "don't", "quoted", "rock'n'roll", "dogs")),
        ("well-known snake_case 3rd 4.5", ("well", "known", "snake", "case", "3rd", "4", "5")),
        ("Cafe\u0301 CAFÉ ÄRGER", ("café", "café", "ärger")),
        ("ПРИВЕТ हिन्दी 映画", ("привет", "हिन्दी", "映画")),
        ("co\u00adoperate \ufeffyes", ("cooperate", "yes")),
        (" \t\n…!?' '' \u0301", ()),
    ],
)
def test_words_of(text: str, expected: tuple[str, ...]) -> None:
    assert split_words(text) == expected


@given(st.text())
def test_splitting_into_words_twice_is_splitting_once(text: str) -> None:
    assert split_words(" ".join(split_words(text))) == split_words(text)


@given(st.text())
def test_no_word_is_empty_or_bears_a_blank_or_a_capital(text: str) -> None:
    for word in split_words(text):
        assert word
        assert word.split() == [word]
        assert word == word.lower()


@given(sentences)
def test_decoding_undoes_encoding_up_to_case(text: str) -> None:
    vocabulary = Vocabulary.from_texts([text])
    assert vocabulary.decode(vocabulary.encode(text)) == split_words(text)
    assert vocabulary.encode(text.upper()) == vocabulary.encode(text)


@given(many_sentences)
def test_the_vocabulary_is_in_order_of_first_appearance(texts: list[str]) -> None:
    vocabulary = Vocabulary.from_texts(texts)
    spoken = [word for text in texts for word in split_words(text)]
    first = [spoken.index(word) for word in vocabulary.words]
    assert first == sorted(set(first))
    assert set(vocabulary.words) == set(spoken)
    assert vocabulary.size == len(vocabulary) == len(set(spoken))


@given(sentences, many_sentences)
def test_every_row_of_one_hot_has_a_single_one_where_the_word_stands(text: str, others: list[str]) -> None:
    vocabulary = Vocabulary.from_texts([*others, text])
    rows = vocabulary.one_hot(text)
    assert rows.dtype == np.float64
    assert rows.shape == (len(split_words(text)), vocabulary.size)
    np.testing.assert_array_equal(rows.sum(axis=1), 1.0)
    assert set(np.unique(rows)) <= {0.0, 1.0}
    assert (np.argmax(rows, axis=1) + 1).tolist() == list(vocabulary.encode(text))


@given(drawn_corpora())
def test_a_batch_is_each_sentence_and_then_zeros(corpus: Corpus) -> None:
    batch = corpus.batch()
    assert batch.inputs.shape == (len(corpus.texts), max(corpus.lengths), corpus.vocabulary.size)
    assert batch.lengths.tolist() == list(corpus.lengths)
    assert batch.targets[:, 0].tolist() == list(corpus.labels)
    for text, padded, integers, length in zip(
        corpus.texts, batch.inputs, corpus.integers(), batch.lengths, strict=True
    ):
        np.testing.assert_array_equal(padded[:length], corpus.vocabulary.one_hot(text), strict=True)
        np.testing.assert_array_equal(padded[length:], 0.0)
        assert tuple(integers[:length]) == corpus.vocabulary.encode(text)
        assert not integers[length:].any()
        assert corpus.vocabulary.decode(integers) == split_words(text)


def test_word_order_is_kept_though_the_bag_of_words_is_one() -> None:
    vocabulary = corpora["animals"].vocabulary
    one, other = vocabulary.one_hot("cat mat rat"), vocabulary.one_hot("rat mat cat")
    np.testing.assert_array_equal(one.sum(axis=0), other.sum(axis=0))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Vocabulary(()), r"needs words, got \(\); use Vocabulary.from_texts"),
        (lambda: Vocabulary.from_texts(["...", ""]), "needs words"),
        (lambda: Vocabulary("ab"), "needs words, got 'ab'"),  # type: ignore[arg-type]
        (lambda: Vocabulary(("good", "good")), "holds 'good' more than once"),
        (lambda: Vocabulary(("Good",)), "'Good' is not one lower-case word"),
        (lambda: Vocabulary(("not good",)), "'not good' is not one lower-case word"),
        (lambda: Vocabulary.from_texts("movie"), "expected a list of texts, got the one text 'movie'"),
        (lambda: Vocabulary(None), "needs words, got None"),  # type: ignore[arg-type]
        (lambda: Vocabulary(3), "needs words, got 3"),  # type: ignore[arg-type]
        (lambda: Vocabulary.from_texts(None), "expected a list of texts, got None"),  # type: ignore[arg-type]
        (lambda: Vocabulary.from_texts(3), "expected a list of texts, got 3"),  # type: ignore[arg-type]
        (lambda: Vocabulary.from_texts([None]), "expected a text, got None"),  # type: ignore[list-item]
        (lambda: Vocabulary(("a",)).decode(None), "list of words' numbers, got None"),  # type: ignore[arg-type]
        (lambda: Vocabulary(("a",)).decode(1), "list of words' numbers, got 1"),  # type: ignore[arg-type]
        (lambda: Corpus("n", None, None), "corpus 'n': the texts must be a list, .* None"),  # type: ignore[arg-type]
        (lambda: Corpus("n", ("a",), None), "corpus 'n': the labels must be a list"),  # type: ignore[arg-type]
        (lambda: Corpus("n", ("a",), 1.0), "corpus 'n': the labels must be a list"),  # type: ignore[arg-type]
        (lambda: Corpus("n", iter("a"), (1.0,)), "corpus 'n': the texts must be a list"),  # type: ignore[arg-type]
        (lambda: Corpus("n", ("a",), (1.0,), ("a",)), "must be a Vocabulary, but it is"),  # type: ignore[arg-type]
        (lambda: split_words(3), "expected a text, got 3"),  # type: ignore[arg-type]
        (
            lambda: corpora["reviews"].vocabulary.encode("movie was great"),
            r"word 'great' is not in the vocabulary \(movie, was, good, bad, not; 5 words\); use its words",
        ),
        (lambda: Vocabulary.from_texts(["a b c d e f"]).encode("z"), r"\(a, b, c, d, e, …; 6 words\)"),
        (lambda: Vocabulary(("a",)).encode("!"), "the text '!' has no word"),
        (lambda: Vocabulary(("a",)).decode([2]), "2 is no word's number"),
        (lambda: Vocabulary(("a",)).decode([-1]), "-1 is no word's number"),
        (lambda: Vocabulary(("a",)).decode([0, 1]), "0 is no word's number.*0 is padding, at the end only"),
        (lambda: Vocabulary(("a",)).decode([1.0]), "1.0 is no word's number"),  # type: ignore[list-item]
        (lambda: Vocabulary(("a",)).decode(np.eye(1)), "is no word's number"),
        (lambda: Corpus("c", (), ()), "corpus 'c' has 0 texts and 0 labels"),
        (lambda: Corpus("c", "ab", (0.0, 1.0)), "corpus 'c': the texts must be a list"),  # type: ignore[arg-type]
        (lambda: Corpus("c", ("a",), (0.0, 1.0)), "corpus 'c' has 1 texts and 2 labels"),
        (lambda: Corpus("c", ("a", " "), (0.0, 1.0)), "corpus 'c', text 2: the text ' ' has no word"),
        (lambda: Corpus("c", ("a",), (2.0,)), r"corpus 'c', text 1: the label 2.0 is not within \[0, 1\]"),
        (lambda: Corpus("c", ("a",), (float("nan"),)), "the label nan is not within"),
        (lambda: Corpus("c", ("a",), ("1",)), "the label '1' is not within"),  # type: ignore[arg-type]
        (lambda: Corpus("c", ("b",), (1.0,), Vocabulary(("a",))), "text 1: the word 'b' is not in"),
    ],
)
def test_a_fault_is_one_line_that_says_what_came(build: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_tensor_beyond_the_limit_is_refused_with_its_size_before_it_is_made() -> None:
    texts = tuple(" ".join(f"w{row}x{step}" for step in range(100)) for row in range(120))
    size = 120 * 100 * 12000 * 8
    assert size > MAX_TENSOR_BYTES
    with pytest.raises(DataError, match=rf"shape \(120, 100, 12000\) needs {size:,} bytes.*use fewer"):
        Corpus("huge", texts, (0.0,) * 120).batch()
