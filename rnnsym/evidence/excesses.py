"""Where a total derivative exceeds the direct path: weights, found by search, at which ‖∂c_T/∂c_j‖ > ∏ max f_t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Integer

from rnnsym.calculus.bounds import JacobianBound
from rnnsym.calculus.direct import DirectPath, direct_paths
from rnnsym.calculus.norms import Decimal, LargestEntry, ProductOverSteps, SpectralNorm
from rnnsym.calculus.notation import Total
from rnnsym.calculus.paths import parameters_of
from rnnsym.evidence.differences import differences_measure
from rnnsym.evidence.norm_points import Float, Given, NormPoint, spectral_norm
from rnnsym.evidence.number_checks import check_number
from rnnsym.model.expressions import Diagonal, Expression, Variable, t
from rnnsym.writing.boxes import Box
from rnnsym.writing.derivation import Check, Section, Step, Table
from rnnsym.writing.norm_layout import array_of_numbers

UNITS, LAGS, DRAWS = (1, 2), (1, 2, 3), 150
ENTRIES = (-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
STARTS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # within the intervals that bounds assume
CLEAR, LEAST_GAP = 1.2, 0.05  # what no rounding explains, and a reader sees
DECIMALS = 4
NUDGE, AGREEMENT = 1e-6, 1e-6  # central differences of size h are good to h², and to rounding over h


@dataclass(frozen=True)
class Excess:
    """A point at which the total derivative of a state over ``lag`` steps exceeds the product along its direct path."""

    path: DirectPath
    lag: int
    point: NormPoint

    @property
    def total(self) -> Expression:
        """‖∂s_lag/∂s_0‖."""
        return SpectralNorm(_total(self.path, self.lag))

    @property
    def direct(self) -> Expression:
        """The product of the norms along the direct path."""
        return ProductOverSteps(_norm_of_step(self.path), t, 1, self.lag)


def _total(path: DirectPath, lag: int) -> Total:
    return Total(path.state.at(Integer(lag)), path.state.at(Integer(0)))


def _norm_of_step(path: DirectPath) -> Expression:
    return LargestEntry(path.value.args[0]) if isinstance(path.value, Diagonal) else SpectralNorm(path.value)


def _gap(found: Excess) -> float:
    """How far the total is above the direct path, −1 where that is not clear."""
    total, direct = (float(found.point.value(side)) for side in (found.total, found.direct))
    return total - direct if total > CLEAR * direct else -1.0


def find_excess(bound: JacobianBound, path: DirectPath, seed: int = 0) -> Excess | None:
    """Search for the fewest units and steps at which the total clearly exceeds the direct path, if there are any."""
    for units in UNITS:
        for lag in LAGS:
            random = np.random.default_rng([seed, units, lag])
            drawn = [Excess(path, lag, NormPoint(bound, _given(bound, units, lag, random))) for _ in range(DRAWS)]
            gaps = {number: gap for number, one in enumerate(drawn) if (gap := _gap(one)) > LEAST_GAP}
            for number in sorted(gaps, key=lambda one: -gaps[one]):
                if not _is_smooth(bound) or _difference_error(drawn[number]) <= AGREEMENT:  # no kink is met
                    return drawn[number]
    return None


def _is_smooth(bound: JacobianBound) -> bool:
    return differences_measure(assignment.value for assignment in bound.loop.cell)


def _given(bound: JacobianBound, units: int, lag: int, random: np.random.Generator) -> Given:
    network = bound.network
    sizes = dict(network.size_values(**{symbol.name: units for symbol in network.sizes}))

    def shape(name: Expression) -> tuple[int, ...]:
        return tuple(int(length.xreplace(sizes)) for length in name.shape)

    parameters = {p: random.choice(ENTRIES, size=shape(p)) for p in network.parameters}
    starts = {state: _start(bound, state, shape(state), random) for state in bound.loop.states}
    return Given(sizes, parameters, tuple(np.zeros(shape(network.input)) for _ in range(lag)), starts)


def _start(bound: JacobianBound, state: Variable, shape: tuple[int, ...], random: np.random.Generator) -> Any:
    own = bound.starts.get(state)
    drawn = random.choice(STARTS, size=shape)
    return drawn if own is None else np.clip(drawn, float(own.low), float(own.high))


def excess_section(bound: JacobianBound, seed: int = 0) -> list[Section]:
    """Return the section with a counterexample for each state whose total exceeds its direct path."""
    sections = []
    for path in direct_paths(bound.loop):
        found = find_excess(bound, path, seed)
        if found is not None:
            sections.append(_section(bound, found, seed))
    return sections


def _section(bound: JacobianBound, found: Excess, seed: int) -> Section:
    name = found.path.state.name
    text = (
        f"What the direct path of `{name}` does, the total derivative need not do. At the numbers below, with no "
        "input, the total exceeds the product of the largest entries along the direct path: it also goes through the "
        "gates."
    )
    steps = tuple(_checked(step, found, seed) for step in _steps(found))
    return Section(f"excess-{name}", f"The direct path does not bound the total: {name}", text, steps,
                   Table(("name", "value"), _rows(bound, found)))


def _steps(found: Excess) -> tuple[Step, ...]:
    why = "At these numbers."
    rounded = [(side, Decimal(f"{found.point.value(side):.{DECIMALS}f}")) for side in (found.total, found.direct)]
    return (*(Step("counterexample", side, value, why, "≈") for side, value in rounded),
            Step("counterexample", found.total, found.direct, why, ">"))


def _checked(step: Step, found: Excess, seed: int) -> Step:
    checks = [check_number(step, found.point, seed)]
    if step.before == found.total and _is_smooth(found.point.bound):
        checks.append(_by_differences(found, seed))
    return Step(step.rule, step.before, step.after, step.why, step.relation, checks=tuple(checks))


def _by_differences(found: Excess, seed: int) -> Check:
    """The total derivative by central differences of the network's own equations, which no derived rule enters."""
    error = _difference_error(found)
    return Check("central differences of the state's own equations", error <= AGREEMENT, f"{error:.1e}",
                 f"{AGREEMENT:g}", seed)


def _difference_error(found: Excess) -> float:
    derived = float(found.point.value(found.total))
    return abs(spectral_norm(differences(found)) - derived) / max(derived, 1.0)


def differences(found: Excess) -> Float:
    """Return ∂s_lag/∂s_0 by central differences."""
    state, given = found.path.state, found.point.given
    start = np.asarray(given.starts[state], dtype=float)
    columns = []
    for place in np.ndindex(start.shape):
        ends = []
        for way in (NUDGE, -NUDGE):
            moved = start.copy()
            moved[place] += way
            nudged = Given(given.sizes, given.parameters, given.inputs, {**given.starts, state: moved})
            ends.append(NormPoint(found.point.bound, nudged).value(state.at(Integer(found.lag))))
        columns.append(np.ravel((ends[0] - ends[1]) / (2 * NUDGE)))
    return np.array(columns).T


def _rows(bound: JacobianBound, found: Excess) -> tuple[tuple[Box | Expression, ...], ...]:
    given, used = found.point.given, parameters_of(bound.loop.cell)
    named: list[tuple[Expression, Any]] = [(p, given.parameters[p]) for p in bound.network.parameters if p in used]
    named += [(state.at(Integer(0)), given.starts[state]) for state in bound.loop.states]
    return tuple((name, array_of_numbers(np.asarray(value, dtype=float).tolist())) for name, value in named)
