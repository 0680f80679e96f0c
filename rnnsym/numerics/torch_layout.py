"""Weights in the layout of PyTorch's recurrent layers: all gates of a layer in one matrix, applied from the left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.errors import DataError
from rnnsym.model.cells import Cell, built_in_entry
from rnnsym.model.networks import Network
from rnnsym.numerics.arrays import Shapes, as_floats, as_mapping

Float = NDArray[np.float64]

KEYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
KNOWN_KEY = re.compile(rf"({'|'.join(KEYS)})_l\d+")
REVERSE = "_reverse"


@dataclass(frozen=True)
class Gate:
    """One block of rows: its input and recurrent weight, its bias, and the recurrent bias where that stands alone."""

    from_input: str
    from_state: str
    bias: str
    state_bias: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters of the block."""
        found = (self.from_input, self.from_state, self.bias, self.state_bias)
        return tuple(name for name in found if name is not None)


_simple = (Gate("W_i", "W_h", "b"),)

layouts: Mapping[str, tuple[Gate, ...]] = MappingProxyType({
    "simple": _simple,
    "simple_relu": _simple,
    "irnn": (Gate("W_x", "W_h", "b"),),
    "lstm": tuple(Gate(f"W_x{gate}", f"W_h{gate}", f"b_{gate}") for gate in "ifgo"),
    "gru": (*(Gate(f"W_x{gate}", f"W_h{gate}", f"b_{gate}") for gate in "rz"), Gate("W_xn", "W_hn", "b_xn", "b_hn")),
})
"""The blocks of each built-in cell that ``torch.nn.RNN``, ``LSTM`` or ``GRU`` computes too, in that layer's order."""


def from_torch_state_dict(network: Network, state_dict: Any, layer: int = 0) -> dict[str, Float]:
    """W_x = W_ihᵀ, W_h = W_hhᵀ and b = b_ih + b_hh, gate by gate; return {name: array} of the cell's parameters.

    ``state_dict`` holds ``weight_ih_l0`` (gates·n, d), ``weight_hh_l0`` (gates·n, n), ``bias_ih_l0`` and
    ``bias_hh_l0`` (gates·n,), for another ``layer`` with its number; keys of further layers may be there. The gates
    stand in the order i, f, g, o (LSTM) and r, z, n (GRU, whose n keeps its two biases apart). Of a stack, ``layer``
    counts from 0 and its names get that layer's suffix. A bidirectional network of one layer also takes the keys that
    end in ``_reverse``. The readout's parameters are not in a recurrent layer. Errors: DataError for a cell that no
    such layer computes, a key that is missing or unknown, and for shapes that do not fit.
    """
    directions, blocks = _directions(network), _blocks(network, layer)
    keys = _checked_keys(state_dict, layer, directions)
    shapes, found = Shapes(), dict[str, Float]()
    for prefix, ending in directions.items():
        arrays = {key: as_floats(f"state_dict {key}_l{layer}{ending}", keys[f"{key}_l{layer}{ending}"]) for key in KEYS}
        _check_shapes(arrays, f"_l{layer}{ending}", len(blocks), shapes)
        parts = {key: np.split(array, len(blocks)) for key, array in arrays.items()}
        for place, gate in enumerate(blocks):
            own = _gate_parameters(gate, {key: rows[place] for key, rows in parts.items()})
            found |= {prefix + name: array for name, array in own.items()}
    return {p.name: found[p.name] for p in network.parameters if p.name in found}


def to_torch_state_dict(network: Network, parameters: Any, layer: int = 0) -> dict[str, Float]:
    """W_ih = W_xᵀ, W_hh = W_hᵀ, b_ih = b and b_hh = 0 (GRU: b_hn for n), gate below gate; {key: array}.

    The inverse of ``from_torch_state_dict``: the same keys, shapes and order of gates. ``parameters`` may hold the
    readout's too, which are left out. Errors: DataError for a cell that no such layer computes, parameters that are
    missing or unknown, and for shapes that do not fit.
    """
    directions = _directions(network)
    blocks = _blocks(network, layer)
    given = as_mapping("parameters", parameters, [p.name for p in network.parameters], complete=False)
    declared = {p.name: p for p in network.parameters}
    shapes, found = Shapes(), dict[str, Float]()
    for prefix, ending in directions.items():
        own = {}
        for name in (prefix + name for gate in blocks for name in gate.names):
            if name not in given:
                raise DataError(f"parameters: the key {name!r} is missing, which layer {layer} needs")
            own[name] = as_floats(f"parameter {name}", given[name])
            shapes.match(f"parameter {name}", own[name], declared[name].shape)
        rows = [_gate_rows(gate, {name: own[prefix + name] for name in gate.names}) for gate in blocks]
        found |= {f"{key}_l{layer}{ending}": np.concatenate([one[key] for one in rows]) for key in KEYS}
    return found


def _gate_parameters(gate: Gate, rows: Mapping[str, Float]) -> dict[str, Float]:
    weights = {gate.from_input: rows["weight_ih"].T.copy(), gate.from_state: rows["weight_hh"].T.copy()}
    if gate.state_bias is None:
        return weights | {gate.bias: rows["bias_ih"] + rows["bias_hh"]}
    return weights | {gate.bias: rows["bias_ih"].copy(), gate.state_bias: rows["bias_hh"].copy()}


def _gate_rows(gate: Gate, values: Mapping[str, Float]) -> dict[str, Float]:
    bias = values[gate.bias]
    second = np.zeros_like(bias) if gate.state_bias is None else values[gate.state_bias]
    return {"weight_ih": values[gate.from_input].T, "weight_hh": values[gate.from_state].T,
            "bias_ih": bias, "bias_hh": second}


def _blocks(network: Network, layer: int) -> tuple[Gate, ...]:
    """Return the blocks of a layer under the names that the network has for them."""
    if isinstance(layer, bool) or not isinstance(layer, int) or layer < 0:
        raise DataError(f"layer: expected a whole number from 0, but it is {layer!r:.80}")
    layers = network.cell.layers
    if not layers:
        return _layout(network.cell)
    if layer >= len(layers):
        raise DataError(f"layer: this network has the layers 0 to {len(layers) - 1}, not {layer}")
    return tuple(_suffixed(gate, f"_{layer + 1}") for gate in _layout(layers[layer]))


def _layout(cell: Cell) -> tuple[Gate, ...]:
    if cell.name not in layouts or built_in_entry(cell) is None:
        raise DataError(f"the cell {cell.name} is not one that a layer of PyTorch computes; those are the built-in "
                        f"cells {', '.join(layouts)}")
    return layouts[cell.name]


def _suffixed(gate: Gate, ending: str) -> Gate:
    second = None if gate.state_bias is None else gate.state_bias + ending
    return Gate(gate.from_input + ending, gate.from_state + ending, gate.bias + ending, second)


def _directions(network: Network) -> dict[str, str]:
    """Return the prefix of names for each ending of keys."""
    if not network.bidirectional:
        return {"": ""}
    if network.cell.layers:
        raise DataError("a bidirectional stack: PyTorch hands both directions to each next layer, this network runs "
                        "two stacks side by side, so that no weights of the one fit the other")
    return {"": "", "bwd_": REVERSE}


def _checked_keys(state_dict: Any, layer: int, directions: Mapping[str, str]) -> Mapping[str, Any]:
    """Check the keys; those of further layers are not looked at."""
    needed = [f"{key}_l{layer}{ending}" for ending in directions.values() for key in KEYS]
    further = [key for key in state_dict if _is_further(key, directions)] if isinstance(state_dict, Mapping) else []
    others = [key for key in further if key not in needed]
    as_mapping("state_dict", state_dict, [*needed, *others], complete=True)
    return {key: state_dict[key] for key in needed}


def _is_further(key: Any, directions: Mapping[str, str]) -> bool:
    if not isinstance(key, str):
        return False
    bare = key.removesuffix(REVERSE) if REVERSE in directions.values() else key
    return KNOWN_KEY.fullmatch(bare) is not None


def _check_shapes(arrays: Mapping[str, Float], ending: str, gates: int, shapes: Shapes) -> None:
    """Check the shapes of one direction's arrays; n is the second axis of the recurrent weights."""
    weights = arrays["weight_hh"]
    if weights.ndim != 2 or weights.shape[0] != gates * weights.shape[1] or not weights.size:
        blocks = f"{gates}n" if gates > 1 else "n"
        raise DataError(f"state_dict weight_hh{ending}: expected shape ({blocks}, n), but the shape is {weights.shape}")
    rows, size = weights.shape
    axes: dict[str, tuple[Any, ...]] = {"weight_ih": (rows, "d"), "weight_hh": (rows, size)}
    for key, array in arrays.items():
        shapes.match(f"state_dict {key}{ending}", array, axes.get(key, (rows,)))
