"""Random networks against every witness: ``python tests/evidence/random_cells.py --cells 2000 --seed 0``.

Each drawn network must be accepted, every line of its derivation must hold exactly, generated code must agree with the
interpreter of the network's own equations (the loss) and with extrapolated central differences of it (the gradients),
and, where it is affordable, ``sympy.diff`` of the nested loss with the sum over paths. What no witness can tell (a
kink, a value outside a domain) is counted as undecided, with the reason that the checker gives.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as fixed_seed
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError, DerivationError
from rnnsym.evidence.checks import NOTHING, check_function
from rnnsym.evidence.confirmations import SETTLED, UNSETTLED
from rnnsym.evidence.differences import NOISE
from rnnsym.evidence.enclosures import Subject, enclosed_gradient
from rnnsym.evidence.examples import Example, examples
from rnnsym.evidence.judging import LOSS_SLACK
from rnnsym.evidence.oracles import LARGEST_NESTED, affordable_draws, differing_entries, nested_size
from rnnsym.evidence.references import reference_losses
from rnnsym.evidence.strategies import networks
from rnnsym.evidence.verification import verify
from rnnsym.model.networks import Network
from rnnsym.model.topologies import topologies
from rnnsym.numerics.compilation import compile_network
from rnnsym.writing.sections import derivation

EXAMPLES = 2  # of each network; the first is the simplest there is, all zeros
AFFORDABLE = LARGEST_NESTED // 4
STEPS = (1, 2, 3)
PROGRESS = 100
SAME, MOST_SHOWN = 50, 3  # disagreements that begin alike are printed so often
KINDS = ("agreed", "undecided", "refused", "disagreed")


@dataclass
class Verdict:
    """What was found of one network: nothing amiss, what could not be told, what was refused, what is wrong."""

    undecided: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    disagreed: list[str] = field(default_factory=list)
    comparisons: Counter[str] = field(default_factory=Counter)

    @property
    def kind(self) -> str:
        return next((kind for kind in reversed(KINDS[1:]) if getattr(self, kind)), KINDS[0])


def judged(network: Network, seed: int = 0, examples: int = EXAMPLES) -> Verdict:
    """Return what every witness says of a network."""
    verdict = Verdict()
    for judge in (_exactly, _numerically, _symbolically):
        try:
            judge(network, seed, examples, verdict)
        except (DerivationError, CheckError) as error:
            kind = verdict.refused if isinstance(error, DerivationError) else verdict.disagreed
            kind.append(f"{judge.__name__}: {error}")
        except Exception as error:
            verdict.disagreed.append(f"{judge.__name__}: {type(error).__name__}: {error}")
    return verdict


def _exactly(network: Network, seed: int, examples: int, verdict: Verdict) -> None:
    steps = 1 if network.shape_of_steps.single_step else STEPS[seed % len(STEPS)]
    verdict.comparisons["exact"] += len(verify(derivation(network, steps), seed).steps)


def _numerically(network: Network, seed: int, examples: int, verdict: Verdict) -> None:
    report = check_function(compile_network(network).value_and_grad, network, seed, examples)
    for finding in report.findings:
        (verdict.undecided if finding.message == NOTHING else verdict.disagreed).append(finding.message)
    verdict.undecided += report.undecided
    verdict.comparisons["differences"] += sum(witness.comparisons for witness in report.witnesses)


def along_all(network: Network, example: Example) -> Verdict:
    """Judge the loss and the gradients of one example along one direction through all parameters at once.

    It costs one tableau of differences instead of one a parameter; two wrong gradients could only hide each other
    if their errors cancelled along a random direction.
    """
    subject, verdict = Subject.of(network), Verdict()
    references = reference_losses(subject.graph, example)
    bounds = enclosed_gradient(subject, example).bound
    expected = float(np.mean(np.concatenate([reference.losses for reference in references])))
    if any(r.near_jump for r in references) or not np.isfinite([expected, total_of(bounds)]).all():
        verdict.undecided.append("outside a domain, or near a jump")
        return verdict
    loss, gradients = compile_network(network).value_and_grad(**example.arguments())
    random = np.random.default_rng(0)
    ways = {p: random.uniform(-1, 1, np.shape(example.parameters[p.name])) for p in network.parameters}
    slopes = [reference.slopes([ways]) for reference in references]
    slope, error = (float(np.concatenate([getattr(one, name) for one in slopes]).mean())
                    for name in ("values", "errors"))
    found = sum(float((way * gradients[p.name]).sum()) for p, way in ways.items())
    if not error <= max(SETTLED * abs(slope), UNSETTLED * NOISE):
        verdict.undecided.append("the differences did not settle, as at a kink")
    elif abs(found - slope) > error + total_of(bounds):
        verdict.disagreed.append(f"the gradients along a direction are wrong: {found:.12g} instead of {slope:.12g}")
    if abs(loss - expected) > LOSS_SLACK * float(np.finfo(np.float64).eps) / 2 * max(1.0, abs(expected)):
        verdict.disagreed.append(f"the loss is wrong: {loss:.12g} instead of {expected:.12g}")
    verdict.comparisons["directions"] += not verdict.undecided
    return verdict


def total_of(bounds: dict[str, Any]) -> float:
    """Return the bound of rounding of a sum of all gradients' entries, each weighted by at most 1."""
    return sum(float(bound.sum()) for bound in bounds.values())


def quickly(network: Network, example: Example, seed: int) -> Verdict:
    """Judge the derivation exactly and one example along one direction."""
    verdict = Verdict()
    try:
        verdict = along_all(network, example)
        _exactly(network, seed, 0, verdict)
    except DerivationError as error:
        verdict.refused.append(str(error))
    except Exception as error:
        verdict.disagreed.append(f"{type(error).__name__}: {error}")
    return verdict


def _symbolically(network: Network, seed: int, examples: int, verdict: Verdict) -> None:
    graph = graph_of(network)
    if nested_size(graph, 1) > AFFORDABLE:
        return
    for draw in affordable_draws(graph, seed)[:1]:
        for name, (wrong, total) in differing_entries(graph, draw).items():
            verdict.comparisons["sympy.diff"] += total
            if wrong:
                verdict.disagreed.append(f"{name}: {wrong} of {total} entries differ from sympy.diff")


def described(network: Network) -> str:
    """Return all that makes a network, to paste."""
    options = {name: getattr(network, name) for name in ("feed", "teacher_forcing", "bidirectional", "over_steps")}
    decoder = "" if network.decoder is None else f"\n# decoder\n{network.decoder.text}"
    rest = f"# {network.loss}, {network.topology}, {options}"
    return f"{network.cell.text}{decoder}\n# readout\n{network.readout}\n{rest}"


@dataclass
class Tally:
    """What was found of all networks so far; disagreements that begin alike are shown a few times only."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    comparisons: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)

    def add(self, network: Network, verdict: Verdict) -> None:
        self.counts[verdict.kind] += 1
        if not sum(self.counts.values()) % PROGRESS:
            say(f"{sum(self.counts.values())} networks: {dict(self.counts)}")
        self.comparisons.update(verdict.comparisons)
        self.reasons.update(reason.split(": ", 1)[-1][:SAME] for reason in verdict.undecided + verdict.refused)
        kinds = {reason[:SAME] for reason in verdict.disagreed}
        self.shown.update(kinds)
        if any(self.shown[kind] <= MOST_SHOWN for kind in kinds):
            say(f"== disagreed: {'; '.join(verdict.disagreed)}\n{described(network)}")

    def conclude(self, seconds: float) -> None:
        say(f"{sum(self.counts.values())} networks in {seconds:.0f} s: {dict(self.counts)}")
        say(f"comparisons: {dict(self.comparisons)}")
        for title, found in (("undecided or refused", self.reasons), ("disagreed", self.shown)):
            for reason, count in found.most_common():
                say(f"{count:6d}  {title}: {reason}")


def say(line: str) -> None:
    """Write a line at once, so that a long run can be watched."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge as many networks as asked for; 1 where a witness disagrees."""
    parser = argparse.ArgumentParser(description="judge random networks against every witness")
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one example, one direction through all parameters")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="of each network")
    parser.add_argument("--topologies", nargs="+", choices=list(topologies), default=list(topologies))
    asked = parser.parse_args(arguments)
    tally, start = Tally(), time.monotonic()

    @fixed_seed(asked.seed)
    @settings(max_examples=asked.cells, database=None, deadline=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def trial(data: st.DataObject) -> None:
        network, seed = data.draw(networks(asked.topologies)), sum(tally.counts.values())
        if asked.quick:
            tally.add(network, quickly(network, data.draw(examples(network)), seed))
        else:
            tally.add(network, judged(network, seed, asked.examples))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        trial()
    tally.conclude(time.monotonic() - start)
    return int(tally.counts["disagreed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
