"""What an affine position settles: one index of a sum follows from the others of the match.

In a sum over s of ``delta[s,t+k]*X[n,s,c]`` the match picks one entry for each t and k. So the sum
needs no loop over s, and a sum over t and k for a given s none over t.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from backproof.spec.terms import Binder, Index, Match, Mul, Sum, Term


def settled(
    matches: Iterable[Match], summed: Collection[Index], sizes: Mapping[str, int]
) -> list[tuple[Match, Index]]:
    """Matches among the factors of a sum, each with an index of the sum that it settles.

    The left index where that is summed over, else the one of the longest axis. None of the other
    indices of such a match is settled by another.

    Args:
        matches: factors of the sum's body.
        summed: the indices of the sum.
        sizes: of each axis.
    """
    found: list[tuple[Match, Index]] = []
    gone: set[Index] = set()
    for node in matches:
        parts = [index for index, _ in node.parts]
        if gone & {node.left, *parts}:
            continue
        if node.left in parts:
            # Where an index stands on both sides, it does not follow from the others.
            choices = [i for i in parts if i in summed and i != node.left]
        elif node.left in summed:
            choices = [node.left]
        else:
            choices = [i for i in parts if i in summed]
        if choices:
            chosen = max(choices, key=lambda i: sizes[i.axis])
            found.append((node, chosen))
            gone.add(chosen)
    return found


def settled_in(term: Sum, sizes: Mapping[str, int]) -> list[tuple[Match, Index]]:
    """The matches among the factors of a sum's body, as ``settled`` gives them."""
    factors = term.body.factors if isinstance(term.body, Mul) else (term.body,)
    return settled((f for f in factors if isinstance(f, Match)), term.indices, sizes)


def settled_place(
    node: Match, index: Index, at: Mapping[Index, Any], length: int
) -> tuple[Any, Any]:
    """Where an index of a match has to be, and whether there is such a place on its axis.

    Args:
        node: the match.
        index: the index.
        at: the positions of the others, whole numbers or arrays of them.
        length: of the axis of the index.
    """
    factor = 1
    reached: Any = node.offset
    for part, times in node.parts:
        if part == index:
            factor = times
        else:
            reached = reached + times * at[part]
    rest = reached if index == node.left else at[node.left] - reached
    place = rest // factor
    return place, (rest % factor == 0) & (place >= 0) & (place < length)


def loops(term: Term, sizes: Mapping[str, int]) -> Iterator[Index]:
    """The indices that some operator binds and that no match settles, with repetitions."""
    if isinstance(term, Binder):
        gone = settled_in(term, sizes) if isinstance(term, Sum) else []
        yield from set(term.bound) - {index for _, index in gone}
    for child in term.children:
        yield from loops(child, sizes)
