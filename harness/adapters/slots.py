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
    layer: Any, model: Model, sizes: Sizes, wishes: Wishes, bias: bool, *, unset: bool = False
) -> list[Mapping[str, Slot]]:
    """Where the parameters may be, the likeliest first.

    Args:
        layer: as constructed and prepared.
        model: names the parameters.
        sizes: at which it was constructed.
        wishes: what the user said.
        bias: whether a bias is looked for.
        unset: whether a place that holds nothing yet, under a parameter's name, is one.
    """
    everything = list(walk(layer))
    found: list[dict[str, Slot]] = [{}]
    for name in model.parameters:
        shape = model.shape(name, sizes)
        mapped = wishes.place(name)
        if mapped is not None:
            options = _mapped_slot(layer, name, mapped, shape, wishes)
        elif len(shape) == 1:
            options = _vector_slots(everything, name, shape[0], model)
        elif not shape:
            options = _scalar_slots(everything, name)
        else:
            options = _matrix_slots(everything, name, shape)
            if unset and not options:
                options = _unset_slots(everything, name, ("",))
        if unset and not options:
            options = _unset_slots(everything, name, ("", "row", "column"))
        found = [{**slots, name: slot} for slots in found for slot in options[:_MOST_PLACES]]
    if not found and bias and set(model.parameters) == {"W", "b"} and not wishes.mapping:
        found = list(_joined_slots(everything, model, sizes))
    kept = [p for p, v in everything if v is not None and roles.tensor_role(place_name(p)) == "b"]
    if not bias and kept:
        # A layer that keeps a bias has one, whether its forward pass adds it or not.
        return []
    return list(found)


def _unset_slots(
    everything: list[tuple[Place, Any]], name: str, shapes: tuple[str, ...]
) -> list[Slot]:
    """Places that hold nothing until the caller puts a parameter there."""
    places = [p for p, v in everything if v is None and roles.tensor_role(place_name(p)) == name]
    places.sort(key=lambda p: _likelihood(p, name))
    return [Slot(place, shape) for place in places for shape in shapes]


def data_places(layer: Any, model: Model, sizes: Sizes) -> list[Place]:
    """Where a layer may look for its data, if its forward pass takes none; the likeliest first."""
    shape = model.shape(model.data, sizes)
    found = []
    for place, value in walk(layer):
        named = roles.tensor_role(place_name(place)) == "X"
        if (value is None and named) or (isinstance(value, np.ndarray) and value.shape == shape):
            found.append(place)
    return sorted(found, key=lambda p: _likelihood(p, "X"))[:_MOST_PLACES]


def upstream_places(layer: Any, shape: tuple[int, ...]) -> list[Place]:
    """Where a layer may look for the upstream gradient, by name and shape, the nearest first."""
    found = []
    for place, value in walk(layer):
        fits = value is None or (isinstance(value, np.ndarray) and value.shape == shape)
        if fits and _is_upstream(place):
            found.append(place)
    return sorted(found, key=lambda p: (p.is_private, len(p.steps)))[:_MOST_PLACES]


def _is_upstream(place: Place) -> bool:
    words = [roles.plain(str(key)) for _, key in place.steps if isinstance(key, str)]
    holder = roles.tensor_role(words[-2]) if len(words) > 1 else None
    if words and words[-1] in ("grad", "gradient", "g", "diff", "delta", "d") and holder:
        return roles.is_weak(f"d{holder}")
    role = roles.gradient_role(place.name)
    return roles.word_role(place.name) == roles.UPSTREAM or (
        role is not None and roles.is_weak(role)
    )


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
        # The beta of an optimizer is a number, too.
        is_named = is_named and roles.plain(place_name(place)) != "beta"
        if shape is None and is_named and (value is None or _is_number(value)):
            # A scalar that broadcasts; as a vector it has to broadcast the same way.
            shape = "column" if model.has_samples and not model.samples_are_rows else ""
        if shape is not None and not isinstance(value, (str, bytes)):
            found.append(Slot(place, shape))
    found.sort(key=lambda slot: _likelihood(slot.place, name))
    named = [s for s in found if roles.tensor_role(place_name(s.place)) == name]
    return named or found


def _scalar_slots(everything: list[tuple[Place, Any]], name: str) -> list[Slot]:
    """Places of a number under a tensor's name."""
    places = [
        p for p, v in everything if roles.tensor_role(place_name(p)) == name and _is_number(v)
    ]
    return [Slot(place) for place in sorted(places, key=lambda p: _likelihood(p, name))]


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return number or (isinstance(value, np.ndarray) and value.ndim == 0)


def _vector_shape(value: Any, size: int) -> str | None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return None
    return {(size,): "", (1, size): "row", (size, 1): "column"}.get(value.shape)


def _likelihood(place: Place, name: str) -> tuple[int, bool, int]:
    return roles.preference(place_name(place), name), place.is_private, len(place.steps)
