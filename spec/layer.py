"""A layer stated once: its text, its program, its derived gradients in every notation."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from backproof.spec.deriving.derive import Derivation, Gradient, Step, derive, gradient_name
from backproof.spec.deriving.derived_programs import gradient_program, needed_for, tangent_program
from backproof.spec.deriving.forward_mode import Tangent, push_forward, tangent_name
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import ACTIVATIONS, FUNCTIONS
from backproof.spec.naming import name_bound
from backproof.spec.notation.elaborate import elaborate
from backproof.spec.program import Program
from backproof.spec.source import Source, Span
from backproof.spec.terms import Apply, Entry, Index, Term, apply, rebuild, softmax

SCALES = ("sum", "mean")


class Equation:
    """``target = value``, which prints itself in any notation.

    Attributes:
        name: the tensor on the left, such as dW.
        of: for a gradient, the tensor with respect to which it is taken, else empty.
        steps: how it was derived; empty for a statement of the program.
    """

    def __init__(
        self, spec: Spec, target: Entry, value: Term, of: str = "", steps: tuple[Step, ...] = ()
    ) -> None:
        self.spec = spec
        self.target = target
        self.value = value
        self.of = of
        self.steps = steps
        self._forms: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The tensor on the left."""
        return self.target.tensor

    @property
    def is_upstream(self) -> bool:
        """Whether it is given and not derived: the upstream gradient of an output."""
        return self.value is self.target

    def form(self, notation: str) -> str:
        """The equation in one of the notations of ``backproof.spec.printers.registry``."""
        from backproof.spec.printers.registry import equation_form

        if notation not in self._forms:
            self._forms[notation] = equation_form(self, notation)
        return self._forms[notation]

    @property
    def index(self) -> str:
        """In index notation."""
        return self.form("index")

    @property
    def matrix(self) -> str:
        """In matrix notation; as an einsum where no matrix form exists."""
        return self.form("matrix")

    @property
    def einsum(self) -> str:
        """As an einsum."""
        return self.form("einsum")

    @property
    def latex(self) -> str:
        """In LaTeX."""
        return self.form("latex")

    def numpy(self) -> str:
        """As a NumPy assignment."""
        return self.form("numpy")

    def jax(self) -> str:
        """As a JAX assignment."""
        return self.form("jax")

    def sympy(self) -> Any:
        """As a ``sympy.Eq`` over indexed symbols."""
        from backproof.spec.scalars import sympy_equation

        return sympy_equation(self)

    def expanded(self) -> Equation:
        """The same equation with every intermediate replaced by what defines it."""
        from backproof.spec.deriving.expand import expand

        value = expand(self.spec.derivation, self.value)
        value = name_bound(self.spec.program, value, self.target.indices)
        return Equation(self.spec, self.target, value, self.of)

    def __str__(self) -> str:
        return self.index

    def __repr__(self) -> str:
        return f"<{self.index}>"


class Spec:
    """A layer, a loss or a network, stated in index notation.

    Args:
        text: the equations.
        name: what reports call it.
        layout: the einsum of its forward product, when it has one; for reports.
        functions: a known function for each abstract one, such as ``{"g": "sigmoid"}``;
            ``softmax`` stands for softmax along the outputs.
        scale: "sum", the exact vector-Jacobian product; or "mean", for layers that divide the
            gradients of their parameters by the number of samples.
        source_name: what error messages call the text.

    Raises:
        SpecError: the text cannot be read or does not make sense.
    """

    def __init__(
        self,
        text: str,
        *,
        name: str = "",
        layout: str = "",
        functions: Mapping[str, str] | None = None,
        scale: str = "sum",
        source_name: str = "<equations>",
    ) -> None:
        if scale not in SCALES:
            raise SpecError(f"scale is 'sum' or 'mean', found {scale!r}")
        self.text = text
        self.name = name
        self.layout = layout
        self.functions = dict(functions or {})
        self.scale = scale
        self.program = bind_functions(elaborate(Source(text, source_name)), self.functions)

    @property
    def activation(self) -> str:
        """What stands for ``g``: a known function, or g itself; empty where there is none."""
        if "g" in self.functions:
            return self.functions["g"]
        return "g" if "g" in self.program.functions else ""

    @property
    def samples(self) -> str | None:
        """The axis whose role is samples."""
        return self.program.samples

    @cached_property
    def derivation(self) -> Derivation:
        """The derived gradients with their steps."""
        return derive(self.program, self.mean_over)

    @property
    def mean_over(self) -> str | None:
        """The axis by whose size gradients of parameters are divided; None for the scale sum.

        Raises:
            SpecError: the scale is mean, and no axis has the role samples.
        """
        if self.scale == "sum":
            return None
        if self.samples is None:
            raise SpecError(
                "scale 'mean' needs an axis whose role is samples",
                help="declare it in the text: axes n: samples",
            )
        return self.samples

    def gradients(self) -> dict[str, Equation]:
        """The derived gradient of each tensor, by the tensor's name, from outputs to inputs."""
        return {
            g.of: Equation(self, g.target, g.value, g.of, g.steps)
            for g in self.derivation.gradients.values()
        }

    def statements(self) -> dict[str, Equation]:
        """The forward equation of each defined tensor, in order."""
        return {s.target.tensor: Equation(self, s.target, s.value) for s in self.program.statements}

    def tangents(self, along: Collection[str] | None = None) -> dict[str, Equation]:
        """The derived tangent of each defined tensor, by the tensor's name, in order.

        Args:
            along: the inputs that vary, each in a direction such as tW; all unless given.

        Raises:
            SpecError: a name is taken, or what is to vary is no input.
        """
        stated = self.tangent_spec(along).statements()
        return {name: stated[tangent_name(name)] for name in self.program.defined}

    def tangent_spec(self, along: Collection[str] | None = None) -> DerivedSpec:
        """This spec with the tangents among its statements: it computes a Jacobian-vector product.

        Args:
            along: as for ``tangents``.

        Raises:
            SpecError: as for ``tangents``.
        """
        pushed = push_forward(self.program, along)
        return DerivedSpec(self, tangent_program(pushed), pushed.tangents.values())

    def gradient_spec(self, of: Collection[str] | None = None) -> DerivedSpec:
        """This spec with the gradients among its statements, so that they can be derived again.

        Args:
            of: the tensors whose gradients it is for; what they do not need is left out.

        Raises:
            SpecError: there is no such tensor.
        """
        for name in of or ():
            if name not in self.program.tensors:
                raise SpecError(
                    f"no tensor is named '{name}'",
                    help=suggestion(name, self.program.tensors)
                    or f"known are {', '.join(self.program.tensors)}",
                )
        program = gradient_program(self.derivation, of)
        return DerivedSpec(self, program, self.derivation.gradients.values())

    def hessian_vector_products(self, along: Collection[str] | None = None) -> dict[str, Equation]:
        """The tangent of each input's gradient, by the input's name: forward over reverse.

        Args:
            along: the inputs that vary, each in a direction such as tW, and whose gradients are
                asked for; all unless given. Upstream gradients do not vary.

        Raises:
            SpecError: a name is taken, or what is to vary is no input.
        """
        varying = self.program.inputs if along is None else tuple(along)
        stated = self.hessian_spec(varying).statements()
        return {name: stated[tangent_name(gradient_name(name))] for name in varying}

    def hessian_spec(self, along: Collection[str] | None = None) -> DerivedSpec:
        """This spec with all that its Hessian-vector products need among its statements.

        Args:
            along: as for ``hessian_vector_products``.

        Raises:
            SpecError: as for ``hessian_vector_products``.
        """
        varying = self.program.inputs if along is None else tuple(along)
        full = self.gradient_spec(varying).tangent_spec(varying)
        gradients = [gradient_name(name) for name in varying]
        return full.needed_for([*gradients, *map(tangent_name, gradients)])

    def equation(self, name: str) -> Equation | None:
        """The equation that gives a tensor or a gradient; None for what is given."""
        found = self.statements().get(name)
        if found is not None:
            return found
        return next(
            (e for e in self.gradients().values() if e.name == name and not e.is_upstream), None
        )

    def __str__(self) -> str:
        return self.text.strip()

    def __repr__(self) -> str:
        label = self.name or "Spec"
        details = ", ".join(x for x in (self.layout, self.activation) if x)
        return f"<{label}{': ' + details if details else ''}>"


class DerivedSpec(Spec):
    """A derivation as a spec in its own right; its statements know how they were derived.

    It has no gradients until it is asked for those of its own: the first ones are statements.

    Args:
        base: the spec that was derived.
        program: its statements and those that were derived.
        derived: how the latter were; what stands in no statement does not matter.
    """

    def __init__(self, base: Spec, program: Program, derived: Iterable[Gradient | Tangent]) -> None:
        self.base = base
        self.text = base.text
        self.name = base.name
        self.layout = base.layout
        self.functions = base.functions
        self.scale = base.scale
        self.program = program
        self._derived = {d.name: d for d in derived}

    @cached_property
    def derivation(self) -> Derivation:
        """The statements alone: what was derived is among them."""
        return Derivation(self.program, {})

    def statements(self) -> dict[str, Equation]:
        """The equation of each defined tensor, in order, with its steps where it was derived."""
        before = self.base.statements()
        return {name: before.get(name) or self._stated(name) for name in self.program.defined}

    def _stated(self, name: str) -> Equation:
        found = self._derived[name]
        # How a gradient was derived is said in terms of the program that it is a gradient of.
        spec = self.base if isinstance(found, Gradient) else self
        return Equation(spec, found.target, found.value, found.of, found.steps)

    def needed_for(self, tensors: Collection[str]) -> DerivedSpec:
        """The spec without the statements that none of the given tensors needs."""
        return DerivedSpec(self.base, needed_for(self.program, tensors), self._derived.values())


def bind_functions(program: Program, functions: Mapping[str, str]) -> Program:
    """The program with known functions in place of abstract ones.

    Raises:
        SpecError: the program has no such abstract function, or the known one is unknown.
    """
    if not functions:
        return program
    for abstract, known in functions.items():
        if abstract not in program.functions:
            raise SpecError(f"the equations have no abstract function named '{abstract}'")
        if known not in FUNCTIONS and known != "softmax":
            raise SpecError(
                f"unknown activation '{known}'",
                help=suggestion(known, ACTIVATIONS) or f"known are {', '.join(ACTIVATIONS)}",
            )
    statements = tuple(
        dataclasses.replace(s, value=_bound(program, s.value, s.target.indices, s.span, functions))
        for s in program.statements
    )
    assumptions = tuple(
        dataclasses.replace(
            a,
            left=_bound(program, a.left, sorted(a.left.free), None, functions),
            right=_bound(program, a.right, sorted(a.right.free), None, functions),
        )
        for a in program.assumptions
    )
    rest = tuple(f for f in program.functions if f not in functions)
    return dataclasses.replace(
        program, statements=statements, assumptions=assumptions, functions=rest
    )


def _bound(
    program: Program,
    value: Term,
    indices: Iterable[Index],
    span: Span | None,
    functions: Mapping[str, str],
) -> Term:
    def on(term: Term) -> Term:
        term = rebuild(term, on)
        if isinstance(term, Apply) and term.function in functions:
            known = functions[term.function]
            if known == "softmax":
                along = [i for i in indices if program.axes[i.axis].role == "outputs"]
                if len(along) != 1 or term.order:
                    raise SpecError(
                        "softmax needs exactly one axis whose role is outputs on the left",
                        program.source,
                        span,
                        help="declare it: axes o: outputs",
                    )
                return softmax(along[0], term.argument)
            if known == "linear" and term.order == 0:
                return term.argument
            return apply(known, term.argument, term.order)
        return term

    return on(value)
