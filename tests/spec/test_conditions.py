"""What a layer needs to have a value and a single derivative, said by name."""

import pytest

from backproof.spec.deriving.conditions import conditions
from backproof.spec.layer import Spec


def needed(text: str) -> list[str]:
    return [condition.text for condition in conditions(Spec(text).program)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y[i] = x[i]^(1/2)", ["x[i] >= 0"]),
        ("y[i] = x[i]^(-1/2)", ["x[i] > 0"]),
        ("y[i] = sqrt(x[i])", ["x[i] >= 0"]),
        ("y[i] = log(x[i])", ["x[i] > 0"]),
        ("y[i] = 1/x[i]", ["x[i] is not 0"]),
        ("y[i] = 1/(x[i]^2 + 1)", []),
        ("y[i] = 1/(exp(x[i]) + 1)", []),
        ("y[i] = x[i]/size(i)", []),
        ("y[i] = x[i]^2", []),
        ("y[i] = x[i]^(1/3)", ["x[i] >= 0"]),
        ("y[i] = relu(x[i])", ["x[i] is not 0"]),
        ("y[i] = relu(exp(x[i]))", []),
        ("y[i] = max(x[i], 0)", ["x[i] is not 0"]),
        ("y[i] = where(x[i] > 1, x[i], 0)", ["x[i] - 1 is not 0"]),
        ("y = max[i](x[i])", ["one value of x[i] is the largest"]),
        ("y[i] = sqrt(x[i])\nassume x[i] > 0", []),
        ("s = sqrt(mean[i](x[i]^2) + e)\nassume e > 0", []),
        ("s = sqrt(mean[i](x[i]^2) + e)", ["sum[i](x[i]^2)/size(i) + e >= 0"]),
        ("y[i] = sigmoid(x[i]) + g(x[i])", []),
    ],
)
def test_conditions(text: str, expected: list[str]) -> None:
    assert needed(text) == expected


def test_a_condition_names_the_statement_and_says_why() -> None:
    (condition,) = conditions(Spec("y[i] = x[i]\nz[i] = log(y[i])").program)

    assert str(condition) == "z: y[i] > 0: log is taken of it"
