"""A loop as a function that scans over the steps, the same text for JAX and PyTorch but for their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.binding import Assignment, names_in
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import Expression, Parameter, Variable
from rnnsym.numerics.frameworks.parts import Part, Writer, indented, needs_like
from rnnsym.numerics.frameworks.scan_plans import (
    Backward,
    Forward,
    Gathered,
    Spread,
    Statement,
    backward_plan,
    forward_plan,
    values_of,
)
from rnnsym.numerics.setting import tuple_of


@dataclass(frozen=True)
class Loop(Part):
    """One loop: ``kept`` is what it returns, of all steps where ``every``, else of the last one."""

    recursion: LoopRecursion
    kept: tuple[Variable, ...]
    every: bool
    plan: Forward
    back: Backward

    @classmethod
    def of(cls, writer: Writer, name: str, recursion: LoopRecursion, kept: tuple[Variable, ...], *,
           every: bool) -> Loop:
        """Return the loop with its plans."""
        return cls(writer, name, recursion, kept, every, forward_plan(recursion),
                   backward_plan(recursion, kept if every else ()))

    @property
    def graph(self) -> LoopGraph:
        """The loop's assignments."""
        return self.recursion.graph

    @property
    def states(self) -> tuple[Variable, ...]:
        """The states at step t."""
        return self.graph.states

    @property
    def before(self) -> list[Variable]:
        """The states of the step before."""
        return [s.at(self.graph.before) for s in self.states]

    @property
    def reads(self) -> Variable | None:
        """What the loop reads at each step."""
        return self.graph.loop.reads

    @property
    def indexed(self) -> bool:
        """Whether it reads whole numbers."""
        return self.reads is not None and self.reads.name == "x" and self.writer.graph.network.reads_index

    @property
    def given(self) -> str:
        """The name of what the loop reads of all steps, (steps, batch, …), or of the number of its steps."""
        return "steps" if self.reads is None else self.names(self.reads)

    @property
    def weights(self) -> tuple[Parameter, ...]:
        return self.writer.weights_in(self.values)

    @property
    def values(self) -> list[Expression]:
        """What the loop computes in a step."""
        return [a.value for a in self.graph.cell]

    def forward(self) -> Iterator[str]:
        """The function that runs the loop."""
        of = "all steps" if self.every else "the last step"
        yield f"def {self.name}_steps(weights, start, {self.given}, running, keep):"
        yield (f'    """Return {", ".join(map(self.names, self.kept))} of {of}, and, if it is to be kept, what the way '
               'back reads."""')
        body = [*self._early(), *self.joined(self.plan.step), *self._step()]
        yield from indented(self.writer.unpacked(self.values))
        yield from indented(self.writer.sized(self._sized(), self.weights, self.sizes(self.reads, *self.states)))
        if needs_like(body):
            yield "    like = start[0]"
        yield from indented(body)
        yield from indented(self._scan())

    def _sized(self) -> list[Expression]:
        made = [s for s in (*self.plan.early, *self.plan.step) if isinstance(s, Assignment)]
        return [*self.values, *self.writer.repeated(made)]

    def sizes(self, *vectors: Variable | None) -> dict[Any, str]:
        """Where the sizes of what is read and of states are told."""
        found = {n: f"start[{i}].shape[-1]" for i, s in enumerate(self.states) for n in s.shape if s in vectors}
        if self.reads is not None and self.reads in vectors and not self.indexed:
            found |= dict.fromkeys(self.reads.shape, f"{self.given}.shape[-1]")
        return found

    def _early(self) -> Iterator[str]:
        if self.plan.early:
            yield "# what needs no state, of all steps at once: (steps, batch, …)"
        leading = f"{'steps' if self.reads is None else f'len({self.given})'}, len(start[0])"
        for one in self.plan.early:
            yield self.writer.assigned(one, leading) if isinstance(one, Assignment) else \
                self.product(one, self._side_by_side(one))

    def joined(self, statements: Iterable[Statement]) -> Iterator[str]:
        """Lay the weights of joint products side by side, before the scan."""
        for one in statements:
            if not isinstance(one, Assignment):
                yield f"{self._weights(one)} = {self._side_by_side(one)}"

    def _weights(self, product: Spread | Gathered) -> str:
        key = product.target if isinstance(product, Gathered) else product.vector
        alike = [one for one in self.plan.step if isinstance(one, Spread) and one.vector == key]
        return self.names.derived("weights", product.pieces[0] if isinstance(product, Spread) and alike[1:] else key)

    def _side_by_side(self, product: Spread | Gathered) -> str:
        axis = -1 if isinstance(product, Spread) else 0
        return self.printer.side_by_side((self.printer.code(m) for m in product.matrices), axis)

    def product(self, product: Spread | Gathered, weights: str = "") -> str:
        """A joint product as code; ``weights`` are its weights where they have no name."""
        weights = weights or self._weights(product)
        if isinstance(product, Spread):
            code = self.printer.pieces(f"{self.names(product.vector)} @ {weights}", len(product.pieces))
            return f"{tuple_of(map(self.names, product.pieces))} = {code}"
        vectors = self.printer.side_by_side(map(self.names, product.vectors))
        return f"{self.names(product.target)} = {vectors} @ {weights}"

    def _step(self) -> Iterator[str]:
        before, states = (tuple_of(map(self.names, some)) for some in (self.before, self.states))
        held = [self.names.derived("held", s) for s in self.states]
        yield ""
        yield "def step(carry, now):"
        yield "    before, held = carry"
        yield f"    {before} = before"
        yield f"    {tuple_of([*map(self.names, self._moving()), 'runs'])} = now"
        yield "    if runs is not None:  # past a sequence's end its last step is repeated, from the same state"
        yield f"        {tuple_of(held)} = held"
        for name, old in zip(self.before, held, strict=True):
            yield f"        {self.names(name)} = {self.printer.chosen(name.rank, self.names(name), old)}"
        yield f"        before = {before}"
        for one in self.plan.step:
            if isinstance(one, Assignment):
                yield f"    {self.writer.assigned(one, 'len(start[0])')}  # {self.writer.shape(one.target)}"
            else:
                yield f"    {self.product(one)}"
        found = tuple_of(map(self.names, self.kept if self.every else ()))
        yield f"    found = {found}"
        others = [v for v in self._recorded() if not (self.every and v in self.kept)]
        if others:
            yield "    if keep:"
            yield f"        found = (*found, {', '.join(map(self.names, others))})"
        yield f"    return ({states}, None if runs is None else before), found"
        yield ""

    def _scan(self) -> Iterator[str]:
        states = tuple_of(map(self.names, self.states))
        sequences = tuple_of([*map(self.names, self._moving()), "running"])
        steps = "steps" if self.reads is None else f"len({self.given})"
        yield "held = None if running is None else start"
        yield f"(last, _), found = {self.printer.scan}(step, (start, held), {sequences}, {steps})"
        if not self.every:
            yield f"{states} = last"
        count = len(self.kept) if self.every else 0
        again = [f"found[{self.kept.index(v)}]" for v in self._recorded() if v in self.kept[:count]]
        tape = [*map(self.names, self._outer()), *again, f"*found[{count}:]" if count else "*found"]
        yield f"return {f'found[:{count}]' if self.every else tuple_of(map(self.names, self.kept))}, {tuple_of(tape)}"

    def _moving(self) -> list[Variable]:
        """What a step takes from all steps: what is early, and what is read."""
        used = {n for one in self.plan.step for value in values_of(one) for n in names_in(value)}
        early = [one.target for one in self.plan.early if isinstance(one, Assignment)]
        return [v for v in (*([] if self.reads is None else [self.reads]), *early) if v in used]

    def read_back(self) -> list[Variable]:
        """The quantities that the way back reads, of all steps; what the loop reads tells it their number."""
        values = [*self.back.slopes.values(), *self.back.carry.values(), self.recursion.input,
                  *(v for one in self.back.step for v in values_of(one)), *self.recursion.step_gradients.values()]
        used = {n for value in values for n in names_in(value)}
        known = dict.fromkeys([*self.before, *(a.target for a in self.graph.cell)])
        return [*([] if self.reads is None else [self.reads]), *(v for v in known if v in used)]

    def _outer(self) -> list[Variable]:
        """Those of them that exist before the scan."""
        early = {one.target for one in self.plan.early if isinstance(one, Assignment)}
        return [v for v in self.read_back() if v == self.reads or v in early]

    def _recorded(self) -> list[Variable]:
        """Those of them that the scan records: what it returns first."""
        found = [v for v in self.read_back() if v not in self._outer()]
        kept = self.kept if self.every else ()
        return [*(v for v in found if v in kept), *(v for v in found if v not in kept)]

    def taped(self) -> list[Variable]:
        """All of them, in the order of the tape."""
        return [*self._outer(), *self._recorded()]
