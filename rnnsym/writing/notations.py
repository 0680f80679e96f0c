"""Whose letters a page is written in: one table of notations, which re-spell names by what they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from rnnsym.calculus.unrolling import StepGraph, graph_of
from rnnsym.errors import DerivationError
from rnnsym.model.networks import Network
from rnnsym.writing import roles
from rnnsym.writing.boxes import words
from rnnsym.writing.clashes import refuse_clashes
from rnnsym.writing.derivation import Derivation, Section, Table
from rnnsym.writing.roles import Role, parameter_roles, state_roles
from rnnsym.writing.spelling import spell
from rnnsym.writing.styles import Style, style_of

KEY = "names"  # of the section that says which name is printed how


@dataclass(frozen=True)
class Notation:
    """A notation: for each kind of role the name alone, and its beginning where a gate's name follows."""

    name: str
    title: str
    letters: Mapping[str, tuple[str, str]]

    def spellings(self, found: Mapping[str, Role], states: Mapping[str, str]) -> dict[str, str]:
        """Return a name for each role that the notation has letters for; ``states`` are spelt already."""
        return {name: self._spelling(role, states) for name, role in found.items() if role.kind in self.letters}

    def _spelling(self, role: Role, states: Mapping[str, str]) -> str:
        alone, beginning = self.letters[role.kind]
        gate = states.get(role.prefix + role.gate + role.layer, role.gate)
        gate = gate.removeprefix(role.prefix).removesuffix(role.layer)
        joint = "" if len(gate) == 1 or beginning.endswith("_") else "_"
        return role.prefix + (beginning + joint + gate if gate else alone) + role.layer


_b = dict.fromkeys((roles.BIAS, roles.INPUT_BIAS, roles.RECURRENT_BIAS), ("b", "b_"))

_notations = (
    Notation("author", "the names of the equations", {}),
    Notation("notes", "lecture notes on recurrent networks", {
        roles.INPUT: ("W_i", "W_i_"), roles.RECURRENT: ("W_h", "W_h_"), roles.READOUT: ("W_o", "W_o"), **_b,
        roles.READOUT_BIAS: ("b_o", "b_o"), roles.STATE: ("o", "o"),
    }),
    Notation("goodfellow", "Goodfellow, Bengio, Courville 2016, section 10.2", {
        roles.INPUT: ("U", "U_"), roles.RECURRENT: ("W", "W_"), roles.READOUT: ("V", "V"), **_b,
        roles.READOUT_BIAS: ("c", "c"), roles.STATE: ("h", "h"), roles.LOGIT: ("o", "o"),
    }),
    Notation("pytorch", "the documentation of PyTorch's RNN, LSTM and GRU", {
        roles.INPUT: ("W_ih", "W_i"), roles.RECURRENT: ("W_hh", "W_h"), roles.INPUT_BIAS: ("b_ih", "b_i"),
        roles.RECURRENT_BIAS: ("b_hh", "b_h"), roles.STATE: ("h", "h"),
    }),
)
notations: Mapping[str, Notation] = MappingProxyType({entry.name: entry for entry in _notations})


def respelled(derivation: Derivation, name: str) -> Derivation:
    """Return a derivation in the notation ``name``, with a table of names where it is not the author's.

    Errors: DerivationError for an unknown notation, and for two names that it would print alike.
    """
    lengths = derivation.length or 0, derivation.output_length or 0
    style = style_in(derivation.network, name, max(lengths), derivation.style)
    kept = [section for section in derivation.sections if section.key != KEY]
    if name != "author":
        place = 1 if kept and kept[0].key == "notation" else 0
        kept.insert(place, names_section(derivation.network, notations[name], style))
    return replace(derivation, style=style, sections=tuple(kept))


def style_in(network: Network, name: str, steps: int = 0, style: Style | None = None) -> Style:
    """Return ``style``, or the network's own where None, with the letters of the notation ``name``.

    Errors: DerivationError for an unknown notation, and for two names over ``steps`` steps that are printed alike.
    """
    if not (isinstance(name, str) and name in notations):
        raise DerivationError(f"there is no notation {name!r:.80}; known: {', '.join(notations)}")
    graph = graph_of(network)
    own = style_of(network) if style is None else style
    found = replace(own, names=notation_names(graph, notations[name]), notation=name)
    refuse_clashes(graph, steps, found)
    return found


def notation_names(graph: StepGraph, notation: Notation) -> tuple[tuple[str, str], ...]:
    """Pair the names of a network with those that ``notation`` has for them."""
    states = _give_way(graph, notation.spellings(state_roles(graph.network), {}))
    others = {name: role for name, role in _roles(graph).items() if role.kind != roles.STATE}
    wished = {**notation.spellings(others, states), **states}
    return tuple(_give_way(graph, {**wished, **_derived(graph, wished)}).items())


def _roles(graph: StepGraph) -> dict[str, Role]:
    found = {**parameter_roles(graph.network), **state_roles(graph.network)}
    own = {*(state.name for state in graph.states), "yhat"}
    if graph.logit is not None and graph.logit.name not in own:
        found[graph.logit.name] = Role(roles.LOGIT)
    return found


def _derived(graph: StepGraph, wished: Mapping[str, str]) -> dict[str, str]:
    """Rename with a quantity what is named after it: a_o, the argument of o's function, is a_h where o is h."""
    equations = (*graph.network.equations, *graph.network.readout_equations)
    own = {*(e.target.name for e in equations), *(state.name for state in graph.states)}
    found = {}
    for name in dict.fromkeys(a.target.name for a in (*graph.cell, *graph.readout)):
        letter, _, after = name.partition("_")
        if name not in own and name not in wished and after in wished:
            found[name] = f"{letter}_{wished[after]}"
    return found


def _give_way(graph: StepGraph, wished: dict[str, str]) -> dict[str, str]:
    """Keep the author's name where two would be spelt alike, or one as a variable that keeps its own name."""
    variables = {graph.network.input.name, *(a.target.name for a in (*graph.cell, *graph.readout))}
    counts = Counter(wished.values())
    taken = {spell(name) for name in variables - wished.keys()}
    kept = {name: spelling for name, spelling in wished.items()
            if counts[spelling] == 1 and spell(spelling) not in taken}
    return kept if len(kept) == len(wished) else _give_way(graph, kept)


def names_section(network: Network, notation: Notation, style: Style) -> Section:
    """Return the table of names: as they are printed, as the equations have them, and what they do."""
    graph = graph_of(network)
    known, spelt = _roles(graph), dict(style.names)
    variables = [a.target for a in (*graph.cell, *graph.readout) if a.target.name in spelt]
    names = [*variables, *network.parameters]
    rows = tuple((one, spell(one.name), words(_meaning(known.get(one.name), one.name in spelt))) for one in names)
    vectors = "rows" if network.convention == "row" else "columns"
    text = (f"Names are printed as in {notation.title}. Nothing else changes: vectors are {vectors}, and products "
            "stand in the order of the network's own equations. A name for which the notation has no letter, or one "
            "that means something else here, stays as the equations have it.")
    return Section(KEY, "Names", text, (), Table(("printed", "in the equations", "meaning"), rows))


def _meaning(role: Role | None, spelt: bool) -> str:
    if role is None:
        return "named after another" if spelt else "as in the equations"
    gate = f" of `{role.gate}`" if role.gate else ""
    return f"{role.kind}{gate}" + ("" if spelt else ", as in the equations")
