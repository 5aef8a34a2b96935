"""The job that adapts a model to local patients, from an archive as the stream writes it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from conf.errors import UserError
from conf.settings import Settings
from conf.times import HOUR_US, iso_us, to_us
from jobs.recalibrate import parser, run
from jobs.streaming.archive import write_archive
from ml import drift
from ml.registry.bundles import current_version, load_bundle
from ml.registry.pointer import read_journal
from tests.integration.pipeline import publish_model
from tests.support.bundles import TRAINED
from tests.support.clock import RECENTLY

pytestmark = pytest.mark.integration

HOURS = 72
NOW = RECENTLY + timedelta(hours=HOURS)


def readings(patients: int) -> list[dict[str, Any]]:
    """Return a reading every half hour of each patient, whose pressure hardly tells the next one."""
    random = np.random.default_rng(3)
    documents: list[dict[str, Any]] = []
    for number in range(patients):
        level = random.normal(160, 8)
        for step in range(2 * HOURS):
            at = iso_us(to_us(RECENTLY) + step * HOUR_US // 2)
            systolic = round(random.normal(level, 12), 1)
            documents.append(
                {
                    "@timestamp": at,
                    "patient_id": f"p-{number}",
                    "systolic": systolic,
                    "diastolic": 85.0,
                    "status": "final",
                    "flags": [],
                    "source_partition": 0,
                    "source_offset": len(documents),
                    "ingested_at": at,
                }
            )
    return documents


def recalibrated(spark: SparkSession, folder: Path, patients: int) -> tuple[Settings, str | None]:
    settings = Settings(data_dir=folder / "data", model_dir=folder / "models", min_readings=10)
    publish_model(settings.model_dir, trained=TRAINED)
    write_archive(settings.data_dir, 0, "part", readings(patients))
    chosen = parser().parse_args(["--source", "archive", "--by", "tester"])
    return settings, run(spark, settings, chosen, NOW)


def test_a_model_is_adapted_to_stored_patients_as_a_version_of_its_own(spark: SparkSession, tmp_path: Path) -> None:
    settings, version = recalibrated(spark, tmp_path, patients=90)
    assert version is not None
    (first,) = read_journal(settings.model_dir)  # the small model of tests is not monotone, so its successor is kept
    assert current_version(settings.model_dir) == first.version
    folder = settings.model_dir / version
    assert json.loads((folder / "manifest.json").read_bytes())["parent"] == first.version
    before, after = load_bundle(settings.model_dir, first.version), load_bundle(settings.model_dir, version)
    assert (after.boosters, after.trained) == (before.boosters, TRAINED)
    horizons = after.card["recalibration"]["horizons"]
    changed = [found for found in horizons.values() if found["changed"]]
    assert changed
    failed = [check["name"] for check in after.card["decision"]["checks"] if not check["passed"]]
    assert failed == ["monotone"]
    for found in changed:
        assert found["patients_with_a_crisis"] >= 50
        assert found["after"]["ici"] < found["before"]["ici"] / 2
    figures = json.loads((folder / "metrics.json").read_bytes())["parts"]["local"]["all"]
    assert sum(figures[name]["patients_with_event"] >= 50 for name in horizons) >= len(changed)
    reference = drift.from_json(json.loads((folder / "drift.json").read_bytes()))
    assert not np.isnan(reference.shares).all()
    for name in ("report.html", "card.md"):
        told = (folder / name).read_text(encoding="utf-8")
        assert first.version in told
        assert "Observed / expected" in told


def test_too_few_patients_change_nothing(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Too few patients with a crisis after a prediction: .* 50 are needed"):
        recalibrated(spark, tmp_path, patients=6)
    assert len(read_journal(tmp_path / "models")) == 1
