"""The two sides of a claim, written out to growing depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from backproof.spec.claims.reading import Claim
from backproof.spec.deadline import OutOfTimeError, check_time
from backproof.spec.deciding.unrolling import unrolled
from backproof.spec.deriving.compose import on_axes
from backproof.spec.deriving.derive import Derivation
from backproof.spec.deriving.expand import expand
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.normal_form.signs import NOTHING, Signs, needed
from backproof.spec.terms import (
    Apply,
    Entry,
    Hardmax,
    Match,
    Mul,
    Power,
    Term,
    max_over,
    mul,
    rebuild,
    total,
    walk,
)

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
        domain: what holds of the entries where the layer itself has a value.
        elementary: whether sigmoid and the like go through exp and log.
        ties: what may not be zero for the two sides to be those of the claim.
        largest: the largest values that a single place has to have for that.
    """

    how: str
    keep: set[str]
    left: Term
    right: Term
    positions: tuple[Match, ...] = ()
    domain: Signs = NOTHING
    elementary: bool = False
    ties: tuple[Term, ...] = ()
    largest: tuple[Term, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether the two sides are those of the claim without more ado."""
        return not (self.ties or self.largest)

    @cached_property
    def signs(self) -> Signs:
        """What holds of the entries and positions where the layer and both sides have values."""
        return needed(self.left, self.right, positions=self.positions).joined(self.domain)


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
            domain = _domain(derivation, keep)
        except (TooLargeError, OutOfTimeError) as error:
            tried.append(f"{how}: {error}")
            continue
        yield Stage(how, keep, left, right, reach, domain)
        first, second = (unrolled(side, declared) for side in (left, right))
        if (first.term, second.term) != (left, right):
            yield Stage(
                f"{how}, place by place along short axes",
                keep,
                first.term,
                second.term,
                reach,
                domain,
                ties=tuple(dict.fromkeys(first.ties + second.ties)),
            )
        largest: dict[Term, None] = {}
        once, again = (
            _shares_once(side, largest) if _has_share(side) else side for side in (left, right)
        )
        if largest:
            yield Stage(
                f"{how}, apart from ties",
                keep,
                once,
                again,
                reach,
                domain,
                largest=tuple(largest),
            )
        if any(
            isinstance(node, Apply) and node.function in _ELEMENTARY
            for side in (left, right)
            for node in _walk(side)
        ):
            yield Stage(
                f"{how}, through exp and log", keep, left, right, reach, domain, elementary=True
            )


def _has_share(term: Term) -> bool:
    return any(isinstance(node, Hardmax) for node in _walk(term))


def _shares_once(term: Term, largest: dict[Term, None]) -> Term:
    """A term in which the share of a place in a largest value is its own square: it is 0 or 1.

    Args:
        term: the term.
        largest: gets what the shares are of, where one stood more than once.
    """

    def on(node: Term) -> Term:
        node = rebuild(node, on)
        if isinstance(node, Power) and isinstance(node.base, Hardmax) and node.exponent > 0:
            largest[max_over(node.base.index, node.base.body)] = None
            return node.base
        if isinstance(node, Mul):
            shares = Counter(f for f in node.factors if isinstance(f, Hardmax))
            if any(count > 1 for count in shares.values()):
                for share, count in shares.items():
                    if count > 1:
                        largest[max_over(share.index, share.body)] = None
                return mul(*(f for f in node.factors if f not in shares), *shares)
        return node

    return on(term)


def _walk(term: Term) -> Iterator[Term]:
    for node in walk(term):
        check_time()
        yield node


def _domain(derivation: Derivation, keep: set[str]) -> Signs:
    """What has to hold of the entries for the layer itself to have a value.

    No more than its logarithms say, of what is kept and of what that is written out to.
    """
    found = NOTHING
    for s in derivation.program.statements:
        if not any(isinstance(n, Apply) and n.function == "log" for n in walk(s.value)):
            continue
        values = {s.value, expand(derivation, s.value, keep=keep)}
        found = found.joined(needed(*(total(s.target.indices, value) for value in values)))
    return found


_ELEMENTARY = ("exp", "log", "sigmoid", "tanh", "softplus", "silu")
