"""Every notation of randomly made statements means the same as the statement, to the last bit.

The data are small integers and g is a polynomial, so that float64 holds every value exactly and
the comparison with exact rational arithmetic, entry by entry, needs no bound.
"""

import itertools
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backproof.spec.claims.reading import read_claim
from backproof.spec.layer import Equation, Spec
from backproof.spec.normal_form.normal import normalise
from backproof.spec.printers.matrix_form import matrix_equation
from backproof.spec.printers.registry import equation_form, program_form
from backproof.spec.terms import substitute
from backproof.spec.values.numbers import Rationals
from backproof.spec.values.pointwise import Evaluation

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=list(HealthCheck),
)
# A half keeps whole numbers away from where a condition changes.
CONDITIONS = (
    "where({a} > {b} + 1/2, {a}, 3)",
    "where({a} - 1/2 > 0, 1, {b})",
    "where({a} + 1/2 > {b}, 1, 0)",
    "where({a} + 1/2 > {b}, 0, 1)",
    "max({a}, {b} + 1/2)",
    "min({b} + 1/2, {a}^2)",
    "max({a} - {b} + 1/2, 0)",
)
SIZES = {"n": 2, "i": 3, "o": 4}
Array = npt.NDArray[np.float64]


@st.composite
def statements(draw: st.DrawFn, most: int = 2, divided: bool = False, chosen: bool = False) -> str:
    """A statement over entries of at most ``most`` indices each.

    Divisions and softmax, whose values are no integers, are among them if asked for, and so are
    conditions between entries that have different indices.
    """
    count = itertools.count()
    kept = draw(st.sets(st.sampled_from("nio"), max_size=most))

    def fresh() -> tuple[str, list[str]]:
        letters = draw(st.permutations("nio"))[: draw(st.integers(0, most))]
        return f"T{next(count)}" + (f"[{','.join(letters)}]" if letters else ""), list(letters)

    def product() -> str:
        factors = []
        for _ in range(draw(st.integers(1, 4))):
            entry, letters = fresh()
            if chosen and draw(st.integers(0, 3)) == 0:
                other, more = fresh()
                form = draw(st.sampled_from(CONDITIONS))
                entry, letters = form.format(a=entry, b=other), letters + more
            elif draw(st.integers(0, 5)) == 0:
                entry = f"g({entry})"
            elif draw(st.integers(0, 5)) == 0:
                entry += "^2"
            elif divided and draw(st.integers(0, 5)) == 0:
                entry = f"(1/{entry})"
            elif divided and kept & set(letters) and draw(st.integers(0, 7)) == 0:
                entry = f"softmax[{draw(st.sampled_from(sorted(kept & set(letters))))}]({entry})"
            factors.append((set(letters), entry))
        used = set().union(*(letters for letters, _ in factors))
        summed = "".join(sorted(used - kept))
        text = "*".join(entry for _, entry in factors)
        coefficient = draw(st.sampled_from(["", "", "-", "2*", "-3*", "size(n)*"]))
        return f"{coefficient}{f'sum[{chr(44).join(summed)}]({text})' if summed else text}"

    parts = [product() for _ in range(draw(st.integers(1, 3)))]
    body = parts[0]
    for part in parts[1:]:
        body += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    if draw(st.integers(0, 4)) == 0:
        body = f"g({body})"
    # A first statement makes every letter known, and the size of every axis.
    order = draw(st.permutations(sorted(kept)))
    left = f"R[{','.join(order)}]" if order else "R"
    return f"axes n: samples, i: inputs, o: outputs\nS = sum[n,i,o](E[n,i,o])\n{left} = {body}"


def integer(name: str, position: tuple[int, ...]) -> int:
    """A value from -2 to 2, without 0, that looks random."""
    mixed = sum((k + 1) * ord(c) for k, c in enumerate(name))
    for p in position:
        mixed = mixed * 7 + p * 3 + 1
    return (-2, -1, 1, 2)[mixed % 4]


def array(name: str, shape: tuple[int, ...]) -> Array:
    result = np.empty(shape)
    for position in np.ndindex(*shape):
        result[position] = integer(name, position)
    return result


def polynomial(order: int, z: Any) -> Any:
    """z^2 - 3 z, and its derivatives."""
    return (z * z - 3 * z, 2 * z - 3, 2 + 0 * z)[order]


def arrays(spec: Spec) -> dict[str, Array]:
    shapes = {t: spec.program.shape(t, SIZES) for t in spec.program.tensors}
    given = {t: array(t, shapes[t]) for t in spec.program.inputs}
    upstream = (g for g in spec.gradients().values() if g.is_upstream)
    return given | {g.name: array(g.name, shapes[g.of]) for g in upstream}


def exact(spec: Spec) -> Evaluation[Fraction]:
    return Evaluation(
        spec.derivation,
        Rationals(),
        SIZES,
        lambda name, position: Fraction(integer(name, position)),
        {"g": polynomial},
    )


def assert_exact(equation: Equation, got: Any, evaluation: Evaluation[Fraction]) -> None:
    got = np.asarray(got)
    shape = tuple(SIZES[i.axis] for i in equation.target.indices)
    assert got.shape == shape, equation
    for position in np.ndindex(*shape):
        assert Fraction(float(got[position])) == evaluation.entry(equation.name, position), equation


def equations(spec: Spec) -> list[Equation]:
    every = [*spec.statements().values(), *spec.gradients().values()]
    return [e for e in every if not e.is_upstream]


def functions(spec: Spec, code: Callable[..., Any]) -> dict[str, Any]:
    known = {"g": lambda z: polynomial(0, z), "dg": lambda z: polynomial(1, z)}
    wanted = code.__kwdefaults__ or {}
    names = code.__code__.co_varnames[: code.__code__.co_kwonlyargcount]
    return {name: known[name] for name in names if name in known and name not in wanted}


@FIXED
@given(statements(divided=True))
def test_matrix_form_reads_back_to_the_same_normal_form(text: str) -> None:
    spec = Spec(text)
    for equation in equations(spec):
        form = matrix_equation(equation)
        if form is None:
            continue
        claim = read_claim(form, spec.derivation)
        assert claim.trouble == ""
        assert claim.right is not None
        letters = dict(zip(claim.indices, equation.target.indices, strict=True))
        assert normalise(substitute(claim.right, letters)) == normalise(equation.value), form


@FIXED
@given(statements(most=3, chosen=True))
def test_numpy_functions_compute_the_equations(text: str) -> None:
    spec = Spec(text)
    scope: dict[str, Any] = {}
    exec(program_form(spec, "numpy"), scope)
    values = arrays(spec)
    evaluation = exact(spec)
    inputs = {t: values[t] for t in spec.program.inputs}
    forward = scope["forward"](**inputs, **functions(spec, scope["forward"]))
    backward = scope["backward"](**values, **functions(spec, scope["backward"]))
    results = forward | backward
    assert set(results) == {e.name for e in equations(spec)}
    for equation in equations(spec):
        assert_exact(equation, results[equation.name], evaluation)
    for name, value in values.items():
        assert np.array_equal(value, arrays(spec)[name]), f"{name} was changed"
        assert not any(np.shares_memory(value, r) for r in results.values())


@FIXED
@given(statements(most=3, chosen=True))
def test_einsum_form_evaluates_as_numpy(text: str) -> None:
    spec = Spec(text)
    evaluation = exact(spec)
    known: dict[str, Any] = dict(arrays(spec))
    for tensor in spec.program.defined:
        shape = spec.program.shape(tensor, SIZES)
        known[tensor] = np.array(
            [float(evaluation.entry(tensor, p)) for p in np.ndindex(*shape)]
        ).reshape(shape)
    scope: Mapping[str, Any] = {
        **{f"d{t}": np.empty(spec.program.shape(t, SIZES)) for t in spec.program.tensors},
        **known,
        "einsum": np.einsum,
        "where": np.where,
        "eye": np.eye,
        "size": lambda axis: SIZES[axis],
        **{axis: axis for axis in SIZES},
        "g": lambda z: polynomial(0, z),
        "dg": lambda z: polynomial(1, z),
    }
    for equation in equations(spec):
        local: dict[str, Any] = dict(scope)
        if equation.value.free < frozenset(equation.target.indices):
            local[equation.name] = np.empty(tuple(SIZES[i.axis] for i in equation.target.indices))
        exec(equation_form(equation, "einsum").replace("g'(", "dg("), local)
        assert_exact(equation, local[equation.name], evaluation)
