"""Elementary functions of one number as source text that numba compiles; the loops that call them become SIMD loops.

exp(a) = 2^k e^r with k = round(a / ln 2) and |r| <= ln 2 / 2: k comes from adding 1.5 · 2^52, 2^k from shifting k into
the bits of an exponent, e^r - 1 from its series up to r^13 / 13!, whose remainder is below 1e-17 of e^r - 1. There is
no branch and no call in it, so that eight arguments are computed at once where the processor has such instructions.
tanh uses e^(2|a|) - 1, which is accurate for small arguments too; each is within 3 units in the last place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from rnnsym.model.activations import activations

BITS_SOURCE = '''
@intrinsic
def bits(typing, a):
    """Return the 64 bits of a number as an integer."""
    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))
    return types.int64(types.float64), code


@intrinsic
def number(typing, a):
    """Return the number whose bits an integer has."""
    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))
    return types.float64(types.int64), code
'''

SERIES_SOURCE = '''
INVERSE_LN2 = 1.4426950408889634
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # their sum is ln 2; k LN2_HIGH is exact
SHIFT = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer, which its lowest bits then hold


@njit(**INLINE)
def series(r):
    """Return exp(r) - 1 for |r| <= ln 2 / 2."""
    r2 = r * r  # in pairs, and pairs of pairs: a chain of products would wait for each of them
    r4 = r2 * r2
    a = (0.5 + 0.16666666666666666 * r) + (0.041666666666666664 + 0.008333333333333333 * r) * r2
    b = (0.001388888888888889 + 0.0001984126984126984 * r) + (2.48015873015873e-05 + 2.7557319223985893e-06 * r) * r2
    c = (2.755731922398589e-07 + 2.505210838544172e-08 * r) + (2.08767569878681e-09 + 1.6059043836821613e-10 * r) * r2
    return r + r2 * ((a + b * r4) + c * (r4 * r4))
'''

EXP_SOURCE = '''
@njit(**INLINE)
def exp(a):
    """Return e^a: infinity above 709.78, numbers below the smallest normal one down to -745.13, then 0."""
    y = 710.0 if a > 710.0 else -746.0 if a < -746.0 else a
    k = (y * INVERSE_LN2 + SHIFT) - SHIFT
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    half = k * 0.5 + SHIFT  # 2^k in two factors: one of them alone may be out of range
    rest = (k - (half - SHIFT)) + SHIFT
    scaled = (series(r) + 1.0) * number((bits(half) + 1023) << 52)
    return scaled * number((bits(rest) + 1023) << 52)
'''

SIGMOID_SOURCE = '''
@njit(**INLINE)
def sigmoid(a):
    """Return 1 / (1 + e^-a) without overflow."""
    small = exp(-abs(a))
    return (small if a < 0.0 else 1.0) / (1.0 + small)
'''

TANH_SOURCE = '''
@njit(**INLINE)
def tanh(a):
    """Return (e^2|a| - 1) / (e^2|a| + 1) with the sign of a; beyond |a| = 22 that is 1."""
    y = 2.0 * abs(a)
    y = 44.0 if y > 44.0 else y
    shifted = y * INVERSE_LN2 + SHIFT
    k = shifted - SHIFT
    r = (y - k * LN2_HIGH) - k * LN2_LOW
    scale = number((bits(shifted) + 1023) << 52)
    less_one = series(r) * scale + (scale - 1.0)
    return np.copysign(less_one / (less_one + 2.0), a)
'''

SOFTPLUS_SOURCE = '''
@njit(**INLINE)
def softplus(a):
    """Return log(1 + e^a) without overflow."""
    return (0.0 if a < 0.0 else a) + math.log1p(exp(-abs(a)))
'''

EXTREMA_SOURCE = '''
@njit(**INLINE)
def larger(a, b):
    """Return max(a, b), no number where one of them is none."""
    return a if a > b or a != a else b


@njit(**INLINE)
def smaller(a, b):
    """Return min(a, b), no number where one of them is none."""
    return a if a < b or a != a else b
'''

SOURCES: Mapping[str, str] = MappingProxyType({
    "bits": BITS_SOURCE, "series": SERIES_SOURCE, "exp": EXP_SOURCE, "sigmoid": SIGMOID_SOURCE, "tanh": TANH_SOURCE,
    "softplus": SOFTPLUS_SOURCE, "extrema": EXTREMA_SOURCE,
})
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "series": ("bits",), "exp": ("series",), "sigmoid": ("exp",), "tanh": ("series",), "softplus": ("exp",),
})

OWN = frozenset({"tanh", "sigmoid", "exp", "softplus"})
"""Functions of the table of activations that have a source here; others run their code for Python's ``math``."""
CALL = re.compile(r"\b(?!abs\b)([a-z][a-z0-9]*)\(")


def template_of(function: str) -> str:
    """Return the code of a function of the table, with ``{0}`` for its argument."""
    return f"{function}({{0}})" if function in OWN else CALL.sub(r"math.\1(", activations[function].scalar)


def function_sources(used: Iterable[str]) -> Iterator[str]:
    """Yield the texts that functions need, each after those that it needs itself."""
    waiting = list(used)
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        found.pop(name, None)  # behind all that need it
        found[name] = None
        waiting += NEEDS.get(name, ())
    for name in reversed(found):
        if name in SOURCES:
            yield SOURCES[name].strip()
