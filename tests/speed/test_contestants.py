"""The code by hand that generated code is measured against computes the same gradients, and the comparison can fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnsym
from benchmarks import tuned, tuned_one
from benchmarks.agreement import Tally, of_cells, of_random
from benchmarks.contestants import AGREEMENT, PLAIN, check, contestants, disagreement, started
from benchmarks.rows import CELLS
from rnnsym.model.cells import cells

# Each way through the code by hand: scalars, the banded solve in one piece and in several, loops; blocks of a batch.
SHAPES = ((1, 3, 5, 3), (1, 40, 5, 3), (1, 40, 4, 8), (1, 20, 3, 17), (3, 7, 2, 4), (32, 30, 3, 70))
FEW_DESIGNS = ("six steps, padded batch", "five steps, three sequences")
HERE = {name: one for name, one in contestants.items() if one.missing() is None and name != "PyTorch loop"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_everybody_agrees_with_the_plain_loop(cell: str, shape: tuple[int, int, int, int]) -> None:
    small = {name: one for name, one in HERE.items() if "numba" not in name and name != "JAX jit"}
    runs = started(small, cell, shape)  # which compares them
    assert {PLAIN, "tuned NumPy", "rnnsym numpy"} <= set(runs)


@pytest.mark.parametrize("name", [name for name in HERE if "numba" in name or name == "JAX jit"])
def test_what_compiles_for_seconds_agrees_too(name: str) -> None:
    runs = started({PLAIN: contestants[PLAIN], name: contestants[name]}, "gru", (1, 9, 2, 3))
    assert set(runs) == {PLAIN, name}


def test_a_banded_solve_in_pieces_is_the_solve_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    factors = random.normal(size=(23, 4, 4))

    def fill(place: Any, first: int, last: int) -> None:
        np.negative(factors[first:last], out=place)

    start = random.normal(size=4)
    whole = tuned_one.chain(start, fill, len(factors))
    monkeypatch.setattr(tuned_one, "SOLVED", 5 * 2 * 4 * 4)
    pieces = tuned_one.chain(start, fill, len(factors))
    assert np.array_equal(whole, pieces)
    by_hand = [start]
    for factor in factors[:-1]:
        by_hand.append(by_hand[-1] @ factor)
    assert np.allclose(whole, by_hand, rtol=AGREEMENT)


def test_blocks_of_a_batch_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned, "BLOCK", 3 * 4 * 2)
    started({name: contestants[name] for name in (PLAIN, "tuned NumPy")}, "simple", (3, 7, 2, 4))


@pytest.mark.parametrize("planted", ["loss", "W_h", "nothing in common"])
def test_a_difference_stops_the_measurement(planted: str) -> None:
    run = started({PLAIN: contestants[PLAIN]}, "simple", (2, 5, 2, 3))[PLAIN]

    def wrong() -> Any:
        loss, gradients = run()
        if planted == "loss":
            return loss * (1 + 3 * AGREEMENT), gradients
        if planted == "W_h":
            gradients["W_h"][0, 1] += 3 * AGREEMENT * np.abs(gradients["W_h"]).max()
            return loss, gradients
        return loss, {"other": gradients["W_h"]}

    assert disagreement(run(), run()) == 0.0
    with pytest.raises(SystemExit, match="somebody"):
        check({PLAIN: run, "somebody": wrong})


def test_built_in_cells_agree_with_the_exact_gradient() -> None:
    tally = of_cells(cells, "numpy", FEW_DESIGNS)
    assert tally.wrong == []
    assert tally.networks == len(cells)
    assert tally.within > 12 * len(cells)
    assert tally.worst <= AGREEMENT


def test_random_networks_agree_with_the_exact_gradient() -> None:
    tally = of_random(30, "numpy")
    assert tally.wrong == tally.refused == []
    assert tally.within > 100


@pytest.mark.skipif(contestants["rnnsym numba"].missing() is not None, reason="numba is optional")
def test_compiled_cells_agree_with_the_exact_gradient() -> None:
    tally = of_cells(CELLS, "numba", FEW_DESIGNS)
    assert tally.wrong == []
    assert tally.within > 12 * len(CELLS)


def test_a_wrong_gradient_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def __init__(self, network: Any, backend: str) -> None:
            self.run = compiled(network, backend)

        def value_and_grad(self, **arguments: Any) -> Any:
            loss, gradients = self.run.value_and_grad(**arguments)
            return loss, gradients | {"W_h": gradients["W_h"] * (1 + 1e-9)}

    compiled = rnnsym.compile
    monkeypatch.setattr(rnnsym, "compile", Wrong)
    tally = of_cells(["simple"], "numpy", FEW_DESIGNS)
    assert tally.wrong
    assert all("W_h" in line for line in tally.wrong)


def test_what_raises_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raising:
        def __init__(self, network: Any, backend: str) -> None:
            pass

        def value_and_grad(self, **arguments: Any) -> Any:
            raise ValueError(f"planted in {len(arguments)} arguments")

    monkeypatch.setattr(rnnsym, "compile", Raising)
    tally = of_cells(["simple"], "numpy", FEW_DESIGNS)
    assert len(tally.wrong) == len(FEW_DESIGNS)
    assert "planted" in tally.wrong[0]


def test_a_kink_is_undecided() -> None:
    from flint import arb

    tally = Tally()
    tally.add("W", np.zeros(1), np.array([arb("0 +/- 1")], dtype=object), np.array([1e-16]))
    assert (tally.undecided, tally.within, tally.wrong) == (1, 0, [])
