"""Derived gradients are what SymPy differentiates, written out at small sizes: proved, not tried.

First every function's derivative in the table against SymPy's, in one variable; then every layer
and loss, whose functions may then be symbols of which only the order of the derivative is known.
"""

from fractions import Fraction

import pytest
import sympy

from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS, FUNCTIONS, formula
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, network
from backproof.spec.scalars import (
    FunctionRule,
    components,
    explicit_gradient,
    explicit_value,
    opaque,
    opaque_function,
    proved_equal,
    sympy_equation,
    sympy_function,
    sympy_term,
)
from backproof.spec.terms import apply, entry

X = sympy.Symbol("x", real=True)
POSITIVE = sympy.Symbol("p", positive=True)


# ---------------------------------------------------------------- one variable


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if not f.kinks])
def test_derivative_of_a_smooth_function(name: str, order: int) -> None:
    at = sympy.Symbol("x", positive=True) if name in ("log", "sqrt") else X
    x = entry("x")
    lower = sympy_function(apply(name, x, order - 1), at)
    assert proved_equal(sympy_function(apply(name, x, order), at), sympy.diff(lower, at))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f.kinks])
def test_derivative_on_either_side_of_a_kink(name: str, order: int) -> None:
    x = entry("x")
    for sign in (1, -1):
        lower = sympy_function(apply(name, x, order - 1), sign * POSITIVE)
        slope = sympy_function(apply(name, x, order), sign * POSITIVE)
        assert proved_equal(slope, sign * sympy.diff(lower, POSITIVE))


def test_the_kinks_are_at_zero() -> None:
    assert {k for f in FUNCTIONS.values() for k in f.kinks} == {Fraction(0)}


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("silu", X / (1 + sympy.exp(-X))),
        ("gelu", X * (1 + sympy.erf(X / sympy.sqrt(2))) / 2),
        ("sigmoid", 1 / (1 + sympy.exp(-X))),
        ("softplus", sympy.log(1 + sympy.exp(X))),
        ("tanh", sympy.tanh(X)),
        ("erf", sympy.erf(X)),
        ("linear", X),
    ],
)
def test_definition(name: str, definition: sympy.Expr) -> None:
    assert proved_equal(sympy_function(apply(name, entry("x")), X), definition)


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("relu", 0 * POSITIVE, POSITIVE),
        ("leaky_relu", -POSITIVE / 100, POSITIVE),
        ("elu", sympy.exp(-POSITIVE) - 1, POSITIVE),
        ("abs", POSITIVE, POSITIVE),
        ("step", 0 * POSITIVE, 1 + 0 * POSITIVE),
        ("sign", -1 + 0 * POSITIVE, 1 + 0 * POSITIVE),
    ],
)
def test_definition_by_cases(name: str, left: sympy.Expr, right: sympy.Expr) -> None:
    term = apply(name, entry("x"))
    assert proved_equal(sympy_function(term, -POSITIVE), left)
    assert proved_equal(sympy_function(term, POSITIVE), right)


def test_every_activation_has_a_definition_here() -> None:
    smooth = {n for n, f in FUNCTIONS.items() if not f.kinks}
    assert {a for a in ACTIVATIONS if a != "softmax"} <= smooth | {
        n for n, f in FUNCTIONS.items() if f.kinks
    }
    assert all(formula(n, 1) is not None for n in FUNCTIONS)


# ---------------------------------------------------------------- layers and losses


def assert_derived(spec: Spec, sizes: dict[str, int], function: FunctionRule) -> None:
    written = components(spec, sizes, function)
    for tensor, gradient in spec.gradients().items():
        found = explicit_gradient(spec, tensor, sizes, function)
        value = written[gradient.name]
        assert found.keys() == value.keys()
        for position, expression in found.items():
            assert proved_equal(value[position], expression), (gradient, position)


@pytest.mark.parametrize("scale", ["sum", "mean"])
@pytest.mark.parametrize("activation", ["g", *ACTIVATIONS])
@pytest.mark.parametrize("layout", layouts())
def test_dense_layer(layout: str, activation: str, scale: str) -> None:
    sizes = {"n": 2, "i": 1, "o": 3} if activation == "softmax" else {"n": 2, "i": 3, "o": 4}
    spec = dense(layout=layout, activation=activation, scale=scale)
    assert_derived(spec, sizes, opaque_function)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus", "silu", "gelu", "erf"])
def test_dense_layer_with_the_function_written_out(activation: str) -> None:
    assert_derived(dense(activation=activation), {"n": 1, "i": 2, "o": 2}, sympy_function)


@pytest.mark.parametrize("loss", losses())
def test_loss(loss: str) -> None:
    assert_derived(named(loss), {"n": 2, "o": 3}, opaque_function)


@pytest.mark.parametrize("layout", layouts())
def test_network_of_two_layers(layout: str) -> None:
    sizes = {"n": 2, "i": 2, "h1": 3, "o": 2}
    assert_derived(network(2, layout=layout), sizes, opaque_function)


@pytest.mark.parametrize("loss", losses())
def test_network_with_a_loss(loss: str) -> None:
    sizes = {"n": 1, "i": 2, "h1": 1, "o": 2}
    spec = network(2, activation=["tanh", "softmax"], loss=loss)
    assert_derived(spec, sizes, opaque_function)


@pytest.mark.parametrize(
    "text",
    [
        "axes o, k: c\nZ[n,o] = X[n,o]/sum[k](X[n,k])",
        "s = sum[i,j](x[i]*M[i,j]*x[j])",
        "t = sum[i](M[i,i]*f'(M[i,i]*c))",
        "Z[n,o] = X[n,o]*sum[m](Y[m,o])^2 - Y[n,o]\naxes n, m: s",
        "A[n] = f(B[n]); B[n] = C[n]*f(C[n]); D = sum[n](A[n]*B[n]*x)",
    ],
)
def test_other_equations(text: str) -> None:
    spec = Spec(text)
    sizes = dict.fromkeys(spec.program.axes, 2)
    assert_derived(spec, sizes, opaque_function)


def test_a_wrong_gradient_is_not_proved() -> None:
    """The prover can say no: each entry of dW against the transposed one, and one off by 0.1%."""
    sizes = {"n": 2, "i": 2, "o": 2}
    spec = dense(activation="tanh")
    value = explicit_value(spec, "dW", sizes)
    found = explicit_gradient(spec, "W", sizes)
    assert not proved_equal(value[0, 1], found[1, 0])
    assert not proved_equal(value[0, 0] * sympy.Rational(1001, 1000), found[0, 0])
    assert not proved_equal(value[0, 0], found[0, 0] + sympy.Rational(1, 10**9))


def test_proved_equal_knows_exponentials() -> None:
    a, b = sympy.symbols("a b", real=True)
    assert proved_equal(sympy.exp(a + 2 * b), sympy.exp(a) * sympy.exp(b) ** 2)
    assert proved_equal(1 / (1 + sympy.exp(-a)), sympy.exp(a) / (1 + sympy.exp(a)))
    assert not proved_equal(sympy.exp(a / 2), sympy.exp(a))
    assert not proved_equal(sympy.tanh(a), sympy.tanh(b))


# ---------------------------------------------------------------- what is returned


def test_explicit_value() -> None:
    def symbol(name: str) -> sympy.Symbol:
        return sympy.Symbol(name, real=True)

    first = symbol("X[0,0]") * symbol("W[0,0]")
    second = symbol("X[0,1]") * symbol("W[0,1]")
    found = explicit_value(dense(), "Z", {"n": 1, "i": 2, "o": 1})
    assert found == {(0, 0): first + second + symbol("b[0]")}
    (value,) = explicit_value(dense(), "dZ", {"n": 1, "i": 1, "o": 1}).values()
    assert value == symbol("dA[0,0]") * opaque("g", 1)(first + symbol("b[0]"))
    assert explicit_value(named("mean_squared_error"), "dL", {"n": 1, "o": 1}) == {(): 1}


def test_opaque_functions_differentiate_to_the_next_order() -> None:
    assert opaque("g")(X**2).diff(X) == 2 * X * opaque("g", 1)(X**2)
    assert str(opaque("g", 2)(X)) == "g''(x)"


def test_equation_over_indices() -> None:
    equation = dense().gradients()["W"].sympy()
    assert str(equation) == "Eq(dW[o, i], Sum(X[n, i]*dZ[n, o], (n, 0, size_n - 1)))"
    assert isinstance(equation.lhs, sympy.Indexed)
    assert equation.rhs.has(sympy.Sum)
    assert str(sympy_equation(named("mean_squared_error").gradients()["L"])) == "Eq(dL, 1)"


def test_term_over_indices() -> None:
    spec = dense(activation="softmax")
    value = sympy_term(spec.statements()["A"].value)
    assert str(value) == "exp(Z[n, o])/Sum(exp(Z[n, o1]), (o1, 0, size_o - 1))"
    (statement,) = Spec("T[j,k] = logsumexp[i](M[i,j])*pi - delta[j,k]/2").statements().values()
    assert str(sympy_term(statement.value)) == (
        "pi*log(Sum(exp(M[i, j]), (i, 0, size_i - 1))) - KroneckerDelta(j, k)/2"
    )


def test_a_step_of_the_derivation_over_indices() -> None:
    chain, slope, *_ = dense().gradients()["b"].steps
    assert str(sympy_term(slope.left)) == "Derivative(Z[n, o1], b[o])"
    assert str(sympy_term(slope.right)) == "KroneckerDelta(o, o1)"
    assert sympy_term(chain.right).has(sympy.Derivative)


def test_sums_over_indices_are_the_explicit_ones() -> None:
    """With numbers for the sizes, and the sums worked out, the symbolic form is the explicit."""
    spec = named("softmax_cross_entropy")
    sizes = {"n": 2, "o": 2}
    equation = spec.gradients()["A"]
    value = sympy_term(equation.value)
    written = explicit_value(spec, "dA", sizes)
    for position, expected in written.items():
        numbers = dict(zip(("n", "k"), position, strict=True)) | {"size_n": 2, "size_o": 2}
        symbols = {s for s in value.free_symbols if str(s) in numbers}
        fixed = value.xreplace({s: sympy.Integer(numbers[str(s)]) for s in symbols})
        fixed = fixed.doit()
        entries = {
            e: sympy.Symbol(f"{e.base}[{','.join(map(str, e.indices))}]", real=True)
            for e in fixed.atoms(sympy.Indexed)
        }
        assert proved_equal(fixed.xreplace(entries), expected)


@pytest.mark.parametrize("sizes", [{"n": 2, "i": 1}, {"n": 2, "i": 1, "o": 0}, {}])
def test_sizes_have_to_be_given(sizes: dict[str, int]) -> None:
    with pytest.raises(SpecError, match=r"the size of axis '[nio]' is a positive whole number"):
        components(dense(), sizes)


def test_unknown_names() -> None:
    sizes = {"n": 1, "i": 1, "o": 1}
    with pytest.raises(SpecError, match="no tensor or gradient is named 'dV'"):
        explicit_value(dense(), "dV", sizes)
    with pytest.raises(SpecError, match="no tensor is named 'dW'"):
        explicit_gradient(dense(), "dW", sizes)


# ---------------------------------------------------------------- conditions, positions, extremes

NOTATION = {
    "convolution": ("Z[n,t] = sum[k,c](X[n,t+k,c]*K[k,c]) + b", {"t": 2, "k": 2, "c": 2}),
    "strided convolution": ("Z[n,t] = sum[k](X[n,2*t+k+1]*K[k])", {"t": 2, "k": 3}),
    "two dimensions": ("Z[p,q] = sum[i,j](X[p+i,q+j]*K[i,j])", {"p": 1, "q": 2, "i": 2, "j": 2}),
    "average pooling": ("axes k = 2\nZ[n,t] = mean[k](X[n,2*t+k])^2", {"t": 2}),
    "maximum pooling": ("axes k = 2\nZ[n,t] = max[k](X[n,2*t+k])", {"t": 2}),
    "largest entry": ("Z[n] = max[o](X[n,o]*w[o])", {"o": 3}),
    "smallest entry": ("Z[n] = min[o](X[n,o])", {"o": 3}),
    "huber": ("L = mean[n](where(abs(A[n]) > 1, abs(A[n]) - 1/2, A[n]^2/2))", {"n": 3}),
    "rectifier": ("Z[n] = sum[i](X[n,i]*w[i])\nA[n] = max(Z[n], 0)", {"i": 2}),
    "product": ("P[n] = prod[i](X[n,i]*w[i] + 1)", {"i": 3}),
    "masked softmax": (
        "E[n,o] = where(M[n,o] > 0, exp(Z[n,o]), 0)\nA[n,o] = E[n,o]/sum[o1](E[n,o1])",
        {"n": 1, "o": 3},
    ),
}


def at_values(expression: sympy.Expr, seed: int) -> sympy.Expr:
    """An expression at distinct rational values of either sign: no kink is met."""
    symbols = sorted(expression.free_symbols, key=str)
    values = {
        x: sympy.Rational((seed * 37 + 2 * sum(map(ord, str(x))) * 29) % 101 * 2 - 101, 16)
        for x in symbols
    }
    return expression.xreplace(values)


@pytest.mark.parametrize("name", NOTATION)
def test_gradient_of_the_notation_is_what_sympy_differentiates(name: str) -> None:
    text, sizes = NOTATION[name]
    spec = Spec(text)
    given = {"n": 2} | sizes
    derived = components(spec, given)
    for tensor in spec.program.inputs:
        expected = explicit_gradient(spec, tensor, given)
        assert expected.keys() == derived[f"d{tensor}"].keys()
        for position, gradient in expected.items():
            difference = derived[f"d{tensor}"][position] - gradient
            for seed in range(5):
                assert sympy.simplify(at_values(difference, seed)) == 0, (tensor, position)


def test_size_that_follows_need_not_be_given() -> None:
    spec = Spec("axes k = 3\nZ[t] = max[k](X[2*t+k])")
    assert len(explicit_value(spec, "X", {"t": 2})) == 5


def test_size_of_a_position_is_needed() -> None:
    with pytest.raises(SpecError, match="axis 't'"):
        components(Spec("axes k = 3\nZ[t] = max[k](X[2*t+k])"), {})


def test_equal_largest_values_share_explicitly() -> None:
    spec = Spec("H[o] = hardmax[o](X[o])")
    found = explicit_value(spec, "H", {"o": 3})
    x = [sympy.Symbol(f"X[{k}]", real=True) for k in range(3)]
    for values, shares in (
        ((1, 3, 2), (0, 1, 0)),
        ((3, 3, 2), (sympy.S.Half, sympy.S.Half, 0)),
        ((3, 3, 3), (sympy.Rational(1, 3),) * 3),
    ):
        at = dict(zip(x, map(sympy.Integer, values), strict=True))
        assert tuple(found[(k,)].xreplace(at) for k in range(3)) == shares


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("axes k = 2\nZ[t] = sum[k](X[2*t+k])", "Sum(KroneckerDelta(k + 2*t, s)*X[s], (k, 0, 1), "),
        ("Z[n] = where(x[n] > 1, x[n], 0)", "Piecewise((x[n], x[n] > 1), (0, True))"),
        ("Z[n] = prod[i](X[n,i])", "Product(X[n, i], (i, 0, size_i - 1))"),
        ("Z[n] = max[i](X[n,i])", "max(X[n, i], (i, 0, size_i - 1))"),
        ("Z[i] = hardmax[i](x[i])", "hardmax(x[i1], (i1, 0, size_i - 1), i)"),
    ],
)
def test_equation_of_the_notation_over_indices(text: str, shown: str) -> None:
    (equation,) = Spec(text).statements().values()
    assert shown in str(sympy_equation(equation).rhs)
