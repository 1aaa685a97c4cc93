"""The oracles by name. To add one: a file with its class, and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from backproof.oracles.outcome import Oracle


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An oracle that can be made.

    Attributes:
        name: how reports call it; the oracle's own ``name``.
        module, factory: where its class is; the module is loaded when the oracle is made.
        cost: rank among the oracles, the cheapest first.
        needs: the keyword arguments without which it cannot be made.
        libraries: the distributions that it loads, beyond NumPy.
        independent_of: what it does not rely on.
        alone: what it means when this oracle contradicts all others.
        rests_on: what it shares with other oracles, so that they count as one voice; empty for
            an oracle that shares nothing.
    """

    name: str
    module: str
    factory: str
    cost: int
    independent_of: str
    alone: str
    rests_on: str = ""
    needs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def make(self, **arguments: Any) -> Oracle:
        """The oracle.

        Args:
            arguments: what it needs, and options of its class.

        Raises:
            TypeError: something that it needs is missing.
        """
        missing = [need for need in self.needs if need not in arguments]
        if missing:
            raise TypeError(f"the oracle {self.name} needs {', '.join(missing)}")
        factory = cast(Callable[..., Oracle], getattr(import_module(self.module), self.factory))
        return factory(**arguments)


# What several oracles evaluate, each in its own way: if it is wrong, they are wrong together.
FORMULA = "formula"

REGISTERED: dict[str, Registered] = {
    entry.name: entry
    for entry in (
        Registered(
            name="derived",
            module="backproof.oracles.derived",
            factory="Derived",
            cost=1,
            independent_of="automatic differentiation",
            alone="a fault of the derived formula or of its evaluation in arrays",
            rests_on=FORMULA,
        ),
        Registered(
            name="autodiff",
            module="backproof.oracles.autodiff",
            factory="AutodiffOracle",
            cost=2,
            independent_of="our differentiation",
            alone="a fault of the automatic differentiation or of how it is put",
            libraries=("jax", "python-flint"),
        ),
        Registered(
            name="enclosure",
            module="backproof.oracles.enclosure",
            factory="EnclosureOracle",
            cost=3,
            independent_of="rounding",
            alone="a fault of the derived formula or of the ball arithmetic",
            rests_on=FORMULA,
            libraries=("python-flint",),
        ),
        Registered(
            name="exact",
            module="backproof.oracles.exact",
            factory="ExactOracle",
            cost=4,
            independent_of="everything numeric",
            alone="a fault of the derived formula or of the rational arithmetic",
            rests_on=FORMULA,
        ),
        Registered(
            name="differences",
            module="backproof.oracles.differences",
            factory="DifferencesOracle",
            cost=5,
            independent_of="the spec",
            alone="the layer's own forward pass is not the one that the spec states",
            needs=("forward",),
            libraries=("python-flint",),
        ),
    )
}


def make(name: str, **arguments: Any) -> Oracle:
    """An oracle by its name.

    Raises:
        KeyError: there is none of that name.
        TypeError: something that it needs is missing.
    """
    if name not in REGISTERED:
        raise KeyError(f"no oracle is named {name!r}; known are {', '.join(REGISTERED)}")
    return REGISTERED[name].make(**arguments)


def cheapest_first(names: Iterable[str] | None = None) -> tuple[Registered, ...]:
    """The registered oracles, all or those of some names, in the order of their cost."""
    chosen = REGISTERED.values() if names is None else [REGISTERED[name] for name in names]
    return tuple(sorted(chosen, key=lambda entry: entry.cost))
