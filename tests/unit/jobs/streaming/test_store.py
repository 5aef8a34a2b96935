"""Every entry ends in exactly one place: observations, rejected, or the count of what is ignored."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conf.settings import Settings
from elastic.bulk import DocumentRefusedError
from elastic.names import OBSERVATIONS, REJECTED
from fhir.readings import IntakeRules
from jobs.streaming.progress import add_up
from jobs.streaming.rejects import payload_text
from jobs.streaming.source import MESSAGE_COLUMNS, STORED_PAYLOAD_BYTES, Message
from jobs.streaming.store import IngestBatch, store_partition
from jobs.streaming.window_state import pack_messages
from tests.support.factories import bundle, code, heart_rate_observation, observation, payload, without
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.ingesting import store_batch
from tests.support.messages import OBSERVATIONS_OF_MARCH, RECEIVED_US, message, raw_message

Ingest = Callable[..., Counter[str]]
ID = "p-1|1772349300000000"


def batch_of(settings: Settings, batch_id: int = 0) -> IngestBatch:
    return IngestBatch(settings, IntakeRules(), batch_id, "2026-03-01T12:00:01.000Z")


@pytest.fixture
def ingest(client: Elasticsearch, settings: Settings) -> Ingest:
    """Store the messages of one micro-batch; answer where its entries ended, without zeros."""

    def store(*messages: Message, batch_id: int = 0) -> Counter[str]:
        counts = store_batch(client, messages, batch_of(settings, batch_id))
        told = {name: count for name, count in counts.items() if count and not name.endswith("_ms")}
        return Counter({name: count for name, count in told.items() if not name.startswith("revis")})

    return store


def archived(settings: Settings) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for path in sorted(settings.data_dir.glob("observations/*/*")):
        with path.open(newline="", encoding="utf-8") as file:
            rows.extend(csv.DictReader(file))
    return rows


def standing(rows: list[dict[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the last line of each patient and instant."""
    return {(row["patient_id"], row["@timestamp"]): row for row in rows}


def test_reading_is_stored_at_its_instant_in_the_month_of_the_event(ingest: Ingest, fake: FakeElasticsearch) -> None:
    counts = ingest(message(observation(), 10))
    stored = fake.documents[OBSERVATIONS_OF_MARCH, ID]
    assert (stored["systolic"], stored["source_offset"], stored["source_topic"]) == (128, 10, "topic")
    assert stored["ingested_at"] == "2026-03-01T12:00:01.000Z"
    assert counts == {"messages": 1, "readings": 1}


def test_common_batch_is_one_request(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(*(message(observation(subject={"reference": f"Patient/p-{n}"}), n) for n in range(100)))
    assert fake.requests == {"_bulk": 1}
    assert len(fake.stored(OBSERVATIONS)) == 100


@pytest.mark.parametrize(("systolic", "at_once"), [(178, set()), (184, {ID})])
def test_a_crisis_can_be_found_at_once_and_nothing_else_is_hurried(
    ingest: Ingest, fake: FakeElasticsearch, systolic: float, at_once: set[str]
) -> None:
    ingest(message(observation(systolic=systolic), 10))
    assert {id_ for _, id_ in fake.searchable} == at_once


def test_a_crisis_does_not_wait_for_what_has_arrived_beside_it(ingest: Ingest, fake: FakeElasticsearch) -> None:
    others = [message(observation(subject={"reference": f"Patient/p-{n}"}), n) for n in range(2, 100)]
    ingest(*others, message(observation(systolic=204), 100))
    assert {id_ for _, id_ in fake.searchable} == {ID}
    assert len(fake.stored(OBSERVATIONS)) == 99


def test_a_refused_message_that_sounds_like_a_crisis_can_be_found_at_once(
    ingest: Ingest, fake: FakeElasticsearch
) -> None:
    ingest(message(without(observation(systolic=212), "subject"), 10))
    assert {id_ for _, id_ in fake.searchable} == {"topic-0-10"}


def test_resent_reading_is_refused_as_a_duplicate_with_its_payload(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(message(observation(), 10))
    counts = ingest(message(observation(id="resent"), 11))
    assert counts == {"messages": 1, "rejected": 1, "rejected.DUPLICATE": 1}
    assert len(fake.stored(OBSERVATIONS)) == 1
    refused = fake.stored(REJECTED)["topic-0-11"]
    assert refused["reason"] == "DUPLICATE"
    assert json.loads(refused["payload"])["id"] == "resent"


def test_duplicate_within_one_micro_batch_is_found_as_well(ingest: Ingest, fake: FakeElasticsearch) -> None:
    counts = ingest(message(observation(), 10), message(observation(), 11))
    assert (counts["readings"], counts["rejected.DUPLICATE"]) == (1, 1)
    assert set(fake.stored(REJECTED)) == {"topic-0-11"}


def test_correction_takes_the_place_of_what_is_stored(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(message(observation(), 10))
    counts = ingest(message(observation(status="corrected", systolic=140), 11))
    (stored,) = fake.stored(OBSERVATIONS).values()
    assert (stored["systolic"], stored["status"], stored["merged_from"]) == (140, "corrected", ["0-10"])
    assert counts == {"messages": 1, "readings": 1}


def test_heart_rate_of_a_later_micro_batch_joins_its_pressures(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(message(observation(), 10))
    ingest(message(heart_rate_observation(71), 11))
    (stored,) = fake.stored(OBSERVATIONS).values()
    assert (stored["systolic"], stored["heart_rate"]) == (128, 71)


def test_retracted_reading_is_marked_and_its_retraction_refused(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(message(observation(), 10))
    counts = ingest(message(observation(status="entered-in-error"), 11))
    assert fake.stored(OBSERVATIONS)[ID]["status"] == "entered-in-error"
    assert counts == {"messages": 1, "rejected": 1, "rejected.STATUS_ENTERED_IN_ERROR": 1}


def test_retraction_at_the_end_of_the_calendar_takes_its_reading_back_and_costs_no_other(
    ingest: Ingest, fake: FakeElasticsearch
) -> None:
    ingest(message(observation(), 10))
    other = observation(id="bp-2", subject={"reference": "Patient/p-2"})
    sentinel = observation(status="entered-in-error", effectiveDateTime="9999-12-31T23:59:59-05:00")
    ingest(message(sentinel, 11), message(other, 12))
    assert {index for index, _ in fake.documents} == {OBSERVATIONS_OF_MARCH, REJECTED}
    statuses = {document["patient_id"]: document["status"] for document in fake.stored(OBSERVATIONS).values()}
    assert statuses == {"p-1": "entered-in-error", "p-2": "final"}
    assert fake.stored(REJECTED)["topic-0-11"]["reason"] == "STATUS_ENTERED_IN_ERROR"


@pytest.mark.parametrize("content", [payload(observation()), b"{"])
@pytest.mark.parametrize("received_ms", [-1, 0, 1_795_946_400, 1_795_946_400_000_000, 2**53])
def test_dead_letter_without_a_usable_record_time_is_dated_by_its_ingestion(
    ingest: Ingest, fake: FakeElasticsearch, content: bytes, received_ms: int
) -> None:
    other = observation(id="bp-2", subject={"reference": "Patient/p-2"})
    ingest(raw_message(content, 10, received_us=received_ms * 1000), message(other, 11))
    assert fake.stored(REJECTED)["topic-0-10"]["@timestamp"] == "2026-03-01T12:00:01.000Z"
    assert [document["patient_id"] for document in fake.stored(OBSERVATIONS).values()] == ["p-2"]


record_times_us = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-1000, 0, RECEIVED_US, 2**53 * 1000])
zones = st.integers(-13 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
effective_times = (
    st.sampled_from(["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00", "2106-02-07T06:28:15Z"])
    | st.datetimes(timezones=zones).map(datetime.isoformat)  # year 1 to 9999, beyond them in UTC
    | st.text("0123456789-:.TZ+", max_size=30)
)


@given(
    received_us=record_times_us,
    effective=effective_times,
    status=st.sampled_from(["final", "corrected", "entered-in-error"]),
    max_age_days=st.sampled_from([0, 400]),
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_time_whatever_stops_the_intake(
    ingest: Ingest, fake: FakeElasticsearch, received_us: int, effective: str, status: str, max_age_days: int
) -> None:
    """Every message ends in one place, every document in a month of the calendar, every entry within the state."""
    fake.documents.clear()
    content = payload(observation(status=status, effectiveDateTime=effective))
    any_time = raw_message(content, received_us=received_us, max_age_days=max_age_days)
    counts = ingest(any_time)
    assert counts["readings"] + counts["rejected"] == 1
    for index, document in ((index, document) for (index, _), document in fake.documents.items()):
        year = datetime.fromisoformat(document["@timestamp"]).year
        assert 1971 <= year <= 2099
        assert index in (REJECTED, f"{OBSERVATIONS}-{document['@timestamp'][:7].replace('-', '.')}")
    assert all(order > 0 for order in pack_messages([any_time]).column("state_order").to_pylist())


def mixed() -> list[Message]:
    """Return a batch in which something of everything happens."""
    second = observation(id="bp-2", effectiveDateTime="2026-03-01T08:30:00+01:00")
    return [
        message(observation(), 10),
        message(observation(), 11),
        message(heart_rate_observation(71), 12),
        message(bundle(second, observation(id="bp-3", status="cancelled"), {"resourceType": "Patient"}), 13),
        message(observation(status="amended", systolic=140), 14),
        raw_message(b"{", 15),
        raw_message(None, 16),
        message({**second, "status": "entered-in-error"}, 17),
        message(without(observation(id="bp-1", status="entered-in-error"), "effectiveDateTime"), 18),
        message(observation(id="bp-9", effectiveDateTime="2026-02-28T23:30:00Z"), 19),
    ]


def test_every_entry_ends_in_exactly_one_count(ingest: Ingest) -> None:
    counts = ingest(*mixed())
    assert counts["messages"] == 10
    assert (counts["readings"], counts["rejected"], counts["ignored"]) == (5, 6, 1)
    assert counts["rejected"] == sum(count for name, count in counts.items() if name.startswith("rejected."))


def test_repeated_micro_batch_stores_and_counts_the_same(ingest: Ingest, fake: FakeElasticsearch) -> None:
    first = ingest(*mixed())
    documents = dict(fake.documents)
    assert ingest(*mixed()) == first
    assert fake.documents == documents


def test_repeated_micro_batch_archives_the_same(ingest: Ingest, settings: Settings) -> None:
    ingest(*mixed())
    lines = archived(settings)
    ingest(*mixed())
    assert standing(archived(settings)) == standing(lines)
    assert len(standing(lines)) == 3


def test_reading_retracted_by_its_id_in_its_own_micro_batch_is_archived_as_retracted(
    ingest: Ingest, settings: Settings
) -> None:
    by_id_alone = without(observation(status="entered-in-error"), "effectiveDateTime")
    ingest(message(observation(), 10), message(by_id_alone, 11))
    (row,) = standing(archived(settings)).values()
    assert (row["status"], row["systolic"]) == ("entered-in-error", "128")


def test_end_does_not_depend_on_where_micro_batches_are_cut(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(*mixed())
    whole = dict(fake.documents)
    fake.documents.clear()
    for number, sent in enumerate(mixed()):
        ingest(sent, batch_id=number)
    assert fake.documents == whole


def test_create_whose_answer_was_lost_is_neither_doubled_nor_refused(ingest: Ingest, fake: FakeElasticsearch) -> None:
    fake.answers_lost = 1
    counts = ingest(message(observation(), 10), message(observation(id="b", subject={"reference": "Patient/p-2"}), 11))
    assert counts == {"messages": 2, "readings": 2}
    assert len(fake.stored(OBSERVATIONS)) == 2
    assert not fake.stored(REJECTED)


def test_document_that_the_account_may_not_write_stops_the_batch_by_name(
    ingest: Ingest, fake: FakeElasticsearch
) -> None:
    fake.item_faults = {ID: [403]}
    with pytest.raises(DocumentRefusedError, match=r"p-1\|1772349300000000"):
        ingest(message(observation(), 10))


def test_stored_observations_are_archived_as_they_stand(ingest: Ingest, settings: Settings) -> None:
    ingest(message(observation(), 10), message(heart_rate_observation(71), 11))
    (row,) = archived(settings)
    assert (row["systolic"], row["heart_rate"], row["source_offset"]) == ("128", "71", "10")


def test_duplicates_and_rejects_are_not_archived(ingest: Ingest, settings: Settings) -> None:
    ingest(message(observation(), 10))
    ingest(message(observation(), 11), raw_message(b"{", 12), batch_id=1)
    assert len(archived(settings)) == 1


def test_interrupted_micro_batch_archives_again_what_it_had_written(
    ingest: Ingest, settings: Settings, fake: FakeElasticsearch
) -> None:
    ingest(message(observation(), 10))
    for path in settings.data_dir.glob("observations/*/*"):
        path.unlink()
    ingest(message(observation(), 10))
    assert [row["source_offset"] for row in archived(settings)] == ["10"]
    assert len(fake.stored(OBSERVATIONS)) == 1


def test_payload_is_kept_with_the_first_refused_entry_whatever_the_order_of_the_instants(
    ingest: Ingest, fake: FakeElasticsearch
) -> None:
    early, late = "2026-03-01T08:00:00+01:00", "2026-03-01T09:00:00+01:00"
    sent = [observation(id=at[11:13], effectiveDateTime=at) for at in (early, late)]
    ingest(message(sent[0], 10), message(sent[1], 11), message(bundle(*reversed(sent)), 12))

    kept = {id_: document["payload"] is not None for id_, document in fake.stored(REJECTED).items()}
    assert kept == {"topic-0-12-0": True, "topic-0-12-1": False}


def test_bundle_keeps_its_payload_once_and_names_the_entries(ingest: Ingest, fake: FakeElasticsearch) -> None:
    cancelled = [observation(id=f"bp-{number}", status="cancelled") for number in range(3)]
    ingest(message(bundle(*cancelled), 10))
    refused = fake.stored(REJECTED)
    assert set(refused) == {"topic-0-10-0", "topic-0-10-1", "topic-0-10-2"}
    assert [document["source_entry"] for document in refused.values()] == [0, 1, 2]
    assert [document["payload"] is None for document in refused.values()] == [False, True, True]


def test_duplicates_of_one_bundle_do_not_hide_each_other(ingest: Ingest, fake: FakeElasticsearch) -> None:
    other = observation(id="bp-2", subject={"reference": "Patient/p-2"})
    ingest(message(bundle(observation(), other), 10))
    counts = ingest(message(bundle(observation(), other), 11))
    assert counts["rejected.DUPLICATE"] == 2
    assert set(fake.stored(REJECTED)) == {"topic-0-11-0", "topic-0-11-1"}


def test_rejected_document_tells_reason_place_and_record_time(ingest: Ingest, fake: FakeElasticsearch) -> None:
    ingest(raw_message(b"{", 15, partition=3))
    (refused,) = fake.stored(REJECTED).values()
    assert (refused["reason"], refused["payload"], refused["source_entry"]) == ("MALFORMED_JSON", "{", None)
    assert (refused["source_topic"], refused["source_partition"], refused["source_offset"]) == ("topic", 3, 15)
    assert refused["@timestamp"] == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, None),
        (b"", ""),
        ("Zoë".encode(), "Zoë"),
        (b"\xff{", "\\xff{"),
        (b"x" * (STORED_PAYLOAD_BYTES + 1), "x" * STORED_PAYLOAD_BYTES),
        (b"x" * (STORED_PAYLOAD_BYTES - 1) + "é".encode(), "x" * (STORED_PAYLOAD_BYTES - 1) + "\\xc3"),
    ],
)
def test_payload_is_kept_as_text_whatever_its_bytes(content: bytes | None, text: str | None) -> None:
    assert payload_text(content) == text


def test_messages_without_entries_write_nothing(ingest: Ingest, fake: FakeElasticsearch, settings: Settings) -> None:
    temperature = heart_rate_observation(37, code=code("8310-5"))
    assert ingest(message(temperature, 10)) == {"messages": 1, "ignored": 1}
    assert not fake.documents
    assert not archived(settings)


def test_task_adds_up_its_arrow_batches_in_one_row(client: Elasticsearch, settings: Settings) -> None:
    def rows(offset: int, content: bytes) -> pa.RecordBatch:
        columns: list[Any] = [[0], [offset], [RECEIVED_US], [len(content)], pa.array([content], pa.binary())]
        return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], names=list(MESSAGE_COLUMNS))

    assert client
    task = store_partition(iter([rows(10, payload(observation())), rows(11, b"{")]), batch_of(settings))
    (row,) = [text for outcome in task for text in outcome.column("counts").to_pylist()]
    counts = add_up([row])
    assert (counts["messages"], counts["readings"], counts["rejected"]) == (2, 1, 1)
