"""Adapters: a user's function as the contract's ``value_and_grad``, whatever its arguments are called and laid out.

Names tell what the arguments mean. How the arrays lie is found by calls on one drawn example, all of whose axes have
different lengths: of the layouts in which the function runs and returns gradients of the parameters' shapes, that in
which its loss is the network's; without a loss, that in which most gradients are. What was chosen is in the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    returns_loss: bool = True

    def __call__(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        count = len(arguments["inputs"]) if self.axes.single else 1
        answers = [self.answer(arguments, number) for number in range(count)]
        first = answers[0]
        gradients = {name: _mean([answer.gradients[name] for answer in answers]) for name in first.gradients}
        if first.loss is None:
            return self.run.loss(**arguments), gradients if count > 1 else first.gradients
        return _mean([answer.loss for answer in answers]), gradients if count > 1 else first.gradients

    def answer(self, arguments: dict[str, Any], sequence: int = 0) -> Answer:
        """Return what the function answers on a batch, or on one of its sequences."""
        positional, keywords = [], {}
        for slot in self.slots:
            value = self._value(slot, arguments, sequence)
            if slot.positional:
                positional.append(value)
            elif slot.required or value is not None:
                keywords[slot.name] = value
        found = read_answer(self.function(*positional, **keywords), self.order)
        return replace(found, gradients={
            name: self._restored(name, gradient, arguments) for name, gradient in found.gradients.items()
        })

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
        if slot.role == "initial_state":
            given = arguments.get("initial_state")
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

    def _restored(self, name: str, gradient: Any, arguments: dict[str, Any]) -> Any:
        if self.form == PLAIN or name not in arguments["parameters"]:
            return gradient
        return self.form.restored(name, np.asarray(gradient), arguments["parameters"][name])

    def call(self, given: tuple[str, ...] = OPTIONAL) -> str:
        """Return the call as Python over the names of a counterexample; ``given`` are the options that are not None."""
        parts = []
        for slot in self.slots:
            role = OPTIONAL[0] if slot.role == "state" else slot.role
            if role not in OPTIONAL or slot.required or (role in given and role in self.takes):
                parts.append(("" if slot.positional else f"{slot.name}=") + self._code(slot))
        return f"{named(self.function)}({', '.join(parts)})"

    def _code(self, slot: Slot) -> str:
        if slot.role == "parameter":
            rank = next(p.rank for p in self.network.parameters if p.name == slot.detail)
            return self.form.code(f"parameters[{slot.detail!r}]", rank)
        if slot.role == "parameters":
            return self._code_of_parameters()
        if slot.role == "state":
            return self.axes.code(f"initial_state[{slot.detail!r}]", axes_of_state(self.network, slot.detail))
        if slot.role in OPTIONAL:
            return slot.role
        axes = axes_of_inputs(self.network) if slot.role == "inputs" else axes_of_targets(self.network)
        return self.axes.code(slot.role, axes)

    def _code_of_parameters(self) -> str:
        names = [(p.name, self.form.code(f"parameters[{p.name!r}]", p.rank)) for p in self.network.parameters]
        if self.container == "tuple":
            return f"({', '.join(code for _, code in names)})"
        return "parameters" if self.form == PLAIN else f"{{{', '.join(f'{name!r}: {code}' for name, code in names)}}}"

    def words(self) -> str:
        """Return how the function is called and what it returns, in words."""
        feature = "n" if self.network.reads_index else str(self.network.input.shape[-1])
        inputs = self.axes.words(axes_of_inputs(self.network), feature)
        parts = [f"called as {self.call(())}", f"inputs {inputs}"]
        forms = self.form.words(self.network)
        parts += [forms] if forms else []
        parts += ["one sequence a call, results averaged over the batch"] if self.axes.single else []
        parts += [] if self.returns_loss else ["the loss is not returned, and not judged"]
        return ", ".join(parts)


def _mean(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else sum(np.asarray(value) for value in values) / len(values)


def _lengths(network: Network, parameters: dict[str, Any]) -> dict[Any, int]:
    """Return {size: length} as the parameters' shapes tell."""
    return {size: length for parameter in network.parameters
            for size, length in zip(parameter.shape, np.shape(parameters[parameter.name]), strict=True)
            if size.is_Symbol}
