"""Verdicts: what is caught, what is left open, what a person is told."""

import dataclasses
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from backproof.oracles.decide import State, decide, detection_limit, worst
from backproof.oracles.formats import FLOAT32, FLOAT64, FORMATS
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.reference import Bounded, reference
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts

LAYOUT = "ni,io->no"
TENSORS = ("Z", "A", "dZ", "dW", "db", "dX")


def normal_inputs(seed: int, n: int = 4, i: int = 5, o: int = 3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = {"X": (n, i), "W": (i, o), "b": (o,), "dA": (n, o)}
    return {
        name: rng.standard_normal(shape).astype(dtype).astype(np.float64)
        for name, shape in shapes.items()
    }


def layer_bounds(activation: str, inputs, fmt="float64", **more) -> dict[str, Bounded]:
    derivation = dense(layout=LAYOUT, activation=activation).derivation
    return reference(derivation, inputs, fmt, **more)


def handmade(value, own, radius, **more) -> Bounded:
    value = np.asarray(value, np.float64)
    nowhere = np.zeros(value.shape, bool)
    return Bounded(
        name="Y",
        fmt=more.pop("fmt", FLOAT64),
        value=value,
        own=np.broadcast_to(np.asarray(own, np.float64), value.shape),
        radius=np.broadcast_to(np.asarray(radius, np.float64), value.shape),
        overflow=nowhere,
        demanded=nowhere,
        hull=nowhere,
        tail=more.pop("tail", np.zeros(value.shape)),
        **more,
    )


# ---------------------------------------------------------------- the rule


@pytest.mark.parametrize(
    ("off", "state"),
    [
        (0.0, State.RIGHT),
        (0.7499999, State.RIGHT),
        (0.7500001, State.UNDECIDED),
        (1.25, State.UNDECIDED),
        (1.2500001, State.WRONG),
        (np.nan, State.WRONG),
        (np.inf, State.WRONG),
    ],
)
def test_between_the_radii_nothing_is_certain(off, state):
    bounded = handmade([0.0], own=0.25, radius=1.0)

    for sign in (-1.0, 1.0):
        assert decide(np.array([sign * off]), bounded).states.tolist() == [state]


def test_nothing_is_certain_where_nothing_is_known():
    bounded = handmade([0.0, 0.0], own=[np.inf, 0.0], radius=np.inf)

    decision = decide(np.array([np.nan, 1e300]), bounded)

    assert decision.verdict == State.UNDECIDED
    assert decision.count(State.UNDECIDED) == 2
    assert not decision.wrong.any()


def test_one_wrong_entry_makes_a_wrong_result():
    bounded = handmade([0.0, 0.0, 0.0], own=0.0, radius=[1.0, np.inf, 1.0])

    decision = decide(np.array([0.0, 5.0, 5.0]), bounded)

    assert decision.states.tolist() == [State.RIGHT, State.UNDECIDED, State.WRONG]
    assert decision.verdict == State.WRONG
    assert decision.wrong.tolist() == [False, False, True]


def test_an_empty_result_is_right():
    decision = decide(np.zeros((0, 3)), handmade(np.zeros((0, 3)), 0.0, 0.0))

    assert decision.verdict == State.RIGHT
    assert worst(decision) is None


def test_shapes_and_dtypes_that_cannot_be_judged():
    bounded = handmade([0.0, 0.0], 0.0, 1.0)

    with pytest.raises(ValueError, match=r"Y has shape \(2,\), the result \(2, 1\)"):
        decide(np.zeros((2, 1)), bounded)
    with pytest.raises(TypeError, match="complex128, which holds no real numbers"):
        decide(np.zeros(2, complex), bounded)
    with pytest.raises(TypeError, match="object"):
        decide(np.array([None, 1.0]), bounded)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool, np.longdouble])
def test_other_dtypes_are_judged_by_their_values(dtype):
    bounded = handmade([0.0, 1.0], 0.0, 0.0)

    assert decide(np.array([0, 1], dtype), bounded).verdict == State.RIGHT
    assert decide(np.array([1, 1], dtype), bounded).verdict == State.WRONG


def test_what_a_wider_result_holds_beyond_float64_counts():
    third = np.longdouble(1) / np.longdouble(3)
    near = handmade([float(third)], 0.0, 2.0**-60)

    assert decide(np.array([third]), near).verdict != State.RIGHT
    assert decide(np.array([third]), handmade([float(third)], 0.0, 2.0**-53)).verdict == State.RIGHT


# ---------------------------------------------------------------- no miss


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("activation", ["linear", "sigmoid", "relu", "gelu", "softmax", "elu"])
def test_a_perturbation_just_above_the_radii_is_wrong(activation, fmt):
    bounded = layer_bounds(activation, normal_inputs(1), fmt)
    for name in TENSORS:
        bound = bounded[name]
        for place in np.ndindex(bound.value.shape):
            if not np.isfinite(bound.radius[place]):
                continue
            step = (bound.radius[place] + 2 * bound.own[place]) * (1 + 2.0**-30) + 5e-324
            for sign in (-1.0, 1.0):
                # From the far end of where the exact value may be.
                result = bound.value.copy()
                result[place] += sign * (step - bound.own[place])
                moved = Fraction(float(result[place])) - Fraction(float(bound.value[place]))
                if abs(moved) <= Fraction(float(bound.radius[place])) + Fraction(
                    float(bound.own[place])
                ):
                    result[place] = np.nextafter(result[place], sign * np.inf)
                states = decide(result, bound).states
                assert states[place] == State.WRONG
                assert np.count_nonzero(states == State.WRONG) == 1


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("activation", ["linear", "sigmoid", "tanh", "relu", "softplus"])
def test_a_relative_error_of_1e_12_in_one_entry_is_caught(activation, layout):
    rng = np.random.default_rng(2)
    rows = normal_inputs(2)
    turn = {
        "ni,io->no": lambda name, a: a,
        "ni,oi->no": lambda name, a: a.T if name == "W" else a,
        "oi,in->on": lambda name, a: a.T if a.ndim == 2 else a,
    }[layout]
    inputs = {name: turn(name, array) for name, array in rows.items()}
    bounded = reference(dense(layout=layout, activation=activation).derivation, inputs, "float64")
    caught = sizeable = 0
    for name in TENSORS:
        bound = bounded[name]
        for place in np.ndindex(bound.value.shape):
            result = bound.value.copy()
            result[place] *= 1.0 + rng.choice([-1.0, 1.0]) * 1e-12
            if abs(bound.value[place]) * 1e-12 <= bound.radius[place] + bound.own[place]:
                # It cancels, or saturates, or is 0: only its summands' size can be tested.
                continue
            sizeable += 1
            caught += decide(result, bound).states[place] == State.WRONG
    assert caught == sizeable
    assert sizeable > 0.6 * sum(bounded[name].value.size for name in TENSORS)


@pytest.mark.parametrize("name", ["Z", "dW", "dX", "db"])
def test_the_detection_limit_is_one(name):
    bound = layer_bounds("sigmoid", normal_inputs(3), "float32")[name]
    limit = detection_limit(bound)

    def caught(factor: float) -> bool:
        results = []
        for place in np.ndindex(bound.value.shape):
            result = bound.value.copy()
            result[place] *= 1.0 + limit * factor
            results.append(decide(result, bound).verdict == State.WRONG)
        return any(results)

    assert caught(1.0 + 1e-6)
    assert not caught(1.0 - 1e-6)
    assert detection_limit(handmade([0.0], 0.0, 1.0)) == np.inf


# ---------------------------------------------------------------- between: a sharper reference


def test_results_of_float64_layers_are_decided_by_compensated_sums():
    inputs = normal_inputs(4, n=40, i=50, o=30)
    bounded = layer_bounds("linear", inputs)["Z"]
    exact = inputs["X"].astype(np.longdouble) @ inputs["W"] + inputs["b"]
    # Rounding the result moves it by at most 1/51 of a radius.
    almost, beyond = 0.95 * bounded.radius, 1.05 * bounded.radius

    assert bounded.sharper is not None
    for sign in (-1.0, 1.0):
        states = decide((exact + sign * almost).astype(np.float64), bounded).states
        assert (states == State.RIGHT).all()
        states = decide((exact + sign * beyond).astype(np.float64), bounded).states
        assert (states == State.WRONG).all()
        blunt = dataclasses.replace(bounded, sharper=None)
        states = decide((exact + sign * almost).astype(np.float64), blunt).states
        assert (states == State.UNDECIDED).all()


def ball_of(answered: list[tuple]):
    """Answers with the exact value of 1/3 + 1/5 in each entry."""

    def refine(question: Question, name: str, entries) -> Answer:
        answered.append((name, entries))
        count = len(entries[0]) if entries else 1
        return Answer("enclosure", {name: np.full(count, 8 / 15)}, {name: np.full(count, 2.0**-53)})

    return refine


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_the_last_doubts_go_to_whoever_can_refine(shape):
    spec = Spec("y = x")
    question = Question(spec.derivation, {"x": np.array(1.0)}, ("y",))
    bounded = handmade(np.full(shape, 0.5), own=0.1, radius=0.05)
    answered: list[tuple] = []

    right = decide(np.full(shape, 0.55), bounded, question=question, refine=ball_of(answered))
    wrong = decide(np.full(shape, 0.60), bounded, question=question, refine=ball_of(answered))
    open_ = decide(
        np.full(shape, 0.55), bounded, question=question, refine=lambda *_: Unavailable("x", "y")
    )
    alone = decide(np.full(shape, 0.55), bounded)

    assert (right.verdict, wrong.verdict) == (State.RIGHT, State.WRONG)
    assert open_.verdict == alone.verdict == State.UNDECIDED
    assert answered[0][0] == "Y"
    assert len(answered[0][1]) == len(shape)


def test_refining_needs_a_question_and_leaves_conventions_alone():
    bounded = handmade([0.5], own=0.1, radius=0.05)

    with pytest.raises(ValueError, match="needs the question"):
        decide(np.array([0.55]), bounded, refine=ball_of([]))

    conventional = dataclasses.replace(bounded, hull=np.array([True]))
    decision = decide(np.array([0.55]), conventional, refine=ball_of([]))
    assert decision.verdict == State.UNDECIDED


# ---------------------------------------------------------------- what is said


def test_a_narrower_result_is_judged_by_its_own_rounding_and_said_so():
    inputs = normal_inputs(5, dtype=np.float16)
    bounded = layer_bounds("sigmoid", inputs, "float64")
    Z = (inputs["X"].astype(np.float32) @ inputs["W"].astype(np.float32)).astype(np.float32)
    Z += inputs["b"].astype(np.float32)

    decision = decide(Z, bounded["Z"], "float64")

    assert decision.verdict == State.RIGHT
    assert decision.notes == ("float32 where float64 was asked for: judged as float32",)
    assert decision.bounded.fmt == FLOAT32
    assert decide(Z.astype(np.float64), bounded["Z"]).verdict == State.WRONG
    assert decide(Z * np.float32(1 + 1e-4), bounded["Z"]).verdict == State.WRONG


def test_a_wider_result_is_judged_by_the_format_asked_for():
    inputs = normal_inputs(6, dtype=np.float32)
    bounded = layer_bounds("sigmoid", inputs, "float32")

    decision = decide(bounded["dW"].value, bounded["dW"])

    assert decision.verdict == State.RIGHT
    assert decision.notes == ()
    asked = decide(bounded["dW"].value, bounded["dW"], "float16")
    assert asked.bounded.fmt == FORMATS["float16"]


def test_bfloat16_results_have_a_format_too():
    inputs = {k: np.round(v * 4) / 4 for k, v in normal_inputs(7).items()}
    bounded = layer_bounds("linear", inputs, "float32")["Z"]

    decision = decide(bounded.value.astype(ml_dtypes.bfloat16), bounded)

    assert decision.verdict == State.RIGHT
    assert decision.notes == ("bfloat16 where float32 was asked for: judged as bfloat16",)


def test_a_lost_tail_is_right_and_said():
    inputs = {"X": np.array([[-20.0, 0.5]]), "W": np.eye(2), "b": np.zeros(2)}
    inputs["dA"] = np.ones((1, 2))
    bounded = layer_bounds("sigmoid", inputs)["A"]
    by_tanh = 0.5 + 0.5 * np.tanh(inputs["X"] / 2)
    by_exp = 1 / (1 + np.exp(-inputs["X"]))

    assert decide(by_tanh, bounded).verdict == State.RIGHT
    assert decide(by_tanh, bounded).notes == ("tail accuracy lost in 1 of 2 entries",)
    assert decide(by_exp, bounded).notes == ()
    assert decide(by_tanh + np.array([[1e-15, 0.0]]), bounded).verdict == State.WRONG


def test_the_worst_entry_is_the_furthest_of_the_wrong_ones():
    bounded = handmade(
        [[1.0, 2.0], [3.0, 4.0]], own=[[0.5, 0.5], [0.5, np.inf]], radius=[[0.5] * 2, [0.5, np.inf]]
    )

    found = worst(decide(np.array([[1.9, 4.0], [0.0, 99.0]]), bounded))

    assert found is not None
    assert found.index == (1, 0)
    assert (found.got, found.expected, found.bound, found.ratio) == (0.0, 3.0, 1.0, 3.0)


def test_the_worst_entry_of_a_right_result_is_its_largest_share():
    found = worst(decide(np.array([1.1, 2.3]), handmade([1.0, 2.0], 0.0, [0.25, 1.0])))

    assert found is not None
    assert found.index == (0,)
    assert found.ratio < 0.5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_the_worst(value):
    found = worst(decide(np.array([1.0, value, 7.0]), handmade([1.0, 2.0, 3.0], 0.0, 1.0)))

    assert found is not None
    assert found.index == (1,)
    assert found.ratio == np.inf


def test_nothing_but_the_exact_value_is_right_without_a_radius():
    decision = decide(np.array([1.0, 5e-324]), handmade([1.0, 0.0], 0.0, 0.0))

    found = worst(decision)

    assert decision.states.tolist() == [State.RIGHT, State.WRONG]
    assert found is not None
    assert found.index == (1,)
    assert found.ratio == np.inf


def test_bounds_as_an_interval():
    bounded = layer_bounds("relu", normal_inputs(8), "float16")["Z"]
    exact = handmade([1.0], 0.0, 0.0)

    room = bounded.radius + bounded.own
    assert (bounded.lower <= bounded.value - room).all()
    assert (bounded.upper >= bounded.value + room).all()
    assert (bounded.upper - bounded.lower <= 2 * room * (1 + 1e-12)).all()
    assert exact.lower.tolist() == exact.upper.tolist() == [1.0]
    assert handmade([np.nan], 0.0, np.inf).lower.tolist() == [-np.inf]
