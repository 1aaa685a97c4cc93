"""Every wrong form of the catalogue is wrong, can be computed, and is planted without trace."""

from collections import Counter

import pytest

from backproof.spec.claims.reading import Claim, read_claim
from backproof.spec.deciding.claim_mistakes import name_mistake
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.compose import on_axes
from backproof.spec.deriving.derive import Derivation
from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, layouts, losses, named, network
from backproof.spec.mistakes import WrongForm, planted, wrong_forms
from backproof.spec.plan import array_form
from backproof.spec.terms import Index, entry, walk

KINDS = {
    "transposed", "operands-swapped", "wrong-operand", "missing-activation-derivative",
    "derivative-at-output", "missing-sum", "wrong-axis", "extra-sum", "wrong-scale", "wrong-sign",
    "wrong-mask", "extra-factor", "missing-term", "stale-value", "updated-weights",
    "float-precision", "shape", "other",
}  # fmt: skip
SPECS = {
    **{f"dense {layout}": (lambda layout=layout: dense(layout=layout)) for layout in layouts()},
    **{f"dense {a}": (lambda a=a: dense(activation=a)) for a in ACTIVATIONS},
    "dense relu, columns": lambda: dense(layout="oi,in->on", activation="relu"),
    "dense mean": lambda: dense(layout="ni,io->no", scale="mean"),
    "network": lambda: network(2),
    **{loss: (lambda loss=loss: named(loss)) for loss in losses()},
    **{name: (lambda name=name: named(name)) for name in ("conv1d", "conv2d", "average_pool")},
}

# The forms that are right all the same: (kind, variant) by what makes them so.
HARMLESS = {
    "dense linear": {("wrong-operand", "dA for dZ")},
    # A mask is its own square, and the mask of the output is that of the input.
    "dense relu": {
        ("extra-factor", "derivative twice"),
        ("extra-factor", "derivative once more"),
        ("derivative-at-output", "at the output"),
    },
    "dense leaky_relu": {("derivative-at-output", "at the output")},
}
HARMLESS["dense relu, columns"] = HARMLESS["dense relu"]


def quantities(derivation: Derivation) -> list[str]:
    derived = [g.name for g in derivation.gradients.values() if not g.is_upstream]
    return [*derivation.program.defined, *derived]


def forms_of(spec: Spec) -> list[WrongForm]:
    derivation = spec.derivation
    return [f for quantity in quantities(derivation) for f in wrong_forms(derivation, quantity)]


def one_axis(form: WrongForm) -> dict[str, str]:
    """For each axis that the form needs to be equal to others, the one that stands for all."""
    root: dict[str, str] = {}
    for left, right in form.needs:
        old, new = root.setdefault(right, right), root.setdefault(left, left)
        root = {axis: new if r == old else r for axis, r in root.items()}
    return {axis: r for axis, r in root.items() if axis != r}


def decided(spec: Spec, form: WrongForm) -> Kind:
    """What becomes of the claim that the form is right, where its sizes allow it."""
    one = one_axis(form)
    indices = tuple(Index(i.name, one.get(i.axis, i.axis)) for i in form.indices)
    left = on_axes(entry(form.quantity, form.indices), one)
    merged = tuple((root, axis) for axis, root in one.items())
    claim = Claim("", left, on_axes(form.value, one), indices, spec.derivation, "", merged)
    return decide(claim, seconds=2.0).kind


def of_one_shape(spec: Spec, form: WrongForm) -> bool:
    """Whether the wrong result has the right one's axes, with those made one that it needs."""
    target, _ = spec.derivation.definition(form.quantity)
    one = one_axis(form)
    wrong, right = (
        [one.get(i.axis, i.axis) for i in indices] for indices in (form.indices, target.indices)
    )
    return wrong == right


@pytest.mark.parametrize("name", SPECS)
def test_every_wrong_form_is_wrong(name: str) -> None:
    spec = SPECS[name]()
    forms = [f for f in forms_of(spec) if of_one_shape(spec, f)]
    found: dict[Kind, set[tuple[str, str]]] = {kind: set() for kind in Kind}
    for form in forms:
        found[decided(spec, form)].add((form.mistake.kind, form.mistake.variant))

    assert len(forms) > 10
    assert found[Kind.EQUAL] == HARMLESS.get(name, set())
    assert found[Kind.ASSUMES] == set()
    assert not found[Kind.UNKNOWN]


@pytest.mark.parametrize("name", SPECS)
def test_every_wrong_form_can_be_computed(name: str) -> None:
    spec = SPECS[name]()
    for form in forms_of(spec):
        assert form.value.free <= set(form.indices), form
        assert array_form(form.value, form.indices).indices == form.indices
        assert form.mistake.kind in KINDS
        assert form.mistake.sentence
        assert form.mistake.weight >= 1


@pytest.mark.parametrize("name", SPECS)
def test_what_a_wrong_form_uses_can_be_had_without_it(name: str) -> None:
    derivation = SPECS[name]().derivation
    for form in forms_of(SPECS[name]()):
        pending = [form.value]
        seen: set[str] = set()
        while pending:
            for node in walk(pending.pop()):
                tensor = getattr(node, "tensor", None)
                if tensor is not None and tensor not in seen:
                    seen.add(tensor)
                    definition = derivation.definition(tensor)
                    pending += [definition[1]] if definition else []
        assert form.quantity not in seen, form


@pytest.mark.parametrize("name", ["dense ni,io->no", "dense softmax", "network"])
def test_planting_leaves_the_original_as_it_was(name: str) -> None:
    spec = SPECS[name]()
    derivation = spec.derivation
    before = {q: derivation.definition(q) for q in quantities(derivation)}
    for form in forms_of(spec):
        changed = planted(derivation, form)
        after = {q: changed.definition(q) for q in before}

        assert {q: derivation.definition(q) for q in before} == before
        assert after.pop(form.quantity) == (entry(form.quantity, form.indices), form.value)
        assert after == {q: d for q, d in before.items() if q != form.quantity}
        assert changed.upstreams == derivation.upstreams


def test_no_wrong_form_is_given_twice() -> None:
    for make in SPECS.values():
        spec = make()
        counts = Counter((f.quantity, f.value, f.indices) for f in forms_of(spec))
        assert set(counts.values()) == {1}


def test_what_is_given_has_no_wrong_form() -> None:
    derivation = dense().derivation
    for name in (*derivation.program.inputs, *derivation.upstreams, "nothing"):
        assert wrong_forms(derivation, name) == []


# ---------------------------------------------------------------- by name


def form(spec: Spec, quantity: str, variant: str) -> WrongForm:
    (found,) = [f for f in wrong_forms(spec.derivation, quantity) if f.mistake.variant == variant]
    return found


@pytest.mark.parametrize(
    ("layout", "quantity", "variant", "kind", "needs"),
    [
        ("ni,io->no", "dW", "dZ X^T", "operands-swapped", {"o", "i"}),
        ("ni,io->no", "dX", "dZ W", "transposed", {"o", "i"}),
        ("ni,io->no", "dW", "dZ^T X", "transposed", set()),
        ("ni,oi->no", "dW", "X^T dZ", "transposed", set()),
        ("ni,oi->no", "dX", "dZ W^T", "transposed", {"o", "i"}),
        ("ni,oi->no", "dX", "W dZ", "operands-swapped", {"n", "i"}),
        ("oi,in->on", "dW", "dZ X", "transposed", {"n", "i"}),
        ("oi,in->on", "dX", "W dZ", "transposed", {"o", "i"}),
    ],
)
def test_wrong_matrix_products_have_their_names(
    layout: str, quantity: str, variant: str, kind: str, needs: set[str]
) -> None:
    found = [
        f
        for f in wrong_forms(dense(layout=layout).derivation, quantity)
        if f.mistake.variant == variant
    ]
    assert [f.mistake.kind for f in found] == [kind]
    assert {a for pair in found[0].needs for a in pair} == needs


def test_a_result_in_another_shape_says_so() -> None:
    spec = dense(layout="ni,io->no")
    assert [i.axis for i in form(spec, "dW", "dZ^T X").indices] == ["o", "i"]
    assert [i.axis for i in form(spec, "db", "missing").indices] == ["n", "o"]
    assert [i.axis for i in form(spec, "db", "over all").indices] == []
    assert [i.axis for i in form(spec, "db", "o").indices] == ["n"]


@pytest.mark.parametrize(
    ("activation", "quantity", "variant", "kind", "text"),
    [
        (None, "dZ", "missing", "missing-activation-derivative", "dA[n,o]"),
        (None, "dZ", "at the output", "derivative-at-output", "dA[n,o]*g'(A[n,o])"),
        (None, "dZ", "negated", "wrong-sign", "-dA[n,o]*g'(Z[n,o])"),
        (None, "dW", "dA for dZ", "missing-activation-derivative", "sum[n](dA[n,o]*X[n,i])"),
        (None, "db", "divided by the samples", "wrong-scale", "sum[n](dZ[n,o])/size(n)"),
        (None, "db", "times 2", "wrong-scale", "2*sum[n](dZ[n,o])"),
        ("relu", "dZ", "inverted", "wrong-mask", "dA[n,o]*(1 - step(Z[n,o]))"),
        ("relu", "dZ", "taken from the upstream gradient", "wrong-mask", "dA[n,o]*step(dA[n,o])"),
        ("sigmoid", "dZ", "1 - a", "missing-term", "dA[n,o]*(1 - A[n,o])"),
        ("sigmoid", "dZ", "z(1 - z)", "wrong-operand", "dA[n,o]*Z[n,o]*(1 - Z[n,o])"),
        ("tanh", "dZ", "1 - z^2", "wrong-operand", "dA[n,o]*(1 - Z[n,o]^2)"),
    ],
)
def test_mistakes_have_their_names(
    activation: str | None, quantity: str, variant: str, kind: str, text: str
) -> None:
    found = form(dense(activation=activation), quantity, variant)
    assert found.mistake.kind == kind
    assert f"{found.value!r}".strip("<>") == text


def test_a_layer_that_takes_means_can_forget_to() -> None:
    found = form(dense(scale="mean"), "dW", "sum for mean")
    assert found.mistake.kind == "wrong-scale"
    assert decided(dense(scale="mean"), found) is Kind.DIFFERENT
    # What is forgotten makes it the equation of the layer that takes sums.
    assert found.value is not dense().gradients()["W"].value
    claim = Claim(
        "", dense().gradients()["W"].value, found.value, found.indices, dense().derivation
    )
    assert decide(claim).kind is Kind.EQUAL


def test_an_operator_along_an_index_follows_another_operand() -> None:
    found = form(dense(activation="softmax"), "A", "X for Z")
    (along,) = [i for i in found.indices if i.axis == "i"]
    assert found.value.index == along


# ---------------------------------------------------------------- at affine positions


@pytest.mark.parametrize(
    ("layer", "quantity", "variant", "kind", "words"),
    [
        ("conv1d", "dX", "t for s", "wrong-axis", "runs the wrong way: t = k+s stands for s = k+t"),
        ("conv1d", "dX", "offset +1", "wrong-operand", "off by one: s = k+t+1 stands for s = k+t"),
        ("conv1d", "dW", "without k", "wrong-axis", "k is missing in a position: s = t"),
        ("average_pool", "dX", "no stride at t", "wrong-axis", "the stride 2 is missing: s = k+t"),
        ("conv2d", "dX", "q for r and p for s", "wrong-axis", "the wrong way in every direction"),
    ],
)
def test_mistakes_at_positions_have_their_names(
    layer: str, quantity: str, variant: str, kind: str, words: str
) -> None:
    found = form(named(layer), quantity, variant)
    assert found.mistake.kind == kind
    assert words in found.mistake.sentence


@pytest.mark.parametrize(
    ("layer", "claim", "variant"),
    [
        ("conv1d", "dX[n,s,c] = sum[t,k,d](delta[t,s+k]*dZ[n,t,d]*W[d,k,c])", "t for s"),
        ("conv1d", "dX[n,s,c] = sum[t,k,d](delta[s,t+k+1]*dZ[n,t,d]*W[d,k,c])", "offset +1"),
        ("conv1d", "dW[d,k,c] = sum[n,t,s](dZ[n,t,d]*X[n,s,c]*delta[t,s+k])", "t for s"),
        ("average_pool", "dX[n,s,c] = sum[t,k](delta[s,t+k]*dP[n,t,c])/2", "no stride at t"),
        (
            "max_pool",
            "dX[n,s,c] = sum[t,k](delta[s,2*t]*dP[n,t,c]*hardmax[k](X[n,2*t+k,c]))",
            "without k",
        ),
        (
            "conv2d",
            "dX[n,s,r,c] = sum[p,q,d,u,v](delta[p,s+u]*delta[q,r+v]*dZ[n,p,q,d]*W[d,u,v,c])",
            "q for r and p for s",
        ),
    ],
)
def test_a_claim_that_is_wrong_at_a_position_is_named(layer: str, claim: str, variant: str) -> None:
    read = read_claim(claim, named(layer).derivation)
    assert decide(read, seconds=2.0).kind is Kind.DIFFERENT
    found = name_mistake(read, read.left.tensor)
    assert found is not None
    assert found.variant == variant
