"""Answers to errors: a page for people, a problem document (RFC 9457) for programs."""

from __future__ import annotations

import logging
from typing import Final, cast

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError, ServiceUnavailable
from werkzeug.wrappers import Response as AnyResponse

from elastic.client import SearchUnavailable
from webapp.api import handling
from webapp.audit.events import AuditUnavailable
from webapp.http import PatientUnknown
from webapp.i18n import N_
from webapp.logs import PROBES
from webapp.security.access import API_PATHS
from webapp.security.current import principal_or_none
from webapp.security.roles import Permission

log = logging.getLogger(__name__)

PROBLEM_PATHS: Final = (*API_PATHS, *PROBES)  # programs ask here, also where there is nothing

TEXTS: Final = {
    400: N_("The request cannot be read."),
    401: N_("Sign in first."),
    403: N_("This page is not open to you."),
    404: N_("There is no such page."),
    405: N_("This page does not answer to that."),
    413: N_("Too much was sent at once."),
    422: N_("Something in the request is not valid."),
    429: N_("Too many requests. Wait a moment."),
    500: N_("Something went wrong. It has been noted."),
    503: N_("The database does not answer. Data cannot be shown now."),
}
NO_PATIENT: Final = N_("No data of this patient.")
ELASTICSEARCH_AWAY: Final = N_("Elasticsearch does not answer. Data cannot be shown now.")  # for who can do something


def install(app: Flask) -> None:
    """Answer HTTP errors, and anything unexpected with 500 and a line in the log."""
    app.register_error_handler(HTTPException, answer_error)
    app.register_error_handler(Exception, answer_unexpected)
    for kind in (SearchUnavailable, AuditUnavailable):
        app.register_error_handler(kind, answer_unavailable)


def answer_error(error: HTTPException) -> AnyResponse:
    """Return the answer to an HTTP error, also where no route was found."""
    if error.response is not None:
        return cast(Response, error.response)
    if request.path.startswith(PROBLEM_PATHS):
        return handling.answer(error)
    status = error.code or 500
    response = _page(error, status)
    response.status_code = status
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def answer_unavailable(error: Exception) -> AnyResponse:
    """Return the answer while Elasticsearch is away."""
    log.warning("request %s: %s", g.get("request_id"), error)
    return answer_error(ServiceUnavailable(str(error)))


def answer_unexpected(error: Exception) -> AnyResponse:
    """Return the answer to a fault of ours; its trace goes to the log alone."""
    log.error("request %s failed", g.get("request_id"), exc_info=error)
    return answer_error(InternalServerError())


def _page(error: HTTPException, status: int) -> Response:
    """Return the page of an error; no page where the host's name is not ours, as its links could not be made."""
    if isinstance(error, SecurityError):
        return Response("Bad Request", mimetype="text/plain")
    known, text = principal_or_none(), TEXTS.get(status, TEXTS[500])
    if isinstance(error, PatientUnknown):
        text = NO_PATIENT
    elif status == ServiceUnavailable.code and known and known.allows(Permission.SYSTEM):
        text = ELASTICSEARCH_AWAY
    return Response(render_template("error.html", status=status, text=text))
