"""Errors of the API: RFC 9457 problem details (`application/problem+json`), on the FHIR paths an OperationOutcome.

A problem tells the client what was wrong with its own request and nothing of the inside: no trace, no query, no name of
a machine. What is wrong with single parameters stands in `errors`, the extension that RFC 9457 section 3 shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5  # Elasticsearch away: about as long as one poll of the board


class Status(NamedTuple):
    """What a problem of one HTTP status is called, what it usually means, and FHIR's code for it."""

    title: str
    detail: str
    issue: str


STATUSES: Final[Mapping[int, Status]] = {
    400: Status("Malformed request", "The request cannot be read.", "structure"),
    401: Status("Authentication required", "Send a bearer token in the Authorization header, or log in.", "login"),
    403: Status("Not permitted", "Your role or your token's scopes do not permit this.", "forbidden"),
    404: Status("Not found", "There is nothing at this address, or you may not see it.", "not-found"),
    405: Status("Method not allowed", "The Allow header lists the methods that are offered here.", "not-supported"),
    406: Status("Not acceptable", "There is no answer in a form that you accept.", "not-supported"),
    409: Status("Conflict", "Somebody else was first, or what this is about is over.", "conflict"),
    413: Status("Request too large", "A request may have at most 64 KiB.", "too-long"),
    415: Status("Unsupported media type", "Send JSON with the header Content-Type: application/json.", "not-supported"),
    422: Status(
        "Invalid parameters", "One or more parameters are unknown or have a value that cannot be used.", "invalid"
    ),
    429: Status("Too many requests", "Wait as long as the Retry-After header says.", "throttled"),
    500: Status(
        "Internal error",
        "The site failed. The administrator finds the reason in the log under this request id.",
        "exception",
    ),
    503: Status(
        "Elasticsearch unavailable", "The readings cannot be read just now. Try again in a moment.", "transient"
    ),
}


class Fault(BaseModel):
    """What is wrong with one parameter or one field of the body."""

    model_config = ConfigDict(frozen=True)

    location: str = Field(description="Where: query or body, then the name.", examples=["query.limit"])
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
        super().__init__(detail or STATUSES[status].title)
        self.status = status
        self.detail = detail or STATUSES[status].detail
        self.faults = list(faults)
        by_status = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}
        self.headers = by_status.get(status, {}) | dict(headers or {})


def fault(location: str, message: str) -> ApiError:
    """Return the 422 about one parameter or field, such as ``query.limit`` or ``body.until``."""
    return ApiError(422, faults=[Fault(location=location, message=message)])


def invalid(error: ValidationError, where: str) -> ApiError:
    """Return pydantic's faults of `where` (query or body) as one 422, without the refused values themselves."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    faults = [Fault(location=".".join([where, *map(str, each["loc"])]), message=each["msg"]) for each in found]
    return ApiError(422, faults=faults)


def problem(error: ApiError, path: str, request_id: str | None = None) -> Problem:
    """Return the problem document of an error that met the request of `path`."""
    return Problem(
        type=f"/api/docs#problem-{error.status}",
        title=STATUSES[error.status].title,
        status=error.status,
        detail=error.detail,
        instance=path,
        request_id=request_id,
        errors=error.faults,
    )


def operation_outcome(error: ApiError) -> dict[str, Any]:
    """Return the FHIR R4 OperationOutcome of an error: one issue, or one for each fault that it lists."""
    texts = [f"{each.location}: {each.message}" for each in error.faults] or [error.detail]
    code = STATUSES[error.status].issue
    issues = [{"severity": "error", "code": code, "diagnostics": text} for text in texts]
    return {"resourceType": "OperationOutcome", "issue": issues}
