"""Factors that a whole gradient may have too much: the batch size of a sum, the number of outputs of a mean, a sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from rnnsym.evidence.cases import Case
from rnnsym.evidence.enclosures import deviation

NEAR = 1e-12  # a factor this near to a half or a whole number is that


@dataclass(frozen=True)
class Factor:
    """``of(case)`` is how many times the derived gradient is returned; ``words`` follow "The gradient of W"."""

    name: str
    words: str
    of: Callable[[Case], float]


def padded_length(case: Case) -> float:
    """The number of steps of a case's arrays, padded ones among them."""
    example = case.example
    return float(example.inputs.shape[1] if example.inputs.ndim > 2 else example.targets.shape[1]
                 if example.targets.ndim > 2 else 1)


def _outputs(case: Case) -> float:
    return float(case.example.targets.shape[-1])


def constant(value: float) -> Factor:
    """Return a factor that is the same on all cases."""
    told = {2.0: "is twice the derived one", 0.5: "is half the derived one"}
    return Factor("constant factor", told.get(value, f"is {value:.14g} times the derived one"), lambda case: value)


_factors = (
    Factor("sign", "has the wrong sign", lambda case: -1.0),
    Factor("sum over the batch", "is the sum over the batch, not its mean", lambda case: float(case.batch)),
    Factor("mean twice", "is divided by the batch size twice", lambda case: 1 / case.batch),
    Factor("mean over the padded steps", "is divided by the number of steps T, padded ones among them",
           lambda case: 1 / padded_length(case)),
    Factor("mean over the outputs", "is divided by the number of outputs: the loss is their sum, not their mean",
           lambda case: 1 / _outputs(case)),
)
FACTORS: Mapping[str, Factor] = MappingProxyType({one.name: one for one in _factors})
OF_THE_LOSS = (FACTORS["sum over the batch"], FACTORS["mean over the outputs"])  # of all gradients at once


def constant_factor(cases: list[Case], name: str) -> Factor | None:
    """Return the factor that fits the gradient of ``name`` best on the first case where it is wrong."""
    case = next((one for one in cases if one.wrong(name) and np.abs(one.exact(name)).max() > 0), None)
    if case is None:
        return None
    exact, found = case.exact(name), case.found(name)
    scale = float(np.abs(exact).max())
    factor = float(((exact / scale) * found).sum() / ((exact / scale) * exact).sum()) if scale else 0.0
    near = round(2 * factor) / 2
    return constant(near if near not in (0.0, 1.0) and abs(factor - near) < NEAR else factor)


def common_factors(cases: list[Case], wrong: list[str]) -> list[Factor]:
    """Return the factors that one of the wrong gradients has on all cases, then those that a loss gives to all."""
    own = [one for one in (constant_factor(cases, name) for name in wrong) if one is not None and one.of(cases[0])]
    wished = dict.fromkeys((*FACTORS.values(), *own))
    seen = [one for one in wished if any(_has(cases, name, one) for name in wrong)]
    others = [one for one in OF_THE_LOSS if any(one.of(case) != 1 for case in cases)]
    return list(dict.fromkeys((*seen, *others)))


def _has(cases: list[Case], name: str, factor: Factor) -> bool:
    return all(case.explained(name, factor.of(case) * case.exact(name)) for case in cases)


def without(factor: Factor, case: Case) -> Case:
    """Return the case as it were had the function not multiplied by the factor."""
    scale, exact = factor.of(case), case.judgement.enclosure.exact
    deviations = {name: deviation(np.asarray(one.found / scale), exact[name], one.bound)
                  for name, one in case.judgement.deviations.items()}
    return Case(case.subject, replace(case.judgement, deviations=deviations))
