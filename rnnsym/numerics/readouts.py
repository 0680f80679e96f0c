"""The functions of a generated module that compute the outputs from the states, and the loss of each output."""

from __future__ import annotations

from collections.abc import Iterator

from rnnsym.model.expressions import Variable
from rnnsym.model.losses import losses
from rnnsym.numerics.setting import Setting, tuple_of


def readout_function(setting: Setting, states: list[str]) -> Iterator[str]:
    """The function that computes the readout's quantities from the states that it sees."""
    graph, names = setting.graph, setting.names
    values, results = [a.value for a in graph.readout], [names(a.target) for a in graph.readout]
    yield "def readout(parameters, state):"
    yield f'    """Return {", ".join(results)} from the states {", ".join(states)}."""'
    yield from setting.unpack(values)
    yield from setting.sizes([*values, *setting.repeated_sizes(graph.readout)])
    yield f"    {tuple_of(states)} = state"
    for a in graph.readout:
        value = setting.value(a.target, a.value, f"len({states[0]})")
        yield f"    {names(a.target)} = {value}  # {setting.shape(a.target)}"
    yield f"    return {tuple_of(results)}"


def losses_function(setting: Setting, of: Variable) -> Iterator[str]:
    """The function that computes the loss of each output, of the logit where ``of`` is one."""
    graph = setting.graph
    entry = losses[graph.network.loss]
    target = Variable("target", of.shape, of.step)
    value = entry.value if entry.fused_value is None or of == graph.output else entry.fused_value
    stable = "" if of == graph.output else ", from the logit: it neither overflows nor cancels"
    yield f"def losses({setting.names(of)}, {setting.names(target)}):"
    yield f'    """Return the loss of each {"output" if graph.every else "sequence"}{stable}."""'
    yield f"    return {setting.code(value(of, target))}  # (batch,)"
