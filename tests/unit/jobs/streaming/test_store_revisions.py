"""Retractions and corrections that have to be searched for."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import Elasticsearch

from conf.settings import Settings
from elastic.client import SinkUnavailableError
from elastic.names import LATEST, OBSERVATIONS
from fhir.readings import IntakeRules
from jobs.streaming import revisions
from jobs.streaming.revisions import apply_revisions, revisions_of
from jobs.streaming.source import Message
from jobs.streaming.standing import Document
from jobs.streaming.store import IngestBatch
from tests.support.factories import bundle, half_observation, heart_rate_observation, observation, without
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.ingesting import store_batch
from tests.support.messages import message

FAMILY = OBSERVATIONS
LATER = "2026-03-01T09:00:00+01:00"


@pytest.fixture
def ingest(fake: FakeElasticsearch, client: Elasticsearch, settings: Settings) -> Any:
    """Store the messages of one micro-batch; answer what is stored then."""

    def store(*messages: Message) -> list[Document]:
        store_batch(client, messages, IngestBatch(settings, IntakeRules(), 0, "2026-03-01T12:00:00.000Z"))
        return sorted(fake.stored(FAMILY).values(), key=lambda document: str(document["@timestamp"]))

    return store


def by_id_alone(offset: int = 20, **changes: Any) -> Message:
    """Return a retraction that does not say when the reading was taken."""
    return message(without(observation(status="entered-in-error", **changes), "effectiveDateTime"), offset)


def moved(offset: int = 20, **changes: Any) -> Message:
    """Return a correction of the time, 45 minutes later."""
    return message(observation(status="corrected", effectiveDateTime=LATER, **changes), offset)


def test_retraction_without_a_time_finds_its_observation(ingest: Any) -> None:
    ingest(message(observation(), 10))
    (stored,) = ingest(by_id_alone())
    assert (stored["status"], stored["systolic"]) == ("entered-in-error", 128)


def test_retraction_finds_an_observation_of_its_own_micro_batch(ingest: Any) -> None:
    """What was just written is not yet visible to a search: only after a refresh."""
    (stored,) = ingest(message(observation(), 10), by_id_alone())
    assert stored["status"] == "entered-in-error"


def test_reading_retracted_without_a_time_does_not_come_back_under_its_id(ingest: Any) -> None:
    ingest(message(observation(), 10))
    ingest(by_id_alone(20))
    (stored,) = ingest(message(observation(), 30))
    assert stored["status"] == "entered-in-error"


def test_retraction_touches_no_other_ids(ingest: Any) -> None:
    ingest(message(observation(id="other"), 10))
    assert {document["status"] for document in ingest(by_id_alone())} == {"final"}


def test_retraction_reaches_what_another_partition_has_written_in_the_same_micro_batch(ingest: Any) -> None:
    (stored,) = ingest(message(observation(), 30), by_id_alone(20))
    assert stored["status"] == "entered-in-error"


MOVED = [("2026-03-01T07:15:00.000Z", "entered-in-error"), ("2026-03-01T08:00:00.000Z", "corrected")]


def statuses(stored: list[Document]) -> list[tuple[str, str]]:
    return [(document["@timestamp"], document["status"]) for document in stored]


def test_correction_of_the_time_leaves_no_reading_at_the_old_instant(ingest: Any) -> None:
    ingest(message(observation(), 10))
    assert statuses(ingest(moved())) == MOVED


@pytest.mark.parametrize("together", [True, False])
def test_resend_of_a_reading_that_was_moved_does_not_come_back_at_the_old_instant(ingest: Any, together: bool) -> None:
    batch = [message(observation(), 10), moved(20), message(observation(), 30)]
    for messages in [batch] if together else [[sent] for sent in batch]:
        stored = ingest(*messages)
    assert statuses(stored) == MOVED


def test_reading_that_is_moved_back_stands_again(ingest: Any) -> None:
    back = message(observation(status="corrected"), 30)
    ingest(message(observation(), 10), moved(20), back)
    assert [status for _, status in statuses(ingest(back))] == ["corrected", "entered-in-error"]


def test_retraction_without_a_time_finds_a_reading_that_another_one_has_replaced(ingest: Any) -> None:
    """Else the document would fall back to it."""
    ingest(message(observation(), 10), message(observation(id="bp-2", systolic=150), 11))
    ingest(by_id_alone(20))
    (stored,) = ingest(by_id_alone(21, id="bp-2"))
    assert stored["status"] == "entered-in-error"


def test_retraction_without_a_time_finds_a_joined_heart_rate(ingest: Any) -> None:
    ingest(message(observation(), 10), message(heart_rate_observation(71), 11))
    (stored,) = ingest(by_id_alone(20, id="hr-1"))
    assert (stored["status"], stored["systolic"], "heart_rate" in stored) == ("final", 128, False)


OTHER: dict[str, Any] = {"subject": {"reference": "Patient/p-2"}}


@pytest.mark.parametrize("change", [{"status": "corrected"}, {"meta": {"versionId": "2"}}, {"status": "cancelled"}])
def test_correction_to_another_patient_leaves_no_reading_with_the_first(ingest: Any, change: Any) -> None:
    ingest(message(observation(), 10))
    stored = {document["patient_id"]: document for document in ingest(message(observation(**OTHER, **change), 20))}
    assert stored["p-1"]["status"] == "entered-in-error"
    assert ["withdrawn_at" in stored[patient] for patient in ("p-1", "p-2")] == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "corrected", "effectiveDateTime": LATER},
        {"meta": {"versionId": "2"}, "effectiveDateTime": LATER},
        {"meta": {"lastUpdated": "2026-03-01T09:00:00Z"}, "effectiveDateTime": LATER},
        {"status": "cancelled", "effectiveDateTime": LATER},
        {"status": "entered-in-error"},
        {"status": "entered-in-error", "effectiveDateTime": None},
    ],
)
def test_equal_id_of_another_patient_is_another_observation_unless_it_keeps_the_instant(
    ingest: Any, change: Any
) -> None:
    """Devices number their readings: the 17th of one patient says nothing of the 17th of another."""
    ingest(message(observation(), 10))
    stored = ingest(message(observation(**OTHER, **change), 20))
    assert [document["status"] for document in stored if document["patient_id"] == "p-1"] == ["final"]


def test_observation_that_is_always_sent_under_one_id_is_noted_once_where_it_stood(
    ingest: Any, fake: FakeElasticsearch
) -> None:
    """Each version replaces the one before; else every message would rewrite all documents before it."""
    for number in range(2, 12):
        taken = f"2026-03-01T08:{10 + number}:00+01:00"
        before = fake.requests["_bulk"]
        changes: dict[str, Any] = {"meta": {"versionId": str(number)}, "effectiveDateTime": taken}
        stored = ingest(message(observation(systolic=100 + number, **changes), number))
        assert fake.requests["_bulk"] - before <= 2
    assert [document["status"] for document in stored] == ["entered-in-error"] * 9 + ["final"]
    assert [len(document.get("merged", ())) for document in stored[:-1]] == [2] * 9


def test_correction_in_its_place_keeps_its_document(ingest: Any) -> None:
    ingest(message(observation(), 10))
    (stored,) = ingest(message(observation(status="amended", systolic=140), 20))
    assert stored["systolic"] == 140


def test_correction_of_what_was_retracted_for_good_stands_nowhere(ingest: Any) -> None:
    ingest(message(observation(), 10), by_id_alone(11))
    assert [document["status"] for document in ingest(moved())] == ["entered-in-error"] * 2


@pytest.mark.parametrize("together", [True, False])
def test_moved_and_then_retracted_reading_stands_nowhere(ingest: Any, together: bool) -> None:
    batches = [[message(observation(), 10), moved(20), by_id_alone(30)]]
    if not together:
        batches = [[sent] for sent in batches[0]]
    for batch in batches:
        stored = ingest(*batch)
    assert [status for _, status in statuses(stored)] == ["entered-in-error"] * 2


@pytest.mark.parametrize("revision", [by_id_alone, moved])
def test_repeated_micro_batch_changes_nothing(ingest: Any, revision: Any) -> None:
    batch = [message(observation(), 10), revision(20)]
    assert ingest(*batch) == ingest(*batch)


def test_common_batch_costs_neither_refresh_nor_search(ingest: Any, fake: FakeElasticsearch) -> None:
    ingest(message(observation(), 10))
    assert set(fake.requests) == {"_bulk"}


def test_many_ids_are_searched_in_bounded_questions(
    ingest: Any, fake: FakeElasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "SEARCH_IDS", 2)
    minutes = range(10, 15)
    for minute in minutes:
        taken = f"2026-03-01T08:{minute}:00+01:00"
        ingest(message(observation(id=f"bp-{minute}", effectiveDateTime=taken), minute))
    stored = ingest(*(by_id_alone(minute + 10, id=f"bp-{minute}") for minute in minutes))
    assert [document["status"] for document in stored] == ["entered-in-error"] * 5
    assert fake.requests["_search"] == 3


def test_search_while_elasticsearch_is_away_is_asked_again(
    ingest: Any, fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    ingest(message(observation(), 10))
    fake.request_faults = [503, 429]
    apply_revisions(client, list(revisions_of(by_id_alone())), "2026-03-01T12:00:00.000Z")
    assert [document["status"] for document in fake.stored(FAMILY).values()] == ["entered-in-error"]


def test_search_that_lacks_a_shard_is_never_taken_for_an_answer(
    ingest: Any, fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    """Elasticsearch answers with what the other shards hold unless it is told not to: a retraction would be lost."""
    ingest(message(observation(), 10))
    fake.search_faults = 2
    apply_revisions(client, list(revisions_of(by_id_alone())), "2026-03-01T12:00:00.000Z")
    assert [document["status"] for document in fake.stored(FAMILY).values()] == ["entered-in-error"]
    fake.search_faults = 100
    with pytest.raises(SinkUnavailableError):
        apply_revisions(client, list(revisions_of(by_id_alone())), "2026-03-01T12:00:00.000Z")


def test_correction_that_an_earlier_release_stored_without_its_version_is_not_taken_back_by_itself(
    ingest: Any, fake: FakeElasticsearch
) -> None:
    correction = message(observation(status="corrected", meta={"versionId": "2"}), 20)
    (stored,) = ingest(message(observation(), 10), correction)
    ((index, id_),) = [key for key in fake.documents if key[0].startswith(FAMILY)]
    before = {name: value for name, value in stored.items() if name not in ("version", "merged", "merged_ids")}
    fake.documents[index, id_] = before
    assert ingest(message(observation(), 10), correction) == [before]


def test_deletion_in_the_message_of_the_reading_itself_takes_it_back(ingest: Any) -> None:
    entry = {"request": {"method": "DELETE", "url": "Observation/bp-1"}, "response": {"status": "204"}}
    history = bundle({**observation()}, kind="history")
    history["entry"] = [entry, *({**told, "response": {"status": "201"}} for told in history["entry"])]
    (stored,) = ingest(message(history, 10))
    assert stored["status"] == "entered-in-error"


@pytest.mark.parametrize("arrival", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_of_versions_at_three_instants_only_the_newest_stands(ingest: Any, arrival: Any, together: bool) -> None:
    """Unless the first version comes last, in a micro-batch of its own: it is not looked for (docs/architecture.md)."""
    versions = [
        observation(meta={"versionId": str(number + 2)}, effectiveDateTime=f"2026-03-01T08:{10 + number}:00+01:00")
        for number in range(3)
    ]
    sent = [message(versions[number], 10 + place) for place, number in enumerate(arrival)]
    for batch in [sent] if together else [[each] for each in sent]:
        stored = ingest(*batch)
    assert [document["version_id"] for document in stored if document["status"] == "final"] == ["4"]


@pytest.mark.parametrize("half", ["8480-6", "8462-4"])
@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "amended"])
def test_half_that_is_taken_back_takes_its_pair_along(ingest: Any, half: str, status: str) -> None:
    pair = bundle(half_observation("8480-6", 128), half_observation("8462-4", 82))
    ingest(message(pair, 10))
    (stored,) = ingest(message(half_observation(half, 99, status=status), 11))
    assert stored["status"] == "entered-in-error"


def test_latest_prediction_of_a_withdrawn_reading_is_deleted_and_others_stay(
    ingest: Any, fake: FakeElasticsearch
) -> None:
    ingest(message(observation(), 10))
    predicted = {"systolic": 128.0, "diastolic": 82.0, "patient_id": "p-1"}
    for at, left in (("2026-03-01T06:00:00.000Z", 1), ("2026-03-01T07:15:00.000Z", 0)):
        fake.documents[LATEST, "p-1"] = predicted | {"@timestamp": at}
        ingest(message(observation(status="corrected", **OTHER), 20))
        assert len(fake.stored(LATEST)) == left
