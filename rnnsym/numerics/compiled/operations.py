"""What a step is made of once every product, sum and softmax has a name: the rest is arithmetic entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rnnsym.model.expressions import Expression, Parameter, Variable


@dataclass(eq=False)
class Entries:
    """``target``[…] = ``value``[…], entry by entry."""

    target: Any
    value: Expression


@dataclass(eq=False)
class Collapse:
    """The sum, the mean or the logsumexp (``kind``) of all entries of ``value``."""

    target: Variable
    kind: str
    value: Expression


@dataclass(eq=False)
class Normalised:
    """The softmax of a vector."""

    target: Variable
    value: Expression


@dataclass(eq=False)
class Joined:
    """``parts`` end to end, along the first axis."""

    target: Variable
    parts: tuple[Expression, ...]


@dataclass(eq=False)
class Contraction:
    """A product of which no factor is the same for all sequences, or none differs: within one sequence."""

    target: Variable
    left: Expression
    right: Expression


@dataclass(eq=False)
class FanOut:
    """Products of one vector with several weights, ``members`` of one size, as one product."""

    vector: Expression
    members: list[tuple[Variable, Expression]] = field(default_factory=list)


@dataclass(eq=False)
class FanIn:
    """The sum of products of several vectors, of one size, with weights of their own, as one product."""

    target: Variable
    members: dict[Expression, Expression] = field(default_factory=dict)


@dataclass(eq=False)
class Added:
    """Entries added to a gradient for each sequence and step."""

    parameter: Parameter
    value: Expression


@dataclass(eq=False)
class Scattered:
    """A vector added to that row of a gradient whose number ``row`` is."""

    parameter: Parameter
    row: Expression
    value: Expression


Operation = Entries | Collapse | Normalised | Joined | Contraction | FanOut | FanIn | Added | Scattered


@dataclass(frozen=True)
class Rows:
    """A gradient as a product over all steps and sequences: Σ v_i δ_j, added to entry (i, j), or (j, i) if ``turned``.

    ``vector`` None stands for 1: the gradient is Σ δ_j.
    """

    parameter: Parameter
    vector: Expression | None
    adjoint: Expression
    turned: bool = False
    negative: bool = False
