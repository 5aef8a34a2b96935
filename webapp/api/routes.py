"""The blueprint of the API and how its operations are declared: routed, guarded, checked and documented at once.

A view takes `path`, `query` and `body` as checked models, as far as its signature names them, and returns a document or
an `Answer`; its docstring is the summary in the OpenAPI document. It raises `ApiError`. What no view says is said here
once: a parameter that is unknown or given twice, a body that is no JSON, the entity tag, the Link to the next page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from flask import Response, current_app, request, url_for
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from elastic.client import After
from webapp.api.handling import FHIR_JSON, FHIR_PREFIX, PAGE, answer
from webapp.api.inputs import Pages
from webapp.api.problems import MEDIA_TYPE as PROBLEM_JSON
from webapp.api.problems import STATUSES, ApiError, Fault, fault
from webapp.cursors import CursorError, Cursors
from webapp.http import cursors, make_conditional
from webapp.security.roles import SCOPES, Permission, public, requires

VERSION: Final = "1.0.0"  # of the API
JSON: Final = "application/json"
LISTS: Final = ("date",)  # the parameters that may be given more than once
BEARER, SESSION = "bearer", "session"
PUBLIC_PROBLEMS: Final = (422, 500)
USUAL_PROBLEMS: Final = (401, 403, 422, 429, 500, 503)
BY_TOKEN: Final = (Permission.SIGNED_IN, *SCOPES)  # what a token may be allowed; the rest is for people at a browser

View = Callable[..., "BaseModel | Answer"]

blueprint: Final = APIBlueprint("api", __name__)
blueprint.register_error_handler(Exception, answer)


@dataclass(frozen=True)
class Answer:
    """What a view returns if more than a document is to be said; `next_query` are the parameters of the next page."""

    body: BaseModel | Mapping[str, Any] | bytes
    next_query: Mapping[str, Any] | None = None
    status: int | None = None
    etag: str | None = None  # where something cheaper than the body tells whether it has changed


def operation(
    address: str,
    permission: Permission | None,
    document: type[BaseModel] | str | None,
    *,
    tag: str,
    status: int = 200,
    also: Mapping[int, type[BaseModel] | None] | None = None,
    is_poll: bool = False,
    description: str | None = None,
) -> Callable[[View], View]:
    """Declare the view below as the operation of a method and a rule, which needs `permission` (None: public).

    `document` is what it answers: a model, only the media type, or nothing. `also` are its answers of other statuses, a
    None being a problem. A poll (`is_poll`) does not keep its session alive.
    """
    method, rule = address.split()
    declare = getattr(blueprint, method.lower())
    mark = public if permission is None else requires(permission, is_poll=is_poll)
    media_type = document if isinstance(document, str) else JSON
    ways = (BEARER, SESSION) if permission in BY_TOKEN else (SESSION,)

    def add(view: View) -> View:
        takes = view.__annotations__

        @wraps(view)
        def handle(**inputs: Any) -> Response:
            return _present(view(**inputs), status, media_type)

        usual = {*(USUAL_PROBLEMS if permission else PUBLIC_PROBLEMS), *((400, 415) if "body" in takes else ())}
        problems = sorted(usual | ({404} if "path" in takes else set()) | (also or {}).keys())
        responses: dict[Any, Any] = {code: _problem(rule, code) for code in problems}
        responses |= {code: model for code, model in (also or {}).items() if model}
        responses[status] = _content(media_type) if isinstance(document, str) else document
        declare(
            rule,
            operation_id=view.__name__,
            tags=[{"name": tag}],
            description=description,
            security=[{way: []} for way in ways] if permission else None,
            openapi_extensions={"x-permission": permission.value} if permission else None,
            responses=responses,
        )(mark(handle))
        return view

    return add


def _problem(rule: str, status: int) -> dict[str, Any]:
    outcome = {"type": "object", "properties": {"resourceType": {"const": "OperationOutcome"}}}
    problem = _content(PROBLEM_JSON, {"$ref": "#/components/schemas/Problem"})
    content = _content(FHIR_JSON, outcome) if rule.startswith(FHIR_PREFIX) else problem
    answer = {"description": STATUSES[status].title, **content}
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _content(media_type: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    kind = "string" if media_type.startswith("text/") else "object"
    return {"content": {media_type: {"schema": schema or {"type": kind}}}}


@blueprint.before_request
def check_form() -> None:
    """Refuse what the models do not see: parameters of a view without any or given twice, a body that is no JSON."""
    view = current_app.view_functions[request.endpoint or ""]
    if "query" not in view.__annotations__ and request.endpoint != PAGE:
        _refuse_parameters(request.args, "unknown")
    repeated = [name for name, values in request.args.lists() if len(values) > 1 and name not in LISTS]
    _refuse_parameters(repeated, "given more than once")
    if request.method in ("POST", "PUT"):
        if request.mimetype != JSON:
            raise ApiError(415)
        if isinstance(request.get_json(), str):  # what it holds would be read as JSON in turn
            raise fault("body", "an object is needed")


def _refuse_parameters(names: Iterable[str], message: str) -> None:
    faults = [Fault(location=f"query.{name}", message=message) for name in names]
    if faults:
        raise ApiError(422, faults=faults)


def _present(result: BaseModel | Answer, status: int, media_type: str) -> Response:
    """Return the response of what a view returned, tagged, with the link to the next page."""
    given = result if isinstance(result, Answer) else Answer(result)
    content = given.body.model_dump_json(by_alias=True) if isinstance(given.body, BaseModel) else given.body
    if isinstance(content, Mapping):
        content = json.dumps(content)
    response = Response(content, given.status or status, content_type=media_type)
    if given.etag is not None:
        response.set_etag(given.etag)
    if given.next_query is not None:
        response.headers["Link"] = f'<{next_url(given.next_query)}>; rel="next"'
    return make_conditional(response)


def next_url(changed: Mapping[str, Any]) -> str:
    """Return the address of this request with some query parameters changed."""
    arguments = dict(request.args.lists()) | dict(changed)
    return url_for(request.endpoint or "", **(request.view_args or {}), **arguments)


def position(query: Pages) -> list[Any] | None:
    """Return where the page begins, None for the first one; raise the 422 for a cursor that is not ours."""
    if query.cursor is None:
        return None
    try:
        return _cursors(query).open(query.cursor)
    except CursorError as error:
        name = type(query).model_fields["cursor"].alias or "cursor"
        raise fault(f"query.{name}", "not a cursor of this query") from error


def next_cursor(query: Pages, after: After | None) -> str | None:
    """Return the cursor of the page that begins after these sort values, None after the last page."""
    return _cursors(query).make(after) if after else None


def paged(model: type[BaseModel], items: Sequence[Mapping[str, Any]], query: Pages, after: After | None) -> Answer:
    """Return a page of `model` with its link to the next one, which begins after these sort values."""
    cursor = next_cursor(query, after)
    body = model.model_validate({"items": items, "next_cursor": cursor})
    return Answer(body, next_query={"cursor": cursor} if cursor else None)


def _cursors(query: Pages) -> Cursors:
    return cursors(request.endpoint or "", {"path": request.path, "query": query.scope()})
