"""The data views: one for each family of indices, with French names of fields and their formats.

A patient's id is a link to that patient's page of the site wherever Kibana shows it in a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conf.clinical import RISK_FIELDS
from elastic import names as indices
from kibana.saved import Json, saved_object, text
from kibana.words import FIELDS, FORMATS

TIME_FIELD: Final = "@timestamp"
RAISED_FIELD: Final = "raised_at"  # of an alert
PATIENT_FIELD: Final = "patient_id"


@dataclass(frozen=True)
class DataView:
    """A family of indices as Kibana sees it; `fields` are those that have a French name.

    Without a time field the range that a dashboard shows does not narrow it: what is open now is open, however old.
    """

    id: str
    index_pattern: str
    name: str
    fields: tuple[str, ...]
    time_field: str | None = TIME_FIELD

    def saved(self, site_url: str) -> Json:
        """Return the saved object."""
        labels = {field: {"customLabel": FIELDS[field]} for field in self.fields}
        formats = {**FORMATS, PATIENT_FIELD: _patient_link(site_url)}
        attributes = {
            "title": self.index_pattern,
            "name": self.name,
            **({"timeFieldName": self.time_field} if self.time_field else {}),
            "fields": "[]",
            "fieldAttrs": text(labels),
            "fieldFormatMap": text({field: formats[field] for field in self.fields if field in formats}),
            "runtimeFieldMap": "{}",
            "sourceFilters": "[]",
            "allowHidden": False,
        }
        return saved_object("index-pattern", self.id, attributes)


def _patient_link(site_url: str) -> Json:
    """Return the format of a link: Kibana puts the value, escaped, into the address, which leads on to the page."""
    return {
        "id": "url",
        "params": {
            "urlTemplate": f"{site_url}/patient?id={{{{value}}}}",
            "labelTemplate": "{{value}}",
            "openLinkInCurrentTab": False,
        },
    }


_READING: Final = (TIME_FIELD, PATIENT_FIELD, "systolic", "diastolic", "heart_rate")
_PREDICTION: Final = (
    *_READING,
    *RISK_FIELDS,
    "alert_level",
    "model_version",
    "window_readings",
    "window_hours",
    "window_largest_gap_hours",
    "window_late_readings",
    "scored_at",
    "replaced_scored_at",
    "reasons.code",
    "out_of_range",
)

OBSERVATIONS: Final = DataView(
    "bp-observations",
    indices.all_months(indices.OBSERVATIONS),
    "Mesures de tension",
    (
        *_READING,
        "mean_arterial_pressure",
        "pulse_pressure",
        "category",
        "status",
        "device_id",
        "flags",
        "ingested_at",
        "source_partition",
        "source_offset",
    ),
)
PREDICTIONS: Final = DataView(
    "bp-predictions", indices.all_months(indices.PREDICTIONS), "Prédictions de risque", _PREDICTION
)
LATEST: Final = DataView("bp-latest", indices.LATEST, "Dernière prédiction par patient", _PREDICTION)
REJECTED: Final = DataView(
    "bp-rejected",
    indices.REJECTED,
    "Messages refusés",
    (
        TIME_FIELD,
        PATIENT_FIELD,
        "device_id",
        "measured_at",
        "attention",
        "reason",
        "source_topic",
        "source_partition",
        "source_offset",
    ),
)
_ALERT: Final = (
    PATIENT_FIELD,
    "ward",
    "part",
    "kind",
    "state",
    "level",
    "is_unanswered",
    "escalated",
    RAISED_FIELD,
    "ended_at",
    "owner",
    "answer.reason",
    "why",
    "worst.systolic",
    "worst.diastolic",
    "worst.risk_6h",
)
ALERTS: Final = DataView("bp-alerts", indices.ALERTS, "Alertes", _ALERT, RAISED_FIELD)
ALERTS_NOW: Final = DataView("bp-alerts-now", indices.ALERTS, "Alertes, quelle que soit la période", _ALERT, None)
ALERT_EVENTS: Final = DataView(
    "bp-alert-events",
    indices.ALERT_EVENTS,
    "Journal des alertes",
    (
        TIME_FIELD,
        PATIENT_FIELD,
        "event",
        "kind",
        "role",
        "reason",
        "useful",
        "seen_level",
        "seen_risk_6h",
        "model_version",
        "answered_after_s",
    ),
)
MODEL_MONITORING: Final = DataView(
    "bp-model-monitoring",
    indices.MODEL_MONITORING,
    "Suivi du modèle",
    (
        TIME_FIELD,
        "kind",
        "model_version",
        "judged_at",
        "horizon_h",
        "stratum",
        "observed_rate",
        "mean_risk",
        "censored_share",
        "auroc",
        "brier",
        "brier_skill",
        "ici",
        "slope",
        "ppv.LOW",
        "ppv.MEDIUM",
        "ppv.HIGH",
        "ppv.CRITICAL",
        "feature",
        "psi",
        "psi_low",
        "psi_high",
        "mean",
        "reference_mean",
        "drift",
    ),
)

ALL: Final = (OBSERVATIONS, PREDICTIONS, LATEST, REJECTED, ALERTS, ALERTS_NOW, ALERT_EVENTS, MODEL_MONITORING)
