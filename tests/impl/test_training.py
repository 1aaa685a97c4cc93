"""A network learns real data, and takes the steps that automatic differentiation takes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from backproof.impl import SGD, Dense, Network, softmax_cross_entropy

UNIT_ROUNDOFF = 2.0**-53
CLASSES, HIDDEN, SAMPLES = 10, 16, 200
LEARNING_RATE, STEPS = 0.1, 30
PARAMETERS = ("0.W", "0.b", "1.W", "1.b")
# The largest |tanh''|, at tanh^2 = 1/3.
TANH_CURVATURE = 4 / (3 * np.sqrt(3))


def digits():
    """Returns centred images, (1797, 64), and their one-hot labels, in a fixed random order."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    X = images[order] / 16
    return X - X.mean(axis=0), np.eye(CLASSES)[labels[order]]


def test_network_learns_handwritten_digits():
    X, Y = digits()
    train, test = slice(0, 1437), slice(1437, None)
    rng = np.random.default_rng(1)
    network = Network(
        [
            Dense(64, 64, activation="relu", initialiser="he_normal", rng=rng),
            Dense(64, CLASSES, rng=rng),
        ]
    )
    optimiser = SGD(0.3)
    for _ in range(25):
        for batch in np.array_split(rng.permutation(train.stop), 45):
            _, gradient = softmax_cross_entropy(network.forward(X[batch]), Y[batch])
            network.backward(gradient)
            optimiser.step(network)
    correct = network.forward(X[test]).argmax(axis=1) == Y[test].argmax(axis=1)

    assert correct.mean() >= 0.95


# The same trajectory as JAX's


def two_layers(rng):
    return Network([Dense(64, HIDDEN, activation="tanh", rng=rng), Dense(HIDDEN, CLASSES, rng=rng)])


def trained(network, X, Y):
    """Returns the losses of all steps, and the parameters before each and after the last."""
    losses, parameters = [], [snapshot(network)]
    for _ in range(STEPS):
        loss, gradient = softmax_cross_entropy(network.forward(X), Y)
        network.backward(gradient)
        SGD(LEARNING_RATE).step(network)
        losses.append(float(loss))
        parameters.append(snapshot(network))
    return losses, parameters


def snapshot(network):
    return {name: parameter.copy() for name, parameter in network.parameters().items()}


def trained_by_jax(start, X, Y):
    """Does what `trained` does, with the gradient from automatic differentiation."""

    def loss_of(theta):
        hidden = jnp.tanh(X @ theta["0.W"] + theta["0.b"])
        logarithms = jax.nn.log_softmax(hidden @ theta["1.W"] + theta["1.b"])
        return -(Y * logarithms).sum() / len(X)

    with jax.enable_x64(True):
        step = jax.jit(jax.value_and_grad(loss_of))
        losses, parameters = [], [start]
        theta = {name: jnp.asarray(value) for name, value in start.items()}
        for _ in range(STEPS):
            loss, gradient = step(theta)
            theta = {name: theta[name] - LEARNING_RATE * gradient[name] for name in theta}
            losses.append(float(loss))
            parameters.append({name: np.asarray(value) for name, value in theta.items()})
    return losses, parameters


def distance(one, other):
    return np.sqrt(sum(((one[name] - other[name]) ** 2).sum() for name in PARAMETERS))


class Rounding(NamedTuple):
    """How far one computed step, and one computed loss, may be from their exact values."""

    step: float
    loss: float


def rounding(theta, X, Y):
    """Bounds the rounding errors of one step of gradient descent from `theta`.

    A forward error analysis, entry by entry: a sum of n products, in any order, is off by at most
    n u times the sum of their absolute values, an elementary function by 8u of its value. Each E_x
    bounds the error of x as an implementation has computed it; absolute values are those that this
    function computes, increased by E where they stand for computed ones.

    tanh' from tanh as 1 - a^2 has twice the error of a, and four roundings. For softmax with
    exponents s = z - max: see the tests of softmax; a change of z by at most e changes each
    logarithm of softmax by at most 2e. Second-order terms that are left out, this function's own
    rounding and underflow are below 1e-6 of the result.
    """
    u, m = UNIT_ROUNDOFF, len(X)
    W1, b1, W2, b2 = (theta[name] for name in PARAMETERS)

    Z1 = X @ W1 + b1
    E_Z1 = (X.shape[1] + 1) * u * (abs(X) @ abs(W1) + abs(b1))
    A1 = np.tanh(Z1)
    E_A1 = E_Z1 + 8 * u * abs(A1)
    Z2 = A1 @ W2 + b2
    size_A1 = abs(A1) + E_A1
    E_Z2 = E_A1 @ abs(W2) + (HIDDEN + 1) * u * (size_A1 @ abs(W2) + abs(b2))

    s = Z2 - Z2.max(axis=1, keepdims=True)
    logarithms = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    p = np.exp(logarithms)
    spread = (p * abs(s)).sum(axis=1, keepdims=True)
    shift = 2 * E_Z2.max(axis=1, keepdims=True)
    E_logarithms = shift + u * (
        CLASSES + 8 + 8 * np.log(CLASSES) + abs(s) + spread + abs(logarithms)
    )
    losses = -(Y * logarithms).sum() / m
    E_loss = (Y * E_logarithms).sum() / m + (m * CLASSES + 2) * u * losses

    R = (p - Y) / m
    E_R = (p * (np.expm1(E_logarithms) + (8 + CLASSES) * u) + 3 * u * (p + Y)) / m
    size_R = abs(R) + E_R
    dW2 = A1.T @ R
    E_dW2 = abs(A1).T @ E_R + E_A1.T @ size_R + m * u * (size_A1.T @ size_R)
    E_db2 = E_R.sum(axis=0) + m * u * size_R.sum(axis=0)
    dA1 = R @ W2.T
    E_dA1 = E_R @ abs(W2).T + CLASSES * u * (size_R @ abs(W2).T)
    slope = 1 - A1**2
    E_slope = TANH_CURVATURE * E_Z1 + 20 * u
    dZ1 = dA1 * slope
    E_dZ1 = abs(dA1) * E_slope + E_dA1 * (slope + E_slope) + 2 * u * abs(dZ1)
    size_dZ1 = abs(dZ1) + E_dZ1
    E_dW1 = abs(X).T @ E_dZ1 + m * u * (abs(X).T @ size_dZ1)
    E_db1 = E_dZ1.sum(axis=0) + m * u * size_dZ1.sum(axis=0)

    gradients = (X.T @ dZ1, dZ1.sum(axis=0), dW2, R.sum(axis=0))
    total = 0.0
    for name, gradient, E in zip(PARAMETERS, gradients, (E_dW1, E_db1, E_dW2, E_db2), strict=True):
        moved = LEARNING_RATE * (abs(gradient) + E)
        total += ((LEARNING_RATE * E + u * (abs(theta[name]) + 2 * moved)) ** 2).sum()
    return Rounding(1.000001 * np.sqrt(total), 1.000001 * E_loss)


def bounds(ours, theirs, X, Y):
    """Bounds the distance of two computed trajectories of gradient descent, and of their losses.

    Let F(theta) = theta - eta grad L(theta), exactly. Each trajectory takes steps that are F but
    for rounding, so their distance e obeys e' <= sup |I - eta H| e + rounding + rounding, with the
    supremum of the Hessian H over the segment between the two (the mean value theorem).

    H is the mean over the samples of J^T S J + sum_k r_k Hessian(z_k), with z the logits, J their
    Jacobian, p their softmax, S = diag(p) - p p^T, |S| <= 1/2, and r = p - y, |r| <= sqrt 2. Write
    a parameter's change as V1 and V2, biases included, and lambda for the largest eigenvalue of the
    mean of x x^T, with 1 appended to x. Then |tanh'| <= 1 and |a|^2 <= HIDDEN give

        first part  <= (|V2| sqrt(HIDDEN + 1) + |W2| |V1| sqrt(lambda))^2 / 2
                    <= (HIDDEN + 1 + |W2|^2 lambda) / 2 (|V1|^2 + |V2|^2)
        |second|    <= sqrt 2 (2 |V2| |V1| sqrt(lambda) + max|tanh''| |W2| |V1|^2 lambda)
                    <= sqrt 2 (sqrt(lambda) + max|tanh''| |W2| lambda) (|V1|^2 + |V2|^2).

    The first part is positive semidefinite, so the eigenvalues of I - eta H lie between
    1 - eta (first + second) and 1 + eta second. Norms of W2 are convex, so that their maximum at
    both ends holds for the segment. Losses differ by the distance times |grad L|, which is at most
    sqrt 2 sqrt(HIDDEN + 1 + |W2|^2 lambda), and by rounding.

    Returns:
        The bounds for the parameters before each step and after the last, and for the losses.
    """
    extended = np.column_stack([X, np.ones(len(X))])
    largest = np.linalg.norm(extended, 2) ** 2 / len(X) * 1.000001
    distances, of_losses = [0.0], []
    for one, other in zip(ours[:-1], theirs[:-1], strict=True):
        norm = max(np.linalg.norm(theta["1.W"], 2) for theta in (one, other)) * 1.000001
        scale = HIDDEN + 1 + norm**2 * largest
        second = np.sqrt(2) * (np.sqrt(largest) + TANH_CURVATURE * norm * largest)
        growth = max(1 + LEARNING_RATE * second, LEARNING_RATE * (scale / 2 + second) - 1)
        errors = [rounding(theta, X, Y) for theta in (one, other)]
        of_losses.append(np.sqrt(2 * scale) * distances[-1] + sum(error.loss for error in errors))
        distances.append(growth * distances[-1] + sum(error.step for error in errors))
    return distances, of_losses


@pytest.fixture(scope="module")
def trajectories():
    X, Y = (array[:SAMPLES] for array in digits())
    network = two_layers(np.random.default_rng(2))
    start = snapshot(network)
    return X, Y, trained(network, X, Y), trained_by_jax(start, X, Y)


def test_trajectory_is_that_of_automatic_differentiation(trajectories):
    X, Y, (our_losses, ours), (their_losses, theirs) = trajectories
    distances, of_losses = bounds(ours, theirs, X, Y)

    for one, other, bound in zip(ours, theirs, distances, strict=True):
        assert distance(one, other) <= bound
    for one, other, bound in zip(our_losses, their_losses, of_losses, strict=True):
        assert abs(one - other) <= bound
    # The bound is worth something: the parameters have moved a hundred million times further.
    assert distances[-1] < 1e-8 * distance(ours[0], ours[-1])
    assert our_losses[-1] < 0.8 * our_losses[0]


class Biased:
    """A layer whose bias gradient is wrong by one part in a billion."""

    def __init__(self, layer):
        self.forward, self.backward = layer.forward, layer.backward
        self.parameters = layer.parameters
        self.gradients = lambda: {"W": layer.dW, "b": layer.db * (1 + 1e-9)}


def test_a_slightly_wrong_gradient_leaves_the_bound(trajectories):
    X, Y, _, (_, theirs) = trajectories
    network = two_layers(np.random.default_rng(2))
    network = Network([network.layers[0], Biased(network.layers[1])])
    _, ours = trained(network, X, Y)
    distances, _ = bounds(ours, theirs, X, Y)

    assert distance(ours[1], theirs[1]) > distances[1]
