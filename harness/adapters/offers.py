"""Settings that a layer may ask for: an activation, a layout, an optimizer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import product
from types import ModuleType
from typing import Any

from backproof.adapters import roles
from backproof.adapters.arguments import is_required
from backproof.adapters.model import LINEAR
from backproof.adapters.wishes import Wishes

_STEPS = ("sgd", "optim", "optimizer", "optimiser", "descent", "gd")
_NOT_GIVEN = object()


def settings_of(
    parameters: Sequence[inspect.Parameter], module: ModuleType, wishes: Wishes
) -> Iterator[dict[str, Any]]:
    """The settings to try, by role, the likeliest first.

    A setting with a default is left alone unless the user asked for one.

    Args:
        parameters: of the constructor and of the passes.
        module: where the layer comes from; its own activations and optimizers are offered.
        wishes: what the user asked for.
    """
    asked: dict[str, bool] = {}
    for p in parameters:
        role = roles.word_role(p.name)
        if role is not None:
            asked[role] = asked.get(role, False) or is_required(p)
    choices: dict[str, list[Any]] = {}
    if roles.ACTIVATION in asked and (asked[roles.ACTIVATION] or wishes.activation is not None):
        choices[roles.ACTIVATION] = list(_activations(module, wishes))
    if roles.LAYOUT in asked and wishes.layout is not None:
        choices[roles.LAYOUT] = [wishes.layout]
    if asked.get(roles.OPTIMIZER):
        choices[roles.OPTIMIZER] = _optimizers(module)
    for role, values in choices.items():
        if not asked[role] or not values:
            values.append(_NOT_GIVEN)
    for chosen in product(*choices.values()):
        pairs = zip(choices, chosen, strict=True)
        yield {role: value for role, value in pairs if value is not _NOT_GIVEN}


def _activations(module: ModuleType, wishes: Wishes) -> Iterator[Any]:
    # A layer that takes any activation is better tried with one that has a derivative to forget.
    names = sorted(wishes.activations, key=lambda name: name == LINEAR)
    for name in names:
        yield from (name, name.capitalize(), name.upper())
    for name in names:
        for own, value in vars(module).items():
            if roles.plain(own) == roles.plain(name):
                made = _instance(value) if inspect.isclass(value) else value
                if made is not None and not isinstance(made, ModuleType):
                    yield made


def _optimizers(module: ModuleType) -> list[Any]:
    """Optimizers that the module defines and that need no arguments."""
    found = []
    for name, value in vars(module).items():
        named = any(word.startswith(_STEPS) for word in (*roles.tokens(name), roles.plain(name)))
        if named and inspect.isclass(value) and value.__module__ == module.__name__:
            made = _instance(value)
            if made is not None:
                found.append(made)
    return found


def _instance(cls: type) -> Any:
    try:
        return cls()
    except Exception:
        # It needs arguments that nobody knows.
        return None
