"""The index of symbols: each with its one meaning, its shape and the chapter in which it comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnnsym.book.parts import Built
from rnnsym.book.words import GATES, GENERAL, MEANINGS
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import NetworkError
from rnnsym.model.assembly import DECODER
from rnnsym.model.expressions import Constant, Named
from rnnsym.writing.boxes import PARTIAL, PARTIAL_PLUS, Box, words
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.plain import plain
from rnnsym.writing.prose import cell_box, is_words
from rnnsym.writing.spelling import spell
from rnnsym.writing.tables import notation_section


@dataclass(frozen=True)
class Symbol:
    """A symbol, what it means, its shape, and the key of the chapter in which it comes first."""

    name: str
    box: Box
    meaning: str
    shape: Box
    chapter: str


def symbols_of(chapters: Sequence[Built]) -> tuple[Symbol, ...]:
    """Return the index, sorted by name; NetworkError for a name of a network that has no meaning in the table."""
    found: dict[str, Symbol] = {}
    for chapter in chapters:
        for symbol in (*_general(chapter), *(one for part in chapter.derivations for one in _of(part, chapter.key))):
            found.setdefault(symbol.name, symbol)
    return tuple(sorted(found.values(), key=_order))


def _order(symbol: Symbol) -> tuple[str, str]:
    """Sort by the letter that is printed: a name of the decoder behind the same of the encoder."""
    name = symbol.name.removeprefix(DECODER)
    return name.lower(), symbol.name


def _general(chapter: Built) -> Iterator[Symbol]:
    for name, meaning, key in GENERAL:
        if key == chapter.key:
            yield Symbol(name, spell(name), meaning, words("number"), key)
    for name, box, meaning in _operators(chapter):
        yield Symbol(name, box, meaning, words("as its parts have it"), chapter.key)


def _operators(chapter: Built) -> Iterator[tuple[str, Box, str]]:
    """Yield the signs of derivatives, where a chapter has a step that uses them."""
    rules = {step.rule for step in chapter.steps}
    if "chain rule" in rules or "shared weight" in rules:
        yield "∂", PARTIAL, "total derivative, over the whole graph"
        yield "∂⁺", PARTIAL_PLUS, "immediate derivative, through one use alone"
    if "local derivative" in rules:
        yield "J", spell("J"), "Jacobian of one step; with signs above, of one state by another"
        yield "g", spell("g"), "any vector of the shape of what it multiplies"
    if "adjoint" in rules:
        yield "δ", spell("delta"), "adjoint: the derivative of the loss by a state or by what stands below"


def _of(derivation: Derivation, chapter: str) -> Iterator[Symbol]:
    named = notation_section(graph_of(derivation.network), None).table
    for row in () if named is None else named.rows:
        target = row[0]
        if isinstance(target, Named | Constant):
            shape = cell_box(row[1], derivation.style)
            yield Symbol(target.name, spell(target.name), meaning_of(target.name), shape, chapter)
    yield from _of_bounds(derivation, chapter)


def _of_bounds(derivation: Derivation, chapter: str) -> Iterator[Symbol]:
    """Yield the signs that a derivation of bounds explains in a table of its own."""
    tables: Iterable[tuple[Box, Box]] = (
        (cell_box(row[0], derivation.style), cell_box(row[1], derivation.style))
        for section in derivation.sections if section.table is not None and section.table.header == ("sign", "meaning")
        for row in section.table.rows
    )
    for sign, meaning in tables:
        if is_words(meaning):
            yield Symbol(plain(sign), sign, meaning.unicode, words("number"), chapter)


def meaning_of(name: str) -> str:
    """Return what a name of a network means in the book; NetworkError where the table does not say."""
    if name in MEANINGS:
        return MEANINGS[name]
    if name.startswith(DECODER):
        return f"{meaning_of(name.removeprefix(DECODER))}, in the decoder"
    if "'" in name:
        stem, back = name.split("'")
        return f"{meaning_of(stem)}, {back} {'step' if back == '1' else 'steps'} before"
    kind, _, rest = name.partition("_")
    if kind == "a":
        return f"what the function of `{rest}` is applied to"
    gate = GATES.get({"out": "o"}.get(rest, rest[-1:]), "")
    side = {"x": "input", "h": "recurrent"}.get(rest[:1], "")
    kinds = {"W": f"{side} weight", "b": f"{side} bias" if side else "bias"}
    if gate and kinds.get(kind):
        return f"{kinds[kind]} of the {gate}"
    raise NetworkError(f"the book does not say what {name} means: add it to book.words.MEANINGS")
