"""Where a layer has a value, and where it has a single derivative: what a derivation takes granted.

A root needs what is under it not to be negative, a logarithm above zero, a quotient a denominator
that is not zero. At a kink the derivative jumps, and every value between the one-sided ones counts.
What is plain from the term itself (a sum of squares plus 1 is positive), or assumed, is not said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backproof.spec.functions import FUNCTIONS
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.normal import is_above, normalise
from backproof.spec.normal_form.signs import Signs, stated
from backproof.spec.printers.index import index_form
from backproof.spec.program import Program
from backproof.spec.terms import (
    Apply,
    Hardmax,
    Max,
    Number,
    Power,
    Term,
    Where,
    add,
    negative,
    number,
    walk,
)


@dataclass(frozen=True)
class Requirement:
    """Something that has to be true of a tensor's statement.

    Attributes:
        tensor: whose statement it is.
        text: what has to be true, such as ``x[i] > 0``.
        why: what needs it.
    """

    tensor: str
    text: str
    why: str

    def __str__(self) -> str:
        return f"{self.tensor}: {self.text}: {self.why}"


def conditions(program: Program) -> tuple[Requirement, ...]:
    """What the statements need, each once, in the order in which it is met."""
    signs = stated(program.assumptions)
    found: dict[tuple[str, str], Requirement] = {}
    for s in program.statements:
        for text, why in _of(s.value, signs):
            found.setdefault((text, why), Requirement(s.target.tensor, text, why))
    return tuple(found.values())


def _of(value: Term, signs: Signs) -> Iterator[tuple[str, str]]:
    for node in walk(value):
        if isinstance(node, Power):
            yield from _of_power(node, signs)
        elif isinstance(node, Apply):
            yield from _of_function(node, signs)
        elif isinstance(node, Where):
            yield (
                f"{index_form(node.test)} is not 0",
                "a condition changes there: every value between the one-sided ones counts",
            )
        elif isinstance(node, (Max, Hardmax)):
            where = "" if isinstance(node, Max) else "; it has no derivative there"
            yield (
                f"one value of {index_form(node.body)} is the largest",
                f"where two are, each of their shares counts{where}",
            )


def _of_power(node: Power, signs: Signs) -> Iterator[tuple[str, str]]:
    if isinstance(node.base, Number):
        return
    shown = index_form(node.base)
    if node.exponent.denominator > 1:
        strict = node.exponent < 0
        if not _is_known(node.base, signs, strict=strict):
            relation = ">" if strict else ">="
            yield f"{shown} {relation} 0", f"the power {node.exponent} of it is taken"
    elif node.exponent < 0 and not _is_known(node.base, signs, strict=True):
        yield f"{shown} is not 0", "it is divided by"


def _of_function(node: Apply, signs: Signs) -> Iterator[tuple[str, str]]:
    known = FUNCTIONS.get(node.function)
    if known is None:
        return
    shown = index_form(node.argument)
    if known.domain and not _is_known(node.argument, signs, strict=">=" not in known.domain):
        yield known.domain.replace("x", shown, 1), f"{node.function} is taken of it"
    for kink in known.kinks:
        moved = add(node.argument, negative(number(kink)))
        if not _is_known(moved, signs, strict=True):
            yield (
                f"{shown} is not {kink}",
                f"{node.function} has a kink there: every value between the one-sided "
                "derivatives counts",
            )


def _is_known(term: Term, signs: Signs, *, strict: bool) -> bool:
    try:
        form = normalise(term, signs=signs)
    except (TooLargeError, ArithmeticError, ValueError):
        return False
    if is_above(form, signs):
        return True
    return form.positive if strict else form.nonnegative
