"""The two sides of a claim, written out to growing depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import OutOfTimeError, check_time
from backproof.spec.deciding.unrolling import unrolled
from backproof.spec.deriving.compose import on_axes
from backproof.spec.deriving.expand import expand
from backproof.spec.normal_form.normal import TooLargeError
from backproof.spec.normal_form.signs import Signs, needed
from backproof.spec.terms import Apply, Entry, Match, Term, walk

# What a normal form can't be had for.
NO_FORM = (TooLargeError, ZeroDivisionError, ValueError)
INTERMEDIATES, INPUTS = "in terms of the intermediates", "in terms of the inputs"


@dataclass(frozen=True)
class Stage:
    """The two sides, written out to some depth.

    Attributes:
        how: the depth, in words.
        keep: the names that are not written out.
        positions: the affine positions that lie on their axes.
        elementary: whether sigmoid and the like go through exp and log.
    """

    how: str
    keep: set[str]
    left: Term
    right: Term
    positions: tuple[Match, ...] = ()
    elementary: bool = False

    @cached_property
    def signs(self) -> Signs:
        """What holds of the entries and positions where both sides have values."""
        return needed(self.left, self.right, positions=self.positions)


def stages(claim: Claim, tried: list[str]) -> Iterator[Stage]:
    """The two sides, the less is replaced by what defines it the sooner.

    Args:
        claim: a claim that has both.
        tried: gets a line for each depth that can't be had.
    """
    assert claim.left is not None
    assert claim.right is not None
    derivation = claim.derivation
    kept = set(derivation.program.defined) | {g.name for g in derivation.gradients.values()}
    # A name that stands alone on one side is what the claim is about: it is replaced first.
    alone = {side.tensor for side in (claim.left, claim.right) if isinstance(side, Entry)}
    one_axis = {right: left for left, right in claim.merged}
    declared, reach = derivation.program.declared_sizes, derivation.program.reach
    for how, keep in (
        (INTERMEDIATES, kept - alone),
        (INPUTS, set[str]()),
    ):
        try:
            check_time()
            left, right = (
                on_axes(expand(derivation, side, keep=keep), one_axis)
                for side in (claim.left, claim.right)
            )
        except (TooLargeError, OutOfTimeError) as error:
            tried.append(f"{how}: {error}")
            continue
        yield Stage(how, keep, left, right, reach)
        places = unrolled(left, declared), unrolled(right, declared)
        if places != (left, right):
            yield Stage(f"{how}, place by place along short axes", keep, *places, reach)
        if any(
            isinstance(node, Apply) and node.function in _ELEMENTARY
            for side in (left, right)
            for node in walk(side)
        ):
            yield Stage(f"{how}, through exp and log", keep, left, right, reach, elementary=True)


_ELEMENTARY = ("exp", "log", "sigmoid", "tanh", "softplus", "silu")
