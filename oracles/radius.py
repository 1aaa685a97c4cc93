"""Counting the roundings of a statement, for every order, association and expansion of it.

A statement is a polynomial in atoms (tensors, values of functions, powers). Expanded, it has
``terms`` products of at most ``factors`` factors; however it is computed, no summand meets more
than terms - 1 + factors - 1 roundings. With P the sum of the absolute values of the expansion, an
implementation is within roundoff(...) P, and its underflows, of the exact polynomial of its atoms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from backproof.oracles.formats import Format
from backproof.oracles.matching import settled
from backproof.oracles.products import Sizes, extent
from backproof.spec.plan import (
    ArrayForm,
    Chosen,
    Einsum,
    LogSumExpOver,
    Matched,
    Raised,
    Scalar,
    Total,
)
from backproof.spec.terms import Add, Constant, Index, Match, Mul, Number, Power, Size, Term

CONSTANTS = {"pi": math.pi}
# Positive integer powers up to this one are products; higher ones are functions of their base.
HIGHEST_PRODUCT = 8


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of a form's expansion.

    Attributes:
        terms: how many products are summed.
        factors: of the longest product, each rounding of a coefficient counted as a factor.
        flat: a sum of products of atoms as it stands, with nothing to multiply out.
    """

    terms: int
    factors: int
    flat: bool = True

    @property
    def roundings(self) -> int:
        """The most that any summand meets on its way to the result."""
        return max(0, self.terms - 1 + self.factors - 1)


def is_product(form: ArrayForm) -> bool:
    """Whether a power is expanded as a product of equal factors."""
    return (
        isinstance(form, Raised)
        and form.power.exponent.denominator == 1
        and 0 < form.power.exponent <= HIGHEST_PRODUCT
    )


def count(form: ArrayForm, sizes: Sizes, bits: int) -> Counts:
    """The counts of a form; ``bits`` of significand decide which integers are exact."""
    if isinstance(form, Scalar):
        return Counts(1, 1 + constant_roundings(form.term, sizes, bits))
    if isinstance(form, Total):
        parts = [count(part, sizes, bits) for part in form.parts]
        # logsumexp - z is also the logarithm of softmax, which errs by 2 u (|s| + |log p|) more:
        # at most 4 u (|logsumexp| + |z|), the rest of which logsumexp's own radius holds.
        more = 4 if any(map(_is_logsumexp, form.parts)) else 0
        return Counts(
            sum(p.terms for p in parts),
            max(p.factors for p in parts) + more,
            all(p.flat for p in parts) and not any(isinstance(p, Total) for p in form.parts),
        )
    if isinstance(form, Einsum):
        # A match picks terms: those that it leaves out are no summands, and 1 is no factor.
        factors = [o for o in form.operands if not isinstance(o, Matched)]
        operands = [count(operand, sizes, bits) for operand in factors]
        gone = [index for _, _, index in settled_operands(form, sizes)]
        every = sum(o.factors for o in operands)
        return Counts(
            extent([i for i in form.summed if i not in gone], sizes)
            * math.prod(o.terms for o in operands),
            max(1, every + coefficient_roundings(form.coefficient, sizes, bits)),
            all(_is_plain(o) for o in factors),
        )
    if isinstance(form, Chosen):
        branches = [count(branch, sizes, bits) for branch in (form.above, form.below)]
        return Counts(
            max(b.terms for b in branches),
            max(b.factors for b in branches),
            _is_plain(form) and all(b.flat for b in branches),
        )
    if isinstance(form, Raised) and is_product(form):
        base = count(form.argument, sizes, bits)
        power = form.power.exponent.numerator
        return Counts(base.terms**power, base.factors * power, base.terms == 1 and base.flat)
    return Counts(1, 1)


def _is_plain(form: ArrayForm) -> bool:
    """Whether a form has nothing in it that could be multiplied out."""
    if isinstance(form, Chosen):
        return _is_plain(form.above) and _is_plain(form.below)
    return not isinstance(form, (Total, Einsum)) and not is_product(form)


def settled_operands(form: Einsum, sizes: Sizes) -> list[tuple[int, Match, Index]]:
    """The matches among the operands that settle an index of the sum: number, match and index."""
    numbers = {o.match: k for k, o in enumerate(form.operands) if isinstance(o, Matched)}
    return [(numbers[node], node, index) for node, index in settled(numbers, form.summed, sizes)]


def _is_logsumexp(form: ArrayForm) -> bool:
    if isinstance(form, Einsum) and len(form.operands) == 1:
        form = form.operands[0]
    return isinstance(form, LogSumExpOver)


def growth(roundings: int, u: float) -> float:
    """An upper bound of (1 + u/(1 + u))^roundings - 1, the error of a path, relative to a summand.

    Each rounding to nearest errs by at most u/(1 + u), relatively: C.-P. Jeannerod and S. M. Rump,
    "On relative errors of floating-point operations: optimal bounds and applications", Math. Comp.
    87 (2018). Up to three roundings that is at most roundings times u.
    """
    if roundings <= 3:
        return roundings * u
    try:
        return math.expm1(roundings * math.log1p(u)) * (1.0 + 2.0**-40)
    except OverflowError:
        return math.inf


def roundoff(counts: Counts, fmt: Format, accumulate: Format | None = None) -> float:
    """The coefficient of P in a statement's radius.

    Sums of products of two atoms, and sums of atoms, err by at most n u P for n terms (n - 1 for
    sums of atoms), in any order and for any n: C.-P. Jeannerod and S. M. Rump, "Improved error
    bounds for inner products in floating-point arithmetic", SIAM J. Matrix Anal. Appl. 34 (2013),
    theorems 3.1 and 4.1. Other expansions get the bound of a path.

    Args:
        counts: of the whole statement.
        fmt: of the results and their products.
        accumulate: of the sums, where it is another.
    """
    if accumulate is not None and accumulate.u < fmt.u:
        # The products and the last sum may still round to the narrower one.
        outer = growth(counts.factors, fmt.u)
        inner = roundoff(counts, accumulate)
        return inner + outer * (1.0 + inner) if counts.roundings else 0.0
    u = fmt.u if accumulate is None else max(fmt.u, accumulate.u)
    if counts.flat and counts.factors <= 2:
        return counts.roundings * u
    return growth(counts.roundings, u)


# ---------------------------------------------------------------- numbers that sizes determine


def scalar(term: Term, sizes: Sizes) -> Fraction | float | None:
    """The value of a term of numbers, constants and sizes: exact where it is rational.

    A float is within 2^-48 of the exact value, relatively. None where a zero is divided by, or
    where cancellation leaves nothing certain.
    """
    if isinstance(term, Number):
        return term.value
    if isinstance(term, Size):
        return Fraction(sizes[term.axis])
    if isinstance(term, Constant):
        return CONSTANTS[term.name]
    parts = [scalar(child, sizes) for child in term.children]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(term, Add):
        if all(isinstance(p, Fraction) for p in known):
            return sum((p for p in known if isinstance(p, Fraction)), Fraction(0))
        total = math.fsum(map(float, known))
        # More than one bit lost to cancellation is more than the promise allows.
        return total if abs(total) * 2.0 >= math.fsum(abs(float(p)) for p in known) else None
    if isinstance(term, Mul):
        if all(isinstance(p, Fraction) for p in known):
            return math.prod((p for p in known if isinstance(p, Fraction)), start=Fraction(1))
        return math.prod(map(float, known))
    assert isinstance(term, Power)
    base, exponent = known[0], term.exponent
    if base == 0 and exponent < 0:
        return None
    if isinstance(base, Fraction) and exponent.denominator == 1:
        return Fraction(base**exponent.numerator)
    return None if base < 0 else float(base) ** float(exponent)


def constant_roundings(term: Term, sizes: Sizes, bits: int) -> int:
    """How many roundings an implementation may meet in computing a number from sizes."""
    if _is_exact(term, sizes, bits):
        return 0
    if isinstance(term, (Number, Size, Constant)):
        return 1
    inner = [constant_roundings(child, sizes, bits) for child in term.children]
    if isinstance(term, Mul):
        return sum(inner) + sum(not _is_power_of_two(scalar(f, sizes)) for f in term.factors) - 1
    if isinstance(term, Add):
        return (sum(inner) + len(inner) - 1) * _condition(term, sizes)
    assert isinstance(term, Power)
    exponent = abs(term.exponent)
    if exponent.denominator == 1:
        return exponent.numerator * (inner[0] + 1) - 1 + (term.exponent < 0)
    return math.ceil(exponent) * inner[0] + 4


def coefficient_roundings(term: Term, sizes: Sizes, bits: int) -> int:
    """How many roundings a coefficient adds to each summand: its own, and the multiplication."""
    if _is_power_of_two(scalar(term, sizes)) and _is_exact(term, sizes, bits):
        return 0
    return constant_roundings(term, sizes, bits) + 1


def _is_exact(term: Term, sizes: Sizes, bits: int) -> bool:
    """Whether the number, and each on the way to it, fits into the significand."""
    value = scalar(term, sizes)
    return (
        isinstance(value, Fraction)
        and _fits(value, bits)
        and all(_is_exact(child, sizes, bits) for child in term.children)
    )


def _condition(term: Add, sizes: Sizes) -> int:
    parts = [scalar(part, sizes) for part in term.terms]
    total = scalar(term, sizes)
    if total is None or total == 0 or any(p is None for p in parts):
        return 2**52
    return math.ceil(2 * sum(abs(float(p)) for p in parts if p is not None) / abs(float(total)))


def _fits(value: Fraction, bits: int) -> bool:
    """Whether a number is an integer of so many bits times a power of two."""
    if value.denominator & (value.denominator - 1):
        return False
    numerator = abs(value.numerator)
    odd = numerator // (numerator & -numerator) if numerator else 0
    return odd.bit_length() <= bits


def _is_power_of_two(value: Fraction | float | None) -> bool:
    return isinstance(value, Fraction) and _fits(value, 1)
