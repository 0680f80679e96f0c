"""Which names are scalars, vectors and matrices: what the syntax settles before any size is known.

A parameter that stands beside ``@``, bears ``.T`` or is added to such a matrix is a matrix; any other parameter is
a vector; a scalar, or a vector beside ``@``, is annotated. Gates take the rank of what is assigned to them.
"""

from __future__ import annotations

from collections.abc import Mapping

from rnnsym.model.sources import fail
from rnnsym.model.statements import Assignment, Node
from rnnsym.model.vocabulary import reductions

ELEMENTWISE = ("sum", "product", "quotient", "negative", "power", "call", "comparison")


def infer_ranks(lines: tuple[Assignment, ...], declared: Mapping[str, int]) -> dict[str, int]:
    """Return the rank of every parameter and assigned name; ``declared`` holds those known beforehand."""
    matrices: dict[str, int] = {}
    while True:  # each round finds a further matrix or is the last
        ranks = {**declared, **matrices}
        for line in lines:
            _mark(line.expression, ranks)
            ranks.setdefault(line.target, _rank(line.expression, ranks, unknown=1))
        assigned = {line.target for line in lines}
        found = {name: 2 for name, rank in ranks.items() if rank == 2 and name not in assigned | declared.keys()}
        if found == matrices:
            return {name: ranks.get(name, 1) for name in _names(lines)} | ranks
        matrices = found


def _names(lines: tuple[Assignment, ...]) -> list[str]:
    stack = [line.expression for line in lines]
    names: list[str] = []
    while stack:
        node = stack.pop()
        names += [node.name] if node.kind == "parameter" else []
        stack.extend(node.operands)
    return names


def _is_elementwise(node: Node) -> bool:
    return node.kind in ELEMENTWISE and node.name not in (*reductions, "dot", "concat")


def _known(node: Node, ranks: Mapping[str, int]) -> int | None:
    """Return the rank of ``node``, None while it rests on a parameter of which nothing is known."""
    if node.kind in ("number", "constant"):
        return 0
    if node.kind in ("variable", "previous", "parameter"):
        return ranks.get(node.name)
    if node.kind in ("identity", "transpose"):
        return 2
    if node.kind == "lookup" or node.name == "concat":
        return 1
    if node.kind == "matmul":
        return max(sum(_rank(operand, ranks, unknown=2) for operand in node.operands) - 2, 0)
    if not _is_elementwise(node):
        return 0
    parts = [_known(operand, ranks) for operand in node.operands]
    if 1 in parts:
        return 1
    return 2 if 2 in parts else None if None in parts else 0


def _rank(node: Node, ranks: Mapping[str, int], unknown: int) -> int:
    known = _known(node, ranks)
    return unknown if known is None else known


def _mark(node: Node, ranks: dict[str, int], inside: bool = False) -> None:
    """Enter into ``ranks`` what must be a matrix below ``node``; ``inside``: it is a part of an elementwise one."""
    for operand in node.operands:
        _mark(operand, ranks, _is_elementwise(node))
    if node.kind in ("matmul", "transpose"):
        for operand in node.operands:
            if _known(operand, ranks) in (None, 2):
                _make_matrix(operand, ranks)
    elif node.kind == "lookup":
        _make_matrix(node.operands[0], ranks)
    elif not inside and _is_elementwise(node) and _known(node, ranks) == 2:
        _make_matrix(node, ranks)


def _make_matrix(node: Node, ranks: dict[str, int]) -> None:
    """Enter the undecided parameters of a sum as matrices; in a product only the one beside scalars."""
    if node.kind == "parameter":
        ranks.setdefault(node.name, 2)
    elif node.kind in ("product", "quotient"):
        _make_factor(node, ranks)
    elif _is_elementwise(node):
        for operand in node.operands:
            if _known(operand, ranks) in (None, 2):
                _make_matrix(operand, ranks)


def _make_factor(node: Node, ranks: dict[str, int]) -> None:
    factors = [factor for factor in node.operands if _known(factor, ranks) != 0]
    if len(factors) == 1:
        _make_matrix(factors[0], ranks)
    elif all(_known(factor, ranks) is None for factor in factors):
        shown = " and ".join(f"`{factor.place.source}`" for factor in factors)
        example = next(factor for factor in factors).place.source
        fail(f"`{node.place.source}`: nothing says which of {shown} is a matrix: annotate one, as in "
             f"`{example}: scalar` or `{example}: matrix`", node.place)
