"""Reading a claim, ``LEFT = RIGHT``, in index or in matrix notation, against what is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from backproof.spec.compose import on_axes, renamed
from backproof.spec.derive import Derivation
from backproof.spec.elaborate import Lowering
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import CONSTANTS, FUNCTIONS
from backproof.spec.matrix_notation import (
    MatrixReader,
    Shaped,
    ShapeError,
    check_function,
    is_matrix_notation,
)
from backproof.spec.naming import name_bound
from backproof.spec.parser import AT_INDEX, parse_claim
from backproof.spec.positions import rewritten
from backproof.spec.program import Axis, Program, Tensor
from backproof.spec.source import Source, Span
from backproof.spec.syntax import (
    CallSyntax,
    DeltaSyntax,
    IndexName,
    PositionSyntax,
    ReductionSyntax,
    ReferenceSyntax,
    SizeSyntax,
    Syntax,
    nodes,
    plain,
    rebuilt,
)
from backproof.spec.terms import Entry, Index, Term, fresh, indices_in, substitute
from backproof.spec.tokens import NAME


@dataclass(frozen=True)
class Claim:
    """``left = right`` for all values of ``indices``.

    Attributes:
        text: as it was written.
        derivation: what defines the names in it.
        trouble: why the two sides cannot have one shape at all sizes; empty where they do.
        merged: the axes that have to have one size for the two sides to be compared at all;
            the terms are then written over the first axis of each pair.
        shapes: the symbolic shape of each side.
        about: the tensor on the left, where the sides cannot even be written.
    """

    text: str
    left: Term | None
    right: Term | None
    indices: tuple[Index, ...]
    derivation: Derivation
    trouble: str = ""
    merged: tuple[tuple[str, str], ...] = ()
    shapes: tuple[str, str] = ("", "")
    about: str = ""


def read_claim(text: str, derivation: Derivation | None = None) -> Claim:
    """Read a claim.

    Args:
        text: ``dW[o,i] = sum[n](dZ[n,o]*X[n,i])`` or ``dW = dZ^T X``.
        derivation: what is given; without it every name is a tensor of which nothing is known
            (in matrix notation: capitals are matrices, small letters are vectors).

    Raises:
        SpecError: it cannot be read, or uses a name that is not given.
    """
    source = Source(text, "<claim>")
    reader = _read_matrix if is_matrix_notation(text) else _read_index
    return reader(source, derivation)


def known_axes(derivation: Derivation) -> dict[str, tuple[str, ...]]:
    """The axes of every tensor and gradient."""
    found = {name: tensor.axes for name, tensor in derivation.program.tensors.items()}
    for gradient in derivation.gradients.values():
        found[gradient.name] = tuple(i.axis for i in gradient.target.indices)
    return found


class _Merging:
    """Axes that a claim takes for one."""

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self.parent: dict[str, str] = {}
        self.pairs: list[tuple[str, str]] = []

    def root(self, axis: str) -> str:
        while self.parent.get(axis, axis) != axis:
            axis = self.parent[axis]
        return axis

    def merge(self, left: str, right: str) -> bool:
        left, right = self.root(left), self.root(right)
        if left == right:
            return True
        if not self.allowed:
            return False
        self.parent[right] = left
        self.pairs.append((left, right))
        return True


def _unknown(name: str, known: list[str], source: Source, reference: ReferenceSyntax) -> SpecError:
    return SpecError(
        f"unknown tensor '{name}'",
        source,
        reference.span,
        help=suggestion(name, known) or f"known are {', '.join(known)}",
    )


# ---------------------------------------------------------------- index notation


def _read_index(source: Source, derivation: Derivation | None) -> Claim:
    left, right = _without_positions(source, *parse_claim(source))
    given = None if derivation is None else known_axes(derivation)
    letters = {} if derivation is None else _program_letters(derivation.program)
    if derivation is not None:
        for call in _calls(left) + _calls(right):
            check_function(call.function, derivation.program.functions, source, call.name_span)
    names: dict[str, str] = {}
    firm = _Merging(allowed=given is None)
    trouble = ""
    try:
        names = _letters(source, left, right, given, letters, firm)
    except _AxesDiffer as error:
        trouble = str(error)
    if trouble:
        # One letter bound twice, each time along another axis, is no contradiction.
        apart = _Scopes(_walk(left) + _walk(right))
        sides = apart.renamed(left, {}), apart.renamed(right, {})
        firm = _Merging(allowed=False)
        try:
            names = _letters(source, *sides, given, letters, firm)
            (left, right), trouble = sides, ""
        except _AxesDiffer:
            firm = _Merging(allowed=True)
            names = _letters(source, left, right, given, letters, firm)
    axis_of = _axis_lookup({**letters, **names}, firm)
    functions = [c.function for side in (left, right) for c in _calls(side)]
    lowering = Lowering(source, axis_of, functions)
    terms = [lowering.term(side, None, set()) for side in (left, right)]
    order = _written_order(left, terms[0], axis_of)
    shapes = tuple(
        _shape(_written_order(s, t, axis_of)) for s, t in zip((left, right), terms, strict=True)
    )
    extra = terms[1].free - terms[0].free
    if extra and not trouble and isinstance(terms[0], Entry):
        shown = ", ".join(sorted(i.name for i in extra))
        trouble = f"the right side depends on {shown}, the left side does not"
    references = _references(left) + _references(right)
    if derivation is None:
        derivation = _nothing_known(source, references, axis_of, terms)
    return Claim(
        source.text,
        terms[0],
        terms[1],
        order + tuple(sorted(extra)),
        derivation,
        trouble,
        tuple(firm.pairs) if given is not None else (),
        (shapes[0], shapes[1]),
    )


class _AxesDiffer(Exception):
    pass


def _without_positions(source: Source, left: Syntax, right: Syntax) -> tuple[Syntax, Syntax]:
    """The sides with affine positions as sums over deltas, each over a letter of its own."""
    taken = {i.name for node in _walk(left) + _walk(right) for i in _written_letters(node)}

    def letter(node: ReferenceSyntax, place: int, _: set[str]) -> IndexName:
        name = fresh(Index("s", ""), taken).name
        taken.add(name)
        return IndexName(name, (node.indices or ())[place].span)

    return rewritten(source, left, taken, letter), rewritten(source, right, taken, letter)


def _program_letters(program: Program) -> dict[str, str]:
    return {letter: axis.name for axis in program.axes.values() for letter in axis.letters}


class _Scopes:
    """Gives each index that an operator binds a letter of its own, within the operator's body."""

    def __init__(self, every: list[Syntax]) -> None:
        self.taken: set[str] = set()
        for node in every:
            self.taken |= {letter.name for letter in _written_letters(node)}

    def renamed(self, node: Syntax, scope: dict[str, str]) -> Syntax:
        def on(letter: IndexName) -> IndexName:
            return replace(letter, name=scope.get(letter.name, letter.name))

        if isinstance(node, ReferenceSyntax):
            return (
                node if node.indices is None else replace(node, indices=tuple(map(on, plain(node))))
            )
        if isinstance(node, DeltaSyntax):
            if isinstance(node.right, IndexName):
                return replace(node, left=on(node.left), right=on(node.right))
            parts = tuple((on(i), factor) for i, factor in node.right.parts)
            return replace(node, left=on(node.left), right=replace(node.right, parts=parts))
        if isinstance(node, SizeSyntax):
            return replace(node, index=on(node.index))
        if isinstance(node, ReductionSyntax):
            inner = dict(scope)
            if node.operator not in AT_INDEX:
                for letter in node.indices:
                    inner[letter.name] = fresh(Index(letter.name, ""), self.taken).name
                    self.taken.add(inner[letter.name])
            bound = tuple(replace(i, name=inner.get(i.name, i.name)) for i in node.indices)
            return replace(node, indices=bound, body=self.renamed(node.body, inner))
        return rebuilt(node, lambda child: self.renamed(child, scope))


def _written_letters(node: Syntax) -> tuple[IndexName, ...]:
    if isinstance(node, ReductionSyntax):
        return node.indices
    positions: tuple[IndexName | PositionSyntax, ...] = ()
    if isinstance(node, ReferenceSyntax):
        positions = node.indices or ()
    elif isinstance(node, DeltaSyntax):
        positions = (node.left, node.right)
    if positions:
        inside = ((p,) if isinstance(p, IndexName) else (i for i, _ in p.parts) for p in positions)
        return tuple(letter for letters in inside for letter in letters)
    return (node.index,) if isinstance(node, SizeSyntax) else ()


def _letters(
    source: Source,
    left: Syntax,
    right: Syntax,
    given: dict[str, tuple[str, ...]] | None,
    letters: dict[str, str],
    merging: _Merging,
) -> dict[str, str]:
    """For each letter, its axis: that of the positions at which it stands, else its own.

    Args:
        source: the claim.
        left: its left side.
        right: its right side.
        given: the axes of what is given.
        letters: the axis of each letter of the program that is given, for a letter that stands
            at no position of a tensor.
        merging: the axes that have been taken for one.

    Raises:
        SpecError: a tensor is not given, or has another rank.
        _AxesDiffer: one letter runs along two axes that may not be taken for one.
    """
    positions: dict[tuple[str, int], str] = {}
    found: dict[str, str] = {}
    for reference in _references(left) + _references(right):
        written = plain(reference)
        if given is not None:
            if reference.name in CONSTANTS and not written:
                continue
            if reference.name not in given:
                raise _unknown(reference.name, list(given), source, reference)
            rank = len(given[reference.name])
            if rank != len(written):
                raise SpecError(
                    f"{reference.name} has {rank} {'index' if rank == 1 else 'indices'}, "
                    f"found {len(written)}",
                    source,
                    reference.span,
                )
        for k, letter in enumerate(written):
            place = (reference.name, k)
            axis = given[reference.name][k] if given is not None else positions.get(place)
            if axis is None:
                axis = positions[place] = found.get(letter.name, letter.name)
            mine = found.setdefault(letter.name, axis)
            if not merging.merge(mine, axis):
                raise _AxesDiffer(
                    f"index {letter.name} runs along {mine} and along {axis} "
                    f"(at {reference.name}): the two can be one only where their sizes are equal"
                )
    every = _walk(left) + _walk(right)
    for node in every:
        if isinstance(node, DeltaSyntax) and isinstance(node.right, PositionSyntax):
            # The letters of an affine position run along axes of their own.
            for letter in _written_letters(node):
                found.setdefault(letter.name, letters.get(letter.name, letter.name))
        elif isinstance(node, DeltaSyntax):
            assert isinstance(node.right, IndexName)
            first, second = node.left.name, node.right.name
            # A letter that stands nowhere else runs along the axis of the other one.
            for one, other in ((first, second), (second, first)):
                if one not in found:
                    known = letters.get(one) or found.get(other) or letters.get(other)
                    found[one] = known or one
            if not merging.merge(found[first], found[second]):
                raise _AxesDiffer(
                    f"delta[{first},{second}] is of indices along {found[first]} and along "
                    f"{found[second]}: the two can be one only where their sizes are equal"
                )
    if given is not None:
        _check_sizes(source, every, {*found, *letters})
    return found


def _check_sizes(source: Source, every: list[Syntax], known: set[str]) -> None:
    bound = {i.name for n in every if isinstance(n, ReductionSyntax) for i in n.indices}
    for node in every:
        if isinstance(node, SizeSyntax) and node.index.name not in known | bound:
            raise SpecError(
                f"unknown axis '{node.index.name}'",
                source,
                node.index.span,
                help=suggestion(node.index.name, known) or f"known are {', '.join(sorted(known))}",
            )


def _axis_lookup(names: dict[str, str], merging: _Merging) -> Callable[[IndexName], str]:
    def axis_of(letter: IndexName) -> str:
        return merging.root(names.get(letter.name, letter.name))

    return axis_of


def _walk(root: Syntax) -> list[Syntax]:
    return list(nodes(root))


def _references(root: Syntax) -> list[ReferenceSyntax]:
    return [node for node in _walk(root) if isinstance(node, ReferenceSyntax)]


def _calls(root: Syntax) -> list[CallSyntax]:
    return [node for node in _walk(root) if isinstance(node, CallSyntax)]


def _written_order(
    root: Syntax, term: Term, axis_of: Callable[[IndexName], str]
) -> tuple[Index, ...]:
    """The free indices in the order in which they are first written."""
    order: list[Index] = []
    for node in _walk(root):
        if isinstance(node, SizeSyntax):
            continue
        for letter in _written_letters(node):
            index = Index(letter.name, axis_of(letter))
            if index in term.free and index not in order:
                order.append(index)
    return tuple(order)


def _shape(indices: tuple[Index, ...]) -> str:
    inside = ", ".join(i.axis for i in indices)
    return f"({inside},)" if len(indices) == 1 else f"({inside})"


def _nothing_known(
    source: Source,
    references: list[ReferenceSyntax],
    axis_of: Callable[[IndexName], str],
    terms: list[Term],
) -> Derivation:
    tensors: dict[str, Tensor] = {}
    for reference in references:
        if reference.name in CONSTANTS and reference.indices is None:
            continue
        indices = tuple(Index(i.name, axis_of(i)) for i in plain(reference))
        first = tensors.setdefault(reference.name, Tensor(reference.name, indices))
        if first.rank != len(indices):
            raise SpecError(
                f"{reference.name} is used with two ranks, {first.rank} and {len(indices)}",
                source,
                reference.span,
            )
    return _bare(source, tensors, terms)


def _bare(source: Source, tensors: dict[str, Tensor], terms: list[Term]) -> Derivation:
    axes = {i.axis for t in terms for i in indices_in(t)}
    axes |= {axis for tensor in tensors.values() for axis in tensor.axes}
    program = Program(source, {a: Axis(a, (a,)) for a in sorted(axes)}, tensors, ())
    return Derivation(program, {})


# ---------------------------------------------------------------- matrix notation


def _read_matrix(source: Source, derivation: Derivation | None) -> Claim:
    if derivation is None:
        return _read_bare_matrix(source)
    try:
        return _typed(source, derivation, _Merging(allowed=False), "")
    except (ShapeError, _AxesDiffer) as error:
        trouble = error.message if isinstance(error, ShapeError) else str(error)
    try:
        return _typed(source, derivation, _Merging(allowed=True), trouble)
    except (ShapeError, _AxesDiffer):
        return Claim(source.text, None, None, (), derivation, trouble, about=_about(source.text))


def _typed(source: Source, derivation: Derivation, merging: _Merging, trouble: str) -> Claim:
    table = known_axes(derivation)
    reader = MatrixReader(
        source,
        lambda name: _rooted(table.get(name), merging),
        derivation.program.axes,
        tuple(table),
        merging.merge,
        derivation.program.functions,
    )
    left, right = reader.equation()
    shapes = (_shape(left.indices), _shape(right.indices))
    if not merging.allowed:
        reader.check_powers(merging.root)
    extra: tuple[Index, ...] = ()
    if 0 < len(left.indices) < len(right.indices) and not merging.allowed:
        right, extra = _with_more_axes(left, right)
        trouble = f"the left side has shape {shapes[0]}, the right side {shapes[1]}"
    else:
        left, right = _same_shape(left, right, merging)
    pairs = tuple(merging.pairs)
    one = {right_axis: left_axis for left_axis, right_axis in pairs}
    terms = [on_axes(side.term, one) for side in (left, right)]
    indices = tuple(Index(i.name, merging.root(i.axis)) for i in (*left.indices, *extra))
    return _lettered(
        Claim(source.text, terms[0], terms[1], indices, derivation, trouble, pairs, shapes)
    )


def _about(text: str) -> str:
    """The name that stands alone on the left of a claim; empty where none does."""
    found = re.match(rf"\s*({NAME})\s*(?:=|:=)", text)
    return found.group(1) if found else ""


def _with_more_axes(left: Shaped, right: Shaped) -> tuple[Shaped, tuple[Index, ...]]:
    """A right side that depends on more than the left one does, and on what.

    Raises:
        _AxesDiffer: an axis of the left side is not among the right one's, or is there twice.
    """
    change: dict[Index, Index] = {}
    for mine in left.indices:
        fitting = [i for i in right.indices if i.axis == mine.axis and i not in change]
        if len(fitting) != 1:
            raise _AxesDiffer(
                f"the left side has shape {_shape(left.indices)}, "
                f"the right side {_shape(right.indices)}"
            )
        change[fitting[0]] = mine
    extra = tuple(i for i in right.indices if i not in change)
    return Shaped(substitute(right.term, change), left.row, left.column), extra


def _lettered(claim: Claim) -> Claim:
    """The claim with the letters of the axes in place of made-up names of indices."""
    assert claim.left is not None
    assert claim.right is not None
    program = claim.derivation.program
    change: dict[Index, Index] = {}
    for index in claim.indices:
        letters = program.axes[index.axis].letters if index.axis in program.axes else (index.axis,)
        change[index] = fresh(Index(letters[0], index.axis), list(change.values()))
    indices = tuple(change.values())
    sides = [
        name_bound(program, substitute(side, change), indices) for side in (claim.left, claim.right)
    ]
    return replace(claim, left=sides[0], right=sides[1], indices=indices)


def _rooted(axes: tuple[str, ...] | None, merging: _Merging) -> tuple[str, ...] | None:
    return None if axes is None else tuple(merging.root(a) for a in axes)


def _same_shape(left: Shaped, right: Shaped, merging: _Merging) -> tuple[Shaped, Shaped]:
    if not right.indices:
        return left, right
    if not left.indices:
        return Shaped(left.term, right.row, right.column), right
    if len(left.indices) != len(right.indices):
        raise _AxesDiffer(
            f"the left side has shape {_shape(left.indices)}, "
            f"the right side {_shape(right.indices)}"
        )
    change = {}
    for mine, theirs in zip(left.indices, right.indices, strict=True):
        if not merging.merge(mine.axis, theirs.axis):
            raise _AxesDiffer(
                f"the left side has shape {_shape(left.indices)}, "
                f"the right side {_shape(right.indices)}"
            )
        change[theirs] = mine
    return left, Shaped(substitute(right.term, change), left.row, left.column)


def _read_bare_matrix(source: Source) -> Claim:
    tensors: dict[str, tuple[str, ...]] = {}
    merging = _Merging(allowed=True)

    def axes_of(name: str) -> tuple[str, ...] | None:
        if name in FUNCTIONS or name in CONSTANTS or name in ("size",):
            return None
        if name not in tensors:
            if _called(source, name):
                return None
            # dW is a matrix because W is one.
            matrix = name[:1].isupper() or (name[:1] == "d" and name[1:2].isupper())
            tensors[name] = (f"{name}_rows", f"{name}_columns") if matrix else (name,)
        return tensors[name]

    reader = MatrixReader(source, axes_of, {}, (), merging.merge)
    left, right = reader.equation()
    shapes = (_shape(left.indices), _shape(right.indices))
    try:
        left, right = _same_shape(left, right, merging)
    except _AxesDiffer as error:
        # Whether it is, is known only once it is known what is a matrix.
        raise SpecError(
            str(error),
            source,
            Span(0, len(source.text)),
            help="where nothing is given, capitals are matrices and small letters are vectors; "
            "index notation says what each tensor is",
        ) from None
    reader.check_powers(merging.root)
    names = {axis: merging.root(axis) for axes in tensors.values() for axis in axes}

    terms = [renamed(side.term, {}, names) for side in (left, right)]
    described = {
        name: Tensor(name, tuple(Index(f"_{k}", names[a]) for k, a in enumerate(axes)))
        for name, axes in tensors.items()
    }
    indices = tuple(Index(i.name, names.get(i.axis, i.axis)) for i in left.indices)
    derivation = _bare(source, described, terms)
    return _lettered(Claim(source.text, terms[0], terms[1], indices, derivation, shapes=shapes))


def _called(source: Source, name: str) -> bool:
    """Whether a name of one or two small letters stands before a bracket, as in g(Z)."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}'*\s*\(", source.text)) and name.islower()
