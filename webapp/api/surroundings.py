"""What programs ask about the site itself: whether it lives and can work, and the OpenAPI document with its page."""

from __future__ import annotations

import copy
from typing import Any, Final, cast

import msgspec
from flask import Response, current_app, render_template, request
from flask_openapi.openapi import OpenAPI

from alerts import chain_record
from alerts.heartbeat import beats
from elastic.client import SearchUnavailable
from elastic.names import LATEST
from webapp.api.documents import ChainLink, Health, Readiness
from webapp.api.handling import refuse
from webapp.api.openmetrics import MEDIA_TYPE, exposition
from webapp.api.problems import STATUSES, Problem
from webapp.api.routes import BEARER, JSON, SESSION, VERSION, Answer, blueprint, operation
from webapp.http import make_conditional
from webapp.security.roles import Permission, requires
from webapp.security.sessions import cookie_name
from webapp.services import services

TITLE: Final = "Blood pressure surveillance"
ABOUT: Final = "A decision aid, not a primary alarm system. Times are RFC 3339 in UTC, risks 0 to 1."
TAGS: Final = {
    "board": "The live board.",
    "patients": "Patients, their readings, predictions and reports.",
    "lists": "Readings and predictions of all patients.",
    "alerts": "Alert episodes and what people said about them.",
    "statistics": "Figures over all patients.",
    "account": "The user and the user's own tokens.",
    "fhir": "The same data as FHIR R4 resources.",
    "health": "For the machinery around the site; needs no login.",
    "documentation": "This document.",
}


def make_app(import_name: str) -> OpenAPI:
    """Return a Flask application that checks requests and documents operations as the API needs it, without any yet."""
    app = OpenAPI(
        import_name,
        info={"title": TITLE, "version": VERSION, "description": ABOUT},
        security_schemes={
            BEARER: {
                "type": "http",
                "scheme": "bearer",
                "description": "A token from the account page: bp_<id>_<secret>.",
            },
            SESSION: {"type": "apiKey", "in": "cookie", "name": "", "description": "The session of the site."},
        },
        servers=[{"url": "/"}],
        validation_error_callback=refuse,
        validation_error_model=Problem,
        doc_ui=False,
    )
    app.openapi_version = "3.1.0"
    return app


def document(cookie: str) -> dict[str, Any]:
    """Return the OpenAPI document of the current application, whose session is in this cookie."""
    made = copy.deepcopy(cast(OpenAPI, current_app).api_doc)
    made["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    made["components"]["securitySchemes"][SESSION]["name"] = cookie
    text = {"schema": {"type": "string"}}
    for operations in made["paths"].values():
        if asked := operations.get("get"):
            headers = {"ETag": {"description": "Entity tag for If-None-Match."} | text}
            if {"cursor", "_cursor"} & {each["name"] for each in asked.get("parameters", ())}:
                headers["Link"] = {"description": 'The next page with rel="next"; absent on the last one.'} | text
            asked["responses"]["200"]["headers"] = headers
            asked["responses"]["304"] = {"description": "Not changed since the entity tag that If-None-Match named."}
    return made


@operation("GET /openapi.json", Permission.SIGNED_IN, JSON, tag="documentation")
def openapi() -> Answer:
    """Give the OpenAPI 3.1 document of this API."""
    return Answer(document(cookie_name(request)))


@blueprint.get("/api/docs", doc_ui=False)
@requires(Permission.SIGNED_IN)
def docs() -> Response:
    """Show the document as a page, in English: our own template, no script, nothing from elsewhere."""
    page = render_template(
        "api/docs.html",
        document=document(cookie_name(request)),
        statuses=STATUSES,
        reads=current_app.config["READS_PER_MINUTE"],
        exports=current_app.config["EXPORTS_PER_MINUTE"],
    )
    return make_conditional(Response(page))


@operation("GET /healthz", None, Health, tag="health")
def healthz() -> Health:
    """Tell whether the process lives: always ok, if it answers at all."""
    return Health(status="ok")


@operation("GET /readyz", None, Readiness, tag="health", also={503: Readiness})
def readyz() -> Answer:
    """Tell whether Elasticsearch and the users' database answer; 503 with the same body if one does not.

    How old each link of the chain is changes nothing in that: the site shows what there is.
    """
    site = services()
    try:
        site.search.ask(LATEST, {"size": 0, "track_total_hits": False})  # no ping: it needs a right without other use
        elasticsearch = True
    except SearchUnavailable:
        elasticsearch = False
    store = site.store.is_usable()
    ready = elasticsearch and store
    now = site.clock()
    found = chain_record.looked_at(site.search, now).links
    links = [ChainLink(**msgspec.structs.asdict(it)) for it in beats(found, now)]
    body = Readiness(status="ok" if ready else "unavailable", elasticsearch=elasticsearch, store=store, links=links)
    return Answer(body, status=200 if ready else 503)


@operation("GET /metrics", None, MEDIA_TYPE, tag="health")
def metrics() -> Answer:
    """Give the age and state of each link of the chain, and the canary's last round, in the format of OpenMetrics.

    What a scrape finds out is told like anything else: while Elasticsearch is away, that link is dead.
    """
    site = services()
    now = site.clock()
    return Answer(exposition(chain_record.looked_at(site.search, now), now).encode())
