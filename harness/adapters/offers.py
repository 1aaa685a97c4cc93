"""Settings that a layer may ask for: an activation, a layout, an optimizer."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import ModuleType
from typing import Any

from backproof.adapters import roles
from backproof.adapters.arguments import is_required, parameters_of
from backproof.adapters.model import LINEAR
from backproof.adapters.standing_in import STANDING_IN, StandIn
from backproof.adapters.wishes import Wishes

_STEPS = ("sgd", "optim", "optimizer", "optimiser", "descent", "gd")
_NOT_GIVEN = object()


def settings_of(
    parameters: Sequence[inspect.Parameter], module: ModuleType, wishes: Wishes
) -> Iterator[dict[str, Any]]:
    """The settings to try, by role, the likeliest first.

    A setting with a default is left alone unless the user asked for one; but a layer to which an
    activation may be given, and is not by default, is tried with one first.

    Args:
        parameters: of the constructor and of the passes.
        module: where the layer comes from; its own activations and optimizers are offered.
        wishes: what the user asked for.
    """
    asked: dict[str, bool] = {}
    open_: set[str] = set()
    for p in parameters:
        role = roles.word_role(p.name)
        if role is not None:
            asked[role] = asked.get(role, False) or is_required(p)
            if p.default is None:
                open_.add(role)
    choices: list[list[dict[str, Any]]] = []
    if roles.ACTIVATION in asked:
        wanted = asked[roles.ACTIVATION] or wishes.activation is not None
        if wanted or roles.ACTIVATION in open_:
            slope = roles.SLOPE in asked
            choices.append(list(_activation_settings(module, wishes, slope=slope)))
            if not asked[roles.ACTIVATION]:
                choices[-1].append({})
    if roles.LAYOUT in asked and wishes.layout is not None:
        choices.append([{roles.LAYOUT: wishes.layout}])
        if not asked[roles.LAYOUT]:
            choices[-1].append({})
    if asked.get(roles.OPTIMIZER):
        optimizers: list[dict[str, Any]] = [{roles.OPTIMIZER: o} for o in _optimizers(module)]
        choices.append(optimizers or [{}])
    for chosen in product(*choices):
        yield {role: value for settings in chosen for role, value in settings.items()}


def is_stand_in(settings: Mapping[str, Any]) -> bool:
    """Whether a layer is given an activation that is not of its own making."""
    return any(isinstance(value, StandIn) or _made_of(value) for value in settings.values())


def _made_of(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else getattr(value, "__dict__", {}).values()
    return any(isinstance(getattr(part, "__self__", part), StandIn) for part in parts)


def _activation_settings(
    module: ModuleType, wishes: Wishes, *, slope: bool
) -> Iterator[dict[str, Any]]:
    """An activation, with its derivative where that is asked for beside it."""
    if slope:
        for name in _standing_in(wishes):
            stand_in = StandIn(name)
            yield {roles.ACTIVATION: stand_in, roles.SLOPE: stand_in.derivative}
        return
    for value in _activations(module, wishes):
        yield {roles.ACTIVATION: value}


def _standing_in(wishes: Wishes) -> list[str]:
    # A layer that takes any activation is better tried with one that has a derivative to forget.
    return [name for name in STANDING_IN if name in wishes.activations]


def _activations(module: ModuleType, wishes: Wishes) -> Iterator[Any]:
    names = sorted(wishes.activations, key=lambda name: name == LINEAR)
    for name in names:
        yield from (name, name.capitalize(), name.upper())
    for name in names:
        for own, value in vars(module).items():
            if roles.plain(own) == roles.plain(name):
                made = _instance(value) if inspect.isclass(value) else value
                if made is not None and not isinstance(made, ModuleType):
                    yield made
    for name in _standing_in(wishes):
        yield StandIn(name)
        yield from _wrapped(name, module)
        stand_in = StandIn(name)
        yield (stand_in, stand_in.derivative)


def _wrapped(name: str, module: ModuleType) -> Iterator[Any]:
    """Instances of the module's own classes that hold a function and its derivative."""
    for cls in vars(module).values():
        if not inspect.isclass(cls) or cls.__module__ != module.__name__:
            continue
        taken = [roles.word_role(p.name) for p in parameters_of(cls) if is_required(p)]
        if len(taken) == 2 and roles.SLOPE in taken:
            stand_in = StandIn(name)
            pair = [stand_in, stand_in.derivative]
            yield from filter(
                None, [_instance(cls, *(pair if taken[1] == roles.SLOPE else pair[::-1]))]
            )


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


def _instance(cls: type, *arguments: Any) -> Any:
    try:
        return cls(*arguments)
    except Exception:
        # It needs arguments that nobody knows.
        return None
