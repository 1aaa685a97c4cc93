"""Ball arithmetic: an interval that surely contains the exact real value, as sharp as is useful.

It evaluates the derived equations, entry by entry, with as many bits as it takes; rounding cannot
mislead it. Of the derivation itself it knows nothing more than the other oracles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from backproof.oracles.balls import Ball, Balls, precision, sharp, to_floats
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.oracles.pointwise import NoRuleError, Place, Pointwise, places, work
from backproof.oracles.questions import Checked, checked

# Twice the bits each time; the last is enough for two numbers at opposite ends of float64's range.
PRECISIONS = (128, 256, 512, 1024, 2048, 4096)
# Innermost steps of the loops in one answer; about two seconds.
MOST_WORK = 500_000


class EnclosureOracle:
    """Encloses each entry; the precision is raised until the radius is under a quarter of an ulp.

    At a kink the answer is the hull of the values on both sides, which are all right.

    Args:
        most_work: refuse to answer in full beyond so many innermost steps.
    """

    name = "enclosure"
    independent_of = "rounding"

    def __init__(self, most_work: int = MOST_WORK) -> None:
        self.most_work = most_work

    def answer(self, question: Question) -> Answer | Unavailable:
        """All entries of everything that is wanted.

        Raises:
            ValueError: see ``backproof.oracles.questions.checked``.
        """
        known = checked(question)
        steps = work(question.derivation, known.names, known.sizes)
        if steps > self.most_work:
            return Unavailable(
                self.name,
                f"{steps} steps are more than {self.most_work}; ask for single entries",
            )
        shapes = known.shapes
        asked = [(name, place) for name, shape in shapes.items() for place in places(shape)]
        found = self._enclose(question, known, asked)
        if isinstance(found, Unavailable):
            return found
        values = {name: np.zeros(shape) for name, shape in shapes.items()}
        radii = {name: np.zeros(shape) for name, shape in shapes.items()}
        for (name, place), ball in found.items():
            values[name][place], radii[name][place] = ball
        return Answer(self.name, values, radii)

    def entries(
        self, question: Question, name: str, indices: Sequence[Place]
    ) -> Answer | Unavailable:
        """Chosen entries of one quantity, in layers too large to be enclosed as a whole.

        Args:
            question: as for ``answer``; what it wants is not looked at.
            name: the quantity.
            indices: the position of each entry that is asked for.

        Returns:
            An answer whose arrays are one-dimensional, one element a position, in that order.

        Raises:
            ValueError: see ``backproof.oracles.questions.checked``.
            IndexError: a position is outside of its array.
        """
        known = checked(Question(question.derivation, question.inputs, (name,)))
        shape = known.shapes[name]
        asked = []
        for place in indices:
            position = tuple(int(p) for p in place)
            inside = len(position) == len(shape) and all(
                0 <= p < size for p, size in zip(position, shape, strict=True)
            )
            if not inside:
                raise IndexError(f"{name} of shape {shape} has no entry {position}")
            asked.append((name, position))
        found = self._enclose(question, known, asked)
        if isinstance(found, Unavailable):
            return found
        pairs = [found[key] for key in asked]
        return Answer(
            self.name,
            {name: np.array([value for value, _ in pairs], dtype=np.float64)},
            {name: np.array([radius for _, radius in pairs], dtype=np.float64)},
        )

    def _enclose(
        self,
        question: Question,
        known: Checked,
        asked: Iterable[tuple[str, Place]],
    ) -> dict[tuple[str, Place], tuple[float, float]] | Unavailable:
        if known.unfit:
            return Unavailable(self.name, known.unfit)
        inputs = question.inputs
        settled: dict[tuple[str, Place], tuple[float, float]] = {}
        before: dict[tuple[str, Place], Ball] = {}
        open_ = list(dict.fromkeys(asked))
        for bits in PRECISIONS:
            with precision(bits):
                domain = Balls()

                def given(name: str, place: Place, domain: Balls = domain) -> Ball:
                    return domain.number(Fraction(inputs[name].item(place)))

                evaluator = Pointwise[Ball](question.derivation, given, known.sizes, domain)
                still_open = []
                for key in open_:
                    try:
                        ball = evaluator.entry(*key)
                    except NoRuleError as error:
                        return Unavailable(self.name, str(error))
                    last = bits == PRECISIONS[-1]
                    if last or sharp(ball) or self._stuck(ball, before.get(key), domain):
                        settled[key] = to_floats(ball)
                    else:
                        before[key] = ball
                        still_open.append(key)
            open_ = still_open
            if not open_:
                break
        return settled

    @staticmethod
    def _stuck(ball: Ball, before: Ball | None, domain: Balls) -> bool:
        """Whether more bits no longer help: a hull at a kink, or nothing that has a value."""
        # Entries share what they rest on, so one that is unsure makes all of its pass unsure.
        if before is None or domain.unsure:
            return False
        if not ball.is_finite():
            return not before.is_finite()
        return bool(before.is_finite() and ball.rad() * 2 > before.rad())
