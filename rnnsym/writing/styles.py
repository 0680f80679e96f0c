"""What a document decides once: how vectors lie, and which signs its names leave free."""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.model.networks import Network
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box
from rnnsym.writing.spelling import spell

TARGET = spell("target")


@dataclass(frozen=True)
class Style:
    """What a document has decided: the convention, the quantity whose δ bears no superscript, the target's sign."""

    convention: str = "row"
    plain_adjoint: str | None = None
    target: Box = TARGET


def style_of(network: Network) -> Style:
    """Return the style that keeps the signs of ``network`` apart: y* beside a name y, δ^h beside a name delta."""
    equations = (*network.equations, *network.readout_equations)
    names = {name.name for name in (*network.parameters, *network.constants, *(e.target for e in equations))}
    states = [state for loop in network.loops for state in loop.states]
    alone = len(states) == 1 == states[0].lag and not any(name.split("_")[0] == "delta" for name in names)
    plain_adjoint = network.states[0].variable.name if alone else None
    target = bx.Script(TARGET, above=bx.operator("*", "*")) if "y" in names else TARGET
    return Style(network.convention, plain_adjoint, target)
