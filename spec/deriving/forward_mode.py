"""Forward-mode derivation of a program's tangents, with each rewrite recorded by its rule.

For a tensor T, tT is its tangent: the derivative at e = 0 of T where every input X that varies
is X + e*tX, so that all tangents together are a Jacobian-vector product. Intermediates keep their
names: tA is stated through tZ and Z. (Griewank and Walther, Evaluating Derivatives, 2nd ed.,
chapter 3.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from backproof.spec.deriving.derive import Rule, Step, differentiate, finished
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.normal_form.contraction import contract
from backproof.spec.program import Program, Statement
from backproof.spec.terms import (
    ZERO,
    Add,
    Entry,
    Index,
    Sum,
    Term,
    add,
    entry,
    fresh,
    indices_in,
    mul,
    partial,
    rebuild,
    tensors_in,
    total,
)

# How far along the direction: no name that the notation can write.
_STEP = entry("<step>")


@dataclass(frozen=True, slots=True)
class Tangent:
    """``target = value``: the tangent of the tensor ``of``."""

    of: str
    target: Entry
    value: Term
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Such as tZ."""
        return self.target.tensor

    @property
    def is_given(self) -> bool:
        """Whether it is a part of the direction and not derived."""
        return self.value is self.target


@dataclass(frozen=True)
class Pushforward:
    """The tangents of a program, from the inputs that vary to the outputs."""

    program: Program
    tangents: Mapping[str, Tangent]

    @property
    def directions(self) -> tuple[str, ...]:
        """The names of the tangents that have to be given."""
        return tuple(t.name for t in self.tangents.values() if t.is_given)


def tangent_name(tensor: str) -> str:
    """The name of the tangent of a tensor."""
    return f"t{tensor}"


def push_forward(program: Program, along: Collection[str] | None = None) -> Pushforward:
    """Derive the tangent of every defined tensor, for every shape.

    Args:
        program: what to differentiate.
        along: the inputs that vary; all of them unless given.

    Raises:
        SpecError: the program itself uses a name that a tangent would have, or what is to vary
            is no input.
    """
    varying = _varying(program, along)
    tangents: dict[str, Tangent] = {}
    for name in varying:
        target = entry(tangent_name(name), program.tensors[name].indices)
        tangents[name] = Tangent(name, target, target, (Step(Rule.DIRECTION, target, target),))
    order = {name: k for k, name in enumerate(program.tensors)}
    for s in program.statements:
        used = sorted(tensors_in(s.value), key=order.__getitem__)
        tangents[s.target.tensor] = _tangent(program, s, used, tangents)
    return Pushforward(program, tangents)


def _varying(program: Program, along: Collection[str] | None) -> tuple[str, ...]:
    for name in program.tensors:
        if tangent_name(name) in program.tensors:
            raise SpecError(
                f"{tangent_name(name)} names a tensor and the tangent of {name}",
                help=f"rename {tangent_name(name)}",
            )
    for name in along or ():
        if name in program.defined:
            raise SpecError(
                f"'{name}' is defined by a statement and cannot vary by itself",
                help=f"what can are the inputs: {', '.join(program.inputs)}",
            )
        if name not in program.tensors:
            raise SpecError(
                f"no tensor is named '{name}'",
                help=suggestion(name, program.inputs)
                or f"the inputs are {', '.join(program.inputs)}",
            )
    return tuple(name for name in program.inputs if along is None or name in along)


def _tangent(
    program: Program, s: Statement, used: Sequence[str], tangents: Mapping[str, Tangent]
) -> Tangent:
    of = s.target.tensor
    target = entry(tangent_name(of), s.target.indices)
    moving = [name for name in used if name in tangents and tangents[name].value is not ZERO]
    if not moving:
        return Tangent(of, target, ZERO, (Step(Rule.CONSTANT, target, ZERO),))
    chained = add(*(_chain_term(program, s, name) for name in moving))
    value = _directional(s.value, moving)
    steps = [
        Step(Rule.CHAIN, target, chained),
        Step(Rule.DIFFERENTIATE, target, value, of),
    ]
    split = contract(_split(value))
    if split is not value:
        steps.append(Step(Rule.SPLIT, target, split))
    value = finished(program, target, split, steps)
    return Tangent(of, target, value, tuple(steps))


def _chain_term(program: Program, s: Statement, name: str) -> Term:
    taken: set[Index] = indices_in(s.value) | set(s.target.indices)
    indices: list[Index] = []
    for index in program.tensors[name].indices:
        indices.append(fresh(index, taken))
        taken.add(indices[-1])
    slope = partial(s.target, entry(name, indices))
    return total(indices, mul(slope, entry(tangent_name(name), indices)))


def _directional(term: Term, moving: Collection[str]) -> Term:
    """The derivative at 0 by e of the term in which each T that moves is T + e*tT."""

    def moved(node: Term) -> Term:
        if isinstance(node, Entry) and node.tensor in moving:
            return add(node, mul(_STEP, entry(tangent_name(node.tensor), node.indices)))
        return rebuild(node, moved)

    def at_the_start(node: Term) -> Term:
        return ZERO if node is _STEP else rebuild(node, at_the_start)

    return at_the_start(differentiate(moved(term), _STEP))


def _split(term: Term) -> Term:
    term = rebuild(term, _split)
    if isinstance(term, Sum) and isinstance(term.body, Add):
        return add(*(total(term.indices, part) for part in term.body.terms))
    return term
