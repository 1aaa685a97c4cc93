"""Replacing named tensors by what defines them."""

from __future__ import annotations

from collections.abc import Container, Mapping

from backproof.spec.deadline import check_time
from backproof.spec.deriving.derive import Derivation
from backproof.spec.normal_form.budget import TooLargeError
from backproof.spec.terms import Entry, Size, Term, number, rebuild, substitute


def expand(
    derivation: Derivation,
    term: Term,
    keep: Container[str] = (),
    given: Mapping[str, tuple[Entry, Term]] | None = None,
) -> Term:
    """The term with every defined tensor and derived gradient replaced, down to what is given.

    A size that the program declares becomes the number that it is.

    Args:
        derivation: what defines the names.
        term: the term.
        keep: names that stay.
        given: what to put for inputs, each as an entry and the value that it has there.

    Raises:
        OutOfTimeError: the limit of time is over.
        TooLargeError: the result is nested more deeply than terms can be worked with.
    """
    memo: dict[Term, Term] = {}
    special = given or {}
    fixed = derivation.program.declared_sizes

    def on(node: Term) -> Term:
        if node in memo:
            return memo[node]
        check_time()
        result = rebuild(node, on)
        if isinstance(node, Size) and node.axis in fixed:
            result = number(fixed[node.axis])
        if isinstance(node, Entry) and node.tensor not in keep:
            found = special.get(node.tensor) or derivation.definition(node.tensor)
            if found is not None:
                target, value = found
                result = substitute(on(value), dict(zip(target.indices, node.indices, strict=True)))
        memo[node] = result
        return result

    try:
        return on(term)
    except RecursionError:
        raise TooLargeError("written out, it is nested too deeply") from None
