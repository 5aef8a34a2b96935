"""The routes of the FHIR endpoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import request

from elastic.client import After, Page
from elastic.search import latest, observations, predictions
from webapp.api.fhir import resources
from webapp.api.fhir.dates import Span, parse_dates
from webapp.api.fhir.resources import Json
from webapp.api.handling import FHIR_JSON, FHIR_PREFIX
from webapp.api.inputs import MAX_RANGE, FhirAuditSearch, FhirSearch, PatientPath, Query
from webapp.api.patients import newest
from webapp.api.problems import ApiError, fault
from webapp.api.routes import VERSION, Answer, next_cursor, next_url, operation, position
from webapp.audit import search as audit_events
from webapp.audit.events import record
from webapp.patient_ids import read_id
from webapp.security.roles import Permission
from webapp.services import services

_fhir = partial(operation, document=FHIR_JSON, tag="fhir")


@_fhir(f"GET {FHIR_PREFIX}metadata", Permission.SIGNED_IN)
def fhir_metadata() -> Answer:
    """Give the CapabilityStatement: what is offered."""
    searches: dict[str, type[Query]] = {
        "Observation": FhirSearch,
        "RiskAssessment": FhirSearch,
        "AuditEvent": FhirAuditSearch,
    }
    cors = services().settings.cors_origins is not None
    return Answer(resources.capability_statement(VERSION, searches, cors=cors))


@_fhir(f"GET {FHIR_PREFIX}Patient/<patient_id>", Permission.API_READ_PREDICTIONS)
def fhir_patient(path: PatientPath) -> Answer:
    """Show a patient, by pseudonymous id."""
    if latest.patient(services().search, path.patient_id) is None:
        raise ApiError(404)
    record("view", patient_ids=[path.patient_id])
    return Answer(resources.patient(path.patient_id))


@_fhir(
    f"GET {FHIR_PREFIX}Observation",
    Permission.API_READ_OBSERVATIONS,
    description="`_count` counts readings, each of which gives one Observation or two.",
)
def fhir_observations(query: FhirSearch) -> Answer:
    """Find a patient's readings, the newest first: pressures by the bp profile, heart rates apart."""
    found = _newest(observations.of_patient, query)
    return _bundle(
        [each for document in found.documents for each in resources.observations(document)], query, found.after
    )


@_fhir(f"GET {FHIR_PREFIX}RiskAssessment", Permission.API_READ_PREDICTIONS)
def fhir_risk_assessments(query: FhirSearch) -> Answer:
    """Find a patient's predictions, the newest first; probabilities in percent."""
    found = _newest(predictions.of_patient, query)
    return _bundle(list(map(resources.risk_assessment, found.documents)), query, found.after)


@_fhir(f"GET {FHIR_PREFIX}AuditEvent", Permission.AUDIT)
def fhir_audit_events(query: FhirAuditSearch) -> Answer:
    """Find who saw which patient, the newest access first."""
    start, end = _span(query.date)
    patient_id = None if query.patient is None else _patient({query.patient})
    found = audit_events.find(
        services().search,
        patient_id=patient_id,
        start=start,
        end=end,
        limit=query.count,
        after=position(query),
    )
    record("audit_search", patient_ids=[patient_id] if patient_id else [])
    return _bundle(list(map(resources.audit_event, found.documents)), query, found.after)


def _newest(of_patient: Callable[..., Page], query: FhirSearch) -> Page:
    """Return the newest documents of the patient that is asked for."""
    patient_id = _patient({query.patient, query.subject} - {None})
    return newest(of_patient, patient_id, _span(query.date), query.count, position(query))


def _patient(named: set[str | None]) -> str:
    """Return the patient id that a search names, as such or as Patient/id; raise the 422 unless it is one."""
    ids = {str(text).removeprefix("Patient/") for text in named}
    if len(ids) != 1:
        raise fault("query.patient", "name one patient, by `patient` or `subject`")
    patient_id = read_id(ids.pop())
    if patient_id is None:
        raise fault("query.patient", "not the id of a patient")
    return patient_id


def _span(dates: list[str]) -> Span:
    """Return the span that a search is about, at most `MAX_RANGE` long; raise the 422."""
    try:
        start, end = parse_dates(dates)
    except ValueError as error:
        raise fault("query.date", str(error)) from error
    now = services().clock()
    last = end or (now if start is None else max(now, start))
    first = start or last - MAX_RANGE
    if last - first > MAX_RANGE:
        raise fault("query.date", f"the span may be {MAX_RANGE.days} days at most")
    return Span(first, last)


def _bundle(found: list[Json], query: FhirAuditSearch, after: After | None) -> Answer:
    """Return a searchset of the resources, with the link to the next page."""
    cursor = next_cursor(query, after)
    following = {"_cursor": cursor} if cursor else None
    host = request.host_url.rstrip("/")
    next_page = host + next_url(following) if following else None
    bundle = resources.searchset(host + FHIR_PREFIX.rstrip("/"), found, request.url, next_page)
    return Answer(bundle, next_query=following)
