"""Claims about what jumps or has a kink: decided on every piece, and at the borders of pieces."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import Answer, Kind, decide
from backproof.spec.layer import Spec
from backproof.spec.library import named
from backproof.spec.values.exact_numbers import Continuous, TimedEvaluation
from backproof.spec.values.numbers import Balls
from backproof.spec.values.pointwise import KinkError
from tests.spec.random_terms import FIXED


def answered(given_: str, claim: str, seconds: float = 2.0) -> Answer:
    spec = named(given_) if given_.isidentifier() else Spec(given_)
    return decide(read_claim(claim, spec.derivation), seconds)


INPUTS = "L = sum[i](x[i]*y[i]) + s"

# ---------------------------------------------------------------- random claims


@dataclass(frozen=True)
class Point:
    x: tuple[Fraction, ...]
    y: tuple[Fraction, ...]
    s: Fraction


# What is claimed of z, as it is written, and its value; the name says where the two are equal.
Side = tuple[str, Callable[[Fraction], Fraction]]


def step(z: Fraction) -> Fraction:
    return Fraction(z > 0)


def sign(z: Fraction) -> Fraction:
    return step(z) - step(-z)


RULES: dict[str, list[tuple[Side, Side]]] = {
    "everywhere": [
        (("relu({z})", lambda z: max(z, Fraction(0))), ("({z})*step({z})", lambda z: z * step(z))),
        (
            ("relu({z})", lambda z: max(z, Fraction(0))),
            ("(({z}) + abs({z}))/2", lambda z: z * step(z)),
        ),
        (("abs({z})", abs), ("({z})*sign({z})", lambda z: z * sign(z))),
        (("abs({z})", abs), ("(relu({z}) + relu(-({z})))", abs)),
        (("sign({z})", sign), ("(step({z}) - step(-({z})))", sign)),
        (
            ("where({z} >= 0, {z}, 0)", lambda z: z * step(z)),
            ("where({z} > 0, {z}, 0)", lambda z: z * step(z)),
        ),
        (("max({z}, -({z}))", abs), ("abs({z})", abs)),
    ],
    "where it is not zero": [
        (("step({z})", step), ("(1 - step(-({z})))", lambda z: 1 - step(-z))),
        (("step({z})", step), ("(1 + sign({z}))/2", lambda z: (1 + sign(z)) / 2)),
        (("sign({z})^2", lambda z: sign(z) ** 2), ("1", lambda _: Fraction(1))),
        (("where({z} >= 0, 1, 0)", lambda z: Fraction(z >= 0)), ("step({z})", step)),
    ],
    "nowhere": [
        (("relu({z})", lambda z: z * step(z)), ("abs({z})", abs)),
        (("step({z})", step), ("sign({z})", sign)),
        (("abs({z})", abs), ("({z})*step({z})", lambda z: z * step(z))),
    ],
}
EVERY_RULE = [(name, *rule) for name, rules in RULES.items() for rule in rules]

ARGUMENTS: list[tuple[str, Callable[[Point, int], Fraction]]] = [
    ("x[i]", lambda p, i: p.x[i]),
    ("-x[i]", lambda p, i: -p.x[i]),
    ("x[i] - y[i]", lambda p, i: p.x[i] - p.y[i]),
    ("x[i] - s", lambda p, i: p.x[i] - p.s),
    ("2*y[i] + s", lambda p, i: 2 * p.y[i] + p.s),
]
FACTORS: list[tuple[str, Callable[[Point, int], Fraction]]] = [
    ("1", lambda _, __: Fraction(1)),
    ("s", lambda p, _: p.s),
    ("y[i]", lambda p, i: p.y[i]),
]
OPERATORS: list[tuple[str, Callable[[list[Fraction]], Fraction]]] = [
    ("", lambda _: Fraction(0)),
    ("sum[i]", lambda values: sum(values, Fraction(0))),
    ("mean[i]", lambda values: sum(values, Fraction(0)) / len(values)),
]
NUMBERS = [Fraction(v) for v in (-1, 0, 1)]
POINTS = [
    Point(values[:2], values[2:4], values[4]) for values in itertools.product(NUMBERS, repeat=5)
]

parts = st.lists(
    st.tuples(*map(st.sampled_from, (EVERY_RULE, ARGUMENTS, FACTORS))), min_size=1, max_size=2
)


@settings(FIXED, max_examples=60)
@given(parts, st.sampled_from(OPERATORS))
def test_a_random_claim_is_equal_where_it_is_said_to_be(
    chosen: list[tuple[tuple[str, Side, Side], tuple, tuple]], operator: tuple
) -> None:
    over, total = operator

    def written(side: int) -> str:
        return " + ".join(
            f"({factor})*{rule[side][0].format(z=z)}" for rule, (z, _), (factor, _) in chosen
        )

    def value(side: int, at: Point) -> list[Fraction]:
        values = [
            sum(
                (factor(at, i) * rule[side][1](z(at, i)) for rule, (_, z), (_, factor) in chosen),
                Fraction(0),
            )
            for i in range(2)
        ]
        return [total(values)] if over else values

    answer = answered(INPUTS, f"{over}({written(1)}) = {over}({written(2)})", 0.1)
    differ = [at for at in POINTS if value(1, at) != value(2, at)]
    borders = [z for rule, (_, z), _ in chosen if rule[0] == "where it is not zero"]
    inside = [at for at in differ if all(z(at, i) for z in borders for i in range(2))]
    if answer.kind is Kind.EQUAL:
        assert differ == []
    if answer.kind is Kind.ASSUMES:
        assert inside == []
    if answer.kind is Kind.DIFFERENT:
        assert answer.witness is not None
        assert any(rule[0] != "everywhere" for rule, _, _ in chosen)
    if all(rule[0] == "everywhere" for rule, _, _ in chosen):
        assert answer.kind is Kind.EQUAL


# ---------------------------------------------------------------- sums


@pytest.mark.parametrize(
    "claim",
    [
        "dc = mean[n,o](relu(abs(A[n,o] - Y[n,o]) - c))",
        "dc = mean[n,o](where(abs(A[n,o] - Y[n,o]) > c, abs(A[n,o] - Y[n,o]) - c, 0))",
        "dc = sum[n,o](relu(abs(A[n,o] - Y[n,o]) - c))/size(n)/size(o)",
    ],
)
def test_sums_with_factors_of_their_own_are_put_together(claim: str) -> None:
    assert answered("huber", claim).kind is Kind.EQUAL


@pytest.mark.parametrize(
    "claim",
    [
        "dc = mean[n,o](relu(abs(A[n,o] - Y[n,o]) - 2*c))",
        "dc = mean[n,o](where(abs(A[n,o] - Y[n,o]) > c, abs(A[n,o] - Y[n,o]) - c, 1))",
        "dc = mean[n,o](abs(A[n,o] - Y[n,o]) - c)",
    ],
)
def test_a_sum_that_is_wrong_on_some_piece_stays_wrong(claim: str) -> None:
    assert answered("huber", claim).kind is Kind.DIFFERENT


def test_what_is_zero_where_two_indices_meet_can_not_be_assumed_not_to_be() -> None:
    claim = "sum[j](step(x[i] - x[j]) + step(x[j] - x[i])) = size(i)"
    answer = answered("axes i, j: places\nL = sum[i,j](x[i]*x[j])", claim)
    assert answer.kind is Kind.DIFFERENT
    assert answer.witness.left == str(answer.witness.sizes["i"] - 1)


# ---------------------------------------------------------------- ties

WINDOW = "axes t: time, k: window = 3\nP[t] = max[k](X[3*t+k])"


def lead(place: int, *others: int) -> str:
    return "*".join(f"step(X[3*t+{place}] - X[3*t+{k}])" for k in others)


def test_the_share_of_a_place_is_a_product_of_steps_apart_from_ties() -> None:
    shares = [
        f"delta[s,3*t+{place}]*{lead(place, *(k for k in range(3) if k != place))}"
        for place in range(3)
    ]
    answer = answered(WINDOW, f"dX[s] = sum[t](dP[t]*({' + '.join(shares)}))")
    assert answer.kind is Kind.ASSUMES
    assert answer.assumption == (
        "X[3*t] - X[3*t+1] is not zero, X[3*t] - X[3*t+2] is not zero, "
        "X[3*t+1] - X[3*t+2] is not zero"
    )
    shares[2] = f"delta[s,3*t+2]*{lead(2, 1)}"
    answer = answered(WINDOW, f"dX[s] = sum[t](dP[t]*({' + '.join(shares)}))")
    assert answer.kind is Kind.DIFFERENT


@pytest.mark.parametrize(
    "claim",
    [
        "sum[i,j](step(x[i] - y[j]) + step(y[j] - x[i])) = size(i)^2",
        "max(x[i], x[j]) = where(x[i] > x[j], x[i], where(x[j] > x[i], x[j], 0))",
    ],
)
def test_what_is_wrong_at_a_tie_alone_is_refuted_there(claim: str) -> None:
    answer = answered("axes i, j: places\nL = sum[i,j](x[i]*y[j])", claim)
    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None
    assert answer.reason.endswith("where something jumps")


@pytest.mark.parametrize(
    "claim",
    ["dx[i] = dy[i]*where(x[i] >= 0, 1, 0)", "dx[i] = dy[i]*(1 + sign(x[i]))/2"],
)
def test_a_gradient_is_not_refuted_at_a_kink(claim: str) -> None:
    assert answered("y[i] = relu(x[i])", claim).kind is Kind.ASSUMES


@pytest.mark.parametrize("relu", ["relu(x[i])", "where(x[i] > 0, x[i], 0)"])
def test_a_gradient_that_differs_at_kinks_alone_is_left_open_at_worst(relu: str) -> None:
    masks = "(1 - step(-x[i]))*step(x[j])"
    claim = f"sum[i,j](dx[i]*dx[j]) = sum[i,j](dy[i]*dy[j]*{masks})"
    answer = answered(f"axes i, j: places\ny[i] = {relu}", claim, 1.0)
    assert answer.kind in (Kind.UNKNOWN, Kind.ASSUMES)


def test_a_gradient_is_refuted_at_a_border_where_its_branches_meet() -> None:
    # d/dx of where(x > 0, x^2, 0) is 0 at 0, from either side.
    text = "y[i] = where(x[i] > 0, x[i]^2, 0)"
    wrong = "dx[i] = dy[i]*2*relu(x[i]) + where(x[i]^2 > 0, 0, 1)"
    assert answered(text, "dx[i] = dy[i]*2*relu(x[i])").kind is Kind.EQUAL
    assert answered(text, wrong).kind is not Kind.EQUAL


def test_what_both_branches_agree_on_has_a_value_at_the_border() -> None:
    spec = Spec("y = where(x > 0, x, 0)\nz = where(x > 0, 1, 0)\nm = max[i](u[i])")
    zero = lambda _, __: Fraction(0)  # noqa: E731
    found = TimedEvaluation(spec.derivation, Continuous(), {"i": 2}, zero)
    assert [found.entry(name, ()) for name in "ym"] == [0, 0]
    with pytest.raises(KinkError):
        found.entry("z", ())
    balls = TimedEvaluation(
        spec.derivation, Balls(), {"i": 2}, lambda _, __: Balls().number(Fraction(0))
    )
    for name in "ymz":
        with pytest.raises(KinkError):
            balls.entry(name, ())


@pytest.mark.parametrize(
    "claim",
    [
        "dZ[n,o,k] = dH[n,o]*hardmax[k](Z[n,o,k])^2",
        "db[o,k] = sum[n](dZ[n,o,k]*hardmax[k](Z[n,o,k]))",
    ],
)
def test_a_share_is_its_own_square_apart_from_ties(claim: str) -> None:
    answer = answered("maxout", claim)
    assert answer.kind is Kind.ASSUMES
    assert answer.assumption.startswith("max[k1](")
    assert answer.assumption.endswith(" is at one place alone")


@pytest.mark.parametrize(
    "claim",
    [
        "dZ[n,o,k] = 2*dH[n,o]*hardmax[k](Z[n,o,k])^2",
        "dZ[n,o,k] = dH[n,o]*hardmax[k](Z[n,o,k])*hardmax[o](Z[n,o,k])",
        "dZ[n,o,k] = dH[n,o]^2*hardmax[k](Z[n,o,k])^2",
    ],
)
def test_what_else_is_squared_counts(claim: str) -> None:
    assert answered("maxout", claim).kind is Kind.DIFFERENT


def test_a_condition_on_what_is_zero_everywhere_has_no_border() -> None:
    # dM is 0: the mask is constant almost everywhere.
    wrong = answered("dropout", "dX[n,i] = where(dM[n,i] > 0, dY[n,i]/q, 0)")
    assert wrong.kind is Kind.DIFFERENT
    assert answered("dropout", "dM[n,i] = where(dM[n,i] > 0, 1, 0)").kind is Kind.EQUAL


def test_what_is_divided_by_is_not_zero_at_any_border() -> None:
    claim = "where(M[t,s] > 0, P[t,s], 0) = where(P[t,s] > 0, P[t,s], 0)"
    assert answered("masked_attention", claim).kind is Kind.EQUAL


# ---------------------------------------------------------------- what is shown


@pytest.mark.parametrize(
    "claim",
    [
        "dW[o,i] = sum[n](dA[n,o]*X[n,i]*A[n,o]/Z[n,o])",
        "dW[o,i] = sum[n](dA[n,o]*X[n,i]*step(Z[n,o]))",
        "dW = (dA * (A / Z))^T X",
        "softmax[o](log(A[n,o])) = A[n,o]/sum[p](A[n,p])",
        "sum[n](1 - step(Z[n,o])) = sum[n](step(-Z[n,o]))",
        "sum[n](abs(Z[n,o])) = sum[n](Z[n,o]*sign(Z[n,o]))",
    ],
)
def test_indices_are_shown_by_the_letters_of_their_axes(claim: str) -> None:
    answer = answered("Z[n,o] = sum[i](X[n,i]*W[o,i])\nA[n,o] = relu(Z[n,o])", claim)
    assert answer.kind in (Kind.EQUAL, Kind.ASSUMES)
    shown = (answer.reason, answer.certificate, answer.assumption, answer.words, *answer.notes)
    assert not set("$&%?#:") & set("".join(shown))


def test_a_long_normal_form_is_shown_in_part() -> None:
    answer = answered("y = (a + b + c + d)^3", "y = (d + c + b + a)^3")
    assert answer.kind is Kind.EQUAL
    assert answer.certificate.endswith(" + 8 more terms")
