from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from backproof.reports import render_github
from backproof.reports.escape import is_unsafe
from backproof.reports.finding import Check, Finding, Report, Verdict, Where
from tests.reports.samples import SAMPLES, hostile, refuted
from tests.reports.strategies import derivations, reports

QUICK = settings(max_examples=60, deadline=None)
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def _unescaped(text: str) -> str:
    for code, sign in (("%2C", ","), ("%3A", ":"), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def _commands(document: str) -> list[tuple[str, dict[str, str], str]]:
    """Read workflow commands as a runner does: by line, then by colons, commas and equals signs."""
    assert document.endswith("\n")
    commands = []
    for line in document[:-1].split("\n"):
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        pairs = [pair.partition("=") for pair in match.group(2).split(",")]
        properties = {key: _unescaped(value) for key, _, value in pairs}
        commands.append((match.group(1), properties, _unescaped(match.group(3))))
    return commands


def _refuted(number: int, **rest: object) -> Finding:
    return Finding(
        id=str(number),
        check=Check.GRADIENT,
        verdict=Verdict.REFUTED,
        quantity=f"dW{number}",
        message=f"the message {number}",
        **rest,  # type: ignore[arg-type]
    )


@QUICK
@given(reports() | derivations)
def test_whatever_a_report_holds_each_line_is_one_command(report: Report) -> None:
    commands = _commands(render_github.render(report))

    assert 1 <= len(commands) <= 10
    assert commands[-1][1]["title"] == f"backproof {report.command}"
    assert {key for _, properties, _ in commands for key in properties} <= {
        "file",
        "line",
        "col",
        "title",
    }
    texts = [text for _, properties, told in commands for text in (*properties.values(), told)]
    assert not [c for text in texts for c in text if is_unsafe(c) and c != "\n"]


def test_signs_that_end_a_property_or_a_line_are_escaped() -> None:
    line = render_github.command("error", {"file": "a,b:c%2C.py", "title": ""}, "50%\r\nmore: a, b")

    assert line == "::error file=a%2Cb%3Ac%252C.py::50%25%0D%0Amore: a, b"


def test_text_of_a_report_cannot_begin_a_command() -> None:
    report = Report(
        command="verify",
        version="0",
        findings=[
            _refuted(1, statement="\n::stop-commands::x\n::add-mask::1", notes=["\n::set-env"])
        ],
    )

    assert [line[:8] for line in render_github.render(report).splitlines()] == ["::error "] * 2


def test_the_place_and_what_to_write_are_told() -> None:
    (level, properties, told), *_ = _commands(render_github.render(refuted()))

    assert level == "error"
    assert properties == {
        "file": "layers.py",
        "line": "12",
        "col": "9",
        "title": "dW refuted: operands swapped",
    }
    assert told.splitlines()[:2] == [
        "written:  self.dW = np.dot(dZ.T, self.inputs)",
        "follows:  self.dW = np.dot(self.inputs.T, dZ)",
    ]


def test_of_many_findings_the_nine_worst_are_shown_and_all_are_counted() -> None:
    unread = [
        Finding(id=f"u{n}", check=Check.CODE, verdict=Verdict.UNREAD, message=str(n))
        for n in range(5)
    ]
    report = Report(
        command="audit", version="0", findings=[*unread, *(_refuted(n) for n in range(8))]
    )
    commands = _commands(render_github.render(report))

    assert [properties["title"] for _, properties, _ in commands] == [
        *(f"dW{n} refuted: gradient" for n in range(8)),
        "unread: code",
        "backproof audit",
    ]
    assert [level for level, _, _ in commands] == ["error"] * 8 + ["warning", "error"]
    assert commands[-1][2].endswith(
        "0 holds, 8 refuted, 0 assumes, 0 unknown, 5 unread, 0 error. "
        "4 of what does not simply hold are not shown here."
    )


def test_what_is_the_same_of_several_subjects_is_said_once() -> None:
    place = Where(file="a.py", line=3)
    same = [
        msgspec.structs.replace(_refuted(0, where=place), id=str(n), subject=f"layout {n}")
        for n in range(5)
    ]
    elsewhere = msgspec.structs.replace(same[0], where=Where(file="a.py", line=4))
    first, second, _ = _commands(
        render_github.render(Report(command="verify", version="0", findings=[*same, elsewhere]))
    )

    assert first[2].endswith("\nin layout 0, layout 1, layout 2 and 2 more")
    assert second[1]["line"] == "4"


@pytest.mark.parametrize(
    ("sample", "level"),
    [("bundled", "notice"), ("refuted", "error"), ("derivation", "notice")],
)
def test_the_count_s_level_is_that_of_the_run(sample: str, level: str) -> None:
    assert _commands(render_github.render(SAMPLES[sample]()))[-1][0] == level


def test_nothing_checked_is_a_warning() -> None:
    (count,) = _commands(render_github.render(Report(command="verify", version="0")))

    assert count[0] == "warning"
    assert count[2].startswith("Nothing was checked, which proves nothing.")


def test_a_line_of_a_notebook_s_cell_is_no_line_of_the_file() -> None:
    finding = _refuted(1, where=Where(file="a.ipynb", cell=3, line=2))
    first, _ = _commands(
        render_github.render(Report(command="audit", version="0", findings=[finding]))
    )

    assert first[1] == {"file": "a.ipynb", "title": "dW1 refuted: gradient"}
    assert first[2].startswith("a.ipynb:cell 3:2\n")


def test_files_are_named_from_the_root_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    finding = _refuted(1, where=Where(file="a.py", line=2))
    report = Report(command="verify", version="0", findings=[finding])

    assert _commands(render_github.render(report, root=tmp_path))[0][1]["file"] == "src/a.py"
    assert _commands(render_github.render(report))[0][1]["file"] == "a.py"


def test_long_texts_are_cut() -> None:
    huge = "x" * 3_000_000
    finding = msgspec.structs.replace(
        _refuted(1, where=Where(file=huge, line=1), statement=huge, notes=[huge]),
        message=huge,
        quantity=huge,
        subject=huge,
    )
    report = Report(command=huge, version=huge, findings=[finding])

    # GitHub cuts an annotation's message at 64 KB.
    assert max(map(len, render_github.render(report).splitlines())) < 64_000


def test_hostile_text_stays_in_its_place() -> None:
    for _, properties, _ in _commands(render_github.render(hostile())):
        assert set(properties) <= {"file", "line", "col", "title"}
