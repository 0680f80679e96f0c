"""Stretches of a form's code, such as the body of a loop: each has numbers of its own, and names that others gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from rnnsym.model.expressions import Expression
from rnnsym.numerics.components import Components, Entries, flat, shaped
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.requests import Request
from rnnsym.numerics.scalars import Number, Scalars


class Labelled(Protocol):
    """A form whose parameters, and the entries of whose quantities, have names in all of its code."""

    names: Identifiers
    request: Request
    parameters: dict[Any, list[str]]

    def labels(self, quantity: Any) -> list[str]:
        """The names of a quantity's entries."""
        ...


class Body:
    """The numbers of a stretch of code: what it knows by name, and what it computes of it."""

    def __init__(self, form: Labelled) -> None:
        self._form = form
        self._own: set[str] = set()
        self.scalars = Scalars(lambda wish: wish if wish in self._own else form.names.fresh(wish))
        self.components = Components(self.scalars, form.request.sizes)
        self.known: dict[Any, Entries] = {}
        for parameter, texts in form.parameters.items():
            self.known[parameter] = self._entered(texts, self.components.shape(parameter))

    def _entered(self, texts: Iterable[str], shape: tuple[int, ...]) -> Entries:
        return shaped(iter([self.scalars.name(text) for text in texts]), shape)

    def know(self, *quantities: Any) -> None:
        """Let quantities be known by their labels."""
        for one in quantities:
            self.known[one] = self._entered(self._form.labels(one), self.components.shape(one))

    def enter(self, target: Any, value: Expression, *more: Entries) -> None:
        """Enter what is assigned, with what is added to it."""
        shape, add = self.components.shape(target), self.scalars.add
        terms = [self.components.entries(value, self.known), *more]
        self.known[target] = self.components.each(shape, lambda *numbers: add(numbers), *terms)
        labels = self._form.labels(target)
        self._own.update(labels)
        for number, label in zip(flat(self.known[target]), labels, strict=True):
            self.scalars.wish(number, label)

    def numbers(self, value: Expression, like: Any) -> list[Number]:
        """Return the entries of an expression in the shape of what it belongs to."""
        found = self.components.entries(value, self.known)
        return flat(self.components.each(self.components.shape(like), lambda entry: entry, found))

    def texts(self, numbers: Iterable[Number]) -> list[str]:
        """Return the code of numbers."""
        return [self.scalars.text(number) for number in numbers]

    def before(self, wanted: list[Number]) -> list[str]:
        """The statements of what is made of parameters alone: they stand before the loop."""
        still = self.scalars.constant(wanted, [n for p in self._form.parameters for n in flat(self.known[p])])
        return list(self.scalars.statements(still + still))
