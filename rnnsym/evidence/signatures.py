"""What the arguments of a user's function mean, told by their usual names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnnsym.errors import CheckError
from rnnsym.model.networks import Network

USUAL_NAMES = {
    "parameters": ("parameters", "params", "param", "weights", "theta", "p", "w", "ws"),
    "inputs": ("inputs", "input", "x", "xs", "sequence", "sequences"),
    "targets": ("targets", "target", "y", "ys", "ytrue", "labels", "label"),
    "initial_state": ("initialstate",),
    "lengths": ("lengths", "seqlengths", "inputlengths"),
    "target_lengths": ("targetlengths",),
}
STATE_NAMES = ("{}0", "{}prev", "{}init", "init{}", "initial{}")
ANY_STATE = ("h", "s", "state", "hidden")  # what a network's only state may be called, whatever its own name
NEEDED = ("parameters", "inputs", "targets")
OPTIONAL = ("initial_state", "lengths", "target_lengths")
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
BY_KEYWORD = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Slot:
    """One argument: its name, its role, which ``parameter`` or ``state`` it is (``detail``), and how it is passed."""

    name: str
    role: str
    detail: str = ""
    positional: bool = False
    required: bool = True


def named(function: Callable[..., Any]) -> str:
    """Return the name by which a function is shown."""
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


def shown(function: Callable[..., Any]) -> str:
    """Return a function's name with its signature."""
    try:
        return f"{named(function)}{inspect.signature(function)}"
    except (TypeError, ValueError):
        return f"{named(function)}(…)"


def keeps_contract(function: Callable[..., Any]) -> bool:
    """Whether a function can be called with the contract's own names, so that nothing needs to be adapted."""
    try:
        arguments = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    names = {name for name, one in arguments.items() if one.kind in BY_KEYWORD}
    needed = {name for name, one in arguments.items() if one.default is one.empty and one.kind not in VARIABLE}
    any_keyword = any(one.kind is one.VAR_KEYWORD for one in arguments.values())
    return needed <= {*NEEDED, *OPTIONAL} & names and (any_keyword or set(NEEDED) <= names)


def expected(network: Network) -> str:
    """Return the signature that every function may have."""
    names = ", ".join(parameter.name for parameter in network.parameters)
    return ("expected a function of (parameters, inputs, targets), and where it has them of initial_state and lengths, "
            f"that returns (loss, {{parameter: gradient}}); the parameters are {names}, and a network with other names "
            "is given by --network FILE or rnnsym.Network")


def plain(name: str) -> str:
    """Return a name without case and underscores."""
    return name.replace("_", "").lower()


def slots_of(function: Callable[..., Any], network: Network) -> tuple[Slot, ...]:
    """Return what each argument of a function means; CheckError where one is not understood or a needed one is missing.

    Arguments with a default that are not understood, and further keywords, are left out. A function whose signature is
    not to be had is called by the contract's own names.
    """
    try:
        arguments = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return tuple(Slot(name, name) for name in NEEDED)
    slots = [slot for argument in arguments if (slot := _slot(argument, function, network)) is not None]
    if not slots and any(argument.kind is argument.VAR_POSITIONAL for argument in arguments):
        return tuple(Slot(name, name, positional=True) for name in NEEDED)
    _refuse_missing(slots, function, network)
    _refuse_doubled(slots, function, network)
    return tuple(slots)


def _slot(argument: inspect.Parameter, function: Callable[..., Any], network: Network) -> Slot | None:
    if argument.kind in VARIABLE:
        return None
    required = argument.default is argument.empty
    role, detail = _meaning(argument.name, network)
    if role:
        return Slot(argument.name, role, detail, argument.kind in POSITIONAL and required, required)
    if required:
        raise CheckError(f"{shown(function)}: the argument {argument.name!r} is not understood; {expected(network)}")
    return None


def _meaning(name: str, network: Network) -> tuple[str, str]:
    """Return the role of a name, and which parameter or state it is; ("", "") where it is not understood."""
    parameters = {parameter.name: parameter.name for parameter in network.parameters}
    exact = parameters.get(name)
    if exact is not None:
        return "parameter", exact
    role = next((role for role, names in USUAL_NAMES.items() if plain(name) in names), "")
    if role:
        return role, ""
    matches = [known for known in parameters if plain(known) == plain(name)]
    if len(matches) == 1:
        return "parameter", matches[0]
    return next((("state", state) for state in _state_names(network) if plain(name) in _spellings(state, network)),
                ("", ""))


def _state_names(network: Network) -> list[str]:
    return [state.variable.name for state in network.states]


def _spellings(state: str, network: Network) -> set[str]:
    stems = {plain(state), *(ANY_STATE if len(network.states) == 1 else ())}
    return {form.format(stem) for form in STATE_NAMES for stem in stems}


def _refuse_missing(slots: list[Slot], function: Callable[..., Any], network: Network) -> None:
    roles = {slot.role for slot in slots}
    separate = {slot.detail for slot in slots if slot.role == "parameter"}
    missing = [role for role in NEEDED if role not in roles]
    if separate and "parameters" in missing:
        missing = [p.name for p in network.parameters if p.name not in separate] + missing[1:]
    if missing:
        raise CheckError(f"{shown(function)}: no argument for {', '.join(missing)}; {expected(network)}")


def _refuse_doubled(slots: list[Slot], function: Callable[..., Any], network: Network) -> None:
    meanings = [(slot.role, slot.detail) for slot in slots]
    for slot in slots:
        doubled = slot.role == "parameter" and ("parameters", "") in meanings
        if doubled or meanings.count((slot.role, slot.detail)) > 1:
            raise CheckError(f"{shown(function)}: {slot.name!r} is not the only argument for "
                             f"{slot.detail or slot.role}; {expected(network)}")
