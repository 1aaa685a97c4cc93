"""Reading a claim in matrix notation, typed by the axes of what is given."""

from __future__ import annotations

import re
from dataclasses import replace
from string import ascii_lowercase
from typing import get_args

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
    AmbiguousVectorError,
    MatrixReader,
    Shaped,
    ShapeError,
    Vectors,
)
from backproof.spec.deriving.compose import on_axes, renamed
from backproof.spec.deriving.derive import Derivation
from backproof.spec.errors import SpecError
from backproof.spec.functions import CONSTANTS, FUNCTIONS
from backproof.spec.naming import name_bound
from backproof.spec.notation.tokens import NAME
from backproof.spec.program import Tensor
from backproof.spec.source import Source, Span
from backproof.spec.terms import Index, fresh, substitute


def read_matrix(source: Source, derivation: Derivation | None) -> Claim:
    """Read a claim in matrix notation; where nothing is given, capitals are matrices.

    Raises:
        SpecError: it cannot be read, or uses a name that is not given.
    """
    if derivation is None:
        return _read_bare_matrix(source)
    try:
        return _read_typed(source, derivation, None)
    except AmbiguousVectorError:
        # Both readings are judged: where they agree it does not matter which one is meant.
        columns, rows = (_read_typed(source, derivation, v) for v in get_args(Vectors))
        return replace(columns, others=(rows,))


def _read_typed(source: Source, derivation: Derivation, vectors: Vectors | None) -> Claim:
    try:
        return _typed(source, derivation, Merging(allowed=False), "", vectors)
    except (ShapeError, AxesDifferError) as error:
        trouble = error.message if isinstance(error, ShapeError) else str(error)
    try:
        return _typed(source, derivation, Merging(allowed=True), trouble, vectors)
    except (ShapeError, AxesDifferError):
        return Claim(source.text, None, None, (), derivation, trouble, about=_about(source.text))


def _typed(
    source: Source,
    derivation: Derivation,
    merging: Merging,
    trouble: str,
    vectors: Vectors | None,
) -> Claim:
    table = known_axes(derivation)
    program = derivation.program
    reader = MatrixReader(
        source,
        lambda name: _rooted(table.get(name), merging),
        program.axes,
        lambda name: hint(name, table, program),
        merging.merge,
        program.functions,
        activations(program),
        vectors,
    )
    left, right = reader.equation()
    shapes = (shown_shape(left.indices), shown_shape(right.indices))
    if not merging.allowed:
        reader.check_powers(merging.root)
    extra: tuple[Index, ...] = ()
    if 0 < len(left.indices) < len(right.indices) and not merging.allowed:
        right, extra = _with_more_axes(left, right)
        trouble = f"the left side has shape {shapes[0]}, the right side {shapes[1]}"
    else:
        left, right = _sameshown_shape(left, right, merging)
    pairs = tuple(merging.pairs)
    one = {right_axis: left_axis for left_axis, right_axis in pairs}
    terms = [on_axes(side.term, one) for side in (left, right)]
    indices = tuple(Index(i.name, merging.root(i.axis)) for i in (*left.indices, *extra))
    return _lettered(
        Claim(
            source.text,
            terms[0],
            terms[1],
            indices,
            derivation,
            trouble,
            pairs,
            shapes,
            parts=tuple(on_axes(part, one) for part in reader.lost),
            notes=tuple(reader.notes),
            reading="" if vectors is None else f"with vectors as {vectors}",
        )
    )


def _about(text: str) -> str:
    """The name that stands alone on the left of a claim; empty where none does."""
    found = re.match(rf"\s*({NAME})\s*(?:=|:=)", text)
    return found.group(1) if found else ""


def _with_more_axes(left: Shaped, right: Shaped) -> tuple[Shaped, tuple[Index, ...]]:
    """A right side that depends on more than the left one does, and on what.

    Raises:
        AxesDifferError: an axis of the left side is not among the right one's, or is there twice.
    """
    change: dict[Index, Index] = {}
    for mine in left.indices:
        fitting = [i for i in right.indices if i.axis == mine.axis and i not in change]
        if len(fitting) != 1:
            raise AxesDifferError(
                f"the left side has shape {shown_shape(left.indices)}, "
                f"the right side {shown_shape(right.indices)}"
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


def _rooted(axes: tuple[str, ...] | None, merging: Merging) -> tuple[str, ...] | None:
    return None if axes is None else tuple(merging.root(a) for a in axes)


def _sameshown_shape(left: Shaped, right: Shaped, merging: Merging) -> tuple[Shaped, Shaped]:
    if not right.indices:
        return left, right
    if not left.indices:
        return Shaped(left.term, right.row, right.column), right
    if len(left.indices) != len(right.indices):
        raise AxesDifferError(
            f"the left side has shape {shown_shape(left.indices)}, "
            f"the right side {shown_shape(right.indices)}"
        )
    change = {}
    for mine, theirs in zip(left.indices, right.indices, strict=True):
        if not merging.merge(mine.axis, theirs.axis):
            raise AxesDifferError(
                f"the left side has shape {shown_shape(left.indices)}, "
                f"the right side {shown_shape(right.indices)}"
            )
        change[theirs] = mine
    return left, Shaped(substitute(right.term, change), left.row, left.column)


def _read_bare_matrix(source: Source) -> Claim:
    tensors: dict[str, tuple[str, ...]] = {}
    merging = Merging(allowed=True)

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

    reader = MatrixReader(source, axes_of, {}, lambda name: "", merging.merge)
    left, right = reader.equation()
    shapes = (shown_shape(left.indices), shown_shape(right.indices))
    try:
        left, right = _sameshown_shape(left, right, merging)
    except AxesDifferError as error:
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
    parts = tuple(renamed(part, {}, names) for part in reader.lost)
    unused = (letter for letter in ascii_lowercase[8:] if letter not in tensors)
    letters = dict(zip(dict.fromkeys(names.values()), unused, strict=False))
    derivation = bare_derivation(source, described, [*terms, *parts], letters)
    claim = Claim(source.text, terms[0], terms[1], indices, derivation, shapes=shapes, parts=parts)
    return _lettered(claim)


def _called(source: Source, name: str) -> bool:
    """Whether a name of one or two small letters stands before a bracket, as in g(Z)."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}'*\s*\(", source.text)) and name.islower()
