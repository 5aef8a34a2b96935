"""Readings and predictions of all patients."""

from __future__ import annotations

from elastic.search import observations, predictions
from webapp.api.models import AllReadingsPage, PredictionPage
from webapp.api.operations import Answer
from webapp.api.paging import paged, position
from webapp.api.parameters import ObservationsQuery, PredictionsQuery
from webapp.api.patients import span_of
from webapp.api.routes import operation
from webapp.audit.events import record
from webapp.security.roles import Permission
from webapp.services import services


@operation(
    "GET",
    "/api/v1/observations",
    tag="lists",
    summary="Readings of all patients, the newest first",
    permission=Permission.API_READ_OBSERVATIONS,
    query=ObservationsQuery,
    answer=AllReadingsPage,
    problems=(503,),
)
def list_observations(query: ObservationsQuery) -> Answer:
    """One page of readings."""
    start, end = span_of(query)
    found = observations.page(
        services().search, start=start, end=end, category=query.category, limit=query.limit, after=position(query)
    )
    record("list", patient_ids={document["patient_id"] for document in found.documents})
    return paged(AllReadingsPage, found.documents, query, found)


@operation(
    "GET",
    "/api/v1/predictions",
    tag="lists",
    summary="Predictions of all patients, the newest first",
    permission=Permission.API_READ_PREDICTIONS,
    query=PredictionsQuery,
    answer=PredictionPage,
    problems=(503,),
)
def list_predictions(query: PredictionsQuery) -> Answer:
    """One page of predictions."""
    start, end = span_of(query)
    found = predictions.page(
        services().search,
        level=query.level,
        min_risk_6h=query.min_risk_6h,
        start=start,
        end=end,
        limit=query.limit,
        after=position(query),
    )
    record("list", patient_ids={document["patient_id"] for document in found.documents})
    return paged(PredictionPage, found.documents, query, found)
