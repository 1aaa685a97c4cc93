"""Names of tensors as identifiers of Python."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Collection, Iterable, Mapping

from backproof.spec.deriving.derive import gradient_name
from backproof.spec.program import Program

_SCRIPT_SIGNS = {"+": "p", "-": "m"}


def identifier(name: str) -> str:
    """A tensor's name as an identifier: ``W{l}`` is W_l and ``A{l-1}`` is A_lm1."""
    stem, _, script = name.partition("{")
    text = stem
    if script:
        text += "_" + "".join(_SCRIPT_SIGNS.get(c, c) for c in script.rstrip("}"))
    # Python reads identifiers in this form; a keyword argument has to be spelt in it.
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c if f"_{c}".isidentifier() else f"_{ord(c):x}" for c in text)
    return text if text.isidentifier() else f"_{text}"


def identifiers(program: Program, reserved: Iterable[str]) -> Mapping[str, str]:
    """An identifier of its own for each tensor and each gradient, by the name in the program.

    Args:
        program: whose tensors are named.
        reserved: identifiers that the code uses for something else.
    """
    taken = set(reserved) | set(keyword.kwlist)
    found: dict[str, str] = {}
    for name in dict.fromkeys((*program.tensors, *map(gradient_name, program.tensors))):
        candidate = identifier(name)
        while candidate in taken:
            candidate += "_"
        taken.add(candidate)
        found[name] = candidate
    return found


def derivative_argument(function: str, order: int, reserved: Collection[str] = ()) -> str:
    """The argument that stands for an abstract function's derivative: g, dg, d2g.

    Args:
        function: the name of the function.
        order: of the derivative.
        reserved: identifiers that the code uses for something else.
    """
    prefix = "" if order == 0 else "d" if order == 1 else f"d{order}"
    name = prefix + identifier(function)
    while name in reserved or keyword.iskeyword(name):
        name += "_"
    return name
