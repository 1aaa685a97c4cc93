"""The right numbers, and how far an honest implementation in a format may be from them.

Each statement is evaluated in float64, and two radii with it: ``own``, of the reference itself, and
``radius``, of every implementation that computes the same expressions in the given format, in any
order, association and expansion of its sums and products. Radii are composed through the program
by interval evaluation: what a statement uses is off by the radius that its own statement gave it.

Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapters 3 and 4, for
the analysis; the modules ``radius`` (sums and products) and ``curves`` (functions) for the theorems
and constants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from backproof.oracles import atoms, choices, selection
from backproof.oracles.elementary import Memo
from backproof.oracles.formats import Format, format_of
from backproof.oracles.outcome import FloatArray, axes_by_name, axis_sizes
from backproof.oracles.polynomial import Polynomial, Sharper
from backproof.oracles.products import (
    BoolArray,
    UpperProducts,
)
from backproof.oracles.radius import constant_roundings, is_product
from backproof.oracles.ties import Ties
from backproof.oracles.uncertain import Uncertain
from backproof.spec.deriving.derive import Derivation
from backproof.spec.plan import (
    ArrayForm,
    Chosen,
    Einsum,
    Elementwise,
    HardmaxAlong,
    Identity,
    LogSumExpOver,
    Matched,
    MaxOver,
    Named,
    ProductOver,
    Raised,
    Scalar,
    SoftmaxAlong,
    Total,
    array_form,
)
from backproof.spec.terms import ONE, Index, Number, Term


@dataclass(frozen=True, eq=False)
class Bounded:
    """The reference for one tensor, with its radii; all arrays have the tensor's shape.

    At a kink the value is the middle of the one-sided derivatives by convention, and the radius
    reaches both: each value of the hull is right.

    Attributes:
        name: the tensor, or gradient.
        fmt: the format that the radius is for.
        value: R, float64.
        own: B_R, float64: R is within this of the exact value; infinite where nothing is known.
        radius: B, float64: an honest implementation in the format is within this of the exact
            value; infinite where nothing may be demanded.
        overflow: where the format may overflow in some order of summation.
        demanded: where the exact value is not finite, and R is its class: NaN, inf or -inf.
        hull: where a kink, here or upstream, made R a convention.
        tail: the part of the radius for implementations that lose a tail's relative accuracy.
        peak: where something may overflow, an upper bound of the sum of the summands' absolute
            values; None where sums of one sign are not told apart.
        summands: how many summands an entry has.
        in_format: the same entries with the radius for another format.
        sharper: at given entries, by compensated sums: R, what its rounding left, and a radius
            for both together; None where the statement is no plain sum of products.
    """

    name: str
    fmt: Format
    value: FloatArray
    own: FloatArray
    radius: FloatArray
    overflow: BoolArray
    demanded: BoolArray
    hull: BoolArray
    tail: FloatArray
    peak: FloatArray | None = None
    summands: int = 1
    in_format: Callable[[Format], Bounded] | None = field(default=None, repr=False)
    sharper: Sharper | None = field(default=None, repr=False)

    @property
    def lower(self) -> FloatArray:
        """No honest result is below this: float64, of the tensor's shape."""
        return self._edge(-np.inf)

    @property
    def upper(self) -> FloatArray:
        """No honest result is above this: float64, of the tensor's shape."""
        return self._edge(np.inf)

    def _edge(self, towards: float) -> FloatArray:
        with np.errstate(all="ignore"):
            room = np.nextafter(self.radius + self.own, np.inf)
            end = np.nextafter(self.value + (room if towards > 0 else -room), towards)
            exact = (self.radius == 0.0) & (self.own == 0.0)
            return np.where(exact, self.value, np.where(np.isnan(end), towards, end))


def reference(
    derivation: Derivation,
    inputs: Mapping[str, FloatArray],
    fmt: Format | str,
    *,
    accumulate: str | None = None,
    given: Mapping[str, FloatArray] | None = None,
    wanted: Iterable[str] | None = None,
) -> dict[str, Bounded]:
    """The reference values of a program's tensors and gradients, with their radii.

    Args:
        derivation: the statements and the derived gradients.
        inputs: the exact values that the implementation is given, as float64, by name, upstream
            gradients included.
        fmt: the format that the implementation works in.
        accumulate: the format in which it sums, where it declares another.
        given: an implementation's own values of tensors that are judged elsewhere; what follows
            from them is computed from them, as if they were exact.
        wanted: names; all defined tensors and derived gradients unless given.

    Returns:
        A ``Bounded`` by name, for what is wanted; names in ``given`` are left out unless wanted.

    Raises:
        ValueError: an input is missing or its shape is wrong, a size cannot be known, a name is
            not the program's, or a function is one that nothing is known of.
    """
    return Evaluation(derivation, inputs, format_of(fmt), accumulate, given).bounded(wanted)


class Evaluation:
    """One evaluation of a program, tensor by tensor, on demand; arguments as ``reference``'s."""

    def __init__(
        self,
        derivation: Derivation,
        inputs: Mapping[str, FloatArray],
        fmt: Format,
        accumulate: str | None = None,
        given: Mapping[str, FloatArray] | None = None,
    ) -> None:
        self._arguments = (derivation, inputs, accumulate, given)
        self._derivation = derivation
        self._fmt = fmt
        self._accumulate = None if accumulate is None else format_of(accumulate)
        self._inputs = {
            name: np.asarray(array, np.float64)
            for name, array in {**inputs, **(given or {})}.items()
        }
        self._given = frozenset(given or ())
        self._finite = all(np.isfinite(array).all() for array in self._inputs.values())
        self._axes = axes_by_name(derivation)
        self._sizes = axis_sizes(derivation, self._inputs)
        missing = sorted(set(derivation.program.axes) - set(self._sizes))
        if missing:
            raise ValueError(f"no array gives the size of axis {', '.join(missing)}")
        self._ties = Ties(derivation)
        # Whose definition is being evaluated.
        self._name = ""
        self._known: dict[str, Uncertain] = {}
        self._sharper: dict[str, Sharper] = {}
        self._summands: dict[str, int] = {}
        self._upper = UpperProducts(self._sizes)
        self._memo: Memo = {}

    def bounded(self, wanted: Iterable[str] | None = None) -> dict[str, Bounded]:
        """The result of ``reference``."""
        if wanted is None:
            defined = (*self._derivation.program.defined, *self._gradients())
            wanted = [name for name in defined if name not in self._given]
        return {name: self._bounded(name) for name in wanted}

    def _gradients(self) -> list[str]:
        return [g.name for g in self._derivation.gradients.values() if not g.is_upstream]

    def _bounded(self, name: str) -> Bounded:
        found = self.tensor(name)
        shape = found.value.shape
        nowhere = np.broadcast_to(np.False_, shape)
        nothing = np.broadcast_to(np.float64(0.0), shape)
        own = nothing if found.own is None else found.own
        radius = nothing if found.spread is None else found.spread
        if found.unsure is not None:
            own = np.where(found.unsure, np.inf, own)
            radius = np.where(found.unsure, np.inf, radius)
        derivation, inputs, accumulate, given = self._arguments
        return Bounded(
            name=name,
            fmt=self._fmt,
            value=found.value,
            own=own,
            radius=radius,
            overflow=nowhere if found.overflow is None else found.overflow,
            demanded=nowhere if found.demanded is None else found.demanded,
            hull=nowhere if found.hull is None else found.hull,
            tail=nothing if found.tail is None else np.broadcast_to(found.tail, shape),
            peak=found.peak,
            in_format=lambda fmt: Evaluation(derivation, inputs, fmt, accumulate, given).bounded(
                [name]
            )[name],
            summands=self._summands.get(name, 1),
            sharper=self._sharper.get(name),
        )

    def tensor(self, name: str) -> Uncertain:
        """A tensor or gradient by its name.

        Raises:
            ValueError: it is neither given nor defined.
        """
        found = self._known.get(name)
        if found is not None:
            return found
        if name in self._inputs:
            found = _given(self._inputs[name])
        else:
            definition = self._derivation.definition(name)
            if definition is None:
                known = "is not given" if name in self._axes else "is not a name of the program"
                raise ValueError(f"{name} {known}")
            target, value = definition
            form = _form(value, target.indices)
            outer, self._name = self._name, name
            with np.errstate(all="ignore"):
                found = self._statement(form, name)
            self._name = outer
            found = _shaped(found, tuple(self._sizes[i.axis] for i in target.indices))
        self._known[name] = found
        return found

    # ------------------------------------------------------------ forms

    def _atom(self, form: ArrayForm) -> Uncertain:
        """A form's array with its uncertainties, its own roundings included, over its indices."""
        if isinstance(form, Named):
            return _diagonal(self.tensor(form.name), form.indices)
        if isinstance(form, Identity):
            return Uncertain(np.eye(self._sizes[form.indices[0].axis]))
        if isinstance(form, Elementwise):
            argument = self._atom(form.argument)
            return atoms.elementwise(form.function, form.order, argument, self._fmt, self._memo)
        if isinstance(form, SoftmaxAlong):
            axis = form.indices.index(form.along)
            return atoms.softmax(self._atom(form.argument), axis, self._fmt)
        if isinstance(form, LogSumExpOver):
            axis = form.argument.indices.index(form.over)
            return atoms.logsumexp(self._atom(form.argument), axis, self._fmt)
        if isinstance(form, Matched):
            return selection.matched(form, self._sizes)
        if isinstance(form, MaxOver):
            axis = form.argument.indices.index(form.over)
            return choices.largest(self._atom(form.argument), axis)
        if isinstance(form, HardmaxAlong):
            axis = form.indices.index(form.along)
            settled = self._ties.settled(self._name, _tensors(form.argument))
            return choices.hardmax(self._atom(form.argument), axis, settled)
        if isinstance(form, ProductOver):
            return self._product_over(form)
        if isinstance(form, Chosen):
            branches = (self._atom(form.above), self._atom(form.below))
            return self._chosen(form, *branches)
        if isinstance(form, Raised) and not is_product(form):
            argument = self._atom(form.argument)
            return atoms.power(argument, form.power.exponent, self._fmt)
        return self._statement(form, None)

    def _chosen(self, form: Chosen, above: Uncertain, below: Uncertain) -> Uncertain:
        """The choice between two branches, however these were evaluated."""

        def whole(array: Uncertain, part: ArrayForm) -> Uncertain:
            return selection.spread_over(array, part.indices, form.indices, self._sizes)

        return choices.chosen(
            whole(self._test(form.test), form.test),
            whole(above, form.above),
            whole(below, form.below),
            settled=self._ties.settled(self._name, _tensors(form.test)),
            selects=self._finite,
        )

    def _test(self, form: ArrayForm) -> Uncertain:
        """A test, of which the sign alone matters.

        A difference of two numbers of the format has its exact sign, for it underflows gradually
        (Sterbenz; Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 2.5).
        """
        found = self._atom(form)
        if (
            isinstance(form, Total)
            and len(form.parts) == 2
            and all(map(self._is_given, form.parts))
        ):
            found.own = found.spread = None
        return found

    def _is_given(self, form: ArrayForm) -> bool:
        """Whether a part of a sum is, up to its sign, a number that no implementation rounds."""
        if isinstance(form, Einsum) and len(form.operands) == 1 and not form.summed:
            if not isinstance(form.coefficient, Number) or abs(form.coefficient.value) != 1:
                return False
            form = form.operands[0]
        if isinstance(form, Scalar):
            return constant_roundings(form.term, self._sizes, self._fmt.bits) == 0
        if not isinstance(form, Named):
            return False
        array = self.tensor(form.name)
        return array.own is None and array.spread is None

    def _product_over(self, form: ProductOver) -> Uncertain:
        without = selection.without_one(form)
        argument = form.argument if without is None else without.argument
        indices = form.argument.indices
        factors = selection.spread_over(
            self._atom(argument), argument.indices, indices, self._sizes
        )
        axis = indices.index(form.over)
        if without is None:
            return choices.product(factors, axis, self._fmt)
        skipped = selection.diagonal(indices, (form.over, without.index), self._sizes)
        return choices.product(factors, axis, self._fmt, skipped)

    def _statement(self, form: ArrayForm, name: str | None) -> Uncertain:
        if not isinstance(form, (Einsum, Total, Scalar)) and not is_product(form):
            found = self._atom(form)
            if name is not None and isinstance(form, Named) and form.name in self._sharper:
                # Another name for a tensor, with its indices in the same order.
                self._sharper[name] = self._sharper[form.name]
                self._summands[name] = self._summands[form.name]
            return found
        if isinstance(form, Einsum) and len(form.operands) == 1 and form.coefficient is ONE:
            operand = form.operands[0]
            if not form.summed and operand.indices == form.indices:
                return self._statement(operand, name)
        statement = Polynomial(
            form, self._sizes, self._fmt, self._accumulate, self._upper, self._atom, self._chosen
        )
        found = statement.result()
        if name is not None and statement.sharper is not None:
            self._sharper[name] = statement.sharper
            self._summands[name] = statement.summands
        return found


@lru_cache(maxsize=4096)
def _form(value: Term, indices: tuple[Index, ...]) -> ArrayForm:
    return array_form(value, indices)


@lru_cache(maxsize=4096)
def _tensors(form: ArrayForm) -> frozenset[str]:
    """The tensors that a form uses."""
    if isinstance(form, Named):
        return frozenset((form.name,))
    parts: tuple[ArrayForm, ...] = ()
    if isinstance(form, Einsum):
        parts = form.operands
    elif isinstance(form, Total):
        parts = form.parts
    elif isinstance(form, Chosen):
        parts = (form.test, form.above, form.below)
    elif not isinstance(form, (Scalar, Identity, Matched)):
        parts = (form.argument,)
    return frozenset().union(*map(_tensors, parts))


def _given(array: FloatArray) -> Uncertain:
    found = Uncertain(array, given=True)
    finite = np.isfinite(array)
    if not finite.all():
        found.demanded = ~finite
    return found


def _shaped(found: Uncertain, shape: tuple[int, ...]) -> Uncertain:
    if found.value.shape == shape:
        return found

    def fit(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else np.broadcast_to(array, shape)

    result = Uncertain(np.broadcast_to(found.value, shape))
    for name in ("own", "spread", "unsure", "demanded", "overflow", "hull", "peak"):
        setattr(result, name, fit(getattr(found, name)))
    result.tail = found.tail
    return result


def _diagonal(found: Uncertain, indices: tuple[Index, ...]) -> Uncertain:
    if len(set(indices)) == len(indices):
        return found
    letters = {index: k for k, index in enumerate(dict.fromkeys(indices))}
    text = "".join(chr(97 + letters[i]) for i in indices)
    kept = "".join(chr(97 + k) for k in letters.values())

    def take(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else np.einsum(f"{text}->{kept}", array).copy()

    value = take(found.value)
    assert value is not None
    result = Uncertain(value)
    for name in ("own", "spread", "unsure", "demanded", "overflow", "hull"):
        setattr(result, name, take(getattr(found, name)))
    return result
