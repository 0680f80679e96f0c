"""Whether a line about norms follows from the lines above it: each rule is applied again to what the page says.

The rules for one norm are those of ``calculus.norm_rules``; those that join lines are here. A line that its rule does
not give is rejected whatever numbers say: numbers can refute an inequality, they cannot prove one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rnnsym.calculus.bound_values import in_numbers
from rnnsym.calculus.bounds import JacobianBound, collect, without_step
from rnnsym.calculus.norm_rules import Inference, depends, infer
from rnnsym.calculus.norms import (
    BlockBound,
    BlockBounds,
    Direct,
    LargestEntry,
    Limit,
    ProductOverSteps,
    Relation,
    SpectralNorm,
    SpectralRadius,
    StepBound,
    StepPower,
    j,
)
from rnnsym.calculus.notation import DescendingProduct, StepBlock, Total
from rnnsym.model.expressions import ONE, ZERO, Diagonal, Expression, T, t, walk
from rnnsym.writing.derivation import Step

Statement = tuple[str, Expression]


@dataclass(frozen=True)
class Above:
    """The lines above one line, and the bound that the document is about."""

    bound: JacobianBound
    lines: Sequence[Step]

    def of(self, before: Expression, *rules: str) -> Iterator[Expression]:
        """Yield the right-hand sides of the lines about ``before`` by any of ``rules``."""
        yield from (line.after for line in self.lines if line.before == before and line.rule in rules)


def follows(step: Step, above: Above) -> bool:
    """Whether ``step`` is what its rule gives from the lines above."""
    return (step.relation, step.after) in list(_given(step, above))


def _given(step: Step, above: Above) -> Iterator[Statement]:
    """Yield what the step's rule, in any of its forms, says of its left-hand side."""
    for form in (_by_one_norm, *_forms.get(step.rule, ())):
        yield from form(step, above)


def _by_one_norm(step: Step, above: Above) -> Iterator[Statement]:
    """A rule for one norm, of an expression or of the Jacobian that a line above spells out."""
    for norm in _spelt_out(step.before, above):
        found = infer(norm, above.bound.facts) if _is_local(norm) else None
        if found is not None and found.rule == step.rule:
            yield found.relation, _named_alike(found.after, above)


def _is_local(norm: Expression) -> bool:
    """Whether a norm is one of a single step's own expressions."""
    distant = Total | DescendingProduct | ProductOverSteps | StepPower | StepBound
    measured = isinstance(norm, SpectralNorm | LargestEntry)
    return measured and all(isinstance(node, StepBlock) or not isinstance(node, distant) for node in walk(norm))


def _named_alike(expression: Expression, above: Above) -> Expression:
    return without_step(expression) if above.bound.uniform else expression


def _spelt_out(norm: Expression, above: Above) -> Iterator[Expression]:
    yield norm
    if isinstance(norm, SpectralNorm):
        yield from (SpectralNorm(value) for value in above.of(norm.operand, "local derivative"))


def _collected(step: Step, above: Above) -> Iterator[Statement]:
    """What the lines above give when they are put together; a block's bound is what is collected for that block."""
    if isinstance(step.after, BlockBound) and isinstance(step.before, SpectralNorm):
        block: Any = step.before.operand
        if isinstance(block, StepBlock) and step.after == _named_alike(
                BlockBound(above.bound.letter, block.of, block.by), above):
            yield "≤", step.after
        return
    yield "≤", _put_together(step.before, above)


def _let(step: Step, above: Above) -> Iterator[Statement]:
    """A name stands for what was collected."""
    if isinstance(step.before, BlockBound):
        signs = [line.before for line in above.lines if line.rule == "collecting" and line.after == step.before]
        yield from (("=", _put_together(sign, above)) for sign in signs)
    elif step.before == above.bound.name and type(step.before) is StepBound:
        yield from (("=", line.after) for line in above.lines if line.rule == "collecting")


def _put_together(norm: Expression, above: Above) -> Expression:
    """Collect what the lines above, and they alone, say of a norm."""
    rules = [Inference(line.rule, line.before, line.relation, line.after) for line in above.lines
             if isinstance(line.before, SpectralNorm | LargestEntry) and line.relation in ("=", "≤")
             and line.rule != "collecting"]
    return collect(norm, tuple(rules))


def _chain(step: Step, above: Above) -> Iterator[Statement]:
    """‖∏ A_t‖ ≤ ∏ ‖A_t‖, of a product that is written out or that a line above gives; ‖A^k‖ ≤ ‖A‖^k."""
    if not isinstance(step.before, SpectralNorm):
        return
    for inner in (step.before.operand, *above.of(step.before.operand, "chain rule")):
        if isinstance(inner, DescendingProduct):
            factor, index, upper, lower = inner.args
            yield "≤", ProductOverSteps(SpectralNorm(factor), index, lower, upper)
        elif isinstance(inner, StepPower):
            yield "≤", StepPower(SpectralNorm(inner.base), inner.exponent)


def _one_more_step(step: Step, above: Above) -> Iterator[Statement]:
    """‖∂s_T/∂s_j‖ ≤ ‖∂s_T/∂s_{T−1}‖ ‖∂s_{T−1}/∂s_j‖."""
    whole = _whole(step.before)
    if whole is not None:
        middle = whole.of.xreplace({T: T - 1})
        yield "≤", SpectralNorm(Total(whole.of, middle)) * SpectralNorm(Total(middle, whole.by))


def _whole(norm: Expression) -> Any:
    """The Jacobian ∂s_T/∂s_j that a norm is of, None for any other norm."""
    if not isinstance(norm, SpectralNorm) or type(norm.operand) is not Total:
        return None
    operand: Any = norm.operand
    return operand if operand.of == operand.by.xreplace({j: T}) and operand.of != operand.by else None


def _no_step(step: Step, above: Above) -> Iterator[Statement]:
    operand = step.before.operand if isinstance(step.before, SpectralNorm) else None
    if isinstance(operand, Total) and operand.of == operand.by:
        yield "=", ONE


def _induction(step: Step, above: Above) -> Iterator[Statement]:
    """From ‖∂s_t/∂s_{t−1}‖ ≤ β at each step: β^(T−j), or the product of all β_t where they differ."""
    whole = _whole(step.before)
    if whole is None or not any(line.rule == "base case" for line in above.lines):
        return
    link = SpectralNorm(Total(whole.of.xreplace({T: t}), whole.of.xreplace({T: t - 1})))
    for value in above.of(link, "collecting"):
        names = [line.before for line in above.lines if line.rule == "let" and line.after == value]
        for factor in (value, *names):
            power = ONE if factor == ONE else StepPower(factor, T - j)
            yield "≤", ProductOverSteps(factor, t, j + 1, T) if depends(value) else power


def _blocks(step: Step, above: Above) -> Iterator[Statement]:
    """Every block that is not zero has its bound above; then the matrix of bounds stands for the blocks."""
    blocks = {(line.before.of, line.before.by) for line in above.lines if isinstance(line.before, StepBlock)}
    bounded = {(line.before.operand.of, line.before.operand.by) for line in above.lines if line.rule == "collecting"
               and isinstance(line.before, SpectralNorm) and isinstance(line.before.operand, StepBlock)}
    if _whole(step.before) is not None and blocks and blocks <= bounded:
        matrix = BlockBounds(above.bound.letter, len(above.bound.loop.states), None if above.bound.uniform else t)
        yield "≤", SpectralNorm(StepPower(matrix, T - j) if above.bound.uniform
                                else DescendingProduct(matrix, t, T, j + 1))


def _numbers(step: Step, above: Above) -> Iterator[Statement]:
    values = [line.after for line in above.lines if line.before == step.before and line.rule == "let"]
    yield from (("=", in_numbers(value)) for value in (*values, step.before))


def _bounds_of_whole(whole: Expression, above: Above) -> Iterator[Expression]:
    yield from above.of(whole, "induction over the steps", "norms of blocks")


def _vanishing(step: Step, above: Above) -> Iterator[Statement]:
    """Where ‖∂s_T/∂s_j‖ ≤ r^(T−j), or the norm of a power of a matrix of that spectral radius, and r < 1."""
    if not isinstance(step.before, Relation) or (step.before.sign, step.before.right) != ("<", ONE):
        return
    for line in above.lines:
        power = line.after.operand if isinstance(line.after, SpectralNorm) else line.after
        if _whole(line.before) is not None and isinstance(power, StepPower) and line.relation == "≤":
            rate = power.base if power == line.after else SpectralRadius(power.base)
            if step.before.left == rate:
                yield "⇒", Relation(Limit(line.before, T), "=", ZERO)


def _contraposition(step: Step, above: Above) -> Iterator[Statement]:
    """What is at most r^(T−j), or at most a product p, exceeds 1 only if r does, or p does."""
    premise = step.before
    if not isinstance(premise, Relation) or (premise.sign, premise.right) != (">", ONE):
        return
    bounds = list(_bounds_of_whole(premise.left, above))
    bounds += [after for bound in bounds for after in above.of(bound, "submultiplicativity")]
    for bound in bounds:
        yield "⇒", Relation(bound.base if isinstance(bound, StepPower) else bound, ">", ONE)


def _diagonals(step: Step, above: Above) -> Iterator[Statement]:
    """‖∏ diag(v_t)‖ = max_i |∏ v_{t,i}|."""
    if isinstance(step.before, SpectralNorm) and isinstance(step.before.operand, Direct):
        for product in above.of(step.before.operand, "direct path"):
            if isinstance(product, DescendingProduct) and isinstance(product.factor, Diagonal):
                _, index, upper, lower = product.args
                yield "=", LargestEntry(ProductOverSteps(product.factor.args[0], index, lower, upper))


def _entries(step: Step, above: Above) -> Iterator[Statement]:
    if isinstance(step.before, LargestEntry) and isinstance(step.before.operand, ProductOverSteps):
        factor, *bounds = step.before.operand.args
        yield "≤", ProductOverSteps(LargestEntry(factor), *bounds)


_forms: dict[str, tuple[Callable[[Step, Above], Iterator[Statement]], ...]] = {
    "collecting": (_collected,),
    "let": (_let,),
    "submultiplicativity": (_chain, _one_more_step),
    "base case": (_no_step,),
    "induction over the steps": (_induction,),
    "norms of blocks": (_blocks,),
    "largest slope": (_numbers,),
    "geometric vanishing": (_vanishing,),
    "contraposition": (_contraposition,),
    "norm of a diagonal": (_diagonals,),
    "entry by entry": (_entries,),
}
