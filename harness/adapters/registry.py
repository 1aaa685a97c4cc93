"""The protocols that an object may follow, and the adapter of each."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from backproof.adapters.classes import adapt as adapt_class
from backproof.adapters.classes import recognises as is_class
from backproof.adapters.functions import adapt as adapt_pair
from backproof.adapters.functions import recognises as is_function
from backproof.adapters.jax_functions import adapt as adapt_jax
from backproof.adapters.jax_functions import recognises as is_jax
from backproof.adapters.keras_layers import adapt as adapt_keras
from backproof.adapters.keras_layers import recognises as is_keras
from backproof.adapters.marked import adapt as adapt_marked
from backproof.adapters.marked import recognises as is_marked
from backproof.adapters.sklearn_mlp import adapt as adapt_sklearn
from backproof.adapters.sklearn_mlp import recognises as is_sklearn
from backproof.adapters.torch_layers import adapt as adapt_torch
from backproof.adapters.torch_layers import recognises as is_torch
from backproof.adapters.wishes import Wishes, check_mapping
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.spec.layer import Spec
from backproof.subjects import Subject


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way of being a layer.

    Attributes:
        name: for messages.
        recognises: whether an object follows it.
        adapt: the subject that such an object is.
    """

    name: str
    recognises: Callable[[Loaded], bool]
    adapt: Callable[[Loaded, Wishes], Subject]


# The first that recognises an object adapts it. A new protocol is a file, and a row here.
PROTOCOLS: tuple[Protocol, ...] = (
    Protocol("a function marked with @bp.subject", is_marked, adapt_marked),
    Protocol("a layer of torch", is_torch, adapt_torch),
    Protocol("a function of JAX with jax.custom_vjp", is_jax, adapt_jax),
    Protocol("a layer of Keras", is_keras, adapt_keras),
    Protocol("a network of scikit-learn", is_sklearn, adapt_sklearn),
    Protocol("a class with forward and backward methods", is_class, adapt_class),
    Protocol("a pair of forward and backward functions", is_function, adapt_pair),
)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what a layer prints and warns of while it is tried out in ways not meant for it."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield


def adapt(
    loaded: Loaded,
    *,
    spec: Spec | None = None,
    layout: str | None = None,
    activation: str | None = None,
    scale: str = "sum",
    mapping: Mapping[str, str] | None = None,
) -> Subject:
    """Make a subject of an object.

    Args:
        loaded: the object.
        spec: what it should compute; found out if None.
        layout: the einsum of its forward product; found out if None.
        activation: the name of its activation; found out if None.
        scale: ``sum``, or ``mean`` for a layer that divides the gradients of its parameters by
            the number of samples.
        mapping: what the object calls a tensor or a gradient, such as ``{"W": "self.kernel"}``.

    Raises:
        UsageError: the object follows no protocol, or a name is unknown.
        NotInferredError: what it computes could not be found out.
        SpecError: no such layout, activation or scale.
    """
    wishes = Wishes(
        spec=spec, layout=layout, activation=activation, scale=scale, mapping=dict(mapping or {})
    )
    check_mapping(wishes)
    for protocol in PROTOCOLS:
        if protocol.recognises(loaded):
            with _quiet():
                return protocol.adapt(loaded, wishes)
    kind = type(loaded.object).__name__
    raise UsageError(
        f"{loaded.label} is an instance of {kind}",
        f"name {', or '.join(p.name for p in PROTOCOLS)}",
    )
