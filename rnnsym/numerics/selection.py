"""Which gradients are asked for, and the form in which each is returned: that of what it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rnnsym.calculus.unrolling import BACK
from rnnsym.errors import DataError
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Float
from rnnsym.numerics.validation import Arguments


class GradientNames:
    """The names of a network's gradients, and of those that its generated module has for them."""

    def __init__(self, network: Network) -> None:
        self.parameters = tuple(p.name for p in network.parameters)
        self._lags = {state.variable.name: state.lag for state in network.states}
        self._single_step = network.shape_of_steps.single_step
        inputs = () if network.reads_index else ("inputs",)  # a row's number has no derivative
        self._known = (*self.parameters, *inputs, *(f"{name}_0" for name in self._lags))

    def wanted(self, wrt: Iterable[str] | None) -> tuple[str, ...]:
        """Return the names asked for; DataError for one that is none."""
        if wrt is None:
            return self.parameters
        try:
            names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        except TypeError:
            raise DataError(f"wrt: expected names of gradients, but it is {wrt!r:.80}") from None
        for name in names:
            if name not in self._known:
                raise DataError(f"wrt: unknown name {name!r}; the names are {', '.join(self._known)}")
        return names

    def kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The module's names of gradients: a state that reaches several steps back has one a step."""
        return tuple(one for name in names for one in (
            name, *(f"{name[:-2]}{BACK}{back}_0" for back in range(1, self._lags.get(name[:-2], 1)))))

    def joined(self, name: str, gradients: Mapping[str, Float]) -> Float:
        """∂L by an initial state of several steps, the oldest first."""
        own = self.kept((name,))
        return gradients[name] if len(own) == 1 else np.stack([gradients[one] for one in reversed(own)], axis=1)

    def own_shape(self, name: str, gradient: Float, found: Arguments) -> Float:
        """Give a gradient the shape of what it belongs to: one sequence has no batch axis, a shared state none."""
        if name in found.parameters:
            return gradient
        if name == "inputs" and self._single_step:
            gradient = gradient[:, 0]
        given = (found.initial_state or {}).get(name[:-2]) if name.endswith("_0") else None
        if given is not None:
            return np.asarray(gradient.sum(axis=0)) if given.ndim < gradient.ndim else gradient
        return np.asarray(gradient[0]) if found.single else gradient


def registers(initial_state: dict[str, Float] | None, network: Network) -> dict[str, Float] | None:
    """Lay what a state of several steps starts from into its registers: the newest is the state itself."""
    if initial_state is None:
        return None
    found: dict[str, Float] = {}
    for state in network.states:
        name, value = state.variable.name, initial_state.get(state.variable.name)
        if value is None or state.lag == 1:
            found |= {} if value is None else {name: value}
            continue
        newest_first = np.flip(np.moveaxis(value, value.ndim - 1 - state.variable.rank, 0), axis=0)
        found |= {f"{name}{BACK}{back}" if back else name: one for back, one in enumerate(newest_first)}
    return found
