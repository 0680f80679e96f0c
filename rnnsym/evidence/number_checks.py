"""Checks of printed numbers: powers and radii of given matrices, and the largest slopes of functions."""

from __future__ import annotations

import numpy as np

from rnnsym.calculus.norms import Decimal, LargestSlope
from rnnsym.evidence.bound_trials import ROUNDING
from rnnsym.evidence.norm_points import NormNumbers
from rnnsym.model.activations import activations
from rnnsym.numerics.functions import elementwise_functions
from rnnsym.writing.derivation import Check, Step
from rnnsym.writing.limits import k

COMPUTED = "computed in floating point"
LAST_POWER = 200  # up to here a line about all powers of a printed matrix is tried
REACH, WIDTH = 8.0, 1 / 128  # secants of this width as far out as this
ATTAINED = 0.999


def check_number(step: Step, point: NormNumbers, seed: int) -> Check:
    """Compute both sides of a line of numbers; a rounded one must be right to half a unit of its last digit."""
    if k in step.before.free_symbols:
        return _all_powers(step, point, seed)
    left, right = float(point.value(step.before)), float(point.value(step.after))
    if step.relation == ">":
        return Check(COMPUTED, left > right * (1 + ROUNDING), f"{left:.9g} against {right:.9g}", f"{ROUNDING:g}", seed)
    tolerance = half_unit(step.after) if step.relation == "≈" else ROUNDING * max(abs(left), abs(right), 1.0)
    return Check(COMPUTED, abs(left - right) <= tolerance, f"{left:.9g}", f"{tolerance:g}", seed)


def half_unit(number: object) -> float:
    """Return half a unit of the last decimal that is shown."""
    assert isinstance(number, Decimal)
    digits = 0
    while (number.value * 10**digits).q != 1:
        digits += 1
    return 0.5 * 10.0**-digits


def _all_powers(step: Step, point: NormNumbers, seed: int) -> Check:
    right = float(point.value(step.after))
    values = [float(point.value(step.before, {k: power})) for power in range(LAST_POWER + 1)]
    passed = max(values) <= right * (1 + ROUNDING)
    return Check(f"{COMPUTED}, powers 0 to {LAST_POWER}", passed, f"largest {max(values):.9g}", f"{ROUNDING:g}", seed)


def check_slope(step: Step, seed: int) -> Check:
    """No secant is steeper than the largest slope (mean value theorem), and some secant comes near it."""
    assert isinstance(step.before, LargestSlope)
    steepest, value = steepest_secant(step.before.function), float(NormNumbers({}).value(step.after))
    passed = ATTAINED * value <= steepest <= value * (1 + 1e-9)  # differences of function values cancel seven digits
    return Check("no secant of the function is steeper, and one comes near", passed,
                 f"steepest secant {steepest:.9g}", f"{ATTAINED} to 1 + 1e-9 of it", seed)


def steepest_secant(function: str) -> float:
    """Return the largest |f(b) − f(a)| / (b − a) of neighbouring points."""
    lower = activations[function].lower
    points = np.arange(-REACH if lower is None else lower + WIDTH, REACH, WIDTH)
    values = elementwise_functions()[function](points)
    return float(np.abs(np.diff(values)).max() / WIDTH)
