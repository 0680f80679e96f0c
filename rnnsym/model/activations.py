"""The table of elementwise functions: one entry a function, its slope written in its output where that exists.

The output form is how backpropagation through time is written (``1 - o²`` for tanh), and it needs only what the
forward pass has kept. Its error stays within rounding of 1, but where the function saturates (|a| >= 19 for tanh,
a >= 37 for sigmoid) the output rounds to 1 and no digit of the tiny slope is left, unlike in ``1 / cosh(a)²``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sympy

from rnnsym.model.expressions import ONE, Elementwise, Expression, Numeral

Slope = Callable[[Expression, Expression], Expression]


class sigmoid(sympy.Function):  # noqa: N801 - SymPy's functions are lower case, and this is one of them
    """σ(a) = 1 / (1 + e^(−a)), with σ′ = σ (1 − σ)."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return σ (1 − σ)."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return self * (1 - self)


class softplus(sympy.Function):  # noqa: N801
    """log(1 + e^a), whose slope is σ(a)."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return σ(a)."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return sigmoid(self.args[0])


class relu(sympy.Function):  # noqa: N801
    """max(0, a), whose slope is 1 where a > 0 and 0 elsewhere (0 at the kink)."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 1 where a > 0, else 0."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return sympy.Piecewise((1, self.args[0] > 0), (0, True))


class step(sympy.Function):  # noqa: N801
    """1 where a > 0 and 0 elsewhere; its slope is 0 wherever it has one."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 0."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return sympy.S.Zero


class absolute(sympy.Function):  # noqa: N801
    """|a|, whose slope is the sign of a (0 at the kink); SymPy's own Abs would derive it through re and im."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the sign of a."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return signum(self.args[0])


class signum(sympy.Function):  # noqa: N801
    """1 where a > 0, −1 where a < 0 and 0 at 0; its slope is 0 wherever it has one."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 0."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return sympy.S.Zero


class rounded(sympy.Function):  # noqa: N801
    """⌊a + 1/2⌋ with the slope 1 of a straight-through estimator (Bengio, Léonard, Courville 2013, section 4)."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 1, the slope of what stands in for the function."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return sympy.S.One


class exponential(sympy.Function):  # noqa: N801
    """e^a as one function of one argument: SymPy's own exp would merge e^a e^b into e^(a+b)."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return e^a."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return self


LEAK = sympy.Rational(1, 100)


class leaky_relu(sympy.Function):  # noqa: N801
    """The function a for a > 0 and a/100 elsewhere; its slope at the kink is 1/100."""

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 1 where a > 0, else 1/100."""
        if argindex != 1:
            raise sympy.ArgumentIndexError(self, argindex)
        return sympy.Piecewise((1, self.args[0] > 0), (LEAK, True))


@dataclass(frozen=True)
class Activation:
    """One elementwise function f.

    ``slope(argument, output)`` is f′ as an expression, in the output wherever that is possible.
    ``slope_bound`` is sup |f′| over the reals (None: unbounded). ``numpy`` is a stable NumPy expression of ``{a}``,
    ``scalar`` one of a number ``{0}`` in Python's ``math``: it binds as a name does, passes NaN on, and raises
    ArithmeticError or ValueError where Python's number would be none while NumPy's is inf or NaN.
    ``range`` holds the ends of the smallest closed interval with all values (None: no end on that side).
    ``analytic`` says whether complex step differentiation is valid. ``kinks`` are the points without a derivative,
    ``lower`` the open lower end of the domain (None: all reals). ``jump(a)`` vanishes where f itself jumps.
    ``straight_through`` says that gradients take f for a + c with a constant c, whatever f's own slope.
    ``delimiters`` enclose the argument; other than round ones, they stand for the name too. ``jax`` and ``torch`` are
    forms of ``numpy`` for these libraries, where it is more than the library's name that differs.
    """

    name: str
    symbol: Callable[[Any], Any]
    slope: Slope
    slope_text: str
    slope_bound: sympy.Rational | None
    numpy: str
    latex: str
    unicode: str
    analytic: bool = True
    kinks: tuple[int, ...] = ()
    lower: int | None = None
    jump: Callable[[Any], Any] | None = None
    straight_through: bool = False
    scalar: str = field(kw_only=True)
    helper: str = ""
    jax: str = ""
    torch: str = ""
    delimiters: tuple[str, str] = ("(", ")")
    range: tuple[int | None, int | None] = (None, None)


SIGMOID_SOURCE = '''
def sigmoid(a):
    """Return 1 / (1 + exp(-a)) without overflow."""
    small = np.exp(-np.abs(a))
    return np.where(a >= 0, 1.0, small) / (1.0 + small)
'''

ROUND_SOURCE = '''
def round_half_up(a):
    """Return floor(a + 1/2), exactly: the sum itself would round."""
    whole = np.floor(a)
    return whole + (a - whole >= 0.5)
'''

_entries = (
    Activation("tanh", sympy.tanh, lambda _, output: ONE - output**2, "1 - Ω²", sympy.S.One,
               "np.tanh({a})", r"\tanh", "tanh", range=(-1, 1),
               scalar="tanh({0})"),
    Activation("sigmoid", sigmoid, lambda _, output: output * (ONE - output), "Ω (1 - Ω)", sympy.Rational(1, 4),
               "sigmoid({a})", r"\sigma", "σ", helper=SIGMOID_SOURCE, range=(0, 1), jax="jax.nn.sigmoid({a})",
               torch="torch.sigmoid({a})",
               scalar="(1.0 / (1.0 + exp(-{0})))"),
    Activation("relu", relu, lambda argument, _: Elementwise("step", argument), "[a > 0]", sympy.S.One,
               "np.maximum({a}, 0.0)", r"\mathrm{ReLU}", "ReLU", analytic=False, kinks=(0,),
               range=(0, None), torch="torch.relu({a})",
               scalar="(0.0 if {0} <= 0.0 else {0})"),
    Activation("leaky_relu", leaky_relu,
               lambda argument, _: Numeral(LEAK) + Numeral(1 - LEAK) * Elementwise("step", argument),
               "1/100 + 99/100 [a > 0]", sympy.S.One, "np.where({a} > 0, {a}, 0.01 * {a})",
               r"\mathrm{LeakyReLU}", "LeakyReLU", analytic=False, kinks=(0,),
               scalar="({0} if {0} > 0.0 else 0.01 * {0})"),
    Activation("step", step, lambda argument, _: Numeral(0) * argument, "0", sympy.S.Zero,
               "np.heaviside({a}, 0.0)", r"\mathrm{step}", "step", analytic=False, kinks=(0,), jump=lambda a: a,
               range=(0, 1), torch="torch.heaviside({a}, torch.zeros_like({a}))",
               scalar="(1.0 if {0} > 0.0 else 0.0 if {0} <= 0.0 else {0})"),
    Activation("sign", signum, lambda argument, _: Numeral(0) * argument, "0", sympy.S.Zero,
               "np.sign({a})", r"\mathrm{sign}", "sign", analytic=False, kinks=(0,), jump=lambda a: a,
               range=(-1, 1),
               scalar="(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0 * {0})"),
    Activation("abs", absolute, lambda argument, _: Elementwise("sign", argument), "sign(a)", sympy.S.One,
               "np.abs({a})", r"\mathrm{abs}", "abs", analytic=False, kinks=(0,), delimiters=("|", "|"),
               range=(0, None),
               scalar="abs({0})"),
    Activation("round", rounded, lambda _, output: ONE, "1", sympy.S.One, "round_half_up({a})",
               r"\mathrm{round}", "round", analytic=False, jump=lambda a: a % 1 - 0.5, straight_through=True,
               helper=ROUND_SOURCE,
               scalar="({0} // 1.0 + ({0} % 1.0 >= 0.5))"),
    Activation("softplus", softplus, lambda argument, _: Elementwise("sigmoid", argument), "σ(a)", sympy.S.One,
               "np.logaddexp(0.0, {a})", r"\mathrm{softplus}", "softplus", range=(0, None),
               torch="torch.logaddexp({a}, torch.zeros_like({a}))",
               scalar="(({0} if {0} > 0.0 else 0.0) + log1p(exp(-abs({0}))))"),
    Activation("exp", exponential, lambda _, output: output, "Ω", None, "np.exp({a})", r"\exp", "exp",
               range=(0, None),
               scalar="exp({0})"),
    Activation("log", sympy.log, lambda argument, _: Numeral(1) / argument, "1 / a", None,
               "np.log({a})", r"\log", "log", lower=0,
               scalar="log({0})"),
    Activation("sqrt", sympy.sqrt, lambda _, output: Numeral(1) / (2 * output), "1 / (2 Ω)", None,
               "np.sqrt({a})", r"\mathrm{sqrt}", "sqrt", lower=0, range=(0, None),
               scalar="sqrt({0})"),
    Activation("sin", sympy.sin, lambda argument, _: Elementwise("cos", argument), "cos(a)", sympy.S.One,
               "np.sin({a})", r"\sin", "sin", range=(-1, 1),
               scalar="sin({0})"),
    Activation("cos", sympy.cos, lambda argument, _: -Elementwise("sin", argument), "-sin(a)", sympy.S.One,
               "np.cos({a})", r"\cos", "cos", range=(-1, 1),
               scalar="cos({0})"),
)

activations: Mapping[str, Activation] = MappingProxyType({entry.name: entry for entry in _entries})
