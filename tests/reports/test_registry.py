from __future__ import annotations

import pytest

from backproof.reports import registry, render_json, render_markdown, render_terminal
from backproof.reports.errors import ReportError
from tests.reports.samples import refuted


def test_each_format_is_rendered_by_its_module() -> None:
    report = refuted()

    assert {name: render(report) for name, render in registry.renderers.items()} == {
        "json": render_json.render(report),
        "markdown": render_markdown.render(report),
        "text": render_terminal.render(report, width=100, color=False),
    }
    assert registry.renderer("json") is registry.renderers["json"]


def test_each_suffix_stands_for_a_format() -> None:
    assert set(registry.suffixes.values()) == set(registry.renderers)
    assert [suffix for suffix in registry.suffixes if not suffix.startswith(".")] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.json", "json"), ("B.MD", "markdown"), ("b.markdown", "markdown"), ("b.x.txt", "text")],
)
def test_a_file_s_name_chooses_the_format(path: str, name: str) -> None:
    assert registry.format_of(path) == name


def test_what_is_not_registered_is_refused_with_what_is() -> None:
    with pytest.raises(ReportError, match="no format 'yaml'; there are json, markdown, text"):
        registry.renderer("yaml")
    with pytest.raises(ReportError, match=r"no format for 'b.yaml'.*\.json, \.markdown, \.md"):
        registry.format_of("b.yaml")
