"""Certificates: every derivation has one, every corruption is seen, and no false one passes."""

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.certificates import checker as checker_module
from backproof.spec.certificates import rules as rules_module
from backproof.spec.certificates.certificate import (
    NoCertificateError,
    certificate,
    proved,
    term_of,
    tree_of,
)
from backproof.spec.certificates.checker import FORMAT, TABLE, check
from backproof.spec.certificates.rules import Refused
from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deriving.derive import Derivation, Rule, derive
from backproof.spec.functions import ACTIVATIONS, FUNCTIONS, replace_x
from backproof.spec.layer import Spec
from backproof.spec.library import dense, entries, layouts, named, network
from backproof.spec.normal_form.denominators import cleared
from backproof.spec.normal_form.normal import normalise
from backproof.spec.program import Axis, Program, Statement, Tensor
from backproof.spec.source import Source, Span
from backproof.spec.terms import Index, Term
from backproof.spec.values.numbers import Balls
from backproof.spec.values.pointwise import Evaluation
from tests.spec.random_terms import (
    EVERY,
    FIXED,
    TENSORS,
    Undefined,
    altered,
    places,
    program,
    rewritten,
    terms,
    value,
)

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

Json = Any

# ---------------------------------------------------------------- what there is a certificate for


@pytest.mark.parametrize("file", [e.file for e in entries()])
def test_every_derivation_of_the_library_has_a_certificate(file: str) -> None:
    (stated,) = (e for e in entries() if e.file == file)
    spec = Spec(stated.text)

    found = proved(certificate(spec.derivation, spec.derivation.gradients))

    derived = [e.index for e in spec.gradients().values() if not e.is_upstream]
    assert [equation for equation, _ in found.gradients] == derived
    statements = [e.index for e in spec.statements().values()]
    assert list(found.given[: len(statements)]) == statements


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
@pytest.mark.parametrize("scale", ["sum", "mean"])
def test_every_dense_layer_has_a_certificate(
    layout: str, activation: str | None, scale: str
) -> None:
    spec = dense(layout=layout, activation=activation, scale=scale)

    found = proved(certificate(spec.derivation, spec.derivation.gradients))

    averaged = {equation.split("[")[0] for equation, axis in found.gradients if axis}
    assert averaged == ({"dW", "db"} if scale == "mean" else set())
    assert len(found.gradients) == 4


@pytest.mark.parametrize("loss", ["mean_squared_error", "softmax_cross_entropy"])
def test_a_network_has_a_certificate(loss: str) -> None:
    spec = network(3, activation=["tanh", "relu", "linear"], loss=loss)

    found = proved(certificate(spec.derivation, spec.derivation.gradients))

    assert len(found.gradients) == len(spec.gradients())


CLAIMS = {
    "dW = dZ^T X": dense(),
    "dX = (W^T dZ^T)^T": dense(),
    "dW - dZ^T X = 0": dense(),
    "dX = (dA ⊙ g'(X W^T + b)) W": dense(),
    "sum_i(dX ⊙ X) = sum_o(dZ ⊙ (Z - b))": dense(),
    "dW = X^T dZ": dense(layout="ni,io->no"),
    "dW = dZ X^T": dense(layout="oi,in->on"),
    "db = mean_n(dZ)": dense(layout="ni,io->no", scale="mean"),
    "dZ = dA ⊙ (A - A^2)": dense(activation="sigmoid"),
    "dZ = dA ⊙ exp(-Z) / (1 + exp(-Z))^2": dense(activation="sigmoid"),
    "A = (exp(Z) - exp(-Z)) / (exp(Z) + exp(-Z))": dense(activation="tanh"),
    "dZ = dA ⊙ step(A)": dense(activation="relu"),
    "dZ = dA ⊙ (1/100 + 99/100 step(Z))": dense(activation="leaky_relu"),
    "dZ = dA ⊙ (step(Z) + exp(Z - relu(Z)) ⊙ (1 - step(Z)))": dense(activation="elu"),
    "A = log(1 + exp(Z))": dense(activation="softplus"),
    "dZ = dA ⊙ (sigmoid(Z) + A ⊙ (1 - sigmoid(Z)))": dense(activation="silu"),
    "dZ = dA ⊙ ((1 + erf(Z/sqrt(2)))/2 + Z ⊙ exp(-Z^2/2)/sqrt(2 pi))": dense(activation="gelu"),
    "Z = log(A)": dense(activation="exp"),
    "dZ = dA ⊙ sign(Z)": dense(activation="abs"),
    "dZ[n,k] = sum[o](dA[n,o]*A[n,o]*(delta[o,k] - A[n,k]))": dense(activation="softmax"),
    "sum_o(A) = 1": dense(activation="softmax"),
    "sum_o(dZ) = 0": dense(activation="softmax"),
    "L = mean_n(mean_o((Y - A)^2))": named("mean_squared_error"),
    "dA = (A - Y) / (A ⊙ (1 - A)) / (size(n) ⊙ size(o))": named("binary_cross_entropy"),
    "dA = (softmax_o(A) ⊙ sum_o(Y) - Y) / size(n)": named("softmax_cross_entropy"),
    "sum_o(dA) = 0": named("softmax_cross_entropy"),
    "sum_i(dX) = 0": named("layer_norm"),
    "dW1 = ((dZ2 W2) ⊙ step(Z1))^T X": network(2, activation=["relu", "sigmoid"]),
}


@pytest.mark.parametrize("text", CLAIMS)
def test_a_right_claim_about_a_layer_has_a_certificate(text: str) -> None:
    derivation = CLAIMS[text].derivation
    claim = read_claim(text, derivation)

    data = certificate(derivation, claims=[claim])

    assert len(proved(data).claims) == 1
    # What a claim says of gradients rests on their derivations, which are there.
    shown = {item["left"][1] for item in data["gradients"]}
    used = {n for c in data["claims"] for s in c["steps"] for n in s.get("using", ())}
    assert {name for name in used if name[:-1] not in FUNCTIONS and name[0] == "d"} <= shown


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
def test_every_derived_equation_has_a_certificate_as_a_claim(
    layout: str, activation: str | None
) -> None:
    spec = dense(layout=layout, activation=activation)
    for equation in [*spec.statements().values(), *spec.gradients().values()]:
        if not equation.is_upstream:
            claim = read_claim(equation.index, spec.derivation)
            certificate(spec.derivation, claims=[claim])


@pytest.mark.parametrize(
    "text",
    [
        "sum[i](x[i])^2 = sum[i,j](x[i]*x[j])",
        "sum[i,j](M[i,j]*M[j,i]*x[i]) = sum[i,j](M[j,i]*x[j]*M[i,j])",
        "sum[i](g(sum[k](M[k,i]))) = sum[k](g(sum[i](M[i,k])))",
        "softmax[i](x[i] + c) = softmax[i](x[i])",
        "logsumexp[i](x[i] + c) = c + logsumexp[i](x[i])",
        "log(sigmoid(x)) = -softplus(-x)",
        "1/(x - y) = -1/(y - x)",
        "x^(3/2)*x^(1/2) = x^2",
        "delta[i,j]*g(x[i]) = delta[i,j]*g(x[j])",
        "(A B)^T = B^T A^T",
        "tanh''(x) = -2*tanh(x)*(1 - tanh(x)^2)",
    ],
)
def test_a_claim_of_which_nothing_is_given_has_a_certificate(text: str) -> None:
    claim = read_claim(text)
    proved(certificate(claim.derivation, claims=[claim]))


def test_there_is_none_of_what_the_checker_does_not_know_and_the_message_names_it() -> None:
    class Median(Term):
        __slots__ = ()

    with pytest.raises(NoCertificateError, match="the checker has no rule for median"):
        tree_of(Median())


def test_there_is_none_of_a_wrong_claim() -> None:
    derivation = dense(activation="tanh").derivation
    claim = read_claim("dZ = dA * (1 - A)", derivation)
    with pytest.raises(NoCertificateError, match=r"claim 1, step 1 \(EQUAL\): the two"):
        certificate(derivation, claims=[claim])


def test_what_has_to_have_a_value_is_said() -> None:
    derivation = Spec("y[n] = x[n]/z[n]\nw[n] = y[n]^(3/2)").derivation
    data = certificate(derivation, derivation.gradients)

    assert set(proved(data).assumed) == {"z[n] is not zero", "y[n] is above zero"}
    for k in range(len(data["assumes"])):
        less = data | {"assumes": data["assumes"][:k] + data["assumes"][k + 1 :]}
        with pytest.raises(Refused, match="not among the assumptions"):
            check(less)
    # A sum of exponentials needs no such word.
    softmax = dense(activation="softmax").derivation
    assert certificate(softmax, softmax.gradients)["assumes"] == []


def test_a_tree_comes_back_as_its_term() -> None:
    for spec in CLAIMS.values():
        for equation in spec.gradients().values():
            assert term_of(json.loads(json.dumps(tree_of(equation.value)))) is equation.value


# ---------------------------------------------------------------- corruption

# What is certified, and of how many changes one is tried; of the first all are.
CORRUPTED: dict[str, tuple[Spec, list[str], list[str], int]] = {
    "dense": (dense(activation="tanh"), ["Z", "W"], ["dZ = dA ⊙ (1 - A^2)"], 1),
    "columns": (dense(layout="oi,in->on"), ["X"], ["dX = W^T dZ"], 5),
    "mean": (dense(layout="ni,io->no", scale="mean"), ["b"], ["db = mean_n(dZ)"], 5),
    "softmax": (dense(activation="softmax"), ["Z"], ["sum_o(dZ) = 0"], 15),
    "cross entropy": (named("softmax_cross_entropy"), ["A"], ["sum_o(dA) = 0"], 15),
    "binary": (named("binary_cross_entropy"), ["A"], [], 15),
    "squares": (named("mean_squared_error"), ["A"], ["dY = -dA"], 10),
    "normalisation": (named("rms_norm"), ["s", "X"], [], 15),
    "square": (
        Spec("axes i, j: a\ny[i] = sum[j](M[i,j]*x[j])\nq = sum[i](x[i]*y[i])"),
        ["x", "M"],
        ["dx = M x + M^T x"],
        3,
    ),
    "fraction": (Spec("y = 1/(x + z) - 1/(x - z)"), ["x"], ["y = -2 z/(x^2 - z^2)"], 10),
    "pooling": (Spec("y[n] = max[i](x[n,i])"), ["x"], ["y[n] = max[i](x[n,i])"], 2),
}  # fmt: skip


@cache
def whole(name: str) -> Json:
    spec, of, texts, _ = CORRUPTED[name]
    claims = [read_claim(text, spec.derivation) for text in texts]
    return certificate(spec.derivation, of, claims)


def corruptions(data: Json, strings: list[str]) -> Iterator[Json]:
    """The data with one change anywhere: what is left out, exchanged, or another."""
    if isinstance(data, dict):
        for key, inner in data.items():
            yield {k: v for k, v in data.items() if k != key}
            for changed in corruptions(inner, strings):
                yield data | {key: changed}
    elif isinstance(data, list):
        for k, inner in enumerate(data):
            yield data[:k] + data[k + 1 :]
            if k and data[k - 1] != inner:
                yield [*data[: k - 1], inner, data[k - 1], *data[k + 1 :]]
            for changed in corruptions(inner, strings):
                yield [*data[:k], changed, *data[k + 1 :]]
    elif isinstance(data, int):
        yield data + 1
    elif isinstance(data, str):
        yield from others(data, strings)


def others(text: str, strings: list[str]) -> Iterator[str]:
    """Two strings of the same kind: an index of the same axis, another name, another number."""
    if ":" in text:
        alike = [s for s in strings if ":" in s and s != text]
        same_axis = [s for s in alike if s.split(":")[1] == text.split(":")[1]]
        yield from (same_axis[:2] or [f"other:{text.split(':')[1]}"])
        yield from [s for s in alike if s not in same_axis][:1]
        return
    try:
        number = Fraction(text)
    except ValueError:
        alike = [s for s in strings if ":" not in s and s != text and s[:1].isalpha()]
        place = sum(map(ord, text)) % len(alike)
        yield from (alike * 2)[place : place + 2]
    else:
        yield str(-number)
        yield str(number + 1)


def strings_in(data: Json) -> set[str]:
    if isinstance(data, dict):
        data = [*data.values()]
    if isinstance(data, list):
        return {s for inner in data for s in strings_in(inner)}
    return {data} if isinstance(data, str) else set()


def stated_program(data: Json) -> Program:
    """The program that a certificate states."""
    pairs = [(term_of(s["left"]), term_of(s["right"])) for s in data["program"]]
    pairs += [(term_of(c["left"]), term_of(c["right"])) for c in data["claims"]]
    every = [side for pair in pairs for side in pair]
    found = {n for side in every for n in t.walk(side) if isinstance(n, t.Entry)}
    axes = {i.axis for side in every for i in t.indices_in(side)} | set(data["sizes"])
    statements = []
    for item in data["program"]:
        target = term_of(item["left"])
        assert isinstance(target, t.Entry)
        statements.append(Statement(target, term_of(item["right"]), Span(0, 0), ""))
    gradients = {f"d{s.target.tensor}" for s in statements}
    gradients |= {f"d{n.tensor}" for n in found}
    tensors = {
        n.tensor: Tensor(
            n.tensor, tuple(Index(f"{i.axis}_{k}", i.axis) for k, i in enumerate(n.indices))
        )
        for n in sorted(found, key=repr)
        if n.tensor not in gradients
    }
    order = [*(x for x in tensors if x not in {s.target.tensor for s in statements})]
    order += [s.target.tensor for s in statements]
    return Program(
        Source(""),
        {a: Axis(a, (a,)) for a in sorted(axes)},
        {name: tensors[name] for name in order},
        tuple(statements),
        added_losses=tuple(data["losses"]),
    )


def derived_with_means(data: Json) -> Derivation:
    """What follows from the program, with the means that are declared."""
    derivation = derive(stated_program(data))
    gradients = dict(derivation.gradients)
    for item in data["gradients"]:
        for step in item["steps"]:
            if step["rule"] == "MEAN":
                whole_sum = gradients[item["of"]]
                mean = t.mul(whole_sum.value, t.power(t.size(step["axis"]), -1))
                gradients[item["of"]] = replace(whole_sum, value=mean)
    return Derivation(derivation.program, gradients)


def assert_true(data: Json) -> None:
    """What a certificate says is so in numbers: balls of 200 bits, at entries of no pattern."""
    derivation = derived_with_means(data)
    balls = Balls()
    sizes = {a: 2 + k % 2 for k, a in enumerate(derivation.program.axes)}

    def given_(name: str, at: tuple[int, ...]) -> Any:
        random = Random(f"{name}{at}")
        return balls.number(Fraction(random.randint(100, 900), 1000))

    def abstract(order: int, x: Any) -> Any:
        return [x**3 - 2 * x + 1, 3 * x**2 - 2, 6 * x, balls.number(Fraction(6))][order]

    functions = dict.fromkeys(strings_in(data) - {*FUNCTIONS}, abstract)
    evaluation = Evaluation(derivation, balls, sizes, given_, functions)

    for item in [*data["gradients"], *data["claims"]]:
        left, right = term_of(item["left"]), term_of(item["right"])
        for at in places(tuple(sorted(left.free | right.free)), sizes):
            difference = evaluation.term(left, at) - evaluation.term(right, at)
            assert difference.contains(0), f"{left} = {right} at {at}"


@pytest.mark.parametrize("name", CORRUPTED)
def test_what_a_certificate_says_is_true_in_numbers(name: str) -> None:
    assert_true(whole(name))


def test_what_is_not_true_is_seen_in_numbers() -> None:
    data = json.loads(json.dumps(whole("dense")))
    data["gradients"][0]["right"] = ["mul", ["number", "2"], data["gradients"][0]["right"]]
    with pytest.raises(AssertionError, match="dZ"):
        assert_true(data)


@pytest.mark.parametrize("name", CORRUPTED)
def test_every_corruption_is_refused_unless_what_is_said_is_still_true(name: str) -> None:
    data = whole(name)
    strings = sorted(strings_in(data))
    refused = harmless = 0
    for changed in islice(corruptions(data, strings), 0, None, CORRUPTED[name][-1]):
        try:
            check(changed)
        except (Refused, ValueError):
            refused += 1
        else:
            harmless += 1
            assert_true(changed)
    assert refused > 10 * harmless


# ---------------------------------------------------------------- what must not pass


def fact(left: Json, right: Json, **step: Json) -> Json:
    """A certificate of one claim, or of what ``given`` says besides."""
    given_ = step.pop("given", {})
    claim = {"left": left, "right": right, "steps": [{"rule": "EQUAL", "right": right} | step]}
    bare = {"sizes": {}, "assumes": [], "losses": [], "program": [], "gradients": []}
    return {"format": FORMAT, **bare, "claims": [claim]} | given_


def entry(name: str, *indices: str) -> Json:
    return ["entry", name, [*indices]]


AI, AJ, AK, BP = "i:a", "j:a", "k:a", "p:b"
x, y = entry("x"), entry("y")
xi, yi, xj, yj, mij, mii = (
    entry(name[0], *(AI if c == "i" else AJ for c in name[1:]))
    for name in ("xi", "yi", "xj", "yj", "mij", "mii")
)
ROWS = {"program": [{"left": entry("s", AJ), "right": ["sum", [AI], mij]}]}
ONE, TWO = ["number", "1"], ["number", "2"]
MINUS_X, TOTAL = ["mul", ["number", "-1"], x], ["sum", [AI], xi]
NOTHING, DIFFERENCE = ["add", x, MINUS_X], ["add", xi, ["mul", ["number", "-1"], xj]]

FALSE: dict[str, tuple[Json, str]] = {
    "two tensors": (fact(x, y), "the two sides differ"),
    "a number": (fact(ONE, TWO), "the two sides differ"),
    "an index of the sum": (fact(["sum", [AI], xi], ["sum", [AJ], yj]), "differ"),
    "one index for two": (
        fact(["sum", [AI, AJ], ["mul", xi, yj]], ["sum", [AI], ["mul", xi, yi]]),
        "differ",
    ),
    "one number for two indices": (
        fact(
            ["sum", [AI, AJ], ["mul", xi, yj]], ["sum", [AI, AJ], ["mul", xi, yj]], orders=[[0, 0]]
        ),
        "cannot be numbered so",
    ),
    "a square of a sum": (
        fact(["pow", ["sum", [AI], xi], "2"], ["sum", [AI], ["pow", xi, "2"]]),
        "differ",
    ),
    "capture by a definition": (
        fact(["sum", [AI], entry("s", AI)], ["sum", [AI], mii], using=["s"], given=ROWS),
        "differ",
    ),
    "capture by an argument": (
        fact(
            ["sum", [AI], ["mul", xi, ["fn", "g", 0, ["sum", [AJ], ["mul", xj, yi]]]]],
            ["sum", [AI], ["mul", xi, ["fn", "g", 0, ["sum", [AJ], ["mul", xj, yj]]]]],
        ),
        "differ",
    ),
    "arguments that merge": (
        fact(
            ["sum", [AJ], ["mul", ["delta", AI, AJ], ["fn", "g", 0, ["add", xi, xj]]]],
            ["fn", "g", 0, xi],
        ),
        "differ",
    ),
    "a root of a square": (fact(["pow", ["pow", x, "2"], "0.5"], x), "above zero"),
    "a root that is not said to exist": (
        fact(["pow", x, "0.5"], ["pow", x, "1/2"]),
        "not among the assumptions that this is above zero",
    ),
    "a quotient that is not said to exist": (
        fact(["mul", x, ["pow", x, "-1"]], ONE),
        "not among the assumptions that this is not zero",
    ),
    "a quotient of zero": (
        fact(["pow", NOTHING, "-1"], ONE, given={"assumes": [["not zero", NOTHING]]}),
        "division by zero",
    ),
    "a quotient that becomes one of zero": (
        fact(
            ["sum", [AJ], ["mul", ["delta", AI, AJ], ["pow", DIFFERENCE, "-1"]]],
            ONE,
            given={"assumes": [["not zero", DIFFERENCE]]},
        ),
        "division by zero",
    ),
    "both sides times zero": (fact(x, y, times=[[["number", "0"], "1"]]), "not zero"),
    "both sides times what is not said to differ from zero": (
        fact(x, y, times=[[["add", x, MINUS_X], "1"]]),
        "not zero",
    ),
    "both sides times a sum": (
        fact(y, ONE, times=[[TOTAL, "1"]], given={"assumes": [["not zero", TOTAL]]}),
        "differ",
    ),
    "a kink": (
        fact(["fn", "relu", 1, x], ["fn", "step", 0, x], using=["relu'(x)"]),
        "not among the assumptions that this is not zero",
    ),
    "the derivative of a step under another name": (
        fact(["fn", "step", 0, x], ONE, using=["step(x)"]),
        "nothing is known of step",
    ),
    "another function's rule": (
        fact(["fn", "g", 0, x], ["fn", "exp", 0, x], using=["exp'(x)"]),
        "differ",
    ),
    "a rule that nobody knows": (fact(x, x, using=["g(x)"]), "nothing is known of g"),
    "a name that nothing defines": (fact(x, x, using=["z"]), "z is neither defined nor proved"),
    "a gradient that is not proved": (
        fact(entry("dm", AI, AJ), ["number", "0"], using=["dm"], given=ROWS),
        "dm is neither defined nor proved",
    ),
    "a delta of two axes": (fact(["delta", AI, BP], ["delta", AI, BP]), "no rule for"),
    "a tensor along two axes": (
        fact(["add", xi, entry("x", BP)], ["add", xi, entry("x", BP)]),
        "along other axes",
    ),
    "a name of the checker's": (fact(entry("x", "%1:a"), x), "kept for the checker"),
    "a function of the checker's": (
        fact(["fn", "%max", 0, x], ["fn", "%max", 0, x]),
        "kept for the checker",
    ),
    "an index bound twice": (fact(["sum", [AI, AI], xi], ["sum", [AI], xi]), "no rule for"),
    "an axis without an entry": (
        fact(["size", "a"], ["number", "0"], given={"sizes": {"a": 0}}),
        "a size is below 1",
    ),
    "a position below the first": (
        fact(["match", AI, [[AJ, -1]], 0], ["match", AI, [], 0]),
        "no rule for",
    ),
    "another position": (fact(["match", AI, [[AJ, 2]], 0], ["match", AI, [[AJ, 1]], 0]), "differ"),
    "the largest of others": (fact(["max", AI, xi], ["max", AI, yi]), "differ"),
    "the largest is no product": (fact(["max", AI, xi], ["prod", AI, xi]), "differ"),
    "ties": (fact(["hardmax", AJ, AI, xi], ["hardmax", AJ, AI, xi]), "this is without ties"),
    "a kind that is not known": (fact(["erf", x], ["erf", x]), "no rule for"),
    "a rule that is not known": (fact(x, x, rule="MAGIC"), "there is no such rule"),
    "an order below zero": (fact(["fn", "g", -1, x], ["fn", "g", -1, x]), "no rule for"),
    "an unknown constant": (fact(["constant", "e"], ["constant", "e"]), "no rule for"),
    "a number over zero": (fact(["number", "1/0"], ["number", "1/0"]), "not well formed"),
    "no tree": (fact([], []), "not well formed"),
    "a step that ends elsewhere": (
        fact(x, y) | {"claims": [{"left": x, "right": y, "steps": []}]},
        "do not end at the right side",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
def test_what_does_not_follow_is_refused(name: str) -> None:
    data, message = FALSE[name]
    with pytest.raises(Refused, match=message):
        check(data)


TRUE: dict[str, Json] = {
    "another letter": fact(["sum", [AI], xi], ["sum", [AJ], xj]),
    "a definition at another index": fact(
        ["sum", [AI], entry("s", AI)], ["sum", [AI, AJ], mij], using=["s"], given=ROWS
    ),
    "arguments that merge": fact(
        ["sum", [AJ], ["mul", ["delta", AI, AJ], ["fn", "g", 0, ["add", xi, xj]]]],
        ["fn", "g", 0, ["mul", TWO, xi]],
    ),
    "an empty sum": fact(["sum", [AI], x], ["mul", ["size", "a"], x]),
    "a fixed size": fact(["sum", [AI], x], ["mul", TWO, x], given={"sizes": {"a": 2}}),
    "a quotient": fact(
        ["mul", x, ["pow", x, "-1"]], ONE, given={"assumes": [["not zero", x]]}
    ),
    "a position": fact(
        ["sum", [AI], ["mul", ["match", AK, [[AI, 2]], 1], xi]],
        ["sum", [AJ], ["mul", xj, ["match", AK, [[AJ, 2]], 1]]],
    ),
    "the largest under another letter": fact(
        ["max", AI, ["add", xi, yi]], ["max", AJ, ["add", yj, xj]]
    ),
    "where the largest stands": fact(
        ["hardmax", AK, AI, xi],
        ["hardmax", AK, AJ, xj],
        given={"assumes": [["without ties", ["hardmax", AK, i, entry("x", i)]] for i in (AI, AJ)]},
    ),
    "a condition": fact(
        ["where", x, y, ["mul", TWO, y]],
        ["add", ["mul", TWO, y], ["mul", ["number", "-1"], y, ["fn", "step", 0, x]]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_what_follows_passes(name: str) -> None:
    check(TRUE[name])


def square(**changed: Json) -> Json:
    """y = x*x, whose gradient has two parts, with other entries."""
    spec = Spec("y[i] = x[i]*z[i]\nw[i] = x[i]^2 + y[i]")
    return json.loads(json.dumps(certificate(spec.derivation, spec.derivation.gradients))) | changed


def gradient_of(data: Json, of: str) -> Json:
    return next(item for item in data["gradients"] if item["of"] == of)


def test_a_use_of_a_tensor_that_is_left_out_is_seen() -> None:
    data = square()
    item = gradient_of(data, "x")
    chain = item["steps"][0]["right"]
    assert chain[0] == "add"
    for k in (1, 2):
        item["steps"][0]["right"] = chain[:k] + chain[k + 1 :]
        with pytest.raises(Refused, match=r"gradient dx: step 1 \(CHAIN\): the two sides differ"):
            check(data)
        item["steps"][0]["right"] = [*chain, chain[k]]
        with pytest.raises(Refused, match=r"gradient dx: step 1 \(CHAIN\): the two sides differ"):
            check(data)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"of": "w", "left": entry("dw", "i:i"), "right": ["add"]}, "it is given"),
        ({"of": "v", "left": entry("dv", "i:i"), "right": ["add"]}, "the gradient of no tensor"),
        ({"of": "dx", "left": entry("ddx", "i:i"), "right": ["add"]}, "the gradient of no tensor"),
        ({"of": "x", "left": entry("dz", "i:i"), "right": ["add"]}, "the gradient of no tensor"),
        ({"of": "x", "left": entry("dx", "i:i"), "right": ["add"]}, "is CHAIN"),
    ],
)
def test_a_gradient_that_does_not_vanish_is_not_zero(item: Json, message: str) -> None:
    steps = [{"rule": "UNUSED", "right": ["add"]}]
    with pytest.raises(Refused, match=message):
        check(square(gradients=[item | {"steps": steps}]))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({"left": entry("u"), "right": entry("x", "i:i")}, "more indices than the left"),
        ({"left": entry("x", "i:i"), "right": ["add"]}, "used or defined above"),
        ({"left": entry("y", "i:i"), "right": ["add"]}, "used or defined above"),
        ({"left": entry("u", AI, AI), "right": ["add"]}, "not for all indices"),
        ({"left": entry("u"), "right": entry("∂y/∂x", AI, AJ)}, "more indices"),
        ({"left": entry("u"), "right": entry("∂y/∂x")}, "a name for a derivative"),
        ({"left": entry("u"), "right": entry("dx")}, "or dx a tensor's"),
    ],
)
def test_a_statement_that_is_none_is_refused(statement: Json, message: str) -> None:
    data = square()
    with pytest.raises(Refused, match=message):
        check(data | {"program": [*data["program"], statement]})


def test_only_a_scalar_that_nothing_uses_is_a_loss() -> None:
    for name in ("w", "y", "x"):
        with pytest.raises(Refused, match=f"{name} is no loss"):
            check(square(losses=[name]))
    spec = Spec("a = s^2\nb = a*s")
    data = certificate(spec.derivation, spec.derivation.gradients)
    with pytest.raises(Refused, match="a is no loss"):
        check(data | {"losses": ["a"]})


def test_a_mean_is_declared_of_parameters_alone_and_once() -> None:
    data = certificate((spec := dense(scale="mean")).derivation, spec.derivation.gradients)
    step = gradient_of(data, "W")["steps"][-1]
    assert step["rule"] == "MEAN"
    item = gradient_of(data, "Z")
    item["right"] = ["mul", item["right"], ["pow", ["size", "n"], "-1"]]
    item["steps"].append(step | {"right": item["right"]})
    with pytest.raises(Refused, match="there is no such rule here"):
        check(data)


def test_what_is_no_certificate_is_said_to_be_none() -> None:
    for data in (None, [], {}, {"format": "backproof/1"}, "text", 3):
        with pytest.raises(ValueError, match="no certificate of the format"):
            check(data)


# ---------------------------------------------------------------- rules against the rest


@pytest.mark.parametrize("name", TABLE)
def test_the_checker_s_table_says_what_the_table_of_functions_says(name: str) -> None:
    function, order = name.rstrip("'"), name.count("'")
    at = t.entry("x")
    stated = normalise(replace_x(term_of(TABLE[name]), at), elementary=True)
    assert function in FUNCTIONS
    difference = stated - normalise(t.apply(function, at, order), elementary=True)
    assert cleared(difference)[0].is_zero


def test_a_rule_of_every_derivation_is_known_to_the_checker() -> None:
    forward = {Rule.UPSTREAM, Rule.DIRECTION, Rule.CONSTANT, Rule.SPLIT}
    special = {"SEED", "CHAIN", "UNUSED", "DIFFERENTIATE", "MEAN"}
    names = special | {*checker_module.REWRITING} - {"EQUAL"}
    assert {rule.name for rule in {*Rule} - forward} == names


def random_claim(left: Term, right: Term) -> Claim:
    free = tuple(sorted(left.free | right.free))
    return Claim("", left, right, free, Derivation(program(TENSORS), {}))


@settings(FIXED, max_examples=60)
@given(terms(("g",), (2, 3), depth=3), st.integers(0, 10**6))
def test_two_ways_of_writing_one_term_have_a_certificate(term: Term, seed: int) -> None:
    claim = random_claim(term, rewritten(term, Random(seed)))
    certificate(claim.derivation, claims=[claim])


@settings(FIXED, max_examples=80)
@given(terms(("g", "relu", "abs", "step"), (2, 3, -1), depth=3), st.integers(0, 10**6))
def test_what_has_a_certificate_has_one_value(term: Term, seed: int) -> None:
    random = Random(seed)
    claim = random_claim(term, altered(rewritten(term, random), random))
    assert claim.right is not None
    try:
        certificate(claim.derivation, claims=[claim])
    except NoCertificateError:
        return
    for at in places(EVERY):
        try:
            left, right = value(term, at), value(claim.right, at)
        except Undefined:
            continue
        assert left == right


# ---------------------------------------------------------------- the files themselves


def test_the_checker_is_short() -> None:
    for module in (checker_module, rules_module):
        assert len(Path(module.__file__).read_text(encoding="utf-8").splitlines()) < 300


def test_the_checker_imports_nothing_but_its_rules() -> None:
    found = {}
    for module in (checker_module, rules_module):
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        imports = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        names = [
            f"{'.' * n.level}{n.module}" if isinstance(n, ast.ImportFrom) else n.names[0].name
            for n in imports
        ]
        found[module.__name__] = set(names)
    ours = {n for names in found.values() for n in names if n.startswith(("backproof", "."))}
    assert ours == {".rules"}
    standard = {n.split(".")[0] for names in found.values() for n in names - ours}
    known = "__future__ collections contextlib fractions functools json math re typing"
    assert standard <= {*known.split()}


def test_what_is_shown_tells_two_axes_of_one_letter_apart() -> None:
    data = fact(["sum", ["i:b"], xi], ["mul", ["size", "b"], xi])
    assert proved(data).claims == ("sum[i_b](x[i_a]) = size(b)*x[i_a]",)


def test_what_is_taken_for_given_is_shown() -> None:
    spec = Spec("axes o: outputs = 3\nL = sum[o](x[o]^2)")
    found = proved(certificate(spec.derivation, ["x"]))
    assert found.given == ("L = sum[o](x[o]^2)", "size(o) = 3", "dL = 1: L is a loss")


@pytest.mark.parametrize("number", ["1e30000000", "9" * 1001])
def test_a_number_that_would_take_for_ever_is_refused(number: str) -> None:
    data = json.loads(json.dumps(whole("dense")))
    data["claims"] = [
        {"left": ["number", number], "right": ["number", number], "steps": []},
    ]
    with pytest.raises(Refused):
        check(data)


def test_a_name_that_reads_as_an_equation_is_refused() -> None:
    data = json.loads(json.dumps(whole("dense")).replace('"W"', '"W = 1, so X"'))
    with pytest.raises(Refused):
        proved(data)
