"""LaTeX and MathML: literal forms, and that what is written is well formed."""

import xml.etree.ElementTree as ET

import pytest

from backproof.spec.functions import ACTIVATIONS
from backproof.spec.layer import Spec
from backproof.spec.library import dense, dense_l, layouts, losses, named, network

MATHML = "{http://www.w3.org/1998/Math/MathML}"
EVERY = (
    *(dense(layout=layout, activation="softmax") for layout in layouts()),
    *(dense(activation=activation, scale="mean") for activation in ACTIVATIONS),
    *map(named, losses()),
    network(3, loss="softmax_cross_entropy"),
    dense_l(),
    Spec("T[i,j,k] = M1[i,j]*sum[n](Y[n,k]/(1 + x1[n])^2) - delta[i,j]*c{l}[k]^(1/2)"),
)


def latex(text: str) -> str:
    (statement,) = Spec(text).statements().values()
    return statement.latex


def forms(spec: Spec) -> dict[str, str]:
    every = [*spec.statements().values(), *spec.gradients().values()]
    return {e.name: e.latex for e in every}


def test_dense_layer() -> None:
    found = forms(dense(activation="sigmoid"))
    assert found["Z"] == r"Z = X W^{\top} + b"
    assert found["A"] == r"A = \operatorname{sigmoid}\left(Z\right)"
    assert found["dZ"] == r"dZ = dA \odot \operatorname{sigmoid}'\left(Z\right)"
    assert found["dW"] == r"dW = dZ^{\top} X"
    assert found["db"] == r"db = \operatorname{sum}_{n}\left(dZ\right)"
    assert forms(dense(scale="mean"))["dW"] == r"dW = \frac{1}{|n|} dZ^{\top} X"


def test_layers_are_superscripts() -> None:
    found = forms(dense_l())
    assert found["Z{l}"] == r"Z^{[l]} = A^{[l-1]} W^{[l]\top} + b^{[l]}"
    assert found["dA{l-1}"] == r"dA^{[l-1]} = dZ^{[l]} W^{[l]}"
    found = forms(network(2))
    assert found["Z2"] == r"Z^{[2]} = A^{[1]} W^{[2]\top} + b^{[2]}"
    assert found["dW1"] == r"dW^{[1]} = dZ^{[1]\top} X"


def test_a_number_without_family_is_a_subscript() -> None:
    assert latex("y = 2*x1") == r"y = 2 \, x_{1}"
    assert latex("y[i] = x1[i]*x2[i]") == r"y = x^{[1]} \odot x^{[2]}"


def test_losses() -> None:
    assert forms(named("mean_squared_error"))["L"] == (
        r"L = \frac{\operatorname{sum}_{n,o}\left(\left(A - Y\right)^{\odot 2}\right)}"
        r"{|n| \, |o|}"
    )
    assert forms(named("binary_cross_entropy"))["dA"] == (
        r"dA = -\frac{1}{|n| \, |o|} \left(Y \oslash A - "
        r"\left(1 - Y\right) \oslash \left(1 - A\right)\right)"
    )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("s = sum[i](x[i]*y[i])", r"s = x^{\top} y"),
        ("Z[n,o] = -X[n,o]/2", r"Z = -\frac{1}{2} X"),
        ("Z[n,o] = X[n,o] - 1/2", r"Z = X - \frac{1}{2}"),
        ("Z[n,o] = s*X[n,o]", "Z = s X"),
        (
            "z = sqrt(x) + abs(y) + tanh(x)^2",
            r"z = \sqrt{x} + \left|y\right| + \tanh\left(x\right)^{2}",
        ),
        ("y = x^(1/2)", "y = x^{1/2}"),
        ("y = alpha*loss_1", r"y = \alpha \, \mathrm{loss\_}_{1}"),
        ("y[n] = g1(x[n])", r"y = g_{1}\left(x\right)"),
        ("y[n] = leaky_relu'(x[n])", r"y = \operatorname{leaky\_relu}'\left(x\right)"),
        # by entries, where there is no matrix form
        ("t = sum[i](M[i,i])", r"t = \sum_{i} M_{i,i}"),
        ("Z[n,o] = u[n] + v[o]", "Z_{n,o} = u_{n} + v_{o}"),
        (
            "T[i,j,k] = sum[n](X[n,i,j] + 1)*Y[k]/2",
            r"T_{i,j,k} = \frac{\left(\sum_{n} \left(X_{n,i,j} + 1\right)\right) \, Y_{k}}{2}",
        ),
        ("T[i,j,k] = W1[i,j]*W2[k,k]^2", r"T_{i,j,k} = W^{[1]}_{i,j} \, {W^{[2]}_{k,k}}^{2}"),
        ("T[i,j,k] = (a[i] - b[j])^2*c[k]", r"T_{i,j,k} = \left(a_{i} - b_{j}\right)^{2} \, c_{k}"),
        ("T[i,j,k] = 3*a[i]*b[j]/c[k]/4", r"T_{i,j,k} = \frac{3 \, a_{i} \, b_{j}}{4 \, c_{k}}"),
        ("I[h1,h2] = delta[h1,h2]*c", r"I_{h_{1},h_{2}} = \delta_{h_{1},h_{2}} \, c"),
    ],
)
def test_form(text: str, form: str) -> None:
    assert latex(text) == form


@pytest.mark.parametrize("spec", EVERY, ids=lambda s: repr(s)[1:-1])
def test_latex_is_well_formed(spec: Spec) -> None:
    """Braces match, and no base has two superscripts or two subscripts, which TeX refuses."""
    for form in forms(spec).values():
        depth = 0
        scripts: list[set[str]] = [set()]
        for before, character in zip(" " + form, form, strict=False):
            if character in "^_" and before != "\\":
                assert character not in scripts[-1], form
                scripts[-1].add(character)
            elif character == "{":
                depth += 1
                scripts.append(set())
            elif character == "}":
                depth -= 1
                assert depth >= 0
                scripts.pop()
            elif before not in "^_":
                scripts[-1] = set()
        assert depth == 0
        assert form.count(r"\left(") == form.count(r"\right)")


@pytest.mark.parametrize("spec", EVERY, ids=lambda s: repr(s)[1:-1])
def test_mathml_is_well_formed(spec: Spec) -> None:
    """It parses, and elements with a fixed number of children have it."""
    children = {"msup": 2, "msub": 2, "mfrac": 2, "munder": 2}
    for equation in [*spec.statements().values(), *spec.gradients().values()]:
        root = ET.fromstring(equation.form("mathml"))
        assert root.tag == f"{MATHML}math"
        for element in root.iter():
            wanted = children.get(element.tag.removeprefix(MATHML))
            assert wanted is None or len(element) == wanted
            assert (element.text is None) == (len(element) > 0)


def test_mathml_of_functions_and_entries() -> None:
    (statement,) = Spec("z = sqrt(x) + g1'(y)/2").statements().values()
    root = ET.fromstring(statement.form("mathml"))
    assert len(root.findall(f".//{MATHML}msqrt")) == 1
    texts = [t for t in root.itertext() if t not in ("\u2061", "\u2062")]
    assert texts == ["z", "=", "x", "+", "g", "1", "′", "(", "y", ")", "2"]
    (statement,) = Spec("T[i,j,k] = sum[n](M[n,i])*delta[j,k]").statements().values()
    root = ET.fromstring(statement.form("mathml"))
    assert "".join(root.itertext()) == "Ti,j,k=(∑nMn,i)\u2062δj,k"


def test_mathml_of_a_gradient() -> None:
    assert dense().gradients()["W"].form("mathml") == (
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
        "<mi>dW</mi><mo>=</mo><mrow><msup><mi>dZ</mi><mo>⊤</mo></msup><mo>\u2062</mo>"
        "<mi>X</mi></mrow></math>"
    )
