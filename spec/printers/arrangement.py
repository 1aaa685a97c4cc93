"""Whole-array operations arranged as a person writes them: products of matrices, transposes, sums.

``arranged`` turns the array form of a term (``backproof.spec.plan``) into a tree whose products
are matrix products wherever the pattern of the indices allows. Matrix notation, LaTeX and code
are all printed from this tree. A node's ``indices`` are its own order of dimensions; nothing is
transposed here: whoever prints a node says in which order the dimensions are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from backproof.spec import plan
from backproof.spec.terms import ONE, ZERO, Index, Match, Mul, Number, Term, negative


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
class Along:
    """``softmax`` or ``hardmax`` along one index, which stays."""

    operator: str
    index: Index
    argument: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument."""
        return self.argument.indices


@dataclass(frozen=True, slots=True)
class Over:
    """``logsumexp``, ``max`` or ``prod`` over one index, which goes."""

    operator: str
    index: Index
    argument: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the argument but one."""
        return tuple(i for i in self.argument.indices if i != self.index)


@dataclass(frozen=True, slots=True)
class Chosen:
    """``above`` where ``left`` is greater than ``right``, else ``below``, entry by entry.

    A part that lacks an index is constant along it.
    """

    left: Node
    right: Node
    above: Node
    below: Node
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Extreme:
    """The larger (``max``) or the smaller (``min``) of two arrays, entry by entry."""

    operator: str
    first: Node
    second: Node
    indices: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The entries of an array at affine positions: X[n,t+k] from an array over n and s.

    The indices of the positions stand where the left index of the match stood.
    """

    position: Match
    parts: tuple[Index, ...]
    body: Node

    @property
    def indices(self) -> tuple[Index, ...]:
        """Those of the array, with those of the positions in the place of one."""
        place = self.body.indices.index(self.position.left)
        return (*self.body.indices[:place], *self.parts, *self.body.indices[place + 1 :])


@dataclass(frozen=True, slots=True)
class Scattered:
    """An array added up at affine positions: over n and s, the sum of those at t+k = s.

    The body may lack indices of the positions: then it is constant along them.
    """

    position: Match
    parts: tuple[Index, ...]
    body: Node
    indices: tuple[Index, ...]

    @property
    def inside(self) -> tuple[Index, ...]:
        """The indices of the array that is added up."""
        place = self.indices.index(self.position.left)
        return (*self.indices[:place], *self.parts, *self.indices[place + 1 :])


@dataclass(frozen=True, slots=True)
class OneHot:
    """1 where the left index of a match is at the position that its parts say, else 0."""

    position: Match
    indices: tuple[Index, ...]


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
    | Along
    | Over
    | Chosen
    | Extreme
    | Taken
    | Scattered
    | OneHot
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
    if isinstance(form, plan.Matched):
        return OneHot(form.match, form.indices)
    if isinstance(form, plan.Chosen):
        return _choice(form)
    if isinstance(form, (plan.SoftmaxAlong, plan.HardmaxAlong)):
        return Along(_ALONG[type(form)], form.along, _arrange(form.argument))
    if isinstance(form, (plan.LogSumExpOver, plan.MaxOver, plan.ProductOver)):
        return Over(_OVER[type(form)], form.over, _arrange(form.argument))
    return _contraction(form, top=top)


_ALONG: Mapping[type[plan.ArrayForm], str] = {
    plan.SoftmaxAlong: "softmax",
    plan.HardmaxAlong: "hardmax",
}
_OVER: Mapping[type[plan.ArrayForm], str] = {
    plan.LogSumExpOver: "logsumexp",
    plan.MaxOver: "max",
    plan.ProductOver: "prod",
}


def _contraction(form: plan.Einsum, *, top: bool) -> Node:
    present = {i for o in form.operands for i in o.indices}
    kept = tuple(i for i in form.indices if i in present)
    node: Node = Value(form.coefficient)
    if form.operands:
        node = _scattered(form, kept) or _product(_taken(form), kept, form.summed)
        if form.coefficient is not ONE:
            node = Scaled(form.coefficient, node)
    if len(kept) < len(form.indices) and not top:
        return Spread(node, form.indices)
    return node


# ---------------------------------------------------------------- conditions


def _choice(form: plan.Chosen) -> Node:
    test, above, below = (_arrange(part) for part in (form.test, form.above, form.below))
    left, right = _compared(test)
    for first, second in ((left, right), (test, Value(ZERO))):
        if (above, below) == (first, second):
            return Extreme("max", above, below, _native((above, below), form.indices))
        if (below, above) == (first, second):
            return Extreme("min", below, above, _native((above, below), form.indices))
    parts = (left, right, above, below)
    return Chosen(left, right, above, below, _native(parts, form.indices))


def _compared(test: Node) -> tuple[Node, Node]:
    """The two sides of a comparison whose difference is the test: nothing is subtracted."""
    parts = test.parts if isinstance(test, Plus) else (test,)
    negated = [(part, _negated(part)) for part in parts]
    left = [part for part, opposite in negated if opposite is None]
    right = [opposite for _, opposite in negated if opposite is not None]
    if not left and len(parts) > 1:
        return test, Value(ZERO)
    return _added(left), _added(right)


def _added(parts: Sequence[Node]) -> Node:
    if not parts:
        return Value(ZERO)
    if len(parts) == 1:
        return parts[0]
    every = tuple(dict.fromkeys(i for part in parts for i in part.indices))
    return Plus(tuple(parts), _native(parts, every))


def _negated(part: Node) -> Node | None:
    """The opposite of a part that has a negative coefficient; None for another."""
    coefficient = part.coefficient if isinstance(part, Scaled) else None
    if isinstance(part, Value):
        coefficient = part.term
    if coefficient is None:
        return None
    number = coefficient.factors[0] if isinstance(coefficient, Mul) else coefficient
    if not isinstance(number, Number) or number.value >= 0:
        return None
    opposite = negative(coefficient)
    if isinstance(part, Value):
        return Value(opposite)
    assert isinstance(part, Scaled)
    return part.body if opposite is ONE else Scaled(opposite, part.body)


# ---------------------------------------------------------------- affine positions


def _taken(form: plan.Einsum) -> tuple[Node, ...]:
    """The operands; an array whose index only a match has is taken at the match's positions."""
    operands = list(map(_arrange, form.operands))
    for match in [o.position for o in operands if isinstance(o, OneHot)]:
        holding = _holding(operands, match.left)
        others = [k for k in holding if not _is_one_hot(operands[k], match)]
        if match.left in form.indices or len(others) != 1 or len(holding) != 2:
            continue
        body = operands[others[0]]
        parts = _parts(match, form)
        apart = not set(parts) & set(body.indices)
        if body.indices.count(match.left) == 1 and apart and not isinstance(body, OneHot):
            operands[others[0]] = Taken(match, parts, body)
            operands = [o for o in operands if not _is_one_hot(o, match)]
    return tuple(operands)


def _is_one_hot(node: Node, match: Match) -> bool:
    return isinstance(node, OneHot) and node.position is match


def _scattered(form: plan.Einsum, kept: tuple[Index, ...]) -> Node | None:
    """A sum over all positions of a match whose left index is kept; None for another product."""
    for k, operand in enumerate(form.operands):
        if not isinstance(operand, plan.Matched) or len(form.operands) == 1:
            continue
        match = operand.match
        parts = _parts(match, form)
        rest = (*form.operands[:k], *form.operands[k + 1 :])
        held = {i for o in rest for i in o.indices}
        if match.left not in kept or match.left in held or set(parts) & set(kept):
            continue
        inside = tuple(i for i in (*kept, *parts) if i in held)
        body = _contraction(plan.Einsum(rest, inside), top=True)
        return Scattered(match, parts, body, kept)
    return None


def _parts(match: Match, form: plan.Einsum) -> tuple[Index, ...]:
    """The indices of a match's position, in the order in which a contraction has them."""
    arrays = (o for o in form.operands if not isinstance(o, plan.Matched))
    order = dict.fromkeys((*form.indices, *(i for o in arrays for i in o.indices)))
    parts = [index for index, _ in match.parts]
    return (*(i for i in order if i in parts), *(i for i in parts if i not in order))


def _native(nodes: Sequence[Node], indices: Iterable[Index]) -> tuple[Index, ...]:
    """The order of dimensions of the first node that has all of the indices."""
    wanted = tuple(indices)
    return next((n.indices for n in nodes if set(n.indices) == set(wanted)), wanted)


def _product(
    operands: tuple[Node, ...], kept: tuple[Index, ...], summed: tuple[Index, ...]
) -> Node:
    whole = Contracted(operands, kept)
    if len(operands) == 1 and sorted(operands[0].indices) == sorted(kept):
        return operands[0]
    if any(
        isinstance(o, (Identity, OneHot)) or len(set(o.indices)) < len(o.indices) for o in operands
    ):
        return whole
    live = list(operands)
    waiting = [s for s in summed if _holding(live, s)]
    while waiting:
        step = _single(live, waiting) or _paired(live, waiting) or _crowded(live, waiting)
        if step is None:
            return whole
        live = step
        present = {i for node in live for i in node.indices}
        waiting = [s for s in waiting if s in present]
    return _combined(live, kept) or whole


def _is_fixed(node: Node) -> bool:
    """Whether a factor has a place in an einsum alone."""
    return isinstance(node, (Identity, OneHot)) or len(set(node.indices)) < len(node.indices)


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
