"""A program that JAX has traced, evaluated over boxes: JAX's derivative with its rounding bounded.

JAX decides what is computed, down to each primitive; here the primitives are carried out in
outward rounded float64. So a fault of JAX's differentiation shows, and its rounding does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from backproof.oracles import boxes
from backproof.oracles.boxes import Array, Box
from backproof.oracles.pointwise import NoRuleError

Rule = Callable[..., Box]


def evaluate(closed: Any, arguments: Sequence[Box], wanted: Iterable[int]) -> dict[int, Box]:
    """Some outputs of a closed jaxpr, by their position.

    Args:
        closed: what ``jax.make_jaxpr`` returns.
        arguments: a box for each input.
        wanted: the positions of the outputs to compute; nothing else is worked out.

    Raises:
        NoRuleError: a primitive occurs that has no rule over boxes.
    """
    with np.errstate(all="ignore"):
        positions = tuple(wanted)
        constants = [boxes.rounded_constant(c) for c in closed.consts]
        results = _run(closed.jaxpr, constants, arguments, frozenset(positions))
    return {position: results[position] for position in positions}


def _run(
    jaxpr: Any, constants: Sequence[Box], arguments: Sequence[Box], wanted: frozenset[int]
) -> dict[int, Box]:
    known: dict[Any, Box] = dict(zip(jaxpr.constvars, constants, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Box:
        return boxes.rounded_constant(atom.val) if _is_literal(atom) else known[atom]

    for equation in _alive(jaxpr, wanted):
        inner = _inner(equation.params)
        if inner is not None:
            constants = [boxes.rounded_constant(c) for c in inner.consts]
            every = frozenset(range(len(equation.outvars)))
            given = [read(atom) for atom in equation.invars]
            results = _run(inner.jaxpr, constants, given, every)
            known.update((var, results[k]) for k, var in enumerate(equation.outvars))
            continue
        if equation.primitive.name == "split":
            parts = _split(equation.params, read(equation.invars[0]))
            known.update(zip(equation.outvars, parts, strict=True))
            continue
        if len(equation.outvars) != 1:
            raise NoRuleError(f"JAX's primitive {equation.primitive.name} has no rule here")
        (result,) = equation.outvars
        known[result] = _apply(equation, [read(atom) for atom in equation.invars])
    return {k: read(jaxpr.outvars[k]) for k in wanted}


def _is_literal(atom: Any) -> bool:
    return hasattr(atom, "val")


def _inner(params: Mapping[str, Any]) -> Any:
    """The program inside a call (jit, custom_jvp, ...), whatever the parameter's name."""
    for value in params.values():
        if hasattr(value, "jaxpr") and hasattr(value, "consts"):
            return value
    return None


def _alive(jaxpr: Any, wanted: frozenset[int]) -> list[Any]:
    """The equations that the wanted outputs rest on, in order."""
    needed = {id(jaxpr.outvars[k]) for k in wanted}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if any(id(var) in needed for var in equation.outvars):
            kept.append(equation)
            needed.update(id(atom) for atom in equation.invars)
    return kept[::-1]


def _apply(equation: Any, operands: Sequence[Box]) -> Box:
    name, params = equation.primitive.name, equation.params
    atoms = equation.invars
    if name in ("eq", "ne") and atoms[0] is atoms[1]:
        # A number differs from itself only when it is not one; here all of them are.
        return boxes.point(np.full(operands[0].shape, name == "eq"))
    if name in _PLAIN:
        return _PLAIN[name](*operands)
    if name in boxes.MONOTONE:
        return boxes.monotone(operands[0], boxes.MONOTONE[name])
    if name in _WITH_PARAMETERS:
        return _WITH_PARAMETERS[name](params, *operands)
    raise NoRuleError(f"JAX's primitive {name} has no rule in interval arithmetic")


def _maximum(left: Box, right: Box) -> Box:
    return Box(np.maximum(left.low, right.low), np.maximum(left.high, right.high))


def _minimum(left: Box, right: Box) -> Box:
    return Box(np.minimum(left.low, right.low), np.minimum(left.high, right.high))


def _finite(box: Box) -> Box:
    return boxes.point(np.ones(box.shape, dtype=np.bool_))


def _both(left: Box, right: Box) -> Box:
    return Box(left.low & right.low, left.high & right.high)


def _either(left: Box, right: Box) -> Box:
    return Box(left.low | right.low, left.high | right.high)


def _select(which: Box, *cases: Box) -> Box:
    if which.low.dtype.kind != "b" or len(cases) != 2:
        raise NoRuleError("JAX's select among more than two cases has no rule here")
    return boxes.choose(which, *cases)


_PLAIN: dict[str, Rule] = {
    "add": boxes.add,
    "add_any": boxes.add,
    "sub": boxes.subtract,
    "mul": boxes.multiply,
    "div": boxes.divide,
    "neg": boxes.negative,
    "abs": boxes.modulus,
    "sign": boxes.sign,
    "square": lambda box: boxes.integer_power(box, 2),
    "pow": boxes.real_power,
    "max": _maximum,
    "min": _minimum,
    "gt": boxes.above,
    "ge": boxes.above,
    "lt": lambda left, right: boxes.above(right, left),
    "le": lambda left, right: boxes.above(right, left),
    "eq": boxes.equal,
    "ne": lambda left, right: boxes.opposite(boxes.equal(left, right)),
    "not": boxes.opposite,
    "and": _both,
    "or": _either,
    "is_finite": _finite,
    "select_n": _select,
    "stop_gradient": lambda box: box,
    "copy": lambda box: box,
    "copy_p": lambda box: box,
}


def _broadcast(params: Mapping[str, Any], box: Box) -> Box:
    shape = params["shape"]
    kept = dict(zip(params["broadcast_dimensions"], box.shape, strict=True))

    def change(array: Array) -> Array:
        spread = array.reshape([kept.get(axis, 1) for axis in range(len(shape))])
        return np.broadcast_to(spread, shape)

    return box.reshaped(change)


def _converted(params: Mapping[str, Any], box: Box) -> Box:
    kind = np.dtype(params["new_dtype"])
    if kind == box.low.dtype:
        return box
    if kind != np.float64 or box.low.dtype.kind not in "biu":
        raise NoRuleError(f"JAX's conversion from {box.low.dtype} to {kind} has no rule here")
    return box.reshaped(lambda array: array.astype(np.float64))


def _reshaped(params: Mapping[str, Any], box: Box) -> Box:
    order = params.get("dimensions")
    if order is not None:
        box = box.reshaped(lambda a: np.transpose(a, order))
    return box.reshaped(lambda a: a.reshape(params["new_sizes"]))


def _slice(params: Mapping[str, Any], box: Box) -> Box:
    strides = params["strides"] or (1,) * len(box.shape)
    ranges = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    places = tuple(slice(*ends) for ends in ranges)
    return box.reshaped(lambda array: array[places])


def _padded(params: Mapping[str, Any], box: Box, padding: Box) -> Box:
    """An array with more of one number around it, or with less of its own."""
    config = params["padding_config"]
    if any(interior for _, _, interior in config):
        raise NoRuleError("JAX's pad between entries has no rule here")
    more = [(max(0, low), max(0, high)) for low, high, _ in config]
    less = tuple(
        slice(max(0, -low), size + low_more + high_more - max(0, -high))
        for (low, high, _), (low_more, high_more), size in zip(config, more, box.shape, strict=True)
    )

    def end(array: Array, value: Array) -> Array:
        return np.pad(array, more, constant_values=value)[less]

    return Box(end(box.low, padding.low), end(box.high, padding.high))


def _split(params: Mapping[str, Any], box: Box) -> list[Box]:
    """An array cut into pieces along an axis: the one primitive with several results."""
    places = np.cumsum(params["sizes"])[:-1]
    lows, highs = (np.split(end, places, params["axis"]) for end in (box.low, box.high))
    return [Box(low, low if box.is_point else high) for low, high in zip(lows, highs, strict=True)]


def _joined(params: Mapping[str, Any], *parts: Box) -> Box:
    axis = params["dimension"]
    return Box(
        np.concatenate([part.low for part in parts], axis),
        np.concatenate([part.high for part in parts], axis),
    )


def _flat_places(params: Mapping[str, Any], indices: Box, ahead: str) -> Array:
    """The positions of a gather from an array of one dimension, or of a scatter into it."""
    numbers = params["dimension_numbers"]
    plain = (
        indices.is_point
        and getattr(numbers, ahead) == (0,)
        and not any(numbers[0])
        and not getattr(numbers, "operand_batching_dims", ())
    )
    if not plain:
        raise NoRuleError("JAX's gather has a rule here for one flat position alone")
    return indices.low[..., 0]


def _gather(params: Mapping[str, Any], box: Box, indices: Box) -> Box:
    places = _flat_places(params, indices, "start_index_map")
    return box.reshaped(lambda array: array[places])


def _scatter_add(params: Mapping[str, Any], box: Box, indices: Box, updates: Box) -> Box:
    places = _flat_places(params, indices, "scatter_dims_to_operand_dims")
    return boxes.add(box, boxes.total_at(updates, places, box.shape[0]))


_WITH_PARAMETERS: dict[str, Rule] = {
    "slice": _slice,
    "pad": _padded,
    "concatenate": _joined,
    "gather": _gather,
    "scatter-add": _scatter_add,
    "scatter_add": _scatter_add,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshaped,
    "squeeze": lambda params, box: box.reshaped(lambda a: np.squeeze(a, params["dimensions"])),
    "transpose": lambda params, box: box.reshaped(lambda a: np.transpose(a, params["permutation"])),
    "reduce_sum": lambda params, box: boxes.total(box, tuple(params["axes"])),
    "reduce_max": lambda params, box: box.reshaped(lambda a: np.max(a, tuple(params["axes"]))),
    "integer_pow": lambda params, box: boxes.integer_power(box, params["y"]),
    "convert_element_type": _converted,
}
