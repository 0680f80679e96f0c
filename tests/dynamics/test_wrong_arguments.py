"""Every argument of every public function of the dynamics, of a wrong kind: one clear error of rnnsym's, no other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import rnnsym
from rnnsym import dynamics
from rnnsym.dynamics.batches import Batch, Drawn, Shuffled, padded
from rnnsym.dynamics.closed_forms import (
    forget_gate_product,
    gaussian_product,
    latch_bias,
    latches,
    mean_field,
    tanh_decay,
    wall_rate,
)
from rnnsym.dynamics.experiments import Run, perform
from rnnsym.dynamics.lessons import Lesson, read_outcomes, take
from rnnsym.dynamics.optimisers import Adam, Momentum
from rnnsym.dynamics.own_remedies import own_effects
from rnnsym.dynamics.phases import study_phases
from rnnsym.dynamics.remedies import effects, measure_start, read_starts
from rnnsym.dynamics.schedules import Constant, Cosine, Exponential, Steps, WarmUp
from rnnsym.dynamics.training import Training
from rnnsym.dynamics.truncation import Truncated
from rnnsym.dynamics.variants import outer_function, study_activations, with_activation
from rnnsym.dynamics.walls import Wall
from rnnsym.errors import RnnsymError

SIMPLE = rnnsym.Network(rnnsym.cells["simple"])
SIZES = {"d": 2, "n": 2, "k": 1}
WEIGHTS = dynamics.draw_parameters(SIMPLE, SIZES, 0)
INPUTS, TARGETS = dynamics.draw_inputs(SIMPLE, SIZES, 0, steps=3)
FACTORS = np.full((3, 2, 2), 0.5)
DRAWS = dynamics.Draws(count=1, steps=3)
BATCH = Batch(np.ones((2, 3, 2)), np.ones((2, 1)))
RUN = rnnsym.compile(SIMPLE)
PRODUCTS = dynamics.study_products(SIMPLE, SIZES, (1.0,), DRAWS)
CONTRIBUTIONS = dynamics.study_contributions(SIMPLE, SIZES, (1.0,), DRAWS)
SHARES = dynamics.path_contributions(SIMPLE, WEIGHTS, INPUTS, TARGETS)

LONGEST = 700  # of a message, in characters: a value is shown in 80
WRONG: Mapping[str, Any] = {
    "None": None, "text": "a", "nested text": [["a"]], "-1": -1, "1.5": 1.5, "nan": math.nan, "complex": 1j,
    "True": True, "ragged": [[1.0], [1.0, 2.0]], "nothing": (), "a long number": 10**400,
    "an object": object(),
    "a cell": SIMPLE.cell, "a dict": {"a": "b"}, "bytes": b"a", "a module": math,
}


@dataclass(frozen=True)
class Call:
    """A function, and arguments with which it answers."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]


def drawn_batch(generator: np.random.Generator, size: int) -> Batch:
    return BATCH


def calls(folder: Path) -> dict[str, Call]:
    """What is tried, by name; a new public function is one entry."""
    d, one = dynamics, dynamics.tasks["adding"]
    study: dict[str, Any] = {"network": SIMPLE, "sizes": SIZES, "radii": (1.0,), "draws": DRAWS}
    figure: dict[str, Any] = {"network": SIMPLE, "steps": 2}
    followed: dict[str, Any] = {"network": SIMPLE, "parameters": WEIGHTS, "inputs": INPUTS, "initial_state": None}
    given: dict[str, Mapping[str, Any]] = {
        "Draws": {"seed": 0, "count": 1, "steps": 3, "input_scale": 0.1},
        "Training": {"updates": 2, "optimiser": Adam(), "schedule": Constant(0.1), "clip_norm": None,
                     "clip_value": None, "save_every": 1, "truncate": None},
        "Truncated": {"run": RUN, "steps": 2, "overlapping": False},
        "clip_by_norm": {"gradients": [1.0], "threshold": 1.0, "epsilon": 0.0},
        "clip_by_value": {"gradients": [1.0], "threshold": 1.0},
        "draw_gradient_products": {"network": SIMPLE, "scalar": PRODUCTS, "matrix": PRODUCTS},
        "draw_inputs": {"network": SIMPLE, "sizes": SIZES, "seed": 0, "steps": 3, "scale": 1.0},
        "draw_parameters": {"network": SIMPLE, "sizes": SIZES, "seed": 0, "scale": 1.0},
        "draw_path_contributions": {"study": CONTRIBUTIONS},
        "draw_unrolled": {"axes": Figure().add_subplot(), **figure, "output_steps": None},
        "gallery_figure": {"networks": {"simple": SIMPLE}, "steps": 2},
        "global_norm": {"gradients": [1.0]},
        "gradient_path_figure": {**figure, "parameter": None},
        "gradient_product_figure": {"network": SIMPLE, "seed": 0},
        "gradient_products": {**followed, "targets": None, "steps": None, "loop": None},
        "initialise": {"network": SIMPLE, "sizes": SIZES, "scheme": "identity", "seed": 0, "forget_bias": None},
        "initialise_state": {"network": SIMPLE, "sizes": SIZES, "batch": 2, "scheme": "zeros", "seed": 0},
        "log_product_norms": {"factors": FACTORS},
        "log_singular_values": {"factors": FACTORS, "tolerance": 1e-10, "passes": 2},
        "log_singular_values_by_lag": {"factors": FACTORS, "lags": (1,), "tolerance": 1e-10},
        "log_spectral_radius": {"factors": FACTORS},
        "lyapunov_spectrum": {"factors": FACTORS, "first": 0},
        "memory_length": {"log_norms": [0.0, 0.0], "share": 0.95},
        "path_contribution_figure": {"network": SIMPLE, "seed": 0},
        "path_contributions": {"network": SIMPLE, "parameters": WEIGHTS, "inputs": INPUTS, "targets": TARGETS,
                               "initial_state": None, "wrt": None},
        "path_gallery": {"networks": {"simple": SIMPLE}, "steps": 2, "parameter": None},
        "recurrent_weights": {"network": SIMPLE},
        "restyle_figure": {"figure": Figure(), "name": "dark"},
        "draw_in": {"name": "dark", "draw": Figure},
        "save_figure": {"figure": Figure(), "path": folder / "a.png"},
        "spectral_radius": {"matrix": [[1.0]]},
        "step_jacobians": {**followed, "targets": None, "steps": None, "loop": 0},
        "study_contributions": {**study, "parameter": "b"},
        "study_products": study,
        "train": {"network": RUN, "parameters": WEIGHTS, "batches": Shuffled(BATCH, 2), "training": Training(1),
                  "course": None, "progress": None, "until": None},
        "truncation_bias": {"terms": [[1.0], [2.0]]},
        "unrolled_figure": {**figure, "output_steps": None},
        "with_spectral_radius": {"network": SIMPLE, "parameters": WEIGHTS, "radius": 1.0, "names": None},
    }
    beside = {
        "PathContributions.shares": Call(SHARES.shares, {"name": "b"}),
        "Task.network": Call(one.network, {"cell": SIMPLE.cell}),
        "Task.sizes": Call(one.sizes, {"units": 2}),
        "Task.batches": Call(one.batches, {"lag": 4, "size": 2, "seed": 0}),
        "Task.draw": Call(one.draw, {"random": np.random.default_rng(0), "size": 2, "lag": 4}),
        "Task.chance": Call(dynamics.tasks["copy"].chance, {"lag": 4}),
        "Truncated.value_and_grad": Call(Truncated(RUN, 2).value_and_grad, {
            "parameters": WEIGHTS, "inputs": INPUTS, "targets": TARGETS}),
        "Shuffled": Call(Shuffled, {"data": BATCH, "size": 2, "seed": 0}),
        "Shuffled.batch": Call(Shuffled(BATCH, 2).batch, {"update": 0}),
        "Drawn": Call(lambda **given: Drawn(**given).batch(0), {"draw": drawn_batch, "size": 2, "seed": 0}),
        "Drawn.batch": Call(Drawn(drawn_batch, 2).batch, {"update": 0}),
        "padded": Call(padded, {"sequences": [[[1.0]], [[2.0], [3.0]]], "targets": [[1.0], [0.0]]}),
        "Lesson.of": Call(Lesson.of, {"task": "adding", "learner": "lstm", "lag": 4, "seed": 0}),
        "take": Call(lambda **given: take(Lesson(**given)), {
            "task": "adding", "cell": "simple", "lag": 4, "seed": 0, "units": 2, "batch": 2, "rate": 0.1,
            "clip_norm": 1.0, "updates": 1, "schedule": "constant"}),
        "perform": Call(lambda **given: perform(Run(**given)), {
            "data": "three-bits", "cell": "simple", "units": 2, "batch": 2, "updates": 1, "rate": 0.1, "rule": "adam",
            "schedule": "constant", "clip_norm": None, "clip_value": None, "radius": None, "seed": 0}),
        "effects": Call(effects, {"gradients": read_starts(), "outcomes": tuple(read_outcomes().values())}),
        "measure_start": Call(measure_start, {"learner": "simple", "seed": 0}),
        "with_activation": Call(with_activation, {"network": SIMPLE, "function": "relu"}),
        "outer_function": Call(outer_function, {"network": SIMPLE}),
        "study_activations": Call(study_activations, {**study, "functions": ("relu",)}),
        "own_effects": Call(own_effects, {"network": SIMPLE, "seed": 0}),
        "study_phases": Call(study_phases, {"gains": (1.0,), "variances": (0.0,), "units": 3, "steps": 4, "first": 1,
                                            "seeds": 1, "seed": 0}),
        "gaussian_product": Call(gaussian_product, {"n": 2, "steps": 3, "gain": 1.0}),
        "mean_field": Call(mean_field, {"gain": 2.0, "input_variance": 0.0}),
        "forget_gate_product": Call(forget_gate_product, {"biases": [1.0], "steps": 3}),
        "latches": Call(latches, {"weight": 2.0, "bias": 0.0}),
        "latch_bias": Call(latch_bias, {"weight": 2.0}),
        "tanh_decay": Call(tanh_decay, {"start": 1.0, "steps": 3}),
        "wall_rate": Call(wall_rate, {"weight": 2.0, "state": 0.1}),
        "Wall": Call(Wall, {"steps": 5, "start": 0.5, "target": 0.7}),
        "Momentum": Call(Momentum, {"decay": 0.9}),
        "Adam": Call(Adam, {"first": 0.9, "second": 0.99, "epsilon": 1e-8}),
        "Constant": Call(Constant, {"start": 0.1}),
        "Steps": Call(Steps, {"start": 0.1, "factor": 0.5, "every": 3}),
        "Exponential": Call(Exponential, {"start": 0.1, "factor": 0.5}),
        "Cosine": Call(Cosine, {"start": 0.1, "updates": 3, "end": 0.0}),
        "WarmUp": Call(WarmUp, {"updates": 3, "after": Constant(0.1)}),
        "Constant.rate": Call(Constant(0.1).rate, {"update": 3}),
        "Steps.rate": Call(Steps(0.1, 0.5, 3).rate, {"update": 3}),
        "Exponential.rate": Call(Exponential(0.1, 0.5).rate, {"update": 3}),
        "Cosine.rate": Call(Cosine(0.1, 3).rate, {"update": 3}),
        "WarmUp.rate": Call(WarmUp(3, Constant(0.1)).rate, {"update": 3}),
    }
    return {name: Call(getattr(d, name), arguments) for name, arguments in given.items()} | beside



NAMES = tuple(calls(Path()))
HELD = {"ContributionStudy", "FigureEntry", "FigureStyle", "GradientProducts", "PathContributions", "ProductStudy",
        "Task"}  # what functions answer with, or an entry of a table: handed out, not handed over


def test_every_public_function_is_tried(tmp_path: Path) -> None:
    tried = {name.split(".")[0] for name in calls(tmp_path)}
    public = {name for name in dynamics.__all__ if callable(getattr(dynamics, name))} - HELD
    assert public <= tried


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_argument_is_one_error_of_rnnsym_s_own(name: str, tmp_path: Path) -> None:
    call = calls(tmp_path)[name]
    call.function(**call.arguments)
    refused, raw = 0, list[str]()
    for argument in call.arguments:
        for kind, value in WRONG.items():
            try:
                call.function(**{**call.arguments, argument: value})
            except RnnsymError as error:
                refused += 1
                raw += [f"{argument} = {kind}: {error}"] * (len(str(error)) > LONGEST)
            except Exception as error:
                raw.append(f"{argument} = {kind}: {type(error).__name__}: {error}")
    assert raw == []
    assert refused >= 4 * len(call.arguments)
