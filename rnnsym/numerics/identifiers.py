"""Python identifiers for the names of a network: the user's own wherever they are free, never two for one."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from typing import Any

from rnnsym.calculus.notation import Adjoint
from rnnsym.calculus.unrolling import BACK
from rnnsym.model.activations import activations
from rnnsym.model.expressions import Constant, Parameter, Variable, t
from rnnsym.numerics.functions import helpers

NUMPY = [name for entry in activations.values() for name in re.findall(r"np\.(\w+)", entry.numpy)]
RESERVED = frozenset({
    "np", "parameters", "inputs", "targets", "initial_state", "lengths", "wrt", "given", "active", "last", "tape",
    "batch", "steps", "gradients", "value", "state", "forward", "readout", "predict", "loss", "losses",
    "value_and_grad", "step", "PARAMETERS", "d_inputs", "d_reversed", "from_the_end", "decode", "start", "previous",
    "order", "history", "rows", "history_forward", "seen", "turned", "weights", "all_weights", "values",
    "target_lengths", "tape_decode", "tape_from_the_end", "active_decode", "active_from_the_end", "state_decode",
    "state_from_the_end", "past", "first", "block", "BLOCK", "WIDE", "alone", "forward_one", "decode_one",
    "from_the_end_one", "backward", "backward_one", "back_from_the_end", "back_from_the_end_one",
    "back_from_decode", "back_from_decode_one", "d_state", "d_start", "loop_gradients", "add", "subtract",
    "multiply", "negative", "reciprocal", "square", "between", "matmul", "stacked", "whole", "turns", "block_of",
    "room", "rooms", "FEW", "parts", "d_from_the_end", "stretch", "stretch_back", "checkpoints", "going_on",
    "goes_on", "part", "left", "own", "own_value", "starts", "count", "share", "counted", "stop", "entries",
    "band", "before", "arriving", "solution", "solver", "banded_solver", "blocks_of", "carried_back", "MANY", "SQUARES",
    "SOLVED", "ROOM",
    *dir(builtins), *keyword.kwlist, *keyword.softkwlist, *activations, *helpers, *NUMPY,
    "round_half_up", "merged",
})


class Identifiers:
    """Gives each key its identifier once and the same ever after; ``reserved`` are further names that none gets."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._given: dict[Any, str] = {}
        self._taken: set[str] = {*RESERVED, *reserved}

    def __call__(self, key: Any) -> str:
        """Return the identifier of a parameter, constant, variable, adjoint or size."""
        canonical = _canonical(key)
        if canonical not in self._given:
            self._given[canonical] = self._free(_wish(canonical))
        return self._given[canonical]

    def reserve(self, key: Any, name: str) -> None:
        """Give a key a reserved identifier."""
        self._given[key] = name

    def derived(self, prefix: str, key: Any) -> str:
        """Return the identifier of something that belongs to ``key``, such as its gradient."""
        return self((prefix, _canonical(key)))

    def of_step(self, key: Any) -> str:
        """Return the identifier of one step's values, where that of ``key`` holds those of all steps."""
        canonical = ("t", _canonical(key))
        if canonical not in self._given:
            self._given[canonical] = self._free(f"{self(key)}_t")
        return self._given[canonical]

    def fresh(self, wish: str) -> str:
        """Return an identifier that nothing else has."""
        return self._free(wish)

    def local(self, wish: str, key: Any) -> str:
        """Return the identifier of what several functions each have of their own, such as a spare array."""
        known = ("local", wish, key)
        if known not in self._given:
            self._given[known] = self._free(wish)
        return self._given[known]

    def _free(self, wish: str) -> str:
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish


def _canonical(key: Any) -> Any:
    """Quantities of step t, of the last step and of no step bear one name; those of the step before another."""
    if isinstance(key, Variable):
        return ("previous", key.name) if key.step in (t - 1, t + 1) else ("variable", key.name)
    if isinstance(key, Adjoint):
        return ("d", _canonical(key.variable))
    return key


def _wish(key: Any) -> str:
    match key:
        case ("previous", str(name)):
            return f"{name}_prev".replace(BACK, "_back")
        case ("variable", str(name)):
            return name.replace(BACK, "_back").replace(" ", "_")
        case (str(prefix), inner):
            return f"{prefix}_{_wish(inner)}"
        case Parameter() | Constant():
            return key.name
    return f"size_{key}"
