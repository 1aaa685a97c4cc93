"""Layers of torch, on the CPU.

Recognised are: a ``torch.nn.Module`` class or instance, whose gradients autograd gives (be it
through an ``autograd.Function`` of its own); a ``torch.autograd.Function`` class; a class or a
pair of functions with a hand-written forward and backward pass whose code names torch.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.adapters.classes import adapt as adapt_class
from backproof.adapters.differentiated import (
    Origin,
    StandIn,
    adapt_stand_in,
    argument_name,
    bound_values,
    is_float_array,
    is_of,
    named_parameters,
    signed,
    the_only_output,
)
from backproof.adapters.flushing import above_flushing
from backproof.adapters.foreign import Foreign, numpy_class, numpy_pair, speaks_of
from backproof.adapters.functions import adapt as adapt_pair
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.loading import Loaded
from backproof.subjects import Subject

Array = np.ndarray[Any, Any]
# Products of bfloat16 by the processor's own instruction, which knows no subnormal numbers.
FLUSHES = ("torch in bfloat16", ("bfloat16",))

# Its gelu in float32 is off by 1.42 times the bound that NumPy's keeps (seen at z = -2.98516).
_ELEMENTARY = 2.0


def recognises(loaded: Loaded) -> bool:
    """Whether an object is a layer of torch; torch is not imported to find out."""
    found = loaded.object
    if is_of(found, "torch", "Module") or is_of(type(found), "torch", "Module"):
        return True
    return is_of(found, "torch", "Function") or speaks_of(loaded, ("torch",))


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a layer of torch is.

    Raises:
        UsageError: it has no forward and backward pass, or a mapping names nothing.
        NotInferredError: what it computes could not be found out.
    """
    return above_flushing(_adapted(loaded, wishes), *FLUSHES)


def _adapted(loaded: Loaded, wishes: Wishes) -> Subject:
    found = loaded.object
    if is_of(found, "torch", "Function"):
        return adapt_stand_in(*_function(found), loaded, wishes)
    if is_of(found, "torch", "Module") and "backward" not in dir(found):
        return adapt_stand_in(*_module(found, found.forward), loaded, wishes)
    if is_of(type(found), "torch", "Module"):
        return adapt_stand_in(*_instance(found), loaded, wishes)
    fact = "its passes are written by hand on torch's tensors: arrays are given as tensors"
    if inspect.isclass(found):
        subject = adapt_class(replace(loaded, object=numpy_class(found, TENSORS)), wishes)
    else:
        subject = adapt_pair(numpy_pair(loaded, TENSORS), wishes)
    return replace(subject, facts=(fact, *subject.facts))


# ---------------------------------------------------------------- arrays and tensors


def tensor_of(array: Array) -> Any:
    """A tensor over the memory of an array."""
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    if any(step < 0 for step in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


def array_of(tensor: Any) -> Array:
    """An array over the memory of a tensor."""
    import torch

    found = tensor.detach()
    if found.dtype is torch.bfloat16:
        import ml_dtypes

        bits: Array = found.contiguous().view(torch.uint16).numpy()
        return bits.view(ml_dtypes.bfloat16)
    return np.asarray(found.resolve_conj().resolve_neg().numpy())


def _is_tensor(value: Any) -> bool:
    return is_of(type(value), "torch", "Tensor")


TENSORS = Foreign("torch", _is_tensor, tensor_of, array_of, contextlib.nullcontext)


def _leaf(array: Array) -> Any:
    return tensor_of(array).requires_grad_()


def _gradient(tensor: Any) -> Array:
    """The gradient of a leaf; none stands for zero, as for torch's optimizers."""
    import torch

    found = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
    return np.array(array_of(found), copy=True)


class _TensorStandIn(StandIn):
    """Takes a gradient back through what its forward pass kept."""

    def keep(self, output: Any, leaves: Mapping[str, Any]) -> Array:
        """Keep an output and the leaves that it came from; the output as an array of its own."""

        def taken_back(upstream: Array) -> dict[str, Array]:
            output.backward(tensor_of(upstream).to(output.dtype))
            return {key: _gradient(leaf) for key, leaf in leaves.items()}

        # A function hides them from those who look for arrays inside of an object.
        self.back = taken_back
        return np.array(array_of(output), copy=True)

    def backward(self, upstream: Array) -> None:
        self.gradients = self.back(upstream)


# ---------------------------------------------------------------- functions


def _function(function: Any) -> tuple[type[StandIn], Origin]:
    """What stands for an ``autograd.Function``: its gradients by position."""
    import torch

    apart = function.setup_context is not torch.autograd.Function.setup_context
    parameters = named_parameters(function.forward, 0 if apart else 1)

    class Standing(_TensorStandIn):
        def forward(self, *given: Any, **named: Any) -> Array:
            values = bound_values(parameters, given, named)
            leaves = {k: _leaf(v) for k, v in values.items() if is_float_array(v)}
            output = function.apply(*{**values, **leaves}.values())
            return self.keep(the_only_output(output, torch.Tensor, "tensor"), leaves)

    signed(Standing.forward, parameters)
    text = Definition.of(function.backward)
    origin = Origin(
        kind="an autograd.Function of torch: applied to tensors, its backward called by autograd",
        gradients="what its backward returns",
        forward=Definition.of(function.forward),
        backward=text,
        places={p.name: k for k, p in enumerate(parameters)},
        gradient_name=lambda name: f"{name}.grad",
        upstream=argument_name(text, 1),
        elementary=_ELEMENTARY,
    )
    return _called(Standing, function), origin


def _called(standing: type[StandIn], own: Any) -> type[StandIn]:
    standing.__name__ = standing.__qualname__ = own.__name__
    return standing


# ---------------------------------------------------------------- modules


class _ModuleStandIn(_TensorStandIn):
    """Runs a module; a subclass says how it is made."""

    def start(self, module: Any) -> None:
        # A function hides it from those who look for arrays inside of an object.
        self.module: Callable[[], Any] = lambda: module
        self._look()

    def _look(self) -> None:
        import torch

        lazy = torch.nn.parameter.UninitializedParameter
        self.parameters = {
            name: np.array(array_of(parameter), copy=True)
            for name, parameter in self.module().named_parameters()
            if not isinstance(parameter, lazy)
        }

    def run(self, values: Mapping[str, Any]) -> Array:
        import torch

        module = self.module()
        leaves = {k: _leaf(v) for k, v in values.items() if is_float_array(v)}
        for leaf in leaves.values():
            module.to(leaf.dtype)
        for name, parameter in module.named_parameters():
            if name in self.parameters:
                parameter.data = tensor_of(self.parameters[name])
            parameter.grad = None
        output = module(**{**values, **leaves})
        every = {**leaves, **dict(module.named_parameters())}
        return self.keep(the_only_output(output, torch.Tensor, "tensor"), every)

    def build(self, inputs: int) -> None:
        """Let a lazy module make its parameters."""
        import torch

        self.module()(torch.zeros(2, inputs))
        self._look()


def _module(cls: Any, passing: Any) -> tuple[type[StandIn], Origin]:
    parameters = named_parameters(passing, 1)

    class Standing(_ModuleStandIn):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__()
            self.start(cls(*given, **named))

        def forward(self, *given: Any, **named: Any) -> Array:
            return self.run(bound_values(parameters, given, named))

    signed(Standing.forward, parameters)
    _sign_class(Standing, named_parameters(cls))
    return _called(Standing, cls), _module_origin(passing, parameters)


def _sign_class(cls: Any, parameters: list[inspect.Parameter]) -> None:
    cls.__signature__ = inspect.Signature(parameters)


def _instance(module: Any) -> tuple[type[StandIn], Origin]:
    """What stands for a module that is made already: its parameters are given other sizes."""
    passing = type(module).forward
    parameters = named_parameters(passing, 1)

    class Standing(_ModuleStandIn):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.start(copy.deepcopy(module))
            was = _sizes_of(self.parameters)
            if was is not None:
                sizes = dict(zip(was, (inputs, outputs), strict=True))
                self.parameters = {
                    name: np.zeros([sizes.get(size, size) for size in array.shape])
                    for name, array in self.parameters.items()
                }

        def forward(self, *given: Any, **named: Any) -> Array:
            return self.run(bound_values(parameters, given, named))

    signed(Standing.forward, parameters)
    origin = _module_origin(passing, parameters)
    kind = f"{origin.kind}; it is made already, and given parameters of other sizes"
    return _called(Standing, type(module)), replace(origin, kind=kind)


def _sizes_of(parameters: Mapping[str, Array]) -> tuple[int, int] | None:
    """The numbers of inputs and outputs of one matrix and perhaps a vector beside it."""
    matrices = [a.shape for a in parameters.values() if a.ndim == 2]
    vectors = [a.shape[0] for a in parameters.values() if a.ndim == 1]
    if len(matrices) != 1 or matrices[0][0] == matrices[0][1]:
        return None
    first, second = matrices[0]
    return (first, second) if second in vectors else (second, first)


def _module_origin(passing: Any, parameters: list[inspect.Parameter]) -> Origin:
    text = Definition.of(passing)
    inner = None if text is None else _inner_function(text, passing)
    if inner is None:
        return Origin(
            kind="an nn.Module of torch: its gradients are autograd's; none stands for zero",
            gradients="what autograd leaves in",
            holder="self.",
            forward=text,
            gradient_name=lambda name: f"{name}.grad",
            elementary=_ELEMENTARY,
        )
    function, keys = inner
    backward = Definition.of(function.backward)
    own = [p.name for p in named_parameters(function.forward)]
    skipped = len(own) - len(keys)
    return Origin(
        kind=f"an nn.Module of torch: its gradients are autograd's, through {function.__name__}",
        gradients=f"what backward of {function.__name__} returns",
        holder="self.",
        names={key: own[skipped + k] for k, key in enumerate(keys) if key and skipped >= 0},
        forward=text,
        backward=backward,
        places={key: k for k, key in enumerate(keys) if key},
        gradient_name=lambda name: f"{name}.grad",
        upstream=argument_name(backward, 1),
        elementary=_ELEMENTARY,
    )


def _inner_function(text: Definition, passing: Any) -> tuple[Any, list[str]] | None:
    """The one ``autograd.Function`` that a forward pass applies, and what it is applied to.

    What is applied to each argument is a parameter's name, an argument's, or empty.
    """
    values = inspect.unwrap(passing).__globals__
    found = []
    for node in ast.walk(text.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        function = values.get(owner.id) if isinstance(owner, ast.Name) else None
        if node.func.attr == "apply" and is_of(function, "torch", "Function"):
            keys = [ast.unparse(argument) for argument in node.args]
            found.append((function, [_key(k) for k in keys]))
    return found[0] if len(found) == 1 else None


def _key(written: str) -> str:
    own = written.removeprefix("self.")
    return own if own.replace(".", "").isidentifier() else ""
