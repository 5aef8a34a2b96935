"""The command that explains a stored prediction, and the file of a case for a report of a fault."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from elasticsearch import Elasticsearch

from conf.errors import EXIT_FAILURE, EXIT_OK
from conf.settings import Settings
from elastic.names import OBSERVATIONS, PREDICTIONS
from fhir.pseudonyms import patient_pseudonym
from jobs import explain
from jobs.explaining.case_file import read_case
from ml.registry.bundles import load_bundle
from tests.support.bundles import publish_small, save_small_bundle
from tests.support.explained import OnePatient
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch

KEY = "k" * 40
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def search(
    fake: FakeElasticsearch,
    client: Elasticsearch,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> FakeSearch:
    """Return what holds a patient's readings and the prediction of a published version."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BP_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("BP_TIME_ZONE", "Europe/Paris")
    monkeypatch.setenv("COLUMNS", "160")
    version = save_small_bundle(tmp_path / "models")
    publish_small(tmp_path / "models", version)
    patient = OnePatient(fake, client, settings, load_bundle(tmp_path / "models", version))
    patient.day()
    search = FakeSearch()
    search.put(PREDICTIONS, patient.predict())
    search.put(OBSERVATIONS, *fake.stored(OBSERVATIONS).values())
    monkeypatch.setattr(explain, "Search", lambda *_: search)
    return search


@pytest.fixture
def run(search: FakeSearch, capsys: pytest.CaptureFixture[str]) -> Run:
    assert search

    def call(*options: str) -> tuple[int, str]:
        code = explain.main(options)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return call


def test_readings_inputs_risks_and_whether_they_are_those_stored_are_shown(run: Run, search: FakeSearch) -> None:
    code, shown = run("--patient", "p-1")
    stored = search.documents[PREDICTIONS][0]
    assert code == EXIT_OK
    assert "Patient p-1, prediction at 2026-03-01 04:45:00 (Europe/Paris)" in shown
    assert f"{stored['critical_risk_6h']:.6f}" in shown
    assert shown.count("2026-03-01 0") >= 12
    for name in ("systolic_mean_1h", "cosine_twice", "before calibration"):
        assert name in shown
    assert "it is the same" in shown


def test_the_patient_is_found_by_the_plain_id_where_the_key_is_known(
    run: Run, search: FakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BP_PSEUDONYM_KEY", KEY)
    pseudonym = patient_pseudonym("p-1", KEY.encode())
    for document in (*search.documents[PREDICTIONS], *search.documents[OBSERVATIONS]):
        document["patient_id"] = pseudonym
    for id_ in ("p-1", pseudonym):
        code, shown = run("--patient", id_)
        assert (code, f"Patient {pseudonym}" in shown) == (EXIT_OK, True)


def test_without_a_prediction_up_to_then_the_number_of_readings_is_told(run: Run) -> None:
    code, shown = run("--patient", "p-1", "--at", "2026-03-01T03:00:00+01:00")
    assert code == EXIT_FAILURE
    assert "No prediction of this patient is stored up to 2026-03-01T02:00:00.000Z. 5 readings are stored" in shown
    assert "No reading is stored" in run("--patient", "nobody")[1]


def test_a_version_that_is_away_is_told_and_the_one_in_service_takes_its_place(run: Run, search: FakeSearch) -> None:
    search.documents[PREDICTIONS][0]["model_version"] = "20200101T000000Z-aaaaaaaa"
    code, shown = run("--patient", "p-1")
    assert code == EXIT_OK
    assert "20200101T000000Z-aaaaaaaa, is not in BP_MODEL_DIR or is damaged" in shown


def test_deleted_readings_are_one_sentence(run: Run, search: FakeSearch) -> None:
    search.documents[OBSERVATIONS].clear()
    code, shown = run("--patient", "p-1")
    assert code == EXIT_FAILURE
    assert "is not stored any more" in shown


def test_a_case_names_nobody_keeps_the_hour_of_the_day_and_gives_the_same_again(
    run: Run, search: FakeSearch, tmp_path: Path
) -> None:
    search.documents[PREDICTIONS][0] |= {"patient_id": "p-1", "scored_at": "2026-03-01T12:34:56.000Z"}
    path = tmp_path / "case.zip"
    assert run("--patient", "p-1", "--bundle", str(path))[0] == EXIT_OK
    with zipfile.ZipFile(path) as file:
        texts = {name: file.read(name).decode() for name in file.namelist()}
    whole = "".join(texts.values())
    for secret in ("p-1", "bp-", "cuff-7", "2026-03-0", "source_offset", "http", str(tmp_path)):
        assert secret not in whole
    case = read_case(path)
    moved = datetime(2026, 3, 1, 3, 45, tzinfo=ZoneInfo("UTC")) - datetime.fromisoformat(case.prediction["@timestamp"])
    assert moved % timedelta(weeks=1) == timedelta(0) < moved
    local = datetime.fromisoformat(case.prediction["@timestamp"]).astimezone(case.zone)
    assert f"{local:%H:%M}" == "04:45"
    assert json.loads(texts["card.json"]) == {"data": "random numbers"}
    code, shown = run("--from-bundle", str(path))
    assert code == EXIT_OK
    assert "Patient patient" in shown
    assert "it is the same" in shown


def test_what_is_no_case_is_refused_in_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.zip").write_text("no zip")
    code, shown = run("--from-bundle", str(tmp_path / "other.zip"))
    assert code == EXIT_FAILURE
    assert "is no file that python -m jobs.explain --bundle has written" in shown
