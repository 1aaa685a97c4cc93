"""Adapters: styles of layers beyond a class with arrays and a pair of functions.

Data are whole numbers, so that what a right linear layer gives equals a sum written out.
"""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.adapters import adapt
from backproof.adapters.standing_in import STANDING_IN, Predecessor, StandIn
from backproof.adapters.stepping import Recording
from backproof.errors import NotInferredError
from backproof.loading import load
from backproof.spec.library import named
from backproof.subjects import Subject, SubjectError

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

Adapted = Callable[..., Subject]
Array = np.ndarray[Any, Any]


@pytest.fixture
def adapted(tmp_path: Path) -> Adapted:
    """The subject that a text with one layer is."""

    def adapt_text(text: str, name: str = "Dense", **settings: Any) -> Subject:
        path = tmp_path / "layers.py"
        path.write_text("import numpy as np\n" + textwrap.dedent(text), encoding="utf-8")
        return adapt(load(f"{path}:{name}"), **settings)

    return adapt_text


def whole(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng((seed, *shape)).integers(-4, 5, size=shape).astype(np.float64)


# ---------------------------------------------------------------- one sample at a time

ONE_SAMPLE = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.w = np.random.randn(n_out, n_in)
            self.b = np.zeros(n_out)
        def forward(self, x):
            self.x = x
            return self.w @ x + self.b
        def backward(self, d):
            self.dw = np.outer(d, self.x)
            self.db = d
            return self.w.T @ d
"""


def test_a_layer_of_one_sample_is_one(adapted: Adapted) -> None:
    subject = adapted(ONE_SAMPLE)
    X, W, b, dZ = whole(3), whole(2, 3), whole(2), whole(2, seed=1)

    results = subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert subject.spec.layout == "i,oi->o"
    assert "it takes one sample at a time: with several it raises" in subject.facts
    assert np.array_equal(results["dW"], np.outer(dZ, X))
    assert np.array_equal(results["dX"], W.T @ dZ)


def test_a_layer_of_a_batch_that_raises_is_not_taken_for_one_of_one_sample(
    adapted: Adapted,
) -> None:
    text = ONE_SAMPLE.replace("self.w @ x", "x @ self.w.T").replace(
        "return self.w.T @ d", "return np.sum(d)"
    )

    subject = adapted(text)

    assert subject.spec.layout == "ni,oi->no"


def test_data_and_upstream_gradient_may_be_put_in_the_layer(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, size):
                self.size, self.x, self.W, self.b = size, None, None, None
                self.grad_y = None
            def forward(self):
                self.y = self.x @ self.W + self.b
            def backward(self):
                self.grad_W, self.grad_b = self.x.T @ self.grad_y, self.grad_y.sum(axis=0)
                return self.grad_y @ self.W.T
        """
    )
    X, W, b, dZ = whole(4, 3), whole(3, 2), whole(2), whole(4, 2, seed=1)

    results = subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert "X is put in self.x before the forward pass" in subject.facts
    assert "backward finds dZ in self.grad_y" in subject.facts
    assert subject.names["dZ"] == "self.grad_y"
    assert np.array_equal(results["Z"], X @ W + b)
    assert np.array_equal(results["dW"], X.T @ dZ)
    assert np.array_equal(results["dX"], dZ @ W.T)


def test_a_layer_made_for_one_batch_is_made_anew_for_another(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, batch_size, n_in, n_out):
                self.count = batch_size
                self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def backward(self, d):
                self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
                for k in range(self.count):
                    self.dW += np.outer(self.x[k], d[k])
                    self.db += d[k]
                return d @ self.W.T
        """
    )
    session = subject.open()
    for n in (4, 2, 5):
        X, W, b, dZ = whole(n, 3), whole(3, 2), whole(2), whole(n, 2, seed=1)

        results = session.run({"X": X, "W": W, "b": b, "dZ": dZ})

        assert np.array_equal(results["dW"], X.T @ dZ)
        assert np.array_equal(results["db"], dZ.sum(axis=0))


# ---------------------------------------------------------------- activations that are asked for

ACTIVATED = """
    class Dense:
        def __init__(self, n_in, n_out, activation):
            self.f = activation
            self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
        def forward(self, x):
            self.x = x
            self.z = x @ self.W + self.b
            self.a = {value}
            return self.a
        def backward(self, da):
            dz = {slope}
            self.dW, self.db = self.x.T @ dz, dz.sum(axis=0)
            return dz @ self.W.T
"""


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        ("self.f(self.z)", "da * self.f.derivative(self.z)"),
        ("self.f.forward(self.z)", "self.f.backward(da)"),
        ("self.f.fn(self.z)", "da * self.f.df(self.a)"),
        ("self.f(self.z)", "self.f.grad(da)"),
        ("self.f(self.z)", "da * self.f.grad(self.z)"),
        ("self.f(self.z)", "da * self.f(self.z, derivative=True)"),
        ("self.f.forward(self.z)", "self.f.backward(self.z, da)"),
        ("self.f.forward(self.z)", "self.f.backprop(da, self.a)"),
        ("self.f[0](self.z)", "da * self.f[1](self.z)"),
    ],
)
def test_an_activation_stands_in_under_any_name(adapted: Adapted, value: str, slope: str) -> None:
    subject = adapted(ACTIVATED.format(value=value, slope=slope))
    X, W, b, dA = (0.25 * whole(*s) for s in ((4, 3), (3, 2), (2,), (4, 2)))

    results = subject.open().run({"X": X, "W": W, "b": b, "dA": dA})

    A = 1 / (1 + np.exp(-(X @ W + b)))
    assert subject.spec.activation == "sigmoid"
    assert any("sigmoid of backproof's" in fact for fact in subject.facts)
    assert np.array_equal(results["A"], A)
    assert np.array_equal(results["dX"], (dA * (A * (1 - A))) @ W.T)


@pytest.mark.parametrize("name", STANDING_IN)
def test_the_derivative_at_the_output_is_that_at_z(name: str) -> None:
    z = np.linspace(-2.0, 2.0, 12)
    at_z, at_output = StandIn(name), StandIn(name)
    a = at_z(z)
    at_output(z)

    unit = float(np.finfo(np.float64).eps)
    slopes = at_z.derivative(z), at_output.derivative(a)
    # Two roundings of a and two of the formula, of numbers of at most 2.
    assert np.all(np.abs(slopes[0] - slopes[1]) <= 8 * unit)
    assert np.array_equal(at_output.backward(z), z * at_z.derivative(z))


def test_a_reading_that_was_chosen_is_kept() -> None:
    stand_in = StandIn("sigmoid")
    z, upstream = np.array([0.5, -1.5]), np.array([3.0, 4.0])
    slope = StandIn("sigmoid").derivative(z)
    stand_in(z)
    assert np.array_equal(stand_in.grad(upstream), upstream * slope)

    stand_in(upstream)

    again = StandIn("sigmoid").derivative(upstream)
    assert np.array_equal(stand_in.grad(upstream), upstream * again)


def test_an_optional_activation_is_given(adapted: Adapted) -> None:
    text = ACTIVATED.format(value="self.f(self.z) if self.f else self.z", slope="da")
    subject = adapted(text.replace("n_out, activation", "n_out, activation=None"))

    assert subject.spec.activation == "sigmoid"
    assert adapted(text, activation="linear").spec.activation in ("", "linear")


def test_the_layer_before_tells_its_sizes() -> None:
    before = Predecessor(5, 3)

    assert before.units == before.n_out == before.output_size == 3
    assert before.output_shape == (5, 3)
    with pytest.raises(AttributeError):
        _ = before.weights


# ---------------------------------------------------------------- steps

STEPPING = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
            self.lr, self.v, self.m, self.t = 0.125, 0.0, 0.0, 0
        def forward(self, x):
            self.x = x
            return x @ self.W + self.b
        def backward(self, d):
            dx = d @ self.W.T
            {step}
            self.b -= self.lr * d.sum(axis=0)
            return dx
"""


@pytest.mark.parametrize(
    "step",
    [
        "self.W -= self.lr * (self.x.T @ d)",
        "self.v = 0.5 * self.v - self.lr * (self.x.T @ d); self.W += self.v",
    ],
)
def test_a_step_by_a_rate_of_the_layers_own_is_read(adapted: Adapted, step: str) -> None:
    subject = adapted(STEPPING.format(step=step))
    session = subject.open()
    for seed in (1, 2):
        X, W, b, dZ = whole(4, 3, seed=seed), whole(3, 2), whole(2), whole(4, 2, seed=seed)

        results = session.run({"X": X, "W": W, "b": b, "dZ": dZ})

        assert np.array_equal(results["dW"], X.T @ dZ)
        assert np.array_equal(results["db"], dZ.sum(axis=0))
    assert "self.lr is set to 1 to read its steps" in subject.facts


@pytest.mark.parametrize(
    "step",
    [
        "dW = self.x.T @ d; self.m = dW**2; self.W -= self.lr * dW / (self.m**0.5 + 1e-8)",
        "dW = self.x.T @ d; self.W -= self.lr * np.clip(dW, -1, 1)",
    ],
)
def test_a_step_that_does_not_follow_the_gradient_is_not_read(adapted: Adapted, step: str) -> None:
    subject = adapted(STEPPING.format(step=step))

    assert "dW" not in subject.provides
    assert subject.missing["dW"].startswith("used in a step, and shown nowhere")
    assert "db" in subject.provides


def test_what_another_method_takes_off_a_parameter_is_its_gradient(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def backward(self, d):
                self.dW = self.x.T @ d
                self.signal = d
                return d @ self.W.T
            def update(self, lr):
                change = lr * self.signal
                self.W -= lr * self.dW
                self.b -= change
        """
    )
    X, W, b, dZ = whole(4, 3), whole(3, 2), whole(2), whole(4, 2, seed=1)

    results = subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert "db is self.signal" in subject.facts
    assert np.array_equal(results["db"], dZ)


def test_what_is_taken_off_in_place_is_kept_even_where_it_does_not_fit() -> None:
    parameter = Recording.of(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="broadcast"):
        parameter -= np.ones((2, 3))

    assert np.array_equal(parameter.taken[0], np.ones((2, 3)))
    assert (parameter + 1).taken == []


RAISING = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.W, self.b = np.random.randn(n_out, n_in), np.zeros((n_out, 1))
        def forward(self, x):
            self.x = x
            return self.W @ x + self.b
        def backward(self, d, lr):
            self.dW = d @ self.x.T
            for k in range(2):
                self.db = d
                {raising}
            return self.W.T @ d
"""


def test_what_was_finished_before_a_layer_raised_is_a_result(adapted: Adapted) -> None:
    subject = adapted(RAISING.format(raising="d @ d"))
    X, W, b, dZ = whole(3, 4), whole(2, 3), whole(2), whole(2, 4, seed=1)

    with pytest.raises(SubjectError) as raised:
        subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert np.array_equal(raised.value.partial["dW"], dZ @ X.T)
    assert "db" not in raised.value.partial


def test_a_step_that_raises_is_known_all_the_same(adapted: Adapted) -> None:
    text = RAISING.format(raising="pass").replace("self.db = d", "pass")
    subject = adapted(text.replace("return self.W.T", "self.b -= lr * d; return self.W.T"))
    X, W, b, dZ = whole(3, 4), whole(2, 3), whole(2), whole(2, 4, seed=1)

    with pytest.raises(SubjectError) as raised:
        subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert np.array_equal(raised.value.partial["db"], dZ)


# ---------------------------------------------------------------- no dense layer


@pytest.mark.parametrize(
    ("value", "activation"),
    [
        ("np.maximum(x, 0)", "relu"),
        ("np.tanh(x)", "tanh"),
        ("np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)", "softmax"),
        ("np.exp(x) / np.exp(x).sum(axis=0)", "softmax"),
    ],
)
def test_an_activation_is_a_layer_of_its_own(adapted: Adapted, value: str, activation: str) -> None:
    subject = adapted(
        f"""
        class Dense:
            def forward(self, x):
                self.x = x
                self.y = {value}
                return self.y
            def backward(self, dout):
                return dout * self.y
        """
    )

    assert subject.spec.activation == activation
    assert subject.provides == ("A", "dX")
    assert subject.spec.layout == ("on->on" if "axis=0" in value else "no->no")


@pytest.mark.parametrize("value", ["x ** 2", "x * 1", "x * self.mask"])
def test_what_is_stored_on_the_way_is_no_weight(adapted: Adapted, value: str) -> None:
    text = f"""
        class Dense:
            def forward(self, x):
                self.x, self.mask = x, np.ones_like(x)
                self.out = {value}
                return self.out
            def backward(self, dout):
                return dout * self.x
    """
    with pytest.raises(NotInferredError):
        adapted(text)


def test_a_constructor_of_a_base_that_is_not_called_is_past_help(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Base:
            def __init__(self):
                self.inputs = []
        class Dense(Base):
            def __init__(self, n_in, n_out):
                self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
            def forward(self, x):
                self.inputs.append(x)
                return x @ self.W + self.b
            def backward(self, d):
                self.dW, self.db = self.inputs[-1].T @ d, d.sum(axis=0)
                return d @ self.W.T
        """
    )

    assert any("AttributeError" in fact for fact in subject.facts)
    with pytest.raises(SubjectError, match="inputs"):
        subject.open().run({"X": whole(4, 3), "W": whole(3, 2), "b": whole(2), "dZ": whole(4, 2)})


def test_an_attribute_that_another_method_sets_may_be_had(adapted: Adapted) -> None:
    text = """
        class Dense:
            def __init__(self, n_in, n_out):
                self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
            def attach(self, scale):
                self.scale = scale
            def forward(self, x):
                return self.scale * (x @ self.W + self.b)
            def backward(self, d):
                return d
    """
    with pytest.raises(NotInferredError):
        adapted(text)


def test_a_gain_of_any_size_is_found(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
            def forward(self, x):
                self.x = x
                return 1.7 * np.tanh(x @ self.W + self.b)
            def backward(self, d):
                return d
        """
    )

    assert subject.spec.activation == "tanh"
    assert any("1.7 times the right one" in fact for fact in subject.facts)


# ---------------------------------------------------------------- one function, and stated specs


def test_a_function_may_return_its_backward_pass(adapted: Adapted) -> None:
    subject = adapted(
        """
        def dense(x, W, b):
            z = x @ W + b
            def pullback(g):
                return g @ W.T, x.T @ g, g.sum(axis=0)
            return z, pullback
        """,
        "dense",
    )
    X, W, b, dZ = whole(4, 3), whole(3, 2), whole(2), whole(4, 2, seed=1)

    results = subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert subject.names["dZ"] == "g"
    assert subject.lines["dW"][2] == "return g @ W.T, x.T @ g, g.sum(axis=0)"
    assert np.array_equal(results["dW"], X.T @ dZ)
    assert np.array_equal(results["dX"], dZ @ W.T)


def test_a_normalisation_is_found_in_a_stated_spec(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Norm:
            def __init__(self, dim, eps=1e-5):
                self.gamma, self.beta, self.eps = np.ones(dim), np.zeros(dim), eps
            def forward(self, x):
                self.s = np.sqrt(x.var(axis=1, keepdims=True) + self.eps)
                self.h = (x - x.mean(axis=1, keepdims=True)) / self.s
                return self.gamma * self.h + self.beta
            def backward(self, d):
                self.dgamma, self.dbeta = (d * self.h).sum(axis=0), d.sum(axis=0)
                d = d * self.gamma
                inner = self.h * (d * self.h).mean(axis=1, keepdims=True)
                return (d - d.mean(axis=1, keepdims=True) - inner) / self.s
        """,
        "Norm",
        spec=named("layer_norm"),
    )

    assert {"Y", "H", "dG", "db", "dX"} <= set(subject.provides)
    assert subject.missing == {}
    assert subject.names["G"] == "self.gamma"
    assert subject.names["dG"] == "self.dgamma"


@pytest.mark.parametrize("slope", ["0.1", "0.3", "1 / 3"])
def test_a_leaky_relu_may_have_any_slope(adapted: Adapted, slope: str) -> None:
    text = ACTIVATED.replace("n_out, activation", "n_out").replace("self.f = activation", "pass")
    subject = adapted(
        text.format(
            value=f"np.where(self.z > 0, self.z, {slope} * self.z)",
            slope=f"da * np.where(self.z > 0, 1, {slope})",
        )
    )
    X, W, b, dA = whole(4, 3), whole(3, 2), whole(2), whole(4, 2, seed=1)

    results = subject.open().run({"X": X, "W": W, "b": b, "dA": dA})

    assert any("leaky_relu of slope" in fact for fact in subject.facts)
    assert subject.upstream == "A"
    assert subject.spec.equation("dZ") is not None
    assert np.array_equal(results["Z"], X @ W + b)


def test_an_activation_nobody_asked_for_is_left_to_the_caller(adapted: Adapted) -> None:
    text = ACTIVATED.format(value="self.f(self.z) if self.f else self.z", slope="da")
    text = text.replace("backward(self, da)", "backward(self, grad)").replace(
        "dz = da", "dz = grad"
    )

    optional = adapted(text.replace("n_out, activation", "n_out, activation=None"))
    required = adapted(text)

    assert optional.upstream == "Z"
    assert "backward takes dZ as grad" in optional.facts
    assert required.upstream == "A"


def test_a_step_with_the_square_of_the_upstream_gradient_is_read(adapted: Adapted) -> None:
    subject = adapted(STEPPING.format(step="self.W -= self.lr * (self.x.T @ (d * d))"))
    X, W, b, dZ = whole(4, 3), whole(3, 2), whole(2), whole(4, 2, seed=1)

    results = subject.open().run({"X": X, "W": W, "b": b, "dZ": dZ})

    assert np.array_equal(results["dW"], X.T @ dZ**2)
