"""Canonical labelling of bound indices: individualise and refine, as for graphs.

A sum does not depend on what its bound indices are called. To give equal sums equal names, the
indices are coloured by how they occur, the colours are refined until they say no more, and where
several indices still look alike each is tried in turn; the least result is kept. Indices whose
exchange changes nothing need one try. (McKay and Piperno, Practical graph isomorphism II,
J. Symbolic Computation 60, 2014, section 2, describe the scheme.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from backproof.spec.terms import Index

# The key of one factor once some of its indices have been given other names.
Key = Callable[[Mapping[Index, Index]], str]


class Factor:
    """A factor of a sum's body as labelling sees it: which bound indices it has, and its key."""

    def __init__(self, key: Key, indices: frozenset[Index]) -> None:
        self.indices = indices
        self._key = key
        self._known: dict[tuple[tuple[Index, Index], ...], str] = {}

    def key(self, names: Mapping[Index, Index]) -> str:
        """The key with the given names in place of the factor's indices."""
        wanted = tuple(sorted((i, names[i]) for i in self.indices if i in names))
        found = self._known.get(wanted)
        if found is None:
            found = self._known[wanted] = self._key(dict(wanted))
        return found


def canonical_order(
    bound: Sequence[Index], factors: Sequence[Factor], mark: str = ""
) -> tuple[Index, ...]:
    """The bound indices in an order that does not depend on what they are called.

    Args:
        bound: the indices.
        factors: what they occur in.
        mark: made part of the names that the indices are given on trial; with one that is not
            used inside the factors, these names meet no others.
    """
    colours = _ranks({i: i.axis for i in bound})
    return _search(tuple(bound), factors, colours, f"?{mark}.")[1]


def _search(
    bound: tuple[Index, ...], factors: Sequence[Factor], colours: dict[Index, int], stem: str
) -> tuple[str, tuple[Index, ...]]:
    colours = _refine(bound, factors, colours, stem)
    alike = _alike(bound, colours)
    if not alike:
        return _leaf(bound, factors, colours, stem)
    best: tuple[str, tuple[Index, ...]] | None = None
    tried: list[Index] = []
    glimpses: set[str] = set()
    for index in alike:
        if any(_exchangeable(index, other, factors, stem) for other in tried):
            continue
        tried.append(index)
        split = _individualised(index, colours)
        # Two leaves of one text are each other's image: what holds below the one holds below
        # the other, and a glimpse of one leaf each saves the search of all.
        glimpse = _first_leaf(bound, factors, split, stem)
        if glimpse in glimpses:
            continue
        glimpses.add(glimpse)
        found = _search(bound, factors, split, stem)
        if best is None or found[0] < best[0]:
            best = found
    assert best is not None
    return best


def _alike(bound: tuple[Index, ...], colours: Mapping[Index, int]) -> list[Index]:
    """The smallest class of indices that share a colour; none where every colour is single."""
    classes: dict[int, list[Index]] = {}
    for index in bound:
        classes.setdefault(colours[index], []).append(index)
    unsettled = [(len(members), colour) for colour, members in classes.items() if len(members) > 1]
    return classes[min(unsettled)[1]] if unsettled else []


def _individualised(index: Index, colours: Mapping[Index, int]) -> dict[Index, int]:
    """Colours in which an index comes just before the rest of its class."""
    own = colours[index]
    return _ranks({i: 2 * c + (c == own and i != index) for i, c in colours.items()})


def _first_leaf(
    bound: tuple[Index, ...], factors: Sequence[Factor], colours: dict[Index, int], stem: str
) -> str:
    while True:
        colours = _refine(bound, factors, colours, stem)
        alike = _alike(bound, colours)
        if not alike:
            return _leaf(bound, factors, colours, stem)[0]
        colours = _individualised(alike[0], colours)


def _leaf(
    bound: tuple[Index, ...], factors: Sequence[Factor], colours: Mapping[Index, int], stem: str
) -> tuple[str, tuple[Index, ...]]:
    order = tuple(sorted(bound, key=lambda i: colours[i]))
    return _text(order, factors, stem), order


def _refine(
    bound: tuple[Index, ...], factors: Sequence[Factor], colours: dict[Index, int], stem: str
) -> dict[Index, int]:
    while True:
        count = len(set(colours.values()))
        if count == len(bound):
            return colours
        names = {i: Index(f"{stem}{colours[i]}", i.axis) for i in bound}
        signatures = {}
        for index in bound:
            marked = {**names, index: Index(stem, index.axis)}
            seen = sorted(f.key(marked) for f in factors if index in f.indices)
            signatures[index] = (colours[index], tuple(seen))
        colours = _ranks(signatures)
        if len(set(colours.values())) == count:
            return colours


def _ranks(signatures: Mapping[Index, object]) -> dict[Index, int]:
    order = sorted(set(signatures.values()))  # type: ignore[type-var]
    rank = {s: k for k, s in enumerate(order)}
    return {i: rank[s] for i, s in signatures.items()}


def _text(order: tuple[Index, ...], factors: Sequence[Factor], stem: str) -> str:
    names = {i: Index(f"{stem}{k}", i.axis) for k, i in enumerate(order)}
    return "*".join(sorted(f.key(names) for f in factors))


def _exchangeable(left: Index, right: Index, factors: Sequence[Factor], stem: str) -> bool:
    if left.axis != right.axis:
        return False
    touched = [f for f in factors if f.indices & {left, right}]
    here = {left: Index(f"{stem}l", left.axis), right: Index(f"{stem}r", left.axis)}
    there = {left: here[right], right: here[left]}
    return sorted(f.key(here) for f in touched) == sorted(f.key(there) for f in touched)
