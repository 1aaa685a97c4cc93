"""Derivations line by line: the whole text of a few, and what every derivation has."""

import pytest

from backproof.spec.deriving.explain import explain, explain_latex, explain_markdown, lines
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, network

EVERY = (
    *(dense(layout=layout, activation=a) for layout in layouts() for a in ("g", *ACTIVATIONS)),
    dense(scale="mean"),
    *map(named, losses()),
    network(2, loss="softmax_cross_entropy"),
)


def test_the_gradient_of_a_weight() -> None:
    assert explain(dense().gradients()["W"]) == [
        "dW[o,i] = sum[n,o1](dZ[n,o1]*∂Z[n,o1]/∂W[o,i])    chain rule",
        "∂Z[n,o1]/∂W[o,i] = X[n,i]*delta[o,o1]             "
        "derivative of Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        "dW[o,i] = sum[n](dZ[n,o]*X[n,i])                  contract the deltas",
        "dW = dZ^T X                                       matrix form",
    ]


def test_softmax() -> None:
    assert explain(dense(activation="softmax").gradients()["Z"]) == [
        "dZ[n,o] = sum[n1,o1](dA[n1,o1]*∂A[n1,o1]/∂Z[n,o])              chain rule",
        "∂A[n1,o1]/∂Z[n,o] = softmax[o1](Z[n1,o1])*(delta[n,n1]*delta[o,o1] - "
        "softmax[o](Z[n1,o])*delta[n,n1])    derivative of A[n,o] = softmax[o](Z[n,o])",
        "dZ[n,o] = dA[n,o]*softmax[o](Z[n,o]) - "
        "softmax[o](Z[n,o])*sum[o1](dA[n,o1]*softmax[o1](Z[n,o1]))    contract the deltas",
        "dZ[n,o] = dA[n,o]*A[n,o] - A[n,o]*sum[o1](dA[n,o1]*A[n,o1])    "
        "use the name of an intermediate",
        "dZ[n,o] = A[n,o]*(dA[n,o] - sum[o1](dA[n,o1]*A[n,o1]))         write shared factors once",
        "dZ = A ⊙ (dA - sum_o(dA ⊙ A))                                  matrix form",
    ]


def test_a_loss() -> None:
    assert explain(named("mean_squared_error").gradients()["A"]) == [
        "dA[n,o] = dL*∂L/∂A[n,o]                             chain rule",
        "∂L/∂A[n,o] = 2*(A[n,o] - Y[n,o])/size(n)/size(o)    "
        "derivative of L = sum[n,o]((A[n,o] - Y[n,o])^2)/size(n)/size(o)",
        "dA[n,o] = 2*(A[n,o] - Y[n,o])/size(n)/size(o)       dL = 1",
        "dA = 2 (A - Y) / size(n) / size(o)                  matrix form",
    ]
    assert explain(named("mean_squared_error").gradients()["L"]) == [
        "dL = 1    the loss's own gradient is 1"
    ]


def test_a_tensor_used_twice() -> None:
    spec = Spec("axes n: samples\nZ[n] = X[n]^2\nA[n] = Z[n] + 3*X[n]")
    assert explain(spec.gradients()["X"]) == [
        "dX[n] = sum[n1](dZ[n1]*∂Z[n1]/∂X[n]) + sum[n1](dA[n1]*∂A[n1]/∂X[n])    chain rule",
        "∂Z[n1]/∂X[n] = 2*X[n1]*delta[n,n1]                                     "
        "derivative of Z[n] = X[n]^2",
        "∂A[n1]/∂X[n] = 3*delta[n,n1]                                           "
        "derivative of A[n] = Z[n] + 3*X[n]",
        "dX[n] = 2*dZ[n]*X[n] + 3*dA[n]                                         "
        "a tensor used more than once: its gradients add",
        "dX = 2 dZ ⊙ X + 3 dA                                                   matrix form",
    ]


def test_what_is_given() -> None:
    spec = dense()
    assert explain(spec.gradients()["A"]) == ["dA[n,o] = dA[n,o]    upstream gradient of an output"]
    assert explain(spec.statements()["A"]) == [
        "A[n,o] = g(Z[n,o])    given",
        "A = g(Z)              matrix form",
    ]
    unused = Spec("Z[n] = X[n] + 0*Y[n]\nV[n] = Y[n]")
    assert explain(unused.gradients()["V"]) == ["dV[n] = dV[n]    upstream gradient of an output"]
    unused = Spec("Z[n] = X[n]\nassume Y[n] > 0\nassume Y[n] < X[n]")
    assert explain(unused.gradients()["Y"]) == [
        "dY[n] = 0    no output depends on it",
        "dY = 0       matrix form",
    ]


def test_mean_scale_is_declared() -> None:
    found = explain(dense(scale="mean").gradients()["b"])
    assert found[-2].endswith("declared: the gradients of parameters are means over the samples")
    assert found[-1].startswith("db = sum_n(dZ) / size(n) ")


def test_markdown() -> None:
    assert explain_markdown(dense().gradients()["W"]) == [
        r"1. $dW_{o,i} = \sum_{n,o_{1}} dZ_{n,o_{1}} \, "
        r"\frac{\partial Z_{n,o_{1}}}{\partial W_{o,i}}$ (chain rule)",
        r"2. $\frac{\partial Z_{n,o_{1}}}{\partial W_{o,i}} = X_{n,i} \, \delta_{o,o_{1}}$ "
        r"(derivative of $Z_{n,o} = \sum_{i} X_{n,i} \, W_{o,i} + b_{o}$)",
        r"3. $dW_{o,i} = \sum_{n} dZ_{n,o} \, X_{n,i}$ (contract the deltas)",
        r"4. $dW = dZ^{\top} X$ (matrix form)",
    ]


def test_latex() -> None:
    assert explain_latex(dense().gradients()["b"]) == [
        r"\begin{align*}",
        r"  db_{o} &= \sum_{n,o_{1}} dZ_{n,o_{1}} \, "
        r"\frac{\partial Z_{n,o_{1}}}{\partial b_{o}} && \text{chain rule} \\",
        r"  \frac{\partial Z_{n,o_{1}}}{\partial b_{o}} &= \delta_{o,o_{1}} && "
        r"\text{derivative of $Z_{n,o} = \sum_{i} X_{n,i} \, W_{o,i} + b_{o}$} \\",
        r"  db_{o} &= \sum_{n} dZ_{n,o} && \text{a broadcast's gradient is a sum} \\",
        r"  db &= \operatorname{sum}_{n}\left(dZ\right) && \text{matrix form}",
        r"\end{align*}",
    ]


@pytest.mark.parametrize("spec", EVERY, ids=lambda s: repr(s)[1:-1])
def test_a_derivation_ends_in_its_equation(spec: Spec) -> None:
    """The last line by entries is the equation, no line repeats, and every line has a reason."""
    for equation in spec.gradients().values():
        found = lines(equation)
        assert (found[-1].left, found[-1].right) == (equation.target, equation.value)
        assert len({(x.left, x.right) for x in found}) == len(found)
        assert all(x.reason for x in found)
        shown = explain(equation)
        assert any(row.startswith(equation.index + " ") for row in shown)
        assert all("    " in row for row in shown)
        assert len(explain_markdown(equation)) == len(explain_latex(equation)) - 2
