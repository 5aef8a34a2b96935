"""JSON schemas as short types for reading: language-neutral, such as ``integer 1..500`` or ``Patient[]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

Json = Mapping[str, Any]
NULL: Final = {"type": "null"}


class Row(NamedTuple):
    """One field of a schema; `schema` names the schema that the type links to."""

    name: str
    type: str
    schema: str | None
    required: bool
    description: str


def fields(schema: Json) -> list[Row]:
    """The fields of an object schema in their order."""
    required = schema.get("required", ())
    return [
        Row(name, type_of(one), linked(one), name in required, one.get("description", ""))
        for name, one in schema.get("properties", {}).items()
    ]


def is_problem(status: str, answer: Json) -> bool:
    """Whether an answer of the document is one of the problems that all operations share."""
    return int(status) >= 400 and "application/json" not in answer.get("content", {})


def type_of(schema: Json) -> str:
    """A short type of any schema that our models make."""
    if "$ref" in schema:
        return name_of(schema["$ref"])
    if "anyOf" in schema:
        return " | ".join(type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"{_grouped(type_of(schema.get('items', {})))}[]"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"{{…: {type_of(schema['additionalProperties'])}}}"
    return " ".join(part for part in (schema.get("format") or schema.get("type", "any"), _limits(schema)) if part)


def linked(schema: Json) -> str | None:
    """The name of the first schema that a type refers to, at whatever depth."""
    if "$ref" in schema:
        return name_of(schema["$ref"])
    inner = [*schema.get("anyOf", ()), schema.get("items"), schema.get("additionalProperties")]
    found = (linked(one) for one in inner if isinstance(one, Mapping))
    return next((name for name in found if name), None)


def name_of(reference: str) -> str:
    """The last part of a ``$ref``."""
    return reference.rpartition("/")[2]


def _grouped(text: str) -> str:
    return f"({text})" if " | " in text else text


def _limits(schema: Json) -> str:
    low, high = schema.get("minimum", schema.get("minLength")), schema.get("maximum", schema.get("maxLength"))
    if low is None and high is None:
        return ""
    unit = " characters" if "maxLength" in schema or "minLength" in schema else ""
    return f"{_plain(low)}..{_plain(high)}{unit}"


def _plain(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}"
