"""Long lines of generated source, broken where Python and a reader allow it: inside brackets, between operands."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator

WIDTH = 120
_taken = re.compile(r"    (?P<name>\w+) = (parameters\[|inputs\.shape\[|d_state\[|tape\[)")
_statement = re.compile(r"(?P<head>[A-Za-z].*? (?:=|\+=) |return )(?P<value>.*)")


def without_idle(lines: Iterable[str]) -> list[str]:
    """Leave out the lines that take a parameter or a size which no other line of a function uses."""
    found = list(lines)
    words = Counter(word for line in found for word in set(re.findall(r"\w+", line)))
    return [line for line in found if (taken := _taken.match(line)) is None or words[taken["name"]] > 1]


def broken(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines of code, each longer than a page is wide as several; a word longer than that stays whole."""
    for line in lines:
        yield from [line] if len(line) <= WIDTH else _broken_statement(line)


def _broken_statement(line: str) -> Iterator[str]:
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith("# "):
        yield from filled(line, hanging="#     ")
        return
    code, _, comment = line.strip().partition("  # ")
    if comment:
        yield f"{indent}# {comment}"
    statement = _statement.fullmatch(code)
    if len(indent + code) <= WIDTH or statement is None:
        yield from filled(indent + code, inside=code.startswith('"""'))
    else:
        value = statement["value"]
        yield f"{indent}{statement['head']}("
        yield from filled(f"{indent}    {value[1:-1] if _is_enclosed(value) else value}", hanging="")
        yield f"{indent})"


def _is_enclosed(code: str) -> bool:
    """Whether one pair of parentheses encloses all of it."""
    depths = list(itertools.accumulate((char == "(") - (char == ")") for char in code))
    return code.startswith("(") and depths[-1] == 0 and 0 not in depths[:-1]


def filled(line: str, hanging: str = "    ", *, inside: bool = True) -> Iterator[str]:
    """Break ``line`` at spaces; a statement, which is not ``inside`` brackets or text, within its brackets only.

    Generated code has no space and no bracket inside a string.
    """
    indent = line[: len(line) - len(line.lstrip())]
    words = re.sub(r"^for ", "for\0", line.strip()).replace(" in ", "\0in\0").split(" ")
    first, *rest = words if inside else _kept_together(words)
    current = indent + first
    for word in rest:
        if len(current) + 1 + len(word) > WIDTH:
            yield current.replace("\0", " ")
            current = indent + hanging + word
        else:
            current += " " + word
    yield current.replace("\0", " ")


def _kept_together(words: list[str]) -> list[str]:
    """Join words between which no bracket is open."""
    found, depth = [words[0]], _opened(words[0])
    for word in words[1:]:
        if depth:
            found.append(word)
        else:
            found[-1] += "\0" + word
        depth += _opened(word)
    return found


def _opened(word: str) -> int:
    """How many brackets a word leaves open; fewer than none where it closes earlier ones."""
    return sum((char in "([{") - (char in ")]}") for char in word)
