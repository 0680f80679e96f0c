"""Operations as code: for each sequence loops over entries, between them products of all sequences at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from rnnsym.errors import DerivationError
from rnnsym.model.expressions import Constant, Expression, Parameter
from rnnsym.numerics.compiled.components import ComponentPrinter, Index
from rnnsym.numerics.compiled.grouping import Group, Phase, in_order, kept_apart, phases_of
from rnnsym.numerics.compiled.operations import (
    Added,
    Collapse,
    Contraction,
    Entries,
    FanIn,
    FanOut,
    Joined,
    Normalised,
    Operation,
    Scattered,
)
from rnnsym.numerics.compiled.places import Place
from rnnsym.numerics.compiled.setting import Setting
from rnnsym.numerics.compiled.weights import fan_in_weights, fan_out_weights

INDENT = "    "
NO_STACKS: Mapping[tuple[Any, ...], str] = MappingProxyType({})


class Segment:
    """Writes the operations of one step, or of one row of many.

    ``places`` says where quantities stand, and ``rows`` how many sequences there are (None: the quantities differ
    between none). ``needs`` are the lines before: arrays for what lies between, and weights side by side.
    """

    def __init__(self, setting: Setting, operations: Iterable[Operation], places: Mapping[Any, list[Place]],
                 rows: str | None, skipped: Iterable[str] = (),
                 stacks: Mapping[tuple[Any, ...], str] = NO_STACKS) -> None:
        self.setting, self.rows, self.skipped, self.stacks = setting, rows, tuple(skipped), stacks
        self.places: dict[Any, list[Place]] = {name: list(own) for name, own in places.items()}
        self.needs: dict[Any, list[str]] = {}
        self.phases: list[Phase] = phases_of(operations)
        self._local: dict[Any, str] = {}
        self._product_line: dict[Any, str] = {}
        self.printer: ComponentPrinter = setting.printer(self._entry)
        for name in kept_apart(self.phases):
            self._room(name)

    @property
    def lead(self) -> Index:
        """The index of the sequence."""
        return () if self.rows is None else (self.setting.row,)

    def _room(self, name: Any) -> Place:
        """Return where a quantity stands, in an array of its own where it has none."""
        own = self.places.setdefault(name, [])
        if not own:
            still = isinstance(name, Parameter)  # it bears its name wherever it is read
            array = self.setting.names(name) if still else self.setting.fresh(self.setting.wish(name))
            self.needs[name] = [f"{array} = {self._empty(name.shape)}"]
            own.append(Place(array, self.lead))
        return own[0]

    def _empty(self, shape: Iterable[Any]) -> str:
        axes = [*([] if self.rows is None else [self.rows]), *(self.setting.size(one) for one in shape)]
        return f"np.empty({self.setting.tuple_of(axes)})"

    def _entry(self, name: Any, index: Index) -> str:
        if isinstance(name, Constant):
            return self.setting.names(name)
        if name in self._local:
            return self._local[name]
        if name in self.places:
            return self.places[name][0].at(index)
        if isinstance(name, Parameter):
            return Place(self.setting.names(name)).at(index)
        raise DerivationError(f"the numba backend does not know where {name} stands: use backend=\"numpy\"")

    def matrix(self, name: Any) -> str:
        """Return the code of a quantity of all sequences as a matrix with one row for each."""
        own = self.places.setdefault(name, [])
        for place in own:
            if place.lead and place.lead[-1] == self.setting.row:
                return place.array + (f"[{', '.join(place.lead[:-1])}]" if place.lead[:-1] else "")
        array = self.setting.fresh(self.setting.wish(name))
        self.needs["matrix", name] = [f"{array} = {self._empty(name.shape)}"]
        own.append(Place(array, self.lead))
        return array

    def lines(self) -> list[str]:
        """Return the lines of the step; ``needs`` is complete after that."""
        for phase in self.phases:  # first: they say where vectors are stored
            if phase.product is not None:
                self._prepare(phase.product)
        return [line for number, phase in enumerate(self.phases) for line in self._phase(phase, number == self._first)]

    @property
    def _first(self) -> int:
        return next((number for number, phase in enumerate(self.phases) if phase.product is None), -1)

    def _phase(self, phase: Phase, first: bool) -> list[str]:
        if phase.product is not None:
            return [self._product_line[phase.product]]
        self._local = {}
        body = [line for group in phase.groups for line in self._group(group)]
        if self.rows is None:
            return body
        skip = [f"{INDENT}if {self.setting.masked} and {self.setting.step} >= {self.setting.lengths}"
                f"[{self.setting.row}]:", *(f"{INDENT * 2}{line}" for line in self.skipped if first),
                f"{INDENT * 2}continue"] if self.skipped else []
        return [f"for {self.setting.row} in range({self.rows}):", *skip, *(INDENT + line for line in body)]

    def _prepare(self, product: FanOut | FanIn) -> None:
        self._product_line[product] = (
            self._fan_out(product) if isinstance(product, FanOut) else self._fan_in(product))

    def _fan_out(self, product: FanOut) -> str:
        vector = self.matrix(product.vector)
        weights, lines = fan_out_weights(self.setting, self.printer, product)
        size = self.setting.size(product.members[0][0].shape[0])
        count = len(product.members)
        array, flat = (self.setting.fresh(f"{word}_{self.setting.wish(product.vector)}")
                       for word in ("joint", "joint_flat"))
        self.needs["fan", product] = [
            *lines, f"{flat} = np.empty(({self.rows}, {self.setting.times(count, size)}))",
            f"{array} = {self.setting.seen_as(flat, str(self.rows), str(count), size)}"]
        for number, (member, _) in enumerate(product.members):
            self.places[member] = [Place(array, (*self.lead, str(number)))]
        return f"multiply({vector}, {weights}, {flat})"

    def _fan_in(self, product: FanIn) -> str:
        order = self.ordered(product.members)
        stack = self.stacks.get(order)
        size = self.setting.size(order[0].shape[0])
        width = self.setting.times(len(order), size)
        if stack is None:
            flat, array = (self.setting.fresh(word) for word in ("side_flat", "side_by_side"))
            self.needs["stack", order] = [f"{flat} = np.empty(({self.rows}, {width}))",
                                          f"{array} = "
                                          f"{self.setting.seen_as(flat, str(self.rows), str(len(order)), size)}"]
            for number, member in enumerate(order):
                self.places.setdefault(member, []).append(Place(array, (*self.lead, str(number))))
            stack = flat
        weights, lines = fan_in_weights(self.setting, self.printer, product, order)
        self.needs["fan", product] = lines
        return f"multiply({stack}, {weights}, {self.matrix(product.target)})"

    def ordered(self, members: Iterable[Any]) -> tuple[Any, ...]:
        """Return quantities in the order in which they are made."""
        return in_order(members, (one for phase in self.phases for group in phase.groups for one in group.operations))

    def _group(self, group: Group) -> list[str]:
        if group.shape is None:
            return list(self._alone(group.operations[0]))
        if not group.shape:
            return [line for one in group.operations for line in self._assignment(one, ())]
        index = self.setting.indices(len(group.shape))
        outside = dict(self._local)
        lines = [f"{INDENT * depth}for {one} in range({self.setting.size(length)}):"
                 for depth, (one, length) in enumerate(zip(index, group.shape, strict=True))]
        for operation in group.operations:
            lines += [INDENT * len(index) + line for line in self._assignment(operation, index)]
        self._local = outside
        return lines

    def _assignment(self, operation: Operation, index: Index) -> Iterator[str]:
        match operation:
            case Entries():
                yield from self._set(operation.target, self.printer.code(operation.value, index), index)
            case Added():
                code = self.printer.code(operation.value, index)
                yield f"{self.places[operation.parameter, 'gradient'][0].at(index)} += {code}"
            case Scattered():
                code = self.printer.code(operation.value, index)
                place = self.places[operation.parameter, "gradient"][0]
                yield f"{place.at((self._entry(operation.row, ()), *index))} += {code}"

    def _set(self, target: Any, code: str, index: Index) -> Iterator[str]:
        """Compute an entry, and store it wherever it is needed."""
        places = self.places.get(target, [])
        name = self.setting.local(target)
        self._local[target] = name
        yield f"{name} = {code}"
        yield from (f"{place.at(index)} = {name}" for place in places)

    def _alone(self, operation: Operation) -> Iterator[str]:
        match operation:
            case Collapse():
                yield from self._collapse(operation)
            case Normalised():
                yield from self._softmax(operation)
            case Joined():
                yield from self._joined(operation)
            case Contraction():
                yield from self._contraction(operation)
            case _:
                raise DerivationError(f"the numba backend has no loop for {operation}: use backend=\"numpy\"")

    def _through(self, shape: Iterable[Any]) -> tuple[Index, list[str], str]:
        """Return indices, the lines of the loops over them, and the indent of what stands in these."""
        axes = tuple(shape)
        index = self.setting.indices(len(axes))
        lines = [f"{INDENT * depth}for {one} in range({self.setting.size(length)}):"
                 for depth, (one, length) in enumerate(zip(index, axes, strict=True))]
        return index, lines, INDENT * len(axes)

    def _largest(self, value: Expression) -> Iterator[str]:
        index, loops, indent = self._through(value.shape)
        code = self.printer.code(value, index)
        yield f"{self.setting.peak} = -np.inf"
        yield from loops
        self.printer.functions.add("extrema")
        yield f"{indent}{self.setting.peak} = larger({code}, {self.setting.peak})"

    def _collapse(self, operation: Collapse) -> Iterator[str]:
        index, loops, indent = self._through(operation.value.shape)
        name, code = self.setting.local(operation.target), self.printer.code(operation.value, index)
        if operation.kind == "logsumexp":
            yield from self._largest(operation.value)
            self.printer.functions.add("exp")
            code = f"exp({code} - {self.setting.peak})"
        yield f"{name} = 0.0"
        yield from loops
        yield f"{indent}{name} += {code}"
        if operation.kind == "logsumexp":
            yield f"{name} = {self.setting.peak} + math.log({name})"
        if operation.kind == "mean":
            count = " * ".join(f"({self.setting.size(length)})" for length in operation.value.shape)
            yield f"{name} /= {count}"
        self._local[operation.target] = name
        yield from (f"{place.at(())} = {name}" for place in self.places.get(operation.target, []))

    def _softmax(self, operation: Normalised) -> Iterator[str]:
        places = [self._room(operation.target), *self.places[operation.target][1:]]
        index, loops, indent = self._through(operation.value.shape)
        yield from self._largest(operation.value)
        self.printer.functions.add("exp")
        yield f"{self.setting.total} = 0.0"
        yield from loops
        yield f"{indent}{places[0].at(index)} = exp({self.printer.code(operation.value, index)} - {self.setting.peak})"
        yield f"{indent}{self.setting.total} += {places[0].at(index)}"
        yield from loops
        yield f"{indent}{places[0].at(index)} /= {self.setting.total}"
        yield from (f"{indent}{place.at(index)} = {places[0].at(index)}" for place in places[1:])

    def _joined(self, operation: Joined) -> Iterator[str]:
        self._room(operation.target)
        start = ""
        for part in operation.parts:
            index, loops, indent = self._through(part.shape)
            yield from loops
            for place in self.places[operation.target]:
                code = self.printer.code(part, index)
                yield f"{indent}{place.at((f'{start}{index[0]}', *index[1:]))} = {code}"
            start += f"{self.setting.size(part.shape[0])} + "

    def _contraction(self, operation: Contraction) -> Iterator[str]:
        self._room(operation.target)
        left, right = operation.left, operation.right
        *index, inner = self.setting.indices(operation.target.rank + 1)
        yield from (f"{INDENT * depth}for {one} in range({self.setting.size(length)}):"
                    for depth, (one, length) in enumerate(zip(index, operation.target.shape, strict=True)))
        indent = INDENT * len(index)
        own = (*index[:left.rank - 1], inner), (inner, *index[left.rank - 1:])
        factors = " * ".join(self.printer.inner(side, one, 3) for side, one in zip((left, right), own, strict=True))
        yield f"{indent}{self.setting.total} = 0.0"
        yield f"{indent}for {inner} in range({self.setting.size(left.shape[-1])}):"
        yield f"{indent}{INDENT}{self.setting.total} += {factors}"
        yield from (f"{indent}{place.at(tuple(index))} = {self.setting.total}"
                    for place in self.places[operation.target])

