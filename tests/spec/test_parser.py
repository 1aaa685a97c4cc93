"""The parser of index notation: what it reads, and every error with its line, column and carets."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from backproof.spec.claims.reading import read_claim
from backproof.spec.errors import SpecError
from backproof.spec.layer import Spec
from backproof.spec.library import dense
from backproof.spec.notation.parser import parse_claim, parse_program
from backproof.spec.notation.tokens import MAX_DEPTH, MAX_DIGITS
from backproof.spec.printers.index import index_equation, index_form
from backproof.spec.source import Source

FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=400,
    suppress_health_check=list(HealthCheck),
)


def error(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        Spec(text, source_name="")
    return caught.value


# The message as a person sees it: place, line, carets, label, second place, help.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "",
            "1:1: no statement found: the text is empty\n"
            "1 | \n"
            "  | ^\n"
            "help: write one such as  Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        ),
        (
            "  \n # only a comment",
            "1:1: no statement found: the text is empty\n"
            "1 |   \n"
            "  | ^\n"
            "help: write one such as  Z[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]",
        ),
        (
            "Z",
            "1:2: expected '=' after Z, found the end of the text\n"
            "1 | Z\n"
            "  |  ^\n"
            "help: a statement defines one tensor, entry by entry: A[n,o] = g(Z[n,o])",
        ),
        (
            "Z[n]",
            "1:5: expected '=' after Z[...], found the end of the text\n"
            "1 | Z[n]\n"
            "  |     ^\n"
            "help: a statement defines one tensor, entry by entry: A[n,o] = g(Z[n,o])",
        ),
        (
            "Z[n] =",
            "1:7: expected a tensor, a number, a function or '(', found the end of the text\n"
            "1 | Z[n] =\n"
            "  |       ^",
        ),
        (
            "= X",
            "1:1: expected a statement, such as 'A[n,o] = g(Z[n,o])', found '='\n1 | = X\n  | ^",
        ),
        (
            "Z[n] == X[n]",
            "1:7: expected a tensor, a number, a function or '(', found '='\n"
            "1 | Z[n] == X[n]\n"
            "  |       ^",
        ),
        (
            "Z[n] = X[n] +",
            "1:14: expected a tensor, a number, a function or '(', found the end of the text\n"
            "1 | Z[n] = X[n] +\n"
            "  |              ^",
        ),
        (
            "Z[n] = X[n] +\n  Y[n]",
            "1:14: expected a tensor, a number, a function or '(', found the end of the line\n"
            "1 | Z[n] = X[n] +\n"
            "  |              ^",
        ),
        (
            "Z[n] = (X[n]",
            "1:8: '(' is never closed\n1 | Z[n] = (X[n]\n  |        ^ expected a matching ')'",
        ),
        (
            "Z[n] = X[n",
            "1:9: '[' is never closed\n1 | Z[n] = X[n\n  |         ^ expected a matching ']'",
        ),
        (
            "Z[n] = (X[n];\nA[n] = Z[n]",
            "1:8: '(' is never closed\n1 | Z[n] = (X[n];\n  |        ^ expected a matching ')'",
        ),
        (
            "Z[n] = X[n])",
            "1:12: ')' closes nothing\n1 | Z[n] = X[n])\n  |            ^",
        ),
        (
            "Z[n] = (X[n]]",
            "1:13: expected ')', found ']'\n"
            "1 | Z[n] = (X[n]]\n"
            "  |             ^\n"
            "1 | Z[n] = (X[n]]\n"
            "  |        ^ opened here",
        ),
        (
            "Z[n] = (X[n] +\n  Y[n]]",
            "2:7: expected ')', found ']'\n"
            "2 |   Y[n]]\n"
            "  |       ^\n"
            "1 | Z[n] = (X[n] +\n"
            "  |        ^ opened here",
        ),
        (
            "Z[n] = X[n] $ 2",
            "1:13: stray character '$'\n"
            "1 | Z[n] = X[n] $ 2\n"
            "  |             ^ expected one of letters, digits, _ and + - * / ^ = < > ( ) [ ] , "
            ": ' #",
        ),
        (
            "Z[n] = “X”",
            "1:8: stray character '“'\n"
            "1 | Z[n] = “X”\n"
            "  |        ^ expected one of letters, digits, _ and + - * / ^ = < > ( ) [ ] , : ' #",
        ),
        (
            "Z[n] = \x1b[31mX",
            "1:8: stray character 'U+001B'\n"
            "1 | Z[n] =  [31mX\n"
            "  |        ^ expected one of letters, digits, _ and + - * / ^ = < > ( ) [ ] , : ' #",
        ),
        (
            "Z[n] = 1..2",
            "1:9: stray character '.'\n"
            "1 | Z[n] = 1..2\n"
            "  |         ^ expected one of letters, digits, _ and + - * / ^ = < > ( ) [ ] , : ' #",
        ),
        (
            "Z[n] = 1e5",
            "1:9: expected an operator such as '*', found 'e5'\n"
            "1 | Z[n] = 1e5\n"
            "  |         ^^\n"
            "help: in index notation each product is written with '*'",
        ),
        (
            "Z[n] = X[n] Y[n]",
            "1:13: expected an operator such as '*', found 'Y'\n"
            "1 | Z[n] = X[n] Y[n]\n"
            "  |             ^\n"
            "help: in index notation each product is written with '*'",
        ),
        (
            "Z[n] = 2X[n]",
            "1:9: expected an operator such as '*', found 'X'\n"
            "1 | Z[n] = 2X[n]\n"
            "  |         ^\n"
            "help: in index notation each product is written with '*'",
        ),
        (
            "A[n] = Z[n]\nZ[n] = (X[n] +\n  Y[n]) W[n]",
            "3:9: expected an operator such as '*', found 'W'\n"
            "3 |   Y[n]) W[n]\n"
            "  |         ^\n"
            "help: in index notation each product is written with '*'",
        ),
        (
            "Z[n] = X[n] @ W[n]",
            "1:13: expected an operator such as '*', found '@'\n"
            "1 | Z[n] = X[n] @ W[n]\n"
            "  |             ^\n"
            "help: in index notation each product is written with '*'",
        ),
        (
            "Z[n] = X[n] ⊙ Y[n]",
            "1:13: expected an operator such as '*', found '⊙'\n"
            "1 | Z[n] = X[n] ⊙ Y[n]\n"
            "  |             ^\n"
            "help: in index notation each product is written with '*'",
        ),
        (
            "Z[n] = X[n].T",
            "1:12: expected an operator or the end of the line, found '.T'\n"
            "1 | Z[n] = X[n].T\n"
            "  |            ^^",
        ),
        (
            "Z[n] = X[n]^2^3",
            "1:14: expected an operator other than '^', found '^'\n"
            "1 | Z[n] = X[n]^2^3\n"
            "  |              ^\n"
            "help: write (a^b)^c or a^(b*c)",
        ),
        (
            "Z[n] = sum(X[n])",
            "1:11: expected '[' after sum, with the index that it binds, found '('\n"
            "1 | Z[n] = sum(X[n])\n"
            "  |           ^\n"
            "help: write sum[n](...) to say over which index",
        ),
        (
            "Z[n] = mean",
            "1:12: expected '[' after mean, with the index that it binds, found the end of "
            "the text\n"
            "1 | Z[n] = mean\n"
            "  |            ^\n"
            "help: write mean[n](...) to say over which index",
        ),
        (
            "Z[n] = sum[](X[n])",
            "1:12: expected an index, such as 'n', found ']'\n"
            "1 | Z[n] = sum[](X[n])\n"
            "  |            ^",
        ),
        (
            "Z[n] = sum[i,](X[n,i])",
            "1:14: expected an index, such as 'n', found ']'\n"
            "1 | Z[n] = sum[i,](X[n,i])\n"
            "  |              ^",
        ),
        (
            "Z[n] = sum[i]X[n,i]",
            "1:14: expected '(' after sum[...], found 'X'\n"
            "1 | Z[n] = sum[i]X[n,i]\n"
            "  |              ^",
        ),
        (
            "Z[n] = size[n]*X[n]",
            "1:12: expected '(' after size, as in size(n), found '['\n"
            "1 | Z[n] = size[n]*X[n]\n"
            "  |            ^",
        ),
        (
            "Z[n] = size(2)",
            "1:13: expected an index, such as 'n', found '2'\n"
            "1 | Z[n] = size(2)\n"
            "  |             ^",
        ),
        (
            "Z[n] = delta[n]",
            "1:8: delta takes two indices, found 1\n1 | Z[n] = delta[n]\n  |        ^^^^^^^^",
        ),
        (
            "Z[n] = delta[n,n,n]",
            "1:8: delta takes two indices, found 3\n"
            "1 | Z[n] = delta[n,n,n]\n"
            "  |        ^^^^^^^^^^^^",
        ),
        (
            "Z[n] = softmax(X[n])",
            "1:15: expected '[' after softmax, with the index that it binds, found '('\n"
            "1 | Z[n] = softmax(X[n])\n"
            "  |               ^\n"
            "help: write softmax[n](...) to say over which index",
        ),
        (
            "Z[n] = softmax[n,i](X[n,i])",
            "1:8: softmax runs along one index, found 2\n"
            "1 | Z[n] = softmax[n,i](X[n,i])\n"
            "  |        ^^^^^^^",
        ),
        (
            "Z[n] = suma[i](X[n,i])",
            "1:8: unknown operator 'suma'\n"
            "1 | Z[n] = suma[i](X[n,i])\n"
            "  |        ^^^^ operators along an axis are sum, mean, prod, max, min, "
            "softmax, hardmax, logsumexp\n"
            "help: a near name is 'sum'",
        ),
        (
            "Z[n] = argmax[i](X[n,i])",
            "1:8: unknown operator 'argmax'\n"
            "1 | Z[n] = argmax[i](X[n,i])\n"
            "  |        ^^^^^^ operators along an axis are sum, mean, prod, max, min, "
            "softmax, hardmax, logsumexp\n"
            "help: near names are 'hardmax', 'max'",
        ),
        (
            "Z[n] = X'[n]",
            "1:10: expected '(' after X', found '['\n"
            "1 | Z[n] = X'[n]\n"
            "  |          ^\n"
            "help: a prime marks the derivative of a function: g'(Z[n,o])",
        ),
        (
            "Z[n] = g'",
            "1:10: expected '(' after g', found the end of the text\n"
            "1 | Z[n] = g'\n"
            "  |          ^\n"
            "help: a prime marks the derivative of a function: g'(Z[n,o])",
        ),
        (
            "Z[n] = max(X[n])",
            "1:16: expected ',' and another argument, found ')'\n"
            "1 | Z[n] = max(X[n])\n"
            "  |                ^\n"
            "help: along an axis, write max[o](...)",
        ),
        (
            "Z[n] = where(X[n], 1, 0)",
            "1:18: expected a comparison: one of > < >= <=, found ','\n"
            "1 | Z[n] = where(X[n], 1, 0)\n"
            "  |                  ^\n"
            "help: a condition compares two numbers: where(Z[n,o] > 0, Z[n,o], 0)",
        ),
        (
            "Z[t] = sum[k](X[t-k])",
            "1:17: an affine position is out of range: it lies below the first entry, which is 0\n"
            "1 | Z[t] = sum[k](X[t-k])\n"
            "  |                 ^^^\n"
            "help: count the other way, or give the tensor the entries that it lacks (padding)",
        ),
        (
            "Z[t] = mean[k](X[2*t+k])",
            "1:22: no tensor has the index 'k': how far it runs is not known\n"
            "1 | Z[t] = mean[k](X[2*t+k])\n"
            "  |                      ^\n"
            "help: declare how many entries its axis has: axes k = 2",
        ),
        (
            "axes k = 0\nZ[t] = mean[k](X[2*t+k])",
            "1:10: an axis has at least one entry\n1 | axes k = 0\n  |          ^",
        ),
        (
            "Z[n] = f(X[n], Y[n])",
            "1:8: f is called with 2 arguments: a function has one\n"
            "1 | Z[n] = f(X[n], Y[n])\n"
            "  |        ^\n"
            "help: define it above: def f(x, y) = ...",
        ),
        (
            "def f(x) = x^2\nZ[n] = f(X[n], Y[n])",
            "2:8: f has 1 parameter, found 2 arguments\n"
            "2 | Z[n] = f(X[n], Y[n])\n"
            "  |        ^^^^^^^^^^^^^\n"
            "1 | def f(x) = x^2\n"
            "  |     ^ defined here",
        ),
        (
            "def f(x) = f(x)^2\nZ[n] = f(X[n])",
            "1:12: the macro f uses itself\n"
            "1 | def f(x) = f(x)^2\n"
            "  |            ^\n"
            "help: a macro stands for an expression: it may use macros above it",
        ),
        (
            "def f(X[n]) = sum[n](X[n])\nZ = f(2)",
            "2:7: f takes a tensor here, with its indices, such as X[n]\n"
            "2 | Z = f(2)\n"
            "  |       ^\n"
            "1 | def f(X[n]) = sum[n](X[n])\n"
            "  |       ^^^^ the parameter\n"
            "help: give the expression a name of its own, in a statement above",
        ),
        (
            "def f(x) = sum[i](x*W[i])\nZ = sum[i](f(X[i]))",
            "2:16: f binds 'i' itself\n"
            "2 | Z = sum[i](f(X[i]))\n"
            "  |                ^\n"
            "1 | def f(x) = sum[i](x*W[i])\n"
            "  |     ^ the macro\n"
            "help: use another letter in the macro",
        ),
        (
            "sum[n] = X[n]",
            "1:1: 'sum' is a word of the notation and cannot name a tensor\n"
            "1 | sum[n] = X[n]\n"
            "  | ^^^",
        ),
        (
            "logsumexp = 2",
            "1:1: 'logsumexp' is a word of the notation and cannot name a tensor\n"
            "1 | logsumexp = 2\n"
            "  | ^^^^^^^^^",
        ),
        (
            "delta[n] = X[n]",
            "1:1: 'delta' is a word of the notation and cannot name a tensor\n"
            "1 | delta[n] = X[n]\n"
            "  | ^^^^^",
        ),
        (
            "size = 2",
            "1:1: 'size' is a word of the notation and cannot name a tensor\n"
            "1 | size = 2\n"
            "  | ^^^^",
        ),
        (
            "axes = 3",
            "1:1: 'axes' is a word of the notation and cannot name a tensor\n"
            "1 | axes = 3\n"
            "  | ^^^^",
        ),
        (
            "assume = 2",
            "1:1: 'assume' is a word of the notation and cannot name a tensor\n"
            "1 | assume = 2\n"
            "  | ^^^^^^",
        ),
        (
            "axes n",
            "1:7: expected ':' and then what the axis is, such as 'n: samples', found the "
            "end of the text\n"
            "1 | axes n\n"
            "  |       ^",
        ),
        (
            "axes n:",
            "1:8: expected a word for the axis, such as 'samples', found the end of the text\n"
            "1 | axes n:\n"
            "  |        ^",
        ),
        (
            "axes n: 3",
            "1:9: expected a word for the axis, such as 'samples', found '3'\n"
            "1 | axes n: 3\n"
            "  |         ^",
        ),
        (
            "axes n samples",
            "1:8: expected ':' and then what the axis is, such as 'n: samples', found "
            "'samples'\n"
            "1 | axes n samples\n"
            "  |        ^^^^^^^",
        ),
        (
            "axes : samples",
            "1:1: 'axes' is a word of the notation and cannot name a tensor\n"
            "1 | axes : samples\n"
            "  | ^^^^",
        ),
        (
            "axes n: samples Z[n] = X[n]",
            "1:17: expected an operator or the end of the line, found 'Z'\n"
            "1 | axes n: samples Z[n] = X[n]\n"
            "  |                 ^",
        ),
        (
            "assume sum[n](Y[n])",
            "1:20: expected '=' in an assumption, such as 'assume sum[o](Y[n,o]) = 1', found "
            "the end of the text\n"
            "1 | assume sum[n](Y[n])\n"
            "  |                    ^",
        ),
        (
            "assume = 1 = 1",
            "1:1: 'assume' is a word of the notation and cannot name a tensor\n"
            "1 | assume = 1 = 1\n"
            "  | ^^^^^^",
        ),
        (
            "Z[n] = X[n], 2",
            "1:12: expected an operator or the end of the line, found ','\n"
            "1 | Z[n] = X[n], 2\n"
            "  |            ^",
        ),
        (
            "Z[n] = X[n] : 2",
            "1:13: expected an operator or the end of the line, found ':'\n"
            "1 | Z[n] = X[n] : 2\n"
            "  |             ^",
        ),
        (
            "Z[n] = [n]",
            "1:8: expected a tensor, a number, a function or '(', found '['\n"
            "1 | Z[n] = [n]\n"
            "  |        ^",
        ),
        (
            "Z[n] = ()",
            "1:9: expected a tensor, a number, a function or '(', found ')'\n"
            "1 | Z[n] = ()\n"
            "  |         ^",
        ),
        (
            "Z[n] = -",
            "1:9: expected a tensor, a number, a function or '(', found the end of the text\n"
            "1 | Z[n] = -\n"
            "  |         ^",
        ),
        (
            "Z[1] = X[n]",
            "1:3: expected an index, such as 'n', found '1'\n1 | Z[1] = X[n]\n  |   ^",
        ),
        (
            "Z[n+1] = X[n]",
            "1:4: expected ']' or ',' after an index, found '+'\n1 | Z[n+1] = X[n]\n  |    ^",
        ),
        (
            "Z[n](2) = X[n]",
            "1:5: expected '=' after Z[...], found '('\n"
            "1 | Z[n](2) = X[n]\n"
            "  |     ^\n"
            "help: a statement defines one tensor, entry by entry: A[n,o] = g(Z[n,o])",
        ),
    ],
)
def test_error(text: str, shown: str) -> None:
    assert str(error(text)) == f":{shown}"


def test_error_names_its_source() -> None:
    with pytest.raises(SpecError) as caught:
        Spec("Z[n] = ", source_name="layers/mine.spec")
    assert str(caught.value).startswith("layers/mine.spec:1:8: expected a tensor")


def test_a_long_line_is_cut_around_the_place() -> None:
    found = error("Z = " + "x + " * 25_000 + "$ + y" + " + x" * 1000)
    line, carets = str(found).split("\n")[1:]
    assert str(found).startswith(":1:100005: stray character '$'")
    assert len(line) < 100
    assert line[carets.index("^")] == "$"
    assert line.startswith("1 | ...")
    assert line.endswith("...")


def test_a_long_line_without_error_is_read() -> None:
    (statement,) = Spec("Z = " + "x + " * 25_000 + "x").program.statements
    assert index_form(statement.value) == " + ".join(["x"] * 25_001)


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("g(", ")"), ("sum[n](", ")")])
def test_deep_nesting(opening: str, closing: str) -> None:
    found = error(f"Z = {opening * (MAX_DEPTH + 1)}x{closing * (MAX_DEPTH + 1)}")
    assert found.message == f"brackets are nested more than {MAX_DEPTH} deep"
    assert found.help == "give the inner expressions names of their own, one statement each"
    assert found.span is not None
    assert 5 <= found.span.start < 5 + len(opening) * (MAX_DEPTH + 1)


def test_nesting_up_to_the_limit() -> None:
    (statement,) = Spec(f"Z = {'g(' * MAX_DEPTH}x{')' * MAX_DEPTH}").program.statements
    assert index_form(statement.value).count("g(") == MAX_DEPTH


@pytest.mark.parametrize("length", [1, 2, 9_999, 10_000])
def test_chains_of_signs(length: int) -> None:
    expected = "-x" if length % 2 else "x"
    (statement,) = Spec(f"Z = y*{'-' * length}x").program.statements
    assert index_form(statement.value) == (f"-y*{expected[-1]}" if length % 2 else "y*x")
    (statement,) = Spec(f"Z = x^{'-' * length}2").program.statements
    assert index_form(statement.value) == ("1/x^2" if length % 2 else "x^2")


def test_long_exponents_are_added_up() -> None:
    (statement,) = Spec(f"Z = x^({'1 + ' * 5000}1/2)").program.statements
    assert index_form(statement.value) == "x^(10001/2)"


@pytest.mark.parametrize("number", ["9" * (MAX_DIGITS + 1), "0." + "1" * MAX_DIGITS])
def test_a_number_of_too_many_digits(number: str) -> None:
    found = error(f"Z = 2*{number}")
    assert found.message == f"a number of more than {MAX_DIGITS} digits"
    assert found.source is not None
    assert found.span is not None
    assert found.source.place(found.span.start).column == 7


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Z=x", "x"),
        ("Z\t=\tx # a comment", "x"),
        ("Z = x + \\\n y", "x + y"),
        ("Z = (x +\n y)", "x + y"),
        ("Z = x − y·z × w", "x - y*z*w"),
        ("Z = x**2", "x^2"),
        ("Z := x", "x"),
        ("Z = 0.25*x", "x/4"),
        ("Z = .5", "1/2"),
        ("Z = -x^2", "-x^2"),
        ("Z = (-x)^2", "(-x)^2"),
        ("Z = x^-2", "1/x^2"),
        ("Z = x^(1/2)", "x^(1/2)"),
        ("Z = x - (y - z)", "x - (y - z)"),
        ("Z = x/y/z", "x/y/z"),
        ("Z = x/(y*z)", "x/(y*z)"),
        ("Z = 2*x*3", "6*x"),
        ("Z = +x", "x"),
        ("Z = g''(x)", "g''(x)"),
        ("Z = g′(x)", "g'(x)"),
        ("Z = pi*x", "pi*x"),
        ("Z = mean[n](x[n])", "sum[n](x[n])/size(n)"),
        ("Z{l} = A{l-1}", "A{l-1}"),
        ("Ẑ = αβ*ξ", "αβ*ξ"),
    ],
)
def test_expression(text: str, form: str) -> None:
    (statement,) = Spec(text).program.statements
    assert index_form(statement.value) == form


def test_statements_end_at_line_ends_and_semicolons() -> None:
    program = Spec("\n\nA = x;B = A\r\n\n C = B ; ; D = C\n").program
    assert program.defined == ("A", "B", "C", "D")
    assert [s.text for s in program.statements] == ["A = x", "B = A", "C = B", "D = C"]


def test_the_text_of_a_statement_keeps_its_brackets() -> None:
    spec = Spec("Z = (x + y)\nassume (x) = (2*(y))")
    assert spec.program.statements[0].text == "Z = (x + y)"
    assert spec.program.assumptions[0].text == "(x) = (2*(y))"


def test_axes_line() -> None:
    syntax = parse_program(Source("axes n: samples, i, j: units\naxes o: outputs\nZ[n] = X[n]"))
    found = [([i.name for i in a.indices], a.role) for a in syntax.axes]
    assert found == [(["n"], "samples"), (["i", "j"], "units"), (["o"], "outputs")]


def test_claim() -> None:
    left, right = parse_claim(Source("dW[o,i] = sum[n](dZ[n,o]*X[n,i])\n"))
    assert (left.span.start, left.span.end) == (0, 7)
    assert (right.span.start, right.span.end) == (10, 32)
    with pytest.raises(SpecError, match="expected an operator or the end"):
        parse_claim(Source("A = B = C"))
    with pytest.raises(SpecError, match="expected '=' between the two sides of a claim"):
        parse_claim(Source("A + B"))


# ---------------------------------------------------------------- any text

ALPHABET = "XZWbnio[](),;:'=+-*/^#.{}_ \n\t120π∂⊙"
PIECES = (
    "axes n: samples",
    "assume ",
    "sum[n](",
    "mean[i](",
    "softmax[o](",
    "logsumexp[i](",
    "size(n)",
    "delta[n,i]",
    "sigmoid(",
    "relu'(",
    "g(",
    "X[n,i]",
    "Z[n]",
    "Z",
    " = ",
    " = ",
    "*",
    " + ",
    " - ",
    "/",
    "^",
    "^-2",
    ")",
    ")",
    "(",
    "[",
    "]",
    ",",
    "n",
    "i",
    "1",
    "0",
    "2.5",
    "\n",
    ";",
    "pi",
)
VALID = (
    "axes n: samples, i: inputs, o: outputs\nZ[n,o] = sum[i](X[n,i]*W[o,i]) + b[o]\n"
    "A[n,o] = g(Z[n,o])\n",
    "L = mean[n](sum[o](Y[n,o]*(logsumexp[k](A[n,k]) - A[n,o])))\naxes o, k: outputs\n",
    "Z[n,o] = X[n,o]/sum[k](X[n,k]^2)^(1/2) - relu'(-X[n,o]/2); axes o, k: outputs\n"
    "assume sum[o](X[n,o]) = 1",
)


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A valid text with a few characters deleted, doubled, exchanged or put in."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        width = draw(st.integers(0, 3))
        middle = draw(
            st.one_of(
                st.just(""),
                st.just(text[at : at + width] * 2),
                st.sampled_from(ALPHABET),
                st.sampled_from(PIECES),
            )
        )
        text = text[:at] + middle + text[at + width :]
    return text


def assert_error_has_a_place(found: SpecError, text: str) -> None:
    assert found.message
    assert str(found).startswith(":")
    assert found.span is not None
    assert found.source is not None
    assert 0 <= found.span.start <= found.span.end <= len(text)
    place = found.source.place(found.span.start)
    assert str(found).startswith(f":{place.line}:{place.column}: ")
    assert "^" in str(found)


def read(text: str) -> Any:
    """The program; None where the text has an error, which then has a place."""
    try:
        return Spec(text, source_name="")
    except SpecError as found:
        assert_error_has_a_place(found, text)
        return None


@FIXED
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(ALPHABET, max_size=60),
        st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
        edited(),
    )
)
@example("pi = 3")
@example("Z = " + "-" * 5000 + "x")
@example("Z = x" + "^--2" * 5000)
@example("Z = x^(" + "1*" * 5000 + "1)")
@example("Z = " + "9" * 5000)
@example("\ud800 = 1")
@example("Z = \x1b]0;x\x07")
def test_any_text_gives_a_program_or_an_error_with_a_place(text: str) -> None:
    spec = read(text)
    if spec is None:
        return
    for s in spec.program.statements:
        assert index_equation(s.target, s.value)
        assert s.text == s.text.strip() != ""


@FIXED
@given(edited())
def test_what_is_read_can_be_derived_and_printed(text: str) -> None:
    spec = read(text)
    if spec is None:
        return
    if any(f"d{name}" in spec.program.tensors for name in spec.program.tensors):
        with pytest.raises(SpecError, match="names a tensor and the gradient of"):
            spec.gradients()
        return
    gradients = spec.gradients()
    assert set(gradients) == set(spec.program.tensors)
    for gradient in gradients.values():
        assert gradient.matrix
        assert gradient.latex


@FIXED
@given(st.one_of(st.text(ALPHABET, max_size=40), st.lists(st.sampled_from(PIECES)).map("".join)))
@example("dW = " + "(" * 101)
@example("W^" + "9" * 5000 + " = 1")
def test_any_claim_is_read_or_is_an_error(text: str) -> None:
    try:
        outcome: object = read_claim(text, dense().derivation).text
    except SpecError as found:
        outcome = found.message
    assert outcome
