"""No honest implementation of any statement is wrong: random orders, associations, expansions.

Each tensor's entries are computed as a program would, in the format, from its own values of what
comes before; but sums are added in random trees, products multiplied in random orders, and products
of sums multiplied out or not by the toss of a coin.
"""

import numpy as np
import pytest

from backproof.spec.layer import Spec
from backproof.spec.library import dense, named, network
from tests.oracles.random_order import DTYPES, check_random_orders

USER_SPECS = {
    "norm": "Y[n,k] = X[n,k]/(sum[j](X[n,j]^2))^(1/2)",
    "standardised": (
        "M[k] = mean[n](X[n,k])\n"
        "V[k] = mean[n]((X[n,k]-M[k])^2)\n"
        "Y[n,k] = (X[n,k]-M[k])/(V[k]+1/1000)^(1/2)"
    ),
    "triple": "Y[i,l] = sum[j,k](A[i,j]*B[j,k]*C[k,l])",
    "squared error": "L = sum[n]((sum[i](X[n,i]*w[i]) - t[n])^2)/2",
    "bilinear": "Y[n,o] = sum[i,j](X[n,i]*X[n,j]*W[i,j,o])",
    "powers": "Y[n] = X[n]^3 - 3*X[n]/7 + (X[n] + 1)^2*(X[n] - 1/3)",
    "kernel": "Y[n,m] = exp(-sum[k]((A[n,k]-B[m,k])^2)/2)",
    "variance": "Y[n] = sum[i](X[n,i]*X[n,i])/size(i) - (sum[i](X[n,i])/size(i))^2",
    "unbiased": "Y[k] = sum[n](X[n,k]^2)/(size(n) - 1) * (1 + 1/size(k))",
    "softmax of sums": "Y[n,o] = softmax[o](3*X[n,o] - sum[k](X[n,k])/7)",
    "temperature": "L = mean[n](logsumexp[k](X[n,k]/3))*3",
    "diagonal": "Y[i] = X[i,i]*sigmoid(b[i])",
    "products of functions": "Y[n] = silu(X[n])*gelu(X[n]) + erf(X[n])*tanh(X[n])",
    "log": "Y[n] = log(1 + X[n]^2)*abs(X[n])",
}
LIBRARY = {
    "dense sigmoid": lambda: dense(activation="sigmoid"),
    "dense mean gelu": lambda: dense(layout="oi,in->on", activation="gelu", scale="mean"),
    "dense softmax": lambda: dense(layout="ni,io->no", activation="softmax"),
    "dense elu": lambda: dense(activation="elu"),
    "mean squared error": lambda: named("mean_squared_error"),
    "cross entropy": lambda: named("softmax_cross_entropy"),
    "network": lambda: network(2, activation=["tanh", "silu"], loss="mean_squared_error"),
    "classifier": lambda: network(
        2, activation=["softplus", "linear"], loss="softmax_cross_entropy"
    ),
}


def specs() -> dict[str, Spec]:
    made = {name: Spec(text) for name, text in USER_SPECS.items()}
    return made | {name: make() for name, make in LIBRARY.items()}


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
@pytest.mark.parametrize("name", [*USER_SPECS, *LIBRARY])
def test_random_orders_are_never_wrong(name, dtype):
    check_random_orders(name, specs()[name], dtype, runs=8)
