"""The derived equations, evaluated: independent of every automatic differentiation."""

from __future__ import annotations

import numpy as np

from backproof.oracles.formats import EXACT
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.reference import reference


class Derived:
    """Evaluates the statements and the derived gradients in float64.

    A radius covers the evaluation's own rounding and, at a kink, every legal derivative.
    """

    name = "derived"
    independent_of = "automatic differentiation"

    def answer(self, question: Question) -> Answer | Unavailable:
        """The values, each within its radius of the exact one; see ``Oracle``."""
        try:
            found = reference(question.derivation, question.inputs, EXACT, wanted=question.wanted)
        except ValueError as error:
            return Unavailable(self.name, str(error))
        radii = {}
        for name, bounded in found.items():
            # Without rounding, an implementation is off only by its choices at kinks.
            radius = bounded.own + bounded.radius
            radius = np.where(bounded.radius > 0.0, np.nextafter(radius, np.inf), radius)
            radii[name] = np.where(bounded.demanded, 0.0, radius)
        return Answer(self.name, {name: b.value for name, b in found.items()}, radii)
