"""Right gradients on many draws: none may be judged wrong. ``python -m tests.evidence.no_alarms --draws 10000``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as fixed_seed
from hypothesis.errors import HypothesisWarning

sys.path.insert(0, str(Path(__file__).parent))

import autograd
import autograd.numpy as anp
from forward_passes import affine, binary_cross_entropy, sigmoid
from planted_cells import CORRECT

import rnnsym
from rnnsym.evidence.designs import designed_examples
from rnnsym.evidence.enclosures import Subject, enclosed_gradient
from rnnsym.evidence.examples import Drawn, Example, examples
from rnnsym.evidence.judging import OutsideDomainError, Tally, judge
from rnnsym.model.networks import Network

Values = dict[str, Any]


def simple_loss(p: Values, x: Any, y: Any) -> Any:
    """One sequence of the notes' network."""
    o = anp.zeros(len(p["b"]))
    for one in x:
        o = anp.tanh(one @ p["W_i"] + o @ p["W_h"] + p["b"])
    return binary_cross_entropy(o @ p["W_o"] + p["b_o"], y)


def lstm_loss(p: Values, x: Any, y: Any) -> Any:
    """One sequence of an LSTM."""
    h = c = anp.zeros(len(p["b_i"]))
    for one in x:
        i, f, o = (sigmoid(affine(p, gate, one, h)) for gate in "ifo")
        c = f * c + i * anp.tanh(affine(p, "g", one, h))
        h = o * anp.tanh(c)
    return binary_cross_entropy(h @ p["W_y"] + p["b_y"], y)


def by_autograd(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The mean loss over a batch and its gradient, by HIPS autograd."""
    def function(parameters: Values, inputs: Any, targets: Any) -> Any:
        def mean(p: Values) -> Any:
            return sum(loss(p, x, y) for x, y in zip(inputs, targets, strict=True)) / len(inputs)

        return float(mean(parameters)), autograd.grad(mean)(parameters)

    return function


FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "simple": {"autograd": by_autograd(simple_loss), "by hand": CORRECT["simple"]},
    "lstm": {"autograd": by_autograd(lstm_loss), "by hand": CORRECT["lstm"]},
    "gru": {"by hand": CORRECT["gru"]},
}


def alarms(name: str, draws: int, seed: int) -> tuple[int, list[str]]:
    """Judge each right function on ``draws`` drawn examples and all designs; return the comparisons and the alarms."""
    network = Network(rnnsym.cells[name])
    subject, found, tally = Subject.of(network), list[str](), Tally()
    functions = {"rnnsym": rnnsym.compile(network).value_and_grad, **FUNCTIONS[name]}

    def tried(example: Example) -> None:
        enclosure = enclosed_gradient(subject, example)
        for label, function in functions.items():
            try:
                judgement = judge(function, subject, example, tally, enclosure=enclosure)
            except OutsideDomainError:
                return
            if judgement.failed:
                found.append(f"{name}, {label}: {judgement.wrong} {judgement.loss} {judgement.broken} at {example}")

    @fixed_seed(seed)
    @settings(max_examples=draws, database=None, deadline=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))
    @given(examples(network, Drawn(initial_state=False, lengths=False)))
    def trial(example: Example) -> None:
        tried(example)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        trial()
    for _, example in designed_examples(network, Drawn(initial_state=False, lengths=False), seed):
        tried(example)
    return tally.comparisons, found


def main() -> int:
    """Run as a script; status 1 on any alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000, help="of all networks together")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failures = 0
    for name in FUNCTIONS:
        comparisons, found = alarms(name, -(-options.draws // len(FUNCTIONS)), options.seed)
        failures += len(found)
        sys.stdout.write(f"{name}: {comparisons} gradients compared, {len(found)} alarms\n")
        sys.stdout.writelines(f"  {line}\n" for line in found[:3])
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
