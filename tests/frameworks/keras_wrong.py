"""Wrong layers of Keras, each with one mistake."""

from keras import layers, ops


class _Dense(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.b = self.add_weight(shape=(self.units,), name="b")


@ops.custom_gradient
def linear_slope(z):
    a = ops.tanh(z)

    def backward(*given, upstream=None):
        upstream = given[0] if upstream is None else upstream
        return upstream * (1 - a)

    return a, backward


@ops.custom_gradient
def no_slope(z):
    def backward(*given, upstream=None):
        return given[0] if upstream is None else upstream

    return ops.sigmoid(z), backward


class LinearSlope(_Dense):
    def call(self, inputs):
        return linear_slope(ops.matmul(inputs, self.w) + self.b)


class NoSlope(_Dense):
    def call(self, inputs):
        return no_slope(ops.matmul(inputs, self.w) + self.b)


class Stopped(_Dense):
    def call(self, inputs):
        return ops.matmul(inputs, ops.stop_gradient(self.w)) + self.b
