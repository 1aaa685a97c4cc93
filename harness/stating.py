"""From what a user gives for a layer (equations, a file, a name) to a ``Spec``."""

from __future__ import annotations

import re
from pathlib import Path

from backproof.errors import UsageError
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.layer import Spec
from backproof.spec.library import named, names


def state(
    given: str,
    *,
    layout: str | None = None,
    activation: str | None = None,
    depth: int | None = None,
    scale: str = "sum",
) -> Spec:
    """A spec from equations, from the path of a file of equations, or from a name.

    Args:
        given: anything with ``=`` is equations; then an existing file; then a name.
        layout: of the layer, for a name.
        activation: for a name, or what an abstract ``g`` of the equations stands for.
        depth: of a network, for the name ``network``.
        scale: see ``Spec``.

    Raises:
        UsageError: it is none of them, or the file cannot be read.
        SpecError: the equations are wrong.
    """
    if "=" in given or "\n" in given:
        return _spec(given, "<equations>", activation, scale)
    path = Path(given)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):
        is_file = False
    if is_file:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{given}: {getattr(error, 'strerror', None) or error}") from None
        return _spec(text, given, activation, scale)
    if given in names():
        return named(given, layout=layout, activation=activation, depth=depth, scale=scale)
    if not given.strip():
        raise UsageError("nothing is given", "give equations, a file of equations or a name")
    shown = given if len(given) <= 60 else given[:57] + "..."
    looks_like_path = bool(re.search(r"[/\\]|\.\w+$", given))
    known = f"give equations, a file of equations, or one of {', '.join(names())}"
    raise UsageError(
        f"{'no such file' if looks_like_path else 'no such file or name'}: {shown}",
        "; ".join(filter(None, (suggestion(given, names()), known))),
    )


def _spec(text: str, source_name: str, activation: str | None, scale: str) -> Spec:
    functions = {} if activation in (None, "g") else {"g": str(activation)}
    try:
        return Spec(
            text, name=source_name, functions=functions, scale=scale, source_name=source_name
        )
    except RecursionError:
        raise SpecError(f"{source_name}: an expression is nested too deep") from None
