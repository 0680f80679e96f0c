"""One loop of a network: what its steps are made of, forward and back, and which quantities the way back reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import ZERO, Expression, OrderedSum, Variable, add, t
from rnnsym.numerics.compiled.grouping import reads, scheduled, targets
from rnnsym.numerics.compiled.lowering import Lowering
from rnnsym.numerics.compiled.operations import Entries, FanIn, FanOut, Operation
from rnnsym.numerics.compiled.places import Place
from rnnsym.numerics.compiled.setting import Setting


class Recurrence:
    """One loop of a network, taken apart.

    ``kept`` are quantities of every step that outputs are made of; ``arriving`` the states whose δ gets something from
    an output at every step; ``given`` are quantities of every step that come from outside, on the way back only.
    """

    def __init__(self, setting: Setting, recursion: LoopRecursion, suffix: str, kept: tuple[Variable, ...],
                 arriving: tuple[Variable, ...], given: tuple[Variable, ...]) -> None:
        self.setting, self.recursion, self.suffix = setting, recursion, suffix
        self.graph: LoopGraph = recursion.graph
        self.kept, self.arriving, self.given = kept, arriving, given
        self.product_of = {s: Variable(f"handed {s.name}", s.shape, t)
                           for s in self.graph.states}
        self.rest_of = {s: Variable(f"rest {s.name}", s.shape, t)
                        for s in self.graph.states}
        self.next_rest = {s: Variable(f"{self.rest_of[s].name} next", s.shape, t) for s in self.graph.states}
        self.output_of = {s: Variable(f"seen {s.name}", s.shape, t) for s in arriving}
        self.claimed: dict[Any, Variable] = {}
        self.input_sum: FanIn | None = None

    @property
    def reads(self) -> Variable | None:
        """What the loop reads at each step."""
        return self.graph.loop.reads

    @property
    def index(self) -> bool:
        """Whether that is a row's number."""
        return self.reads is not None and self.reads.name == "x" and self.setting.graph.network.reads_index

    @cached_property
    def forward(self) -> tuple[Lowering, list[Operation]]:
        """The operations of a step forward."""
        lowering = Lowering(self.setting.fresh, self.setting.label)
        for assignment in self.graph.cell:
            lowering.assign(assignment.target, assignment.value)
        return lowering, scheduled(lowering.operations)

    @cached_property
    def backward(self) -> tuple[Lowering, list[Operation]]:
        """The operations of a step back."""
        lowering = Lowering(self.setting.fresh, self.setting.label)
        for assignment in self.recursion.step:
            target = assignment.target
            lowering.assign(target, add(*self._arrivals(target.variable), assignment.value))
        for state in self.graph.states:
            self._carry(lowering, state)
        for parameter, value in self.recursion.step_gradients.items():
            lowering.add_gradient(parameter, value)
        self._input(lowering)
        return lowering, scheduled(lowering.operations)

    def _arrivals(self, variable: Any) -> list[Expression]:
        if variable not in self.graph.states:
            return []
        return [self.product_of[variable], self.rest_of[variable],
                *([self.output_of[variable]] if variable in self.output_of else [])]

    def _carry(self, lowering: Lowering, state: Variable) -> None:
        """What is handed on is one product, which goes to its place at once, and the rest."""
        lowered = lowering.lower(self.recursion.carry.get(state, ZERO))
        terms = lowered.args if isinstance(lowered, OrderedSum) and lowered.rank == state.rank else (lowered,)
        sums = {one.target for one in lowering.operations if isinstance(one, FanIn)}
        product = next((term for term in terms if term in sums and term not in self.claimed), None)
        if product is not None:
            self.claimed[product] = state
        rest = add(*(term for term in terms if term != product))
        lowering.operations.append(Entries(self.next_rest[state], rest))

    def _input(self, lowering: Lowering) -> None:
        """∂L/∂x: a sum of products alone is made of many steps at once."""
        if self.reads is None or self.index or self.reads.name != "x" or self.recursion.input == ZERO:
            return
        lowered = lowering.lower(self.recursion.input)
        own = [one for one in lowering.operations if isinstance(one, FanIn) and one.target == lowered]
        used = [name for one in lowering.operations for name, _ in reads(one)]
        if own and lowered not in used and lowered not in self.claimed:
            self.input_sum = own[0]
            lowering.operations.remove(own[0])
        else:
            lowering.operations.append(Entries(Adjoint(self.reads), lowered))

    @cached_property
    def tape(self) -> tuple[Variable, ...]:
        """The quantities of all steps, states apart, that the way back or an output reads."""
        lowering, operations = self.backward
        needed = {name for one in operations for name, _ in reads(one)}
        needed |= {one.vector for one in lowering.rows} | set(self.kept)
        made = [target for one in self.forward[1] for target in targets(one)]
        return tuple(name for name in made if name in needed and name not in self.graph.states)

    def forward_places(self) -> dict[Any, list[Place]]:
        """Where quantities of step ``at`` stand; a state's array holds where it starts, too."""
        at, row = self.setting.step, self.setting.row
        places: dict[Any, list[Place]] = {}
        for s in self.graph.states:
            places[s.at(self.graph.before)] = [Place(self.setting.names(s), (at, row))]
            places[s] = [Place(self.setting.names(s), (f"{at} + 1", row))]
        for name in (*self.tape, *([] if self.reads is None else [self.reads])):
            places[name] = [Place(self.setting.names(name), (at, row))]
        return places

    def rows_of(self, name: Any, low: str, high: str) -> str | None:
        """Return the code of the rows of the steps from ``low`` to before ``high``, None where no array holds them."""
        for s in self.graph.states:
            if name in (s, s.at(self.graph.before)):
                shift = " + 1" if name == s else ""
                return f"{self.rows_name(s)}[({low}{shift}) * batch:({high}{shift}) * batch]"
        if name == self.reads or name in self.tape:
            return f"{self.rows_name(name)}[{low} * batch:{high} * batch]"
        return None

    def rows_name(self, name: Any) -> str:
        """The name of the matrix of all rows of a quantity of all steps."""
        return self.setting.names.derived("rows", name)

    def merged(self, names: list[Any]) -> Iterator[str]:
        """Yield the lines that make these matrices."""
        before = {s.at(self.graph.before): s for s in self.graph.states}
        for name in dict.fromkeys(before.get(one, one) for one in names):
            own, steps = self.setting.names(name), "(steps + 1)" if name in self.graph.states else "steps"
            width = self.setting.size(name.shape[0])
            yield f"    {self.rows_name(name)} = {self.setting.seen_as(own, f'{steps} * batch', width)}"


def bulk_products(operations: list[Operation], known: Callable[[Any], bool]) -> tuple[list[FanOut], list[Operation]]:
    """Return the products whose vectors are ``known`` of many steps at once, and the other operations."""
    early = [one for one in operations if isinstance(one, FanOut) and known(one.vector)]
    return early, [one for one in operations if one not in early]
