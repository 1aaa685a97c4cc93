"""Equations as objects of SymPy: with sums over indices, and written out at given sizes.

The explicit forms are a second opinion on a derivation: ``explicit_gradient`` has SymPy
differentiate the written-out loss, and knows nothing of this package's rules of differentiation.
This is the only module here that imports SymPy, and it does so inside its functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from backproof.spec.deriving.derive import gradient_name
from backproof.spec.errors import SpecError, suggestion
from backproof.spec.functions import FUNCTIONS, formula
from backproof.spec.terms import (
    Add,
    Apply,
    Constant,
    Delta,
    Entry,
    Hardmax,
    Index,
    LogSumExp,
    Match,
    Max,
    Mul,
    Number,
    Partial,
    Power,
    Product,
    Size,
    Softmax,
    Sum,
    Term,
    Where,
    apply,
    fresh,
    indices_in,
    substitute,
)

if TYPE_CHECKING:
    from backproof.spec.layer import Equation, Spec

Position = tuple[int, ...]
Components = dict[Position, Any]
FunctionRule = Callable[[Apply, Any], Any]


# ---------------------------------------------------------------- functions


@lru_cache(maxsize=256)
def opaque(name: str, order: int = 0) -> Any:
    """A function of one argument of which SymPy knows only that its derivative is the next order.

    Args:
        name: as in ``FUNCTIONS``, or that of an abstract function.
        order: of the derivative.
    """
    import sympy

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return opaque(name, order + 1)(self.args[0])

    return type(name + "'" * order, (sympy.Function,), {"nargs": 1, "fdiff": fdiff})


def sympy_function(application: Apply, argument: Any) -> Any:
    """A function, or its derivative, at an argument, in functions that SymPy knows.

    Derivatives follow ``backproof.spec.functions``; ``step`` is 0 at 0.

    Args:
        application: which function, and the order of the derivative; its own argument is unused.
        argument: an expression of SymPy.
    """
    import sympy

    simpler = formula(application.function, application.order)
    if simpler is not None:
        return _Writer(lambda _: argument, sympy_function).write(simpler)
    x, name = argument, application.function
    known: dict[str, Callable[[], Any]] = {
        "exp": lambda: sympy.exp(x),
        "log": lambda: sympy.log(x),
        "tanh": lambda: sympy.tanh(x),
        "sigmoid": lambda: 1 / (1 + sympy.exp(-x)),
        "softplus": lambda: sympy.log(1 + sympy.exp(x)),
        "erf": lambda: sympy.erf(x),
        "relu": lambda: sympy.Max(0, x),
        "step": lambda: sympy.Heaviside(x, 0),
        "abs": lambda: sympy.Abs(x),
        "sign": lambda: sympy.sign(x),
    }
    if name in known and application.order == 0:
        return known[name]()
    return opaque(name, application.order)(x)


def opaque_function(application: Apply, argument: Any) -> Any:
    """A function, or its derivative, at an argument, as a symbol of its own.

    Only the functions whose derivatives a derivation writes out (exp' is exp) are SymPy's own.

    Args:
        application: which function, and the order of the derivative; its own argument is unused.
        argument: an expression of SymPy.
    """
    known = FUNCTIONS.get(application.function)
    if known is not None and known.inline:
        return sympy_function(application, argument)
    return opaque(application.function, application.order)(argument)


# ---------------------------------------------------------------- over indices


def sympy_equation(equation: Equation) -> Any:
    """An equation as a ``sympy.Eq`` that holds for all values of the indices of its left side.

    A size that the axes line fixes is a number.
    """
    import sympy

    declared = equation.spec.program.declared_sizes
    fixed = {_size_symbol(axis): sympy.Integer(size) for axis, size in declared.items()}
    sides = (sympy_term(side).xreplace(fixed) for side in (equation.target, equation.value))
    return sympy.Eq(*sides, evaluate=False)


def sympy_term(term: Term) -> Any:
    """A term over ``sympy.IndexedBase`` and ``sympy.Idx``, with sums of symbolic sizes.

    The index n runs from 0 to size_n - 1, where size_n is a positive integer symbol. SymPy has no
    largest value over an index: ``max`` and ``hardmax`` are functions of which it knows nothing,
    of the body and the range of the index (and of the position).
    """
    return _Writer(_indexed, sympy_function).write(term)


def _size_symbol(axis: str) -> Any:
    import sympy

    return sympy.Symbol(f"size_{axis}", integer=True, positive=True)


def _idx(index: Index) -> Any:
    import sympy

    return sympy.Idx(index.name, _size_symbol(index.axis))


def _range(index: Index) -> tuple[Any, int, Any]:
    return _idx(index), 0, _size_symbol(index.axis) - 1


def _indexed(entry: Entry) -> Any:
    import sympy

    if not entry.indices:
        return sympy.Symbol(entry.tensor, real=True)
    return sympy.IndexedBase(entry.tensor, real=True)[tuple(map(_idx, entry.indices))]


class _Writer:
    """Terms to expressions; here with symbolic sums.

    Args:
        entry: the expression of an entry.
        function: the expression of a function at an argument.
    """

    def __init__(self, entry: Callable[[Entry], Any], function: FunctionRule) -> None:
        self.entry = entry
        self.function = function

    def write(self, term: Term) -> Any:
        import sympy

        if isinstance(term, Number):
            return sympy.Rational(term.value.numerator, term.value.denominator)
        if isinstance(term, Constant):
            return {"pi": sympy.pi}[term.name]
        if isinstance(term, Size):
            return self.size(term.axis)
        if isinstance(term, Entry):
            return self.entry(term)
        if isinstance(term, Delta):
            return self.delta(term)
        if isinstance(term, Add):
            return sympy.Add(*map(self.write, term.terms))
        if isinstance(term, Mul):
            return sympy.Mul(*map(self.write, term.factors))
        if isinstance(term, Power):
            exponent = sympy.Rational(term.exponent.numerator, term.exponent.denominator)
            return self.write(term.base) ** exponent
        if isinstance(term, Apply):
            return self.function(term, self.write(term.argument))
        if isinstance(term, Sum):
            return self.sum(term.indices, term.body)
        if isinstance(term, Softmax):
            other = fresh(term.index, indices_in(term))
            moved = substitute(term.body, {term.index: other})
            return sympy.exp(self.write(term.body)) / self.exponentials(other, moved)
        if isinstance(term, LogSumExp):
            return sympy.log(self.exponentials(term.index, term.body))
        if isinstance(term, Match):
            return self.match(term)
        if isinstance(term, Where):
            above, below = self.write(term.above), self.write(term.below)
            return sympy.Piecewise((above, self.write(term.test) > 0), (below, True))
        if isinstance(term, Product):
            return self.product(term.index, term.body)
        if isinstance(term, Max):
            return self.largest(term.index, term.body)
        if isinstance(term, Hardmax):
            return self.hardmax(term)
        if isinstance(term, Partial):
            return sympy.Derivative(self.write(term.of), self.write(term.by))
        raise TypeError(f"{type(term).__name__} has no rule for SymPy: a bug in backproof")

    def exponentials(self, index: Index, body: Term) -> Any:
        return self.sum((index,), apply("exp", body))

    def size(self, axis: str) -> Any:
        return _size_symbol(axis)

    def delta(self, term: Delta) -> Any:
        import sympy

        return sympy.KroneckerDelta(_idx(term.left), _idx(term.right))

    def match(self, term: Match) -> Any:
        import sympy

        place = sum((factor * _idx(index) for index, factor in term.parts), term.offset)
        return sympy.KroneckerDelta(_idx(term.left), place)

    def sum(self, indices: Sequence[Index], body: Term) -> Any:
        import sympy

        return sympy.Sum(self.write(body), *map(_range, indices))

    def product(self, index: Index, body: Term) -> Any:
        import sympy

        return sympy.Product(self.write(body), _range(index))

    def largest(self, index: Index, body: Term) -> Any:
        import sympy

        return sympy.Function("max")(self.write(body), sympy.Tuple(*_range(index)))

    def hardmax(self, term: Hardmax) -> Any:
        import sympy

        over = sympy.Tuple(*_range(term.index))
        return sympy.Function("hardmax")(self.write(term.body), over, _idx(term.at))


# ---------------------------------------------------------------- at given sizes


class _Explicit(_Writer):
    """Sums written out at given sizes; every index has a value."""

    def __init__(
        self,
        values: Mapping[str, Components],
        sizes: Mapping[str, int],
        function: FunctionRule,
    ) -> None:
        super().__init__(self._entry, function)
        self.values = values
        self.sizes = sizes
        self.at: dict[Index, int] = {}

    def _entry(self, entry: Entry) -> Any:
        return self.values[entry.tensor][tuple(self.at[i] for i in entry.indices)]

    def size(self, axis: str) -> Any:
        import sympy

        return sympy.Integer(self.sizes[axis])

    def delta(self, term: Delta) -> Any:
        import sympy

        return sympy.Integer(int(self.at[term.left] == self.at[term.right]))

    def sum(self, indices: Sequence[Index], body: Term) -> Any:
        import sympy

        return sympy.Add(*self._values(indices, body))

    def match(self, term: Match) -> Any:
        import sympy

        place = term.offset + sum(factor * self.at[index] for index, factor in term.parts)
        return sympy.Integer(int(self.at[term.left] == place))

    def product(self, index: Index, body: Term) -> Any:
        import sympy

        return sympy.Mul(*self._values((index,), body))

    def largest(self, index: Index, body: Term) -> Any:
        import sympy

        return sympy.Max(*self._values((index,), body))

    def hardmax(self, term: Hardmax) -> Any:
        import sympy

        values = self._values((term.index,), term.body)
        top = sympy.Max(*values)
        shares = [sympy.Piecewise((1, value >= top), (0, True)) for value in values]
        return shares[self.at[term.at]] / sympy.Add(*shares)

    def _values(self, indices: Sequence[Index], body: Term) -> list[Any]:
        return [self.placed(indices, place, body) for place in self._places(indices)]

    def _places(self, indices: Sequence[Index]) -> Iterator[Position]:
        return itertools.product(*(range(self.sizes[i.axis]) for i in indices))

    def placed(self, indices: Sequence[Index], place: Position, body: Term) -> Any:
        outer = self.at
        self.at = outer | dict(zip(indices, place, strict=True))
        try:
            return self.write(body)
        finally:
            self.at = outer

    def array(self, target: Entry, value: Term) -> Components:
        return {p: self.placed(target.indices, p, value) for p in self._places(target.indices)}


def components(
    spec: Spec, sizes: Mapping[str, int], function: FunctionRule = sympy_function
) -> dict[str, Components]:
    """Every tensor and derived gradient of a spec, written out in symbols of its inputs.

    Args:
        spec: the statements and their derivation.
        sizes: of every axis, at least 1; those that the program fixes need not be given.
        function: how functions are written: ``sympy_function`` or ``opaque_function``.

    Returns:
        By name, the expression at each position (counted from 0). An entry of an input or of an
        upstream gradient is a real symbol such as ``X[0,1]``.

    Raises:
        SpecError: the size of an axis is missing or is no positive whole number.
    """
    sizes = _consistent(spec, sizes)
    values = _forward(spec, sizes, function)
    for gradient in spec.derivation.gradients.values():
        if gradient.is_upstream:
            values[gradient.name] = _symbols(spec, gradient.of, sizes, gradient.name)
        else:
            writer = _Explicit(values, sizes, function)
            values[gradient.name] = writer.array(gradient.target, gradient.value)
    return values


def explicit_value(
    spec: Spec, name: str, sizes: Mapping[str, int], function: FunctionRule = sympy_function
) -> Components:
    """A tensor or a derived gradient, written out; see ``components``.

    Raises:
        SpecError: there is none of that name, or a size is missing.
    """
    found = components(spec, sizes, function)
    if name not in found:
        raise SpecError(
            f"no tensor or gradient is named '{name}'",
            help=suggestion(name, found) or f"known are {', '.join(found)}",
        )
    return found[name]


def explicit_gradient(
    spec: Spec, tensor: str, sizes: Mapping[str, int], function: FunctionRule = sympy_function
) -> Components:
    """The gradient with respect to a tensor as SymPy differentiates it, written out.

    What is differentiated is the loss, or the sum of <dA, A> over the outputs A, as a function of
    the tensor's entries. In a spec whose scale is "mean" the gradient of a parameter is divided
    by the number of samples.

    Args:
        spec: the statements; of its derivation nothing is used.
        tensor: with respect to which; an input or an intermediate.
        sizes: of every axis, at least 1; those that the program fixes need not be given.
        function: how functions are written: ``sympy_function`` or ``opaque_function``.

    Raises:
        SpecError: there is no such tensor, or a size is missing.
    """
    import sympy

    program = spec.program
    if tensor not in program.tensors:
        raise SpecError(
            f"no tensor is named '{tensor}'",
            help=suggestion(tensor, program.tensors) or f"known are {', '.join(program.tensors)}",
        )
    sizes = _consistent(spec, sizes)
    at = _symbols(spec, tensor, sizes, tensor)
    values = _forward(spec, sizes, function, {tensor: at})
    objective = sympy.Integer(0)
    for output in program.outputs:
        if program.is_loss(output):
            objective += values[output][()]
            continue
        upstream = _symbols(spec, output, sizes, gradient_name(output))
        objective += sympy.Add(*(upstream[p] * values[output][p] for p in upstream))
    scale = sympy.Integer(1)
    parameter = tensor in program.inputs and spec.samples not in program.tensors[tensor].axes
    if spec.scale == "mean" and spec.samples is not None and parameter:
        scale = sympy.Rational(1, sizes[spec.samples])
    given = _forward(spec, sizes, function)[tensor]
    back = {at[p]: given[p] for p in at}
    return {p: (scale * sympy.diff(objective, at[p])).xreplace(back) for p in at}


def proved_equal(left: Any, right: Any) -> bool:
    """Whether two expressions are the same rational function of their symbols and functions.

    Each value of a function at an argument counts as an unknown of its own, save that
    exp(a + 2*b) is exp(a)*exp(b)^2: so True is a proof, by polynomial arithmetic alone; False
    proves nothing.
    """
    import sympy

    unknowns: dict[Any, Any] = {}

    def unknown(*key: Any) -> Any:
        return unknowns.setdefault(key, sympy.Dummy(real=True))

    def on(application: Any) -> Any:
        arguments = tuple(map(sympy.expand, application.args))
        if application.func is not sympy.exp:
            return unknown(application.func, *arguments)
        product = sympy.Integer(1)
        for part in sympy.Add.make_args(arguments[0]):
            count, rest = part.as_coeff_Mul()
            if not count.is_Integer:
                count, rest = sympy.Integer(1), part
            product *= unknown(sympy.exp, rest) ** count
        return product

    difference = (left - right).replace(lambda e: isinstance(e, sympy.Function), on)
    numerator, _ = sympy.fraction(sympy.together(difference))
    return bool(sympy.expand(numerator) == 0)


def _consistent(spec: Spec, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes of all axes.

    Raises:
        SpecError: one is missing or is no positive whole number.
    """
    program = spec.program
    for axis in program.axes:
        size = sizes.get(axis)
        if axis not in program.settled_axes and (not isinstance(size, int) or size < 1):
            raise SpecError(f"the size of axis '{axis}' is a positive whole number, found {size!r}")
    return program.consistent(sizes)


def _symbols(spec: Spec, tensor: str, sizes: Mapping[str, int], name: str) -> Components:
    import sympy

    axes = spec.program.tensors[tensor].axes
    places = itertools.product(*(range(sizes[axis]) for axis in axes))
    label = "{}[{}]" if axes else "{}"
    return {p: sympy.Symbol(label.format(name, ",".join(map(str, p))), real=True) for p in places}


def _forward(
    spec: Spec,
    sizes: Mapping[str, int],
    function: FunctionRule,
    given: Mapping[str, Components] | None = None,
) -> dict[str, Components]:
    """All tensors; those that are given are taken as they are, whatever defines them."""
    values: dict[str, Components] = dict(given or {})
    for name in spec.program.inputs:
        values.setdefault(name, _symbols(spec, name, sizes, name))
    for s in spec.program.statements:
        if s.target.tensor not in values:
            values[s.target.tensor] = _Explicit(values, sizes, function).array(s.target, s.value)
    return values
