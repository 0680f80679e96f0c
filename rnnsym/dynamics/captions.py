"""What is seen on a figure, in words and numbers: its caption, and its text for those who do not see it.

Names stand between backticks, so that a page can spell them as formulas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from rnnsym.dynamics.cell_contributions import CellContributions
from rnnsym.dynamics.gradient_routes import Routes
from rnnsym.dynamics.studies import ContributionStudy, ProductStudy
from rnnsym.dynamics.unrolled_scene import Scene
from rnnsym.dynamics.unrolled_texts import DOTS
from rnnsym.dynamics.variants import Function
from rnnsym.model.networks import Network
from rnnsym.writing.plain import RAISED

ORDINARY = 2  # decades from 1 up to which a number is written out
ARROWS = {
    "recurrent": "arrows carry {states} from a step to the next",
    "skip": "arcs reach over several steps",
    "feedback": "each output is fed back as the next input",
    "teacher": "dashed arrows bring the target of the step before",
    "handed": "the encoder's last state starts the decoder",
}


def describe_products(scalar: ProductStudy, matrix: ProductStudy, weight: str = "W") -> str:
    """Return how large the median norm of the product of all step Jacobians is, for one unit and for many."""
    steps, count = scalar.draws.steps, scalar.draws.count
    parts = [
        f"Over {steps} steps the norm of the product of the step Jacobians (median of {count} draws) comes to, with "
        f"one unit: {_ends(scalar, f'|`{weight[:1].lower()}{weight[1:]}`|')}; "
        f"with {matrix.size} units: {_ends(matrix, f'ρ(`{weight}`)')}."
    ]
    if matrix.linear is not None:
        top = matrix.radii[-1]
        parts.append(f"Without the nonlinearity (dashed) it is {power(float(matrix.linear.middle[-1, -1]))} at "
                     f"ρ(`{weight}`) = {top:g}.")
    return " ".join(parts)


def describe_cut(reached: tuple[float, float] | None) -> str:
    """Return how far bands reach, in decades, that the axis does not show whole; nothing where it does."""
    if reached is None:
        return ""
    low, high = (power(float(decades * np.log(10))) for decades in reached)
    return f"The axis is kept to the medians: the bands, which reach from {low} to {high}, are cut off."


def _ends(study: ProductStudy, name: str) -> str:
    if study.alike:
        return f"{power(float(study.norms.middle[0, -1]))} whatever {name}"
    found = [f"{power(float(end))} at {setting:g}"
             for end, setting in zip(study.norms.middle[:, -1], study.radii, strict=True)]
    return f"{', '.join(found)} for {name}"


def describe_contributions(study: ContributionStudy, recent: int) -> str:
    """Return what the first step contributes beside the last, and what share the last ``recent`` steps have.

    A weight of a state that starts at zero contributes nothing at step 1: the first is that which contributes at all.
    """
    middle, last = study.norms.middle, study.draws.steps
    recent = min(recent, last)
    first = int(np.argmax(np.isfinite(middle).any(axis=0)))
    lines = [f"{power(float(norms[first] - norms[-1]))} and {_percent(float(shares[recent]))} at ρ = {radius:g}"
             for norms, shares, radius in zip(middle, study.shares.middle, study.radii, strict=True)]
    return (f"The gradient of `{study.parameter}` is a sum over the steps at which it enters. What step {first + 1} "
            f"contributes, over what step {last} does, and the share of the last {recent} steps in the sum of all "
            f"norms (medians of {study.draws.count} draws, n = {study.size}): {'; '.join(lines)}.")


def describe_activations(studies: Mapping[Function, ProductStudy]) -> str:
    """Return how large the median norm of the product of all step Jacobians is with each function, for many units."""
    one = next(iter(studies.values()))
    found = [f"{'none' if name is None else name.replace('_', ' ')} "
             f"{', '.join(power(float(end)) for end in study.norms.middle[:, -1])}" for name, study in studies.items()]
    return (f"Over {one.draws.steps} steps the norm of the product of the step Jacobians (median of {one.draws.count} "
            f"draws, {one.size} units) comes to, at ρ = {', '.join(f'{radius:g}' for radius in one.radii)}, by "
            f"activation: {'; '.join(found)}.")


def describe_cells(studies: Sequence[CellContributions]) -> str:
    """Return what share the last steps have in the gradients of input and of recurrent weights, cell by cell."""
    found = [f"{study.subject.words}: {' and '.join(_percent(float(share)) for share in shares)}"
             for study in studies for shares in [study.shares.middle[:, 0]]]
    return (f"What the last {studies[0].recent} of {studies[0].draws.steps} steps have of the sum of all steps' norms, "
            f"in the gradients of the input weights and of the recurrent weights (medians of {studies[0].draws.count} "
            f"draws, n = {studies[0].size}): {'; '.join(found)}.")


def describe_scene(scene: Scene, network: Network, named: Callable[[str], str] = str) -> str:
    """Return what an unrolled diagram shows: how many boxes, what enters, what leaves, what the arrows carry.

    ``named`` gives the name under which a name of the equations is written.
    """
    kinds = Counter(node.kind for node in scene.nodes)
    boxes = Counter(" ".join(node.lines) for node in scene.nodes if node.kind == "box")
    states = listed(f"`{named(state.variable.name)}`" for loop in network.loops for state in loop.states)
    drawn = {arrow.kind for arrow in scene.arrows}
    arrows = [words.format(states=states) for kind, words in ARROWS.items() if kind in drawn]
    shown = listed(f"{count} {'box' if count == 1 else 'boxes'} “{name}”" for name, count in boxes.items())
    there = listed(f"{kinds[kind]} {kind if kinds[kind] == 1 else plural}"
                   for kind, plural in (("input", "inputs"), ("output", "outputs"), ("loss", "losses")) if kinds[kind])
    dots = ", and dots for the steps between" if any(DOTS in node.lines for node in scene.nodes) else ""
    return f"Steps from left to right{dots}: {shown}, {there}; {'; '.join(arrows) or 'there is one step'}."


def describe_routes(parameter: str, found: Sequence[Routes]) -> str:
    """Return how the terms of one gradient go back through an unrolled diagram: from which losses, along how much."""
    ways = [f"that of step {one.use} along {_count(len(one.arrows), 'arrow')} from {_count(len(one.losses), 'loss')}"
            for one in found]
    return (f"The gradient of `{parameter}` is a sum of {_count(len(found), 'term')}, one for each step that uses it, "
            f"each in a colour and a dash of its own: {'; '.join(ways)}.")


def _count(number: int, word: str) -> str:
    return f"{number} {word if number == 1 else word + ('es' if word.endswith('s') else 's')}"


def listed(words: Iterable[str]) -> str:
    """Return «a», «a and b» or «a, b and c»."""
    found: Sequence[str] = list(dict.fromkeys(words))
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def power(log: float) -> str:
    """Return e^log to be read: 0.034, 12, 10⁻²⁹, or zero.

    >>> [power(log) for log in (0.0, -3.4, -66.0, 5.2, float("-inf"))]
    ['1', '0.033', '10⁻²⁹', '10²', 'zero']
    """
    if np.isneginf(log):
        return "zero"
    decades = log / np.log(10)
    if abs(decades) < ORDINARY:
        return f"{np.exp(log):.2g}"
    return f"10{str(round(decades)).translate(RAISED)}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
