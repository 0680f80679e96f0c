"""What a document decides once: how vectors lie, how names are spelt, and which signs its names leave free."""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.model.networks import Network
from rnnsym.writing import boxes as bx
from rnnsym.writing.boxes import Box
from rnnsym.writing.spelling import spell

TARGET = spell("target")
REGISTER = "'"  # h'2 holds h of two steps before, and is spelt as h is


@dataclass(frozen=True)
class Style:
    """What a document has decided: the convention, the quantity whose δ bears no superscript, the target's sign.

    ``names`` pairs names of the equations with the names under which the page spells them; all others stand as they
    are. ``notation`` says whose they are.
    """

    convention: str = "row"
    plain_adjoint: str | None = None
    target: Box = TARGET
    names: tuple[tuple[str, str], ...] = ()
    notation: str = "author"

    def name(self, name: str) -> str:
        """Return the name under which the page spells ``name``."""
        stem, mark, back = name.partition(REGISTER)
        return dict(self.names).get(stem, stem) + mark + back

    def spell(self, name: str, step: Box | None = None) -> Box:
        """Spell a name of the equations, with its step as the last subscript if it has one."""
        return spell(self.name(name), step)

    def spell_in_text(self, words: str) -> Box:
        """Spell what stands between backticks in running text: a name, or a name and its step, ``o_t``."""
        known = dict(self.names)
        stem, _, step = words.rpartition("_")
        return spell(f"{known[stem]}_{step}") if words not in known and stem in known else self.spell(words)


def style_of(network: Network) -> Style:
    """Return the style that keeps the signs of ``network`` apart: y* beside a name y, δ^h beside a name delta."""
    equations = (*network.equations, *network.readout_equations)
    names = {name.name for name in (*network.parameters, *network.constants, *(e.target for e in equations))}
    states = [state for loop in network.loops for state in loop.states]
    alone = len(states) == 1 == states[0].lag and not any(name.split("_")[0] == "delta" for name in names)
    plain_adjoint = network.states[0].variable.name if alone else None
    target = bx.Script(TARGET, above=bx.operator("*", "*")) if "y" in names else TARGET
    return Style(network.convention, plain_adjoint, target)
