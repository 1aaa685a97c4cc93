"""Functions of JAX with a gradient of their own.

Recognised are: a function decorated with ``jax.custom_vjp`` or ``jax.custom_jvp``, also under
``jax.jit``; a class or a pair of functions with a hand-written forward and backward pass whose
code names jax. All run in 64 bits where the arrays have them; the caller's own setting is left
as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
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
    named_parameters,
    signed,
    the_only_output,
)
from backproof.adapters.flushing import above_flushing
from backproof.adapters.foreign import Foreign, numpy_class, numpy_pair, speaks_of
from backproof.adapters.forwarding import same
from backproof.adapters.functions import adapt as adapt_pair
from backproof.adapters.source import Definition
from backproof.adapters.wishes import Wishes
from backproof.errors import UsageError
from backproof.loading import Loaded
from backproof.subjects import Subject

Array = np.ndarray[Any, Any]
# Narrower formats are computed in float32, whose range is wide enough for them.
FLUSHES = ("JAX on the CPU", ("float64", "float32", "bfloat16"))
_RULES = ("custom_vjp", "custom_jvp")


def recognises(loaded: Loaded) -> bool:
    """Whether an object is a function of JAX; JAX is not imported to find out."""
    return _is_transformed(loaded.object) or speaks_of(loaded, ("jax",))


def _is_transformed(found: Any) -> bool:
    """Whether a function has gone through a transformation of JAX, whichever is the outermost."""
    return not inspect.isclass(found) and type(found).__module__.partition(".")[0] in (
        "jax",
        "jaxlib",
    )


def adapt(loaded: Loaded, wishes: Wishes) -> Subject:
    """The subject that a function of JAX is.

    Raises:
        UsageError: it has no backward pass of its own, or a mapping names nothing.
        NotInferredError: what it computes could not be found out.
    """
    if _is_transformed(loaded.object):
        stand_in, origin = _function(loaded)
        subject = adapt_stand_in(stand_in, origin, loaded, wishes)
        stand_in.shows_rule = True
        return above_flushing(subject, *FLUSHES)
    fact = "its passes are written by hand on JAX's arrays: arrays are given as those"
    if inspect.isclass(loaded.object):
        subject = adapt_class(replace(loaded, object=numpy_class(loaded.object, ARRAYS)), wishes)
    else:
        subject = adapt_pair(numpy_pair(loaded, ARRAYS), wishes)
    return above_flushing(replace(subject, facts=(fact, *subject.facts)), *FLUSHES)


# ---------------------------------------------------------------- arrays


def in_64_bits() -> AbstractContextManager[Any]:
    """A context in which JAX keeps float64 as it is; what was set outside of it stays set."""
    import jax

    if hasattr(jax, "enable_x64"):
        switched: AbstractContextManager[Any] = jax.enable_x64(True)
        return switched
    from jax.experimental import enable_x64

    experimental: AbstractContextManager[Any] = enable_x64(True)
    return experimental


def array_of(value: Any) -> Array:
    """A copy of one of JAX's arrays, of which nothing is shared."""
    return np.array(value, copy=True)


def jax_array_of(array: Array, dtype: Any = None) -> Any:
    """One of JAX's arrays for one of NumPy's, of its own dtype or another one."""
    import jax.numpy as jnp

    return jnp.array(array, dtype)


def _is_array(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in ("jax", "jaxlib") and hasattr(value, "dtype")


ARRAYS = Foreign("jax", _is_array, jax_array_of, array_of, in_64_bits)


# ---------------------------------------------------------------- functions


def _with_rule(found: Any) -> Any:
    """The function that carries a rule, within what was put around it; None if there is none."""
    while found is not None and type(found).__name__ not in _RULES:
        found = getattr(found, "__wrapped__", None)
    return found


class _RuledStandIn(StandIn):
    """A function and its rule, which have a forward pass each.

    Attributes:
        shows_rule: whether the rule's forward pass is shown where they differ.
    """

    shows_rule = False


def _function(loaded: Loaded) -> tuple[type[_RuledStandIn], Origin]:
    """What stands for a function: its gradients are those of ``jax.vjp``."""
    outer = loaded.object
    ruled = _with_rule(outer)
    if ruled is None:
        raise UsageError(
            f"{loaded.label} is a function of JAX without a backward pass of its own",
            "decorate it with jax.custom_vjp, or mark a function with @bp.subject",
        )
    rule = type(ruled).__name__
    backward = getattr(ruled, "bwd", None)
    if rule == "custom_vjp" and backward is None:
        raise UsageError(
            f"{loaded.label} has no backward pass yet", "give it one: f.defvjp(forward, backward)"
        )
    parameters = named_parameters(ruled)

    class Standing(_RuledStandIn):
        def forward(self, *given: Any, **named: Any) -> Array:
            import jax

            values = bound_values(parameters, given, named)
            arrays = {k: v for k, v in values.items() if is_float_array(v)}

            def of_arrays(*found: Any) -> Any:
                return outer(*{**values, **dict(zip(arrays, found, strict=True))}.values())

            with in_64_bits():
                taken = [jax_array_of(array) for array in arrays.values()]
                output, back = jax.vjp(of_arrays, *taken)
                plain = array_of(the_only_output(of_arrays(*taken), jax.Array, "array"))
                found = array_of(the_only_output(output, jax.Array, "array"))
            # A function hides it from those who look for arrays inside of an object.
            self.back: Callable[[Array], Any] = lambda upstream: back(
                jax_array_of(upstream, output.dtype)
            )
            self.keys = list(arrays)
            # The function says what it means; what its rule returns is judged by that.
            return found if self.shows_rule or same(found, plain) else plain

        def backward(self, upstream: Array) -> None:
            with in_64_bits():
                found = self.back(upstream)
            self.gradients = dict(zip(self.keys, map(array_of, found), strict=True))

    signed(Standing.forward, parameters)
    Standing.__name__ = Standing.__qualname__ = loaded.name
    return Standing, _origin(ruled, rule, backward, parameters)


def _origin(
    ruled: Any, rule: str, backward: Callable[..., Any] | None, parameters: list[inspect.Parameter]
) -> Origin:
    text = None if backward is None else Definition.of(backward)
    undifferentiated = set(getattr(ruled, "nondiff_argnums", ()))
    taken = [p.name for k, p in enumerate(parameters) if k not in undifferentiated]
    places = {} if backward is None else {name: k for k, name in enumerate(taken)}
    return Origin(
        kind=f"a function of JAX with {rule}: its gradients are those of jax.vjp, in 64 bits "
        "where the arrays have them",
        gradients="what jax.vjp gives as"
        if backward is None
        else f"what {backward.__name__} returns",
        forward=Definition.of(getattr(ruled, "fwd", None) or ruled),
        backward=text,
        places=places,
        upstream=argument_name(text, 1 + len(undifferentiated)),
    )
