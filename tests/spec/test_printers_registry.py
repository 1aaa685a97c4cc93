"""The registry of notations, the index form's round trip, and what importing the package loads."""

import subprocess
import sys

import pytest

from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, dense_l, layouts, losses, named, network
from backproof.spec.notation.elaborate import Lowering
from backproof.spec.notation.parser import parse_claim
from backproof.spec.printers.index import index_equation
from backproof.spec.printers.registry import NOTATIONS, equation_form, program_form
from backproof.spec.source import Source
from backproof.spec.terms import Mul, Power, Term, indices_in, mul, rebuild

EVERY = (
    *(
        dense(layout=layout, activation=activation, scale=scale)
        for layout in layouts()
        for activation in ("g", *ACTIVATIONS)
        for scale in ("sum", "mean")
    ),
    *map(named, losses()),
    *(network(3, layout=layout, loss=loss) for layout in layouts() for loss in (None, *losses())),
    dense_l(activation="silu"),
    Spec("y[o] = sum[i](W[o,i]*x[i]) + b[o]"),
    Spec("L = sum[i](M[i,i]*f''(x[i]/2)) - 3/4*pi"),
    Spec("axes o, k: c\nZ[n,o] = X[n,o]/sum[k](X[n,k])^(1/2)"),
    Spec("T[i,j] = a[i]*b[j] + delta[i,j]*c^2 - 1/(1 + d)"),
)


def test_the_names() -> None:
    assert list(NOTATIONS) == ["index", "matrix", "einsum", "latex", "mathml", "numpy", "jax"]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_equation_has_every_form(notation: str) -> None:
    for spec in EVERY:
        for equation in [*spec.statements().values(), *spec.gradients().values()]:
            text = equation_form(equation, notation)
            assert "=" in text
            assert "\n" not in text


@pytest.mark.parametrize("notation", [n for n in NOTATIONS if n not in ("numpy", "jax")])
def test_program_is_one_equation_a_line(notation: str) -> None:
    spec = dense()
    equations = [*spec.statements().values(), *spec.gradients().values()]
    expected = [e.form(notation) for e in equations if not e.is_upstream]
    assert program_form(spec, notation).splitlines() == expected


def test_program_in_index_notation() -> None:
    assert program_form(named("mean_squared_error"), "index") == (
        "L = sum[n,o]((A[n,o] - Y[n,o])^2)/size(n)/size(o)\n"
        "dL = 1\n"
        "dA[n,o] = 2*(A[n,o] - Y[n,o])/size(n)/size(o)\n"
        "dY[n,o] = -2*(A[n,o] - Y[n,o])/size(n)/size(o)\n"
    )


def test_shortcuts_of_an_equation() -> None:
    dW = dense().gradients()["W"]
    assert dW.index == str(dW) == "dW[o,i] = sum[n](dZ[n,o]*X[n,i])"
    assert dW.matrix == "dW = dZ^T X"
    assert dW.einsum == "dW = einsum('no,ni->oi', dZ, X)"
    assert dW.latex == r"dW = dZ^{\top} X"
    assert dW.numpy() == dW.jax() == "dW = dZ.T @ X"


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("matriks", "a near name is 'matrix'"),
        ("LaTeX", "a near name is 'latex'"),
        ("nump", "near names are 'numpy', 'einsum'"),
        ("fortran", "known are index, matrix, einsum, latex, mathml, numpy, jax"),
    ],
)
def test_unknown_notation(name: str, help: str) -> None:
    for print_it in (
        lambda: equation_form(dense().gradients()["W"], name),
        lambda: program_form(dense(), name),
    ):
        with pytest.raises(SpecError) as caught:
            print_it()
        assert str(caught.value) == f"no notation is named '{name}'\nhelp: {help}"


def divisors_last(term: Term) -> Term:
    """The term with what it divides by after what it multiplies, as index notation writes it."""
    term = rebuild(term, divisors_last)
    if not isinstance(term, Mul):
        return term
    below = [f for f in term.factors if isinstance(f, Power) and f.exponent < 0]
    return mul(*(f for f in term.factors if f not in below), *below)


@pytest.mark.parametrize("spec", EVERY, ids=lambda s: repr(s)[1:-1])
def test_index_form_reads_back_to_the_identical_term(spec: Spec) -> None:
    for equation in [*spec.statements().values(), *spec.gradients().values()]:
        indices = indices_in(equation.value) | set(equation.target.indices)
        axes = {a: a for a in spec.program.axes} | {i.name: i.axis for i in indices}
        source = Source(equation.index)
        lowering = Lowering(source, lambda letter, axes=axes: axes[letter.name])
        left, right = (lowering.term(side, None, set()) for side in parse_claim(source))
        assert left is equation.target
        assert right is divisors_last(equation.value)


@pytest.mark.parametrize("spec", EVERY, ids=lambda s: repr(s)[1:-1])
def test_a_printed_program_reads_back_to_the_identical_program(spec: Spec) -> None:
    declared = ", ".join(
        f"{', '.join(a.letters)}: {a.role or 'axis'}" for a in spec.program.axes.values()
    )
    statements = [index_equation(s.target, s.value) for s in spec.program.statements]
    again = Spec("\n".join([f"axes {declared}" if declared else "", *statements])).program
    for old, new in zip(spec.program.statements, again.statements, strict=True):
        assert new.target is old.target
        assert new.value is divisors_last(old.value)


def test_importing_the_printers_loads_no_array_library() -> None:
    code = (
        "import pkgutil, sys, importlib\n"
        "import backproof.spec\n"
        "for m in pkgutil.walk_packages(backproof.spec.__path__, 'backproof.spec.'):\n"
        "    importlib.import_module(m.name)\n"
        "from backproof.spec.library import dense\n"
        "from backproof.spec.printers.registry import NOTATIONS, program_form\n"
        "[program_form(dense(), n) for n in NOTATIONS]\n"
        "print(sorted({'numpy', 'sympy', 'jax', 'flint', 'scipy'} & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_that_the_import_test_can_fail() -> None:
    code = "import sys, sympy; print('sympy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "True"
