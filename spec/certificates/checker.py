"""Check a certificate, trusting nothing but this file and ``rules``: the arithmetic of sums.

A tree is a nested list that denotes a real number once its free indices have values:
    ["number", "3/2"]  ["constant", "pi"]  ["size", AXIS]  ["entry", TENSOR, [INDEX, ...]]
    ["delta", INDEX, INDEX]  ["match", INDEX, [[INDEX, FACTOR], ...], OFFSET]
    ["add", TREE, ...]  ["mul", TREE, ...]  ["pow", TREE, "-1/2"]  ["sum", [INDEX, ...], TREE]
    ["fn", NAME, ORDER, TREE]: the derivative of that order of a function of one argument
    ["softmax", INDEX, TREE]  ["logsumexp", INDEX, TREE]  ["where", TEST, ABOVE, BELOW]
    ["max", INDEX, TREE]  ["prod", INDEX, TREE]  ["hardmax", POSITION, INDEX, TREE]
An index is "name:axis". A step is right if both of its sides, written as sums of monomials, are
the same once bound indices are numbered as the step says. What it takes that every tree on the
way has a value has to be stated under "assumes", for all values of the free indices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from re import search
from typing import Any

from .rules import ONE, Algebra, Poly, Refused, Sealed, axis, names, place, positive

Tree = Any

FORMAT = "backproof-certificate/1"
# The names of rules that rewrite a gradient's right side; what they do is checked, not how.
REWRITING = ("CONTRACT", "BROADCAST", "ADD", "RENAME", "FOLD", "COLLECT", "EQUAL")
MINUS, U, X = ["number", "-1"], ["mul"], ["entry", "x", []]
EXP, STEP, SIGMOID, TANH, RELU = (
    ["fn", f, 0, X] for f in ("exp", "step", "sigmoid", "tanh", "relu")
)

# What a function or its derivative is, for every x at which both have a value.
TABLE: Mapping[str, Tree] = {
    "exp'": EXP,
    "log'": ["pow", X, "-1"],
    "sqrt": ["pow", X, "1/2"],
    "linear": X,
    "sigmoid": ["mul", EXP, ["pow", ["add", U, EXP], "-1"]],
    "sigmoid'": ["mul", SIGMOID, ["add", U, ["mul", MINUS, SIGMOID]]],
    "tanh": ["add", U, ["mul", ["number", "-2"], ["pow", ["add", U, ["mul", EXP, EXP]], "-1"]]],
    "tanh'": ["add", U, ["mul", MINUS, TANH, TANH]],
    "softplus": ["fn", "log", 0, ["add", U, EXP]],
    "softplus'": SIGMOID,
    "erf'": ["mul", ["number", "2"], ["pow", ["constant", "pi"], "-1/2"],
             ["fn", "exp", 0, ["mul", MINUS, X, X]]],
    "relu": ["mul", X, STEP],
    "relu'": STEP,
    "step'": ["add"],
    "abs'": ["fn", "sign", 0, X],
    "sign'": ["add"],
    "silu": ["mul", X, SIGMOID],
    "gelu": ["mul", ["number", "1/2"], X,
             ["add", U, ["fn", "erf", 0, ["mul", X, ["pow", ["number", "2"], "-1/2"]]]]],
    "leaky_relu": ["add", ["mul", ["number", "1/100"], X], ["mul", ["number", "99/100"], RELU]],
    "elu": ["add", RELU, ["fn", "exp", 0, ["add", X, ["mul", MINUS, RELU]]], MINUS],
}  # fmt: skip
KINKS = ("relu", "abs", "step", "sign", "leaky_relu", "elu")  # no derivative at 0


def plain(tree: Tree) -> Tree:
    """A tree whose outermost node is softmax or such, by what it stands for."""
    match tree:
        case ["softmax", str(i), u]:  # e^u / sum_i e^u
            return ["mul", put(EXP, u), ["pow", ["sum", [i], put(EXP, u)], "-1"]]
        case ["logsumexp", str(i), u]:  # log sum_i e^u
            return ["fn", "log", 0, ["sum", [i], put(EXP, u)]]
        case ["where", t, a, b]:  # b + step(t) (a - b)
            return ["add", b, ["mul", put(STEP, t), ["add", a, ["mul", MINUS, b]]]]
        case ["max" | "prod" as kind, str(i), u]:  # depends on sum_i F(u) for all F, %each
            return ["fn", f"%{kind}", 0, ["sum", [i], ["fn", "%each", 0, u]]]
        case ["hardmax", str(k), str(i), u]:  # of these and of the value at k
            at = ["fn", "%at", 0, u]
            at = at if k == i else ["sum", [i], ["mul", ["delta", k, i], at]]
            return ["fn", "%hardmax", 0, ["add", at, ["sum", [i], ["fn", "%each", 0, u]]]]
    return tree


def derivative(tree: Tree, tensor: str, by: list[str]) -> Tree:
    """The partial derivative by ``tensor[by]``, whose indices stand nowhere in the tree."""
    match tree if tree[0] in ("max", "hardmax") else plain(tree):
        case ["max", i, u]:
            return ["sum", [i], ["mul", ["hardmax", i, i, u], derivative(u, tensor, by)]]
        case ["entry", name, indices] if name == tensor:  # dT[i,j]/dT[k,l] = [i=k] [j=l]
            return ["mul", *(["delta", i, k] for i, k in zip(indices, by, strict=True))]
        case ["number" | "constant" | "size" | "entry" | "delta" | "match" | "hardmax", *_]:
            return ["add"]
        case ["add", *terms]:
            return ["add", *(derivative(t, tensor, by) for t in terms)]
        case ["mul", *fs]:  # (f g)' = f' g + f g'
            slopes = [derivative(f, tensor, by) for f in fs]
            return ["add", *(["mul", *fs[:k], s, *fs[k + 1 :]] for k, s in enumerate(slopes))]
        case ["pow", f, e]:  # (f^e)' = e f^(e-1) f'
            lower = ["pow", f, str(Fraction(e) - 1)]
            return ["mul", ["number", e], lower, derivative(f, tensor, by)]
        case ["sum", bound, f]:
            return ["sum", bound, derivative(f, tensor, by)]
        case ["fn", name, order, u] if name[0] != "%":  # f(u)' = f'(u) u'
            return ["mul", ["fn", name, order + 1, u], derivative(u, tensor, by)]
    raise Refused(f"no rule for the derivative of {str(tree)[:40]}")


def formula(name: str, order: int) -> Tree:
    """The derivative of an order of a function, in ``X``, by the table or from a lower one."""
    if order < 0:
        raise Refused(f"nothing is known of {name}")
    return TABLE.get(name + "'" * order) or derivative(formula(name, order - 1), "x", [])


def put(tree: Tree, x: Tree) -> Tree:
    """A formula with a tree in place of ``X``."""
    return x if tree == X else [put(t, x) if isinstance(t, list) else t for t in tree]


class Checker(Algebra):
    """What is defined, assumed and in use while the steps are checked one by one."""

    def __init__(self, sizes: Mapping[str, int], assumes: list[Tree]) -> None:
        super().__init__(sizes)
        self.assumes = assumes
        self.axes: dict[str, tuple[str, ...]] = {}
        self.tensors: set[str] = set()
        self.defined: dict[str, tuple[list[str], Tree]] = {}
        self.using: frozenset[str] = frozenset()

    def assume(self, what: str, poly: Sealed, tree: Tree) -> None:
        """Refuse what a step takes for granted unless it is clear or stated."""
        if not positive(poly) and [what, tree] not in self.assumes:
            raise Refused(
                f"it is not among the assumptions that this is {what}: {json.dumps(tree)}"
            )

    def expand(self, tree: Tree, env: Mapping[str, str]) -> Poly:
        """A tree as a sum of monomials, its free indices called as ``env`` says."""
        if tree[0] == "hardmax":
            self.assume("without ties", (), tree)
        match plain(tree):
            case ["number", str(value)]:
                return self.reduced(Fraction(value), (), {})
            case ["constant" as kind, "pi" as name] | ["size" as kind, str(name)]:
                return self.reduced(ONE, (), {(kind, name, ()): ONE})
            case ["entry", str(name), [*indices]]:
                actual = tuple(env.get(i, i) for i in indices)
                if self.axes.setdefault(name, (*map(axis, actual),)) != (*map(axis, actual),):
                    raise Refused(f"{name} stands with indices along other axes than elsewhere")
                if name in self.using:
                    formal, value = self.defined[name]
                    return self.expand(value, dict(zip(formal, actual, strict=True)))
                return self.reduced(ONE, (), {("entry", name, actual): ONE})
            case ["delta", str(i), str(j)] if axis(i) == axis(j):
                pair = sorted((env.get(i, i), env.get(j, j)))
                return self.reduced(ONE, (), {("delta", "", (*pair,)): ONE})
            case ["match", str(i), [*parts], int(offset)] if all(f > 0 for _, f in parts):
                each = sorted(env.get(j, j) for j, factor in parts for _ in range(factor))
                return self.reduced(ONE, (), {("match", str(offset), (env.get(i, i), *each)): ONE})
            case ["add", *terms]:
                return [m for t in terms for m in self.expand(t, env)]
            case ["mul", *factors]:
                return self.product(*(self.expand(f, env) for f in factors))
            case ["pow", base, str(e)]:
                poly = self.seal(self.expand(base, env))
                whole = Fraction(e).denominator == 1
                if not whole or Fraction(e) < 0:
                    self.assume("not zero" if whole else "above zero", poly, base)
                return self.power(poly, Fraction(e))
            case ["sum", [*indices], body] if len({*indices}) == len(indices):
                new = {i: self.fresh(i) for i in indices}
                inside = self.expand(body, {**env, **new})
                return [m for c, b, fs in inside for m in self.reduced(c, (*b, *new.values()), fs)]
            case ["fn", str(name), int(order), u] if order >= 0:
                poly = self.seal(self.expand(u, env))
                if name == "log" or (name in KINKS and order):
                    self.assume("above zero" if name == "log" else "not zero", poly, u)
                if f"{name}{chr(39) * order}(x)" in self.using:
                    return self.expand(put(formula(name, order), u), env)
                return self.applied(name, order, poly)
        raise Refused(f"no rule for {str(tree)[:40]}")

    def equal(self, left: Tree, step: Mapping[str, Any], env: Mapping[str, str]) -> None:
        """Refuse unless both sides are one sum of monomials, once times what is not zero."""
        self.using, self.orders = frozenset(step.get("using", ())), iter(step.get("orders", ()))
        self.count = 0
        for name in self.using - {*self.defined}:
            if not name.endswith("(x)"):
                raise Refused(f"{name} is neither defined nor proved before")
            formula(name[:-3].rstrip("'"), name.count("'"))
        if self.seal(self.difference(left, step, env)):
            raise Refused("the two sides differ")

    def difference(self, left: Tree, step: Mapping[str, Any], env: Mapping[str, str]) -> Poly:
        """The left side minus the right one, times what the step says is not zero."""
        poly = self.expand(left, env) + self.expand(["mul", MINUS, step["right"]], {})
        for base, e in step.get("times", ()):
            poly = self.divided(poly, self.expand(["pow", base, str(-abs(Fraction(e)))], {}))
        return poly

    def define(self, left: Tree, value: Tree) -> frozenset[str]:
        """Take an equation as given or proved, and return the tensors of its right side."""
        self.using, self.orders = frozenset(), iter(())
        kind, name, indices = left
        used = names(self.seal(self.expand(value, {})))
        if name in self.defined or kind != "entry" or len({*indices}) < len(indices):
            raise Refused(f"{name} is defined already, or not for all indices")
        if {n for n in used if ":" in n} - {*indices}:
            raise Refused("the right side has more indices than the left one")
        self.expand(left, {})
        self.defined[name] = indices, value
        return used

    def gradient(
        self, item: Mapping[str, Any], uses: Mapping[str, frozenset[str]], loss: bool
    ) -> None:
        """d(loss)/dT is the sum over the statements S that use T of d(loss)/dS dS/dT."""
        of, (_, _, indices) = item["of"], item["left"]
        users = [s for s in uses if of in uses[s]]
        if item["left"][:2] != ["entry", f"d{of}"] or of not in self.tensors:
            raise Refused("this is the gradient of no tensor")
        if of in uses and not users and not loss:
            raise Refused("it is given, since no statement uses the tensor, and has no equation")
        current: Tree = ["add", *([["mul"]] if loss else [])]
        for s in users:
            new = [self.fresh(i) for i in self.defined[s][0]]
            slope = f"∂{s}/∂{of}"
            factors = ["entry", f"d{s}", new], ["entry", slope, [*new, *indices]]
            current.append(["sum", new, ["mul", *factors]])
            self.axes[slope] = self.axes[s] + self.axes[of]
        first = "SEED" if loss else "CHAIN" if users else "UNUSED"
        for k, step in enumerate(item["steps"]):
            rule = step["rule"]
            with place(f"step {k + 1} ({rule})"):
                if (k == 0) != (rule == first):
                    raise Refused(f"the first step of this gradient, and no other, is {first}")
                if rule == "DIFFERENTIATE":
                    s, every = step["statement"], step["left"][2]
                    formal, value = self.defined[s]
                    by = [self.fresh(i) for i in every[len(formal) :]]
                    env = dict(zip([*formal, *by], every, strict=True))
                    if step["left"][1] != f"∂{s}/∂{of}" or s not in users:
                        raise Refused("the left side is another derivative")
                    self.equal(derivative(value, of, by), step, env)
                    self.define(step["left"], step["right"])
                    continue
                if rule == "MEAN" and of not in uses and k + 1 == len(item["steps"]):
                    current = ["mul", current, ["pow", ["size", step["axis"]], "-1"]]
                elif k and rule not in REWRITING:
                    raise Refused("there is no such rule here")
                self.equal(current, step, {})
                current = step["right"]
        for s in users:
            self.defined.pop(f"∂{s}/∂{of}", None)
        if current != item["right"] or any("∂" in n for n in self.define(item["left"], current)):
            raise Refused("the steps do not end at the equation")


def check(data: Any, checker: Checker | None = None) -> None:
    """Check every step of a certificate.

    Raises:
        Refused: a step is not valid; the message says which, and what is wrong with it.
        ValueError: the data are no certificate.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"this is no certificate of the format {FORMAT}")
    with place(""):
        checker = checker or Checker(data["sizes"], data["assumes"])
        uses: dict[str, frozenset[str]] = {}
        if search(r'[%#]|"-?[\d./]+[eE]|\d{1000}', json.dumps(data)):
            raise Refused("% and # are kept for the checker, and a number is short and plain")
        if any(type(n) is not int or n < 1 for n in data["sizes"].values()):
            raise Refused("a size is below 1")
        for item in data["program"]:
            name = item["left"][1]
            with place(f"statement {name}"):
                if name in checker.axes:
                    raise Refused("it is used or defined above")
                uses[name] = checker.define(item["left"], item["right"])
        checker.tensors = {*checker.axes}
        for name in checker.tensors:
            if f"d{name}" in checker.axes or "∂" in name:
                raise Refused(f"{name} is a name for a derivative, or d{name} a tensor's")
            checker.axes[f"d{name}"] = checker.axes[name]
        for loss in data["losses"]:
            if checker.axes[loss] or loss not in uses or any(loss in u for u in uses.values()):
                raise Refused(f"{loss} is no loss: it has indices, or a statement uses it")
        for item in data["gradients"]:
            with place(f"gradient d{item['of']}"):
                checker.gradient(item, uses, item["of"] in data["losses"])
        for k, item in enumerate(data["claims"]):
            current = item["left"]
            for n, step in enumerate(item["steps"]):
                with place(f"claim {k + 1}, step {n + 1} ({step['rule']})"):
                    if step["rule"] not in REWRITING:
                        raise Refused("there is no such rule here")
                    checker.equal(current, step, {})
                    current = step["right"]
            if current != item["right"]:
                raise Refused(f"claim {k + 1}: the steps do not end at the right side")
