"""JAX differentiates the forward statements; the derived gradients are never looked at.

A statement becomes an array over its whole index space, one dimension an index, multiplied out
and summed: not the einsums that the printers and the reference use. An affine position is a gather.
Both of JAX's modes run, and have to agree: <dA, J v> = <J^T dA, v> for a fixed v.

Of JAX this uses its tracing and its differentiation. The traced program is then carried out in
outward rounded interval arithmetic (``backproof.oracles.jaxprs``), so that its rounding is bounded
and nothing is compiled: compiling takes tenths of a second for every new shape, tracing about one
hundredth, and what is traced is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from backproof.oracles import boxes
from backproof.oracles.averages import averaged_axis
from backproof.oracles.boxes import Box
from backproof.oracles.matching import loops, settled_in, settled_place
from backproof.oracles.outcome import Answer, FloatArray, Question, Unavailable
from backproof.oracles.pointwise import NoRuleError
from backproof.oracles.questions import checked
from backproof.spec.deriving.derive import Derivation, Gradient
from backproof.spec.functions import formula, is_abstract, unfold
from backproof.spec.program import Program
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
    Power,
    Product,
    Size,
    Softmax,
    Sum,
    Term,
    Where,
    indices_in,
)

# Entries of the largest array over one statement's index space: 64 MB an array.
MOST_ENTRIES = 1 << 23

_Tensors = Mapping[str, Any]


class AutodiffOracle:
    """JAX's vector-Jacobian product of the forward statements, in float64.

    At a kink, where JAX picks a value, the answer is the hull of what it may pick from.

    Args:
        most_entries: refuse when a statement's index space has more points.
    """

    name = "autodiff"
    independent_of = "our differentiation"

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self.most_entries = most_entries

    def answer(self, question: Question) -> Answer | Unavailable:
        """Values and gradients, each with a bound on its rounding.

        Raises:
            ValueError: see ``backproof.oracles.questions.checked``.
        """
        program = question.derivation.program
        forward_only = set(question.wanted) <= set(program.tensors)
        seeds = () if forward_only else question.derivation.upstreams
        known = checked(question, (*program.inputs, *program.defined, *seeds))
        sizes = known.sizes
        if known.unfit:
            return Unavailable(self.name, known.unfit)
        largest = max(
            (
                prod(sizes[i.axis] for i in {*s.target.indices, *loops(s.value, sizes)})
                for s in program.statements
            ),
            default=0,
        )
        if largest > self.most_entries:
            return Unavailable(
                self.name,
                f"an index space of {largest} points is larger than {self.most_entries}",
            )
        try:
            traced = trace(question.derivation, sizes)
            found = traced.evaluate(question)
        except NoRuleError as error:
            return Unavailable(self.name, str(error))
        except ImportError as error:
            return Unavailable(self.name, f"JAX cannot be imported: {error}")
        if not found.modes_agree:
            return Unavailable(self.name, "JAX's forward and reverse mode contradict each other")
        values, radii = {}, {}
        for name, box in found.boxes.items():
            values[name], radii[name] = boxes.middle_and_radius(box)
        return Answer(self.name, values, radii)


# ---------------------------------------------------------------- the program in JAX


def _space(target: Entry, value: Term) -> tuple[Index, ...]:
    """The target's indices and then all others of a statement: one dimension each."""
    others = indices_in(value) - set(target.indices)
    return (*target.indices, *sorted(others))


class _Statement:
    """One statement's right side as JAX arrays whose dimensions are the statement's indices."""

    def __init__(
        self, target: Entry, value: Term, sizes: Mapping[str, int], tensors: _Tensors
    ) -> None:
        import jax
        import jax.numpy as jnp

        self._jax, self._jnp = jax, jnp
        self._target, self._value = target, value
        self._sizes, self._tensors = sizes, tensors
        self._space = _space(target, value)
        # Indices that a match settles: where they are, and where there is such a place at all.
        self._settled: dict[Index, Any] = {}

    def array(self) -> Any:
        """The array of the target."""
        shape = [self._sizes[index.axis] for index in self._target.indices]
        ones = [1] * (len(self._space) - len(shape))
        spread = self._jnp.broadcast_to(self._of(self._value), (*shape, *ones))
        return self._jnp.reshape(spread, shape)

    def _of(self, term: Term) -> Any:
        jnp = self._jnp
        if isinstance(term, Number):
            return jnp.full(self._shape(()), float(term.value))
        if isinstance(term, Constant):
            return jnp.full(self._shape(()), _constant(term.name))
        if isinstance(term, Size):
            return jnp.full(self._shape(()), float(self._sizes[term.axis]))
        if isinstance(term, Entry):
            return self._entry(term)
        if isinstance(term, Delta):
            return jnp.asarray(self._at(term.left) == self._at(term.right), dtype=np.float64)
        if isinstance(term, Match):
            reached = term.offset + sum(factor * self._at(i) for i, factor in term.parts)
            return jnp.asarray(self._at(term.left) == reached, dtype=np.float64)
        if isinstance(term, Add):
            value = self._of(term.terms[0])
            for part in term.terms[1:]:
                value = value + self._of(part)
            return value
        if isinstance(term, Mul):
            value = self._of(term.factors[0])
            for factor in term.factors[1:]:
                value = value * self._of(factor)
            return value
        if isinstance(term, Power):
            return self._power(self._of(term.base), term.exponent)
        if isinstance(term, Sum):
            return self._sum(term)
        if isinstance(term, Where):
            test, above, below = map(self._of, term.children)
            return jnp.where(test > 0, above, below)
        if isinstance(term, (Max, Product)):
            dimension = self._dimensions((term.index,))
            spread = self._spread(self._of(term.body), (term.index,))
            if isinstance(term, Product):
                return jnp.prod(spread, axis=dimension, keepdims=True)
            return self._largest(spread, *dimension)
        if isinstance(term, Hardmax):
            return self._hardmax(term)
        if isinstance(term, Softmax):
            spread = self._spread(self._of(term.body), (term.index,))
            return self._jax.nn.softmax(spread, axis=self._dimensions((term.index,)))
        if isinstance(term, LogSumExp):
            spread = self._spread(self._of(term.body), (term.index,))
            return self._jax.scipy.special.logsumexp(
                spread, axis=self._dimensions((term.index,)), keepdims=True
            )
        if isinstance(term, Apply):
            return self._apply(term)
        raise TypeError(f"{type(term).__name__} has no JAX form: a bug in backproof")

    def _at(self, index: Index) -> Any:
        """The positions of an index, along its own dimension or where a match says."""
        if index in self._settled:
            return self._settled[index]
        return np.arange(self._sizes[index.axis]).reshape(self._shape((index,)))

    def _sum(self, term: Sum) -> Any:
        before = dict(self._settled)
        for index in term.indices:
            self._settled.pop(index, None)
        inside: Any = np.True_
        gone = settled_in(term, self._sizes)
        for node, index in gone:
            length = self._sizes[index.axis]
            others = {i: self._at(i) for i in node.free - {index}}
            place, found = settled_place(node, index, others, length)
            self._settled[index] = np.where(found, place, 0)
            inside = inside & found & (length > 0)
        body = self._of(term.body)
        self._settled = before
        indices = tuple(i for i in term.indices if i not in {index for _, index in gone})
        if not np.all(inside):
            body = self._jnp.where(inside, body, 0.0)
        spread = self._spread(body, indices)
        return self._jnp.sum(spread, axis=self._dimensions(indices), keepdims=True)

    def _largest(self, array: Any, dimension: int) -> Any:
        """The largest value along a dimension, half against half.

        JAX's own maximum finds its derivative by testing floats for equality, which intervals
        cannot tell; of a choice between two it takes the derivative of the one that is chosen.
        """
        while array.shape[dimension] > 1:
            length = array.shape[dimension]
            half = length // 2
            ends = ((0, half), (half, 2 * half), (2 * half, length))
            lower, upper, rest = (
                self._jax.lax.slice_in_dim(array, *end, axis=dimension) for end in ends
            )
            larger = self._jnp.where(upper > lower, upper, lower)
            array = self._jnp.concatenate([larger, rest], dimension)
        return array

    def _hardmax(self, term: Hardmax) -> Any:
        """The derivative of the largest value by each of the values."""
        (dimension,) = self._dimensions((term.index,))
        spread = self._spread(self._of(term.body), (term.index,))
        value, pull = self._jax.vjp(lambda array: self._largest(array, dimension), spread)
        (shares,) = pull(self._jnp.ones_like(value))
        here = self._jnp.asarray(self._at(term.at) == self._at(term.index), dtype=np.float64)
        return self._jnp.sum(shares * here, axis=dimension, keepdims=True)

    def _shape(self, indices: tuple[Index, ...]) -> tuple[int, ...]:
        return tuple(self._sizes[i.axis] if i in indices else 1 for i in self._space)

    def _dimensions(self, indices: tuple[Index, ...]) -> tuple[int, ...]:
        return tuple(self._space.index(i) for i in indices)

    def _spread(self, array: Any, indices: tuple[Index, ...]) -> Any:
        """The array at full length along some indices, even where it is constant along them."""
        lengths = [
            self._sizes[index.axis] if index in indices else have
            for index, have in zip(self._space, array.shape, strict=True)
        ]
        return self._jnp.broadcast_to(array, lengths)

    def _placed(self, array: Any, indices: tuple[Index, ...]) -> Any:
        """An array whose dimensions are distinct indices, each moved to its own dimension."""
        order = sorted(range(len(indices)), key=lambda k: self._space.index(indices[k]))
        return self._jnp.reshape(self._jnp.transpose(array, order), self._shape(indices))

    def _entry(self, term: Entry) -> Any:
        array, indices = self._tensors[term.tensor], list(term.indices)
        if any(index in self._settled for index in indices):
            return self._gathered(array, indices)
        # A diagonal such as T[n,n]: keep the equal positions and sum the second index away.
        for k in reversed(range(len(indices))):
            first = indices.index(indices[k])
            if first != k:
                shape = [1] * len(indices)
                shape[first] = shape[k] = self._sizes[indices[k].axis]
                mask = np.eye(shape[k]).reshape(shape)
                array = self._jnp.sum(array * mask, axis=k)
                del indices[k]
        return self._placed(array, tuple(indices))

    def _gathered(self, array: Any, indices: list[Index]) -> Any:
        """The entries at given positions: by one flat position, of which JAX makes a gather."""
        positions = np.broadcast_arrays(*map(self._at, indices))
        if 0 in array.shape:
            return self._jnp.zeros(positions[0].shape)
        flat = np.ravel_multi_index(positions, array.shape)
        lax = self._jax.lax
        found = lax.gather(
            self._jnp.ravel(array),
            flat.reshape(-1, 1).astype(np.int32),
            lax.GatherDimensionNumbers((), collapsed_slice_dims=(0,), start_index_map=(0,)),
            slice_sizes=(1,),
            mode="promise_in_bounds",
        )
        return self._jnp.reshape(found, flat.shape)

    def _power(self, base: Any, exponent: Fraction) -> Any:
        if exponent.denominator == 1:
            return base**exponent.numerator
        if exponent.denominator == 2:
            return self._jnp.sqrt(base) ** exponent.numerator
        return self._jnp.power(base, float(exponent))

    def _apply(self, term: Apply) -> Any:
        if is_abstract(term.function):
            raise NoRuleError(f"{term.function} is an abstract function")
        rule = _functions().get(term.function)
        if rule is None:
            if formula(term.function) is None:
                raise NoRuleError(f"no function of JAX is known for {term.function}")
            return self._of(unfold(term))
        for _ in range(term.order):
            rule = self._slope(rule)
        return rule(self._of(term.argument))

    def _slope(self, rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: self._jax.jvp(rule, (x,), (self._jnp.ones_like(x),))[1]


def _constant(name: str) -> float:
    if name != "pi":
        raise NoRuleError(f"no value of the constant {name} is known")
    return float(np.pi)


@lru_cache(maxsize=1)
def _functions() -> dict[str, Callable[[Any], Any]]:
    """JAX's own function for each name; its derivatives are then JAX's own too."""
    import jax
    import jax.numpy as jnp

    return {
        "exp": jnp.exp,
        "log": jnp.log,
        "sqrt": jnp.sqrt,
        "linear": lambda x: x,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "softplus": jax.nn.softplus,
        "erf": jax.scipy.special.erf,
        "relu": jax.nn.relu,
        "step": lambda x: jnp.where(x > 0, 1.0, 0.0),
        "abs": jnp.abs,
        "sign": jnp.sign,
        "silu": jax.nn.silu,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.01),
        "elu": jax.nn.elu,
    }


def forward(program: Program, sizes: Mapping[str, int], inputs: _Tensors, nudges: _Tensors) -> Any:
    """Every defined tensor, in JAX.

    Args:
        program: the statements.
        sizes: the size of each axis.
        inputs: JAX arrays by name.
        nudges: for each defined tensor an array that is added to it: where it is zero, the
            gradient with respect to it is the tensor's own.
    """
    tensors = dict(inputs)
    for statement in program.statements:
        name = statement.target.tensor
        value = _Statement(statement.target, statement.value, sizes, tensors).array()
        tensors[name] = value + nudges[name]
    return {name: tensors[name] for name in program.defined}


# ---------------------------------------------------------------- the derivatives


@dataclass(frozen=True)
class _Found:
    boxes: dict[str, Box]
    modes_agree: bool


@dataclass(frozen=True, eq=False)
class Traced:
    """Forward, reverse mode and forward mode of a program at given sizes, as JAX traced them.

    Attributes:
        program: the statements.
        closed: the closed jaxpr. It takes the inputs, the upstream gradients of the outputs, and a
            direction for each input and each defined tensor; it gives the defined tensors, the
            gradients of the inputs and of the defined tensors, and the derivatives of the outputs
            in that direction.
    """

    program: Program
    sizes: Mapping[str, int]
    closed: Any

    def evaluate(self, question: Question) -> _Found:
        """Boxes of all that is wanted, and whether JAX's two modes agree."""
        from backproof.oracles.jaxprs import evaluate

        program, derivation = self.program, question.derivation
        given = {name: np.asarray(a, dtype=np.float64) for name, a in question.inputs.items()}
        seeds = _seeds(derivation, given, self.sizes)
        directions = _directions(program, self.sizes)
        tensors = [*program.inputs, *program.defined]
        arguments = [
            boxes.point(a)
            for a in (
                *(given[name] for name in program.inputs),
                *(seeds[name] for name in program.outputs),
                *(directions[name] for name in tensors),
            )
        ]
        values = {name: k for k, name in enumerate(program.defined)}
        slopes = {name: len(values) + k for k, name in enumerate(tensors)}
        pushed = {name: len(values) + len(tensors) + k for k, name in enumerate(program.outputs)}
        wanted = {values[name] for name in question.wanted if name in values}
        wanted |= {*slopes.values(), *pushed.values()}
        results = evaluate(self.closed, arguments, sorted(wanted))

        found: dict[str, Box] = {}
        gradients = {g.name: g for g in derivation.gradients.values()}
        with np.errstate(all="ignore"):
            for name in question.wanted:
                if name in values:
                    found[name] = results[values[name]]
                elif name in gradients:
                    found[name] = self._scaled(gradients[name], results[slopes[gradients[name].of]])
                else:
                    found[name] = boxes.point(given[name])
            by_forward = [
                boxes.multiply(boxes.point(seeds[name]), results[pushed[name]])
                for name in program.outputs
            ]
            by_reverse = [
                boxes.multiply(boxes.point(directions[name]), results[slopes[name]])
                for name in tensors
            ]
            left, right = _grand_total(by_forward), _grand_total(by_reverse)
        agree = bool(np.all((left.low <= right.high) & (right.low <= left.high)))
        return _Found(found, agree)

    def _scaled(self, gradient: Gradient, box: Box) -> Box:
        axis = averaged_axis(self.program, gradient)
        if axis is None:
            return box
        return boxes.divide(box, boxes.point(np.float64(self.sizes[axis])))


def _grand_total(parts: list[Box]) -> Box:
    result = boxes.point(np.float64(0))
    for part in parts:
        result = boxes.add(result, boxes.total(part, tuple(range(len(part.shape)))))
    return result


def _seeds(
    derivation: Derivation, given: Mapping[str, FloatArray], sizes: Mapping[str, int]
) -> dict[str, FloatArray]:
    """The gradient of each output: 1 of a loss, what is given of others, else zero."""
    program = derivation.program
    seeds = {}
    for name in program.outputs:
        shape = program.shape(name, sizes)
        # Nothing is given where no gradient is asked for.
        upstream = given.get(derivation.gradients[name].name, np.zeros(shape))
        seeds[name] = np.ones(shape) if program.is_loss(name) else upstream
    return seeds


def _directions(program: Program, sizes: Mapping[str, int]) -> dict[str, FloatArray]:
    """A direction of small integers for each tensor: fixed, and of no pattern along any axis."""
    source = np.random.default_rng(20)
    return {
        name: source.integers(-4, 5, size=program.shape(name, sizes)).astype(np.float64)
        for name in (*program.inputs, *program.defined)
    }


_KEPT: dict[Any, Traced] = {}
_MOST_KEPT = 128


def trace(derivation: Derivation, sizes: Mapping[str, int]) -> Traced:
    """Trace a program once for given sizes; what has been traced lately is kept.

    Raises:
        NoRuleError: something occurs that JAX has no function for.
        ImportError: JAX is not installed.
    """
    program = derivation.program
    statements = tuple((s.target, s.value) for s in program.statements)
    key = (statements, program.inputs, tuple(sorted(sizes.items())))
    kept = _KEPT.get(key)
    if kept is None:
        kept = Traced(program, dict(sizes), _closed(program, sizes))
        if len(_KEPT) >= _MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = kept
    return kept


def _float64(jax: Any) -> Any:
    """A context in which JAX computes in float64; the user's own setting is left alone."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64(True)


def _closed(program: Program, sizes: Mapping[str, int]) -> Any:
    import jax
    import jax.numpy as jnp

    inputs, outputs = program.inputs, program.outputs
    tensors = (*inputs, *program.defined)

    def derivatives(given: list[Any], seeds: list[Any], directions: list[Any]) -> Any:
        nudges = [jnp.zeros(program.shape(name, sizes)) for name in program.defined]

        def everything(*arrays: Any) -> tuple[list[Any], list[Any]]:
            named = dict(zip(tensors, arrays, strict=True))
            defined = forward(program, sizes, named, named)
            return [defined[name] for name in outputs], list(defined.values())

        _, pull, values = jax.vjp(everything, *given, *nudges, has_aux=True)
        pushed = jax.jvp(lambda *a: everything(*a)[0], (*given, *nudges), tuple(directions))[1]
        return [*values, *pull(seeds), *pushed]

    def empty(name: str) -> Any:
        return jax.ShapeDtypeStruct(program.shape(name, sizes), jnp.float64)

    with _float64(jax), jax.numpy_rank_promotion("allow"):
        return jax.make_jaxpr(derivatives)(
            [empty(name) for name in inputs],
            [empty(name) for name in outputs],
            [empty(name) for name in tensors],
        )
