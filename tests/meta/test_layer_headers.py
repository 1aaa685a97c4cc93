"""The labels of the hand-written layers are true, judged without backproof.

The data are multiples of 2^-20 with at most 22 significant bits, the bias an odd multiple of
2^-41, and the batch a power of two. So every sum of products of a linear layer is a multiple of
2^-41 below 2^11, which float64 holds: whatever the order of summation, a right linear layer
gives the reference to the last bit, and no Z is the kink at zero.

With an activation, the reference has g(z) and g'(z) from ball arithmetic of 200 bits, and the
bound is that of a chain of at most three elementary functions, each within 4 ulp = 8 u of a
result of at most max(1, |z|), and eight roundings: 32 u max(1, |z|) in all, for g as for g',
carried through the products after it (Higham, Accuracy and Stability of Numerical Algorithms,
2nd ed., section 3.1, eq. 3.5 with gamma_n).
"""

import ast
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import flint
import numpy as np
import numpy.typing as npt
import pytest

from tests.layer_headers import (
    ACTIVATIONS,
    KINDS,
    LAYOUTS,
    HeaderError,
    LayerCase,
    all_layers,
    read_layer,
)

Array = npt.NDArray[np.float64]

TESTS = Path(__file__).parents[1]
RIGHT = all_layers(TESTS / "right_layers")
WRONG = all_layers(TESTS / "wrong_layers")

U = 2.0**-53
U32 = 2.0**-24
DISTINCT = ((2, 3, 4), (4, 2, 3), (8, 5, 3))
EQUAL = {
    "i=o": ((2, 3, 3), (4, 5, 5)),
    "n=i": ((2, 2, 3), (4, 4, 3)),
}
DIAGNOSED_FIRST = (
    "transposed",
    "operands-swapped",
    "missing-activation-derivative",
    "derivative-at-output",
    "missing-sum",
    "wrong-axis",
    "wrong-scale",
    "wrong-sign",
)


def _name(case: LayerCase) -> str:
    return case.path.stem


@pytest.fixture(autouse=True)
def _precise_balls() -> Iterator[None]:
    before = flint.ctx.prec
    flint.ctx.prec = 200
    yield
    flint.ctx.prec = before


# The reference


def _logistic(z: Any) -> Any:
    return 1 / (1 + (-z).exp())


def _normal_density(z: Any) -> Any:
    return (-z * z / 2).exp() / (2 * flint.arb.pi()).sqrt()


def _normal_distribution(z: Any) -> Any:
    return (1 + (z / flint.arb(2).sqrt()).erf()) / 2


SLOPE = flint.arb(0.01)

# g and g' by the name of the activation
FUNCTIONS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "linear": (lambda z: z, lambda z: flint.arb(1)),
    "sigmoid": (_logistic, lambda z: _logistic(z) * _logistic(-z)),
    "tanh": (lambda z: z.tanh(), lambda z: 1 / z.cosh() ** 2),
    "relu": (lambda z: z if z > 0 else flint.arb(0), lambda z: flint.arb(int(z > 0))),
    "leaky_relu": (
        lambda z: z if z > 0 else SLOPE * z,
        lambda z: flint.arb(1) if z > 0 else SLOPE,
    ),
    "elu": (lambda z: z if z > 0 else z.expm1(), lambda z: flint.arb(1) if z > 0 else z.exp()),
    "softplus": (lambda z: z.exp().log1p(), _logistic),
    "silu": (
        lambda z: z * _logistic(z),
        lambda z: _logistic(z) + z * _logistic(z) * _logistic(-z),
    ),
    "gelu": (
        lambda z: z * _normal_distribution(z),
        lambda z: _normal_distribution(z) + z * _normal_density(z),
    ),
}


def _entrywise(function: Callable[[Any], Any], z: Array) -> Array:
    values = [float(function(flint.arb(float(entry))).mid()) for entry in z.ravel()]
    return np.array(values, dtype=np.float64).reshape(z.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """One layer's inputs; rows are samples and W is (i, o), whatever the layout."""

    X: Array
    W: Array
    b: Array
    dA: Array

    def in_layout(self, layout: str) -> dict[str, Array]:
        columns = layout == "oi,in->on"
        return {
            "X": _contiguous(self.X.T if columns else self.X),
            "W": _contiguous(self.W if layout == "ni,io->no" else self.W.T),
            "b": self.b.copy(),
            "dA": _contiguous(self.dA.T if columns else self.dA),
        }


def _contiguous(array: Array) -> Array:
    return np.array(array, dtype=np.float64, order="C", copy=True)


def _data(n: int, i: int, o: int, *, seed: int, bias: bool = True) -> Data:
    rng = np.random.default_rng((seed, n, i, o))
    unit = 2.0**-20

    def multiples(*shape: int, below: int) -> Array:
        magnitude = rng.integers(1, below, size=shape)
        return np.asarray(magnitude * rng.choice((-1, 1), size=shape) * unit, dtype=np.float64)

    odd = 2 * rng.integers(-(2**40), 2**40, size=o) + 1
    return Data(
        X=multiples(n, i, below=2**21),
        W=multiples(i, o, below=2**20),
        b=np.asarray(odd * 2.0**-41 if bias else np.zeros(o), dtype=np.float64),
        dA=multiples(n, o, below=2**21),
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """A value, and how far from it a right implementation in float64 may be."""

    value: Array
    bound: Array


def _reference(case: LayerCase, data: Data, shown: Mapping[str, Any]) -> dict[str, Expected]:
    """All quantities; those in `shown` (Z, dZ) are taken as the layer computed them."""
    n, i, o = data.X.shape[0], data.X.shape[1], data.W.shape[1]
    columns = case.layout == "oi,in->on"
    gradient_unit = U if case.dtype_policy is None else U32
    exact = case.dtype_policy is None

    def products(terms: int, magnitudes: Array) -> Array:
        # Each input may be rounded once before, hence two more than the sum's own factors
        k = (terms + 3) * gradient_unit
        return np.zeros_like(magnitudes) if exact else k / (1 - k) * magnitudes

    z = data.X @ data.W + data.b
    z_bound = products(i + 1, np.abs(data.X) @ np.abs(data.W) + np.abs(data.b))
    own_z = np.asarray(shown["Z"], dtype=np.float64) if "Z" in shown else None
    at = z if own_z is None else (own_z.T if columns else own_z)
    g, derivative = FUNCTIONS[case.activation]
    smooth = 32 * U * np.maximum(1, np.abs(at))
    if case.activation in ("linear", "relu"):
        smooth = np.zeros_like(at)
    a, slope = _entrywise(g, at), _entrywise(derivative, at)

    own_dz = np.asarray(shown["dZ"], dtype=np.float64) if "dZ" in shown else None
    dz = data.dA * slope
    dz_bound = np.abs(data.dA) * (smooth + (2 * U * np.abs(slope) if smooth.any() else 0))
    if own_dz is not None:
        follows, follows_bound = (own_dz.T if columns else own_dz), np.zeros_like(dz)
    else:
        follows, follows_bound = dz, dz_bound

    rounded = bool(smooth.any())

    def sums(terms: int, left: Array, right: Array) -> Array:
        """The bound of a product after dZ: the layer's rounding and the reference's."""
        magnitudes = left @ right
        if not rounded:
            return products(terms, magnitudes)
        k = (terms + 2) * U
        return 2 * k / (1 - k) * magnitudes

    x, w = np.abs(data.X), np.abs(data.W)
    p = np.abs(follows) + follows_bound
    one = np.ones((1, n))
    scale = n if case.scale == "mean" else 1
    rows = {
        "Z": (z, z_bound),
        "A": (a, smooth),
        "dZ": (dz, dz_bound),
        "dW": (
            data.X.T @ follows / scale,
            (x.T @ follows_bound + sums(n, x.T, p)) / scale,
        ),
        "db": (
            (one @ follows)[0] / scale,
            (one @ follows_bound + sums(n, one, p))[0] / scale,
        ),
        "dX": (follows @ data.W.T, follows_bound @ w.T + sums(o, p, w.T)),
    }
    transposed = {"dW"} if case.layout != "ni,io->no" else set()
    if columns:
        transposed |= {"Z", "A", "dZ", "dX"}
    return {
        name: Expected(value.T, bound.T) if name in transposed else Expected(value, bound)
        for name, (value, bound) in rows.items()
    }


# Driving a layer


def _stub() -> ModuleType:
    """Stands in for backproof: its decorator marks, and does not change, a function."""
    stub = ModuleType("backproof")
    stub.__dict__["dense"] = lambda **_: None
    stub.__dict__["subject"] = lambda **_: lambda function: function
    return stub


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[LayerCase, str], dict[str, Any]]:
    """Runs a layer's source in a module of its own and returns the module's names."""

    def load_source(case: LayerCase, source: str) -> dict[str, Any]:
        module = ModuleType(f"layer_{case.path.stem}")
        monkeypatch.setitem(sys.modules, "backproof", _stub())
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, str(case.path), "exec"), module.__dict__)
        return module.__dict__

    return load_source


Load = Callable[[LayerCase, str], dict[str, Any]]
SHOWN = ("Z", "A", "dZ", "dW", "db", "dX")


def _make(case: LayerCase, names: dict[str, Any], data: Data) -> dict[str, Any]:
    n, i = data.X.shape
    scope = {**names, **data.in_layout(case.layout), "n": n, "i": i, "o": data.W.shape[1]}
    exec(case.make, scope)
    return scope


def _call(case: LayerCase, scope: dict[str, Any], data: Data) -> dict[str, Any]:
    inputs = data.in_layout(case.layout)
    scope.update(inputs)
    exec(case.how, scope)
    return {name: scope[name] for name in SHOWN if name in scope}


def _wrong(case: LayerCase, data: Data, got: Mapping[str, Any], *, own: bool) -> set[str]:
    shown = {name: got[name] for name in ("Z", "dZ") if own and name in got}
    reference = _reference(case, data, shown)
    return {name for name, value in got.items() if not _agrees(name, value, reference[name])}


def _agrees(name: str, got: Any, expected: Expected) -> bool:
    if got is None:
        return False
    array = np.asarray(got, dtype=np.float64)
    if name == "db" and array.size == expected.value.size and max(array.shape) == array.size:
        # A bias is a vector, a row or a column, and its gradient may be another of these
        array = array.reshape(expected.value.shape)
    return array.shape == expected.value.shape and bool(
        (np.abs(array - expected.value) <= expected.bound).all()
    )


def _assert_arguments_unchanged(case: LayerCase, scope: dict[str, Any], data: Data) -> None:
    for name, value in data.in_layout(case.layout).items():
        assert np.array_equal(scope[name], value), name


def _mended(case: LayerCase) -> str:
    """The source with each wrong statement replaced by its correction."""
    text = case.path.read_text(encoding="utf-8")
    lines = text.splitlines()
    edits = sorted(zip(case.lines, case.correction, strict=True), reverse=True)
    for number, correction in edits:
        statement = _statement_at(text, number)
        first, last = statement.lineno - 1, statement.end_lineno
        assert last is not None
        indent = lines[first][: statement.col_offset]
        lines[first:last] = textwrap.indent(correction, indent).splitlines()
    return "\n".join(lines) + "\n"


def _statement_at(source: str, number: int) -> ast.stmt:
    statements = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and node.lineno == number
    ]
    assert len(statements) == 1, f"line {number} starts {len(statements)} statements"
    return statements[0]


# The labels


@pytest.mark.parametrize("case", RIGHT, ids=_name)
def test_right_layers_agree(case: LayerCase, load: Load) -> None:
    names = load(case, case.path.read_text(encoding="utf-8"))
    for n, i, o in (*DISTINCT, (1, 3, 2), (4, 4, 4)):
        data = _data(n, i, o, seed=1, bias=case.bias)

        got = _call(case, _make(case, names, data), data)

        assert case.verdict == "holds"
        assert {"dW", "dX"} <= got.keys()
        assert ("db" in got) == case.bias
        assert _wrong(case, data, got, own=False) == set()


@pytest.mark.parametrize("case", RIGHT, ids=_name)
def test_right_layers_can_be_used_again(case: LayerCase, load: Load) -> None:
    names = load(case, case.path.read_text(encoding="utf-8"))
    scope = _make(case, names, _data(4, 3, 2, seed=2, bias=case.bias))
    for n in (4, 2, 8):
        data = _data(n, 3, 2, seed=3, bias=case.bias)
        assert _wrong(case, data, _call(case, scope, data), own=False) == set()


@pytest.mark.parametrize("case", RIGHT, ids=_name)
def test_right_layers_leave_their_arguments_alone(case: LayerCase, load: Load) -> None:
    names = load(case, case.path.read_text(encoding="utf-8"))
    data = _data(4, 3, 2, seed=4, bias=case.bias)
    scope = _make(case, names, data)

    _call(case, scope, data)

    _assert_arguments_unchanged(case, scope, data)


@pytest.mark.parametrize("case", [case for case in RIGHT if case.scale == "sum"], ids=_name)
def test_right_layers_take_an_empty_batch(case: LayerCase, load: Load) -> None:
    names = load(case, case.path.read_text(encoding="utf-8"))
    data = _data(0, 3, 2, seed=5, bias=case.bias)

    got = _call(case, _make(case, names, data), data)

    assert _wrong(case, data, got, own=False) == set()


@pytest.mark.parametrize("case", WRONG, ids=_name)
def test_wrong_layers_differ_where_the_label_says(case: LayerCase, load: Load) -> None:
    names = load(case, case.path.read_text(encoding="utf-8"))
    for n, i, o in DISTINCT if case.needs is None else EQUAL[case.needs]:
        data = _data(n, i, o, seed=6, bias=case.bias)
        scope = _make(case, names, data)
        got = _call(case, scope, data)
        if case.repeat:
            assert _wrong(case, data, got, own=False) == set()
            data = _data(n, i, o, seed=7, bias=case.bias)
            got = _call(case, scope, data)

        assert case.verdict == "refuted"
        assert _wrong(case, data, got, own=False) == set(case.quantities)
        assert _wrong(case, data, got, own=True) == set(case.root)


@pytest.mark.parametrize("case", [case for case in WRONG if case.needs is not None], ids=_name)
def test_layers_that_need_equal_sizes_raise_at_others(case: LayerCase, load: Load) -> None:
    names = load(case, case.path.read_text(encoding="utf-8"))
    assert case.needs is not None
    for n, i, o in (*DISTINCT, *(sizes for key in EQUAL for sizes in EQUAL[key])):
        equal = {"i=o": i == o, "n=i": n == i}
        if equal[case.needs]:
            continue
        data = _data(n, i, o, seed=8, bias=case.bias)
        scope = _make(case, names, data)
        with pytest.raises(ValueError):
            _call(case, scope, data)


@pytest.mark.parametrize("case", WRONG, ids=_name)
def test_the_correction_mends_the_layer(case: LayerCase, load: Load) -> None:
    names = load(case, _mended(case))
    for n, i, o in DISTINCT:
        scope = _make(case, names, _data(n, i, o, seed=9, bias=case.bias))
        for seed in (9, 14):
            data = _data(n, i, o, seed=seed, bias=case.bias)
            assert _wrong(case, data, _call(case, scope, data), own=False) == set()
            _assert_arguments_unchanged(case, scope, data)


@pytest.mark.parametrize("case", [case for case in WRONG if case.scale == "sum"], ids=_name)
def test_the_correction_mends_the_layer_for_an_empty_batch(case: LayerCase, load: Load) -> None:
    data = _data(0, 3, 2, seed=13, bias=case.bias)

    got = _call(case, _make(case, load(case, _mended(case)), data), data)

    assert _wrong(case, data, got, own=False) == set()


@pytest.mark.parametrize("case", [case for case in WRONG if len(case.mistakes) > 1], ids=_name)
def test_every_one_of_several_corrections_is_needed(case: LayerCase, load: Load) -> None:
    assert case.needs is not None
    n, i, o = EQUAL[case.needs][0]
    data = _data(n, i, o, seed=10, bias=case.bias)
    for left_out in range(len(case.mistakes)):
        text = case.path.read_text(encoding="utf-8").splitlines()
        for place, (number, correction) in enumerate(zip(case.lines, case.correction, strict=True)):
            if place != left_out:
                line = text[number - 1]
                text[number - 1] = line[: len(line) - len(line.lstrip())] + correction
        names = load(case, "\n".join(text) + "\n")
        wrong = _wrong(case, data, _call(case, _make(case, names, data), data), own=False)
        assert wrong == {case.quantities[left_out]}


def test_there_are_enough_layers_of_every_kind() -> None:
    kinds = Counter(kind for case in WRONG for kind in case.mistakes)

    assert len(RIGHT) >= 36
    assert len(WRONG) >= 36
    assert all(kinds[kind] >= 3 for kind in DIAGNOSED_FIRST), kinds
    assert set(kinds) == set(KINDS)
    assert {case.layout for case in RIGHT} == {case.layout for case in WRONG} == set(LAYOUTS)
    assert {case.activation for case in RIGHT} == set(ACTIVATIONS)
    assert [_name(case) for case in WRONG if len(case.mistakes) > 1] == ["note_layer_dense"]


# The reference itself


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_derivatives_are_those_of_the_functions(activation: str) -> None:
    g, derivative = FUNCTIONS[activation]
    h = flint.arb(2) ** -60
    for z in map(flint.arb, (-3.75, -1.5, -0.5, 0.25, 1.0, 4.5)):
        quotient = (g(z + h) - g(z)) / h
        # |g''| <= 1 for each of these functions away from kinks, so that by Taylor's theorem
        # the quotient is at most h / 2 from g'
        assert abs(quotient - derivative(z)) < h


def test_the_reference_agrees_with_a_sum_written_out() -> None:
    case = next(case for case in RIGHT if case.path.stem == "matmul_dense")
    data = _data(2, 3, 4, seed=11)
    reference = _reference(case, data, {})
    for i in range(3):
        assert reference["db"].value[i] == data.dA[0, i] + data.dA[1, i]
        for o in range(4):
            terms = [data.X[n, i] * data.dA[n, o] for n in range(2)]
            assert reference["dW"].value[i, o] == terms[0] + terms[1]
    for n in range(2):
        for i in range(3):
            total = sum(data.dA[n, o] * data.W[i, o] for o in range(4))
            assert reference["dX"].value[n, i] == total


def test_one_bit_is_seen_in_a_linear_layer() -> None:
    case = next(case for case in RIGHT if case.path.stem == "matmul_dense")
    data = _data(4, 3, 2, seed=12)
    reference = _reference(case, data, {})
    for name in ("Z", "dW", "db", "dX"):
        value = reference[name].value.copy()
        assert _agrees(name, value, reference[name])
        value.flat[-1] = np.nextafter(value.flat[-1], np.inf)
        assert not _agrees(name, value, reference[name])


# The parser

GOOD = """\
# subject: Dense
# layout: ni,io->no
# activation: linear
# scale: sum
# verdict: refuted
# quantity: dW, db
# mistake: wrong-scale
# correction: dW = x.T @ d
# line: 3
# make: layer = Dense(i, o)
# how: Z = layer.forward(X)
# how: dX = layer.backward(dA)

import numpy as np
"""


def _read(folder: Path, text: str) -> LayerCase:
    path = folder / "layer.py"
    path.write_text(text, encoding="utf-8")
    return read_layer(path)


def test_a_header_is_read(tmp_path: Path) -> None:
    case = _read(tmp_path, GOOD)

    assert case.address == f"{tmp_path / 'layer.py'}:Dense"
    assert case.spec == "dense"
    assert case.quantities == case.root == ("dW", "db")
    assert case.mistakes == ("wrong-scale",)
    assert case.correction == ("dW = x.T @ d",)
    assert case.lines == (3,)
    assert case.how == "Z = layer.forward(X)\ndX = layer.backward(dA)"
    assert (case.dtype_policy, case.needs, case.options) == (None, None, ())
    assert (case.bias, case.repeat) == (True, False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# scale: sum", "#scale: sum", "is no '# key: value'"),
        ("# scale: sum", "# scle: sum", "the key 'scle' is unknown"),
        ("# scale: sum\n", "", "the header has no 'scale'"),
        ("# scale: sum", "# scale: sum\n# scale: sum", "the key 'scale' is repeated"),
        ("# scale: sum", "# scale: max", "scale='max' is none of sum, mean"),
        ("io->no", "io->on", "layout='ni,io->on' is none of"),
        ("linear", "square", "activation='square' is none of"),
        ("dW, db", "dW, dc", "quantity='dc' is none of"),
        ("wrong-scale", "wrong", "mistake='wrong' is none of"),
        ("refuted", "wrong", "verdict='wrong' is none of"),
        ("refuted", "holds", "'quantity' goes with verdict 'refuted'"),
        ("# quantity: dW, db\n", "", "'quantity' goes with verdict 'refuted'"),
        ("# line: 3", "# line: three", "line='three' is no line number"),
        ("# line: 3", "# line: 3\n# line: 4", "each mistake takes one correction and one line"),
        ("# line: 3", "# line: 3\n# needs: n=o", "needs='n=o' is none of"),
        ("# line: 3", "# line: 3\n# bias: maybe", "bias='maybe' is none of"),
        ("# line: 3", "# line: 3\n# repeat: maybe", "repeat='maybe' is none of"),
        ("# line: 3", "# line: 3\n# also: wrong", "also='wrong' is none of"),
    ],
)
def test_a_bad_header_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(HeaderError) as caught:
        _read(tmp_path, GOOD.replace(old, new))

    assert message in str(caught.value)


def test_a_folder_is_read_in_order_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HeaderError, match="no Python file"):
        all_layers(tmp_path)
    for name in ("b", "a"):
        (tmp_path / f"{name}.py").write_text(GOOD, encoding="utf-8")

    assert [case.path.stem for case in all_layers(tmp_path)] == ["a", "b"]
