"""What each parameter of a constructor, a forward or a backward pass is given.

A call is a function with a role for each argument; at run time a context says what value a role
has. Where a name leaves it open, there are several calls to try.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from backproof.adapters import roles
from backproof.adapters.source import signature_of

SIZES, SIZES_REVERSED, CONSTANT = "sizes", "sizes reversed", "constant"

_AXES = (roles.INPUTS, roles.OUTPUTS, roles.SAMPLES)

# A constructor with more ways to be called than this is not understood anyway.
_MOST_CALLS = 48


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call.

    Attributes:
        parameter: its name.
        keyword: whether it is passed by name.
        role: what is passed, looked up in the context; ``constant`` passes ``value``.
    """

    parameter: str
    keyword: bool
    role: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function, and what it is given."""

    function: Callable[..., Any]
    arguments: tuple[Argument, ...]

    def run(self, context: Mapping[str, Any], instance: Any = None) -> Any:
        """Call the function; ``instance`` comes first, for a method."""
        positional = [] if instance is None else [instance]
        named = {}
        for argument in self.arguments:
            value = argument.value if argument.role == CONSTANT else context[argument.role]
            if argument.keyword:
                named[argument.parameter] = value
            else:
                positional.append(value)
        return self.function(*positional, **named)

    def parameter_of(self, role: str) -> str | None:
        """The name of the parameter that is given a role."""
        return next((a.parameter for a in self.arguments if a.role == role), None)

    def shown(self, name: str) -> str:
        """The call as text, such as ``Dense(n_in=inputs, n_out=outputs)``."""
        return f"{name}({', '.join(f'{a.parameter}={_worded(a)}' for a in self.arguments)})"


_WORDS = {
    roles.INPUTS: "inputs",
    roles.OUTPUTS: "outputs",
    roles.SAMPLES: "samples",
    SIZES: "(inputs, outputs)",
    SIZES_REVERSED: "(outputs, inputs)",
}


def _worded(argument: Argument) -> str:
    if argument.role != CONSTANT:
        return _WORDS.get(argument.role, argument.role)
    if callable(argument.value) or hasattr(argument.value, "__dict__"):
        return getattr(argument.value, "__name__", type(argument.value).__name__)
    return repr(argument.value)


def parameters_of(function: Callable[..., Any], bound: bool = True) -> list[inspect.Parameter]:
    """A function's parameters without ``*args`` and ``**kwargs``, and without ``self``."""
    signature = signature_of(function)
    if signature is None:
        return []
    found = [
        p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return found if bound else found[1:]


def _argument(
    parameter: inspect.Parameter, role: str, after_gap: bool, value: Any = None
) -> Argument:
    keyword = after_gap or parameter.kind is parameter.KEYWORD_ONLY
    return Argument(parameter.name, keyword, role, value)


def _call(
    function: Callable[..., Any],
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
    cls: type, activations: Sequence[Any], activation_wanted: bool
) -> Iterator[Call]:
    """The ways to construct a layer, the likeliest first.

    Args:
        cls: the class.
        activations: what to try for a parameter that takes an activation.
        activation_wanted: whether a parameter that takes one is given one even if it has a
            default.
    """
    return islice(_constructor_calls(cls, activations, activation_wanted), _MOST_CALLS)


def _constructor_calls(
    cls: type, activations: Sequence[Any], activation_wanted: bool
) -> Iterator[Call]:
    parameters = parameters_of(cls)
    fixed: dict[str, tuple[str, Any]] = {}
    unknown: list[str] = []
    choosing: list[str] = []
    for p in parameters:
        role = _constructor_role(p.name)
        if role == roles.ACTIVATION:
            if is_required(p) or activation_wanted:
                choosing.append(p.name)
        elif role in (roles.INPUTS, roles.OUTPUTS) and (is_required(p) or _is_size(p.default)):
            fixed[p.name] = (role, None)
        elif is_required(p):
            if role in ("W", "b", roles.SAMPLES):
                fixed[p.name] = (role, None)
            elif role in (roles.GENERATOR, roles.SEED):
                fixed[p.name] = (CONSTANT, 0)
            else:
                unknown.append(p.name)
    taken = [role for role, _ in fixed.values()]
    both = roles.INPUTS in taken and roles.OUTPUTS in taken
    if len(set(taken)) < len(taken) or (roles.SAMPLES in taken and not both):
        # Two names for one axis say nothing about which is which, and a lone m is no batch size.
        doubtful = [p for p, (role, _) in fixed.items() if role in _AXES]
        unknown = [p.name for p in parameters if p.name in unknown or p.name in doubtful]
        fixed = {p: v for p, v in fixed.items() if p not in doubtful}
    for sizes in _size_choices(unknown, {role for role, _ in fixed.values()}):
        for chosen in product(activations or (None,), repeat=len(choosing)):
            values = {name: (CONSTANT, v) for name, v in zip(choosing, chosen, strict=True)}
            yield _call(cls, parameters, {**fixed, **sizes, **values})


def _constructor_role(name: str) -> str | None:
    word = roles.word_role(name)
    if word in (roles.ACTIVATION, roles.GENERATOR, roles.SEED, roles.SAMPLES):
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
    first, *others = unknown
    if len(missing) == 1:
        for name in unknown:
            yield {**rest, name: (missing[0], None)}
        yield rest
        return
    for second in others:
        yield {**rest, first: (i, None), second: (o, None)}
        yield {**rest, first: (o, None), second: (i, None)}
    for role in (SIZES, SIZES_REVERSED, o):
        yield {**rest, first: (role, None)}


# ---------------------------------------------------------------- passes


def forward_call(
    function: Callable[..., Any],
    bound: bool,
    parameters: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
) -> Call | None:
    """What a forward pass is given; None if it asks for something unknown.

    Args:
        function: the method or function.
        bound: whether it has no ``self``.
        parameters: the tensors that it may be given besides the data, such as W and b.
        mapping: the role of a parameter, by its name, where a user said so.
    """
    found = parameters_of(function, bound)
    given: dict[str, tuple[str, Any]] = {}
    open_: list[inspect.Parameter] = []
    for p in found:
        role = (mapping or {}).get(p.name) or _forward_role(p.name, parameters)
        if p.name in (mapping or {}) or (is_required(p) and role is not None):
            if role in [r for r, _ in given.values()]:
                role = None
            else:
                given[p.name] = (str(role), True if role == roles.TRAINING else None)
                if role == roles.TRAINING:
                    given[p.name] = (CONSTANT, True)
        if is_required(p) and p.name not in given:
            open_.append(p)
    wanted = ["X", *parameters]
    taken = [role for role, _ in given.values()]
    missing = [role for role in wanted if role not in taken]
    if "X" in missing and not open_:
        open_ = [p for p in found if p.name not in given][:1]
    for p, role in zip(open_, missing, strict=False):
        given[p.name] = (role, None)
    if any(is_required(p) and p.name not in given for p in found):
        return None
    return _call(function, found, given)


def _forward_role(name: str, parameters: Sequence[str]) -> str | None:
    word = roles.word_role(name)
    if word in (roles.SAMPLES, roles.TRAINING):
        return word
    tensor = roles.tensor_role(name)
    if tensor in parameters or tensor == "X":
        return tensor
    return None


def backward_call(
    function: Callable[..., Any],
    bound: bool,
    available: Sequence[str],
    mapping: Mapping[str, str] | None = None,
) -> Call | None:
    """What a backward pass is given; None if it asks for something unknown.

    Args:
        function: the method or function.
        bound: whether it has no ``self``.
        available: the roles that can be given besides the upstream gradient: tensors, ``cache``.
        mapping: the role of a parameter, by its name, where a user said so.
    """
    found = parameters_of(function, bound)
    required = [p for p in found if is_required(p)] or found[:1]
    given: dict[str, tuple[str, Any]] = {}
    doubtful: list[tuple[inspect.Parameter, str | None]] = []
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
    return _call(function, found, given)


def _backward_role(name: str, available: Sequence[str]) -> str | None:
    word = roles.word_role(name)
    tensor = roles.tensor_role(name)
    if tensor is not None and tensor in available and word in (None, roles.CACHE, roles.ACTIVATION):
        return tensor
    if roles.gradient_role(name) is not None:
        return roles.UPSTREAM
    if word == roles.UPSTREAM or word in available:
        return word
    return None
