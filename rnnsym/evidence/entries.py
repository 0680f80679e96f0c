"""The unrolled derivation entry by entry: scalar assignments in SymPy, each intermediate result a symbol of its own.

Nothing is nested: h[3][0] := tanh(a[3][0]) and δ(a[3])[0] := δ(h[3])[0] (1 − h[3][0]²). The whole is linear in T, where
the nested loss, and with it ``sympy.diff`` of it, grows exponentially.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from rnnsym.calculus.adjoints import adjoint_recursion
from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.evidence.sequences import Sequence, leaf_names
from rnnsym.evidence.sweeps import Numbers, Sweep
from rnnsym.model.activations import activations
from rnnsym.model.evaluation import Arithmetic, Array, entrywise
from rnnsym.model.expressions import Expression, S, T
from rnnsym.model.networks import Network


@dataclass(frozen=True)
class EntryDerivation:
    """Scalar assignments of one sequence, forward and then back, and what they make of ∂L/∂parameter.

    ``leaves`` {name: array of symbols} are the parameters, inputs, targets and initial states; ``assignments``
    (symbol, expression) use leaves and earlier symbols alone; ``gradients`` {parameter's name: array of expressions of
    these symbols}, each in its parameter's shape, are the derivatives of one sequence's loss.
    """

    leaves: dict[Expression, Array]
    assignments: tuple[tuple[Any, Any], ...]
    gradients: dict[str, Array]


def derive_entries(
    network: Network, steps: int, sizes: Mapping[str, int], *, output_steps: int | None = None
) -> EntryDerivation:
    """∂L/∂W[i, j] = Σ_t ∂L/∂a_t[j] · x_t[i]: the adjoint recursion over T steps, written in scalars.

    ``sizes`` are numbers such as ``{"d": 5, "n": 3, "k": 1}``; ``output_steps`` is a decoder's S, T where absent.
    Errors: DerivationError for steps that are no whole number from 1, NetworkError for sizes that do not fit.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.Cell.from_equations("unit", "h = tanh(w * h_prev + x)"), "yhat = h",
    ...                          loss="squared_error")
    >>> found = derive_entries(network, 2, {"n": 1})
    >>> for symbol, value in found.assignments:
    ...     print(symbol, "=", value)
    a[1][0] = h[0][0]*w[0] + x[1][0]
    h[1][0] = tanh(a[1][0])
    a[2][0] = h[1][0]*w[0] + x[2][0]
    h[2][0] = tanh(a[2][0])
    yhat[0] = h[2][0]
    delta(yhat)[0] = -target[0] + yhat[0]
    delta(h[2])[0] = delta(yhat)[0]
    delta(a[2])[0] = delta(h[2])[0]*(1 - h[2][0]**2)
    delta(h[1])[0] = delta(a[2])[0]*w[0]
    delta(a[1])[0] = delta(h[1])[0]*(1 - h[1][0]**2)
    >>> found.gradients["w"][0]
    delta(a[1])[0]*h[0][0] + delta(a[2])[0]*h[1][0]
    """
    for count in (steps, steps if output_steps is None else output_steps):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise DerivationError(f"steps must be whole numbers from 1, but one is {count!r}")
    graph = graph_of(network)
    counts = {T: steps, S: steps if output_steps is None else output_steps}
    values = network.size_values(**sizes) | counts
    leaves = {name: symbols(name, values) for name in leaf_names(network, counts)}
    arithmetic = Arithmetic(sympy.Rational, _apply, values)
    assignments: list[tuple[Any, Any]] = []

    def bind(array: Array, name: Expression) -> Array:
        bound = symbols(name, values)
        assignments.extend(zip(np.ravel(bound), np.ravel(np.asarray(array, dtype=object)), strict=True))
        return bound

    numbers = Numbers(_exact, arithmetic, arithmetic, bind=bind)
    sweep = Sweep(graph, adjoint_recursion(graph), Sequence(counts, leaves), numbers)
    gradients = {p.name: _sum(list(sweep.terms[p].values()), np.shape(leaves[p])) for p in network.parameters}
    return EntryDerivation(leaves, tuple(assignments), gradients)


def symbols(name: Any, values: Mapping[Any, int]) -> Array:
    """Return the entries of a quantity as symbols: h[3][0] at step 3, W[0, 1], δ(h[3])[0]; a scalar's is h[3]."""
    quantity = name.variable if isinstance(name, Adjoint) else name
    step = getattr(quantity, "step", None)
    label = quantity.name if step is None else f"{quantity.name}[{step}]"
    label = f"delta({label})" if isinstance(name, Adjoint) else label
    found = np.empty(tuple(int(length.xreplace(values)) for length in name.shape), dtype=object)
    for place in np.ndindex(found.shape):
        found[place] = sympy.Symbol(label + (f"[{', '.join(map(str, place))}]" if place else ""), real=True)
    return found if found.shape else found[()]


def _exact(array: Any) -> Array:
    """Symbols as they are, and whole numbers as SymPy's."""
    return entrywise(lambda one: one if isinstance(one, sympy.Basic) else sympy.Integer(int(one)), array)


def _apply(function: str, array: Array) -> Array:
    return entrywise(activations[function].symbol, array)


def _sum(terms: list[Array], shape: tuple[int, ...]) -> Array:
    """Σ of arrays, each entry in one sum: adding term by term would sort each partial sum anew."""
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        found[place] = sympy.Add(*(np.asarray(term, dtype=object)[place] for term in terms))
    return found if shape else found[()]
