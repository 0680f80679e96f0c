"""Gradients of weights as products over many rows: what is read at every row stands in arrays side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rnnsym.numerics.compiled.grouping import in_order
from rnnsym.numerics.compiled.operations import Added, FanIn, Operation, Rows, Scattered
from rnnsym.numerics.compiled.places import Place
from rnnsym.numerics.compiled.setting import Setting

Key = tuple[Any, ...]


@dataclass
class Stacks:
    """δ's side by side in arrays (rows, members, size), each also a matrix of all rows.

    ``rows`` is the code of the most rows, ``axes`` that of the axes they make up, ``lead`` the indices of one row.
    ``matrix`` is the code of the rows that one product of a step takes, of the array with the name ``{}``.
    """

    setting: Setting
    rows: str
    axes: tuple[str, ...]
    lead: tuple[str, ...]
    matrix: str
    needs: list[str] = field(default_factory=list)
    places: dict[Any, list[Place]] = field(default_factory=dict)
    flats: dict[Key, str] = field(default_factory=dict)
    of_step: dict[Key, str] = field(default_factory=dict)

    def add(self, key: Key) -> str:
        """Make the stack of ``key``, unless it is there; return the name of its matrix of all rows."""
        if key not in self.flats:
            fresh, size = self.setting.fresh, self.setting.size(key[0].shape[0])
            flat, array, steps = fresh("stack_rows"), fresh("stack"), fresh("stack_steps")
            self.needs += [f"{flat} = np.empty(({self.rows}, {self.setting.times(len(key), size)}))",
                           f"{array} = {self.setting.seen_as(flat, *self.axes, str(len(key)), size)}",
                           f"{steps} = {self.setting.seen_as(flat, *self.axes, self.setting.times(len(key), size))}"]
            self.flats[key], self.of_step[key] = flat, self.matrix.format(steps)
            for number, member in enumerate(key):
                self.places.setdefault(member, []).append(Place(array, (*self.lead, str(number))))
        return self.flats[key]

    def zeros(self) -> Iterator[str]:
        """Yield the lines that set the δ's of one row to zero."""
        unit = self.setting.indices(1)[0]
        for member, own in self.places.items():
            for place in own:
                yield f"for {unit} in range({self.setting.size(member.shape[0])}):"
                yield f"    {place.at((unit,))} = 0.0"


class Gradients:
    """Gradients that are products over rows: ``sums`` makes room for them, ``block`` adds rows, ``hand_on`` ends it."""

    def __init__(self, stacks: Stacks, rows: Iterable[Rows], operations: list[Operation]) -> None:
        self.stacks, self.setting = stacks, stacks.setting
        self._rows = list(rows)
        self._key: dict[Rows, Key] = {}
        self._array: dict[tuple[Any, Key], tuple[str, str]] = {}
        direct = [one.parameter for one in operations if isinstance(one, Added | Scattered)]
        self.direct = {p: self.setting.fresh(f"direct_{p.name}") for p in dict.fromkeys(direct)}
        by_vector: dict[Any, list[Any]] = {}
        for one in self._rows:
            if one.vector is not None:
                by_vector.setdefault((one.vector, one.adjoint.shape), []).append(one.adjoint)
        keys = {group: in_order(set(members), operations) for group, members in by_vector.items()}
        for operation in operations:
            if isinstance(operation, FanIn):
                stacks.add(in_order(operation.members, operations))
        for key in keys.values():
            stacks.add(key)
        for one in self._rows:
            if one.vector is not None:
                self._key[one] = keys[one.vector, one.adjoint.shape]
            else:
                self._key[one] = next((key for key in stacks.flats if one.adjoint in key), (one.adjoint,))
                stacks.add(self._key[one])

    @property
    def places(self) -> dict[Any, list[Place]]:
        """Where steps add to gradients that are no products."""
        return {(parameter, "gradient"): [Place(array)] for parameter, array in self.direct.items()}

    @property
    def vectors(self) -> list[Any]:
        """The vectors that are read at all rows."""
        return list(dict.fromkeys(one.vector for one in self._rows if one.vector is not None))

    def sums(self) -> Iterator[str]:
        """Yield the lines that make room for the sums."""
        for parameter, array in self.direct.items():
            yield f"{array} = np.empty({self.setting.tuple_of(self.setting.size(n) for n in parameter.shape)})"
            yield f"clear({array})"
        for one in self._rows:
            key = self._key[one]
            if (one.vector, key) in self._array:
                continue
            sums, flat = self.setting.fresh("sums"), self.setting.fresh("sums_flat")
            self._array[one.vector, key] = sums, flat
            size = self.setting.size(key[0].shape[0])
            width = self.setting.times(len(key), size)
            height = "1" if one.vector is None else self.setting.size(one.vector.shape[0])
            axes = width if one.vector is None else f"({height}, {width})"
            yield f"{flat} = np.empty({axes})"
            yield f"{sums} = {self.setting.seen_as(flat, height, str(len(key)), size)}"
            yield f"clear({flat})"

    def block(self, vectors: dict[Any, str], count: str) -> Iterator[str]:
        """Yield the lines that add ``count`` rows; ``vectors`` are the codes of the matrices of these rows."""
        for (vector, key), (_, flat) in self._array.items():
            rows = f"{self.stacks.flats[key]}[:{count}]" if count else self.stacks.flats[key]
            if vector is None:
                yield f"total_over_rows({rows}, {flat})"
            else:
                yield f"accumulate({vectors[vector]}, {rows}, {flat})"

    def hand_on(self) -> Iterator[str]:
        """Yield the lines that add the sums to the parameters' gradients."""
        for parameter, array in self.direct.items():
            grad = self.setting.gradient(parameter)
            yield f"add_to({self.setting.flat(grad)}, {self.setting.flat(array)}, batch)"
        for one in self._rows:
            key = self._key[one]
            sums, _ = self._array[one.vector, key]
            member = key.index(one.adjoint)
            grad = self.setting.gradient(one.parameter)
            by = f"{'-' * one.negative}batch"
            if one.vector is None:
                yield f"add_to({grad}, {sums}[0, {member}], {by})"
            else:
                yield f"hand_on{'_turned' * one.turned}({sums}, {member}, {grad}, {by})"
