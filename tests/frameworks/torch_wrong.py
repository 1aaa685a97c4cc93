"""Wrong layers of torch, each with one mistake."""

import torch
from torch import nn
from torch.autograd import Function


class LinearSlope(Function):
    @staticmethod
    def forward(ctx, X, W, b):
        A = torch.tanh(X @ W.T + b)
        ctx.save_for_backward(X, W, A)
        return A

    @staticmethod
    def backward(ctx, dA):
        X, W, A = ctx.saved_tensors
        dZ = dA * (1 - A)
        dX = dZ @ W
        dW = dZ.T @ X
        db = dZ.sum(0)
        return dX, dW, db


class ForgottenSlope(Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        a = torch.sigmoid(x @ weight.T + bias)
        ctx.save_for_backward(x, weight, a)
        return a

    @staticmethod
    def backward(ctx, grad):
        x, weight, a = ctx.saved_tensors
        dz = grad * a * (1 - a)
        dx = dz @ weight
        dweight = grad.T @ x
        dbias = dz.sum(0)
        return dx, dweight, dbias


class ThroughFunction(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(n_out, n_in))
        self.offset = nn.Parameter(torch.zeros(n_out))

    def forward(self, batch):
        return ForgottenSlope.apply(batch, self.kernel, self.offset)


class Detached(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight.detach().T + self.bias


class AveragedBias:
    def __init__(self, n_in, n_out):
        self.W = torch.randn(n_in, n_out)
        self.b = torch.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dz):
        self.dW = self.x.T @ dz
        self.db = dz.mean(dim=0)
        return dz @ self.W.T
