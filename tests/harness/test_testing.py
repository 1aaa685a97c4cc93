"""Property tests of one's own: the strategies, and the judgement of results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings

import backproof as bp
from backproof.errors import UsageError
from backproof.oracles.formats import FORMATS
from backproof.spec import library
from backproof.testing import Case, assert_holds, judge_results, layer_cases

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

TANH = bp.dense(layout="ni,io->no", activation="tanh")


def results(case: Case) -> dict[str, Any]:
    x = case.arrays()
    A = np.tanh(x["X"] @ x["W"] + x["b"])
    dZ = x["dA"] * (1 - A**2)
    return {"A": A, "dZ": dZ, "dW": x["X"].T @ dZ, "db": dZ.sum(axis=0), "dX": dZ @ x["W"].T}


@given(layer_cases(TANH, dtypes=tuple(FORMATS)))
def test_a_right_layer_holds(case: Case) -> None:
    with np.errstate(all="ignore"):
        assert_holds(TANH, case, results(case))


def test_a_wrong_layer_shrinks_to_small_sizes() -> None:
    def is_wrong(case: Case) -> bool:
        with np.errstate(all="ignore"):
            found = results(case)
        found["dX"] = found["dX"] * 2
        return any(j.state.value == "wrong" for j in judge_results(TANH, case, found))

    case = find(layer_cases(TANH), is_wrong, settings=settings(database=None))

    assert max(case.sizes.values()) <= 4


def test_the_message_names_the_entry_and_the_bound() -> None:
    case = find(layer_cases(TANH), lambda c: min(c.sizes.values()) == 2)
    found = results(case)
    found["dW"] = found["dW"] + 1

    with pytest.raises(AssertionError, match=r"dW\[\d,\d\] is \S+, expected \S+ within") as error:
        assert_holds(TANH, case, found)
    assert "db" not in str(error.value)
    with pytest.raises(AssertionError, match=r"dW has shape \(2,\), expected \(2, 2\)"):
        assert_holds(TANH, case, {"dW": found["dW"][0]})


def test_an_unknown_name_is_refused() -> None:
    case = find(layer_cases(TANH), lambda c: True)

    with pytest.raises(UsageError, match="has no 'dw'"):
        judge_results(TANH, case, {"dw": np.zeros((1, 1))})


@pytest.mark.parametrize("name", library.names())
def test_every_layer_of_the_library_has_cases(name: str) -> None:
    spec = library.named(name)

    case = find(layer_cases(spec), lambda c: True, settings=settings(database=None))

    assert set(spec.program.inputs) <= case.inputs.keys()
