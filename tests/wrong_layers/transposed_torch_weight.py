# subject: linear_backward
# layout: ni,oi->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dX
# mistake: transposed
# correction: grad_input = np.matmul(grad_output, weight)
# line: 25
# needs: i=o
# how: Z, ctx = linear_forward(X, W, b)
# how: dX, dW, db = linear_backward(dA, ctx)

import numpy as np


def linear_forward(input, weight, bias):
    output = np.matmul(input, weight.T) + bias
    ctx = (input, weight)
    return output, ctx


def linear_backward(grad_output, ctx):
    input, weight = ctx
    grad_input = np.matmul(grad_output, weight.T)
    grad_weight = np.matmul(grad_output.T, input)
    grad_bias = grad_output.sum(axis=0)
    return grad_input, grad_weight, grad_bias
