"""The property test that stands alone: it passes on what was derived, and fails on a gradient with an error."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnsym
from rnnsym.evidence.property_tests import property_test
from rnnsym.model.networks import Network

Array = Any
SEED = "--hypothesis-seed=0"  # with 1e-11 of the largest entry alone, the layer norm's batches fail here
DRAWS = 1000  # an estimate that trusts one coincidence in the table is wrong beside 15 of them
SETTLED = 1e-5  # what the delivered test allows an error to be, beside slopes of order one
LOOKUP = rnnsym.Cell.from_equations("lookup", "h = tanh(E[x] + h_prev @ W_h + b)")
FAR = rnnsym.Cell.from_equations("far", "g = sigmoid(x @ W_g)\nh = g * tanh(h_prev @ W_h + b) + (1 - g) * h_prev[3]")
SOFTSIGN = rnnsym.Cell.from_equations("softsign", """
    s: scalar
    g: (n,)
    a = x @ W_x + h_prev @ W_h
    d = a - mean(a)
    q = g * d / sqrt(mean(d ** 2) + 0.00001) + b
    z = sigmoid(s * (x @ W_z + h_prev @ W_h))
    h = z * h_prev[3] + (1 - z) * q / (1 + abs(q))
""")
LEAK = rnnsym.Cell.from_equations("leak", "s: scalar\nh = (1 - s) * h_prev + s * tanh(x @ W + h_prev @ U + b)")
COUNTER = rnnsym.Cell.from_equations("counter", """
    u: scalar = 1
    w: (n,)
    u = tanh(0.5 * u_prev + dot(w, h_prev))
    h = tanh(x @ W + u * (h_prev @ U) + b)
""")
NUMBERS = rnnsym.Cell.from_equations("numbers", """
    x: scalar
    h: scalar
    w: scalar
    u: scalar
    b: scalar
    h = tanh(w * x + u * h_prev + b)
""")
NETWORKS: Mapping[str, Network] = {
    "simple": Network(rnnsym.cells["simple"]),
    "lstm, every output": Network(rnnsym.cells["lstm"], loss="softmax_cross_entropy", topology="many-to-many"),
    "fed back": Network(rnnsym.cells["gru"], loss="squared_error", topology="one-to-many",
                        readout="yhat = h @ W_y + b_y"),
    "rounding": Network(rnnsym.cells["skip_rnn"]),
    "three steps back": Network(FAR, readout="yhat = sigmoid(h @ W_y + b_y)"),
    "looked up": Network(LOOKUP, readout="yhat = sigmoid(h @ W_y + b_y)"),
    "decoder": Network(rnnsym.cells["simple"], decoder=rnnsym.cells["gru"], topology="encoder-decoder",
                       loss="squared_error", readout="yhat = h @ W_y + b_y"),
    "a slope with a kink": Network(SOFTSIGN, readout="yhat = sigmoid(h @ W_y + b_y)"),
    "scalar parameter": Network(LEAK, readout="yhat = sigmoid(h @ W_y + b_y)"),
    "scalar state": Network(COUNTER, readout="yhat = sigmoid(h @ W_y + b_y)", topology="many-to-many"),
    "scalars alone": Network(NUMBERS, readout="yhat = sigmoid(v * h + c)"),
    "single step": Network(rnnsym.cells["simple"], topology="one-to-one"),
}
MISTAKES: Mapping[str, str] = {
    "a sign": 'g = {n: -v for n, v in g.items()}',
    "a millionth": 'g["W_h"] = g["W_h"] * 1.000001',
    "a sum for the mean": 'g = {n: v * len(args[1]) for n, v in g.items()}',
    "a transpose": 'g["W_h"] = g["W_h"].T',
    "a shape": 'g["b"] = g["b"][None]',
    "a NaN": 'g["b"] = g["b"] * float("nan")',
    "a name": 'del g["b"]',
}


def run_alone(folder: Path, network: Network, subject: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    """Run the property test in a folder of its own, without the repository's settings."""
    (folder / "gradient.py").write_text(rnnsym.compile(network).source, encoding="utf-8")
    text = property_test(network)
    if subject:
        marked = "SUBJECT = reference.value_and_grad\n"
        assert text.count(marked) == 1
        text = text.replace(marked, subject)
    (folder / "test_gradient.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-W", "error", "test_gradient.py",
               SEED, *more]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_passes_on_the_derived_gradient(name: str, tmp_path: Path) -> None:
    run = run_alone(tmp_path, NETWORKS[name])
    assert run.returncode == 0, run.stdout
    assert "passed" in run.stdout
    assert "skipped" not in run.stdout


@pytest.mark.parametrize(("name", "mistake"), [
    *(("simple", mistake) for mistake in MISTAKES.values()),
    ("scalar parameter", 'g["s"] = g["s"] * 1.000001'),
    ("a slope with a kink", 'g["W_x"] = g["W_x"] * 1.000001'),  # however few of its digits a layer norm leaves
    ("a slope with a kink", 'g["s"] = 0.0'),
])
def test_it_fails_on_a_wrong_gradient(name: str, mistake: str, tmp_path: Path) -> None:
    subject = ("def SUBJECT(*args):\n    loss, g = reference.value_and_grad(*args)\n"
               f"    {mistake}\n    return loss, g\n")
    run = run_alone(tmp_path, NETWORKS[name], subject)
    assert run.returncode == 1, run.stdout
    assert "AssertionError" in run.stdout


BY_AUTOGRAD = """import autograd
import autograd.numpy as anp


def SUBJECT(parameters, inputs, targets, initial_state):
    def mean_loss(p):
        h, h_1, h_2 = (initial_state[name] for name in ("h", "h'1", "h'2"))
        for t in range(inputs.shape[1]):
            x = inputs[:, t]
            a = x @ p["W_x"] + h @ p["W_h"]
            q = (a - a.mean(axis=-1, keepdims=True)) / anp.sqrt(a.var(axis=-1, keepdims=True) + 1e-5) * p["g"] + p["b"]
            z = 1 / (1 + anp.exp(-p["s"] * (x @ p["W_z"] + h @ p["W_h"])))
            h, h_1, h_2 = z * h_2 + (1 - z) * q / (1 + anp.abs(q)), h, h_1
        logit = h @ p["W_y"] + p["b_y"]
        return anp.sum(anp.logaddexp(0.0, logit) - targets * logit) / len(inputs)

    return mean_loss(parameters), autograd.grad(mean_loss)(parameters)
"""


def test_another_right_gradient_of_a_layer_norm_raises_no_alarm(tmp_path: Path) -> None:
    run = run_alone(tmp_path, NETWORKS["a slope with a kink"], BY_AUTOGRAD, "-k", "derived")
    assert run.returncode == 0, run.stdout


PLAIN = """def SUBJECT(parameters, inputs, targets):
    return reference.value_and_grad(parameters, inputs, targets)
"""


WRONG = """
_right = SUBJECT


def SUBJECT(*args):
    loss, gradients = _right(*args)
    return loss, {name: -gradient for name, gradient in gradients.items()}
"""


def test_a_function_without_states_and_lengths_is_told_so_by_two_switches(tmp_path: Path) -> None:
    text = property_test(NETWORKS["simple"])
    for name in ("TAKES_STATES", "TAKES_LENGTHS"):
        assert text.count(f"{name} = True") == 1
        text = text.replace(f"{name} = True", f"{name} = False")
    (tmp_path / "gradient.py").write_text(rnnsym.compile(NETWORKS["simple"]).source, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for subject, status in ((PLAIN, 0), (PLAIN + WRONG, 1)):
        (tmp_path / "test_gradient.py").write_text(text.replace("SUBJECT = reference.value_and_grad\n", subject))
        run = subprocess.run([sys.executable, "-m", "pytest", "-q", "test_gradient.py"], cwd=tmp_path, check=False,
                             capture_output=True, text=True)
        assert run.returncode == status, run.stdout
        assert "1 skipped" in run.stdout


@pytest.mark.parametrize(("name", "parameter"), [("simple", "W_h"), ("scalar parameter", "s"),
                                                 ("a slope with a kink", "b")])
def test_differences_alone_find_a_mistake_of_the_reference(name: str, parameter: str, tmp_path: Path) -> None:
    network = NETWORKS[name]
    source = rnnsym.compile(network).source
    wrong = "\n\n_right = value_and_grad\n\n\ndef value_and_grad(*args):\n    loss, g = _right(*args)\n" \
            f'    g["{parameter}"] = g["{parameter}"] * 1.001\n    return loss, g\n'
    (tmp_path / "gradient.py").write_text(source + wrong, encoding="utf-8")
    (tmp_path / "test_gradient.py").write_text(property_test(network), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "test_gradient.py", SEED, "-k", "slope"],
                         cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "FAILED test_gradient.py::test_the_gradient_is_the_slope_of_the_loss" in run.stdout


def test_differences_beside_a_kink_of_a_slope_claim_no_more_than_they_show(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kinked.py").write_text(rnnsym.compile(NETWORKS["simple"]).source, encoding="utf-8")
    (tmp_path / "delivered.py").write_text(property_test(NETWORKS["simple"], "kinked"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    delivered = importlib.import_module("delivered")
    random, settled = np.random.default_rng(0), 0
    for _ in range(DRAWS):
        at, jump = 10 ** random.uniform(-6, -1.5), 10 ** random.uniform(-4, 0)
        speed, shift, height = random.normal(size=3)

        def kinked(
            value: Array, at: float = at, jump: float = jump, speed: float = speed, shift: float = shift,
            height: float = height,
        ) -> float:
            beyond = value[0] - at
            smooth = np.sin(speed * value[0]) + height * np.tanh(value[0] + shift)
            return float(smooth + jump * beyond * abs(beyond) / (1 + abs(beyond)))

        wanted = speed + height * (1 - np.tanh(shift) ** 2) + jump * (2 * at / (1 + at) - at**2 / (1 + at) ** 2)
        found, error = delivered.slope(kinked, np.zeros(1), (0,))
        if error <= SETTLED:
            settled += 1
            assert abs(found - wanted) <= 10 * error + delivered.NOISE * (1 + abs(wanted))
            assert abs(found - wanted) <= 1e-4
    assert settled > DRAWS / 2


@pytest.mark.parametrize("name", NETWORKS)
def test_it_imports_no_rnnsym_and_leaves_no_place_unfilled(name: str) -> None:
    text = property_test(NETWORKS[name])
    tree = ast.parse(text)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"numpy", "pytest", "hypothesis", "gradient"}
    assert not [word for word in text.split() if word.startswith("@") and word.endswith("@")]
    assert max(map(len, text.splitlines())) <= 120
