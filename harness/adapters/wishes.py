"""What a user said about a subject beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from backproof.adapters.model import (
    ACTIVATION_ALONE,
    LINEAR,
    SINGLE,
    Model,
    known_layouts,
    layer_spec,
)
from backproof.adapters.places import Place, read_place
from backproof.errors import NotInferredError, UsageError
from backproof.spec.errors import near
from backproof.spec.functions import ACTIVATIONS, is_abstract
from backproof.spec.layer import Spec


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """The settings of an adaptation; what is None or empty is to be found out.

    Attributes:
        spec: what the layer should compute.
        layout: the einsum of the forward product.
        activation: the name of the activation.
        scale: of the gradients of the parameters, ``sum`` or ``mean``.
        mapping: names in the subject, by tensor or gradient.
    """

    spec: Spec | None = None
    layout: str | None = None
    activation: str | None = None
    scale: str = "sum"
    mapping: Mapping[str, str] = field(default_factory=dict)

    @property
    def spec_is_known(self) -> bool:
        """Whether the user gave a spec in which no function is left open."""
        return self.spec is not None and not self.open_functions

    @property
    def open_functions(self) -> tuple[str, ...]:
        """The functions of the user's spec that stand for no known one, such as ``g``."""
        functions = () if self.spec is None else self.spec.program.functions
        return tuple(name for name in functions if is_abstract(name))

    @property
    def settles_the_spec(self) -> bool:
        """Whether nothing about the spec is left to find out."""
        if self.spec is not None:
            return self.spec_is_known or self.activation is not None
        return self.layout is not None and self.activation is not None

    @property
    def activations(self) -> tuple[str, ...]:
        """The activations that are possible."""
        if self.spec is not None and self.spec_is_known:
            return (self.spec.activation,)
        return ACTIVATIONS if self.activation is None else (self.activation,)

    @property
    def bound_spec(self) -> Spec | None:
        """The user's spec, with the activation that he named in its open function.

        Raises:
            NotInferredError: a function is open, and no activation was named.
        """
        if self.spec is None or self.spec_is_known:
            return self.spec
        if self.activation is None:
            name = self.open_functions[0]
            raise NotInferredError(
                f"the spec leaves the function {name} open",
                help="say what it is with --activation, such as --activation relu",
            )
        return _bound(self.spec, self.open_functions, self.activation)

    def activation_alone(self) -> list[Model]:
        """The specs of a layer that is but an activation."""
        if self.spec is not None or self.scale != "sum" or self.layout is not None:
            return []
        return [Model(layer_spec(layout, "relu", False, "sum")) for layout in ACTIVATION_ALONE]

    def models(self, bias: bool, *, single: bool = False) -> list[Model]:
        """The possible linear parts, one a layout; or the spec that was given.

        Args:
            bias: whether they have one.
            single: those of a layer that takes one sample at a time.

        Raises:
            SpecError: no such layout, activation or scale.
        """
        if self.spec is not None:
            return [] if single else [Model(self.spec)]
        if single and (self.scale != "sum" or self.layout is not None):
            return []
        if self.activation is not None:
            # An activation that does not exist is said at once, before anything is run.
            layer_spec(known_layouts()[0], self.activation, True, self.scale)
        open_ = SINGLE if single else known_layouts()
        chosen = open_ if self.layout is None else (self.layout.replace(" ", ""),)
        return [Model(layer_spec(layout, LINEAR, bias, self.scale)) for layout in chosen]

    def full_model(self, linear: Model, activation: str) -> Model:
        """A linear part with an activation after it; or the spec that was given, with it in g."""
        if self.spec is not None:
            return Model(_bound(self.spec, self.open_functions, activation))
        bias = "b" in linear.spec.program.inputs
        return Model(layer_spec(linear.spec.layout, activation, bias, self.scale))

    def place(self, name: str) -> Place | None:
        """Where the user said that a tensor is kept.

        Raises:
            UsageError: what was said is no name.
        """
        if name not in self.mapping:
            return None
        found = read_place(self.mapping[name])
        if found is None:
            said = f"{name}={self.mapping[name]}"
            raise UsageError(
                f"'{said}' maps {name} to something that is no name",
                f"write an attribute or an argument, such as {name}=self.weights",
            )
        return found


@lru_cache(maxsize=64)
def _bound(spec: Spec, functions: tuple[str, ...], activation: str) -> Spec:
    """A spec in which a known function stands for each open one."""
    if not functions:
        return spec
    return Spec(
        spec.text,
        name=spec.name,
        layout=spec.layout,
        functions={**spec.functions, **dict.fromkeys(functions, activation)},
        scale=spec.scale,
        source_name=spec.program.source.name,
    )


def check_mapping(wishes: Wishes) -> None:
    """Check the left sides of a mapping.

    Raises:
        UsageError: a name on the left is neither a tensor nor a gradient.
    """
    tensors: tuple[str, ...] = ("X", "W", "b", "Z", "A")
    if wishes.spec is not None:
        tensors = tuple(wishes.spec.program.tensors)
    known = (*tensors, *(f"d{t}" for t in tensors))
    for name in wishes.mapping:
        if name not in known:
            found = near(name, known) or list(known)
            raise UsageError(
                f"there is no tensor named '{name}' to map",
                f"known are {', '.join(found)}",
            )
        wishes.place(name)
