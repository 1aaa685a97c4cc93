"""What is right exactly where a choice changes: the stated value, or every derivative.

A statement that a person wrote says what ``where`` is at 0 and how ``hardmax`` shares a tie. A
derivative has a jump there, and each value between the two sides is right. No derivative jumps
where a test depends on tensors that select and do nothing else, such as a mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from backproof.spec.deriving.derive import Derivation
from backproof.spec.terms import ZERO, tensors_in


class Ties:
    """Which choices of a derivation's statements and gradients are settled on a tie."""

    def __init__(self, derivation: Derivation) -> None:
        self._derivation = derivation
        self._roots: dict[str, frozenset[str]] = {}

    def is_stated(self, name: str) -> bool:
        """Whether a person wrote the statement of a tensor; what was derived has no text."""
        statement = self._derivation.program.statement(name)
        return statement is not None and bool(statement.text)

    def settled(self, name: str, tensors: Iterable[str]) -> bool:
        """Whether a choice by such tensors has one right value on a tie.

        Args:
            name: the tensor or gradient in whose definition it stands.
            tensors: those that the choice depends on.
        """
        return self.is_stated(name) or all(self._inputs(t) <= self._selectors for t in tensors)

    @cached_property
    def _selectors(self) -> frozenset[str]:
        """The inputs of which no derivative is anything but 0, though they are used."""
        gradients = self._derivation.gradients
        return frozenset(
            name
            for name in self._derivation.program.inputs
            if name in gradients and gradients[name].value is ZERO
        )

    def _inputs(self, name: str) -> frozenset[str]:
        """The inputs that a tensor depends on."""
        pending, seen = [name], {name}
        if name not in self._roots:
            while pending:
                definition = self._derivation.definition(pending.pop())
                new = set() if definition is None else tensors_in(definition[1]) - seen
                seen |= new
                pending.extend(new)
            self._roots[name] = frozenset(n for n in seen if self._derivation.definition(n) is None)
        return self._roots[name]
