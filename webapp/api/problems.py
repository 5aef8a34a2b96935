"""Errors of the API as RFC 9457 problem details (`application/problem+json`).

A problem tells the client what was wrong with its own request and nothing of the inside: no trace, no query, no name of
a machine. What is wrong with single parameters stands in `errors`, the extension that RFC 9457 section 3 shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from flask import Response, g, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5  # Elasticsearch away: about as long as one poll of the board

TITLES: Final[Mapping[int, str]] = {
    400: "Malformed request",
    401: "Authentication required",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Request too large",
    415: "Unsupported media type",
    422: "Invalid parameters",
    429: "Too many requests",
    500: "Internal error",
    503: "Elasticsearch unavailable",
}
DETAILS: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "Send a bearer token in the Authorization header, or log in.",
    403: "Your role or your token's scopes do not permit this.",
    404: "There is nothing at this address, or you may not see it.",
    405: "This address does not offer the method; the Allow header lists those it offers.",
    413: "A request may have at most 64 KiB.",
    415: "Send JSON with the header Content-Type: application/json.",
    422: "One or more parameters are unknown or have a value that cannot be used.",
    429: "Too many requests in a short time. Wait as long as the Retry-After header says.",
    500: "The site failed. The administrator finds the reason in the log under this request id.",
    503: "The readings cannot be read just now. Try again in a moment.",
}


class Fault(BaseModel):
    """What is wrong with one parameter or one field of the body."""

    model_config = ConfigDict(frozen=True)

    location: str = Field(description="Where: query, path or body, then the name.", examples=["query.limit"])
    message: str = Field(description="What is wrong.", examples=["Input should be less than or equal to 500"])


class Problem(BaseModel):
    """A problem as RFC 9457 describes it."""

    type: str = Field(description="Address of the explanation of this kind of problem.")
    title: str = Field(description="The kind of problem.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong here and what to do.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str | None = Field(None, description="What the log calls this request.")
    errors: list[Fault] = Field(default=[], description="The single faults of the parameters or the body.")


class ApiError(Exception):
    """Ends a request with a problem; `detail` defaults to the usual sentence of the status."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or TITLES[status])
        self.status = status
        self.detail = detail or DETAILS.get(status, TITLES[status])
        self.faults = list(faults)
        self.headers = dict(headers or {})


def build_problem(error: ApiError, path: str, request_id: str | None = None) -> Problem:
    """The problem document of an error that met the request of `path`."""
    return Problem(
        type=f"/api/docs#problem-{error.status}",
        title=TITLES[error.status],
        status=error.status,
        detail=error.detail,
        instance=path,
        request_id=request_id,
        errors=error.faults,
    )


def respond(error: ApiError) -> Response:
    """The response of an error to the current request."""
    body = build_problem(error, request.path, g.get("request_id")).model_dump_json()
    response = Response(body, error.status, content_type=MEDIA_TYPE)
    response.headers.extend(headers_of(error))
    return response


def headers_of(error: ApiError) -> dict[str, str]:
    """The headers that belong to the error's status, and its own."""
    by_status = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}
    return by_status.get(error.status, {}) | error.headers


def invalid(error: ValidationError, where: str) -> ApiError:
    """Pydantic's faults as one 422; the refused values themselves are not sent back."""
    return ApiError(
        422,
        faults=[
            Fault(location=_location(where, one["loc"]), message=one["msg"])
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ],
    )


def invalid_parameter(name: str, message: str) -> ApiError:
    """A 422 about one query parameter."""
    return ApiError(422, faults=[Fault(location=f"query.{name}", message=message)])


def _location(where: str, parts: Sequence[int | str]) -> str:
    return ".".join([where, *map(str, parts)])
