"""One recurrence with several functions: the outermost function of a step s_t = f(A s_{t−1} + …), exchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnnsym.calculus.unrolling import graph_of
from rnnsym.dynamics.products import affine_step
from rnnsym.dynamics.studies import Draws, ProductStudy, study_products
from rnnsym.errors import DataError
from rnnsym.model.activations import activations
from rnnsym.model.equations import Equation
from rnnsym.model.expressions import Elementwise
from rnnsym.model.networks import Network

Function = str | None  # a name of the table of activations; None is the linear network, which has none


def outer_function(network: Network) -> Function:
    """Name f of s_t = f(A s_{t−1} + …), None where s_t is the affine map itself.

    Errors: DataError where the step is no such map: gates, several states, a function inside another.
    """
    affine = affine_step(graph_of(network))
    if affine is None or network.cell.layers or network.bidirectional:
        raise DataError(f"the cell {network.cell.name} has no outermost function to exchange: its step is no "
                        "elementwise function of an affine map of the state before")
    return affine.function


def with_outer_function(network: Network, function: Function) -> Network:
    """Return the network whose step is s_t = f(A s_{t−1} + …) with ``function`` for f, everything else as it was.

    The new cell is its equations: it has no text. Errors: DataError for a cell without such a step (see
    ``outer_function``) and for an unknown function.

    >>> from rnnsym.model.cells import cells
    >>> outer_function(with_outer_function(Network(cells["simple"]), "relu"))
    'relu'
    """
    if function is not None and function not in activations:
        raise DataError(f"function: there is no {function!r:.80}; the functions are {', '.join(activations)}")
    own = outer_function(network)
    if function == own:
        return network
    state = network.cell.states[0].variable.name
    changed = tuple(_exchanged(one, own, function) if one.target.name == state else one
                    for one in network.cell.equations)
    return replace(network, cell=replace(network.cell, equations=changed, text=""))


def study_functions(
    network: Network, sizes: Mapping[str, int], radii: Sequence[float], functions: Sequence[Function],
    draws: Draws | None = None,
) -> dict[Function, ProductStudy]:
    """Follow the products of one recurrence with each function; all functions see the same draws. Errors as above."""
    return {function: study_products(with_outer_function(network, function), sizes, radii, draws)
            for function in functions}


def _exchanged(equation: Equation, own: Function, function: Function) -> Equation:
    inner = equation.expression
    if own is not None:
        assert isinstance(inner, Elementwise)  # that the step is own(…) says so
        inner = inner.argument
    return replace(equation, expression=inner if function is None else Elementwise(function, inner))
