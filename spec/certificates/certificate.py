"""Writing a certificate: what a derivation or an equal verdict rests on, for a checker to replay.

``checker`` checks it and shares nothing with what found it. What is hard to find stands in the
certificate: which names are replaced by what defines them, how bound indices are numbered, and by
what is multiplied so that no denominator is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from backproof.spec.certificates.checker import FORMAT, TABLE, Checker, Tree, check
from backproof.spec.certificates.rules import Factors, Refused, Sealed, free
from backproof.spec.claims.reading import Claim
from backproof.spec.deriving.derive import Derivation, Gradient, Rule, Step
from backproof.spec.normal_form.canonical import Factor, canonical_order
from backproof.spec.notation.tokens import NAME
from backproof.spec.printers.index import index_equation, index_form
from backproof.spec.terms import (
    Add,
    Apply,
    Binder,
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
    add,
    apply,
    constant,
    delta,
    entry,
    fresh,
    hardmax,
    logsumexp,
    match,
    max_over,
    mul,
    number,
    power,
    product_over,
    size,
    softmax,
    substitute,
    total,
    walk,
    where,
)

MAX_CLEARED = 6


class NoCertificateError(Exception):
    """There is no certificate of the simple kind; the message says why."""


# ---------------------------------------------------------------- trees


def tree_of(term: Term) -> Tree:
    """A term as a tree that the checker reads.

    Raises:
        NoCertificateError: the checker knows no such node.
    """
    if isinstance(term, Number):
        return ["number", str(term.value)]
    if isinstance(term, Constant):
        return ["constant", term.name]
    if isinstance(term, Size):
        return ["size", term.axis]
    if isinstance(term, Entry):
        return ["entry", term.tensor, [*map(_index, term.indices)]]
    if isinstance(term, Partial):
        name = f"∂{term.of.tensor}/∂{term.by.tensor}"
        return ["entry", name, [*map(_index, (*term.of.indices, *term.by.indices))]]
    if isinstance(term, Delta):
        return ["delta", _index(term.left), _index(term.right)]
    if isinstance(term, Match):
        parts = [[_index(i), factor] for i, factor in term.parts]
        return ["match", _index(term.left), parts, term.offset]
    if isinstance(term, Add):
        return ["add", *map(tree_of, term.terms)]
    if isinstance(term, Mul):
        return ["mul", *map(tree_of, term.factors)]
    if isinstance(term, Power):
        return ["pow", tree_of(term.base), str(term.exponent)]
    if isinstance(term, Sum):
        return ["sum", [*map(_index, term.indices)], tree_of(term.body)]
    if isinstance(term, Apply):
        return ["fn", term.function, term.order, tree_of(term.argument)]
    if isinstance(term, Softmax):
        return ["softmax", _index(term.index), tree_of(term.body)]
    if isinstance(term, LogSumExp):
        return ["logsumexp", _index(term.index), tree_of(term.body)]
    if isinstance(term, Where):
        return ["where", *map(tree_of, (term.test, term.above, term.below))]
    if isinstance(term, (Max, Product)):
        kind = "max" if isinstance(term, Max) else "prod"
        return [kind, _index(term.index), tree_of(term.body)]
    if isinstance(term, Hardmax):
        # The position stands outside of what is bound, and so may have the same name.
        return ["hardmax", _index(term.at), _index(term.index), tree_of(term.body)]
    raise NoCertificateError(f"the checker has no rule for {type(term).__name__.lower()}")


def _index(index: Index) -> str:
    return f"{index.name}:{index.axis}"


def _sealed_tree(poly: Sealed) -> Tree:
    """A tree whose sum of monomials is the given one."""

    def index(name: str) -> str:
        label, axis = name.split(":", 1)
        return f"{axis}_{label[1:].replace('.', '_')}:{axis}" if label.startswith("#") else name

    def on_atom(atom: Any) -> Tree:
        if atom[0] == "pow":
            return _sealed_tree(atom[1])
        if atom[0] == "fn":
            return ["fn", atom[1], atom[2], _sealed_tree(atom[3])]
        indices = [*map(index, atom[2])]
        if atom[0] == "entry":
            return ["entry", atom[1], indices]
        if atom[0] == "delta":
            return ["delta", *indices]
        if atom[0] == "match":
            return ["match", indices[0], [[i, 1] for i in indices[1:]], int(atom[1])]
        return [atom[0], atom[1]]

    terms = []
    for bound, factors, coefficient in poly:
        product = [["pow", on_atom(a), str(e)] if e != 1 else on_atom(a) for a, e in factors]
        body = ["mul", ["number", str(coefficient)], *product]
        terms.append(["sum", [*map(index, bound)], body] if bound else body)
    return ["add", *terms]


# ---------------------------------------------------------------- finding what the steps need


class _Writer(Checker):
    """A checker that, where a step lacks what makes it valid, looks for it and writes it down."""

    def __init__(self, sizes: Mapping[str, int], assumes: list[Tree]) -> None:
        super().__init__(sizes, assumes)
        self.recorded: list[list[int]] | None = None

    def assume(self, what: str, poly: Sealed, tree: Tree) -> None:
        try:
            super().assume(what, poly, tree)
        except Refused:
            self.assumes.append([what, tree])

    def order(self, bound: tuple[str, ...], fs: Factors) -> list[int]:
        if self.recorded is None or len(bound) < 2:
            return super().order(bound, fs)
        recorded, self.recorded = self.recorded, None
        order = self._canonical(bound, fs)
        self.recorded = recorded
        recorded.append(order)
        return order

    def _canonical(self, bound: tuple[str, ...], fs: Factors) -> list[int]:
        known = {Index(*name.split(":", 1)): name for name in bound}

        def factor(atom: Any, exponent: Fraction) -> Factor:
            def key(names: Mapping[Index, Index]) -> str:
                change = {known[old]: _index(new) for old, new in names.items()}
                return f"{self.renamed({atom: exponent}, change)!r}"

            return Factor(key, frozenset(i for i, name in known.items() if name in free(atom)))

        order = canonical_order(tuple(known), [factor(a, e) for a, e in fs.items()])
        return [bound.index(known[i]) for i in order]

    def equal(self, left: Tree, step: Mapping[str, Any], env: Mapping[str, str]) -> None:
        assert isinstance(step, dict)
        assumed = len(self.assumes)
        refusal: Refused | None = None
        for using in self._candidates(left, step):
            step["using"] = sorted(using)
            for attempt in (self._as_it_is, self._numbered, self._cleared):
                try:
                    attempt(left, step, env)
                except Refused as error:
                    refusal = error
                    for key in ("orders", "times"):
                        step.pop(key, None)
                    del self.assumes[assumed:]
                else:
                    if not step["using"]:
                        del step["using"]
                    return
        assert refusal is not None
        raise refusal

    def _as_it_is(self, left: Tree, step: dict[str, Any], env: Mapping[str, str]) -> None:
        super().equal(left, step, env)

    def _numbered(self, left: Tree, step: dict[str, Any], env: Mapping[str, str]) -> None:
        self.recorded = []
        try:
            super().equal(left, step, env)
        finally:
            recorded, self.recorded = self.recorded, None
        if recorded:
            step["orders"] = recorded

    def _cleared(self, left: Tree, step: dict[str, Any], env: Mapping[str, str]) -> None:
        for _ in range(MAX_CLEARED):
            found = self._denominator(left, step, env)
            if found is None:
                break
            step.setdefault("times", []).append(found)
            try:
                self._numbered(left, step, env)
            except Refused:
                step.pop("orders", None)
            else:
                return
        raise Refused("the two sides differ")

    def _denominator(
        self, left: Tree, step: Mapping[str, Any], env: Mapping[str, str]
    ) -> list[Any] | None:
        """A sum that stands below the line outside of sums, and how often."""
        least: dict[Any, Fraction] = {}
        for _, bound, factors in self.difference(left, step, env):
            for atom, exponent in factors.items():
                if atom[0] == "pow" and exponent < 0 and free(atom).isdisjoint(bound):
                    least[atom] = min(exponent, least.get(atom, Fraction(0)))
        if not least:
            return None
        atom = min(least, key=repr)
        return [_sealed_tree(atom[1]), str(-floor(least[atom]))]

    # ------------------------------------------------------------ what to replace

    def _candidates(self, left: Tree, step: Mapping[str, Any]) -> Iterator[set[str]]:
        """Names to replace by their definitions and rules of functions, the fewest first."""
        tried: list[set[str]] = []
        for tensors in self._definitions(left, step):
            values = [self.defined[name][1] for name in tensors]
            for functions in _function_rules([left, step["right"], *values]):
                if tensors | functions not in tried:
                    tried.append(tensors | functions)
                    yield tensors | functions

    def _definitions(self, left: Tree, step: Mapping[str, Any]) -> list[set[str]]:
        here, there, known = _tensors(left), _tensors(step["right"]), {*self.defined}
        if step["rule"] in ("SEED", "CHAIN", "UNUSED"):
            return [set()]
        if step["rule"] != "EQUAL":
            gone = (here - there) & known
            named = (here | there) & known & self.tensors
            return [gone, gone | ((there - here) & known), gone | named]
        # As the decision does: what a claim is about is replaced first, and then everything.
        alone = {t[1] for t in (left, step["right"]) if t[0] == "entry"} & known
        gradients = self._reachable(here | there, known - self.tensors)
        return [alone, gradients, self._reachable(here | there, known)]

    def _reachable(self, names: Iterable[str], known: set[str]) -> set[str]:
        """All that the names are defined by, as far as it is to be replaced."""
        found: set[str] = set()
        pending = [*names]
        while pending:
            name = pending.pop()
            if name in known and name not in found:
                found.add(name)
                pending += _tensors(self.defined[name][1])
        return found


# Functions whose derivative a derivation writes out, and those that exp and log can say.
_INLINE = ("exp", "log", "sqrt", "linear", "step", "abs", "sign")
_ELEMENTARY = ("sigmoid", "tanh", "softplus")
_ORDERS = ("", "'", "''", "'''")


def _function_rules(trees: Sequence[Tree]) -> list[set[str]]:
    """Rules of the functions that occur: what is written out, derivatives, all, through exp."""
    occurring = {node[1] for tree in trees for node in _nodes(tree) if node[0] == "fn"}
    pending = [*occurring]
    while pending:
        name = pending.pop()
        for order in _ORDERS:
            more = {n[1] for n in _nodes(TABLE.get(name + order)) if n[0] == "fn"} - occurring
            occurring |= more
            pending += more
    rules = {
        name + order
        for name in occurring
        for order in _ORDERS
        if any(name + lower in TABLE for lower in _ORDERS[: len(order) + 1])
    }
    inline = {rule for rule in rules if rule.rstrip("'") in _INLINE}
    slopes = inline | {rule for rule in rules if rule.endswith("'")}
    closed = rules - {*_ELEMENTARY}
    return [{f"{rule}(x)" for rule in rung} for rung in (inline, slopes, closed, rules)]


def _nodes(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, list):
        if tree and isinstance(tree[0], str):
            yield tree
        for child in tree:
            yield from _nodes(child)


def _tensors(tree: Tree) -> set[str]:
    return {node[1] for node in _nodes(tree) if node[0] == "entry"}


# ---------------------------------------------------------------- certificates


def certificate(
    derivation: Derivation, of: Collection[str] = (), claims: Sequence[Claim] = ()
) -> dict[str, Any]:
    """A certificate of derived gradients and of claims, with all derivations that these rest on.

    Args:
        derivation: what is derived.
        of: the tensors whose gradients are certified.
        claims: equations about what the derivation defines.

    Raises:
        NoCertificateError: the checker has no rule for what occurs, or none of what can be
            looked for makes it accept a step.
    """
    program = derivation.program
    data: dict[str, Any] = {
        "format": FORMAT,
        "sizes": dict(program.declared_sizes),
        "assumes": [],
        "losses": [name for name in program.outputs if program.is_loss(name)],
        "program": [
            {"left": tree_of(s.target), "right": tree_of(s.value)} for s in program.statements
        ],
        "gradients": [_gradient(g) for g in derivation.gradients.values() if not g.is_upstream],
        "claims": [_claim(claim) for claim in claims],
    }
    try:
        check(data, _Writer(data["sizes"], data["assumes"]))
        _prune(data, of)
        # What is read back from a file is what has to be valid.
        written: dict[str, Any] = json.loads(json.dumps(data))
        check(written)
    except Refused as error:
        raise NoCertificateError(
            f"none was found that the rules of the checker accept ({error})"
        ) from None
    return written


def _gradient(gradient: Gradient) -> dict[str, Any]:
    return {
        "of": gradient.of,
        "left": tree_of(gradient.target),
        "right": tree_of(gradient.value),
        "steps": [_step(step) for step in gradient.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"rule": step.rule.name, "right": tree_of(step.right)}
    if step.rule is Rule.DIFFERENTIATE:
        found |= {"statement": step.statement, "left": tree_of(step.left)}
    if step.rule is Rule.MEAN:
        # Its last factor is the reciprocal of the size; of zero, any size will do.
        below = step.right.children[-1].children if step.right.children else ()
        found["axis"] = below[0].axis if below and isinstance(below[0], Size) else ""
    return found


def _claim(claim: Claim) -> dict[str, Any]:
    if claim.left is None or claim.right is None or claim.merged:
        raise NoCertificateError("the two sides have no shape in common at all sizes")
    right = tree_of(claim.right)
    return {
        "left": tree_of(claim.left),
        "right": right,
        "steps": [{"rule": "EQUAL", "right": right}],
    }


def _prune(data: dict[str, Any], of: Collection[str]) -> None:
    """Leave out the gradients that nobody asked for and no step uses."""
    wanted = {f"d{name}" for name in of} | _used(data["claims"])
    kept: list[dict[str, Any]] = []
    for item in reversed(data["gradients"]):
        if item["left"][1] in wanted:
            kept.insert(0, item)
            wanted |= _used([item])
    data["gradients"] = kept


def _used(items: Sequence[Mapping[str, Any]]) -> set[str]:
    return {name for item in items for step in item["steps"] for name in step.get("using", ())}


# ---------------------------------------------------------------- reading one


@dataclass(frozen=True)
class Proved:
    """What a certificate proves, in index notation, from its trees alone.

    Attributes:
        given: the statements, the sizes that are fixed, and what is differentiated.
        gradients: the equation of each gradient, with the axis by whose size it is divided.
        claims: the claims.
        assumed: what has to be so that everything has a value, such as ``s[n] is not zero``.
    """

    given: tuple[str, ...]
    gradients: tuple[tuple[str, str], ...]
    claims: tuple[str, ...]
    assumed: tuple[str, ...]


def proved(data: Any) -> Proved:
    """Check a certificate and say what it proves.

    Raises:
        Refused: a step is not valid; the message names the step and its rule.
        ValueError: it is no certificate.
    """
    check(data)
    for item in (*data["program"], *data["gradients"], *data["claims"]):
        _check_names([item["left"], item["right"]])
    given = [_shown(s) for s in data["program"]]
    given += [f"size({axis}) = {size}" for axis, size in data["sizes"].items()]
    given += [f"d{loss} = 1: {loss} is a loss" for loss in data["losses"]]
    return Proved(
        tuple(given),
        tuple((_shown(g), g["steps"][-1].get("axis", "")) for g in data["gradients"]),
        tuple(map(_shown, data["claims"])),
        tuple(dict.fromkeys(f"{_for_all(term_of(t))} is {what}" for what, t in data["assumes"])),
    )


def _check_names(tree: Tree) -> None:
    """A tensor or an index is shown by its name: one that reads as an equation would mislead.

    Raises:
        Refused: a name is none of the notation.
    """
    if not isinstance(tree, list):
        return
    if len(tree) == 3 and tree[0] == "entry":
        for name in (tree[1], *(str(i).split(":")[0] for i in tree[2])):
            if not re.fullmatch(NAME, name):
                raise Refused(f"{name!r} is no name of the notation")
    for part in tree:
        _check_names(part)


def _shown(item: Mapping[str, Any]) -> str:
    """An equation in index notation, in which no letter means two things at one place."""
    sides = [term_of(item["left"]), term_of(item["right"])]
    binders = [n for side in sides for n in walk(side) if isinstance(n, Binder)]
    scopes = [sides[0].free | sides[1].free, *(n.free.union(n.bound) for n in binders)]
    if any(len({i.name for i in scope}) < len(scope) for scope in scopes):
        sides = [term_of(_with_axes(item[side])) for side in ("left", "right")]
    return index_equation(*sides)


def _with_axes(tree: Tree) -> Tree:
    """The tree with the axis as a part of each letter."""
    if isinstance(tree, list):
        return [_with_axes(child) for child in tree]
    if isinstance(tree, str) and ":" in tree:
        letter, axis = tree.split(":", 1)
        return f"{letter}_{axis}:{axis}"
    return tree


def _for_all(term: Term) -> str:
    """A term in index notation, for all values of free indices, whatever they are called."""
    change: dict[Index, Index] = {}
    for index in sorted(term.free):
        stem = index.name.rstrip("0123456789") or index.name
        change[index] = fresh(Index(stem, index.axis), list(change.values()))
    return index_form(substitute(term, change))


def term_of(tree: Tree) -> Term:
    """The term that a tree denotes; softmax and such come back as they are."""
    match tree:
        case ["number", str(value)]:
            return number(Fraction(value))
        case ["constant", str(name)]:
            return constant(name)
        case ["size", str(axis)]:
            return size(axis)
        case ["entry", str(name), [*indices]]:
            return entry(name, map(_index_of, indices))
        case ["delta", str(i), str(j)]:
            return delta(_index_of(i), _index_of(j))
        case ["match", str(i), [*parts], int(offset)]:
            return match(_index_of(i), ((_index_of(j), f) for j, f in parts), offset)
        case ["add", *terms]:
            return add(*map(term_of, terms))
        case ["mul", *factors]:
            return mul(*map(term_of, factors))
        case ["pow", base, str(exponent)]:
            return power(term_of(base), Fraction(exponent))
        case ["sum", [*indices], body]:
            return total(map(_index_of, indices), term_of(body))
        case ["fn", str(name), int(order), argument]:
            return apply(name, term_of(argument), order)
        case ["softmax", str(i), body]:
            return softmax(_index_of(i), term_of(body))
        case ["logsumexp", str(i), body]:
            return logsumexp(_index_of(i), term_of(body))
        case ["max", str(i), body]:
            return max_over(_index_of(i), term_of(body))
        case ["prod", str(i), body]:
            return product_over(_index_of(i), term_of(body))
        case ["hardmax", str(at), str(i), body]:
            return hardmax(_index_of(at), _index_of(i), term_of(body))
        case ["where", *parts]:
            return where(*map(term_of, parts))
    raise ValueError(f"no tree: {str(tree)[:40]}")


def _index_of(name: str) -> Index:
    return Index(*name.split(":", 1))
