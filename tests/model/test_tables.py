"""Corpora from CSV files: the well formed read back, each fault has its message with file and row."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.errors import DataError
from rnnsym.model import tables
from rnnsym.model.text import Corpus, corpora

# Commas, quotes and line breaks are what CSV has to quote; a word in front makes the text a legal one.
texts = st.text("ab,\"'é \n;", max_size=8).map("word {}".format)
labels = st.floats(0, 1)


@given(st.lists(st.tuples(texts, labels), min_size=1, max_size=5))
def test_a_corpus_written_as_csv_reads_back(
    tmp_path_factory: pytest.TempPathFactory, labelled: list[tuple[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "drawn.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *((label, text) for text, label in labelled)])
    expected = Corpus("drawn", tuple(text for text, _ in labelled), tuple(label for _, label in labelled))
    assert Corpus.from_csv(path) == expected


@dataclass(frozen=True)
class BadFile:
    content: bytes
    message: str


GOOD = b"text,label\nmovie was good,1\n"

BAD_FILES = {
    "empty": BadFile(b"", "is empty; expected the header text,label"),
    "byte order mark only": BadFile(b"\xef\xbb\xbf", "is empty"),
    "blank lines only": BadFile(b"\n\r\n", "is empty"),
    "header only": BadFile(b"text,label\n", "has a header but no row"),
    "no header": BadFile(b"movie was good,1\n", "row 1: the column 'text' is missing in the header 'movie"),
    "no text column": BadFile(b"review,label\ngood,1\n", "row 1: the column 'text' is missing"),
    "no label column": BadFile(b"text,sentiment\ngood,1\n", "row 1: the column 'label' is missing"),
    "semicolons": BadFile(b"text;label\ngood;1\n", "'text' is missing in the header 'text;label'.*a comma"),
    "two text columns": BadFile(b"text,text,label\na,b,1\n", "row 1: the column 'text' stands twice"),
    "missing label": BadFile(GOOD + b"movie was bad,\n", "row 3: the label is missing"),
    "blank label": BadFile(GOOD + b"movie was bad,  \n", "row 3: the label is missing"),
    "label in words": BadFile(GOOD + b"movie was bad,bad\n", "row 3: the label 'bad' is no number"),
    "label nan": BadFile(b"text,label\na,nan\n", "row 2: the label 'nan' is no number"),
    "label infinite": BadFile(b"text,label\na,inf\n", "row 2: the label 'inf' is no number"),
    "label overflows": BadFile(b"text,label\na,1e999\n", "row 2: the label inf is not within"),
    "label underscored": BadFile(b"text,label\na,0_1\n", "row 2: the label '0_1' is no number"),
    "label too large": BadFile(b"text,label\na,1.5\n", r"row 2: the label 1.5 is not within \[0, 1\]"),
    "label negative": BadFile(b"text,label\na,-1\n", "row 2: the label -1.0 is not within"),
    "text empty": BadFile(GOOD + b",1\n", "row 3: the text '' has no word"),
    "text without a word": BadFile(GOOD + b"?!,1\n", r"row 3: the text '\?!' has no word"),
    "too many fields": BadFile(GOOD + b"good, really,1\n", "row 3: expected 2 fields .*, got 3"),
    "too few fields": BadFile(GOOD + b"good\n", "row 3: expected 2 fields .*, got 1"),
    "after a blank row": BadFile(GOOD + b"\ngood,x\n", "row 4: the label 'x' is no number"),
    "after a text of two lines": BadFile(b'text,label\n"a\nb",1\nc,x\n', "row 3: the label 'x'"),
    "old line ends": BadFile(b"text,label\ra,1\rb,x\r", "row 3: the label 'x'"),
    "open quote": BadFile(GOOD + b'"movie was bad,0\n', "row 3: is not CSV .*mend its quotes"),
    "text after a quote": BadFile(GOOD + b'"bad"ly,0\n', "row 3: is not CSV"),
    "field too long": BadFile(GOOD + b"a " * 70000 + b",0\n", "row 3: is not CSV .*larger than field limit"),
    "NUL": BadFile(GOOD + b"bad\x00,0\n", "row 3: is not text in UTF-8"),
    "Latin-1": BadFile(GOOD + b"caf\xe9,0\n", "row 3: is not text in UTF-8; save the file as UTF-8"),
    "UTF-16": BadFile("text,label\na,1\n".encode("utf-16"), "row 1: is not text in UTF-8"),
    "UTF-16, no mark": BadFile("text,label\na,1\n".encode("utf-16-le"), "row 1: is not text in UTF-8"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_file_row_and_reason(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(BAD_FILES[name].content)
    with pytest.raises(DataError, match=BAD_FILES[name].message) as caught:
        Corpus.from_csv(path)
    assert str(caught.value).startswith(f"corpus file {str(path)!r}")
    assert "\n" not in str(caught.value)


def test_the_table_of_bad_files_is_whole() -> None:
    assert len(BAD_FILES) == 32
    assert len({bad.content for bad in BAD_FILES.values()}) == len(BAD_FILES)


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing.csv", "does not exist"), (".", "is a folder"), ("a\0b", "cannot be read .*null byte")],
)
def test_what_is_no_file_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        Corpus.from_csv(f"{tmp_path}/{name}")
    assert "\n" not in str(caught.value)


def test_a_word_unknown_to_the_given_vocabulary_is_named_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(GOOD + b"movie was great,1\n")
    with pytest.raises(DataError, match=r"new\.csv', row 3: the word 'great' is not in the vocabulary"):
        Corpus.from_csv(path, corpora["reviews"].vocabulary)


def test_a_given_vocabulary_fixes_the_features(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"text,label\ngood movie,1\n")
    corpus = Corpus.from_csv(path, corpora["reviews"].vocabulary)
    assert corpus.name == "new"
    np.testing.assert_array_equal(corpus.batch().inputs, np.eye(5)[[[2, 0]]], strict=True)


def test_columns_in_any_order_among_others_with_mark_and_quoted_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    rows = b'id, label ,text\r\n7, 0.5 ,"so, so\r\nlong"\r\n\r\n8,+1.0e0,caf\xc3\xa9\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + rows)
    corpus = Corpus.from_csv(path)
    assert corpus.labels == (0.5, 1.0)
    assert corpus.vocabulary.words == ("so", "long", "café")
    assert corpus.lengths == (3, 1)


@pytest.mark.parametrize(
    ("limit", "message"), [("MAX_ROWS", "more than 2 rows"), ("MAX_FILE_BYTES", "larger than 2 bytes")]
)
def test_limits_on_the_file(
    limit: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(GOOD + b"movie was bad,0\n")
    assert len(Corpus.from_csv(path).texts) == 2
    monkeypatch.setattr(tables, limit, 2)
    with pytest.raises(DataError, match=message):
        Corpus.from_csv(path)


@pytest.mark.parametrize("path", [None, 0, b"corpus.csv", ["corpus.csv"], True])
def test_what_names_no_file_is_refused_and_no_descriptor_is_read(path: object) -> None:
    with pytest.raises(DataError, match="named by a str or Path, but this is") as caught:
        Corpus.from_csv(path)  # type: ignore[arg-type]
    assert repr(path) in str(caught.value)
