"""Adapters: what is found out about a layer, and that a session gives the layer's own results.

Data are small whole numbers times 2^-10, so that a sum of products of a linear layer is exact in
float64 in whatever order it is taken: what a right linear layer gives equals a sum written out.
"""

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.adapters import adapt, bundled_subjects
from backproof.adapters.places import read_place, walk
from backproof.adapters.roles import gradient_role, size_role
from backproof.adapters.source import Definition
from backproof.errors import NotInferredError, UsageError
from backproof.loading import load
from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses
from backproof.subjects import Subject, SubjectError
from tests.layer_headers import LayerCase, all_layers

TESTS = Path(__file__).parents[1]
RIGHT = all_layers(TESTS / "right_layers")
WRONG = all_layers(TESTS / "wrong_layers")
CASES = [*RIGHT, *WRONG]
BY_NAME = {(case.path.parent.name, case.path.stem): case for case in CASES}
SHOWN = ("Z", "A", "dZ", "dW", "db", "dX")
SIZES = {None: ((4, 3, 2), (2, 3, 5)), "i=o": ((4, 3, 3), (2, 3, 3)), "n=i": ((3, 3, 2),)}

Arrays = dict[str, np.ndarray[Any, Any]]


def _name(case: LayerCase) -> str:
    return f"{case.path.parent.name.removesuffix('_layers')}-{case.path.stem}"


def _data(layout: str, n: int, i: int, o: int, seed: int = 0) -> Arrays:
    rng = np.random.default_rng((seed, n, i, o))

    def whole(*shape: int) -> np.ndarray[Any, Any]:
        return rng.integers(-2000, 2000, size=shape) * 2.0**-10

    columns = layout == "oi,in->on"
    return {
        "X": whole(i, n) if columns else whole(n, i),
        "W": whole(i, o) if layout == "ni,io->no" else whole(o, i),
        "b": whole(o),
        "dA": whole(o, n) if columns else whole(n, o),
    }


def _given(subject: Subject, data: Mapping[str, np.ndarray[Any, Any]]) -> Arrays:
    arrays = {name: data[name].copy() for name in subject.spec.program.inputs}
    return {**arrays, f"d{subject.upstream}": data["dA"].copy()}


@pytest.fixture
def adapted(tmp_path: Path) -> Callable[..., Subject]:
    """The subject that a text with one layer is."""

    def adapt_text(text: str, name: str = "Dense", **settings: Any) -> Subject:
        path = tmp_path / "layers.py"
        path.write_text("import numpy as np\n" + textwrap.dedent(text), encoding="utf-8")
        return adapt(load(f"{path}:{name}"), **settings)

    return adapt_text


Adapted = Callable[..., Subject]


# ---------------------------------------------------------------- the hand-written layers


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_layout_and_activation_are_found_out(case: LayerCase) -> None:
    subject = adapt(load(case.address), scale=case.scale)

    assert subject.spec.layout == case.layout
    assert (subject.spec.activation or "linear") == case.activation
    assert ("b" in subject.spec.program.inputs) == case.bias
    assert subject.spec.scale == (subject.spec.scale if _is_marked(case) else case.scale)
    assert subject.upstream == ("A" if _is_marked(case) or case.activation != "linear" else "Z")


def _is_marked(case: LayerCase) -> bool:
    return case.path.stem.startswith("subject_")


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_a_session_gives_what_the_layer_itself_gives(case: LayerCase) -> None:
    loaded = load(case.address)
    subject = adapt(loaded, scale=case.scale)
    session = subject.open()
    for seed, (n, i, o) in enumerate(SIZES[case.needs]):
        data = _data(case.layout, n, i, o, seed)
        own = {name: array.copy() for name, array in data.items()}
        scope: dict[str, Any] = {**vars(loaded.module), **own, "n": n, "i": i, "o": o}
        exec(case.make, scope)
        exec(case.how, scope)

        results = session.run(_given(subject, data))

        assert set(results) == set(subject.provides)
        shown = {name for name in SHOWN if name in scope}
        # An A that equals Z is shown once, as Z.
        assert shown - {"A", "dZ"} <= set(results)
        for name in shown & set(results):
            _assert_same(results[name], scope[name], o if name == "db" else None)


def _assert_same(got: Any, own: Any, outputs: int | None) -> None:
    """Equal to the last bit; a bias's gradient, kept as a row or a column, as a vector."""
    if own is None:
        assert got is None
        return
    own = np.asarray(own)
    if own.ndim == 2 and own.size == max(own.shape) == outputs:
        own = own.reshape(-1)
    assert np.shape(got) == own.shape
    assert np.array_equal(got, own)


@pytest.mark.parametrize(
    "case", [c for c in RIGHT if c.activation in ("linear", "relu")], ids=_name
)
def test_right_layers_give_the_sums_written_out(case: LayerCase) -> None:
    subject = adapt(load(case.address), scale=case.scale)
    n, i, o = 4, 3, 2
    data = _data(case.layout, n, i, o, seed=7)

    results = subject.open().run(_given(subject, data))

    columns = case.layout == "oi,in->on"
    X = data["X"].T if columns else data["X"]
    W = data["W"] if case.layout == "ni,io->no" else data["W"].T
    b = data["b"] if case.bias else np.zeros(o)
    upstream = data["dA"].T if columns else data["dA"]
    Z = np.zeros((n, o))
    dW, db, dX = np.zeros((i, o)), np.zeros(o), np.zeros((n, i))
    for sample in range(n):
        for unit in range(o):
            Z[sample, unit] = b[unit] + sum(X[sample, k] * W[k, unit] for k in range(i))
            kept = case.activation == "linear" or Z[sample, unit] > 0
            dz = upstream[sample, unit] if kept else 0.0
            db[unit] += dz
            for k in range(i):
                dW[k, unit] += X[sample, k] * dz
                dX[sample, k] += W[k, unit] * dz
    share = n if case.scale == "mean" else 1
    expected = {
        "Z": Z.T if columns else Z,
        "A": np.maximum(Z, 0).T if columns else np.maximum(Z, 0),
        "dW": (dW if case.layout == "ni,io->no" else dW.T) / share,
        "db": db / share,
        "dX": dX.T if columns else dX,
    }
    judged = set(results) & set(expected)
    assert {"dW", "dX"} <= judged
    for name in judged:
        assert np.shape(results[name]) == expected[name].shape, name
        rounded = expected[name].astype(case.dtype_policy or "float64")
        # The data fit 12 bits, so that a sum of three products fits the 24 of a float32 or not:
        # then it is the rounded sum that a layer of that format may be one unit from.
        if case.dtype_policy is None:
            assert np.array_equal(results[name], rounded), name
        else:
            assert np.array_equal(np.float32(results[name]), results[name]), name


# The mistakes that stand in another statement than that of the quantity that they spoil.
ELSEWHERE = {
    *("half_precision_cache", "mask_before_bias", "old_weights_are_an_alias"),
    *("remembers_the_first_batch", "silu_product_rule_half", "tanh_overwrites_its_input"),
}


@pytest.mark.parametrize("case", WRONG, ids=_name)
def test_the_wrong_statement_is_among_the_lines(case: LayerCase) -> None:
    subject = adapt(load(case.address), scale=case.scale)
    text = case.path.read_text(encoding="utf-8").splitlines()

    lines = {line for _, line, _ in subject.lines.values()}

    assert (set(case.lines) <= lines) == (case.path.stem not in ELSEWHERE)
    for file, line, statement in subject.lines.values():
        assert file == str(case.path)
        assert statement.splitlines()[0].strip() in text[line - 1]


@pytest.mark.parametrize("folder", ["right_layers", "wrong_layers"])
def test_the_layer_of_the_note(folder: str) -> None:
    case = BY_NAME[folder, "note_layer_dense"]

    subject = adapt(load(case.address))

    assert subject.upstream == "Z"
    assert subject.provides == ("Z", "dW", "db", "dX")
    assert subject.names == {
        "X": "self.a",
        "W": "self.w",
        "b": "self.b",
        "Z": "self.z",
        "dZ": "dz",
        "dW": "self.dw",
        "db": "self.db",
        "dX": "self.dz",
    }
    assert "W is self.w, shape (inputs, outputs)" in subject.facts
    assert "X has shape (samples, inputs): layout ni,io->no" in subject.facts
    assert "backward takes dZ as dz" in subject.facts
    assert "dX is self.dz" in subject.facts


def test_a_layer_that_runs_at_equal_sizes_alone_says_so() -> None:
    subject = adapt(load(BY_NAME["wrong_layers", "note_layer_dense"].address))

    assert any("it raises ValueError" in fact for fact in subject.facts)
    data = _data("ni,io->no", 5, 3, 4)
    with pytest.raises(SubjectError) as caught:
        subject.open().run(_given(subject, data))
    error = caught.value
    assert (error.stage, error.line, error.text) == ("backward", 46, "self.dw = dz @ self.a.T")
    assert set(error.partial) == {"Z"}
    assert np.array_equal(error.partial["Z"], data["X"] @ data["W"] + data["b"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("params_dict", {"W": "self.params['W']", "dW": "self.grads['W']"}),
        ("column_tanh_tuple", {"b": "self.B", "dX": "dA_prev", "dZ": "dZ"}),
        ("dict_return", {"A": "A", "dA": "dA"}),
        ("composed_activation", {"X": "self.affine.x", "dW": "self.dW"}),
        ("relu_by_sign", {"X": "x", "W": "w", "Z": "z", "dA": "dout", "dZ": "dz"}),
        ("slots_layer", {"X": "self.x", "W": "self.w"}),
    ],
)
def test_the_authors_names(name: str, expected: dict[str, str]) -> None:
    names = adapt(load(BY_NAME["right_layers", name].address)).names

    assert {key: names.get(key) for key in expected} == expected


@pytest.mark.parametrize("half", ["affine_forward", "affine_backward"])
def test_either_half_of_a_pair_will_do(half: str) -> None:
    path = BY_NAME["right_layers", "affine_pair"].path

    subject = adapt(load(f"{path}:{half}"))

    assert subject.provides == ("Z", "dW", "db", "dX")
    assert subject.label == f"affine_pair.py:{half}"


# ---------------------------------------------------------------- sessions


def test_a_session_keeps_one_instance_until_its_sizes_change() -> None:
    subject = adapt(load(BY_NAME["wrong_layers", "remembers_the_first_batch"].address))
    session = subject.open()
    first, second = (_data("ni,io->no", 4, 3, 2, seed) for seed in (1, 2))
    other = _data("ni,io->no", 4, 3, 5)

    session.run(_given(subject, first))
    stale = session.run(_given(subject, second))["dW"]
    fresh = session.run(_given(subject, other))["dW"]

    assert np.array_equal(stale, first["X"].T @ second["dA"])
    assert np.array_equal(fresh, other["X"].T @ other["dA"])


def test_a_layer_that_takes_a_step_does_not_change_what_it_was_given() -> None:
    subject = adapt(load(BY_NAME["right_layers", "updates_in_backward"].address))
    data = _data("ni,io->no", 4, 3, 2)
    given = _given(subject, data)

    subject.open().run(given)

    assert np.array_equal(given["W"], data["W"])
    assert np.array_equal(given["b"], data["b"])
    assert "learning_rate is 0.5" in subject.facts


@pytest.mark.parametrize("name", ["matmul_dense", "column_layer", "scalar_bias_start"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_results_have_the_format_of_what_is_given(name: str, dtype: str) -> None:
    case = BY_NAME["right_layers", name]
    subject = adapt(load(case.address))
    data = {key: array.astype(dtype) for key, array in _data(case.layout, 4, 3, 2).items()}

    results = subject.open().run(_given(subject, data))

    assert {str(results[key].dtype) for key in ("Z", "dW", "dX")} == {dtype}
    assert results["db"].shape == (2,)


def test_a_bias_keeps_its_own_shape(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.w, self.b = np.ones((n_in, n_out)), np.zeros((1, n_out))
            def forward(self, x):
                assert self.b.shape == (1, self.w.shape[1])
                self.x = x
                return x @ self.w + self.b
            def backward(self, d):
                self.dw, self.db = self.x.T @ d, d.sum(axis=0, keepdims=True)
                return d @ self.w.T
        """
    )
    data = _data("ni,io->no", 4, 3, 2)

    assert subject.open().run(_given(subject, data))["db"].shape == (2,)
    assert "b is self.b, a row" in subject.facts


def test_an_output_that_backward_overwrites_is_what_it_was(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
            def forward(self, x):
                self.x = x
                self.a = np.tanh(x @ self.w + self.b)
                return self.a
            def backward(self, d):
                self.a *= -self.a
                self.a += 1
                dz = d * self.a
                self.dw, self.db = self.x.T @ dz, dz.sum(axis=0)
                return dz @ self.w.T
        """
    )
    data = _data("ni,io->no", 4, 3, 2)

    A = subject.open().run(_given(subject, data))["A"]

    assert np.array_equal(A, np.tanh(data["X"] @ data["W"] + data["b"]))


def test_what_was_stored_before_a_line_that_raises_is_kept(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
            def forward(self, x):
                self.x = x
                return x @ self.w + self.b
            def backward(self, d):
                self.db = d.sum(axis=0)
                self.dw = d @ self.x.T
                return d @ self.w.T
        """
    )
    data = _data("ni,io->no", 4, 3, 2)

    with pytest.raises(SubjectError) as caught:
        subject.open().run(_given(subject, data))

    assert caught.value.text == "self.dw = d @ self.x.T"
    assert set(caught.value.partial) == {"Z", "db"}
    assert np.array_equal(caught.value.partial["db"], data["dA"].sum(axis=0))


# ---------------------------------------------------------------- gradients that show otherwise

STEPS = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.__w, self.__b = np.ones((n_in, n_out)), np.zeros(n_out)
        def forward(self, x):
            self.x = x
            return x @ self.__w + self.__b
        def backward(self, d, lr):
            out = d @ self.__w.T
            self.__w = self.__w - lr * (self.x.T @ d)
            self.__b -= lr * d.sum(axis=0)
            return out
"""


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_gradient_that_shows_in_a_step_alone_is_exact(adapted: Adapted, dtype: str) -> None:
    subject = adapted(STEPS)
    rng = np.random.default_rng(3)
    data = {
        name: rng.integers(-3, 4, size=shape).astype(dtype)
        for name, shape in {"X": (4, 3), "W": (3, 2), "b": (2,), "dA": (4, 2)}.items()
    }

    results = subject.open().run(_given(subject, data))

    assert subject.names["W"] == "self.__w"
    assert np.array_equal(results["dW"], data["X"].T @ data["dA"])
    assert np.array_equal(results["db"], data["dA"].sum(axis=0))
    assert np.array_equal(results["dX"], data["dA"] @ data["W"].T)
    assert results["dW"].dtype == dtype
    assert any("dW is read from the step" in fact for fact in subject.facts)
    assert subject.lines["dW"][2] == "self.__w = self.__w - lr * (self.x.T @ d)"
    assert subject.lines["db"][2] == "self.__b -= lr * d.sum(axis=0)"


def test_a_step_of_unknown_size_is_not_read(adapted: Adapted) -> None:
    subject = adapted(STEPS.replace("(self, d, lr)", "(self, d)").replace("lr *", "0.01 *"))

    assert subject.provides == ("Z", "dX")
    assert "dW is shown nowhere" in subject.facts


@pytest.mark.parametrize("kept", ["velocity", "delta_w", "before"])
def test_what_is_kept_beside_a_step_is_not_taken_for_the_gradient(
    adapted: Adapted, kept: str
) -> None:
    stored = {
        "velocity": "self.velocity = 0.5 * self.velocity - lr * g",
        "delta_w": "self.delta_w = lr * g",
        "before": "self.before = self.w.copy()",
    }[kept]
    subject = adapted(
        f"""
        class Dense:
            def __init__(self, n_in, n_out):
                self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
                self.velocity = np.zeros((n_in, n_out))
            def forward(self, x):
                self.x = x
                return x @ self.w + self.b
            def backward(self, d, lr):
                out, g = d @ self.w.T, self.x.T @ d
                {stored}
                self.w, self.b = self.w - lr * g, self.b - lr * d.sum(axis=0)
                return out
        """
    )
    session = subject.open()
    for seed in (1, 2):
        data = _data("ni,io->no", 4, 3, 2, seed)
        assert np.array_equal(session.run(_given(subject, data))["dW"], data["X"].T @ data["dA"])


def test_gradients_that_add_up_start_at_zero_each_time(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
                self.grad_w, self.grad_b = np.zeros((n_in, n_out)), np.zeros(n_out)
            def forward(self, x):
                self.x = x
                return x @ self.w + self.b
            def backward(self, d):
                self.grad_w += self.x.T @ d
                self.grad_b += d.sum(axis=0)
                return d @ self.w.T
        """
    )
    session = subject.open()
    for seed in (1, 2):
        data = _data("ni,io->no", 4, 3, 2, seed)
        results = session.run(_given(subject, data))

        assert np.array_equal(results["dW"], data["X"].T @ data["dA"])
        assert np.array_equal(results["db"], data["dA"].sum(axis=0))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("takes_step", [True, False])
def test_a_bias_may_be_a_part_of_the_weights(
    adapted: Adapted, first: bool, takes_step: bool
) -> None:
    line = "out, self.W = d @ self.W[REST].T, self.W - lr * self.x.T @ d; return out"
    if not takes_step:
        line = "self.dW = self.x.T @ d; return d @ self.W[REST].T"
    columns = "ones, x" if first else "x, ones"
    rest = "1:" if first else ":-1"
    subject = adapted(
        f"""
        class Dense:
            def __init__(self, n_in, n_out):
                self.W = np.ones((n_in + 1, n_out))
            def forward(self, x):
                ones = np.ones((len(x), 1))
                self.x = np.hstack([{columns}])
                return self.x @ self.W
            def backward(self, d{", lr" if takes_step else ""}):
                {line.replace("REST", rest)}
        """
    )
    data = _data("ni,io->no", 4, 3, 2)

    results = subject.open().run(_given(subject, data))

    assert subject.names["W"] == f"self.W[{rest}]"
    assert np.array_equal(results["Z"], data["X"] @ data["W"] + data["b"])
    assert np.array_equal(results["dW"], data["X"].T @ data["dA"])
    assert np.array_equal(results["db"], data["dA"].sum(axis=0))


def test_a_dz_stored_under_another_name_is_found_by_its_value(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
            def forward(self, x):
                self.x, self.y = x, np.tanh(x @ self.w + self.b)
                return self.y
            def backward(self, d):
                self.local = d * (1 - self.y**2)
                self.dw, self.db = self.x.T @ self.local, self.local.sum(axis=0)
                return self.local @ self.w.T
        """
    )

    assert subject.names["dZ"] == "self.local"
    assert subject.lines["dZ"][2] == "self.local = d * (1 - self.y**2)"


# ---------------------------------------------------------------- dA or dZ

TAKES = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
        def forward(self, x):
            self.x, self.a = x, 1 / (1 + np.exp(-(x @ self.w + self.b)))
            return self.a
        def backward(self, UPSTREAM):
            self.dw, self.db = self.x.T @ UPSTREAM, UPSTREAM.sum(axis=0)
            return UPSTREAM @ self.w.T
"""


@pytest.mark.parametrize(
    ("argument", "upstream"),
    [("dz", "Z"), ("dZ", "Z"), ("delta", "Z"), ("grad", "A"), ("da", "A"), ("error", "A")],
)
def test_without_the_derivative_the_name_says_what_is_given(
    adapted: Adapted, argument: str, upstream: str
) -> None:
    subject = adapted(TAKES.replace("UPSTREAM", argument))

    assert subject.upstream == upstream
    assert subject.names[f"d{upstream}"] == argument
    assert subject.spec.activation == "sigmoid"


def test_a_mapping_settles_what_is_given(adapted: Adapted) -> None:
    text = TAKES.replace("UPSTREAM", "grad")

    assert adapted(text, mapping={"dZ": "grad"}).upstream == "Z"
    assert adapted(text, mapping={"dA": "grad"}).upstream == "A"


# ---------------------------------------------------------------- what a user says

PLAIN = """
    class Dense:
        def __init__(self, p, q):
            self.first, self.second = np.ones((p, q)), np.ones((p, q))
            self.off = np.zeros(q)
        def forward(self, v):
            self.v = v
            return FORWARD
        def backward(self, r):
            self.one, self.two = self.v.T @ r, r.sum(axis=0)
            return r @ self.second.T
"""
AFFINE = PLAIN.replace("FORWARD", "v @ self.second + self.off")


def test_names_that_say_nothing_are_found_by_values_and_shapes(adapted: Adapted) -> None:
    subject = adapted(AFFINE)

    assert subject.names == {
        "X": "self.v",
        "W": "self.second",
        "b": "self.off",
        "dZ": "r",
        "dW": "self.one",
        "db": "self.two",
    }


def test_a_mapping_overrides_what_would_be_found(adapted: Adapted) -> None:
    subject = adapted(AFFINE, mapping={"W": "second", "dW": "self.two", "X": "v"})

    assert subject.names["dW"] == "self.two"
    assert subject.names["W"] == "self.second"


@pytest.mark.parametrize(
    ("mapping", "message", "hint"),
    [
        ({"W": "self.secnd"}, "'W=self.secnd' maps W", "self.second"),
        ({"dW": "self.ones"}, "'dW=self.ones' maps dW", "self.one"),
        ({"Z": "self.z"}, "'Z=self.z' maps Z", "known are"),
        ({"V": "self.v"}, "no tensor named 'V'", "known are"),
        ({"W": "1 + 1"}, "is no name", "W=self.weights"),
    ],
)
def test_a_mapping_to_nothing_is_refused(
    adapted: Adapted, mapping: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        adapted(AFFINE, mapping=mapping)

    assert message in caught.value.message
    assert hint in caught.value.help


def test_an_unknown_forward_pass_is_not_guessed(adapted: Adapted) -> None:
    text = PLAIN.replace("FORWARD", "np.sin(v @ self.second + self.off)")

    with pytest.raises(NotInferredError) as caught:
        adapted(text)

    assert any("layout ni,io->no, activation tanh" in c for c in caught.value.candidates)
    assert "--layout" in caught.value.help
    assert "--activation" in caught.value.help
    assert "--map W=self.weights" in caught.value.help
    assert "@bp.subject" in caught.value.help
    subject = adapted(text, layout="ni,io->no", activation="tanh")
    assert subject.spec.activation == "tanh"
    assert any("nothing reproduces the forward pass" in fact for fact in subject.facts)


def test_an_approximation_of_an_activation_is_not_taken_for_it(adapted: Adapted) -> None:
    z = "(v @ self.second + self.off)"
    tanh = f"np.tanh(np.sqrt(2 / np.pi) * ({z} + 0.044715 * {z}**3))"
    text = PLAIN.replace("FORWARD", f"0.5 * {z} * (1 + {tanh})")

    with pytest.raises(NotInferredError) as caught:
        adapted(text)

    assert "activation gelu" in caught.value.candidates[0]


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        ("v @ self.second - self.off", "b"),
        ("v @ self.second", "b[o] is missing"),
        ("2 * np.tanh(v @ self.second + self.off)", "times"),
        ("v @ self.second.T + self.off", "W is transposed"),
    ],
)
def test_a_wrong_forward_pass_is_recognised(adapted: Adapted, forward: str, said: str) -> None:
    text = PLAIN.replace("FORWARD", forward).replace("self.off", "self.b")
    text = text.replace("second", "w").replace("first", "memory").replace("p, q", "n_in, n_out")
    text = text.replace("(q)", "(n_out)")

    subject = adapted(text)

    assert subject.spec.layout == "ni,io->no"
    assert subject.names["W"] == "self.w"
    assert any("with a mistake" in fact and said in fact for fact in subject.facts)


def test_a_layout_that_is_asked_for_is_used(adapted: Adapted) -> None:
    text = """
        class Dense:
            def __init__(self, n):
                self.w, self.b = np.ones((n, n)), np.zeros(n)
            def forward(self, x):
                self.x = x
                return x @ self.w.T + self.b
            def backward(self, d):
                self.dw, self.db = d.T @ self.x, d.sum(axis=0)
                return d @ self.w
    """

    assert adapted(text).spec.layout == "ni,oi->no"
    asked = adapted(text, layout="ni,oi->no", scale="mean")
    assert (asked.spec.layout, asked.spec.scale) == ("ni,oi->no", "mean")


def test_a_spec_that_is_given_is_the_spec(adapted: Adapted) -> None:
    spec = dense(layout="ni,io->no", activation="tanh")
    text = PLAIN.replace("FORWARD", "np.tanh(v @ self.second + self.off)")

    subject = adapted(text, spec=spec)

    assert subject.spec is spec
    assert subject.provides == ("A", "dW", "db", "dX")


def test_settings_that_do_not_exist_are_refused(adapted: Adapted) -> None:
    for settings in ({"activation": "tan"}, {"layout": "ni,oo->no"}, {"scale": "max"}):
        with pytest.raises(SpecError):
            adapted(AFFINE, **settings)


# ---------------------------------------------------------------- how layers are called


@pytest.mark.parametrize(
    "parameters",
    ["n_in, n_out", "input_size, hidden_size", "*, fan_in, fan_out", "a, b", "in_dim=3, units=4"],
)
def test_constructors(adapted: Adapted, parameters: str) -> None:
    first, second = (p.split("=")[0] for p in parameters.removeprefix("*, ").split(", "))
    subject = adapted(
        f"""
        class Dense:
            def __init__(self, {parameters}, seed=None, bias=True):
                self.w, self.b = np.ones(({first}, {second})), np.zeros({second})
            def forward(self, x):
                self.x = x
                return x @ self.w + self.b
            def backward(self, d):
                self.dw, self.db = self.x.T @ d, d.sum(axis=0)
                return d @ self.w.T
        """
    )

    assert subject.spec.layout == "ni,io->no"
    assert f"constructed as Dense({first}=inputs, {second}=outputs)" in subject.facts


def test_a_required_activation_is_offered_by_name(adapted: Adapted) -> None:
    subject = adapted(
        """
        KNOWN = {"tanh": np.tanh, "linear": lambda z: z}
        class Dense:
            def __init__(self, shape, activation):
                self.w, self.b = np.ones(shape), np.zeros(shape[1])
                self.g = KNOWN[activation]
            def forward(self, x):
                self.x, self.a = x, self.g(x @ self.w + self.b)
                return self.a
            def backward(self, da):
                dz = da * (1 - self.a**2)
                self.dw, self.db = self.x.T @ dz, dz.sum(axis=0)
                return dz @ self.w.T
        """
    )

    assert subject.spec.activation == "tanh"
    assert "the activation that it is given is tanh" in subject.facts
    assert "constructed as Dense(shape=(inputs, outputs), activation=activation)" in subject.facts


def test_parameters_that_are_objects_with_a_gradient(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Parameter:
            def __init__(self, data):
                self.data, self.grad = data, np.zeros_like(data)
        class Dense:
            def __init__(self, n_in, n_out):
                self.W, self.b = Parameter(np.ones((n_in, n_out))), Parameter(np.zeros(n_out))
            def forward(self, x):
                self.x = x
                return x @ self.W.data + self.b.data
            def backward(self, d):
                self.W.grad, self.b.grad = self.x.T @ d, d.sum(axis=0)
                return d @ self.W.data.T
        """
    )
    data = _data("ni,io->no", 4, 3, 2)

    results = subject.open().run(_given(subject, data))

    assert subject.names["b"] == "self.b.data"
    assert subject.names["dW"] == "self.W.grad"
    assert np.array_equal(results["dW"], data["X"].T @ data["dA"])
    assert np.array_equal(results["db"], data["dA"].sum(axis=0))


def test_parameters_that_the_first_forward_pass_makes(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            def __init__(self, units):
                self.units, self.weights = units, None
            def forward(self, inputs):
                if self.weights is None:
                    self.weights = np.ones((inputs.shape[1], self.units))
                    self.bias = np.zeros((1, self.units))
                self.inputs = inputs
                return inputs @ self.weights + self.bias
            def backward(self, grad):
                return grad @ self.weights.T, (self.inputs.T @ grad, grad.sum(axis=0))
        """
    )
    session = subject.open()
    for n, i, o in ((4, 3, 2), (2, 5, 3)):
        data = _data("ni,io->no", n, i, o)
        results = session.run(_given(subject, data))

        assert np.array_equal(results["Z"], data["X"] @ data["W"] + data["b"])
        assert np.array_equal(results["dW"], data["X"].T @ data["dA"])


def test_a_class_that_is_a_namespace(adapted: Adapted) -> None:
    subject = adapted(
        """
        class Dense:
            @staticmethod
            def forward(x, w, b):
                return x @ w + b
            @staticmethod
            def backward(x, w, b, d):
                return d @ w.T, x.T @ d, d.sum(axis=0)
        """
    )
    data = _data("ni,io->no", 4, 3, 2)

    results = subject.open().run(_given(subject, data))

    assert subject.names["W"] == "w"
    assert np.array_equal(results["dX"], data["dA"] @ data["W"].T)


OBJECTS = """
    class Sigmoid:
        def forward(self, z):
            self.a = 1 / (1 + np.exp(-z))
            return self.a
        def backward(self, d):
            return d * self.a * (1 - self.a)
    class SGD:
        def step(self, value, gradient):
            return value - gradient
    class Dense:
        def __init__(self, n_in, n_out, activation):
            self.w, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
            self.activation = activation
        def forward(self, x):
            self.x = x
            return self.activation.forward(x @ self.w + self.b)
        def backward(self, grad, optimizer):
            dz = self.activation.backward(grad)
            self.dw, self.db = self.x.T @ dz, dz.sum(axis=0)
            dx = dz @ self.w.T
            self.w = optimizer.step(self.w, self.dw)
            return dx
"""


def test_activations_and_optimizers_of_the_same_file_are_offered(adapted: Adapted) -> None:
    subject = adapted(OBJECTS)

    assert subject.spec.activation == "sigmoid"
    assert subject.provides == ("A", "dW", "db", "dX")
    assert "the activation that it is given is Sigmoid" in subject.facts
    assert "the optimizer that it is given is SGD" in subject.facts


def test_an_optimizer_that_nobody_has_is_asked_for(adapted: Adapted) -> None:
    with pytest.raises(UsageError, match=r"what backward takes \(grad, optimizer\)"):
        adapted(OBJECTS.replace("class SGD", "class Rule"))


@pytest.mark.parametrize("use", ["self.use", "self.b is not None"])
def test_a_bias_that_is_switched_off_is_not_missed(adapted: Adapted, use: str) -> None:
    subject = adapted(
        f"""
        class Dense:
            def __init__(self, n_in, n_out, bias=False):
                self.w, self.use = np.ones((n_in, n_out)), bias
                self.b = np.zeros(n_out) if bias else None
            def forward(self, x):
                self.x = x
                return x @ self.w + (self.b if {use} else 0)
            def backward(self, d):
                self.dw = self.x.T @ d
                return d @ self.w.T
        """
    )

    assert ("b" in subject.spec.program.inputs) == (use != "self.use")
    assert not any("mistake" in fact for fact in subject.facts)


def test_a_pair_that_insists_on_a_row(adapted: Adapted) -> None:
    subject = adapted(
        """
        def dense_forward(x, w, b):
            return x @ w + b, (x, w, b)
        def dense_backward(grad, cache):
            x, w, b = cache
            db = grad.sum(axis=0, keepdims=True)
            assert db.shape == b.shape
            return grad @ w.T, x.T @ grad, db
        """,
        name="dense_forward",
    )

    assert subject.provides == ("Z", "dW", "db", "dX")
    assert "b is b, a row" in subject.facts


def test_a_pair_that_passes_everything_on(adapted: Adapted) -> None:
    subject = adapted(
        """
        def step_forward(A_prev, W, b, activation="relu"):
            Z = W @ A_prev + b
            return np.maximum(Z, 0), Z
        def step_backward(dA, W, b, Z, A_prev, activation="relu"):
            dZ = dA * (Z > 0)
            return W.T @ dZ, dZ @ A_prev.T, dZ.sum(axis=1, keepdims=True)
        """,
        name="step_backward",
    )

    assert subject.spec.layout == "oi,in->on"
    assert subject.spec.activation == "relu"
    assert subject.provides == ("Z", "A", "dW", "db", "dX")


def test_what_a_layer_prints_and_warns_of_while_it_is_tried_is_not_shown(
    adapted: Adapted, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PLAIN.replace("FORWARD", "v @ self.second + self.off + self.told()")
    text += "        def told(self):\n            print('here'); warnings.warn('there'); return 0\n"

    subject = adapted("import warnings\n" + textwrap.dedent(text))

    assert subject.spec.layout == "ni,io->no"
    assert capsys.readouterr() == ("", "")


def test_a_class_without_the_passes_says_what_there_is(adapted: Adapted) -> None:
    text = """
        class Dense:
            def forward(self, x): return x
            def backwrd(self, d): return d
    """

    with pytest.raises(UsageError) as caught:
        adapted(text)

    assert caught.value.message == (
        "layers.py:Dense has no backward method; its methods are backwrd, forward"
    )
    assert "'backwrd'" in caught.value.help


def test_a_function_without_its_half_says_what_was_looked_for(adapted: Adapted) -> None:
    with pytest.raises(UsageError) as caught:
        adapted("def dense_forward(x, w, b): return x @ w + b\n", name="dense_forward")

    assert "without its other half" in caught.value.message
    assert "dense_backward" in caught.value.help


def test_an_instance_is_no_subject(adapted: Adapted) -> None:
    with pytest.raises(UsageError, match="instance of Dense"):
        adapted(AFFINE + "\n    LAYER = Dense(2, 3)\n", name="LAYER")


def test_a_name_that_is_nowhere_defined_is_the_layers_own_fault(adapted: Adapted) -> None:
    subject = adapted(PLAIN.replace("FORWARD", "v @ self.second + self.missing"))

    with pytest.raises(SubjectError) as caught:
        subject.open().run(_given(subject, _data("ni,io->no", 4, 3, 2)))

    assert caught.value.stage == "forward"
    assert caught.value.text == "return v @ self.second + self.missing"


def test_a_layer_that_needs_more_than_it_is_given_is_not_blamed(adapted: Adapted) -> None:
    text = PLAIN.replace("FORWARD", "v @ self.second + self.off * self.network.scale")
    text += "    def connect(layer, network): layer.network = network\n"

    with pytest.raises(NotInferredError) as caught:
        adapted(text)

    assert any(
        "'Dense' object has no attribute 'network' at layers.py:9" in candidate
        for candidate in caught.value.candidates
    )


# ---------------------------------------------------------------- what is returned is judged

STORES = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.W, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
        def forward(self, x):
            self.x = x
            self.z = x @ self.W + self.b
            return RETURNED
        def backward(self, d):
            dz = d
            self.dW, self.db = self.x.T @ dz, dz.sum(axis=0)
            return dz @ self.W.T
"""


@pytest.mark.parametrize(
    "returned",
    [
        *("np.where(self.z > 0, self.z, -0.2 * self.z)", "np.round(np.tanh(self.z), 1)"),
        *("self.z / (1 + np.exp(-1.7 * self.z))", "np.clip(self.z, -1, 1)", "self.z**2"),
        *("(self.z + 3) * (self.z > -3)", "(self.z * (self.z % 1 > 0.5), self.z)"),
        *(
            "(self.z, np.where(self.z > 0, self.z, -0.2 * self.z))",
            "[self.z**2, self.z]",
        ),
    ],
)
def test_a_stored_value_is_not_taken_for_what_is_returned(adapted: Adapted, returned: str) -> None:
    with pytest.raises(NotInferredError) as caught:
        adapted(STORES.replace("RETURNED", returned))

    assert "no dense layer with a known activation" in caught.value.message
    assert "--spec" in caught.value.help
    assert "relu(Z[n,o]) - 1/5*relu(-Z[n,o])" in caught.value.help


@pytest.mark.parametrize(
    ("returned", "said"),
    [("2 * self.z", "2 times the right one"), ("self.z.T", "the result is transposed")],
)
def test_a_wrong_form_of_what_is_stored_is_a_wrong_forward_pass(
    adapted: Adapted, returned: str, said: str
) -> None:
    subject = adapted(STORES.replace("RETURNED", returned))
    data = _data("ni,io->no", 4, 3, 2)

    results = subject.open().run(_given(subject, data))

    Z = data["X"] @ data["W"] + data["b"]
    assert any(said in fact for fact in subject.facts)
    assert np.array_equal(results["Z"], 2 * Z if "2" in said else Z.T)


@pytest.mark.parametrize(
    ("returned", "activation", "provides"),
    [
        ("np.maximum(self.z, 0)", "relu", ("Z", "A")),
        ("(np.maximum(self.z, 0), self.z)", "relu", ("Z", "A")),
        ("(self.z, np.maximum(self.z, 0))", "relu", ("Z", "A")),
        ('{"Z": self.z, "A": np.tanh(self.z)}', "tanh", ("Z", "A")),
        ("(self.z, (x, self.W, self.b))", "linear", ("Z",)),
        ("self.z.tolist()", "linear", ("Z",)),
        ("None", "linear", ("Z",)),
    ],
)
def test_the_output_among_what_is_returned(
    adapted: Adapted, returned: str, activation: str, provides: tuple[str, ...]
) -> None:
    subject = adapted(STORES.replace("RETURNED", returned))

    assert (subject.spec.activation or "linear") == activation
    assert subject.provides == (*provides, "dW", "db", "dX")


@pytest.mark.parametrize("settings", [{}, {"layout": "ni,io->no"}])
def test_an_activation_that_is_named_is_that_of_what_is_returned(
    adapted: Adapted, settings: dict[str, str]
) -> None:
    text = STORES.replace("RETURNED", "np.round(np.tanh(self.z), 1)")
    subject = adapted(text, activation="tanh", **settings)
    data = _data("ni,io->no", 4, 3, 2)

    results = subject.open().run(_given(subject, data))

    rounded = np.round(np.tanh(data["X"] @ data["W"] + data["b"]), 1)
    assert np.array_equal(results["A"], rounded)
    assert "Z" not in results


@pytest.mark.parametrize("z", ["z", "self.z"])
@pytest.mark.parametrize(
    "returned", ["np.clip(Z, 0, 6)", "np.clip(Z, 0, 20)", "Z * np.where(Z > 0, 1.0, -0.2)"]
)
def test_few_or_moderate_values_do_not_settle_an_activation(
    adapted: Adapted, z: str, returned: str
) -> None:
    text = STORES.replace("RETURNED", returned.replace("Z", z)).replace("self.z =", f"{z} =")

    with pytest.raises(NotInferredError) as caught:
        adapted(text)

    assert any("activation relu" in candidate for candidate in caught.value.candidates)


def test_a_spec_in_known_functions_is_reproduced(adapted: Adapted) -> None:
    returned = "np.where(self.z > 0, self.z, 0.2 * self.z)"
    text = dense(layout="ni,io->no").text.replace("g(Z[n,o])", "relu(Z[n,o]) - 1/5*relu(-Z[n,o])")

    subject = adapted(STORES.replace("RETURNED", returned), spec=Spec(text))

    assert subject.provides == ("Z", "A", "dW", "db", "dX")
    assert "the forward pass is that of its spec" in subject.facts


def test_what_overflows_on_wide_data_is_still_its_activation(adapted: Adapted) -> None:
    power = "np.exp(np.float32(2) * self.z.astype(np.float32))"
    text = STORES.replace("RETURNED", f"({power} - 1) / ({power} + 1)")

    assert adapted(text).spec.activation == "tanh"


# ---------------------------------------------------------------- gradients in two places

TWICE = """
    class Dense:
        def __init__(self, n_in, n_out):
            self.W, self.b = np.ones((n_in, n_out)), np.zeros(n_out)
        def forward(self, x):
            self.x = x
            return x @ self.W + self.b
        def backward(self, d):
            dW, db, dX = self.x.T @ d, d.sum(axis=0), d @ self.W.T
            BODY
"""


@pytest.mark.parametrize(
    ("body", "factor"),
    [
        ("self.dW, self.db, self.dX = dW, db, dX; return 2 * self.dX", 2),
        ("self.dW, self.db, self.dX = dW, db, 0 * dX; return dX", 1),
        ("self.dW, self.db, self.dX = dW, db, dX; return 2 * self.dX, dW, db", 2),
    ],
)
def test_what_is_returned_is_the_gradient_that_is_passed_on(
    adapted: Adapted, body: str, factor: int
) -> None:
    subject = adapted(TWICE.replace("BODY", body))
    data = _data("ni,io->no", 4, 3, 2)

    results = subject.open().run(_given(subject, data))

    assert np.array_equal(results["dX"], factor * (data["dA"] @ data["W"].T))


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("self.dW, self.db, self.grads = dW, db, {'W': dW / 2}", ("self.dW", "self.grads['W']")),
        ("self.dw, self.dW, self.db = dW, 0 * dW, db", ("self.dw", "self.dW")),
        ("self.dW, self.db, self.grad_b = dW, db, db[:1]", ("self.db", "self.grad_b")),
        ("self.dW, self.db, dW = dW / 2, db, dW; return dX, dW", ("dW", "self.dW")),
    ],
)
def test_two_values_under_the_name_of_one_gradient(
    adapted: Adapted, body: str, places: tuple[str, str]
) -> None:
    text = TWICE.replace("BODY", body if "return" in body else f"{body}; return dX")
    role = "db" if "grad_b" in body else "dW"

    with pytest.raises(NotInferredError) as caught:
        adapted(text)

    assert caught.value.message == (
        f"layers.py:Dense: {role} is shown in two places that differ: {places[0]} and {places[1]}"
    )
    assert f"--map {role}={places[0]}" in caught.value.help
    for place in places:
        assert adapted(text, mapping={role: place}).names[role] == place
        assert adapted(text, mapping={role: place.replace("'", '"')}).names[role] == place


def test_one_value_under_two_names_is_no_doubt(adapted: Adapted) -> None:
    body = "self.dW, self.db, self.grads = dW, db[None], {'W': dW.tolist(), 'b': db}; return dX"

    assert adapted(TWICE.replace("BODY", body)).provides == ("Z", "dW", "db", "dX")


def test_the_caller_resets_what_adds_up(adapted: Adapted) -> None:
    text = TWICE.replace("= np.ones((n_in, n_out)), np.zeros(n_out)", START)
    subject = adapted(text.replace("BODY", "self.dW += dW; self.db = db; return dX"))

    assert subject.assumes == ("the caller sets self.dW to zero before each backward pass",)
    assert "self.dW adds up from call to call and is set to zero before each" in subject.facts
    assert adapted(text.replace("BODY", "self.dW, self.db = dW, db; return dX")).assumes == ()


START = "= np.ones((n_in, n_out)), np.zeros(n_out); self.dW = np.zeros((n_in, n_out))"


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("self.db = db; return dX", {"dW": "computed in line 10 but not kept: `{}`"}),
        ("del dW; self.db = db; return dX", {"dW": "computed in line 10 but not kept: `{}`"}),
        ("self.dW, self.db = dW, db; return dX", {}),
        ("self.dW = dW; return dX", {"db": "computed in line 10 but not kept: `{}`"}),
    ],
)
def test_a_gradient_that_is_computed_and_not_kept(
    adapted: Adapted, body: str, missing: dict[str, str]
) -> None:
    statement = "dW, db, dX = self.x.T @ d, d.sum(axis=0), d @ self.W.T"

    subject = adapted(TWICE.replace("BODY", body))

    assert subject.missing == {k: v.replace("{}", statement) for k, v in missing.items()}
    assert {f"{name} is {why}" for name, why in subject.missing.items()} <= set(subject.facts)


def test_a_gradient_that_is_nowhere(adapted: Adapted) -> None:
    text = TWICE.replace("dW, db, dX = self.x.T @ d, d.sum(axis=0), d @ self.W.T", "pass")

    subject = adapted(text.replace("BODY", "return d @ self.W.T"))

    assert subject.missing == {"dW": "shown nowhere", "db": "shown nowhere"}


@pytest.mark.parametrize("name", ["y", "Y", "y_true", "labels", "label", "targets", "target"])
def test_labels_are_no_gradient(adapted: Adapted, name: str) -> None:
    text = TAKES.replace("UPSTREAM", name)

    with pytest.raises(NotInferredError) as caught:
        adapted(text)

    assert f"takes labels ({name})" in caught.value.message
    assert "a spec with the loss" in caught.value.help
    assert adapted(text, mapping={"dA": name}).names["dA"] == name


@pytest.mark.parametrize("activation", ["linear", "tanh", "softmax"])
def test_the_open_function_of_a_spec_is_found_out(adapted: Adapted, activation: str) -> None:
    returned = {
        "linear": "self.z",
        "tanh": "np.tanh(self.z)",
        "softmax": "np.exp(self.z) / np.exp(self.z).sum(axis=1, keepdims=True)",
    }[activation]
    text = STORES.replace("RETURNED", returned)
    spec = dense(layout="ni,io->no")

    for settings in ({}, {"activation": activation}):
        subject = adapted(text, spec=spec, **settings)
        assert subject.spec.activation == activation
        assert subject.spec.layout == "ni,io->no"
    assert not any("mistake" in fact for fact in subject.facts)


def test_an_open_function_that_is_none_of_the_known_is_asked_for(adapted: Adapted) -> None:
    text = STORES.replace("RETURNED", "np.sin(self.z)")
    spec = dense(layout="ni,io->no")

    with pytest.raises(NotInferredError) as caught:
        adapted(text, spec=spec)

    assert "--activation" in caught.value.help
    assert adapted(text, spec=spec, activation="tanh").spec.activation == "tanh"


# ---------------------------------------------------------------- names and texts


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("dW", "dW dw grad_w grad_weights weights_grad W_grad dweights nabla_w dLdW dl_dW"),
        ("dW", "weightGradient gradWeight deltaLossW _Layer__dw gw dkernel grads_W"),
        ("db", "db dB grad_b bias_grad dbias biases_gradient nabla_b gb dlossdb"),
        ("dX", "dX dx dinputs grad_input gradInput input_gradient dA_prev da_prev dprev din"),
        ("dZ", "dZ dz dpre grad_z"),
        ("dA", "dA da dout dy grad_output output_gradient dh"),
        (None, "w W weights b bias x X inputs data db1x lr cache d grad error m beta1 velocity"),
    ],
)
def test_names_of_gradients(role: str | None, names: str) -> None:
    assert {gradient_role(name) for name in names.split()} == {role}


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("i", "n_in n_inputs in_features input_size fan_in nin in_dim input_dim prev_size"),
        ("o", "n_out units n_neurons out_features output_size fan_out hidden_size nb_outputs"),
        ("n", "m batch_size"),
        (None, "seed rng a b name activation lr"),
    ],
)
def test_names_of_sizes(role: str | None, names: str) -> None:
    assert {size_role(name) for name in names.split()} == {role}


@pytest.mark.parametrize(
    "text", ["self.w", "self.params['W']", "self.layer.w", "self.saved[0]", "self.__w"]
)
def test_a_place_is_written_as_it_is_read(text: str) -> None:
    place = read_place(text)

    assert place is not None
    assert place.show("self") == text


def test_a_place_of_anything_but_names_is_none() -> None:
    assert [read_place(text) for text in ("a + b", "f(x)", "x[i]", "1", "")] == [None] * 5


def test_unset_slots_and_properties_that_raise_are_passed_over() -> None:
    class Layer:
        __slots__ = ("never_set", "weights")

        def __init__(self) -> None:
            self.weights = np.ones(2)

        @property
        def not_yet(self) -> None:
            raise RuntimeError

    assert [place.show("self") for place, _ in walk(Layer())] == ["self.weights"]


def _definition(tmp_path: Path, body: str) -> Definition:
    path = tmp_path / "text.py"
    path.write_text("def f(self, x, w):\n" + textwrap.indent(textwrap.dedent(body), "    "))
    found = Definition.of(load(f"{path}:f").object)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "target", "line", "text"),
    [
        ("self.dw = (\n    x.T\n    @ w\n)", "self.dw", 2, "self.dw = (\n    x.T\n    @ w\n)"),
        ("dw = x; self.dw = dw", "self.dw", 2, "dw = x"),
        ("self.dw = 0\nfor a in x:\n    self.dw += a", "self.dw", 4, "self.dw += a"),
        ("self.dw = 0\nself.dw[0] = x", "self.dw", 3, "self.dw[0] = x"),
        ("self.g['W'] = x", "self.g['W']", 2, "self.g['W'] = x"),
        ("np.add(x, w, out=self.dw)", "self.dw", 2, "np.add(x, w, out=self.dw)"),
        ("self.dw, self.db = x, w", "self.db", 2, "self.dw, self.db = x, w"),
        ("if x:\n    y = 1\nelse:\n    y = 2\nself.dw = y", "self.dw", 5, "y = 2"),
        ("try:\n    self.dw: int = x\nfinally:\n    pass", "self.dw", 3, "self.dw: int = x"),
    ],
)
def test_the_statement_that_computes_something(
    tmp_path: Path, body: str, target: str, line: int, text: str
) -> None:
    definition = _definition(tmp_path, body)

    found = definition.of_target(target)

    assert found is not None
    assert definition.line_of(found.statement)[1:] == (line, text)


def test_what_is_returned_by_name(tmp_path: Path) -> None:
    definition = _definition(tmp_path, "g = {}\ng['dW'] = x\nout = w\nreturn out, g, x.T")

    assert definition.name_returned_at((0,)) == "out"
    assert definition.name_returned_at((2,)) is None
    assert definition.line_of(definition.place_of_return((0,))[0])[2] == "out = w"
    assert definition.line_of(definition.place_of_return((2,))[0])[2] == "return out, g, x.T"


def test_a_function_without_source_has_no_definition() -> None:
    scope: dict[str, Any] = {}
    exec("def f(x): return x", scope)

    assert Definition.of(scope["f"]) is None
    assert Definition.of(len) is None


# ---------------------------------------------------------------- marked functions


def _marked(body: str, arguments: str = "X, W, b, dA") -> str:
    return f"""
        from backproof.spec.library import dense
        from backproof.subjects import subject
        @subject(spec=dense(layout="ni,io->no", activation="relu"), accumulate="float32")
        def layer({arguments}):
            Z = X @ W + b
            {body}
    """


def test_a_marked_function(adapted: Adapted) -> None:
    subject = adapted(_marked('return {"Z": Z, "dW": X.T @ (dA * (Z > 0))}'), name="layer")

    assert (subject.upstream, subject.accumulate) == ("A", "float32")
    assert subject.provides == ("Z", "dW")
    assert subject.lines["Z"][2] == "Z = X @ W + b"


def test_a_marked_function_may_take_dz(adapted: Adapted) -> None:
    text = _marked('return {"dW": X.T @ dZ}', "X, W, b, dZ")

    subject = adapted(text, name="layer")
    data = _data("ni,io->no", 4, 3, 2)

    assert subject.upstream == "Z"
    assert np.array_equal(subject.open().run(_given(subject, data))["dW"], data["X"].T @ data["dA"])


@pytest.mark.parametrize(
    ("arguments", "body", "message"),
    [
        ("X, W, dA, b=0, extra=1", "return {}", "returns no gradient"),
        ("X, W, dA", "b = 0; return {'dW': W}", "does not take b"),
        ("X, W, b, dA, m", "return {'dW': W}", "also asks for m"),
        ("X, W, b", "return {'dW': W}", "takes no upstream gradient"),
    ],
)
def test_a_marked_function_that_cannot_be_called(
    adapted: Adapted, arguments: str, body: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        adapted(_marked(body, arguments), name="layer")

    assert message in caught.value.message


@pytest.mark.parametrize(("key", "near"), [("dw", "dW"), ("dz", "dZ"), ("mask", None)])
def test_a_marked_function_that_returns_an_unknown_key(
    adapted: Adapted, key: str, near: str | None
) -> None:
    text = _marked(f'return {{"dX": dA @ W.T, "{key}": X.T @ dA}}')

    with pytest.raises(UsageError) as caught:
        adapted(text, name="layer")

    assert f"returns '{key}'" in caught.value.message
    assert (f"a near name is {near}" in caught.value.help) == (near is not None)
    assert "known are Z, A, dZ, dW, db, dX" in caught.value.help


def test_a_marked_function_says_what_it_does_not_return(adapted: Adapted) -> None:
    subject = adapted(_marked('return {"dW": X.T @ dA}'), name="layer")

    assert subject.missing == {
        "db": "not among the keys that it returns",
        "dX": "not among the keys that it returns",
    }


def test_a_marked_function_that_raises_or_returns_no_dict(adapted: Adapted) -> None:
    for body, said in (("raise KeyError('w')", "KeyError"), ("return [Z]", "TypeError")):
        with pytest.raises(NotInferredError) as caught:
            adapted(_marked(body), name="layer")
        assert any(said in candidate for candidate in caught.value.candidates)


# ---------------------------------------------------------------- the bundled layers


def test_the_bundled_layers_come_in_every_layout_and_activation() -> None:
    subjects = bundled_subjects()

    pairs = {(s.spec.layout, s.spec.activation) for s in subjects if s.upstream == "A"}
    assert pairs == {(layout, name) for layout in layouts() for name in ACTIVATIONS}
    functions = [s for s in subjects if "dense_backward" in s.label]
    assert {s.spec.layout for s in functions} == set(layouts())
    others = {s.spec.name for s in subjects if s.upstream == "L"}
    assert others == {*losses(), "network of 2"}
    # One by one: the note's layer, and what was counted above.
    assert len(subjects) == 1 + len(pairs) + len(functions) + len(others)


@pytest.mark.parametrize("layout", layouts())
def test_the_bundled_linear_layers_give_the_products(layout: str) -> None:
    for subject in bundled_subjects(layout, "linear"):
        data = _data(layout, 4, 3, 2)

        results = subject.open().run(_given(subject, data))

        inputs, output = layout.split("->")
        W = next(axes for axes in inputs.split(",") if "n" not in axes)
        X = next(axes for axes in inputs.split(",") if "n" in axes)
        upstream = data["dA"]
        assert set(results) == set(subject.provides)
        assert np.array_equal(results["dW"], np.einsum(f"{output},{X}->{W}", upstream, data["X"]))
        assert np.array_equal(results["dX"], np.einsum(f"{output},{W}->{X}", upstream, data["W"]))
        assert np.array_equal(results["db"], np.einsum(f"{output}->o", upstream))


def test_bundled_layers_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match="no activation 'tan'"):
        bundled_subjects(activation="tan")
    with pytest.raises(UsageError, match="no layout 'io->no'"):
        bundled_subjects(layout="io->no")


def test_the_bundled_class_is_found_out_like_any_other() -> None:
    loaded = load("backproof.impl.dense:Dense")
    for layout in layouts():
        for activation in ("softmax", "gelu"):
            subject = adapt(loaded, layout=layout, activation=activation)

            assert (subject.spec.layout, subject.spec.activation) == (layout, activation)
            assert subject.provides == ("Z", "A", "dZ", "dW", "db", "dX")
