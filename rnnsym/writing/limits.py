"""What bounds by norms do not imply: claims that are often made, each with the numbers at which it fails."""

from __future__ import annotations

from sympy import Symbol

from rnnsym.calculus.norms import Decimal, LargestSingularValue, NumberMatrix, SpectralNorm, SpectralRadius, StepPower
from rnnsym.model.expressions import Expression
from rnnsym.writing.derivation import Section, Step

HORN = "Horn, Johnson 2013, Matrix analysis, section 5.6"
TRANSIENT = NumberMatrix(("9/10", 10), (0, "9/10"))
NILPOTENT = NumberMatrix((0, 2), (0, 0))
POSITIVE = NumberMatrix(*[["9/10"] * 3] * 3)
k = Symbol("k", integer=True, nonnegative=True)


def limits_section() -> Section:
    """Return the section of claims that fail; its matrices are recurrent weights of a network without a function."""
    text = (
        "Of the network whose state is the one before times a matrix, the Jacobian between steps `k` apart is the "
        "power `k` of that matrix or of its transpose. The same holds of tanh at the state 0 without inputs and "
        "biases."
    )
    return Section("limits", "What is not implied", text, (*_norm(), *_entries(), *_radius()))


def _norm() -> tuple[Step, ...]:
    why = ("A largest singular value above 1 is necessary to explode; it does not suffice: here every product of two "
           "factors is zero.")
    return (_line(LargestSingularValue(NILPOTENT), 2, why), _line(SpectralNorm(StepPower(NILPOTENT, 2)), 0, why))


def _entries() -> tuple[Step, ...]:
    why = ("That a weight between 0 and 1 makes the gradient vanish is true of one unit. Three units whose weights are "
           "all 0.9 explode.")
    return (_line(SpectralRadius(POSITIVE), "27/10", why),
            _line(SpectralNorm(StepPower(POSITIVE, 10)), "20589.11", why, "≈"))


def _radius() -> tuple[Step, ...]:
    why = ("A spectral radius below 1 makes the powers of a matrix vanish in the end, but bounds none of them: they "
           "may grow first.")
    peak = SpectralNorm(StepPower(TRANSIENT, 9))
    return (
        _line(SpectralRadius(TRANSIENT), "9/10", why),
        _line(peak, "38.75", why, "≈"),
        Step("counterexample", SpectralNorm(StepPower(TRANSIENT, k)), peak, why, "≤", references=(HORN,)),
        _line(SpectralNorm(StepPower(TRANSIENT, 100)), "0.0295", why, "≈"),
    )


def _line(before: Expression, value: int | str, why: str, relation: str = "=") -> Step:
    return Step("counterexample", before, Decimal(value), why, relation, references=(HORN,))
