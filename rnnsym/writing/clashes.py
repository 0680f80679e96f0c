"""Names that would look alike on the page: W_1 and W1, a parameter x_1 and the input of step 1."""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.errors import DerivationError
from rnnsym.model.expressions import Constant, Named, T, Variable, t
from rnnsym.writing.layout import Style, lay_out, style_of
from rnnsym.writing.plain import plain


def refuse_clashes(graph: StepGraph, steps: int, style: Style | None = None) -> None:
    """Raise DerivationError where two different names of a derivation over ``steps`` steps are printed alike.

    ``style`` is that of the author's names where absent.
    """
    style = style_of(graph.network) if style is None else style
    where = "" if style.notation == "author" else f" in the notation {style.notation}"
    printed: dict[str, Named | Constant] = {}
    for name in _names(graph, steps):
        text = plain(lay_out(name, style))
        other = printed.setdefault(text, name)
        if other != name:
            both = f"{_describe(other)} and {_describe(name)}"
            raise DerivationError(f"{both} are both printed {text}{where}: rename one of them")


def _names(graph: StepGraph, steps: int) -> Iterator[Named | Constant]:
    network = graph.network
    yield from (*network.parameters, *network.constants)
    assigned = [a.target for a in (*graph.cell, *graph.readout, graph.step_loss, graph.loss)]
    for variable in (network.input, graph.target, *assigned):
        if variable.step is None:
            yield variable
            continue
        yield from (variable.at(step) for step in (t, t - 1, T, *range(steps + 1)))


def _describe(name: Named | Constant) -> str:
    return f"{name.name} of step {name.step}" if isinstance(name, Variable) and name.step is not None else name.name
