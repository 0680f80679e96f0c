"""Outputs and losses of all rows as functions: forward, the loss, and back to the states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.adjoints import AdjointRecursion
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.model.expressions import Variable
from rnnsym.model.losses import losses
from rnnsym.numerics.compiled.grouping import scheduled
from rnnsym.numerics.compiled.lowering import Lowering
from rnnsym.numerics.compiled.operations import Operation
from rnnsym.numerics.compiled.places import Place
from rnnsym.numerics.compiled.products import Gradients, Stacks
from rnnsym.numerics.compiled.segments import Segment
from rnnsym.numerics.compiled.setting import Setting

Places = dict[Any, list[Place]]


class ReadoutCode:
    """Writes what happens to the rows of outputs: (batch, …) of the last states, or (steps · batch, …)."""

    def __init__(self, setting: Setting, graph: StepGraph, recursion: AdjointRecursion, argument: Variable,
                 weight: Variable) -> None:
        self.setting, self.graph, self.recursion = setting, graph, recursion
        self.argument, self.weight = argument, weight
        self.names = setting.names
        self.rows = setting.fresh("many")
        self.seen: dict[Any, Any] = {}
        for loop in graph.reading:
            for s in loop.states:
                self.seen[s] = s if graph.every else s.at(loop.last(loop.loop.steps))
        self.targets: list[Any] = [a.target for a in graph.readout]
        self.finals = {s: Variable(f"reaching {s.name}", s.shape, s.step)
                       for s in recursion.final}

    @property
    def states(self) -> list[str]:
        """The arrays of the states of all rows."""
        return [self.names(s) for s in self.seen]

    @property
    def results(self) -> list[str]:
        """The arrays of the readout's quantities of all rows."""
        return [self.names(one) for one in self.targets]

    def _place(self, name: Any) -> list[Place]:
        return [Place(self.names(name), (self.setting.row,))]

    def _places(self) -> Places:
        found = {key: [Place(self.names(s), (self.setting.row,))] for s, key in self.seen.items()}
        return found | {one: self._place(one) for one in self.targets}

    def _ready(self, lowering: Lowering) -> tuple[list[str], Places]:
        segment = Segment(self.setting, lowering.ready, {}, None)
        for operation in lowering.ready:
            segment._room(operation.target)  # type: ignore[union-attr]
        lines = segment.lines()
        return [line for own in segment.needs.values() for line in own] + lines, segment.places

    def _head(self, name: str, arguments: list[str], tuples: dict[str, list[str]], law: str) -> Iterator[str]:
        yield "@njit(**INSIDE)"
        yield f"def {name}({', '.join(['weights', *arguments])}):"
        yield f'    """{law}"""'
        yield from self.setting.unpack("weights", self.setting.parameters)
        for name_of_tuple, parts in tuples.items():
            yield from self.setting.unpack(name_of_tuple, parts)
        yield from self.setting.sizes()

    def _body(self, lowering: Lowering, places: Places, operations: list[Operation]) -> Iterator[str]:
        ready, known = self._ready(lowering)
        segment = Segment(self.setting, operations, places | known, self.rows)
        lines = segment.lines()
        for line in (*ready, *(line for own in segment.needs.values() for line in own), *lines):
            yield f"    {line}"

    def _empty(self, array: str, shape: Any) -> str:
        axes = [self.rows, *(self.setting.size(n) for n in shape)]
        return f"    {array} = np.empty({self.setting.tuple_of(axes)})"

    def readout(self) -> Iterator[str]:
        """The function from the states to the outputs."""
        lowering = Lowering(self.setting.fresh, self.setting.label)
        for a in self.graph.readout:
            lowering.assign(a.target, a.value)
        yield from self._head("readout", ["states"], {"states": self.states},
                              f"Return {', '.join(self.results)} of all rows of states.")
        yield f"    {self.rows} = {self.states[0]}.shape[0]"
        for one in self.targets:
            yield self._empty(self.names(one), one.shape)
        yield from self._body(lowering, self._places(), scheduled(lowering.operations))
        yield f"    return {self.setting.pack(self.results)}"

    def loss(self) -> Iterator[str]:
        """The function from outputs, or logits, to the loss."""
        entry, of = losses[self.graph.network.loss], self.argument
        target = Variable("target", of.shape, of.step)
        value = entry.value if entry.fused_value is None or of == self.graph.output else entry.fused_value
        each = Variable("L", (), of.step)
        lowering = Lowering(self.setting.fresh, self.setting.label)
        lowering.assign(each, value(of, target))
        weight, total, name = self.names(self.weight), self.setting.total, self.names(each)
        arguments = [self.names(of), self.names(target), *([weight] if self.graph.every else [])]
        yield from self._head("loss_of", arguments, {}, "Return the sum of the losses of all rows.")
        yield f"    {self.rows} = {arguments[0]}.shape[0]"
        yield self._empty(name, ())
        places = {of: self._place(of), target: self._place(target), each: self._place(each)}
        yield from self._body(lowering, places, scheduled(lowering.operations))
        yield f"    {total} = 0.0"
        yield f"    for {self.setting.row} in range({self.rows}):"
        factor = f" * {weight}[{self.setting.row}]" if self.graph.every else ""
        yield f"        {total} += {name}[{self.setting.row}]{factor}"
        yield f"    return {total}"

    def backward(self) -> Iterator[str]:
        """The function from the loss back to the states."""
        lowering = Lowering(self.setting.fresh, self.setting.label)
        for a in self.recursion.readout:
            lowering.assign(a.target, a.value)
        for s, value in self.recursion.final.items():
            lowering.assign(self.finals[s], value)
        for parameter, value in self.recursion.readout_gradients.items():
            lowering.add_gradient(parameter, value)
        operations = scheduled(lowering.operations)
        stacks = Stacks(self.setting, self.rows, (self.rows,), (self.setting.row,), "{}")
        gradients = Gradients(stacks, lowering.rows, operations)
        ready, known = self._ready(lowering)
        segment = Segment(self.setting, operations, self._backward_places(stacks) | known | gradients.places, self.rows,
                          stacks=stacks.of_step)
        vectors = {name: segment.matrix(name) for name in gradients.vectors}
        lines = segment.lines()
        weight = [self.names(self.weight)] if self.graph.every else []
        arguments = ["states", "outputs", self.names(self.graph.target), *weight, "gradients", "batch"]
        tuples = {"states": self.states, "outputs": self.results, "gradients": self.setting.gradients}
        yield from self._head("backward_readout", arguments, tuples,
                              "Add to the gradients of the parameters; return what reaches the states.")
        yield f"    {self.rows} = {self.states[0]}.shape[0]"
        for final in self.finals.values():
            yield self._empty(self.names(final), final.shape)
        needs = [line for own in segment.needs.values() for line in own]
        for line in (*ready, *stacks.needs, *needs, *gradients.sums(), *lines, *gradients.block(vectors, ""),
                     *gradients.hand_on()):
            yield f"    {line}"
        yield f"    return {self.setting.pack(self.names(one) for one in self.finals.values())}"

    def _backward_places(self, stacks: Stacks) -> Places:
        places = self._places() | {self.graph.target: self._place(self.graph.target), self.weight: self._place(
            self.weight)} | {one: self._place(one) for one in self.finals.values()}
        for name, own in stacks.places.items():
            places.setdefault(name, []).extend(own)
        return places
