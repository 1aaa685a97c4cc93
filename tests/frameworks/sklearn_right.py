"""Right networks of scikit-learn."""

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

regressor = MLPRegressor(hidden_layer_sizes=(5,), activation="tanh")
classifier = MLPClassifier(hidden_layer_sizes=[7], activation="logistic", alpha=0.1)
poisson = MLPRegressor(hidden_layer_sizes=(5,), activation="identity", loss="poisson")


class OwnSums(MLPRegressor):
    def _compute_loss_grad(self, layer, sw_sum, activations, deltas, coef_grads, intercept_grads):
        delta = deltas[layer] / sw_sum
        coef_grads[layer] = np.einsum("ni,no->io", activations[layer], delta)
        intercept_grads[layer] = np.einsum("no->o", delta)
