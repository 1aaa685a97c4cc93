from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.reports import escape
from tests.reports.strategies import texts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dW = dZᵀ X", "dW = dZᵀ X"),
        ("  two\n  lines\t here ", "two lines     here"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\r\nc", "a\\x0db c"),
        ("\x9b1m \x7f", "\\x9b1m \\x7f"),
        ("if a\u202e\u2066# then", "if a\\u202e\\u2066# then"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("\ufeffa\u200bb\u00adc", "\\ufeffa\\u200bb\\xadc"),
        ("\udcff\U000e0041", "\\udcff\\U000e0041"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert escape.visible(text) == shown


def test_lines_keep_their_indentation_and_code_gives_up_what_all_share() -> None:
    code = "\n\t  def f():\r\n\t      return 1\n\n"

    assert escape.visible_lines(code) == ["", "      def f():", "          return 1", "", ""]
    assert escape.code_lines(code) == ["def f():", "    return 1"]
    assert escape.code_lines(" \n \n") == []


@given(texts)
def test_what_was_made_safe_is_safe_and_stays_as_it_is(text: str) -> None:
    shown = escape.visible(text)

    assert [c for c in shown if escape.is_unsafe(c)] == []
    assert escape.visible(shown) == shown
    assert escape.ascii_only(shown).isascii()


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_ascii_is_left_alone(text: str) -> None:
    assert escape.visible_lines(text) == [text.rstrip()]
    assert escape.ascii_only(text) == text


def test_signs_of_mathematics_have_an_ascii_spelling() -> None:
    assert escape.ascii_only("dW = dZᵀ · X, β ≠ 0") == "dW = dZ^T * X, \\u03b2 != 0"


@pytest.mark.parametrize(("text", "length"), [("", 0), ("a", 0), ("`a``b", 2), ("```", 3)])
def test_longest_run(text: str, length: int) -> None:
    assert escape.longest_run(text, "`") == length
