from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.reports import mathml
from tests.reports.pages import read
from tests.reports.strategies import texts

GOOD = (
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
    "<msup><mi>X</mi><mo>⊤</mo></msup><mo>\u2062</mo><mi>dZ</mi></math>"
)


def test_plain_mathematics_is_let_through_without_its_namespace() -> None:
    assert mathml.plain(GOOD) == GOOD.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dW = X",
        "<math>",
        "<p>text</p>",
        "<math><script>alert(1)</script></math>",
        "<math><mtext><img src='x'/></mtext></math>",
        "<math><annotation-xml encoding='text/html'><b/></annotation-xml></math>",
        "<math><maction/></math>",
        "<math xmlns='http://www.w3.org/1999/xhtml'><mi>x</mi></math>",
        "<!DOCTYPE math [<!ENTITY a 'aa'>]><math><mi>&a;</mi></math>",
        "<?xml version='1.0'?><math/>",
        "<math><![CDATA[<script>]]></math>",
        "<math>" + "<mrow>" * 70 + "</mrow>" * 70 + "</math>",
        "<math>" + "<mi>x</mi>" * 3000 + "</math>",
        "<math><mi>\x00</mi></math>",
        "<math><mi>\ud800</mi></math>",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert mathml.plain(text) is None


def test_attributes_that_are_not_listed_are_left_out() -> None:
    given_text = '<math style="color:red" onclick="f()" display="block"><mi href="#a">x</mi></math>'

    assert mathml.plain(given_text) == '<math display="block"><mi>x</mi></math>'


@given(texts, texts)
def test_text_and_attributes_stay_text_and_attributes(content: str, value: str) -> None:
    escaped = (
        content.replace("&", "&amp;").replace("<", "&lt;"),
        value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    )
    formula = mathml.plain(f'<math display="{escaped[1]}"><mi>{escaped[0]}</mi></math>')
    if formula is not None:
        assert [element.name for element in read(str(formula))] == ["math", "mi"]


@given(st.text(alphabet="<>/&;\"'=!?- mathiscrpt", max_size=60))
def test_no_markup_is_made_of_scraps(scraps: str) -> None:
    formula = mathml.plain(f"<math>{scraps}</math>")
    if formula is not None:
        assert {element.name for element in read(str(formula))} <= mathml._ELEMENTS
