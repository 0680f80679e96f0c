"""Adapters: a user's function as the contract's ``value_and_grad``, whatever its arguments are called and laid out.

Names tell what the arguments mean. How the arrays lie is found by calls on one drawn example, all of whose axes have
different lengths (see ``probes``). What was chosen is in the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnsym.evidence.answers import Answer, read_answer
from rnnsym.evidence.layouts import LAYOUTS, PLAIN, Axes, Form, axes_of_inputs, axes_of_state, axes_of_targets
from rnnsym.evidence.signatures import OPTIONAL, Slot, named
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork

CONTAINERS = ("dict", "tuple")  # in which all parameters come as one argument


@dataclass(frozen=True)
class Adapter:
    """One way of calling a function; called itself with the arguments of ``value_and_grad``, it returns what that does.

    ``__call__`` raises what the function raises, and CheckError for an answer that cannot be read.
    """

    function: Callable[..., Any]
    network: Network
    run: CompiledNetwork
    slots: tuple[Slot, ...]
    axes: Axes = LAYOUTS[0]
    form: Form = PLAIN
    container: str = CONTAINERS[0]
    returns: str = ""  # in words
    known: bool = True  # whether the layout is known by what the function returns in it

    def __call__(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        count = len(arguments["inputs"]) if self.axes.single else 1
        answers = [self.answer(arguments, number) for number in range(count)]
        restored = [self.restored(answer.gradients, arguments["parameters"]) for answer in answers]
        gradients = {name: _mean([one[name] for one in restored]) for name in restored[0]}
        losses = [answer.loss for answer in answers]
        return self.run.loss(**arguments) if losses[0] is None else _mean(losses), gradients

    def answer(self, arguments: dict[str, Any], sequence: int = 0) -> Answer:
        """Return what the function answers on a batch, or on one of its sequences, gradients in its own form."""
        positional, keywords = [], {}
        for slot in self.slots:
            value = self._value(slot, arguments, sequence)
            if slot.positional:
                positional.append(value)
            elif slot.required or value is not None:
                keywords[slot.name] = value
        return read_answer(self.function(*positional, **keywords), self.order)

    def restored(self, gradients: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        """Return gradients in the form of the network's parameters; CheckError where one has not its parameter's."""
        known = {name: name in parameters and self.form != PLAIN for name in gradients}
        return {name: self.form.restored(name, np.asarray(value), parameters[name]) if known[name] else value
                for name, value in gradients.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The order of gradients without names: that of the arguments that are parameters, else the network's."""
        separate = tuple(slot.detail for slot in self.slots if slot.role == "parameter")
        return separate or tuple(parameter.name for parameter in self.network.parameters)

    @cached_property
    def takes(self) -> tuple[str, ...]:
        """Which of the optional arguments can be drawn; states only where the function takes all of them."""
        roles = {slot.role for slot in self.slots}
        states = {slot.detail for slot in self.slots if slot.role == "state"}
        whole = bool(states) and states == {state.variable.name for state in self.network.states}
        return tuple(name for name in OPTIONAL if (name in roles and not (self.axes.single and name != OPTIONAL[0]))
                     or (name == OPTIONAL[0] and whole))

    def _value(self, slot: Slot, arguments: dict[str, Any], sequence: int) -> Any:
        if slot.role == "parameters":
            return self._parameters(arguments["parameters"])
        if slot.role == "parameter":
            return self.form.arranged(arguments["parameters"][slot.detail])
        if slot.role == "state":
            return self._state(slot, arguments, sequence)
        if slot.role == OPTIONAL[0]:
            given = arguments.get(slot.role)
            return given and {name: self.axes.arranged(value, axes_of_state(self.network, name), sequence)
                              for name, value in given.items()}
        if slot.role in OPTIONAL:
            return arguments.get(slot.role)
        axes = axes_of_inputs(self.network) if slot.role == "inputs" else axes_of_targets(self.network)
        return self.axes.arranged(arguments[slot.role], axes, sequence)

    def _parameters(self, given: dict[str, Any]) -> Any:
        if self.container == "dict":
            return given if self.form == PLAIN else {name: self.form.arranged(value) for name, value in given.items()}
        return tuple(self.form.arranged(given[name]) for name in self.order)

    def _state(self, slot: Slot, arguments: dict[str, Any], sequence: int) -> Any:
        """Return one state; where none is drawn its declared start, or nothing for an argument with a default."""
        given, axes = arguments.get("initial_state"), axes_of_state(self.network, slot.detail)
        if given is not None:
            return self.axes.arranged(given[slot.detail], axes, sequence)
        if not slot.required:
            return None
        state = next(state for state in self.network.states if state.variable.name == slot.detail)
        lengths = _lengths(self.network, arguments["parameters"])
        own = (int(one.xreplace(lengths)) for one in state.variable.shape)
        shape = [len(arguments["inputs"]), *([state.lag] if state.lag > 1 else []), *own]
        return self.axes.arranged(np.full(shape, float(state.initial)), axes, sequence)

    def call(self, given: tuple[str, ...] = OPTIONAL) -> str:
        """Return the call as Python over the names of a counterexample, to paste below it; "" without a name.

        ``given`` are the options that are not None there.
        """
        name = getattr(self.function, "__name__", "")
        return self._written(name, given) if name.isidentifier() else ""

    def _written(self, name: str, given: tuple[str, ...]) -> str:
        parts = []
        for slot in self.slots:
            role = OPTIONAL[0] if slot.role == "state" else slot.role
            if role not in OPTIONAL or slot.required or (role in given and role in self.takes):
                code = self._code(slot) if role not in OPTIONAL or role in given else self._code_of_start(slot)
                parts.append(("" if slot.positional else f"{slot.name}=") + code)
        return f"{name}({', '.join(parts)})"

    def _code(self, slot: Slot) -> str:
        if slot.role == "parameter":
            rank = next(p.rank for p in self.network.parameters if p.name == slot.detail)
            return self.form.code(f"parameters[{slot.detail!r}]", rank)
        if slot.role == "parameters":
            return self._code_of_parameters()
        if slot.role == "state":
            return self._code_of_state(slot.detail)
        if slot.role == OPTIONAL[0] and self.axes != LAYOUTS[0]:
            names = [state.variable.name for state in self.network.states]
            return f"{{{', '.join(f'{name!r}: {self._code_of_state(name)}' for name in names)}}}"
        if slot.role in OPTIONAL:
            return slot.role
        axes = axes_of_inputs(self.network) if slot.role == "inputs" else axes_of_targets(self.network)
        return self.axes.code(slot.role, axes)

    def _code_of_state(self, name: str) -> str:
        return self.axes.code(f"initial_state[{name!r}]", axes_of_state(self.network, name))

    def _code_of_start(self, slot: Slot) -> str:
        """Return the code of what a function that needs an option gets where there is none."""
        if slot.role != "state":
            return "None"
        state = next(state for state in self.network.states if state.variable.name == slot.detail)
        own = [_code_of_length(self.network, size) for size in state.variable.shape]
        shape = ", ".join(["len(inputs)", *([str(state.lag)] if state.lag > 1 else []), *own])
        return self.axes.code(f"np.full(({shape},), {float(state.initial)})", axes_of_state(self.network, slot.detail))

    def _code_of_parameters(self) -> str:
        names = [(p.name, self.form.code(f"parameters[{p.name!r}]", p.rank)) for p in self.network.parameters]
        if self.container == "tuple":
            return f"({', '.join(code for _, code in names)},)"
        return "parameters" if self.form == PLAIN else f"{{{', '.join(f'{name!r}: {code}' for name, code in names)}}}"

    def words(self) -> str:
        """Return how the function is called and what it returns, in words."""
        feature = "n" if self.network.reads_index else str(self.network.input.shape[-1])
        inputs = self.axes.words(axes_of_inputs(self.network), feature)
        states = any(slot.required and slot.role in ("state", OPTIONAL[0]) for slot in self.slots)
        given = OPTIONAL[:1] if states and OPTIONAL[0] in self.takes else ()
        parts = [f"called as {self._written(named(self.function), given)}", f"inputs {inputs}"]
        forms = self.form.words(self.network)
        parts += [forms] if forms else []
        parts += ["one sequence a call, results averaged over the batch"] if self.axes.single else []
        parts += [f"returns {self.returns}"] if self.returns else []
        unknown = "in no layout of its arguments does it return the network's loss, so this one may not be its own"
        return ", ".join(parts) + ("" if self.known else f" ({unknown})")


def _mean(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else sum(np.asarray(value) for value in values) / len(values)


def _lengths(network: Network, parameters: dict[str, Any]) -> dict[Any, int]:
    """Return {size: length} as the parameters' shapes tell."""
    return {size: length for parameter in network.parameters
            for size, length in zip(parameter.shape, np.shape(parameters[parameter.name]), strict=True)
            if size.is_Symbol}


def _code_of_length(network: Network, size: Any) -> str:
    """Return a size of a state as code: a number, or the length of a parameter that has it."""
    places = ((parameter.name, axis) for parameter in network.parameters
              for axis, length in enumerate(parameter.shape) if length == size and size.is_Symbol)
    name, axis = next(places, ("", 0))
    return f"parameters[{name!r}].shape[{axis}]" if name else str(size)
