"""Claims that are too much work end in time, with what was tried."""

import itertools
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from backproof.spec.claims import matrix_notation
from backproof.spec.claims.reading import read_claim
from backproof.spec.deadline import (
    OutOfTimeError,
    check_time,
    no_time_limit,
    time_left,
    time_limit,
)
from backproof.spec.deciding import equal as equal_module
from backproof.spec.deciding.equal import Answer, Kind, decide
from backproof.spec.deciding.stages import Stage, stages
from backproof.spec.deriving.derive import Derivation
from backproof.spec.deriving.expand import expand
from backproof.spec.layer import Spec
from backproof.spec.terms import Term, add
from backproof.spec.witnesses.witness import WitnessSearch, search

# Long runs over code that other tests cover: measuring them would double their time.
pytestmark = pytest.mark.no_cover

BUDGET = 1.0
# What may pass between two questions for the time, on a machine that does other work besides.
LATE = 10.0
LETTERS = "abcdefghijkl"


def in_time(text: str, given: Derivation | None = None, budget: float = BUDGET) -> Answer:
    claim = read_claim(text, given)
    start = time.perf_counter()
    answer = decide(claim, seconds=budget, budget=budget)
    assert time.perf_counter() - start < budget + LATE
    return answer


def cosh_product(order: Iterable[int]) -> str:
    return "*".join(f"(exp(x{k}) + exp(-x{k}))" for k in order)


def trace(count: int) -> str:
    letters = LETTERS[:count]
    pairs = itertools.permutations(letters, 2)
    return f"sum[{','.join(letters)}]({'*'.join(f'M[{u},{v}]' for u, v in pairs)})"


@pytest.mark.parametrize(
    "text",
    [
        "(x + y + z + w)^60 = (w + z + y + x)^60",
        f"{cosh_product(range(16))} = {cosh_product(reversed(range(16)))}",
        f"{trace(8)} = 2*{trace(8)}",
        f"{'relu(' * 40}x{' + 1)' * 40} = {'relu(' * 40}x{' + 1)' * 40} + 0*y",
        " + ".join(f"abs(x + {k}*y)" for k in range(12)) + " = 0",
        f"{'(' * 60}x{' + 1)^2' * 60} = x",
    ],
)
def test_a_hard_claim_ends_in_its_budget(text: str) -> None:
    in_time(text)


def test_a_sum_of_thousands_of_terms() -> None:
    parts = [f"{k + 1}*x{k % 50}[i]*y{k % 97}[i]" for k in range(2000)]
    given = Spec("z[i] = " + " + ".join(parts)).derivation
    assert in_time("z[i] = " + " + ".join(parts[::-1]), given, 20.0).kind is Kind.EQUAL
    assert in_time("z[i] = " + " + ".join(parts[1:]), given, 20.0).kind is Kind.DIFFERENT
    assert in_time("z[i] = " + " + ".join(parts[::-1]), given, 0.01).kind is Kind.UNKNOWN


def test_a_program_of_hundreds_of_statements() -> None:
    lines = ["Z0[n,i] = X[n,i]"]
    lines += [f"Z{k}[n,i] = g(Z{k - 1}[n,i]) + Z{k - 1}[n,i]" for k in range(1, 500)]
    given = Spec("\n".join(lines)).derivation
    right = "dZ3[n,i] = dZ4[n,i]*(g'(Z3[n,i]) + 1)"
    assert in_time(right, given).kind is Kind.EQUAL
    assert in_time("dZ3[n,i] = dZ4[n,i]*g'(Z3[n,i])", given, 10.0).kind is Kind.DIFFERENT
    # The whole chain in between is too deep to be written out.
    assert in_time("dX[n,i] = dZ499[n,i]*g'(X[n,i])^499", given).kind is not Kind.EQUAL


def test_an_answer_without_time_says_so() -> None:
    claim = read_claim("x = y")
    answer = decide(claim, budget=-1.0)
    assert answer.kind is Kind.UNKNOWN
    assert "no time was left" in answer.reason


def test_what_is_found_equal_needs_no_time_for_a_witness() -> None:
    assert decide(read_claim("x + y = y + x"), seconds=0.0).kind is Kind.EQUAL


def test_a_search_tells_at_how_many_points_the_sides_agree() -> None:
    seen = search(read_claim("x + y = y + x"), seconds=5.0)
    assert seen.witness is None
    assert seen.exact
    assert seen.agreed == seen.tried > 20
    assert seen.shown == f"they agree at {seen.agreed} points of sizes up to {seen.largest}"
    seen = search(read_claim("exp(x)*exp(y) = exp(x + y)"), seconds=5.0)
    assert not seen.exact
    assert "cannot be told apart" in seen.shown
    seen = search(read_claim("log(-1) = 0"), seconds=5.0)
    assert seen.shown == "neither side has a value at any point that was tried"
    assert search(read_claim("x = y"), seconds=-1.0).shown == "no point was tried"


def test_what_prepares_a_decision_asks_for_the_time_as_well() -> None:
    claim = read_claim("x + y = y + x")
    for prepare in (lambda: expand(claim.derivation, claim.left), lambda: WitnessSearch(claim)):
        prepare()
        with time_limit(-1.0), pytest.raises(OutOfTimeError):
            prepare()


def test_an_assumption_that_was_found_in_time_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = read_claim("step(x) = 1 - step(-x)")
    assert decide(claim).assumption == "x[i] is not zero"

    def out_of_time(*_: object) -> Iterator[Stage]:
        yield from islice(stages(claim, []), 1)
        raise OutOfTimeError

    monkeypatch.setattr(equal_module, "stages", out_of_time)
    assert decide(claim).assumption == "x[i] is not zero"


def test_a_sum_in_matrix_notation_is_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def counted(*parts: Term) -> Term:
        counts.append(len(parts))
        return add(*parts)

    monkeypatch.setattr(matrix_notation, "add", counted)
    read_claim("x = " + " + ".join(f"x{k}" for k in range(200)))
    assert sum(counts) <= 2 * 201


# ---------------------------------------------------------------- the limit itself


def test_a_limit_inside_of_another_is_no_longer_than_that() -> None:
    assert time_left() == float("inf")
    with time_limit(-1.0):
        with time_limit(100.0), pytest.raises(OutOfTimeError):
            check_time()
        with no_time_limit():
            check_time()
        with pytest.raises(OutOfTimeError):
            check_time()
    check_time()
    with time_limit(100.0):
        assert 0 < time_left() <= 100


def test_a_limit_ends_with_an_error_inside_of_it() -> None:
    with pytest.raises(ValueError, match="inside"), time_limit(-1.0):
        raise ValueError("inside")
    check_time()
