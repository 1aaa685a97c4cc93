"""Layers of Keras 3, with the gradients of its backend.

Recognised is a class that derives from ``keras.layers.Layer``. The backend is JAX unless
``KERAS_BACKEND`` says otherwise when Keras is imported; JAX and torch are known here. A layer is
made with the dtype policy of the arrays that it is given, and built for their size; what Keras
computes in float32 whatever the policy is shown as it is.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from backproof.adapters.differentiated import (
    Origin,
    StandIn,
    adapt_stand_in,
    bound_values,
    is_of,
    named_parameters,
    signed,
)
from backproof.adapters.flushing import above_flushing
from backproof.adapters.jax_functions import FLUSHES, in_64_bits, jax_array_of
from backproof.adapters.jax_functions import array_of as array_of_jax
from backproof.adapters.source import Definition
from backproof.adapters.torch_layers import FLUSHES as FLUSHES_OF_TORCH
from backproof.adapters.torch_layers import array_of as array_of_tensor
from backproof.adapters.torch_layers import tensor_of
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.subjects import Subject

Array = np.ndarray[Any, Any]
_BACKENDS = ("jax", "torch")


def recognises(loaded: Loaded) -> bool:
    """Whether an object is a class of Keras' layers; Keras is not imported to find out."""
    return is_of(loaded.object, "keras", "Layer")


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a class of layers is.

    Raises:
        UsageError: the backend is not known here, or a mapping names nothing.
        NotInferredError: what it computes could not be found out.
    """
    import keras

    if keras.config.backend() not in _BACKENDS:
        raise UsageError(
            f"{loaded.label}: the backend of Keras is {keras.config.backend()}",
            f"set KERAS_BACKEND to one of {', '.join(_BACKENDS)}",
        )
    backend = keras.config.backend()
    subject = adapt_stand_in(*_layer(loaded.object, backend), loaded, wishes)
    return above_flushing(subject, *(FLUSHES if backend == "jax" else FLUSHES_OF_TORCH))


@contextlib.contextmanager
def _of_dtype(dtype: str) -> Iterator[None]:
    """Layers made in here compute in a dtype; what was set outside of it is set again."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        with in_64_bits() if keras.config.backend() == "jax" else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_dtype_policy(before)


def _layer(cls: Any, backend: str) -> tuple[type[StandIn], Origin]:
    parameters = named_parameters(cls.call, 1)
    run = _run_by_jax if backend == "jax" else _run_by_torch

    class Standing(StandIn):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__()
            self.made: dict[str, Callable[[], Any]] = {}
            self.inputs: int | None = None
            # A function hides it from those who look for arrays inside of an object.
            self.make: Callable[[], Any] = lambda: cls(*given, **named)
            self._look("float32")

        def _look(self, dtype: str) -> Any:
            """The layer of a dtype, built for the number of inputs if that is known."""
            with _of_dtype(dtype):
                layer = self.made[dtype]() if dtype in self.made else self.make()
                if not layer.built and self.inputs is not None:
                    layer.build((None, self.inputs))
                # Layers that make their parameters in the constructor have nothing to build.
                layer.built = layer.built or bool(layer.trainable_variables)
                if not self.parameters:
                    self.parameters = {
                        name: np.asarray(variable.numpy(), dtype=np.float64)
                        for name, variable in _variables(layer).items()
                    }
            self.made[dtype] = lambda: layer
            return layer

        def build(self, inputs: int) -> None:
            self.inputs = inputs
            self._look("float32")

        def forward(self, *given: Any, **named: Any) -> Array:
            values = bound_values(parameters, given, named)
            data = next(iter(values.values()))
            layer = self._look(data.dtype.name)
            with _of_dtype(data.dtype.name):
                output, self.back = run(layer, self.parameters, values)
            self.dtype = data.dtype.name
            return output

        def backward(self, upstream: Array) -> None:
            with _of_dtype(self.dtype):
                self.gradients = self.back(upstream)

    signed(Standing.forward, parameters)
    Standing.__signature__ = inspect.Signature(named_parameters(cls))  # type: ignore[attr-defined]
    Standing.__name__ = Standing.__qualname__ = cls.__name__
    origin = Origin(
        kind=f"a layer of Keras: its gradients are those of its backend, {backend}",
        gradients="the backend's gradient of",
        holder="self.",
        forward=Definition.of(cls.call),
    )
    return Standing, origin


def _variables(layer: Any) -> dict[str, Any]:
    """The variables that are trained, by their names; by their paths where names are shared."""
    found = layer.trainable_variables
    names = [variable.name for variable in found]
    return {v.name if names.count(v.name) == 1 else v.path: v for v in found}


def _run_by_jax(
    layer: Any, arrays: Mapping[str, Array], values: Mapping[str, Any]
) -> tuple[Array, Any]:
    import jax

    names = list(_variables(layer))
    argument, *rest = values
    rest_values = {name: values[name] for name in rest}
    others = [v.value for v in layer.non_trainable_variables]

    def of(given: list[Any], data: Any) -> Any:
        return layer.stateless_call(given, others, data, **rest_values)[0]

    given = [jax_array_of(arrays[name]) for name in names]
    output, back = jax.vjp(of, given, jax_array_of(values[argument]))

    def gradients(upstream: Array) -> dict[str, Array]:
        of_parameters, of_data = back(jax_array_of(upstream, output.dtype))
        found = dict(zip(names, map(array_of_jax, of_parameters), strict=True))
        return {**found, argument: array_of_jax(of_data)}

    return array_of_jax(output), gradients


def _run_by_torch(
    layer: Any, arrays: Mapping[str, Array], values: Mapping[str, Any]
) -> tuple[Array, Any]:
    import torch

    argument, *rest = values
    leaves = {name: tensor_of(arrays[name]).requires_grad_() for name in _variables(layer)}
    leaves[argument] = tensor_of(values[argument]).requires_grad_()
    trained = [leaves[name] for name in _variables(layer)]
    others = [v.value for v in layer.non_trainable_variables]
    rest_values = {name: values[name] for name in rest}
    output = layer.stateless_call(trained, others, leaves[argument], **rest_values)[0]

    def gradients(upstream: Array) -> dict[str, Array]:
        found = torch.autograd.grad(
            output,
            list(leaves.values()),
            tensor_of(upstream).to(output.dtype),
            materialize_grads=True,
        )
        copies = (np.array(array_of_tensor(gradient), copy=True) for gradient in found)
        return dict(zip(leaves, copies, strict=True))

    return np.array(array_of_tensor(output), copy=True), gradients
