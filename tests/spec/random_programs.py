"""Random programs as text, rewritings that keep a term's value, and single edits that do not.

A program is written from a ``random.Random`` alone, so that Hypothesis and a plain loop over seeds
make the same ones. Every function is taken where it is smooth and moderate: roots and quotients of
what is positive, exponentials of what is bounded.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from backproof.oracles.autodiff import AutodiffOracle
from backproof.oracles.enclosure import EnclosureOracle
from backproof.oracles.outcome import Answer, Question, Unavailable
from backproof.spec import terms as t
from backproof.spec.claims.reading import Claim
from backproof.spec.deriving.derive import Derivation, Gradient
from backproof.spec.functions import FUNCTIONS, formula, replace_x
from backproof.spec.layer import Spec
from backproof.spec.program import Program
from backproof.spec.terms import Index, Term
from backproof.spec.values.numbers import Balls
from backproof.spec.values.pointwise import Evaluation, NoValueError

AXES = {"n": "nm", "i": "ijk", "o": "op", "t": "t"}
ROLES = {"n": "samples", "i": "inputs", "o": "outputs", "t": "steps"}
INPUTS = ("X", "W", "b", "M", "u", "v", "s", "T")
DEFINED = ("A", "B", "C", "D", "E")
BOUNDED = ("tanh", "sigmoid", "erf")
ACTIVATIONS = (*BOUNDED, "softplus", "silu", "gelu", "relu", "leaky_relu", "abs", "elu", "step")
POSITIVE_POWERS = ("^(1/2)", "^(-1/2)", "^(-1)", "^(3/2)", "^(-2)")


# ---------------------------------------------------------------- programs as text


@dataclass
class Writer:
    """Writes one program.

    Attributes:
        random: where all choices come from.
        functions: what may stand for an activation.
        rational: whether only + - * / and powers with whole exponents occur.
        choices: which of ``where``, ``max`` and ``prod`` occur too.
        axes: the axis of each position of each tensor so far.
    """

    random: Random
    functions: tuple[str, ...] = ACTIVATIONS
    rational: bool = False
    choices: tuple[str, ...] = ()
    axes: dict[str, str] = field(default_factory=dict)

    def program(self) -> str:
        """One to five statements; what is defined may be used many times, or not at all.

        Each axis is one of an input, so that the inputs' shapes say all sizes.
        """
        while True:
            self.axes.clear()
            lines = self._statements()
            text = "\n".join(lines)
            given = "".join(axes for name, axes in self.axes.items() if name not in DEFINED)
            letters = set(re.findall(r"\b[a-z]\b(?=[,\])])", text)) & set("".join(AXES.values()))
            used = sorted({_axis(letter) for letter in letters})
            if set(used) <= set(given):
                declared = ", ".join(f"{', '.join(AXES[a])}: {ROLES[a]}" for a in used)
                return f"axes {declared}\n{text}\n" if used else f"{text}\n"

    def _statements(self) -> list[str]:
        axes = self.random.sample(sorted(AXES), self.random.randint(1, 4))
        lines = []
        count = self.random.randint(1, 5)
        for k, name in enumerate(DEFINED[:count]):
            kept = self._letters(axes, 2)
            if k + 1 == count and self.random.random() < 0.4:
                kept = []
            if self.random.random() < 0.3:
                value = self._reduced(kept, axes, 2)
            else:
                value = self.expression(kept, axes, self.random.randint(1, 3))
            lines.append(f"{_entry(name, kept)} = {value}")
            self.axes[name] = "".join(_axis(letter) for letter in kept)
        return lines

    def expression(self, scope: list[str], axes: list[str], depth: int) -> str:
        """An expression whose free letters are all in the scope."""
        if depth == 0:
            return self._leaf(scope)
        kinds = ["add", "add", "mul", "mul", "sum", "sum", "mean", "power", "quotient"]
        if not self.rational:
            kinds += ["function", "function", "root", "exp", "log"]
            kinds += ["softmax", "logsumexp"] if scope else ["logsumexp"]
        kinds += self.choices
        kind = self.random.choice(kinds)
        deeper = lambda: self.expression(scope, axes, depth - 1)  # noqa: E731
        if kind == "add":
            return f"({deeper()} {self.random.choice('+-')} {deeper()})"
        if kind == "mul":
            return f"{deeper()}*{deeper()}"
        if kind == "where":
            return f"where({deeper()} > {deeper()}, {deeper()}, {deeper()})"
        if kind in ("sum", "mean", "max", "prod"):
            return self._reduced(scope, axes, depth, kind)
        if kind == "power":
            return f"({deeper()})^{self.random.randint(2, 3)}"
        if kind == "quotient":
            return f"{deeper()}/(1 + ({deeper()})^2)"
        if kind == "function":
            return f"{self.random.choice(self.functions)}({deeper()})"
        if kind == "root":
            return f"(1 + ({deeper()})^2){self.random.choice(POSITIVE_POWERS)}"
        if kind == "exp":
            return f"exp({self.random.choice(BOUNDED)}({deeper()}))"
        if kind == "log":
            return f"log(2 + {self.random.choice(BOUNDED)}({deeper()}))"
        if kind == "softmax":
            return f"softmax[{self.random.choice(scope)}]({deeper()})"
        return self._reduced(scope, axes, depth, "logsumexp")

    def _reduced(self, scope: list[str], axes: list[str], depth: int, by: str = "sum") -> str:
        unused = [x for a in axes for x in AXES[a] if x not in scope]
        if not unused:
            return self._leaf(scope)
        letter = self.random.choice(unused)
        body = self.expression([*scope, letter], axes, depth - 1)
        if letter not in body or self.random.random() < 0.5:
            body = f"{self._entry([*scope, letter], letter)}*({body})"
        return f"{by}[{letter}]({body})"

    def _leaf(self, scope: list[str]) -> str:
        kind = self.random.randint(0, 11)
        if kind == 0:
            return self.random.choice(("2", "3", "1/2", "-1", "3/4"))
        if kind == 1 and scope:
            return f"size({self.random.choice(scope)})"
        pairs = [(a, b) for a in scope for b in scope if a < b and _axis(a) == _axis(b)]
        if kind in (2, 3) and pairs:
            return "delta[{},{}]".format(*self.random.choice(pairs))
        return self._entry(scope)

    def _entry(self, scope: list[str], wanted: str = "") -> str:
        """An entry of a tensor that exists or that hereby does."""
        known = [
            name
            for name, axes in self.axes.items()
            if all(any(_axis(x) == a for x in scope) for a in axes)
            and (not wanted or _axis(wanted) in axes)
        ]
        fresh = [name for name in INPUTS if name not in self.axes] or [f"z{len(self.axes)}"]
        if known and self.random.random() < 0.7:
            defined = [name for name in known if name in DEFINED]
            used_again = defined and self.random.random() < 0.6
            name = self.random.choice(defined if used_again else known)
        else:
            name = self.random.choice(fresh)
            chosen = self.random.sample(scope, min(len(scope), self.random.randint(0, 2)))
            if wanted and wanted not in chosen:
                chosen.append(wanted)
            self.axes[name] = "".join(_axis(x) for x in chosen)
        letters = [
            wanted
            if wanted and _axis(wanted) == a
            else self.random.choice([x for x in scope if _axis(x) == a])
            for a in self.axes[name]
        ]
        return _entry(name, letters)

    def _letters(self, axes: list[str], most: int) -> list[str]:
        letters = [x for a in axes for x in AXES[a][:2]]
        return self.random.sample(letters, min(len(letters), self.random.randint(0, most)))


def program_text(random: Random, **options: object) -> str:
    """A random program; the options are those of ``Writer``."""
    return Writer(random, **options).program()  # type: ignore[arg-type]


def _axis(letter: str) -> str:
    return next(axis for axis, letters in AXES.items() if letter in letters)


def _entry(name: str, letters: list[str]) -> str:
    return f"{name}[{','.join(letters)}]" if letters else name


def whole(random: Random, shape: tuple[int, ...]) -> list[Fraction]:
    """Values in row-major order: halves from -3/2 to 3/2, none of them 0."""
    count = 1
    for length in shape:
        count *= length
    return [Fraction(random.choice((-3, -2, -1, 1, 2, 3)), 2) for _ in range(count)]


# ---------------------------------------------------------------- rewritings

Rule = Callable[[Term, Random, Program], Term]


def _commute(term: Term, random: Random, _: Program) -> Term:
    if isinstance(term, (t.Add, t.Mul)):
        parts = random.sample(term.children, len(term.children))
        return t.add(*parts) if isinstance(term, t.Add) else t.mul(*parts)
    return term


def _distribute(term: Term, random: Random, _: Program) -> Term:
    if not isinstance(term, t.Mul):
        return term
    places = [k for k, f in enumerate(term.factors) if isinstance(f, t.Add)]
    if not places:
        return term
    k = random.choice(places)
    rest = (*term.factors[:k], *term.factors[k + 1 :])
    return t.add(*(t.mul(part, *rest) for part in term.factors[k].children))


def _factor(term: Term, _: Random, __: Program) -> Term:
    """a*x + b*x + c as (a + b)*x + c, for the first two parts that share a factor."""
    if not isinstance(term, t.Add):
        return term
    parts = [list(p.factors) if isinstance(p, t.Mul) else [p] for p in term.terms]
    for i, j in itertools.combinations(range(len(parts)), 2):
        for factor in parts[i]:
            if factor in parts[j] and not isinstance(factor, t.Number):
                parts[i].remove(factor)
                parts[j].remove(factor)
                inner = t.add(t.mul(*parts[i]), t.mul(*parts[j]))
                others = (t.mul(*p) for k, p in enumerate(parts) if k not in (i, j))
                return t.add(t.mul(inner, factor), *others)
    return term


def _rename_bound(term: Term, random: Random, _: Program) -> Term:
    if not isinstance(term, t.Sum):
        return term
    taken = t.indices_in(term)
    change = {}
    for index in term.indices:
        change[index] = t.fresh(Index(random.choice("wzqr"), index.axis), taken)
        taken.add(change[index])
    order = random.sample(term.indices, len(term.indices))
    return t.total([change[i] for i in order], t.substitute(term.body, change))


def _split_sum(term: Term, _: Random, __: Program) -> Term:
    if isinstance(term, t.Sum) and isinstance(term.body, t.Add):
        return t.add(*(t.total(term.indices, part) for part in term.body.terms))
    return term


def _into_sum(term: Term, random: Random, _: Program) -> Term:
    """x*sum_i(y) as sum_i(x*y), with i out of the way of x."""
    if not isinstance(term, t.Mul):
        return term
    places = [k for k, f in enumerate(term.factors) if isinstance(f, t.Sum)]
    if not places:
        return term
    k = random.choice(places)
    rest = t.mul(*term.factors[:k], *term.factors[k + 1 :])
    inner = term.factors[k]
    assert isinstance(inner, t.Sum)
    taken = t.indices_in(rest) | t.indices_in(inner)
    change = {}
    for index in inner.indices:
        change[index] = t.fresh(index, taken)
        taken.add(change[index])
    body = t.mul(rest, t.substitute(inner.body, change))
    return t.total([change[i] for i in inner.indices], body)


def _nothing_added(term: Term, random: Random, program: Program) -> Term:
    """x + (y - y), where y is an input or x itself."""
    other = term
    scalars = [name for name in program.inputs if program.tensors[name].rank == 0]
    if scalars and random.random() < 0.5:
        other = t.mul(t.entry(random.choice(scalars)), term)
    return t.add(term, other, t.negative(other))


def _through_delta(term: Term, random: Random, _: Program) -> Term:
    """f(i) as sum_j delta(i,j)*f(j)."""
    if not term.free:
        return term
    index = random.choice(sorted(term.free))
    other = t.fresh(index, t.indices_in(term))
    moved = t.substitute(term, {index: other})
    return t.total((other,), t.mul(t.delta(index, other), moved))


def _unfold(term: Term, _: Random, __: Program) -> Term:
    if isinstance(term, t.Apply) and term.function in FUNCTIONS:
        simpler = formula(term.function, term.order)
        return term if simpler is None else replace_x(simpler, term.argument)
    return term


def _square(term: Term, _: Random, __: Program) -> Term:
    if isinstance(term, t.Power) and term.exponent.denominator == 1 and term.exponent > 1:
        return t.mul(term.base, t.power(term.base, term.exponent - 1))
    return term


def _double(term: Term, _: Random, __: Program) -> Term:
    """x as 2*x - x."""
    return t.add(t.mul(t.number(2), term), t.negative(term))


REWRITINGS: Mapping[str, Rule] = {
    "commute": _commute,
    "distribute": _distribute,
    "factor": _factor,
    "rename bound indices": _rename_bound,
    "split a sum": _split_sum,
    "move into a sum": _into_sum,
    "add x - x": _nothing_added,
    "sum over a delta": _through_delta,
    "unfold a function": _unfold,
    "write out a power": _square,
    "double and take away": _double,
}


def rewritten(term: Term, random: Random, program: Program, times: int = 6) -> Term:
    """The term after so many rewritings, each of one subterm."""
    for _ in range(times):
        rule = random.choice(list(REWRITINGS.values()))
        nodes = [n for n in t.walk(term) if rule(n, Random(0), program) is not n]
        if nodes:
            place = random.choice(nodes)
            term = _replaced(term, place, lambda node, rule=rule: rule(node, random, program))
    return term


def _replaced(term: Term, place: Term, change: Callable[[Term], Term]) -> Term:
    """The term with one subterm changed, at its first place only."""
    done = False

    def on(node: Term) -> Term:
        nonlocal done
        if node is place and not done:
            done = True
            return change(node)
        return t.rebuild(node, on)

    return on(term)


# ---------------------------------------------------------------- edits


def edited(term: Term, random: Random, scope: tuple[Index, ...]) -> Term | None:
    """The term with one mistake as a person makes it; None where none fits.

    Args:
        term: what is right.
        random: where the choice comes from.
        scope: the indices of the left side.
    """
    nodes = list(t.walk(term))
    for place in random.sample(nodes, len(nodes)):
        inside = sorted({*scope, *place.free})
        changes = [c for c in _edits(place, inside) if c is not place]
        if changes:
            changed = random.choice(changes)
            result = _replaced(term, place, lambda _, changed=changed: changed)
            if result.free <= set(scope):
                return result
    return None


def _edits(node: Term, inside: list[Index]) -> list[Term]:
    found: list[Term] = [t.negative(node), t.mul(t.number(2), node)]
    if isinstance(node, t.Entry):
        for k, index in enumerate(node.indices):
            for other in inside:
                if other.axis == index.axis and other != index:
                    found.append(
                        t.entry(node.tensor, (*node.indices[:k], other, *node.indices[k + 1 :]))
                    )
        for i in range(len(node.indices)):
            for j in range(i):
                if node.indices[i].axis == node.indices[j].axis:
                    swapped = list(node.indices)
                    swapped[i], swapped[j] = swapped[j], swapped[i]
                    found.append(t.entry(node.tensor, swapped))
    if isinstance(node, t.Mul):
        found += [
            t.mul(*node.factors[:k], *node.factors[k + 1 :]) for k in range(len(node.factors))
        ]
    if isinstance(node, t.Add):
        found += [t.add(*node.terms[:k], *node.terms[k + 1 :]) for k in range(len(node.terms))]
        found.append(t.add(node.terms[0], t.negative(t.add(*node.terms[1:]))))
    if isinstance(node, t.Sum):
        found.append(t.mul(t.power(t.size(node.indices[0].axis), -1), node))
    if isinstance(node, t.Power):
        found += [t.power(node.base, node.exponent + 1), node.base]
    if isinstance(node, t.Delta):
        found.append(t.ONE)
    if isinstance(node, t.Apply):
        found.append(t.apply(node.function, node.argument, node.order + 1))
        found += [
            t.apply(other, node.argument, node.order)
            for other in ("tanh", "sigmoid")
            if other != node.function
        ]
    return found


# ---------------------------------------------------------------- what has to hold


def against_jax(spec: Spec, random: Random) -> list[str]:
    """The tensors and gradients whose values are not those that JAX finds, at a random point.

    Both are enclosed: the derived equations in ball arithmetic, and what JAX computes in interval
    arithmetic. Values are halves, sizes 2 or 3.

    Raises:
        ValueError: an oracle has no answer.
    """
    derivation = spec.derivation
    program = spec.program
    sizes = {axis: random.choice((2, 3)) for axis in program.axes}
    axes = {name: program.tensors[name].axes for name in program.inputs}
    axes |= {g.name: program.tensors[g.of].axes for g in _given(derivation)}
    inputs = {}
    for name, along in axes.items():
        shape = tuple(sizes[a] for a in along)
        inputs[name] = np.array([float(x) for x in whole(random, shape)]).reshape(shape)
    upstream = {g.name for g in _given(derivation)}
    gradients = (g.name for g in derivation.gradients.values() if g.name not in upstream)
    question = Question(derivation, inputs, (*program.defined, *gradients))
    ours, theirs = EnclosureOracle().answer(question), AutodiffOracle().answer(question)
    for answer in (ours, theirs):
        if isinstance(answer, Unavailable):
            raise ValueError(f"{answer.oracle}: {answer.reason}")
    assert isinstance(ours, Answer)
    assert isinstance(theirs, Answer)
    return [
        name
        for name in question.wanted
        if not np.all(
            (ours.lower(name) <= theirs.upper(name)) & (theirs.lower(name) <= ours.upper(name))
        )
    ]


def _given(derivation: Derivation) -> list[Gradient]:
    return [g for g in derivation.gradients.values() if g.is_upstream]


def rewriting_claim(spec: Spec, random: Random) -> Claim:
    """A random gradient against another way to write it: true."""
    gradient = _chosen(spec, random)
    other = rewritten(gradient.value, random, spec.program)
    return Claim("", gradient.target, other, gradient.target.indices, spec.derivation)


def edit_claim(spec: Spec, random: Random) -> Claim | None:
    """A random gradient against itself with one edit: false, or true by chance."""
    gradient = _chosen(spec, random)
    other = edited(gradient.value, random, gradient.target.indices)
    if other is None:
        return None
    return Claim("", gradient.target, other, gradient.target.indices, spec.derivation)


def _chosen(spec: Spec, random: Random) -> Gradient:
    derived = [g for g in spec.derivation.gradients.values() if not g.is_upstream]
    return random.choice([g for g in derived if g.value.children] or derived)


def sides_agree(claim: Claim, random: Random, points: int = 4) -> bool:
    """Whether the two sides have one value at several random points, as far as balls can tell."""
    assert claim.left is not None
    assert claim.right is not None
    sizes_tried = [{a: random.randint(2, 3) for a in claim.derivation.program.axes}]
    sizes_tried += [{a: 2 + k % 2 for k, a in enumerate(claim.derivation.program.axes)}]
    balls = Balls()
    for sizes in (sizes_tried * points)[:points]:
        seen: dict[tuple[str, tuple[int, ...]], Fraction] = {}

        def given(name: str, at: tuple[int, ...], seen: dict[Any, Fraction] = seen) -> Any:
            return balls.number(seen.setdefault((name, at), whole(random, ())[0]))

        evaluation = Evaluation(claim.derivation, balls, sizes, given)
        for values in itertools.product(*(range(sizes[i.axis]) for i in claim.indices)):
            at = dict(zip(claim.indices, values, strict=True))
            try:
                left, right = evaluation.term(claim.left, at), evaluation.term(claim.right, at)
            except NoValueError:
                continue
            if not left.overlaps(right):
                return False
    return True
