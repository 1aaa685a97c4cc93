"""Reading a claim in index notation, against what is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from backproof.spec.claims.claimed import (
    AxesDifferError,
    Claim,
    Merging,
    activations,
    bare_derivation,
    hint,
    known_axes,
    shown_shape,
)
from backproof.spec.claims.matrix_notation import (
    ACTIVATION,
    PARTIAL,
    check_function,
    may_lack_a_value,
    the_activation,
)
from backproof.spec.deriving.derive import Derivation
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import CONSTANTS
from backproof.spec.normal_form.signs import Signs
from backproof.spec.notation.elaborate import Lowering
from backproof.spec.notation.parser import AT_INDEX, parse_claim
from backproof.spec.notation.positions import rewritten
from backproof.spec.notation.syntax import (
    BinarySyntax,
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
    relettered,
)
from backproof.spec.notation.syntax import letters as written_letters
from backproof.spec.printers.index import position_form
from backproof.spec.program import Program, Tensor
from backproof.spec.source import Source, Span
from backproof.spec.terms import Entry, Index, Match, Term, fresh, power, walk


def read_index(source: Source, derivation: Derivation | None) -> Claim:
    """Read a claim in index notation.

    Raises:
        SpecError: it cannot be read, or uses a name that is not given.
    """
    written = parse_claim(source)
    notes: tuple[str, ...] = ()
    if derivation is not None:
        written, notes = _with_activation(source, written, derivation.program)
    (left, right), placed = _without_positions(source, *written)
    given = None if derivation is None else known_axes(derivation)
    letters = {} if derivation is None else _program_letters(derivation.program)
    if derivation is not None:
        for call in _calls(left) + _calls(right):
            check_function(call.function, derivation.program.functions, source, call.name_span)
    program = None if derivation is None else derivation.program
    names: dict[str, str] = {}
    firm = Merging(allowed=given is None)
    trouble = ""
    try:
        names = _letters(source, left, right, given, letters, firm, program)
    except AxesDifferError as error:
        trouble = str(error)
    if trouble:
        # One letter bound twice, each time along another axis, is no contradiction.
        apart = _Scopes(_walk(left) + _walk(right))
        sides = apart.renamed(left, {}), apart.renamed(right, {})
        firm = Merging(allowed=False)
        try:
            names = _letters(source, *sides, given, letters, firm, program)
            (left, right), trouble = sides, ""
        except AxesDifferError:
            firm = Merging(allowed=True)
            names = _letters(source, left, right, given, letters, firm, program)
    axis_of = _axis_lookup({**letters, **names}, firm)
    functions = [c.function for side in (left, right) for c in _calls(side)]
    lowering = Lowering(source, axis_of, functions)
    terms = [lowering.term(side, None, set()) for side in (left, right)]
    order = _written_order(left, terms[0], axis_of)
    shapes = tuple(
        shown_shape(_written_order(s, t, axis_of))
        for s, t in zip((left, right), terms, strict=True)
    )
    extra = terms[1].free - terms[0].free
    if extra and not trouble and isinstance(terms[0], Entry):
        shown = ", ".join(sorted(i.name for i in extra))
        trouble = f"the right side depends on {shown}, the left side does not"
    parts = _lost(lowering, (left, right), terms)
    references = _references(left) + _references(right)
    positions = [
        (node, placed[node.left.name])
        for term in terms
        for node in walk(term)
        if isinstance(node, Match) and node.left.name in placed
    ]
    if derivation is None:
        derivation = _nothing_known(source, references, axis_of, [*terms, *parts])
        further = tuple(dict.fromkeys(node for node, _ in positions))
        derivation = replace(derivation, program=replace(derivation.program, further=further))
    else:
        _check_positions(source, derivation.program, positions)
    return Claim(
        source.text,
        terms[0],
        terms[1],
        order + tuple(sorted(extra)),
        derivation,
        trouble,
        tuple(firm.pairs) if given is not None else (),
        (shapes[0], shapes[1]),
        parts=parts,
        notes=notes,
    )


def _with_activation(
    source: Source, sides: tuple[Syntax, Syntax], program: Program
) -> tuple[tuple[Syntax, Syntax], tuple[str, ...]]:
    """The sides with the program's activation for ``g``, where g has no meaning of its own."""
    calls = [c for side in sides for c in _calls(side) if c.function == ACTIVATION]
    if not calls or ACTIVATION in program.functions:
        return sides, ()
    name = the_activation(activations(program), source, calls[0].name_span)
    if name is None:
        return sides, ()

    def on(node: Syntax) -> Syntax:
        node = rebuilt(node, on)
        if isinstance(node, CallSyntax) and node.function == ACTIVATION:
            return replace(node, function=name)
        return node

    return (on(sides[0]), on(sides[1])), (f"{ACTIVATION} is {name}",)


def _is_power(node: Syntax) -> bool:
    return isinstance(node, BinarySyntax) and node.operator == "^"


def _lost(lowering: Lowering, sides: tuple[Syntax, Syntax], terms: list[Term]) -> tuple[Term, ...]:
    """What is written, may have no value, and is not in the terms: 1/x of 0/x."""
    kept = {node for term in terms for node in walk(term)}
    found: list[Term] = []
    for node in (n for side in sides for n in _walk(side)):
        part: Term | None = None
        if isinstance(node, BinarySyntax) and node.operator == "/":
            part = power(lowering.term(node.right, None, set()), -1)
        elif _is_power(node) or (isinstance(node, CallSyntax) and node.function in PARTIAL):
            part = lowering.term(node, None, set())
        if part is not None and part not in kept and may_lack_a_value(part):
            found.append(part)
    return tuple(dict.fromkeys(found))


def _without_positions(
    source: Source, left: Syntax, right: Syntax
) -> tuple[tuple[Syntax, Syntax], dict[str, Span]]:
    """The sides with affine positions as sums over deltas, and where each such letter stands."""
    taken = {i.name for node in _walk(left) + _walk(right) for i in written_letters(node)}
    placed: dict[str, Span] = {}

    def letter(node: ReferenceSyntax, place: int, _: set[str]) -> IndexName:
        name = fresh(Index("s", ""), taken).name
        taken.add(name)
        placed[name] = (node.indices or ())[place].span
        return IndexName(name, placed[name])

    sides = rewritten(source, left, taken, letter), rewritten(source, right, taken, letter)
    return sides, placed


def _check_positions(
    source: Source, program: Program, positions: Iterable[tuple[Match, Span]]
) -> None:
    """A position in a claim has to lie on its axis at all sizes that the program allows.

    Raises:
        SpecError: it is not known to.
    """
    reach = Signs(positions=program.reach)
    for node, span in positions:
        if not reach.reaches(node):
            known = sorted({position_form(p) for p in program.positions})
            raise SpecError(
                f"an affine position is out of range: {position_form(node)} may lie past the end "
                "of the axis",
                source,
                span,
                help="positions of what is given are " + (", ".join(known) or "plain indices"),
            )


def _program_letters(program: Program) -> dict[str, str]:
    return {letter: axis.name for axis in program.axes.values() for letter in axis.letters}


class _Scopes:
    """Gives each index that an operator binds a letter of its own, within the operator's body."""

    def __init__(self, every: list[Syntax]) -> None:
        self.taken: set[str] = set()
        for node in every:
            self.taken |= {letter.name for letter in written_letters(node)}

    def renamed(self, node: Syntax, scope: dict[str, str]) -> Syntax:
        if isinstance(node, ReductionSyntax) and node.operator not in AT_INDEX:
            scope = dict(scope)
            for letter in node.indices:
                scope[letter.name] = fresh(Index(letter.name, ""), self.taken).name
                self.taken.add(scope[letter.name])

        def on(letter: IndexName) -> IndexName:
            return replace(letter, name=scope.get(letter.name, letter.name))

        return rebuilt(relettered(node, on), lambda child: self.renamed(child, scope))


def _letters(
    source: Source,
    left: Syntax,
    right: Syntax,
    given: dict[str, tuple[str, ...]] | None,
    letters: dict[str, str],
    merging: Merging,
    program: Program | None = None,
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
        program: what is given.

    Raises:
        SpecError: a tensor is not given, or has another rank.
        AxesDifferError: one letter runs along two axes that may not be taken for one.
    """
    positions: dict[tuple[str, int], str] = {}
    found: dict[str, str] = {}
    for reference in _references(left) + _references(right):
        written = plain(reference)
        if given is not None:
            if reference.name in CONSTANTS and not written:
                continue
            if reference.name not in given:
                raise _unknown(reference.name, list(given), source, reference, program)
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
                raise AxesDifferError(
                    f"index {letter.name} runs along {mine} and along {axis} "
                    f"(at {reference.name}): the two can be one only where their sizes are equal"
                )
    every = _walk(left) + _walk(right)
    for node in every:
        if isinstance(node, DeltaSyntax) and isinstance(node.right, PositionSyntax):
            # The letters of an affine position run along axes of their own.
            for letter in written_letters(node):
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
                raise AxesDifferError(
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


def _axis_lookup(names: dict[str, str], merging: Merging) -> Callable[[IndexName], str]:
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
        for letter in written_letters(node):
            index = Index(letter.name, axis_of(letter))
            if index in term.free and index not in order:
                order.append(index)
    return tuple(order)


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
    return bare_derivation(source, tensors, terms)


def _unknown(
    name: str,
    known: list[str],
    source: Source,
    reference: ReferenceSyntax,
    program: Program | None,
) -> SpecError:
    return SpecError(
        f"unknown tensor '{name}'",
        source,
        reference.span,
        help=hint(name, known, program),
    )
