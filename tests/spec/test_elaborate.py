"""Resolving names: every error with its line, column and carets; axes; order; what is kept."""

import pytest

from backproof.spec.errors import SpecError
from backproof.spec.functions import CONSTANTS, FUNCTIONS
from backproof.spec.layer import Spec
from backproof.spec.notation.elaborate import elaborate
from backproof.spec.notation.parser import RESERVED
from backproof.spec.source import Source


def error(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        Spec(text, source_name="")
    return caught.value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Z[n,o] = X[n,i]*W[o,i]",
            "1:14: index 'i' is unbound: it is not on the left, and no operator binds it\n"
            "1 | Z[n,o] = X[n,i]*W[o,i]\n"
            "  |              ^\n"
            "help: add it to the left side, or bind it: sum[i](...)",
        ),
        (
            "Z[n,o] = sum[i](X[n,i]) + W[o,i]",
            "1:31: index 'i' is unbound: it is not on the left, and no operator binds it\n"
            "1 | Z[n,o] = sum[i](X[n,i]) + W[o,i]\n"
            "  |                               ^\n"
            "help: add it to the left side, or bind it: sum[i](...)",
        ),
        (
            "Z[n] = delta[n,k]*X[n]",
            "1:16: index 'k' is unbound: it is not on the left, and no operator binds it\n"
            "1 | Z[n] = delta[n,k]*X[n]\n"
            "  |                ^\n"
            "help: add it to the left side, or bind it: sum[k](...)",
        ),
        (
            "Z[n] = softmax[o](X[n,o])",
            "1:16: index 'o' is unbound: it is not on the left, and no operator binds it\n"
            "1 | Z[n] = softmax[o](X[n,o])\n"
            "  |                ^\n"
            "help: add it to the left side, or bind it: sum[o](...)",
        ),
        (
            "Z[n] = X[n]\nL = Z[n]",
            "2:7: index 'n' is unbound: it is not on the left, and no operator binds it\n"
            "2 | L = Z[n]\n"
            "  |       ^\n"
            "help: add it to the left side, or bind it: sum[n](...)",
        ),
        (
            "Z[n,n] = X[n]",
            "1:5: index 'n' is bound twice on the left\n"
            "1 | Z[n,n] = X[n]\n"
            "  |     ^\n"
            "1 | Z[n,n] = X[n]\n"
            "  |   ^ first here\n"
            "help: give each position an index of its own",
        ),
        (
            "Z[n] = sum[n](X[n])",
            "1:12: index 'n' is bound twice\n"
            "1 | Z[n] = sum[n](X[n])\n"
            "  |            ^ already bound by the left side or by an operator around this "
            "one\n"
            "help: use another letter in this sum",
        ),
        (
            "Z = sum[n](X[n]*mean[n](Y[n]))",
            "1:22: index 'n' is bound twice\n"
            "1 | Z = sum[n](X[n]*mean[n](Y[n]))\n"
            "  |                      ^ already bound by the left side or by an operator "
            "around this one\n"
            "help: use another letter in this mean",
        ),
        (
            "Z = sum[n,n](X[n])",
            "1:11: index 'n' is bound twice by one sum\n"
            "1 | Z = sum[n,n](X[n])\n"
            "  |           ^\n"
            "1 | Z = sum[n,n](X[n])\n"
            "  |         ^ first here\n"
            "help: give each position an index of its own",
        ),
        (
            "Z[n] = logsumexp[n](X[n])",
            "1:18: index 'n' is bound twice\n"
            "1 | Z[n] = logsumexp[n](X[n])\n"
            "  |                  ^ already bound by the left side or by an operator around "
            "this one\n"
            "help: use another letter in this logsumexp",
        ),
        (
            "Z[n] = X[n]; Z[n] = Y[n]",
            "1:14: Z is defined twice\n"
            "1 | Z[n] = X[n]; Z[n] = Y[n]\n"
            "  |              ^^^^\n"
            "1 | Z[n] = X[n]; Z[n] = Y[n]\n"
            "  | ^^^^ first here\n"
            "help: a statement names a new tensor: give the second one another name",
        ),
        (
            "Z[n] = X[n]\nA[n,o] = Z[n,o]",
            "2:10: Z is used with 2 indices and with 1\n"
            "2 | A[n,o] = Z[n,o]\n"
            "  |          ^^^^^^ 2 here\n"
            "1 | Z[n] = X[n]\n"
            "  | ^^^^ 1 here\n"
            "help: a tensor has one rank; an axis along which it is constant is left out",
        ),
        (
            "Z[n] = X[n] + X",
            "1:15: X is used with 0 indices and with 1\n"
            "1 | Z[n] = X[n] + X\n"
            "  |               ^ 0 here\n"
            "1 | Z[n] = X[n] + X\n"
            "  |        ^^^^ 1 here\n"
            "help: a tensor has one rank; an axis along which it is constant is left out",
        ),
        (
            "Z[n] = Z[n] + 1",
            "1:1: a cycle: Z uses Z\n"
            "1 | Z[n] = Z[n] + 1\n"
            "  | ^^^^\n"
            "help: each tensor follows from inputs and from tensors that do not use it",
        ),
        (
            "Z[n] = A[n]; A[n] = Z[n]",
            "1:1: a cycle: Z uses A uses Z\n"
            "1 | Z[n] = A[n]; A[n] = Z[n]\n"
            "  | ^^^^\n"
            "help: each tensor follows from inputs and from tensors that do not use it",
        ),
        (
            "X = Y\nA = B; B = C\nC = A",
            "2:1: a cycle: A uses B uses C uses A\n"
            "2 | A = B; B = C\n"
            "  | ^\n"
            "help: each tensor follows from inputs and from tensors that do not use it",
        ),
        (
            "Z[n,o] = X[n,o]; A[i] = sum[o](Z[i,o])",
            "1:34: axis clash: position 1 of Z is indexed by 'n' and by 'i'\n"
            "1 | Z[n,o] = X[n,o]; A[i] = sum[o](Z[i,o])\n"
            "  |                                  ^ 'i' here\n"
            "1 | Z[n,o] = X[n,o]; A[i] = sum[o](Z[i,o])\n"
            "  |   ^ 'n' here\n"
            "help: one letter stands for one axis throughout: write the same letter at both "
            "places, or say that the two are one axis: axes n, i: NAME",
        ),
        (
            "axes n: samples, o: outputs\nZ[n,o] = X[n,o]\nA[n,o] = Z[o,n]",
            "3:12: axis clash: position 1 of Z is indexed by 'n' and by 'o'\n"
            "3 | A[n,o] = Z[o,n]\n"
            "  |            ^ 'o' here\n"
            "2 | Z[n,o] = X[n,o]\n"
            "  |   ^ 'n' here\n"
            "help: one letter stands for one axis throughout: write the same letter at both "
            "places, or say that the two are one axis: axes n, o: NAME",
        ),
        (
            "axes i: a, j: b\nS = sum[i,j](M[i,j]*delta[i,j])",
            "2:29: axis clash: delta is indexed by 'i' and by 'j'\n"
            "2 | S = sum[i,j](M[i,j]*delta[i,j])\n"
            "  |                             ^ 'j' here\n"
            "2 | S = sum[i,j](M[i,j]*delta[i,j])\n"
            "  |                           ^ 'i' here\n"
            "help: the axes line declares the two as different axes: change one use",
        ),
        (
            "axes i: a, j: b\nS = sum[i,j](M[i,j]*M[j,i])",
            "2:23: axis clash: position 1 of M is indexed by 'i' and by 'j'\n"
            "2 | S = sum[i,j](M[i,j]*M[j,i])\n"
            "  |                       ^ 'j' here\n"
            "2 | S = sum[i,j](M[i,j]*M[j,i])\n"
            "  |                ^ 'i' here\n"
            "help: the axes line declares the two as different axes: change one use",
        ),
        (
            "Z[n] = X[n]\nassume sum[m](X[m]) = 1",
            "2:17: axis clash: position 1 of X is indexed by 'n' and by 'm'\n"
            "2 | assume sum[m](X[m]) = 1\n"
            "  |                 ^ 'm' here\n"
            "1 | Z[n] = X[n]\n"
            "  |          ^ 'n' here\n"
            "help: one letter stands for one axis throughout: write the same letter at both "
            "places, or say that the two are one axis: axes n, m: NAME",
        ),
        (
            "axes n: samples, n: inputs\nZ[n] = X[n]",
            "1:18: index 'n' is declared twice\n"
            "1 | axes n: samples, n: inputs\n"
            "  |                  ^\n"
            "1 | axes n: samples, n: inputs\n"
            "  |      ^ first here",
        ),
        (
            "axes n, o: samples\naxes o: outputs\nZ[n] = X[n]",
            "2:6: index 'o' is declared twice\n"
            "2 | axes o: outputs\n"
            "  |      ^\n"
            "1 | axes n, o: samples\n"
            "  |         ^ first here",
        ),
        (
            "Z[n] = sigmid(X[n])",
            "1:8: unknown function 'sigmid'\n"
            "1 | Z[n] = sigmid(X[n])\n"
            "  |        ^^^^^^ near names are 'sigmoid', 'sign'\n"
            "help: a function of which nothing is known has a name of one or two letters, "
            "such as g, or one that is near no known name",
        ),
        (
            "Z[n] = Sigmoid(X[n])",
            "1:8: unknown function 'Sigmoid'\n"
            "1 | Z[n] = Sigmoid(X[n])\n"
            "  |        ^^^^^^^ a near name is 'sigmoid'\n"
            "help: a function of which nothing is known has a name of one or two letters, "
            "such as g, or one that is near no known name",
        ),
        (
            "Z[n] = rellu'(X[n])",
            "1:8: unknown function 'rellu'\n"
            "1 | Z[n] = rellu'(X[n])\n"
            "  |        ^^^^^ near names are 'relu', 'elu', 'gelu'\n"
            "help: a function of which nothing is known has a name of one or two letters, "
            "such as g, or one that is near no known name",
        ),
        (
            "Z[n] = relu",
            "1:8: relu is a function and needs an argument\n"
            "1 | Z[n] = relu\n"
            "  |        ^^^^\n"
            "help: write relu(...)",
        ),
        (
            "Z[n] = tanh*X[n]",
            "1:8: tanh is a function and needs an argument\n"
            "1 | Z[n] = tanh*X[n]\n"
            "  |        ^^^^\n"
            "help: write tanh(...)",
        ),
        (
            "Z[n] = g(X[n])*g[n]",
            "1:8: g is a tensor and a function\n"
            "1 | Z[n] = g(X[n])*g[n]\n"
            "  |        ^\n"
            "1 | Z[n] = g(X[n])*g[n]\n"
            "  |                ^^^^ a tensor here\n"
            "help: an entry is written with brackets: g[...]",
        ),
        (
            "pi = 3",
            "1:1: 'pi' is a constant and cannot name a tensor\n1 | pi = 3\n  | ^^",
        ),
        (
            "Z[n] = X[n]/0",
            "1:13: division by zero\n1 | Z[n] = X[n]/0\n  |             ^",
        ),
        (
            "Z[n] = X[n]/(1 - 1)",
            "1:14: division by zero\n1 | Z[n] = X[n]/(1 - 1)\n  |              ^^^^^",
        ),
        (
            "Z[n] = X[n]^T",
            "1:13: an exponent is a rational number, such as 2 or 1/2\n"
            "1 | Z[n] = X[n]^T\n"
            "  |             ^",
        ),
        (
            "Z[n] = X[n]^(1/0)",
            "1:14: an exponent is a rational number, such as 2 or 1/2\n"
            "1 | Z[n] = X[n]^(1/0)\n"
            "  |              ^^^",
        ),
        (
            "Z[n] = X[n]^X[n]",
            "1:13: an exponent is a rational number, such as 2 or 1/2\n"
            "1 | Z[n] = X[n]^X[n]\n"
            "  |             ^^^^",
        ),
        (
            "Z[n] = axes(X[n])",
            "1:8: 'axes' is a word of the notation and cannot name a function\n"
            "1 | Z[n] = axes(X[n])\n"
            "  |        ^^^^",
        ),
        (
            "Z[n] = assume(X[n])",
            "1:8: 'assume' is a word of the notation and cannot name a function\n"
            "1 | Z[n] = assume(X[n])\n"
            "  |        ^^^^^^",
        ),
    ],
)
def test_error(text: str, shown: str) -> None:
    assert str(error(text)) == f":{shown}"


@pytest.mark.parametrize("word", [w for w in RESERVED if w not in ("axes", "assume")])
def test_words_of_the_notation_name_no_tensor(word: str) -> None:
    found = error(f"A = x\n{word}[n] = X[n]")
    assert found.message == f"'{word}' is a word of the notation and cannot name a tensor"
    assert found.span is not None
    assert (found.span.start, found.span.end) == (6, 6 + len(word))


@pytest.mark.parametrize("constant", CONSTANTS)
def test_constants_name_no_tensor(constant: str) -> None:
    found = error(f"{constant} = 3")
    assert found.message == f"'{constant}' is a constant and cannot name a tensor"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_needs_an_argument(function: str) -> None:
    found = error(f"Z[n] = X[n]*{function}")
    assert found.message == f"{function} is a function and needs an argument"
    assert found.help == f"write {function}(...)"
    assert found.span is not None
    assert found.span.start == 12


# ---------------------------------------------------------------- what is resolved


def test_inputs_outputs_and_order() -> None:
    program = Spec("A[n] = g(Z[n]); Z[n] = X[n]*w; w = v^2").program
    assert program.inputs == ("X", "v")
    assert program.defined == ("w", "Z", "A")
    assert program.outputs == ("A",)
    assert program.loss is None
    assert program.functions == ("g",)
    assert Spec("L = sum[n](X[n])").program.loss == "L"
    assert Spec("L = x; M = x").program.loss is None


def test_axes_are_found_by_unification() -> None:
    program = Spec("s = sum[i,j](x[i]*M[i,j]*x[j])").program
    assert {t: program.tensors[t].axes for t in ("x", "M")} == {"x": ("i",), "M": ("i", "i")}
    assert program.axes["i"].letters == ("i", "j")
    assert program.notes == ("the indices i, j run along one axis",)


def test_a_declared_axis_has_its_role_and_letters() -> None:
    program = Spec("axes n: samples, i, j: units\nZ[n,j] = sum[i](X[n,i]*W[i,j])").program
    assert program.axes["n"].role == "samples"
    assert program.axes["i"].letters == ("i", "j")
    assert program.axes["i"].role == "units"
    assert program.tensors["W"].axes == ("i", "i")
    assert program.notes == ()


def test_delta_unifies_its_indices() -> None:
    program = Spec("I[i,j] = delta[i,j]*c").program
    assert program.tensors["I"].axes == ("i", "i")


def test_one_statement_may_hold_a_tensor_and_its_transpose() -> None:
    program = Spec("S[i,j] = M[i,j] + M[j,i]").program
    assert program.tensors["M"].axes == ("i", "i")


def test_shape() -> None:
    program = Spec("Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]").program
    sizes = {"n": 2, "i": 3, "o": 4}
    assert program.shape("W", sizes) == (4, 3)
    assert program.shape("Z", sizes) == (2, 4)


def test_an_assumption_about_a_name_that_nothing_else_uses_is_an_error() -> None:
    with pytest.raises(SpecError) as caught:
        Spec("y[i] = x[i]/sqrt(sum[j](x[j]^2) + eps)\nassume ep > 0")
    assert str(caught.value) == (
        "<equations>:2:8: no statement uses 'ep', of which this is assumed\n"
        "2 | assume ep > 0\n"
        "  |        ^^ a near name is 'eps'\n"
        "help: an assumption speaks of tensors that a statement uses"
    )


def test_names_that_only_assumptions_share_are_as_little_used() -> None:
    with pytest.raises(SpecError, match="no statement uses 'lo'"):
        Spec("y[i] = x[i]\nassume lo < hi\nassume hi < 1\nassume lo > 0")


@pytest.mark.parametrize(
    "assumed",
    [
        "assume x[i] < top\nassume top < 1",
        "assume g(z) = z",
        "assume dy[i] > 0",
        "assume size(i) = 2",
        "assume x[i] = u[i]\nassume u[i] = v[i]\nassume v[i] < 1",
    ],
)
def test_an_assumption_about_what_is_used_through_others_is_kept(assumed: str) -> None:
    program = Spec(f"y[i] = g(x[i])\n{assumed}").program
    assert len(program.assumptions) == assumed.count("assume")


def test_assumptions_are_kept_with_their_text() -> None:
    program = Spec("L = sum[n,o](Y[n,o])\nassume sum[o](Y[n,o]) = 1").program
    (assumption,) = program.assumptions
    assert assumption.text == "sum[o](Y[n,o]) = 1"


def test_a_scalar_has_no_index() -> None:
    program = Spec("z = x*y").program
    assert {t.rank for t in program.tensors.values()} == {0}
    assert dict(program.axes) == {}


@pytest.mark.parametrize("name", ["g", "f", "h1", "gg", "activation", "σ"])
def test_abstract_functions(name: str) -> None:
    assert Spec(f"A[n] = {name}(Z[n]) + {name}''(Z[n])").program.functions == (name,)


def test_elaborate_keeps_the_source() -> None:
    source = Source("Z = x", "here.spec")
    assert elaborate(source).source is source


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"h": "relu"}, "the equations have no abstract function named 'h'"),
        ({"g": "relux"}, "unknown activation 'relux'"),
    ],
)
def test_binding_functions(functions: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        Spec("A[n] = g(Z[n])", functions=functions)
    assert caught.value.message == message


def test_softmax_needs_an_axis_of_outputs() -> None:
    with pytest.raises(SpecError) as caught:
        Spec("A[n,o] = g(Z[n,o])", functions={"g": "softmax"}, source_name="")
    assert str(caught.value) == (
        ":1:1: softmax needs exactly one axis whose role is outputs on the left\n"
        "1 | A[n,o] = g(Z[n,o])\n"
        "  | ^^^^^^^^^^^^^^^^^^\n"
        "help: declare it: axes o: outputs"
    )


def test_a_term_of_the_loss_is_declared_by_its_own_gradient() -> None:
    spec = Spec("Z[n,o] = sum[i](X[n,i]*W[i,o])\nR = sum[i,o](W[i,o]^2)/2\nassume dR = 1")

    assert spec.program.added_losses == ("R",)
    assert spec.gradients()["W"].matrix == "dW = X^T dZ + W"


@pytest.mark.parametrize("line", ["assume dR = 2", "assume dZ = 1"])
def test_a_gradient_is_assumed_to_be_one_of_a_scalar_or_derived(line: str) -> None:
    with pytest.raises(SpecError, match="for a term of the loss") as caught:
        Spec(f"Z[n,o] = sum[i](X[n,i]*W[i,o])\nR = sum[i,o](W[i,o]^2)/2\n{line}")
    assert caught.value.span is not None
