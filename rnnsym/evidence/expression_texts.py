"""Expressions drawn from a typed grammar: by rank and size, so that every text is well shaped by construction.

A drawn expression is text with the level of its outermost operator. Sizes are what the text intends; where it says
nothing of them, inference may find them more general, and never at odds. Functions come from the language's tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from rnnsym.evidence.scopes import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Scope,
    Shape,
    Source,
    Weight,
    annotation_of,
    atom,
    call,
)
from rnnsym.model.activations import activations
from rnnsym.model.applications import EXTREMA
from rnnsym.model.grammar import COMPARISONS
from rnnsym.model.shapes import VECTOR_FUNCTIONS
from rnnsym.model.vocabulary import reductions

Kind = TypeVar("Kind")

BOUNDED = ("tanh", "sigmoid", "sin", "cos")
WHOLE = tuple(entry.name for entry in activations.values() if entry.lower is None)
TAME = tuple(name for name in WHOLE if activations[name].slope_bound is not None)  # grow no faster than a line
NUMBERS = ("1", "2", "0.5", "-1", "0.05", "3.", "1e-1", "0")
POWERS = ("2", "3", "1", "2.0")
POSITIVE_POWERS = ("-1", "0.5", "-2", "1.5", "-0.5")
LONGEST_LAG = 3


class ExpressionWriter:
    """Draws expressions of a wanted shape; ``row`` says on which side of a matrix a vector stands."""

    def __init__(self, draw: st.DrawFn, scope: Scope, *, row: bool) -> None:
        self.draw, self.scope, self.row = draw, scope, row

    def pick(self, *options: Kind) -> Kind:
        """Return one of the options; what fails shrinks towards the first."""
        return options[self.draw(st.integers(0, len(options) - 1))] if len(options) > 1 else options[0]

    def one_of(self, *options: Callable[[], Source]) -> Source:
        """Return what one of the options draws."""
        return self.pick(*options)()

    def weight(self, shape: Shape, *, evident: bool = False) -> Source:
        """Return a parameter, a known one or a new one; ``evident``: the place alone tells its rank."""
        known = [name for name, weight in self.scope.weights.items()
                 if weight.shape == shape and weight.annotation == annotation_of(shape)]
        reused = bool(known) and self.draw(st.booleans())
        if reused:
            return atom(self.pick(*known))
        name = self.scope.fresh(("a", "b", "W")[len(shape)])
        notes = ["" if evident else ("scalar", "vector", "matrix")[len(shape)], annotation_of(shape)]
        self.scope.weights[name] = Weight(shape, self.pick(*notes) if shape else "scalar")
        return atom(name)

    def constant(self) -> Source:
        """Return a named constant, a known one or a new one."""
        if not self.scope.constants or self.draw(st.booleans()):
            self.scope.constants[self.scope.fresh("dt")] = self.pick("0.05", "0.5", "2", "-1", "1e-2")
        return atom(self.pick(*self.scope.constants))

    def number(self) -> Source:
        """Return a number."""
        return atom(self.pick(*NUMBERS))

    def past(self, name: str) -> Source:
        """Return a state of one step back, or of several."""
        lag = self.draw(st.integers(0, LONGEST_LAG)) if self.pick(False, False, True) else 0
        return atom(f"{name}_prev[{lag}]" if lag else f"{name}_prev")

    def known(self, shape: Shape) -> Source | None:
        """Return a variable of the shape, None where there is none."""
        now = [name for name, one in self.scope.names.items() if one == shape]
        before = [name for name, one in self.scope.kept.items() if one == shape]
        if not now + before:
            return None
        place = self.draw(st.integers(0, len(now + before) - 1))
        return self.past(before[place]) if place < len(before) else atom(now[place - len(before)])

    def of(self, shape: Shape, depth: int) -> Source:
        """Return an expression of the shape, nested at most ``depth`` deep."""
        if not shape:
            return self.scalar(depth)
        return self.vector(shape, depth) if len(shape) == 1 else self.matrix(shape, depth)

    def scalar(self, depth: int) -> Source:
        """Return a scalar: a name, a number, a reduction, a product of two vectors."""
        if depth == 0 or self.pick(True, False, False):
            return self.one_of(lambda: self.known(()) or self.number(), lambda: self.weight(()), self.constant,
                               self.number)
        return self.one_of(lambda: self.entrywise((), depth), lambda: self.reduction(depth), lambda: self.dot(depth))

    def vector(self, shape: Shape, depth: int) -> Source:
        """Return a vector: a name, a product with a matrix, a function of the whole vector."""
        if depth == 0 or self.pick(True, False, False):
            return self.one_of(lambda: self.known(shape) or self.weight(shape), lambda: self.weight(shape),
                               *([lambda: self.row_of(shape)] if self.scope.indexed else []))
        options = [lambda: self.product(shape, depth), lambda: self.entrywise(shape, depth)]
        return self.one_of(*options, lambda: call("softmax", self.vector(shape, depth - 1)))

    def row_of(self, shape: Shape) -> Source:
        """Return ``E[x]``."""
        return atom(f"{self.weight(('d', *shape), evident=True).text}[x]")

    def matrix(self, shape: Shape, depth: int) -> Source:
        """Return a matrix: a name, W.T, one plus a multiple of I, a product of two."""
        if depth == 0 or self.pick(True, False, False):
            return self.weight(shape)
        options = [lambda: self.entrywise(shape, depth),
                   lambda: atom(self.matrix(shape[::-1], depth - 1).at(ATOM) + ".T"),
                   lambda: self.chain(shape, depth)]
        if shape[0] == shape[1]:
            options.append(lambda: self.with_identity(shape, depth))
        return self.one_of(*options)

    def with_identity(self, shape: Shape, depth: int) -> Source:
        """Return W + s I: the sum says the size of I."""
        scale = self.scalar(depth - 1)
        return Source(f"{self.weight(shape).text} {self.pick('+', '-')} {scale.at(PRODUCT)} * I", SUM)

    def chain(self, shape: Shape, depth: int) -> Source:
        """Return the product of two matrices."""
        inner = self.pick(*self.sizes())
        left, right = self.matrix((shape[0], inner), depth - 1), self.matrix((inner, shape[1]), depth - 1)
        return Source(f"{left.at(PRODUCT)} @ {right.at(SIGN)}", PRODUCT)

    def sizes(self) -> list[str | int]:
        """Return the sizes of the vectors that can be used."""
        shapes = (*self.scope.kept.values(), *self.scope.names.values())
        return list(dict.fromkeys(shape[0] for shape in shapes if shape)) or ["n"]

    def product(self, shape: Shape, depth: int) -> Source:
        """Return ``v @ W`` or ``W @ v``, with or without a bias."""
        weight: Source | None = None
        if self.pick(False, False, True):
            parts = [self.vector((self.pick(*self.sizes()),), depth - 1) for _ in range(self.pick(2, 3))]
            inner, weight = call("concat", *parts), self.unsized_matrix()
        else:
            size = self.pick(*self.sizes())
            name = self.known((size,)) if self.pick(True, False) else None
            inner = name or self.vector((size,), depth - 1)
            if self.pick(True, True, False):
                weight = self.weight((size, *shape) if self.row else (*shape, size), evident=True)
            else:
                weight = self.matrix((size, *shape) if self.row else (*shape, size), depth - 1)
        left, right = (inner, weight) if self.row else (weight, inner)
        source = Source(f"{left.at(PRODUCT)} @ {right.at(SIGN)}", PRODUCT)
        return source if self.pick(True, False) else self.biased(source, shape)

    def unsized_matrix(self) -> Source:
        """Return a new matrix beside ``concat``, whose size has no name to annotate."""
        name = self.scope.fresh("W")
        self.scope.weights[name] = Weight(("concatenated",), self.pick("", "matrix"))
        return atom(name)

    def biased(self, source: Source, shape: Shape) -> Source:
        """Return the product plus a bias."""
        return Source(f"{source.at(SUM)} + {self.weight(shape, evident=True).text}", SUM)

    def reduction(self, depth: int) -> Source:
        """Return the sum, the mean, … of the entries of a vector or a matrix."""
        sizes = [self.pick(*self.sizes()) for _ in range(self.pick(1, 1, 2))]
        name = self.pick(*reductions)
        return call(name, self.of(tuple(sizes[:1] if name in VECTOR_FUNCTIONS else sizes), depth - 1))

    def dot(self, depth: int) -> Source:
        """Return the product of two vectors."""
        shape = (self.pick(*self.sizes()),)
        left, right = self.vector(shape, depth - 1), self.vector(shape, depth - 1)
        product = Source(f"{left.at(PRODUCT)} @ {right.at(SIGN)}", PRODUCT)
        return self.pick(call("dot", left, right), product)

    def entrywise(self, shape: Shape, depth: int) -> Source:
        """Return an operation entry by entry."""
        return self.pick(self.addition, self.multiplication, self.function, self.division, self.power, self.negation,
                         self.extremum, self.choice)(shape, depth)

    def other(self, shape: Shape, depth: int) -> Source:
        """Return an operand that goes with the shape: of the same, or a scalar."""
        return self.of(shape if self.pick(True, False) else (), depth - 1)

    def addition(self, shape: Shape, depth: int) -> Source:
        """Return a + b − c."""
        terms = [self.of(shape, depth - 1), *(self.other(shape, depth) for _ in range(self.pick(1, 2)))]
        signed = [f"{self.pick('+', '-')} {term.at(PRODUCT if self.pick(True, False) else ATOM)}" for term in terms[1:]]
        return Source(" ".join([terms[0].text, *signed]), SUM)

    def multiplication(self, shape: Shape, depth: int) -> Source:
        """Return a * b * c, the one of the wanted shape first or second."""
        factors = [self.of(shape, depth - 1), *(self.other(shape, depth) for _ in range(self.pick(1, 2)))]
        if self.pick(False, True):
            factors[:2] = factors[1::-1]
        return Source(" * ".join([factors[0].at(PRODUCT), *(factor.at(SIGN) for factor in factors[1:])]), PRODUCT)

    def division(self, shape: Shape, depth: int) -> Source:
        """Return a / b with b well above zero."""
        divisor = self.positive(self.other(shape, depth))
        return Source(f"{self.of(shape, depth - 1).at(PRODUCT)} / {divisor.at(SIGN)}", PRODUCT)

    def power(self, shape: Shape, depth: int) -> Source:
        """Return a power; a negative or a broken exponent has a positive base."""
        base = self.of(shape, depth - 1)
        if self.pick(True, False):
            return Source(f"{base.at(ATOM)}**{self.pick(*POWERS)}", POWER)
        return Source(f"{self.positive(base).at(ATOM)}**{self.pick(*POSITIVE_POWERS)}", POWER)

    def negation(self, shape: Shape, depth: int) -> Source:
        """Return −a."""
        return Source(f"-{self.of(shape, depth - 1).at(SIGN)}", SIGN)

    def extremum(self, shape: Shape, depth: int) -> Source:
        """Return the larger or the smaller of two."""
        both = [self.of(shape, depth - 1), self.other(shape, depth)]
        return call(self.pick(*EXTREMA), *(both if self.pick(True, False) else both[::-1]))

    def choice(self, shape: Shape, depth: int) -> Source:
        """Return ``where(l > r, a, b)``."""
        left, right = self.of(shape, depth - 1), self.other(shape, depth)
        condition = Source(f"{left.text} {self.pick(*COMPARISONS.values())} {right.text}", SUM)
        return call("where", condition, self.of(shape, depth - 1), self.other(shape, depth))

    def function(self, shape: Shape, depth: int) -> Source:
        """Return a function of the table, its argument within its domain and moderate where it grows fast."""
        entry = activations[self.pick(*activations)]
        argument = self.of(shape, depth - 1)
        if entry.lower is not None:
            shifted = self.positive(argument)
            return call(entry.name, Source(f"{entry.lower} + {shifted.text}", SUM) if entry.lower else shifted)
        return call(entry.name, argument if entry.slope_bound is not None else self.bounded(argument))

    def bounded(self, argument: Source) -> Source:
        """Return a bounded function."""
        return call(self.pick(*BOUNDED), argument)

    def positive(self, argument: Source) -> Source:
        """Return what is at least 1/4."""
        return self.pick(
            Source(f"1 + {argument.at(ATOM)}**2", SUM), Source(f"1.5 + {call('tanh', argument).text}", SUM),
            Source(f"{call('sigmoid', argument).text} + 0.25", SUM), call("exp", call("tanh", argument)),
        )
