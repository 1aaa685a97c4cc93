"""Functions of one argument as a radius needs them: value, variation, hull at kinks, honest error.

Three questions about a function g (or one of its derivatives) at Z, known to within ``reach``: what
is its value and how sure is the reference of it; how far may g move over [Z - reach, Z + reach];
and how far may an honest implementation in a format be from g at its own Z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from backproof.oracles import intervals
from backproof.oracles.elementary import ETA, VALUES, Evaluated, Memo, U, sigmoid_pair
from backproof.oracles.formats import Format
from backproof.oracles.outcome import FloatArray
from backproof.oracles.products import UP
from backproof.spec.functions import FUNCTIONS

SQRT_PI = 1.7724538509055159

# sup |d/dz g^(order)| away from kinks, rounded up.
LIPSCHITZ: dict[tuple[str, int], float] = {
    ("sigmoid", 0): 0.25,
    ("sigmoid", 1): 0.0962251,  # 1/(6 sqrt 3)
    ("sigmoid", 2): 0.125,
    ("tanh", 0): 1.0,
    ("tanh", 1): 0.7698004,  # 4/(3 sqrt 3)
    ("tanh", 2): 2.0,
    ("softplus", 0): 1.0,
    ("softplus", 1): 0.25,
    ("softplus", 2): 0.0962251,
    ("erf", 0): 1.1283792,  # 2/sqrt pi
    ("erf", 1): 0.9678829,  # 2 sqrt(2/(e pi))
    ("erf", 2): 2.2567584,  # 4/sqrt pi
    ("relu", 0): 1.0,
    ("relu", 1): 0.0,
    ("step", 0): 0.0,
    ("step", 1): 0.0,
    ("abs", 0): 1.0,
    ("abs", 1): 0.0,
    ("sign", 0): 0.0,
    ("sign", 1): 0.0,
    ("linear", 0): 1.0,
    ("linear", 1): 0.0,
    ("silu", 0): 1.0998394,
    ("silu", 1): 0.5,
    ("gelu", 0): 1.1289043,
    ("gelu", 1): 0.7978846,  # sqrt(2/pi)
    ("elu", 0): 1.0,
    ("elu", 1): 1.0,
    ("leaky_relu", 0): 1.0,
    ("leaky_relu", 1): 0.0,
}

# sup g^(order) - inf g^(order), rounded up: no interval, however wide, moves it further.
DIAMETER: dict[tuple[str, int], float] = {
    ("sigmoid", 0): 1.0,
    ("sigmoid", 1): 0.25,
    ("sigmoid", 2): 0.1924502,
    ("tanh", 0): 2.0,
    ("tanh", 1): 1.0,
    ("tanh", 2): 1.5396008,
    ("softplus", 1): 1.0,
    ("softplus", 2): 0.25,
    ("erf", 0): 2.0,
    ("erf", 1): 1.1283792,
    ("erf", 2): 1.9357658,
    ("silu", 1): 1.1996788,
    ("gelu", 1): 1.2578086,
    ("elu", 1): 1.0,
}


@dataclass(frozen=True, slots=True)
class Honest:
    """How far an honest implementation may be from g at its own argument.

    Attributes:
        relative: units of u, times |g|.
        absolute: units of u, times max(1, |Z|).
        tail: further units of u, for implementations that lose the relative accuracy of a tail.
        tail_scale: what the tail's units multiply: 1, |Z| or max(1, |Z|).
        underflow: whether 2 tiny max(1, |Z|) is added.
    """

    relative: float
    absolute: float = 0.0
    tail: float = 0.0
    tail_scale: Literal["one", "argument", "both"] = "one"
    underflow: bool = True


# Measured over NumPy's, SciPy's and hand-written forms in four formats; the least room over the
# worst of them is 1.17. Tails: (1 + tanh(z/2))/2 and log(1 + exp(z)) lose what 1 swallows.
_HONEST: dict[str, Honest] = {
    "exp": Honest(8.0),
    "log": Honest(8.0),
    "tanh": Honest(8.0, tail=4.0),
    "sigmoid": Honest(8.0, tail=4.0),
    "softplus": Honest(8.0, tail=4.0),
    "erf": Honest(8.0, tail=4.0),
    "silu": Honest(8.0, tail=4.0, tail_scale="both"),
    "gelu": Honest(8.0, tail=4.0, tail_scale="both"),
    "elu": Honest(8.0, tail=4.0, tail_scale="both"),
    # 0.505 z + 0.495 |z| errs in proportion to |z|.
    "leaky_relu": Honest(2.0, tail=4.0, tail_scale="argument"),
}
# Values that code picks rather than computes.
_PICKED = ("relu", "abs", "step", "sign", "linear")
_DEFINED = Honest(8.0, tail=4.0, tail_scale="both")
_CONSTANT_SLOPES = (*_PICKED, "leaky_relu")


def honest(name: str, order: int) -> Honest:
    """The constants of the decision rule for a function or its derivative."""
    if order == 0:
        if name in _PICKED:
            return Honest(0.0, underflow=False)
        return _HONEST.get(name, _DEFINED)
    if name in _CONSTANT_SLOPES:
        return Honest(2.0, underflow=False)
    if name == "exp":
        return _HONEST["exp"]
    # Absolute: a(1 - a) and 1 - a^2 lose the tail.
    return Honest(0.0, absolute=8.0 * order)


def honest_radius(
    rule: Honest, fmt: Format, magnitude: FloatArray, argument: FloatArray
) -> tuple[FloatArray | None, FloatArray | float | None]:
    """The radius of the implementation's own error, and the part of it granted to tails.

    Args:
        rule: the constants.
        fmt: the format.
        magnitude: an upper bound of |g|, at the implementation's own argument; overwritten.
        argument: an upper bound of |Z|.
    """
    if fmt.u == 0.0 or not (rule.relative or rule.absolute):
        return None, None
    u = fmt.u * fmt.elementary
    radius: FloatArray | None = None
    if rule.relative:
        radius = np.multiply(magnitude, rule.relative * u * UP, out=magnitude)
    wide = 2.0 * fmt.tiny if rule.underflow else 0.0
    per_argument = (rule.absolute * u + wide) * UP
    tail: FloatArray | float | None = None
    if rule.tail:
        scale: FloatArray | float = 1.0
        if rule.tail_scale == "argument":
            scale = argument
        elif rule.tail_scale == "both":
            scale = np.maximum(argument, 1.0)
        tail = scale * (rule.tail * u * UP)
    if per_argument:
        more = np.maximum(argument, 1.0)
        more *= per_argument
        radius = more if radius is None else np.add(radius, more, out=radius)
    if tail is not None:
        assert radius is not None
        radius += tail
    return radius, tail


def value(name: str, order: int, z: FloatArray, memo: Memo) -> Evaluated:
    """The reference's value at z, and a bound on its error there (None for none).

    Raises:
        ValueError: nothing is known of the function.
    """
    rule = VALUES.get((name, order))
    if rule is not None:
        found, error = rule(z, memo)
        return found, error
    low, high = intervals.enclose(name, order, z, z)
    middle = np.where(low == high, low, low + 0.5 * (high - low))
    return middle, np.where(low == high, 0.0, (high - low) * UP)


def jumps(name: str, order: int) -> tuple[float, ...]:
    """The arguments at which the function, or its derivative, is not continuous."""
    if name in ("step", "sign"):
        return (0.0,) if order == 0 else ()
    # elu' is continuous: both one-sided derivatives at 0 are 1.
    first = 2 if name == "elu" else 1
    if name not in FUNCTIONS or order < first:
        return ()
    return tuple(map(float, FUNCTIONS[name].kinks))


def variation(
    name: str,
    order: int,
    z: FloatArray,
    found: FloatArray,
    reach: FloatArray,
    memo: Memo,
) -> FloatArray | float:
    """An upper bound of |d/dz g^(order)| over [z - reach, z + reach], kinks left out.

    Args:
        name: the function.
        order: the order of the derivative g^(order).
        z: the middle of the interval.
        found: g^(order)(z), as ``value`` gave it.
        reach: half the width of the interval.
        memo: what ``value`` was given.
    """
    if order == 0:
        if name == "exp":
            return _grown(found * (1.0 + 4.0 * U) + ETA, 1.0, reach)
        if name == "sigmoid":
            left, right = sigmoid_pair(z, memo)
            slope = left * right
            slope += ETA
            return _grown(slope, 1.0, reach)
        if name == "tanh":
            return _grown((1.0 + 8.0 * U) - found * found, 2.0, reach)
        if name == "softplus":
            return _grown(sigmoid_pair(z, memo)[0] * (1.0 + 8.0 * U) + ETA, 1.0, reach)
        if name == "erf":
            nearest = np.maximum(np.abs(z) - reach, 0.0) * (1.0 - 4.0 * U)
            return np.exp(-nearest * nearest) * (2.0 / SQRT_PI * UP) + ETA
        if name == "log":
            least = z - reach * UP
            with np.errstate(all="ignore"):
                return np.where(least > 0.0, UP / least, np.inf)
        if name == "relu":
            return (z + reach * UP > 0.0).astype(np.float64)
    known = LIPSCHITZ.get((name, order))
    if known is not None:
        return known
    low, high = intervals.enclose(
        name, order + 1, intervals.down(z - reach), intervals.up(z + reach)
    )
    return np.maximum(np.abs(low), np.abs(high))


def _grown(slope: FloatArray, rate: float, reach: FloatArray) -> FloatArray:
    # |d log slope / dz| <= rate, hence the slope grows by at most exp(rate reach).
    widest = float(reach.max(initial=0.0)) * rate
    if widest <= 2.0**-6:
        slope *= (1.0 + 1.01 * widest) * UP
    else:
        with np.errstate(over="ignore"):
            slope *= np.exp(reach * (rate * UP)) * UP
    return slope


def moved(
    name: str,
    order: int,
    slope: FloatArray | float,
    distance: FloatArray,
) -> FloatArray:
    """How far g^(order) may be from its value when its argument is off by ``distance``."""
    with np.errstate(invalid="ignore"):
        far = distance * slope
    far *= UP
    widest = DIAMETER.get((name, order))
    if widest is not None:
        np.minimum(far, widest, out=far)
    return far


def hull(
    name: str, order: int, z: FloatArray, reach: FloatArray, kink: float
) -> tuple[FloatArray, FloatArray]:
    """The convex hull of the values over [z - reach, z + reach], both one-sided ones at the kink.

    Each side is evaluated on its own, so that all of a formula's parts agree on the side.
    """
    step_left = np.nextafter(kink, -np.inf)
    step_right = np.nextafter(kink, np.inf)
    at = np.full_like(z, kink)
    left = intervals.enclose(name, order, np.minimum(intervals.down(z - reach), step_left), at)
    right = intervals.enclose(name, order, at, np.maximum(intervals.up(z + reach), step_right))
    return np.minimum(left[0], right[0]), np.maximum(left[1], right[1])
