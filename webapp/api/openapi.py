"""The OpenAPI 3.1 document, made of the operations and their models: what validates is what documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from webapp.api.operations import JSON, Operation
from webapp.api.parameters import PATIENT_ID, Input
from webapp.api.problems import MEDIA_TYPE, TITLES, Problem

Json = dict[str, Any]

VERSION: Final = "1.0.0"
REF: Final = "#/components/schemas/{model}"
FHIR_PREFIX: Final = "application/fhir+json"
BEARER: Final = "bearer"
SESSION: Final = "session"

PATH_PARAMETERS: Final[Mapping[str, Json]] = {
    "patient_id": {
        "description": "Pseudonymous id; one with other characters than letters, digits, . _ - in base64url behind ~.",
        "pattern": PATIENT_ID,
        "maxLength": 2_800,
        "examples": ["P-0412"],
    },
    "alert_id": {
        "description": "Id of the alert.",
        "pattern": r"^(predicted|measured|technical)-[0-9]{1,14}-~?[A-Za-z0-9._-]+$",
        "examples": ["predicted-1772352000000-P-0412"],
    },
    "token_id": {"description": "Id of the token.", "pattern": r"^[0-9a-f]{12}$"},
}
ALWAYS: Final = (401, 403, 422, 429, 500)  # every operation can answer with these
PUBLIC: Final = (422, 500)
TAGS: Final = {
    "board": "The live board.",
    "patients": "Patients, their readings, predictions and reports.",
    "lists": "Readings and predictions of all patients.",
    "alerts": "Alert episodes and what people said about them.",
    "statistics": "Figures over all patients.",
    "account": "The user and the user's own tokens.",
    "fhir": "The same data as FHIR R4 resources.",
    "health": "For the machinery around the site; needs no login.",
    "documentation": "This document.",
}
TITLES_OF_TAGS: Final = {
    "board": "Board",
    "patients": "Patients",
    "lists": "Lists",
    "alerts": "Alerts",
    "statistics": "Statistics",
    "account": "Account and tokens",
    "fhir": "FHIR R4",
    "health": "Health",
    "documentation": "Documentation",
}
_variable = re.compile(r"<(?:\w+:)?(\w+)>")


def build_document(operations: Sequence[Operation], cookie_name: str) -> Json:
    """The document of these operations."""
    paths: dict[str, Json] = {}
    for operation in operations:
        path = _variable.sub(r"{\1}", operation.rule)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Blood pressure surveillance",
            "version": VERSION,
            "summary": "Readings, predicted risks and alerts of the ward.",
            "description": "A decision aid, not a primary alarm system. Times are RFC 3339 in UTC, risks 0 to 1.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": _security_schemes(cookie_name),
        },
    }


def _security_schemes(cookie_name: str) -> Json:
    token = "A token bp_<id>_<secret> from the account page or POST /api/v1/tokens."  # noqa: S105 - its form
    return {
        BEARER: {"type": "http", "scheme": "bearer", "description": token},
        SESSION: {"type": "apiKey", "in": "cookie", "name": cookie_name, "description": "The session of the site."},
    }


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.rule), *_query_parameters(operation.query)],
        "responses": _responses(operation),
        "security": _security(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.permission is not None:
        described["x-permission"] = operation.permission.value
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}
    return described


def _security(operation: Operation) -> list[Json]:
    if operation.permission is None:
        return []
    return [{SESSION: []}] if operation.session_only else [{BEARER: []}, {SESSION: []}]


def _path_parameters(rule: str) -> list[Json]:
    return [
        _parameter(name, "path", True, PATH_PARAMETERS[name] | {"type": "string"}) for name in _variable.findall(rule)
    ]


def _query_parameters(model: type[Input]) -> list[Json]:
    schema = model.model_json_schema(by_alias=True)
    named, required = schema.get("$defs", {}), schema.get("required", ())
    return [
        _parameter(name, "query", name in required, _inline(one, named))
        for name, one in schema.get("properties", {}).items()
    ]


def _inline(schema: Json, named: Mapping[str, Json]) -> Json:
    """The schema of a parameter, whole: what may be left out is optional, there is no null in a query string."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    choice = choices[0] if choices else {}
    choice = _without_notes(named[choice["$ref"].rpartition("/")[2]]) if "$ref" in choice else choice
    own = {key: value for key, value in {**choice, **schema}.items() if key not in ("anyOf", "title", "default")}
    default = {"default": schema["default"]} if schema.get("default") not in (None, []) else {}
    return own | default


def _parameter(name: str, place: str, required: bool, schema: Json) -> Json:
    description = schema.pop("description", "") if place == "query" else schema["description"]
    kept = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": place, "required": required, "description": description, "schema": kept}


def _responses(operation: Operation) -> Json:
    statuses = sorted({*(PUBLIC if operation.permission is None else ALWAYS), *operation.problems})
    answers: Json = {str(operation.status): _success(operation)}
    if operation.method == "GET" and operation.status == 200:
        answers["304"] = {"description": "Not changed since the entity tag that If-None-Match named."}
    answers |= {str(status): _answer(operation, model, TITLES[status]) for status, model in operation.also.items()}
    return answers | {str(status): _problem(operation, status) for status in statuses}


def _answer(operation: Operation, model: type[BaseModel], description: str) -> Json:
    return {"description": description, "content": {operation.media_type: {"schema": _ref(model)}}}


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": REF.format(model=model.__name__)}


def _success(operation: Operation) -> Json:
    answer: Json = {"description": "Done.", "headers": _headers(operation)}
    if operation.answer is not None:
        answer["content"] = {operation.media_type: {"schema": _ref(operation.answer)}}
    elif operation.status != 204:
        kind = "string" if operation.media_type.startswith("text/") else "object"
        answer["content"] = {operation.media_type: {"schema": {"type": kind}}}
    return answer


def _headers(operation: Operation) -> Json:
    if operation.method != "GET":
        return {}
    text: Json = {"schema": {"type": "string"}}
    headers = {"ETag": {"description": "Entity tag for If-None-Match."} | text}
    if "cursor" in operation.query.model_fields:
        headers["Link"] = {"description": 'The next page with rel="next"; absent on the last one.'} | text
    return headers


def _problem(operation: Operation, status: int) -> Json:
    content: Json = {MEDIA_TYPE: {"schema": _ref(Problem)}}
    if operation.tag == "fhir":
        content = {
            FHIR_PREFIX: {"schema": {"type": "object", "properties": {"resourceType": {"const": "OperationOutcome"}}}}
        }
    answer: Json = {"description": TITLES[status], "content": content}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _schemas(operations: Sequence[Operation]) -> Json:
    inputs = {operation.body for operation in operations if operation.body}
    outputs: set[type[BaseModel]] = {operation.answer for operation in operations if operation.answer} | {Problem}
    outputs |= {model for operation in operations for model in operation.also.values()}
    modes: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in _by_name(inputs)]
    modes += [(model, "serialization") for model in _by_name(outputs)]
    _, schemas = models_json_schema(modes, by_alias=True, ref_template=REF)
    definitions: Json = schemas["$defs"]
    return {name: _without_notes(schema) for name, schema in sorted(definitions.items())}


def _without_notes(schema: Json) -> Json:
    """A list of words needs no description: that of its Python class is for programmers."""
    return {key: value for key, value in schema.items() if key != "description" or "enum" not in schema}


def _by_name(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)
