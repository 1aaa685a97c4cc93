"""Wrong networks of scikit-learn, each with one mistake."""

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor


class SummedBias(MLPRegressor):
    def _compute_loss_grad(self, layer, sw_sum, activations, deltas, coef_grads, intercept_grads):
        coef_grads[layer] = activations[layer].T @ deltas[layer] / sw_sum
        intercept_grads[layer] = np.sum(deltas[layer], axis=0)


class NoSlope(MLPClassifier):
    def _backprop(self, X, y, sample_weight, activations, deltas, coef_grads, intercept_grads):
        activations = self._forward_pass(activations)
        n = len(X)
        deltas[1] = activations[2] - y
        deltas[0] = deltas[1] @ self.coefs_[1].T
        for layer in (1, 0):
            coef_grads[layer] = activations[layer].T @ deltas[layer] / n
            intercept_grads[layer] = deltas[layer].sum(axis=0) / n
        return 0.0, coef_grads, intercept_grads


class Penalised(MLPRegressor):
    def _compute_loss_grad(self, layer, sw_sum, activations, deltas, coef_grads, intercept_grads):
        coef_grads[layer] = activations[layer].T @ deltas[layer]
        coef_grads[layer] += 0.1 * self.coefs_[layer]
        coef_grads[layer] /= sw_sum
        intercept_grads[layer] = np.sum(deltas[layer], axis=0) / sw_sum
