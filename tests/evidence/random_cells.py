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

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as fixed_seed
from hypothesis.errors import HypothesisWarning

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError, DerivationError
from rnnsym.evidence.checks import NOTHING, check_function
from rnnsym.evidence.oracles import LARGEST_NESTED, affordable_draws, differing_entries, nested_size
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
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="of each network")
    parser.add_argument("--topologies", nargs="+", choices=list(topologies), default=list(topologies))
    asked = parser.parse_args(arguments)
    tally, start = Tally(), time.monotonic()

    @fixed_seed(asked.seed)
    @settings(max_examples=asked.cells, database=None, deadline=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))
    @given(networks(asked.topologies))
    def trial(network: Network) -> None:
        tally.add(network, judged(network, sum(tally.counts.values()), asked.examples))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        trial()
    tally.conclude(time.monotonic() - start)
    return int(tally.counts["disagreed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
