"""When two gradients are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# Both gradients are float64 sums of some thousand terms, each off by a few units in the last place (2e-16): together
# about 1e-13 of the largest entry. A thousand times that leaves room for cancellation.
TOLERANCE = 1e-10
# Below this, numbers lose digits for want of exponents.
UNDERFLOW = 1e-290
# A parameter's gradient is a sum over steps and sequences, which may cancel to nothing (of signs, exactly): what is
# left then is the rounding of terms as large as those of other parameters.
CANCELLATION = 1e-4


def outliers(found: Mapping[str, Any], expected: Mapping[str, Any], scale: float = 0.0) -> list[str]:
    """The names of gradients that differ; of a sequence, step by step, each on its own scale, at least ``scale``.

    So a path over fifty steps that contributes 1e-20 is compared like one that contributes 1.
    """
    if found.keys() != expected.keys():
        return sorted(found.keys() ^ expected.keys())
    per_step = {name for name in expected if name == "inputs" or name.endswith("_0")}
    largest = max(float(np.max(np.abs(expected[name]))) for name in expected.keys() - per_step)
    least = max(scale, CANCELLATION * largest)
    return [name for name in expected
            if not agree(found[name], expected[name], scale if name in per_step else least, name in per_step)]


def agree(found: Any, expected: Any, least: float = 0.0, per_step: bool = False) -> bool:
    """|found − expected| ≤ tolerance · max |expected|, the maximum over all entries or over those of one step."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    axes = (-1,) if per_step and expected.ndim > 1 else None
    scale = np.maximum(np.max(np.abs(expected), axis=axes, keepdims=True, initial=0.0), least)
    return bool(np.all(np.abs(found - expected) <= TOLERANCE * scale + UNDERFLOW))
