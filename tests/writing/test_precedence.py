"""Brackets: what is printed, read back by a reader's rules of precedence, has the value of the expression."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnsym.model import expressions as ex
from rnnsym.writing.layout import Style, lay_out
from rnnsym.writing.plain import plain

n = ex.size("n")
a, b, c = (ex.Variable(name, (n,), ex.t) for name in "abc")
W = ex.Parameter("W", (n, n))
names = st.sampled_from([a, b, c])
trees = st.recursive(names, lambda inner: st.one_of(
    st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
    st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
    st.tuples(inner, inner).map(lambda pair: ex.Hadamard(*pair)),
    st.tuples(inner, inner).map(lambda pair: ex.Quotient(*pair)),
    inner.map(ex.Negative),
    inner.map(lambda node: node**2),
    inner.map(lambda node: node @ W),
), max_leaves=8)
VALUES = {"a_t": 1.7, "b_t": -0.6, "c_t": 2.3, "W": 0.9}


def value(node: ex.Expression) -> float:
    """The value of a tree of scalars, read off its nodes."""
    parts = [value(arg) for arg in node.args if isinstance(arg, ex.Expression)]
    match node:
        case ex.OrderedSum():
            return sum(parts)
        case ex.Negative():
            return -parts[0]
        case ex.Quotient():
            return parts[0] / parts[1] if parts[1] else float("nan")
        case ex.Power():
            return parts[0] ** 2
        case ex.Hadamard() | ex.MatrixProduct():
            return parts[0] * parts[1]
    return VALUES[plain(lay_out(node, Style()))]


class Reader:
    """Reads plain text back by the rules of precedence that a reader uses: ², juxtaposition and /, ⊙, then + and −."""

    def __init__(self, text: str) -> None:
        self.rest = text.replace(" ", "")

    def take(self, sign: str) -> bool:
        if self.rest.startswith(sign):
            self.rest = self.rest[len(sign) :]
            return True
        return False

    def sum(self) -> float:
        total = -self.product() if self.take("−") else self.product()
        while self.rest and self.rest[0] in "+−":
            total += self.product() if self.take("+") else -self.product() if self.take("−") else 0.0
        return total

    def product(self) -> float:
        result = self.power()
        while self.rest and self.rest[0] not in "+−)":
            if self.take("/"):
                below = self.power()
                result = result / below if below else float("nan")
            else:
                self.take("⊙")
                result *= self.power()
        return result

    def power(self) -> float:
        if self.take("("):
            base = self.sum()
            assert self.take(")")
        else:
            name = next(name for name in VALUES if self.rest.startswith(name))
            self.take(name)
            base = VALUES[name]
        while self.take("²"):
            base **= 2
        return base


@given(trees)
def test_the_text_read_back_has_the_same_value(tree: ex.Expression) -> None:
    reader = Reader(plain(lay_out(tree, Style())))
    assert reader.sum() == pytest.approx(value(tree), rel=1e-9, nan_ok=True)
    assert reader.rest == ""


def test_a_sum_without_brackets_is_noticed() -> None:
    assert Reader("a_t − b_t + c_t").sum() != pytest.approx(value(a - (b + c)))
    assert Reader("a_t + b_t ⊙ c_t").sum() != pytest.approx(value((a + b) * c))
