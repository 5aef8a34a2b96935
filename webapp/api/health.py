"""For the machinery around the site: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from typing import Final

from elasticsearch import ApiError as ElasticsearchError
from elasticsearch import TransportError

from webapp.api.account_models import Health, Readiness
from webapp.api.operations import Answer
from webapp.api.routes import operation
from webapp.services import services

PING_TIMEOUT_S: Final = 2.0


@operation("GET", "/healthz", tag="health", summary="Whether the process lives", permission=None, answer=Health)
def healthz() -> Health:
    """Always ok, if it answers at all."""
    return Health(status="ok")


@operation(
    "GET",
    "/readyz",
    tag="health",
    summary="Whether Elasticsearch and the users' database answer",
    permission=None,
    answer=Readiness,
    also={503: Readiness},
)
def readyz() -> Answer:
    """503 with the same body if one of them does not."""
    site = services()
    elasticsearch, store = _elasticsearch_answers(), site.store.is_usable()
    ready = elasticsearch and store
    body = Readiness(status="ok" if ready else "unavailable", elasticsearch=elasticsearch, store=store)
    return Answer(body, status=200 if ready else 503)


def _elasticsearch_answers() -> bool:
    client = services().search.client.options(request_timeout=PING_TIMEOUT_S)
    try:
        return bool(client.ping())
    except (ElasticsearchError, TransportError):
        return False
