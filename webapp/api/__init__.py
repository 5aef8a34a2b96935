"""REST API v1, its OpenAPI document and page, FHIR read endpoints, and the probes of the machinery around the site."""

from __future__ import annotations

from webapp.api import account, alerts, answers, patients, statistics, surroundings
from webapp.api.fhir import views
from webapp.api.routes import blueprint

__all__ = ["account", "alerts", "answers", "blueprint", "patients", "statistics", "surroundings", "views"]
