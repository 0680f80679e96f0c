"""The JAX module of a network: ``lax.scan``, and a ``custom_vjp`` whose way back is the derived recursion."""

from __future__ import annotations

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.numerics.frameworks.helpers import Dialect
from rnnsym.numerics.frameworks.modules import Module
from rnnsym.numerics.frameworks.printing import JaxPrinter

PREPARED = '''
def prepared(parameters, inputs):
    """Return parameters and inputs in one floating type, their shapes checked, and the sizes that they tell."""
    if set(parameters) != set(SHAPES):
        raise ValueError(f"parameters: expected the keys {', '.join(SHAPES)}, but they are {', '.join(parameters)}")
    arrays = {name: jnp.asarray(parameters[name]) for name in SHAPES}
    inputs = jnp.asarray(inputs)
    dtype = jnp.result_type(*arrays.values(), inputs)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"parameters and inputs: expected floating numbers, but the type is {dtype}")
    sizes = {}
    arrays = {name: fitted(sizes, name, array.astype(dtype), SHAPES[name]) for name, array in arrays.items()}
    return arrays, fitted(sizes, "inputs", inputs.astype(dtype), INPUTS), sizes
'''

STARTED = '''
def started(given, sizes, like):
    """Return where the states start: as given, for each sequence or one for all, else at their declared values."""
    given = {} if given is None else given
    unknown = [name for name in given if name not in STATES]
    if unknown:
        raise ValueError(f"initial_state: unknown key {unknown[0]!r}; the keys are {', '.join(STATES)}")
    found = {}
    for name, (axes, value) in STATES.items():
        shape = tuple(length(sizes, axis) for axis in ("batch", *axes))
        array = jnp.asarray(given.get(name, jnp.full(shape, value)), like.dtype)
        if array.shape not in (shape, shape[1:]):
            raise ValueError(f"initial state {name}: expected shape {shape}, but the shape is {array.shape}")
        found[name] = jnp.broadcast_to(array, shape)
    return found
'''

COUNTED = '''
def whole(name, array):
    """Return an array of whole numbers."""
    array = jnp.asarray(array)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"{name}: expected whole numbers, but the type is {array.dtype}")
    return array


def counted(lengths, steps, sizes, starts):
    """Return the lengths, who runs at each step, (steps, batch), and the starts.

    A sequence whose length is none of 1 … steps starts from NaN, and so gives NaN: nothing can be raised under jit.
    """
    if lengths is None:
        return None, None, starts
    lengths = fitted(sizes, "lengths", whole("lengths", lengths), ("batch",))
    fits = (lengths >= 1) & (lengths <= steps)
    starts = {name: jnp.where(fits.reshape(-1, *[1] * (value.ndim - 1)), value, jnp.nan)
              for name, value in starts.items()}
    return lengths, jnp.arange(steps)[:, None] < lengths, starts
'''

HELD = '''
def held(values, lengths):
    """Repeat each sequence's last step past its end, so that nothing is computed of what stands there."""
    if lengths is None:
        return values
    place = jnp.minimum(jnp.arange(len(values))[:, None], lengths - 1)
    return values[place, jnp.arange(values.shape[1])]
'''

TURNED = '''
def turned(values, lengths):
    """Return the values of all steps from the last to the first, each sequence within its own length."""
    if lengths is None:
        return values[::-1]
    steps = jnp.arange(len(values))[:, None]
    place = jnp.where(steps < lengths, lengths - 1 - steps, steps)
    return values[place, jnp.arange(values.shape[1])]
'''

ROWS = '''
def rows(numbers):
    """Return numbers of rows; a negative one is that of no row, and gives NaN where it is looked up."""
    numbers = whole("inputs", numbers)
    return jnp.where(numbers < 0, jnp.iinfo(numbers.dtype).max, numbers)
'''

ONE_HOT = '''
def one_hot(numbers, count, dtype):
    """Return rows of zeros with a 1 at each number; NaN where there is no such entry."""
    known = (numbers >= 0) & (numbers < count)
    return jnp.where(known[..., None], jax.nn.one_hot(numbers, count, dtype=dtype), jnp.nan)
'''

CLASSES = '''    if targets.ndim == len(TARGETS) - 1 and jnp.issubdtype(targets.dtype, jnp.integer):  # class numbers
        targets = one_hot(targets, length(sizes, TARGETS[-1]), like.dtype)
'''

AS_TARGETS = '''
def as_targets(targets, sizes, like):
    """Return the targets in the type of all else, their shape checked."""
    targets = jnp.asarray(targets)
«CLASSES»    return fitted(sizes, "targets", targets.astype(like.dtype), TARGETS)
'''

LOOP = '''
@jax.custom_vjp
def «NAME»(weights, start, «GIVEN», running):
    """Run the loop; its gradient is ``«NAME»_back``, whoever asks for it."""
    return «NAME»_steps(weights, start, «GIVEN», running, keep=False)[0]


def «NAME»_kept(weights, start, «GIVEN», running):
    """Run the loop and keep what the way back reads."""
    found, tape = «NAME»_steps(weights, start, «GIVEN», running, keep=True)
    return found, (weights, start, tape, running)


def «NAME»_pulled(kept, arriving):
    """Go back through the loop; the mask has no gradient."""
    return (*«NAME»_back(*kept, arriving), None)


«NAME».defvjp(«NAME»_kept, «NAME»_pulled)
'''
FED = LOOP.replace("@jax.custom_vjp", "@partial(jax.custom_vjp, nondiff_argnums=(2,))").replace(
    "«NAME»_pulled(kept, arriving)", "«NAME»_pulled(steps, kept, arriving)").replace(
    "    return (*«NAME»_back(*kept, arriving), None)",
    "    gradients, d_start, _ = «NAME»_back(*kept, arriving)\n    return gradients, d_start, None")

READOUT = '''
@jax.custom_vjp
def readout(weights, states):
    """Compute the outputs; their gradient is ``readout_back``, whoever asks for it."""
    return readout_values(weights, states)[0]


def readout_kept(weights, states):
    """Compute the outputs and keep what the way back reads."""
    found, tape = readout_values(weights, states)
    return found, (weights, states, tape)


def readout_pulled(kept, arriving):
    """Go back through the outputs."""
    return readout_back(*kept, arriving)


readout.defvjp(readout_kept, readout_pulled)
'''

VALUE_AND_GRAD = '''
def value_and_grad(parameters, inputs, targets, «OPTIONAL», wrt=PARAMETERS):
    """Return the mean loss and {name: gradient}.

    ``wrt`` names parameters, «NAMED»initial states such as "«STATE»_0".
    Under ``jax.jit`` the names are static: a tuple, with ``static_argnames="wrt"``.
    """
    parameters, «FOUND», sizes = prepared(parameters, inputs)
    like = «LIKE»
    starts = started(initial_state, sizes, like) | ({} if initial_state is None else initial_state)
    others = {«KNOWN»**{f"{name}_0": value for name, value in starts.items()}}
    known = others | parameters
    unknown = [name for name in wrt if name not in known]
    if unknown:
        raise ValueError(f"wrt: unknown name {unknown[0]!r}; the names are {', '.join(known)}")

    def chosen_loss(chosen):
        own = {name: chosen.get(name, value) for name, value in parameters.items()}
        free = others | {name: value for name, value in chosen.items() if name not in parameters}
        states = {name: free[f"{name}_0"] for name in STATES}
        return loss(own, «READS», targets, states, «LENGTHS»)

    return jax.value_and_grad(chosen_loss)({name: jnp.asarray(known[name], like.dtype) for name in wrt})
'''


JAX = Dialect(
    title="JAX",
    printer=JaxPrinter,
    imports="import jax\nimport jax.numpy as jnp\nfrom jax import lax",
    helpers=(COUNTED, STARTED),
    prepared=PREPARED,
    held=HELD,
    turned=TURNED,
    rows=ROWS,
    one_hot=ONE_HOT,
    as_targets=AS_TARGETS,
    classes=CLASSES,
    loop=LOOP,
    loop_without_inputs=FED,
    readout=READOUT,
    value_and_grad=VALUE_AND_GRAD,
    zeros="jnp.zeros({shape}, {like}.dtype)",
)


def jax_source(graph: StepGraph) -> str:
    """Return the text of a JAX module with ``predict``, ``loss`` and ``value_and_grad``."""
    return Module(graph, JAX).source()
