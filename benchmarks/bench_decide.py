"""Deciding claims: labelling of bound indices, claims on the library's layers, memory."""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.equal import decide
from backproof.spec.errors import SpecError
from backproof.spec.library import named, names
from backproof.spec.mistakes import wrong_forms
from backproof.spec.normal_form.normal import normalise
from backproof.spec.printers.index import index_equation
from backproof.spec.terms import Index, Term, entry, mul, total


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def trace_of_power(power: int) -> Term:
    """tr(M^power): one cycle of bound indices that all look alike."""
    ring = [Index(f"i{k}", "i") for k in range(power)]
    factors = (entry("M", (ring[k], ring[(k + 1) % power])) for k in range(power))
    return total(ring, mul(*factors))


def random_contraction(bound: int, seed: int) -> Term:
    """A full contraction of as many matrices of three names as there are indices, at random."""
    rng = random.Random(seed)
    indices = [Index(f"i{k}", "i") for k in range(bound)]
    ends = indices * 2
    rng.shuffle(ends)
    factors = (entry(rng.choice("ABC"), (ends[2 * k], ends[2 * k + 1])) for k in range(bound))
    return total(indices, mul(*factors))


def labelling_rows() -> Iterator[tuple[str, float]]:
    """The seconds of normal forms that are all labelling."""
    for power in (4, 8, 12):
        yield f"trace of M^{power}", _seconds(lambda p=power: normalise(trace_of_power(p)))
    times = [_seconds(lambda s=seed: normalise(random_contraction(12, s))) for seed in range(40)]
    yield "random contraction, 12 indices, median of 40", statistics.median(times)
    yield "random contraction, 12 indices, longest of 40", max(times)


def library_claims() -> Iterator[Claim]:
    """For each layer of the library its own gradients, and one wrong form of each."""
    for name in names():
        spec = named(name)
        for gradient in spec.gradients().values():
            if gradient.is_upstream:
                continue
            yield read_claim(gradient.expanded().index, spec.derivation)
            for form in wrong_forms(spec.derivation, gradient.name)[:1]:
                wrong = index_equation(entry(form.quantity, form.indices), form.value)
                # A form of another rank than its quantity is no claim that can be read.
                with suppress(SpecError):
                    yield read_claim(wrong, spec.derivation)


def main() -> None:
    """Print the tables."""
    print("labelling of bound indices")
    for what, seconds in labelling_rows():
        print(f"  {what:46s}{seconds:9.4f} s")
    print("deciding claims on the library's layers, warm")
    claims = list(library_claims())
    decide(claims[0])
    times = [(_seconds(lambda c=c: decide(c)), c.text) for c in claims]
    every = [seconds for seconds, _ in times]
    print(
        f"  {len(every)} claims: median {statistics.median(every) * 1000:.1f} ms, "
        f"longest {max(every):.2f} s ({max(times)[1][:60]})"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory of this process {peak:.0f} MB")


if __name__ == "__main__":
    main()
