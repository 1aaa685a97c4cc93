"""Derived gradients against exact directional derivatives, and programs of every odd kind."""

import itertools
import time
from collections.abc import Mapping
from fractions import Fraction
from random import Random

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.claims import read_claim
from backproof.spec.derive import Rule, gradient_name, with_upstream
from backproof.spec.equal import Kind, decide
from backproof.spec.errors import SpecError
from backproof.spec.expand import expand
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, network
from backproof.spec.normal import TooLargeError, normalise
from backproof.spec.numbers import Balls, Rationals
from backproof.spec.pointwise import Evaluation, NoValueError
from backproof.spec.terms import Index, Term
from tests.spec.random_terms import FIXED, entry_value, polynomial

SIZES = {"n": 2, "i": 3, "o": 2, "k": 3, "h": 2}
Position = tuple[int, ...]
Values = Mapping[tuple[str, Position], Fraction]


def sizes_of(spec: Spec, largest: int = 3) -> dict[str, int]:
    """Sizes of all axes, neighbours different."""
    return {axis: 2 + k % (largest - 1) for k, axis in enumerate(spec.program.axes)}


def positions(spec: Spec, tensor: str, sizes: Mapping[str, int]) -> list[Position]:
    return list(itertools.product(*map(range, spec.program.shape(tensor, sizes))))


def forward(spec: Spec, sizes: Mapping[str, int], values: Values, numbers: object) -> Evaluation:
    def given_(name: str, at: Position) -> object:
        return numbers.number(values.get((name, at), entry_value(name, at)))

    return Evaluation(spec.derivation, numbers, sizes, given_, {"g": polynomial, "h": polynomial})


def objective(spec: Spec, sizes: Mapping[str, int], values: Values) -> Fraction:
    """The loss, or the sum over all outputs of upstream gradient times output."""
    evaluation = forward(spec, sizes, values, Rationals())
    if spec.program.loss is not None:
        return evaluation.entry(spec.program.loss, ())
    return sum(
        (
            entry_value(gradient_name(output), at) * evaluation.entry(output, at)
            for output in spec.program.outputs
            for at in positions(spec, output, sizes)
        ),
        Fraction(0),
    )


def linear_coefficient(values: list[Fraction]) -> Fraction:
    """p'(0) of the polynomial with the values p(0), p(1), ..., by Newton's forward differences."""
    differences, level = [], list(values)
    while level:
        differences.append(level[0])
        level = [b - a for a, b in itertools.pairwise(level)]
    # d/dx of the binomial coefficient (x over k), at 0, is (-1)^(k+1)/k.
    return sum(
        (Fraction((-1) ** (k + 1), k) * d for k, d in enumerate(differences) if k), Fraction(0)
    )


def assert_gradients_are_exact(spec: Spec, degree: int, largest: int = 3) -> None:
    """Every gradient of an input against the derivative of the objective along a direction.

    Args:
        spec: a program of polynomials.
        degree: at least that of the objective in any one input.
        largest: the largest size.
    """
    sizes = sizes_of(spec, largest)
    evaluation = forward(spec, sizes, {}, Rationals())
    for name in spec.program.inputs:
        direction = {at: entry_value("v" + name, at) for at in positions(spec, name, sizes)}

        def along(step: int, name: str = name, v: Mapping[Position, Fraction] = direction) -> Fraction:
            moved = {(name, at): entry_value(name, at) + step * d for at, d in v.items()}
            return objective(spec, sizes, moved)

        expected = linear_coefficient([along(step) for step in range(degree + 1)])
        actual = sum(
            (d * evaluation.entry(gradient_name(name), at) for at, d in direction.items()),
            Fraction(0),
        )
        assert actual == expected, f"{spec.gradients()[name]} of {spec.text}"


def test_newton_differences_give_the_linear_coefficient() -> None:
    # The helper itself: p(x) = 5 - 7x + 2x^3 has p'(0) = -7.
    assert linear_coefficient([Fraction(5 - 7 * x + 2 * x**3) for x in range(4)]) == -7
    assert linear_coefficient([Fraction(3)] * 5) == 0


# ---------------------------------------------------------------- polynomial programs

POLYNOMIAL = {
    "quadratic form": "q = x[i]*M[i,j]*x[j]",
    "trace of a product": "t = sum[i,j,k](A[i,j]*B[j,k]*C[k,i])",
    "trace of a cube": "t = sum[i,j,k](A[i,j]*A[j,k]*A[k,i])",
    "diagonal": "d[i] = M[i,i]*x[i]",
    "trace": "t = sum[i](M[i,i]^2)",
    "commutator": "C[i,k] = sum[j](A[i,j]*B[j,k]) - sum[j](B[i,j]*A[j,k])",
    "outer product": "P[i,j] = x[i]*x[j]",
    "gram": "G[i,j] = sum[n](X[n,i]*X[n,j])",
    "mean removed": "m[n] = mean[i](X[n,i])\nY[n,i] = (X[n,i] - m[n])^2",
    "two outputs": "Z[n,o] = sum[i](X[n,i]*W[o,i])\nA[n,o] = Z[n,o]^2\nB[n] = sum[o](Z[n,o])",
    "used many times": "Y[n] = x[n]*x[n] + x[n]^3 - 2*x[n]\nL = sum[n](Y[n]*x[n])",
    "shared": "a = s^2\nb = a*s\nc = a*b + s",
    "scalars": "c = a*b + a^2",
    "broadcast": "Y[n,o] = b[o] + c",
    "sum of what does not occur": "Y[n] = sum[i](x[n]) + 0*sum[i](v[i])",
    "mean of what does not occur": "Y[n] = mean[i](x[n]^2) + sum[i](v[i])",
    "transposed in use": "axes i, j: a\nS[i,j] = M[i,j] + M[j,i]\nL = sum[i,j](S[i,j]^2)",
    "entry and diagonal": "axes i, j: a\nY[i,j] = M[i,j]*M[i,i]*M[j,j]",
    "a delta": "axes i, j: a\nY[i,j] = delta[i,j]*x[i] + M[i,j]",
    "sum over a delta": "axes i, j: a\nY[i] = sum[j](delta[i,j]*x[j]^2)",
    "sum of a sum": "L = sum[i](x[i]*sum[j](x[j]*sum[k](x[k])))\naxes i, j, k: a",
    "power of a sum": "L = (sum[i](x[i]))^3",
    "hidden index": "Y[i] = x[i]*sum[j](y[j])^2\nL = sum[i](Y[i])\naxes i, j: a",
    "unused input": "Y[n] = x[n]\nU[n] = 0*u[n]",
    "convolution of three": "axes i, j, k: a\nL = sum[i,j,k](x[i]*y[j]*x[k]*T[i,j,k])",
    "tensor named like an index": "axes n: samples, i: inputs\nY[n] = sum[i](n*i[i]*X[n,i])",
    "abstract": "Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]\nA[n,o] = g(Z[n,o])*h(Z[n,o])",
    "abstract of abstract": "A[n] = g(h(x[n])*x[n])",
    "names that folding could confuse": (
        "axes i, j: a\nA[i] = g(sum[k](M[i,k])*x[i])\nB[i,j] = g(sum[k](M[i,k])*x[j])*y[j]"
    ),
    "two indices where the name has one": (
        "axes i, j: a\nA[i,j] = g(M[i,j])\nB[i] = g(M[i,i])*y[i]\nC = sum[i](A[i,i])"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", POLYNOMIAL.values(), ids=POLYNOMIAL.keys())
def test_gradients_of_polynomial_programs_are_exact(text: str) -> None:
    if text.startswith("q"):
        text = f"q = sum[i,j]({text[4:]})\naxes i, j: a"
    # g and h are cubics, so that g(h(x) x) has degree 12.
    assert_gradients_are_exact(Spec(text), degree=12)


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradients_of_networks_are_exact(layout: str, depth: int) -> None:
    spec = network(depth, layout=layout, activation="linear", loss="mean_squared_error")
    assert_gradients_are_exact(spec, degree=2)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A program of up to three statements, each using entries and earlier ones at random."""
    count = itertools.count()
    ranks: dict[str, str] = {}
    lines = ["axes n: samples, i, j: units"]

    def reference(scope: str) -> str:
        earlier = [name for name in ranks if name.startswith("R") and set(ranks[name]) <= set("nij")]
        if earlier and draw(st.booleans()):
            name = draw(st.sampled_from(earlier))
            letters = "".join(
                draw(st.sampled_from([x for x in scope if (x == "n") == (axis == "n")] or ["-"]))
                for axis in ranks[name]
            )
            if "-" not in letters:
                return f"{name}[{','.join(letters)}]" if letters else name
        known = [name for name in ranks if name.startswith("T") and len(ranks[name]) <= 2]
        if known and draw(st.integers(0, 3)) == 0:
            name = draw(st.sampled_from(known))
            letters = "".join(
                draw(st.sampled_from([x for x in scope if (x == "n") == (axis == "n")] or ["-"]))
                for axis in ranks[name]
            )
            if "-" not in letters:
                return f"{name}[{','.join(letters)}]" if letters else name
        name = f"T{next(count)}"
        letters = "".join(draw(st.lists(st.sampled_from(scope), max_size=2))) if scope else ""
        ranks[name] = letters
        return f"{name}[{','.join(letters)}]" if letters else name

    def product(kept: str) -> str:
        bound = "".join(x for x in "nij" if x not in kept and draw(st.booleans()))
        factors = []
        for _ in range(draw(st.integers(1, 3))):
            factor = reference(kept + bound)
            kind = draw(st.integers(0, 6))
            factors.append({0: f"{factor}^2", 1: f"g({factor})"}.get(kind, factor))
        text = "*".join(factors)
        coefficient = draw(st.sampled_from(["", "2*", "size(n)*"]))
        return f"{coefficient}sum[{','.join(bound)}]({text})" if bound else f"{coefficient}{text}"

    for number in range(draw(st.integers(1, 3))):
        kept = draw(st.sampled_from(["", "n", "i", "ni", "ij"]))
        body = " + ".join(product(kept) for _ in range(draw(st.integers(1, 2))))
        ranks[f"R{number}"] = kept
        left = f"R{number}[{','.join(kept)}]" if kept else f"R{number}"
        lines.append(f"{left} = {body}")
    return "\n".join(lines)


@FIXED
@given(programs())
def test_gradients_of_random_programs_are_exact(text: str) -> None:
    spec = Spec(text)
    assert set(spec.gradients()) == set(spec.program.tensors)
    # Three statements of at most three factors, each squared or in a cubic: degree 9, then 27^2.
    degree = sum(3 ** (3 * text.count("\n") - 2 * k) for k in range(1))
    assert_gradients_are_exact_along_a_line(spec, min(degree, 27))


def assert_gradients_are_exact_along_a_line(spec: Spec, terms: int) -> None:
    """As above, with truncated power series in place of interpolation: any degree will do."""
    assert terms
    sizes = sizes_of(spec)
    evaluation = forward(spec, sizes, {}, Rationals())
    for name in spec.program.inputs:
        direction = {at: entry_value("v" + name, at) for at in positions(spec, name, sizes)}
        expected = dual_objective(spec, sizes, name, direction)
        actual = sum(
            (d * evaluation.entry(gradient_name(name), at) for at, d in direction.items()),
            Fraction(0),
        )
        assert actual == expected, f"{spec.gradients()[name]} of {spec.text}"
