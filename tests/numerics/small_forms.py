"""What tests of the code for small sizes share."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rnnsym.numerics import forms


@contextmanager
def looped() -> Iterator[None]:
    """Nothing is written out, and every loop is taken to pay: the recurrent form from T = 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "MOST_OPERATIONS", 0)
        patch.setattr(forms, "LOOPED", 0.0)
        yield


def names_given_nowhere(source: str) -> set[str]:
    """The names that a module's code reads, but neither it nor Python gives."""
    tree = ast.parse(source)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    found = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | set(dir(builtins))
    found |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    found |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    found |= {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    return {node.id for node in names} - found
