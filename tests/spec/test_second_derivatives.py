"""Hessian-vector products: two ways that have to agree, Taylor coefficients, and JAX."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backproof.oracles import autodiff, boxes, jaxprs
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.outcome import Answer, FloatArray, Question
from backproof.spec import terms as t
from backproof.spec.claims.reading import Claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.compose import renamed
from backproof.spec.deriving.derive import derive, gradient_name
from backproof.spec.deriving.derived_programs import gradient_program, needed_for, slope_program
from backproof.spec.deriving.expand import expand
from backproof.spec.deriving.forward_mode import tangent_name
from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, names, network
from backproof.spec.normal_form.normal import normalise
from backproof.spec.printers.registry import NOTATIONS, equation_form, program_form
from backproof.spec.values.numbers import Rationals
from backproof.spec.values.pointwise import Evaluation, NoValueError
from tests.spec.random_terms import entry_value, polynomial

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

MSE = "mean_squared_error"

# ---------------------------------------------------------------- the equations


def test_a_quadratic_form_has_its_matrix_and_the_transpose_as_hessian() -> None:
    spec = Spec("axes i, j: a\nq = sum[i,j](x[i]*M[i,j]*x[j])")
    product = spec.hessian_vector_products(["x"])["x"]
    assert product.index == "tdx[i] = sum[j](M[i,j]*tx[j]) + sum[j](tx[j]*M[j,i])"


def test_the_products_of_a_dense_layer_are_stated_through_tangents_and_gradients() -> None:
    spec = dense().hessian_spec(["W", "b"])
    assert [e.index for e in spec.statements().values()] == [
        "Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        "dZ[n,o] = dA[n,o]*g'(Z[n,o])",
        "dW[o,i] = sum[n](dZ[n,o]*X[n,i])",
        "db[o] = sum[n](dZ[n,o])",
        "tZ[n,o] = sum[i](X[n,i]*tW[o,i]) + tb[o]",
        "tdZ[n,o] = dA[n,o]*g''(Z[n,o])*tZ[n,o]",
        "tdW[o,i] = sum[n](tdZ[n,o]*X[n,i])",
        "tdb[o] = sum[n](tdZ[n,o])",
    ]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "linear"])
def test_what_bends_only_at_a_kink_has_no_second_derivative_elsewhere(activation: str) -> None:
    product = dense(activation=activation).hessian_vector_products(["b"])["b"]
    assert product.expanded().index == "tdb[o] = 0"


def test_the_gradient_of_a_loss_is_written_nowhere() -> None:
    spec = named(MSE)
    program = gradient_program(spec.derivation)
    assert program.inputs == spec.program.inputs
    assert program.defined == ("L", "dA", "dY")


def test_upstream_gradients_are_inputs_of_the_gradient_program() -> None:
    program = gradient_program(dense().derivation)
    assert program.inputs == ("X", "W", "b", "dA")
    assert program.defined == ("Z", "A", "dZ", "dX", "dW", "db")


def test_what_a_gradient_does_not_need_is_left_out() -> None:
    program = gradient_program(network(2, loss=MSE).derivation, ["W2"])
    assert program.defined == ("Z1", "A1", "Z2", "A2", "dA2", "dZ2", "dW2")
    assert needed_for(program, ["Z1"]).defined == ("Z1",)


def test_a_gradient_program_needs_another_name_to_be_derived_in_reverse_again() -> None:
    derivation = dense().derivation
    with pytest.raises(SpecError, match="dX names a tensor and the gradient of X"):
        derive(gradient_program(derivation))
    assert "dgW" in {
        g.name for g in derive(gradient_program(derivation, prefix="g")).gradients.values()
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gX[n] = X[n]^2", "gX names a tensor and the gradient dX"),
        ("slope[n] = X[n]^2\nL = sum[n](slope[n]^2)", "the name slope is needed here"),
        ("Y[n] = X[n]*tX[n]", "the name tX is needed here"),
    ],
)
def test_names_that_a_slope_program_needs_are_kept_free(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        slope_program(Spec(text).derivation, ["X"])


def test_gradients_of_an_unknown_tensor_are_an_error() -> None:
    with pytest.raises(SpecError, match="no tensor is named 'V'"):
        dense().gradient_spec(["V"])


@pytest.mark.parametrize("notation", sorted(NOTATIONS))
def test_every_notation_writes_second_derivatives(notation: str) -> None:
    spec = network(2, activation="tanh", loss=MSE).hessian_spec()
    for equation in spec.statements().values():
        assert equation_form(equation, notation)
    assert program_form(spec, notation)


def test_printed_numpy_computes_a_hessian_vector_product() -> None:
    spec = Spec("y[i] = x[i]^3\nL = sum[i](y[i]*c[i])").hessian_spec(["x"])
    scope: dict[str, Any] = {}
    exec(program_form(spec, "numpy"), scope)
    x, c, v = np.array([1.0, 2.0, -3.0]), np.array([2.0, -1.0, 1.0]), np.array([1.0, 3.0, 2.0])
    found = scope["forward"](x=x, c=c, tx=v)
    assert np.array_equal(found["dx"], 3 * c * x**2)
    assert np.array_equal(found["tdx"], 6 * c * x * v)


# ---------------------------------------------------------------- two ways, by proof


def both_ways(spec: Spec, of: str, along: tuple[str, ...]) -> Claim:
    """Forward over reverse, tdT, and reverse over reverse, the gradient of the slope."""
    reverse = derive(slope_program(spec.derivation, along))
    target = reverse.gradients[of].target
    upstream = {f"g{name}": gradient_name(name) for name in spec.program.outputs}
    right = renamed(expand(reverse, target), upstream, {})
    left = t.entry(tangent_name(gradient_name(of)), target.indices)
    return Claim("", left, right, target.indices, spec.hessian_spec(along).derivation)


LAYERS = {
    **{f"dense {a}": dense(activation=a) for a in ("g", *ACTIVATIONS)},
    **{f"dense {layout}": dense(layout=layout, activation="sigmoid") for layout in layouts()},
    **{name: named(name) for name in losses()},
    **{
        name: named(name)
        for name in ("attention", "layer_norm", "batch_norm", "rms_norm", "swiglu", "dense-l")
        if name in names()
    },
    "network g": network(2, loss=MSE),
    "network relu": network(2, activation="relu", loss=MSE),
    "max": Spec("Y[n] = max[i](X[n,i]*w[i])^2"),
    "prod": Spec("Y[n] = prod[i](X[n,i] + w[i])"),
    "where": Spec("Y[n,i] = where(X[n,i] > c, X[n,i]^2*w[i], w[i]*c)"),
    "affine position": Spec("Y[n,t] = sum[k](X[n,2*t+k]*w[k])\nZ[n,t] = Y[n,t]^2"),
}


@pytest.mark.parametrize("spec", LAYERS.values(), ids=LAYERS.keys())
def test_both_ways_to_a_hessian_vector_product_agree(spec: Spec) -> None:
    along = spec.program.inputs
    for name in along:
        assert decide(both_ways(spec, name, along)).kind is Kind.EQUAL, name


@pytest.mark.parametrize(("activation", "loss"), [("tanh", MSE), ("g", "softmax_cross_entropy")])
def test_both_ways_agree_for_the_weights_of_a_network(activation: str, loss: str) -> None:
    claim = both_ways(network(2, activation=activation, loss=loss), "W2", ("W1", "W2"))
    assert decide(claim).kind is Kind.EQUAL


def test_a_hessian_without_one_of_its_terms_is_different() -> None:
    claim = both_ways(network(2, loss=MSE), "W2", ("W1", "W2"))
    program = claim.derivation.program
    changed = [
        replace(s, value=s.value.terms[0])
        if s.target.tensor == "tdW2" and isinstance(s.value, t.Add)
        else s
        for s in program.statements
    ]
    assert changed != list(program.statements)
    derivation = replace(claim.derivation, program=replace(program, statements=tuple(changed)))
    assert decide(replace(claim, derivation=derivation)).kind is Kind.DIFFERENT


@pytest.mark.parametrize(
    "spec",
    [network(2, loss=MSE), named("softmax_cross_entropy"), dense(activation="tanh")],
    ids=["network", "softmax cross entropy", "dense tanh"],
)
def test_hessians_are_symmetric(spec: Spec) -> None:
    # <u, H v> = <v, H u>, where v is the direction tT and u another, uT.
    along = spec.program.inputs
    derivation = spec.hessian_spec(along).derivation
    parts = []
    for name in along:
        indices = spec.derivation.gradients[name].target.indices
        other, product = (t.entry(f"{prefix}{name}", indices) for prefix in ("u", "td"))
        parts.append(t.total(indices, t.mul(other, product)))
    left = expand(derivation, t.add(*parts))
    swap = {f"t{name}": f"u{name}" for name in along} | {f"u{name}": f"t{name}" for name in along}
    assert normalise(left) == normalise(renamed(left, swap, {}))


@pytest.mark.parametrize("loss", losses())
def test_the_slope_by_gradients_is_the_tangent_of_the_loss(loss: str) -> None:
    spec = named(loss)
    along = spec.program.inputs
    slope = slope_program(spec.derivation, along)
    by_gradients = expand(replace(spec.derivation, program=slope, gradients={}), t.entry("slope"))
    claim = Claim("", t.entry("tL"), by_gradients, (), spec.tangent_spec().derivation)
    assert decide(claim).kind is Kind.EQUAL


# ---------------------------------------------------------------- exact Taylor coefficients


class Taylor:
    """a + b*e + c*e^2 modulo e^3, over the rationals."""

    def __init__(self, *coefficients: Fraction) -> None:
        self.of = (*coefficients, *[Fraction(0)] * (3 - len(coefficients)))


class Truncated:
    """The arithmetic of power series modulo e^3 (Griewank, Walther, chapter 13)."""

    def number(self, value: Fraction) -> Taylor:
        return Taylor(value)

    def constant(self, name: str) -> Taylor:
        raise NoValueError(name)

    def add(self, left: Taylor, right: Taylor) -> Taylor:
        return Taylor(*(a + b for a, b in zip(left.of, right.of, strict=True)))

    def mul(self, left: Taylor, right: Taylor) -> Taylor:
        a, b = left.of, right.of
        return Taylor(
            *(sum((a[j] * b[k - j] for j in range(k + 1)), Fraction(0)) for k in range(3))
        )

    def power(self, base: Taylor, exponent: Fraction) -> Taylor:
        if exponent < 0:
            base, exponent = self._inverse(base), -exponent
        result = Taylor(Fraction(1))
        for _ in range(int(exponent)):
            result = self.mul(result, base)
        return result

    def _inverse(self, z: Taylor) -> Taylor:
        a, b, c = z.of
        return Taylor(1 / a, -b / a**2, b**2 / a**3 - c / a**2)

    def function(self, name: str, argument: Taylor) -> Taylor:
        a = argument.of[0]
        if name == "step" and a != 0:
            return Taylor(Fraction(int(a > 0)))
        if name == "relu" and a != 0:
            return argument if a > 0 else Taylor()
        raise NoValueError(name)


def abstract(order: int, z: Taylor) -> Taylor:
    """The polynomial that an abstract function is taken to be, and its derivatives."""
    a, b, c = z.of
    first, second = polynomial(order + 1, a), polynomial(order + 2, a)
    return Taylor(polynomial(order, a), first * b, first * c + second * b**2 / 2)


EXACT = {
    "quadratic": Spec("axes i, j: a\nL = sum[i,j](x[i]*M[i,j]*x[j])"),
    "powers": Spec("L = sum[n](x[n]^3*y[n]) + (sum[n](x[n]))^2*s"),
    "quotient": Spec("L = sum[n](x[n]/(1 + y[n]^2))"),
    "diagonal": Spec("axes i, j: a\nd[i] = M[i,i]*M[i,i]*x[i]\nL = sum[i,j](d[i]*M[j,i])"),
    "mean removed": Spec("m[n] = mean[i](X[n,i])\nL = sum[n,i]((X[n,i] - m[n])^2*w[i])"),
    "network g": network(2, loss=MSE),
    "network relu": network(2, activation="relu", loss=MSE),
    "network linear": network(2, activation="linear", loss=MSE),
}


@pytest.mark.parametrize("spec", EXACT.values(), ids=EXACT.keys())
def test_the_curvature_along_a_direction_is_twice_the_second_coefficient(spec: Spec) -> None:
    sizes = {axis: 2 + k % 2 for k, axis in enumerate(spec.program.axes)}
    rules = dict.fromkeys(spec.program.functions, polynomial)
    products = Evaluation(spec.hessian_spec().derivation, Rationals(), sizes, entry_value, rules)
    curvature = Fraction(0)
    for name in spec.program.inputs:
        for at in itertools.product(*map(range, spec.program.shape(name, sizes))):
            product = products.entry(tangent_name(gradient_name(name)), at)
            curvature += entry_value(tangent_name(name), at) * product

    def along(name: str, at: tuple[int, ...]) -> Taylor:
        return Taylor(entry_value(name, at), entry_value(tangent_name(name), at))

    series = Evaluation(spec.derivation, Truncated(), sizes, along, dict.fromkeys(rules, abstract))
    assert spec.program.loss is not None
    assert curvature == 2 * series.entry(spec.program.loss, ()).of[2]


# ---------------------------------------------------------------- JAX


def jax_products(spec: Spec, sizes: Mapping[str, int], given: Mapping[str, FloatArray]) -> Any:
    """JAX's jvp of its own grad, as boxes that contain the exact value of what it computes."""
    import jax

    program = spec.program
    names_ = program.inputs

    def loss(*arrays: Any) -> Any:
        nudges = {name: np.zeros(program.shape(name, sizes)) for name in program.defined}
        found = autodiff.forward(program, sizes, dict(zip(names_, arrays, strict=True)), nudges)
        return found[program.loss]

    def product(*arrays: Any) -> Any:
        points, directions = arrays[: len(names_)], arrays[len(names_) :]
        gradient = jax.grad(loss, argnums=tuple(range(len(names_))))
        return jax.jvp(gradient, points, directions)[1]

    arguments = [given[name] for name in (*names_, *map(tangent_name, names_))]
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        closed = jax.make_jaxpr(product)(*arguments)
    found = jaxprs.evaluate(closed, [boxes.point(a) for a in arguments], range(len(names_)))
    return {name: found[k] for k, name in enumerate(names_)}


SIZES = {"n": 2, "i": 3, "o": 4, "h1": 3}


def values(spec: Spec) -> dict[str, FloatArray]:
    """Multiples of 1/8, which float64 holds exactly, for each input and each direction."""
    source = np.random.default_rng(7)
    found = {}
    for name in spec.program.inputs:
        for each in (name, tangent_name(name)):
            shape = spec.program.shape(name, SIZES)
            found[each] = source.integers(-12, 13, size=shape) / 8.0
    return found


NETWORKS = {
    **{a: network(1, activation=a, loss=MSE) for a in ACTIVATIONS},
    "two layers of tanh": network(2, activation="tanh", loss=MSE),
    "two layers of sigmoid": network(2, activation="sigmoid", loss=MSE),
    "logits": network(2, activation="softplus", loss="softmax_cross_entropy"),
}


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS.keys())
def test_hessian_vector_products_are_those_of_jax(spec: Spec) -> None:
    given = values(spec)
    wanted = {name: tangent_name(gradient_name(name)) for name in spec.program.inputs}
    derivation = spec.hessian_spec().derivation
    answer = EnclosureOracle().answer(Question(derivation, given, tuple(wanted.values())))
    assert isinstance(answer, Answer), answer
    told_apart = 0
    for name, box in jax_products(spec, SIZES, given).items():
        low, high = answer.lower(wanted[name]), answer.upper(wanted[name])
        assert np.all((low <= box.high) & (box.low <= high)), name
        # The boxes are narrow: a relative error of 2^-30 would have been seen.
        bent = np.abs(low) * (1 + 2.0**-30)
        told_apart += int(np.sum(bent > np.maximum(np.abs(box.low), np.abs(box.high))))
    assert told_apart
