"""Where a layer keeps its parameters, and in which shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from backproof.adapters import roles
from backproof.adapters.machine import Slot
from backproof.adapters.mapping import check_place
from backproof.adapters.model import Model, Sizes
from backproof.adapters.places import Place, walk
from backproof.adapters.wishes import Wishes

# Of the places that may hold a parameter, so many are tried.
_MOST_PLACES = 4


def parameter_slots(
    layer: Any, model: Model, sizes: Sizes, wishes: Wishes, bias: bool
) -> list[Mapping[str, Slot]]:
    """Where the parameters may be, the likeliest first."""
    everything = list(walk(layer))
    found: list[dict[str, Slot]] = [{}]
    for name in model.parameters:
        shape = model.shape(name, sizes)
        mapped = wishes.place(name)
        if mapped is not None:
            options = _mapped_slot(layer, name, mapped, shape, wishes)
        elif len(shape) == 1:
            options = _vector_slots(everything, name, shape[0], model)
        else:
            options = _matrix_slots(everything, name, shape)
        found = [{**slots, name: slot} for slots in found for slot in options[:_MOST_PLACES]]
    if not found and bias and set(model.parameters) == {"W", "b"} and not wishes.mapping:
        found = list(_joined_slots(everything, model, sizes))
    kept = [p for p, v in everything if v is not None and roles.tensor_role(place_name(p)) == "b"]
    if not bias and kept:
        # A layer that keeps a bias has one, whether its forward pass adds it or not.
        return []
    return list(found)


def place_name(place: Place) -> str:
    """The name that says what is kept at a place; the holder's, where the last says nothing."""
    names = [str(key) for _, key in place.steps if isinstance(key, str)]
    if len(names) > 1 and roles.plain(names[-1]) in ("value", "data", "values", "array", "val"):
        return names[-2]
    return names[-1].rsplit("/", 1)[-1] if names else ""


def _mapped_slot(
    layer: Any, name: str, place: Place, shape: tuple[int, ...], wishes: Wishes
) -> list[Slot]:
    try:
        value = place.get(layer)
    except LookupError:
        said = wishes.mapping[name]
        check_place(name, said, place, layer)
        return []
    return [Slot(place, _vector_shape(value, shape[0]) or "" if len(shape) == 1 else "")]


def _matrix_slots(
    everything: list[tuple[Place, Any]], name: str, shape: tuple[int, ...]
) -> list[Slot]:
    fitting = [
        place
        for place, value in everything
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.shape == shape
    ]
    return [Slot(place) for place in sorted(fitting, key=lambda p: _likelihood(p, name))]


def _joined_slots(
    everything: list[tuple[Place, Any]], model: Model, sizes: Sizes
) -> Iterator[dict[str, Slot]]:
    """Weights with one more input, whose value is 1: the bias is their first or last part."""
    shape = model.shape("W", sizes)
    axis = model.spec.program.tensors["W"].axes.index(model.axes[roles.INPUTS])
    larger = tuple(size + (k == axis) for k, size in enumerate(shape))
    for slot in _matrix_slots(everything, "W", larger)[:_MOST_PLACES]:
        for rest, one in ((slice(1, None), 0), (slice(None, -1), -1)):
            keys: tuple[Any, Any] = (rest, slice(one, one + 1 or None))
            if axis == 1:
                keys = ((slice(None), rest), (slice(None), keys[1]))
            shape_of_bias = "row" if axis == 0 else "column"
            yield {
                "W": Slot(slot.place.item(keys[0])),
                "b": Slot(slot.place.item(keys[1]), shape_of_bias),
            }


def _vector_slots(
    everything: list[tuple[Place, Any]], name: str, size: int, model: Model
) -> list[Slot]:
    found = []
    for place, value in everything:
        shape = _vector_shape(value, size)
        is_named = roles.tensor_role(place_name(place)) == name
        if shape is None and is_named and (value is None or _is_number(value)):
            # A scalar that broadcasts; as a vector it has to broadcast the same way.
            shape = "" if model.samples_are_rows else "column"
        if shape is not None and not isinstance(value, (str, bytes)):
            found.append(Slot(place, shape))
    found.sort(key=lambda slot: _likelihood(slot.place, name))
    named = [s for s in found if roles.tensor_role(place_name(s.place)) == name]
    return named or found


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return number or (isinstance(value, np.ndarray) and value.ndim == 0)


def _vector_shape(value: Any, size: int) -> str | None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return None
    return {(size,): "", (1, size): "row", (size, 1): "column"}.get(value.shape)


def _likelihood(place: Place, name: str) -> tuple[int, bool, int]:
    return roles.preference(place_name(place), name), place.is_private, len(place.steps)
