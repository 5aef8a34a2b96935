"""Retention, erasure and export on a real Elasticsearch; the documents are written directly, no stream is needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from alerts import lifecycle
from alerts.documents import to_document
from alerts.model import CRITICAL_RANK, AlertKind, Finding
from conf.errors import EXIT_OK
from conf.settings import Settings
from elastic.client import connect
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    ALL_INDICES,
    LATEST,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
)
from elastic.schema import put_templates
from embedded.services import Addresses
from jobs import erase, export, prune
from jobs.maintenance.removal import count, find, remove
from jobs.streaming.archive import write_archive
from tests.integration.pipeline import delete_documents

pytestmark = pytest.mark.integration

LONG_AGO = datetime(2020, 1, 15, tzinfo=UTC)
NOW = datetime.now(UTC)
FAMILIES = (OBSERVATIONS, PREDICTIONS, LATEST, ALERT_EVENTS, ALERTS, PATIENT_RULES, REJECTED)
Where = dict[str, set[str]]


@pytest.fixture
def client(services: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elasticsearch:
    """Return an Elasticsearch with templates and no documents, which the commands find through the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", str(services.elasticsearch_url))
    client = connect(Settings(elasticsearch_url=str(services.elasticsearch_url)))
    delete_documents(client)
    put_templates(client)
    return client


def put(client: Elasticsearch, index: str, id_: str, instant: datetime, **fields: Any) -> None:
    client.index(index=index, id=id_, document={"@timestamp": instant.isoformat(), **fields})


def put_alert(client: Elasticsearch, patient_id: str, at: datetime) -> None:
    """Store an alert of a crisis at that time, and limits that were set for the patient then."""
    (episode,) = lifecycle.fold(AlertKind.MEASURED, [Finding(at, CRITICAL_RANK, systolic=190, diastolic=110)], [])
    alert = to_document(patient_id, episode, lifecycle.USUAL)
    client.index(index=ALERTS, id=patient_id, document=alert)
    limits = {"patient_id": patient_id, "systolic_from": 170.0, "by": "anne", "changed_at": at.isoformat()}
    client.index(index=PATIENT_RULES, id=patient_id, document=limits)


def of_month(family: str, instant: datetime) -> str:
    return f"{family}-{instant:%Y.%m}"


def fill(client: Elasticsearch, tmp_path: Path) -> None:
    """Store something of each kind that is past retention and something that is not, of two patients."""
    for instant, patient in ((LONG_AGO, "p-1"), (NOW, "p-2")):
        for family in (OBSERVATIONS, PREDICTIONS):
            put(client, of_month(family, instant), patient, instant, patient_id=patient)
        for index in (LATEST, ALERT_EVENTS):
            put(client, index, patient, instant, patient_id=patient)
        put_alert(client, patient, instant)
        put(client, REJECTED, patient, instant, payload=f'{{"subject":{{"reference":"Patient/{patient}"}}}}')
        document = {"@timestamp": instant.isoformat(), "patient_id": patient, "systolic": 128.0, "flags": []}
        write_archive(tmp_path / "data", 0, patient, [document])
    client.indices.refresh(index=ALL_INDICES)


def stored(client: Elasticsearch) -> Where:
    """Return the ids of all documents by family, through the aliases."""
    client.indices.refresh(index=ALL_INDICES)
    answers = {family: client.search(index=family, ignore_unavailable=True, size=100) for family in FAMILIES}
    return {family: {hit["_id"] for hit in answer["hits"]["hits"]} for family, answer in answers.items()}


def archived(tmp_path: Path) -> set[str]:
    return {path.stem.removeprefix("batch-00000000-") for path in tmp_path.rglob("*.csv")}


def everywhere(*ids: str) -> Where:
    return {family: set(ids) for family in FAMILIES}


def test_what_the_canary_left_goes_after_a_day_and_nothing_of_patients_of_that_age(client: Elasticsearch) -> None:
    two_days_ago = NOW - timedelta(days=2)
    for patient, instant in (("canary-1", two_days_ago), ("canary-2", NOW), ("p-1", two_days_ago)):
        for family in (OBSERVATIONS, PREDICTIONS):
            put(client, of_month(family, instant), patient, instant, patient_id=patient)
        put(client, ALERT_EVENTS, patient, instant, patient_id=patient)
        put_alert(client, patient, instant)
    client.indices.refresh(index=ALL_INDICES)
    assert prune.main(["--delete"]) == EXIT_OK
    left = stored(client)
    assert all(left[family] == {"canary-2", "p-1"} for family in (OBSERVATIONS, PREDICTIONS, ALERT_EVENTS, ALERTS))


def test_prune_shows_first_and_then_deletes_what_is_past_and_nothing_else(
    client: Elasticsearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(client, tmp_path)
    recent = datetime.now(UTC) - timedelta(days=400)  # as old as a reading may be: its month stays, its reject goes
    put(client, of_month(OBSERVATIONS, recent), "p-3", recent, patient_id="p-3")
    put(client, REJECTED, "p-3", recent, payload=None)
    put(client, f"{OBSERVATIONS}-restored", "copy", LONG_AGO, patient_id="p-1")  # not a name of ours
    client.indices.refresh(index=ALL_INDICES)
    before = stored(client)

    # 1. without --delete nothing changes
    assert prune.main(["--archive"]) == EXIT_OK
    shown = capsys.readouterr().out
    assert all(f"{family}-2020.01" in shown for family in (OBSERVATIONS, PREDICTIONS))
    assert "day=2020-01-15" in shown
    assert "Add --delete" in shown
    assert (stored(client), archived(tmp_path)) == (before, {"p-1", "p-2"})
    # 2. with it, what is past goes; the archive stays unless it is meant, too
    assert prune.main(["--delete"]) == EXIT_OK
    shown = capsys.readouterr().out
    assert f"deleted {OBSERVATIONS}-2020.01 (1 documents)" in shown
    assert f"deleted 2 documents of {REJECTED}" in shown
    limits_stay = {PATIENT_RULES: {"p-1", "p-2"}}
    assert stored(client) == everywhere("p-2") | limits_stay | {OBSERVATIONS: {"p-2", "p-3", "copy"}}
    assert not client.indices.exists(index=f"{OBSERVATIONS}-2020.01")
    assert archived(tmp_path) == {"p-1", "p-2"}
    assert prune.main(["--archive", "--delete"]) == EXIT_OK
    assert "deleted observations/day=2020-01-15" in capsys.readouterr().out
    assert archived(tmp_path) == {"p-2"}
    # 3. again there is nothing to do
    assert prune.main(["--archive", "--delete"]) == EXIT_OK
    assert capsys.readouterr().out == "Nothing is past retention.\n"


def test_prune_of_an_empty_elasticsearch_has_nothing_to_do(
    client: Elasticsearch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stored(client) == everywhere()
    assert prune.main(["--delete"]) == EXIT_OK
    assert capsys.readouterr().out == "Nothing is past retention.\n"


def test_documents_are_found_page_by_page_and_those_written_since_are_not_removed(client: Elasticsearch) -> None:
    for number in range(5):
        put(client, REJECTED, f"{number}", LONG_AGO, reason="DUPLICATE")
    client.indices.refresh(index=REJECTED)
    everything: dict[str, Any] = {"match_all": {}}

    pages = list(find(client, REJECTED, everything, ("reason",), page_size=2))
    put(client, REJECTED, "1", NOW, reason="written since")
    client.delete(index=REJECTED, id="2")
    removed = [remove(client, page) for page in pages]
    client.indices.refresh(index=REJECTED)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert {hit.source["reason"] for page in pages for hit in page} == {"DUPLICATE"}
    assert removed == [1, 1, 1]
    assert count(client, REJECTED, everything) == 1
    assert client.get(index=REJECTED, id="1")["_source"]["reason"] == "written since"


def test_erasure_shows_first_and_then_deletes_one_patient_everywhere(
    client: Elasticsearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(client, tmp_path)
    put(client, of_month(OBSERVATIONS, NOW), "p-1 now", NOW, patient_id="p-1")  # not yet visible to searches
    put(client, of_month(OBSERVATIONS, NOW), "p-10", NOW, patient_id="p-10")

    # 1. without --delete nothing changes
    assert erase.main(["--patient", "p-1", "--archive"]) == EXIT_OK
    assert "Add --delete" in capsys.readouterr().out
    assert stored(client) == everywhere("p-1", "p-2") | {OBSERVATIONS: {"p-1", "p-1 now", "p-2", "p-10"}}
    # 2. with it the patient goes, and what is out of reach is told
    assert erase.main(["--patient", "p-1", "--archive", "--delete"]) == EXIT_OK
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("Deleted.", "Kafka's topic blood-pressure-data", "checkpoint", "audit"))
    assert stored(client) == everywhere("p-2") | {OBSERVATIONS: {"p-2", "p-10"}}
    assert archived(tmp_path) == {"p-2"}
    # 3. again it finds nothing
    assert erase.main(["--patient", "p-1", "--archive", "--delete"]) == EXIT_OK
    assert stored(client) == everywhere("p-2") | {OBSERVATIONS: {"p-2", "p-10"}}


def test_an_export_holds_the_readings_asked_for_oldest_first_and_none_that_was_retracted(
    client: Elasticsearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [NOW - timedelta(hours=hours) for hours in range(6)]
    for number, instant in enumerate(times):
        index, status = of_month(OBSERVATIONS, instant), "entered-in-error" if number == 3 else "final"
        put(client, index, f"p-1|{number}", instant, patient_id="p-1", systolic=120.0 + number, status=status, flags=[])
    put(client, of_month(OBSERVATIONS, NOW), "p-2|0", NOW, patient_id="p-2", systolic=199.0, flags=[])
    client.indices.refresh(index=ALL_INDICES)
    monkeypatch.setattr(export, "PAGE_SIZE", 2)

    since = (times[4] - timedelta(minutes=1)).isoformat()
    ended = export.main(["--csv", str(tmp_path / "p-1.csv"), "--patient", "p-1", "--since", since])

    lines = (tmp_path / "p-1.csv").read_text().splitlines()
    column = lines[0].split(",").index("systolic")
    assert ended == EXIT_OK
    assert [line.split(",")[column] for line in lines[1:]] == ["124.0", "122.0", "121.0", "120.0"]
