"""What the report measures of a network's gradient flow beside its figures: the explorer's curves, and the remedies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from rnnsym.cli.page.content import Remedy
from rnnsym.cli.streams import complain
from rnnsym.errors import DataError
from rnnsym.model.networks import Network

if TYPE_CHECKING:
    from rnnsym.dynamics.own_remedies import OwnEffect

FIRST = "the cell as it stands; the others are measured against it"


def explored(network: Network, seed: int, notation: str = "author") -> str:
    """Return the explorer's HTML, its names as in a notation.

    It is nothing, and a line for whoever asked, where the gradient cannot be followed.
    """
    from rnnsym.cli.explorer import explorer
    from rnnsym.dynamics.explorations import explore
    from rnnsym.dynamics.figure_table import no_gradient_flow
    from rnnsym.dynamics.letters import letters

    if no_gradient_flow(network):
        return ""
    try:
        return explorer(explore(network, seed), network, letters(network, notation))
    except DataError as error:  # weights at random may leave nothing to follow; the rest of the report is as good
        complain("warning", f"the report has no explorer: {error}")
        return ""


def remedied(network: Network, seed: int) -> tuple[tuple[Remedy, ...], str]:
    """Return what each remedy does for a network; where none can be measured, why."""
    from rnnsym.dynamics.figure_table import no_gradient_flow
    from rnnsym.dynamics.own_remedies import own_effects

    obstacle = no_gradient_flow(network)
    if obstacle:
        return (), f"What remedies do is not measured for this network: {obstacle}."
    try:
        effects = own_effects(network, seed)
    except DataError as error:
        return (), f"What remedies do could not be measured: {error}."
    base = effects[0].decades
    distance = math.inf if base is None else base.distance
    first, *others = effects
    return (_remedy(first, None), *(_remedy(effect, distance) for effect in _joined(others))), ""


def _joined(effects: Iterable[OwnEffect]) -> Iterator[OwnEffect]:
    """Join neighbours that cannot be had for one reason into one, which says it once."""
    for obstacle, alike in groupby(effects, lambda effect: effect.obstacle):
        found = list(alike)
        yield from [replace(found[0], name=", ".join(one.name for one in found))] if obstacle else found


def _remedy(effect: OwnEffect, base: float | None) -> Remedy:
    """Return one row; ``base`` is how many decades the cell as it is lies from 1, None for that row itself."""
    found = effect.decades
    if found is None:
        return Remedy(effect.name, "not to be had", effect.obstacle)
    size = f"{_ten_to(found.middle)} ({_ten_to(found.low)} to {_ten_to(found.high)})"
    meaning = FIRST if base is None else f"{_verdict(found.middle)}; {_compared(found.distance, base)}"
    return Remedy(effect.name, size, meaning)


def _verdict(decades: float) -> str:
    return "vanishes" if decades < -1 else "explodes" if decades > 1 else "is kept"


def _compared(own: float, base: float) -> str:
    from rnnsym.dynamics.remedies import CLEARLY

    if own < base and own <= CLEARLY * base:
        return "clearly closer to 1"
    return "clearly further from 1" if base < own and base <= CLEARLY * own else "about as far from 1"


def _ten_to(decades: float) -> str:
    from rnnsym.dynamics.captions import power

    return power(decades * math.log(10))
