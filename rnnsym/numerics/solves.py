"""The δ's of all steps of a block from one banded triangle instead of a loop, as code for one sequence.

Where states have few entries a step's calls take longer than its numbers. The step back is linear, so the matrices of
all steps are made at once, and BLAS solves for what runs back through them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import Expression, Variable
from rnnsym.numerics.linear_steps import LinearStep, Pair, linear_step
from rnnsym.numerics.plans import Backward
from rnnsym.numerics.printing import ATOM
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.statements import Statements

BANDED_SOLVER = '''
def banded_solver(block, entries, calls, left):
    """Return BLAS's solver for banded triangles, and how many steps it takes at once.

    None, and the block as it is, without SciPy, where a loop of so many calls a step is as fast, or where the triangle
    of enough steps is large beside the numbers that are left of all steps.
    """
    together = min(block, max(ROOM, min(SOLVED, left // 6)) // entries**2)
    if together < MANY or entries**2 > SQUARES * calls:
        return None, block
    try:
        from scipy.linalg.blas import dtbsv  # here, since it takes a while to load
    except ImportError:
        return None, block
    return dtbsv, together
'''
BLOCKS_OF = '''
def blocks_of(band):
    """Return the view [t, i, j] of a banded triangle: what entry i of step t hands to entry j of the step before.

    A row of the band is a column (t, i) of the triangle. It ends on the diagonal; (t - 1, j) is entries + i - j before.
    """
    entries = band.shape[1]
    shifted = band.reshape(len(band), -1)[1:, entries - 1:-1]
    return shifted.reshape(-1, entries, 2 * entries - 1)[:, :, :entries]
'''
CARRIED_BACK = '''
def carried_back(solver, band, arriving):
    """Return the v_t that solve v_t = a_t + v_t N_t + v_{t+1} M_{t+1}, in the place of a_t; the band has -N and -M."""
    entries = arriving.shape[1]
    columns = band[:len(arriving)].reshape(-1, 2 * entries).T
    return solver(2 * entries - 1, columns, arriving.reshape(-1), diag=1, overwrite_x=1).reshape(arriving.shape)
'''
HELPERS = {"banded_solver": BANDED_SOLVER, "blocks_of": BLOCKS_OF, "carried_back": CARRIED_BACK}
CONSTANTS = (
    "MANY = 32  # steps from which what flows back is solved for",
    "SQUARES = 180  # numbers of a step's matrix that are made and solved for in the time of one call",
    "SOLVED = 200_000  # numbers of steps' matrices that are solved for at once, so that they stay in the cache",
    "ROOM = 16_384  # numbers of steps' matrices that may be made however few there are of all else",
)


class SolveEmitter:
    """Writes the solve of a block. ``bulk`` writes statements for all its steps; ``stored`` δ's have arrays."""

    def __init__(self, linear: LinearStep, bulk: Statements, stored: frozenset[Adjoint]) -> None:
        self.linear, self.bulk, self.names, self.stored = linear, bulk, bulk.names, stored

    @classmethod
    def of(cls, plan: Backward, bulk: Statements) -> SolveEmitter | None:
        """Return the emitter of a plan, None where a step back is no linear equation of the known form."""
        linear = linear_step(plan, bulk.printer.batched)
        return None if linear is None else cls(linear, bulk, plan.stored)

    def _of(self, state: Variable) -> str:
        """The name of the place of a state's entries."""
        return self.names.local(f"of_{self.names(state)}", ("place", state))

    def _weights(self, pair: Pair) -> str:
        return self.names.local(f"minus_{'_'.join(dict.fromkeys(map(self.names, pair)))}", ("minus", pair))

    def or_loop(self, loop: list[str], outside: dict[Variable, str]) -> list[str]:
        """The solve of a block and, for where there is no solver, the loop instead."""
        solve = (f"    {line}" for line in self._block(outside))
        return ["if solver is not None:", *solve, "else:", *(f"    {line}" for line in loop)]

    def starts(self, loop: list[str]) -> Iterator[str]:
        """The lines before the blocks; ``loop`` would do without a solver."""
        calls = sum("(" in line for line in loop if line.startswith(" "))
        sizes = [f"{self.names(Adjoint(s))}.size" for s in self.linear.states]
        yield f"entries = {' + '.join(sizes)}"
        left = "sum(values.size for values in tape)"
        yield f"solver, block = banded_solver(block, entries, {calls}, {left})"
        yield "if solver is not None:"
        yield "    band = np.zeros((block + 1, entries, 2 * entries))"
        yield "    before = blocks_of(band)  # what each step's δ's hand to the step before, with a minus"
        yield "    arriving = np.empty((block + 1, entries))"
        bounds = ["0", *(" + ".join(sizes[:place + 1]) for place in range(len(sizes) - 1)), "entries"]
        for state, start, stop in zip(self.linear.states, bounds, bounds[1:], strict=False):
            yield f"    {self._of(state)} = slice({start}, {stop})"
        for pair, members in self.linear.products.items():
            matrices = [self.bulk.code(matrix) for _, matrix in members]
            code = (f"np.negative({matrices[0]}, order=\"C\")" if len(members) == 1 else
                    f"-np.stack({tuple_of(matrices)}, axis=1)")
            yield f"    {self._weights(pair)} = {code}"

    def _block(self, outside: dict[Variable, str]) -> Iterator[str]:
        """The lines of a block; ``outside`` are the arrays of what arrives from outside the loop."""
        yield "# each step hands back linearly: its matrix first, then the δ's of all states, then the others"
        yield "count = past.stop - first"
        for target, slope in self.linear.responses.items():
            if self.bulk.code(slope) != self.bulk.code(target):
                yield from self.bulk.into(self.bulk.code(target), slope)
        for pair in self.linear.products:
            yield self._product(pair)
        for pair, slope in self.linear.before.items():
            place = self._diagonal("entries", pair)
            yield f"{place} -= {self.bulk.code(slope)}" if pair in self.linear.products else self._minus(place, slope)
        for pair, slope in self.linear.within.items():
            yield self._minus(self._diagonal("2 * entries", pair), slope)
        yield from self._solution(outside)
        for target, state in self.linear.state_of.items():
            d = self.bulk.code(target)
            yield self.bulk.call("multiply", d, f"solution[1:, {self._of(state)}]", out=d)
        yield from (f"{self.bulk.code(Adjoint(s))}[...] = solution[1:, {self._of(s)}]" for s in self.linear.states
                    if Adjoint(s) in self.stored)

    def _product(self, pair: Pair) -> str:
        members = [self.bulk.code(member) for member, _ in self.linear.products[pair]]
        place = f"before[:count, {self._of(pair[0])}, {self._of(pair[1])}]"
        if len(members) == 1:
            return f'np.einsum("ti,ij->tij", {members[0]}, {self._weights(pair)}, out={place})'
        stacked = f"np.stack({tuple_of(members)}, axis=2).swapaxes(0, 1)"
        return f"{place} = np.matmul({stacked}, {self._weights(pair)}).swapaxes(0, 1)"

    def _diagonal(self, distance: str, pair: Pair) -> str:
        """The entries that are handed from place to place: in the band they have one column."""
        source, target = map(self._of, pair)
        shift = "" if source == target else f" + {target}.start - {source}.start"
        return f"band[1:count + 1, {source}, {distance} - 1{shift}]"

    def _minus(self, place: str, slope: Expression) -> str:
        return f"{place} = -{self.bulk.printer.inner(slope, ATOM)}"

    def _solution(self, outside: dict[Variable, str]) -> Iterator[str]:
        yield "solution = arriving[:count + 1]"
        yield "solution[...] = 0.0"
        yield from (f"solution[1:, {self._of(s)}] = {array}[past]" for s, array in outside.items())
        states = [(self.names(Adjoint(s)), self._of(s)) for s in self.linear.states]
        yield from (f"solution[-1, {place}] += {d}" for d, place in states)
        yield "solution = carried_back(solver, band, solution)"
        yield from (f"{d}[...] = solution[0, {place}]" for d, place in states)
