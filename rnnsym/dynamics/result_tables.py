"""Tables of results: JSON, a row a line, written whole or not at all, so that an interruption loses no row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rnnsym.errors import DataError
from rnnsym.model.kinds import instance
from rnnsym.model.whole_files import write_whole

Row = TypeVar("Row")


def read_rows(path: Path, row: Callable[[Mapping[str, Any]], Row]) -> list[Row]:
    """Return what ``row`` makes of each row, nothing where there is no file. Errors: DataError for what is no table."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [row(one) for one in instance("table", found, list, "a list of rows")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, DataError) as error:
        raise DataError(f"{path}: is no table of outcomes ({error}); remove it to train anew") from None


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write a table, one row a line. Errors: OutputError where it cannot be written."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_whole(("[\n" + ",\n".join(lines) + "\n]\n").encode(), path)
