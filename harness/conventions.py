"""What a layer means by its results, when that is not said: the scale of gradients, the format.

A layer that divides the gradients of all its parameters by the number of samples takes the loss
for a mean; one that returns float32 whatever it is given works in float32. Neither is a mistake
in itself, so the layer is judged by what it does, and the report says what that takes for granted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backproof.cases import make_case
from backproof.checking import Checker
from backproof.diagnosis import Diagnosis
from backproof.spec.layer import Spec
from backproof.subjects import Subject

DIVIDED = "divided by the samples"


@dataclass(frozen=True)
class Convention:
    """A subject read in another way than it was given, and what that assumes.

    Attributes:
        subject: with the other spec or format.
        quantities: those to which the assumption applies; all if empty.
        assumption: in words.
    """

    subject: Subject
    quantities: tuple[str, ...]
    assumption: str


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
    program = spec.program
    parameters = tuple(
        g.name
        for g in spec.derivation.gradients.values()
        if g.of in program.inputs
        and spec.samples not in program.tensors[g.of].axes
        and g.name in wanted
    )
    divided = {q for q, d in diagnoses.items() if d.mistake.variant == DIVIDED and d.cause == q}
    # Where more than these are divided, what they come from is.
    if not parameters or set(parameters) != divided:
        return None
    mean = Spec(
        spec.text,
        name=spec.name,
        layout=spec.layout,
        functions=spec.functions,
        scale="mean",
        source_name=spec.program.source.name,
    )
    return Convention(
        replace(subject, spec=mean),
        parameters,
        "the loss is a mean over the samples, and the upstream gradient that of one sample: "
        "gradients of parameters are divided by the number of samples",
    )
