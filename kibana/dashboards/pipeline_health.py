"""*Santé de la chaîne*: for whoever runs the pipeline, what comes in, what is refused, and whether scoring keeps up."""

from __future__ import annotations

from typing import Final

from kibana import kql
from kibana.columns import average, by_time, count, last_value, maximum, top_values, unique_count
from kibana.dashboard import Dashboard, Row
from kibana.dashboards import parts
from kibana.dashboards.parts import DASHBOARDS, PIPELINE_HEALTH
from kibana.panels import Series, heatmap, metric, table, xy
from kibana.saved import Json
from kibana.views import OBSERVATIONS, PREDICTIONS, REJECTED
from kibana.words import BLUE, GREEN, ORANGE, RED, VIOLET

MOST_REASONS = 12
MOST_PARTITIONS = 12
MOST_DEVICES = 20
MOST_FLAGS = 10


def pipeline_health(site_url: str) -> Dashboard:
    """Return the dashboard; its links lead to the site at this address."""
    return Dashboard(
        id=PIPELINE_HEALTH,
        title=DASHBOARDS[PIPELINE_HEALTH],
        description="For operators: readings by the time they came in, predictions by the time they were made, refused "
        "messages and why, progress in each Kafka partition. The range applies to the times of readings, so readings "
        "older than it are not counted even if they came in today.",
        since="now-6h",
        refresh_s=parts.LIVE_S,
        rows=(
            parts.navigation_row(PIPELINE_HEALTH, site_url),
            _figures(),
            _readings_and_predictions(),
            _refused(),
            _partitions(),
            _late_and_made_again(),
            _flags_and_devices(),
        ),
    )


# buckets of when a document was written, not of when the reading was taken
RECEIVED: Final = by_time("ingested_at", "Heure de réception")
SCORED: Final = by_time("scored_at", "Heure du calcul")


def _figures() -> Row:
    panels = (
        metric("Mesures stockées", "Readings in the range.", OBSERVATIONS, count("Mesures")),
        metric(
            "Messages refusés",
            "Refused messages or entries in the range.",
            REJECTED,
            count("Refus"),
            colours=parts.ANY_IS_BAD,
        ),
        metric("Prédictions calculées", "Predictions in the range.", PREDICTIONS, count("Prédictions")),
        metric(
            "Patients et appareils",
            "Patients with readings in the range, and their devices.",
            OBSERVATIONS,
            unique_count("patient_id", "Patients"),
            second=unique_count("device_id", "appareils"),
        ),
        metric(
            "Dernière réception",
            "When the newest message was stored; old means that nothing comes in.",
            OBSERVATIONS,
            last_value("ingested_at", "Heure", "date", sort_field="ingested_at"),
        ),
        metric(
            "Dernier calcul",
            "When the newest prediction was made; much older than the newest reading means that scoring lags.",
            PREDICTIONS,
            last_value("scored_at", "Heure", "date", sort_field="scored_at"),
        ),
    )
    return Row(6, tuple((8, panel) for panel in panels))


def _readings_and_predictions() -> Row:
    figures = {"readings": count("Mesures"), "flagged": count("avec remarque", kql.present("flags"))}
    series = Series(OBSERVATIONS, figures, "bar", across=RECEIVED, colours={"readings": BLUE, "flagged": ORANGE})
    description = "Readings by the time they came in, and those that the intake made a remark on."
    readings = xy("Mesures reçues", description, series, unit="mesures")

    figures = {"predictions": count("Prédictions")}
    series = Series(PREDICTIONS, figures, "bar", across=SCORED, colours={"predictions": VIOLET})
    description = "Predictions by the time they were made."
    predictions = xy("Prédictions faites", description, series, unit="prédictions")
    return Row(12, ((24, readings), (24, predictions)))


def _refused() -> Row:
    reasons = top_values("reason", "Motif", MOST_REASONS, by="refused")
    series = Series(REJECTED, {"refused": count("Refus")}, "bar_stacked", split=reasons)
    over_time = xy("Refus par motif", "Refused messages over time by reason.", series, unit="refus")
    by_reason = table(
        "Motifs de refus",
        "Reasons of refusal with their number and where the newest one lies in Kafka; payloads are on the site.",
        REJECTED,
        {"reason": reasons},
        {
            "refused": count("Refus"),
            "at": last_value("@timestamp", "Dernier refus", "date"),
            "topic": last_value("source_topic", "Sujet Kafka", "string"),
            "partition": last_value("source_partition", "Partition"),
            "offset": last_value("source_offset", "Position"),
        },
        sort_by="refused",
    )
    return Row(13, ((24, over_time), (24, by_reason)))


def _partitions() -> Row:
    def partitions(by: str) -> Json:
        return top_values("source_partition", "Partition", MOST_PARTITIONS, by=by, data_type="number")

    figures = {"offset": maximum("source_offset", "Position")}
    series = Series(OBSERVATIONS, figures, across=RECEIVED, split=partitions("offset"))
    description = "Highest stored offset of each Kafka partition; a line that ends is a partition that stands still."
    progress = xy("Avancement par partition", description, series, unit="position")
    refused = heatmap(
        "Refus par motif et partition",
        "Refused messages by reason and Kafka partition: one column alone points at one sender.",
        REJECTED,
        rows=top_values("reason", "Motif", MOST_REASONS, by="cell"),
        across=partitions("cell"),
        cell=count("Refus"),
    )
    return Row(13, ((24, progress), (24, refused)))


def _late_and_made_again() -> Row:
    figures = {
        "highest": maximum("window_late_readings", "Maximum"),
        "mean": average("window_late_readings", "Moyenne"),
    }
    series = Series(PREDICTIONS, figures, across=SCORED, colours={"highest": RED, "mean": BLUE})
    description = "Readings of a window that came late, at most and on average."
    late = xy("Mesures tardives dans les fenêtres", description, series, unit="mesures")

    figures = {
        "first": count("Premières", kql.absent("replaced_scored_at")),
        "again": count("Refaites", kql.present("replaced_scored_at")),
    }
    series = Series(PREDICTIONS, figures, "bar_stacked", across=SCORED, colours={"first": GREEN, "again": ORANGE})
    description = "Predictions made once, and those that a late or corrected reading made anew."
    made_again = xy("Prédictions refaites", description, series, unit="prédictions")
    return Row(12, ((24, late), (24, made_again)))


def _flags_and_devices() -> Row:
    across = top_values("flags", "Remarque", MOST_FLAGS, by="readings")
    series = Series(OBSERVATIONS, {"readings": count("Mesures")}, "bar_horizontal", across=across)
    flags = xy("Remarques de l'intégration", "Remarks of the intake, most frequent first.", series)
    devices = table(
        "Appareils",
        "Devices by readings, with their patients and the newest reception.",
        OBSERVATIONS,
        {"device": top_values("device_id", "Appareil", MOST_DEVICES, by="readings")},
        {
            "readings": count("Mesures"),
            "patients": unique_count("patient_id", "Patients"),
            "status": last_value("status", "Dernier statut FHIR", "string"),
            "received": last_value("ingested_at", "Dernière réception", "date", sort_field="ingested_at"),
        },
        sort_by="readings",
    )
    return Row(13, ((18, flags), (30, devices)))
