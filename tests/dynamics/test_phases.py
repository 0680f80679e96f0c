"""Phases: measured rates are the mean field's, up to what a finite network misses, and the border is where it says."""

from __future__ import annotations

import numpy as np
import pytest

from rnnsym.dynamics.phases import study_phases
from rnnsym.errors import DataError

FINITE = 3.0  # n units miss the mean field by up to about 2.5/n
NOISE = 0.02  # of a mean over 4 networks of 200 units and 300 steps


def test_measured_rates_are_those_of_the_mean_field() -> None:
    study = study_phases([0.8, 1.5, 2.0, 2.5], [0.25, 0.5, 1.0], units=200, steps=500, first=200, seeds=4)
    assert study.measured.shape == study.predicted.shape == (4, 3)
    assert np.abs(study.measured - study.predicted).max() < FINITE / 200 + NOISE
    wrong = study.predicted + 0.5 * np.log(1.1)
    assert np.abs(study.measured - wrong).max() > FINITE / 200 + NOISE, "a growth off by a tenth would be seen"


def test_a_grid_is_one_setting_after_another() -> None:
    together = study_phases([0.9, 1.4], [0.0, 0.3], units=20, steps=50, first=10, seeds=2, seed=7)
    for i, gain in enumerate((0.9, 1.4)):
        for j, variance in enumerate((0.0, 0.3)):
            alone = study_phases([gain], [variance], units=20, steps=50, first=10, seeds=2, seed=7)
            assert np.isclose(alone.measured[0, 0], together.measured[i, j], rtol=1e-9)


def test_bad_settings_are_refused() -> None:
    refused = 0
    for gains, variances, options in (([], [0.1], {}), ([0.0], [0.1], {}), ([1.5], [-0.1], {}),
                                      ([1.5], [float("nan")], {}), ([1.5], [0.1], {"units": 0}),
                                      ([1.5], [0.1], {"steps": 10, "first": 10}), ([1.5], [0.1], {"seeds": 0})):
        with pytest.raises(DataError):
            study_phases(gains, variances, **options)
        refused += 1
    assert refused == 7
