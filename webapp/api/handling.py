"""Whatever ends a request of the API early becomes a problem document, on the FHIR paths an OperationOutcome."""

from __future__ import annotations

import json
import logging
from typing import Final

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from elastic.client import SearchUnavailable
from webapp.api import problems
from webapp.api.fhir import basics
from webapp.api.fhir.outcomes import operation_outcome
from webapp.api.problems import ApiError
from webapp.audit.events import AuditUnavailable

log = logging.getLogger(__name__)

FHIR_PREFIX: Final = "/api/v1/fhir/"
OWN_WORDS: Final = (401, 403, 429)  # what the guards say about these is meant for the client
KEPT_HEADERS: Final = ("Retry-After", "Allow")


def install(blueprint: Blueprint) -> None:
    """Answer the errors of all views of the blueprint."""
    blueprint.register_error_handler(Exception, answer)


def answer(error: Exception) -> AnyResponse:
    """The response of an error to the current request; a fault of ours is logged and stays inside."""
    known = to_api_error(error)
    if known.status == 500:
        log.error("request %s failed", g.get("request_id"), exc_info=error)
    if known.status == 401 and request.endpoint == "api.docs" and request.accept_mimetypes.accept_html:
        return redirect(url_for("auth.login", next=request.path))
    return _outcome(known) if f"{request.path}/".startswith(FHIR_PREFIX) else problems.respond(known)


def to_api_error(error: Exception) -> ApiError:
    """Any exception as an `ApiError`."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, SearchUnavailable):
        return ApiError(503)
    if isinstance(error, AuditUnavailable):
        return ApiError(503, "Exports wait until the access audit can be written again.")
    if isinstance(error, HTTPException) and error.code:
        kept = {name: value for name, value in error.get_headers() if name in KEPT_HEADERS}
        return ApiError(_known(error.code), error.description if error.code in OWN_WORDS else None, headers=kept)
    return ApiError(500)


def _known(status: int) -> int:
    """The nearest status that there is an explanation of."""
    if status in problems.TITLES:
        return status
    return 400 if status < 500 else 500


def _outcome(error: ApiError) -> Response:
    response = Response(json.dumps(operation_outcome(error)), error.status, content_type=basics.MEDIA_TYPE)
    response.headers.extend(problems.headers_of(error))
    return response
