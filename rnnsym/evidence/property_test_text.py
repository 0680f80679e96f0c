"""The parts of a property test that stands alone; words between @ are filled in for a network."""

HEAD = '''"""A property test for gradients of the network @TITLE@.

@EQUATIONS@

Put it into a test suite beside @MODULE@.py, and name your own function in the place of SUBJECT. It is judged by the
slope of @MODULE@.py's loss, measured by differences, and by the derived gradient. Needs NumPy, Hypothesis and pytest;
run it as python -m pytest test_@MODULE@.py. Made by rnnsym from the equations above.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import @MODULE@ as reference

# f(parameters, inputs, targets, initial_state, lengths) -> (loss, {name: gradient}), a batch in front; the loss is the
# mean over the batch. A function in another layout needs a few lines around it that turn its arrays.
SUBJECT = reference.value_and_grad
TAKES_STATES = True  # False: SUBJECT takes no initial_state, and its states start as the network's do
TAKES_LENGTHS = True  # False: SUBJECT takes no lengths, and padded batches are not tried

LARGEST = @SIZES@  # sizes that are drawn
LONGEST = 6  # steps
SCALES = (1.0, 0.3, 0.05, 2.0)  # of the weights: ordinary, small, vanishing after a few steps, saturated
ROUNDING = 1e-11  # of the largest entry of a gradient: what the order of float64's sums may make of it
LAST_DIGITS = 1e-15  # relative changes of the arguments, as small as those that each operation rounds by
SAFETY = 30.0  # times what they change; two right ways to compute a layer norm were seen to differ by 9 times that
RESIDUE = 1e-12  # of all gradients' largest entry: what rounding leaves of a zero, as of a saturated gate's slope
SMALL = 1e-5  # the step of a difference whose truncation and whose rounding are both near 1e-10
NOISE = 1e-9  # of the loss: what its rounding, divided by the smallest steps of differences, may make of a slope
CASES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def shapes(@NAMES@):
    """Return the shape of each parameter."""
    return {
@SHAPES@
    }


@st.composite
def cases(draw):
    """Draw sizes, and a seed for the numbers: (parameters, inputs, targets, initial_state)."""
    sizes = {name: draw(st.integers(1, most), label=name) for name, most in LARGEST.items()}
    steps, outputs = draw(st.integers(1, LONGEST), label="T"), draw(st.integers(1, LONGEST), label="S")
    batch, scale = draw(st.integers(1, 3), label="batch"), draw(st.sampled_from(SCALES), label="scale")
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    parameters = {name: np.array(scale * random.normal(size=shape)) for name, shape in shapes(**sizes).items()}
    return parameters, *data(random, batch, steps, outputs, **sizes)


def data(random, batch, steps, outputs, @NAMES@):
    """Return (inputs, targets, initial_state)."""
@DATA@
    return inputs, targets, initial_state if TAKES_STATES else {}


def distributions(drawn):
    """Return targets that sum to 1."""
    return drawn / drawn.sum(axis=-1, keepdims=True)


def rounding(*case):
    """Return what rounding may make of each gradient.

    Where nearly equal numbers are subtracted, as in a layer norm of two units, few digits of a gradient are right: as
    many as stay when the last digits of the arguments change, since then each operation after them rounds otherwise.
    """
    random = np.random.default_rng(0)
    _, gradients = reference.value_and_grad(*case)
    moves = dict.fromkeys(gradients, 0.0)
    for _ in range(4):
        parameters, inputs, targets, initial_state, *lengths = case
        start = {name: otherwise(random, value) for name, value in initial_state.items()}
        parameters = {name: otherwise(random, value) for name, value in parameters.items()}
        _, others = reference.value_and_grad(parameters, otherwise(random, inputs), targets, start, *lengths)
        for name, gradient in gradients.items():
            moves[name] = max(moves[name], np.abs(others[name] - gradient).max(initial=0.0))
    sizes = {name: np.abs(gradient).max(initial=0.0) for name, gradient in gradients.items()}
    residue = RESIDUE * max(sizes.values())
    return {name: ROUNDING * size + SAFETY * moves[name] + residue for name, size in sizes.items()}


def otherwise(random, value):
    """Return numbers that differ in their last digits; class numbers as they are."""
    if value.dtype.kind != "f":
        return value
    return value * (1.0 + LAST_DIGITS * random.uniform(-1.0, 1.0, size=value.shape))


def agree(name, found, wanted, allowed):
    """Raise an AssertionError that names the worst entry where two gradients are further apart than is allowed."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    shapes_are = f"the gradient of {name} has shape {found.shape}, not {wanted.shape}"
    assert found.shape == wanted.shape, shapes_are
    errors = np.abs(np.asarray(found - wanted))
    bad = ~(errors <= allowed)  # a NaN is bad
    if bad.any():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(errors), np.inf, errors)), errors.shape)
        place = f"the gradient of {name}[{', '.join(map(str, worst))}]" if found.ndim else name
        raise AssertionError(f"{place} is {found[worst]!r}, but should be {wanted[worst]!r}")


def called(parameters, inputs, targets, initial_state):
    """Return what SUBJECT makes of copies."""
    copies = {name: value.copy() for name, value in parameters.items()}
    start = {name: value.copy() for name, value in initial_state.items()}
    return SUBJECT(copies, inputs.copy(), targets.copy(), *([start] if TAKES_STATES else []))
'''

WITNESS = '''

def slopes(function, value):
    """Return df/dv for each entry of an array, and an estimate of its error, ∞ where differences tell nothing."""
    found, errors = np.empty(value.shape), np.empty(value.shape)
    for place in np.ndindex(value.shape):
        found[place], errors[place] = slope(function, value, place)
    return found, errors


def slope(function, value, place):
    """Extrapolate central differences to a step of 0, and take the value whose neighbours in the table are nearest.

    Beside a kink, also of the slope alone, such as that of q / (1 + abs(q)) at 0, neighbours can be near each other by
    chance. A step far below the others has its own side of the kink, and what it says otherwise counts as error.
    """
    best, error, before = 0.0, np.inf, []
    for halvings in range(8):
        row = [difference(function, value, place, 0.02 * 0.5**halvings)]
        for order, older in enumerate(before, start=1):
            row.append(row[-1] + (row[-1] - older) / (4.0**order - 1.0))
            apart = max(abs(row[-1] - row[-2]), abs(row[-1] - older))
            if apart < error:
                best, error = row[-1], apart
        before = row
    return best, np.maximum(error, abs(difference(function, value, place, SMALL) - best))


def difference(function, value, place, step):
    """Return the central difference in one entry."""
    right, left = value.copy(), value.copy()
    right[place] += step
    left[place] -= step
    return (function(right) - function(left)) / (right[place] - left[place])
'''

NO_DIFFERENCES = '''

# The network rounds with a straight-through slope, which no difference of its loss measures: the derived one judges.
'''

LAWS = '''

@CASES
@given(cases())
def test_loss_and_gradients_are_the_derived_ones(case):
    """The largest entry of a gradient sets what rounding may change, so that small gradients are judged too."""
    assume(np.isfinite(reference.loss(*case)))
    loss, found = called(*case)
    wanted_loss, wanted = reference.value_and_grad(*case)
    agree("the loss", loss, wanted_loss, ROUNDING * (1.0 + abs(wanted_loss)))
    assert set(found) == set(wanted)
    allowed = rounding(*case)
    for name, gradient in wanted.items():
        agree(name, found[name], gradient, allowed[name])


@CASES
@given(cases())
def test_a_batch_has_the_mean_of_its_sequences_gradients(case):
    """The loss is a mean over the batch, and so is its gradient."""
    parameters, inputs, targets, initial_state = case
    assume(np.isfinite(reference.loss(*case)))
    _, found = called(*case)
    single = []
    for one in range(len(inputs)):
        start = {name: value[one:one + 1] for name, value in initial_state.items()}
        single.append(called(parameters, inputs[one:one + 1], targets[one:one + 1], start)[1])
    allowed = rounding(*case)
    for name in allowed:
        parts = np.stack([each[name] for each in single])
        agree(name, found[name], parts.mean(axis=0), allowed[name] + ROUNDING * np.abs(parts).max(initial=0.0))


@CASES
@given(cases())
def test_arguments_are_left_alone(case):
    """Parameters are shared by all steps and all calls."""
    parameters, inputs, targets, initial_state = case
    before = [value.copy() for value in (*parameters.values(), inputs, targets, *initial_state.values())]
    SUBJECT(*(case if TAKES_STATES else case[:3]))
    after = [*parameters.values(), inputs, targets, *initial_state.values()]
    assert all(np.array_equal(old, new, equal_nan=True) for old, new in zip(before, after))


@pytest.mark.parametrize("name", reference.PARAMETERS)
def test_a_wrong_entry_is_noticed(name):
    """A relative error of a millionth in one entry, planted, must not pass."""
    wanted = np.random.default_rng(0).normal(size=(3, 2))
    found = wanted.copy()
    found[1, 1] *= 1.000001
    with pytest.raises(AssertionError, match=name):
        agree(name, found, wanted, ROUNDING * np.abs(wanted).max())
'''

DIFFERENCES = '''

def test_the_gradient_is_the_slope_of_the_loss():
    """The differences' own error sets what is allowed; an entry where they disagree, as at a kink, is passed over."""
    tried, judged = dict.fromkeys(reference.PARAMETERS, 0), dict.fromkeys(reference.PARAMETERS, 0)

    @CASES
    @given(cases())
    def every_entry(case):
        parameters, *rest = case
        value_there = reference.loss(*case)
        assume(np.isfinite(value_there))
        _, found = called(*case)
        for name, value in parameters.items():
            wanted, errors = slopes(lambda moved: reference.loss({**parameters, name: moved}, *rest), value)
            largest = np.abs(wanted).max(initial=0.0)
            settled = errors <= 1e-5 * (largest + 1e-3)
            allowed = 10.0 * errors + NOISE * (largest + 1.0 + abs(value_there))
            agree(name, found[name], wanted, np.where(settled, allowed, np.inf))
            tried[name] += errors.size
            judged[name] += np.count_nonzero(settled)

    every_entry()
    assert all(judged.values()), f"differences judge nothing of a parameter: {judged} entries of {tried}"
'''

PADDING = '''

@pytest.mark.skipif(not TAKES_LENGTHS, reason="SUBJECT takes no lengths")
@CASES
@given(cases(), st.data())
def test_steps_past_a_sequence_s_end_change_nothing(case, choices):
    """With lengths, whatever stands in the padded steps: the gradients are those of the sequences by themselves."""
    parameters, inputs, targets, initial_state = case
    steps = inputs.shape[1]
    lengths = np.array([choices.draw(st.integers(1, steps)) for _ in inputs])
    padded = inputs.copy()
    for row, length in zip(padded, lengths):
        row[length:] = 0
    assume(np.isfinite(reference.loss(parameters, padded, targets, initial_state, lengths)))
    one = SUBJECT(parameters, inputs, targets, initial_state, lengths)[1]
    other = SUBJECT(parameters, padded, targets, initial_state, lengths)[1]
    allowed = rounding(parameters, inputs, targets, initial_state, lengths)
    for name, gradient in one.items():
        agree(name, other[name], gradient, allowed[name])
'''

TAIL = '''

if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
'''
