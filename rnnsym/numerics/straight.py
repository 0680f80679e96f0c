"""The straight-line form: all steps of one short sequence written out in scalars, without a loop or an array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.model.networks import Network
from rnnsym.numerics.components import Components, Entries, flat
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.lines import broken
from rnnsym.numerics.requests import Request
from rnnsym.numerics.scalars import Scalars
from rnnsym.numerics.sequences import Plan, Sequence, registers_of
from rnnsym.numerics.taking import RESERVED, Taking, imported

VALUE = ""  # the key of the loss among results: the name of no gradient


def is_straight(network: Network) -> bool:
    """Whether a network's steps can be written out: each reads an input of its own, which is made of numbers."""
    return not (network.feeds_back or network.shape_of_steps.decodes or network.reads_index)


class StraightForm:
    """Writes the module of one request."""

    def __init__(self, plan: Plan, request: Request) -> None:
        self.request, self.graph = request, plan.graph
        self.names = Identifiers()
        for word in RESERVED:
            self.names.fresh(word)
        self.scalars = Scalars(self.names.fresh)
        self.components = Components(self.scalars, request.sizes)
        self.taking = Taking(request, self.names, self.scalars)
        self.sequence = self._sequence(plan)

    def _sequence(self, plan: Plan) -> Sequence:
        request, taking, network = self.request, self.taking, self.graph.network
        arrays = {p: taking.array(f"parameters[{p.name!r}]", p.name, shape)
                  for p, shape in zip(network.parameters, request.parameters, strict=True)}
        inputs = taking.array("inputs", "x", request.inputs)
        targets = None if request.targets is None else taking.array("targets", "y", request.targets)
        start = taking.starts(self.graph)
        numbers = {p: taking.numbers(array, shape)
                   for (p, array), shape in zip(arrays.items(), request.parameters, strict=True)}
        read, aims = taking.numbers(inputs, request.inputs), None
        if targets is not None and request.targets is not None:
            aims = self._by_steps(taking.numbers(targets, request.targets), every=self.graph.every)
            taking.in_range(self.graph, aims)
        by_steps = self._by_steps(read, every=not network.shape_of_steps.one_input)
        return Sequence(plan, self.components, numbers, by_steps, aims, start)

    def _by_steps(self, entries: Entries, *, every: bool) -> list[Entries]:
        own = entries if self.request.single else entries[0]
        return list(own) if every else [own]

    def source(self) -> str:
        """Return the module's text."""
        results = dict(self._results())
        for name, entries in results.items():
            for place, number in enumerate(flat(entries)):
                self.scalars.wish(number, "loss" if name == VALUE else f"g_{name}_{place}")
        wanted = [number for entries in results.values() for number in flat(entries)]
        body = list(self.scalars.statements(wanted + wanted))  # computed once, returned and checked
        numbers = dict.fromkeys([*self.taking.taken, *wanted])
        total = [self.scalars.text(one) for one in numbers if one not in (self.scalars.zero, self.scalars.one)]
        check = [f"if not isfinite({' + '.join(total)}):", "    return None"] if total else []
        lines = [*self.taking.head(), *self.taking.lines, *body, *check, *self._return(results)]
        text = "\n".join(broken(["    " + line for line in lines]))
        head = f"def {self.request.function}(parameters, inputs, targets=None, initial_state=None):"
        return "\n".join([*self._preamble(text), "", "", head, text, ""])

    def _results(self) -> Iterator[tuple[str, Entries]]:
        if self.request.function == "predict":
            yield "output", self.sequence.outputs if self.graph.every else self.sequence.outputs[0]
            return
        yield VALUE, self.sequence.loss
        if self.request.function == "value_and_grad":
            yield from ((name, self._gradient(name)) for name in self.request.wrt)

    def _gradient(self, name: str) -> Entries:
        gradients, zero = self.sequence.gradients, self.scalars.zero
        if name == "inputs":
            return [gradients[step] for step in range(1, self.request.steps + 1)]
        for state in self.graph.network.states:
            if f"{state.variable.name}_0" == name:
                return [self._full(gradients.get(one, zero), one) for one in registers_of(self.graph, state)]
        parameter = next(p for p in self.graph.network.parameters if p.name == name)
        return self._full(gradients.get(parameter, zero), parameter)

    def _full(self, entries: Entries, like: Any) -> Entries:
        return self.components.each(self.components.shape(like), lambda entry: entry, entries)

    def _preamble(self, text: str) -> Iterator[str]:
        cell, steps = self.graph.network.cell.name, self.request.steps
        yield f'"""The network {cell} at T = {steps}, every step of one sequence written out in numbers."""'
        yield ""
        yield from imported(text)
        yield from self.taking.constants()

    def _return(self, results: dict[str, Entries]) -> Iterator[str]:
        texts = {name: [self.scalars.text(one) for one in flat(entries)] for name, entries in results.items()}
        if self.request.function == "predict":
            yield from self.taking.put("array", self._output_shape(), texts["output"])
            yield "return array"
            return
        loss = self.scalars.text(results[VALUE])
        names = {name: self.names.fresh(f"grad_{name}") for name in results if name != VALUE}
        for name, array in names.items():
            yield from self.taking.put(array, self.request.shape_of(name), texts[name])
        pairs = ", ".join(f"{name!r}: {array}" for name, array in names.items())
        yield f"return {loss}, {{{pairs}}}" if self.request.function == "value_and_grad" else f"return {loss}"

    def _output_shape(self) -> tuple[int, ...]:
        own = self.components.shape(self.graph.output)
        return (*(() if self.request.single else (1,)), *((self.request.steps,) if self.graph.every else ()), *own)
