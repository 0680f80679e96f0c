"""The signs that a derivation of bounds uses, and which names of the equations would look like one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.bounds import JacobianBound
from rnnsym.calculus.norms import LargestSlope, SpectralNorm, j
from rnnsym.calculus.notation import Total
from rnnsym.calculus.paths import state_at
from rnnsym.errors import DerivationError
from rnnsym.model.activations import activations
from rnnsym.model.expressions import Expression, Numeral, OrderedSum, T, Variable, t, walk
from rnnsym.writing.boxes import Box, words
from rnnsym.writing.derivation import Section, Step, Table
from rnnsym.writing.layout import Style, lay_out
from rnnsym.writing.plain import plain

NORMS = "Pascanu, Mikolov, Bengio 2013, section 2.1"
LONGEST_SHOWN = 2  # terms of a bound that is raised to a power as it stands; a longer one gets a name


def between(bound: JacobianBound, later: Any, earlier: Any) -> Total:
    """The Jacobian ∂s_later/∂s_earlier of the state, or of the stack of states."""
    return Total(state_at(bound.loop, later), state_at(bound.loop, earlier))


def refuse_look_alikes(bound: JacobianBound, style: Style) -> None:
    """Raise DerivationError where a name of the equations is printed as a sign of this document."""
    network, loop = bound.network, bound.loop
    assigned: list[Variable] = [a.target for a in loop.cell]
    own = [bound.name, *(LargestSlope(name) for name in _functions(bound)), *(v.at(step) for v in assigned
           for step in (j, j + 1, T, t))]
    taken = {plain(lay_out(sign, style)): sign for sign in own}
    for name in (*network.parameters, *network.constants):
        text = plain(lay_out(name, style))
        if text in taken or text in ("T", "j", "t"):
            raise DerivationError(f"{name.name} is printed {text}, which means something else here: rename it")


def _functions(bound: JacobianBound) -> list[str]:
    """The functions whose largest slopes the bound uses, in order of appearance."""
    lines = [line for estimate in bound.estimates for line in estimate.lines]
    return list(dict.fromkeys(line.after.function for line in lines if isinstance(line.after, LargestSlope)))


def notation_section(bound: JacobianBound, style: Style) -> Section:
    """Return the table of signs, and the values of the largest slopes."""
    rows: list[tuple[Box | Expression, ...]] = [
        (SpectralNorm(between(bound, T, j)), words("2-norm: the largest singular value, a vector's Euclidean length")),
        *((LargestSlope(name), words(f"the supremum of the absolute slope of {name} over all real arguments"))
          for name in _functions(bound)),
        *((sign, words(meaning)) for sign, meaning in _signs(bound)),
        *([] if bound.alone else [(bound.matrix, words("the matrix of the blocks' bounds, 0 where a block is 0"))]),
        *([(bound.name, words("the bound of one step"))] if is_named(bound) else []),
    ]
    steps = tuple(
        Step("largest slope", LargestSlope(name), Numeral(activations[name].slope_bound),
             "From the table of activations.", references=(NORMS,))
        for name in _functions(bound)
    )
    table = Table(("sign", "meaning"), tuple(rows))
    return Section("notation", "Norms and slopes", _notation_words(bound), steps, table)


def _notation_words(bound: JacobianBound) -> str:
    text = (
        "Every line holds for all weights, inputs and steps `j` up to `T`, unless it says otherwise. A line with an "
        "inequality is proved by its rule from the lines above; the numerical check beside it looks for a "
        "counterexample and notes how close the two sides came, which proves nothing by itself."
    )
    if bound.starts:
        text += f" Assumed of the initial state: {', '.join(assumed(bound))}; each step keeps it there."
    return text


def assumed(bound: JacobianBound) -> tuple[str, ...]:
    """Return where states must start for the bound to hold; what may start anywhere is not named."""
    return tuple(f"`{state.name}` between {own.low} and {own.high}" for state, own in bound.starts.items())


def _signs(bound: JacobianBound) -> Iterator[tuple[Expression, str]]:
    """The further signs that the bounds use, with what they mean."""
    meanings = {"LargestSingularValue": "the largest singular value", "LargestEntry": "the largest absolute entry",
                "ColumnSum": "the largest absolute sum of a column", "RowSum": "the largest absolute sum of a row"}
    seen: set[str] = set()
    for estimate in bound.estimates:
        for node in walk(estimate.bound):
            kind = type(node).__name__
            if kind in meanings and kind not in seen:
                seen.add(kind)
                yield node, meanings[kind]


def is_named(bound: JacobianBound) -> bool:
    """Whether the bound of a step is too long to be raised to a power as it stands."""
    return bound.alone and isinstance(bound.step, OrderedSum) and len(bound.step.args) > LONGEST_SHOWN
