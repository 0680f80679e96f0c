"""The readout as a function of states, one step or many, with its derived way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.adjoints import pulled_back
from rnnsym.calculus.binding import names_in
from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import ZERO, Expression, Parameter, Variable
from rnnsym.numerics.frameworks.parts import Part, Writer, indented, needs_like
from rnnsym.numerics.setting import tuple_of


@dataclass(frozen=True)
class Readout(Part):
    """ŷ, and what the loss is computed of, from the ``states``; ``kept`` are these two, or ŷ alone."""

    states: tuple[Variable, ...]
    kept: tuple[Variable, ...]

    @classmethod
    def of(cls, writer: Writer, states: tuple[Variable, ...], kept: tuple[Variable, ...]) -> Readout:
        """Return the readout of a network."""
        return cls(writer, "readout", states, kept)

    @property
    def values(self) -> list[Expression]:
        """What the readout computes."""
        return [a.value for a in self.writer.graph.readout]

    @property
    def weights(self) -> tuple[Parameter, ...]:
        return self.writer.weights_in(self.values)

    def _sizes(self) -> dict[Any, str]:
        return {n: f"states[{i}].shape[-1]" for i, s in enumerate(self.states) for n in s.shape}

    def forward(self) -> Iterator[str]:
        """The function that computes the outputs."""
        leading = f"*states[0].shape{f'[:-{self.states[0].rank}]' if self.states[0].rank else ''}"
        assignments = self.writer.graph.readout
        body = [f"{self.writer.assigned(a, leading)}  # {self.writer.shape(a.target, '…')}" for a in assignments]
        sized = [*self.values, *self.writer.repeated(assignments)]
        yield "def readout_values(weights, states):"
        yield f'    """Return {", ".join(map(self.names, self.kept))}, and what the way back reads."""'
        yield from indented(self.writer.unpacked(self.values))
        yield from indented(self.writer.sized(sized, self.weights, self._sizes()))
        if needs_like(body):
            yield "    like = states[0]"
        yield f"    {tuple_of(map(self.names, self.states))} = states"
        yield from indented(body)
        yield f"    return {tuple_of(map(self.names, self.kept))}, {tuple_of(map(self.names, self._taped()))}"

    def _taped(self) -> list[Variable]:
        adjoints, leaves = self._swept()
        used = {n for value in (*(a.value for a in adjoints), *leaves.values()) for n in names_in(value)}
        return [a.target for a in self.writer.graph.readout if a.target in used]

    def _arriving(self, key: Variable) -> Variable:
        return Variable(f"out {key.name}", key.shape, key.step)

    def arrives(self, key: Variable) -> str:
        return self.names(self._arriving(key))

    def _swept(self) -> Any:
        return pulled_back(self.writer.graph.readout, {key: self._arriving(key) for key in self.kept})

    def backward(self) -> Iterator[str]:
        """The function that goes back through the outputs."""
        adjoints, leaves = self._swept()
        terms = {p: leaves[p] for p in self.weights if p in leaves}
        values = [*(a.value for a in adjoints), *leaves.values()]
        body = [f"{self.names(a.target)} = {self.printer.code(a.value)}" for a in adjoints]
        body += list(self._of_states(leaves))
        body += self.writer.gradients(self.weights, terms)
        yield "def readout_back(weights, states, tape, arriving):"
        yield '    """Return ∂L/∂ of the weights and of the states, from ∂L/∂ of what was returned."""'
        yield from indented(self.writer.unpacked(values))
        yield from indented(self.writer.sized(values, self.weights, self._sizes()))
        if needs_like(body):
            yield "    like = states[0]"
        yield f"    {tuple_of(map(self.names, self.states))} = states"
        yield f"    {tuple_of(map(self.names, self._taped()))} = tape"
        yield f"    {tuple_of(map(self.arrives, self.kept))} = arriving"
        yield from indented(body)
        yield f"    gradients = {self.writer.dictionary(self.weights)}"
        yield f"    return gradients, {tuple_of(self.names(Adjoint(s)) for s in self.states)}"

    def _of_states(self, leaves: Any) -> Iterator[str]:
        for s in self.states:
            value = leaves.get(s, ZERO)
            code = f"{self.printer.library}.zeros_like({self.names(s)})" if value == ZERO else self.printer.code(value)
            yield f"{self.names(Adjoint(s))} = {code}"
