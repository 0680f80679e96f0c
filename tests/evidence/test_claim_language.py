"""The language of claims: what is refused, at which place and with which words; hostile texts end soon."""

from __future__ import annotations

import pytest
from claim_networks import network
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsym import check_claim
from rnnsym.calculus.unrolling import graph_of
from rnnsym.errors import CheckError, DerivationError, EquationError, RnnsymError, ShapeError
from rnnsym.evidence.claim_language import read_claim
from rnnsym.evidence.claim_terms import Step
from rnnsym.evidence.damage import CHARACTERS, SMALL, TOKENS

REFUSED = {
    "total(L, W_q) == 0": "there is no `W_q` in this network (did you mean",
    "foo == L": "there is no `foo`",
    "o == x[t]": "`o` has a value at every step: write `o[t]`",
    "L[1] == L": "there is one `L` only",
    "yhat[T] == target": "there is one `yhat` only",
    "L = yhat": "a claim is one equation",
    "L == L == L": "a claim is one equation",
    "L != L": "a claim is one equation",
    "L >= 0": "a claim is one equation",
    "L": "a claim is one equation",
    "": "a claim is one equation",
    "I == I": "the size of I cannot be told",
    "o[t]**0 == 1": "the exponent `0`",
    "eval('1') == 1": "there is no function `eval`",
    "total(L) == 0": "takes two names",
    "total(W_h, W_i) == 0": "`W_h` is a parameter",
    "total(o[t] + x[t], W_h) == 0": "must be a name",
    "o[t].real == 0": "is not in the language",
    "o[t.real] == 0": "is no step",
    "o[t][1] == 0": "must be a name",
    "o[1.5] == 0": "is no step",
    "o[True] == 0": "is no step",
    "o[65] == 0": "is no step",
    "o[t:T] == 0": "is no step",
    "sum(o[t] for t in range(1, T + 1) if t) == 0": "a sum runs over one index",
    "sum(o[t] for t in (1, 2)) == 0": "an index runs over range(a, b)",
    "sum(o[t] for t in range(1, T, 2)) == 0": "the third argument of range is -1",
    "sum(o[t] for t in range(1, t + 1)) == 0": "free here and bound elsewhere",
    "sum(sum(o[t] for t in range(1, T)) for t in range(1, T)) == 0": "bound already",
    "prod(W_h) == W_h": "`prod` runs over steps",
    "o[t] / 0 == 0": "divides by zero",
    "o[t] ^ 2 == 0": "operators are",
    "tanh(a=o[t]) == 0": "plain arguments only",
    "tanh(o[t], o[t]) == 0": "takes 1 argument",
    "where(o[t], o[t], o[t]) == 0": "the first argument of `where` is a comparison",
    "o[i] + o[j] + o[k] + o[l] == 0": "at most 3 free indices",
    "lambda: 1": "a claim is one equation",
    "1e99 * L == L": "a number is decimal",
}
ILL_SHAPED = {
    "o[t] == x[t]": "the sides of a claim need one shape",
    "partial(o[t], o[t-1]) == o[t]": "the sides of a claim need one shape",
    "total(L, W_i) == total(L, W_h)": "the sides of a claim need one shape",
    "o[t] + W_h == 0": "elementwise operands need one shape",
    "x[t] @ W_h == 0": "`@` joins the last axis",
    "L @ W_h == 0": "`@` joins the last axis",
    "o[t].T == 0": "only a matrix can be transposed",
    "diag(W_h) == 0": "diag needs a vector",
    "outer(o[t], W_h) == 0": "outer product needs two vectors",
    "o[t] <= 1": "the sides of a claim need one shape",
    "o[t] <= o[t]": "compares scalars",
    "prod(W_i for t in range(1, T)) == 0": "prod multiplies scalars or square matrices",
    "o[t] @ W_h**(T - t) == 0": "only a scalar can be raised to a number of steps",
    "norm(partial(o[t], W_h)) == 0": "norm needs a vector or a matrix",
}
SENSELESS = ["o[-1] == 0", "sum(o[t] for t in range(T + 2, T + 4)) == 0", "sum(o[i] for i in range(3, 1)) == 0",
             "o[t] / (t - t) == o[t]"]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_in_the_language_is_refused(text: str) -> None:
    with pytest.raises(EquationError) as error:
        read_claim(text, graph_of(network("simple")))
    assert REFUSED[text] in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ILL_SHAPED)
def test_shapes_that_do_not_fit_are_errors_and_no_refutations(text: str) -> None:
    with pytest.raises(ShapeError) as error:
        check_claim(text, network("simple"))
    assert ILL_SHAPED[text] in str(error.value)


@pytest.mark.parametrize("text", SENSELESS)
def test_a_claim_that_makes_sense_nowhere_is_an_error(text: str) -> None:
    with pytest.raises(CheckError):
        check_claim(text, network("simple"))


def test_an_encoder_decoder_is_refused_by_name() -> None:
    with pytest.raises(DerivationError, match="encoder-decoder"):
        check_claim("L == L", network("decoder"))


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": True}, {"steps": 0}, {"steps": 1.0}, {"steps": 1000}])
def test_arguments_are_checked(arguments: dict[str, int]) -> None:
    with pytest.raises(RnnsymError):
        check_claim("L == L", network("simple"), **arguments)


@pytest.mark.parametrize("text", [
    "o[t] == " + "-" * 5000 + "o[t]", "(" * 300 + "L" + ")" * 300 + " == L", " + ".join(["L"] * 900) + " == L",
    "x" * 5000 + " == L", "I + (" * 80 + "I" + ")" * 80 + " == W_h", "L == " + "9" * 1000,
    "o[" + "t+" * 200 + "t] == 0",
    "sum(" * 6 + "L" + "".join(f" for {c} in range(1, T))" for c in "abcdef") + " == L",
])
def test_hostile_texts_end_in_one_clear_line(text: str) -> None:
    with pytest.raises(EquationError) as error:
        read_claim(text, graph_of(network("simple")))
    assert len(str(error.value)) < 600


PIECES = ("o[t]", "W_h", "total(L, ", "partial(o[t], ", "sum(", " for j in range(1, T+1))", "==", "<=", "diag(", ")",
          "@")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(TOKENS), st.sampled_from(CHARACTERS),
                          st.sampled_from(SMALL)), max_size=12))
def test_any_text_is_read_or_refused(pieces: list[str]) -> None:
    try:
        claim = read_claim(" ".join(pieces), graph_of(network("simple")))
    except EquationError:
        return
    assert claim.left.shape == claim.right.shape


def test_steps_are_printed_as_they_are_written() -> None:
    steps = (Step.of({"T": 1, "j": -1}, -2), Step((), -3), Step.of({"t": -1}, 1), Step.of({"t": 2}, 0))
    assert [str(step) for step in steps] == ["T - j - 2", "-3", "-t + 1", "2*t"]
