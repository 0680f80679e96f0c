"""Lines no wider than the page: broken at sums first, then between factors, then inside brackets.

A line breaks before a sign. Between two factors without one a dot says that the product goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box, row, words

SUMS = (bx.PLUS, bx.MINUS)
COMPARISONS = tuple(bx.operator(*signs) for signs in ((">", ">"), ("<", "<"), (r"\geq", "≥"), (r"\leq", "≤")))
COMMAS = (bx.COMMA, bx.SEMICOLON)
IF, OTHERWISE = words(" if "), words(" otherwise")
WORDS = (IF, OTHERWISE)
OVER = bx.operator("/", "/")


@dataclass(frozen=True)
class Line:
    """A line of an equation's right-hand side; ``indent`` counts how deep the break before it is."""

    indent: int
    box: Box


@dataclass(frozen=True)
class Piece:
    """What may not be parted further at one level; at the start of a line it bears a sign."""

    inline: Box
    fresh: Box


@dataclass
class Breaker:
    """Fills lines: the first has ``first``, later ones ``rest`` less ``step`` for each indent, by ``measure``.

    ``apart`` sets each term of the whole sum on a line of its own even where all fit on one.
    """

    measure: Callable[[Box], float]
    first: float
    rest: float
    step: float
    apart: bool = False
    done: list[Line] = field(default_factory=list)
    parts: list[Box] = field(default_factory=list)
    indent: int = 0

    def lines(self, box: Box) -> tuple[Line, ...]:
        """Break a box."""
        if self.apart and len(split(box, sums_only=True)) > 1:
            self._in_terms(box)
        else:
            self._put(Piece(box, box), 0, 0.0, first=True)
        self._end_line()
        return tuple(self.done)

    def _room(self) -> float:
        return self.first if not self.done else self.rest - self.step * self.indent

    def _fits(self, box: Box, tail: float, room: float | None = None) -> bool:
        whole = box if room is not None else row(*self.parts, box)
        return self.measure(whole) + tail <= (self._room() if room is None else room)

    def _end_line(self) -> None:
        if self.parts:
            self.done.append(Line(self.indent, row(*self.parts)))
        self.parts = []

    def _new_line(self, indent: int) -> None:
        self._end_line()
        self.indent = indent

    def _put(self, piece: Piece, level: int, tail: float, *, first: bool) -> None:
        """Put a piece on the line, on a new one, or broken on several; the ``first`` stays on the line it is on."""
        if self._fits(piece.inline, tail):
            self.parts.append(piece.inline)
            return
        box = piece.inline
        if not first:
            later = self.rest - self.step * level
            if self._fits(piece.fresh, tail, later) or not _more_fits(self, piece.inline):
                self._new_line(level)
                box = piece.fresh
                if self._fits(box, tail):
                    self.parts.append(box)
                    return
        self._broken(box, level, tail)

    def _broken(self, box: Box, level: int, tail: float) -> None:
        pieces = split(box)
        if len(pieces) > 1 and level == 0 and pieces == split(box, sums_only=True):
            self._in_terms(box)
        elif isinstance(box, bx.Brace) and level == 0:
            self._labelled((), box)
        elif len(pieces) > 1:
            for place, piece in enumerate(pieces, start=1):
                self._put(piece, level + 1, tail if place == len(pieces) else 0.0, first=place == 1)
        else:
            self._opened(box, level, tail)

    def _in_terms(self, box: Box) -> None:
        """The sum that is the whole right-hand side: a line for each term."""
        for place, piece in enumerate(split(box, sums_only=True)):
            if place:
                self._new_line(1)
            label = _inner_brace(piece.fresh)
            if label is None or (self._fits(piece.fresh, 0.0) and not self._in_lines(label[1].body)):
                self._put(Piece(piece.fresh, piece.fresh), 1, 0.0, first=True)
            else:
                self._labelled(*label)

    def _in_lines(self, body: Box) -> bool:
        return self.apart and len(split(body, sums_only=True)) > 1

    def _labelled(self, sign: tuple[Box, ...], brace: bx.Brace) -> None:
        """A labelled sum that is broken inside has its label behind its last line, which says of how many it tells."""
        before = len(self.done)
        for place, piece in enumerate(split(row(*sign, brace.body), sums_only=True)):
            if place:
                self._new_line(1)
            self._put(Piece(piece.fresh, piece.fresh), 1, 0.0, first=True)
        lines = len(self.done) - before + 1
        label = words(f"   ({brace.label})" if lines == 1 else f"   (these {lines} lines: {brace.label})")
        if not self._fits(label, 0.0):
            self._new_line(1)
        self.parts.append(label)

    def _opened(self, box: Box, level: int, tail: float) -> None:
        """Break inside the brackets of what cannot be parted otherwise."""
        before, fence, above = _fenced(box)
        if fence is None:
            looser = loosened(box)
            if looser is None:
                self.parts.append(box)
            else:
                self._broken(looser, max(level, 1), tail)
            return
        opening, closing = _brackets(fence)
        end = closing if above is None else bx.Script(closing, above.below, above.above)
        self.parts += [*before, opening]
        body = Piece(fence.body, fence.body)
        self._put(body, max(level, 1), tail + self.measure(end), first=True)
        self.parts.append(end)


def _more_fits(breaker: Breaker, box: Box) -> bool:
    """Whether the beginning of what must be broken in any case finds place on the line."""
    pieces = split(box)
    return len(pieces) > 1 and breaker._fits(pieces[0].inline, 0.0)


def split(box: Box, *, sums_only: bool = False) -> list[Piece]:
    """Part a row at its loosest signs: commas, words, comparisons, sums, then factors."""
    if not isinstance(box, bx.Row):
        return [Piece(box, box)]
    for signs, after in ((COMMAS, True), (WORDS, False), (COMPARISONS, False), (SUMS, False)):
        pieces = _parted(box.parts, signs, after=after)
        if len(pieces) > 1 and (signs == SUMS or not sums_only):
            return [Piece(row(*parts), row(*parts)) for parts in pieces]
    return [Piece(box, box)] if sums_only else _factors(box.parts)


def _parted(parts: tuple[Box, ...], signs: tuple[Box, ...], *, after: bool) -> list[list[Box]]:
    """Part behind the signs, or before them; a sign in front of everything belongs to what it stands before."""
    pieces: list[list[Box]] = [[]]
    for part in parts:
        if part in signs and not after and pieces[-1]:
            pieces.append([])
        pieces[-1].append(part)
        if part in signs and after:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _factors(parts: tuple[Box, ...]) -> list[Piece]:
    """Part a product; a function's name, a large operator and a sign in front stay with what follows them."""
    pieces: list[tuple[list[Box], bool]] = []
    open_ended = False
    for part, following in zip(parts, (*parts[1:], None), strict=True):
        sign = isinstance(part, bx.Glyph) and part.kind == "operator"
        if not open_ended:
            pieces.append(([], sign))
        pieces[-1][0].append(part)
        open_ended = sign or isinstance(part, bx.Limits) or _calls(part, following)
    return [Piece(row(*factor), row(*factor) if signed or not place else row(bx.DOT, *factor))
            for place, (factor, signed) in enumerate(pieces)]


def _calls(part: Box, following: Box | None) -> bool:
    """Whether ``part`` is the name of a function before its argument."""
    named = isinstance(part, bx.Glyph) and part.kind == "upright"
    return named and isinstance(following.base if isinstance(following, bx.Script) else following, bx.Fence)


def _inner_brace(box: Box) -> tuple[tuple[Box, ...], bx.Brace] | None:
    """Find the labelled sum that a term is, with its sign."""
    parts = box.parts if isinstance(box, bx.Row) else (box,)
    return (parts[:-1], parts[-1]) if isinstance(parts[-1], bx.Brace) and len(parts) < 3 else None


def _fenced(box: Box) -> tuple[tuple[Box, ...], bx.Fence | None, bx.Script | None]:
    """Find the brackets that a factor ends in, what stands before them and what is written on them."""
    parts = box.parts if isinstance(box, bx.Row) else (box,)
    last = parts[-1]
    if isinstance(last, bx.Fence):
        return parts[:-1], last, None
    if isinstance(last, bx.Script) and isinstance(last.base, bx.Fence):
        return parts[:-1], last.base, last
    return (), None, None


def _brackets(fence: bx.Fence) -> tuple[bx.Glyph, bx.Glyph]:
    return bx.Glyph("open", fence.left, fence.left), bx.Glyph("close", fence.right, fence.right)


def loosened(box: Box) -> Box | None:
    """Return what says the same as a box that is too wide, but can be broken: (a) / (b); None where there is none."""
    before: tuple[Box, ...] = box.parts[:-1] if isinstance(box, bx.Row) else ()
    last = box.parts[-1] if isinstance(box, bx.Row) else box
    if isinstance(last, bx.Fraction):
        return row(*before, bx.Fence(row(bx.Fence(last.above), OVER, bx.Fence(last.below))))
    if isinstance(last, bx.Brace):
        return row(*before, bx.Fence(last.body), words(f" ({last.label})"))
    if isinstance(last, bx.Cases):
        whole = row(last.first, IF, last.condition, bx.COMMA, last.second, OTHERWISE)
        return row(*before, bx.Fence(whole, "{", "}"))
    return None
