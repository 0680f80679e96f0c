"""The command that judges a gradient: a user's own function, or our derivation and code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnsym.cli.inputs import one_of
from rnnsym.cli.outputs import deliver
from rnnsym.cli.progress import progress_bar
from rnnsym.errors import CheckError
from rnnsym.model.networks import Network


@dataclass(frozen=True)
class Request:
    """What is to be judged, by how much work, and where the report goes."""

    network: Network
    function: str | None
    form: str
    output: Path | None
    examples: int | None
    thorough: bool
    dtype: str | None
    budget: float | None
    seed: int


def judge(request: Request) -> int:
    """Judge, deliver the report, and return the exit status."""
    import rnnsym
    from rnnsym.cli.user_functions import user_function

    one_of("--format", request.form, ("text", "json"))
    options: dict[str, Any] = {"budget": request.budget, "thorough": request.thorough}
    if request.examples is not None:
        options["max_examples"] = request.examples
    if request.function is None and request.dtype is not None:
        raise CheckError("--dtype is for a function of yours; name one, as in my_rnn.py:backward")
    with progress_bar() as stage:
        options["progress"] = stage("checking examples")
        if request.function is None:
            report = rnnsym.check(request.network, request.seed, **options)
        else:
            check = rnnsym.check_gradient  # imports all it needs before a file's neighbours can be taken for it
            with user_function(request.function) as function:
                report = check(function, request.network, request.seed, dtype=request.dtype, **options)
    deliver(report.as_json() if request.form == "json" else f"{report}\n", request.output)
    return 0 if report.passed else 1
