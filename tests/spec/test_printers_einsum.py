"""The einsum form: literal forms; its values are held against exact ones in the random tests."""

import pytest

from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, named
from backproof.spec.printers.einsum_form import einsum_letters
from backproof.spec.terms import Index


def forms(spec: Spec) -> list[str]:
    every = [*spec.statements().values(), *spec.gradients().values()]
    return [e.einsum for e in every if not e.is_upstream]


def test_dense_layer() -> None:
    assert forms(dense()) == [
        "Z = einsum('ni,oi->no', X, W) + b",
        "A = g(Z)",
        "dZ = einsum('no,no->no', dA, g'(Z))",
        "dX = einsum('no,oi->ni', dZ, W)",
        "dW = einsum('no,ni->oi', dZ, X)",
        "db = einsum('no->o', dZ)",
    ]


@pytest.mark.parametrize("layout", layouts())
def test_the_einsum_of_the_layout_is_the_forward_product(layout: str) -> None:
    operands = "W, X" if layout == "oi,in->on" else "X, W"
    bias = "b[:, None]" if layout == "oi,in->on" else "b"
    assert forms(dense(layout=layout))[0] == f"Z = einsum('{layout}', {operands}) + {bias}"


def test_softmax() -> None:
    assert forms(dense(activation="softmax"))[1:3] == [
        "A = softmax(Z, axis=1)",
        "dZ = einsum('no,no->no', A, dA - einsum('na,na->n', dA, A)[:, None])",
    ]


def test_losses() -> None:
    assert forms(named("softmax_cross_entropy")) == [
        "L = einsum('no,no->', Y, logsumexp(A, axis=1)[:, None] - A)/size(n)",
        "dL = 1",
        "dY = (logsumexp(A, axis=1)[:, None] - A)/size(n)",
        "dA = (einsum('nk,no->nk', softmax(A, axis=1), Y) - Y)/size(n)",
    ]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Z[n,o] = -X[n,o]", "Z = -X"),
        ("Z[n,o] = 3*X[n,o]/2", "Z = 3*X/2"),
        ("Z[n,o] = 3*sum[i](X[n,i]*W[o,i])/2", "Z = 3*einsum('ni,oi->no', X, W)/2"),
        ("Z[n,o] = -2*(X[n,o] - 1)/size(n)", "Z = -2*(X - 1)/size(n)"),
        ("Z[n,o] = size(n)*X[n,o]", "Z = size(n)*X"),
        ("Z[n,o] = X[o,n]^2", "Z = einsum('on->no', X**2)"),
        ("Z[n,o] = (X[n,o] + 1)^(1/2)", "Z = (X + 1)**(1/2)"),
        ("Z[n,o] = 1/X[n,o]", "Z = 1/X"),
        ("axes n: samples\nZ[n,o] = 2*b[o]", "Z[...] = 2*b"),
        ("axes o: outputs\nZ[n,o] = 1 - s[n]", "Z[...] = (1 - s)[:, None]"),
        ("I[i,j] = delta[i,j]", "I = eye(size(i))"),
        ("Z[n,h1] = sum[h2](X[n,h2]*W[h1,h2])", "Z = einsum('na,ha->nh', X, W)"),
    ],
)
def test_form(text: str, form: str) -> None:
    (statement,) = Spec(text).statements().values()
    assert statement.einsum == form


def test_letters() -> None:
    n, h1, h2, o = (Index(x, x) for x in ("n", "h1", "h2", "o"))
    assert einsum_letters([n, o]) == {n: "n", o: "o"}
    assert einsum_letters([h1, h2, n]) == {n: "n", h1: "h", h2: "a"}
    greek = Index("η", "η")
    assert einsum_letters([greek, n]) == {n: "n", greek: "a"}
