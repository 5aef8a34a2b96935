"""*Alertes par service*: alerts by the ward in which the patient lay when they were raised.

It is apart from the other dashboards because of its control: what has no ward (readings, predictions, answers) would be
empty as soon as one is chosen.
"""

from __future__ import annotations

from kibana.columns import by_time, count, top_values, unique_count
from kibana.dashboard import Control, Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, WARD_ALERTS
from kibana.dashboards.predictions_alerts import open_alerts_row, raised_alerts_row
from kibana.panels import Series, metric, xy
from kibana.views import ALERTS, ALERTS_NOW, RAISED_FIELD
from kibana.words import LEVELS

MOST_WARDS = 25


def ward_alerts(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=WARD_ALERTS,
        title=DASHBOARDS[WARD_ALERTS],
        description="Alerts that are open now and those raised in the range, by ward; the control keeps one or more. "
        "An alert has a ward where the register said at its beginning where the patient lay.",
        since="now-24h",
        refresh_s=parts.LIVE_S,
        rows=(
            parts.navigation_row(WARD_ALERTS, site_url),
            _figures(),
            _by_ward(),
            open_alerts_row(),
            raised_alerts_row(),
        ),
        controls=(Control("Service", "ward", ALERTS, False), parts.patient_control()),
    )


def _figures() -> Row:
    patients = metric(
        "Patients avec une alerte ouverte",
        "Patients with an alert that is open now, whatever the range.",
        ALERTS_NOW,
        unique_count("patient_id", "Patients"),
        where=parts.IS_OPEN,
    )
    return Row(7, ((16, parts.open_alerts()), (16, parts.overdue_alerts()), (16, patients)))


def _by_ward() -> Row:
    across, split = top_values("ward", "Service", MOST_WARDS), top_values("level", "Niveau", len(LEVELS) + 1)
    series = Series(ALERTS_NOW, {"alerts": count("Alertes")}, "bar_stacked", across=across, split=split)
    description = "Alerts that are open now by ward and level."
    open_now = xy("Alertes ouvertes par service", description, series, unit="alertes", where=parts.IS_OPEN)
    series = Series(ALERTS, {"alerts": count("Alertes")}, "bar_stacked", across=by_time(RAISED_FIELD), split=across)
    over_time = xy("Alertes déclenchées par service", "Alerts raised over time by ward.", series, unit="alertes")
    return Row(13, ((24, open_now), (24, over_time)))
