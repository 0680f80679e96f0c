"""A property test of a network's gradient as a module that stands alone, for the test suite of whoever has written one.

It needs the generated module beside it, NumPy, Hypothesis and pytest, and no rnnsym.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnsym.calculus.unrolling import register
from rnnsym.evidence.differences import differences_measure
from rnnsym.evidence.property_test_text import DIFFERENCES, HEAD, LAWS, NO_DIFFERENCES, PADDING, TAIL, WITNESS
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import require_code
from rnnsym.numerics.lines import broken, filled
from rnnsym.numerics.preamble import equation_lines

LARGEST = {"d": 4, "n": 4, "k": 3}  # sizes that are drawn; others up to OTHER
OTHER = 3


def property_test(network: Network, module: str = "gradient") -> str:
    """∂L/∂θ of a function of yours equals the slope of L, and the reference; batches and padding do as they should.

    ``module`` is the name of the generated module that the test imports. Errors: DerivationError for a network that has
    no code.

    >>> from rnnsym.model.cells import cells
    >>> print(property_test(Network(cells["simple"])).splitlines()[0])
    \"\"\"A property test for gradients of the network simple (many-to-one, binary_cross_entropy).
    """
    require_code(network)
    measured = differences_measure(one.expression for one in (*network.equations, *network.readout_equations))
    words = {
        "@TITLE@": f"{network.cell.name} ({network.topology}, {network.loss})",
        "@EQUATIONS@": "\n".join(line for one in equation_lines(network) for line in filled(f"    {one}")),
        "@MODULE@": module,
        "@SIZES@": _sizes(network),
        "@NAMES@": ", ".join(str(size) for size in network.sizes) or "",
        "@SHAPES@": "\n".join(f'        "{one.name}": {_shape(one.shape)},' for one in network.parameters),
        "@DATA@": "\n".join(f"    {line}" for line in _data(network)),
    }
    padded = not network.shape_of_steps.one_input
    parts = [HEAD, WITNESS if measured else NO_DIFFERENCES, LAWS, DIFFERENCES if measured else "",
             PADDING if padded else "", TAIL]
    text = "".join(parts)
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _sizes(network: Network) -> str:
    return "{" + ", ".join(f'"{size}": {LARGEST.get(str(size), OTHER)}' for size in network.sizes) + "}"


def _shape(shape: tuple[Any, ...], *axes: str) -> str:
    """Return a shape as Python's text, its sizes by their letters."""
    parts = [*axes, *(str(length) for length in shape)]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _data(network: Network) -> Iterator[str]:
    """Yield the lines that draw inputs, targets and initial states."""
    topology = network.shape_of_steps
    axes = ("batch", "1") if topology.single_step else ("batch",) if topology.one_input else ("batch", "steps")
    if network.reads_index:
        yield f"inputs = random.integers({network.input.shape[0]}, size={_shape((), *axes)})"
    else:
        yield f"inputs = random.normal(size={_shape(network.input.shape, *axes)})"
    outputs = ("batch", *(("outputs" if topology.decodes else "steps",) if topology.every else ()))
    yield from broken([f"targets = {_targets(network, _shape(network.target.shape, *outputs))}"])
    yield "initial_state = {  # in [0, 1], where every kind of state can be"
    for state in network.states:  # of one that reaches further back, the module takes each step before by itself
        before = (register(state.variable, back) for back in range(1, state.lag))
        for one in (state.variable, *before):
            yield f'    "{one.name}": random.uniform(size={_shape(one.shape, "batch")}),'
    yield "}"


def _targets(network: Network, shape: str) -> str:
    entry = losses[network.loss]
    if entry.distribution:
        return f"distributions(random.uniform(size={shape}))"
    if entry.lower == float("-inf"):
        return f"random.normal(size={shape})"
    return f"random.uniform({entry.lower!r}, {entry.upper!r}, size={shape})"
