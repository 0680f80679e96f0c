"""The functions of the language and how many arguments each takes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from rnnsym.model.activations import activations
from rnnsym.model.applications import EXTREMA
from rnnsym.model.other_notations import function_otherwise

MAX_NAME = 64  # characters: a name ends up in file names, code and formulas

reductions = ("sum", "mean", "logsumexp")
arities: Mapping[str, int] = MappingProxyType(
    dict.fromkeys((*activations, *reductions, "softmax"), 1) | dict.fromkeys((*EXTREMA, "dot", "concat"), 2)
    | {"where": 3}
)
MAX_JOINED = 8
largest_arities: Mapping[str, int] = MappingProxyType({**arities, "concat": MAX_JOINED})


def unknown_function(function: str) -> str:
    """Return what to say of a name that is called but is no function of the language."""
    known = ", ".join(sorted(arities))
    near = difflib.get_close_matches(function, arities, 1)
    question = function_otherwise(function) or (f" (did you mean `{near[0]}`?)" if near else "")
    return f"there is no function `{function[:MAX_NAME]}`{question}; the functions are {known}"
