"""The NumPy module of a network: one step's expressions inside a loop over T, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rnnsym.calculus.adjoints import AdjointRecursion, adjoint_recursion, is_fused
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import Assignment, StepGraph, names_in
from rnnsym.errors import DerivationError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import ZERO, Expression, Parameter, Size, Variable, t, walk
from rnnsym.model.losses import losses
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.lines import broken, filled
from rnnsym.numerics.printing import BatchPrinter
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.plain import plain


class Emitter:
    """Writes the module of one network; lines are made by meaning, the text is joined at the end."""

    def __init__(self, graph: StepGraph) -> None:
        self.graph = graph
        self.network = graph.network
        self.recursion: AdjointRecursion = adjoint_recursion(graph)
        self.names = Identifiers()
        for name in (*self.network.parameters, *self.network.constants, self.network.input, *graph.states):
            self.names(name)  # the user's own names come first, so that ours give way
        self.printer = BatchPrinter(self.names)

    def source(self) -> str:
        """Return the module's text."""
        parts = (self._forward, self._readout, self._losses, self._predict, self._loss, self._value_and_grad)
        bodies = ["\n".join(broken(part())) for part in parts]
        return "\n\n\n".join(["\n".join(self._head()), *bodies]) + "\n"  # the head last: it defines what was used

    def code(self, expression: Expression) -> str:
        """Return the NumPy code of an expression."""
        return str(self.printer.doprint(expression))

    def _head(self) -> Iterator[str]:
        network = self.network
        yield f'"""Loss and gradient of the network {network.cell.name} ({network.topology}, {network.loss}).'
        yield ""
        yield from (line for equation in self._equation_lines() for line in filled(f"    {equation}"))
        yield ""
        yield "A batch is the first axis of everything but the parameters. Made by rnnsym from the equations above."
        yield '"""'
        yield ""
        yield "import numpy as np"
        yield ""
        yield from broken([f"PARAMETERS = {_tuple(f'{chr(34)}{p.name}{chr(34)}' for p in self.network.parameters)}"])
        yield from (f"{self.names(c)} = {float(c.value)!r}" for c in self.network.constants)
        for name in sorted(self.printer.functions):
            if activations[name].helper:
                yield f"\n{activations[name].helper.rstrip()}"

    def _equation_lines(self) -> list[str]:
        style = style_of(self.network)
        assignments = (*self.graph.cell, *self.graph.readout, self.graph.loss)
        return [f"{plain(lay_out(a.target, style))} = {plain(lay_out(a.value, style))}" for a in assignments]

    def _shape(self, name: Any, batched: bool = True) -> str:
        sizes = [str(length) for length in name.shape]
        return _tuple((["batch"] if batched else []) + sizes)

    def _unpack(self, expressions: Iterable[Expression]) -> Iterator[str]:
        used = {name for expression in expressions for name in names_in(expression)}
        for parameter in self.network.parameters:
            if parameter in used:
                yield f'    {self.names(parameter)} = parameters["{parameter.name}"]  # {self._shape(parameter, False)}'

    def _sizes(self, expressions: Iterable[Expression]) -> Iterator[str]:
        """Assign the sizes that the code of ``expressions`` or a zero state needs, each from an array that bears it."""
        needed = dict.fromkeys(
            symbol
            for expression in expressions
            for node in walk(expression)
            if not isinstance(node, Parameter | Variable | Adjoint)
            for symbol in _own_sizes(node)
        )
        for symbol in needed:
            yield f"    {self.names(symbol)} = {self._source_of(symbol)}"

    def _source_of(self, symbol: Any) -> str:
        for parameter in self.network.parameters:
            if symbol in parameter.shape:
                return f'parameters["{parameter.name}"].shape[{tuple(parameter.shape).index(symbol)}]'
        if symbol in self.network.input.shape:
            return "inputs.shape[2]"
        raise DerivationError(f"the size {symbol} belongs to no parameter and no input: annotate it as a number")

    def _step_values(self) -> list[Expression]:
        return [a.value for a in self.graph.cell]

    def _forward(self) -> Iterator[str]:
        state = [self.names(s) for s in self.graph.states]
        yield "def forward(parameters, inputs, initial_state=None, lengths=None):"
        yield f'    """Return the last state ({", ".join(state)}), what the way back reads, and who runs when."""'
        yield from self._unpack(self._step_values())
        yield from self._sizes([*self._step_values(), *(Size(n) for s in self.graph.states for n in s.shape)])
        yield "    batch, steps = inputs.shape[:2]"
        yield "    given = {} if initial_state is None else initial_state"
        for s in self.network.states:
            yield self._start(s)
        yield "    active = None"
        yield "    if lengths is not None:  # past a sequence's end its last step is repeated, from the same state"
        yield "        active = np.arange(steps) < np.asarray(lengths)[:, None]  # (batch, T)"
        yield "        last = np.asarray(lengths)[:, None] - 1"
        yield "        inputs = inputs[np.arange(batch)[:, None], np.minimum(np.arange(steps), last)]"
        for s in self.graph.states:
            yield f"    {self.names(s.at(t - 1))} = {self.names(s)}"
        yield "    tape = []"
        yield "    for step in range(steps):"
        yield f"        {self.names(self.network.input)} = inputs[:, step]  # {self._shape(self.network.input)}"
        for s in self.graph.states:
            yield self._previous(s)
        for a in self.graph.cell:
            yield f"        {self.names(a.target)} = {self.code(a.value)}  # {self._shape(a.target)}"
        yield f"        tape.append({self._tape()})"
        yield f"    return {_tuple(state)}, tape, active"

    def _previous(self, state: Variable) -> str:
        name, before = self.names(state), self.names(state.at(t - 1))
        return f"        {before} = {name} if active is None else np.where({_mask(state)}, {name}, {before})"

    def _start(self, state: Any) -> str:
        variable = state.variable
        shape = "".join(f", {self.printer.size(n)}" for n in variable.shape) or ","
        initial = float(state.initial)
        key = f'given.get("{variable.name}", {initial!r})'
        return f"    {self.names(variable)} = np.array(np.broadcast_to({key}, (batch{shape})), dtype=float)"

    def _taped(self) -> list[Variable]:
        """The quantities of a step that its backward pass reads."""
        step = self.recursion
        values = [a.value for a in step.step] + [*step.carry.values(), *step.step_gradients.values(), step.input]
        used = {n for value in values for n in names_in(value) if isinstance(n, Variable)}
        known = [self.network.input, *(s.at(t - 1) for s in self.graph.states), *(a.target for a in self.graph.cell)]
        return [name for name in known if name in used]

    def _tape(self) -> str:
        return _tuple(self.names(name) for name in self._taped())

    def _readout(self) -> Iterator[str]:
        values = [a.value for a in self.graph.readout]
        results = self._readout_names()
        yield "def readout(parameters, state):"
        yield f'    """Return {", ".join(results)} from the last state."""'
        yield from self._unpack(values)
        yield self._unpack_state()
        for a in self.graph.readout:
            yield f"    {self.names(a.target)} = {self.code(a.value)}  # {self._shape(a.target)}"
        yield f"    return {_tuple(results)}"

    def _readout_names(self) -> list[str]:
        return [self.names(a.target) for a in self.graph.readout]

    def _loss_argument(self) -> Variable:
        """The logit where loss and readout are fused in code, else ŷ."""
        logit = self.graph.logit
        return logit if logit is not None and is_fused(self.graph) else self.graph.output

    def _losses(self) -> Iterator[str]:
        entry, of = losses[self.network.loss], self._loss_argument()
        target = Variable("target", of.shape)
        value = entry.value if entry.fused_value is None or of == self.graph.output else entry.fused_value
        stable = "" if of == self.graph.output else ", from the logit: it neither overflows nor cancels"
        yield f"def losses({self.names(of)}, {self.names(target)}):"
        yield f'    """Return the loss of each sequence{stable}."""'
        yield f"    return {self.code(value(of, target))}  # (batch,)"

    def _unpack_state(self) -> str:
        return f"    {_tuple(self.names(s) for s in self.graph.states)} = state"

    def _call_readout(self) -> str:
        return f"    {_tuple(self._readout_names())} = readout(parameters, state)"

    def _predict(self) -> Iterator[str]:
        yield "def predict(parameters, inputs, initial_state=None, lengths=None):"
        yield f'    """Return the output of each sequence, {self._shape(self.graph.output)}."""'
        yield "    state, _, _ = forward(parameters, inputs, initial_state, lengths)"
        yield "    return readout(parameters, state)[-1]"

    def _loss(self) -> Iterator[str]:
        yield "def loss(parameters, inputs, targets, initial_state=None, lengths=None):"
        yield '    """Return the mean loss over the batch."""'
        yield "    state, _, _ = forward(parameters, inputs, initial_state, lengths)"
        yield self._call_readout()
        yield f"    return losses({self.names(self._loss_argument())}, targets).mean()"

    def _value_and_grad(self) -> Iterator[str]:
        yield "def value_and_grad(parameters, inputs, targets, initial_state=None, lengths=None, wrt=PARAMETERS):"
        yield '    """Return the mean loss and {name: gradient} for the names in ``wrt``."""'
        yield from self._unpack(self._backward_values())
        yield from self._sizes(self._backward_values())
        yield "    state, tape, active = forward(parameters, inputs, initial_state, lengths)"
        yield self._call_readout()
        yield self._unpack_state()
        yield f"    {self.names(Variable('target', ()))} = targets"
        yield "    batch = len(inputs)  # the gradient of the sum over the batch is divided by it at the end"
        yield f"    value = losses({self.names(self._loss_argument())}, targets).mean()"
        yield from self._backward_readout()
        yield "    d_inputs = np.zeros(inputs.shape)"
        yield "    for step in reversed(range(len(tape))):"
        yield from (f"        {line}" for line in self._backward_step())
        yield "    gradients = {"
        for p in self.network.parameters:
            yield f'        "{p.name}": {self._gradient(p)},'
        yield '        "inputs": d_inputs,'
        for s in self.graph.states:
            yield f'        "{s.name}_0": {self.names(Adjoint(s))},'
        yield "    }"
        yield "    return value, {name: gradients[name] / batch for name in wrt}"

    def _backward_values(self) -> list[Expression]:
        r = self.recursion
        assigned = [a.value for a in (*r.readout, *r.step)]
        return [*assigned, *r.final.values(), *r.carry.values(), *r.step_gradients.values(),
                *r.readout_gradients.values(), r.input]

    def _gradient(self, parameter: Parameter) -> str:
        return self.names.derived("grad", parameter)

    def _backward_readout(self) -> Iterator[str]:
        for a in self.recursion.readout:
            yield f"    {self.names(a.target)} = {self.code(a.value)}"
        for p in self.network.parameters:
            own = self.recursion.readout_gradients.get(p)
            start = f'np.zeros(np.shape(parameters["{p.name}"]))' if own is None else self.printer.over_batch(own)
            yield f"    {self._gradient(p)} = {start}  # {self._shape(p, False)}"
        for s in self.graph.states:
            value = self.recursion.final.get(s)
            code = f"np.zeros({self.names(s)}.shape)" if value is None else self.code(value)
            yield f"    {self.names(Adjoint(s))} = {code}  # {self._shape(s)}"

    def _backward_step(self) -> Iterator[str]:
        adjoints = {s: self.names(Adjoint(s)) for s in self.graph.states}
        yield f"{self._tape()} = tape[step]"
        yield "if active is not None:  # what belongs to a sequence that has ended goes back unchanged"
        for s, d in adjoints.items():
            yield f"    {self._held(s)} = np.where({_mask(s)}, 0.0, {d})"
            yield f"    {d} = np.where({_mask(s)}, {d}, 0.0)"
        for a in self.recursion.step:
            yield from self._adjoint_line(a)
        for p in self.network.parameters:
            if p in self.recursion.step_gradients:
                yield f"{self._gradient(p)} += {self.printer.over_batch(self.recursion.step_gradients[p])}"
        if self.recursion.input != ZERO:
            yield 'if "inputs" in wrt:'
            yield f"    d_inputs[:, step] = {self.code(self.recursion.input)}"
        carries = [self._carry(s) for s in adjoints]
        yield f"{_together(adjoints.values())} = {_together(carries)}"
        yield "if active is not None:"
        for s, d in adjoints.items():
            yield f"    {d} = {d} + {self._held(s)}"

    def _held(self, state: Variable) -> str:
        return self.names.derived("held", Adjoint(state))

    def _carry(self, state: Variable) -> str:
        value = self.recursion.carry.get(state)
        return f"np.zeros({self.names(Adjoint(state))}.shape)" if value is None else self.code(value)

    def _adjoint_line(self, assignment: Assignment) -> Iterator[str]:
        name, variable = self.names(assignment.target), assignment.target.variable
        if variable not in self.graph.states:
            yield f"{name} = {self.code(assignment.value)}  # {self._shape(variable)}"
        elif assignment.value != ZERO:
            yield f"{name} = {name} + {self.code(assignment.value)}"


def _tuple(names: Iterable[str]) -> str:
    return "(" + ", ".join(found) + ("," if len(found) == 1 else "") + ")" if (found := list(names)) else "()"


def _together(names: Iterable[str]) -> str:
    """Several values as a tuple, one alone as itself."""
    return found[0] if len(found := list(names)) == 1 else _tuple(found)


def _mask(state: Variable) -> str:
    return "active[:, step, None]" if state.rank else "active[:, step]"


def _own_sizes(node: Expression) -> set[Any]:
    own = (arg for arg in node.args if not isinstance(arg, Expression))
    return {symbol for arg in own for symbol in arg.free_symbols}


def numpy_source(graph: StepGraph) -> str:
    """Return the text of a NumPy module with ``predict``, ``loss`` and ``value_and_grad``."""
    return Emitter(graph).source()
