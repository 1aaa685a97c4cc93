"""Kinks, empty batches, NaN, infinities, overflow: what may be demanded and what may not."""

import numpy as np
import pytest

from backproof.oracles.decide import State, decide
from backproof.oracles.derived import Derived
from backproof.oracles.formats import EXACT, FORMATS, format_of
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.reference import reference
from backproof.spec.layer import Spec
from backproof.spec.library import dense, named

LAYOUT = "ni,io->no"
SMOOTH = ("sigmoid", "tanh", "exp", "softplus", "erf")


def identity_layer(Z, dA) -> dict[str, np.ndarray]:
    """Inputs of a layer whose Z is exactly what is given."""
    Z = np.asarray(Z, np.float64)
    o = Z.shape[1]
    return {"X": Z, "W": np.eye(o), "b": np.zeros(o), "dA": np.asarray(dA, np.float64)}


def judged(activation: str, inputs, name: str, result, fmt="float64") -> list[State]:
    derivation = dense(layout=LAYOUT, activation=activation).derivation
    bounded = reference(derivation, inputs, fmt)[name]
    states = decide(np.asarray(result, np.float64), bounded, fmt).states
    return [State(s) for s in states.ravel()]


# ---------------------------------------------------------------- kinks

DA = [[2.0, -3.0, 0.5]]
AT_KINK = identity_layer([[0.0, -1.0, 2.0]], DA)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize(
    ("activation", "legal"),
    [
        ("relu", [0.0, 1.0, 0.5, 0.25]),
        ("leaky_relu", [0.01, 1.0, 0.5]),
        ("abs", [-1.0, 0.0, 1.0]),
        ("elu", [1.0]),
    ],
)
def test_each_legal_derivative_at_a_kink_is_right(activation, legal, fmt):
    below = {"relu": 0.0, "leaky_relu": 0.01, "abs": -1.0, "elu": np.exp(-1.0)}[activation]
    u = FORMATS[fmt].u
    for slope in legal:
        # In bits that each format has.
        result = [[2.0 * slope, -3.0 * below, 0.5]]
        result = np.round(np.asarray(result) / u / 8) * u * 8 if activation == "elu" else result
        assert State.WRONG not in judged(activation, AT_KINK, "dZ", result, fmt)
        if fmt != "float64" or activation != "elu":
            assert judged(activation, AT_KINK, "dZ", result, fmt)[0] == State.RIGHT


@pytest.mark.parametrize(
    ("activation", "slope"),
    [
        ("relu", np.nan),
        ("relu", 2.0),
        ("relu", -0.1),
        ("relu", np.inf),
        ("leaky_relu", 0.0),
        ("leaky_relu", 2.0),
        ("abs", 1.5),
        ("abs", np.nan),
        ("elu", 0.0),
    ],
)
def test_illegal_derivatives_at_a_kink_are_wrong(activation, slope):
    assert judged(activation, AT_KINK, "dZ", [[2.0 * slope, 0.0, 0.0]])[0] == State.WRONG


@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
def test_a_choice_at_a_kink_propagates(value):
    inputs = identity_layer([[0.0, 1.0]], [[3.0, 1.0]])
    dZ = np.array([[3.0 * value, 1.0]])

    assert State.WRONG not in judged("relu", inputs, "dW", inputs["X"].T @ dZ)
    assert State.WRONG not in judged("relu", inputs, "dX", dZ)
    assert judged("relu", inputs, "db", dZ[0]) == [State.RIGHT, State.RIGHT]
    assert judged("relu", inputs, "db", [6.0, 1.0])[0] == State.WRONG


def test_a_mask_is_free_where_rounding_may_cross_the_kink_and_nowhere_else():
    rng = np.random.default_rng(0)
    derivation = dense(layout=LAYOUT, activation="relu").derivation
    X, W = rng.standard_normal((30, 40)), rng.standard_normal((40, 20))
    inputs = {"X": X, "W": W, "b": np.zeros(20), "dA": np.ones((30, 20))}
    bounded = reference(derivation, inputs, "bfloat16")

    near = np.abs(bounded["Z"].value) <= bounded["Z"].radius + bounded["Z"].own

    assert (bounded["dZ"].hull == near).all()
    assert (bounded["dW"].hull == near.any(axis=0)).all()
    assert near.any()
    assert not near.all()
    for slope in (0.0, 1.0):
        states = decide(np.full((30, 20), slope), bounded["dZ"]).states
        opposite = (bounded["Z"].value > 0) != (slope > 0)
        assert (states[near] == State.RIGHT).all()
        assert (states[~near & opposite] == State.WRONG).all()
    exact = reference(derivation, inputs, "bfloat16", given={"Z": bounded["Z"].value})
    states = decide(np.zeros((30, 20)), exact["dZ"]).states
    assert (states[bounded["Z"].value > 0] == State.WRONG).all()


def test_a_step_and_a_sign_jump():
    spec = Spec("Y[n] = step(X[n]) + 2*sign(X[n])")
    inputs = {"X": np.array([0.0, 1.0, -1.0]), "dY": np.ones(3)}
    bounded = reference(spec.derivation, inputs, "float32")["Y"]

    for value in (-2.0, 0.0, 2.0, 3.0):
        assert decide(np.array([value, 3.0, -2.0]), bounded).count(State.WRONG) == 0
    assert decide(np.array([3.5, 3.0, -2.0]), bounded).states[0] == State.WRONG


# ---------------------------------------------------------------- sizes of zero and one


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "softmax", "gelu"])
def test_an_empty_batch_gives_exact_zeros(activation):
    inputs = {
        "X": np.zeros((0, 3)),
        "W": np.ones((3, 2)),
        "b": np.ones(2),
        "dA": np.zeros((0, 2)),
    }
    bounded = reference(dense(layout=LAYOUT, activation=activation).derivation, inputs, "float32")

    assert bounded["Z"].value.shape == (0, 2)
    assert bounded["dX"].value.shape == (0, 3)
    for name, shape in (("dW", (3, 2)), ("db", (2,))):
        assert (bounded[name].value == np.zeros(shape)).all()
        assert (bounded[name].radius + bounded[name].own == 0).all()
        assert decide(np.zeros(shape), bounded[name]).verdict == State.RIGHT
        assert decide(np.full(shape, 1e-30), bounded[name]).verdict == State.WRONG


def test_a_mean_over_no_rows_is_undecided():
    inputs = {"X": np.zeros((0, 3)), "W": np.ones((3, 2)), "b": np.ones(2), "dA": np.zeros((0, 2))}
    spec = dense(layout=LAYOUT, activation="linear", scale="mean")
    bounded = reference(spec.derivation, inputs, "float32")

    for value in (0.0, np.nan):
        decision = decide(np.full((3, 2), value), bounded["dW"])
        assert decision.verdict == State.UNDECIDED


def test_no_inputs_and_no_outputs():
    inputs = {"X": np.zeros((2, 0)), "W": np.zeros((0, 2)), "b": np.array([1.0, 2.0])}
    inputs["dA"] = np.ones((2, 2))
    bounded = reference(dense(layout=LAYOUT, activation="linear").derivation, inputs, "float32")
    assert decide(np.array([[1.0, 2.0]] * 2), bounded["Z"]).verdict == State.RIGHT
    assert decide(np.array([[1.0, 2.1]] * 2), bounded["Z"]).verdict == State.WRONG

    inputs = {"X": np.ones((2, 3)), "W": np.zeros((3, 0)), "b": np.zeros(0)}
    inputs["dA"] = np.zeros((2, 0))
    bounded = reference(dense(layout=LAYOUT, activation="linear").derivation, inputs, "float32")
    assert decide(np.zeros((2, 3)), bounded["dX"]).verdict == State.RIGHT
    assert decide(np.full((2, 3), 1e-40), bounded["dX"]).verdict == State.WRONG


def test_scalars_all_the_way():
    spec = Spec("y = sigmoid(x)*x\nL = log(1 + y^2)^3/3 + (1 + y^2)^(-1/2)")
    bounded = reference(spec.derivation, {"x": np.array(0.75)}, "float32")

    assert bounded["L"].value.shape == ()
    assert decide(bounded["dx"].value, bounded["dx"]).verdict == State.RIGHT
    assert decide(bounded["dx"].value + 1e-5, bounded["dx"]).verdict == State.WRONG


# ---------------------------------------------------------------- NaN and infinities


@pytest.mark.parametrize("activation", ["linear", *SMOOTH])
def test_nan_in_an_input_is_demanded_exactly_where_it_belongs(activation):
    rng = np.random.default_rng(1)
    inputs = {
        "X": rng.standard_normal((3, 4)),
        "W": rng.standard_normal((4, 2)),
        "b": np.zeros(2),
        "dA": rng.standard_normal((3, 2)),
    }
    inputs["X"][1, 2] = np.nan
    inputs["W"][2, 0] = 0.0
    bounded = reference(dense(layout=LAYOUT, activation=activation).derivation, inputs, "float32")

    for name in ("Z", "A"):
        assert bounded[name].demanded.tolist() == [[False] * 2, [True] * 2, [False] * 2]
        right = bounded[name].value
        assert decide(right, bounded[name]).count(State.WRONG) == 0
        filled = np.nan_to_num(right)
        assert (decide(filled, bounded[name]).states[1] == State.WRONG).all()
        spread = np.full_like(right, np.nan)
        assert (decide(spread, bounded[name]).states[[0, 2]] == State.WRONG).all()
    column = bounded["dW"].demanded
    if activation == "linear":
        assert column.tolist() == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    else:
        assert column.all()


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_relu_of_nan_is_not_demanded(value):
    inputs = identity_layer([[np.nan, 1.0]], [[1.0, 1.0]])
    states = judged("relu", inputs, "A", [[value, np.nan]])

    assert states[0] == State.UNDECIDED


def test_infinite_inputs_give_the_class_of_the_exact_sum():
    X = np.array([[np.inf, 1.0], [np.inf, 0.0], [-np.inf, 1.0], [np.inf, -np.inf]])
    W = np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 2.0]])
    inputs = {"X": X, "W": W, "b": np.zeros(3), "dA": np.ones((4, 3))}
    bounded = reference(dense(layout=LAYOUT, activation="linear").derivation, inputs, "float32")
    with np.errstate(invalid="ignore"):
        right = X @ W

    decision = decide(right, bounded["Z"])

    assert decision.verdict == State.RIGHT
    assert np.isnan(right[0, 1])
    for wrong in (0.0, -np.inf, 1.0):
        assert (decide(np.full((4, 3), wrong), bounded["Z"]).states[0] == State.WRONG).all()


@pytest.mark.parametrize("value", [np.inf, np.nan, 0.0])
def test_an_infinite_gradient_on_a_masked_entry_is_free(value):
    inputs = identity_layer([[-1.0, 1.0]], [[np.inf, 1.0]])
    states = judged("relu", inputs, "dZ", [[value, 1.0]])

    assert states[0] == State.UNDECIDED


def test_saturated_activations_may_be_exact():
    inputs = identity_layer([[-800.0, 800.0, -40.0]], [[1.0, 1.0, 1.0]])

    assert State.WRONG not in judged("sigmoid", inputs, "A", [[0.0, 1.0, 0.0]])
    assert State.WRONG not in judged("sigmoid", inputs, "dZ", [[0.0, 0.0, 0.0]])
    assert judged("sigmoid", inputs, "A", [[1e-10, 1.0, 1e-13]])[0] == State.WRONG
    assert State.WRONG not in judged("tanh", inputs, "A", [[-1.0, 1.0, -1.0]])


def test_minus_zero_is_zero():
    inputs = identity_layer([[0.0, -0.0]], [[1.0, 1.0]])

    assert judged("linear", inputs, "Z", [[-0.0, 0.0]]) == [State.RIGHT, State.RIGHT]


# ---------------------------------------------------------------- overflow


def test_overflow_is_forgiven_only_where_it_may_happen():
    largest = FORMATS["float16"].largest
    big = largest * 0.75
    X = np.array([[big, big, -big], [big, -big, 1.0], [big, 1.0, 1.0], [big, big, big]])
    inputs = {"X": X, "W": np.ones((3, 1)), "b": np.zeros(1), "dA": np.ones((4, 1))}
    bounded = reference(dense(layout=LAYOUT, activation="linear").derivation, inputs, "float16")

    def states(value: float) -> list[State]:
        return [State(s) for s in decide(np.full((4, 1), value), bounded["Z"]).states.ravel()]

    assert bounded["Z"].overflow.ravel().tolist() == [True, True, False, True]
    # Row 0: two summands overflow upwards, one alone cannot downwards. Row 1: neither can alone.
    assert states(np.inf) == [State.UNDECIDED, State.WRONG, State.WRONG, State.RIGHT]
    assert states(-np.inf) == [State.WRONG] * 4
    assert states(np.nan) == [State.WRONG] * 4
    assert states(7.0)[0] == State.WRONG


def test_overflow_of_the_exponential():
    inputs = identity_layer([[12.0, 5.0]], [[1.0, 1.0]])

    states = judged("exp", inputs, "A", [[np.inf, np.inf]], "float16")

    assert states[0] != State.WRONG
    assert states[1] == State.WRONG


def test_what_an_overflowed_tensor_reaches_is_undecided():
    big = FORMATS["float16"].largest * 0.75
    inputs = {"X": np.array([[big, big], [1.0, 1.0]]), "W": np.ones((2, 1)), "b": np.zeros(1)}
    inputs["dA"] = np.ones((2, 1))
    bounded = reference(dense(layout=LAYOUT, activation="sigmoid").derivation, inputs, "float16")

    assert np.isinf(bounded["A"].radius).ravel().tolist() == [True, False]
    assert np.isinf(bounded["dW"].radius).all()


def test_float64_overflow_of_the_reference_is_undecided():
    inputs = {"X": np.full((1, 4), 1e308), "W": np.ones((4, 1)), "b": np.zeros(1)}
    inputs["dA"] = np.ones((1, 1))
    bounded = reference(dense(layout=LAYOUT, activation="linear").derivation, inputs, "float64")

    assert decide(np.array([[np.inf]]), bounded["Z"]).verdict == State.UNDECIDED


def test_undefined_functions_are_undecided():
    spec = Spec("Y[n] = log(X[n]) + X[n]^(1/2) + 1/X[n]")
    inputs = {"X": np.array([-1.0, 0.0, 2.0]), "dY": np.ones(3)}

    bounded = reference(spec.derivation, inputs, "float32")["Y"]

    assert np.isinf(bounded.radius).tolist() == [True, True, False]
    assert decide(np.array([np.nan, np.inf, 7.0]), bounded).states.tolist() == [
        State.UNDECIDED,
        State.UNDECIDED,
        State.WRONG,
    ]


# ---------------------------------------------------------------- arguments


def test_arguments_that_make_no_sense():
    derivation = dense(layout=LAYOUT, activation="sigmoid").derivation
    inputs = identity_layer([[1.0, 2.0]], [[1.0, 1.0]])

    with pytest.raises(ValueError, match="dA is not given"):
        reference(derivation, {k: v for k, v in inputs.items() if k != "dA"}, "float32")
    with pytest.raises(ValueError, match="Q is not a name of the program"):
        reference(derivation, inputs, "float32", wanted=["Q"])
    with pytest.raises(ValueError, match="axis i has size"):
        reference(derivation, inputs | {"W": np.eye(3)}, "float32")
    with pytest.raises(ValueError, match="X has 2 axes"):
        reference(derivation, inputs | {"X": np.ones(3)}, "float32")
    with pytest.raises(ValueError, match="no dtype is named 'float7'"):
        reference(derivation, inputs, "float7")
    with pytest.raises(ValueError, match="nothing is known of the function 'g'"):
        reference(dense(layout=LAYOUT).derivation, inputs, "float32")
    with pytest.raises(ValueError, match="size of axis"):
        reference(derivation, {}, "float32")
    with pytest.raises(ValueError, match="int32 is no floating-point type"):
        format_of(np.int32)
    assert format_of(np.longdouble) is FORMATS["float64"]
    assert format_of(EXACT) is EXACT


# ---------------------------------------------------------------- the oracle


def test_the_derived_oracle_encloses_every_choice_at_a_kink():
    inputs = identity_layer([[0.0, -1.0, 2.0]], [[4.0, 1.0, 1.0]])
    derivation = dense(layout=LAYOUT, activation="relu").derivation
    question = Question(derivation, inputs, ("Z", "dZ", "dW", "db"))

    answer = Derived().answer(question)

    assert isinstance(answer, Answer)
    assert answer.oracle == Derived.name == "derived"
    assert "automatic" in Derived.independent_of
    assert question.sizes == {"n": 1, "i": 3, "o": 3}
    assert answer.lower("dZ")[0, 0] <= 0.0
    assert answer.upper("dZ")[0, 0] >= 4.0
    assert answer.upper("dZ")[0, 0] < 4.1
    assert answer.lower("dZ")[0, 1] == answer.upper("dZ")[0, 1] == 0.0
    assert answer.lower("Z").tolist() == answer.upper("Z").tolist() == [[0.0, -1.0, 2.0]]


def test_the_derived_oracle_says_why_it_cannot_answer():
    inputs = identity_layer([[0.0, 1.0]], [[1.0, 1.0]])
    question = Question(dense(layout=LAYOUT).derivation, inputs, ("A",))

    answer = Derived().answer(question)

    assert answer == Unavailable("derived", "nothing is known of the function 'g'")


def test_the_derived_oracle_is_unsure_outside_a_domain():
    spec = named("binary_cross_entropy")
    inputs = {"A": np.array([[0.0, 0.5]]), "Y": np.array([[1.0, 1.0]])}

    answer = Derived().answer(Question(spec.derivation, inputs, ("dA", "L")))

    assert isinstance(answer, Answer)
    assert np.isinf(answer.radii["dA"]).tolist() == [[True, False]]
    assert np.isinf(answer.radii["L"])
    assert answer.lower("L") == -np.inf
