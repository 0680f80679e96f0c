"""Whole networks by hand: cells and losses of ``forward_passes`` over the steps of each topology; and autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from forward_passes import Distance, Step, Unit, Values


def same(value: Any) -> Any:
    return value


def one_behind(targets: Any) -> list[Any]:
    """What a teacher shows a decoder: zeros, then the target of the step before."""
    return [np.zeros(targets.shape[1:]), *targets[:-1]]


def newest(value: Any) -> Any:
    return value[-1] if isinstance(value, list) else value


def prefixed(prefix: str, values: Mapping[str, Any]) -> Values:
    """The values whose names begin with ``prefix``, named without it."""
    return {name[len(prefix):]: value for name, value in values.items() if name.startswith(prefix)}


def suffixed(suffix: str, values: Mapping[str, Any]) -> Values:
    """The values whose names end in ``suffix``, named without it."""
    return {name[: -len(suffix)]: value for name, value in values.items() if name.endswith(suffix)}


def states_of(step: Step, p: Values, inputs: Sequence[Any], state: Values) -> list[Values]:
    """The state after each step."""
    found = []
    for x in inputs:
        state = step(p, x, state)
        found.append(state)
    return found


def of_layers(units: Sequence[Unit]) -> Unit:
    """Layer upon layer: each reads the newest output of the one below, of the same step."""
    numbered = [(f"_{number}", unit) for number, unit in enumerate(units, start=1)]

    def step(p: Values, x: Any, s: Values) -> Values:
        found: Values = {}
        for ending, unit in numbered:
            after = unit.step(suffixed(ending, p), x, suffixed(ending, s))
            x = newest(after[unit.output])
            found |= {name + ending: value for name, value in after.items()}
        return found

    return Unit(
        step,
        {name + ending: start for ending, unit in numbered for name, start in unit.states.items()},
        units[-1].output + numbered[-1][0],
        units[-1].weights,
        tuple(name + ending for ending, unit in numbered for name in unit.scalars),
        {name + ending: lag for ending, unit in numbered for name, lag in unit.lags.items()},
    )


@dataclass(frozen=True)
class Witness:
    """A network by hand. The last four fields are the right ones; planted errors put wrong ones in their places."""

    unit: Unit
    distance: Distance
    topology: str = "many-to-one"
    decoder: Unit | None = None
    teacher: bool = True
    both_ways: bool = False
    mean: bool = False
    feed: bool = False
    pass_on: Callable[[Any], Any] = same
    hand_over: Callable[[Any], Any] = same
    teach: Callable[[Any], list[Any]] = one_behind
    truncate: bool = True

    @property
    def last(self) -> Unit:
        """The cell that the readout reads."""
        return self.decoder or self.unit

    @property
    def every(self) -> bool:
        return self.topology in ("one-to-many", "many-to-many", "encoder-decoder")

    def starts(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        """The declared start of each free state: of the cell, its copy, or the decoder where it is handed nothing."""
        found = {name: self._start(self.unit, name, sizes["n"]) for name in self.unit.states}
        if self.both_ways:
            found |= {f"bwd_{name}": self._start(self.unit, name, sizes["n_bwd"]) for name in self.unit.states}
        if self.topology == "encoder-decoder":
            own = [name for name in self.last.states if self._source(name) is None]
            found |= {f"dec_{name}": self._start(self.last, name, sizes["n"]) for name in own}
            if not self.teacher:
                found[self.fed] = np.zeros(sizes["d_dec"])
        return found

    @property
    def fed(self) -> str:
        return "x_fed" if self.feed else "yhat"

    def _start(self, unit: Unit, name: str, size: int) -> Any:
        shape = () if name in unit.scalars else (size,)
        lag = unit.lags.get(name, 1)
        return np.full((lag, *shape) if lag > 1 else shape, unit.states[name])

    def _source(self, name: str) -> str | None:
        """The encoder's state that the decoder's starts from: of the same name, or the only one for the only one."""
        if name in self.unit.states:
            return name
        single = len(self.unit.states) == len(self.last.states) == 1
        return next(iter(self.unit.states)) if single else None

    def logits(self, p: Values, inputs: Any, targets: Any, start: Values) -> list[Any]:
        """What stands before the link, of each output of one sequence."""
        unit = self.unit
        if self.topology == "one-to-many":
            return self._fed_back(unit, p, p, inputs, start, len(targets))
        if self.topology == "encoder-decoder":
            return self._decoded(p, inputs, targets, start)
        steps = [inputs] if self.topology == "one-to-one" else inputs
        ahead = [newest(state[unit.output]) for state in states_of(unit.step, p, steps, start)]
        if self.both_ways:
            back = states_of(unit.step, prefixed("bwd_", p), steps[::-1], prefixed("bwd_", start))
            others = [newest(state[unit.output]) for state in back]
            pairs = zip(ahead, others[::-1], strict=True) if self.every else [(ahead[-1], others[-1])]
            ahead = [anp.concatenate(pair) for pair in pairs]
        return [self._read(p, h) for h in (ahead if self.every else ahead[-1:])]

    def _read(self, p: Values, h: Any) -> Any:
        weights, bias = self.last.weights
        return anp.dot(h, p[weights]) + p[bias]

    def _decoded(self, p: Values, inputs: Any, targets: Any, start: Values) -> list[Any]:
        end = states_of(self.unit.step, p, inputs, start)[-1]
        sources = {name: self._source(name) for name in self.last.states}
        state = {name: start[f"dec_{name}"] if source is None else self.hand_over(end[source])
                 for name, source in sources.items()}
        own = prefixed("dec_", p)
        if not self.teacher:
            return self._fed_back(self.last, p, own, start[self.fed], state, len(targets))
        states = states_of(self.last.step, own, self.teach(targets), state)
        return [self._read(p, newest(state[self.last.output])) for state in states]

    def _fed_back(self, unit: Unit, p: Values, own: Values, x: Any, state: Values, count: int) -> list[Any]:
        """Each output becomes the next input; ``own`` are the parameters of the cell."""
        found = []
        for _ in range(count):
            state = unit.step(own, x, state)
            found.append(self._read(p, newest(state[unit.output])))
            output = self.pass_on(self.distance.link(found[-1]))
            x = anp.tanh(anp.dot(output, p["W_feed"]) + p["b_feed"]) if self.feed else output
        return found

    def sequence_loss(self, p: Values, inputs: Any, targets: Any, start: Values) -> Any:
        found = self.logits(p, inputs, targets, start)
        losses = [self.distance.of(a, y) for a, y in zip(found, targets if self.every else [targets], strict=True)]
        total = sum(losses[1:], losses[0])
        return total / len(losses) if self.mean else total

    def loss(self, leaves: Values, targets: Any, counts: Sequence[tuple[int, int]]) -> Any:
        """The mean over the batch; ``counts`` are each sequence's own numbers of inputs and of outputs."""
        p = {name: leaves["parameters"][name] for name in leaves["parameters"]}
        lags = self.unit.lags
        total = 0.0
        for i, (steps, outputs) in enumerate(counts):
            start = {}
            for name in leaves["starts"]:
                value = leaves["starts"][name][i]
                lag = lags.get(name.removeprefix("bwd_"), 1)
                start[name] = [value[back] for back in range(lag)] if lag > 1 else value
            x, y = leaves["inputs"][i], targets[i]
            x = [x[t] for t in range(steps)] if leaves["inputs"].ndim == 3 else x
            total = total + self.sequence_loss(p, x, y[:outputs] if self.every else y, start)
        return total / len(counts)

    def value_and_grad(self, arguments: Mapping[str, Any], starts: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """The loss and all gradients, under the names of ``value_and_grad`` of a compiled network."""
        inputs, targets = np.asarray(arguments["inputs"]), arguments["targets"]
        batch = len(inputs)
        given = arguments.get("initial_state") or {}
        begun = {name: np.asarray(given.get(name, np.stack([start] * batch))) for name, start in starts.items()}
        leaves = {"parameters": dict(arguments["parameters"]), "inputs": inputs, "starts": begun}
        value, gradients = autograd.value_and_grad(self.loss)(leaves, targets, self._counts(arguments))
        found = dict(gradients["parameters"]) | {"inputs": gradients["inputs"]}
        return float(value), found | {f"{name}_0": gradient for name, gradient in gradients["starts"].items()}

    def _counts(self, arguments: Mapping[str, Any]) -> list[tuple[int, int]]:
        batch = len(arguments["inputs"])
        steps = np.shape(arguments["inputs"])[1] if np.ndim(arguments["inputs"]) == 3 else 1
        outputs = np.shape(arguments["targets"])[1] if self.every else 1
        both = {"lengths": [steps] * batch, "target_lengths": [outputs] * batch}
        for name in both:
            if self.truncate and arguments.get(name) is not None:
                both[name] = [int(count) for count in arguments[name]]
                if name == "lengths" and self.topology in ("one-to-many", "many-to-many"):
                    both["target_lengths"] = both[name]
        return list(zip(both["lengths"], both["target_lengths"], strict=True))
