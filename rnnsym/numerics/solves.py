"""The δ's of all steps of a block from one banded triangle instead of a loop, as code for one sequence.

Where states have few entries a step's calls take longer than its numbers. The step back is linear, so the matrices of
all steps are made at once, and BLAS solves for what runs back through them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.calculus.notation import Adjoint
from rnnsym.model.expressions import ONE, Expression, Variable
from rnnsym.numerics.identifiers import Identifiers
from rnnsym.numerics.linear_steps import LinearStep, Pair
from rnnsym.numerics.printing import ATOM
from rnnsym.numerics.setting import tuple_of
from rnnsym.numerics.statements import Statements

TRIANGLE_OF = '''
def triangle_of(steps, entries):
    """Return the band of a unit upper triangle, and two views of it: what entry i of step t hands to entry j.

    ``before[t, i, j]`` goes to the step before t, ``own[t, i, j]`` stays in step t, for j < i. The column (t, i) of the
    triangle is a row of the band, which ends on the diagonal; (t - 1, j) stands entries + i - j before it.
    """
    band = np.zeros((steps + 1, entries, 2 * entries))
    whole, row, number = band.strides
    before, own = (as_strided(band[1:, 0, start:], (steps, entries, entries), (whole, row - number, number))
                   for start in (entries - 1, 2 * entries - 1))
    return band, before, own
'''
CARRIED_BACK = '''
def carried_back(band, arriving):
    """Solve v_t = a_t + v_t N_t + v_{t+1} M_{t+1} for all v_t, which take the place of a_t; the band has -N and -M."""
    entries = arriving.shape[1]
    columns = band[:len(arriving)].reshape(-1, 2 * entries).T
    dtbsv(2 * entries - 1, columns, arriving.reshape(-1), diag=1, overwrite_x=1)
'''
SOLVABLE = '''
def solvable(steps, entries, calls):
    """Whether a banded solve is sooner done than a loop of so many calls a step."""
    return steps >= MANY and entries**2 <= SQUARES * calls
'''
CONSTANTS = (
    "MANY = 16  # steps from which what flows back is solved for",
    "SQUARES = 300  # numbers of a step's matrix that are made and solved for in the time of one call",
    "SOLVED = 100_000  # numbers of all steps' matrices that are solved for at once, so that they stay in the cache",
)
IMPORTS = ("from numpy.lib.stride_tricks import as_strided", "from scipy.linalg.blas import dtbsv")


class SolveEmitter:
    """Writes the solve of a block. ``bulk`` writes statements for all its steps; ``stored`` δ's have arrays."""

    def __init__(self, linear: LinearStep, bulk: Statements, names: Identifiers, stored: frozenset[Adjoint]) -> None:
        self.linear, self.bulk, self.names, self.stored = linear, bulk, names, stored

    def _of(self, state: Variable) -> str:
        """The name of the place of a state's entries."""
        return self.names.local(f"of_{self.names(state)}", ("place", state))

    def _weights(self, pair: Pair) -> str:
        return self.names.local(f"minus_{'_'.join(dict.fromkeys(map(self.names, pair)))}", ("minus", pair))

    def starts(self, calls: int) -> Iterator[str]:
        """The lines before the blocks; a step of the loop has so many ``calls``."""
        sizes = [f"{self.names(Adjoint(s))}.size" for s in self.linear.states]
        yield f"entries = {' + '.join(sizes)}"
        yield f"solved = solvable(steps, entries, {calls})"
        yield "if solved:"
        yield "    block = min(block, max(1, SOLVED // entries**2))"
        yield "    band, before, own = triangle_of(block, entries)"
        yield "    arriving = np.empty((block + 1, entries))"
        bounds = ["0", *(" + ".join(sizes[:place + 1]) for place in range(len(sizes) - 1)), "entries"]
        for state, start, stop in zip(self.linear.states, bounds, bounds[1:], strict=False):
            yield f"    {self._of(state)} = slice({start}, {stop})"
        for pair, members in self.linear.products.items():
            matrices = [self.bulk.code(matrix) for _, matrix in members]
            code = (f"np.negative({matrices[0]}, order=\"C\")" if len(members) == 1 else
                    f"-np.stack({tuple_of(matrices)}, axis=1)")
            yield f"    {self._weights(pair)} = {code}"

    def block(self, outside: dict[Variable, str]) -> Iterator[str]:
        """The lines of a block; ``outside`` are the arrays of what arrives from outside the loop."""
        yield "# each step hands back linearly: its matrix first, then the δ's of all states, then the others"
        yield "count = past.stop - first"
        for target, slope in self.linear.responses.items():
            if self.bulk.code(slope) != self.bulk.code(target):
                yield from self.bulk.into(self.bulk.code(target), slope)
        for pair in self.linear.products:
            yield self._product(pair)
        for pair, slope in self.linear.before.items():
            yield self._diagonal("before", pair, slope, "-=" if pair in self.linear.products else "=")
        for pair, slope in self.linear.within.items():
            yield self._diagonal("own", pair, slope, "=")
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
            return self.bulk.call("multiply", f"{members[0]}[:, :, None]", self._weights(pair), out=place)
        stacked = f"np.stack({tuple_of(members)}, axis=2).swapaxes(0, 1)"
        return f"{place} = np.matmul({stacked}, {self._weights(pair)}).swapaxes(0, 1)"

    def _diagonal(self, whole: str, pair: Pair, slope: Expression, sign: str) -> str:
        place = f'np.einsum("tii->ti", {whole}[:count, {self._of(pair[0])}, {self._of(pair[1])}])[...]'
        if sign == "-=":
            return f"{place} -= {self.bulk.code(slope)}"
        return f"{place} = -{self.bulk.printer.inner(slope, ATOM) if slope != ONE else '1.0'}"

    def _solution(self, outside: dict[Variable, str]) -> Iterator[str]:
        yield "solution = arriving[:count + 1]"
        yield "solution[...] = 0.0"
        yield from (f"solution[1:, {self._of(s)}] = {array}[past]" for s, array in outside.items())
        states = [(self.names(Adjoint(s)), self._of(s)) for s in self.linear.states]
        yield from (f"solution[-1, {place}] += {d}" for d, place in states)
        yield "carried_back(band, solution)"
        yield from (f"{d}[...] = solution[0, {place}]" for d, place in states)
