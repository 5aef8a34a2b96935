"""The routes of the FHIR endpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from flask import request

from elastic.client import Page
from elastic.search import latest, observations, predictions
from webapp.api.fhir.audit_events import audit_event
from webapp.api.fhir.basics import MEDIA_TYPE, Json, fhir_id, patient_identifier
from webapp.api.fhir.bundles import searchset
from webapp.api.fhir.capability import capability_statement
from webapp.api.fhir.dates import Span, parse_dates
from webapp.api.fhir.observations import observations as to_observations
from webapp.api.fhir.risks import risk_assessment
from webapp.api.handling import FHIR_PREFIX
from webapp.api.openapi import VERSION
from webapp.api.operations import Answer, next_url
from webapp.api.paging import next_cursor, position
from webapp.api.parameters import MAX_RANGE, FhirAuditSearch, FhirSearch
from webapp.api.patients import read_patient_id
from webapp.api.problems import ApiError, invalid_parameter
from webapp.api.routes import operation
from webapp.audit import search as audit_events
from webapp.audit.events import record
from webapp.security.roles import Permission
from webapp.services import services

FHIR: Final[Mapping[str, Any]] = {"tag": "fhir", "media_type": MEDIA_TYPE, "answer": None}
CURSOR: Final = "_cursor"


@operation("GET", f"{FHIR_PREFIX}metadata", summary="What is offered", permission=Permission.SIGNED_IN, **FHIR)
def fhir_metadata() -> Answer:
    """The CapabilityStatement."""
    return _answer(capability_statement(VERSION, cors=services().settings.cors_origins is not None))


@operation(
    "GET",
    f"{FHIR_PREFIX}Patient/<patient_id>",
    summary="A patient, by pseudonymous id",
    permission=Permission.API_READ_PREDICTIONS,
    problems=(404, 503),
    **FHIR,
)
def fhir_patient(patient_id: str) -> Answer:
    """A Patient: an identifier, and nothing else is known of it."""
    patient_id = read_patient_id(patient_id)
    if latest.patient(services().search, patient_id) is None:
        raise ApiError(404)
    record("view", patient_ids=[patient_id])
    identifier = patient_identifier(patient_id)
    return _answer({"resourceType": "Patient", "id": fhir_id(patient_id), "identifier": [identifier]})


@operation(
    "GET",
    f"{FHIR_PREFIX}Observation",
    summary="A patient's readings, the newest first: pressures by the bp profile, heart rates apart",
    permission=Permission.API_READ_OBSERVATIONS,
    query=FhirSearch,
    problems=(503,),
    **FHIR,
)
def fhir_observations(query: FhirSearch) -> Answer:
    """A searchset of Observations; `_count` counts readings, each of which gives one or two."""
    found = _newest(observations.of_patient, query)
    resources = [resource for document in found.documents for resource in to_observations(document)]
    return bundle_of(resources, next_cursor(query, found.after))


@operation(
    "GET",
    f"{FHIR_PREFIX}RiskAssessment",
    summary="A patient's predictions, the newest first; probabilities in percent",
    permission=Permission.API_READ_PREDICTIONS,
    query=FhirSearch,
    problems=(503,),
    **FHIR,
)
def fhir_risk_assessments(query: FhirSearch) -> Answer:
    """A searchset of RiskAssessments."""
    found = _newest(predictions.of_patient, query)
    return bundle_of(list(map(risk_assessment, found.documents)), next_cursor(query, found.after))


def _newest(of_patient: Callable[..., Page], query: FhirSearch) -> Page:
    """The newest documents of the patient that is asked for; the access is noted."""
    patient_id, (start, end) = patient_of(query.patient, query.subject), span_of(query.date)
    found = of_patient(
        services().search,
        patient_id,
        start=start,
        end=end,
        limit=query.count,
        after=position(query, CURSOR),
        newest_first=True,
    )
    record("view", patient_ids=[patient_id])
    return found


@operation(
    "GET",
    f"{FHIR_PREFIX}AuditEvent",
    summary="Who saw which patient, the newest access first",
    permission=Permission.AUDIT,
    query=FhirAuditSearch,
    problems=(503,),
    **FHIR,
)
def fhir_audit_events(query: FhirAuditSearch) -> Answer:
    """A searchset of AuditEvents."""
    start, end = span_of(query.date)
    patient_id = None if query.patient is None else patient_of(query.patient, None)
    found = audit_events.find(
        services().search,
        patient_id=patient_id,
        start=start,
        end=end,
        limit=query.count,
        after=position(query, CURSOR),
    )
    record("audit_search", patient_ids=[patient_id] if patient_id else [])
    return bundle_of(list(map(audit_event, found.documents)), next_cursor(query, found.after))


def patient_of(patient: str | None, subject: str | None) -> str:
    """The patient id that a search names; raises the 422."""
    named = {text.removeprefix("Patient/") for text in (patient, subject) if text is not None}
    if len(named) != 1:
        raise invalid_parameter("patient", "name one patient, by `patient` or `subject`")
    (patient_id,) = named
    try:
        return read_patient_id(patient_id)
    except ApiError as error:
        raise invalid_parameter("patient", "not the id of a patient") from error


def span_of(dates: list[str]) -> Span:
    """The span that a search is about, at most `MAX_RANGE` long; raises the 422."""
    try:
        start, end = parse_dates(dates)
    except ValueError as error:
        raise invalid_parameter("date", str(error)) from error
    return _bounded(start, end, services().clock())


def _bounded(start: datetime | None, end: datetime | None, now: datetime) -> Span:
    last = end or (now if start is None else max(now, start))
    first = start or last - MAX_RANGE
    if last - first > MAX_RANGE:
        raise invalid_parameter("date", f"the span may be {MAX_RANGE.days} days at most")
    return Span(first, last)


def bundle_of(resources: list[Json], cursor: str | None) -> Answer:
    """A searchset of the resources, with the link to the next page."""
    following = {CURSOR: cursor} if cursor else None
    base = request.host_url.rstrip("/") + FHIR_PREFIX.rstrip("/")
    next_page = request.host_url.rstrip("/") + next_url(following) if following else None
    return Answer(json.dumps(searchset(base, resources, request.url, next_page)).encode(), next_query=following)


def _answer(resource: Json) -> Answer:
    return Answer(json.dumps(resource).encode())
