"""Model, checkpoint and position of commit 5a51d4a are taken over; see tests/data/before/README.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conf.settings import Settings
from jobs.streaming.checkpoint import CheckpointError, guarded
from jobs.streaming.queries import QUERIES
from ml.explanation import explain
from ml.prediction import Predictor
from ml.registry.bundles import current_version, load_bundle, rollback
from producer.forms import USUAL_FORMS
from producer.position import Identity, load_position
from tests.support import before
from tests.support.bundles import make_features, make_hours, publish_small, save_small_bundle


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return before.unpack("models", tmp_path) / "models"


def test_its_model_is_in_service_and_scores_as_it_did(model_dir: Path) -> None:
    assert current_version(model_dir) == before.VERSION
    golden = json.loads((model_dir / before.VERSION / "golden.json").read_text())

    predictor = Predictor(load_bundle(model_dir, before.VERSION))

    windows = np.array(golden["inputs"], dtype=np.float32)
    risks = predictor.risks(windows, np.zeros(len(windows), dtype=np.float32)).values
    assert len(risks) >= 3
    assert risks == pytest.approx(np.array(golden["risks"]), abs=1e-6)


def test_its_model_still_gives_reasons(model_dir: Path) -> None:
    predictor = Predictor(load_bundle(model_dir, before.VERSION))
    windows, hours = make_features(40), make_hours(40)

    reasons = explain(windows, hours, predictor.contributions(windows, hours), predictor.input_names)

    assert "SYSTOLIC_NEWEST" in {reason.code for row in reasons for reason in row}


def test_a_rollback_leads_back_to_its_model(model_dir: Path) -> None:
    newer = save_small_bundle(model_dir, created_at=before.made_at())
    publish_small(model_dir, newer, at=before.made_at())

    assert rollback(model_dir, by="test", why="a test", at=before.made_at()) == before.VERSION
    assert current_version(model_dir) == before.VERSION


def test_its_checkpoint_is_gone_on_from(tmp_path: Path) -> None:
    settings = Settings(kafka_topic=before.TOPIC, checkpoint_dir=before.unpack("checkpoints", tmp_path) / "checkpoints")
    with guarded(settings, QUERIES) as is_new:
        assert not is_new


def test_its_checkpoint_is_refused_with_the_remedy_where_the_settings_differ(tmp_path: Path) -> None:
    settings = Settings(kafka_topic="other", checkpoint_dir=before.unpack("checkpoints", tmp_path) / "checkpoints")
    remedy = r"topic takeover -> other.*Set them back, or: .*move .*checkpoints away"
    with pytest.raises(CheckpointError, match=remedy), guarded(settings, QUERIES):
        pass


def test_its_producer_is_gone_on_from(tmp_path: Path) -> None:
    position = load_position(before.unpack("files", tmp_path) / "local")

    assert position is not None
    newest_ms = max(message.timestamp_ms for message in before.messages() if "crisis" not in message.value)
    assert position.sent_before_us / 1000 == pytest.approx(newest_ms, abs=5000)
    faults = {"late": 0.04, "duplicate": 0.03, "corrected": 0.03, "retracted": 0.02}
    faults |= {"retracted_by_id": 0.01, "malformed": 0.03}
    assert position.identity == Identity(11, 10, 900_000_000, 12.0, before.TOPIC, dict(USUAL_FORMS), faults)
