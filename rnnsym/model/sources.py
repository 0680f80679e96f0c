"""The text of equations as the user wrote it: limits, positions, and Python's syntax tree of it.

The language has no blocks, so indentation carries no meaning: it is removed from every line before Python parses
the text, and added again to the columns of errors.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
import warnings
from dataclasses import dataclass
from typing import NoReturn

from rnnsym.errors import EquationError
from rnnsym.model.other_notations import CLAIM, spelt_otherwise

# The longest published cells stay below 40 lines; the limits bound the time and the stack that a hostile text
# can cost Python's parser, whose own limits come later and vary between versions.
MAX_CHARACTERS = 20_000
MAX_LINES = 200
MAX_DIGITS = 40  # of one number: more than twice what a double holds
MAX_SHOWN = 60  # characters of a sub-expression in a message, which stays one readable line


@dataclass(frozen=True)
class Place:
    """Where something stands: 1-based ``line`` and ``column`` of the ``part`` ("cell" or "readout"), and its text."""

    line: int
    column: int
    source: str
    part: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def fail(message: str, place: Place, kind: type[EquationError] = EquationError) -> NoReturn:
    """Raise ``kind`` at ``place``; a readout or feed is named, because its lines are counted on their own."""
    raise kind(message if place.part == "cell" else f"in the {place.part}: {message}", place.line, place.column)


@dataclass(frozen=True)
class SourceText:
    """Lines without their indentation, and how much each had."""

    lines: tuple[str, ...]
    indents: tuple[int, ...]
    part: str

    @classmethod
    def of(cls, text: str, part: str = "cell") -> SourceText:
        """Return the checked text; raise EquationError where it is too long or holds what no equation needs."""
        if not isinstance(text, str):
            raise EquationError(f"the equations of the {part} must be a text, not {type(text).__name__}")
        if len(text) > MAX_CHARACTERS:
            raise EquationError(f"the {part}'s text has {len(text)} characters; at most {MAX_CHARACTERS} are read")
        full = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = tuple(line.strip(" \t") for line in full)
        source = cls(lines, tuple(len(line) - len(line.lstrip(" \t")) for line in full), part)
        source._check_characters()
        return source

    def _check_characters(self) -> None:
        for number, line in enumerate(self.lines, 1):
            for column, character in enumerate(line):
                if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} and character != "\t":
                    fail(f"the invisible character U+{ord(character):04X}: remove it", self._at(number, column))
            code = line.partition("#")[0]
            if ";" in code:
                fail("`;` is not in the language: write one assignment a line", self._at(number, code.index(";")))
            long = re.search(rf"(?<![A-Za-z0-9_])[0-9.]{{{MAX_DIGITS + 1},}}", code)
            if long:
                fail(f"a number has at most {MAX_DIGITS} characters", self._at(number, long.start()))

    def _at(self, line: int, offset: int, source: str = "") -> Place:
        inside = min(max(line, 1), len(self.lines))
        return Place(inside, self.indents[inside - 1] + max(offset, 0) + 1, source, self.part)

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Return where ``node`` stands in the user's text; Python counts its offsets in bytes."""
        offset = len(self.lines[node.lineno - 1].encode()[: node.col_offset].decode())
        return self._at(node.lineno, offset, self.segment(node))

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of ``node`` on one line, comments left out, shortened where it is long."""
        whole = self.exact(node)
        joined = " ".join(line.partition("#")[0].strip() for line in whole.split("\n"))
        return joined if len(joined) <= MAX_SHOWN else joined[: MAX_SHOWN - 1] + "…"

    def exact(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of ``node`` as it stands."""
        last = node.lineno if node.end_lineno is None else node.end_lineno
        rows = [line.encode() for line in self.lines[node.lineno - 1 : last]]
        rows[-1] = rows[-1][: node.end_col_offset]
        rows[0] = rows[0][node.col_offset :]
        return b"\n".join(rows).decode()

    def statements(self) -> list[ast.stmt]:
        """Return the statements of the text, or raise EquationError where Python cannot read it."""
        body = self._parse()
        if isinstance(body, Exception):
            self._refuse(body)
        if len(body) > MAX_LINES:
            fail(f"there are {len(body)} lines; at most {MAX_LINES} are read", self.place(body[MAX_LINES]))
        return body

    def _parse(self) -> list[ast.stmt] | Exception:
        """Return the statements, or what Python's parser raised: its traceback would only hide our message."""
        try:
            with warnings.catch_warnings():  # `1 (2)` and the like warn, and are refused later
                warnings.simplefilter("ignore")
                return ast.parse("\n".join(self.lines)).body
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
            return error

    def _refuse(self, error: Exception) -> NoReturn:
        if not isinstance(error, SyntaxError):  # which tells no place; the longest line is the likeliest
            longest = max(range(len(self.lines)), key=lambda index: len(self.lines[index]))
            fail("an expression, perhaps this one, is nested too deeply to be read: assign its parts to names",
                 self._at(longest + 1, 0))
        line = min(max(error.lineno or 1, 1), len(self.lines))
        place = self._at(line, min(error.offset or 1, len(self.lines[line - 1]) + 1) - 1)
        code = self.lines[line - 1].partition("#")[0]
        single = re.search(r"(?<![=<>!:])=(?!=)", code)
        if self.part == CLAIM and single is not None:
            fail("a claim states an equation with `==` or a bound with `<=`, not with `=`",
                 self._at(line, single.start()))
        otherwise = spelt_otherwise(code, self.part)
        if otherwise is not None:
            fail(otherwise[1], self._at(line, otherwise[0]))
        own = ("for", "in") if self.part == CLAIM else ()
        words = [word for word in re.finditer(r"[A-Za-z_][A-Za-z0-9_]*", code)
                 if keyword.iskeyword(word[0]) and word[0] not in own]
        if words:
            fail(reserved_by_python(words[0][0]), self._at(line, words[0].start()))
        fail(f"this cannot be read as an equation (Python says: {error.msg})", place)


def reserved_by_python(word: str) -> str:
    """Return the message for a word of Python's that stands where a name should."""
    remedy = "lam" if word == "lambda" else f"{word}_1"
    return f"`{word}` is a word of Python's and no name: write `{remedy}`"
