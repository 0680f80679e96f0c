"""Finds how a user's function wants its arrays, by calling it once in each layout on an example of unlike lengths.

Of the layouts in which it runs, that is taken in which its loss is the network's and its gradients have the parameters'
shapes; where there is no such, the loss alone, then the shapes, then the number of gradients that are multiples of the
network's: a wrong factor or sign, which the check is to find, must not hide the layout.
"""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from rnnsym.errors import CheckError, RnnsymError
from rnnsym.evidence.adapters import CONTAINERS, Adapter
from rnnsym.evidence.answers import Answer
from rnnsym.evidence.layouts import FORMS, LAYOUTS, axes_of_inputs
from rnnsym.evidence.signatures import expected, keeps_contract, shown, slots_of
from rnnsym.model.losses import losses
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network

CLOSE = 1e-4  # tells layouts apart: another one is wrong by far more, float32 by far less
UNLIKE = {"d": 4, "n": 5, "k": 6}  # lengths that no other axis has, as far as the network leaves them free
BATCH, STEPS = 2, 3
DRAWS = 20  # of an example, until one lies within the functions' domains
READ = 10**9  # how far a call came that returned: further than any line

Arguments = dict[str, Any]


class Fit(NamedTuple):
    """How well an answer fits the network's, the more decisive first."""

    loss: bool
    shapes: bool
    multiples: int


@dataclass(frozen=True)
class Probe:
    """One example, and what the network itself answers on it and on its first sequence."""

    given: Arguments
    batch: tuple[float, dict[str, Any]]
    first: tuple[float, dict[str, Any]]


def adapted(function: Callable[..., Any], network: Network) -> Callable[..., Any]:
    """Return a function with the signature of ``value_and_grad``: the function itself, or an ``Adapter`` of it.

    A function that is called by the contract's names is called in the contract's layout, and adapted only where it
    returns gradients in another form. Errors: CheckError where an argument is not understood, or where the function
    fails in every layout.
    """
    run = compile_network(network)
    if keeps_contract(function):
        return _contract(function, run)
    slots, probe = slots_of(function, network), _probe(run)
    containers = CONTAINERS[:1] if any(slot.role == "parameter" for slot in slots) else CONTAINERS
    found: list[tuple[Fit, Adapter]] = []
    complaints: list[tuple[int, str]] = []
    for way in product(LAYOUTS, FORMS, containers):
        result = _tried(Adapter(function, network, run, slots, *way), probe)
        if isinstance(result[1], str):
            complaints.append((result[0], result[1]))
            continue
        found.append((result[0], result[1]))
        if result[0] >= Fit(True, True, 0) or result[0].multiples == len(probe.batch[1]):
            break
    if not found:
        furthest = max(complaints, key=lambda one: one[0])[1]
        raise CheckError(f"{shown(function)}: fails in every layout of its arguments; {furthest}; {expected(network)}")
    return max(found, key=lambda one: one[0])[1]


def _tried(adapter: Adapter, probe: Probe) -> tuple[Fit, Adapter] | tuple[int, str]:
    """Return how well a layout fits, with the adapter, or how far the call came, with a complaint."""
    try:
        answer = _answer(adapter, probe.given)
        fit = _fit(answer, adapter, probe)
    except (Exception, SystemExit) as error:
        return _complaint(error, adapter)
    if not any(fit):
        return READ, _shapes(answer, adapter, probe)
    return fit, replace(adapter, returns=answer.words, known=fit.loss or fit.multiples > 0)


def _contract(function: Callable[..., Any], run: CompiledNetwork) -> Callable[..., Any]:
    """Return the function itself, or an adapter of what it returns where that can be read and is not the contract's."""
    network = run.network
    try:
        probe, adapter = _probe(run), Adapter(function, network, run, slots_of(function, network))
        answers: list[Any] = []

        def kept(*values: Any, **keywords: Any) -> Any:
            answers.append(function(*values, **keywords))
            return answers[-1]

        answer = _answer(replace(adapter, function=kept), probe.given)
        pair = isinstance(answers[0], tuple) and len(answers[0]) == 2 and isinstance(answers[0][1], Mapping)
        fits = not pair and _fit(answer, adapter, probe).shapes
    except (Exception, SystemExit):
        return function  # whatever is wrong with it, the check finds it and says so
    return replace(adapter, returns=answer.words) if fits else function


def _answer(adapter: Adapter, given: Arguments) -> Answer:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return adapter.answer(deepcopy(given))  # a function may change its arguments


def _fit(answer: Answer, adapter: Adapter, probe: Probe) -> Fit:
    loss, right = probe.first if adapter.axes.single else probe.batch
    parameters = probe.given["parameters"]
    fitting = {name: value for name, value in answer.gradients.items()
               if name in right and np.shape(value) == adapter.form.arranged(parameters[name]).shape}
    gradients = adapter.restored(fitting, parameters)
    same = answer.loss is not None and abs(float(answer.loss) - loss) <= CLOSE * max(1.0, abs(loss))
    multiples = sum(_is_multiple(gradient, right[name]) for name, gradient in gradients.items())
    return Fit(bool(same), set(answer.gradients) == set(right) == set(fitting), multiples)


def _is_multiple(gradient: Any, right: Any) -> bool:
    """Whether an array is a multiple of another, not 0 and of more than one entry, by the angle between the two."""
    own, other = np.ravel(np.asarray(gradient, dtype=np.float64)), np.ravel(right)
    lengths = float(np.linalg.norm(own) * np.linalg.norm(other))
    return own.size > 1 and lengths > 0 and abs(float(own @ other)) >= (1 - CLOSE) * lengths


def _complaint(error: BaseException, adapter: Adapter) -> tuple[int, str]:
    """How far a call came, by the last line of the function's own file, and what is said of it."""
    code = getattr(inspect.unwrap(adapter.function), "__code__", None)
    file = None if code is None else code.co_filename
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, RnnsymError) and not lines:  # its answer could not be read
        return READ, str(error)
    place = f" in line {lines[-1]}" if lines else ""
    return lines[-1] if lines else 0, f"with inputs {_inputs(adapter)} it raised {type(error).__name__}{place}: {error}"


def _shapes(answer: Answer, adapter: Adapter, probe: Probe) -> str:
    """What is wrong with an answer in which nothing fits."""
    faults = []
    for name, value in probe.given["parameters"].items():
        wanted = adapter.form.arranged(value).shape
        if name not in answer.gradients:
            faults.append(f"the gradient of {name} is missing")
        elif np.shape(answer.gradients[name]) != wanted:
            faults.append(f"the gradient of {name} has shape {np.shape(answer.gradients[name])}, not {wanted}")
    return f"with inputs {_inputs(adapter)} {'; '.join(faults)}"


def _inputs(adapter: Adapter) -> str:
    return adapter.axes.words(axes_of_inputs(adapter.network), "d")


def _probe(run: CompiledNetwork) -> Probe:
    """Draw the example; CheckError where none lies within the domains of the network's functions."""
    for seed in range(DRAWS):
        given = _arguments(run.network, seed)
        first = {name: value if name == "parameters" else value[:1] for name, value in given.items()}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                answers = [run.value_and_grad(**one) for one in (given, first)]
        except RnnsymError:
            continue
        if all(np.isfinite(loss) and all(np.isfinite(g).all() for g in found.values()) for loss, found in answers):
            return Probe(given, *answers)
    raise CheckError("no example lay within the functions' domains, so the layout of a function's arguments cannot be "
                     "found; one of (parameters, inputs, targets) needs none to be found")


def _arguments(network: Network, seed: int) -> Arguments:
    random = np.random.default_rng(seed)
    sizes = {size.name: UNLIKE.get(size.name, 7 + place) for place, size in enumerate(network.sizes)}
    values, topology = network.size_values(**sizes), network.shape_of_steps
    parameters = {name: 0.5 * random.normal(size=shape) for name, shape in network.shapes(**sizes).items()}
    if seed % 2:  # logarithms and roots of parameters
        parameters = {name: np.abs(value) for name, value in parameters.items()}
    own = tuple(int(one.xreplace(values)) for one in network.input.shape)
    axes = (BATCH,) if topology.one_input else (BATCH, STEPS)
    inputs = random.integers(0, own[0], axes) if network.reads_index else random.normal(size=(*axes, *own))
    shape = (BATCH, *((STEPS,) if topology.every else ()), *(int(one.xreplace(values)) for one in network.target.shape))
    targets = random.uniform(0.1, 0.9, size=shape)
    if losses[network.loss].distribution:
        targets = targets / targets.sum(axis=-1, keepdims=True)
    return {"parameters": parameters, "inputs": inputs, "targets": targets}
