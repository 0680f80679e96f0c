"""Every built-in cell × topology × loss, against all witnesses: ``python -m tests.evidence.full_product``.

One line a combination and a summary; exit status 1 on any failure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).parent))  # the helpers of the tests import each other by their bare names

from combinations import CASES, CLASSES, Combination, all_combinations, arguments_for, faults

import rnnsym


def main(given: Sequence[str] | None = None) -> int:
    """Judge every combination that is asked for; return the exit status."""
    options = _options(given)
    chosen = [one for one in all_combinations() if options.only in str(one)]
    if not chosen:
        _say(f"no combination bears {options.only!r} in its name")
        return 1
    failed = 0
    for number, combination in enumerate(chosen, start=1):
        begun = time.monotonic()
        found = failures(combination, options.seed, options.examples, options.budget)
        failed += bool(found)
        verdict = "; ".join(found) or "agrees"
        _say(f"{number}/{len(chosen)} {combination}: {verdict} ({time.monotonic() - begun:.1f} s)")
    _say(f"{len(chosen)} combinations, {failed} of them failed")
    return 1 if failed else 0


def failures(combination: Combination, seed: int, examples: int, budget: float) -> list[str]:
    """Return what is wrong in words: by autograd on ``examples`` draws, then by ``rnnsym.check``."""
    return [*_against_autograd(combination, seed, examples), *_against_witnesses(combination, seed, examples, budget)]


def _against_autograd(combination: Combination, seed: int, examples: int) -> list[str]:
    found = []
    for number in range(examples):
        case = CASES[number % len(CASES)]
        own = crc32(f"{seed} {number} {combination}".encode())
        try:
            wrong = faults(combination, arguments_for(combination, case, own))
        except Exception as error:  # whatever goes wrong is a failure of this combination, and the others go on
            wrong = [f"{type(error).__name__}: {error}"]
        found += [f"autograd differs in {', '.join(wrong)} on {case}, draw {own}"] if wrong else []
    return found


def _against_witnesses(combination: Combination, seed: int, examples: int, budget: float) -> list[str]:
    if combination.loss == CLASSES:
        return []  # the same network as with one-hot rows, judged there
    try:
        report = rnnsym.check(combination.network, seed, max_examples=examples, budget=budget)
    except Exception as error:  # as above
        return [f"rnnsym.check: {type(error).__name__}: {error}"]
    return [] if report.passed else [f"rnnsym.check: {finding.parameter} {finding.message}"
                                     for finding in report.findings]


def _options(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.full_product", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of all draws")
    parser.add_argument("--examples", type=int, default=len(CASES), help="draws a combination, for either witness")
    parser.add_argument("--budget", type=float, default=5.0, help="seconds that rnnsym.check may take a combination")
    parser.add_argument("--only", default="", help="a part of the name, such as 'gru × one-to-many × huber'")
    options = parser.parse_args(given)
    if options.examples < 1:
        parser.error(f"--examples must be at least 1, but it is {options.examples}")
    return options


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
