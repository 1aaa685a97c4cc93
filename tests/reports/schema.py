"""As much of JSON Schema (draft 2020-12) as the schema of a report uses."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_KNOWN = {
    "$schema",
    "$ref",
    "$defs",
    "title",
    "description",
    "default",
    "type",
    "enum",
    "anyOf",
    "oneOf",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "items",
}


def violations(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return the places of a JSON value that break a schema, the outermost ones first."""
    return _violations(value, schema, schema["$defs"], "$")


def _violations(value: Any, schema: dict[str, Any], defs: dict[str, Any], at: str) -> list[str]:
    unknown = set(schema) - _KNOWN
    if unknown:
        raise NotImplementedError(f"the schema uses {sorted(unknown)}")
    if "$ref" in schema:
        return _violations(value, defs[schema["$ref"].rpartition("/")[2]], defs, at)
    found = [] if _fits(value, schema, defs, at) else [at]
    if isinstance(value, dict) and not found:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        for key, item in value.items():
            if key in properties or isinstance(others, dict):
                found += _violations(item, properties.get(key, others), defs, f"{at}.{key}")
    if isinstance(value, list) and not found:
        for index, item in enumerate(value):
            found += _violations(item, schema.get("items", {}), defs, f"{at}[{index}]")
    return found


def _fits(value: Any, schema: dict[str, Any], defs: dict[str, Any], at: str) -> bool:
    kind = schema.get("type")
    if kind is not None and not isinstance(value, _TYPES[kind]):
        return False
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    matches = [not _violations(value, option, defs, at) for option in schema.get("anyOf", [])]
    if matches and not any(matches):
        return False
    if not isinstance(value, dict):
        return True
    needed = [set(option["required"]) <= set(value) for option in schema.get("oneOf", [])]
    if needed and sum(needed) != 1:
        return False
    if not set(schema.get("required", [])) <= set(value):
        return False
    names = schema.get("propertyNames")
    if names is not None and any(_violations(key, names, defs, at) for key in value):
        return False
    surplus = set(value) - set(schema.get("properties", {}))
    return schema.get("additionalProperties", True) is not False or not surplus
