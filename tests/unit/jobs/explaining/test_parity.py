"""How many random stored predictions come out the same, and which do not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from conf.settings import Settings
from conf.times import to_us
from elastic.names import MODEL_MONITORING, OBSERVATIONS, PREDICTIONS
from jobs.explaining.parity import parity, parity_documents
from ml.registry.bundles import load_bundle
from tests.support.bundles import save_small_bundle
from tests.support.explained import OnePatient
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch

NOW_US = to_us(datetime(2026, 3, 2, 5, 0, tzinfo=UTC))


@pytest.fixture
def patient(fake: FakeElasticsearch, client: Elasticsearch, settings: Settings) -> OnePatient:
    made = OnePatient(fake, client, settings)
    made.day()
    return made


def test_predictions_that_come_out_the_same_are_counted_and_the_others_named_in_the_log_alone(
    patient: OnePatient, caplog: pytest.LogCaptureFixture
) -> None:
    first = patient.predict()
    patient.send(100, 175)  # late, and no fault
    second = patient.predict()
    wrong = first | {"critical_risk_6h": round(first["critical_risk_6h"] + 0.25, 6)}
    found = parity([patient.case(prediction) for prediction in (first, second, wrong)], patient.bundle)
    assert (found["rows"], found["patients"]) == (3, 1)
    assert found["equal_share"] == pytest.approx(2 / 3)
    assert found["greatest_difference"] == pytest.approx(0.25)
    assert found["differing"] == ["0-21"]
    assert "p-1" not in str(found)
    assert "--patient p-1 --at 2026-03-01T03:45:00.000Z" in caplog.text


def test_a_prediction_of_which_no_reading_is_left_differs_by_nothing_that_can_be_told(patient: OnePatient) -> None:
    case = patient.case(patient.predict())
    patient.fake.documents.clear()
    found = parity([patient.case(case.prediction)], patient.bundle)
    assert (found["equal_share"], found["greatest_difference"], len(found["differing"])) == (0, None, 1)


def test_each_version_that_is_here_has_a_document_once_a_day(
    patient: OnePatient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.model_copy(update={"model_dir": tmp_path / "models"})
    version = save_small_bundle(own.model_dir)
    patient.bundle = load_bundle(own.model_dir, version)
    search = FakeSearch()
    search.put(OBSERVATIONS, *patient.fake.stored(OBSERVATIONS).values())
    of_versions = [patient.predict(), patient.predict() | {"model_version": "gone"}]
    monkeypatch.setattr("elastic.search.predictions.sample", lambda *_: of_versions)
    ((id_, document),) = parity_documents(search, own, 0, NOW_US)
    assert id_ == f"{version}|parity|2026-03-02"
    assert (document["@timestamp"], document["equal_share"]) == ("2026-03-02T00:00:00.000Z", 1)
    search.put(MODEL_MONITORING, document)
    assert list(parity_documents(search, own, 0, NOW_US)) == []
    assert PREDICTIONS not in search.documents
