"""Layers in plain NumPy: dense layers, activations, losses, networks and their initial values."""

from backproof.impl.activations import ACTIVATIONS, Activation
from backproof.impl.dense import (
    LAYOUTS,
    Dense,
    DenseCache,
    DenseGradients,
    LayerDense,
    Layout,
    dense_backward,
    dense_forward,
)
from backproof.impl.initialisers import INITIALISERS, Initialiser
from backproof.impl.losses import (
    LossAndGradient,
    binary_cross_entropy,
    mean_squared_error,
    softmax_cross_entropy,
)
from backproof.impl.network import Layer, Network
from backproof.impl.optimisers import SGD, Trainable

__all__ = [
    "ACTIVATIONS",
    "INITIALISERS",
    "LAYOUTS",
    "SGD",
    "Activation",
    "Dense",
    "DenseCache",
    "DenseGradients",
    "Initialiser",
    "Layer",
    "LayerDense",
    "Layout",
    "LossAndGradient",
    "Network",
    "Trainable",
    "binary_cross_entropy",
    "dense_backward",
    "dense_forward",
    "mean_squared_error",
    "softmax_cross_entropy",
]
