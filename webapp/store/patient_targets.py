"""Rows of the table ``targets``: what is aimed at for single patients; all others have the usual targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assessment.targets import USUAL, Band, Targets
from webapp.store.database import Store
from webapp.store.users import to_time


@dataclass(frozen=True)
class PatientTargets:
    """The targets of one patient, with who set them and when; both None for the usual ones."""

    targets: Targets = USUAL
    by: str | None = None
    at: datetime | None = None


def find(store: Store, patient_id: str) -> PatientTargets:
    """Return the targets of a patient."""
    row = store.row("SELECT * FROM targets WHERE patient_id = ?", (patient_id,))
    if row is None:
        return PatientTargets()
    systolic = Band(row["systolic_lowest"], row["systolic_highest"])
    diastolic = Band(row["diastolic_lowest"], row["diastolic_highest"])
    return PatientTargets(Targets(systolic, diastolic), row["set_by"], to_time(row["set_at"]))


def keep(store: Store, patient_id: str, targets: Targets, by: str, now: datetime) -> None:
    """Set the targets of a patient."""
    store.run(
        "INSERT OR REPLACE INTO targets VALUES (?, ?, ?, ?, ?, ?, ?)",
        (patient_id, *targets.systolic, *targets.diastolic, by, now.timestamp()),
    )


def forget(store: Store, patient_id: str) -> None:
    """Give a patient the usual targets again."""
    store.run("DELETE FROM targets WHERE patient_id = ?", (patient_id,))
