"""The code for small sizes of drawn networks: each gradient lies in the balls that hold the exact one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from small_forms import looped

from rnnsym.errors import DataError, DerivationError
from rnnsym.evidence.enclosures import Subject, deviation, enclosed_gradient
from rnnsym.evidence.examples import Example, examples
from rnnsym.evidence.strategies import networks
from rnnsym.numerics.compilation import CompiledNetwork, compile_network


def enclosed(run: CompiledNetwork, subject: Subject, example: Example) -> int:
    """Count the gradients of a batch of one that lie in the balls that hold the exact ones; each must."""
    one = replace(example, inputs=example.inputs[:1], targets=example.targets[:1], lengths=None, initial_state=None if
                  example.initial_state is None else {k: v[:1] for k, v in example.initial_state.items()})
    enclosure = enclosed_gradient(subject, one)
    if not enclosure.finite:
        return 0
    call = {name: value for name, value in one.arguments().items() if name != "lengths"}
    wrt = tuple(enclosure.exact)
    if run.source_for(**call, wrt=wrt) == run.source:
        return 0
    try:
        gradients = run.value_and_grad(**call, wrt=wrt)[1]
    except DataError:  # the numbers leave a function's domain
        return 0
    for name, found in gradients.items():
        assert not deviation(found, enclosure.exact[name], enclosure.bound[name]).wrong.any(), name
    return len(gradients)


@pytest.mark.parametrize("kind", ["written out", "looped"])
def test_forms_of_drawn_networks_lie_in_the_balls_that_hold_the_exact_gradient(kind: str) -> None:
    compared_ = 0

    @settings(max_examples=12, deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def law(data: st.DataObject) -> None:
        nonlocal compared_
        several = ("many-to-one", "many-to-many", "one-to-one") if kind == "written out" else ("many-to-one",)
        network = data.draw(networks(several))
        assume(not network.reads_index)  # rows that are looked up have no form
        try:
            run, subject = compile_network(network), Subject.of(network)
        except DerivationError:  # a size that no array bears
            assume(False)
        with looped() if kind == "looped" else nullcontext():
            compared_ += sum(enclosed(run, subject, data.draw(examples(network))) for _ in range(2))

    law()
    assert compared_ > 0
