"""Derived gradients against exact directional derivatives, and programs of every odd kind."""

import itertools
import time
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import flint
import pytest
from hypothesis import given

from backproof.spec import terms as t
from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.derive import Rule, derive, gradient_name, with_upstream
from backproof.spec.deriving.expand import expand
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, network
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.normal import normalise
from backproof.spec.printers.index import index_equation
from backproof.spec.program import Program
from backproof.spec.terms import Index
from backproof.spec.values.numbers import Balls, Rationals
from backproof.spec.values.pointwise import Evaluation, NoValueError
from tests.spec.random_terms import FIXED, entry_value, polynomial, programs

Position = tuple[int, ...]
Values = Mapping[tuple[str, Position], Fraction]


def sizes_of(spec: Spec, largest: int = 3) -> dict[str, int]:
    """Sizes of all axes, neighbours different."""
    return {axis: 2 + k % (largest - 1) for k, axis in enumerate(spec.program.axes)}


def positions(spec: Spec, tensor: str, sizes: Mapping[str, int]) -> list[Position]:
    return list(itertools.product(*map(range, spec.program.shape(tensor, sizes))))


def forward(spec: Spec, sizes: Mapping[str, int], values: Values, numbers: Any) -> Evaluation[Any]:
    def given_(name: str, at: Position) -> Any:
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

        def along(
            step: int, name: str = name, v: Mapping[Position, Fraction] = direction
        ) -> Fraction:
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
    "quadratic form": "q = sum[i,j](x[i]*M[i,j]*x[j])",
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
    # g and h are cubics, so that g(h(x) x) has degree 12.
    assert_gradients_are_exact(Spec(text), degree=12)


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradients_of_networks_are_exact(layout: str, depth: int) -> None:
    spec = network(depth, layout=layout, activation="linear", loss="mean_squared_error")
    assert_gradients_are_exact(spec, degree=2)


# ---------------------------------------------------------------- dual numbers


class Duals:
    """Pairs of a value and its derivative along a direction, over any kind of number.

    Forward mode (W. K. Clifford's dual numbers), with a table of derivatives of its own.
    """

    def __init__(self, numbers: Any) -> None:
        self.numbers = numbers

    def number(self, value: Fraction) -> Any:
        return (self.numbers.number(value), self.numbers.number(Fraction(0)))

    def constant(self, name: str) -> Any:
        return (self.numbers.constant(name), self.numbers.number(Fraction(0)))

    def add(self, left: Any, right: Any) -> Any:
        return (self.numbers.add(left[0], right[0]), self.numbers.add(left[1], right[1]))

    def mul(self, left: Any, right: Any) -> Any:
        mul = self.numbers.mul
        slope = self.numbers.add(mul(left[0], right[1]), mul(left[1], right[0]))
        return (mul(left[0], right[0]), slope)

    def power(self, base: Any, exponent: Fraction) -> Any:
        mul, power = self.numbers.mul, self.numbers.power
        outer = mul(self.numbers.number(exponent), power(base[0], exponent - 1))
        return (power(base[0], exponent), mul(outer, base[1]))

    def function(self, name: str, argument: Any) -> Any:
        one, mul = self.numbers.number(Fraction(1)), self.numbers.mul
        z = argument[0]

        def f(name: str) -> Any:
            return self.numbers.function(name, z)

        def minus(value: Any) -> Any:
            return mul(self.numbers.number(Fraction(-1)), value)

        slopes = {
            "exp": lambda: f("exp"),
            "log": lambda: self.numbers.power(z, Fraction(-1)),
            "tanh": lambda: self.numbers.add(one, minus(mul(f("tanh"), f("tanh")))),
            "sigmoid": lambda: mul(f("sigmoid"), self.numbers.add(one, minus(f("sigmoid")))),
            "softplus": lambda: f("sigmoid"),
            "erf": lambda: mul(
                self.numbers.function("exp", minus(mul(z, z))),
                mul(
                    self.numbers.number(Fraction(2)),
                    self.numbers.power(self.numbers.constant("pi"), Fraction(-1, 2)),
                ),
            ),
            "relu": lambda: f("step"),
            "abs": lambda: f("sign"),
            "step": lambda: self.numbers.number(Fraction(0)),
            "sign": lambda: self.numbers.number(Fraction(0)),
        }
        return (f(name), mul(slopes[name](), argument[1]))


def dual_polynomial(order: int, z: Any) -> Any:
    """What g stands for, of a pair of rationals."""
    return (polynomial(order, z[0]), polynomial(order + 1, z[0]) * z[1])


def directional(program: Program, numbers: Any, name: str) -> tuple[Any, Any]:
    """The objective's derivative along a direction of one input: forward, and by the gradient."""
    derivation = derive(program)
    duals = Duals(numbers)
    sizes = {axis: 2 + k for k, axis in enumerate(program.axes)}

    def given_(tensor: str, at: Position) -> Any:
        value = numbers.number(entry_value(tensor, at))
        slope = entry_value("v", at) if tensor == name else Fraction(0)
        return (value, numbers.number(slope))

    forward_ = Evaluation(derivation, duals, sizes, given_, {"g": dual_polynomial})
    backward = Evaluation(
        derivation,
        numbers,
        sizes,
        lambda tensor, at: numbers.number(entry_value(tensor, at)),
        {"g": polynomial},
    )

    def every(tensor: str) -> Iterable[Position]:
        return itertools.product(*map(range, program.shape(tensor, sizes)))

    def weight(output: str, at: Position) -> Fraction:
        seed = output == program.loss
        return Fraction(1) if seed else entry_value(gradient_name(output), at)

    def added(values: Iterable[Any]) -> Any:
        total = numbers.number(Fraction(0))
        for value in values:
            total = numbers.add(total, value)
        return total

    outside = added(
        numbers.mul(numbers.number(weight(output, at)), forward_.entry(output, at)[1])
        for output in program.outputs
        for at in every(output)
    )
    inside = added(
        numbers.mul(numbers.number(entry_value("v", at)), backward.entry(gradient_name(name), at))
        for at in every(name)
    )
    return outside, inside


@FIXED
@given(programs(functions=("g", "relu", "abs", "leaky_relu"), powers=(2, 3, -1)))
def test_gradients_of_random_programs_are_exact(program: Program) -> None:
    for name in program.inputs:
        try:
            outside, inside = directional(program, Rationals(), name)
        except NoValueError:
            continue
        assert outside == inside, (name, program.statements)


@FIXED
@given(
    programs(
        functions=("exp", "sigmoid", "tanh", "softplus", "erf", "silu", "gelu"),
        powers=(2, -1, Fraction(1, 2)),
        softmax=True,
    )
)
def test_gradients_of_smooth_random_programs_are_right(program: Program) -> None:
    before, flint.ctx.prec = flint.ctx.prec, 200
    try:
        for name in program.inputs:
            try:
                outside, inside = directional(program, Balls(), name)
            except NoValueError:
                continue
            assert (outside - inside).contains(0), (name, program.statements)
    finally:
        flint.ctx.prec = before


SMOOTH = {
    "softmax": "axes n: samples, o: outputs\nA[n,o] = softmax[o](Z[n,o])",
    "log of softmax": "A[n,o] = Z[n,o] - logsumexp[k](Z[n,k])\naxes o, k: outputs",
    "layer normalisation": (
        "axes n: samples, i: inputs\nm[n] = mean[i](X[n,i])\n"
        "v[n] = mean[i]((X[n,i] - m[n])^2)\n"
        "Y[n,i] = w[i]*(X[n,i] - m[n])/(v[n] + 1/100)^(1/2) + b[i]"
    ),
    "batch normalisation": (
        "m[i] = mean[n](X[n,i])\nv[i] = mean[n]((X[n,i] - m[i])^2)\n"
        "Y[n,i] = w[i]*(X[n,i] - m[i])/sqrt(v[i] + 1/100) + b[i]"
    ),
    "attention": (
        "axes n, k: positions\nS[n,k] = sum[i](Q[n,i]*K[k,i])/size(i)^(1/2)\n"
        "P[n,k] = softmax[k](S[n,k])\nY[n,o] = sum[k](P[n,k]*V[k,o])"
    ),
    "attention's diagonal": (
        "axes o, k: units\nA[o,k] = softmax[k](Q[o]*K[k])\nL = sum[o](A[o,o])"
    ),
    "a name for a sum of exponentials": (
        "A[n] = logsumexp[k](Z[n,k])\nB[n] = X[n]*logsumexp[k](Z[n,k])"
    ),
    "a name for a function of a sum": (
        "A[n] = sigmoid(sum[k](Z[n,k]))\nB[n] = X[n]*sigmoid(sum[k](Z[n,k]))"
    ),
    "softmax of a diagonal": (
        "axes n, o: units\nA[n,o] = softmax[o](Z[n,o])\nB[o] = y[o]*softmax[o](Z[o,o])"
    ),
    "gated": "Y[n] = sigmoid(x[n]*w)*tanh(x[n] + c)",
    "pairwise": "axes i, j: items\nL = sum[i,j](softplus(s[j] - s[i])*Y[i,j])",
    "root of a sum of squares": "r = sqrt(sum[i](x[i]^2))\nu[i] = x[i]/r",
}  # fmt: skip


@pytest.mark.parametrize("text", SMOOTH.values(), ids=SMOOTH.keys())
def test_gradients_of_layers_with_exponentials_are_right(text: str) -> None:
    before, flint.ctx.prec = flint.ctx.prec, 200
    try:
        program = Spec(text).program
        for name in program.inputs:
            outside, inside = directional(program, Balls(), name)
            assert (outside - inside).contains(0), name
            assert inside.rad() < flint.arb(10) ** -30, name
    finally:
        flint.ctx.prec = before


# ---------------------------------------------------------------- the library


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("scale", ["sum", "mean"])
def test_the_dense_layer_in_words(layout: str, scale: str) -> None:
    derivation = dense(layout=layout, scale=scale).derivation
    over = "/size(n)" if scale == "mean" else ""
    claims = {
        "ni,oi->no": (
            f"dW[o,i] = sum[n](dZ[n,o]*X[n,i]){over}",
            f"db[o] = sum[n](dZ[n,o]){over}",
            "dX[n,i] = sum[o](dZ[n,o]*W[o,i])",
            "dZ[n,o] = dA[n,o]*g'(Z[n,o])",
        ),
        "ni,io->no": (
            f"dW[i,o] = sum[n](dZ[n,o]*X[n,i]){over}",
            f"db[o] = sum[n](dZ[n,o]){over}",
            "dX[n,i] = sum[o](dZ[n,o]*W[i,o])",
            "dZ[n,o] = dA[n,o]*g'(Z[n,o])",
        ),
        "oi,in->on": (
            f"dW[o,i] = sum[n](dZ[o,n]*X[i,n]){over}",
            f"db[o] = sum[n](dZ[o,n]){over}",
            "dX[i,n] = sum[o](dZ[o,n]*W[o,i])",
            "dZ[o,n] = dA[o,n]*g'(Z[o,n])",
        ),
    }[layout]
    for claim in claims:
        assert decide(read_claim(claim, derivation)).kind is Kind.EQUAL, claim


@pytest.mark.parametrize("loss", losses())
def test_gradients_of_losses_read_back(loss: str) -> None:
    spec = named(loss)
    for equation in spec.gradients().values():
        claim = read_claim(equation.index, spec.derivation)
        assert decide(claim).kind is Kind.EQUAL
        assert normalise(claim.right) == normalise(equation.value)


@FIXED
@given(programs(functions=("g", "sigmoid"), powers=(2, -1), softmax=True))
def test_derived_equations_read_back_to_the_same_form(program: Program) -> None:
    derivation = derive(program)
    for gradient in derivation.gradients.values():
        text = index_equation(gradient.target, gradient.value)
        claim = read_claim(text, derivation)
        assert claim.trouble == "", text
        change = dict(zip(claim.left.indices, gradient.target.indices, strict=True))
        try:
            back = normalise(t.substitute(claim.right, change))
            assert back == normalise(gradient.value), text
        except (TooLargeError, ZeroDivisionError):
            assert claim.left.indices == gradient.target.indices


# ---------------------------------------------------------------- the form of derivations


def test_the_steps_of_a_gradient_end_in_its_value() -> None:
    for spec in (dense(), network(3), named("softmax_cross_entropy")):
        for gradient in spec.derivation.gradients.values():
            assert gradient.steps[-1].right is gradient.value
            assert all(step.rule in Rule for step in gradient.steps)


def test_an_unused_input_has_gradient_zero() -> None:
    spec = Spec("Y[n] = x[n] + 0*u[n]")
    gradient = spec.gradients()["u"]

    assert gradient.value is t.ZERO
    assert [s.rule for s in gradient.steps] == [Rule.UNUSED]


def test_a_program_may_state_a_tensor_that_nothing_reads() -> None:
    spec = Spec("Y[n] = x[n]\nV[n] = x[n]^2")

    assert spec.gradients()["x"].index == "dx[n] = dY[n] + 2*dV[n]*x[n]"
    assert spec.derivation.upstreams == ("dV", "dY")


def test_two_outputs_of_which_one_is_a_scalar_both_have_upstreams() -> None:
    spec = Spec("L = sum[n](x[n]^2)\nY[n] = 3*x[n]")

    assert spec.program.loss is None
    assert spec.derivation.upstreams == ("dY", "dL")
    assert_gradients_are_exact(spec, degree=2)


def test_a_gradient_name_that_the_program_uses_is_refused() -> None:
    with pytest.raises(SpecError, match="dx names a tensor and the gradient of x"):
        derive(Spec("Y[n] = x[n]*dx[n]").program)


def test_a_gradient_given_in_place_of_derived_stays_a_name() -> None:
    spec = dense(activation="sigmoid")
    changed = with_upstream(spec.derivation, "Z")

    assert changed.upstreams == ("dA", "dZ")
    assert changed.definition("dZ") is None
    assert spec.derivation.definition("dZ") is not None
    assert changed.definition("dW") == spec.derivation.definition("dW")


def test_the_mean_over_samples_divides_the_parameters_alone() -> None:
    mean, total = dense(scale="mean").gradients(), dense().gradients()
    per_sample = t.power(t.size("n"), -1)

    assert mean["W"].value is t.mul(total["W"].value, per_sample)
    assert mean["b"].value is t.mul(total["b"].value, per_sample)
    assert mean["X"].value is total["X"].value
    assert mean["W"].steps[-1].rule is Rule.MEAN


def test_an_intermediate_goes_by_its_name_only_where_it_is_that_intermediate() -> None:
    spec = Spec(POLYNOMIAL["names that folding could confuse"])
    assert spec.gradients()["y"].index == "dy[j] = sum[i](dB[i,j]*g(sum[k](M[i,k])*x[j]))"

    spec = Spec("A[n,o] = softmax[o](Z[n,o])\nB[n,o] = A[n,o]*softmax[o](Z[n,o])")
    assert "softmax" not in spec.gradients()["A"].index


# ---------------------------------------------------------------- size and time


def chain(length: int) -> str:
    lines = ["X1[n] = g(X0[n])"]
    lines += [f"X{k}[n] = g(X{k - 1}[n])*X{k - 1}[n]" for k in range(2, length + 1)]
    return "\n".join(lines)


def test_a_long_chain_is_derived_and_decided() -> None:
    spec = Spec(chain(400))
    right = "dX0[n] = dX1[n]*g'(X0[n])"
    wrong = "dX0[n] = dX1[n]*g'(X1[n])"

    assert len(spec.gradients()) == 401
    assert decide(read_claim(right, spec.derivation)).kind is Kind.EQUAL
    assert decide(read_claim(wrong, Spec(chain(150)).derivation)).kind is Kind.DIFFERENT


def test_the_cost_of_a_chain_is_linear() -> None:
    def steps(length: int) -> int:
        gradients = Spec(chain(length)).derivation.gradients.values()
        terms = {id(n) for g in gradients for s in g.steps for n in t.walk(s.right)}
        return len(terms)

    # Twice the statements, twice the terms: the first statement alone is another one.
    assert steps(80) - steps(40) == 2 * (steps(60) - steps(40))


def test_a_network_of_sixty_four_layers_is_derived_within_seconds() -> None:
    start = time.perf_counter()
    gradients = network(64, activation="sigmoid", loss="softmax_cross_entropy").gradients()

    assert time.perf_counter() - start < 5
    assert gradients["W1"].matrix == "dW1 = dZ1^T X"
    assert gradients["W64"].matrix == "dW64 = dZ64^T A63"


# ---------------------------------------------------------------- expansion

EXPANDED = ["dense", "network", *losses()]


@FIXED
@given(programs(functions=("g", "relu"), powers=(2, -1), depth=2))
def test_expansion_keeps_every_value(program: Program) -> None:
    derivation = derive(program)
    numbers, sizes = Rationals(), {axis: 2 + k for k, axis in enumerate(program.axes)}
    evaluation = Evaluation(
        derivation, numbers, sizes, lambda name, at: entry_value(name, at), {"g": polynomial}
    )
    given_ = set(program.inputs) | set(derivation.upstreams)
    for name in [*program.defined, *(g.name for g in derivation.gradients.values())]:
        definition = derivation.definition(name)
        if definition is None:
            continue
        target, value = definition
        whole = expand(derivation, value)
        assert t.tensors_in(whole) <= given_
        for at in itertools.product(*(range(sizes[i.axis]) for i in target.indices)):
            place = dict(zip(target.indices, at, strict=True))
            try:
                expected = evaluation.term(value, place)
            except NoValueError:
                continue
            assert evaluation.term(whole, place) == expected


def test_expansion_keeps_what_it_is_told_to() -> None:
    spec = network(2, activation="sigmoid")
    value = spec.gradients()["W1"].value

    assert t.tensors_in(expand(spec.derivation, value, keep={"dZ1"})) == {"dZ1", "X"}
    given_ = {"X": (t.entry("X", (Index("n", "n"), Index("i", "i"))), t.ONE)}
    assert "X" not in t.tensors_in(expand(spec.derivation, value, given=given_))


def test_expansion_of_a_network_too_deep_for_the_stack_is_refused() -> None:
    spec = network(200)
    with pytest.raises(TooLargeError, match="nested too deeply"):
        expand(spec.derivation, spec.gradients()["W1"].value)
