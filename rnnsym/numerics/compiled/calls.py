"""The functions of a module that users' arrays come to: they make room for results, and call what is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.model.losses import losses
from rnnsym.numerics.compiled.entries import EntryCode
from rnnsym.numerics.compiled.loops import LoopCode


class CallCode:
    """Writes ``predict``, ``loss`` and ``value_and_grad``."""

    def __init__(self, entries: EntryCode, loops: list[LoopCode]) -> None:
        self.entries, self.loops = entries, loops
        self.setting, self.graph, self.names = entries.setting, entries.graph, entries.names
        self.network, self.topology = entries.network, entries.topology

    def functions(self) -> list[Iterator[str]]:
        """The functions."""
        found = [self._call("predict"), self._call("loss"), self._call("value_and_grad")]
        return [*found, self._direct()] if self._is_direct else found

    @property
    def _is_direct(self) -> bool:
        """Whether arguments can be handed on as they come, because the compiled function sees all that must fit."""
        prepared = losses[self.network.loss].distribution or self.network.reads_index or self.topology.decodes
        return not (prepared or self.topology.one_input)

    def _direct(self) -> Iterator[str]:
        parameters = self.network.parameters
        yield "def direct(parameters, inputs, targets):"
        yield '    """Return what value_and_grad does for arrays that fit as they are, None for all other arguments."""'
        yield f"    if type(parameters) is not dict or len(parameters) != {len(parameters)}:"
        yield "        return None"
        yield "    try:"
        yield from (f'        {self.names(p)} = parameters["{p.name}"]' for p in parameters)
        kinds = " is ".join(f"type({one})" for one in (*self.setting.parameters, "inputs", "targets"))
        yield f"        if not ({kinds} is np.ndarray):"  # a mask would be overlooked, or have no type
        yield "            return None"
        yield from (f"        {self.setting.gradient(p)} = np.empty({self.names(p)}.shape)" for p in parameters)
        nothing = {start: f"NOTHING_{1 + s.rank}" for s, start in self.entries.starts.items()}
        nothing |= {name: empty for name, (empty, _) in self._empty_outputs().items()} | {"lengths": "NO_LENGTHS"}
        arguments = (nothing.get(one, one) for one in self.entries.arguments("gradient"))
        yield f"        value, check = (gradient.compiled or gradient.ready())({', '.join(arguments)})"
        yield "    except (KeyError, AttributeError, TypeError, ValueError, NumbaError):"
        yield "        return None"
        yield "    if check != 0.0:"
        yield "        return None"
        pairs = (f'"{p.name}": {self.setting.gradient(p)}' for p in parameters)
        yield f"    return value, {{{', '.join(pairs)}}}"

    def _call(self, kind: str) -> Iterator[str]:
        entry = {"value_and_grad": "gradient", "loss": "mean_loss", "predict": "output"}[kind]
        needed = ["inputs"] if kind == "predict" else ["inputs", "targets"]
        if kind == "predict":
            needed += ["steps"] if self.entries.fed else ["targets"] if self.network.forced else []
        optional = ["initial_state=None", "lengths=None", *(["target_lengths=None"] if self.topology.decodes else [])]
        more = ["wrt=PARAMETERS"] if kind == "value_and_grad" else []
        yield f"def {kind}({', '.join(['parameters', *needed, *optional, *more])}):"
        yield f'    """{_laws[kind]}"""'
        for p in self.network.parameters:
            yield f'    {self.names(p)} = parameters["{p.name}"]'
        for s, start in self.entries.starts.items():
            yield f'    {start} = NOTHING_{1 + s.rank} if initial_state is None else started(' \
                  f'initial_state, "{s.name}", len(inputs), {s.rank})'
        for lengths in self.entries.lengths_of_loops:
            yield f"    {lengths} = NO_LENGTHS if {lengths} is None else np.asarray({lengths}, dtype=np.int64)"
        if kind == "value_and_grad":
            yield from self._call_gradient()
        elif kind == "loss":
            yield f"    return {entry}({', '.join(self.entries.arguments(entry))})"
        else:
            yield f"    found = {entry}({', '.join(self.entries.arguments(entry))})"
            yield from self._shaped()

    def _shaped(self) -> Iterator[str]:
        if not self.graph.every:
            yield "    return found"
            return
        steps = "steps" if self.entries.fed else "targets.shape[1]" if self.topology.decodes else "inputs.shape[1]"
        lengths = self.entries.own_lengths(self.loops[-1])
        if steps != "steps":
            yield f"    steps = {steps}"
        yield "    found = found.reshape(steps, len(inputs), *found.shape[1:]).swapaxes(0, 1)"
        yield f"    if {lengths}.size == 0:"
        yield "        return found"
        yield f"    past = {lengths}[:, None] <= np.arange(steps)"
        yield "    return np.where(past.reshape(past.shape + (1,) * (found.ndim - 2)), 0.0, found)"

    def _call_gradient(self) -> Iterator[str]:
        for p in self.network.parameters:
            yield f"    {self.setting.gradient(p)} = np.empty({self.names(p)}.shape)"
        parameters = [f'"{p.name}": {self.setting.gradient(p)}' for p in self.network.parameters]
        others = {"inputs": "d_inputs"} | {f"{s.name}_0": name for s, name in self.entries.d_starts.items()}
        if self.network.reads_index and not self.entries.one_vector:
            del others["inputs"]
        empty = {**self._empty_outputs()}
        yield "    every = wrt == PARAMETERS"
        for name, (nothing, zeros) in empty.items():
            key = next((one for one, own in others.items() if own == name), None)
            yield f"    {name} = {nothing}" + (
                "" if key is None else f' if every or "{key}" not in wrt else {zeros}')
        yield f"    value, _ = gradient({', '.join(self.entries.arguments('gradient'))})"
        yield f"    gradients = {{{', '.join(parameters)}}}"
        yield "    if every:"
        yield "        return value, gradients"
        pairs = ", ".join(f'"{key}": {name}' for key, name in others.items())
        yield f"    gradients |= {{{pairs}}}"
        yield "    return value, {name: gradients[name] for name in wrt}"

    def _empty_outputs(self) -> dict[str, tuple[str, str]]:
        found = {"d_inputs": (f"NOTHING_{self.entries.input_axes}", "np.zeros(inputs.shape)")}
        for s, name in self.entries.d_starts.items():
            sizes = ["len(inputs)", *(self._size_of(n) for n in s.shape)]
            found[name] = f"NOTHING_{1 + s.rank}", f"np.zeros(({', '.join(sizes)},))"
        return found

    def _size_of(self, length: Any) -> str:
        """A size told from the arguments of a call."""
        def told(symbol: Any) -> str:
            for p in self.network.parameters:
                if symbol in p.shape:
                    return f"{self.names(p)}.shape[{tuple(p.shape).index(symbol)}]"
            return "inputs.shape[-1]"

        terms = [term.as_coeff_Mul() for term in length.as_ordered_terms()]
        return " + ".join(str(times) if name == 1 else f"{times} * {told(name)}" for times, name in terms)


_laws = {
    "predict": "Return the outputs, zero past a sequence's end.",
    "loss": "Return the mean loss over the batch.",
    "value_and_grad": "Return the mean loss and {name: gradient} for the names in ``wrt``.",
}
