"""Stand-ins for what a layer works with and does not define: the layer before, an activation.

Their contract is not written down anywhere, so they keep to every reading of it that is in use:
by what they are given at first they tell which one is meant, and keep to that.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.adapters import roles

Array = np.ndarray[Any, Any]

# A layer that goes sample by sample calls its activation once for each.
_REMEMBERED = 512
# Recomputed in another order, or stored in a narrower format, an array is still the same one.
_NEAR = 1e-3

_BACKWARD = re.compile(r"back|bwd|bprop|vjp", re.IGNORECASE)
_DERIVATIVE = re.compile(r"deriv|prime|diff|jac|^d$|^df|^d_|^da|^dfn", re.IGNORECASE)
_GRADIENT = re.compile(r"grad", re.IGNORECASE)
_FORWARD = (
    *("f", "fn", "func", "function", "forward", "fwd", "activate", "activation", "apply"),
    *("call", "compute", "run", "value", "eval", "evaluate", "act", "fprop", "forwardpass"),
    *("calc", "calculate", "phi", "sigma", "transfer", "output"),
)


class Predecessor:
    """A layer of which another one is built: it tells how many outputs it has.

    Args:
        samples: their number.
        outputs: the number of its outputs, which are the inputs of the layer after it.
    """

    def __init__(self, samples: int, outputs: int) -> None:
        self._samples = samples
        self._outputs = outputs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if "shape" in roles.tokens(name):
            return (self._samples, self._outputs)
        if roles.size_role(name) == roles.SAMPLES:
            return self._samples
        if roles.size_role(name) is not None or roles.plain(name) in ("size", "dim", "n", "width"):
            return self._outputs
        raise AttributeError(name)


def _logistic(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


Function = Callable[[Array], Array]

# Each function, its derivative, and that in terms of the output, in forms whose rounding is that
# of honest layers.
_KNOWN: dict[str, tuple[Function, Function, Function]] = {
    "sigmoid": (_logistic, lambda z: _logistic(z) * (1 - _logistic(z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda a: 1 - a**2),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: 1.0 * (z > 0), lambda a: 1.0 * (a > 0)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1.0, 0.01),
        lambda a: np.where(a > 0, 1.0, 0.01),
    ),
    "linear": (lambda z: z.copy(), np.ones_like, np.ones_like),
}
STANDING_IN = tuple(_KNOWN)

_VALUE, _AT_Z, _AT_OUTPUT, _UPSTREAM = 0, 1, 2, 3


class StandIn:
    """An activation under every name and in every reading of its derivative.

    A derivative may be asked for at z or in terms of the output; a backward pass is given the
    upstream gradient, with or without one of these, and multiplies by the derivative.

    Args:
        name: one of ``STANDING_IN``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = name
        self._seen: deque[tuple[Array, Array]] = deque(maxlen=_REMEMBERED)
        self._readings: dict[tuple[str, int], tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __call__(self, z: Any, *more: Any, **options: Any) -> Any:
        """The function; its derivative, where an option that is named for it is set."""
        named = [value for key, value in options.items() if _is_of_the_derivative(key)]
        if any(value is True for value in (*more, *named)):
            return self.derivative(z)
        argument = np.asarray(z)
        value = self._computed(argument, _VALUE)
        self._seen.append((argument.copy(), value.copy()))
        return value

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if _BACKWARD.search(name):
            return self.backward
        if _GRADIENT.search(name):
            return self.gradient
        if _DERIVATIVE.search(name):
            return self.derivative
        if roles.plain(name) in _FORWARD:
            return self
        raise AttributeError(name)

    def derivative(self, *given: Any) -> Any:
        """The derivative where it is asked for, times the upstream gradient if that is given."""
        return self._product("derivative", given, _AT_Z if len(given) == 1 else _UPSTREAM)

    def gradient(self, *given: Any) -> Any:
        """A derivative or a backward pass, as what it is given says."""
        return self._product("gradient", given, _UPSTREAM)

    def backward(self, *given: Any) -> Any:
        """The upstream gradient times the derivative."""
        if len(given) == 1:
            return self._applied(given, (_UPSTREAM,))
        return self._product("backward", given, _UPSTREAM)

    def _product(self, asked: str, given: tuple[Any, ...], otherwise: int) -> Any:
        key = (asked, len(given))
        if key not in self._readings:
            self._readings[key] = tuple(self._reading(one, otherwise) for one in given)
        return self._applied(given, self._readings[key])

    def _reading(self, value: Any, otherwise: int) -> int:
        array = np.asarray(value)
        for argument, output in reversed(self._seen):
            if _is_near(array, argument):
                return _AT_Z
            if _is_near(array, output):
                return _AT_OUTPUT
        return otherwise

    def _applied(self, given: tuple[Any, ...], readings: tuple[int, ...]) -> Any:
        slope = None
        for one, reading in zip(given, readings, strict=True):
            if reading in (_AT_Z, _AT_OUTPUT) and slope is None:
                slope = self._computed(np.asarray(one), reading)
        if slope is None:
            slope = self._computed(self._seen[-1][0], _AT_Z)
        for one, reading in zip(given, readings, strict=True):
            if reading == _UPSTREAM:
                return np.asarray(one) * slope
        return slope

    def _computed(self, array: Array, what: int) -> Array:
        kept = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        # Precise, and then rounded once to the format of the argument.
        with np.errstate(all="ignore"):
            return np.asarray(_KNOWN[self.name][what](array.astype(np.float64))).astype(kept)


def _is_of_the_derivative(name: str) -> bool:
    return bool(_DERIVATIVE.search(name) or _GRADIENT.search(name) or _BACKWARD.search(name))


def _is_near(array: Array, other: Array) -> bool:
    if array.shape != other.shape or array.dtype.kind not in "fiu":
        return False
    room = _NEAR * float(np.max(np.abs(other), initial=0.0))
    return bool(np.all(np.abs(array - other) <= room))
