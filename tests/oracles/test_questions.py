from collections.abc import Callable

import numpy as np
import pytest

from backproof.oracles.autodiff import AutodiffOracle
from backproof.oracles.differences import DifferencesOracle
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.exact import ExactOracle
from backproof.oracles.outcome import Answer, Oracle, Question
from backproof.oracles.questions import checked
from backproof.spec.layer import Spec
from backproof.spec.library import dense, network
from tests.oracles.layer_questions import LIBRARY, question

ORACLES: dict[str, Callable[[], Oracle]] = {
    "autodiff": AutodiffOracle,
    "enclosure": EnclosureOracle,
    "exact": ExactOracle,
    "differences": lambda: DifferencesOracle(lambda i: {"A": i["X"] @ i["W"] + i["b"]}),
}
LINEAR = LIBRARY["ni,io->no linear"]


def without(name: str) -> dict[str, np.ndarray]:
    return {n: array for n, array in LINEAR.inputs.items() if n != name}


def test_what_a_checked_question_knows() -> None:
    known = checked(Question(LINEAR.derivation, LINEAR.inputs, ("dW", "X")))
    assert known.sizes == {"n": 2, "i": 3, "o": 4}
    assert known.names == ("dZ", "dW")
    assert known.shapes == {"dW": (3, 4), "X": (2, 3)}
    assert known.unfit == ""


@pytest.mark.parametrize("name", ORACLES)
def test_every_oracle_refuses_the_same_questions(name: str) -> None:
    def ask(inputs: dict[str, np.ndarray], *wanted: str) -> None:
        ORACLES[name]().answer(Question(LINEAR.derivation, inputs, wanted))

    with pytest.raises(ValueError, match="nothing is named dQ; known are A, W, X, Z, b, dA"):
        ask(dict(LINEAR.inputs), "dQ")
    with pytest.raises(ValueError, match="dA is not among the inputs: W, X, b"):
        ask(without("dA"), "dW")
    with pytest.raises(ValueError, match="axis n has size 2 and, in dA of shape"):
        ask({**LINEAR.inputs, "dA": np.ones((3, 4))}, "dW")


@pytest.mark.parametrize("name", ["autodiff", "enclosure", "exact"])
def test_forward_values_need_no_upstream_gradient(name: str) -> None:
    answer = ORACLES[name]().answer(Question(LINEAR.derivation, without("dA"), ("Z", "A")))
    assert isinstance(answer, Answer)
    assert set(answer.values) == {"Z", "A"}


@pytest.mark.parametrize("name", ["autodiff", "enclosure", "exact"])
def test_an_axis_of_no_input_has_no_size(name: str) -> None:
    asked = question(Spec("y[n] = x[n] + sum[k](2)"), sizes={"": 2})
    with pytest.raises(ValueError, match="no input has the axis k"):
        ORACLES[name]().answer(asked)


def test_only_the_axes_that_matter_need_a_size() -> None:
    stacked = network(2, activation="tanh")
    asked = question(stacked)
    inputs = {n: a for n, a in asked.inputs.items() if n in ("X", "W1", "b1")}
    known = checked(Question(stacked.derivation, inputs, ("A1",)))
    assert known.names == ("Z1", "A1")


def test_broken_inputs_are_found_by_name() -> None:
    asked = question(dense(activation="tanh"), b=[0, np.inf, 0, 0])
    assert checked(asked).unfit == "b has entries that are not finite"
