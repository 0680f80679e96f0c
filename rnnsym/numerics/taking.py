"""Lines that take arrays of known shapes apart into numbers and put numbers together into fresh arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.losses import losses
from rnnsym.numerics.components import Entries, flat, shaped
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.requests import Lengths, Request
from rnnsym.numerics.scalars import Number, Scalars
from rnnsym.numerics.sequences import registers_of
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.validation import SUM_TOLERANCE

FUNCTIONS = ("cos", "exp", "log", "log1p", "pow", "sin", "sqrt", "tanh")  # of Python's math
CALL = re.compile(r"(?<![\w.])(" + "|".join(FUNCTIONS) + r")\(")
RESERVED = ("FLOAT", "Struct", "dtype", "empty", "isfinite", "log1p", "ndarray", "array", "start", "total", "v")


class Taking:
    """The arguments of one function as names of numbers; ``lines`` check and take them apart."""

    def __init__(self, request: Request, names: Identifiers, scalars: Scalars) -> None:
        self.request, self.names, self._scalars = request, names, scalars
        self.lines: list[str] = []
        self._helpers: dict[int, tuple[str, str]] = {}
        self.taken: list[Number] = []

    def array(self, source: str, wish: str, shape: Lengths, name: str = "") -> str:
        """Check an array of the caller's; return its name."""
        name = name or self.names.fresh(wish)
        self.lines += [f"{name} = {source}",
                       f"if not (type({name}) is ndarray and {name}.dtype is FLOAT and {name}.shape == {shape}):",
                       "    return None"]
        return name

    def sequence(self, source: str, wish: str, request: Request, least: int, most: int) -> str:
        """Check an array with as many steps as there are; return its name."""
        name, axis = self.names.fresh(wish), 0 if request.single else 1
        lengths = [str(length) for length in request.inputs]
        lengths[axis] = f"{name}.shape[{axis}]"
        plain = f"type({name}) is ndarray and {name}.dtype is FLOAT and {name}.flags.c_contiguous"
        self.lines += [f"{name} = {source}",
                       f"if not ({plain} and {name}.ndim == {len(lengths)} and {name}.shape == {tuple_of(lengths)} and "
                       f"{least} <= {name}.shape[{axis}] <= {most}):", "    return None"]
        return name

    def starts(self, graph: StepGraph) -> dict[Any, Entries]:
        """Take the given initial states apart; the entries of a state, and of the register of each step back."""
        found = dict[Any, Entries]()
        known = {state.variable.name: state for state in graph.network.states}
        for name, shape in self.request.states or ():
            state = known[name]
            entries = self.numbers(self.array(f"initial_state[{name!r}]", f"{name}_start", shape), shape)
            own = entries[0] if len(shape) > state.variable.rank + (state.lag > 1) else entries
            found |= dict(zip(registers_of(graph, state), own if state.lag > 1 else [own], strict=True))
        return found

    def texts(self, entries: Entries) -> list[str]:
        """The names of numbers that were taken out of an array."""
        return [self._scalars.text(number) for number in flat(entries)]

    def head(self) -> Iterator[str]:
        """The docstring of a form's function, and its first checks."""
        yield '"""Return the result; None where an argument has another shape, or a number is not finite."""'
        yield f"if type(parameters) is not dict or len(parameters) != {len(self.request.parameters)}:"
        yield "    return None"
        if self.request.states is None:
            yield "if initial_state is not None:"
        else:
            yield f"if type(initial_state) is not dict or len(initial_state) != {len(self.request.states)}:"
        yield "    return None"

    def constants(self) -> Iterator[str]:
        """The lines that stand before a form's function."""
        yield ""
        yield 'FLOAT = dtype("float64")'
        yield from self._helper_lines()

    def numbers(self, array: str, shape: Lengths) -> Entries:
        """Take an array apart; the names of its numbers tell their places."""
        found = [self.names.fresh("_".join([array, *map(str, place)])) for place in _places(shape)]
        self.lines.append(f"{tuple_of(found)} = {self._helper(prod(shape))[0]}({array})")
        numbers = [self._scalars.name(one) for one in found]
        self.taken += numbers
        return shaped(iter(numbers), shape)

    def in_range(self, graph: StepGraph, targets: Iterable[Entries]) -> None:
        """Leave targets outside the loss's range to the check that names them."""
        entry, text = losses[graph.network.loss], self._scalars.text
        slack = SUM_TOLERANCE if entry.distribution else 0.0
        lower, upper = entry.lower - slack, entry.upper + slack
        bounds = [f"{lower!r} <= " * (lower > float("-inf")), f" <= {upper!r}" * (upper < float("inf"))]
        if not any(bounds):
            return
        for one in targets:
            self.lines += [f"if not ({' and '.join(f'{bounds[0]}{text(y)}{bounds[1]}' for y in flat(one))}):",
                           "    return None"]
            if entry.distribution:
                self.lines += [f"if not abs({' + '.join(text(y) for y in flat(one))} - 1.0) <= {SUM_TOLERANCE!r}:",
                               "    return None"]


    def put(self, name: str, shape: Lengths, texts: Sequence[str]) -> list[str]:
        """The lines that put numbers together into a fresh array."""
        return [f"{name} = empty({shape})", f"{self._helper(len(texts))[1]}({name}, 0, {', '.join(texts)})"]

    def _helper(self, count: int) -> tuple[str, str]:
        if count not in self._helpers:
            self._helpers[count] = self.names.fresh(f"take_{count}"), self.names.fresh(f"put_{count}")
        return self._helpers[count]

    def _helper_lines(self) -> Iterator[str]:
        """The lines that define what takes numbers out of arrays, and puts them in."""
        for count, (take, put) in sorted(self._helpers.items()):
            yield f'{take}, {put} = Struct("{count}d").unpack, Struct("{count}d").pack_into'


def imported(text: str) -> Iterator[str]:
    """The imports of a form whose function has this text."""
    yield f"from math import {', '.join(sorted({'isfinite', *CALL.findall(text)}))}"
    yield "from struct import Struct"
    yield ""
    yield "from numpy import dtype, empty, ndarray"


def _places(shape: Lengths) -> Iterator[tuple[int, ...]]:
    if not shape:
        yield ()
        return
    yield from ((first, *rest) for first in range(shape[0]) for rest in _places(shape[1:]))
