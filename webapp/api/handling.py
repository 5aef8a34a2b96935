"""Whatever ends a request of the API early becomes a problem document, on the FHIR paths an OperationOutcome."""

from __future__ import annotations

import json
import logging
from typing import Final, NoReturn

from flask import Response, g, redirect, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from elastic.client import SearchUnavailable
from webapp.api import problems
from webapp.api.problems import STATUSES, ApiError
from webapp.audit.events import AuditUnavailable

log = logging.getLogger(__name__)

PAGE: Final = "api.docs"  # the only one for people
FHIR_PREFIX: Final = "/api/v1/fhir/"
FHIR_JSON: Final = "application/fhir+json"
OWN_WORDS: Final = (401, 403, 429)  # what the guards say about these is meant for the client
KEPT_HEADERS: Final = ("Retry-After", "Allow")


def answer(error: Exception) -> AnyResponse:
    """Return the response of an error to the current request; a fault of ours is logged and stays inside."""
    known = to_api_error(error)
    if known.status == 500:
        log.error("request %s failed", g.get("request_id"), exc_info=error)
    if known.status == 401 and request.endpoint == PAGE and request.accept_mimetypes.accept_html:
        return redirect(url_for("auth.login", next=request.path))
    if f"{request.path}/".startswith(FHIR_PREFIX):
        body, media_type = json.dumps(problems.operation_outcome(known)), FHIR_JSON
    else:
        body = problems.problem(known, request.path, g.get("request_id")).model_dump_json()
        media_type = problems.MEDIA_TYPE
    return Response(body, known.status, known.headers, content_type=media_type)


def to_api_error(error: Exception) -> ApiError:
    """Return any exception as an `ApiError`."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, SearchUnavailable):
        return ApiError(503)
    if isinstance(error, AuditUnavailable):
        return ApiError(503, "Exports wait until the access audit can be written again.")
    if isinstance(error, HTTPException) and error.code:
        nearest = 400 if error.code < 500 else 500  # the status that there is an explanation of
        status = error.code if error.code in STATUSES else nearest
        kept = {name: value for name, value in error.get_headers() if name in KEPT_HEADERS}
        return ApiError(status, error.description if error.code in OWN_WORDS else None, headers=kept)
    return ApiError(500)


def refuse(error: ValidationError) -> NoReturn:
    """Refuse a request that its operation's models do not take: 404 for a path that can be nobody's, else 422.

    The models of paths and queries are titled so (`webapp.api.inputs`); all others are bodies.
    """
    if error.title == "path":
        raise ApiError(404) from error
    raise problems.invalid(error, "query" if error.title == "query" else "body") from error
