"""How functions are written in a library of arrays: what differs between NumPy and JAX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A function of one argument as code.

    Attributes:
        template: an expression with ``{z}`` once, or more than once where a name is called.
        atomic: whether the expression is a call, so that it never needs brackets.
        helper: the name of the helper that it calls, if any.
    """

    template: str
    atomic: bool = True
    helper: str = ""


@dataclass(frozen=True, slots=True)
class Helper:
    """A function printed above those that use it.

    Attributes:
        code: its definition.
        imports: the import lines that it needs.
        uses: other helpers that it calls.
    """

    code: str
    imports: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """A library of arrays.

    Attributes:
        module: how the code calls it.
        imports: the lines at the top of every program.
        optional_imports: those at the top of a program that uses the module.
        rules: by the name of the function and the order of the derivative.
        helpers: by name, in the order in which they are printed.
        along: the rules of softmax, hardmax and logsumexp, with ``{axis}``.
        copies: whether a result that is a bare name or a view has to be copied.
    """

    module: str
    imports: tuple[str, ...]
    rules: Mapping[tuple[str, int], Rule]
    helpers: Mapping[str, Helper]
    along: Mapping[str, Rule]
    copies: bool
    optional_imports: tuple[str, ...] = ()

    def with_dependencies(self, used: Iterable[str]) -> tuple[str, ...]:
        """The helpers and those that they call, in the order in which they are printed."""
        needed: set[str] = set()
        waiting = list(used)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += self.helpers[name].uses
        return tuple(name for name in self.helpers if name in needed)


def calling(helper: str) -> Rule:
    """The rule of a function that a helper of its own computes."""
    return Rule(f"{helper}({{z}})", helper=helper)


# The arrays' own methods say all of it, whatever the library.
HARDMAX = Helper(
    """\
def hardmax(z, axis):
    largest = z == z.max(axis=axis, keepdims=True)
    return (largest / largest.sum(axis=axis, keepdims=True)).astype(z.dtype)
"""
)
