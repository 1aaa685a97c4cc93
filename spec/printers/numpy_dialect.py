"""Activations and their derivatives in NumPy: they keep the dtype and bear any finite argument."""

from __future__ import annotations

from backproof.spec.printers.dialect import HARDMAX, Dialect, Helper, Rule, calling

_HELPERS = {
    "sigmoid": Helper(
        """\
def sigmoid(z):
    e = np.exp(-np.abs(z))  # at most 1: nothing overflows
    return np.where(z >= 0, 1, e) / (1 + e)
"""
    ),
    "sigmoid_derivative": Helper(
        """\
def sigmoid_derivative(z):
    return sigmoid(z) * sigmoid(-z)
""",
        uses=("sigmoid",),
    ),
    "erf": Helper(
        """\
def erf(z):
    return np.vectorize(math.erf, otypes=[z.dtype])(z)
""",
        imports=("import math",),
    ),
    "erf_derivative": Helper(
        """\
def erf_derivative(z):
    z = np.minimum(np.abs(z), 30)  # beyond it exp(-(z**2)) is 0 in every dtype
    return np.exp(-(z**2)) * (2 / np.pi**0.5)
"""
    ),
    "erfc": Helper(
        """\
def erfc(z):
    return np.vectorize(math.erfc, otypes=[z.dtype])(z)
""",
        imports=("import math",),
    ),
    "silu": Helper(
        """\
def silu(z):
    return z * sigmoid(z)
""",
        uses=("sigmoid",),
    ),
    "silu_derivative": Helper(
        """\
def silu_derivative(z):
    s = sigmoid(z)
    return s * (1 + z * (1 - s))
""",
        uses=("sigmoid",),
    ),
    "gelu": Helper(
        """\
def gelu(z):
    return z * (erfc(-z / 2**0.5) / 2)
""",
        uses=("erfc",),
    ),
    "gelu_derivative": Helper(
        """\
def gelu_derivative(z):
    near = np.minimum(np.abs(z), 40)  # beyond it the density is 0 in every dtype
    density = np.exp(-(near**2) / 2) / (2 * np.pi) ** 0.5
    return erfc(-z / 2**0.5) / 2 + z * density
""",
        uses=("erfc",),
    ),
    "leaky_relu": Helper(
        """\
def leaky_relu(z):
    return np.where(z > 0, z, z / 100)
"""
    ),
    "leaky_relu_derivative": Helper(
        """\
def leaky_relu_derivative(z):
    return np.where(z > 0, np.ones_like(z), 1 / 100)
"""
    ),
    "elu": Helper(
        """\
def elu(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
"""
    ),
    "softmax": Helper(
        """\
def softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=axis, keepdims=True)
"""
    ),
    "logsumexp": Helper(
        """\
def logsumexp(z, axis):
    top = z.max(axis=axis, keepdims=True)
    return (top + np.log(np.exp(z - top).sum(axis=axis, keepdims=True))).squeeze(axis)
"""
    ),
    "hardmax": HARDMAX,
    "scattered": Helper(
        """\
def scattered(values, positions, size, axis):
    rest = values.shape[:axis], values.shape[axis + positions.ndim :]
    result = np.zeros((*rest[0], size, *rest[1]), values.dtype)
    np.add.at(result, (slice(None),) * axis + (positions,), values)
    return result
"""
    ),
}

_RULES = {
    ("exp", 0): Rule("np.exp({z})"),
    ("log", 0): Rule("np.log({z})"),
    ("sqrt", 0): Rule("np.sqrt({z})"),
    ("tanh", 0): Rule("np.tanh({z})"),
    ("tanh", 1): Rule("1 - np.tanh({z}) ** 2", atomic=False),
    ("abs", 0): Rule("np.abs({z})"),
    ("sign", 0): Rule("np.sign({z})"),
    ("step", 0): Rule("np.heaviside({z}, 0)"),
    ("relu", 0): Rule("np.maximum({z}, 0)"),
    ("relu", 1): Rule("np.heaviside({z}, 0)"),
    ("softplus", 0): Rule("np.logaddexp({z}, 0)"),
    ("softplus", 1): calling("sigmoid"),
    ("sigmoid", 0): calling("sigmoid"),
    ("sigmoid", 1): calling("sigmoid_derivative"),
    ("erf", 0): calling("erf"),
    ("erf", 1): calling("erf_derivative"),
    ("silu", 0): calling("silu"),
    ("silu", 1): calling("silu_derivative"),
    ("gelu", 0): calling("gelu"),
    ("gelu", 1): calling("gelu_derivative"),
    ("leaky_relu", 0): calling("leaky_relu"),
    ("leaky_relu", 1): calling("leaky_relu_derivative"),
    ("elu", 0): calling("elu"),
    ("elu", 1): Rule("np.exp(np.minimum({z}, 0))"),
}

NUMPY = Dialect(
    module="np",
    imports=("import numpy as np",),
    rules=_RULES,
    helpers=_HELPERS,
    along={
        name: Rule(f"{name}({{z}}, axis={{axis}})", helper=name)
        for name in ("softmax", "hardmax", "logsumexp")
    },
    copies=True,
)
