"""Errors of the FHIR endpoints as OperationOutcome, from the same `ApiError` as everywhere in the API."""

from __future__ import annotations

from typing import Final

from webapp.api.fhir.basics import Json
from webapp.api.problems import ApiError, Fault

ISSUE_CODES: Final = {
    400: "structure",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    429: "throttled",
    503: "transient",
}


def operation_outcome(error: ApiError) -> Json:
    """One issue for the error, or one for each fault that it lists."""
    texts = [_text(fault) for fault in error.faults] or [error.detail]
    code = ISSUE_CODES.get(error.status, "exception")
    issues = [{"severity": "error", "code": code, "diagnostics": text} for text in texts]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _text(fault: Fault) -> str:
    return f"{fault.location}: {fault.message}"
