"""What each rendering makes of the same few reports, each snapshot a file in its own format."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from backproof.reports import (
    render_github,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_sarif,
    render_terminal,
)
from tests.reports.samples import SAMPLES

NAMES = sorted(SAMPLES)


class _Text(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


class _Json(_Text):
    file_extension = "json"


class _Markdown(_Text):
    file_extension = "md"


class _Html(_Text):
    file_extension = "html"


class _Xml(_Text):
    file_extension = "xml"


class _Sarif(_Text):
    file_extension = "sarif"


SMALL = [name for name in NAMES if name != "bundled"]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_terminal(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    shown = render_terminal.render(SAMPLES[name](), width=width, color=False)

    assert snapshot(extension_class=_Text) == shown


@pytest.mark.parametrize("name", NAMES)
def test_terminal_in_ascii_and_quiet(name: str, snapshot: SnapshotAssertion) -> None:
    shown = render_terminal.render(
        SAMPLES[name](), width=80, color=False, unicode=False, quiet=True
    )

    assert snapshot(extension_class=_Text) == shown


def test_terminal_in_colour(snapshot: SnapshotAssertion) -> None:
    shown = render_terminal.render(SAMPLES["undecided"](), width=80, color=True)

    assert snapshot(extension_class=_Text) == shown.replace("\x1b", "<ESC>")


@pytest.mark.parametrize("name", NAMES)
def test_markdown(name: str, snapshot: SnapshotAssertion) -> None:
    assert snapshot(extension_class=_Markdown) == render_markdown.render(SAMPLES[name]())


@pytest.mark.parametrize("name", SMALL)
def test_json(name: str, snapshot: SnapshotAssertion) -> None:
    assert snapshot(extension_class=_Json) == render_json.render(SAMPLES[name]())


@pytest.mark.parametrize("name", NAMES)
def test_github(name: str, snapshot: SnapshotAssertion) -> None:
    assert snapshot(extension_class=_Text) == render_github.render(SAMPLES[name]())


@pytest.mark.parametrize("name", SMALL)
def test_junit(name: str, snapshot: SnapshotAssertion) -> None:
    assert snapshot(extension_class=_Xml) == render_junit.render(SAMPLES[name]())


@pytest.mark.parametrize("name", NAMES)
def test_sarif(name: str, snapshot: SnapshotAssertion) -> None:
    assert snapshot(extension_class=_Sarif) == render_sarif.render(SAMPLES[name]())


@pytest.mark.parametrize("name", [name for name in SMALL if name != "hostile"])
def test_html(name: str, snapshot: SnapshotAssertion) -> None:
    page = render_html.render(SAMPLES[name]())
    # The style sheet is the same in all pages, and so is the policy that names its digest.
    body = page[page.index("<body>") :]

    assert snapshot(extension_class=_Html) == body
