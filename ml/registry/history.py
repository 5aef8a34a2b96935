"""All versions with what their cards say of them and who moved them: what a page shows, read from the folder alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from conf.clinical import ALERT_HORIZON_H
from ml.registry.files import BundleError, parse_object, read
from ml.registry.folders import CARD, MANIFEST, UNJUDGED, bundle_file, versions
from ml.registry.pointer import CHALLENGER, Promotion, read_challenger, read_journal, read_pointer

REPORT: Final = "report.html"
ALERT_HORIZON: Final = f"{ALERT_HORIZON_H}h"
RECALL: Final = "0.80"  # of crises, at which alarms are counted

Kind = Literal["full", "quick", "recalibrated", "unjudged"]
State = Literal["in_service", "beside", "was_in_service", "never_in_service", "damaged"]


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """One version; figures are of the 6 h risk on unseen patients not in crisis, None where nobody has judged them.

    `kind` is None where the card does not tell, and `moved` the last time that somebody put it into service, or beside.
    """

    version: str
    state: State
    made_at: datetime | None = None
    kind: Kind | None = None
    is_simulated: bool = False
    brier: float | None = None
    calibration_error: float | None = None
    alarms_per_patient_day: float | None = None
    has_report: bool = False
    moved: Promotion | None = None


def version_history(model_dir: Path) -> list[VersionSummary]:
    """Return all versions that there are, the newest first; one that cannot be read is said to be damaged."""
    pointer, beside = read_pointer(model_dir), read_challenger(model_dir)
    moves = [*read_journal(model_dir, CHALLENGER), *read_journal(model_dir)]
    put = {move.version: move for move in moves if move.action != "dismiss"}
    served = {move.version for move in moves if move.action in ("publish", "rollback")}
    states: dict[str, State] = dict.fromkeys(served, "was_in_service")
    states |= {beside.version: "beside"} if beside else {}
    states |= {pointer.version: "in_service"} if pointer else {}
    return [
        _summary(model_dir, version, states.get(version, "never_in_service"), put.get(version))
        for version in reversed(versions(model_dir))
    ]


def _summary(model_dir: Path, version: str, state: State, moved: Promotion | None) -> VersionSummary:
    try:
        manifest = parse_object(read(model_dir / version / MANIFEST), model_dir / version / MANIFEST)
        card = parse_object(bundle_file(model_dir, version, CARD), model_dir / version / CARD)
    except BundleError:
        return VersionSummary(version, "damaged", moved=moved)
    figures = _figures(card)
    return VersionSummary(
        version,
        state,
        made_at=datetime.fromisoformat(manifest["created_at"]),
        kind=_kind(version, card),
        is_simulated="SIMULATED" in str(card.get("warning", "")),
        brier=figures.get("brier"),
        calibration_error=figures.get("ici"),
        alarms_per_patient_day=figures.get("alarms_per_patient_day"),
        has_report=REPORT in manifest["sha256"],
        moved=moved,
    )


def _kind(version: str, card: Mapping[str, Any]) -> Kind | None:
    if version.endswith(UNJUDGED):
        return "unjudged"
    if "recalibration" in card:
        return "recalibrated"
    if "parameters" not in card:
        return None
    return "full" if card["parameters"].get("search") else "quick"


def _figures(card: Mapping[str, Any]) -> dict[str, float | None]:
    """Return Brier score, calibration error and alarms as far as the card has them."""
    if "recalibration" in card:
        after: dict[str, float | None] = card["recalibration"]["horizons"].get(ALERT_HORIZON, {}).get("after", {})
        return after
    ours = card.get("metrics", {}).get("test", {}).get(ALERT_HORIZON, {}).get("xgboost", {})
    burden = (card.get("thresholds", {}).get("at_recall") or {}).get(RECALL, {})
    figures = {name: ours.get(name, {}).get("value") for name in ("brier", "ici")}
    return figures | {"alarms_per_patient_day": burden.get("alarms_per_patient_day", {}).get("value")}
