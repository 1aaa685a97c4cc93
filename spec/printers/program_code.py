"""A spec as two functions, ``forward`` and ``backward``, and an equation as an assignment."""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from backproof.spec.deriving.derive import gradient_name
from backproof.spec.functions import is_abstract, unfold
from backproof.spec.printers import arrangement as tree
from backproof.spec.printers.code_names import derivative_argument, identifier, identifiers
from backproof.spec.printers.code_sizes import AxisSizes, Shaped
from backproof.spec.printers.code_writer import CodeWriter
from backproof.spec.printers.dialect import Dialect
from backproof.spec.printers.safe_branches import with_safe_branches
from backproof.spec.terms import (
    ONE,
    Apply,
    Entry,
    Term,
    add,
    entry,
    mul,
    negative,
    power,
    rebuild,
    tensors_in,
)

if TYPE_CHECKING:
    from backproof.spec.layer import Equation, Spec

_LINE = 88
_VALUES = "values"
_BUILT_IN = ("float", "max", "min", "slice")


def assignment(equation: Equation, dialect: Dialect) -> str:
    """An equation as an assignment; functions that are not the library's are called by name.

    Raises:
        SpecError: the equation needs a size that is in no shape.
    """
    return _Printer(equation.spec, dialect).assignment(equation)


def program(spec: Spec, dialect: Dialect) -> str:
    """A module with ``forward`` and, where there are gradients, ``backward``.

    Both take the inputs by their names, ``backward`` also the upstream gradients, and return a
    dict of all that they compute. An abstract function ``g`` is an argument, and its derivative
    ``dg`` another.

    Raises:
        SpecError: an equation needs a size that is in no shape.
    """
    return _Printer(spec, dialect).program()


class _Printer:
    def __init__(self, spec: Spec, dialect: Dialect) -> None:
        self.spec = spec
        self.dialect = dialect
        self.layer = spec.program
        # The arguments that stand for functions keep their names; tensors make way.
        reserved = {"forward", "backward", "math", _VALUES, *_BUILT_IN, *dialect.helpers}
        lines = (*dialect.imports, *dialect.optional_imports)
        reserved |= {line.split()[-1] for line in lines} | {"erf", "erfc"}
        self.own = frozenset(reserved)
        for function in self.layer.functions:
            reserved |= {derivative_argument(function, order, self.own) for order in range(4)}
        self.names = identifiers(self.layer, reserved)
        self.reserved = {*reserved, *self.names.values()}
        self.used: dict[str, None] = {}

    # ------------------------------------------------------------ equations

    def assignment(self, equation: Equation) -> str:
        inputs = set(self.layer.inputs)
        known = [t for t in self.layer.tensors if t in inputs]
        return self._assignment(equation, self._writer(equation, known, AxisSizes(self.layer)))

    def _assignment(self, equation: Equation, writer: CodeWriter) -> str:
        wanted = equation.target.indices
        node = tree.arranged(self.prepared(equation), wanted)
        like = self.names[equation.of] if equation.of in self.layer.inputs else ""
        return f"{self.names[equation.name]} = {writer.right_side(node, wanted, like)}"

    def _writer(self, equation: Equation, known: Iterable[str], sizes: AxisSizes) -> CodeWriter:
        """A writer that knows the shapes of what the equation uses, then of what is given."""
        used = tensors_in(self.prepared(equation))
        names = [t for t in self.names if t in used]
        scope = self._shaped(dict.fromkeys((*names, *known)))
        return CodeWriter(self.dialect, self.names, scope, sizes, self.used, self.own)

    def _shaped(self, tensors: Iterable[str]) -> list[Shaped]:
        return [(self.names[t], self._axes(t)) for t in tensors]

    def _named_sizes(self) -> AxisSizes:
        """The sizes of the axes, whose variables go by the names of the axes."""
        taken = self.reserved | set(keyword.kwlist)
        names: dict[str, str] = {}
        for axis in self.layer.axes:
            name = identifier(axis)
            while name in taken:
                name += "_"
            taken.add(name)
            names[axis] = name
        return AxisSizes(self.layer, names)

    def _axes(self, name: str) -> tuple[str, ...]:
        if name in self.layer.tensors:
            return self.layer.tensors[name].axes
        return next(t.axes for t in self.layer.tensors.values() if gradient_name(t.name) == name)

    def prepared(self, equation: Equation) -> Term:
        """The right side in functions that the library has.

        In a gradient, when all statements have run, slopes go by the names of their values.
        """

        def on(node: Term) -> Term:
            node = rebuild(node, on)
            if not isinstance(node, Apply) or is_abstract(node.function):
                return node
            slope = self._slope_of_named(node) if equation.of else None
            if slope is not None:
                return slope
            if (node.function, node.order) in self.dialect.rules:
                return node
            return on(unfold(node))

        return with_safe_branches(on(equation.value))

    def _slope_of_named(self, term: Apply) -> Term | None:
        """sigmoid'(Z) as A*(1 - A), and tanh'(Z) as 1 - A^2, where a statement gives A."""
        argument = term.argument
        if term.order != 1 or term.function not in ("sigmoid", "tanh"):
            return None
        if not isinstance(argument, Entry):
            return None
        for s in self.layer.statements:
            inner = s.value.argument if isinstance(s.value, Apply) else None
            if not isinstance(s.value, Apply) or not isinstance(inner, Entry):
                continue
            same = (s.value.function, s.value.order) == (term.function, 0)
            if not same or inner.tensor != argument.tensor:
                continue
            if sorted(inner.indices) != sorted(s.target.indices):
                continue
            at = dict(zip(inner.indices, argument.indices, strict=True))
            value = entry(s.target.tensor, (at[i] for i in s.target.indices))
            if term.function == "sigmoid":
                return mul(value, add(ONE, negative(value)))
            return add(ONE, negative(power(value, 2)))
        return None

    # ------------------------------------------------------------ functions

    def program(self) -> str:
        forward = self._forward()
        backward = [self._backward()] if self.spec.gradients() else []
        helpers = self.dialect.with_dependencies(self.used)
        found = [self.dialect.helpers[h] for h in helpers]
        needed = dict.fromkeys(line for h in found for line in h.imports)
        standard = [line for line in needed if line == "import math"]
        others = [line for line in needed if line != "import math"]
        heads = ["\n".join(standard)] if standard else []
        blocks = [h.code.rstrip("\n") for h in found if h.code]
        code = "\n\n\n".join((*blocks, forward, *backward))
        optional = [
            line for line in self.dialect.optional_imports if f"{line.split()[-1]}." in code
        ]
        heads.append("\n".join((*optional, *self.dialect.imports, *others)))
        return "\n\n".join(heads) + "\n\n\n" + code + "\n"

    def _forward(self) -> str:
        lines: list[str] = []
        functions: dict[str, None] = {}
        known = list(self.layer.inputs)
        sizes = self._named_sizes()
        for equation in self.spec.statements().values():
            writer = self._writer(equation, known, sizes)
            lines.append(self._assignment(equation, writer))
            functions |= writer.functions
        lines[:0] = sizes.definitions(self._shaped(known))
        self.forward_functions = tuple(functions)
        lines.append(self._returned(self.layer.defined))
        arguments = (*(self.names[t] for t in self.layer.inputs), *functions)
        return self._function("forward", arguments, self.layer.inputs, lines)

    def _backward(self) -> str:
        gradients = self.spec.gradients().values()
        upstreams = [e.name for e in gradients if e.is_upstream]
        derived = [e for e in gradients if not e.is_upstream]
        lines: list[str] = []
        functions: dict[str, None] = {}
        needed: set[str] = set()
        known = [*self.layer.inputs, *upstreams]
        sizes = self._named_sizes()
        for equation in derived:
            writer = self._writer(equation, known, sizes)
            lines.append(self._assignment(equation, writer))
            functions |= writer.functions
            needed |= tensors_in(self.prepared(equation))
        wanted = [t for t in self.layer.defined if t in needed]
        if wanted:
            functions = dict.fromkeys((*self.forward_functions, *functions))
            lines[:0] = self._recomputed(wanted)
        lines[:0] = sizes.definitions(self._shaped(known))
        lines.append(self._returned([e.name for e in derived]))
        arguments = (*(self.names[t] for t in known), *functions)
        return self._function("backward", arguments, known, lines)

    def _recomputed(self, wanted: list[str]) -> list[str]:
        arguments = (*(self.names[t] for t in self.layer.inputs), *self.forward_functions)
        call = _wrapped("forward(", [f"{a}={a}" for a in arguments], ")", 4)
        if len(wanted) == 1:
            name = self.names[wanted[0]]
            return [f'{name} = {call}["{name}"]']
        names = [self.names[t] for t in wanted]
        return [f"{_VALUES} = {call}", *(f'{n} = {_VALUES}["{n}"]' for n in names)]

    def _returned(self, tensors: Iterable[str]) -> str:
        names = [self.names[t] for t in tensors]
        return _wrapped("return {", [f'"{n}": {n}' for n in names], "}", 4)

    def _function(
        self, name: str, arguments: Iterable[str], arrays: Iterable[str], lines: Iterable[str]
    ) -> str:
        head = _wrapped(f"def {name}(", ["*", *arguments], "):", 0)
        shapes = ", ".join(f"{self.names[t]} {_shape(self._axes(t))}" for t in arrays)
        body = list(lines)
        if shapes:
            body.insert(0, "\n".join(textwrap.wrap(f'"""Shapes: {shapes}."""', _LINE - 4)))
        return "\n".join((head, *("\n".join(f"    {x}" for x in b.split("\n")) for b in body)))


def _shape(axes: tuple[str, ...]) -> str:
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def _wrapped(opening: str, items: list[str], closing: str, indent: int) -> str:
    """The items on one line, or one a line where that is too long."""
    items = [i for i in items if i != "*" or len(items) > 1]
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) + indent <= _LINE:
        return line
    inner = "".join(f"\n    {item}," for item in items)
    return f"{opening}{inner}\n{closing}"
