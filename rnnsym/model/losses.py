"""The table of losses: one entry a loss, written for one step's output ŷ and its target y."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rnnsym.model.expressions import ONE, Comparison, Elementwise, Expression, Numeral, Reduction, Selection

Binary = Callable[[Expression, Expression], Expression]


@dataclass(frozen=True)
class Loss:
    """One loss L(ŷ, y), summed over the entries of the output.

    ``value(yhat, target)`` is the law. Where the readout ends in the function named ``link``, code uses
    ``fused_value(logit, target)``, which neither overflows nor cancels, and ``fused_slope(yhat, target)`` = ∂L/∂logit.
    ``distribution`` says that a target's entries sum to 1, on which ``fused_slope`` then rests, and that L is least at
    ŷ = y among the outputs that do so too. ``lower`` and ``upper`` bound the targets; ``output_lower`` and
    ``output_upper`` the outputs (open interval) of an unfused readout.
    """

    name: str
    value: Binary
    link: str | None = None
    fused_value: Binary | None = None
    fused_slope: Binary | None = None
    lower: float = float("-inf")
    upper: float = float("inf")
    output_lower: float = float("-inf")
    output_upper: float = float("inf")
    distribution: bool = False
    reference: str = ""


def _log(operand: Expression) -> Expression:
    return Elementwise("log", operand)


def _softplus(operand: Expression) -> Expression:
    return Elementwise("softplus", operand)


def _huber(yhat: Expression, target: Expression) -> Expression:
    error, half = target - yhat, Numeral("1/2")
    size = Elementwise("abs", error)
    return Reduction("sum", Selection(Comparison("<=", size, ONE), half * error**2, size - half))


_entries = (
    Loss(
        "binary_cross_entropy",
        value=lambda yhat, target: Reduction("sum", -target * _log(yhat) - (ONE - target) * _log(ONE - yhat)),
        link="sigmoid",
        fused_value=lambda logit, target: Reduction(
            "sum", target * _softplus(-logit) + (ONE - target) * _softplus(logit)
        ),
        fused_slope=lambda yhat, target: yhat - target,
        lower=0.0,
        upper=1.0,
        output_lower=0.0,
        output_upper=1.0,
        reference="Goodfellow, Bengio, Courville 2016, section 6.2.2.2",
    ),
    Loss(
        "squared_error",
        value=lambda yhat, target: Reduction("sum", Numeral("1/2") * (target - yhat) ** 2),
        reference="Goodfellow, Bengio, Courville 2016, section 6.2.1",
    ),
    Loss(
        "softmax_cross_entropy",
        value=lambda yhat, target: Reduction("sum", -target * _log(yhat)),
        link="softmax",
        fused_value=lambda logit, target: Reduction("sum", target * (Reduction("logsumexp", logit) - logit)),
        fused_slope=lambda yhat, target: yhat - target,
        lower=0.0,
        upper=1.0,
        output_lower=0.0,
        distribution=True,
        reference="Goodfellow, Bengio, Courville 2016, section 6.2.2.3",
    ),
    Loss(
        "absolute_error",
        value=lambda yhat, target: Reduction("sum", Elementwise("abs", target - yhat)),
        reference="Goodfellow, Bengio, Courville 2016, section 6.2.1.2",
    ),
    Loss("huber", value=_huber, reference="Huber 1964, section 4, with the threshold 1"),
)

losses: Mapping[str, Loss] = MappingProxyType({entry.name: entry for entry in _entries})
