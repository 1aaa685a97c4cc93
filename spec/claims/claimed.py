"""A claim, the value that reading one yields, and the axes that it takes for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backproof.spec.deriving.derive import Derivation
from backproof.spec.errors import suggestion
from backproof.spec.program import Axis, Program, Tensor
from backproof.spec.source import Source
from backproof.spec.terms import Apply, Entry, Index, Softmax, Term, indices_in


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
        parts: what is written in the claim, may have no value, and is not in the terms any more,
            such as 1/x of 0/x.
        notes: how a name in it was read.
        reading: how the claim was read, where it can be read in several ways.
        others: the claim in its other readings.
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
    parts: tuple[Term, ...] = ()
    notes: tuple[str, ...] = ()
    reading: str = ""
    others: tuple[Claim, ...] = ()


def known_axes(derivation: Derivation) -> dict[str, tuple[str, ...]]:
    """The axes of every tensor and gradient."""
    found = {name: tensor.axes for name, tensor in derivation.program.tensors.items()}
    for gradient in derivation.gradients.values():
        found[gradient.name] = tuple(i.axis for i in gradient.target.indices)
    return found


class Merging:
    """Axes that a claim takes for one.

    Attributes:
        allowed: whether axes may be taken for one at all.
        pairs: those that were, the second one standing for no other axis any more.
    """

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


class AxesDifferError(Exception):
    """Two axes would have to be one, and may not be."""


def activations(program: Program) -> list[str]:
    """The functions that statements take of single entries: what people call ``g``."""
    found: dict[str, None] = {}
    for statement in program.statements:
        value = statement.value
        if isinstance(value, Apply) and not value.order and isinstance(value.argument, Entry):
            found[value.function] = None
        if isinstance(value, Softmax) and isinstance(value.body, Entry):
            found["softmax"] = None
    return list(found)


def hint(name: str, known: Iterable[str], program: Program | None) -> str:
    """What to do about a name that is no tensor."""
    letters = {x for a in (program.axes.values() if program else ()) for x in (a.name, *a.letters)}
    if name in letters:
        return f"the number of entries along {name} is written size({name})"
    return suggestion(name, known) or f"known are {', '.join(known)}"


def shown_shape(indices: tuple[Index, ...]) -> str:
    """The axes of indices, as a shape."""
    inside = ", ".join(i.axis for i in indices)
    return f"({inside},)" if len(indices) == 1 else f"({inside})"


def bare_derivation(
    source: Source,
    tensors: dict[str, Tensor],
    terms: list[Term],
    letters: Mapping[str, str] | None = None,
) -> Derivation:
    """Tensors of which nothing is known but their axes.

    Args:
        source: the claim.
        tensors: those that occur in it.
        terms: the terms of the claim.
        letters: the letter to show for an axis; else it is the axis's name.
    """
    axes = {i.axis for t in terms for i in indices_in(t)}
    axes |= {axis for tensor in tensors.values() for axis in tensor.axes}
    described = {a: Axis(a, ((letters or {}).get(a, a),)) for a in sorted(axes)}
    program = Program(source, described, tensors, ())
    return Derivation(program, {})
