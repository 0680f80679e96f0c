"""Every shape of network: each line holds exactly, at every length; a path that is dropped anywhere is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from shapes_of_networks import NETWORKS

from rnnsym.calculus.notation import AscendingProduct, Chain, Labelled
from rnnsym.calculus.paths import count_paths, paths
from rnnsym.calculus.unrolling import graph_of, unroll
from rnnsym.errors import CheckError, DerivationError
from rnnsym.evidence.checks import check_network
from rnnsym.evidence.verification import verify
from rnnsym.model.expressions import Expression, OrderedSum, walk
from rnnsym.writing.derivation import Derivation, Step
from rnnsym.writing.sections import derivation

every = pytest.mark.parametrize("name", NETWORKS)
EXAMPLES = 5  # drawn ones, beside the exact identities: it is the shapes that vary here


def derived(name: str, steps: int, outputs: int | None = None) -> Derivation:
    network = NETWORKS[name]()
    single = network.shape_of_steps.single_step
    return derivation(network, 1 if single else steps, output_steps=outputs if network.shape_of_steps.decodes else None)


@every
@pytest.mark.parametrize(("steps", "outputs"), [(1, 2), (2, 3), (3, 1), (5, 4)])
def test_every_line_is_checked_and_holds(name: str, steps: int, outputs: int) -> None:
    found = verify(derived(name, steps, outputs))
    assert found.checked


LONG = ("many-to-many", "many-to-many, both ends", "one-to-many", "encoder-decoder, fed back")


@pytest.mark.parametrize("name", LONG)
def test_long_sequences_are_checked_by_another_way_that_agrees(name: str) -> None:
    """Beyond a dozen steps δ is followed from state to state instead of to the loss at once."""
    assert verify(derived(name, 14, 13)).checked


@every
def test_all_witnesses_agree(name: str) -> None:
    report = check_network(NETWORKS[name](), max_examples=EXAMPLES)
    assert report.passed, str(report)
    assert all(witness.comparisons for witness in report.witnesses)


@every
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_paths_are_as_many_as_pairs_of_an_output_and_a_use_before_it(name: str, steps: int) -> None:
    graph = graph_of(NETWORKS[name]())
    steps = 1 if graph.network.shape_of_steps.single_step else steps
    for parameter, found in paths(graph, steps).items():
        assert len(found) == count_paths(graph, parameter, steps) == len({path.term for path in found})


def test_the_numbers_of_paths_by_hand() -> None:
    def counted(name: str, parameter: str, *steps: int) -> int:
        graph = graph_of(NETWORKS[name]())
        return count_paths(graph, next(p for p in graph.network.parameters if p.name == parameter), *steps)

    assert counted("many-to-one", "W_h", 3) == 3
    assert counted("many-to-many", "W_h", 3) == 1 + 2 + 3
    assert counted("many-to-many", "W_o", 3) == 3
    assert counted("one-to-many", "W_o", 3) == 1 + 2 + 3  # an output that is fed back is used again by later ones
    assert counted("encoder-decoder", "W_h", 3, 2) == 3 * 2
    assert counted("encoder-decoder", "dec_W_h", 3, 2) == 1 + 2
    assert counted("many-to-one, both ends", "bwd_W_h", 4) == 4


def without_one_path(step: Step) -> Iterator[Step]:
    """The step with each of the terms of its sum left out, one at a time."""
    for group in step.after.args if isinstance(step.after, OrderedSum) else ():
        inside = group.expression if isinstance(group, Labelled) else group
        for term in inside.args if isinstance(inside, OrderedSum) else ():
            rest = OrderedSum(*(one for one in inside.args if one != term))
            others = [rest if one == group else one for one in step.after.args]
            yield replace(step, after=OrderedSum(*others))


def rejected(found: Derivation, key: str, planted: Step, original: Step) -> bool:
    sections = tuple(
        replace(s, steps=tuple(planted if one is original else one for one in s.steps)) if s.key == key else s
        for s in found.sections
    )
    try:
        verify(replace(found, sections=sections))
    except CheckError:
        return True
    return False


@pytest.mark.parametrize("name", ["many-to-many", "many-to-many, both ends", "one-to-many", "encoder-decoder"])
def test_a_dropped_path_is_rejected_whichever_it_is(name: str) -> None:
    found = derived(name, 3, 2)
    (section,) = [section for section in found.sections if section.key == "paths"]
    planted = [(step, wrong) for step in section.steps[:3] for wrong in without_one_path(step)]
    assert len(planted) >= 5
    assert all(rejected(found, "paths", wrong, step) for step, wrong in planted)


def descending(expression: Expression) -> Expression:
    """Every chain read the other way round between its head and its last factor."""
    if isinstance(expression, Chain) and len(expression.args) > 4:
        head, links, last = expression.args[:2], expression.args[2:-1], expression.args[-1]
        return Chain(*head, *reversed(links), last)
    if isinstance(expression, OrderedSum | Labelled):
        parts = [descending(one) if isinstance(one, Expression) else one for one in expression.args]
        return type(expression)(*parts)
    return expression


def test_the_wrong_order_of_factors_is_rejected_where_a_cell_reads_from_the_end() -> None:
    found = derived("many-to-many, both ends", 3)
    (section,) = [section for section in found.sections if section.key == "paths"]
    wrong = [(step, replace(step, after=descending(step.after))) for step in section.steps]
    changed = [(step, other) for step, other in wrong if step.after != other.after]
    assert len(changed) == 6  # the three weights of each of the two cells
    assert all(rejected(found, "paths", other, step) for step, other in changed)


def test_a_cell_that_reads_from_the_end_has_ascending_products() -> None:
    found = derived("many-to-one, both ends", 9)
    products = [node for step in found.steps for node in walk(step.after) if isinstance(node, AscendingProduct)]
    assert products


def test_steps_that_make_no_sense_are_refused() -> None:
    single, encoder = graph_of(NETWORKS["one-to-one"]()), graph_of(NETWORKS["encoder-decoder"]())
    with pytest.raises(DerivationError, match="one-to-one has a single step, but it is 2"):
        unroll(single, 2)
    with pytest.raises(DerivationError, match="output_steps must be a whole number from 1"):
        unroll(encoder, 2, 0)
    with pytest.raises(DerivationError, match="only a decoder has steps of its own, many-to-many has none"):
        unroll(graph_of(NETWORKS["many-to-many"]()), 2, 2)
    with pytest.raises(DerivationError, match="networks of one loop"):
        encoder.only_loop()
