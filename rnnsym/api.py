"""The public functions that cross stages; ``rnnsym`` re-exports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import DerivationError
from rnnsym.evidence.bound_checks import verify_bounds
from rnnsym.evidence.checks import EXAMPLES, check_function, check_network
from rnnsym.evidence.claim_decision import decide
from rnnsym.evidence.reports import Report
from rnnsym.evidence.trials import Budget, Progress
from rnnsym.evidence.verdicts import Verdict
from rnnsym.evidence.verification import verify
from rnnsym.model.networks import Network
from rnnsym.numerics.compilation import CompiledNetwork, compile_network
from rnnsym.numerics.numbers import seed as whole_seed
from rnnsym.numerics.targets import emit as emitted
from rnnsym.writing.bounds import bound_derivation
from rnnsym.writing.clashes import refuse_clashes
from rnnsym.writing.derivation import Derivation
from rnnsym.writing.sections import derivation

__all__ = ["assert_gradient", "check", "check_claim", "check_gradient", "compile", "derive", "derive_bounds", "emit"]


def derive(
    network: Network,
    steps: int | None = 3,
    *,
    output_steps: int | None = None,
    sizes: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Derivation:
    """∂L/∂W = Σ_j ∂L/∂ŷ · ∂ŷ/∂o_T · (Π_{t=T…j+1} ∂o_t/∂o_{t−1}) · ∂⁺o_j/∂W, derived and checked line by line.

    ``steps`` is T; None leaves T a symbol and adds the proof by induction that path sum, adjoint recursion and total
    derivative are one for every T (``.proved``). ``output_steps`` is a decoder's S (T where absent); ``sizes``, such as
    ``{"d": 5, "n": 3, "k": 1}``, adds numbers to the tables of shapes and counts; ``seed`` draws the random points.
    Errors: DerivationError for steps that are no whole number from 1, or for two names that would be printed alike;
    DataError for a seed that is no whole number from 0; CheckError where a line fails its check.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> document = rnnsym.derive(network, steps=3)
    >>> document.checked
    True
    """
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int)):
        raise DerivationError(f"steps must be a whole number, or None for any length T, but it is {steps!r}")
    if sizes is not None and not (isinstance(sizes, Mapping) and all(isinstance(name, str) for name in sizes)):
        raise DerivationError(f"sizes must be a dict such as {{'d': 5, 'n': 3, 'k': 1}}, but it is {sizes!r:.80}")
    seed = whole_seed(seed)
    document = derivation(network, steps, sizes, output_steps)
    refuse_clashes(graph_of(network), max(steps or 0, output_steps or 0))
    return verify(document, seed)


def derive_bounds(network: Network, seed: int = 0) -> Derivation:
    """‖∂s_T/∂s_j‖ ≤ β^(T−j), derived rule by rule from the cell's equations; what follows from it, and what does not.

    For s_t = f(W s_{t−1} + …), β = γ σ_max(W) with γ = sup |f′|; with several states the norm of the matrix of the
    blocks' bounds. Each line bears its checks: equations are exact identities, inequalities are proved by their rule
    from the lines above and tried at draws, which prove nothing. Errors: DerivationError for a network of several
    loops, for a kind of node without a rule, and for names that the document needs; DataError for a seed that is no
    whole number from 0; CheckError where a line fails.
    (Pascanu, Mikolov, Bengio 2013, section 2.1.)

    >>> import rnnsym
    >>> document = rnnsym.derive_bounds(rnnsym.Network(rnnsym.cells["simple"]))
    >>> document.checked
    True
    """
    seed = whole_seed(seed)
    return verify_bounds(bound_derivation(network), seed)


def compile(network: Network, backend: str = "numpy", *, checkpoints: bool = False) -> CompiledNetwork:
    """L(θ) and ∂L/∂θ as functions of arrays; ``.source`` is the module they run. Errors: see ``CompiledNetwork``.

    With ``checkpoints`` states are kept every √T steps or so, and the way back makes the steps between them again:
    memory beside the arguments grows as √T, time by a third or so. DerivationError where outputs are fed back or loops
    are two.

    >>> import rnnsym
    >>> run = rnnsym.compile(rnnsym.Network(rnnsym.cells["simple"]))
    >>> "tanh(o_t, o_t)" in run.source
    True
    """
    return compile_network(network, backend, checkpoints)


def emit(network: Network, target: str = "numpy") -> str:
    """L(θ) and ∂L/∂θ as the text of a module that imports its library alone: ``"numpy"``, ``"jax"`` or ``"torch"``.

    Each has ``loss``, ``predict`` and ``value_and_grad``, whose way back is the derived recursion: in JAX the rule of a
    ``custom_vjp``, in PyTorch the ``backward`` of a ``Function``. Nothing needs to be installed for the text.
    Errors: DerivationError for an unknown target, and for what a module cannot be made of.

    >>> import rnnsym
    >>> text = rnnsym.emit(rnnsym.Network(rnnsym.cells["simple"]), "jax")
    >>> "o = jnp.tanh(a)" in text, "slope_a = 1.0 - o**2" in text
    (True, True)
    """
    return emitted(network, target)


def check(
    network: Network,
    seed: int = 0,
    *,
    max_examples: int = EXAMPLES,
    thorough: bool = False,
    budget: float | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge our own derivation and generated code of ``network`` against every witness.

    Path sum, adjoint recursion and total derivative must agree exactly (modulo a prime, line by line, T = 1, 2, 3, 7),
    with ``sympy.diff`` of the nested loss at T = 2 (or 1, where that is too large), and the code with extrapolated
    central differences on ``max_examples`` drawn examples (T = 1 … 7, padded batches, initial states). ``budget``
    limits the time, in seconds: lengths beyond the first, the oracle and examples beyond the third are left out when
    it is spent, and ``undecided`` says so.
    Errors: NetworkError, CheckError.

    >>> import rnnsym
    >>> rnnsym.check(rnnsym.Network(rnnsym.cells["simple"]), max_examples=3).passed
    True
    """
    return check_network(network, seed, max_examples, progress, budget, thorough=thorough)


def check_claim(text: str, network: Network, seed: int = 0, *, steps: int | None = None) -> Verdict:
    """Decide an equation ``left == right``, or a bound ``left <= right``, about the quantities of a network.

    ``.holds`` is True where it is proved for all weights, inputs, initial states and numbers of steps T (``steps``: for
    that T alone), False where ``.counterexample`` refutes it, and None where neither is known. Errors: EquationError
    for what is not in the language of claims, ShapeError where shapes do not fit, CheckError for a claim that makes
    sense at no T, DerivationError for encoder-decoder networks.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> rnnsym.check_claim("partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h.T", network).holds
    True
    >>> verdict = rnnsym.check_claim("partial(o[t], o[t-1]) == diag(1 - o[t]**2) @ W_h", network)
    >>> verdict.holds, verdict.counterexample.steps, verdict.cases[0]
    (False, 1, 'it holds for one unit (n = 1), up to T = 8 at least')
    """
    return decide(text, network, seed, steps)


def check_gradient(
    function: Callable[..., Any],
    network: Network,
    seed: int = 0,
    *,
    max_examples: int = EXAMPLES,
    thorough: bool = False,
    dtype: Any = None,
    progress: Progress | None = None,
    budget: float | None = None,
) -> Report:
    """|g − ∂L/∂θ| ≤ bound, entry by entry: your gradient g, the exact one in a ball, the bound of natural rounding.

    ``function(parameters, inputs, targets, …)`` returns (loss, {parameter: gradient}). It is called by keyword with the
    arguments of ``value_and_grad``, whose arrays are ``dtype`` (float64 where absent, or float32); ``initial_state``
    and ``lengths`` are drawn only if it takes them. Designed examples (one step to a hundred, vanishing and kept
    gradients, an input at one step alone, padded batches) come before drawn ones. ``findings`` name the likely mistake;
    ``thorough`` tries five times as many examples, ``budget`` limits the time, in seconds. Errors: CheckError.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> run = rnnsym.compile(network)
    >>> def forgets_the_bias(parameters, inputs, targets):
    ...     loss, gradients = run.value_and_grad(parameters, inputs, targets)
    ...     return loss, gradients | {"b": 0 * gradients["b"]}
    >>> report = rnnsym.check_gradient(forgets_the_bias, network, max_examples=10)
    >>> report.passed, report.findings[0].mistake
    (False, 'The gradient of b is zero.')
    """
    return check_function(function, network, seed, max_examples, progress, Budget(budget), thorough=thorough,
                          dtype=dtype)


def assert_gradient(
    function: Callable[..., Any],
    network: Network,
    seed: int = 0,
    *,
    max_examples: int = EXAMPLES,
    thorough: bool = False,
    dtype: Any = None,
    budget: float | None = None,
) -> None:
    """|g − ∂L/∂θ| ≤ bound, or AssertionError with the whole report: ``check_gradient`` for a test suite of one's own.

    >>> import rnnsym
    >>> network = rnnsym.Network(rnnsym.cells["simple"])
    >>> rnnsym.assert_gradient(rnnsym.compile(network).value_and_grad, network, max_examples=10)
    """
    report = check_gradient(function, network, seed, max_examples=max_examples, thorough=thorough, dtype=dtype,
                            budget=budget)
    if not report.passed:
        raise AssertionError(str(report))
