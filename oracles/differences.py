"""The derivative of a layer's own forward pass, taken from its values alone.

Where the forward pass is analytic and takes complex input, the complex step
``Im phi(x + ih) / h``, which subtracts nothing (Squire and Trapp, Using complex variables to
estimate derivatives of real functions, SIAM Review 40, 1998); else central differences,
``(phi(x + a) - phi(x - b)) / (a + b)``. The specification enters into the error bound only:
how far an honest forward pass may be off (``backproof.oracles.reference``; for a complex step,
``backproof.oracles.honest``), and how much the exact function bends between the points
(``backproof.oracles.jets``), by Taylor's theorem with Lagrange's remainder.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from backproof.oracles.analytic import unwatch, watch
from backproof.oracles.averages import averaged_axis
from backproof.oracles.balls import Ball, exact_ball, flint, precision, upwards
from backproof.oracles.exact import point, to_floats
from backproof.oracles.honest import COMPLEX_STEP_EXPONENT, Honest, Reach
from backproof.oracles.jets import LENGTH, Jet, Jets
from backproof.oracles.outcome import Answer, FloatArray, Question, Unavailable
from backproof.oracles.pointwise import NoRuleError, Place, Pointwise, places, work
from backproof.oracles.questions import checked

Forward = Callable[[dict[str, Any]], Mapping[str, Any]]
Method = Literal["auto", "complex", "central"]

# Entries to differentiate by, times the steps of one evaluation: about three seconds.
MOST_WORK = 60_000

_BITS = 192
# The widest step is the scale of the entry itself; the narrowest still moves it.
_NARROWEST_EXPONENT = -44
_STEP = 2.0**COMPLEX_STEP_EXPONENT


class _RefusalError(Exception):
    """The forward pass cannot be differentiated; the message says why."""


@dataclass(frozen=True)
class _Run:
    """The outputs of one run: phi = sum of upstream times output, exactly, from its floats."""

    outputs: dict[str, Any]

    def phi(self, weights: Mapping[str, FloatArray], part: str = "real") -> Fraction:
        total = Fraction(0)
        for name, weight in weights.items():
            values = np.asarray(getattr(self.outputs[name], part))
            for w, value in zip(weight.ravel().tolist(), values.ravel().tolist(), strict=True):
                if w:
                    if not math.isfinite(value):
                        raise _RefusalError(f"the forward pass gave {value} in {name}")
                    total += Fraction(w) * Fraction(value)
        return total


class DifferencesOracle:
    """Gradients with respect to inputs, by differences of a given forward pass.

    Gradients of intermediates are not among them: a forward pass does not let them be moved.

    Args:
        forward: takes a dict of named float64 (or complex128) arrays, all inputs of the program;
            gives the outputs by name, arrays or scalars.
        method: "auto" takes the complex step, tensor by tensor, where the forward pass is seen to
            be analytic (``backproof.oracles.analytic``), else central differences.
        most_work: refuse when the entries to move, times the innermost steps of one evaluation of
            the statements, are more.

    Attributes:
        methods: how each gradient of the last answer was taken, "complex" or "central".
    """

    name = "differences"
    independent_of = "the spec"

    def __init__(
        self, forward: Forward, *, method: Method = "auto", most_work: int = MOST_WORK
    ) -> None:
        self.forward = forward
        self.method = method
        self.most_work = most_work
        self.methods: dict[str, str] = {}

    def answer(self, question: Question) -> Answer | Unavailable:
        """Values and radii of the wanted gradients of inputs; other names are left out.

        Raises:
            ValueError: see ``backproof.oracles.questions.checked``.
        """
        derivation = question.derivation
        program = derivation.program
        known = checked(question, (*program.inputs, *program.defined, *derivation.upstreams))
        sizes = known.sizes
        gradients = {g.name: g for g in derivation.gradients.values()}
        chosen = [
            gradients[name]
            for name in question.wanted
            if name in gradients and gradients[name].of in program.inputs
        ]
        if not chosen:
            return Unavailable(self.name, "no gradient of an input is asked for")
        entries = sum(math.prod(program.shape(g.of, sizes)) for g in chosen)
        steps = entries * work(derivation, program.defined, sizes)
        if steps > self.most_work:
            return Unavailable(
                self.name, f"{entries} entries are too many: {steps} steps, over {self.most_work}"
            )
        if known.unfit:
            return Unavailable(self.name, known.unfit)
        self.methods = {}
        values: dict[str, FloatArray] = {}
        radii: dict[str, FloatArray] = {}
        try:
            differences = _Differences(self.forward, question)
            with precision(_BITS, LENGTH), np.errstate(all="ignore"):
                for gradient in chosen:
                    axis = averaged_axis(program, gradient)
                    scale = Fraction(1, sizes[axis]) if axis is not None and sizes[axis] else 1
                    method, pairs = differences.gradient(gradient.of, self.method)
                    self.methods[gradient.name] = method
                    shape = program.shape(gradient.of, sizes)
                    values[gradient.name], radii[gradient.name] = np.zeros(shape), np.zeros(shape)
                    for place, (value, bound) in pairs.items():
                        middle, radius = _floats(value * scale, bound * exact_ball(Fraction(scale)))
                        values[gradient.name][place] = middle
                        radii[gradient.name][place] = radius
        except (NoRuleError, _RefusalError) as error:
            return Unavailable(self.name, str(error))
        return Answer(self.name, values, radii)


def _floats(value: Fraction, bound: Ball) -> tuple[float, float]:
    middle, lost = to_floats(point(value))
    radius = upwards(abs(bound) + flint().arb(lost) if math.isfinite(lost) else flint().arb.nan())
    return (middle, radius) if math.isfinite(radius) else (0.0, math.inf)


def _apart(left: tuple[Fraction, Ball], right: tuple[Fraction, Ball]) -> bool:
    """Whether two values with their error bounds surely contradict each other."""
    bound = abs(left[1]) + abs(right[1])
    return bool(bound.is_finite() and exact_ball(abs(left[0] - right[0])) > bound)


class _Differences:
    """Differences of one forward pass at one point."""

    def __init__(self, forward: Forward, question: Question) -> None:
        derivation = question.derivation
        self._forward = forward
        self._derivation, self._program = derivation, derivation.program
        self._sizes = question.sizes
        self._inputs = {
            name: np.array(question.inputs[name], dtype=np.float64) for name in self._program.inputs
        }
        self._given = dict(question.inputs)
        self._weights = {
            name: np.ones(())
            if self._program.is_loss(name)
            else np.asarray(question.inputs[derivation.gradients[name].name], dtype=np.float64)
            for name in self._program.outputs
        }
        run = self._run({name: array.copy() for name, array in self._inputs.items()})
        self._here = _Run({name: np.asarray(output) for name, output in run.outputs.items()})
        for name, output in self._here.outputs.items():
            if output.dtype != np.float64:
                raise _RefusalError(f"the forward pass gives {name} as {output.dtype}, not float64")

    def gradient(
        self, tensor: str, method: Method
    ) -> tuple[str, dict[Place, tuple[Fraction, Ball]]]:
        """How it was taken; and of each entry its value and a ball that holds the error."""
        everywhere = list(places(self._inputs[tensor].shape))
        central = {place: self._central(tensor, place) for place in everywhere}
        if method == "central":
            return "central", central
        stepped = {}
        for place in everywhere:
            pair = self._complex_step(tensor, place)
            # Central differences trust less: what they contradict is no derivative.
            if pair is None or _apart(pair, central[place]):
                break
            stepped[place] = pair
        else:
            return "complex", stepped
        if method == "complex":
            raise _RefusalError(f"the forward pass is not seen to be analytic in {tensor}")
        return "central", central

    # ------------------------------------------------------------ running the subject

    def _run(self, inputs: Mapping[str, Any]) -> _Run:
        try:
            raw = self._forward(dict(inputs))
            found = {name: raw[name] for name in self._program.outputs}
        except Exception as error:
            # Whatever the forward pass raises, it is no fault of this oracle.
            raise _RefusalError(
                f"the forward pass raised {type(error).__name__}: {error}"
            ) from error
        for name, output in found.items():
            shape = self._program.shape(name, self._sizes)
            if np.shape(output) != shape:
                raise _RefusalError(
                    f"the forward pass gives {name} of shape {np.shape(output)}, not {shape}"
                )
        return _Run(found)

    def _moved(self, tensor: str, place: Place, value: float) -> _Run:
        moved = {name: array.copy() for name, array in self._inputs.items()}
        moved[tensor][place] = value
        run = self._run(moved)
        return _Run({name: np.asarray(output) for name, output in run.outputs.items()})

    def _stepped(self, tensor: str, place: Place) -> _Run | None:
        """A run with one entry moved along the imaginary axis; None where that has no meaning."""
        moved: dict[str, Any] = {name: a.astype(np.complex128) for name, a in self._inputs.items()}
        moved[tensor][place] += 1j * _STEP
        # The tensor that moves is the one to watch; the others are constants.
        moved[tensor] = watch(moved[tensor])
        with warnings.catch_warnings():
            # An imaginary part that is cut off is a warning in NumPy and an end to this method.
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            try:
                run = self._run(moved)
            except _RefusalError:
                return None
        outputs = {name: unwatch(output) for name, output in run.outputs.items()}
        return None if any(output is None for output in outputs.values()) else _Run(outputs)

    # ------------------------------------------------------------ what the bounds rest on

    def _allowed(self, tensor: str, place: Place, value: float) -> dict[str, FloatArray]:
        """How far each output of an honest run may be off, with one entry set to a value."""
        from backproof.oracles.reference import reference

        moved = {**self._given, tensor: self._inputs[tensor].copy()}
        moved[tensor][place] = value
        found = reference(self._derivation, moved, "float64", wanted=self._program.outputs)
        return {
            name: np.where(np.isfinite(bounded.value), bounded.radius, np.inf)
            for name, bounded in found.items()
        }

    def _rounding(self, tensor: str, place: Place, value: float) -> Ball:
        """How far phi of an honest run may be from the exact phi."""
        arb, radius = flint().arb, flint().arb(0)
        for name, allowed in self._allowed(tensor, place, value).items():
            for at in places(allowed.shape):
                weight = self._weights[name].item(at)
                if weight:
                    radius = radius + abs(arb(weight)) * arb(allowed.item(at))
        return radius

    def _reach(self, tensor: str, place: Place) -> dict[tuple[str, Place], tuple[Ball, Ball]]:
        """Balls around an honest run's outputs and their derivatives by one entry."""
        domain = Honest()

        def given(name: str, at: Place) -> Reach:
            return domain.given(self._inputs[name].item(at), (name, at) == (tensor, place))

        evaluator = Pointwise[Reach](self._derivation, given, self._sizes, domain)
        return {
            (name, at): domain.closed(evaluator.entry(name, at))
            for name, weight in self._weights.items()
            for at in places(weight.shape)
        }

    def _bends(self, tensor: str, place: Place, at: Ball, complex_: bool = False) -> Jet:
        """The series of the exact phi along one entry, around a ball."""
        domain = Jets(complex_)

        def given(name: str, where: Place) -> Jet:
            if (name, where) == (tensor, place):
                return domain.variable(at)
            return domain.fixed(flint().arb(self._inputs[name].item(where)))

        evaluator = Pointwise[Jet](self._derivation, given, self._sizes, domain)
        phi = domain.number(Fraction(0))
        for name, weight in self._weights.items():
            for where in places(weight.shape):
                w = weight.item(where)
                if w:
                    term = domain.mul(domain.number(Fraction(w)), evaluator.entry(name, where))
                    phi = phi + term
        return phi

    # ------------------------------------------------------------ the two methods

    def _complex_step(self, tensor: str, place: Place) -> tuple[Fraction, Ball] | None:
        """The complex step at one entry; None where the forward pass does not lend itself."""
        x = self._inputs[tensor].item(place)
        run = self._stepped(tensor, place)
        if run is None:
            return None
        try:
            value = run.phi(self._weights, "imag") / Fraction(_STEP)
        except _RefusalError:
            return None
        arb = flint().arb
        rounding, allowed = arb(0), self._allowed(tensor, place, x)
        for (name, at), (_, slope) in self._reach(tensor, place).items():
            output, real = run.outputs[name], self._here.outputs[name]
            # The exact derivative is off zero and the imaginary part is gone: cut off on the way.
            if output.imag.item(at) == 0 and not slope.contains(0):
                return None
            # Two honest runs are at most twice as far apart as one is off.
            apart = abs(arb(output.real.item(at)) - arb(real.item(at)))
            if apart > 2 * arb(allowed[name].item(at)):
                return None
            weight = abs(arb(self._weights[name].item(at)))
            # Both the exact derivative and the one found lie in the ball.
            if not weight.is_zero():
                rounding = rounding + 2 * weight * slope.rad()
        acb = flint().acb
        segment = acb(arb(x), arb(_STEP) / 2 + arb(0, 1) * arb(_STEP) / 2)
        third = abs(self._bends(tensor, place, segment, complex_=True)[3])
        if not third.is_finite():
            return None
        return value, rounding + arb(_STEP) ** 2 * third

    def _central(self, tensor: str, place: Place) -> tuple[Fraction, Ball]:
        """Central differences at one entry, with the step that makes the bound least."""
        arb = flint().arb
        x = self._inputs[tensor].item(place)
        step = self._step(tensor, place, x)
        while step is not None:
            above, below = x + step, x - step
            # The ball around the two points as they are in float64, x among them.
            jet = self._bends(tensor, place, arb(above).union(arb(below)))
            second, third = abs(jet[2]), abs(jet[3])
            if second.is_finite() and third.is_finite():
                return self._difference(tensor, place, (above, below), (second, third))
            step = step / 16 if step > _scale(x) * 2.0**_NARROWEST_EXPONENT else None
        return Fraction(0), arb.nan()

    def _difference(
        self, tensor: str, place: Place, ends: tuple[float, float], bends: tuple[Ball, Ball]
    ) -> tuple[Fraction, Ball]:
        above, below = ends
        x = Fraction(self._inputs[tensor].item(place))
        a, b = Fraction(above) - x, x - Fraction(below)
        upper = self._moved(tensor, place, above).phi(self._weights)
        lower = self._moved(tensor, place, below).phi(self._weights)
        rounding = self._rounding(tensor, place, above) + self._rounding(tensor, place, below)
        second, third = bends
        bound = (
            exact_ball(1 / (a + b)) * rounding
            # The coefficients are phi''/2 and phi'''/6; a and b differ where x + h is rounded.
            + exact_ball(abs(a - b)) * second
            + exact_ball((a**3 + b**3) / (a + b)) * third
        )
        return (upper - lower) / (a + b), bound

    def _step(self, tensor: str, place: Place, x: float) -> float | None:
        """A power of two near the step where rounding R/h and bending h^2 |phi'''|/6 balance."""
        widest = _scale(x)
        third = abs(self._bends(tensor, place, flint().arb(x))[3])
        if not third.is_finite():
            return None
        bend, rounding = float(third.mid()), float(self._rounding(tensor, place, x).mid())
        if not math.isfinite(rounding):
            return None
        if bend == 0:
            return widest
        balanced = (rounding / (2 * bend)) ** (1 / 3)
        chosen = min(widest, max(balanced, widest * 2.0**_NARROWEST_EXPONENT))
        return 2.0 ** round(math.log2(chosen))


def _scale(x: float) -> float:
    """The power of two at or above max(1, |x|)."""
    return 2.0 ** math.ceil(math.log2(max(1.0, abs(x))))
