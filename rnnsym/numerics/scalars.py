"""Scalar code as it is made: each number once, however often it is used, and the statements that compute them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

CHOICE, SUM, PRODUCT, ATOM = range(4)  # how tightly a text binds
DEEPEST = 30  # operations inside one another: Python's compiler takes less than a hundred parentheses in one text
LONGEST = 100  # terms of one sum: Python's compiler nests as deep as a sum is long

Number = int  # the place of a number in the ledger


class Scalars:
    """A ledger of numbers: equal ones are entered once, zeros and ones leave what they meet as it is.

    ``statements`` writes what of it is asked for: what is used once stands where it is used, unless this goes too deep,
    and all else gets a name.
    A branch that is not taken is computed only where it is used elsewhere, too.
    """

    def __init__(self, fresh: Callable[[str], str]) -> None:
        self._fresh = fresh
        self._kinds: list[tuple[Any, ...]] = []
        self._places: dict[tuple[Any, ...], Number] = {}
        self._wishes: dict[Number, str] = {}
        self._whole: set[Number] = set()
        self._texts: dict[Number, str] = {}
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def __len__(self) -> int:
        return len(self._kinds)

    def _enter(self, *kind: Any) -> Number:
        place = self._places.get(kind)
        if place is None:
            place = self._places[kind] = len(self._kinds)
            self._kinds.append(kind)
        return place

    def number(self, value: float) -> Number:
        """A number that is known."""
        return self._enter("number", float(value))

    def name(self, text: str) -> Number:
        """A number that the code has by a name of its own."""
        return self._enter("name", text)

    def wish(self, number: Number, name: str) -> None:
        """Say what a number would be called, if it needs a name."""
        self._wishes.setdefault(number, name)

    def add(self, terms: Iterable[Number]) -> Number:
        """The sum, in this order."""
        kept = [term for term in terms if term != self.zero]
        while len(kept) > LONGEST:
            kept = [self.add(kept[i : i + LONGEST]) for i in range(0, len(kept), LONGEST)]
        return kept[0] if len(kept) == 1 else self._enter("sum", *kept) if kept else self.zero

    def negative(self, operand: Number) -> Number:
        """−a, with −(−a) = a."""
        kind = self._kinds[operand]
        if kind[0] == "number":
            return self.zero if operand == self.zero else self.number(-kind[1])
        return int(kind[1]) if kind[0] == "negative" else self._enter("negative", operand)

    def multiply(self, factors: Iterable[Number]) -> Number:
        """The product, its sign in front."""
        kept, turned = list[Number](), False
        for factor in factors:
            kind = self._kinds[factor]
            turned ^= kind[0] == "negative"
            bare = kind[1] if kind[0] == "negative" else factor
            kept += [] if bare == self.one else [bare]
        if self.zero in kept:
            return self.zero
        product = kept[0] if len(kept) == 1 else self._enter("product", *kept) if kept else self.one
        return self.negative(product) if turned else product

    def dot(self, left: Sequence[Number], right: Sequence[Number]) -> Number:
        """The sum of products."""
        return self.add(self.multiply(pair) for pair in zip(left, right, strict=True))

    def divide(self, above: Number, below: Number) -> Number:
        """The quotient a / b; of 0 nothing is left."""
        return above if above == self.zero or below == self.one else self._enter("quotient", above, below)

    def call(self, template: str, *operands: Number) -> Number:
        """A function, or any expression that binds as a name does, of what stands for {0}, {1}, …."""
        self._whole.update(one for place, one in enumerate(operands) if template.count(f"{{{place}}}") > 1)
        return self._enter("call", template, *operands)

    def choose(self, relation: str, left: Number, right: Number, chosen: Number, other: Number) -> Number:
        """The one number where the relation holds, the other one elsewhere."""
        return chosen if chosen == other else self._enter("choice", relation, left, right, chosen, other)

    def statements(self, wanted: Sequence[Number], known: frozenset[Number] = frozenset()) -> Iterator[str]:
        """Yield the assignments after which ``text`` knows all that is wanted; ``known`` have their names."""
        uses: Counter[Number] = Counter()
        stack, reached = [one for one in wanted if one not in known], set[Number]()
        uses.update(wanted)
        while stack:
            place = stack.pop()
            if place in reached:
                continue
            reached.add(place)
            inner = self._operands(place)
            uses.update(inner)
            stack += [one for one in inner if one not in reached and one not in known]
        depths = dict[Number, int]()
        for place in sorted(reached):
            depths[place] = 1 + max((depths.get(one, 0) for one in self._operands(place)), default=-1)
            named = uses[place] > 1 or place in self._whole or depths[place] > DEEPEST
            if self._kinds[place][0] not in ("number", "name") and named:
                depths[place], code = 0, self._code(place)[0]
                self._texts[place] = self._fresh(self._wishes.get(place, f"v_{place}"))
                yield f"{self._texts[place]} = {code}"

    def constant(self, wanted: Iterable[Number], constants: Iterable[Number]) -> list[Number]:
        """Return the largest parts of what is wanted that are made of ``constants`` and known numbers alone."""
        still, found, stack = set(constants), dict[Number, None](), list(wanted)
        for place, kind in enumerate(self._kinds):  # operands stand before what is made of them
            inner = self._operands(place)
            if kind[0] == "number" or (inner and still.issuperset(inner)):
                still.add(place)
        while stack:
            place = stack.pop()
            if place not in still:
                stack += self._operands(place)
            elif self._operands(place):
                found[place] = None
        return list(found)

    def text(self, number: Number, level: int = CHOICE) -> str:
        """Return the code of a number, in parentheses where it binds less tightly than ``level``."""
        if number in self._texts:
            return self._texts[number]
        code, own = self._code(number)
        return f"({code})" if own < level else code

    def _operands(self, place: Number) -> tuple[Number, ...]:
        kind = self._kinds[place]
        return () if kind[0] in ("number", "name") else kind[2:] if kind[0] in ("call", "choice") else kind[1:]

    def _code(self, place: Number) -> tuple[str, int]:
        match self._kinds[place]:
            case ("number", value):
                return repr(value), SUM if value < 0 else ATOM
            case ("name", name):
                return name, ATOM
            case ("negative", operand):
                return f"-{self.text(operand, PRODUCT)}", SUM
            case ("sum", *terms):
                return self._sum(terms), SUM
            case ("product", *factors):
                return " * ".join([self.text(factors[0], PRODUCT), *(self.text(f, ATOM) for f in factors[1:])]), PRODUCT
            case ("quotient", above, below):
                return f"{self.text(above, PRODUCT)} / {self.text(below, ATOM)}", PRODUCT
            case ("call", template, *operands):
                inside = [CHOICE if f"({{{i}}})" in template else ATOM for i in range(len(operands))]
                return template.format(*map(self.text, operands, inside)), ATOM
            case ("choice", relation, left, right, chosen, other):
                condition = f"{self.text(left, SUM)} {relation} {self.text(right, SUM)}"
                return f"{self.text(chosen, SUM)} if {condition} else {self.text(other, SUM)}", CHOICE
        raise AssertionError(f"no code for {self._kinds[place][0]}")

    def _sum(self, terms: Sequence[Number]) -> str:
        code = self.text(terms[0], SUM)
        for term in terms[1:]:
            negative = self._kinds[term][0] == "negative" and term not in self._texts
            operand = self._kinds[term][1] if negative else term
            code += f" {'-' if negative else '+'} {self.text(operand, PRODUCT)}"
        return code
