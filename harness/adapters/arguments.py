"""What each parameter of a constructor, a forward or a backward pass is given.

A call is a function with a role for each argument; at run time a context says what value a role
has. Where a name leaves it open, there are several calls to try.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.source import signature_of

# The role of the data, whatever the spec calls it.
DATA = "X"
SIZES, SIZES_REVERSED, CONSTANT = "sizes", "sizes reversed", "constant"
# The shape of the data, with its samples first.
SHAPE = "shape"
# Something that a call of its own makes, and a stand-in for the layer before.
MADE, PREDECESSOR = "made", "predecessor"
# What a layer may be given besides sizes and arrays.
SETTINGS = (roles.ACTIVATION, roles.SLOPE, roles.LAYOUT, roles.OPTIMIZER)

_AXES = (roles.INPUTS, roles.OUTPUTS, roles.SAMPLES)

# A constructor with more ways to be called than this is not understood anyway.
_MOST_CALLS = 48


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call.

    Attributes:
        parameter: its name.
        keyword: whether it is passed by name.
        role: what is passed, looked up in the context; ``constant`` passes ``value``, ``made``
            what the call ``value`` gives.
    """

    parameter: str
    keyword: bool
    role: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or a method by its name, and what it is given."""

    function: Callable[..., Any] | str
    arguments: tuple[Argument, ...]

    def run(self, context: Mapping[str, Any], instance: Any = None) -> Any:
        """Call the function, or the method of an instance."""
        called = self.function
        function = getattr(instance, called) if isinstance(called, str) else called
        positional = []
        named = {}
        for argument in self.arguments:
            value = _passed(argument, context)
            if argument.keyword:
                named[argument.parameter] = value
            else:
                positional.append(value)
        return function(*positional, **named)

    def parameter_of(self, role: str) -> str | None:
        """The name of the parameter that is given a role."""
        return next((a.parameter for a in self.arguments if a.role == role), None)

    def depends_on(self, *sought: str) -> bool:
        """Whether one of several roles is passed, to the function or to what makes an argument."""
        return any(
            a.value.depends_on(*sought) if a.role == MADE else a.role in sought
            for a in self.arguments
        )

    def shown(self, name: str) -> str:
        """The call as text, such as ``Dense(n_in=inputs, n_out=outputs)``."""
        return f"{name}({', '.join(f'{a.parameter}={_worded(a)}' for a in self.arguments)})"


def _passed(argument: Argument, context: Mapping[str, Any]) -> Any:
    if argument.role == CONSTANT:
        return argument.value
    if argument.role == MADE:
        return argument.value.run(context)
    return context[argument.role]


_WORDS = {
    roles.INPUTS: "inputs",
    roles.OUTPUTS: "outputs",
    roles.SAMPLES: "samples",
    SIZES: "(inputs, outputs)",
    SHAPE: "(samples, inputs)",
    SIZES_REVERSED: "(outputs, inputs)",
    PREDECESSOR: "a stand-in for the layer before",
}


def _worded(argument: Argument) -> str:
    if argument.role == MADE:
        made = argument.value
        return str(made.shown(made.function.__name__))
    if argument.role != CONSTANT:
        return _WORDS.get(argument.role, argument.role)
    if callable(argument.value) or hasattr(argument.value, "__dict__"):
        return getattr(argument.value, "__name__", type(argument.value).__name__)
    return repr(argument.value)


def parameters_of(owner: Any, method: str | None = None) -> list[inspect.Parameter]:
    """The parameters of a function or class, or of a class's method without its ``self``.

    ``*args`` and ``**kwargs`` are left out: nothing is passed to them.
    """
    signature = signature_of(owner if method is None else getattr(owner, method))
    if signature is None:
        return []
    found = list(signature.parameters.values())
    if method is not None:
        kind = inspect.getattr_static(owner, method)
        found = found if isinstance(kind, (staticmethod, classmethod)) else found[1:]
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _argument(
    parameter: inspect.Parameter, role: str, after_gap: bool, value: Any = None
) -> Argument:
    keyword = after_gap or parameter.kind is parameter.KEYWORD_ONLY
    return Argument(parameter.name, keyword, role, value)


def _call(
    function: Callable[..., Any] | str,
    parameters: Sequence[inspect.Parameter],
    given: Mapping[str, tuple[str, Any]],
) -> Call:
    """The call that passes some parameters and leaves the rest at their defaults."""
    arguments = []
    gap = False
    for parameter in parameters:
        if parameter.name in given:
            role, value = given[parameter.name]
            arguments.append(_argument(parameter, role, gap, value))
        else:
            gap = True
    return Call(function, tuple(arguments))


def is_required(parameter: inspect.Parameter) -> bool:
    """Whether a parameter has no default."""
    return parameter.default is inspect.Parameter.empty


# ---------------------------------------------------------------- constructors


def constructor_calls(
    cls: type,
    given: Collection[str] = (),
    method: str | None = None,
    predecessors: Sequence[type] = (),
) -> Iterator[Call]:
    """The ways to construct a layer, or to call a method that prepares it, the likeliest first.

    Args:
        cls: the class.
        given: the settings that are passed even where they have defaults, such as ``activation``.
        method: the method; None for the constructor.
        predecessors: classes of which an instance may stand for the layer before.
    """
    plain = list(islice(_constructor_calls(cls, given, method), _MOST_CALLS))
    yield from plain
    yield from islice(_after_another(plain, predecessors), _MOST_CALLS)


def _after_another(calls: Sequence[Call], predecessors: Sequence[type]) -> Iterator[Call]:
    """Calls that are given the layer before where the others are given a number of inputs."""
    for call in calls:
        sizes = [a.parameter for a in call.arguments if a.role == roles.INPUTS]
        for name in sizes if len(sizes) == 1 else []:
            makers = [m for cls in predecessors for m in _predecessor_calls(cls)]
            for role, value in [*((MADE, maker) for maker in makers), (PREDECESSOR, None)]:
                yield Call(
                    call.function,
                    tuple(
                        Argument(a.parameter, a.keyword, role, value) if a.parameter == name else a
                        for a in call.arguments
                    ),
                )


def _predecessor_calls(cls: type) -> Iterator[Call]:
    """The way to construct a layer whose output is another one's input, if names say it."""
    parameters = parameters_of(cls)
    given: dict[str, tuple[str, Any]] = {}
    for p in parameters:
        if not is_required(p):
            continue
        size = roles.size_role(p.name)
        if "shape" in roles.tokens(p.name):
            given[p.name] = (SHAPE, None)
        elif size is not None:
            given[p.name] = (roles.SAMPLES if size == roles.SAMPLES else roles.INPUTS, None)
        else:
            return
    if given:
        yield _call(cls, parameters, given)


_GENERATOR = Call(np.random.default_rng, (Argument("seed", False, CONSTANT, 0),))


def _constructor_calls(cls: type, given: Collection[str], method: str | None) -> Iterator[Call]:
    parameters = parameters_of(cls, method)
    fixed: dict[str, tuple[str, Any]] = {}
    unknown: list[str] = []
    for p in parameters:
        role = _constructor_role(p.name)
        if role in given or (role in _AXES and role != roles.SAMPLES and _is_size(p.default)):
            fixed[p.name] = (str(role), None)
        elif not is_required(p):
            continue
        elif role in ("W", "b", *_AXES):
            fixed[p.name] = (str(role), None)
        elif role == roles.GENERATOR:
            fixed[p.name] = (MADE, _GENERATOR)
        elif role == roles.SEED:
            fixed[p.name] = (CONSTANT, 0)
        elif role in SETTINGS:
            fixed[p.name] = (CONSTANT, None)
        else:
            unknown.append(p.name)
    if "b" in [role for role, _ in fixed.values()] and "W" not in [r for r, _ in fixed.values()]:
        # A bias alone is no way to make a layer: this b is a size.
        alone = [p for p, (role, _) in fixed.items() if role == "b"]
        unknown = [p.name for p in parameters if p.name in unknown or p.name in alone]
        fixed = {p: v for p, v in fixed.items() if p not in alone}
    taken = [role for role, _ in fixed.values() if role in _AXES]
    both = roles.INPUTS in taken and roles.OUTPUTS in taken
    if len(set(taken)) < len(taken) or (roles.SAMPLES in taken and not both):
        # Two names for one axis say nothing about which is which, and a lone m is no batch size.
        doubtful = [p for p, (role, _) in fixed.items() if role in _AXES]
        unknown = [p.name for p in parameters if p.name in unknown or p.name in doubtful]
        fixed = {p: v for p, v in fixed.items() if p not in doubtful}
    for sizes in _size_choices(unknown, {role for role, _ in fixed.values()}):
        yield _call(method or cls, parameters, {**fixed, **sizes})
    shaped = [p.name for p in parameters if p.name in fixed and "shape" in roles.tokens(p.name)]
    if shaped:
        yield _call(method or cls, parameters, {**fixed, **dict.fromkeys(shaped, (SHAPE, None))})


def _constructor_role(name: str) -> str | None:
    word = roles.word_role(name)
    if word in (*SETTINGS, roles.GENERATOR, roles.SEED, roles.SAMPLES):
        return word
    size = roles.size_role(name)
    if size is not None and not (size == roles.INPUTS and roles.plain(name) == "x"):
        return size
    tensor = roles.tensor_role(name)
    return tensor if tensor in ("W", "b") else None


def _is_size(default: Any) -> bool:
    return isinstance(default, int) and not isinstance(default, bool)


def _size_choices(unknown: Sequence[str], named: set[str]) -> Iterator[dict[str, tuple[str, Any]]]:
    """What parameters of unknown name may be: sizes in either order, a pair of them, nothing."""
    i, o = roles.INPUTS, roles.OUTPUTS
    missing = [role for role in (i, o) if role not in named]
    if "W" in named:
        missing = []
    rest: dict[str, tuple[str, Any]] = dict.fromkeys(unknown, (CONSTANT, None))
    if not unknown or not missing:
        yield rest
        return
    if len(missing) == 1:
        for name in unknown:
            yield {**rest, name: (missing[0], None)}
        yield rest
        return
    for first, second in combinations(unknown, 2):
        yield {**rest, first: (i, None), second: (o, None)}
        yield {**rest, first: (o, None), second: (i, None)}
    for role in (o, SIZES, SIZES_REVERSED, i):
        yield {**rest, unknown[0]: (role, None)}


# ---------------------------------------------------------------- passes


def forward_call(
    owner: Any,
    method: str | None = None,
    parameters: Sequence[str] = (),
    given: Collection[str] = (),
    mapping: Mapping[str, str] | None = None,
) -> Call | None:
    """What a forward pass is given; None if it asks for something unknown.

    Args:
        owner: the function, or the class of the method.
        method: the method's name.
        parameters: the tensors that it may be given besides the data, such as W and b.
        given: the settings that are passed even where they have defaults.
        mapping: the role of a parameter, by its name, where a user said so.
    """
    found = parameters_of(owner, method)
    passed: dict[str, tuple[str, Any]] = {}
    unnamed: list[inspect.Parameter] = []
    for p in found:
        stated = (mapping or {}).get(p.name)
        role = stated or _forward_role(p.name, (*parameters, *given))
        wanted = stated is not None or is_required(p) or role in (*parameters, *given)
        if role is not None and wanted and role not in [r for r, _ in passed.values()]:
            passed[p.name] = (role, None)
        elif is_required(p):
            unnamed.append(p)
    taken = [role for role, _ in passed.values()]
    missing = [role for role in (DATA, *parameters) if role not in taken]
    if DATA in missing and not unnamed:
        unnamed = [p for p in found if p.name not in passed][:1]
    for p, role in zip(unnamed, missing, strict=False):
        passed[p.name] = (role, None)
    if any(is_required(p) and p.name not in passed for p in found):
        return None
    return _call(method or owner, found, passed)


def _forward_role(name: str, known: Sequence[str]) -> str | None:
    word = roles.word_role(name)
    if word in (roles.SAMPLES, roles.TRAINING) or (word in SETTINGS and word in known):
        return word
    tensor = roles.tensor_role(name)
    if tensor in known or tensor == DATA:
        return tensor
    return None


def backward_call(
    owner: Any,
    method: str | None,
    available: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    *,
    finds_it: bool = False,
) -> Call | None:
    """What a backward pass is given; None if it asks for something unknown.

    Args:
        owner: the function, or the class of the method.
        method: the method's name.
        available: the roles that can be given besides the upstream gradient: tensors, ``cache``.
        mapping: the role of a parameter, by its name, where a user said so.
        finds_it: it is not given the upstream gradient, but finds it in the layer.
    """
    found = parameters_of(owner, method)
    if finds_it:
        return _call(method or owner, found, {}) if not any(map(is_required, found)) else None
    required = [p for p in found if is_required(p)] or found[:1]
    given: dict[str, tuple[str, Any]] = {}
    doubtful: list[tuple[inspect.Parameter, str | None]] = []
    for p in found:
        word = roles.word_role(p.name)
        if p not in required and word in (*SETTINGS, roles.RATE) and word in available:
            given[p.name] = (str(word), None)
    for p in required:
        role = (mapping or {}).get(p.name) or _backward_role(p.name, available)
        if len(required) == 1 and role != roles.CACHE:
            role = roles.UPSTREAM
        if role is None or role in ("A", "Z") or role in [r for r, _ in given.values()]:
            doubtful.append((p, role))
        else:
            given[p.name] = (role, None)
    for p, role in doubtful:
        taken = [r for r, _ in given.values()]
        if roles.UPSTREAM not in taken:
            given[p.name] = (roles.UPSTREAM, None)
        elif role is not None and role not in taken:
            given[p.name] = (role, None)
        elif roles.CACHE in available and roles.CACHE not in taken:
            given[p.name] = (roles.CACHE, None)
        else:
            return None
    if roles.UPSTREAM not in [r for r, _ in given.values()]:
        return None
    return _call(method or owner, found, given)


def _backward_role(name: str, available: Sequence[str]) -> str | None:
    word = roles.word_role(name)
    tensor = roles.tensor_role(name)
    if word == roles.ACTIVATION and word in available:
        return word
    if tensor is not None and tensor in available and word in (None, roles.CACHE, roles.ACTIVATION):
        return tensor
    if roles.gradient_role(name) is not None:
        return roles.UPSTREAM
    if word == roles.UPSTREAM or word in available:
        return word
    return None


def stated_roles(
    mapping: Mapping[str, str], owner: Any, method: str | None = None
) -> dict[str, str]:
    """The roles of a pass's parameters, where a user's mapping names them."""
    names = {p.name for p in parameters_of(owner, method)}
    return {
        name: roles.UPSTREAM if tensor in ("dA", "dZ") else tensor
        for tensor, name in mapping.items()
        if name in names
    }
