"""The public functions that cross stages; ``rnnsym`` re-exports them."""

from __future__ import annotations

from collections.abc import Mapping

from rnnsym.errors import DerivationError
from rnnsym.evidence.verification import verify
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.sections import derivation

__all__ = ["compile", "derive"]


def derive(network: Network, steps: int | None = 3, *, sizes: Mapping[str, int] | None = None, seed: int = 0) -> Derivation:
    """∂L/∂W = Σ_j ∂L/∂ŷ · ∂ŷ/∂o_T · (Π_{t=T…j+1} ∂o_t/∂o_{t−1}) · ∂⁺o_j/∂W, derived and checked line by line.

    ``steps`` is T; ``sizes`` (such as ``{"d": 5, "n": 3, "k": 1}``) adds numbers to the tables of shapes and of
    parameter counts; ``seed`` draws the random points of the checks. Errors: DerivationError for steps that are no
    whole number from 1; CheckError where a line fails its check.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> document = rnnsym.derive(network, steps=3)
    >>> document.checked
    True
    """
    if steps is None:
        raise DerivationError("steps=None, a symbolic T with its proof by induction, is not supported yet: give a number")
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise DerivationError(f"steps must be a whole number, but it is {steps!r}")
    return verify(derivation(network, steps, sizes), seed)


def compile(network: Network, backend: str = "numpy") -> CompiledNetwork:  # noqa: A001 - the contract's name
    """L(θ) and ∂L/∂θ as functions of arrays; ``.source`` is the module they run. Errors: see ``CompiledNetwork``.

    >>> import rnnsym
    >>> run = rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]))
    >>> "for step in range(steps):" in run.source
    True
    """
    return compile_network(network, backend)
