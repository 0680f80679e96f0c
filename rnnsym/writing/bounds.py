"""What the derivation of bounds says: the chain, the norm of one step rule by rule, the product, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rnnsym.calculus.binding import names_in
from rnnsym.calculus.bound_values import in_numbers, least
from rnnsym.calculus.bounds import JacobianBound, jacobian_bound
from rnnsym.calculus.direct import DirectPath, direct_paths
from rnnsym.calculus.norm_rules import Inference
from rnnsym.calculus.norms import (
    BlockBound,
    Direct,
    LargestEntry,
    Limit,
    ProductOverSteps,
    Relation,
    SpectralNorm,
    SpectralRadius,
    j,
)
from rnnsym.calculus.notation import DescendingProduct, StepBlock, Total
from rnnsym.calculus.paths import Block
from rnnsym.model.activations import activations
from rnnsym.model.expressions import ONE, ZERO, Diagonal, Elementwise, Expression, Numeral, T, Variable, t, walk
from rnnsym.model.networks import Network
from rnnsym.writing.bound_notation import NORMS, assumed, between, is_named, notation_section, refuse_look_alikes
from rnnsym.writing.derivation import Derivation, Section, Step
from rnnsym.writing.layout import style_of
from rnnsym.writing.limits import limits_section

CONDITIONS = "When it must vanish, and when it can explode"

REASONS = {
    "submultiplicativity": "The norm of a product is at most the product of the norms.",
    "triangle inequality": "The norm of a sum is at most the sum of the norms.",
    "norm of a diagonal": "A diagonal matrix stretches by its largest entry.",
    "norm of a multiple": "A number comes out of the norm as its absolute value.",
    "norm of a transpose": "A matrix and its transpose have the same singular values.",
    "norm of the identity": "The identity stretches nothing.",
    "largest singular value": "The 2-norm of a matrix is its largest singular value.",
    "norm of an outer product": "It has one singular value that is not zero.",
    "norm of a vector": "Its n squares are each at most the largest.",
    "entry by entry": "The largest product is at most the product of the largest.",
    "a diagonal times a vector": "The vector on the left acts as a diagonal matrix.",
    "absolute sums": "Each entry is a sum of a column's entries with weights that are bounded.",
    "one of two": "Whichever is taken, it is no larger.",
    "largest slope": "No slope exceeds the largest.",
    "range": "From the ranges of the functions.",
    "block": "By the bound of that block.",
}


def bound_derivation(network: Network) -> Derivation:
    """Derive bounds of the Jacobians between steps of ``network``, unchecked and without numbers found by search."""
    bound = jacobian_bound(network)
    style = style_of(network)
    refuse_look_alikes(bound, style)
    sections = (
        notation_section(bound, style),
        _chain_section(bound),
        _step_section(bound),
        _product_section(bound),
        _condition_section(bound),
        _direct_section(bound),
        limits_section(),
    )
    title = f"Bounds on the gradient: {network.cell.name}"
    return Derivation(title, network, None, None, style, tuple(s for s in sections if s.steps or s.key == "conditions"))


def _chain_section(bound: JacobianBound) -> Section:
    whole, link = between(bound, T, j), between(bound, t, bound.loop.before)
    lines = (
        Step("chain rule", whole, DescendingProduct(link, t, T, j + 1), "Each step depends on the one before it.",
             references=(NORMS,)),
        Step("submultiplicativity", SpectralNorm(whole), ProductOverSteps(SpectralNorm(link), t, j + 1, T),
             REASONS["submultiplicativity"], "≤"),
    )
    text = "The product descends in `t`: the last step stands on the left. Norms are numbers, whose order is free."
    return Section("chain", "From the product of Jacobians to a product of norms", text, lines)


def shown_block(bound: JacobianBound, block: Block) -> Expression:
    """The sign of one block of the step Jacobian: a total derivative where there is one state."""
    return Total(block.of, block.by) if bound.alone else StepBlock(block.of, block.by)


def _step_section(bound: JacobianBound) -> Section:
    lines: list[Step] = []
    shown: set[Inference] = set()
    for estimate in bound.estimates:
        sign = shown_block(bound, estimate.block)
        value, why = estimate.block.value, "From one step to the next."
        lines.append(Step("local derivative", sign, value, why, references=(NORMS,)))
        for inference in estimate.lines:
            outermost = inference.before == SpectralNorm(value)
            line = replace(inference, before=SpectralNorm(sign)) if outermost else inference
            if line not in shown:
                lines.append(Step(line.rule, line.before, line.after, REASONS[line.rule], line.relation))
            shown.add(line)
        lines += _collected(bound, sign, estimate.bound)
    text = "Rules are applied from the outside inwards until weights and numbers are left."
    if not bound.alone:
        text += (" The superscripts of a block name the state that is differentiated and the one by which; the bound "
                 "of a block bears the same superscripts. A block not listed is zero, and so is its bound.")
    return Section("step", "One step", text, tuple(lines))


def _collected(bound: JacobianBound, sign: Expression, value: Expression) -> list[Step]:
    why = "The lines above put together."
    if bound.alone:
        return [Step("collecting", SpectralNorm(sign), value, why, "≤")]
    name = block_name(bound, sign)
    return [Step("collecting", SpectralNorm(sign), name, why, "≤"), Step("let", name, value, why)]


def block_name(bound: JacobianBound, sign: Any) -> BlockBound:
    """The name of a block's bound, without a step where it is the same in every step."""
    of, by = (sign.of.at(None), sign.by.at(None)) if bound.uniform else (sign.of, sign.by)
    return BlockBound(bound.letter, of, by)


def _product_section(bound: JacobianBound) -> Section:
    whole = SpectralNorm(between(bound, T, j))
    start = SpectralNorm(between(bound, j, j))
    shorter = SpectralNorm(between(bound, T, T - 1)) * SpectralNorm(between(bound, T - 1, j))
    lines = [
        Step("base case", start, ONE, "No step lies between, and the Jacobian is the identity."),
        Step("submultiplicativity", whole, shorter, "One step more, for `T` above `j`.", "≤"),
    ]
    if is_named(bound):
        lines.append(Step("let", bound.name, bound.step, "A name for the bound of one step."))
    final = "The bound of one step, once for each step after `j`."
    if bound.alone:
        lines.append(Step("induction over the steps", whole, bound.over(T, j, named=is_named(bound)), final, "≤",
                          assumptions=assumed(bound), references=(NORMS,)))
    else:
        tight = bound.tighter(T, j)
        lines.append(Step("norms of blocks", whole, tight, "The norms of a product's blocks are at most the entries of "
                          "the product of the matrices of bounds; then those matrices' norms.", "≤",
                          assumptions=assumed(bound)))
        if tight != bound.over(T, j):
            lines.append(Step("submultiplicativity", tight, bound.over(T, j), REASONS["submultiplicativity"], "≤"))
    lines += _with_numbers(bound)
    return Section("product", "All steps", "By induction over the number of steps from `j` to `T`.", tuple(lines))


def _with_numbers(bound: JacobianBound) -> Iterator[Step]:
    """The same bound with the largest slopes as numbers."""
    why = "With the values of the largest slopes."
    if bound.alone and in_numbers(bound.step) != bound.step:
        before = bound.name if is_named(bound) else bound.step
        yield Step("largest slope", before, in_numbers(bound.step), why)


def _condition_section(bound: JacobianBound) -> Section:
    whole, one = SpectralNorm(between(bound, T, j)), Numeral(1)
    size = bound.over(T, j, named=is_named(bound))
    factor: Expression = bound.name if is_named(bound) else bound.step
    if size == ONE:
        words_alone = "No product exceeds 1: a gradient along this state may vanish, and cannot explode."
        return Section("conditions", CONDITIONS, words_alone)
    lines: list[Step] = []
    if bound.uniform and not _stuck(bound):
        rate = factor if bound.alone else SpectralRadius(bound.matrix)
        lines.append(Step("geometric vanishing", Relation(rate, "<", one), Relation(Limit(whole, T), "=", ZERO),
                          "Sufficient to vanish.", "⇒", references=(NORMS,)))
    below = Relation(factor if bound.uniform else size, ">", one)
    lines.append(Step("contraposition", Relation(whole, ">", one), below, "Necessary to grow beyond 1.", "⇒",
                      references=(NORMS,)))
    return Section("conditions", CONDITIONS, _condition_words(bound), tuple(lines))


def _condition_words(bound: JacobianBound) -> str:
    text = "Neither condition can be turned round: see what is not implied, below."
    stuck = _stuck(bound)
    if stuck:
        text += (f" Here the bound is at least 1 whatever the weights, because of the path along `{stuck[0]}`: no "
                 "condition on the weights makes it vanish.")
    if not bound.uniform:
        *others, last = _unbounded(bound)
        names, stand = (f"{', '.join(others)} and {last}", "stand") if others else (last, "stands")
        text += (f" No function's range bounds {names}, which {stand} in the bound, so that it differs from step to "
                 "step.")
    return text


def _unbounded(bound: JacobianBound) -> list[str]:
    """The names that stand in the bound because no function's range bounds them."""
    bounds = [node for estimate in bound.estimates for node in walk(estimate.bound)]
    names = [name.name for node in bounds if isinstance(node, LargestEntry | SpectralNorm)
             for name in names_in(node.operand) if isinstance(name, Variable)]
    ranged = {a.target.name for a in bound.loop.cell if isinstance(a.value, Elementwise)
              and None not in activations[a.value.function].range}
    found = list(dict.fromkeys(names))
    return [f"`{name}`" for name in found if name not in ranged] or [f"`{name}`" for name in found]


def _stuck(bound: JacobianBound) -> list[str]:
    """The states whose own block has a bound that is never below 1: then powers of the bounds cannot vanish."""
    return [state.name for state in bound.loop.states if least(bound, state, state) >= 1]


def _direct_section(bound: JacobianBound) -> Section:
    lines = [line for path in direct_paths(bound.loop) for line in _direct_lines(bound, path)]
    text = (
        "The derivative along one state alone, everything else in each step (gates, other states) held fixed, bears a "
        "ring. It is a part of the total derivative, exactly; the total has further paths through what is held fixed."
    )
    return Section("direct", "The direct path", text, tuple(lines))


def _direct_lines(bound: JacobianBound, path: DirectPath) -> Iterator[Step]:
    state, why = path.state, "Held fixed are all other quantities of each step."
    yield Step("direct path", Direct(state, state.at(bound.loop.before)), path.value, why)
    whole = Direct(state.at(T), state.at(j))
    yield Step("direct path", whole, DescendingProduct(path.value, t, T, j + 1), why)
    if isinstance(path.value, Diagonal):
        entries = path.value.args[0]
        product = LargestEntry(ProductOverSteps(entries, t, j + 1, T))
        yield Step("norm of a diagonal", SpectralNorm(whole), product, "Diagonal matrices multiply entry by entry.")
        yield Step("entry by entry", product, ProductOverSteps(LargestEntry(entries), t, j + 1, T),
                   REASONS["entry by entry"], "≤")
