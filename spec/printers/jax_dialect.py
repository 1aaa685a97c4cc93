"""Activations and their derivatives in JAX: they keep the dtype and bear any finite argument."""

from __future__ import annotations

from backproof.spec.printers.dialect import HARDMAX, Dialect, Helper, Rule, calling

_ERF = ("from jax.scipy.special import erf",)
_ERFC = ("from jax.scipy.special import erfc",)

_HELPERS = {
    "sigmoid_derivative": Helper(
        """\
def sigmoid_derivative(z):
    return jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)
"""
    ),
    "erf": Helper("", imports=_ERF),
    "erf_derivative": Helper(
        """\
def erf_derivative(z):
    z = jnp.minimum(jnp.abs(z), 30)  # beyond it exp(-(z**2)) is 0 in every dtype
    return jnp.exp(-(z**2)) * (2 / jnp.pi**0.5)
"""
    ),
    "silu_derivative": Helper(
        """\
def silu_derivative(z):
    s = jax.nn.sigmoid(z)
    return s * (1 + z * (1 - s))
"""
    ),
    "gelu": Helper(
        """\
def gelu(z):
    return z * (erfc(-z / 2**0.5) / 2)
""",
        imports=_ERFC,
    ),
    "gelu_derivative": Helper(
        """\
def gelu_derivative(z):
    near = jnp.minimum(jnp.abs(z), 40)  # beyond it the density is 0 in every dtype
    density = jnp.exp(-(near**2) / 2) / (2 * jnp.pi) ** 0.5
    return erfc(-z / 2**0.5) / 2 + z * density
""",
        imports=_ERFC,
    ),
    "leaky_relu": Helper(
        """\
def leaky_relu(z):
    return jnp.where(z > 0, z, z / 100)
"""
    ),
    "leaky_relu_derivative": Helper(
        """\
def leaky_relu_derivative(z):
    return jnp.where(z > 0, jnp.ones_like(z), 1 / 100)
"""
    ),
    "hardmax": HARDMAX,
    "scattered": Helper(
        """\
def scattered(values, positions, size, axis):
    rest = values.shape[:axis], values.shape[axis + positions.ndim :]
    result = jnp.zeros((*rest[0], size, *rest[1]), values.dtype)
    return result.at[(slice(None),) * axis + (positions,)].add(values)
"""
    ),
}

_RULES = {
    ("exp", 0): Rule("jnp.exp({z})"),
    ("log", 0): Rule("jnp.log({z})"),
    ("sqrt", 0): Rule("jnp.sqrt({z})"),
    ("tanh", 0): Rule("jnp.tanh({z})"),
    ("tanh", 1): Rule("1 - jnp.tanh({z}) ** 2", atomic=False),
    ("abs", 0): Rule("jnp.abs({z})"),
    ("sign", 0): Rule("jnp.sign({z})"),
    ("step", 0): Rule("jnp.heaviside({z}, 0)"),
    ("relu", 0): Rule("jax.nn.relu({z})"),
    ("relu", 1): Rule("jnp.heaviside({z}, 0)"),
    ("softplus", 0): Rule("jax.nn.softplus({z})"),
    ("softplus", 1): Rule("jax.nn.sigmoid({z})"),
    ("sigmoid", 0): Rule("jax.nn.sigmoid({z})"),
    ("sigmoid", 1): calling("sigmoid_derivative"),
    ("erf", 0): calling("erf"),
    ("erf", 1): calling("erf_derivative"),
    ("silu", 0): Rule("jax.nn.silu({z})"),
    ("silu", 1): calling("silu_derivative"),
    ("gelu", 0): calling("gelu"),
    ("gelu", 1): calling("gelu_derivative"),
    ("leaky_relu", 0): calling("leaky_relu"),
    ("leaky_relu", 1): calling("leaky_relu_derivative"),
    ("elu", 0): Rule("jax.nn.elu({z})"),
    ("elu", 1): Rule("jnp.exp(jnp.minimum({z}, 0))"),
}

JAX = Dialect(
    module="jnp",
    imports=("import jax.numpy as jnp",),
    optional_imports=("import jax",),
    rules=_RULES,
    helpers=_HELPERS,
    along={
        "softmax": Rule("jax.nn.softmax({z}, axis={axis})"),
        "hardmax": Rule("hardmax({z}, axis={axis})", helper="hardmax"),
        "logsumexp": Rule("jax.nn.logsumexp({z}, axis={axis})"),
    },
    copies=False,
)
