"""A derived equation as reports hold it: in each notation that a rendering shows."""

from __future__ import annotations

from backproof.reports.finding import Derived
from backproof.spec.layer import Equation


def derived_form(equation: Equation) -> Derived:
    """What follows from the specification, in the notations that renderings show."""
    return Derived(
        index=equation.index,
        matrix=equation.matrix,
        latex=equation.latex,
        mathml=equation.form("mathml"),
    )
