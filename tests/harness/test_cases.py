"""Sizes of cases that a program determines follow from those that it leaves open."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.adapters.numeric import Values
from backproof.cases import Case, Inputs, cases, plan
from backproof.oracles.decide import State, decide
from backproof.oracles.reference import reference
from backproof.shrinking import smallest
from backproof.spec.layer import Spec

CONVOLUTION = "Y[n,t,f] = sum[k,c](X[n,2*t+k,c]*W[k,c,f])"
POOLING = "axes k = 2\nY[n,t,c] = max[k](X[n,2*t+k,c])"
SELECTING = {
    "convolution": CONVOLUTION,
    "pooling": POOLING,
    "huber": "L = sum[n](where(abs(y[n]-z[n]) < 1, (y[n]-z[n])^2/2, abs(y[n]-z[n]) - 1/2))",
    "product": "y[n] = prod[k](X[n,k])",
}


def fits(text: str, case: Case) -> bool:
    program = Spec(text).program
    return program.consistent(case.sizes) == dict(case.sizes) and all(
        case.inputs[name].shape == program.shape(name, case.sizes) for name in program.inputs
    )


@given(st.data())
def test_drawn_sizes_are_consistent(data: st.DataObject) -> None:
    for text in (CONVOLUTION, POOLING):
        assert fits(text, data.draw(cases(Inputs.of(Spec(text).derivation))))


@pytest.mark.parametrize("text", [CONVOLUTION, POOLING])
def test_planned_and_smallest_sizes_are_consistent(text: str) -> None:
    inputs = Inputs.of(Spec(text).derivation)
    planned = plan(inputs, "float64", 20, 0)
    assert all(fits(text, case) for case in planned)
    found = smallest(inputs, lambda case: case.sizes["s"] > 3, planned[0])
    assert fits(text, found)
    assert found.sizes["s"] == 4


def test_distinct_sizes_differ_even_where_they_follow_from_others() -> None:
    inputs = Inputs.of(Spec(CONVOLUTION).derivation)
    assert "s" not in inputs.free_axes
    sizes = inputs.distinct_sizes
    assert sizes["s"] == 2 * (sizes["t"] - 1) + sizes["k"]
    assert len(set(sizes.values())) == len(sizes)
    pooled = Inputs.of(Spec(POOLING).derivation)
    assert pooled.free_axes == ("n", "t", "c")
    assert pooled.distinct_sizes["k"] == 2
    assert len(set(pooled.distinct_sizes.values())) == 5


def test_the_values_alone_need_the_sizes_that_the_positions_need() -> None:
    inputs = Inputs.of(Spec(CONVOLUTION).derivation, ["Y"])
    assert set(inputs.axes) == {"X", "W"}
    assert fits(CONVOLUTION, plan(inputs, "float64", 1, 0)[0])


@pytest.mark.parametrize("name", SELECTING)
def test_a_spec_in_float64_is_within_the_bound(name: str) -> None:
    derivation = Spec(SELECTING[name]).derivation
    for case in plan(Inputs.of(derivation), "float64", 6, 1):
        values = Values(derivation, case.sizes, case.inputs)
        with np.errstate(all="ignore"):
            for quantity, bound in reference(derivation, case.inputs, "float64").items():
                assert decide(values[quantity], bound).count(State.WRONG) == 0


def test_assumed_signs_hold_in_every_case() -> None:
    spec = Spec("Y[n,i] = G[i]*X[n,i]*c + e\nassume c > 0\nassume G[i] >= 0")
    inputs = Inputs.of(spec.derivation)

    found = plan(inputs, "float32", 60, 0)

    assert all((case.inputs["c"] > 0).all() and (case.inputs["G"] >= 0).all() for case in found)
    assert any((case.inputs["X"] < 0).any() for case in found)
    assert any((case.inputs["e"] < 0).any() for case in found)
