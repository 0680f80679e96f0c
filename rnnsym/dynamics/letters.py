"""The letters of a figure's labels and captions: the author's, or those of a notation of the documents."""

from __future__ import annotations

from typing import Any

from rnnsym.calculus.paths import state_at
from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics.draws import recurrent_weights
from rnnsym.dynamics.studies import followed_loop
from rnnsym.model.expressions import Variable, t
from rnnsym.model.networks import Network
from rnnsym.writing.boxes import Box
from rnnsym.writing.latex import latex
from rnnsym.writing.layout import lay_out, style_of
from rnnsym.writing.notations import notations, style_in
from rnnsym.writing.roles import RECURRENT
from rnnsym.writing.spelling import spell
from rnnsym.writing.styles import Style

AUTHOR = "author"
WEIGHT, STATE = "W", "s"  # of several weights, and of several states, in the names of the equations


def letters(network: Network, notation: str = AUTHOR) -> Style:
    """Return how a figure of a network spells its names.

    Errors: DerivationError for an unknown notation, and for two names that it would print alike.
    """
    return style_of(network) if notation == AUTHOR else style_in(network, notation)


def in_words(name: str) -> str:
    """Return a name as words of a figure, whose font has no underscore."""
    return name.replace("$", r"\$").replace("_", " ")


def recurrent_name(network: Network, notation: str = AUTHOR) -> str:
    """Return the name of the recurrent weight; where there are several, what a notation calls one of them."""
    names = recurrent_weights(network)
    spelt = letters(network, notation)
    return spelt.name(names[0]) if len(names) == 1 else notations[notation].letters.get(RECURRENT, (WEIGHT,))[0]


def state_box(network: Network, step: Any, spelt: Style) -> Box:
    """Return the state whose gradient is followed at a step, s where it is several variables."""
    states = state_at(graph_of(network).loops[followed_loop(network)], t)
    one = states if isinstance(states, Variable) else Variable(STATE, (), t)
    return lay_out(one.at(step), spelt)


def state_symbol(network: Network, step: Any, notation: str = AUTHOR) -> str:
    """Return the same in mathtext."""
    return latex(state_box(network, step, letters(network, notation)))


def weight_sizes(network: Network, notation: str = AUTHOR) -> tuple[str, str]:
    """Return how the size of the recurrent weight is written for one unit and for many, in mathtext."""
    weight = latex(spell(recurrent_name(network, notation)))
    return f"|{weight[:1].lower()}{weight[1:]}|", rf"\rho({weight})"


def product_label(network: Network, notation: str = AUTHOR) -> str:
    """Return ‖∏ ∂s_t/∂s_{t−1}‖₂ in mathtext, s the state by its name."""
    now, before = (state_symbol(network, step, notation) for step in (t, t - 1))
    return rf"$\Vert\,\prod_{{t=T}}^{{T-k+1}} \partial {now} \,/\, \partial {before}\,\Vert_2$"
