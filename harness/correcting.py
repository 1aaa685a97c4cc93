"""The corrected line, in the layer's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backproof.spec.layer import Spec
from backproof.spec.printers.registry import equation_form
from backproof.subjects import Subject

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w)")


def corrected(subject: Subject, quantity: str) -> str | None:
    """The right statement for a quantity, as runnable code in the subject's own names.

    None where the subject has no name of its own for the quantity.
    """
    equation = subject.spec.equation(quantity)
    if equation is None:
        return None
    code = equation_form(equation, "numpy")
    names = dict(subject.names)
    if quantity not in names:
        return None
    given = subject.spec.derivation.gradients.get(subject.upstream)
    if given is not None and given.name not in names:
        names.pop(given.name, None)
    return renamed(code, names)


def renamed(code: str, names: Mapping[str, str]) -> str:
    """Code with other names, all at once; attributes and methods are left alone."""
    return _NAME.sub(lambda match: names.get(match.group(), match.group()), code)


def right_code(spec: Spec, quantity: str) -> str:
    """The right statement for a quantity, in the spec's names."""
    equation = spec.equation(quantity)
    assert equation is not None
    return equation_form(equation, "numpy")
