"""One declaration for each route of the API: it makes the Flask view, validates, answers, and feeds the OpenAPI.

A view takes its path parameters and, if declared, `query` and `body` as validated models, and returns a model or an
`Answer`. It raises `ApiError`; what it does not say is said here, once: 415, 400 and 422 for what a client sends, the
entity tag, the Link to the next page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final

from flask import Response, request, url_for
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from webapp.api.parameters import Input, NoParameters
from webapp.api.problems import ApiError, Fault, invalid
from webapp.http import make_conditional
from webapp.security.roles import Permission

JSON: Final = "application/json"

View = Callable[..., "BaseModel | Answer"]


@dataclass(frozen=True)
class Answer:
    """What a view returns if more than a model is to be said; `next_query` are the parameters of the next page."""

    body: BaseModel | bytes
    next_query: Mapping[str, Any] | None = None
    status: int | None = None
    etag: str | None = None  # where something cheaper than the body tells whether it has changed


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route: where, who, what goes in, what comes out."""

    method: str
    rule: str  # as Flask writes it, below the prefix of its blueprint
    name: str
    tag: str
    summary: str
    permission: Permission | None  # None: public
    answer: type[BaseModel] | None
    query: type[Input] = NoParameters
    body: type[Input] | None = None
    status: int = 200
    media_type: str = JSON
    problems: tuple[int, ...] = ()  # beyond those that every operation can give
    also: Mapping[int, type[BaseModel]] = field(default_factory=dict)  # answers of other statuses that are no problems
    session_only: bool = False
    description: str = ""


def view_of(operation: Operation, view: View) -> Callable[..., Response]:
    """The Flask view of an operation."""

    @wraps(view)
    def handle(**path: str) -> Response:
        inputs: dict[str, Any] = dict(path)
        query = parse_query(operation.query, request.args)
        if operation.query is not NoParameters:
            inputs["query"] = query
        if operation.body is not None:
            inputs["body"] = parse_body(operation.body)
        return present(operation, view(**inputs))

    return handle


def parse_query(model: type[Input], arguments: MultiDict[str, str]) -> Input:
    """The query string as its model; a parameter that is no list may be given once."""
    lists = _list_names(model)
    repeated = [name for name, values in arguments.lists() if len(values) > 1 and name not in lists]
    if repeated:
        raise ApiError(
            422, faults=[Fault(location=f"query.{name}", message="given more than once") for name in repeated]
        )
    values = {name: found if name in lists else found[0] for name, found in arguments.lists()}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(error, "query") from error


def _list_names(model: type[Input]) -> set[str]:
    properties = model.model_json_schema(by_alias=True)["properties"] if model.model_fields else {}
    return {name for name, schema in properties.items() if schema.get("type") == "array"}


def parse_body(model: type[Input]) -> Input:
    """The JSON body as its model, without any conversion of types."""
    if request.mimetype != JSON:
        raise ApiError(415)
    try:
        return model.model_validate_json(request.get_data(), strict=True)
    except ValidationError as error:
        if error.errors(include_context=False, include_input=False)[0]["type"] == "json_invalid":
            raise ApiError(400, "The body is not JSON.") from error
        raise invalid(error, "body") from error


def present(operation: Operation, result: BaseModel | Answer) -> Response:
    """The response of what a view returned, tagged, with the link to the next page."""
    answer = result if isinstance(result, Answer) else Answer(result)
    content = answer.body if isinstance(answer.body, bytes) else _json(answer.body)
    response = Response(content, answer.status or operation.status, content_type=operation.media_type)
    if answer.etag is not None:
        response.set_etag(answer.etag)
    if answer.next_query is not None:
        response.headers["Link"] = f'<{next_url(answer.next_query)}>; rel="next"'
    return make_conditional(response)


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(by_alias=True).encode()


def next_url(changed: Mapping[str, Any]) -> str:
    """The address of this request with some query parameters changed."""
    arguments = dict(request.args.lists()) | dict(changed)
    return url_for(request.endpoint or "", **(request.view_args or {}), **arguments)
