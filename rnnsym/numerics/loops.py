"""One loop of a network as code: the functions that run it forward over all steps and back again.

A batch's arrays are (steps, batch, …). One sequence of vectors without lengths has functions of its own, in which
it has no batch axis: its steps are so small that each call of NumPy's counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rnnsym.calculus.adjoints import LoopRecursion
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import LoopGraph
from rnnsym.model.expressions import Expression, Size, Variable
from rnnsym.numerics.forwards import ForwardEmitter
from rnnsym.numerics.returns import ReturnEmitter
from rnnsym.numerics.setting import Setting, tuple_of

ORDER = "order"  # of a loop that runs from the end: where each of its steps stands in the sequence
BACK = {"forward": "backward", "from_the_end": "back_from_the_end", "decode": "back_from_decode"}


class LoopEmitter:
    """Writes one loop. ``kept`` are the quantities of every step that outputs are made of (none: the last states).

    ``given`` are quantities of all steps that outputs inside the loop need on the way back.
    """

    def __init__(self, setting: Setting, recursion: LoopRecursion, function: str, kept: tuple[Variable, ...],
                 outside: tuple[Variable, ...], given: tuple[Variable, ...], *, resumable: bool = False) -> None:
        self.resumable = resumable
        self.setting, self.function, self.kept = setting, function, kept
        self.outside, self.given = outside, given
        self.graph: LoopGraph = recursion.graph
        self.names = setting.names
        self.forms = [self._form(recursion, one) for one in ([False, True] if self._vectors else [False])]

    def _form(self, recursion: LoopRecursion, one: bool) -> ReturnEmitter:
        forward = ForwardEmitter(self.setting, recursion, self.kept, one=one)
        return ReturnEmitter(forward, self.setting.parameters, self.outside, self.given)

    @property
    def _vectors(self) -> bool:
        return all(a.target.rank == 1 for a in self.graph.cell)

    @property
    def back(self) -> str:
        """The name of the function that goes back."""
        return BACK[self.function]

    @property
    def sequence(self) -> str:
        """What the loop reads at each step, or the number of its steps where it reads its own output."""
        reads = self.graph.loop.reads
        return "steps" if reads is None else "inputs" if reads.name == "x" else "previous"

    @property
    def read_shape(self) -> tuple[Any, ...]:
        """The shape of what the loop reads at a step; a row's number has no axes."""
        reads = self.graph.loop.reads
        return () if reads is None or (self.setting.index and reads.name == "x") else tuple(reads.shape)

    @property
    def starts_late(self) -> bool:
        """Whether the loop starts from another's last states."""
        return self.graph.decodes

    @property
    def sequences(self) -> str:
        """The argument whose length is the number of sequences."""
        return "start[0]" if self.starts_late else "inputs"

    @property
    def arguments(self) -> str:
        """The arguments of the loop's function, as its definition lists them before the optional ones."""
        fed = self.graph.loop.reads is None and not self.starts_late
        return ", ".join(["parameters", *(["start"] if self.starts_late else []), *(["inputs"] if fed else []),
                          self.sequence])

    @property
    def results(self) -> str:
        """What a call of the loop's function is assigned to."""
        kept = ["history"] if self.kept else []
        return ", ".join([self.state, *kept, self.tape, self.active, *(["going_on"] if self.resumable else [])])

    @property
    def _suffix(self) -> str:
        return "" if self.function == "forward" else f"_{self.function}"

    @property
    def tape(self) -> str:
        """The name of what the way back reads."""
        return f"tape{self._suffix}"

    @property
    def state(self) -> str:
        """The name of the tuple of last states."""
        return f"state{self._suffix}"

    @property
    def active(self) -> str:
        """The name of the mask of steps that count."""
        return f"active{self._suffix}"

    @property
    def lengths(self) -> str:
        """The name of the lengths of its sequences."""
        return "target_lengths" if self.starts_late else "lengths"

    def alone(self, sequences: str, lengths: str) -> str:
        """The condition under which one sequence has no batch axis; what it reads stands in the rows of its states."""
        layouts = self.forms[-1].forward.joints.layouts.values()
        if all(layout.x is None for layout in layouts):
            return f"alone({sequences}, {lengths})"
        read = "previous" if self.sequence == "previous" else sequences
        return f"alone({sequences}, {lengths}, {read}.shape[2])"

    def functions(self) -> Iterator[Iterator[str]]:
        """The functions that run the loop forward and back."""
        yield from map(self._forward, self.forms)
        yield from map(self._backward, self.forms)

    def _states(self) -> str:
        return ", ".join(self.names(s) for s in self.graph.states)

    def _forward(self, form: ReturnEmitter) -> Iterator[str]:
        forward, one = form.forward, form.one
        if one:
            yield f"def {self.function}_one({self.arguments}, given):"
            yield f'    """Do what ``{self.function}`` does for one sequence, whose vectors have no batch axis."""'
        else:
            yield f"def {self.function}({self.arguments}, initial_state=None, lengths=None):"
            kept = f"{tuple_of(self.names(v) for v in self.kept)} of all steps, " if self.kept else ""
            yield (f'    """Return the last state ({self._states()}), {kept}what the way back reads, '
                   'and who runs when."""')
            yield "    given = {} if initial_state is None else initial_state"
            yield from self._dispatch()
        body = list(forward.body("" if one else "active"))
        values = [a.value for a in self.graph.cell]
        yield from self.setting.unpack(values)
        sized = [*self.graph.states, *(a.target for a in self.graph.cell)]
        sizes = [Size(n) for shape in (*(v.shape for v in sized), self.read_shape) for n in shape]
        yield from self.setting.sizes([*values, *sizes])
        yield from self._counts(one)
        if not one:
            yield from self._masks()
        yield from self._input(one)
        if self.starts_late:
            yield f"    {tuple_of(self.names(s) for s in self.setting.encoder_states)} = start"
        yield from (f"    {line}" for line in (*body, *forward.results(form.tape(), resumable=self.resumable)))

    def _dispatch(self) -> Iterator[str]:
        if self.graph.loop.reverse:
            yield "    if lengths is None:"
            yield "        inputs = inputs[:, ::-1]"
        if len(self.forms) > 1:
            given = self.arguments.replace("initial_state, lengths", "given")
            yield f"    if {self.alone(self.sequences, 'lengths')}:"
            yield f"        return {self.function}_one({given}, given)"

    def _counts(self, one: bool) -> Iterator[str]:
        read = self.sequence
        if one:
            yield from [f"    steps = {read}.shape[1]"] if read != "steps" else []
        elif read != "steps":
            yield f"    batch, steps = {read}.shape[:2]"
        else:
            yield f"    batch = len({self.sequences})"

    def _masks(self) -> Iterator[str]:
        turned, fed = self.graph.loop.reverse, self.sequence == "steps"
        yield "    active = None"
        yield "    if lengths is not None:  # past a sequence's end its last step is repeated, from the same state"
        yield "        active = np.arange(steps) < np.asarray(lengths)[:, None]  # (batch, steps)"
        if turned:
            yield "        last = np.asarray(lengths)[:, None] - 1"
            yield f"        {ORDER} = np.maximum(last - np.arange(steps), 0)  # the first step reads the last input"
            yield f"        inputs = inputs[np.arange(batch)[:, None], {ORDER}]"
        elif not fed:
            yield "        last = np.asarray(lengths)[:, None] - 1"
            yield (f"        {self.sequence} = {self.sequence}[np.arange(batch)[:, None], "
                   "np.minimum(np.arange(steps), last)]")

    def _input(self, one: bool) -> Iterator[str]:
        reads = self.graph.loop.reads
        if reads is not None:
            code = f"{self.sequence}[0]" if one else f"{self.sequence}.swapaxes(0, 1)"
            yield f"    {self.names(reads)} = {code}"

    def _backward(self, form: ReturnEmitter) -> Iterator[str]:
        one, extra = form.one, "".join(f", {name}" for name in self._extra())
        if one:
            yield f"def {self.back}_one(parameters, tape, d_state{extra}, wrt):"
            yield f'    """Do what ``{self.back}`` does for one sequence, whose vectors have no batch axis."""'
        else:
            yield f"def {self.back}(parameters, tape, active, d_state{extra}, wrt):"
            yield (f'    """Return {{name: gradient}} for the names in ``wrt``, and δ of ({self._states()}) before '
                   'the first step."""')
        body = form.body("" if one else "active")
        values: list[Expression] = form.values()
        yield from self.setting.unpack(values)
        yield from self.setting.sizes(values, form.sources())
        yield "    steps = len(tape[0])"
        if not one:
            yield "    batch = len(d_state[0])"
        yield from (f"    {line}" for line in body)

    def _extra(self) -> list[str]:
        outside = [self.names.derived("out", Adjoint(s)) for s in self.outside]
        return [*outside, *(self.names.derived("all", v) for v in self.given)]

    def call_back(self, d_state: str, extra: Iterable[str], source: tuple[str, str] | None = None,
                  results: str = "loop_gradients, d_start") -> Iterator[str]:
        """The lines that go back through the loop; ``source`` names its sequences and their lengths."""
        more = "".join(f", {one}" for one in extra)
        batch = f"{self.back}(parameters, {self.tape}, {self.active}, {d_state}{more}, wrt)"
        if len(self.forms) == 1:
            yield f"    {results} = {batch}"
            return
        yield f"    if {self.alone(*source or ('state[0]' if self.starts_late else 'inputs', self.lengths))}:"
        yield f"        {results} = {self.back}_one(parameters, {self.tape}, {d_state}{more}, wrt)"
        yield "    else:"
        yield f"        {results} = {batch}"
