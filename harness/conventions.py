"""What a layer means by its results, when that is not said.

A layer that divides the gradients of all its parameters by the number of samples takes the loss
for a mean; one that adds a multiple of W to dW has weight decay; one whose forward pass is scaled
and whose gradients are scaled alike has a gain; one that returns float32 whatever it is given
works in float32. None is a mistake in itself, so the layer is judged by what it does, and the
report says what that takes for granted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from backproof.cases import make_case
from backproof.checking import Checker
from backproof.diagnosis import Diagnosis
from backproof.spec.layer import SCALES, Equation, Spec
from backproof.spec.terms import mul, number
from backproof.subjects import Subject

DIVIDED = "divided by the samples"


@dataclass(frozen=True)
class Convention:
    """A subject read in another way than it was given, and what that assumes.

    Attributes:
        subject: with the other spec or format.
        quantities: those to which the assumption applies; all if empty.
        assumption: in words.
        certain: the layer reads so, whatever else is wrong with it: where the upstream gradient is
            zero, a multiple of a parameter is left to the last bit.
    """

    subject: Subject
    quantities: tuple[str, ...]
    assumption: str
    certain: bool = False


def narrower_format(subject: Subject) -> Convention | None:
    """The subject in the format that it computes in whatever it is given, if that is narrower.

    Seen at one small case in float64, at sizes at which the subject runs.
    """
    if subject.accumulate is not None:
        return None
    checker = Checker(subject)
    inputs = checker.inputs
    for sizes in (inputs.distinct_sizes, dict.fromkeys(inputs.every_axis, 2)):
        case = make_case(inputs, sizes, "float64", "whole", 0)
        results = checker.run(case).results
        names = {a.dtype.name for a in results.values() if a.dtype.kind == "f"}
        if names:
            narrowest = min(names, key=lambda name: int(np.finfo(name).bits))
            if narrowest not in ("float32", "float16"):
                return None
            return Convention(
                replace(subject, accumulate=narrowest),
                (),
                f"{narrowest} is precise enough: the layer works in it whatever it is given",
            )
    return None


def mean_over_samples(
    subject: Subject,
    diagnoses: Mapping[str, Diagnosis],
    wanted: Sequence[str],
) -> Convention | None:
    """The subject with means for sums, if each gradient of a parameter is the right one divided.

    Args:
        subject: as it was given.
        diagnoses: of its wrong quantities.
        wanted: the quantities that it shows.
    """
    spec = subject.spec
    if spec.scale != "sum" or spec.samples is None:
        return None
    parameters = tuple(name for name in _of_parameters(spec) if name in wanted)
    divided = {q for q, d in diagnoses.items() if d.mistake.variant == DIVIDED and d.cause == q}
    # Where more than these are divided, what they come from is.
    if not parameters or set(parameters) != divided:
        return None
    return Convention(replace(subject, spec=_varied(spec, scale="mean")), parameters, _MEAN)


def _of_parameters(spec: Spec) -> tuple[str, ...]:
    """The gradients of the inputs that do not run over the samples."""
    program = spec.program
    return tuple(
        g.name
        for g in spec.derivation.gradients.values()
        if g.of in program.inputs and spec.samples not in program.tensors[g.of].axes
    )


_MEAN = (
    "the loss is a mean over the samples, and the upstream gradient that of one sample: "
    "gradients of parameters are divided by the number of samples"
)


def other_readings(
    subject: Subject, diagnoses: Mapping[str, Diagnosis], right: Sequence[str]
) -> Iterator[Convention]:
    """Readings in which a layer with wrong quantities may be right; each is to be tried.

    Args:
        subject: as it was given.
        diagnoses: of its wrong quantities.
        right: the quantities that are right as it was given.
    """
    if subject.inferred:
        yield from _own_layers(subject, diagnoses)
    yield from _with_penalties(subject, diagnoses, right)


def _own_layers(subject: Subject, diagnoses: Mapping[str, Diagnosis]) -> Iterator[Convention]:
    """The layer that a forward pass states which is another one than the nearest known.

    Only a factor and a sign: other differences from a dense layer are mistakes in any layer.
    """
    spec = subject.spec
    for quantity, diagnosis in diagnoses.items():
        statement, form = spec.program.statement(quantity), diagnosis.form
        if statement is None or diagnosis.cause != quantity:
            continue
        if diagnosis.mistake.kind not in ("wrong-scale", "wrong-sign"):
            continue
        if form is None:
            gain = _gain_of(diagnosis)
            if gain is None:
                continue
            value = mul(number(gain), statement.value)
        elif form.needs:
            continue
        else:
            value = form.value
        changed = Equation(spec, statement.target, value).index
        text = spec.text.replace(statement.text, changed)
        yield Convention(
            replace(subject, spec=_varied(spec, text=text)),
            (),
            f"the layer is meant to compute {changed}, of which its gradients are right",
        )


def _gain_of(diagnosis: Diagnosis) -> Fraction | None:
    """The number by which a result is multiplied, as it is likely to be written."""
    word, _, written = diagnosis.mistake.variant.partition(" ")
    if word != "times":
        return None
    value = Fraction(written)
    short = value.limit_denominator(10**6)
    # A number of a few digits, or a fraction: what it was measured as differs by rounding.
    return short if abs(short - value) <= abs(value) * Fraction(1, 10**12) else None


def _with_penalties(
    subject: Subject, diagnoses: Mapping[str, Diagnosis], right: Sequence[str]
) -> Iterator[Convention]:
    """The layer with weight decay: a gradient that is a multiple of its tensor for no loss."""
    spec = subject.spec
    rates = {}
    for quantity in diagnoses:
        gradient = spec.derivation.gradients.get(quantity.removeprefix("d"))
        if gradient is not None and gradient.of in spec.program.inputs:
            rate = _decay(subject, gradient.of)
            if rate is not None:
                rates[gradient.of] = rate
    if not rates:
        return
    words = " and ".join(f"{rate.shown} times {tensor}" for tensor, rate in rates.items())
    for scale in dict.fromkeys((spec.scale, *SCALES)):
        if scale == "mean" and (spec.samples is None or any(f"d{t}" in right for t in rates)):
            continue
        lines = [
            line
            for tensor, rate in rates.items()
            for line in _penalty(spec, tensor, rate, over_samples=scale != "mean")
        ]
        text = "\n".join([spec.text.rstrip("\n"), *lines, ""])
        parameters = tuple(f"d{t}" for t in rates)
        assumption = f"the loss has a penalty on the weights, whose gradient is {words}"
        if scale != spec.scale:
            assumption, parameters = f"{assumption}; {_MEAN}", _of_parameters(spec)
        varied = _varied(spec, text=text, scale=scale)
        certain = scale == spec.scale
        yield Convention(replace(subject, spec=varied), parameters, assumption, certain)


@dataclass(frozen=True)
class _Rate:
    """A factor of weight decay, whole or divided by the number of samples."""

    factor: Fraction
    per_sample: bool

    @property
    def shown(self) -> str:
        value = f"{float(self.factor):g}"
        return f"{value}/n" if self.per_sample else value


def _penalty(spec: Spec, tensor: str, rate: _Rate, *, over_samples: bool) -> list[str]:
    """Statements of a penalty: half the rate times the sum of squares.

    A mean over the samples divides the whole gradient by their number, the penalty's with it.
    """
    letters = ",".join(index.name for index in spec.program.tensors[tensor].indices)
    power = (0 if over_samples else 1) - (1 if rate.per_sample else 0)
    scale = {-1: f"/size({spec.samples})", 0: "", 1: f"*size({spec.samples})"}[power]
    square = f"{tensor}[{letters}]^2" if letters else f"{tensor}^2"
    total = f"sum[{letters}]({square})" if letters else square
    return [f"R{tensor} = {rate.factor / 2}*{total}{scale}", f"assume dR{tensor} = 1"]


def _decay(subject: Subject, tensor: str) -> _Rate | None:
    """By what a gradient exceeds zero where the upstream gradient is zero, if by a rate.

    The tensor is all ones there, so that what is added is the rate itself, without rounding.
    """
    checker = Checker(subject)
    inputs, samples = checker.inputs, subject.spec.samples
    found = []
    for count in (1, 2, 4):
        sizes = inputs.distinct_sizes | ({} if samples is None else {samples: count})
        case = make_case(inputs, sizes, "float64", "whole", 0)
        arrays = {name: np.zeros_like(array) for name, array in case.inputs.items()}
        arrays[tensor] = np.ones_like(case.inputs[tensor])
        case = replace(case, inputs=arrays)
        got = checker.run(case).results.get(f"d{tensor}")
        if got is None or got.dtype.kind != "f" or not got.size or not np.isfinite(got).all():
            return None
        if np.any(got != got.flat[0]) or got.flat[0] == 0:
            return None
        found.append(float(got.flat[0]))
        # Whatever its entries are: a number that is added to all of them is no decay.
        arrays[tensor] = case.inputs[tensor] + np.arange(got.size).reshape(got.shape)
        again = checker.run(replace(case, inputs=arrays)).results.get(f"d{tensor}")
        if again is None or np.any(again != found[-1] * arrays[tensor]):
            return None
    simple = Fraction(found[0]).limit_denominator(10**6)
    factor = simple if float(simple) == found[0] else Fraction(found[0])
    if found[0] == found[1] == found[2]:
        return _Rate(factor, per_sample=False)
    if found[0] == 2 * found[1] == 4 * found[2] and samples is not None:
        return _Rate(factor, per_sample=True)
    return None


def _varied(spec: Spec, *, text: str | None = None, scale: str | None = None) -> Spec:
    """A spec with another text or scale, and what still applies of the rest."""
    new = spec.text if text is None else text
    functions = {f: known for f, known in spec.functions.items() if re.search(rf"\b{f}\b", new)}
    return Spec(
        new,
        name=spec.name,
        layout=spec.layout,
        functions=functions,
        scale=spec.scale if scale is None else scale,
        source_name=spec.program.source.name,
    )
