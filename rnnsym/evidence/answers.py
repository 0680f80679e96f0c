"""What a user's function returns, read as a loss and a gradient for each parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnsym.errors import CheckError

NO_LOSS = "the loss is not returned, and not judged"
SPELLINGS = ("{}", "d{}", "grad{}", "{}grad", "dL{}", "dLd{}")  # of a gradient's key, without underscores


@dataclass(frozen=True)
class Answer:
    """The loss, None where none is returned, {parameter: gradient}, and in words how it was returned."""

    loss: Any
    gradients: dict[str, Any]
    words: str


def read_answer(answer: Any, order: Sequence[str]) -> Answer:
    """Return what an answer holds; ``order`` is that of gradients that come without names. Errors: CheckError."""
    listed = ", ".join(f"d{name}" for name in order)
    if isinstance(answer, Mapping):
        return Answer(None, _keyed(answer, order), f"a dict of gradients; {NO_LOSS}")
    if not isinstance(answer, tuple | list):
        raise CheckError(f"it returned {_kind(answer)}")
    if len(answer) > 1 and isinstance(answer[1], Mapping):
        further = f", and {len(answer) - 2} more that are not looked at" if len(answer) > 2 else ""
        return Answer(_number(answer[0]), _keyed(answer[1], order), f"the loss and a dict of gradients{further}")
    if len(answer) == 2 and isinstance(answer[1], tuple | list) and len(answer[1]) == len(order):
        return Answer(_number(answer[0]), _in_order(answer[1], order), f"loss, ({listed})")
    if len(answer) == len(order) + 1:
        return Answer(_number(answer[0]), _in_order(answer[1:], order), f"loss, {listed}")
    if len(answer) == len(order):
        return Answer(None, _in_order(answer, order), f"{listed}; {NO_LOSS}")
    raise CheckError(f"it returned {_kind(answer)}, but there are {len(order)} parameters")


def _kind(answer: Any) -> str:
    if not isinstance(answer, tuple | list):
        return f"{type(answer).__name__}"
    return f"a {type(answer).__name__} of {len(answer)} ({', '.join(type(part).__name__ for part in answer)})"


def _number(loss: Any) -> Any:
    """Return a loss of shape (1,) or (1, 1) as the number that it holds; anything else stays, to be judged."""
    try:
        array = np.asarray(loss)
    except Exception:
        return loss
    return array.reshape(())[()] if array.size == 1 and array.ndim else loss


def _in_order(gradients: Sequence[Any], order: Sequence[str]) -> dict[str, Any]:
    return dict(zip(order, gradients, strict=True))


def _keyed(gradients: Mapping[Any, Any], order: Sequence[str]) -> dict[str, Any]:
    """Return gradients under the parameters' names; keys that are no spelling of a name stay as they are."""
    found: dict[str, Any] = {}
    for key, gradient in gradients.items():
        names = [key] if key in order else [name for name in order if _spells(str(key), name)]
        name = names[0] if len(names) == 1 else str(key)
        if name in found:
            raise CheckError(f"it returned two gradients of {name}: {', '.join(map(repr, gradients))}")
        found[name] = gradient
    if not found.keys() & set(order):
        raise CheckError(f"it returned a dict with the keys {', '.join(map(repr, gradients)) or '(none)'}")
    return found


def _spells(key: str, name: str) -> bool:
    bare = name.replace("_", "")
    return key.replace("_", "") in {form.format(bare) for form in SPELLINGS}
