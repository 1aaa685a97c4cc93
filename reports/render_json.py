"""JSON, the contract: the form that other programs read, and that can be read back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from backproof.reports.errors import ReportError
from backproof.reports.escape import is_unsafe
from backproof.reports.finding import SCHEMA, Control, Finding, Report, Verdict

_LINE = 100
_INDENT = 2
# Arrays have at most 64 axes; what lies deeper than this was not written by a run.
_DEEPEST = 100
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SCHEMA_URI = "https://json-schema.org/draft/2020-12/schema"


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run of backproof: what it found, and what is needed to read it."""

    schema: Literal["backproof/1"]
    command: str
    version: str
    ok: bool
    counts: dict[Verdict, int]
    findings: list[Finding] | msgspec.UnsetType = msgspec.UNSET
    gradients: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    environment: dict[str, Any] = {}
    controls: dict[str, Control] = {}
    notes: list[str] = []


def render(report: Report) -> str:
    """Render a report as JSON.

    Equal reports give equal texts. Keys stand in the order of the data model, findings in the
    report's own order, sizes and inputs as the equations name them; the environment's keys are
    sorted. What doesn't apply is left out. JSON has no NaN and no infinities: they are the strings
    "nan", "inf" and "-inf".

    Args:
        report: the run.

    Returns:
        One JSON object, indented, with a line end at the end. Characters that a terminal or an
        editor would obey are escaped, and so is half a surrogate pair, so that the text can
        always be written as UTF-8.

    Raises:
        ReportError: the report holds a value that JSON has no form for; the message names its
            type.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "command": report.command,
        "version": report.version,
        "ok": report.ok,
        "counts": report.counts,
    }
    if report.gradients is None:
        document["findings"] = report.findings
    else:
        document["gradients"] = [
            {key: value for key, value in gradient.items() if value is not None}
            for gradient in report.gradients
        ]
    document["environment"] = dict(sorted(report.environment.items()))
    if report.controls:
        document["controls"] = report.controls
    if report.notes:
        document["notes"] = report.notes
    return _laid_out(_plain(document), depth=0, used=0) + "\n"


def read(text: str) -> Report:
    """Read a report back from its JSON.

    Args:
        text: what :func:`render` gave.

    Returns:
        The same report. In a counterexample, the strings "nan", "inf" and "-inf" are numbers
        again; elsewhere in free-form values (the environment, the gradients) they stay strings.

    Raises:
        ReportError: the text is no JSON, is nested too deeply, is of another schema, lacks a key
            or has an unknown one, or its counts contradict its findings; the message says where.
    """
    document = _parsed(text)
    schema = document.get("schema")
    if schema is None:
        raise ReportError('not a report of backproof: it has no "schema" key')
    if schema != SCHEMA:
        raise ReportError(f"a report of schema {schema!r}, but this version reads {SCHEMA!r}")
    for finding in _records(document.get("findings")):
        _restore_finding(finding)
    controls = document.get("controls")
    for control in _records(controls.values() if isinstance(controls, dict) else None):
        control["limit"] = _restored(control.get("limit", {}))
    try:
        content = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise ReportError(f"not a report of backproof: {error}") from error
    return _report(content)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :func:`render` gives.

    Returns:
        A new dict, ready for ``json.dumps``; measured numbers may also be the strings "nan",
        "inf" and "-inf".
    """
    (reference,), definitions = msgspec.json.schema_components([_Document])
    special = {"enum": list(_SPECIAL)}
    evidence = definitions["Evidence"]["properties"]
    for key in ("error", "bound"):
        evidence[key]["anyOf"].append(special)
    limit = definitions["Control"]["properties"]["limit"]
    limit["additionalProperties"] = {"anyOf": [limit["additionalProperties"], special]}
    document = definitions[reference["$ref"].rpartition("/")[2]]
    document["oneOf"] = [{"required": ["findings"]}, {"required": ["gradients"]}]
    return {"$schema": _SCHEMA_URI, **reference, "$defs": definitions}


def _report(content: _Document) -> Report:
    findings, gradients = content.findings, content.gradients
    if (findings is msgspec.UNSET) == (gradients is msgspec.UNSET):
        raise ReportError('not a report of backproof: it needs either "findings" or "gradients"')
    report = Report(
        command=content.command,
        version=content.version,
        findings=[] if isinstance(findings, msgspec.UnsetType) else findings,
        environment=content.environment,
        controls=content.controls,
        gradients=None if isinstance(gradients, msgspec.UnsetType) else gradients,
        notes=content.notes,
    )
    if report.gradients is not None:
        return report
    # Someone who edits the findings by hand, or cuts them short, must not leave a wrong summary.
    stated = {str(verdict): number for verdict, number in content.counts.items() if number}
    counted = {verdict: number for verdict, number in report.counts.items() if number}
    if stated != counted:
        raise ReportError(f"its counts {stated} contradict its findings, which are {counted}")
    if content.ok != report.ok:
        raise ReportError(f'its "ok" is {str(content.ok).lower()}, but its findings say otherwise')
    return report


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReportError(
            f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"broken JSON: {error}") from error
    if _is_deeper(document, _DEEPEST):
        raise ReportError(f"not a report of backproof: it is nested deeper than {_DEEPEST} levels")
    if not isinstance(document, dict):
        raise ReportError(f"not a report of backproof: a JSON {_json_type(document)}, no object")
    return document


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether lists and objects are nested deeper than a limit, level by level."""
    level = [value]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return False
        level = inner
    return True


def _json_type(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _records(values: Iterable[Any] | None) -> list[dict[str, Any]]:
    """Return the objects among the values; wrong types are left for the conversion to refuse."""
    if values is None or isinstance(values, str | int | float):
        return []
    return [value for value in values if isinstance(value, dict)]


def _restore_finding(finding: dict[str, Any]) -> None:
    for evidence in _records(finding.get("evidence")):
        for key in ("error", "bound"):
            if key in evidence:
                evidence[key] = _restored(evidence[key])
    for case in _records([finding.get("counterexample")]):
        for key in ("inputs", "expected", "got"):
            if key in case:
                case[key] = _restored(case[key])


def _restored(value: Any) -> Any:
    """Turn "nan", "inf" and "-inf" back into numbers, in lists and mappings at any depth."""
    if isinstance(value, str):
        return _SPECIAL.get(value, value)
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows: dict, list, str, int, float, bool, None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, msgspec.Struct):
        return _plain_record(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    # Arrays and their scalars, without importing the library that they come from.
    if callable(to_list := getattr(value, "tolist", None)):
        return _plain(to_list())
    raise ReportError(f"a report can't hold a value of type {type(value).__name__!r}")


def _plain_record(record: msgspec.Struct) -> dict[str, Any]:
    plain = {}
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        if field.default is None:
            # A result of 0 or of no entries is a result: only None means that there is none.
            absent = value is None
        else:
            absent = not field.required and isinstance(value, str | list | dict) and not value
        if not absent:
            plain[field.encode_name] = _plain(value)
    return plain


def _laid_out(value: Any, *, depth: int, used: int) -> str:
    """Lay a value out: on one line when it fits, else an item a line.

    A matrix of ten rows then takes ten lines and not a hundred. ``used`` is how much of the
    first line the key takes.
    """
    compact = _dumped(value)
    # The top level is always spread out, so that each of its keys can be found at a line's start.
    if depth and depth * _INDENT + used + len(compact) < _LINE:
        return compact
    inner = " " * (_INDENT * (depth + 1))
    if isinstance(value, dict) and value:
        items = []
        for key, item in value.items():
            name = f"{_dumped(key)}: "
            items.append(name + _laid_out(item, depth=depth + 1, used=len(name)))
        opening, closing = "{", "}"
    elif isinstance(value, list) and value:
        items = [_laid_out(item, depth=depth + 1, used=0) for item in value]
        opening, closing = "[", "]"
    else:
        return compact
    body = ",\n".join(inner + item for item in items)
    return f"{opening}\n{body}\n{' ' * (_INDENT * depth)}{closing}"


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if text.isascii() and "\x7f" not in text:
        return text
    # Outside of strings JSON is ASCII, so an escape can be put wherever such a character stands.
    return re.sub(r"[^\x00-\x7e]", _escaped_for_json, text)


def _escaped_for_json(match: re.Match[str]) -> str:
    character = match.group()
    if not is_unsafe(character):
        return character
    # json.dumps leaves DEL as it is: it counts it as printable ASCII.
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
