"""Which gradients a layer declares to be means over its samples."""

from __future__ import annotations

from backproof.spec.deriving.derive import Gradient, Rule
from backproof.spec.program import Program
from backproof.spec.terms import mul, power, size


def averaged_axis(program: Program, gradient: Gradient) -> str | None:
    """The axis over which a gradient is declared to be a mean; None where it is a plain gradient.

    Read off the last step of its derivation, without a look at the formula.
    """
    if not gradient.steps or gradient.steps[-1].rule is not Rule.MEAN:
        return None
    last, before = gradient.steps[-1].right, gradient.steps[-2].right
    return next(axis for axis in program.axes if mul(before, power(size(axis), -1)) is last)
