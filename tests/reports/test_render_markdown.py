from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from backproof.reports import render_markdown
from backproof.reports.escape import code_lines, is_unsafe, visible
from backproof.reports.finding import Report, Verdict
from backproof.reports.wording import NEEDS_BLOCK
from tests.reports.samples import HOSTILE, hostile, refuted
from tests.reports.strategies import derivations, reports, texts

QUICK = settings(max_examples=60, deadline=None)
any_report = reports(st.floats()) | derivations

# The tables and the strikethrough of GitHub's dialect; HTML is taken for HTML, as GitHub does.
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OWN_HTML = {
    "<details>\n<summary>a program that shows it</summary>",
    "</details>",
    "<code>",
    "</code>",
    "<!-- -->",
}


def _tokens(document: str) -> Iterator[Token]:
    for token in PARSER.parse(document):
        yield token
        yield from token.children or []


def _shown(tokens: Iterator[Token]) -> str:
    """Return what a reader sees of inline text."""
    return "".join(
        " " if token.type == "softbreak" else token.content
        for token in tokens
        if token.type in ("text", "softbreak", "code_inline", "text_special")
    )


@QUICK
@given(texts)
@example(HOSTILE)
@example("- a list")
@example("1. a list")
@example("1) a list")
@example("=====")
@example("+ a list")
@example("a \\| b | c")
@example("write to @team")
@example("see http://example.org and www.example.org")
def test_text_is_shown_as_it_is_written(content: str) -> None:
    tokens = list(_tokens(render_markdown.text(content)))
    kinds = {token.type for token in tokens}

    assert _shown(iter(tokens)) == visible(content)
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "html_inline"}
    assert {t.content for t in tokens if t.type == "html_inline"} <= {"<!-- -->"}


@QUICK
@given(texts)
@example(HOSTILE)
@example("`")
@example("``a`")
@example("a\\")
def test_code_is_shown_as_it_is_written(content: str) -> None:
    tokens = [t for t in _tokens(f"a {render_markdown.code(content)} b") if t.type != "inline"]
    shown = [token.content for token in tokens if token.type == "code_inline"]

    assert shown == ([visible(content)] if visible(content) else [])
    assert "html_inline" not in {token.type for token in tokens}


@QUICK
@given(texts)
@example(HOSTILE)
@example("```\nx\n````")
@example("    indented\n      more\n")
def test_a_fence_holds_what_it_was_given(content: str) -> None:
    block, after = [
        t
        for t in PARSER.parse(render_markdown.fence(content) + "\n\nafter")
        if t.type in ("fence", "inline")
    ]

    assert block.content.removesuffix("\n").split("\n") == (code_lines(content) or [""])
    assert block.info == "text"
    assert after.content == "after"


@QUICK
@given(st.lists(texts, min_size=2, max_size=3))
@example([HOSTILE, "a|b", "\\|"])
def test_a_cell_of_a_table_holds_what_it_was_given(cells: list[str]) -> None:
    document = render_markdown._table(
        ["h"] * len(cells), [[render_markdown.text(cell) for cell in cells]], "l" * len(cells)
    )
    tokens = PARSER.parse(document)
    inlines = [token for token in tokens if token.type == "inline"][len(cells) :]

    assert tokens[0].type == "table_open"
    assert [_shown(iter(token.children or [])) for token in inlines] == [
        visible(cell) for cell in cells
    ]


@QUICK
@given(any_report)
@example(hostile())
def test_no_html_no_link_and_no_image_comes_from_a_report(report: Report) -> None:
    tokens = list(_tokens(render_markdown.render(report)))
    html = {t.content.strip() for t in tokens if t.type in ("html_inline", "html_block")}

    assert html <= OWN_HTML
    assert not {"link_open", "image", "em_open", "strong_open", "s_open"} & {
        token.type for token in tokens
    }


@QUICK
@given(any_report)
@example(hostile())
def test_nothing_that_an_editor_obeys_gets_through(report: Report) -> None:
    document = render_markdown.render(report)

    assert [c for c in document if is_unsafe(c) and c != "\n"] == []


@QUICK
@given(any_report)
@example(hostile())
def test_details_are_closed_and_the_title_is_the_only_one(report: Report) -> None:
    tokens = list(_tokens(render_markdown.render(report)))
    html = "".join(t.content for t in tokens if t.type == "html_block")

    assert [t.tag for t in tokens if t.type == "heading_open"].count("h1") == 1
    assert html.count("<details>") == html.count("</details>")


@QUICK
@given(reports())
def test_the_counts_and_the_headings_show_every_verdict(report: Report) -> None:
    tokens = list(PARSER.parse(render_markdown.render(report)))
    cells = [t.content for t in tokens if t.type == "inline"][1:13]
    headings = [tokens[at + 1].content for at, t in enumerate(tokens) if t.type == "heading_open"]

    assert dict(zip(cells[:6], map(int, cells[6:]), strict=True)) == report.counts
    for verdict in {f.verdict for f in report.findings} & NEEDS_BLOCK:
        assert [h for h in headings if re.match(rf"\S+ {verdict}: ", h)]


def test_what_is_written_and_what_follows_stand_below_their_labels() -> None:
    document = render_markdown.render(refuted())

    assert (
        "written:\n\n```text\nself.dW = np.dot(dZ.T, self.inputs)\n```\n\n"
        "follows:\n\n```text\nself.dW = np.dot(self.inputs.T, dZ)\n```\n"
    ) in document


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_hostile_name_cannot_leave_its_heading_or_its_cell(verdict: Verdict) -> None:
    report = hostile()
    only = Report(
        command="audit", version="1", findings=[f for f in report.findings if f.verdict is verdict]
    )
    shown = [
        _shown(iter(token.children or []))
        for token in PARSER.parse(render_markdown.render(only))
        if token.type == "inline"
    ]

    assert [line for line in shown if visible(HOSTILE) in line]


@QUICK
@given(any_report, st.integers(0, 4000))
def test_a_limited_document_has_whole_sections_only(report: Report, limit: int) -> None:
    whole = render_markdown.render(report)
    limited = render_markdown.render(report, limit=limit)

    assert len(limited.encode()) <= limit
    sections, _, rest = limited.partition("\n\n_")
    if not rest:
        assert limited in (whole, "")
    assert all(section in whole for section in sections.split("\n\n") if rest)


def test_a_limit_that_is_the_size_changes_nothing() -> None:
    whole = render_markdown.render(refuted())

    assert render_markdown.render(refuted(), limit=len(whole.encode())) == whole


def test_what_a_limit_leaves_out_is_counted_and_smaller_sections_stay() -> None:
    report = refuted()
    huge = msgspec.structs.replace(report.findings[0], message="x" * 100_000)
    limited = render_markdown.render(
        msgspec.structs.replace(report, findings=[huge, *report.findings[1:]]), limit=20_000
    )

    assert "operands swapped" not in limited
    assert "## ✗ refuted: db, wrong scale" in limited
    assert limited.endswith("_1 section left out: there is no room for more here._\n")
