"""Affine positions, such as ``X[n,t+k,c]``, as sums over a delta: of ``delta[s,t+k]*X[n,s,c]``.

The axis of such a position has a letter of its own, so that the rest of the program knows plain
indices only: the one that the tensor is written with elsewhere, or one that is not in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from backproof.spec.errors import SpecError
from backproof.spec.notation.syntax import (
    BinarySyntax,
    DeltaSyntax,
    IndexName,
    PositionSyntax,
    ProgramSyntax,
    ReductionSyntax,
    ReferenceSyntax,
    StatementSyntax,
    Syntax,
    letters,
    nodes,
    rebuilt,
)
from backproof.spec.source import Source

# The letters that a position's axis is given, if the program does not name it.
_LETTERS = "suvpqrxyzw"


def without_positions(source: Source, syntax: ProgramSyntax) -> ProgramSyntax:
    """The program with every affine position replaced.

    Raises:
        SpecError: a position could lie below the first entry, or stands on the left.
    """
    roots = [side for s in syntax.statements for side in (s.target, s.value)]
    roots += [side for a in syntax.assumptions for side in (a.left, a.right)]
    naming = _Naming(roots, [letter for axis in syntax.axes for letter in axis.indices])
    for statement in syntax.statements:
        for index in statement.target.indices or ():
            if isinstance(index, PositionSyntax):
                raise SpecError(
                    "a statement defines a tensor entry by entry: its left side has plain indices",
                    source,
                    index.span,
                    help="write the combination of indices on the right side",
                )
    statements = []
    for s in syntax.statements:
        value = rewritten(source, s.value, naming.letters_in(s), naming.letter)
        statements.append(replace(s, value=value))
    assumptions = tuple(
        replace(
            a,
            left=rewritten(source, a.left, set(), naming.letter),
            right=rewritten(source, a.right, set(), naming.letter),
        )
        for a in syntax.assumptions
    )
    return replace(
        syntax,
        statements=tuple(statements),
        assumptions=assumptions,
        one_axis=(*syntax.one_axis, *naming.pairs),
    )


# The letter for a tensor's position, given the letters that are in use around it.
Letter = Callable[[ReferenceSyntax, int, set[str]], IndexName]


def rewritten(source: Source, root: Syntax, taken: set[str], letter: Letter) -> Syntax:
    """An expression with every affine position replaced.

    Args:
        source: the text.
        root: the expression.
        taken: letters that mean something around the expression.
        letter: chooses the letter of an affine position's axis.
    """

    def on(node: Syntax) -> Syntax:
        if isinstance(node, DeltaSyntax) and isinstance(node.right, PositionSyntax):
            _check(source, node.right)
        if not isinstance(node, ReferenceSyntax):
            return rebuilt(node, on)
        indices = list(node.indices or ())
        factors: list[DeltaSyntax] = []
        for place, position in enumerate(indices):
            if isinstance(position, PositionSyntax):
                _check(source, position)
                own = letter(node, place, taken | {f.left.name for f in factors})
                factors.append(DeltaSyntax(own, position, position.span))
                indices[place] = own
        if not factors:
            return node
        product: Syntax = replace(node, indices=tuple(indices))
        for factor in reversed(factors):
            product = BinarySyntax("*", factor, product, node.span)
        return ReductionSyntax("sum", tuple(f.left for f in factors), product, node.span)

    return on(root)


def _check(source: Source, position: PositionSyntax) -> None:
    if position.offset < 0 or any(factor < 0 for _, factor in position.parts):
        raise SpecError(
            "an affine position is out of range: it lies below the first entry, which is 0",
            source,
            position.span,
            help="count the other way, or give the tensor the entries that it lacks (padding)",
        )
    if not position.parts:
        raise SpecError(
            "a position has an index in it",
            source,
            position.span,
            help="positions are indices or combinations of them, such as t+k or 2*t+1",
        )


@dataclass
class _Naming:
    """Chooses letters for the axes of affine positions."""

    roots: Iterable[Syntax]
    declared: Iterable[IndexName]
    pairs: list[tuple[IndexName, IndexName]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plain: dict[tuple[str, int], IndexName] = {}
        self.used = {letter.name for letter in self.declared}
        for root in self.roots:
            for node in nodes(root):
                self.used |= {letter.name for letter in letters(node)}
                if isinstance(node, ReferenceSyntax):
                    for place, index in enumerate(node.indices or ()):
                        if isinstance(index, IndexName):
                            self.plain.setdefault((node.name, place), index)

    def letters_in(self, statement: StatementSyntax) -> set[str]:
        """All letters of a statement."""
        found: set[str] = set()
        for root in (statement.target, statement.value):
            for node in nodes(root):
                found |= {letter.name for letter in letters(node)}
        return found

    def letter(self, node: ReferenceSyntax, place: int, taken: set[str]) -> IndexName:
        """A letter that is not taken, on the axis of a tensor's position."""
        span = (node.indices or ())[place].span
        first = self.plain.get((node.name, place))
        if first is None:
            first = IndexName(self._unused(_LETTERS), span)
            self.used.add(first.name)
            self.plain[node.name, place] = first
        if first.name not in taken:
            return IndexName(first.name, span)
        other = IndexName(self._unused([f"{first.name}{k}" for k in range(1, 99)], taken), span)
        self.used.add(other.name)
        self.pairs.append((first, other))
        return other

    def _unused(self, letters: Iterable[str], taken: Iterable[str] = ()) -> str:
        mine = self.used | set(taken)
        free = [letter for letter in letters if letter not in mine]
        return free[0] if free else next(f"s{k}" for k in range(1000) if f"s{k}" not in mine)
