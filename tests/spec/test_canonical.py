"""Bound indices are labelled alike exactly where some renaming makes two sums the same."""

import itertools
import time
from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.spec import terms as t
from backproof.spec.normal_form.canonical import Factor, canonical_order
from backproof.spec.normal_form.normal import normalise
from backproof.spec.terms import Index
from tests.spec.random_terms import FIXED

Edges = list[tuple[int, int]]


def key_of(edges: Edges, names: list[str], axes: str = "") -> str:
    """The key of sum over all vertices of the product of M[u,v] over the edges."""
    indices = [Index(name, axes[k] if axes else "v") for k, name in enumerate(names)]
    product = t.mul(*(t.entry("M", (indices[u], indices[v])) for u, v in edges))
    return normalise(t.total(indices, product)).key


def letters(count: int) -> list[str]:
    return [f"v{k}" for k in range(count)]


def isomorphic(count: int, left: Edges, right: Edges) -> bool:
    """By trying every renaming of the vertices."""
    wanted = Counter(right)
    return any(
        Counter((p[u], p[v]) for u, v in left) == wanted
        for p in itertools.permutations(range(count))
    )


def shuffled(count: int, edges: Edges, random: Random) -> Edges:
    p = list(range(count))
    random.shuffle(p)
    moved = [(p[u], p[v]) for u, v in edges]
    random.shuffle(moved)
    return moved


def both_ways(edges: Edges) -> Edges:
    return [*edges, *((v, u) for u, v in edges)]


@st.composite
def graphs(draw: st.DrawFn, most: int = 5) -> tuple[int, Edges]:
    """A directed multigraph in which every vertex has an edge."""
    count = draw(st.integers(1, most))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = draw(st.lists(pairs, min_size=1, max_size=7))
    used = {v for edge in edges for v in edge}
    edges += [(v, (v + 1) % count) for v in range(count) if v not in used]
    return count, edges


@FIXED
@given(graphs(), st.integers(0, 10**9))
def test_isomorphic_graphs_have_one_key(graph: tuple[int, Edges], seed: int) -> None:
    count, edges = graph
    other = shuffled(count, edges, Random(seed))
    assert key_of(edges, letters(count)) == key_of(other, letters(count))


@FIXED
@given(graphs(), st.data())
def test_keys_are_equal_exactly_for_isomorphic_graphs(
    graph: tuple[int, Edges], data: st.DataObject
) -> None:
    count, edges = graph
    # One edge turned or moved: most such pairs are alike in all that refinement sees.
    place = data.draw(st.integers(0, len(edges) - 1))
    changed = list(edges)
    kind = data.draw(st.integers(0, 2))
    u, v = changed[place]
    changed[place] = (v, u) if kind == 0 else (u, (v + kind) % count)
    if {w for e in changed for w in e} != {w for e in edges for w in e}:
        return
    same = key_of(edges, letters(count)) == key_of(changed, letters(count))
    assert same == isomorphic(count, edges, changed)


@pytest.mark.parametrize("power", range(1, 13))
def test_the_trace_of_a_power_has_one_key_in_any_order(power: int) -> None:
    cycle = [(k, (k + 1) % power) for k in range(power)]
    keys = {key_of(shuffled(power, cycle, Random(s)), letters(power)) for s in range(6)}
    assert len(keys) == 1


def test_two_traces_are_not_the_trace_of_the_product() -> None:
    one = [(k, (k + 1) % 6) for k in range(6)]
    two = [(k, (k + 1) % 3) for k in range(3)] + [(3 + k, 3 + (k + 1) % 3) for k in range(3)]
    assert key_of(one, letters(6)) != key_of(two, letters(6))


# Regular graphs: every vertex has the same neighbourhood, so that refinement alone sees nothing.
PRISM = both_ways([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5)])
K33 = both_ways([(a, b) for a in (0, 1, 2) for b in (3, 4, 5)])
CUBE = both_ways([(a, a ^ bit) for a in range(8) for bit in (1, 2, 4) if a < a ^ bit])
MOEBIUS = both_ways([(k, (k + 1) % 8) for k in range(8)] + [(k, k + 4) for k in range(4)])
PETERSEN = both_ways(
    [(k, (k + 1) % 5) for k in range(5)]
    + [(k, k + 5) for k in range(5)]
    + [(5 + k, 5 + (k + 2) % 5) for k in range(5)]
)


# Of degree three throughout, yet not every vertex can be any other one.
UNEVEN = both_ways(
    [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (4, 5), (4, 6), (5, 6), (5, 7), (6, 7), (0, 4), (3, 7)]
)


@pytest.mark.parametrize(
    ("count", "edges"),
    [(6, PRISM), (6, K33), (8, CUBE), (8, MOEBIUS), (8, UNEVEN), (10, PETERSEN)],
)
def test_a_regular_graph_has_one_key_however_it_is_numbered(count: int, edges: Edges) -> None:
    keys = {key_of(shuffled(count, edges, Random(s)), letters(count)) for s in range(4)}
    assert len(keys) == 1


@pytest.mark.parametrize("arms", [8, 12])
def test_a_star_of_like_arms_is_labelled_without_trying_every_order(arms: int) -> None:
    # No two indices can be exchanged alone: an arm is two of them.
    star = [(0, k) for k in range(1, arms + 1)] + [(k, k + arms) for k in range(1, arms + 1)]
    start = time.perf_counter()
    keys = {key_of(shuffled(2 * arms + 1, star, Random(s)), letters(2 * arms + 1)) for s in (1, 2)}

    assert len(keys) == 1
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("count", "left", "right"), [(6, PRISM, K33), (8, CUBE, MOEBIUS), (8, CUBE, UNEVEN)]
)
def test_regular_graphs_of_one_degree_are_told_apart(count: int, left: Edges, right: Edges) -> None:
    assert not isomorphic(count, left, right)
    assert key_of(left, letters(count)) != key_of(right, letters(count))


def test_names_of_indices_do_not_matter() -> None:
    edges = [(0, 1), (1, 2), (2, 0), (0, 0)]
    keys = {key_of(edges, list(p)) for p in itertools.permutations(["z", "a", "m"])}
    assert len(keys) == 1


def test_indices_of_two_axes_are_never_exchanged() -> None:
    edges = [(0, 1), (1, 0)]
    assert key_of(edges, letters(2), "ab") == key_of(edges, ["q", "r"], "ab")
    assert key_of(edges, letters(2), "ab") != key_of(edges, letters(2), "aa")


def test_the_order_is_a_permutation_that_follows_the_indices() -> None:
    bound = [Index(name, "v") for name in "cab"]

    def key(index: Index) -> Factor:
        weight = {"c": "3", "a": "1", "b": "2"}[index.name]
        return Factor(lambda names: weight + names.get(index, index).name, frozenset([index]))

    factors = [key(i) for i in bound]

    assert [i.name for i in canonical_order(bound, factors)] == ["a", "b", "c"]
    assert [i.name for i in canonical_order(bound[::-1], factors)] == ["a", "b", "c"]


def test_names_on_trial_bear_the_mark() -> None:
    # Inside the factors, sums may be labelled anew, under names with another mark.
    seen: set[str] = set()

    def text(names: Mapping[Index, Index]) -> str:
        seen.update(i.name for i in names.values())
        return ",".join(sorted(i.name for i in names.values()))

    bound = [Index(name, "v") for name in "abc"]
    canonical_order(bound, [Factor(text, frozenset(bound))], "7")

    assert seen
    assert all(name.startswith("?7.") for name in seen)


def test_interchangeable_indices_take_no_search() -> None:
    asked = 0

    def key(index: Index) -> Factor:
        def text(names: dict[Index, Index]) -> str:
            nonlocal asked
            asked += 1
            return f"x[{names.get(index, index).name}]"

        return Factor(text, frozenset([index]))

    bound = [Index(f"v{k}", "v") for k in range(12)]
    order = canonical_order(bound, [key(i) for i in bound])

    # All orders of twelve would be half a billion.
    assert set(order) == set(bound)
    assert asked < 12**4
