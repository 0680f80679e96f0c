"""The PyTorch module of a network: loops without autograd's record, and ``Function``s that go the derived way back."""

from __future__ import annotations

from rnnsym.calculus.unrolling import StepGraph
from rnnsym.numerics.frameworks.helpers import Dialect
from rnnsym.numerics.frameworks.modules import Module
from rnnsym.numerics.frameworks.printing import TorchPrinter

SCAN = '''
def scan(step, carry, sequences, steps, reverse=False):
    """Run ``carry, found = step(carry, now)`` over the steps of ``sequences``; return the carry, and all that is found.

    Backwards where ``reverse``; what is found is stacked in the order of the sequences.
    """
    each = [None if values is None else values.unbind(0) for values in sequences]
    places = range(steps)
    found = [()] * steps
    for place in reversed(places) if reverse else places:
        carry, found[place] = step(carry, tuple(None if values is None else values[place] for values in each))
    return carry, tuple(torch.stack(values) for values in zip(*found))
'''

PREPARED = '''
def prepared(parameters, inputs):
    """Return parameters and inputs in one floating type, their shapes checked, and the sizes that they tell."""
    if set(parameters) != set(SHAPES):
        raise ValueError(f"parameters: expected the keys {', '.join(SHAPES)}, but they are {', '.join(parameters)}")
    arrays = {name: torch.as_tensor(parameters[name]) for name in SHAPES}
    inputs = torch.as_tensor(inputs)
    dtype = reduce(torch.promote_types, [array.dtype for array in (*arrays.values(), inputs)])
    if not dtype.is_floating_point:
        raise TypeError(f"parameters and inputs: expected floating numbers, but the type is {dtype}")
    sizes = {}
    arrays = {name: fitted(sizes, name, array.to(dtype), SHAPES[name]) for name, array in arrays.items()}
    return arrays, fitted(sizes, "inputs", inputs.to(dtype), INPUTS), sizes
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
        array = torch.as_tensor(given[name]).to(like) if name in given else like.new_full(shape, value)
        if tuple(array.shape) not in (shape, shape[1:]):
            raise ValueError(f"initial state {name}: expected shape {shape}, but the shape is {tuple(array.shape)}")
        found[name] = array.expand(shape)
    return found
'''

COUNTED = '''
def whole(name, array):
    """Return a tensor of whole numbers."""
    array = torch.as_tensor(array)
    if array.dtype.is_floating_point or array.dtype in (torch.bool, torch.complex64, torch.complex128):
        raise TypeError(f"{name}: expected whole numbers, but the type is {array.dtype}")
    return array.long()


def counted(lengths, steps, sizes, starts):
    """Return the lengths, who runs at each step, (steps, batch), and the starts."""
    if lengths is None:
        return None, None, starts
    device = next(iter(starts.values())).device
    lengths = fitted(sizes, "lengths", whole("lengths", lengths), ("batch",)).to(device)
    if lengths.min() < 1 or lengths.max() > steps:
        raise ValueError(f"lengths: expected whole numbers from 1 to {steps}, but they are {lengths.tolist()}")
    return lengths, torch.arange(steps, device=device)[:, None] < lengths, starts
'''

HELD = '''
def held(values, lengths):
    """Repeat each sequence's last step past its end, so that nothing is computed of what stands there."""
    if lengths is None:
        return values
    place = torch.minimum(torch.arange(len(values), device=values.device)[:, None], lengths - 1)
    return values[place, torch.arange(values.shape[1], device=values.device)]
'''

TURNED = '''
def turned(values, lengths):
    """Return the values of all steps from the last to the first, each sequence within its own length."""
    if lengths is None:
        return values.flip(0)
    steps = torch.arange(len(values), device=values.device)[:, None]
    place = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return values[place, torch.arange(values.shape[1], device=values.device)]
'''

ROWS = '''
def rows(numbers):
    """Return numbers of rows, none of them negative."""
    numbers = whole("inputs", numbers)
    if numbers.min() < 0:
        raise ValueError(f"inputs: expected numbers of rows, from 0, but one is {numbers.min()}")
    return numbers
'''

ONE_HOT = '''
def one_hot(numbers, count, dtype):
    """Return rows of zeros with a 1 at each number."""
    return torch.nn.functional.one_hot(numbers.long(), count).to(dtype)
'''

CLASSES = '''    if targets.ndim == len(TARGETS) - 1 and not targets.dtype.is_floating_point:  # class numbers
        targets = one_hot(targets, length(sizes, TARGETS[-1]), like.dtype)
'''

AS_TARGETS = '''
def as_targets(targets, sizes, like):
    """Return the targets in the type of all else, their shape checked."""
    targets = torch.as_tensor(targets)
«CLASSES»    return fitted(sizes, "targets", targets.to(like), TARGETS)
'''

REFUSAL = '''
def refuse_second_derivatives():
    """Raise where the way back itself is recorded: its derivative would come out as zero."""
    if torch.is_grad_enabled():
        raise RuntimeError("no second derivatives: the way back is not differentiated, and create_graph=True was asked "
                           "for; the module for JAX has them")
'''

LOOP = '''
class «CLASS»(torch.autograd.Function):
    """``«NAME»_steps``, differentiated by ``«NAME»_back``: autograd records none of its steps."""

    @staticmethod
    def forward(ctx, «GIVEN», running, *tensors):
        weights, start = dict(zip(«OWN», tensors)), tensors[len(«OWN»):]
        found, tape = «NAME»_steps(weights, start, «GIVEN», running, keep=True)
        ctx.save_for_backward(running, *tensors, *tape)
        return found

    @staticmethod
    def backward(ctx, *arriving):
        refuse_second_derivatives()
        running, *saved = ctx.saved_tensors
        weights, start, tape = dict(zip(«OWN», saved)), saved[len(«OWN»):«TAPE»], saved[«TAPE»:]
        gradients, d_start, d_read = «NAME»_back(weights, start, tape, running, arriving)
        return d_read, None, *(gradients[name] for name in «OWN»), *d_start


def «NAME»(weights, start, «GIVEN», running):
    """Run the loop; what the way back reads is kept only where gradients are recorded."""
    if not torch.is_grad_enabled():
        return «NAME»_steps(weights, start, «GIVEN», running, keep=False)[0]
    return «CLASS».apply(«GIVEN», running, *(weights[name] for name in «OWN»), *start)
'''

READOUT = '''
class Readout(torch.autograd.Function):
    """``readout_values``, differentiated by ``readout_back``."""

    @staticmethod
    def forward(ctx, *tensors):
        found, tape = readout_values(dict(zip(READOUT, tensors)), tensors[len(READOUT):])
        ctx.save_for_backward(*tensors, *tape)
        return found

    @staticmethod
    def backward(ctx, *arriving):
        refuse_second_derivatives()
        weights, states = dict(zip(READOUT, ctx.saved_tensors)), ctx.saved_tensors[len(READOUT):«TAPE»]
        gradients, d_states = readout_back(weights, states, ctx.saved_tensors[«TAPE»:], arriving)
        return *(gradients[name] for name in READOUT), *d_states


def readout(weights, states):
    """Compute the outputs."""
    return Readout.apply(*(weights[name] for name in READOUT), *states)
'''

VALUE_AND_GRAD = '''
def value_and_grad(parameters, inputs, targets, «OPTIONAL», wrt=PARAMETERS):
    """Return the mean loss and {name: gradient}.

    ``wrt`` names parameters, «NAMED»initial states such as "«STATE»_0".
    """
    parameters, «FOUND», sizes = prepared(parameters, inputs)
    like = «LIKE»
    starts = started(initial_state, sizes, like) | ({} if initial_state is None else initial_state)
    others = {«KNOWN»**{f"{name}_0": torch.as_tensor(value).to(like) for name, value in starts.items()}}
    known = others | parameters
    unknown = [name for name in wrt if name not in known]
    if unknown:
        raise ValueError(f"wrt: unknown name {unknown[0]!r}; the names are {', '.join(known)}")
    chosen = {name: known[name].detach().requires_grad_() for name in wrt}
    own = {name: chosen.get(name, value.detach()) for name, value in parameters.items()}
    free = others | {name: value for name, value in chosen.items() if name not in parameters}
    states = {name: free[f"{name}_0"] for name in STATES}
    with torch.enable_grad():
        value = loss(own, «READS», targets, states, «LENGTHS»)
    found = torch.autograd.grad(value, list(chosen.values()), materialize_grads=True) if chosen else ()
    return value.detach(), dict(zip(chosen, found))


class Network(torch.nn.Module):
    """The network with its parameters, given as {name: tensor or array}; they are ``weights``, by their names."""

    def __init__(self, parameters):
        super().__init__()
        if set(parameters) != set(SHAPES):
            raise ValueError(f"parameters: expected the keys {', '.join(SHAPES)}, but they are {', '.join(parameters)}")
        self.weights = torch.nn.ParameterDict()
        for name in SHAPES:
            self.weights[self.key(name)] = torch.nn.Parameter(torch.as_tensor(parameters[name]).detach().clone())

    def key(self, name):
        """Return the key of a parameter: its name, with a prime where it is a name of ParameterDict itself."""
        return f"{name}'" if hasattr(torch.nn.ParameterDict, name) or name == "training" else name

    def parameters_by_name(self):
        """Return {name: parameter}."""
        return {name: self.weights[self.key(name)] for name in SHAPES}

    def forward(self, inputs«EXTRA», «OPTIONAL»):
        """Return the outputs, as ``predict`` does."""
        return predict(self.parameters_by_name(), inputs«EXTRA», initial_state, «LENGTHS»)

    def loss(self, inputs, targets, «OPTIONAL»):
        """Return the mean loss over the batch."""
        return loss(self.parameters_by_name(), inputs, targets, initial_state, «LENGTHS»)
'''


TORCH = Dialect(
    title="PyTorch",
    printer=TorchPrinter,
    imports="from functools import reduce\n\nimport torch",
    helpers=(SCAN, COUNTED, STARTED, REFUSAL),
    prepared=PREPARED,
    held=HELD,
    turned=TURNED,
    rows=ROWS,
    one_hot=ONE_HOT,
    as_targets=AS_TARGETS,
    classes=CLASSES,
    loop=LOOP,
    loop_without_inputs=LOOP,
    readout=READOUT,
    value_and_grad=VALUE_AND_GRAD,
    zeros="{like}.new_zeros({shape})",
)


def torch_source(graph: StepGraph) -> str:
    """Return the text of a PyTorch module with ``predict``, ``loss``, ``value_and_grad`` and a ``Network``."""
    return Module(graph, TORCH).source()
