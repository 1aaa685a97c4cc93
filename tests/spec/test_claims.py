"""What becomes of claims: right ones, wrong ones with their witness, nasty ones with a message."""

import itertools
import re
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from backproof.spec import deadline as deadline_module
from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import Answer, Kind, decide
from backproof.spec.deriving.derive import Derivation
from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import affine, dense, layouts, losses, named, network
from backproof.spec.witnesses.witness import Witness, find_witness
from tests.spec.random_terms import value

SECONDS = 2.0
EQUAL, DIFFERENT, ASSUMES, UNKNOWN = Kind.EQUAL, Kind.DIFFERENT, Kind.ASSUMES, Kind.UNKNOWN

NORMALISATION = (
    "axes n: samples, i: inputs\n"
    "m[n] = mean[i](X[n,i])\n"
    "v[n] = mean[i]((X[n,i] - m[n])^2)\n"
    "Y[n,i] = (X[n,i] - m[n])/(v[n] + 1/100)^(1/2)"
)
GIVEN: dict[str, Callable[[], Spec]] = {
    "oi": lambda: dense(layout="ni,oi->no"),
    "io": lambda: dense(layout="ni,io->no"),
    "columns": lambda: dense(layout="oi,in->on"),
    "mean": lambda: dense(layout="ni,io->no", scale="mean"),
    "affine": affine,
    **{a: lambda a=a: dense(activation=a) for a in ACTIVATIONS},
    **{loss: lambda loss=loss: named(loss) for loss in losses()},
    "network": lambda: network(2, activation=["relu", "sigmoid"]),
    "classifier": lambda: network(2, activation=["tanh", "linear"], loss="softmax_cross_entropy"),
    "columns classifier": lambda: network(
        2, layout="oi,in->on", activation=["relu", "linear"], loss="softmax_cross_entropy"
    ),
    "normalisation": lambda: Spec(NORMALISATION),
    "assumed": lambda: Spec(named("softmax_cross_entropy").text + "assume sum[o](Y[n,o]) = 1"),
    "pairs": lambda: Spec("axes o, k: outputs\nL = sum[o,k](Y[o,k]*A[o]*A[k])"),
    "square layer": lambda: Spec("axes n, i, o: a\nZ[n,o] = sum[i](X[n,i]*W[o,i])"),
    "square": lambda: Spec("axes i, j: a\ny[i] = sum[j](M[i,j]*x[j])\nq = sum[i](x[i]*y[i])"),
}


@cache
def given_(name: str) -> Derivation | None:
    return GIVEN[name]().derivation if name else None


def answered(name: str, text: str) -> tuple[Claim, Answer]:
    claim = read_claim(text, given_(name))
    return claim, decide(claim, SECONDS)


# ---------------------------------------------------------------- the witness, once more

STANDS: dict[str, tuple[int, ...]] = {"z^2": (0, 0, 1), "z^3": (0, 0, 0, 1), "z^2 + z": (0, 1, 1)}


def recomputed(claim: Claim, witness: Witness) -> tuple[Fraction, Fraction]:
    """Both sides at the witness's position, from its sizes, inputs and functions alone."""
    coefficients = {f: STANDS[text.split(" = ")[1]] for f, text in witness.functions.items()}
    sizes = dict.fromkeys(claim.derivation.program.axes, 1) | dict(witness.sizes)

    def entry(name: str, at: tuple[int, ...]) -> Fraction:
        definition = claim.derivation.definition(name)
        if definition is None:
            found: Any = witness.inputs[name]
            for position in at:
                found = found[position]
            return Fraction(found)
        target, term = definition
        return value(term, dict(zip(target.indices, at, strict=True)), sizes, entry, abstract)

    def abstract(name: str, order: int, z: Fraction) -> Fraction:
        powers = dict(enumerate(coefficients[name]))
        for _ in range(order):
            powers = {k - 1: k * c for k, c in powers.items() if k}
        return sum((c * z**k for k, c in powers.items()), Fraction(0))

    at = dict(zip(claim.indices, witness.position, strict=True))
    left, right = (value(side, at, sizes, entry, abstract) for side in (claim.left, claim.right))
    return left, right


def assert_witnessed(claim: Claim, answer: Answer) -> None:
    """The witness has the shapes that it says, and the sides are the values that it says."""
    witness = answer.witness
    assert witness is not None
    assert witness.left != witness.right
    for tensor, values in witness.inputs.items():
        axes = claim.derivation.program.tensors.get(tensor)
        gradient = claim.derivation.gradients.get(tensor[1:])
        names = axes.axes if axes else tuple(i.axis for i in gradient.target.indices)
        assert shape_of(values) == tuple(witness.sizes[a] for a in names)
    if witness.left_array is not None:
        assert recomputed(claim, witness) == (Fraction(witness.left), Fraction(witness.right))


def shape_of(values: Any) -> tuple[int, ...]:
    return (len(values), *shape_of(values[0])) if isinstance(values, list) else ()


# ---------------------------------------------------------------- the table

TABLE: list[tuple[str, str, Kind]] = [
    # The dense layer, weights as (outputs, inputs).
    ("oi", "Z = X W^T + b", EQUAL),
    ("oi", "A = g(X W^T + b)", EQUAL),
    ("oi", "dZ = dA ⊙ g'(Z)", EQUAL),
    ("oi", "dZ = g'(Z) * dA", EQUAL),
    ("oi", "dW = dZ^T X", EQUAL),
    ("oi", "dW = (X^T dZ)^T", EQUAL),
    ("oi", "dW^T = X^T dZ", EQUAL),
    ("oi", "dX = dZ W", EQUAL),
    ("oi", "dX = (W^T dZ^T)^T", EQUAL),
    ("oi", "db = sum_n(dZ)", EQUAL),
    ("oi", "dW = (dA ⊙ g'(Z))^T X", EQUAL),
    ("oi", "dX = (dA ⊙ g'(X W^T + b)) W", EQUAL),
    ("oi", "dW - dZ^T X = 0", EQUAL),
    ("oi", "0 = dW - dZ^T X", EQUAL),
    ("oi", "dW[o,i] = sum[n](X[n,i]*dZ[n,o])", EQUAL),
    ("oi", "dW[a,b] = sum[c](X[c,b]*dZ[c,a])", EQUAL),
    ("oi", "db[o] = sum[n](dA[n,o]*g'(Z[n,o]))", EQUAL),
    ("oi", "dX[n,i] = sum[k](dZ[n,k]*W[k,i])", EQUAL),
    ("oi", "sum_n(sum_o(dZ)) = sum_o(db)", EQUAL),
    ("oi", "sum_i(dX ⊙ X) = sum_o(dZ ⊙ (Z - b))", EQUAL),
    ("oi", "dW = X^T dZ", DIFFERENT),
    ("oi", "dW = dZ X", DIFFERENT),
    ("oi", "dW = dA^T X", DIFFERENT),
    ("oi", "dW = dZ^T X / size(n)", DIFFERENT),
    ("oi", "dX = dZ W^T", DIFFERENT),
    ("oi", "dX = W dZ", DIFFERENT),
    ("oi", "dX = dA W", DIFFERENT),
    ("oi", "db = dZ", DIFFERENT),
    ("oi", "db = sum_o(dZ)", DIFFERENT),
    ("oi", "db = mean_n(dZ)", DIFFERENT),
    ("oi", "dZ = dA", DIFFERENT),
    ("oi", "dZ = dA ⊙ g'(A)", DIFFERENT),
    ("oi", "dZ = dA ⊙ g(Z)", DIFFERENT),
    ("oi", "dZ = -dA ⊙ g'(Z)", DIFFERENT),
    ("oi", "Z = X W + b", DIFFERENT),
    ("oi", "Z = X W^T", DIFFERENT),
    ("oi", "dW[o,i] = dZ[n,o]*X[n,i]", DIFFERENT),
    ("oi", "dW[o,i] = sum[n](dZ[n,o])*sum[n](X[n,i])", DIFFERENT),
    ("oi", "dW[i,o] = sum[n](dZ[n,o]*X[n,i])", DIFFERENT),
    ("oi", "db[o] = dZ[n,o]", DIFFERENT),
    ("oi", "dX[n,i] = sum[o](dZ[n,o]*W[i,o])", DIFFERENT),
    # Weights as (inputs, outputs).
    ("io", "dW = X^T dZ", EQUAL),
    ("io", "dX = dZ W^T", EQUAL),
    ("io", "dW = X.T @ dZ", EQUAL),
    ("io", "dW = dZ X^T", DIFFERENT),
    ("io", "dX = dZ W", DIFFERENT),
    ("io", "dW = dZ^T X", DIFFERENT),
    ("mean", "dW = 1/size(n) X^T dZ", EQUAL),
    ("mean", "dW = X^T dZ / size(n)", EQUAL),
    ("mean", "db = mean_n(dZ)", EQUAL),
    ("mean", "dX = dZ W^T", EQUAL),
    ("mean", "dW = X^T dZ", DIFFERENT),
    ("mean", "dX = 1/size(n) dZ W^T", DIFFERENT),
    # Samples as columns.
    ("columns", "dW = dZ X^T", EQUAL),
    ("columns", "dX = W^T dZ", EQUAL),
    ("columns", "db = sum_n(dZ)", EQUAL),
    ("columns", "dW = X dZ^T", DIFFERENT),
    ("columns", "db = sum_o(dZ)", DIFFERENT),
    ("affine", "dW = dZ^T X", EQUAL),
    # Activations.
    ("sigmoid", "dZ = dA ⊙ A ⊙ (1 - A)", EQUAL),
    ("sigmoid", "dZ = dA ⊙ (A - A^2)", EQUAL),
    ("sigmoid", "dZ[n,o] = dA[n,o]*sigmoid(Z[n,o])*sigmoid(-Z[n,o])", EQUAL),
    ("sigmoid", "A = 1/(1 + exp(-Z))", EQUAL),
    ("sigmoid", "A[n,o] = exp(Z[n,o])/(1 + exp(Z[n,o]))", EQUAL),
    ("sigmoid", "dZ = dA ⊙ exp(-Z) / (1 + exp(-Z))^2", EQUAL),
    ("sigmoid", "dZ = dA ⊙ Z ⊙ (1 - Z)", DIFFERENT),
    ("sigmoid", "dZ = dA ⊙ (1 - A)", DIFFERENT),
    ("sigmoid", "dZ = dA ⊙ (1 - A^2)", DIFFERENT),
    ("tanh", "dZ = dA ⊙ (1 - A^2)", EQUAL),
    ("tanh", "A = 2 sigmoid(2 Z) - 1", EQUAL),
    ("tanh", "A = (exp(Z) - exp(-Z)) / (exp(Z) + exp(-Z))", EQUAL),
    ("tanh", "dZ = dA ⊙ (1 - Z^2)", DIFFERENT),
    ("relu", "dZ = dA ⊙ step(Z)", EQUAL),
    ("relu", "dZ = dA ⊙ step(A)", EQUAL),
    ("relu", "A = Z ⊙ step(Z)", EQUAL),
    ("relu", "dZ = dA ⊙ step(-Z)", DIFFERENT),
    ("relu", "dZ = dA ⊙ step(dA)", DIFFERENT),
    ("relu", "dZ = dA ⊙ A", DIFFERENT),
    ("leaky_relu", "dZ = dA ⊙ (1/100 + 99/100 step(Z))", EQUAL),
    ("leaky_relu", "dZ = dA ⊙ step(Z)", DIFFERENT),
    ("elu", "dZ = dA ⊙ (step(Z) + exp(Z - relu(Z)) ⊙ (1 - step(Z)))", EQUAL),
    ("softplus", "dZ = dA ⊙ sigmoid(Z)", EQUAL),
    ("softplus", "A = log(1 + exp(Z))", EQUAL),
    ("softplus", "dZ = dA ⊙ sigmoid(A)", DIFFERENT),
    ("silu", "dZ = dA ⊙ (sigmoid(Z) + A ⊙ (1 - sigmoid(Z)))", EQUAL),
    ("silu", "A = Z / (1 + exp(-Z))", EQUAL),
    ("silu", "dZ = dA ⊙ sigmoid(Z)", DIFFERENT),
    ("gelu", "dZ = dA ⊙ ((1 + erf(Z/sqrt(2)))/2 + Z ⊙ exp(-Z^2/2)/sqrt(2 pi))", EQUAL),
    ("gelu", "dZ = dA ⊙ (1 + erf(Z/sqrt(2)))/2", DIFFERENT),
    ("erf", "dZ = 2/sqrt(pi) dA ⊙ exp(-Z^2)", EQUAL),
    ("exp", "dZ = dA ⊙ A", EQUAL),
    ("exp", "Z = log(A)", EQUAL),
    ("abs", "dZ = dA ⊙ sign(Z)", EQUAL),
    ("abs", "dZ = dA ⊙ step(Z)", DIFFERENT),
    ("linear", "dZ = dA", EQUAL),
    ("linear", "dW = dA^T X", EQUAL),
    ("softmax", "dZ = A ⊙ (dA - sum_o(dA ⊙ A))", EQUAL),
    ("softmax", "dZ[n,k] = sum[o](dA[n,o]*A[n,o]*(delta[o,k] - A[n,k]))", EQUAL),
    ("softmax", "sum_o(A) = 1", EQUAL),
    ("softmax", "1 = sum[o](A[n,o])", EQUAL),
    ("softmax", "sum_o(dZ) = 0", EQUAL),
    ("softmax", "A[n,o] = exp(Z[n,o])/sum[k](exp(Z[n,k]))", EQUAL),
    ("softmax", "dZ = dA ⊙ A ⊙ (1 - A)", DIFFERENT),
    ("softmax", "dZ = A ⊙ dA", DIFFERENT),
    # Losses.
    ("mean_squared_error", "dA = 2/(size(n) ⊙ size(o)) (A - Y)", EQUAL),
    ("mean_squared_error", "dY = -dA", EQUAL),
    ("mean_squared_error", "dA = 2 (A - Y)", DIFFERENT),
    ("mean_squared_error", "dA = 2 (A - Y) / size(n)", DIFFERENT),
    ("mean_squared_error", "dA = 2 (Y - A) / (size(n) ⊙ size(o))", DIFFERENT),
    ("mean_squared_error", "L = mean_n(mean_o((Y - A)^2))", EQUAL),
    ("binary_cross_entropy", "dA = (A - Y) / (A ⊙ (1 - A)) / (size(n) ⊙ size(o))", EQUAL),
    ("binary_cross_entropy", "dA = (A - Y) / (size(n) ⊙ size(o))", DIFFERENT),
    ("binary_cross_entropy", "dA = -Y / A / (size(n) ⊙ size(o))", DIFFERENT),
    ("softmax_cross_entropy", "dA = (softmax_o(A) - Y) / size(n)", ASSUMES),
    ("softmax_cross_entropy", "dA = (softmax_o(A) ⊙ sum_o(Y) - Y) / size(n)", EQUAL),
    ("softmax_cross_entropy", "dA = softmax_o(A) - Y", DIFFERENT),
    ("softmax_cross_entropy", "dA = (Y - softmax_o(A)) / size(n)", DIFFERENT),
    ("softmax_cross_entropy", "dA = (softmax_n(A) - Y) / size(n)", DIFFERENT),
    ("softmax_cross_entropy", "sum_o(dA) = 0", EQUAL),
    # Targets sum to one, where a claim needs it; nothing else does.
    ("softmax_cross_entropy", "sum_o(Y) = 1", ASSUMES),
    ("softmax_cross_entropy", "sum_n(Y) = 1", DIFFERENT),
    ("softmax_cross_entropy", "sum_o(A) = 1", DIFFERENT),
    ("mean_squared_error", "sum_o(Y) = 1", DIFFERENT),
    ("pairs", "sum[o,k](Y[o,k]) = 1", DIFFERENT),
    ("pairs", "sum[k](Y[o,k]) = 1", DIFFERENT),
    ("assumed", "dA = (softmax_o(A) - Y) / size(n)", ASSUMES),
    ("assumed", "sum_o(Y) = 1", ASSUMES),
    ("assumed", "dA = softmax_o(A) - Y", DIFFERENT),
    # Networks.
    ("network", "dZ1 = (dZ2 W2) ⊙ step(Z1)", EQUAL),
    ("network", "dW1 = ((dZ2 W2) ⊙ step(Z1))^T X", EQUAL),
    ("network", "dA1 = dA2 ⊙ A2 ⊙ (1 - A2) W2", DIFFERENT),
    ("network", "dA1 = (dA2 ⊙ A2 ⊙ (1 - A2)) W2", EQUAL),
    ("network", "dW2 = dZ2^T Z1", DIFFERENT),
    ("network", "dW1 = dZ2^T X", DIFFERENT),
    ("classifier", "dZ2 = (softmax_o(A2) - Y) / size(n)", ASSUMES),
    ("classifier", "dW2 = (softmax_o(A2) - Y)^T A1 / size(n)", ASSUMES),
    ("classifier", "dW2 = (softmax_o(A2) - Y)^T A1", DIFFERENT),
    ("classifier", "dZ1 = (dZ2 W2) ⊙ (1 - A1^2)", EQUAL),
    ("columns classifier", "dZ2 = (softmax_o(A2) - Y) / size(n)", ASSUMES),
    ("columns classifier", "dW1 = dZ1 X^T", EQUAL),
    # Programs of the user's own.
    ("normalisation", "dv[n] = -1/2*sum[i](dY[n,i]*Y[n,i])/(v[n] + 1/100)", EQUAL),
    ("normalisation", "sum_i(dX) = 0", EQUAL),
    ("normalisation", "sum_i(Y) = 0", EQUAL),
    ("normalisation", "dX[n,i] = dY[n,i]/(v[n] + 1/100)^(1/2)", DIFFERENT),
    ("square", "dx = M x + M^T x", EQUAL),
    ("square", "dM = x x^T", EQUAL),
    ("square", "dx = 2 M x", DIFFERENT),
    ("square", "dx = M x", DIFFERENT),
    ("square", "q = x^T M x", EQUAL),
    # Sizes that have to coincide, and do the rest then.
    ("oi", "sum[i](W[i,i]) = sum[o](W[o,o])", ASSUMES),
    ("oi", "dW[o,o] = sum[n](dZ[n,o]*X[n,o])", ASSUMES),
    ("oi", "W = W^T", DIFFERENT),
    ("relu", "((mean[n](dW[o,i]))^-1)^2 = X[i,k]", DIFFERENT),
    # One letter, bound twice along two axes.
    ("oi", "sum[k](X[n,k]) + sum[k](Z[n,k]) = sum[i](X[n,i]) + sum[o](Z[n,o])", EQUAL),
    ("oi", "sum[k](X[n,k]^2) - sum[k](Z[n,k]^2) = 0", DIFFERENT),
    ("oi", "sum[n](1)*b[o] = size(n)*b[o]", EQUAL),
    ("oi", "sum[k](delta[o,k]*b[k]) = b[o]", EQUAL),
    ("softmax_cross_entropy", "dY[n,o] = (logsumexp[k](A[n,k]) - A[n,o])/size(n)", EQUAL),
    ("softmax_cross_entropy", "sum[k](Y[n,k])*size(k) = sum[o](Y[n,o])*size(o)", EQUAL),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "kind"), TABLE, ids=[f"{n}: {t}" for n, t, _ in TABLE])
def test_the_answer_to_a_claim(name: str, text: str, kind: Kind) -> None:
    claim, answer = answered(name, text)

    assert answer.kind is kind, answer.reason
    assert bool(answer.certificate) == (kind is EQUAL)
    assert bool(answer.assumption) == (kind is ASSUMES)
    if kind is DIFFERENT and (claim.left is None or answer.witness is None):
        # Not even a shape in common: then the reason shows both.
        assert claim.trouble
        assert answer.reason.startswith(claim.trouble)
    elif kind is DIFFERENT:
        assert_witnessed(claim, answer)


def test_the_table_has_both_kinds_for_every_layout_activation_and_loss() -> None:
    for name in ("oi", "io", "columns", "relu", "sigmoid", "tanh", "softmax", *losses()):
        kinds = {kind for given_name, _, kind in TABLE if given_name == name}
        assert {EQUAL, DIFFERENT} <= kinds, name


# ---------------------------------------------------------------- scalars and functions

BARE: list[tuple[str, Kind]] = [
    ("0 = 0", EQUAL),
    ("1 = 2", DIFFERENT),
    ("x = x", EQUAL),
    ("x = y", DIFFERENT),
    ("x/x = 1", ASSUMES),
    ("(x + 1)/(x + 1) = 1", ASSUMES),
    ("(x^2 + 1)/(x^2 + 1) = 1", EQUAL),
    ("1/(x + y) + 1/(x - y) = 2 x/(x^2 - y^2)", ASSUMES),
    ("1/(x + y) + 1/(x - y) = 2 * y/((x + y)*(x - y))", DIFFERENT),
    ("1/(x - y) = -1/(y - x)", EQUAL),
    ("(x^2)^(1/2) = x", DIFFERENT),
    ("(x^2)^(1/2) = abs(x)", EQUAL),
    ("log(x^2 + 2*x*y + y^2) = 2*log(x + y)", UNKNOWN),
    ("sqrt(x)^2 = x", EQUAL),
    ("sqrt(x^2)^2 = x^2", EQUAL),
    ("sqrt(x)*sqrt(x) = x", EQUAL),
    ("x^(3/2)*x^(1/2) = x^2", EQUAL),
    ("abs(x)^2 = x^2", EQUAL),
    ("abs(x) = x", DIFFERENT),
    ("abs(-x) = abs(x)", EQUAL),
    ("step(x) + step(-x) = 1", ASSUMES),
    ("step(x)*step(x) = step(x)", EQUAL),
    ("step(x) = step(-x)", DIFFERENT),
    ("sign(x)^2 = 1", ASSUMES),
    ("sign(x) = -sign(-x)", EQUAL),
    ("relu(x) - relu(-x) = x", EQUAL),
    ("relu(x) + relu(-x) = abs(x)", EQUAL),
    ("relu(x)*relu(-x) = 0", EQUAL),
    ("relu(relu(x)) = relu(x)", EQUAL),
    ("relu(x) = abs(x)", DIFFERENT),
    ("relu(exp(x)) = exp(x)", EQUAL),
    ("log(x*y) = log(x) + log(y)", EQUAL),
    ("log(exp(x)*exp(y)) = x + y", EQUAL),
    ("log(x^2) = 2 log(x)", EQUAL),
    ("log(x + y) = log(x) + log(y)", DIFFERENT),
    ("exp(log(x)) = x", EQUAL),
    ("log(exp(x)) = x", EQUAL),
    ("exp(x + y) = exp(x)*exp(y)", EQUAL),
    ("exp(x)*exp(-x) = 1", EQUAL),
    ("exp(x*y) = exp(x)*exp(y)", DIFFERENT),
    ("exp(2 x) = exp(x)^2", EQUAL),
    ("sigmoid(x) + sigmoid(-x) = 1", EQUAL),
    ("sigmoid(x) = 1/(1 + exp(-x))", EQUAL),
    ("sigmoid(x) = 1/(1 + exp(x))", DIFFERENT),
    ("log(sigmoid(x)) = -softplus(-x)", EQUAL),
    ("softplus(x) - softplus(-x) = x", EQUAL),
    ("tanh(x) = 2 sigmoid(2 x) - 1", EQUAL),
    ("tanh(2 x) = 2*tanh(x)/(1 + tanh(x)^2)", EQUAL),
    ("tanh'(x) = 1 - tanh(x)^2", EQUAL),
    ("tanh''(x) = -2*tanh(x)*(1 - tanh(x)^2)", EQUAL),
    ("sigmoid''(x) = sigmoid'(x)*(1 - 2*sigmoid(x))", EQUAL),
    ("erf(-x) = -erf(x)", EQUAL),
    ("erf(x) = tanh(x)", DIFFERENT),
    ("gelu(x) = x*(1 + erf(x/sqrt(2)))/2", EQUAL),
    ("gelu(x) = x*(1 + tanh(x))/2", DIFFERENT),
    ("g(x) = g(x)", EQUAL),
    ("g(x + y) = g(x) + g(y)", DIFFERENT),
    ("g(x) = h(x)", DIFFERENT),
    ("g'(x) = 1", DIFFERENT),
    ("g(2 x) = 2 g(x)", DIFFERENT),
    ("x^1000000 = x", DIFFERENT),
    ("(x + y)^1000 = (y + x)^1000", UNKNOWN),
    ("x^100000 = x^100000", EQUAL),
    ("2^100000 = 4^50000", UNKNOWN),
    ("x^(1/1000000000) = x", DIFFERENT),
    ("1/(x - x) = 1/(x - x)", UNKNOWN),
    ("1/(x - x) = 2/(x - x)", UNKNOWN),
    ("0/(x - x) = 5", UNKNOWN),
    ("0/(x - x) = 0", UNKNOWN),
    ("(1/(x - x))^0 = 5", UNKNOWN),
    ("0*(1/(x[i] - x[i])) = 5", UNKNOWN),
    ("sum[i](0/(x[i] - x[i])) = 5", UNKNOWN),
    ("0/x = 5", DIFFERENT),
    ("0/x = 0", EQUAL),
    ("0*log(x[i]) = 1", DIFFERENT),
    ("(-1)^(1/2) = 1", UNKNOWN),
    ("log(-1) = 0", UNKNOWN),
    ("T T = T T", EQUAL),
    ("T^T = T", DIFFERENT),
    ("(A B)^T = B^T A^T", EQUAL),
    ("(A B)^T = A^T B^T", DIFFERENT),
    ("A B = B A", DIFFERENT),
    ("A (B C) = (A B) C", EQUAL),
    ("x^T y = y^T x", EQUAL),
    ("x y^T = y x^T", DIFFERENT),
    ("A + A = 2 A", EQUAL),
    ("dW = dZ^T X", DIFFERENT),
    ("dW dX = (dX^T dW^T)^T", EQUAL),
    ("1/2 A B = A B / 2", EQUAL),
    ("A / 2 B = 1/2 (A B)", EQUAL),
    ("sum[i,j](delta[i,j]) = size(i)", EQUAL),
    ("sum[i,j](delta[i,j]) = size(j)", EQUAL),
    ("delta[i,j]*x[i] = delta[i,j]*x[j]", EQUAL),
    ("delta[i,j]^2 = delta[i,j]", EQUAL),
    ("delta[i,j] = 1", DIFFERENT),
    ("sum[i](1) = size(i)", EQUAL),
    ("sum[i](1) = 5", DIFFERENT),
    ("sum[i](x[i])^2 = sum[i](x[i]^2)", DIFFERENT),
    ("sum[i](x[i])^2 = sum[i,j](x[i]*x[j])", EQUAL),
    ("sum[i,j](M[i,j]*M[j,i]) = sum[i,j](M[i,j]^2)", DIFFERENT),
    ("sum[i](g(sum[k](M[k,i]))*M[i,i]) = sum[i](g(sum[k](M[i,k]))*M[i,i])", DIFFERENT),
    ("sum[i](g(sum[k](M[k,i]))) = sum[k](g(sum[i](M[i,k])))", EQUAL),
    ("softmax[i](x[i] + c) = softmax[i](x[i])", EQUAL),
    ("softmax[i](2*x[i]) = softmax[i](x[i])", DIFFERENT),
    ("logsumexp[i](x[i] + c) = c + logsumexp[i](x[i])", EQUAL),
    ("logsumexp[i](x[i]) = log(sum[i](exp(x[i])))", EQUAL),
    ("x[i] - logsumexp[i](x[i]) = log(softmax[i](x[i]))", EQUAL),
    ("sum[i](mean[j](M[i,j])) = sum[i,j](M[i,j])/size(j)", EQUAL),
    ("mean[i](x[i]) = sum[i](x[i])", DIFFERENT),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), BARE, ids=[text for text, _ in BARE])
def test_the_answer_where_nothing_is_given(text: str, kind: Kind) -> None:
    start = time.perf_counter()
    claim, answer = answered("", text)

    assert answer.kind is kind, answer.reason
    assert time.perf_counter() - start < 10
    if kind is DIFFERENT:
        assert_witnessed(claim, answer)


# ---------------------------------------------------------------- claims that cannot be read

UNREADABLE: list[tuple[str, str, str]] = [
    ("oi", "dV = dZ^T X", "unknown tensor 'dV'"),
    ("oi", "dW = delta^T X", "unknown tensor 'delta'"),
    ("oi", "dW[o,i] = sum[n](dQ[n,o]*X[n,i])", "unknown tensor 'dQ'"),
    ("oi", "dW[o,i] = sum[n](dZ[n,o]*X[n])", "X has 2 indices, found 1"),
    ("oi", "dW = sum[n](dZ[n,o]*X[n,i])", "dW has 2 indices, found 0"),
    ("oi", "db[] = 1", "expected an index"),
    ("oi", "A = h(Z)", "unknown function 'h'"),
    ("oi", "A[n,o] = sigmod(Z[n,o])", "unknown function 'sigmod'"),
    ("softmax", "dZ = dA ⊙ g'(Z)", "unknown function 'g': the activation is softmax"),
    ("network", "dZ1 = dA1 ⊙ g'(Z1)", "unknown function 'g': the activation is relu and sigmoid"),
    ("mean_squared_error", "dA = g(A)", "unknown function 'g'"),
    ("oi", "dW = g", "unknown tensor 'g'"),
    ("oi", "b[o]*size(q) = b[o]", "unknown axis 'q'"),
    ("oi", "dW = sum_q(dZ)", "unknown axis 'q'"),
    ("oi", "dW = dZ^T X extra", "unknown tensor 'extra'"),
    ("oi", "dW = T", "unknown tensor 'T'"),
    ("oi", "dW = dZ^X", "expected 'T' or a number"),
    ("oi", "db = dZ^T 1", "a number after a matrix"),
    ("oi", "db = 1^T dZ", "the transpose of a number"),
    ("oi", "Z' = X", "a prime after Z"),
    ("oi", "dW = sum(dZ)", "sum needs an axis"),
    ("", "W^2 = W W", "a power of a square matrix"),
    ("", "A = b", "the left side has shape (A_rows, A_columns), the right side (b,)"),
    ("", "A = x y", "a matrix product of shapes (x) and (y)"),
    ("square", "dM = M^2", "a power of a square matrix"),
    ("", "x/0 = 1", "division by zero"),
    ("", "x[i]/0 = 1", "division by zero"),
    ("", "", "expected a tensor"),
    ("", "=", "expected a tensor"),
    ("", "x", "expected '='"),
    ("", "x =", "expected a tensor"),
    ("", "x == y", "expected a tensor"),
    ("", "x = y = z", "expected an operator or the end"),
    ("", "(x = y", "'(' is never closed"),
    ("", "x) = y", "')' closes nothing"),
    ("", "x[i = y[i]", "'[' is never closed"),
    ("", "x[i,] = y[i]", "expected an index"),
    ("", "x[i] = x[i,j]", "used with two ranks"),
    ("", "sum[i,i](x[i]) = 1", "index 'i' is bound twice"),
    ("", "softmax[i,j](x[i]) = 1", "runs along one index"),
    ("", "x[i]^y[i] = 1", "an exponent is a rational number"),
    ("", "x[1] = y", "expected an index"),
    ("", "x ≠ y", "stray character '≠'"),
    ("", "x[i] = y[i]\nz[i] = 1", "expected an operator or the end"),
    ("", "(" * 200 + "x" + ")" * 200 + " = x", "nested more than"),
]


@pytest.mark.parametrize(("name", "text", "message"), UNREADABLE)
def test_what_cannot_be_read_is_said_to_be(name: str, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        read_claim(text, given_(name))


# ---------------------------------------------------------------- witnesses


@pytest.mark.parametrize(
    ("name", "text", "sizes"),
    [
        ("oi", "dZ = dA", {"n": 1, "o": 1, "i": 1}),
        ("oi", "dW = dZ^T X / size(n)", {"n": 2, "o": 1, "i": 1}),
        ("oi", "db = mean_n(dZ)", {"n": 2, "o": 1, "i": 1}),
        ("oi", "dW[o,i] = sum[n](dZ[n,o])*sum[n](X[n,i])", {"n": 2, "o": 1, "i": 1}),
        ("mean_squared_error", "dA = 2 (A - Y) / size(n)", {"n": 1, "o": 2}),
        ("", "sum[i](x[i])^2 = sum[i](x[i]^2)", {"i": 2}),
        ("", "sum[i](x[i]) = size(i)*x[j]", {"i": 2}),
    ],
)
def test_a_witness_is_of_the_smallest_sizes(name: str, text: str, sizes: dict[str, int]) -> None:
    claim, answer = answered(name, text)
    assert answer.kind is DIFFERENT
    assert answer.witness.sizes == sizes
    assert_witnessed(claim, answer)


def test_a_witness_shows_ones_and_zeros_wherever_they_will_do() -> None:
    _, answer = answered("affine", "dW = X^T dZ")
    values = str(answer.witness.inputs)
    assert set(re.findall(r"Fraction\((.+?)\)", values)) == {"0, 1", "1, 1"}


def test_a_witness_respects_what_is_assumed() -> None:
    _, answer = answered("assumed", "dA = softmax_o(A) - Y")
    rows = answer.witness.inputs["Y"]
    assert [sum(row) for row in rows] == [1] * len(rows)


def test_no_witness_rests_on_an_assumption_that_cannot_be_checked() -> None:
    # No rational x has exp(x) = 2: every trial would be a guess.
    given_program = Spec("y = x^2\nassume exp(x) = 2").derivation
    answer = decide(read_claim("y = x + 1", given_program), SECONDS)
    assert answer.kind is UNKNOWN


def test_an_assumption_that_always_holds_stands_in_no_witness_s_way() -> None:
    text = "A[n,o] = softmax[o](Z[n,o])\nassume sum[o](A[n,o]) = 1"
    answer = decide(read_claim("A = Z", Spec(text).derivation), SECONDS)
    assert answer.kind is DIFFERENT
    assert answer.witness is not None


def test_an_assumption_may_be_used_with_its_denominators() -> None:
    given_program = Spec("z = x*y\nassume x = 1/(y + 1)").derivation
    answer = decide(read_claim("z + x = 1", given_program), SECONDS)
    assert answer.kind is ASSUMES
    assert answer.assumption == "x = 1/(y + 1)"
    wrong = decide(read_claim("z + x = 2", given_program), SECONDS)
    assert wrong.kind is not ASSUMES


def test_looking_for_no_time_finds_no_witness() -> None:
    claim = read_claim("x = y")
    assert find_witness(claim, seconds=-1.0) is None
    assert decide(claim, seconds=-1.0).kind is UNKNOWN


def test_a_claim_whose_sums_take_long_is_given_up_in_time() -> None:
    # Twelve indices along one axis: at size three half a million products a value.
    letters = "abcdefghijkl"
    pairs = zip(letters, letters[1:] + letters[0], strict=True)
    trace = "*".join(f"M[{u},{v}]" for u, v in pairs)
    text = f"sum[{','.join(letters)}]({trace})*(log(x^2 + 2*x*y + y^2) - 2*log(x + y)) = 0"
    start = time.perf_counter()

    assert decide(read_claim(text), seconds=1.0).kind is UNKNOWN
    assert time.perf_counter() - start < 10


def test_however_the_time_runs_out_there_is_a_witness_or_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = read_claim("dW = X^T dZ", given_("square layer"))
    found = set()
    for ticks in range(0, 400, 7):
        clock = itertools.count()
        now = SimpleNamespace(monotonic=lambda clock=clock: next(clock))
        monkeypatch.setattr(deadline_module, "time", now)
        witness = find_witness(claim, seconds=ticks)
        found.add(witness is not None)
        if witness is not None:
            assert recomputed(claim, witness) == (Fraction(witness.left), Fraction(witness.right))
    assert found == {True, False}


def test_the_left_side_stays_on_the_left() -> None:
    _, answer = answered("oi", "0 = dW + dZ^T X")
    assert answer.witness.left == "0"
    assert answer.witness.right != "0"


# ---------------------------------------------------------------- reasons


def test_reasons_and_shapes_name_axes() -> None:
    _, answer = answered("oi", "dX = dZ W^T")
    assert "(n, o) and (i, o)" in answer.reason
    _, answer = answered("oi", "db = dZ")
    assert answer.reason == "the left side has shape (o,), the right side (n, o)"
    _, answer = answered("oi", "delta[i,o]*X[n,i]*b[o] = 0")
    assert answer.reason.startswith("delta[i,o] is of indices along i and along o")
    _, answer = answered("oi", "db[o] = dZ[n,o]")
    assert answer.reason == "the right side depends on n, the left side does not"
    # An equation of two expressions defines nothing: it holds for all n, or it does not.
    claim, _ = answered("softmax", "1 = sum[o](A[n,o])")
    assert claim.trouble == ""
    _, answer = answered("oi", "sum[i](W[i,i]) = sum[o](W[o,o])")
    assert answer.assumption == "size(o) = size(i)"


def test_assumptions_are_named() -> None:
    _, answer = answered("softmax_cross_entropy", "dA = (softmax_o(A) - Y) / size(n)")
    assert answer.assumption == "sum[o](Y[n,o]) = 1"
    _, answer = answered("assumed", "dA = (softmax_o(A) - Y) / size(n)")
    assert answer.assumption == "sum[o](Y[n,o]) = 1"
    _, answer = answered("", "(x + 1)/(x + 1) = 1")
    assert answer.assumption.endswith("is not zero")


def test_an_unknown_answer_says_what_was_tried() -> None:
    _, answer = answered("", "log(x^2 + 2*x*y + y^2) = 2*log(x + y)")
    assert "in terms of the inputs: the normal forms differ" in answer.reason


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
def test_every_derived_equation_is_a_right_claim(layout: str, activation: str | None) -> None:
    spec = dense(layout=layout, activation=activation)
    for equation in [*spec.statements().values(), *spec.gradients().values()]:
        for text in (equation.index, equation.matrix):
            if "einsum" not in text:
                answer = decide(read_claim(text, spec.derivation), SECONDS)
                assert answer.kind is EQUAL, text
