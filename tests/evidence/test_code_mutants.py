"""Every mutant of the generated code of two cells is killed by the balls, or agrees with them wherever it is tried."""

from __future__ import annotations

import pytest
from code_mutants import killed_mutants

FEWEST = {"simple": 180, "lstm": 400}
MOST_EQUIVALENT = 0.05  # of all: a buffer one step longer, axis 1 for the last one of two, and the like


@pytest.mark.parametrize("cell", FEWEST)
def test_mutants_of_the_generated_gradient_are_killed(cell: str) -> None:
    outcome = killed_mutants(cell)
    assert outcome.made >= FEWEST[cell]
    assert len(outcome.survivors) <= MOST_EQUIVALENT * outcome.made, "\n".join(outcome.survivors)
