from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backproof.oracles import autodiff, balls, differences, exact, pointwise
from backproof.oracles.attribution import Attribution, Standing, attribute
from backproof.oracles.autodiff import AutodiffOracle
from backproof.oracles.differences import DifferencesOracle
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.exact import ExactOracle, Rational, Rationals
from backproof.oracles.outcome import Answer, FloatArray, Question, Unavailable
from backproof.spec.library import dense
from tests.oracles.layer_questions import LIBRARY, question


def answer(name: str, values: Any, radii: Any = 0.0, quantity: str = "dW") -> Answer:
    array = np.asarray(values, dtype=np.float64)
    return Answer(name, {quantity: array}, {quantity: np.broadcast_to(radii, array.shape) + 0.0})


def standing(*answers: Answer | Unavailable) -> tuple[Standing, str]:
    agreement = attribute(answers).agreements["dW"]
    return agreement.standing, agreement.alone


# ---------------------------------------------------------------- one fault in each oracle


def relu_layer(inputs: Any) -> dict[str, Any]:
    return {"A": np.maximum(inputs["X"] @ inputs["W"] + inputs["b"], 0)}


def asked_of_all() -> Question:
    """A rational layer, so that every oracle can answer."""
    asked = question(dense(layout="ni,io->no", activation="relu"), seed=8)
    return Question(asked.derivation, asked.inputs, ("dX", "dW", "db"))


def all_answers(forward: Callable[[Any], Any] = relu_layer) -> list[Answer | Unavailable]:
    asked = asked_of_all()
    oracles = (AutodiffOracle(), EnclosureOracle(), ExactOracle(), DifferencesOracle(forward))
    return [oracle.answer(asked) for oracle in oracles]


def blamed(found: Attribution) -> str:
    assert set(found.disputed) <= {"dX", "dW", "db"}
    assert found.disputed
    assert found.alone in found.sentence
    assert "No verdict on the layer follows for" in found.sentence
    return found.alone


def test_without_a_fault_all_agree() -> None:
    found = attribute(all_answers())
    assert found.disputed == ()
    assert found.alone == ""
    assert found.sentence == "autodiff, enclosure, exact and differences agree on dX, dW and db."
    assert all(a.standing is Standing.AGREED for a in found.agreements.values())


def test_a_fault_in_autodiff(monkeypatch: pytest.MonkeyPatch) -> None:
    @jax.custom_jvp
    def relu(x: Any) -> Any:
        return jnp.maximum(x, 0)

    relu.defjvps(lambda t, value, x: jnp.where(x > 0, t, 0) * (1 + 2.0**-30))
    monkeypatch.setattr(autodiff, "_KEPT", {})
    monkeypatch.setitem(autodiff._functions(), "relu", relu)
    assert blamed(attribute(all_answers())) == "autodiff"


def test_a_fault_in_the_enclosure(monkeypatch: pytest.MonkeyPatch) -> None:
    true_product = balls.Balls.mul
    monkeypatch.setattr(
        balls.Balls, "mul", lambda self, x, y: true_product(self, x, y) * (1 + 2.0**-44)
    )
    found = attribute(all_answers())
    assert blamed(found) == "enclosure"
    assert "ball arithmetic" in found.sentence


def test_a_fault_in_exact_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    true_product = Rationals.mul

    def wrong(self: Rationals, left: Rational, right: Rational) -> Rational:
        product = true_product(self, left, right)
        assert product.low is not None
        return exact.point(product.low + Fraction(1, 2**40))

    monkeypatch.setattr(Rationals, "mul", wrong)
    found = attribute(all_answers())
    assert blamed(found) == "exact"
    assert "rational arithmetic" in found.sentence


def test_a_fault_in_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    true_phi = differences._Run.phi
    monkeypatch.setattr(
        differences._Run,
        "phi",
        lambda self, *a: true_phi(self, *a) * Fraction(2**30 + 1, 2**30),
    )
    assert blamed(attribute(all_answers())) == "differences"


def test_a_fault_in_the_layers_own_forward_pass() -> None:
    found = attribute(all_answers(lambda i: {"A": np.maximum(i["X"] @ i["W"] * 1.001 + i["b"], 0)}))
    assert blamed(found) == "differences"
    assert "the layer's own forward pass is not the one that the spec states" in found.sentence


def test_a_fault_in_the_formula_that_two_oracles_share(monkeypatch: pytest.MonkeyPatch) -> None:
    true_definition = type(asked_of_all().derivation).definition

    def wrong(self: Any, name: str) -> Any:
        # dW with the samples of the formula for db: sum over n of dZ alone.
        if name != "dW":
            return true_definition(self, name)
        target, _ = true_definition(self, "dW")
        return target, true_definition(self, "db")[1]

    monkeypatch.setattr(type(asked_of_all().derivation), "definition", wrong)
    found = attribute(all_answers())
    assert found.disputed == ("dW",)
    assert found.alone == "formula"
    assert found.agreements["dW"].accused == ("enclosure", "exact")
    assert "the formula that enclosure and exact evaluate stands alone" in found.sentence
    assert "a fault of the derivation" in found.sentence


def test_a_fault_that_shows_at_one_entry_only(monkeypatch: pytest.MonkeyPatch) -> None:
    true_entry = pointwise.Pointwise.entry

    def wrong(self: Any, name: str, place: tuple[int, ...]) -> Any:
        value = true_entry(self, name, place)
        return value + value if (name, place) == ("dW", (2, 1)) and hasattr(value, "mid") else value

    asked = LIBRARY["ni,io->no sigmoid"]
    forward = differences.DifferencesOracle(
        lambda i: {"A": 1 / (1 + np.exp(-(i["X"] @ i["W"] + i["b"])))}
    )
    monkeypatch.setattr(pointwise.Pointwise, "entry", wrong)
    found = attribute([o.answer(asked) for o in (AutodiffOracle(), EnclosureOracle(), forward)])
    assert found.disputed == ("dW",)
    assert found.alone == "enclosure"
    conflict = found.agreements["dW"].conflicts[0]
    assert (conflict.entries, conflict.place) == (1, (2, 1))
    assert " at [2, 1]" in found.sentence


# ---------------------------------------------------------------- the rule itself


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer("a", 1), answer("b", 1)], (Standing.AGREED, "")),
        ([answer("a", 1), answer("b", 2)], (Standing.SPLIT, "")),
        ([answer("a", 1), answer("b", 2), answer("c", 1)], (Standing.ALONE, "b")),
        ([answer("a", 1), answer("b", 2), answer("c", 3)], (Standing.SPLIT, "")),
        # c holds both: dropping either of the others brings peace.
        ([answer("a", 1), answer("b", 2), answer("c", 1.5, 1)], (Standing.SPLIT, "")),
        (
            [answer("a", 1), answer("b", 2), answer("c", 1.5, 1), answer("d", 1)],
            (Standing.ALONE, "b"),
        ),
        # Whoever cannot say confirms nobody.
        ([answer("a", 1), answer("b", 2), answer("c", 0, np.inf)], (Standing.SPLIT, "")),
        ([answer("a", 1), answer("b", 0, np.inf)], (Standing.SINGLE, "")),
        ([answer("b", 0, np.inf)], (Standing.SILENT, "")),
        # The same one at every entry, or nobody.
        (
            [answer("a", [1, 2]), answer("b", [5, 2]), answer("c", [1, 6])],
            (Standing.SPLIT, ""),
        ),
        (
            [answer("a", [1, 2]), answer("b", [5, 9]), answer("c", [1, 2])],
            (Standing.ALONE, "b"),
        ),
        # At the entry in dispute only one of the others speaks.
        (
            [answer("a", [1, 2]), answer("b", [5, 2]), answer("c", [0, 2], [np.inf, 0])],
            (Standing.SPLIT, ""),
        ),
        # Two that rest on one formula are one voice, against another and with it.
        ([answer("enclosure", 1), answer("exact", 1), answer("a", 2)], (Standing.SPLIT, "")),
        (
            [answer("enclosure", 1), answer("exact", 2), answer("a", 1)],
            (Standing.ALONE, "exact"),
        ),
        (
            [answer("enclosure", 1), answer("exact", 1), answer("a", 2), answer("b", 2)],
            (Standing.ALONE, "formula"),
        ),
        (
            [answer("enclosure", 1), answer("exact", 1), answer("a", 2), answer("b", 1)],
            (Standing.ALONE, "a"),
        ),
        # Another shape is a contradiction too.
        (
            [answer("a", [1, 1]), answer("b", [[1, 1]]), answer("c", [1, 1])],
            (Standing.ALONE, "b"),
        ),
        ([answer("a", [1, 1]), answer("b", [[1, 1]])], (Standing.SPLIT, "")),
        ([answer("a", []), answer("b", [])], (Standing.AGREED, "")),
        (
            [answer("a", 1), answer("b", np.nan), answer("c", 1)],
            (Standing.ALONE, "b"),
        ),
    ],
)
def test_who_stands_alone(answers: list[Answer], expected: tuple[Standing, str]) -> None:
    assert standing(*answers) == expected
    assert standing(*answers[::-1]) == expected


def test_intervals_that_touch_intersect() -> None:
    assert standing(answer("a", 1, 0.5), answer("b", 2, 0.5)) == (Standing.AGREED, "")
    assert standing(answer("a", 1, 0.5), answer("b", 2, 0.25)) == (Standing.SPLIT, "")


def test_pairs_and_conflicts() -> None:
    found = attribute([answer("a", [1, 2]), answer("b", [1, 3], 0.25), answer("c", [1, 2])])
    agreement = found.agreements["dW"]
    assert agreement.agree("a", "c")
    assert not agreement.agree("b", "a")
    assert [(c.left, c.right, c.place) for c in agreement.conflicts] == [
        ("a", "b", (1,)),
        ("b", "c", (1,)),
    ]
    assert agreement.conflicts[0].values == (2.0, 3.0)
    assert agreement.conflicts[0].radii == (0.0, 0.25)
    assert agreement.sentence == (
        "dW: b stands alone against a and c; a gives 2.0 ± 0.0e+00 at [1], b 3.0 ± 2.5e-01"
    )


def whole(values: Sequence[tuple[str, str, FloatArray | float]]) -> Attribution:
    by_oracle: dict[str, Answer] = {}
    for oracle, quantity, value in values:
        found = by_oracle.setdefault(oracle, Answer(oracle, {}, {}))
        array = np.asarray(value, dtype=np.float64)
        by_oracle[oracle] = Answer(
            oracle,
            {**found.values, quantity: array},
            {**found.radii, quantity: np.zeros_like(array)},
        )
    return attribute(list(by_oracle.values()))


def test_sentences() -> None:
    agreed = whole([("a", "dW", 1), ("b", "dW", 1)])
    assert agreed.sentence == "a and b agree on dW."
    alone = whole([("a", "Z", 1), ("b", "Z", 2), ("c", "Z", 1), ("a", "dW", 1)])
    assert alone.sentence.startswith("b stands alone on Z: a fault of b (Z: b stands alone against")
    assert alone.sentence.endswith("No verdict on the layer follows for Z.")
    split = whole([("a", "Z", 1), ("b", "Z", 2)])
    assert split.sentence == (
        "The oracles contradict each other: Z: the oracles are split; "
        "a gives 1.0 ± 0.0e+00, b 2.0 ± 0.0e+00. No verdict on the layer follows for Z."
    )
    assert whole([("a", "Z", 1)]).sentence == "Only a can say anything here."
    assert whole([("a", "Z", 1)]).agreements["Z"].sentence == "Z: only a speaks"
    silent = attribute([answer("a", 1, np.inf)])
    assert silent.sentence == "No oracle can say anything here."
    assert silent.agreements["dW"].sentence == "dW: no oracle can say"
    shapes = attribute([answer("a", [1]), answer("b", 1)])
    assert "a gives shape (1,), b ()" in shapes.sentence


def test_different_ones_alone_on_different_quantities_are_nobody() -> None:
    found = whole(
        [("a", "Z", 1), ("b", "Z", 2), ("c", "Z", 1), ("a", "A", 1), ("b", "A", 1), ("c", "A", 2)]
    )
    assert found.alone == ""
    assert [found.agreements[q].alone for q in ("Z", "A")] == ["b", "c"]
    assert "Z: b stands alone" in found.sentence
    assert "A: c stands alone" in found.sentence


def test_who_gave_no_answer_is_remembered() -> None:
    found = attribute([Unavailable("exact", "tanh is not a rational function"), answer("a", 1)])
    assert found.unavailable == {"exact": "tanh is not a rational function"}
    assert found.agreements["dW"].speaking == ("a",)


def test_an_oracle_answers_once() -> None:
    with pytest.raises(ValueError, match="each oracle answers once, found a, a"):
        attribute([answer("a", 1), answer("a", 1)])
