"""REST API v1, its OpenAPI document and page, FHIR read endpoints, and the probes of the machinery around the site."""

from __future__ import annotations

from webapp.api import account, alert_views, board, documentation, health, lists, patients, reports, statistics
from webapp.api.fhir import views
from webapp.api.routes import blueprint

__all__ = [
    "account",
    "alert_views",
    "blueprint",
    "board",
    "documentation",
    "health",
    "lists",
    "patients",
    "reports",
    "statistics",
    "views",
]
