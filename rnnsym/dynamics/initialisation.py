"""First values of weights, biases and states: a table of schemes, each a law with its source.

Every parameter has a random stream of its own, by the seed and its name: what is drawn for one does not depend on the
others that a network has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsym.dynamics.connections import Connection, connections, forget_biases
from rnnsym.dynamics.draws import recurrent_weights
from rnnsym.dynamics.multipliers import first_value, multipliers
from rnnsym.errors import DataError
from rnnsym.model.kinds import checked_sizes, entry, known_network
from rnnsym.model.networks import Network
from rnnsym.numerics import numbers

Float = NDArray[np.float64]
Draw = Callable[[Connection, np.random.Generator], Float]

SMALL = 0.01
TINY = 0.001  # Le et al. 2015, section 4: the weights beside the identity


@dataclass(frozen=True)
class Scheme:
    """How weights start: ``law`` in symbols, its source, the draw.

    Biases are 0 unless ``biases`` says otherwise, gains 1 and shares U(0, 1) unless ``multipliers`` does.
    """

    name: str
    law: str
    source: str
    draw: Draw
    biases: bool = False
    multipliers: bool = False
    needs_recurrent: bool = False


def _normal(connection: Connection, generator: np.random.Generator, deviation: float) -> Float:
    return deviation * generator.standard_normal(connection.shape)


def _uniform(connection: Connection, generator: np.random.Generator, bound: float) -> Float:
    return generator.uniform(-bound, bound, connection.shape)


def _orthogonal(connection: Connection, generator: np.random.Generator) -> Float:
    """Q of the QR decomposition of a Gaussian matrix, with R's diagonal positive: the uniform (Haar) law."""
    if len(connection.shape) != 2:
        return _normal(connection, generator, SMALL)
    rows, columns = connection.shape
    factor, triangle = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
    orthonormal = factor * np.where(np.diag(triangle) < 0, -1.0, 1.0)
    return np.ascontiguousarray(orthonormal if rows >= columns else orthonormal.T)


def _identity(connection: Connection, generator: np.random.Generator) -> Float:
    return np.eye(connection.shape[0]) if connection.recurrent else _normal(connection, generator, TINY)


_glorot = "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, AISTATS"
_he = "He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, ICCV, arXiv:1502.01852"

_schemes = (
    Scheme("zeros", "W = 0", "nothing is drawn: all units of a layer stay alike",
           lambda one, generator: np.zeros(one.shape), multipliers=True),
    Scheme("small_random", "W ~ N(0, 0.01²)", "Karpathy 2015, min-char-rnn",
           lambda one, generator: _normal(one, generator, SMALL)),
    Scheme("lecun_normal", "W ~ N(0, 1 / fan_in)",
           "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.6; a square W has ρ(W) → 1",
           lambda one, generator: _normal(one, generator, float(np.sqrt(1 / one.fan_in)))),
    Scheme("xavier_uniform", "W ~ U(±√(6 / (fan_in + fan_out)))", f"{_glorot}, eq. (16)",
           lambda one, generator: _uniform(one, generator, float(np.sqrt(6 / (one.fan_in + one.fan_out))))),
    Scheme("xavier_normal", "W ~ N(0, 2 / (fan_in + fan_out))", f"{_glorot}, eq. (12)",
           lambda one, generator: _normal(one, generator, float(np.sqrt(2 / (one.fan_in + one.fan_out))))),
    Scheme("he_uniform", "W ~ U(±√(6 / fan_in))", f"{_he}, the variance of eq. (10)",
           lambda one, generator: _uniform(one, generator, float(np.sqrt(6 / one.fan_in)))),
    Scheme("he_normal", "W ~ N(0, 2 / fan_in)", f"{_he}, eq. (10)",
           lambda one, generator: _normal(one, generator, float(np.sqrt(2 / one.fan_in)))),
    Scheme("orthogonal", "WᵀW = I (WWᵀ = I where W has more columns than rows)",
           "Saxe, McClelland, Ganguli 2014, Exact solutions to the nonlinear dynamics of learning in deep linear "
           "neural networks, ICLR, arXiv:1312.6120", _orthogonal),
    Scheme("identity", "W = I for a square matrix that multiplies a state of the step before, else W ~ N(0, 0.001²)",
           "Le, Jaitly, Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, "
           "arXiv:1504.00941", _identity, needs_recurrent=True),
    Scheme("pytorch", "W, b ~ U(±1/√n), n the number of units (of the readout: of its inputs)",
           "the defaults of torch.nn.RNN, LSTM, GRU and Linear",
           lambda one, generator: _uniform(one, generator, float(1 / np.sqrt(one.units))), biases=True),
)

schemes: Mapping[str, Scheme] = MappingProxyType({scheme.name: scheme for scheme in _schemes})


def initialise(
    network: Network, sizes: Mapping[str, int], scheme: str = "small_random", seed: int = 0, *,
    forget_bias: float | Mapping[str, float] | None = None,
) -> dict[str, Float]:
    """Weights by the law of ``schemes[scheme]``, biases 0 unless it says otherwise; {name: array}.

    ``sizes`` as for ``network.shapes``, such as ``{"d": 5, "n": 3, "k": 1}``. fan_in is the number of entries that a
    weight sums over: the rows of W in ``x @ W``, its columns in ``W @ x``; 1 for a weight that multiplies entry by
    entry. Weights that are no matrix are N(0, 0.01²) under "orthogonal". Shares, p beside 1 − p, start in U(0, 1) and
    other factors (gains) at 1, save under "zeros"; the factor of a state inside a function is a weight (a diagonal).
    ``forget_bias`` is the value of the bias in each gate f of ``s = f * s_prev + …`` with ``f = sigmoid(… + b)`` (Gers,
    Schmidhuber, Cummins 2000; 1 after Jozefowicz, Zaremba, Sutskever 2015), or such values by the biases' names, as in
    ``{"b_f": 1.0}``. Errors: DataError for an unknown scheme, a seed that is no whole number from 0, a forget gate that
    is not to be found or not named rightly, "identity" for a cell without such a matrix; NetworkError for sizes.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.cells["lstm"])
    >>> parameters = initialise(network, {"d": 5, "n": 3, "k": 1}, "orthogonal", forget_bias=1.0)
    >>> parameters["b_f"], parameters["b_i"]
    (array([1., 1., 1.]), array([0., 0., 0.]))
    """
    known_network(network)
    law, start = entry("scheme", schemes, scheme), numbers.seed(seed)
    found = {}
    recurrent, multiplying = _recurrent(network, law), {} if law.multipliers else multipliers(network)
    for name, one in connections(network, checked_sizes(sizes), recurrent).items():
        stream = _stream(start, name)
        if name in multiplying:
            found[name] = first_value(multiplying[name], stream.standard_normal(one.shape))
        else:
            found[name] = np.zeros(one.shape) if one.is_bias and not law.biases else law.draw(one, stream)
    for name, value in _forget_values(network, forget_bias).items():
        found[name] = np.full_like(found[name], value)
    return found


def initialise_state(
    network: Network, sizes: Mapping[str, int], batch: int, scheme: str = "zeros", seed: int = 0
) -> dict[str, Float]:
    """s_0 = the declared first value (0 unless declared), for "small_random" plus N(0, 0.01²); {state: (batch, n)}.

    A scalar state has the shape (batch,), one that is used k > 1 steps back (batch, k, n), the oldest step first.
    Errors: DataError for another scheme, for a batch that is no whole number from 1 or a seed that is
    none from 0; NetworkError for sizes.
    """
    known_network(network)
    if not isinstance(scheme, str) or scheme not in ("zeros", "small_random"):
        raise DataError(f"scheme: a state starts by zeros or small_random, not {scheme!r:.80}")
    rows, start = numbers.whole("batch", batch, 1), numbers.seed(seed)
    values = network.size_values(**checked_sizes(sizes))
    found = {}
    for state in network.states:
        own = tuple(int(one.xreplace(values)) for one in state.variable.shape)
        shape = (rows, *((state.lag,) if state.lag > 1 else ()), *own)
        noise = SMALL * _stream(start, state.variable.name).standard_normal(shape)
        first = np.full(shape, float(state.initial))
        found[state.variable.name] = first if scheme == "zeros" else first + noise
    return found


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _recurrent(network: Network, scheme: Scheme) -> tuple[str, ...]:
    names = recurrent_weights(network) if scheme.needs_recurrent else ()
    if scheme.needs_recurrent and not names:
        raise DataError(f"scheme: {scheme.name} is for square matrices that multiply a state of the step before, and "
                        f"the cell {network.cell.name} has none; take another scheme")
    return names


def _forget_values(network: Network, given: Any) -> dict[str, float]:
    """Return the value of each bias that ``given`` is about."""
    if given is None:
        return {}
    biases = [count.parameter.name for count in network.counts() if count.kind == "bias"]
    if isinstance(given, Mapping):
        for name in given:
            if name not in biases:
                raise DataError(f"forget_bias: {name!r:.80} is no bias; the biases are {', '.join(biases) or 'none'}")
        return {name: numbers.number(f"forget_bias {name}", value) for name, value in given.items()}
    value = numbers.number("forget_bias", given)
    return dict.fromkeys(forget_biases(network), value)
