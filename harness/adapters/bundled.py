"""The layers of ``backproof.impl`` as subjects: nothing about them has to be found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backproof.adapters.model import Model, layer_spec
from backproof.adapters.source import Definition
from backproof.errors import UsageError
from backproof.spec.errors import near
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.library import dense, layouts, losses, named, network
from backproof.subjects import Arrays, Subject, SubjectError

FUNCTIONS_WITH = "sigmoid"
_SHOWN = ("Z", "A", "dZ", "dW", "db", "dX")


def bundled_subjects(layout: str | None = None, activation: str | None = None) -> list[Subject]:
    """The layers of ``impl``: dense in every layout with every activation, losses, a network.

    The functions that the class calls are run by themselves with one activation a layout.

    Args:
        layout: one layout alone.
        activation: one activation alone.

    Raises:
        UsageError: there is no such layout or activation.
    """
    found = []
    for chosen in _among("layout", layout, layouts()):
        for name in _among("activation", activation, ACTIVATIONS):
            found.append(_dense_class(chosen, name))
            if name == FUNCTIONS_WITH:
                found.append(_dense_functions(chosen, name))
    note = ("ni,io->no", "linear")
    if layout in (None, note[0]) and activation in (None, note[1]):
        found.append(_layer_dense())
    if layout is None and activation is None:
        found += [_loss(name) for name in losses()]
        found.append(_network())
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
            shape = inputs["W"].shape if "W" in inputs else ()
            if self._layer is None or self._shape != shape:
                self._layer, self._shape = self._make(inputs), shape
            stage = "forward"
            found |= self._forward(self._layer, inputs)
            stage = "backward"
            found |= self._backward(self._layer, inputs.get(self._upstream))
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
        file=module.__file__,
    )


def _loss(name: str) -> Subject:
    from backproof.impl import losses as module

    function = getattr(module, name)

    def forward(kept: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
        kept["result"] = function(arrays["A"], arrays["Y"])
        return {"L": kept["result"].loss}

    def backward(kept: dict[str, Any], upstream: Any) -> dict[str, Any]:
        return {"dA": kept["result"].gradient}

    return Subject(
        label=f"impl.losses.{name}",
        spec=named(name),
        upstream="L",
        provides=("L", "dA"),
        open=lambda: _Steps(lambda _: {}, forward, backward, "dL"),
        names={"A": "A", "Y": "Y", "L": "loss", "dA": "gradient"},
        file=module.__file__,
    )


def _network() -> Subject:
    """Two layers and a loss, put together: tanh, then softmax cross entropy of a linear layer."""
    from backproof.impl import dense as module
    from backproof.impl import losses as loss_module
    from backproof.impl.network import Network

    spec = network(2, activation=["tanh", "linear"], loss="softmax_cross_entropy")
    layout = spec.layout

    def forward(kept: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
        layers = []
        for k, activation in ((1, "tanh"), (2, "linear")):
            W = arrays[f"W{k}"]
            rows, columns = W.shape
            layer = module.Dense(columns, rows, layout=layout, activation=activation, dtype=W.dtype)
            layer.W, layer.b = W.copy(), arrays[f"b{k}"].copy()
            layers.append(layer)
        kept["network"] = Network(layers)
        output = kept["network"].forward(arrays["X"])
        kept["loss"] = loss_module.softmax_cross_entropy(output, arrays["Y"])
        return {"A1": layers[0].A, "A2": output, "L": kept["loss"].loss}

    def backward(kept: dict[str, Any], upstream: Any) -> dict[str, Any]:
        dX = kept["network"].backward(kept["loss"].gradient)
        found = {"dA2": kept["loss"].gradient, "dX": dX}
        for k, layer in enumerate(kept["network"].layers, start=1):
            found |= {f"dZ{k}": layer.dZ, f"dW{k}": layer.dW, f"db{k}": layer.db}
        return found

    gradients = ("dA2", "dZ2", "dW2", "db2", "dZ1", "dW1", "db1", "dX")
    return Subject(
        label="impl.network.Network tanh, linear, softmax_cross_entropy",
        spec=spec,
        upstream="L",
        provides=("A1", "A2", "L", *gradients),
        open=lambda: _Steps(lambda _: {}, forward, backward, "dL"),
        file=module.__file__,
    )
