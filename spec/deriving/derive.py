"""Reverse-mode derivation of a program's gradients, with each rewrite recorded by its rule.

For a tensor T, dT is the gradient of a scalar with respect to T: of the loss where the program
has one, else of <dA, A> for upstream gradients (cotangents) dA of the outputs A. Intermediates
keep their names: dW is stated through dZ and X. (Griewank and Walther, Evaluating Derivatives,
2nd ed., chapter 3.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache

from backproof.spec.errors import SpecError
from backproof.spec.functions import FUNCTIONS, formula, replace_x
from backproof.spec.naming import name_bound
from backproof.spec.normal_form.contraction import collect, contract, gather_powers
from backproof.spec.program import FOLDED, Program, Statement, head
from backproof.spec.terms import (
    ONE,
    ZERO,
    Add,
    Apply,
    Binder,
    Delta,
    Entry,
    Hardmax,
    Index,
    LogSumExp,
    Match,
    Max,
    Mul,
    Partial,
    Power,
    Softmax,
    Sum,
    Term,
    Where,
    add,
    apply,
    delta,
    entry,
    fresh,
    hardmax,
    indices_in,
    mul,
    negative,
    number,
    partial,
    power,
    product_over,
    rebuild,
    size,
    softmax,
    substitute,
    tensors_in,
    total,
    where,
)


class Rule(StrEnum):
    """The rules of a derivation, worded as a person would name them."""

    SEED = "the loss's own gradient is 1"
    UPSTREAM = "upstream gradient of an output"
    CHAIN = "chain rule"
    DIFFERENTIATE = "derivative of the statement's right side"
    CONTRACT = "contract the deltas"
    BROADCAST = "a broadcast's gradient is a sum"
    RENAME = "name the bound indices"
    FOLD = "use the name of an intermediate"
    COLLECT = "write shared factors once"
    ADD = "a tensor used more than once: its gradients add"
    UNUSED = "no output depends on it"
    MEAN = "declared: the gradients of parameters are means over the samples"
    DIRECTION = "tangent of an input: the direction"
    CONSTANT = "nothing that varies enters it"
    SPLIT = "a sum of parts is the sum of each"


@dataclass(frozen=True, slots=True)
class Step:
    """``left = right`` follows by the rule; ``statement`` names the statement it uses."""

    rule: Rule
    left: Term
    right: Term
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Gradient:
    """``target = value``: the gradient with respect to ``of``."""

    of: str
    target: Entry
    value: Term
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Such as dW."""
        return self.target.tensor

    @property
    def is_upstream(self) -> bool:
        """Whether it is given and not derived."""
        return self.value is self.target


@dataclass(frozen=True)
class Derivation:
    """All gradients of a program, from the outputs to the inputs."""

    program: Program
    gradients: Mapping[str, Gradient]

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The names of the upstream gradients that have to be given."""
        return tuple(g.name for g in self.gradients.values() if g.is_upstream)

    def definition(self, tensor: str) -> tuple[Entry, Term] | None:
        """What a defined tensor or a derived gradient equals; None for an input."""
        statement = self.program.statement(tensor)
        if statement is not None:
            return statement.target, statement.value
        gradient = self._derived.get(tensor)
        return None if gradient is None else (gradient.target, gradient.value)

    @cached_property
    def _derived(self) -> Mapping[str, Gradient]:
        return {g.name: g for g in self.gradients.values() if not g.is_upstream}


def _joining_rule(steps: list[Step], target: Entry, users: int) -> Rule:
    if users > 1:
        return Rule.ADD
    slope = steps[-1].right
    factors = slope.factors if isinstance(slope, Mul) else (slope,)
    upstream = steps[-1].left
    assert isinstance(upstream, Partial)
    if all(isinstance(f, Delta) for f in factors) and len(factors) < len(upstream.of.indices):
        return Rule.BROADCAST
    return Rule.CONTRACT


def up_to(program: Program, tensor: str) -> Program:
    """The program without what is computed from a tensor, which becomes an output."""
    below = {tensor}
    kept = []
    for s in program.statements:
        if s.target.tensor != tensor and tensors_in(s.value) & below:
            below.add(s.target.tensor)
        else:
            kept.append(s)
    needed = {name for s in kept for name in (s.target.tensor, *tensors_in(s.value))}
    tensors = {name: t for name, t in program.tensors.items() if name in needed}
    return replace(program, statements=tuple(kept), tensors=tensors)


def with_upstream(derivation: Derivation, tensor: str) -> Derivation:
    """The derivation with the gradient of an intermediate given in place of derived."""
    gradients = dict(derivation.gradients)
    target = gradients[tensor].target
    gradients[tensor] = Gradient(tensor, target, target, (Step(Rule.UPSTREAM, target, target),))
    return Derivation(derivation.program, gradients)


def gradient_name(tensor: str) -> str:
    """The name of the gradient with respect to a tensor."""
    return f"d{tensor}"


def derive(program: Program, mean_over: str | None = None) -> Derivation:
    """Derive the gradient of every tensor, for every shape.

    Args:
        program: what to differentiate.
        mean_over: an axis; the gradients of the inputs that lack it (the parameters) are divided
            by its size, as layers do whose upstream gradient is per sample and whose loss is a
            mean.

    Raises:
        SpecError: the program itself uses a name that a gradient would have.
    """
    for name in program.tensors:
        if gradient_name(name) in program.tensors:
            raise SpecError(
                f"{gradient_name(name)} names a tensor and the gradient of {name}",
                help=f"rename {gradient_name(name)}",
            )
    users: dict[str, list[Statement]] = {}
    for s in program.statements:
        for used in tensors_in(s.value):
            users.setdefault(used, []).append(s)
    outputs = set(program.outputs)
    losses = {name for name in outputs if program.is_loss(name)}
    order = [*reversed(program.defined), *program.inputs]
    gradients = {
        name: _gradient(program, name, users.get(name, []), name in outputs, losses)
        for name in order
    }
    if mean_over is not None:
        for name in program.inputs:
            if mean_over not in program.tensors[name].axes:
                gradients[name] = _averaged(gradients[name], mean_over)
    return Derivation(program, gradients)


def _gradient(
    program: Program, name: str, users: list[Statement], is_output: bool, losses: set[str]
) -> Gradient:
    target = _target(program, name)
    if name in losses:
        return Gradient(name, target, ONE, (Step(Rule.SEED, target, ONE),))
    if is_output:
        return Gradient(name, target, target, (Step(Rule.UPSTREAM, target, target),))
    if not users:
        return Gradient(name, target, ZERO, (Step(Rule.UNUSED, target, ZERO),))
    steps: list[Step] = []
    parts: list[Term] = []
    by = entry(name, target.indices)
    chain: list[tuple[Statement, Statement]] = []
    for s in users:
        chain.append((s, _apart(s, target.indices)))
    chained = add(*(_chain_term(apart, by) for _, apart in chain))
    steps.append(Step(Rule.CHAIN, target, chained))
    for original, apart in chain:
        slope = contract(differentiate(apart.value, by))
        origin = original.target.tensor
        steps.append(Step(Rule.DIFFERENTIATE, partial(apart.target, by), slope, origin))
        upstream = ONE if origin in losses else entry(gradient_name(origin), apart.target.indices)
        summed = total(apart.target.indices, mul(upstream, slope))
        parts.append(contract(summed))
    joined = contract(add(*parts))
    steps.append(Step(_joining_rule(steps, target, len(users)), target, joined))
    value = finished(program, target, joined, steps)
    return Gradient(name, target, value, tuple(steps))


def finished(program: Program, target: Entry, value: Term, steps: list[Step]) -> Term:
    """The right side as a person would write it; each rewriting is added to the steps."""
    for rule, rewrite in _FINISHING:
        rewritten = rewrite(program, value, target.indices)
        if rewritten is not value:
            steps.append(Step(rule, target, rewritten))
            value = rewritten
    return value


def _averaged(gradient: Gradient, axis: str) -> Gradient:
    value = mul(gradient.value, power(size(axis), -1))
    steps = (*gradient.steps, Step(Rule.MEAN, gradient.target, value))
    return Gradient(gradient.of, gradient.target, value, steps)


def _target(program: Program, name: str) -> Entry:
    taken: list[Index] = []
    for index in program.tensors[name].indices:
        taken.append(fresh(index, taken))
    return entry(gradient_name(name), taken)


def _apart(s: Statement, indices: tuple[Index, ...]) -> Statement:
    """The statement with its indices renamed, so that none is one of the given ones."""
    if not set(s.target.indices) & set(indices):
        return s
    taken = set(indices) | indices_in(s.value) | set(s.target.indices)
    change: dict[Index, Index] = {}
    for index in s.target.indices:
        if index in indices:
            change[index] = fresh(index, taken)
            taken.add(change[index])
    target = entry(s.target.tensor, (change.get(i, i) for i in s.target.indices))
    return Statement(target, substitute(s.value, change), s.span, s.text)


def _chain_term(s: Statement, by: Entry) -> Term:
    upstream = entry(gradient_name(s.target.tensor), s.target.indices)
    return total(s.target.indices, mul(upstream, partial(s.target, by)))


def differentiate(term: Term, by: Entry) -> Term:
    """The partial derivative of a term by one entry, whose indices the term does not use freely."""
    if by.tensor not in term.tensors:
        return ZERO
    if isinstance(term, Entry):
        return mul(*(delta(i, j) for i, j in zip(term.indices, by.indices, strict=True)))
    if isinstance(term, Add):
        return add(*(differentiate(part, by) for part in _parts_with(term)[by.tensor]))
    if isinstance(term, Mul):
        factors = term.factors
        return add(
            *(
                mul(*factors[:k], differentiate(factor, by), *factors[k + 1 :])
                for k, factor in enumerate(factors)
            )
        )
    if isinstance(term, Power):
        slope = differentiate(term.base, by)
        return mul(number(term.exponent), power(term.base, term.exponent - 1), slope)
    if isinstance(term, Binder):
        return _through_binder(_rebind(term, by), by)
    if isinstance(term, Where):
        return where(term.test, differentiate(term.above, by), differentiate(term.below, by))
    if isinstance(term, Apply):
        return mul(outer_derivative(term), differentiate(term.argument, by))
    if isinstance(term, Softmax):
        other = fresh(term.index, indices_in(term) | set(by.indices))
        moved = substitute(term.body, {term.index: other})
        mean = total((other,), mul(softmax(other, moved), differentiate(moved, by)))
        return mul(term, add(differentiate(term.body, by), negative(mean)))
    raise TypeError(f"{type(term).__name__} has no derivative rule: a bug in backproof")


@lru_cache(maxsize=64)
def _parts_with(term: Add) -> Mapping[str, list[Term]]:
    """The parts of a sum in which each tensor occurs: a long sum is looked through once."""
    found: dict[str, list[Term]] = {}
    for part in term.terms:
        for tensor in part.tensors:
            found.setdefault(tensor, []).append(part)
    return found


def _through_binder(term: Binder, by: Entry) -> Term:
    """The derivative of a sum, logsumexp, max, product or hardmax by an entry.

    None of its indices is one of the entry's.
    """
    if isinstance(term, Hardmax):
        return ZERO
    slope = differentiate(term.body, by)
    if isinstance(term, Sum):
        return total(term.indices, slope)
    (index,) = term.bound
    if isinstance(term, LogSumExp):
        return total((index,), mul(softmax(index, term.body), slope))
    other = fresh(index, indices_in(term) | indices_in(slope) | set(by.indices))
    moved = substitute(term.body, {index: other})
    if isinstance(term, Max):
        return total((index,), mul(hardmax(index, other, moved), slope))
    # The product of all factors but one: that one is replaced by 1.
    here = delta(index, other)
    others = add(here, mul(add(ONE, negative(here)), moved))
    return total((index,), mul(product_over(other, others), slope))


def _rebind(term: Binder, by: Entry) -> Binder:
    change: dict[Index, Index] = {}
    taken = indices_in(term) | set(by.indices)
    for index in term.bound:
        if index in by.indices:
            change[index] = fresh(index, taken)
            taken.add(change[index])
    if not change:
        return term
    bound = tuple(change.get(i, i) for i in term.bound)
    renamed = term.over(bound, substitute(term.body, change))
    assert isinstance(renamed, Binder)
    return renamed


def outer_derivative(term: Apply) -> Term:
    """The derivative at the argument, written out where the table of functions says so.

    It is also written out where it is zero, as relu'' is away from 0.
    """
    known = FUNCTIONS.get(term.function)
    if known is not None:
        slope = formula(term.function, term.order + 1)
        assert slope is not None
        if known.inline or slope is ZERO:
            return replace_x(slope, term.argument)
    return apply(term.function, term.argument, term.order + 1)


# ---------------------------------------------------------------- finishing touches


def _fold(program: Program, value: Term, _: tuple[Index, ...]) -> Term:
    """Values that a statement names, such as A = softmax(Z), by that name."""

    def on(term: Term) -> Term:
        if isinstance(term, FOLDED):
            for s in program.named.get(head(term), ()):
                match = _match(s.value, term, {})
                # A match says which index is which; that it is one, substitution says.
                if match is not None and substitute(s.value, match) is term:
                    return entry(s.target.tensor, (match[i] for i in s.target.indices))
        return rebuild(term, on)

    return on(value)


def _match(pattern: Term, term: Term, found: dict[Index, Index]) -> dict[Index, Index] | None:
    """The renaming of free indices that turns the pattern into the term, if there is one."""
    if type(pattern) is not type(term):
        return None
    pairs: list[tuple[Index, Index]] = []
    if isinstance(pattern, Entry) and isinstance(term, Entry):
        if pattern.tensor != term.tensor:
            return None
        pairs = list(zip(pattern.indices, term.indices, strict=True))
    elif isinstance(pattern, Apply) and isinstance(term, Apply):
        if (pattern.function, pattern.order) != (term.function, term.order):
            return None
    elif isinstance(pattern, Softmax) and isinstance(term, Softmax):
        pairs = [(pattern.index, term.index)]
    elif isinstance(pattern, Power) and isinstance(term, Power):
        if pattern.exponent != term.exponent:
            return None
    elif isinstance(pattern, (Add, Mul)):
        if len(pattern.children) != len(term.children):
            return None
    elif isinstance(pattern, (Binder, Delta, Match)):
        same = pattern is term and all(found.setdefault(i, i) == i for i in pattern.free)
        return found if same else None
    elif pattern is not term:
        return None
    for left, right in pairs:
        if found.setdefault(left, right) != right or left.axis != right.axis:
            return None
    result: dict[Index, Index] | None = found
    for left_child, right_child in zip(pattern.children, term.children, strict=True):
        if result is None:
            return None
        result = _match(left_child, right_child, result)
    return result


def _rename(program: Program, value: Term, kept: tuple[Index, ...]) -> Term:
    return name_bound(program, value, kept)


def _collect(_: Program, value: Term, __: tuple[Index, ...]) -> Term:
    def on(term: Term) -> Term:
        return collect(rebuild(term, on))

    return gather_powers(on(value))


_Finish = Callable[[Program, Term, tuple[Index, ...]], Term]
_FINISHING: tuple[tuple[Rule, _Finish], ...] = (
    (Rule.FOLD, _fold),
    (Rule.COLLECT, _collect),
    (Rule.RENAME, _rename),
)
