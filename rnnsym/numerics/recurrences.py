"""The recurrent form: a longer sequence of a small network, its recurrence in numbers and all else in bulk by NumPy.

Terms without a state are computed for all steps at once and handed to the loop as rows of numbers; the loop back hands
the δ's that weights meet to NumPy again, which sums each weight's gradient over the steps by one product.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from math import prod
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import ZERO, Expression, T, Variable
from rnnsym.model.networks import Network
from rnnsym.numerics.bodies import Body
from rnnsym.numerics.bulk import BulkPrinter, early_terms, quantities
from rnnsym.numerics.components import Components, Entries, flat, shaped
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.lines import broken
from rnnsym.numerics.requests import Request
from rnnsym.numerics.scalars import Number, Scalars
from rnnsym.numerics.sequences import Plan, registers_of
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.taking import RESERVED, Taking, imported

OWN = ("np", "tape", "feed", "rows", "summed", "finite", "steps", "batch", "result")


def is_recurrent(network: Network) -> bool:
    """Whether one loop over inputs of numbers leads to one output."""
    topology = network.shape_of_steps
    return not (topology.every or topology.one_input or network.bidirectional or network.reads_index)


class RecurrentForm:
    """Writes the module of requests that differ in T alone, for least ≤ T ≤ most."""

    def __init__(self, plan: Plan, request: Request, least: int, most: int) -> None:
        self.plan, self.request, self.graph = plan, request, plan.graph
        self.loop, self.recursion = self.graph.only_loop(), plan.recursion.loops[0]
        self.names = Identifiers()
        for word in (*RESERVED, *OWN):
            self.names.fresh(word)
        self._labels: dict[Any, list[str]] = {}
        self.taking = Taking(request, self.names, Scalars(self.names.fresh))
        self.printer = BulkPrinter(self.names, request.sizes)
        self.components = Components(Scalars(self.names.fresh), request.sizes)
        self.early = early_terms(self.loop)
        self._take(least, most)
        self.gradients = [p for p in self.graph.network.parameters if p.name in request.wrt]

    def labels(self, quantity: Any) -> list[str]:
        """The names of a quantity's entries."""
        if quantity not in self._labels:
            if quantity.rank > 1:
                raise DerivationError(f"no recurrent form: {quantity} is a matrix")
            count, name = prod(self.components.shape(quantity)), self.names(quantity)
            self._labels[quantity] = [self.names.fresh(f"{name}_{i}") for i in range(count)]
        return self._labels[quantity]

    def _take(self, least: int, most: int) -> None:
        """Name and check the arrays, and take apart all but the inputs."""
        taking, request = self.taking, self.request
        pairs = list(zip(self.graph.network.parameters, request.parameters, strict=True))
        arrays = {p: taking.array(f"parameters[{p.name!r}]", p.name, shape, self.names(p)) for p, shape in pairs}
        self.inputs = taking.sequence("inputs", "all_x", request, least, most)
        targets = None if request.targets is None else taking.array("targets", "y", request.targets)
        self.arrays = [*arrays.values(), self.inputs]
        self.start = taking.starts(self.graph)
        texts = {p: taking.texts(taking.numbers(arrays[p], shape)) for p, shape in pairs}
        self.parameters: dict[Any, list[str]] = {**texts}
        self.aims: list[str] = []
        if targets is not None and request.targets is not None:
            entries = taking.numbers(targets, request.targets)
            taking.in_range(self.graph, [entries])
            self.aims = taking.texts(entries)

    def source(self) -> str:
        """Return the module's text."""
        lines = [*self.taking.head(), *self.taking.lines, *self._forward(), *self._end()]
        text = "\n".join(broken(["    " + line for line in lines]))
        head = f"def {self.request.function}(parameters, inputs, targets=None, initial_state=None):"
        cell = self.graph.network.cell.name
        title = f'"""The network {cell}: one sequence, its recurrence in numbers and all else in bulk."""'
        return "\n".join([title, "", *imported(text), "import numpy as np", *self.taking.constants(),
                          *self.printer.helpers(), "", "", '@np.errstate(all="ignore")', head, text, ""])

    # Forward

    def _before(self, state: Variable) -> Variable:
        return state.at(self.loop.before)

    def _forward(self) -> Iterator[str]:
        steps = self.names(self.loop.loop.reads)
        own = "" if not self.graph.network.input.rank else ", -1"
        yield f"steps = batch = {self.inputs}.shape[{0 if self.request.single else 1}]"
        yield f"{steps} = {self.inputs}.reshape(steps{own})"
        yield from (f"{self.names(a.target)} = {self.printer.doprint(a.value)}" for a in self.early.early)
        yield from self._feed()
        body = Body(self)
        body.know(*self._fed(), *map(self._before, self.loop.states))
        for a in self.early.rest:
            drive = [self._driven(body, a.target)] if a.target in self.early.drives else []
            body.enter(a.target, a.value, *drive)
        yield from self._run(body)

    def _driven(self, body: Body, target: Variable) -> Entries:
        return shaped(iter([body.scalars.name(text) for text in self._drive_labels(target)]),
                      self.components.shape(target))

    def _drive_labels(self, target: Variable) -> list[str]:
        return self.labels(Variable(f"{target.name} drive", target.shape, target.step))

    def _feed(self) -> Iterator[str]:
        """Lay what the loop reads of each step side by side, in rows of numbers."""
        columns = [(self._drive_labels(v), self.printer.doprint(value), v) for v, value in self.early.drives.items()]
        columns += [(self.labels(v), self.names(v), v) for v in self._fed()]
        self.fed = [label for labels, _, _ in columns for label in labels]
        if not columns:
            raise DerivationError("no recurrent form: nothing differs from step to step")
        if len(columns) == 1 and columns[0][2].rank:
            yield f"feed = ({columns[0][1]}).tolist()"
            return
        yield f"rows = np.empty((steps, {len(self.fed)}))"
        for (labels, code, variable), stop in zip(columns, accumulate(len(c[0]) for c in columns), strict=True):
            place = f"{stop - len(labels)}:{stop}" if variable.rank else str(stop - 1)
            yield f"rows[:, {place}] = {code}"
        yield "feed = rows.tolist()"

    def _run(self, body: Body) -> Iterator[str]:
        """The loop forward: what the way back reads of each step is kept as a row."""
        kept = self._kept()
        row = [number for one in kept for number in flat(body.known[one])]
        after = [number for state in self.loop.states for number in flat(body.known[state])]
        yield from body.before(row + after)
        yield from self._starts()
        if self._goes_back:
            yield "tape = []"
        yield f"for {tuple_of(self.fed)} in feed:"
        yield from ("    " + line for line in body.scalars.statements(row + after + after))
        if self._goes_back:
            yield f"    tape.append({tuple_of(body.texts(row))})"
        yield f"    {tuple_of(label for s in self.loop.states for label in self.labels(self._before(s)))} = " \
              f"{tuple_of(body.texts(after))}"
        yield "del feed"

    def _starts(self) -> Iterator[str]:
        for state in self.loop.states:
            labels = self.labels(self._before(state))
            declared = [repr(float(self.loop.initial(state)))] * len(labels)
            texts = self.taking.texts(self.start[state]) if state in self.start else declared
            yield from (f"{label} = {text}" for label, text in zip(labels, texts, strict=True))

    # Back

    @property
    def _sums(self) -> dict[Any, Expression]:
        """The gradients that are summed over the loop's steps, and that by the inputs."""
        if self.request.function != "value_and_grad":
            return {}
        found: dict[Any, Expression] = {p: self.recursion.step_gradients[p] for p in self.gradients
                                        if p in self.recursion.step_gradients}
        return found | ({"inputs": self.recursion.input} if "inputs" in self.request.wrt else {})

    @property
    def _goes_back(self) -> bool:
        return bool(self._sums) or any(name.endswith("_0") for name in self.request.wrt)

    @property
    def _at_hand(self) -> set[Any]:
        """The quantities of which NumPy has all steps before the loops."""
        return {self.loop.loop.reads, *(a.target for a in self.early.early)}

    def _fed(self) -> list[Any]:
        """The early quantities that a loop reads, forward or back."""
        return list(dict.fromkeys([*self.early.fed, *(one for one in self._kept() if one in self._at_hand)]))

    def _summed(self) -> list[Any]:
        """The quantities that NumPy sums over and does not have at hand."""
        return [one for one in quantities(self._sums.values()) if one not in self._at_hand]

    def _kept(self) -> list[Any]:
        """What the way back reads of a step."""
        if not self._goes_back:
            return []
        inner = [*(a.value for a in self.recursion.step), *self.recursion.carry.values()]
        used = [*quantities(inner), *self._summed()]
        return list(dict.fromkeys(one for one in used if isinstance(one, Variable)))

    def _carried(self, state: Variable) -> list[str]:
        return self.labels(Adjoint(self._before(state)))

    def _end(self) -> Iterator[str]:
        """The output, the loss, and from it the way back."""
        body = Body(self)
        for state in self.loop.states:
            body.known[state.at(self.loop.last(T))] = shaped(
                iter([body.scalars.name(label) for label in self.labels(self._before(state))]),
                self.components.shape(state))
        for a in self.graph.readout:
            body.enter(a.target, a.value)
        if self.request.function == "predict":
            yield from self._output(body, flat(body.known[self.graph.output]))
            return
        body.known[self.graph.target] = shaped(iter([body.scalars.name(text) for text in self.aims]),
                                               self.components.shape(self.graph.target))
        loss = body.components.entries(self.plan.loss, body.known)
        if self.request.function == "value_and_grad":
            yield from self._gradients(body, loss)
            return
        yield from body.scalars.statements([loss, loss])
        yield from self._checked(body.texts([loss]), [])
        yield f"return {body.scalars.text(loss)}"

    def _output(self, body: Body, output: list[Number]) -> Iterator[str]:
        shape = (*(() if self.request.single else (1,)), *self.components.shape(self.graph.output))
        yield from body.scalars.statements(output + output)
        yield from self._checked(body.texts(output), [])
        yield from [*self.taking.put("result", shape, body.texts(output)), "return result"]

    def _gradients(self, body: Body, loss: Number) -> Iterator[str]:
        recursion = self.plan.recursion
        for a in recursion.readout:
            body.enter(a.target, a.value)
        final = {s: body.numbers(recursion.final.get(s, ZERO), s) for s in self.loop.states}
        read = {p: body.numbers(recursion.readout_gradients[p], p) for p in self.gradients
                if p in recursion.readout_gradients}
        wanted = [loss, *(n for numbers in (*final.values(), *read.values()) for n in numbers)]
        yield from body.scalars.statements(wanted + wanted)
        if self._goes_back:
            for state in self.loop.states:
                yield f"{tuple_of(self._carried(state))} = {tuple_of(body.texts(final[state]))}"
            yield from self._back()
        yield from self._results(body, loss, read)

    def _back(self) -> Iterator[str]:
        kept, summed, body = self._kept(), self._summed(), Body(self)
        body.know(*kept, *(Adjoint(self._before(state)) for state in self.loop.states))
        for a in self.recursion.step:
            state = a.target.variable
            arrives = [body.known[Adjoint(self._before(state))]] if state in self.loop.states else []
            body.enter(a.target, a.value, *arrives)
        row = [number for one in summed for number in flat(body.known[one])]
        hands = [n for s in self.loop.states for n in body.numbers(self.recursion.carry.get(s, ZERO), s)]
        yield from body.before(row + hands)
        if row:
            yield "summed = []"
        yield "while tape:  # a row that was read is freed"
        yield f"    {tuple_of(label for one in kept for label in self.labels(one))} = tape.pop()"
        yield from ("    " + line for line in body.scalars.statements(row + hands))
        if row:
            yield f"    summed += {tuple_of(body.texts(row))}"
        carried = tuple_of(label for state in self.loop.states for label in self._carried(state))
        yield f"    {carried} = {tuple_of(body.texts(hands))}"
        if row:
            yield f"rows = np.fromiter(summed, float, len(summed)).reshape(steps, {len(row)})[::-1].copy()"
            yield "del summed"
            ends = accumulate(len(self.labels(one)) for one in summed)
            for one, stop in zip(summed, ends, strict=True):
                place = f"{stop - len(self.labels(one))}:{stop}" if one.rank else str(stop - 1)
                yield f"{self.names(one)} = rows[:, {place}]"

    def _results(self, body: Body, loss: Number, read: dict[Any, list[Number]]) -> Iterator[str]:
        """Put the gradients together: what the readout adds in numbers, what the loop adds by NumPy."""
        arrays, sums, numbers = dict[str, str](), self._sums, body.texts([loss])
        for name in dict.fromkeys(self.request.wrt):
            array = arrays[name] = self.names.fresh(f"grad_{name}")
            shape = self.request.shape_of(name)
            parameter = next((p for p in self.gradients if p.name == name), None)
            if name == "inputs":
                yield f"{array} = np.array({self.printer.doprint(sums['inputs'])}).reshape({self.inputs}.shape)"
            elif parameter is None:
                yield from self.taking.put(array, shape, self._start_gradient(name))
            elif parameter in read:
                yield from self.taking.put(array, shape, body.texts(read[parameter]))
                if parameter in sums:
                    yield f"{array} += {self.printer.over_batch(sums[parameter])}"
            elif parameter in sums:
                yield f"{array} = np.array({self.printer.over_batch(sums[parameter])}).reshape({shape})"
            else:
                yield f"{array} = np.zeros({shape})"
        yield from self._checked(numbers, list(arrays.values()))
        pairs = ", ".join(f"{name!r}: {array}" for name, array in arrays.items())
        yield f"return {body.scalars.text(loss)}, {{{pairs}}}"

    def _start_gradient(self, name: str) -> list[str]:
        state = next(one for one in self.graph.network.states if f"{one.variable.name}_0" == name)
        return [label for one in registers_of(self.graph, state) for label in self._carried(one)]

    def _checked(self, numbers: list[str], arrays: list[str]) -> Iterator[str]:
        """Hand all that is not finite, an argument or a result, to the code that names it."""
        start = [text for entries in self.start.values() for text in self.taking.texts(entries)]
        yield f"finite = {' + '.join([*numbers, *self.aims, *start])}"
        yield f"for rows in {tuple_of(map('{}.ravel()'.format, [*self.arrays, *arrays]))}:"
        yield "    finite += rows.dot(rows)"
        yield "if not isfinite(finite):"
        yield "    return None"
