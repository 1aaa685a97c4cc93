"""Whole-array operations arranged as a person writes them: products of matrices, transposes, sums.

``arranged`` turns the array form of a term (``backproof.spec.plan``) into a tree whose products
are matrix products wherever the pattern of the indices allows. Matrix notation, LaTeX and code
are all printed from this tree. A node's ``indices`` are its own order of dimensions; nothing is
transposed here: whoever prints a node says in which order the dimensions are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from backproof.spec import plan
from backproof.spec.terms import ONE, Index, Term


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor by its name."""

    name: str
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A number that depends on sizes and constants alone."""

    term: Term

    @property
    def indices(self) -> tuple[Index, ...]:
        """No dimension."""
        return ()


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity matrix over two indices of one axis."""

    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A product of matrices; ``path`` holds the index before, between and after the factors.

    The factor number k runs over ``path[k]`` and ``path[k + 1]``. The first or the last factor
    may be a vector: then the path has None at that end.
    """

    factors: tuple[Node, ...]
    path: tuple[Index | None, ...]

    @property
    def indices(self) -> tuple[Index, ...]:
        """The ends of the path."""
        return tuple(i for i in (self.path[0], self.path[-1]) if i is not None)

    def reversed(self) -> Chain:
        """The transposed product."""
        return Chain(self.factors[::-1], self.path[::-1])

    def pair(self, k: int) -> tuple[Index, ...]:
        """The indices of the factor number k, in the order in which the product needs them."""
        return tuple(i for i in self.path[k : k + 2] if i is not None)

    @property
    def transposes(self) -> int:
        """How many factors have to be transposed."""
        return sum(self.pair(k) != f.indices for k, f in enumerate(self.factors))


@dataclass(frozen=True, slots=True)
class Outer:
    """The outer product of two vectors."""

    left: Node
    right: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """That of the left vector, then that of the right one."""
        return (*self.left.indices, *self.right.indices)


@dataclass(frozen=True, slots=True)
class Entrywise:
    """The product entry by entry; a factor that lacks an index is constant along it."""

    factors: tuple[Node, ...]
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A coefficient, made of numbers, constants and sizes, times an array."""

    coefficient: Term
    body: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the array."""
        return self.body.indices


@dataclass(frozen=True, slots=True)
class Reduced:
    """The sum over some of the indices of an array."""

    over: tuple[Index, ...]
    body: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those that are left."""
        return tuple(i for i in self.body.indices if i not in self.over)


@dataclass(frozen=True, slots=True)
class Plus:
    """The sum of parts; a part that lacks an index is constant along it."""

    parts: tuple[Node, ...]
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """A function of one argument, or its derivative, entry by entry."""

    function: str
    order: int
    argument: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class Raised:
    """A rational power, entry by entry."""

    exponent: Fraction
    argument: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class SoftmaxAlong:
    """Softmax along one index."""

    along: Index
    argument: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class LogSumExpOver:
    """Logarithm of the sum of exponentials over one index."""

    over: Index
    argument: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument but one."""
        return tuple(i for i in self.argument.indices if i != self.over)


@dataclass(frozen=True, slots=True)
class Contracted:
    """A product summed over indices that no chain of matrix products gives: an einsum."""

    operands: tuple[Node, ...]
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """An array made constant along the indices that it lacks."""

    body: Node
    indices: tuple[Index, ...]


Node = (
    Leaf
    | Value
    | Identity
    | Chain
    | Outer
    | Entrywise
    | Scaled
    | Reduced
    | Plus
    | Called
    | Raised
    | SoftmaxAlong
    | LogSumExpOver
    | Contracted
    | Spread
)


def arranged(term: Term, indices: Iterable[Index]) -> Node:
    """The tree of a term over the given indices.

    The tree may lack some of the indices: then the array is constant along them.

    Raises:
        ValueError: the term has a free index that is not among them.
    """
    return _arrange(plan.array_form(term, indices), top=True)


def _arrange(form: plan.ArrayForm, *, top: bool = False) -> Node:
    if isinstance(form, plan.Named):
        return Leaf(form.name, form.indices)
    if isinstance(form, plan.Scalar):
        return Value(form.term)
    if isinstance(form, plan.Identity):
        return Identity(form.indices)
    if isinstance(form, plan.Total):
        parts = tuple(map(_arrange, form.parts))
        return Plus(parts, _native(parts, form.indices))
    if isinstance(form, plan.Elementwise):
        return Called(form.function, form.order, _arrange(form.argument))
    if isinstance(form, plan.Raised):
        return Raised(form.power.exponent, _arrange(form.argument))
    if isinstance(form, plan.SoftmaxAlong):
        return SoftmaxAlong(form.along, _arrange(form.argument))
    if isinstance(form, plan.LogSumExpOver):
        return LogSumExpOver(form.over, _arrange(form.argument))
    operands = tuple(map(_arrange, form.operands))
    present = {i for o in operands for i in o.indices}
    kept = tuple(i for i in form.indices if i in present)
    node: Node = Value(form.coefficient)
    if operands:
        node = _product(operands, kept, form.summed)
        if form.coefficient is not ONE:
            node = Scaled(form.coefficient, node)
    if len(kept) < len(form.indices) and not top:
        return Spread(node, form.indices)
    return node


def _native(nodes: Sequence[Node], indices: Iterable[Index]) -> tuple[Index, ...]:
    """The order of dimensions of the first node that has all of the indices."""
    wanted = tuple(indices)
    return next((n.indices for n in nodes if set(n.indices) == set(wanted)), wanted)


def _product(
    operands: tuple[Node, ...], kept: tuple[Index, ...], summed: tuple[Index, ...]
) -> Node:
    whole = Contracted(operands, kept)
    if any(isinstance(o, Identity) or len(set(o.indices)) < len(o.indices) for o in operands):
        return whole
    live = list(operands)
    waiting = list(summed)
    while waiting:
        step = _single(live, waiting) or _paired(live, waiting) or _crowded(live, waiting)
        if step is None:
            return whole
        live = step
        present = {i for node in live for i in node.indices}
        waiting = [s for s in waiting if s in present]
    return _combined(live, kept) or whole


def _holding(live: list[Node], index: Index) -> list[int]:
    return [k for k, node in enumerate(live) if index in node.indices]


def _replaced(live: list[Node], gone: Sequence[int], node: Node) -> list[Node]:
    """The list with a node in the place of the first of those that are gone."""
    kept = [n for k, n in enumerate(live) if k not in gone]
    kept.insert(min(gone), node)
    return kept


def _single(live: list[Node], waiting: list[Index]) -> list[Node] | None:
    """Sum a factor over the indices that no other factor has."""
    for k, node in enumerate(live):
        over = tuple(i for i in node.indices if i in waiting and _holding(live, i) == [k])
        if over:
            return _replaced(live, [k], Reduced(over, node))
    return None


def _paired(live: list[Node], waiting: list[Index]) -> list[Node] | None:
    """Join the two factors that share an index: a matrix product, or a product by entries."""
    for s in waiting:
        places = _holding(live, s)
        if len(places) != 2:
            continue
        left, right = (live[k] for k in places)
        shared = set(left.indices) & set(right.indices)
        if shared == {s} and len(left.indices) <= 2 and len(right.indices) <= 2:
            return _replaced(live, places, _joined(left, right, s))
        if set(left.indices) == set(right.indices):
            return _replaced(live, places, _by_entries([left, right]))
    return None


def _crowded(live: list[Node], waiting: list[Index]) -> list[Node] | None:
    """Multiply entry by entry two of the three or more factors that share an index."""
    for s in waiting:
        places = _holding(live, s)
        for wider in (False, True):
            for k in places:
                for m in places:
                    first, second = set(live[k].indices), set(live[m].indices)
                    if m > k and (first == second or (wider and first <= second)):
                        return _replaced(live, [k, m], _by_entries([live[k], live[m]]))
                    if m > k and wider and second <= first:
                        return _replaced(live, [k, m], _by_entries([live[k], live[m]]))
    return None


def _joined(left: Node, right: Node, shared: Index) -> Chain:
    head, tail = _ending(left, shared), _ending(right, shared).reversed()
    chain = Chain(head.factors + tail.factors, (*head.path, *tail.path[1:]))
    turned = chain.reversed()
    return turned if turned.transposes < chain.transposes else chain


def _ending(node: Node, last: Index) -> Chain:
    """A node as a chain whose path ends at the given index."""
    if isinstance(node, Chain):
        chain = node
    else:
        ends: tuple[Index | None, ...] = (
            node.indices if len(node.indices) == 2 else (None, *node.indices)
        )
        chain = Chain((node,), ends)
    return chain if chain.path[-1] == last else chain.reversed()


def _by_entries(nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    flat: list[Node] = []
    for node in nodes:
        flat += node.factors if isinstance(node, Entrywise) else (node,)
    every = dict.fromkeys(i for n in flat for i in n.indices)
    return Entrywise(tuple(flat), _native(flat, every))


def _combined(live: list[Node], kept: tuple[Index, ...]) -> Node | None:
    """What is left when nothing has to be summed: a product by entries, or an outer product."""
    if any(set(node.indices) == set(kept) for node in live):
        return _by_entries(live)
    if len(kept) == 2 and all(len(node.indices) < 2 for node in live):
        scalars = [n for n in live if not n.indices]
        left, right = ([n for n in live if n.indices == (i,)] for i in kept)
        outer = Outer(_by_entries(left), _by_entries(right))
        return _by_entries([*scalars, outer])
    return None
