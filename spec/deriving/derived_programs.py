"""Derivations as programs in their own right, which can be run and differentiated again.

A Hessian-vector product comes out twice: as the tangents of the gradient program (forward over
reverse), and as the gradients of the slope program (reverse over reverse). (Griewank and Walther,
Evaluating Derivatives, 2nd ed., chapter 5; Pearlmutter, Fast Exact Multiplication by the Hessian.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from backproof.spec.deriving.compose import renamed
from backproof.spec.deriving.derive import Derivation, gradient_name
from backproof.spec.deriving.forward_mode import Pushforward, tangent_name
from backproof.spec.errors import SpecError
from backproof.spec.program import Program, Statement, Tensor
from backproof.spec.source import Span
from backproof.spec.terms import Entry, Term, add, entry, mul, tensors_in, total


def tangent_program(pushed: Pushforward) -> Program:
    """The statements and then the tangents, as statements; the directions are inputs.

    Args:
        pushed: a forward-mode derivation.
    """
    tangents = pushed.tangents.values()
    return _extended(
        pushed.program,
        given=(t.target for t in tangents if t.is_given),
        stated=((t.target, t.value) for t in tangents if not t.is_given),
    )


def gradient_program(
    derivation: Derivation, of: Collection[str] | None = None, prefix: str = "d"
) -> Program:
    """The statements and then the gradients, as statements; upstream gradients are inputs.

    The gradient of a loss is 1 and is written nowhere.

    Args:
        derivation: a reverse-mode derivation.
        of: the tensors whose gradients it is for; what they do not need is left out. All, and
            everything, unless given.
        prefix: what the gradients are called; another than d lets the program be differentiated
            in reverse again.

    Raises:
        SpecError: a gradient of that name would be a tensor of the program.
    """
    program = derivation.program
    names = {gradient_name(name): f"{prefix}{name}" for name in program.tensors}
    for old, new in names.items():
        if new in program.tensors:
            raise SpecError(f"{new} names a tensor and the gradient {old}", help=f"rename {new}")
    gradients = [
        (_named(g.target, names), renamed(g.value, names, {}), g.is_upstream)
        for name, g in derivation.gradients.items()
        if not program.is_loss(name)
    ]
    extended = _extended(
        replace(program, added_losses=()),
        given=(target for target, _, is_given in gradients if is_given),
        stated=((target, value) for target, value, is_given in gradients if not is_given),
    )
    return extended if of is None else needed_for(extended, [f"{prefix}{name}" for name in of])


def slope_program(derivation: Derivation, along: Collection[str]) -> Program:
    """A program whose loss is the slope of the loss along a direction, computed by gradients.

    The slope is the sum over the inputs T in ``along`` of <gradient of T, tT>; its gradients are
    the Hessian times the direction. Gradients of the first order are called gT in it.

    Args:
        derivation: a reverse-mode derivation.
        along: the inputs that vary.

    Raises:
        SpecError: a name is taken.
    """
    program = gradient_program(derivation, along, prefix="g")
    slopes, directions = [], []
    for name in along:
        indices = derivation.gradients[name].target.indices
        direction = entry(tangent_name(name), indices)
        directions.append(direction)
        slopes.append(total(indices, mul(entry(f"g{name}", indices), direction)))
    for taken in ("slope", *(d.tensor for d in directions)):
        if taken in program.tensors:
            raise SpecError(f"the name {taken} is needed here", help=f"rename {taken}")
    return _extended(program, directions, [(entry("slope"), add(*slopes))])


def needed_for(program: Program, tensors: Collection[str]) -> Program:
    """The program without the statements that none of the given tensors needs; inputs stay."""
    needed = set(tensors)
    for s in reversed(program.statements):
        if s.target.tensor in needed:
            needed |= tensors_in(s.value)
    needed.update(program.inputs)
    return replace(
        program,
        statements=tuple(s for s in program.statements if s.target.tensor in needed),
        tensors={name: t for name, t in program.tensors.items() if name in needed},
    )


def _named(target: Entry, names: dict[str, str]) -> Entry:
    return entry(names[target.tensor], target.indices)


def _extended(
    program: Program, given: Iterable[Entry], stated: Iterable[tuple[Entry, Term]]
) -> Program:
    inputs = {name: program.tensors[name] for name in program.inputs}
    inputs |= {e.tensor: Tensor(e.tensor, e.indices) for e in given}
    statements = [Statement(target, value, Span(0, 0), "") for target, value in stated]
    defined = {name: program.tensors[name] for name in program.defined}
    defined |= {s.target.tensor: Tensor(s.target.tensor, s.target.indices) for s in statements}
    return replace(program, tensors=inputs | defined, statements=(*program.statements, *statements))
