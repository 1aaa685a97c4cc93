"""The corrected line, in the layer's own names."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping

from backproof.spec.layer import Spec
from backproof.spec.printers.registry import equation_form
from backproof.spec.terms import tensors_in
from backproof.subjects import Subject

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w)")


def corrected(subject: Subject, quantity: str, statement: str | None = None) -> str | None:
    """The right statement for a quantity, as runnable code in the subject's own names.

    Args:
        subject: whose names to use.
        quantity: what the statement computes.
        statement: as its author wrote it: a value that is returned is returned again.

    Returns:
        the statement; None where the subject has no name of its own for the quantity, or the
        code calls a function that the subject does not have.
    """
    equation = subject.spec.equation(quantity)
    if equation is None:
        return None
    code = equation_form(equation, "numpy")
    names = dict(subject.names)
    returned = (
        statement is not None and statement.startswith("return ") and not _is_tuple(statement)
    )
    if quantity not in names and not returned:
        return None
    fixed = renamed(code, names)
    if returned:
        return f"return {fixed.partition(' = ')[2]}"
    return fixed


def _is_tuple(statement: str) -> bool:
    try:
        (node,) = ast.parse(statement.strip().replace("return", "_ =", 1)).body
    except (SyntaxError, ValueError):
        return True
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)


def same_code(left: str, right: str) -> bool:
    """Whether two statements are the same but for their layout."""
    try:
        return ast.dump(ast.parse(_plain(left))) == ast.dump(ast.parse(_plain(right)))
    except SyntaxError:
        return left.split() == right.split()


def _plain(statement: str) -> str:
    text = textwrap.dedent(statement).strip()
    return text.replace("return ", "_ = ", 1) if text.startswith("return ") else text


def used_by(spec: Spec, quantity: str) -> list[str]:
    """The derived gradients that a quantity's right statement uses."""
    equation = spec.equation(quantity)
    if equation is None:
        return []
    return [
        g.name for g in spec.derivation.gradients.values() if g.name in tensors_in(equation.value)
    ]


def renamed(code: str, names: Mapping[str, str]) -> str:
    """Code with other names, all at once; attributes and methods are left alone."""
    return _NAME.sub(lambda match: names.get(match.group(), match.group()), code)


def right_code(spec: Spec, quantity: str) -> str:
    """The right statement for a quantity, in the spec's names."""
    equation = spec.equation(quantity)
    assert equation is not None
    return equation_form(equation, "numpy")
