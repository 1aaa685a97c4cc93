"""A report as JUnit XML, which servers of continuous integration show as a list of tests.

There is no standard; the elements are those that Jenkins, GitLab and GitHub's actions read. XML
1.0 (section 2.2) has no form for most control characters: they are spelt out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from backproof.reports import grids, wording
from backproof.reports.escape import clipped, escaped, visible, visible_lines
from backproof.reports.finding import Finding, Report, Verdict
from backproof.reports.places import file_of, line_in_file

_LONGEST_NAME = 300
_LONGEST_PART = 4000

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What each verdict is to a test server. What holds under an assumption passes, and says so.
_ELEMENTS = {
    Verdict.REFUTED: "failure",
    Verdict.ERROR: "error",
    Verdict.UNKNOWN: "skipped",
    Verdict.UNREAD: "skipped",
}


def render(report: Report) -> str:
    """Render a report as JUnit XML.

    Args:
        report: the run; each finding is a test case, each subject a suite.

    Returns:
        An XML document in UTF-8. A refuted finding is a failure, a subject's fault an error;
        what could not be decided or read is skipped, with the reason.
    """
    root = ElementTree.Element("testsuites", _totals(report.findings, "backproof"))
    for subject, findings in grids.by_subject(report.findings).items():
        suite = ElementTree.SubElement(root, "testsuite", _totals(findings, subject))
        properties = ElementTree.SubElement(suite, "properties")
        for fact in wording.facts(report):
            name, _, value = fact.partition(" ")
            ElementTree.SubElement(properties, "property", _attributes(name=name, value=value))
        for finding in findings:
            suite.append(_case(finding, subject))
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _totals(findings: Sequence[Finding], name: str) -> dict[str, str]:
    elements = [_ELEMENTS.get(finding.verdict) for finding in findings]
    return _attributes(
        name=name,
        tests=str(len(findings)),
        failures=str(elements.count("failure")),
        errors=str(elements.count("error")),
        skipped=str(elements.count("skipped")),
    )


def _attributes(**values: str) -> dict[str, str]:
    return {name: _xml(visible(clipped(value, _LONGEST_NAME))) for name, value in values.items()}


def _xml(text: str) -> str:
    return _NO_XML.sub(lambda match: escaped(match.group()), text)


def _case(finding: Finding, subject: str) -> ElementTree.Element:
    case = ElementTree.Element("testcase", _attributes(classname=subject, name=_name(finding)))
    where = finding.where
    if (file := file_of(where)) is not None:
        case.attrib |= _attributes(file=file)
        if (line := line_in_file(where)) is not None:
            case.set("line", str(line))
    text = _xml("\n".join(visible_lines(wording.explanation(finding, _LONGEST_PART))))
    if (kind := _ELEMENTS.get(finding.verdict)) is not None:
        message = wording.headline(finding)
        if kind == "skipped":
            # Servers show of a skipped test its message only.
            message = ": ".join([finding.verdict.value, *wording.sentences(finding)])
        place = wording.place(where)
        found = ElementTree.SubElement(
            case, kind, _attributes(message=message, type=wording.code(finding))
        )
        found.text = "\n".join(filter(None, [_xml(visible(clipped(place, _LONGEST_NAME))), text]))
    elif finding.verdict is Verdict.ASSUMES:
        ElementTree.SubElement(case, "system-out").text = f"{finding.verdict.value}: {text}"
    return case


def _name(finding: Finding) -> str:
    """Name a test: the check and the quantity, or what else tells it from others."""
    about = finding.quantity or finding.statement
    named = finding.check.value if about is None else f"{finding.check.value} {about}"
    return named if finding.subject else f"{named} {wording.place(finding.where)}"
