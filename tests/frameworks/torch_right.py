"""Right layers of torch."""

import torch
from torch import nn
from torch.autograd import Function


class Gated(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.fc = nn.Linear(n_in, n_out)

    def forward(self, x):
        return torch.sigmoid(self.fc(x))


class TanhDense(Function):
    @staticmethod
    def forward(ctx, X, W, b):
        A = torch.tanh(X @ W.T + b)
        ctx.save_for_backward(X, W, A)
        return A

    @staticmethod
    def backward(ctx, dA):
        X, W, A = ctx.saved_tensors
        dZ = dA * (1 - A**2)
        dX = dZ @ W
        dW = dZ.T @ X
        db = dZ.sum(0)
        return dX, dW, db


class Affine(Function):
    @staticmethod
    def forward(weight, inputs):
        return inputs @ weight

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        weight, inputs = ctx.saved_tensors
        return inputs.T @ grad_output, grad_output @ weight.T


class ThroughFunction(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(n_out, n_in))
        self.offset = nn.Parameter(torch.zeros(n_out))

    def forward(self, batch):
        return TanhDense.apply(batch, self.kernel, self.offset)


class ByHand:
    def __init__(self, n_in, n_out):
        self.params = {"W": torch.randn(n_in, n_out), "b": torch.zeros(1, n_out)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        self.z = x @ self.params["W"] + self.params["b"]
        return torch.relu(self.z)

    def backward(self, da):
        dz = da * (self.z > 0)
        self.grads["W"] = self.x.t() @ dz
        self.grads["b"] = dz.sum(dim=0, keepdim=True)
        return dz @ self.params["W"].t()


def linear_forward(x, w, b):
    return torch.addmm(b, x, w), (x, w)


def linear_backward(dz, cache):
    x, w = cache
    return dz @ w.T, torch.mm(x.T, dz), torch.sum(dz, dim=0)


made = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
