"""Mutation testing of generated code: each change of its syntax tree is killed by the balls, or changes nothing.

``python -m tests.evidence.code_mutants`` prints the counts and the survivors. A survivor has been run on many more
examples than kill the others, and each of its gradients lay within rounding of the ball that holds the exact one.
"""

from __future__ import annotations

import ast
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as fixed_seed

import rnnsym
from rnnsym.evidence.designs import designed_examples
from rnnsym.evidence.enclosures import Enclosure, Subject, deviation, enclosed_gradient, free_starts
from rnnsym.evidence.examples import Drawn, Example, examples
from rnnsym.model.networks import Network

MUTATED = ("forward_one", "backward_one", "forward", "backward", "readout", "losses", "value_and_grad", "sigmoid",
           "blocks_of", "carried_back")
FURTHER = 40  # drawn examples on which a survivor must agree, too
SMALL_BLOCK = 6  # numbers of a block of steps, so that a few steps make several blocks
SOLVED = {"MANY": 1, "SQUARES": 10**6}  # what flows back is solved for, however few steps there are
OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,), ast.Lt: (ast.LtE, ast.GtE), ast.GtE: (ast.Lt,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}


@dataclass(frozen=True)
class Trial:
    """An example, what encloses its gradient, and its loss in extended precision."""

    example: Example
    enclosure: Enclosure
    loss: float


@dataclass(frozen=True)
class Outcome:
    """How many mutants were made and killed, and which survived."""

    made: int
    killed: int
    survivors: tuple[str, ...]


def mutations(tree: ast.Module) -> Iterator[str]:
    """Change ``tree`` in place, one mutation at a time, each undone before the next; yield what it is."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in MUTATED]
    for function in functions:
        names = sorted({node.id for node in ast.walk(function) if isinstance(node, ast.Name)
                        and isinstance(node.ctx, ast.Store)})
        for node in list(ast.walk(function)):
            for words, change, undo in _changes(node, names):
                change()
                yield f"{function.name}, line {getattr(node, 'lineno', '?')}: {words}"
                undo()


Change = tuple[str, Callable[[], None], Callable[[], None]]


def _set(owner: Any, field: str, new: Any, words: str) -> Change:
    old = getattr(owner, field)
    return words, lambda: setattr(owner, field, new), lambda: setattr(owner, field, old)


def _changes(node: ast.AST, names: list[str]) -> Iterator[Change]:
    if isinstance(node, ast.BinOp):
        for kind in OPERATORS.get(type(node.op), ()):
            yield _set(node, "op", kind(), f"{ast.unparse(node)} with {kind.__name__}")
    if isinstance(node, ast.Compare):
        for kind in OPERATORS.get(type(node.ops[0]), ()):
            yield _set(node, "ops", [kind()], f"{ast.unparse(node)} with {kind.__name__}")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield _set(node, "value", node.value + 1, f"{node.value} + 1")
    if isinstance(node, ast.AugAssign):
        yield _set(node, "op", ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), f"{ast.unparse(node)} turned")
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        alike = [name for name in names if name.split("_")[0] == node.id.split("_")[0]]
        others = alike if len(alike) > 1 else names
        new = others[(others.index(node.id) + 1) % len(others)]
        if new != node.id:
            yield _set(node, "id", new, f"{new} for {node.id}")
    for field, value in ast.iter_fields(node):
        yield from _of_children(node, field, value)


def _of_children(node: ast.AST, field: str, value: Any) -> Iterator[Change]:
    if isinstance(value, ast.Attribute) and value.attr == "T":
        yield _set(node, field, value.value, f"{ast.unparse(value)} without .T")
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        yield _set(node, field, value.operand, f"{ast.unparse(value)} without its sign")
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "reversed":
        yield _set(node, field, value.args[0], "not reversed")
    if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
        for place, statement in enumerate(value):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.If) and not _is_text(statement):
                rest = [*value[:place], ast.Pass(lineno=1, col_offset=0), *value[place + 1 :]]
                yield _set(node, field, rest, f"without {ast.unparse(statement).splitlines()[0]}")
    if isinstance(value, list) and value and isinstance(value[0], ast.expr) and isinstance(node, ast.Call):
        for place, one in enumerate(value):
            if isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.USub):
                rest = [*value[:place], one.operand, *value[place + 1 :]]
                yield _set(node, field, rest, f"{ast.unparse(one)} without its sign")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr)


def trials_of(subject: Subject, *, further: bool) -> list[Trial]:
    """Designed examples of few steps, or many drawn ones and the long designs."""
    found: list[Example] = []
    if not further:
        found = [example for design, example in designed_examples(subject.network, Drawn(), 0) if design.steps <= 7]
    else:
        found = [example for design, example in designed_examples(subject.network, Drawn(), 1) if design.steps > 7]

        @fixed_seed(1)
        @settings(max_examples=FURTHER, database=None, deadline=None, phases=(Phase.generate,),
                  suppress_health_check=list(HealthCheck))
        @given(examples(subject.network))
        def draw(example: Example) -> None:
            found.append(example)

        draw()
    run = rnnsym.compile(subject.network)
    return [Trial(one, enclosed_gradient(subject, one), run.loss(**one.arguments())) for one in found]


def agrees(module: ModuleType, trial: Trial, wanted: tuple[str, ...]) -> bool:
    """Whether the module's loss and all its gradients are right on an example."""
    given_ = trial.example.arguments()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            loss, gradients = module.value_and_grad(**given_, wrt=wanted)
            right = abs(float(loss) - trial.loss) <= 1e-12 * max(1.0, abs(trial.loss))
            return right and all(_within(np.asarray(gradients[name], dtype=float), name, trial) for name in wanted)
    except Exception:
        return False


def _within(found: Any, name: str, trial: Trial) -> bool:
    balls, bound = trial.enclosure.exact[name], trial.enclosure.bound[name]
    if found.shape != np.shape(balls) or not np.isfinite(found).all():
        return False
    return not deviation(found, balls, bound).wrong.any()


def killed_mutants(cell: str, every: int = 1) -> Outcome:
    """Run each ``every``-th mutant of a cell's generated module."""
    network = Network(rnnsym.cells[cell])
    subject, tree = Subject.of(network), ast.parse(rnnsym.compile(network).source)
    wanted = (*(p.name for p in network.parameters), "inputs", *(f"{name}_0" for name in free_starts(subject)))
    first, made, survivors = trials_of(subject, further=False), 0, list[str]()
    further: list[Trial] = []
    for words in itertools.islice(mutations(tree), 0, None, every):
        made += 1
        module = ModuleType("mutant")
        try:
            exec(compile(tree, "mutant", "exec"), module.__dict__)
        except Exception:
            continue
        further = further or trials_of(subject, further=True)
        if all(agrees(module, trial, wanted) for trial in (*first, *further)):
            module.__dict__["BLOCK"] = SMALL_BLOCK
            looped = all(agrees(module, trial, wanted) for trial in (*first, *further))
            module.__dict__.update(SOLVED)
            if looped and all(agrees(module, trial, wanted) for trial in (*first, *further)):
                survivors.append(words)
    return Outcome(made, made - len(survivors), tuple(survivors))


def main() -> int:
    """Run as a script: every mutant of both cells."""
    for cell in ("simple", "lstm"):
        outcome = killed_mutants(cell)
        sys.stdout.write(f"{cell}: {outcome.made} mutants, {outcome.killed} killed, "
                         f"{len(outcome.survivors)} equivalent within rounding\n")
        sys.stdout.writelines(f"  {line}\n" for line in outcome.survivors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
