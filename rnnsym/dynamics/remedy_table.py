"""The table of remedies as Markdown, from the measured numbers: nothing in it is written by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from rnnsym.dynamics.lessons import LAGS
from rnnsym.dynamics.remedies import BASELINE, TASKS, Decades, Effect, middle
from rnnsym.writing.plain import RAISED

HEAD = ("remedy", "claimed to help", "∂s₁₀₀/∂s₀ at the start", f"longest lag learnt: {', '.join(TASKS)}", "measured")
NONE = "none: tanh, Glorot's start, clipped, η = 0.003"


def remedy_table(found: Iterable[Effect]) -> str:
    """Return one row a remedy: the gradient with and without it, the lags with and without it, the verdict."""
    effects = tuple(found)
    base = next(one for one in effects if one.remedy.without == BASELINE and not one.remedy.of_updates)
    plain = (NONE, "", power(base.gradient_without), _lags(base.lags_without), "")
    lines = [HEAD, ("---",) * len(HEAD), plain, *(_row(one) for one in effects)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _row(effect: Effect) -> tuple[str, ...]:
    remedy = effect.remedy
    other = remedy.without != BASELINE
    gradient, lags = power(effect.gradient), _lags(effect.lags)
    if remedy.of_updates:
        gradient = f"{gradient}, unchanged"
    elif other:
        gradient += f" (without: {power(effect.gradient_without)})"
    if other:
        lags += f" (without: {_lags(effect.lags_without)})"
    return remedy.name, remedy.claim, gradient, lags, effect.verdict


def power(decades: Decades) -> str:
    """Return the middle one of the norms as a power of ten, "0" where nothing is left."""
    return power_of_ten(decades.middle)


def power_of_ten(decade: float) -> str:
    """Return 10 to a power with one decimal of the exponent, 10⁻²·⁷."""
    if not math.isfinite(decade):
        return "0"
    text = f"{decade:.1f}"
    if text in ("0.0", "-0.0"):
        return "1"
    whole, tenths = text.split(".")
    return f"10{whole.translate(RAISED)}" + ("" if tenths == "0" else f"˙{tenths.translate(RAISED)}")


def _lags(lags: Mapping[str, tuple[int, ...]]) -> str:
    """Return the lags, "< 10" where the shortest was not learnt and "≥ 200" where the longest was."""
    words = {0: f"< {LAGS[0]}", LAGS[-1]: f"≥ {LAGS[-1]}"}
    return ", ".join(words.get(lag, str(lag)) for lag in map(middle, lags.values()))
