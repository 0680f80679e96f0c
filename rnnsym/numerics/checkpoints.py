"""A module that keeps states now and then only: the way back makes the steps between them again.

Every √T steps or so the states are kept, and nothing else. The way back goes from one such point to the next, from the
end: it runs the stretch between them once more, with all that a step leaves behind, and goes back through that. Memory
beside the arguments grows as √T instead of T, and time by one more run forward.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import DerivationError
from rnnsym.model.networks import Network
from rnnsym.numerics.emission import OPTIONAL, Emitter
from rnnsym.numerics.setting import tuple_of

STRETCH = '''
def stretch(inputs, lengths, first, stop):
    """Return some steps of the inputs, and the lengths from there; a sequence that has ended repeats its last input."""
    if lengths is None:
        return inputs[:, first:stop], None
    at = np.minimum(np.arange(first, stop), np.asarray(lengths)[:, None] - 1)
    return inputs[np.arange(len(inputs))[:, None], at], np.maximum(np.asarray(lengths) - first, 0)
'''


class CheckpointEmitter(Emitter):
    """Writes the module of a network with one loop, forward over its inputs."""

    resumable = True

    def __init__(self, graph: StepGraph) -> None:
        refuse(graph.network)
        super().__init__(graph)

    def source(self) -> str:
        """Return the module's text."""
        return self.module([self._checkpoints(), *([self._stretch_back()] if self.graph.every else [])], STRETCH)

    def _forward(self, given: str, source: str = "part, {given}, left") -> str:
        return f"{self.loops[0].results} = forward(parameters, {source.format(given=given)})"

    def _names_of_states(self) -> str:
        return tuple_of(f'"{s.name}"' for s in self.graph.states)

    def _checkpoints(self) -> Iterator[str]:
        yield "def checkpoints(parameters, inputs, initial_state, lengths):"
        yield '    """Return (first, stop, states before) of each of about √steps stretches, and the last state."""'
        yield "    steps = inputs.shape[1]"
        yield "    count, starts, given = max(1, round(steps**0.5)), [], initial_state"
        yield "    for first in range(0, steps, count):"
        yield "        stop = min(first + count, steps)"
        yield "        starts.append((first, stop, given))"
        yield "        part, left = stretch(inputs, lengths, first, stop)"
        yield f"        {self._forward('given')}"
        yield f"        given = {{name: values.copy() for name, values in zip({self._names_of_states()}, going_on)}}"
        yield "    return starts, tuple(values.copy() for values in state)"

    def _predict(self) -> Iterator[str]:
        yield f"def predict(parameters, inputs, {OPTIONAL}):"
        if self.graph.every:
            shape = self.setting.shape(self.graph.output).replace("batch,", "batch, steps,")
            yield f'    """Return the output of each step, {shape}; zero past a sequence\'s end."""'
            yield "    outputs = []"
            yield "    for first, stop, given in checkpoints(parameters, inputs, initial_state, lengths)[0]:"
            yield "        part, left = stretch(inputs, lengths, first, stop)"
            yield f"        {self._forward('given')}"
            yield from (f"    {line}" for line in self._outputs("outputs.append({})"))
            yield "    return np.concatenate(outputs, axis=1)"
            return
        yield f'    """Return the output of each sequence, {self.setting.shape(self.graph.output)}."""'
        yield "    _, state = checkpoints(parameters, inputs, initial_state, lengths)"
        yield "    return readout(parameters, state)[-1]"

    def _loss(self) -> Iterator[str]:
        yield f"def loss(parameters, inputs, targets, {OPTIONAL}):"
        yield '    """Return the mean loss over the batch."""'
        yield "    starts, state = checkpoints(parameters, inputs, initial_state, lengths)"
        if not self.graph.every:
            yield from self._losses_of()
            yield "    batch = len(inputs)"
            yield f"    return {self._value}"
            return
        yield from self._share()
        yield "    value = 0.0"
        yield "    for first, stop, given in starts:"
        yield "        part, left = stretch(inputs, lengths, first, stop)"
        yield f"        {self._forward('given')}"
        yield from (f"    {line}" for line in self._losses_of_stretch("targets[:, first:stop]"))
        yield f"        value += {self._value}"
        yield "    return value"

    def _value_and_grad(self) -> Iterator[str]:
        yield f"def value_and_grad(parameters, inputs, targets, {OPTIONAL}, wrt=PARAMETERS):"
        yield '    """Return the mean loss and {name: gradient} for the names in ``wrt``; memory grows as √steps."""'
        yield "    starts, state = checkpoints(parameters, inputs, initial_state, lengths)"
        yield from (self._at_every_step() if self.graph.every else self._at_the_end())
        if self._reads_vectors:
            yield '    d_inputs = np.empty(inputs.shape) if "inputs" in wrt else None'
        yield "    for first, stop, given in reversed(starts):"
        yield "        part, left = stretch(inputs, lengths, first, stop)"
        if self.graph.every:
            yield "        own_value, own, d_state = ("
            yield "            stretch_back(parameters, part, targets[:, first:stop], given, left, share, d_state, wrt)"
            yield "        )"
            yield "        value += own_value"
        else:
            yield f"        {self._forward('given')}"
            back = self.loops[0].call_back("d_state", [], ("part", "left"), "own, d_state")
            yield from (f"    {line}" for line in back)
        if self._reads_vectors:
            yield "        if d_inputs is not None:"
            yield '            d_inputs[:, first:stop] = own.pop("inputs")'
        yield "        for name, gradient in own.items():"
        yield "            gradients[name] = gradients[name] + gradient if name in gradients else gradient"
        if self._reads_vectors:
            yield '    gradients["inputs"] = d_inputs'
        yield from self._started(self.loops[0], "d_state")
        yield "    return value, {name: gradients[name] for name in wrt}"

    @property
    def _reads_vectors(self) -> bool:
        return not self.setting.index

    def _at_the_end(self) -> Iterator[str]:
        """The value, and δ of the last states."""
        yield from self._losses_of()
        yield "    batch = len(inputs)"
        yield f"    value = {self._value}"
        yield from self._from_readout()
        yield f"    d_state = {tuple_of(self.names(Adjoint(s)) for s in self.graph.states)}"

    def _at_every_step(self) -> Iterator[str]:
        yield "    value, gradients, d_state = 0.0, {}, tuple(np.zeros_like(values) for values in state)"
        yield from self._share()

    def _share(self) -> Iterator[str]:
        mean = self.network.over_steps == "mean"
        counts = "(inputs.shape[1] if lengths is None else np.asarray(lengths)[:, None])"
        yield f"    share = np.full((len(inputs), 1), 1.0 / len(inputs)){f' / {counts}' * mean}  # of each output"

    def _losses_of_stretch(self, targets: str) -> Iterator[str]:
        """The lines from a stretch's history to what its losses are computed of."""
        active = self.loops[0].active
        yield from self._seen()
        yield f"    {tuple_of(self._readout_names())} = readout(parameters, rows)"
        yield f"    {self.names(self.graph.target)} = {targets}.reshape(batch * steps, -1)"
        yield f"    counted = np.ones((batch, steps)) if {active} is None else {active}"
        yield f"    {self.names(self.weight)} = (counted * share).ravel()"

    def _stretch_back(self) -> Iterator[str]:
        yield "def stretch_back(parameters, inputs, targets, initial_state, lengths, share, d_state, wrt):"
        yield '    """Return the losses of some steps, {name: gradient}, and δ before them; d_state is δ after them."""'
        yield f"    {self._forward('', 'inputs, initial_state, lengths')}"
        yield from self._losses_of_stretch("targets")
        yield f"    value = {self._value}"
        yield from self._from_readout()
        for s in self.loops[0].outside:
            yield from self._arriving(0, s, start=False)
        outside = [self.names.derived("out", Adjoint(s)) for s in self.loops[0].outside]
        yield from self.loops[0].call_back("d_state", outside)
        yield from self._merged_with_readout(0)
        yield "    return value, gradients | loop_gradients, d_start"


def refuse(network: Network) -> None:
    """Raise DerivationError for a network whose loops cannot be cut into stretches here."""
    shape = network.shape_of_steps
    reason = ("it is read from both ends" if network.bidirectional else "it has an encoder and a decoder"
              if shape.decodes else "its outputs are fed back" if network.feeds_back else "it has one step only"
              if shape.one_input else "")
    if reason:
        raise DerivationError(f"no checkpoints for the network {network.cell.name} ({network.topology}): {reason}; they"
                              " are made for one loop over the inputs: compile it without checkpoints")
