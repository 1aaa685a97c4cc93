"""Matrix notation: literal forms, what has none, and that it reads back to the same equation."""

import pytest

from backproof.spec.claims.reading import read_claim
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Equation, Spec
from backproof.spec.library import dense, dense_l, layouts, losses, named, network
from backproof.spec.normal_form.normal import normalise
from backproof.spec.printers.matrix_form import matrix_equation
from backproof.spec.terms import Term, substitute

DENSE = {
    "ni,oi->no": [
        "Z = X W^T + b",
        "A = g(Z)",
        "dZ = dA ⊙ g'(Z)",
        "dX = dZ W",
        "dW = dZ^T X",
        "db = sum_n(dZ)",
    ],
    "ni,io->no": [
        "Z = X W + b",
        "A = g(Z)",
        "dZ = dA ⊙ g'(Z)",
        "dX = dZ W^T",
        "dW = X^T dZ",
        "db = sum_n(dZ)",
    ],
    "oi,in->on": [
        "Z = W X + b",
        "A = g(Z)",
        "dZ = dA ⊙ g'(Z)",
        "dW = dZ X^T",
        "dX = W^T dZ",
        "db = sum_n(dZ)",
    ],
}


def equations(spec: Spec) -> list[Equation]:
    """The statements and the derived gradients."""
    every = [*spec.statements().values(), *spec.gradients().values()]
    return [e for e in every if not e.is_upstream]


def matrix_forms(spec: Spec) -> dict[str, str]:
    return {e.name: e.matrix for e in equations(spec)}


@pytest.mark.parametrize("layout", DENSE)
def test_dense_layer(layout: str) -> None:
    assert list(matrix_forms(dense(layout=layout)).values()) == DENSE[layout]


def test_every_layout_has_a_literal() -> None:
    assert set(DENSE) == set(layouts())


def test_mean_scale_is_a_division() -> None:
    forms = matrix_forms(dense(scale="mean"))
    assert forms["dW"] == "dW = dZ^T X / size(n)"
    assert forms["db"] == "db = sum_n(dZ) / size(n)"
    assert forms["dX"] == "dX = dZ W"


@pytest.mark.parametrize("layout", DENSE)
def test_softmax(layout: str) -> None:
    forms = matrix_forms(dense(layout=layout, activation="softmax"))
    assert forms["A"] == "A = softmax_o(Z)"
    assert forms["dZ"] == "dZ = A ⊙ (dA - sum_o(dA ⊙ A))"


def test_losses() -> None:
    assert list(matrix_forms(named("mean_squared_error")).values()) == [
        "L = sum_n(sum_o((A - Y)^2)) / size(n) / size(o)",
        "dL = 1",
        "dA = 2 (A - Y) / size(n) / size(o)",
        "dY = -2 (A - Y) / size(n) / size(o)",
    ]
    assert list(matrix_forms(named("softmax_cross_entropy")).values()) == [
        "L = sum_n(sum_o(Y ⊙ (logsumexp_o(A) - A))) / size(n)",
        "dL = 1",
        "dY = (logsumexp_o(A) - A) / size(n)",
        "dA = (softmax_o(A) ⊙ sum_o(Y) - Y) / size(n)",
    ]
    assert list(matrix_forms(named("binary_cross_entropy")).values()) == [
        "L = -sum_n(sum_o(Y ⊙ log(A) + (1 - Y) ⊙ log(1 - A))) / size(n) / size(o)",
        "dL = 1",
        "dY = -(log(A) - log(1 - A)) / size(n) / size(o)",
        "dA = -(Y / A - (1 - Y) / (1 - A)) / size(n) / size(o)",
    ]


def test_layer_scripts() -> None:
    forms = matrix_forms(dense_l())
    assert forms["Z{l}"] == "Z{l} = A{l-1} W{l}^T + b{l}"
    assert forms["dW{l}"] == "dW{l} = dZ{l}^T A{l-1}"
    assert forms["dA{l-1}"] == "dA{l-1} = dZ{l} W{l}"


FORMS = [
    # vectors are columns
    ("y[o] = sum[i](W[o,i]*x[i]) + b[o]", "y = W x + b"),
    ("y[o] = sum[i](W[i,o]*x[i])", "y = W^T x"),
    ("s = sum[i](x[i]*y[i])", "s = x^T y"),
    ("s = sum[i](x[i]*y[i]*z[i])", "s = (x ⊙ y)^T z"),
    ("s = sum[i,j](x[i]*M[i,j]*y[j])", "s = x^T M y"),
    ("M[i,j] = a[i]*b[j]", "M = a b^T"),
    ("M[i,j] = a[j]*b[i]*s", "M = s b a^T"),
    ("M[i,j] = sum[k](a[k]*c[k])*N[i,j]", "M = (a^T c) N"),
    # chains
    ("Z[n,o] = sum[i,h](X[n,i]*W[h,i]*V[o,h])", "Z = X W^T V^T"),
    ("Z[n,o] = sum[i](X[n,i]*g(W[o,i]))", "Z = X g(W)^T"),
    ("Z[n,o] = sum[i](X[n,i]*d[i]*W[o,i])", "Z = (X ⊙ d) W^T"),
    ("Z[n,o] = sum[i](X[n,i]*W[o,i]*V[o,i])", "Z = X (W ⊙ V)^T"),
    ("Z[n,o] = sum[i](X[n,i]*W[o,i])*M[n,o]", "Z = X W^T ⊙ M"),
    ("Z[n,o] = sum[i](X[n,i]*W[o,i]*C[i,n])", "Z = (X ⊙ C^T) W^T"),
    ("Z[n,o] = sum[i](X[n,i]/Y[n,i]*W[o,i])", "Z = (X / Y) W^T"),
    ("s = sum[i,j](A[i,j]*B[i,j])", "s = sum_i(sum_j(A ⊙ B))"),
    # sums
    ("s[i] = sum[n](X[n,i]*Y[n,i])", "s = sum_n(X ⊙ Y)"),
    ("s[n] = sum[i](X[n,i]^2)^(1/2)", "s = sum_i(X^2)^(1/2)"),
    ("Z[n,o] = X[n,o]/sum[k](X[n,k])\naxes o, k: c", "Z = X / sum_o(X)"),
    ("Z[n,o] = X[n,o] - X[n,o]*sum[m](Y[m,o])\naxes n, m: s", "Z = X - X ⊙ sum_n(Y)"),
    # transposes follow the left side
    ("S[i,j] = M[j,i]", "S = M^T"),
    ("S[i,j] = M[i,j] + M[j,i]", "S = M + M^T"),
    ("Z[n,o] = g(X[o,n])", "Z = g(X)^T"),
    ("Z[n,o] = X[o,n]*Y[n,o] + V[o,n]", "Z = X^T ⊙ Y + V^T"),
    ("Z[n,o] = -(X[o,n] + V[o,n])^2", "Z = -((X + V)^2)^T"),
    # numbers
    ("Z[n,o] = 3/2*X[n,o]", "Z = 3 X / 2"),
    ("Z[n,o] = -X[n,o]/2 - 1/2", "Z = -X / 2 - 1 / 2"),
    ("Z[n,o] = size(n)*X[n,o]/pi^(1/2)", "Z = size(n) X / pi^(1/2)"),
    ("Z[n,o] = s*X[n,o]/t", "Z = s X / t"),
    ("Z[n,o] = X[n,o] - 2*(Y[n,o] - V[n,o])", "Z = X - 2 (Y - V)"),
    ("Z[n,o] = X[n,o] - (Y[n,o]*V[n,o] - 1)*3", "Z = X - 3 (Y ⊙ V - 1)"),
    ("z = 2*exp(x) - x^2", "z = 2 exp(x) - x^2"),
    ("z = 1/x", "z = 1 / x"),
    # constant along an axis of the left side
    ("axes n: samples, o: outputs\nZ[n,o] = 1", "Z = 1"),
]


@pytest.mark.parametrize(("text", "form"), FORMS)
def test_form(text: str, form: str) -> None:
    spec = Spec(text)
    (statement,) = spec.statements().values()
    assert statement.matrix == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Z[n,o,k] = sum[i](X[n,i,k]*W[o,i])", "Z = einsum('nik,oi->nok', X, W)"),
        ("t = sum[i](M[i,i])", "t = einsum('ii->', M)"),
        ("d[i] = M[i,i]", "d = einsum('ii->i', M)"),
        ("Z[n,o] = u[n] + v[o]", "Z = u[:, None] + v"),
        ("T[i,j,k] = a[i]*b[j]*c[k]", "T = einsum('i,j,k->ijk', a, b, c)"),
        ("I[i,j] = delta[i,j]", "I = eye(size(i))"),
        # which of the two dimensions of M the vector belongs to, only letters can say
        ("S[i,j] = M[i,j]*M[j,i]*v[j]", "S = einsum('ij,ji,j->ij', M, M, v)"),
        # which axis is filled with copies, the left side does not say either
        ("axes n: samples\nZ[n,o] = b[o]", "Z[...] = b"),
        ("axes n: samples\nT[n,i,j] = M[j,i]", "T[...] = einsum('ji->ij', M)"),
    ],
)
def test_einsum_where_there_is_no_matrix_form(text: str, form: str) -> None:
    (statement,) = Spec(text).statements().values()
    assert statement.matrix == form


def returned(equation: Equation, text: str) -> Term:
    """The right side of a matrix form, read back, over the letters of the equation."""
    claim = read_claim(text, equation.spec.derivation)
    assert claim.trouble == ""
    assert claim.right is not None
    return substitute(claim.right, dict(zip(claim.indices, equation.target.indices, strict=True)))


def specs() -> list[Spec]:
    found = [
        dense(layout=layout, activation=activation, scale=scale)
        for layout in layouts()
        for activation in ("g", *ACTIVATIONS)
        for scale in ("sum", "mean")
    ]
    found += map(named, losses())
    found += [network(3, layout=layout, loss=loss) for layout in layouts() for loss in losses()]
    found += [Spec(text) for text, _ in FORMS]
    return found


@pytest.mark.parametrize("spec", specs(), ids=lambda s: s.text.replace("\n", "; ")[-60:])
def test_reads_back_to_the_same_normal_form(spec: Spec) -> None:
    read = 0
    for equation in equations(spec):
        text = matrix_equation(equation)
        if text is None:
            continue
        assert normalise(returned(equation, text)) == normalise(equation.value), text
        read += 1
    assert read > 0
