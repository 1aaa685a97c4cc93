"""The layers of ``backproof.impl`` as subjects: nothing about them has to be found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backproof.adapters.model import Model, layer_spec
from backproof.adapters.source import Definition
from backproof.errors import UsageError
from backproof.spec.errors import near
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.library import dense, layouts
from backproof.subjects import Arrays, Subject, SubjectError

_SHOWN = ("Z", "A", "dZ", "dW", "db", "dX")


def bundled_subjects(layout: str | None = None, activation: str | None = None) -> list[Subject]:
    """The dense layer of ``impl`` in every layout with every activation, as class and functions.

    Args:
        layout: one layout alone.
        activation: one activation alone.

    Raises:
        UsageError: there is no such layout or activation.
    """
    found = []
    for chosen in _among("layout", layout, layouts()):
        for name in _among("activation", activation, ACTIVATIONS):
            found += [_dense_class(chosen, name), _dense_functions(chosen, name)]
    note = ("ni,io->no", "linear")
    if layout in (None, note[0]) and activation in (None, note[1]):
        found.append(_layer_dense())
    return found


def _among(what: str, wanted: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if wanted is None:
        return known
    wanted = wanted.replace(" ", "")
    if wanted not in known:
        names = near(wanted, known) or list(known)
        raise UsageError(f"there is no {what} '{wanted}'", f"known are {'; '.join(names)}")
    return (wanted,)


class _Steps:
    """A session of three steps; what they raise is the subject's error.

    Args:
        make: an instance for arrays.
        forward: (instance, arrays) to what the forward pass shows.
        backward: (instance, upstream) to what the backward pass shows.
        upstream: the name of the upstream gradient.
    """

    def __init__(
        self,
        make: Callable[[Arrays], Any],
        forward: Callable[[Any, Arrays], Mapping[str, Any]],
        backward: Callable[[Any, Any], Mapping[str, Any]],
        upstream: str,
    ) -> None:
        self._make = make
        self._forward = forward
        self._backward = backward
        self._upstream = upstream
        self._layer: Any = None
        self._shape: tuple[int, ...] = ()

    def run(self, inputs: Arrays) -> dict[str, Any]:
        """Compute everything; see ``backproof.subjects.Session``."""
        found: dict[str, Any] = {}
        stage = "construct"
        try:
            if self._layer is None or self._shape != inputs["W"].shape:
                self._layer, self._shape = self._make(inputs), inputs["W"].shape
            stage = "forward"
            found |= self._forward(self._layer, inputs)
            stage = "backward"
            found |= self._backward(self._layer, inputs[self._upstream])
        except Exception as error:
            raise SubjectError(error, stage, partial=found) from error
        return found


def _dense_class(layout: str, activation: str) -> Subject:
    from backproof.impl import dense as module

    spec = dense(layout=layout, activation=activation)
    model = Model(spec)

    def make(arrays: Arrays) -> Any:
        sizes = model.sizes_of(arrays)
        return module.Dense(
            sizes.i, sizes.o, layout=layout, activation=activation, dtype=arrays["W"].dtype
        )

    def forward(layer: Any, arrays: Arrays) -> dict[str, Any]:
        layer.W, layer.b = arrays["W"].copy(order="K"), arrays["b"].copy()
        layer.forward(arrays["X"])
        return {name: getattr(layer, name) for name in ("Z", "A")}

    def backward(layer: Any, upstream: Any) -> dict[str, Any]:
        layer.backward(upstream)
        return {name: getattr(layer, name) for name in ("dZ", "dW", "db", "dX")}

    names = {name: f"self.{name}" for name in ("X", "W", "b", *_SHOWN)} | {"dA": "dA"}
    return Subject(
        label=f"impl.dense.Dense {layout} {activation}",
        spec=spec,
        upstream="A",
        provides=_SHOWN,
        open=lambda: _Steps(make, forward, backward, "dA"),
        names=names,
        facts=("a layer of backproof itself, called as it is documented",),
        file=module.__file__,
    )


def _dense_functions(layout: str, activation: str) -> Subject:
    from backproof.impl import dense as module

    def forward(kept: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
        A, cache = module.dense_forward(
            arrays["X"], arrays["W"], arrays["b"], layout=layout, activation=activation
        )
        kept["cache"] = cache
        return {"Z": cache.Z, "A": A}

    def backward(kept: dict[str, Any], upstream: Any) -> dict[str, Any]:
        return dict(module.dense_backward(upstream, kept["cache"])._asdict())

    return Subject(
        label=f"impl.dense.dense_backward {layout} {activation}",
        spec=dense(layout=layout, activation=activation),
        upstream="A",
        provides=_SHOWN,
        open=lambda: _Steps(lambda _: {}, forward, backward, "dA"),
        names={name: name for name in ("X", "W", "b", "dA", *_SHOWN)},
        lines=_lines(module.dense_backward),
        facts=("functions of backproof itself, called as they are documented",),
        file=module.__file__,
    )


def _lines(function: Any) -> dict[str, tuple[str, int, str]]:
    text = Definition.of(function)
    found = {}
    for name in ("dZ", "dW", "db", "dX"):
        if text is not None:
            found[name] = text.line_of(text.place_of_return((name,))[0])
    return found


def _layer_dense() -> Subject:
    from backproof.impl import dense as module

    spec = layer_spec("ni,io->no", "linear", True, "sum")
    model = Model(spec)

    def make(arrays: Arrays) -> Any:
        sizes = model.sizes_of(arrays)
        return module.LayerDense(sizes.i, sizes.o)

    def forward(layer: Any, arrays: Arrays) -> dict[str, Any]:
        layer.w, layer.b = arrays["W"].copy(order="K"), arrays["b"].reshape(1, -1).copy()
        layer.forward(arrays["X"])
        return {"Z": layer.z}

    def backward(layer: Any, upstream: Any) -> dict[str, Any]:
        layer.backward(upstream)
        return {"dW": layer.dw, "db": layer.db.reshape(-1), "dX": layer.dz}

    return Subject(
        label="impl.dense.LayerDense",
        spec=spec,
        upstream="Z",
        provides=("Z", "dW", "db", "dX"),
        open=lambda: _Steps(make, forward, backward, "dZ"),
        names={
            "X": "self.a",
            "W": "self.w",
            "b": "self.b",
            "Z": "self.z",
            "dZ": "dz",
            "dW": "self.dw",
            "db": "self.db",
            "dX": "self.dz",
        },
        facts=("a layer of backproof itself; its attribute dz is the gradient for its input",),
        file=module.__file__,
    )
