"""The layers that ship as data: that all are there, mean what they say, and refuse the rest."""

import itertools
from fractions import Fraction

import pytest

from backproof.spec import library
from backproof.spec.claims.reading import read_claim
from backproof.spec.deciding.equal import Kind, decide
from backproof.spec.deriving.compose import renamed, reordered
from backproof.spec.errors import SpecError
from backproof.spec.functions import ACTIVATIONS, FUNCTIONS, PRIMITIVES, formula
from backproof.spec.layer import Spec
from backproof.spec.library import affine, dense, dense_l, layouts, losses, named, network
from backproof.spec.normal_form.normal import normalise
from backproof.spec.terms import Apply, Softmax, substitute, walk
from tests.spec.random_terms import entry_value, value

SIZES = {"n": 3, "i": 4, "o": 2}


def test_every_file_of_the_library_says_what_it_states() -> None:
    for stated in library.entries():
        assert stated.kind in ("layer", "loss")
        assert stated.about
        assert stated.file.endswith(".spec")
        assert Spec(stated.text).gradients()
    assert layouts() == ("ni,io->no", "ni,oi->no", "oi,in->on")
    assert losses() == ("binary_cross_entropy", "mean_squared_error", "softmax_cross_entropy")


def test_a_layer_s_layout_is_the_einsum_of_its_product() -> None:
    for layout in layouts():
        program = dense(layout=layout).program
        operands, output = layout.split("->")
        assert {"".join(program.tensors[t].axes) for t in "XW"} == set(operands.split(","))
        assert "".join(program.tensors["Z"].axes) == output
        assert {a.role: a.name for a in program.axes.values()} == {
            "samples": "n",
            "inputs": "i",
            "outputs": "o",
        }


@pytest.mark.parametrize("layout", layouts())
def test_the_dense_layer_computes_what_three_loops_do(layout: str) -> None:
    program = dense(layout=layout, activation="relu").program
    operands = layout.split("->")[0]
    order = dict(zip("XW" if operands.startswith("n") else "WX", operands.split(","), strict=True))

    def entry(name: str, at: dict[str, int]) -> Fraction:
        return entry_value(name, tuple(at[axis] for axis in order.get(name, "o")))

    for n, o in itertools.product(range(3), range(2)):
        expected = entry("b", {"o": o})
        for i in range(4):
            at = {"n": n, "i": i, "o": o}
            expected += entry("X", at) * entry("W", at)
        statement = program.statement("Z")
        places = {index: {"n": n, "o": o}[index.axis] for index in statement.target.indices}
        assert value(statement.value, places, SIZES) == expected


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_bound(activation: str) -> None:
    spec = dense(activation=activation)
    assert spec.activation == activation
    assert spec.program.functions == ()
    last = spec.program.statement("A").value
    names = {n.function for n in walk(last) if isinstance(n, Apply)}
    if activation == "softmax":
        assert isinstance(last, Softmax)
    else:
        assert names == (set() if activation == "linear" else {activation})


def test_without_an_activation_it_is_an_abstract_function() -> None:
    assert dense().activation == "g"
    assert dense(activation="g").activation == "g"
    assert dense().program.functions == ("g",)
    assert affine().activation == ""


@pytest.mark.parametrize("layout", layouts())
def test_the_affine_layer_is_the_dense_one_up_to_z(layout: str) -> None:
    whole, part = dense(layout=layout), affine(layout=layout)
    assert part.program.defined == ("Z",)
    assert part.statements()["Z"].value is whole.statements()["Z"].value
    for name in "WbX":
        assert part.gradients()[name].value is whole.gradients()[name].value
    assert part.derivation.upstreams == ("dZ",)


def test_layer_l_of_a_network_bears_its_names() -> None:
    spec = dense_l(layout="ni,io->no", activation="tanh")
    assert spec.gradients()["W{l}"].index == "dW{l}[i,o] = sum[n](dZ{l}[n,o]*A{l-1}[n,i])"
    assert named("dense-l").program.inputs == ("A{l-1}", "W{l}", "b{l}")


# ---------------------------------------------------------------- losses, against their meaning


def test_the_mean_squared_error_is_what_it_says() -> None:
    program = named("mean_squared_error").program
    pairs = list(itertools.product(range(3), range(2)))
    expected = sum((entry_value("A", p) - entry_value("Y", p)) ** 2 for p in pairs) / 6
    assert value(program.statement("L").value, {}, SIZES) == expected


@pytest.mark.parametrize(
    ("loss", "claim"),
    [
        ("mean_squared_error", "L = sum[n,o]((Y[n,o] - A[n,o])^2)/(size(n)*size(o))"),
        (
            "binary_cross_entropy",
            "L = -sum[n,o](Y[n,o]*log(A[n,o]) + (1 - Y[n,o])*log(1 - A[n,o]))/(size(n)*size(o))",
        ),
        ("softmax_cross_entropy", "L = -sum[n,o](Y[n,o]*log(softmax[o](A[n,o])))/size(n)"),
    ],
)
def test_losses_equal_their_textbook_forms(loss: str, claim: str) -> None:
    assert decide(read_claim(claim, named(loss).derivation)).kind is Kind.EQUAL


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("layout", layouts())
def test_a_network_is_its_layers_one_after_the_other(layout: str) -> None:
    spec = network(2, layout=layout, activation=["tanh", "relu"])
    assert spec.program.defined == ("Z1", "A1", "Z2", "A2")
    assert set(spec.program.inputs) == {"X", "W1", "b1", "W2", "b2"}
    letters = "n,h1" if layout.endswith("no") else "h1,n"
    assert spec.statements()["A1"].index == f"A1[{letters}] = tanh(Z1[{letters}])"
    assert set(spec.program.axes) == {"n", "i", "h1", "o"}
    assert spec.program.tensors["W2"].axes == (
        ("h1", "o") if layout == "ni,io->no" else ("o", "h1")
    )


@pytest.mark.parametrize("layout", layouts())
@pytest.mark.parametrize("loss", losses())
def test_a_network_with_a_loss_takes_it_of_the_last_output(layout: str, loss: str) -> None:
    spec = network(1, layout=layout, activation="linear", loss=loss)
    assert spec.program.loss == "L"
    assert spec.derivation.upstreams == ()
    # The gradient at the last output is that of the loss alone, in the layout's order of indices.
    alone, ours = named(loss).gradients()["A"], spec.gradients()["A1"]
    order = (1, 0) if layout.endswith("on") else (0, 1)
    change = {
        mine: ours.target.indices[k] for mine, k in zip(alone.target.indices, order, strict=True)
    }
    moved = reordered(substitute(alone.value, change), "Y", order)
    assert normalise(renamed(reordered(moved, "A", order), {"A": "A1"}, {})) == normalise(
        ours.value
    )


def test_a_network_takes_means_where_it_is_told_to() -> None:
    mean, whole = (named("network", depth=2, scale=scale) for scale in ("mean", "sum"))
    assert mean.gradients()["W1"].index == f"{whole.gradients()['W1'].index}/size(n)"
    assert mean.gradients()["X"].value is whole.gradients()["X"].value
    assert named("dense-l", scale="mean").gradients()["W{l}"].index.endswith("/size(n)")


def test_abstract_activations_of_a_network_are_different_functions() -> None:
    assert network(3).program.functions == ("g1", "g2", "g3")
    assert network(2, activation=["g", "relu"]).program.functions == ("g1",)


def test_softmax_may_stand_in_any_layer() -> None:
    spec = network(2, activation="softmax")
    assert spec.gradients()["Z1"].index == (
        "dZ1[n,h1] = A1[n,h1]*(dA1[n,h1] - sum[h2](dA1[n,h2]*A1[n,h2]))"
    )


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dense(layout="ni,on->io"), "no layout 'ni,on->io'"),
        (lambda: dense(activation="sigmod"), "unknown activation 'sigmod'"),
        (lambda: dense(scale="average"), "scale is 'sum' or 'mean'"),
        (lambda: affine(layout="xy"), "no layout 'xy'"),
        (lambda: network(0), "at least one layer"),
        (lambda: network(-3), "at least one layer"),
        (lambda: network(2, activation=["relu"]), "2 layers need 2 activations"),
        (lambda: network(1, activation="swish"), "unknown activation 'swish'"),
        (lambda: network(1, loss="hinge"), "no loss is named 'hinge'"),
        (lambda: network(1, loss="dense"), "no loss is named 'dense'"),
        (lambda: named("densee"), "no layer or loss is named 'densee'"),
        (lambda: named("dense", layout="oops"), "no layout 'oops'"),
        (lambda: network(1, scale="average"), "scale is 'sum' or 'mean'"),
    ],
)
def test_what_is_not_there_is_refused(make: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def test_layouts_may_be_written_with_blanks() -> None:
    assert dense(layout="ni, io -> no").layout == "ni,io->no"


def test_every_name_is_known() -> None:
    for name in library.names():
        assert named(name).gradients()


# ---------------------------------------------------------------- the table of functions


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in PRIMITIVES])
def test_a_defined_function_is_not_defined_through_itself(name: str) -> None:
    seen, pending = set(), [name]
    while pending:
        term = formula(pending.pop())
        if term is not None:
            found = {n.function for n in walk(term) if isinstance(n, Apply)}
            assert name not in found
            pending += found - seen
            seen |= found
    assert seen <= set(FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "order", "expected"),
    [
        ("tanh", 2, "y = -2*tanh(x)*(1 - tanh(x)^2)"),
        ("sigmoid", 2, "y = sigmoid(x)*(1 - sigmoid(x))*(1 - 2*sigmoid(x))"),
        ("softplus", 2, "y = sigmoid(x)*(1 - sigmoid(x))"),
        ("log", 2, "y = -1/x^2"),
        ("log", 3, "y = 2/x^3"),
        ("sqrt", 1, "y = 1/2*x^(-1/2)"),
        ("erf", 2, "y = -4*x/pi^(1/2)*exp(-x^2)"),
        ("silu", 1, "y = sigmoid(x) + x*sigmoid(x)*(1 - sigmoid(x))"),
        ("gelu", 1, "y = (1 + erf(x/2^(1/2)))/2 + x*exp(-x^2/2)/(2*pi)^(1/2)"),
        ("relu", 2, "y = 0"),
        ("elu", 1, "y = step(x) + exp(x - relu(x))*(1 - step(x))"),
        ("linear", 1, "y = 1"),
        ("linear", 2, "y = 0"),
    ],
)
def test_derivatives_of_functions(name: str, order: int, expected: str) -> None:
    stated = Spec(expected).program.statement("y")
    assert normalise(formula(name, order)) == normalise(stated.value)


def test_an_abstract_function_has_no_formula() -> None:
    assert formula("g") is None
    assert formula("g", 2) is None
    assert formula("exp") is None
