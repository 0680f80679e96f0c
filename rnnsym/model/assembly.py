"""How a network's parts become one system of equations: loops, a readout and a feed in common sizes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sympy import S as CONSTANTS

from rnnsym.errors import NetworkError
from rnnsym.model.cells import Cell, State, recommended_readout
from rnnsym.model.composition import (
    Loop,
    Unification,
    fresh_sizes,
    input_of,
    loop_of,
    named_sizes,
    renamed,
    resized,
    sizes_of,
    with_input,
)
from rnnsym.model.equations import Equation, Equations, read_equations
from rnnsym.model.expressions import Constant, Expression, Named, Parameter, S, Variable, rebuild, t
from rnnsym.model.losses import losses
from rnnsym.model.names import Context

if TYPE_CHECKING:
    from rnnsym.model.networks import Network

DECODER, BACKWARD = "dec_", "bwd_"
FED = "x_fed"


@dataclass(frozen=True)
class Assembly:
    """A network as one system: what runs in which order, and all names in common sizes."""

    loops: tuple[Loop, ...]
    readout: tuple[Equation, ...]
    input: Variable
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...]
    readout_text: str


def assemble(network: Network) -> Assembly:
    """Return the parts of ``network`` in common sizes; NetworkError where they do not fit, EquationError in a text."""
    joined = Unification()
    cells = _cells(network, joined)
    text = network.readout or _recommended(network)
    readout = _readout(network, text, cells)
    _adopt(joined, readout)
    feed = _feed(network, readout, cells)
    if feed is not None:
        _adopt(joined, feed)
    _join_outputs(network, cells, readout, feed, joined)
    _refuse_shared_names(cells, readout, feed)
    cells = [resized(cell, joined.sizes) for cell in cells]
    readout, feed = _sized(readout, joined), feed and _sized(feed, joined)
    parts: list[Cell | Equations] = [*cells, readout, *([feed] if feed else [])]
    reads = input_of(cells[0])
    return Assembly(
        tuple(_loops(network, cells, readout, feed)),
        readout.equations,
        reads.at(None) if network.shape_of_steps.feeds_back else reads,
        tuple(one for part in parts for one in part.parameters),
        tuple(one for part in parts for one in part.constants),
        text,
    )


def _sized(found: Equations, joined: Unification) -> Equations:
    sizes = joined.sizes
    return replace(
        found,
        equations=tuple(Equation(e.target.xreplace(sizes), e.expression.xreplace(sizes), e.line)
                        for e in found.equations),
        parameters=tuple(one.xreplace(sizes) for one in found.parameters),
    )


def _cells(network: Network, joined: Unification) -> list[Cell]:
    """Return the cell, and its copy that reads from the end or the decoder, with names and sizes of their own."""
    cell = network.cell
    if network.bidirectional:
        shared = set(input_of(cell).shape)
        sizes = {one: new for one, new in fresh_sizes(cell, lambda n: BACKWARD + n).items() if one not in shared}
        return [cell, renamed(cell, lambda n: BACKWARD + n, sizes)]
    if not network.shape_of_steps.decodes:
        return [cell]
    decoder = network.decoder or cell
    second = renamed(decoder, lambda n: DECODER + n, fresh_sizes(decoder, lambda n: DECODER + n))
    for state, start in _matched(cell, second).items():
        joined.merge(start.shape, state.shape, f"the decoder's state {state.name} starts from {start.name}")
    return [resized(one, joined.sizes) for one in (cell, second)]


def _matched(encoder: Cell, decoder: Cell) -> dict[Variable, Variable]:
    """Pair the decoder's states with the encoder's by their names, or the only ones of both."""
    first = {state.variable.name: state for state in encoder.states}
    second = {state.variable.name.removeprefix(DECODER): state for state in decoder.states}
    pairs = [(second[name], first[name]) for name in second if name in first]
    if not pairs and len(first) == len(second) == 1:
        pairs = list(zip(second.values(), first.values(), strict=True))
    if not pairs:
        raise NetworkError(f"the decoder's states ({', '.join(second)}) bear none of the names of the encoder's "
                           f"({', '.join(first)}): give a state that is handed over the same name in both")
    for one, other in pairs:
        if one.lag != other.lag:
            raise NetworkError(f"the state {other.variable.name} reaches {other.lag} steps back in the encoder and "
                               f"{one.lag} in the decoder: the decoder cannot start from it")
    return {one.variable: other.variable for one, other in pairs}


def _recommended(network: Network) -> str:
    top = network.decoder or network.cell
    text = recommended_readout(top, losses[network.loss].link)
    if not network.bidirectional:
        return text
    states = "|".join(state.variable.name for state in top.states)
    left, right = text.split("=", 1)
    return left + "=" + re.sub(rf"\b({states})\b", rf"concat(\1, {BACKWARD}\1)", right)


def _readout(network: Network, text: str, cells: Sequence[Cell]) -> Equations:
    """Read the readout, which calls the decoder's states by the names that its own text gives them."""
    decodes = network.shape_of_steps.decodes
    prefix = DECODER if decodes else ""
    seen = cells[-1:] if decodes else cells
    given = {state.variable.name.removeprefix(prefix): state.variable for cell in seen for state in cell.states}
    found = read_equations(text, _readout_context(cells, given))

    def full(node: Expression) -> Expression | None:
        known = isinstance(node, Variable) and node.name in given
        return Variable(given[node.name].name, node.shape, node.step) if known and isinstance(node, Named) else None

    return replace(found, equations=tuple(replace(e, expression=rebuild(e.expression, full)) for e in found.equations))


def _readout_context(cells: Sequence[Cell], given: dict[str, Variable]) -> Context:
    """Return what a readout sees: states and constants of the cells, and why not the rest."""
    names = " and ".join(dict.fromkeys(cell.name for cell in cells))
    only = f"only the states of the cell {names} ({', '.join(given)}) can be used"
    refused = {"x": f"{only}, not the input `x`"}
    for cell in cells:
        for equation in cell.equations:
            if equation.target.name not in given:
                refused[equation.target.name] = f"{only}, not the gate `{equation.target.name}`"
        for parameter in cell.parameters:
            refused[parameter.name] = (f"`{parameter.name}` is a parameter of the cell {names}: a parameter of the "
                                       "readout needs another name")
    sizes = dict.fromkeys(symbol for cell in cells for symbol in sizes_of(cell))
    constants = {one.name: one for cell in cells for one in cell.constants}
    return Context("readout", {name: one.shape for name, one in given.items()}, constants, refused, tuple(sizes))


def _feed(network: Network, readout: Equations, cells: Sequence[Cell]) -> Equations | None:
    if not network.feed:
        return None
    yhat = readout.equations[-1].target
    parts: list[Cell | Equations] = [*cells, readout]
    own = {one.name: f"`{one.name}` stands elsewhere in the network, and the feed sees `yhat` only: take another name"
           for part in parts for one in (*part.parameters, *(e.target for e in part.equations))}
    refused = {name: why for name, why in own.items() if name != "yhat"}
    sizes = dict.fromkeys([*(one for cell in cells for one in sizes_of(cell)),
                           *(one for e in readout.equations for one in named_sizes(e.expression))])
    return read_equations(network.feed, Context("feed", {"yhat": yhat.shape}, {}, refused, tuple(sizes)))


def _adopt(joined: Unification, found: Equations) -> None:
    """Take over what a text made of the sizes that it was given."""
    outer = {one: now for one, now in found.outer.items() if one != now}
    joined.sizes = {**outer, **{one: now.xreplace(outer) for one, now in joined.sizes.items()}}


def _join_outputs(
    network: Network, cells: Sequence[Cell], readout: Equations, feed: Equations | None, joined: Unification
) -> None:
    """Give an output, or what the feed makes of it, the shape of the input that it becomes."""
    if not (network.feeds_back or network.forced):
        return
    value = (readout if feed is None else feed).equations[-1].target
    remedy = "" if network.forced or feed is not None else " (or give feed=, an equation x = … yhat …)"
    shapes = [input_of(cells[-1]).shape, value.shape]
    kept, other = reversed(shapes) if network.shape_of_steps.decodes else shapes
    joined.merge(kept, other, f"{value.name} is read as the input x{remedy}")


def _refuse_shared_names(cells: Sequence[Cell], readout: Equations, feed: Equations | None) -> None:
    parts: list[Cell | Equations] = [*cells, readout, *([] if feed is None else [feed])]
    names = Counter(one.name for part in parts
                    for one in (*part.parameters, *part.constants, *(e.target for e in part.equations)))
    for name, count in names.items():
        if count > 1:
            raise NetworkError(f"the name {name} stands for two things in this network: take another for one of them")


def _loops(
    network: Network, cells: Sequence[Cell], readout: Equations, feed: Equations | None
) -> list[Loop]:
    first = loop_of(cells[0])
    if network.bidirectional:
        return [first, _from_the_end(loop_of(cells[1], reverse=True))]
    if network.shape_of_steps.feeds_back:
        return [_fed_back(cells[0], readout, feed, {}, starting=input_of(cells[0]).at(None))]
    if not network.shape_of_steps.decodes:
        return [first]
    starts = _matched(cells[0], cells[1])
    if network.feeds_back:
        return [first, replace(_fed_back(cells[1], readout, feed, starts), steps=S)]
    teacher = Variable("target", readout.equations[-1].target.shape, t - 1)
    equations = with_input(cells[1].equations, teacher)
    return [first, Loop(equations, cells[1].states, S, teacher, starts=starts)]


def _fed_back(
    cell: Cell, readout: Equations, feed: Equations | None, starts: dict[Variable, Variable],
    starting: Variable | None = None,
) -> Loop:
    """Return a loop whose output, or what the feed makes of it, is a state: the next step's input.

    With a feed the output is among the states all the same: each L_t is a function of the states of its step then.
    """
    source = (readout if feed is None else feed).equations[-1].target
    fed = source if feed is None else Variable(FED, source.shape, t)
    after = [] if feed is None else [replace(e, target=fed if e.target == source else e.target) for e in feed.equations]
    begins = {} if starting is None else {fed: starting}
    states = [*cell.states, State(fed, CONSTANTS.Zero)]
    if feed is not None:
        states.append(State(readout.equations[-1].target, CONSTANTS.Zero, lag=0))
    return Loop(
        (*with_input(cell.equations, fed.at(t - 1)), *readout.equations, *after),
        tuple(states),
        starts={**starts, **begins},
    )


def _from_the_end(loop: Loop) -> Loop:
    """Return the loop with the step after in place of the step before."""
    def turned(node: Expression) -> Expression | None:
        return node.at(2 * t - node.step) if isinstance(node, Variable) and node.step is not None else None

    return replace(loop, equations=tuple(replace(e, expression=rebuild(e.expression, turned)) for e in loop.equations))
