import numpy as np
import pytest

from backproof.impl import SGD, Dense, Network


def small_network():
    """Two layers with whole-number parameters, worked through by hand below."""
    first, second = Dense(2, 2, activation="relu"), Dense(2, 1)
    first.W, first.b = np.array([[1.0, -1], [2, 0]]), np.array([0.0, 1])
    second.W, second.b = np.array([[3.0], [-2]]), np.array([5.0])
    return Network([first, second])


def test_composition_worked_by_hand():
    """x = (1, 2): z = (5, 0), a = (5, 0), output 15 + 5 = 20.

    With the gradient 1 for the output: dW2 = a, db2 = 1, da = (3, -2), dz = (3, 0) since relu's
    derivative at 0 is 0, dW1 = x dz, db1 = dz and dx = (3, 6).
    """
    network = small_network()
    output = network.forward(np.array([[1.0, 2]]))
    dX = network.backward(np.array([[1.0]]))
    gradients = network.gradients()

    assert output.tolist() == [[20]]
    assert dX.tolist() == [[3, 6]]
    assert {name: gradient.tolist() for name, gradient in gradients.items()} == {
        "0.W": [[3, 0], [6, 0]],
        "0.b": [3, 0],
        "1.W": [[5], [0]],
        "1.b": [1],
    }


def test_step_moves_the_layers_own_parameters():
    network = small_network()
    network.forward(np.array([[1.0, 2]]))
    network.backward(np.array([[1.0]]))
    before = network.parameters()
    SGD(0.5).step(network)

    assert all(network.parameters()[name] is before[name] for name in before)
    assert network.layers[0].W.tolist() == [[-0.5, -1], [-1, 0]]
    assert network.layers[0].b.tolist() == [-1.5, 1]
    assert network.layers[1].W.tolist() == [[0.5], [-2]]
    assert network.layers[1].b.tolist() == [4.5]


def test_step_takes_a_single_layer_too():
    layer = Dense(2, 1, initialiser="zeros")
    layer.forward(np.array([[1.0, 2]]))
    layer.backward(np.array([[1.0]]))
    SGD(1.0).step(layer)

    assert layer.W.tolist() == [[-1], [-2]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_dtype_survives_a_step(dtype):
    rng = np.random.default_rng(0)
    network = Network([Dense(3, 4, activation="gelu", rng=rng, dtype=dtype)])
    A = network.forward(np.ones((2, 3), dtype))
    network.backward(A)
    SGD(0.1).step(network)

    assert {parameter.dtype for parameter in network.parameters().values()} == {np.dtype(dtype)}


def test_without_layers_nothing_happens():
    X = np.ones((2, 3))
    network = Network([])

    assert network.forward(X) is X
    assert network.backward(X) is X
    assert network.parameters() == network.gradients() == {}
