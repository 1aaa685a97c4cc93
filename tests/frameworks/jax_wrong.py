"""Wrong functions of JAX, each with one mistake."""

import jax
import jax.numpy as jnp


def sigmoid_fwd(x, w, b):
    a = jax.nn.sigmoid(x @ w + b)
    return a, (x, w, a)


@jax.custom_vjp
def forgotten_slope(x, w, b):
    return jax.nn.sigmoid(x @ w + b)


def forgotten_slope_bwd(saved, da):
    x, w, a = saved
    dz = da * a * (1 - a)
    dx = dz @ w.T
    dw = x.T @ da
    db = dz.sum(axis=0)
    return dx, dw, db


forgotten_slope.defvjp(sigmoid_fwd, forgotten_slope_bwd)


@jax.custom_vjp
def averaged_bias(x, w, b):
    return jax.nn.sigmoid(x @ w + b)


def averaged_bias_bwd(saved, da):
    x, w, a = saved
    dz = da * a * (1 - a)
    dx = dz @ w.T
    dw = x.T @ dz
    db = dz.mean(axis=0)
    return dx, dw, db


averaged_bias.defvjp(sigmoid_fwd, averaged_bias_bwd)


@jax.custom_vjp
def another_forward(x, w, b):
    return x @ w + b


def another_forward_fwd(x, w, b):
    return jnp.tanh(x @ w + b), (x, w)


def another_forward_bwd(saved, dz):
    x, w = saved
    dx = dz @ w.T
    dw = x.T @ dz
    db = dz.sum(axis=0)
    return dx, dw, db


another_forward.defvjp(another_forward_fwd, another_forward_bwd)


@jax.custom_vjp
def wrong_sign(x, w, b):
    return x @ w + b


def wrong_sign_fwd(x, w, b):
    return x @ w + b, (x, w)


def wrong_sign_bwd(saved, dz):
    x, w = saved
    dx = -dz @ w.T
    dw = x.T @ dz
    db = dz.sum(axis=0)
    return dx, dw, db


wrong_sign.defvjp(wrong_sign_fwd, wrong_sign_bwd)
