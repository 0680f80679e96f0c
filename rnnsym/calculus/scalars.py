"""The scalars inside a matrix: as no state is a matrix, they are all through which a matrix can depend on one."""

from __future__ import annotations

from dataclasses import dataclass

from rnnsym.model.expressions import Constant, Expression, Numeral, Parameter, Size, rebuild


@dataclass(frozen=True)
class Apart:
    """``matrix`` with a name in place of each scalar, and the scalar that each name stands for."""

    matrix: Expression
    scalars: dict[Parameter, Expression]

    def put_back(self, expression: Expression) -> Expression:
        """Return ``expression`` with the scalars in place of their names."""
        return rebuild(expression, lambda node: self.scalars.get(node) if isinstance(node, Parameter) else None)


def take_apart(matrix: Expression) -> Apart:
    """Name the largest scalar sub-expressions of ``matrix`` that are no plain numbers."""
    names: dict[Expression, Parameter] = {}

    def name(node: Expression) -> Expression | None:
        if node.rank or isinstance(node, Numeral | Constant | Size):
            return None
        return names.setdefault(node, Parameter(f"scalar {len(names) + 1}", ()))

    body = rebuild(matrix, name)
    return Apart(body, {given: scalar for scalar, given in names.items()})
