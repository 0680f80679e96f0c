"""Which arrows of an unrolled diagram the gradient of one parameter goes back along, by the step at which it is used.

∂L/∂W = Σ_j ∂L/∂W^(j), W^(j) the parameter as step j uses it. The term of step j goes back along all arrows that lie on
a way from a box of step j to a loss; they are found by following arrows, whatever the network's topology. (Werbos 1990)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rnnsym.dynamics.draws import recurrent_weights
from rnnsym.dynamics.unrolled_layout import Arrow, End
from rnnsym.dynamics.unrolled_parts import Parts
from rnnsym.dynamics.unrolled_scene import Scene
from rnnsym.errors import DataError
from rnnsym.model.networks import Network


@dataclass(frozen=True)
class Routes:
    """The ways of one term: the step ``use``, the boxes it ends in, the losses it begins at, its arrows' numbers."""

    use: int
    boxes: frozenset[End]
    losses: frozenset[End]
    arrows: frozenset[int]


def followed_parameter(network: Network, name: str | None = None) -> str:
    """Return the parameter whose gradient is drawn: ``name``, or the first recurrent weight, or the first of a step.

    Errors: DataError for a name that no step uses, and for a network without parameters in its steps.
    """
    known = _stepwise(network)
    if not known:
        raise DataError(f"no diagram of a gradient's paths: {no_gradient_paths(network)}")
    if name is not None and name not in known:
        raise DataError(f"parameter: expected one that the steps use ({', '.join(known)}), but it is {name!r:.80}")
    return name or next((weight for weight in recurrent_weights(network) if weight in known), known[0])


def _stepwise(network: Network) -> list[str]:
    """Name the parameters that the cells of the diagram use."""
    used = {name for row in Parts(network, None, None).rows for name in row.parameters}
    return [p.name for p in network.parameters if p.name in used]


def no_gradient_paths(network: Network) -> str:
    """Say why a network has no diagram of a gradient's paths; nothing where it has one."""
    missing = "it follows a parameter that the steps of a cell use, and this network has none"
    return "" if _stepwise(network) else missing


def routes(scene: Scene, parameter: str) -> tuple[Routes, ...]:
    """Return the ways of all terms of ∂L/∂W that are not zero, by step."""
    uses: dict[int, set[End]] = {}
    for node in scene.nodes:
        if node.end is not None and len(node.end) == 3 and parameter in node.end[2].parameters:
            uses.setdefault(int(node.end[1].key), set()).add(node.end)
    losses = {arrow.ends[1] for arrow in scene.arrows if arrow.ends and arrow.ends[1][0] == "loss"}
    found = (_routes_of(scene.arrows, step, uses[step], losses) for step in sorted(uses))
    return tuple(one for one in found if one.losses)


def _routes_of(arrows: tuple[Arrow, ...], step: int, boxes: set[End], losses: set[End]) -> Routes:
    ends = {number: arrow.ends for number, arrow in enumerate(arrows) if arrow.ends}
    ahead = _reached(boxes, ends.values())
    behind = _reached(losses, [(target, source) for source, target in ends.values()])
    on_way = frozenset(number for number, (source, target) in ends.items() if source in ahead and target in behind)
    return Routes(step, frozenset(boxes & behind), frozenset(losses & ahead), on_way)


def _reached(starts: Iterable[End], pairs: Iterable[tuple[End, End]]) -> set[End]:
    """Return all that can be reached from ``starts``, those included."""
    following: dict[End, list[End]] = {}
    for source, target in pairs:
        following.setdefault(source, []).append(target)
    found = set(starts)
    waiting = list(found)
    while waiting:
        new = [end for end in following.get(waiting.pop(), ()) if end not in found]
        found.update(new)
        waiting += new
    return found
