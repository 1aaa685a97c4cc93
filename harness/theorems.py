"""What holds for every depth, and what initialisation does: proved from the derivation."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from backproof.reports.finding import Check, Derived, Evidence, Finding, Verdict
from backproof.spec.deriving.compose import renamed
from backproof.spec.deriving.derive import Derivation
from backproof.spec.deriving.expand import expand
from backproof.spec.layer import Spec
from backproof.spec.library import dense_l, layouts, network
from backproof.spec.naming import name_bound
from backproof.spec.normal_form.normal import normalise
from backproof.spec.normal_form.polynomial import Poly
from backproof.spec.terms import ZERO, Entry, Index, Term, entry
from backproof.spec.values.numbers import Rationals
from backproof.spec.values.pointwise import Evaluation

DEPTHS = (1, 2, 3, 4)


# ---------------------------------------------------------------- every depth


def depth_findings() -> list[Finding]:
    """The gradients of networks of several depths are those of the one layer l, renamed."""
    findings = []
    for layout in layouts():
        same = all(_layers_agree(layout, depth) for depth in DEPTHS)
        generic = dense_l(layout=layout).gradients()
        findings.append(
            Finding(
                id=f"depth {layout}",
                check=Check.STATEMENT,
                verdict=Verdict.HOLDS if same else Verdict.REFUTED,
                subject="every depth",
                quantity="dW{l}",
                convention=layout,
                message=(
                    "layer l is derived once, with l a symbol: its gradients use only dA{l}, "
                    "W{l}, Z{l} and A{l-1}. A network's gradients are these, layer by layer "
                    f"(the same terms at depths {', '.join(map(str, DEPTHS))}), and dA{{l-1}} is "
                    "what layer l-1 is given: so they hold at every depth, by induction"
                ),
                derived=Derived(index=generic["W{l}"].index, matrix=generic["W{l}"].matrix),
            )
        )
    return findings


def _layers_agree(layout: str, depth: int) -> bool:
    """Whether each gradient of a network is the generic layer's under other names."""
    composed = network(depth, layout=layout)
    generic = dense_l(layout=layout)
    found = {e.name: e.value for e in composed.gradients().values()}
    for layer in range(1, depth + 1):
        before = "X" if layer == 1 else f"A{layer - 1}"
        names = {"A{l-1}": before} | {f"{t}{{l}}": f"{t}{layer}" for t in ("Z", "W", "b", "A")}
        names |= {f"d{old}": f"d{new}" for old, new in names.items()}
        letters = {"o": "o" if layer == depth else f"h{layer}"}
        letters["i"] = "i" if layer == 1 else f"h{layer - 1}"
        for equation in generic.gradients().values():
            if equation.is_upstream:
                continue
            mine = renamed(equation.value, names, letters)
            mine = _renamed_function(mine, layer)
            theirs = found[names[equation.name]]
            if name_bound(composed.program, mine, ()) is not name_bound(
                composed.program, theirs, ()
            ):
                return False
    return True


def _renamed_function(term: Term, layer: int) -> Term:
    from backproof.spec.terms import Apply, apply, rebuild

    def on(node: Term) -> Term:
        node = rebuild(node, on)
        if isinstance(node, Apply) and node.function == "g":
            return apply(f"g{layer}", node.argument, node.order)
        return node

    return on(term)


# ---------------------------------------------------------------- initialisation


def initialiser_findings() -> list[Finding]:
    """What equal, zero and small random weights do to a network of two layers."""
    return [
        _equal_units(),
        _random_units(),
        *(_zero_weights(activation) for activation in ("tanh", "relu", "sigmoid")),
    ]


def _special(spec: Spec, quantity: str, given: Mapping[str, tuple[Entry, Term]]) -> Poly:
    derivation: Derivation = spec.derivation
    gradient = next(g for g in derivation.gradients.values() if g.name == quantity)
    return normalise(expand(derivation, gradient.value, given=given))


def _finding(name: str, holds: bool, message: str, note: str = "") -> Finding:
    evidence = [Evidence(oracle="normal form", agrees=holds, note=note)] if note else []
    return Finding(
        id=f"initialiser {name}",
        check=Check.INITIALISER,
        verdict=Verdict.HOLDS if holds else Verdict.REFUTED,
        subject="initialisation",
        message=message,
        evidence=evidence,
    )


def _equal_units() -> Finding:
    """Weights that do not depend on the unit give gradients that do not depend on it either."""
    spec = network(2)
    h, i, o = Index("h1", "h1"), Index("i", "i"), Index("o", "o")
    given: dict[str, tuple[Entry, Term]] = {
        "W1": (entry("W1", (h, i)), entry("w", (i,))),
        "b1": (entry("b1", (h,)), entry("c")),
        "W2": (entry("W2", (o, h)), entry("v", (o,))),
    }
    gradients = {q: _special(spec, q, given) for q in ("dW1", "db1", "dW2")}
    holds = all(h not in poly.free for poly in gradients.values())
    return _finding(
        "equal units",
        holds,
        "hidden units with equal weights (all zero, say) get equal gradients, for every g: they "
        "stay equal, and the layer learns as one unit would",
        "with W1[h1,i] = w[i], b1[h1] = c and W2[o,h1] = v[o], the normal forms of dW1[h1,i], "
        "db1[h1] and dW2[o,h1] do not contain h1",
    )


def _random_units() -> Finding:
    """Two units with different weights get different gradients: one exact case suffices."""
    spec = network(2)
    values = {
        "X": [[1]],
        "W1": [[Fraction(1, 10)], [Fraction(-1, 5)]],
        "b1": [0, 0],
        "W2": [[Fraction(3, 10), Fraction(1, 10)]],
        "b2": [0],
        "dA2": [[1]],
    }

    def given(name: str, position: tuple[int, ...]) -> Fraction:
        found: object = values[name]
        for k in position:
            assert isinstance(found, list)
            found = found[k]
        assert isinstance(found, (int, Fraction))
        return Fraction(found)

    def square(order: int, z: Fraction) -> Fraction:
        return (z * z, 2 * z, Fraction(2))[order]

    evaluation = Evaluation(
        spec.derivation,
        Rationals(),
        {"n": 1, "i": 1, "h1": 2, "o": 1},
        given,
        {"g1": square, "g2": square},
    )
    first, second = (evaluation.entry("dW1", (unit, 0)) for unit in (0, 1))
    return _finding(
        "random units",
        first != second,
        "small random weights break the tie, zero biases included: units with different weights "
        "get different gradients",
        f"with g(z) = z^2, X = 1, W1 = (1/10, -1/5), b1 = 0, W2 = (3/10, 1/10), dA2 = 1: "
        f"dW1 = ({first}, {second})",
    )


def _zero_weights(activation: str) -> Finding:
    """All weights and biases zero: which gradients vanish for every input."""
    spec = network(2, activation=[activation, "linear"])
    derivation = spec.derivation
    given = {
        name: (entry(name, derivation.program.tensors[name].indices), ZERO)
        for name in ("W1", "b1", "W2", "b2")
    }
    moving = [q for q in ("dW1", "db1", "dW2", "db2") if not _special(spec, q, given).is_zero]
    if activation == "sigmoid":
        return _finding(
            "zero weights, sigmoid",
            moving == ["dW2", "db2"],
            "all weights zero do not stop learning where g(0) is not 0: with sigmoid dW2 moves, "
            "and from the next step on dW1 too; but the hidden units stay equal",
            f"with W1 = b1 = W2 = b2 = 0, of the gradients {', '.join(moving)} are not zero",
        )
    return _finding(
        f"zero weights, {activation}",
        moving == ["db2"],
        f"all weights and biases zero make a dead network with {activation}, as with every g "
        "for which g(0) = 0: only the last bias moves",
        f"with W1 = b1 = W2 = b2 = 0, of the gradients only {', '.join(moving)} is not zero",
    )
