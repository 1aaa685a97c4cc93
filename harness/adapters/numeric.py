"""A spec evaluated in float64, for comparing hypotheses with what a layer did.

This finds out what a layer is meant to be; no verdict rests on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backproof.spec.deriving.derive import Derivation
from backproof.spec.functions import FUNCTIONS, formula
from backproof.spec.plan import (
    ArrayForm,
    Chosen,
    Einsum,
    Elementwise,
    HardmaxAlong,
    Identity,
    LogSumExpOver,
    Matched,
    MaxOver,
    Named,
    ProductOver,
    Raised,
    Scalar,
    SoftmaxAlong,
    Total,
    array_form,
)
from backproof.spec.terms import (
    Add,
    Apply,
    Constant,
    Entry,
    Index,
    Mul,
    Number,
    Power,
    Size,
    Term,
)

Array = NDArray[np.float64]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_erf = np.vectorize(math.erf, otypes=[float])

_PRIMITIVES: Mapping[str, Callable[[Array], Any]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "erf": _erf,
    "relu": lambda x: np.maximum(x, 0.0),
    "step": lambda x: (x > 0).astype(np.float64),
    "abs": np.abs,
    "sign": np.sign,
}


def function_value(name: str, order: int, argument: Array) -> Array:
    """A known function of one argument, or its derivative, entry by entry.

    Raises:
        KeyError: nothing is known of the function.
    """
    if order == 0 and name in _PRIMITIVES:
        return np.asarray(_PRIMITIVES[name](argument), dtype=np.float64)
    if name not in FUNCTIONS:
        raise KeyError(name)
    stated = formula(name, order)
    assert stated is not None
    return np.broadcast_to(_in_x(stated, argument), argument.shape)


def _in_x(term: Term, x: Array) -> Array:
    if isinstance(term, Number):
        return np.float64(term.value)  # type: ignore[return-value]
    if isinstance(term, Constant):
        return np.float64(math.pi)  # type: ignore[return-value]
    if isinstance(term, Entry):
        return x
    if isinstance(term, Add):
        return np.asarray(sum(_in_x(t, x) for t in term.terms))
    if isinstance(term, Mul):
        value = np.ones_like(x)
        for factor in term.factors:
            value = value * _in_x(factor, x)
        return value
    if isinstance(term, Power):
        return np.asarray(_in_x(term.base, x) ** float(term.exponent))
    if isinstance(term, Apply):
        return function_value(term.function, term.order, np.asarray(_in_x(term.argument, x)))
    raise TypeError(f"{type(term).__name__} has no place in a function's formula")


class Values:
    """The tensors and gradients of a derivation at given inputs, each computed when asked for.

    Args:
        derivation: what to evaluate; a wrong form may be planted in it.
        sizes: of each axis.
        given: float64 arrays of the inputs and of the upstream gradients, by name.
    """

    def __init__(
        self, derivation: Derivation, sizes: Mapping[str, int], given: Mapping[str, Array]
    ) -> None:
        self.derivation = derivation
        self.sizes = sizes
        self._known: dict[str, Array] = dict(given)

    def __getitem__(self, name: str) -> Array:
        """The array of a tensor or gradient.

        Raises:
            KeyError: it is neither given nor defined.
            ValueError: a planted form does not fit these sizes.
        """
        if name not in self._known:
            definition = self.derivation.definition(name)
            if definition is None:
                raise KeyError(name)
            target, value = definition
            form = array_form(value, target.indices)
            self._known[name] = np.asarray(self._value(form), dtype=np.float64)
        return self._known[name]

    def _value(self, form: ArrayForm) -> Array:
        if isinstance(form, Named):
            return self[form.name]
        if isinstance(form, Scalar):
            return np.float64(self._scalar(form.term))  # type: ignore[return-value]
        if isinstance(form, Identity):
            return np.eye(self.sizes[form.indices[0].axis])
        if isinstance(form, Total):
            total = np.zeros(self._shape(form.indices))
            for part in form.parts:
                total = total + self._aligned(part, form.indices)
            return total
        if isinstance(form, Elementwise):
            return function_value(form.function, form.order, self._value(form.argument))
        if isinstance(form, Raised):
            return np.asarray(self._value(form.argument) ** float(form.power.exponent))
        if isinstance(form, SoftmaxAlong):
            axis = form.indices.index(form.along)
            return softmax_value(self._value(form.argument), axis)
        if isinstance(form, LogSumExpOver):
            axis = form.argument.indices.index(form.over)
            return np.asarray(np.logaddexp.reduce(self._value(form.argument), axis=axis))
        if isinstance(form, Einsum):
            return self._einsum(form)
        return self._selected(form)

    def _selected(self, form: Matched | MaxOver | ProductOver | HardmaxAlong | Chosen) -> Array:
        if isinstance(form, Matched):
            return self._matched(form)
        if isinstance(form, Chosen):
            test, above, below = (
                self._aligned(part, form.indices) for part in (form.test, form.above, form.below)
            )
            found = np.where(test > 0, above, below)
            return np.broadcast_to(found, self._shape(form.indices))
        argument = self._value(form.argument)
        if isinstance(form, HardmaxAlong):
            return hardmax_value(argument, form.indices.index(form.along))
        axis = form.argument.indices.index(form.over)
        reduce = np.maximum if isinstance(form, MaxOver) else np.multiply
        return np.asarray(reduce.reduce(argument, axis=axis))

    def _matched(self, form: Matched) -> Array:
        node = form.match
        places = np.ogrid[tuple(slice(n) for n in self._shape(form.indices))]
        at = dict(zip(form.indices, places, strict=True))
        reached: Any = node.offset
        for index, factor in node.parts:
            reached = reached + factor * at[index]
        found = np.asarray(at[node.left] == reached, dtype=np.float64)
        return np.broadcast_to(found, self._shape(form.indices))

    def _shape(self, indices: tuple[Index, ...]) -> tuple[int, ...]:
        return tuple(self.sizes[i.axis] for i in indices)

    def _aligned(self, form: ArrayForm, indices: tuple[Index, ...]) -> Array:
        """The array of a form, with a dimension of one for each index that it lacks."""
        value = self._value(form)
        order = sorted(range(len(form.indices)), key=lambda k: indices.index(form.indices[k]))
        shape = [self.sizes[i.axis] if i in form.indices else 1 for i in indices]
        return np.transpose(value, order).reshape(shape)

    def _einsum(self, form: Einsum) -> Array:
        letters: dict[Index, str] = {}
        operands: list[Array] = [np.float64(self._scalar(form.coefficient))]  # type: ignore[list-item]
        inputs = [""]
        for operand in form.operands:
            operands.append(self._value(operand))
            inputs.append("".join(_letter(letters, i) for i in operand.indices))
        for index in form.indices:
            if index not in letters:
                operands.append(np.ones(self.sizes[index.axis]))
                inputs.append(_letter(letters, index))
        output = "".join(letters[i] for i in form.indices)
        # Two at a time where there are matches: all at once would run over all of their indices.
        pairwise = any(isinstance(operand, Matched) for operand in form.operands)
        equation = f"{','.join(inputs)}->{output}"
        return np.asarray(np.einsum(equation, *operands, optimize=pairwise))

    def _scalar(self, term: Term) -> float:
        if isinstance(term, Number):
            return float(term.value)
        if isinstance(term, Constant):
            return math.pi
        if isinstance(term, Size):
            return float(self.sizes[term.axis])
        if isinstance(term, Power):
            return float(self._scalar(term.base) ** float(term.exponent))
        parts = [self._scalar(child) for child in term.children]
        return math.fsum(parts) if isinstance(term, Add) else math.prod(parts)


def _letter(letters: dict[Index, str], index: Index) -> str:
    return letters.setdefault(index, _LETTERS[len(letters) % len(_LETTERS)])


def softmax_value(argument: Array, axis: int) -> Array:
    """Softmax along an axis."""
    powers = np.exp(argument - argument.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def hardmax_value(argument: Array, axis: int) -> Array:
    """1 where the largest value along an axis is, shared where several are, else 0."""
    largest = argument == argument.max(axis=axis, keepdims=True, initial=-np.inf)
    shares = largest / np.maximum(largest.sum(axis=axis, keepdims=True), 1)
    return np.asarray(shares, dtype=np.float64)
