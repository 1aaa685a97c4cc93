"""Conditions, extremes, products, affine positions and macros, in every notation.

The values are whole numbers, or halves and quarters, chosen so that float64 holds every result
exactly: printed code, the derivation in exact rational arithmetic, and what ``jax.vjp``
differentiates agree to the last bit. No condition or largest value is met at its kink, save where
a test is about that.
"""

import warnings
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.spec.deriving.explain import explain_latex
from backproof.spec.errors import SpecError
from backproof.spec.layer import Equation, Spec
from backproof.spec.printers.index import index_form
from backproof.spec.printers.registry import NOTATIONS, program_form
from backproof.spec.printers.safe_branches import with_safe_branches
from backproof.spec.terms import Index, apply, entry, number, total, where
from backproof.spec.values.numbers import Rationals
from backproof.spec.values.pointwise import Evaluation

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

jax.config.update("jax_enable_x64", True)

Array = npt.NDArray[np.float64]
CODES = ("numpy", "jax")

SPECS = {
    "convolution": "Z[n,t,d] = sum[k,c](X[n,t+k,c]*K[k,c,d]) + b[d]",
    "two-dimensional convolution": "Z[n,p,q,d] = sum[i,j,c](X[n,p+i,q+j,c]*K[i,j,c,d])",
    "strided convolution": "Z[n,t,d] = sum[k,c](X[n,2*t+k,c]*K[k,c,d])",
    "dilated convolution": "Z[n,t] = sum[k](X[n,t+2*k+1]*K[k])",
    "channels first": "Z[n,d,t] = sum[k,c](X[n,c,t+k]*K[d,c,k])",
    "two convolutions": "H[n,t] = sum[k](X[n,t+k]*K[k])\nZ[n,u] = sum[j](H[n,2*u+j]*J[j])",
    "slice": "Z[n,t] = X[n,3*t+1]",
    "transposed convolution": "Z[n,s] = sum[t,k](Y[n,t]*K[k]*delta[s,2*t+k])",
    "positions as a factor": "Z[n,s,t] = X[n,t]*delta[s,2*t+1]",
    "above the diagonal": "Z[t] = X[t,t+1]*y[t]",
    "two positions of one entry": "Z[t,u] = sum[s](x[s]*delta[s,t+1]*delta[s,2*u])*Y[t,u]",
    "average pooling": "axes k = 2\nZ[n,t,c] = mean[k](X[n,2*t+k,c])",
    "pooling in two dimensions": "axes i = 2, j = 2\nZ[p,q] = mean[i,j](X[2*p+i,2*q+j])",
    "maximum pooling": "axes k = 2\nZ[n,t] = max[k](X[n,2*t+k])",
    "largest entry": "Z[n] = max[o](X[n,o])",
    "smallest entry": "Z[n] = min[o](X[n,o])",
    "largest entry in the middle": "Z[n,c] = max[o](X[n,o,c])",
    "huber loss": "L = mean[n](where(abs(A[n]-Y[n]) > 1, abs(A[n]-Y[n]) - 1/2, (A[n]-Y[n])^2/2))",
    "rectifier": "Z[n,o] = sum[i](X[n,i]*W[i,o]) + b[o]\nA[n,o] = max(Z[n,o], 0)",
    "clipped": "A[n,o] = min(max(X[n,o], -2), 2)",
    "larger of two": "A[n,o] = max(X[n,o], y[o])",
    "condition along one axis": "A[n,o] = where(y[o] > 0, X[n,o], 2*X[n,o])",
    "product": "P[n] = prod[i](X[n,i]*W[i] + 1)",
    "product of entries": "P[i] = prod[n](X[n,i])",
    "masked softmax": "S[n,o] = where(M[n,o] > 0, Z[n,o], -10^9)\nA[n,o] = softmax[o](S[n,o])",
    "logarithm of a part": "A[n,o] = where(Z[n,o] > 0, log(Z[n,o]), Z[n,o] - 1)",
    "macro": "def filtered(X[n,s], K[k]) = sum[k](X[n,t+k]*K[k])\n"
    "def leaky(x) = where(x > 0, x, x/4)\nZ[n,t] = leaky(filtered(X[n,s], K[k]) + b)",
    "convolutional network": "axes j = 2\n"
    "H[n,t,d] = max(sum[k,c](X[n,t+k,c]*K[k,c,d]) + b[d], 0)\n"
    "P[n,u,d] = max[j](H[n,2*u+j,d])\nZ[n,o] = sum[u,d](P[n,u,d]*W[u,d,o])",
}
# Sizes of the axes that do not follow; all others are 2.
SIZES = {"n": 4, "t": 3, "k": 2, "c": 2, "d": 3, "u": 2, "j": 2, "o": 3, "i": 3, "p": 3, "q": 2}
# Exponentials and logarithms are no fractions, and pooled entries that were rectified are equal.
NOT_EVALUATED = ("masked softmax", "logarithm of a part", "convolutional network")


def sizes_of(spec: Spec) -> dict[str, int]:
    return spec.program.consistent({axis: SIZES.get(axis, 2) for axis in spec.program.axes})


def values(name: str, shape: tuple[int, ...]) -> Array:
    """Distinct odd whole numbers of either sign in an order that looks random.

    A matrix of conditions and what a logarithm is taken of have the values that the examples need.
    """
    count = int(np.prod(shape))
    order = np.random.default_rng(sum(map(ord, name))).permutation(count)
    found = (2 * (order - count // 2) + 1).astype(np.float64).reshape(shape)
    if name in ("b", "Y", "y"):
        # Between the odd numbers, and their products and sums: nothing is met at its kink.
        return found + 0.25
    return found


def data(spec: Spec, kind: str = "") -> dict[str, Array]:
    """Inputs and upstream gradients."""
    sizes = sizes_of(spec)
    program = spec.program
    found = {t: values(t, program.shape(t, sizes)) for t in program.inputs}
    if kind == "masked softmax":
        # Two entries of each row remain, and they are equal: each is 1/2.
        found = {"M": np.array([[1.0, -1.0, 2.0]] * 4), "Z": np.array([[3.0, 7.0, 3.0]] * 4)}
    if kind == "logarithm of a part":
        found = {"Z": np.array([[1.0, -1.0, 1.0], [-2.0, 0.0, -3.0]] * 2)}
    for gradient in spec.gradients().values():
        if gradient.is_upstream:
            found[gradient.name] = values(gradient.name, program.shape(gradient.of, sizes))
    return found


def derived(spec: Spec) -> list[Equation]:
    return [e for e in spec.gradients().values() if not e.is_upstream]


def functions(spec: Spec, notation: str) -> tuple[Any, Any]:
    scope: dict[str, Any] = {}
    exec(program_form(spec, notation), scope)
    return scope["forward"], scope["backward"]


def called(spec: Spec, notation: str, given: Mapping[str, Any]) -> dict[str, Any]:
    forward, backward = functions(spec, notation)
    return dict(forward(**{t: given[t] for t in spec.program.inputs})) | dict(backward(**given))


def results(spec: Spec, notation: str, given: Mapping[str, Any]) -> dict[str, Array]:
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        return {k: np.asarray(v) for k, v in called(spec, notation, given).items()}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_notation_writes_every_equation(notation: str, name: str) -> None:
    spec = Spec(SPECS[name])
    for equation in (*spec.statements().values(), *derived(spec)):
        assert equation.form(notation).startswith(
            "<math" if notation == "mathml" else equation.name
        )
        assert equation.expanded().form(notation)


@pytest.mark.parametrize("name", SPECS)
def test_every_derivation_is_explained_in_latex(name: str) -> None:
    for equation in derived(Spec(SPECS[name])):
        assert all(explain_latex(equation))


@pytest.mark.parametrize("name", [n for n in SPECS if n not in NOT_EVALUATED])
def test_code_computes_the_equations_exactly(name: str) -> None:
    spec = Spec(SPECS[name])
    given = data(spec)
    assert_exact(spec, results(spec, "numpy", given), given, sizes_of(spec))


def assert_exact(
    spec: Spec, got: Mapping[str, Array], given: Mapping[str, Array], sizes: Mapping[str, int]
) -> None:
    evaluation = Evaluation(
        spec.derivation,
        Rationals(),
        sizes,
        lambda tensor, position: Fraction(float(given[tensor][position])),
        {},
    )
    equations = [*spec.statements().values(), *derived(spec)]
    assert set(got) == {e.name for e in equations}
    for equation in equations:
        shape = tuple(sizes[i.axis] for i in equation.target.indices)
        assert got[equation.name].shape == shape, equation
        for position in np.ndindex(*shape):
            entry = Fraction(float(got[equation.name][position]))
            assert entry == evaluation.entry(equation.name, position), equation


@pytest.mark.parametrize("name", SPECS)
def test_gradients_are_those_of_the_printed_forward_function(name: str) -> None:
    spec = Spec(SPECS[name])
    given = data(spec, name)
    inputs = list(spec.program.inputs)
    (output,) = spec.program.outputs
    forward, _ = functions(spec, "jax")

    def positional(*arrays: Any) -> Any:
        return forward(**dict(zip(inputs, arrays, strict=True)))[output]

    # Compiled as one: operation by operation, compiling takes most of the time of this file.
    @jax.jit
    def differentiated(arrays: list[Any], upstream: Any) -> Any:
        result, pull = jax.vjp(positional, *arrays)
        return result, pull(upstream)

    upstream = jnp.asarray(given.get(f"d{output}", np.ones(())))
    result, wanted = differentiated([jnp.asarray(given[t]) for t in inputs], upstream)
    for notation in CODES:
        got = results(spec, notation, given)
        assert np.array_equal(got[output], result), notation
        for tensor, gradient in zip(inputs, wanted, strict=True):
            assert np.array_equal(got[f"d{tensor}"], gradient), (notation, tensor)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("notation", CODES)
def test_dtype_is_kept(notation: str, name: str) -> None:
    spec = Spec(SPECS[name])
    given = {k: v.astype(np.float32) for k, v in data(spec, name).items()}
    if notation == "jax":
        # Types are known without compiling.
        got = jax.eval_shape(lambda arrays: called(spec, notation, arrays), given)
    else:
        got = results(spec, notation, given)
    assert {k: str(v.dtype) for k, v in got.items()} == dict.fromkeys(got, "float32")


@pytest.mark.parametrize("name", SPECS)
def test_code_changes_no_argument_and_returns_no_view(name: str) -> None:
    spec = Spec(SPECS[name])
    given = data(spec, name)
    got = results(spec, "numpy", given)
    for tensor, value in data(spec, name).items():
        assert np.array_equal(value, given[tensor]), tensor
        assert not any(np.shares_memory(given[tensor], r) for r in got.values()), tensor


# ---------------------------------------------------------------- affine positions at random


@st.composite
def positioned(draw: st.DrawFn) -> str:
    """A statement with one or two affine positions, at any place of an array."""
    stride, step, offset = (draw(st.integers(low, 3)) for low in (1, 1, 0))
    position = f"{stride}*t+{step}*k+{offset}"
    X = f"X[{','.join(draw(st.permutations(['n', position, 'c'])))}]"
    other = f"Y[{','.join(draw(st.permutations(['n', f't+{step}*k'])))}]"
    value = draw(
        st.sampled_from(
            (
                f"sum[k,c]({X}*K[k,c])",
                f"sum[k]({X}*{other})*v[c]",
                f"sum[c](max[k]({X})*v[c])",
                f"mean[k]({X}) - min[k]({other})",
                f"prod[k]({X} + v[c])",
                f"sum[k](where({X} > {other}, {X}^2, 3*{other}))",
                f"sum[k](abs({X})*max({other}, v[c]))",
                f"max[k](sum[c]({X}*v[c]) + w[k])*U[n,t]",
            )
        )
    )
    kept = ["n", "t"] + ([] if "sum[k,c]" in value or "sum[c]" in value else ["c"])
    left = ",".join(draw(st.permutations(kept)))
    return f"axes k = {draw(st.sampled_from((1, 2, 4)))}\nZ[{left}] = {value}"


@settings(max_examples=35)
@given(positioned())
def test_code_with_affine_positions_computes_the_equations_exactly(text: str) -> None:
    spec = Spec(text)
    given = data(spec)
    # Quarters set what is compared apart: no two values are equal.
    given = {t: v + {"Y": 0.5, "v": 0.25, "w": 0.125}.get(t, 0) for t, v in given.items()}
    assert_exact(spec, results(spec, "numpy", given), given, sizes_of(spec))


# ---------------------------------------------------------------- as they are written


def lines(text: str, notation: str, function: str) -> list[str]:
    """The statements of a printed function, without its document string and its return."""
    code = program_form(Spec(text), notation)
    body = code.split(f"def {function}(")[1].split("\n\n\n")[0].rstrip().split("\n")
    return [line.strip() for line in body[2:-1]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A[n,o] = max(X[n,o], 0)", "A = np.maximum(X, 0)"),
        ("A[n,o] = min(X[n,o], y[o])", "A = np.minimum(y, X)"),
        ("A[n,o] = max(X[n,o], y[n])", "A = np.maximum(X, y[:, None])"),
        ("A[n,o] = where(X[n,o] > Y[n,o], X[n,o], Y[n,o])", "A = np.maximum(X, Y)"),
        ("A[n,o] = where(X[n,o] > Y[n,o], Y[n,o], X[n,o])", "A = np.minimum(X, Y)"),
        ("A[n,o] = where(X[n,o] > 1, X[n,o]^2, 0)", "A = np.where(X > 1, X**2, 0)"),
        ("A[n,o] = where(X[n,o] > 1, 2, 3)", "A = np.where(X > 1, 2, 3).astype(X.dtype)"),
        ("A[n,o] = X[n,o]*where(y[o] > 0, 1, 0)", "A = X * np.where(y > 0, 1, 0).astype(X.dtype)"),
        ("A[n,o] = X[n,o]*where(Y[n,o] > 0, 1, 0)", "A = X * (Y > 0)"),
        ("A[n,o] = X[n,o]*where(Y[n,o] > 0, 0, 1)", "A = X * ~(Y > 0)"),
        ("Z[n] = max[o](X[n,o])", "Z = X.max(axis=1)"),
        ("Z[n] = prod[o](X[n,o])", "Z = X.prod(axis=1)"),
        ("Z = max[n](x[n])", "Z = x.max()"),
        ("Z[n,o] = X[n,o] - max[o1](X[n,o1])", "Z = X - X.max(axis=1, keepdims=True)"),
        ("Z[n,o] = X[n,o]/max[o1](X[n,o1])", "Z = X / X.max(axis=1)[:, None]"),
        ("H[n,o] = hardmax[o](X[n,o])", "H = hardmax(X, axis=1)"),
    ],
)
def test_line_of_numpy(text: str, line: str) -> None:
    (last,) = lines(text, "numpy", "forward")
    assert last == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SPECS["convolution"],
            [
                "k = K.shape[0]",
                "t = X.shape[1] - K.shape[0] + 1",
                'Z = np.einsum("ntkc,kcd->ntd", X[:, np.arange(t)[:, None] + np.arange(k)], K) + b',
            ],
        ),
        (
            SPECS["maximum pooling"],
            [
                "t = (X.shape[1] - 2) // 2 + 1",
                "Z = X[:, 2 * np.arange(t)[:, None] + np.arange(2)].max(axis=2)",
            ],
        ),
        (SPECS["slice"], ["t = (X.shape[1] - 2) // 3 + 1", "Z = X[:, 3 * np.arange(t) + 1]"]),
        (
            "Z[n,t] = sum[k](X[n,t+k]*K[k])*sum[j](Y[n,t+2*j]*J[j])",
            [
                "j = J.shape[0]",
                "k = K.shape[0]",
                "t = min(X.shape[1] - K.shape[0] + 1, Y.shape[1] - 2 * J.shape[0] + 2)",
                "Z = (X[:, np.arange(t)[:, None] + np.arange(k)] * K).sum(axis=2)"
                " * (Y[:, np.arange(t)[:, None] + 2 * np.arange(j)] * J).sum(axis=2)",
            ],
        ),
    ],
)
def test_sizes_that_follow_come_first(text: str, expected: list[str]) -> None:
    assert lines(text, "numpy", "forward") == expected


def test_sizes_that_follow_are_written_out_in_a_single_line() -> None:
    (equation,) = Spec("Z[n,t] = X[n,2*t]").statements().values()
    assert equation.numpy() == "Z = X[:, 2 * np.arange((X.shape[1] - 1) // 2 + 1)]"


def test_a_variable_for_a_size_makes_way_for_a_tensor_of_its_name() -> None:
    text = "Z[n,t] = sum[k](X[n,t+k]*k[k]) + t"
    first, second, _ = lines(text, "numpy", "forward")
    assert (first, second) == ("k_ = k.shape[0]", "t_ = X.shape[1] - k.shape[0] + 1")


def test_what_is_left_over_at_the_end_of_an_array_is_not_used() -> None:
    spec = Spec(SPECS["maximum pooling"])
    X, dZ = np.array([[1.0, 2, 4, 3, 9]]), np.array([[5.0, 6]])
    for notation in CODES:
        got = results(spec, notation, {"X": X, "dZ": dZ})
        assert np.array_equal(got["Z"], [[2, 4]])
        assert np.array_equal(got["dX"], [[0, 5, 6, 0, 0]])


def test_a_size_that_follows_from_no_array_is_an_error() -> None:
    spec = Spec("Z[n,t,u] = X[n,t+u]")
    with pytest.raises(SpecError, match="so its size is unknown"):
        program_form(spec, "numpy")


@pytest.mark.parametrize("notation", CODES)
def test_equal_largest_entries_share_the_gradient(notation: str) -> None:
    X = np.array([[2.0, 7, 7, 1], [3, 3, 3, 3]])
    got = results(Spec(SPECS["largest entry"]), notation, {"X": X, "dZ": np.array([6.0, 8])})
    assert np.array_equal(got["dX"], [[0, 3, 3, 0], [2, 2, 2, 2]])


@pytest.mark.parametrize("notation", CODES)
def test_a_condition_is_false_at_its_kink(notation: str) -> None:
    given = {"X": np.array([[0.0, -0.0, 1]]), "dA": np.array([[5.0, 6, 7]])}
    got = results(Spec("A[n,o] = max(X[n,o], 0)"), notation, given)
    assert np.array_equal(got["dX"], [[0, 0, 7]])


@pytest.mark.parametrize("notation", CODES)
@pytest.mark.parametrize(
    "branch", ["log(X[n])", "sqrt(X[n])", "1/X[n]", "X[n]^(-3/2)", "exp(1000*X[n] - 1000)"]
)
def test_a_branch_that_is_not_taken_warns_of_nothing(branch: str, notation: str) -> None:
    given = {"X": np.array([1.0, 0, -1, -4]), "dA": np.array([1.0, 2, 3, 4])}
    for text in (
        f"A[n] = where(X[n] > 1/2, {branch}, 5)",
        f"A[n] = where(1/2 > X[n], 5, {branch})",
    ):
        if "exp" in branch:
            given["X"] = np.array([1.0, 0, -1, -4])
            text = text.replace("1000*X[n] - 1000", "1000 - 1000*X[n]")
        got = results(Spec(text), notation, given)
        assert np.array_equal(got["A"][1:], [5, 5, 5])
        assert np.array_equal(got["dX"][1:], [0, 0, 0])


def test_an_index_of_the_condition_that_the_branch_binds_is_left_alone() -> None:
    n = Index("n", "n")
    logarithm = apply("log", entry("B", [n]))
    inside = where(entry("x", [n]), total((n,), logarithm), number(0))
    assert with_safe_branches(inside) is inside
    around = total((n,), where(entry("x", [n]), logarithm, number(0)))
    assert index_form(with_safe_branches(around)) == (
        "sum[n](where(x[n] > 0, log(where(x[n] > 0, B[n], 1)), 0))"
    )


@pytest.mark.parametrize(
    ("text", "of", "latex"),
    [
        (SPECS["dilated convolution"], "Z", r"Z_{n,t} = \sum_{k} X_{n,2k+t+1} \, K_{k}"),
        (
            SPECS["average pooling"],
            "Z",
            r"Z_{n,t,c} = \frac{\sum_{k} X_{n,k+2t,c}}{|k|}",
        ),
        (SPECS["maximum pooling"], "Z", r"Z_{n,t} = \max_{k} X_{n,k+2t}"),
        (
            SPECS["maximum pooling"],
            "X",
            r"dX_{n,s} = \sum_{t} dZ_{n,t} \, \sum_{k} \mathbb{1}\left[k = \arg\max_{k_{1}} "
            r"X_{n,k_{1}+2t}\right] \, \delta_{s,k+2t}",
        ),
        ("A[n,o] = max(X[n,o], 0)", "A", r"A = \max\left(X, 0\right)"),
        ("A[n,o] = max(X[n,o], 0)", "X", r"dX = dA \odot \mathbb{1}\left[X > 0\right]"),
        (
            "A[n,o] = 2*where(X[n,o] > 0, X[n,o], Y[n,o])",
            "A",
            r"A = 2 \left(\begin{cases} X & \text{if } X > 0 \\ Y & \text{otherwise} "
            r"\end{cases}\right)",
        ),
        ("P[n,c] = prod[i](X[n,i,c])", "P", r"P_{n,c} = \prod_{i} X_{n,i,c}"),
    ],
)
def test_latex(text: str, of: str, latex: str) -> None:
    spec = Spec(text)
    equation = (spec.gradients() if of in spec.program.inputs else spec.statements())[of]
    assert equation.latex == latex


@pytest.mark.parametrize(
    ("text", "of", "form"),
    [
        ("A[n,o] = max(X[n,o], 0)", "A", "A = max(X, 0)"),
        ("A[n,o] = max(X[n,o], 0)", "X", "dX = dA ⊙ where(X > 0, 1, 0)"),
        ("A[n,o] = max(X[n,o], y[o])", "A", "A = where(X - y > 0, X, y)"),
        ("A[n,o] = max(X[n,o], Y[o,n])", "A", "A = max(X, Y^T)"),
        ("A[n] = where(x[n] > y[n], -(x[n] - y[n]), 0)", "A", "A = where(x > y, -(x - y), 0)"),
        ("P[n] = prod[i](X[n,i])", "P", "P = prod_i(X)"),
        ("Z[n] = max[i](X[n,i])", "X", "dX = dZ ⊙ hardmax_i(X)"),
        ("Z[n,t] = X[n,2*t]", "Z", "Z[n,t] = X[n,2*t]"),
    ],
)
def test_matrix_notation(text: str, of: str, form: str) -> None:
    spec = Spec(text)
    equation = (spec.gradients() if of in spec.program.inputs else spec.statements())[of]
    assert equation.matrix == form


@pytest.mark.parametrize("name", [n for n in SPECS if n != "macro"])
def test_index_notation_of_a_statement_reads_back(name: str) -> None:
    spec = Spec(SPECS[name])
    axes = "".join(f"{line}\n" for line in SPECS[name].split("\n") if line.startswith("axes"))
    text = axes + "\n".join(e.index for e in spec.statements().values())
    assert [e.index for e in Spec(text).statements().values()] == [
        e.index for e in spec.statements().values()
    ]


# ---------------------------------------------------------------- derivatives of derivatives


@pytest.mark.parametrize(
    "name", ["convolution", "strided convolution", "maximum pooling", "product", "rectifier"]
)
def test_code_of_tangents_is_what_jax_pushes_forward(name: str) -> None:
    spec = Spec(SPECS[name])
    given = data(spec)
    inputs = list(spec.program.inputs)
    (output,) = spec.program.outputs
    forward, _ = functions(spec, "jax")

    def positional(*arrays: Any) -> Any:
        return forward(**dict(zip(inputs, arrays, strict=True)))[output]

    directions = {t: values(f"t{t}", given[t].shape) for t in inputs}
    _, wanted = jax.jvp(
        positional,
        [jnp.asarray(given[t]) for t in inputs],
        [jnp.asarray(directions[t]) for t in inputs],
    )
    scope: dict[str, Any] = {}
    exec(program_form(spec.tangent_spec(), "numpy"), scope)
    arrays = {t: given[t] for t in inputs} | {f"t{t}": d for t, d in directions.items()}
    assert np.array_equal(scope["forward"](**arrays)[f"t{output}"], wanted)


@pytest.mark.parametrize(
    "forward",
    [
        "Z[n,t] = sum[k,c](X[n,2*t+k,c]*K[k,c])",
        "axes k = 2\nZ[n,t] = max[k](X[n,2*t+k])",
        "axes k = 2\nZ[n,t] = prod[k](X[n,t+k])",
        "Z[n,t] = where(X[n,t] > 1, X[n,t]^3, 2*X[n,t])",
    ],
)
def test_code_of_hessian_vector_products_is_what_jax_differentiates_twice(forward: str) -> None:
    spec = Spec(f"{forward}\nL = sum[n,t](Z[n,t]^2)")
    given = data(spec)
    inputs = list(spec.program.inputs)
    loss, _ = functions(spec, "jax")

    def gradients(*arrays: Any) -> Any:
        each = range(len(inputs))
        return jax.grad(
            lambda *xs: loss(**dict(zip(inputs, xs, strict=True)))["L"], argnums=tuple(each)
        )(*arrays)

    directions = {t: values(f"t{t}", given[t].shape) for t in inputs}
    _, wanted = jax.jvp(
        gradients,
        [jnp.asarray(given[t]) for t in inputs],
        [jnp.asarray(directions[t]) for t in inputs],
    )
    scope: dict[str, Any] = {}
    exec(program_form(spec.hessian_spec(), "numpy"), scope)
    arrays = {t: given[t] for t in inputs} | {f"t{t}": d for t, d in directions.items()}
    got = scope["forward"](**arrays)
    for tensor, product in zip(inputs, wanted, strict=True):
        assert np.array_equal(got[f"td{tensor}"], product), tensor


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", SPECS)
def test_every_notation_writes_second_derivatives(name: str, notation: str) -> None:
    assert program_form(Spec(SPECS[name]).hessian_spec(), notation)
