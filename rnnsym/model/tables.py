"""Labelled texts from a CSV file: what is not a table of texts and labels is refused, by file and row."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from reprlib import repr as shown

from rnnsym.errors import DataError

MAX_FILE_BYTES = 2**26
MAX_ROWS = 100_000

# What the decoder makes of bytes that are not UTF-8, so that the row that holds them can be named.
_ESCAPED = re.compile("[\udc80-\udcff]")

# float() alone would take 0_1, nan, infinity and other alphabets' digits.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class LabelledText:
    """One row of the file; ``place`` names file and row for errors that are found later."""

    text: str
    label: float
    place: str


def read_labelled_texts(path: str | Path) -> tuple[LabelledText, ...]:
    """Read the columns ``text`` and ``label``, in any order and among any others, of a UTF-8 CSV file.

    Rows are counted as a spreadsheet shows them: the header is row 1, a quoted text of several lines is
    one row, an empty row counts but is passed over. Errors: a DataError of one line with file and row.
    """
    if not isinstance(path, str | os.PathLike):  # a number would be read as a descriptor
        raise DataError(f"a corpus file is named by a str or Path, but this is {shown(path)}; give its path")
    place = f"corpus file {str(path)!r}"
    content = _read(path, place).decode("utf-8-sig", errors="surrogateescape")
    if not content.strip():
        raise DataError(f"{place} is empty; expected the header text,label and a row for each text")
    labelled = tuple(_labelled_texts(content, place))
    if not labelled:
        raise DataError(f"{place} has a header but no row of text and label; add at least one")
    return labelled


def check_label(label: float, place: str) -> None:
    """0 <= label <= 1, or a DataError that names the ``place``."""
    if not isinstance(label, Real) or not 0 <= label <= 1:
        raise DataError(f"{place}: the label {label!r} is not within [0, 1]; give the probability of class 1")


def _read(path: str | Path, place: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise DataError(f"{place} does not exist; check its name and folder") from error
    except IsADirectoryError as error:
        raise DataError(f"{place} is a folder; name a CSV file with the columns text,label") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{place} cannot be read ({reason}); check its name and permissions") from error
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"{place} is larger than {MAX_FILE_BYTES:,} bytes; take a part of it")
    return data


def _labelled_texts(content: str, place: str) -> Iterator[LabelledText]:
    rows = _rows(content, place)
    first, header = next(rows)
    text, label = _columns(header, f"{place}, row {first}")
    for number, fields in rows:
        row = f"{place}, row {number}"
        if len(fields) != len(header):
            raise DataError(
                f"{row}: expected {len(header)} fields as in the header, got {len(fields)}; "
                "put a text that has commas in double quotes"
            )
        yield LabelledText(fields[text], _parse_label(fields[label], row), row)


def _rows(content: str, place: str) -> Iterator[tuple[int, list[str]]]:
    # strict: without it a quote that is never closed swallows the rest of the file silently.
    reader = csv.reader(io.StringIO(content, newline=""), strict=True, skipinitialspace=True)
    number = 0
    try:
        for number, fields in enumerate(reader, start=1):
            if number > MAX_ROWS:
                raise DataError(f"{place} has more than {MAX_ROWS:,} rows; take a part of it")
            joined = "".join(fields)
            if "\0" in joined or _ESCAPED.search(joined):
                raise DataError(f"{place}, row {number}: is not text in UTF-8; save the file as UTF-8")
            if fields:
                yield number, fields
    except csv.Error as error:
        reason = f"row {number + 1}: is not CSV ({error})"
        raise DataError(f"{place}, {reason}; mend its quotes or its length") from error


def _columns(header: Sequence[str], place: str) -> tuple[int, int]:
    names = [name.strip() for name in header]
    for column in ("text", "label"):
        if names.count(column) != 1:
            fault = "stands twice" if column in names else "is missing"
            raise DataError(
                f"{place}: the column {column!r} {fault} in the header {shown(','.join(names))}; "
                "expected text,label, separated by a comma"
            )
    return names.index("text"), names.index("label")


def _parse_label(field: str, place: str) -> float:
    label = field.strip()
    if not label:
        raise DataError(f"{place}: the label is missing; expected a number from 0 to 1")
    if not _NUMBER.fullmatch(label):
        raise DataError(f"{place}: the label {shown(label)} is no number; expected a number from 0 to 1")
    check_label(float(label), place)
    return float(label)
