"""A report in the Static Analysis Results Interchange Format, for code hosts and editors.

The format is "SARIF Version 2.1.0" (OASIS Standard, 2020, with errata of 2023); section numbers
below are its own. GitHub shows at most 5,000 results of a run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backproof.reports import wording
from backproof.reports.escape import clipped, code_lines, visible
from backproof.reports.finding import Finding, Report, Verdict
from backproof.reports.places import Span, file_of, line_in_file, relative, span_of, uri

MOST_RESULTS = 5000
"""The largest number of results in a document; the worst are kept."""

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
_LONGEST_PART = 4000
_LONGEST_NAME = 300

# (kind, level): only what is surely wrong is a failure (3.27.9), and only failures have a level.
_KINDS = {
    Verdict.REFUTED: ("fail", "error"),
    Verdict.ERROR: ("fail", "error"),
    Verdict.ASSUMES: ("review", "none"),
    Verdict.UNKNOWN: ("open", "none"),
    Verdict.UNREAD: ("open", "none"),
}


def render(report: Report, root: str | os.PathLike[str] | None = None) -> str:
    """Render a report as SARIF 2.1.0.

    Args:
        report: the run.
        root: the folder that locations are relative to; None for the current folder.

    Returns:
        A JSON document with one run. Its results are the findings that don't simply hold, the
        worst first, at most 5,000; the run's properties count all of them. A result has the rule
        that its check and mistake name, a fingerprint in which no line number enters, and a fix
        where the corrected line is known and the faulty one stands in its file.
    """
    folder = Path.cwd() if root is None else Path(root)
    doubtful = wording.for_reading(f for f in report.findings if f.verdict in _KINDS)
    shown = doubtful[:MOST_RESULTS]
    rules = {wording.code(finding): finding for finding in shown}
    numbered = {rule: number for number, rule in enumerate(sorted(rules))}
    seen: Counter[str] = Counter()
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "backproof",
                "version": _line(report.version),
                "rules": [_rule(rule, rules[rule]) for rule in numbered],
            }
        },
        "originalUriBaseIds": {
            _ROOT: {"description": {"text": "the folder in which backproof was run"}}
        },
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbered, seen, folder) for finding in shown],
        "properties": {"command": _line(report.command), "counts": report.counts},
    }
    if len(doubtful) > len(shown):
        run["properties"]["notShown"] = len(doubtful) - len(shown)
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def _line(text: str) -> str:
    return visible(clipped(text, _LONGEST_NAME))


def _rule(rule: str, example: Finding) -> dict[str, Any]:
    """Describe a rule (3.49); its text may not depend on the findings that follow it."""
    described = f"{example.check.value}: {wording.title(example)}"
    if wording.title(example) == example.check.value:
        described = f"the check of the {example.check.value}"
    return {"id": rule, "name": _pascal(rule), "shortDescription": {"text": described}}


def _pascal(rule: str) -> str:
    return "".join(word.capitalize() for word in rule.replace("/", "-").split("-"))


def _result(
    finding: Finding, numbered: dict[str, int], seen: Counter[str], folder: Path
) -> dict[str, Any]:
    rule = wording.code(finding)
    kind, level = _KINDS[finding.verdict]
    told = f"{wording.headline(finding)}\n{wording.explanation(finding, _LONGEST_PART)}"
    result: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": numbered[rule],
        "kind": kind,
        "level": level,
        "message": {"text": told.rstrip()},
        "partialFingerprints": {"backproof/v1": _fingerprint(finding, seen, folder)},
    }
    if locations := _location(finding, folder):
        result["locations"] = [locations]
    if (fix := _fix(finding, folder)) is not None:
        result["fixes"] = [fix]
    about = {"quantity": finding.quantity, "correction": finding.correction}
    facts = {key: _text(value) for key, value in about.items() if value}
    result["properties"] = {"verdict": finding.verdict.value, **facts}
    return result


def _text(content: str) -> str:
    return "\n".join(code_lines(clipped(content, _LONGEST_PART)))


def _fingerprint(finding: Finding, seen: Counter[str], folder: Path) -> str:
    """Return what stays the same when lines are added above (3.27.17).

    Findings that nothing else tells apart are numbered in their order.
    """
    named = file_of(finding.where)
    file = "" if named is None else relative(named, folder)
    statement = " ".join((finding.statement or "").split())
    parts = [wording.code(finding), finding.subject or "", finding.quantity or "", file, statement]
    content = "\0".join(parts).encode(errors="surrogatepass")
    digest = hashlib.sha256(content).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"


def _location(finding: Finding, folder: Path) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if (file := file_of(finding.where)) is not None:
        physical: dict[str, Any] = {"artifactLocation": _artifact(file, folder)}
        if (region := _region(finding)) is not None:
            physical["region"] = region
        location["physicalLocation"] = physical
    if finding.subject:
        location["logicalLocations"] = [{"fullyQualifiedName": _line(finding.subject)}]
    return location


def _artifact(file: str, folder: Path) -> dict[str, Any]:
    address = uri(file, folder)
    return {"uri": address} if address.startswith("file:") else {"uri": address, "uriBaseId": _ROOT}


def _region(finding: Finding) -> dict[str, Any] | None:
    """Return the statement's region (3.30), or what is known of its beginning."""
    where = finding.where
    if (span := span_of(where, finding.statement)) is not None:
        return {**_span(span), "snippet": {"text": _text(finding.statement or "")}}
    line = line_in_file(where)
    if line is None or where is None:
        return None
    return {"startLine": line, **({"startColumn": where.column} if where.column else {})}


def _span(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(finding: Finding, folder: Path) -> dict[str, Any] | None:
    """Return the replacement of the faulty statement (3.55), where it's sure what it replaces."""
    file, span = file_of(finding.where), span_of(finding.where, finding.statement)
    if finding.correction is None or file is None or span is None:
        return None
    if len(finding.correction) > _LONGEST_PART:
        return None
    lines = _indented(code_lines(finding.correction), " " * (span.column - 1))
    return {
        "description": {"text": "write what follows from the specification"},
        "artifactChanges": [
            {
                "artifactLocation": _artifact(file, folder),
                "replacements": [
                    {
                        "deletedRegion": _span(span),
                        "insertedContent": {"text": "\n".join(lines)},
                    }
                ],
            }
        ],
    }


def _indented(lines: Iterable[str], margin: str) -> list[str]:
    """Indent all lines but the first, which begins where the faulty one begins."""
    return [margin + line if number and line else line for number, line in enumerate(lines)]
