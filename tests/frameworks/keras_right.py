"""Right layers of Keras."""

from keras import layers, ops


class Plain(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.b = self.add_weight(shape=(self.units,), name="b")

    def call(self, inputs):
        return ops.tanh(ops.matmul(inputs, self.w) + self.b)


class OutByIn(layers.Layer):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.kernel = self.add_weight(shape=(n_out, n_in), name="kernel")

    def call(self, x):
        return ops.einsum("ni,oi->no", x, self.kernel)


class Inner(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.inner = layers.Dense(units, activation="relu")

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, x):
        return self.inner(x)
