from __future__ import annotations

import subprocess
import sys

import pytest

from backproof.reports import (
    registry,
    render_github,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_sarif,
    render_terminal,
)
from backproof.reports.errors import ReportError
from tests.reports.samples import refuted


def test_each_format_is_rendered_by_its_module() -> None:
    report = refuted()

    assert {name: render(report) for name, render in registry.renderers.items()} == {
        "github": render_github.render(report),
        "html": render_html.render(report),
        "json": render_json.render(report),
        "junit": render_junit.render(report),
        "markdown": render_markdown.render(report),
        "sarif": render_sarif.render(report),
        "text": render_terminal.render(report, width=100, color=False),
    }
    assert registry.renderer("json") is registry.renderers["json"]


def test_each_suffix_stands_for_a_format() -> None:
    # Workflow commands are for standard output: nobody keeps them in files.
    assert set(registry.suffixes.values()) == set(registry.renderers) - {"github"}
    assert [suffix for suffix in registry.suffixes if not suffix.startswith(".")] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.json", "json"),
        ("a.sarif", "sarif"),
        ("a.XML", "junit"),
        ("x.html", "html"),
        ("B.MD", "markdown"),
        ("b.markdown", "markdown"),
        ("b.x.txt", "text"),
    ],
)
def test_a_file_s_name_chooses_the_format(path: str, name: str) -> None:
    assert registry.format_of(path) == name


def test_what_is_not_registered_is_refused_with_what_is() -> None:
    with pytest.raises(ReportError, match="no format 'yaml'; there are github, html, json"):
        registry.renderer("yaml")
    with pytest.raises(
        ReportError, match=r"no format for 'b.yaml'.*\.htm, \.html, \.json, \.markdown, \.md"
    ):
        registry.format_of("b.yaml")


def test_the_library_of_templates_is_loaded_for_pages_only() -> None:
    code = (
        "import sys; from backproof.reports import registry, render_json;"
        "from backproof.reports.finding import Report;"
        "report = Report(command='verify', version='0');"
        "registry.renderer('json')(report); registry.renderer('sarif')(report);"
        "print('jinja2' in sys.modules); registry.renderer('html')(report);"
        "print('jinja2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.split() == ["False", "True"]
