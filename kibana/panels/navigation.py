"""The links on top of each dashboard: to the other dashboards and to the pages of the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kibana.panels.lens import Panel
from kibana.panels.markdown import markdown

TITLE: Final = "Navigation"
WARD_OVERVIEW: Final = "bp-ward-overview"
PATIENT: Final = "bp-patient"
PREDICTIONS_ALERTS: Final = "bp-predictions-alerts"
PIPELINE_HEALTH: Final = "bp-pipeline-health"
MODEL_QUALITY: Final = "bp-model-quality"

DASHBOARDS: Final[Mapping[str, str]] = {
    WARD_OVERVIEW: "Vue du service",
    PATIENT: "Patient",
    PREDICTIONS_ALERTS: "Prédictions et alertes",
    PIPELINE_HEALTH: "Santé de la chaîne",
    MODEL_QUALITY: "Qualité du modèle",
}
SITE_PAGES: Final[Mapping[str, str]] = {
    "/": "Tableau de bord",
    "/patients": "Patients",
    "/predictions": "Prédictions",
    "/stats": "Statistiques",
    "/admin/system": "Système",
    "/aide": "Aide",
}


def navigation(current: str, site_url: str) -> Panel:
    """Links to the dashboards, the `current` one in bold, and to the site at this address (no slash at its end)."""
    dashboards = " · ".join(_dashboard_link(id_, id_ == current) for id_ in DASHBOARDS)
    pages = " · ".join(f"[{name}]({site_url}{path})" for path, name in SITE_PAGES.items())
    return markdown(TITLE, f"{dashboards}\n\nSite de surveillance : {pages}")


def _dashboard_link(id_: str, is_current: bool) -> str:
    """Relative, so that it holds in every space and behind every base path."""
    return f"**{DASHBOARDS[id_]}**" if is_current else f"[{DASHBOARDS[id_]}](#/view/{id_})"
