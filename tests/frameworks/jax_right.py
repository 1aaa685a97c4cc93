"""Right functions of JAX with a gradient of their own."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def tanh_dense(x, w, b):
    return jnp.tanh(x @ w + b)


def tanh_dense_fwd(x, w, b):
    a = tanh_dense(x, w, b)
    return a, (x, w, a)


def tanh_dense_bwd(saved, da):
    x, w, a = saved
    dz = da * (1 - a**2)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


tanh_dense.defvjp(tanh_dense_fwd, tanh_dense_bwd)


@jax.jit
@jax.custom_vjp
def linear(weight, inputs):
    return inputs @ weight.T


def linear_fwd(weight, inputs):
    return inputs @ weight.T, (weight, inputs)


def linear_bwd(saved, g):
    weight, inputs = saved
    return jnp.einsum("no,ni->oi", g, inputs), g @ weight


linear.__wrapped__.defvjp(linear_fwd, linear_bwd)


@jax.custom_jvp
def rectified(x, w, b):
    return jnp.maximum(x @ w + b, 0)


@rectified.defjvp
def rectified_jvp(primals, tangents):
    (x, w, b), (tx, tw, tb) = primals, tangents
    z = x @ w + b
    return jnp.maximum(z, 0), (z > 0) * (tx @ w + x @ tw + tb)


class ByHand:
    def __init__(self, n_in, n_out):
        self.W = jnp.ones((n_in, n_out))
        self.b = jnp.zeros(n_out)

    def forward(self, x):
        self.x = x
        return jnp.dot(x, self.W) + self.b

    def backward(self, dz):
        self.dW = jnp.dot(self.x.T, dz)
        self.db = jnp.sum(dz, axis=0)
        return jnp.dot(dz, self.W.T)
