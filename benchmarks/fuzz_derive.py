"""Many random programs: derived gradients against JAX, rewritings and edits against the decision.

    python benchmarks/fuzz_derive.py 10000
    python benchmarks/fuzz_derive.py 2000 --property edits --seed 50000

The properties are those of tests/spec/test_random_programs.py. What fails is printed with its
seed; what raises is counted by its message.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backproof.spec.claims.reading import Claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.layer import Spec
from backproof.spec.printers.index import index_equation
from tests.spec.random_programs import (
    against_jax,
    edit_claim,
    program_text,
    rewriting_claim,
    sides_agree,
)

# What became of one program: a word to count by, and what to show where it failed.
Outcome = tuple[str, str]


def jax(random: Random) -> Outcome:
    """The gradients are those that JAX finds."""
    text = program_text(random, choices=("where", "max"))
    wrong = against_jax(Spec(text), random)
    return ("disagree", f"{', '.join(wrong)} of\n{text}") if wrong else ("agree", "")


def rewritings(random: Random) -> Outcome:
    """A gradient written differently is equal."""
    text, spec = _program(random)
    claim = rewriting_claim(spec, random)
    kind = decide(claim).kind
    return kind.value, "" if kind is Kind.EQUAL else _shown(text, claim)


def edits(random: Random) -> Outcome:
    """A gradient with one edit is equal only where the numbers agree too."""
    text, spec = _program(random)
    claim = edit_claim(spec, random)
    if claim is None:
        return "no edit fits", ""
    answer = decide(claim)
    wrong = answer.kind is Kind.EQUAL and not sides_agree(claim, random)
    wrong |= answer.kind is Kind.DIFFERENT and answer.witness is None
    return answer.kind.value, _shown(text, claim) if wrong else ""


# A line of progress after so many programs.
PROGRESS = 1000

PROPERTIES: dict[str, Callable[[Random], Outcome]] = {
    "jax": jax,
    "rewritings": rewritings,
    "edits": edits,
}


def _program(random: Random) -> tuple[str, Spec]:
    text = program_text(random, rational=random.random() < 0.5, choices=("where", "max"))
    return text, Spec(text)


def _shown(text: str, claim: Claim) -> str:
    assert claim.left is not None
    assert claim.right is not None
    return f"{text}{index_equation(claim.left, claim.right)}"


def run(name: str, count: int, seed: int) -> bool:
    """Check one property on so many programs; whether it held for all."""
    outcomes: Counter[str] = Counter()
    failed = 0
    slowest = (0.0, seed)
    started = time.perf_counter()
    for k in range(seed, seed + count):
        before = time.perf_counter()
        try:
            word, trouble = PROPERTIES[name](Random(k))
        except Exception as error:
            word = trouble = f"{type(error).__name__}: {error}"
        slowest = max(slowest, (time.perf_counter() - before, k))
        outcomes[word] += 1
        if sum(outcomes.values()) % PROGRESS == 0:
            print(f"{name}: {sum(outcomes.values())} programs", file=sys.stderr, flush=True)
        if trouble:
            failed += 1
            print(f"{name}, seed {k}: {trouble}", flush=True)
    seconds = time.perf_counter() - started
    counted = ", ".join(f"{word} {n}" for word, n in outcomes.most_common())
    print(
        f"{name}: {counted}; {failed} failed; {seconds:.0f} s, "
        f"the slowest {slowest[0]:.1f} s (seed {slowest[1]})",
        flush=True,
    )
    return not failed


def main() -> int:
    """Run what the command line asks for; 1 where something failed."""
    parser = argparse.ArgumentParser(description="Random programs against JAX and the decision.")
    parser.add_argument("count", type=int, help="programs for each property")
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--property", choices=sorted(PROPERTIES), help="only this one")
    given = parser.parse_args()
    chosen = [given.property] if given.property else list(PROPERTIES)
    held = [run(name, given.count, given.seed) for name in chosen]
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
