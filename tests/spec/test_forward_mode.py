"""Tangents: as equations, against reverse mode by proof, and against exact directional slopes."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from backproof.spec import terms as t
from backproof.spec.claims.reading import Claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.derive import Derivation, Rule, derive, gradient_name
from backproof.spec.deriving.derived_programs import tangent_program
from backproof.spec.deriving.explain import explain
from backproof.spec.deriving.forward_mode import push_forward, tangent_name
from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, names, network
from backproof.spec.printers.registry import NOTATIONS, equation_form, program_form
from backproof.spec.program import Program
from backproof.spec.terms import Index, Term
from backproof.spec.values.numbers import Rationals
from backproof.spec.values.pointwise import Evaluation, NoValueError
from tests.spec.random_terms import FIXED, SIZES, entry_value, polynomial, programs

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

# ---------------------------------------------------------------- the equations


def equations(spec: Spec, along: list[str] | None = None) -> list[str]:
    return [e.index for e in spec.tangents(along).values()]


def test_the_tangents_of_a_dense_layer_are_stated_through_its_intermediates() -> None:
    assert equations(dense()) == [
        "tZ[n,o] = sum[i](tX[n,i]*W[o,i]) + sum[i](X[n,i]*tW[o,i]) + tb[o]",
        "tA[n,o] = g'(Z[n,o])*tZ[n,o]",
    ]
    assert dense().tangents()["Z"].matrix == "tZ = tX W^T + X tW^T + tb"


def test_only_what_varies_has_a_tangent() -> None:
    assert equations(dense(activation="softmax"), ["W"]) == [
        "tZ[n,o] = sum[i](X[n,i]*tW[o,i])",
        "tA[n,o] = A[n,o]*(tZ[n,o] - sum[o1](A[n,o1]*tZ[n,o1]))",
    ]
    still = Spec("Y[n] = 2*X[n]\nB[n] = step(X[n])\nC[n] = B[n]*Y[n] + c")
    assert equations(still) == [
        "tY[n] = 2*tX[n]",
        "tB[n] = 0",
        "tC[n] = B[n]*tY[n] + tc",
    ]
    assert equations(still, ["c"]) == ["tY[n] = 0", "tB[n] = 0", "tC[n] = tc"]


def test_each_rewriting_is_a_step_by_name() -> None:
    pushed = push_forward(dense(activation="softmax").program)
    assert [s.rule for s in pushed.tangents["X"].steps] == [Rule.DIRECTION]
    assert [s.rule for s in pushed.tangents["Z"].steps] == [
        Rule.CHAIN,
        Rule.DIFFERENTIATE,
        Rule.SPLIT,
    ]
    assert [s.rule for s in pushed.tangents["A"].steps] == [
        Rule.CHAIN,
        Rule.DIFFERENTIATE,
        Rule.FOLD,
    ]
    assert [s.rule for s in push_forward(dense().program, ()).tangents["Z"].steps] == [
        Rule.CONSTANT
    ]
    assert pushed.directions == ("tX", "tW", "tb")
    for tangent in pushed.tangents.values():
        assert tangent.steps[-1].right is tangent.value


def test_the_steps_read_as_a_derivation() -> None:
    assert explain(dense().tangents(["W", "b"])["Z"]) == [
        "tZ[n,o] = sum[o1,i1](∂Z[n,o]/∂W[o1,i1]*tW[o1,i1]) + sum[o1](∂Z[n,o]/∂b[o1]*tb[o1])"
        "    chain rule",
        "tZ[n,o] = sum[i](X[n,i]*tW[o,i]) + tb[o]    "
        "derivative of Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        "tZ = X tW^T + tb                            matrix form",
    ]


def test_a_taken_name_is_an_error_that_says_what_to_rename() -> None:
    with pytest.raises(SpecError, match="tX names a tensor and the tangent of X") as error:
        Spec("tX[n] = X[n]^2").tangents()
    assert error.value.help == "rename tX"


@pytest.mark.parametrize(
    ("along", "message"),
    [
        (["Z"], "'Z' is defined by a statement and cannot vary by itself"),
        (["V"], "no tensor is named 'V'"),
    ],
)
def test_only_inputs_vary(along: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        dense().tangents(along)


@pytest.mark.parametrize("notation", sorted(NOTATIONS))
def test_every_notation_writes_tangents(notation: str) -> None:
    spec = network(2, activation="tanh", loss="mean_squared_error").tangent_spec()
    for equation in spec.statements().values():
        assert equation_form(equation, notation)
    assert "tW1" in program_form(spec, notation) or notation in ("latex", "mathml")


def test_printed_numpy_computes_values_and_tangents_together() -> None:
    spec = dense(layout="ni,io->no", activation="sigmoid").tangent_spec(["X", "W"])
    scope: dict[str, object] = {}
    exec(program_form(spec, "numpy"), scope)
    X, W, b = np.ones((2, 3)), np.zeros((3, 4)), np.zeros(4)
    found = scope["forward"](X=X, W=W, b=b, tX=2 * X, tW=np.ones((3, 4)))  # type: ignore[operator]
    # At Z = 0 sigmoid' is exactly 1/4, and X tW is exactly 3.
    assert np.array_equal(found["tZ"], np.full((2, 4), 3.0))
    assert np.array_equal(found["tA"], np.full((2, 4), 0.75))
    assert "backward" not in scope


# ---------------------------------------------------------------- reverse mode, by proof


def inner_product(program: Program, tensor: str) -> Term:
    """<gradient of the tensor, its tangent>; a loss's own gradient is 1."""
    indices: list[Index] = []
    for index in program.tensors[tensor].indices:
        indices.append(t.fresh(index, indices))
    tangent = t.entry(tangent_name(tensor), indices)
    if program.is_loss(tensor):
        return tangent
    return t.total(indices, t.mul(t.entry(gradient_name(tensor), indices), tangent))


def adjoint_identity(program: Program) -> Claim:
    """<dA, J v> = <J^T dA, v>, with the left side by forward mode and the right by reverse."""
    left = t.add(*(inner_product(program, name) for name in program.outputs))
    right = t.add(*(inner_product(program, name) for name in program.inputs))
    joint = Derivation(tangent_program(push_forward(program)), derive(program).gradients)
    return Claim("", left, right, (), joint)


DENSE = {
    f"{layout} {activation}": dense(layout=layout, activation=activation)
    for layout in layouts()
    for activation in ("g", *ACTIVATIONS)
}
NAMED = {name: named(name) for name in names() if name not in ("dense", "network")}
NETWORKS = {
    f"network {activation} {loss}": network(2, activation=activation, loss=loss)
    for activation, loss in (
        *(("g", loss) for loss in losses()),
        ("tanh", "mean_squared_error"),
        ("relu", "mean_squared_error"),
    )
}
PARTS = {
    "max": Spec("Y[n] = max[i](X[n,i]*w[i])"),
    "prod": Spec("Y[n] = prod[i](X[n,i] + w[i])"),
    "where": Spec("Y[n,i] = where(X[n,i] > c, X[n,i]^2*w[i], w[i]*c)"),
    "affine position": Spec("Y[n,t] = sum[k](X[n,2*t+k]*w[k])\nZ[n,t] = Y[n,t]^2"),
}
LIBRARY = DENSE | NAMED | NETWORKS | PARTS


@pytest.mark.parametrize("spec", LIBRARY.values(), ids=LIBRARY.keys())
def test_forward_and_reverse_mode_are_adjoint_for_every_library_layer(spec: Spec) -> None:
    assert decide(adjoint_identity(spec.program)).kind is Kind.EQUAL


def test_the_adjoint_identity_fails_where_one_tangent_is_wrong() -> None:
    claim = adjoint_identity(dense(activation="tanh").program)
    program = claim.derivation.program
    *others, tangent = program.statements
    forgotten = replace(tangent, value=t.entry("tZ", tangent.target.indices))
    wrong = replace(program, statements=(*others, forgotten))
    broken = Derivation(wrong, claim.derivation.gradients)
    answer = decide(Claim("", claim.left, claim.right, (), broken))
    assert answer.kind is Kind.DIFFERENT


# ---------------------------------------------------------------- exact numbers


@FIXED
@given(programs(functions=("g",)))
def test_random_programs_obey_the_adjoint_identity_exactly(program: Program) -> None:
    claim = adjoint_identity(program)
    numbers = Rationals()
    evaluation = Evaluation(claim.derivation, numbers, SIZES, entry_value, {"g": polynomial})
    assert claim.left is not None
    assert claim.right is not None
    assert evaluation.term(claim.left, {}) == evaluation.term(claim.right, {})


POLYNOMIALS = {
    "product": "C[i,k] = sum[j](A[i,j]*B[j,k])\ns = sum[i,k](C[i,k]^2)",
    "diagonal": "d[i] = M[i,i]*x[i]\ns = sum[i](d[i]^3)",
    "mean removed": "m[n] = mean[i](X[n,i])\nY[n,i] = (X[n,i] - m[n])^2",
    "sums of sums": "axes i, j, k: a\ns = sum[i](x[i]*sum[j](x[j]*sum[k](x[k]*y[j])))",
    "quotient": "axes i, j: a\nY[n,i] = X[n,i]/(1 + sum[j](X[n,j]^2))",
    "abstract": "A[n] = g(x[n]*y[n])*g(x[n])",
    "delta": "axes i, j: a\nY[i,j] = delta[i,j]*x[i] + M[j,i]*x[j]",
}


@pytest.mark.parametrize("text", POLYNOMIALS.values(), ids=POLYNOMIALS.keys())
def test_a_tangent_is_the_first_coefficient_along_the_direction(text: str) -> None:
    # Dual numbers, the ring of a + b*e with e^2 = 0, know nothing of any rule of derivation.
    spec = Spec(text)
    sizes = {axis: 2 + k % 2 for k, axis in enumerate(spec.program.axes)}
    tangents = spec.tangent_spec()
    exact = Evaluation(tangents.derivation, Rationals(), sizes, entry_value, {"g": polynomial})

    def pair(name: str, at: tuple[int, ...]) -> Dual:
        return Dual(entry_value(name, at), entry_value(tangent_name(name), at))

    dual = Evaluation(
        spec.derivation,
        Duals(),
        sizes,
        pair,
        {"g": lambda k, z: Dual(polynomial(k, z.value), polynomial(k + 1, z.value) * z.slope)},
    )
    for name in spec.program.defined:
        shape = spec.program.shape(name, sizes)
        for at in itertools.product(*map(range, shape)):
            assert exact.entry(tangent_name(name), at) == dual.entry(name, at).slope


class Dual:
    """a + b*e with e^2 = 0."""

    def __init__(self, value: Fraction, slope: Fraction = Fraction(0)) -> None:
        self.value, self.slope = value, slope


class Duals:
    """The arithmetic of dual numbers (Clifford, Preliminary Sketch of Biquaternions)."""

    def number(self, value: Fraction) -> Dual:
        return Dual(value)

    def constant(self, name: str) -> Dual:
        raise NoValueError(name)

    def add(self, left: Dual, right: Dual) -> Dual:
        return Dual(left.value + right.value, left.slope + right.slope)

    def mul(self, left: Dual, right: Dual) -> Dual:
        return Dual(left.value * right.value, left.value * right.slope + left.slope * right.value)

    def power(self, base: Dual, exponent: Fraction) -> Dual:
        if exponent < 0:
            inverse = 1 / base.value
            base, exponent = Dual(inverse, -base.slope * inverse**2), -exponent
        result = Dual(Fraction(1))
        for _ in range(int(exponent)):
            result = self.mul(result, base)
        return result

    def function(self, name: str, argument: Dual) -> Dual:
        raise NoValueError(name)
