"""The two functions of a loop: forward over all steps, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import Variable
from rnnsym.numerics.compiled.operations import FanOut, Operation
from rnnsym.numerics.compiled.places import Place
from rnnsym.numerics.compiled.products import Gradients, Stacks
from rnnsym.numerics.compiled.recurrences import Recurrence, bulk_products
from rnnsym.numerics.compiled.segments import Segment
from rnnsym.numerics.compiled.weights import fan_in_weights, fan_out_weights


class LoopCode:
    """Writes the functions of one recurrence."""

    def __init__(self, recurrence: Recurrence) -> None:
        self.r, self.setting = recurrence, recurrence.setting
        self.names = self.setting.names
        fresh = self.setting.fresh
        self.low, self.high = self.setting.first, self.setting.last
        self.block = fresh("block")
        self.wanted = fresh("wanted")
        self.starts = {s: self.names.derived("start", s) for s in self.r.graph.states}
        self.ends = {s: self.names.derived("end", Adjoint(s)) for s in self.r.graph.states}
        self.d_input = fresh("d_read")

    @property
    def forward_name(self) -> str:
        """The function that runs forward."""
        return f"forward{self.r.suffix}"

    @property
    def backward_name(self) -> str:
        """The function that runs back."""
        return f"backward{self.r.suffix}"

    @property
    def _given(self) -> list[str]:
        """What both functions are handed: what the loop reads, or how many steps it takes."""
        reads = self.r.reads
        return ["steps", "batch"] if reads is None else [self.names(reads)]

    def _head(self) -> Iterator[str]:
        reads = self.r.reads
        own = () if reads is None or self.r.index else tuple(reads.shape)
        if reads is not None:
            yield f"    steps, batch = {self.names(reads)}.shape[:2]"
        sources = [(self.names(reads), (None, None, *own))] if reads is not None and own else []
        yield from self.setting.sizes(sources)
        yield f"    {self.setting.masked} = lengths.size > 0"

    def _ready(self, operations: list[Operation]) -> tuple[list[str], dict[Any, list[Place]]]:
        segment = Segment(self.setting, operations, {}, None)
        for operation in operations:
            segment._room(operation.target)  # type: ignore[union-attr]
        lines = segment.lines()
        return [line for own in segment.needs.values() for line in own] + lines, segment.places

    def forward(self) -> Iterator[str]:
        """The function that runs forward; it returns the arrays of all states, and those that the way back reads."""
        lowering, operations = self.r.forward
        early, later = bulk_products(operations, lambda vector: vector == self.r.reads)
        ready, known = self._ready(lowering.ready)
        places = self.r.forward_places() | known
        bulk, widths = self._bulk(early, places)
        segment = Segment(self.setting, later, places, "batch", list(self._held()))
        body = segment.lines()
        yield "@njit(**INSIDE)"
        yield f"def {self.forward_name}(weights, {', '.join(self._given)}, starts, lengths):"
        yield f'    """Return the arrays of all steps: {", ".join(self.results)}; a state\'s begins where it starts."""'
        yield from self.setting.unpack("weights", self.setting.parameters)
        yield from self.setting.unpack("starts", self.starts.values())
        yield from self._head()
        yield from self._arrays()
        yield from self._indented([*ready, *(line for own in segment.needs.values() for line in own)])
        yield from self.r.merged([one.vector for one in early])
        yield f"    {self.block} = block_of(steps, batch, {' + '.join(widths) or 1})"
        yield from self._indented(bulk.before)
        yield f"    for {self.low} in range(0, steps, {self.block}):"
        yield f"        {self.high} = min({self.low} + {self.block}, steps)"
        yield from self._indented(bulk.inside, 2)
        yield f"        for {self.setting.step} in range({self.low}, {self.high}):"
        yield from self._indented(body, 3)
        yield f"    return {self.setting.pack(self.results)}"

    @property
    def results(self) -> list[str]:
        """The arrays that the function forward returns."""
        return [self.names(v) for v in (*self.r.graph.states, *self.r.tape)]

    def _arrays(self) -> Iterator[str]:
        for s in self.r.graph.states:
            axes = ", ".join(["steps + 1", "batch", *(self.setting.size(n) for n in s.shape)])
            yield f"    {self.names(s)} = np.empty(({axes}))"
            yield (f"    begin({self.setting.flat(self.names(s) + '[0]')}, {self.setting.flat(self.starts[s])}, "
                   f"{float(self.r.graph.initial(s))!r})")
        for v in self.r.tape:
            axes = ", ".join(["steps", "batch", *(self.setting.size(n) for n in v.shape)])
            yield f"    {self.names(v)} = np.empty(({axes}))"
            yield f"    if {self.setting.masked}:"
            yield f"        clear({self.names(v)})"

    def _held(self) -> Iterator[str]:
        """A sequence that has ended keeps its states."""
        at, row = self.setting.step, self.setting.row
        for s in self.r.graph.states:
            index = self.setting.indices(s.rank)
            for depth, (one, length) in enumerate(zip(index, s.shape, strict=True)):
                yield f"{'    ' * depth}for {one} in range({self.setting.size(length)}):"
            own = self.names(s)
            yield f"{'    ' * s.rank}{Place(own, (f'{at} + 1', row)).at(index)} = {Place(own, (at, row)).at(index)}"

    def _indented(self, lines: list[str], depth: int = 1) -> Iterator[str]:
        yield from ("    " * depth + line for line in lines)

    def _bulk(self, early: list[FanOut], places: dict[Any, list[Place]]) -> tuple[Bulk, list[str]]:
        """Products of a whole block of steps; their places are added to ``places``."""
        bulk, widths = Bulk(), list[str]()
        reader = Segment(self.setting, [], places, "batch")
        for product in early:
            weights, lines = fan_out_weights(self.setting, reader.printer, product)
            size, count = self.setting.size(product.members[0][0].shape[0]), len(product.members)
            flat, array = (self.setting.fresh(f"{word}_{self.setting.wish(product.vector)}")
                           for word in ("drive_rows", "drive"))
            bulk.before += [*lines, f"{flat} = np.empty(({self.block} * batch, {self.setting.times(count, size)}))",
                            f"{array} = {self.setting.seen_as(flat, self.block, 'batch', str(count), size)}"]
            rows = self.r.rows_of(product.vector, self.low, self.high)
            bulk.inside.append(f"multiply({rows}, {weights}, {flat}[:({self.high} - {self.low}) * batch])")
            widths.append(self.setting.times(count, size))
            for number, (member, _) in enumerate(product.members):
                lead = (f"{self.setting.step} - {self.low}", self.setting.row, str(number))
                places[member] = [Place(array, lead)]
        return bulk, widths

    def backward(self) -> Iterator[str]:
        """The function that runs back; it returns what reaches the states at the start."""
        lowering, operations = self.r.backward
        early, later = bulk_products(operations, lambda vector: self.r.rows_of(vector, "", "") is not None)
        ready, known = self._ready(lowering.ready)
        at, row = self.setting.step, self.setting.row
        stacks = Stacks(self.setting, f"{self.block} * batch", (self.block, "batch"),
                        (f"{at} - {self.low}", row), f"{{}}[{at} - {self.low}]")
        extra = [] if self.r.input_sum is None else [self.r.input_sum]
        gradients = Gradients(stacks, lowering.rows, [*operations, *extra])
        places = self.r.forward_places() | self._backward_places() | known | gradients.places
        buffers, vectors = self._vectors(gradients, places)
        for name, own in stacks.places.items():
            places.setdefault(name, []).extend(own)
        bulk, widths = self._bulk(early, places)
        segment = Segment(self.setting, later, places, "batch", [*self._passed(), *stacks.zeros(), *buffers.zeros],
                          stacks.of_step)
        body = segment.lines()
        input_lines = self._input_lines(stacks, segment)
        widths += [self.setting.times(len(key), self.setting.size(key[0].shape[0])) for key in stacks.flats]
        yield "@njit(**INSIDE)"
        yield f"def {self.backward_name}({', '.join(self._backward_arguments)}):"
        yield f'    """Add to the gradients of the parameters; return δ of {self._described} at the start."""'
        for name, parts in self._backward_tuples.items():
            yield from self.setting.unpack(name, parts)
        yield from self._head()
        yield from self._carried_arrays()
        yield from self._indented([*ready, *(line for own in segment.needs.values() for line in own)])
        yield f"    {self.block} = block_of(steps, batch, {' + '.join(widths) or 1})"
        yield from self._indented([*stacks.needs, *buffers.needs, *bulk.before, *gradients.sums(), *input_lines[0]])
        read = [*(v for v in gradients.vectors if v not in buffers.names), *(one.vector for one in early)]
        yield from self.r.merged(read)
        yield f"    for {self.low} in range((steps - 1) // {self.block} * {self.block}, -1, -{self.block}):"
        yield f"        {self.high} = min({self.low} + {self.block}, steps)"
        yield from self._indented(bulk.inside, 2)
        yield f"        for {at} in range({self.high} - 1, {self.low} - 1, -1):"
        yield f"            {self.setting.now}, {self.setting.then} = {at} & 1, 1 - ({at} & 1)"
        yield from self._indented(body, 3)
        yield from self._indented([*gradients.block(vectors, f"({self.high} - {self.low}) * batch"),
                                   *input_lines[1]], 2)
        yield from self._indented(list(gradients.hand_on()))
        for s in self.r.graph.states:
            rest, handed = (f"{self.names(one[s])}[1]" for one in (self.r.rest_of, self.r.product_of))
            yield f"    add_to({self.setting.flat(rest)}, {self.setting.flat(handed)}, 1)"
        yield f"    return {self._returned()}"

    @property
    def _backward_tuples(self) -> dict[str, list[str]]:
        """What the function back is handed in tuples; outside are quantities of all steps that come from elsewhere."""
        outside = [*(self.names(self.r.output_of[s]) for s in self.r.arriving), *map(self.names, self.r.given)]
        return {"weights": self.setting.parameters, "tape": self.results, "ends": list(self.ends.values()),
                "outside": outside, "gradients": self.setting.gradients}

    @property
    def _backward_arguments(self) -> list[str]:
        weights, *others = self._backward_tuples
        return [weights, *self._given, *others, "lengths", self.d_input, self.wanted]

    @property
    def _described(self) -> str:
        return ", ".join(self.names(s) for s in self.r.graph.states)

    def _backward_places(self) -> dict[Any, list[Place]]:
        at, row, now, then = self.setting.step, self.setting.row, self.setting.now, self.setting.then
        places: dict[Any, list[Place]] = {}
        for s in self.r.graph.states:
            places[self.r.product_of[s]] = [Place(self.names(self.r.product_of[s]), (now, row))]
            places[self.r.rest_of[s]] = [Place(self.names(self.r.rest_of[s]), (now, row))]
            places[self.r.next_rest[s]] = [Place(self.names(self.r.rest_of[s]), (then, row))]
        for product, s in self.r.claimed.items():
            places[product] = [Place(self.names(self.r.product_of[s]), (then, row))]
        for name in (*self.r.output_of.values(), *self.r.given):
            places[name] = [Place(self.names(name), (at, row))]
        if self.r.reads is not None:
            places[Adjoint(self.r.reads)] = [Place(self.d_input, (at, row))]
        return places

    def _vectors(self, gradients: Gradients, places: dict[Any, list[Place]]) -> tuple[Buffers, dict[Any, str]]:
        """Where the vectors of gradients stand of all rows of a block; those that no array holds get one."""
        buffers, found = Buffers(), dict[Any, str]()
        at, row, unit = self.setting.step, self.setting.row, self.setting.indices(1)[0]
        for name in gradients.vectors:
            code = self.r.rows_of(name, self.low, self.high)
            if code is None:
                flat, array = self.setting.fresh("buffer_rows"), self.setting.fresh("buffer")
                size = self.setting.size(name.shape[0])
                buffers.needs += [f"{flat} = np.empty(({self.block} * batch, {size}))",
                                  f"{array} = {self.setting.seen_as(flat, self.block, 'batch', size)}"]
                place = Place(array, (f"{at} - {self.low}", row))
                places.setdefault(name, []).append(place)
                buffers.names.append(name)
                buffers.zeros += [f"for {unit} in range({size}):", f"    {place.at((unit,))} = 0.0"]
                code = f"{flat}[:({self.high} - {self.low}) * batch]"
            found[name] = code
        return buffers, found

    def _carried_arrays(self) -> Iterator[str]:
        for s in self.r.graph.states:
            axes = ", ".join(["2", "batch", *(self.setting.size(n) for n in s.shape)])
            handed, rest, end = self.names(self.r.product_of[s]), self.names(self.r.rest_of[s]), self.ends[s]
            yield f"    {handed} = np.empty(({axes}))"
            yield f"    {rest} = np.empty(({axes}))"
            yield f"    clear({handed})"
            last = self.setting.seen_as(f"{rest}[(steps - 1) & 1]", f"{rest}[0].size")
            yield f"    begin({last}, {self.setting.flat(end)}, 0.0)"

    def _passed(self) -> Iterator[str]:
        """Past a sequence's end δ is handed on as it is."""
        row, now, then = self.setting.row, self.setting.now, self.setting.then
        for s in self.r.graph.states:
            index = self.setting.indices(s.rank)
            for depth, (one, length) in enumerate(zip(index, s.shape, strict=True)):
                yield f"{'    ' * depth}for {one} in range({self.setting.size(length)}):"
            indent = "    " * s.rank
            handed, rest = self.names(self.r.product_of[s]), self.names(self.r.rest_of[s])
            seen = self.r.output_of.get(s)
            outside = [] if seen is None else [Place(self.names(seen), (self.setting.step, row)).at(index)]
            parts = [Place(handed, (now, row)).at(index), Place(rest, (now, row)).at(index), *outside]
            yield f"{indent}{Place(rest, (then, row)).at(index)} = {' + '.join(parts)}"
            yield f"{indent}{Place(handed, (then, row)).at(index)} = 0.0"

    def _input_lines(self, stacks: Stacks, segment: Segment) -> tuple[list[str], list[str]]:
        product = self.r.input_sum
        if product is None:
            return [], []
        key = next(key for key in stacks.flats if set(key) == set(product.members))
        weights, lines = fan_in_weights(self.setting, segment.printer, product, key)
        rows = self.setting.fresh("input_rows")
        size = self.setting.size(product.target.shape[0])
        before = [*lines, f"{rows} = {self.setting.seen_as(self.d_input, f'{self.d_input}.shape[0] * batch', size)}"]
        span = f"({self.high} - {self.low}) * batch"
        return before, [f"if {self.wanted}:", f"    multiply({stacks.flats[key]}[:{span}], {weights}, "
                        f"{rows}[{self.low} * batch:{self.high} * batch])"]

    def _returned(self) -> str:
        """δ of the states at the start; what is handed on by step 0 stands where step −1 would read it."""
        return self.setting.pack(self.names(self.r.rest_of[s]) + "[1]" for s in self.r.graph.states)


class Bulk:
    """Lines of products of many steps: those before the loop, and those of each block."""

    def __init__(self) -> None:
        self.before: list[str] = []
        self.inside: list[str] = []


class Buffers:
    """Arrays of the vectors of a block that are kept nowhere else."""

    def __init__(self) -> None:
        self.names: list[Variable] = []
        self.needs: list[str] = []
        self.zeros: list[str] = []
