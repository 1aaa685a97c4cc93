"""The normal form of a term: a polynomial in atoms, with rational coefficients.

Products are distributed over sums, sums are split into connected parts that do not share an
index, bound indices are labelled canonically, and functions are reduced by their relations. Two
terms with equal normal forms are equal wherever both are defined; different normal forms prove
nothing.

The relations stand with the modules that use them: ``polynomial``, ``powers``, ``jumps``,
``relations``, ``sums``, ``products``, ``largest``. Here, beside those:
    derivatives as the table of functions states them
    softmax and logsumexp through exp, log and a sum
    where(t > 0, a, b) = b + step(t) (a - b), wherever both branches have a value
    delta(i,j) f(j) = delta(i,j) f(i)
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice, product

from backproof.spec.deadline import check_time
from backproof.spec.functions import unfold
from backproof.spec.normal_form.as_term import as_term
from backproof.spec.normal_form.budget import budgeted
from backproof.spec.normal_form.contraction import contract
from backproof.spec.normal_form.directions import (
    REFLECTED,
    direction,
    is_unsettled,
    leads_negative,
)
from backproof.spec.normal_form.jumps import step
from backproof.spec.normal_form.labelling import renamed
from backproof.spec.normal_form.largest import hardmax_along, largest_along
from backproof.spec.normal_form.polynomial import (
    ONE_POLY,
    Atom,
    Monomial,
    Poly,
    atom_poly,
    constant_poly,
    function_of,
    joined,
    multiplied_out,
    reduced,
)
from backproof.spec.normal_form.powers import raised
from backproof.spec.normal_form.products import product_along
from backproof.spec.normal_form.relations import ELEMENTARY, applied, exp, log
from backproof.spec.normal_form.signs import NOTHING, Sign, Signs
from backproof.spec.normal_form.sums import summed
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
    fresh,
    indices_in,
    mul,
    substitute,
)


def normalise(
    term: Term, *, elementary: bool = False, in_steps: bool = False, signs: Signs = NOTHING
) -> Poly:
    """The normal form of a term.

    Args:
        term: the term.
        elementary: write sigmoid, tanh and softplus through exp and log.
        in_steps: leave nothing that jumps but steps, none of them inside of a function.
        signs: what is known of the signs of entries.

    Raises:
        TooLargeError: it would have more than ``MAX_TERMS`` terms, or is nested too deeply.
        ZeroDivisionError: a denominator is zero.
        ValueError: a fractional power of a negative number.
    """
    with budgeted(in_steps):
        return _settled(_Normaliser(elementary, signs).poly(contract(term)))


def _settled(poly: Poly) -> Poly:
    """Where no sum can give the indices other names any more, their names decide what is left."""
    if not any(is_unsettled(a) or a.kind == "delta" for m in poly.terms for a, _ in m):
        return poly
    parts: list[Poly] = []
    for monomial, coefficient in poly.terms.items():
        part = constant_poly(coefficient)
        for atom, exponent in monomial:
            part = part * _settled_power(atom, exponent)
        parts.append(part)
    return _on_diagonals(joined(parts))


def _settled_power(atom: Atom, exponent: Fraction) -> Poly:
    if not is_unsettled(atom):
        return atom_poly(atom, exponent)
    assert atom.inner is not None
    inner = _settled(atom.inner)
    turned = direction(inner) == 0 and leads_negative(inner)
    if atom.kind == "poly":
        if turned and exponent.denominator == 1:
            sign = Fraction(-1) ** exponent.numerator
            return raised(inner.scaled(Fraction(-1)), exponent).scaled(sign)
        return raised(inner, exponent)
    if not (turned and atom.order == 0 and atom.name in REFLECTED):
        value = applied(atom.name, atom.order, inner)
    else:
        opposite = function_of(atom.name, inner.scaled(Fraction(-1)))
        if atom.name == "sigmoid":
            value = ONE_POLY - opposite
        else:
            value = opposite if atom.name == "abs" else opposite.scaled(Fraction(-1))
    return raised(value, exponent)


def _on_diagonals(poly: Poly) -> Poly:
    """Beside delta(i,j) every j is written as i."""
    done: dict[Monomial, Fraction] = {}
    beside: dict[Atom, dict[Monomial, Fraction]] = {}
    for monomial, coefficient in poly.terms.items():
        for found, exponent in monomial:
            if exponent != 1:
                continue
            rest = tuple((a, e) for a, e in monomial if a != found)
            if found.kind == "delta" and any(found.indices[1] in a.free for a, _ in rest):
                beside.setdefault(found, {})[rest] = coefficient
                break
        else:
            done[monomial] = coefficient
    parts = [Poly(done)]
    for found, terms in beside.items():
        kept, other = found.indices
        try:
            moved = normalise(substitute(as_term(Poly(terms)), {other: kept}))
        except ZeroDivisionError:
            parts.append(Poly(terms) * atom_poly(found))
        else:
            parts.append(_on_diagonals(moved * atom_poly(found)))
    return joined(parts)


def unsettled_form(term: Term) -> Poly:
    """The normal form of a term that stands below a sum, where names may not decide anything."""
    return _Normaliser().poly(term)


# Whether a function of what is above zero is that itself; else it is 1.
_OF_POSITIVE = {"abs": True, "relu": True, "step": False, "sign": False}


def is_above(poly: Poly, signs: Signs) -> bool:
    """Whether a polynomial is one that is known to be above zero, there or at other places."""
    return any(
        _is_an_instance(poly, normalise(known.term), known.everywhere) for known in signs.above
    )


# So many ways are tried to see one polynomial as another at other places.
MOST_WAYS = 200


def _is_an_instance(poly: Poly, general: Poly, everywhere: frozenset[Index]) -> bool:
    """Whether a polynomial is another one with other indices for some of its own."""
    if len(poly.terms) != len(general.terms):
        return False
    own = sorted(everywhere & general.free)
    choices = [[i for i in poly.free if i.axis == index.axis] for index in own]
    return any(
        renamed(general, dict(zip(own, chosen, strict=True))) == poly
        for chosen in islice(product(*choices), MOST_WAYS)
    )


class _Normaliser:
    def __init__(self, elementary: bool = False, signs: Signs = NOTHING) -> None:
        self.elementary = elementary
        self.signs = signs
        self.known: dict[Term, Poly] = {}

    def poly(self, term: Term) -> Poly:
        found = self.known.get(term)
        if found is None:
            check_time()
            found = self.known[term] = self._poly(term)
        return found

    def _poly(self, term: Term) -> Poly:
        if isinstance(term, Number):
            return constant_poly(term.value)
        if isinstance(term, Constant):
            return atom_poly(Atom("constant", term.name))
        if isinstance(term, Size):
            return atom_poly(Atom("size", term.axis))
        if isinstance(term, Entry):
            return atom_poly(
                Atom("entry", term.tensor, indices=term.indices, sign=self.signs.of(term))
            )
        if isinstance(term, Delta):
            return atom_poly(Atom("delta", "delta", indices=(term.left, term.right)))
        if isinstance(term, Add):
            terms: dict[Monomial, Fraction] = {}
            for part in term.terms:
                for m, c in self.poly(part).terms.items():
                    terms[m] = terms.get(m, Fraction(0)) + c
            return Poly(terms)
        if isinstance(term, Mul):
            return self._product([self.poly(factor) for factor in term.factors])
        if isinstance(term, Power):
            return raised(self.poly(term.base), term.exponent)
        if isinstance(term, Sum):
            return summed(term.indices, self.poly(term.body), self.poly)
        if isinstance(term, Apply):
            simpler = unfold(term)
            if simpler is not term:
                return self.poly(simpler)
            if term.function == "log" and not term.order:
                return self._log(term.argument)
            argument = self.poly(term.argument)
            if term.function in _OF_POSITIVE and not term.order and self._is_above(argument):
                return argument if _OF_POSITIVE[term.function] else ONE_POLY
            if self.elementary and term.function in ELEMENTARY:
                return ELEMENTARY[term.function](argument)
            return applied(term.function, term.order, argument)
        if isinstance(term, Softmax):
            other = fresh(term.index, indices_in(term))
            moved = substitute(term.body, {term.index: other})
            above = exp(self.poly(term.body))
            below = summed((other,), exp(self.poly(moved)), self.poly)
            return above * raised(below, Fraction(-1))
        if isinstance(term, LogSumExp):
            return log(summed((term.index,), exp(self.poly(term.body)), self.poly))
        if isinstance(term, Match):
            indices = (term.left, *(i for i, _ in term.parts))
            factors = tuple(factor for _, factor in term.parts)
            sign = Sign.POSITIVE if self.signs.reaches(term) else Sign.UNKNOWN
            return atom_poly(
                Atom("match", str(term.offset), indices=indices, factors=factors, sign=sign)
            )
        if isinstance(term, Where):
            above, below = self.poly(term.above), self.poly(term.below)
            return below + step(self.poly(term.test)) * (above - below)
        if isinstance(term, Product):
            return product_along(term.index, self.poly(term.body), self.poly)
        if isinstance(term, Max):
            return largest_along(term.index, self.poly(term.body), self.poly)
        if isinstance(term, Hardmax):
            return hardmax_along(term.at, term.index, self.poly(term.body))
        raise TypeError(f"{type(term).__name__} has no normal form: a bug in backproof")

    def _log(self, argument: Term) -> Poly:
        """The logarithm, of each factor by itself that is known to be positive as it is written."""
        left: list[Term] = []
        parts: list[Poly] = []
        for factor in argument.factors if isinstance(argument, Mul) else (argument,):
            base, exponent = factor, Fraction(1)
            if isinstance(factor, Power):
                base, exponent = factor.base, factor.exponent
            if isinstance(base, Add) and self._is_above(self.poly(base)):
                parts.append(applied("log", 0, self.poly(base)).scaled(exponent))
            else:
                left.append(factor)
        if not parts:
            return applied("log", 0, self.poly(argument))
        return joined([*parts, applied("log", 0, self.poly(mul(*left)))])

    def _is_above(self, poly: Poly) -> bool:
        return len(poly.terms) > 1 and any(
            _is_an_instance(poly, self.poly(known.term), known.everywhere)
            for known in self.signs.above
        )

    def _product(self, factors: Iterable[Poly]) -> Poly:
        # Single monomials first, all at once: most products are of nothing else.
        exponents: dict[Atom, Fraction] = {}
        coefficient = Fraction(1)
        sums: list[Poly] = []
        for factor in factors:
            if len(factor.terms) > 1:
                sums.append(factor)
                continue
            for monomial, c in (factor.terms or {(): Fraction(0)}).items():
                coefficient *= c
                for atom, exponent in monomial:
                    exponents[atom] = exponents.get(atom, Fraction(0)) + exponent
        monomial, extra = reduced(exponents)
        result = multiplied_out(Poly({monomial: coefficient * extra}))
        for factor in sums:
            result = result * factor
        return result
