"""What is not in the language of equations is refused at its line and column, in words that say what to do."""

from __future__ import annotations

import pytest

from rnnsym.errors import EquationError, ShapeError
from rnnsym.model.equations import read_equations
from rnnsym.model.vocabulary import MAX_NAME

# Every kind of bad text, with its place and the words that tell what to do.
REFUSED = {
    "not Python": ("h = tanh(h_prev", "1:9", "'(' was never closed"),
    "empty": ("  \n# nothing", "1:1", "there is no equation"),
    "a bare expression": ("h_prev", "1:1", "a line reads `name = expression`"),
    "augmented": ("h += h_prev", "1:1", "is not an assignment"),
    "import": ("import os", "1:1", "is not an assignment"),
    "two targets": ("a = h = h_prev", "1:1", "exactly one simple name"),
    "unpacking": ("a, b = h_prev", "1:1", "exactly one simple name"),
    "semicolon": ("h = h_prev; g = x", "1:11", "one assignment a line"),
    "comparison": ("h = h_prev < 1", "1:5", "a comparison is not in the language"),
    "index": ("h = b[2] + h_prev", "1:5", "an index is not in the language"),
    "condition": ("h = x if 1 else h_prev", "1:5", "a condition is not in the language"),
    "attribute": ("h = h_prev.shape", "1:5", "only .T is"),
    "dunder": ("h = h_prev.__class__", "1:5", "`.__class__` is not in the language"),
    "string": ("h = 'x' + h_prev", "1:5", "the string 'x' is not in the language"),
    "list": ("h = [h_prev]", "1:5", "a list is not in the language"),
    "lambda expression": ("h = (lambda: h_prev)", "1:6", "write `lam`"),
    "lambda as a name": ("h = lambda * h_prev", "1:5", "write `lam`"),
    "lambda annotated": ("lambda: scalar", "1:1", "write `lam`"),
    "caret": ("h = h_prev ^ 2", "1:5", "a power is written **"),
    "modulo": ("h = h_prev % 2", "1:5", "not in the language"),
    "boolean": ("h = True * h_prev", "1:5", "a number is decimal"),
    "complex": ("h = 2j * h_prev", "1:5", "a number is decimal"),
    "hexadecimal": ("h = 0x10 * h_prev", "1:5", "a number is decimal"),
    "call of a number": ("h = 1 (2)", "1:5", "only a function of the table"),
    "call of an attribute": ("h = x.T(h_prev)", "1:5", "only a function of the table"),
    "unknown function": ("h = tahn(h_prev)", "1:5", "did you mean `tanh`?"),
    "comparison as a value": ("h = where(h_prev > (x > 0), x, 1)", "1:21", "a comparison is not in the language"),
    "condition no comparison": ("h = where(x, x, h_prev)", "1:11", "the first argument of `where` is a comparison"),
    "chained comparison": ("h = where(0 < x < 1, x, h_prev)", "1:11", "put one `where` into another"),
    "equality": ("h = where(x == 0, x, h_prev)", "1:11", "compares with > < >= <= only"),
    "difference": ("h = where(x != 0, x, h_prev)", "1:11", "compares with > < >= <= only"),
    "arity of where": ("h = where(x > 0, h_prev)", "1:5", "`where` takes 3 arguments, not 2"),
    "arity of maximum": ("h = maximum(h_prev)", "1:5", "`maximum` takes 2 arguments, not 1"),
    "shapes in a condition": ("h = where(x > W.T, x, h_prev)", "1:15", "only a scalar goes with another shape"),
    "softmax of a scalar": ("h: scalar\nh = softmax(h_prev)", "2:5", "softmax needs a vector"),
    "logsumexp of a matrix": ("h = h_prev + logsumexp(W.T)", "1:14", "logsumexp needs a vector"),
    "arity": ("h = tanh(x, h_prev)", "1:5", "`tanh` takes 1 argument, not 2"),
    "arity of dot": ("h = dot(h_prev)", "1:5", "`dot` takes 2 arguments, not 1"),
    "keyword": ("h = tanh(a=h_prev)", "1:5", "plain arguments only"),
    "starred": ("h = tanh(*h_prev)", "1:5", "plain arguments only"),
    "function without a call": ("h = tanh * h_prev", "1:5", "`tanh` is a function"),
    "function assigned": ("exp = h_prev", "1:1", "`exp` is a function"),
    "exponent a name": ("h = h_prev ** p", "1:15", "must be a number alone"),
    "exponent too large": ("h = h_prev ** 65", "1:15", "at most 64"),
    "exponent zero": ("h = h_prev ** 0", "1:15", "not 0"),
    "after a letter of two bytes": ("h = é ** x", "1:10", "must be a number alone"),
    "the first of two faults": ("h = tahn(x) + q_prev + sim(x)", "1:5", "did you mean `tanh`?"),
    "division by zero": ("h = h_prev / 0.0", "1:5", "divides by zero"),
    "division by a constant zero": ("a = 0\nh = h_prev / a", "2:5", "divides by zero"),
    "huge number": ("h = 1e999999999 * h_prev", "1:5", "out of range"),
    "long number": ("h = " + "9" * 5000, "1:5", "at most 40 characters"),
    "null byte": ("h = h_prev\0", "1:11", "U+0000"),
    "surrogate": ("h = h_prev # \ud800", "1:14", "U+D800"),
    "folded letter": ("ℎ = h_prev", "1:1", "ASCII"),
    "underscore first": ("_h = h_prev", "1:1", "ASCII"),
    "long name": (f"h = h_prev + {'a' * (MAX_NAME + 1)}", "1:14", "at most 64"),
    "reserved input": ("x = h_prev", "1:1", "reserved for the input"),
    "reserved identity": ("I = h_prev", "1:1", "reserved for the identity"),
    "reserved loss": ("h = L * h_prev", "1:5", "reserved for the loss"),
    "reserved horizon": ("h = T * h_prev", "1:5", "reserved for the last step"),
    "reserved target": ("h = target * h_prev", "1:5", "reserved for the target"),
    "reserved output": ("yhat = h_prev", "1:1", "only the readout's last line"),
    "assigned before": ("h = h_prev\nh = x", "2:1", "a second time (first on line 1)"),
    "assigned past": ("h_prev = x", "1:1", "`h` of the step before"),
    "past of nothing": ("h = h_prev + q_prev", "1:14", "no line assigns `q`; the names assigned are h"),
    "past of the input": ("h = x_prev", "1:5", "the input x is not a state"),
    "past of a constant": ("a = 1\nh = a_prev", "2:5", "`a` is a constant"),
    "used too early": ("h = g + h_prev\ng = x", "1:5", "before it is assigned (on line 2)"),
    "used in itself": ("h = h + x", "1:5", "`h_prev`"),
    "no state": ("h = tanh(x @ W)", "1:1", "write `h_prev`"),
    "matrix state": ("A = W.T\nh = h_prev", "1:1", "matrix-valued states and gates"),
    "matrix annotated": ("h: matrix\nh = h_prev", "1:1", "annotated as a matrix"),
    "transposed vector": ("h = h_prev.T", "1:5", ".T needs a matrix"),
    "scalar beside @": ("a = 1\nh = a @ h_prev", "2:5", "scale with *"),
    "broadcast": ("h = h_prev + W.T", "1:14", "only a scalar goes with another shape"),
    "unannotated factor": ("h = h_prev @ (W.T - g * I)", "1:25", "annotate `g: scalar`"),
    "ambiguous factor": ("h = (s * W) @ h_prev", "1:6", "nothing says which of `s` and `W`"),
    "mixed conventions": ("h = x @ W + U @ h_prev", "1:13", "keep to one convention"),
    "numbers": ("W: (d, 7)\nU: (n, 8)\nh = x @ W + h_prev @ U", "3:13", "`x @ W` is (7,) and `h_prev @ U` is (8,)"),
    "forced by a weight": ("h = x @ W + h_prev @ W", "1:13", "take two parameters, or annotate"),
    "forced by a bias": ("g = x @ W + b\nh = h_prev + b", "2:5", "the parameter `b`"),
    "scalar for a vector": ("h = dot(x, h_prev)", "1:1", "annotate `h: scalar`"),
    "vector for a scalar": ("h: scalar\nh = x * h_prev", "2:1", "leave out the annotation"),
    "identity alone": ("h = h_prev * sum(I)", "1:18", "nothing determines the size"),
    "reduced scalar": ("h = h_prev * sum(2)", "1:14", "nothing to reduce"),
    "dot of a matrix": ("h = h_prev * dot(W.T, x)", "1:18", "dot needs two vectors"),
    "annotation unknown": ("h: tensor\nh = h_prev", "1:4", "an annotation is scalar, vector, matrix"),
    "annotation of three": ("h: (n, n, n)\nh = h_prev", "1:4", "an annotation is scalar, vector, matrix"),
    "annotation of nothing": ("q: scalar\nh = h_prev", "1:1", "no equation introduces it"),
    "annotation twice": ("h: scalar\nh: vector\nh = h_prev", "2:1", "a second time (first on line 1)"),
    "annotation of a constant": ("a: scalar\na = 1\nh = a * h_prev", "1:1", "needs no annotation"),
    "annotation at odds": ("x: (3,)\nh: (4,)\nh = x + h_prev", "3:9", "the sizes must agree"),
    "size zero": ("b: (0,)\nh = h_prev + b", "1:5", "an integer from 1"),
    "size of steps": ("b: (T,)\nh = h_prev + b", "1:5", "counts steps"),
    "first value of a parameter": ("b: vector = 1\nh = h_prev + b", "1:1", "for a constant write `b = 1`"),
    "first value no number": ("h: vector = x\nh = h_prev", "1:13", "on a line of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_text_is_refused_at_its_place(name: str) -> None:
    text, place, words = REFUSED[name]
    with pytest.raises(EquationError) as caught:
        read_equations(text)
    error = caught.value
    assert f"{error.line}:{error.column}" == place
    assert words in str(error)
    assert "\n" not in str(error)
    assert str(error).startswith(f"line {error.line}, column {error.column}: ")


def test_the_refusals_were_all_tried() -> None:
    assert len(REFUSED) == 96


def test_a_shape_error_reads_as_one_line_with_both_shapes_and_both_texts() -> None:
    with pytest.raises(ShapeError) as caught:
        read_equations("""
            r = sigmoid(x @ W_r + r_prev @ U_r)
            h = tanh(r @ W + h_prev * V.T)
        """)
    assert str(caught.value) == (
        "line 3, column 39: in the equation of h, `h_prev` is a vector (n_h,) and `V.T` is a matrix (n_V_2, n_V): "
        "elementwise, only a scalar goes with another shape")


def test_a_size_that_only_a_weight_forces_is_named_with_both_places() -> None:
    with pytest.raises(ShapeError) as caught:
        read_equations("h = tanh(x @ W\n + h_prev @ W)")
    assert str(caught.value) == (
        "line 2, column 4: the parameter `W` is (d, n) in `x @ W` (line 1, column 10) and (n, n) in `h_prev @ W`: "
        "take two parameters, or annotate `W: (d, n)` if these sizes shall be one")


def test_a_long_sub_expression_is_shortened() -> None:
    with pytest.raises(ShapeError, match="…` is a vector"):
        read_equations(f"h = ({' + '.join(['h_prev'] * 40)}).T")
