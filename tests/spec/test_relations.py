"""The relations of functions by which claims are decided: right ones, near misses, random ones."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.layer import Spec
from backproof.spec.values.numbers import Balls
from backproof.spec.values.pointwise import Evaluation, NoValueError

EQUAL = """
sqrt(x[i]^2) = abs(x[i])
abs(x[i])^3 = x[i]^2*abs(x[i])
abs(x[i])*sign(x[i]) = x[i]
relu(x[i]) = (x[i] + abs(x[i]))/2
relu(x[i]) - relu(-x[i]) = x[i]
step(x[i])*step(-x[i]) = 0
abs(x[i]) = relu(x[i]) + relu(-x[i])
abs(x[i]*y[i]) = abs(x[i])*abs(y[i])
abs(-2*x[i]) = 2*abs(x[i])
relu(relu(x[i])) = relu(x[i])
relu(2*x[i]) = 2*relu(x[i])
relu(x[i])^2 = x[i]*relu(x[i])
relu(x[i] - 1) = relu(relu(x[i]) - 1)
step(x[i] - 1)*step(x[i]) = step(x[i] - 1)
softplus(x[i]) - softplus(-x[i]) = x[i]
softplus(x[i]) = x[i] + log(1 + exp(-x[i]))
log(sigmoid(x[i])) = -softplus(-x[i])
log(1 - sigmoid(x[i])) = -softplus(x[i])
sigmoid(x[i]) = exp(x[i])/(1 + exp(x[i]))
sigmoid(x[i] - y[i]) = exp(x[i])/(exp(x[i]) + exp(y[i]))
tanh(x[i]) = (exp(x[i]) - exp(-x[i]))/(exp(x[i]) + exp(-x[i]))
tanh(x[i])^2 + 1/((exp(x[i]) + exp(-x[i]))/2)^2 = 1
silu'(x[i]) = silu(x[i]) + sigmoid(x[i])*(1 - silu(x[i]))
gelu'(x[i]) = (1 + erf(x[i]/sqrt(2)))/2 + x[i]*exp(-x[i]^2/2)/sqrt(2*pi)
gelu(x[i]) - gelu(-x[i]) = x[i]
elu(x[i]) = where(x[i] > 0, x[i], exp(x[i]) - 1)
elu'(x[i]) = where(x[i] > 0, 1, exp(x[i]))
elu'(x[i]) = where(x[i] > 0, 1, elu(x[i]) + 1)
leaky_relu(x[i]) = max(x[i], x[i]/100)
leaky_relu'(x[i]) = where(x[i] > 0, 1, 1/100)
exp(log(x[i])) = x[i]
log(exp(x[i])) = x[i]
log(x[i]*y[i]) = log(x[i]) + log(y[i])
log(x[i]/y[i]) = log(x[i]) - log(y[i])
log(x[i]^2) = 2*log(x[i])
exp(2*x[i] + y[i]) = exp(x[i])^2*exp(y[i])
sqrt(x[i])*sqrt(x[i]) = x[i]
sqrt(x[i]*y[i]) = sqrt(x[i])*sqrt(y[i])
sqrt(4*x[i]) = 2*sqrt(x[i])
x[i]^(1/3)*x[i]^(2/3) = x[i]
softmax[i](x[i] + c) = softmax[i](x[i])
softmax[i](x[i]) = exp(x[i] - logsumexp[j](x[j]))
log(softmax[i](x[i])) = x[i] - logsumexp[j](x[j])
logsumexp[i](x[i] + c) = logsumexp[i](x[i]) + c
max(x[i], y[i]) = max(y[i], x[i])
max(x[i], y[i]) = y[i] + relu(x[i] - y[i])
max(x[i], y[i]) + min(x[i], y[i]) = x[i] + y[i]
max(x[i], y[i]) = (x[i] + y[i] + abs(x[i] - y[i]))/2
max(x[i], max(y[i], z[i])) = max(max(x[i], y[i]), z[i])
max(x[i], y[j]) = max(y[j], x[i])
max(a[i], b[i], c[i], d[i]) = max(d[i], c[i], b[i], a[i])
max(-1, min(1, x[i])) = where(abs(x[i]) <= 1, x[i], sign(x[i]))
mean[i]((x[i] - mean[j](x[j]))^2) = mean[i](x[i]^2) - mean[i](x[i])^2
hardmax[i](2*x[i] + c) = hardmax[i](x[i])
sum[i](hardmax[i](x[i])) = 1
sum[i](hardmax[i](x[i])*x[i]) = max[i](x[i])
prod[i](exp(x[i])) = exp(sum[i](x[i]))
"""

# Where x[i] is zero, the two sides differ, or one has no value.
EXCEPT_AT_THE_KINK = """
sign(x[i])^2 = 1
sign(x[i]) = 2*step(x[i]) - 1
sign(x[i]) = x[i]/abs(x[i])
x[i]/x[i] = 1
x[i]/sqrt(x[i]) = sqrt(x[i])
x[i]*y[i]/(x[i]*z[i]) = y[i]/z[i]
step(x[i]) + step(-x[i]) = 1
leaky_relu'(x[i]) = step(x[i]) + step(-x[i])/100
"""

DIFFERENT = """
sqrt(x[i]^2) = x[i]
abs(x[i])^3 = x[i]^3
relu(x[i]) = (x[i] - abs(x[i]))/2
relu(-2*x[i]) = -2*relu(x[i])
step(-2*x[i]) = step(x[i])
relu(x[i] - 1) = relu(relu(x[i]) + 1) - 2
abs(x[i] + y[i]) = abs(x[i]) + abs(y[i])
softplus(x[i]) + softplus(-x[i]) = x[i]
gelu'(x[i]) = (1 + erf(x[i]/sqrt(2)))/2 + x[i]*exp(-x[i]^2)/sqrt(2*pi)
elu'(x[i]) = where(x[i] > 0, 1, elu(x[i]))
leaky_relu'(x[i]) = where(x[i] > 0, 1, 1/10)
log(x[i] + y[i]) = log(x[i]) + log(y[i])
log(x[i]*y[i]) = log(x[i])*log(y[i])
sqrt(x[i] + y[i]) = sqrt(x[i]) + sqrt(y[i])
softmax[i](2*x[i]) = softmax[i](x[i])
max(x[i], y[i]) = x[i] + relu(x[i] - y[i])
max(x[i], y[i]) = min(y[i], x[i])
max(x[i], max(y[i], z[i])) = max(x[i], min(y[i], z[i]))
max(-1, min(1, x[i])) = where(abs(x[i]) <= 1, x[i], 1)
hardmax[i](-x[i]) = hardmax[i](x[i])
sum[i](hardmax[i](x[i])*y[i]) = max[i](y[i])
prod[i](exp(x[i])) = exp(prod[i](x[i]))
where(y[i] > 1, abs(x[i]), sqrt(x[i])) = where(y[i] > 1, x[i], sqrt(x[i]))
where(y[i] > 1, step(x[i]), sqrt(x[i])) = where(y[i] > 1, 1, sqrt(x[i]))
relu(x[i]) + where(y[i] > 1, 0, sqrt(x[i])) = x[i] + where(y[i] > 1, 0, sqrt(x[i]))
where(x[i] > 0, log(x[i]), abs(x[i])) = where(x[i] > 0, log(x[i]), x[i])
sum[n](log(a[n,n]))*abs(a[i,j]) = sum[n](log(a[n,n]))*a[i,j]
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("claim", lines(EQUAL))
def test_what_always_holds(claim: str) -> None:
    assert decide(read_claim(claim)).kind is Kind.EQUAL


@pytest.mark.parametrize("claim", lines(EXCEPT_AT_THE_KINK))
def test_what_holds_away_from_a_kink(claim: str) -> None:
    answer = decide(read_claim(claim))

    assert (answer.kind, answer.assumption) == (Kind.ASSUMES, "x[i] is not zero")


@pytest.mark.parametrize("claim", lines(DIFFERENT))
def test_near_misses_have_a_witness(claim: str) -> None:
    answer = decide(read_claim(claim))

    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None


@pytest.mark.parametrize("claim", ["1/delta[i,j] = delta[i,j]", "sum[j](1/delta[i,j]) = 1"])
def test_a_delta_below_the_line_is_no_delta(claim: str) -> None:
    assert decide(read_claim(claim)).kind not in (Kind.EQUAL, Kind.ASSUMES)


def test_a_root_of_a_product_is_no_product_of_roots_of_negative_numbers() -> None:
    """At x = y = z = -1 the left side is 1 and the right one -1."""
    answer = decide(read_claim("sqrt(x*y)*sqrt(x*z) = x*sqrt(y*z)"))

    assert answer.kind is Kind.DIFFERENT


# ---------------------------------------------------------------- at random

VARIABLES = tuple(t.entry(name) for name in "xyz")


def _applied(function: str) -> Any:
    return lambda term: t.apply(function, term)


def _larger(pair: tuple[t.Term, t.Term]) -> t.Term:
    left, right = pair
    return t.where(t.add(left, t.negative(right)), left, right)


def _either(parts: tuple[t.Term, t.Term, t.Term]) -> t.Term:
    return t.where(*parts)


LEAVES = st.one_of(st.sampled_from(VARIABLES), st.sampled_from([-2, -1, 1, 2]).map(t.number))
TERMS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        *(inner.map(_applied(f)) for f in ("abs", "sign", "step", "relu", "leaky_relu", "exp")),
        inner.map(lambda term: t.power(term, Fraction(1, 2))),
        inner.map(_applied("log")),
        st.tuples(inner, inner).map(lambda pair: t.add(*pair)),
        st.tuples(inner, inner).map(lambda pair: t.mul(*pair)),
        st.tuples(inner, inner).map(_larger),
        st.tuples(inner, inner, inner).map(_either),
    ),
    max_leaves=5,
)
POINTS = [
    dict(zip("xyz", map(Fraction, values), strict=True))
    for values in (
        *((3, 2, 1), (-3, 2, -1), (2, -3, 1), (-2, -1, 3), (1, 1, -2), (-1, -2, -3)),
        *(("1/2", "-1/3", "5/2"), ("-3/2", "7/3", "-1/4"), (5, "1/7", "-9/2"), (-4, 4, "1/3")),
    )
]


def _value(claim: Claim, term: t.Term, point: dict[str, Fraction]) -> Any:
    numbers = Balls()
    evaluation = Evaluation(
        claim.derivation, numbers, {}, lambda name, _: numbers.number(point[name])
    )
    return evaluation.term(term, {})


@given(TERMS, TERMS)
def test_what_is_called_equal_agrees_wherever_both_sides_have_a_value(
    left: t.Term, right: t.Term
) -> None:
    claim = read_claim("x + y + z = 0")
    for one, other in ((left, right), (left, t.mul(left, t.ONE)), (t.add(left, right), right)):
        asked = Claim("at random", one, other, (), claim.derivation)
        answer = decide(asked, seconds=0.2)
        for point in POINTS:
            try:
                values = _value(claim, one, point), _value(claim, other, point)
            except (NoValueError, OverflowError):
                continue
            if answer.kind is Kind.EQUAL:
                assert (values[0] - values[1]).contains(0), (one, other, point, answer.reason)


# ---------------------------------------------------------------- assumed signs


@pytest.mark.parametrize(
    ("assumed", "claim"),
    [
        ("x[i] > 0", "abs(x[i]) = x[i]"),
        ("0 < x[i]", "step(x[i]) = 1"),
        ("x[i] >= 0", "relu(x[i]) = x[i]"),
        ("2*x[i] > 0", "sqrt(x[i]^2) = x[i]"),
    ],
)
def test_what_holds_where_signs_are_as_assumed(assumed: str, claim: str) -> None:
    spec = Spec(f"y[i] = x[i]\nassume {assumed}")

    answer = decide(read_claim(claim, spec.derivation))

    assert (answer.kind, answer.assumption) == (Kind.ASSUMES, assumed)


def test_a_witness_obeys_the_assumed_signs() -> None:
    spec = Spec("y[i] = abs(x[i])\nassume x[i] > 0")

    answer = decide(read_claim("y[i] = -x[i]", spec.derivation))

    assert answer.kind is Kind.DIFFERENT
    assert answer.witness is not None
    assert all(value > 0 for value in answer.witness.inputs["x"])


def test_what_is_zero_or_more_is_not_above_zero() -> None:
    spec = Spec("y[i] = x[i]\nassume x[i] >= 0")

    assert decide(read_claim("step(x[i]) = 1", spec.derivation)).kind is not Kind.EQUAL


def test_a_share_of_the_largest_may_be_zero() -> None:
    """At z = (0, 1) and y = -1 the root is 0 at i = 1, and |y| is not y."""
    root = "sqrt(hardmax[i](exp(z[i]))*y)"
    answer = decide(read_claim(f"abs(y) + {root} = y + {root}"))

    assert answer.kind not in (Kind.EQUAL, Kind.ASSUMES)
