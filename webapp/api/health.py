"""For the machinery around the site: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from elastic.client import SearchUnavailable
from elastic.names import LATEST
from webapp.api.account_models import Health, Readiness
from webapp.api.operations import Answer
from webapp.api.routes import operation
from webapp.services import services


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
    """Whether it answers what the board asks; not a ping, which needs a right that the site has no use for."""
    try:
        services().search.ask(LATEST, {"size": 0, "track_total_hits": False})
    except SearchUnavailable:
        return False
    return True
