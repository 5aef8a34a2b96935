"""Whatever makes our code raise, at whatever step, costs the message it comes from, or the patient, and no other."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch

from conf.settings import Settings
from conf.times import DAY_US, SECOND_US
from elastic.bulk import DocumentRefusedError
from elastic.client import SinkUnavailableError
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, REJECTED
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Reject
from fhir.reasons import Reason
from jobs.streaming.predict import ScoreBatch, pack_or_refuse, score_partition
from jobs.streaming.progress import add_up
from jobs.streaming.rejects import write_rejects
from jobs.streaming.source import Message
from jobs.streaming.store import IngestBatch
from jobs.streaming.withdrawals import by_patient
from tests.support.arrivals import START_US, Patient
from tests.support.bundles import make_bundle
from tests.support.factories import observation, payload, without
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.ingesting import store_batch
from tests.support.messages import OBSERVATIONS_OF_MARCH, RECEIVED_US, message, raw_message

BAD = "p-bad"
INGESTED_AT = "2026-03-01T12:00:01.000Z"
SCORED_US = START_US + 30 * DAY_US
Steps = Callable[..., None]


def of(patient_id: str, **more: Any) -> dict[str, Any]:
    return observation(subject={"reference": f"Patient/{patient_id}"}, **{"id": f"bp-{patient_id}"} | more)


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Make a function of ours raise whenever it is handed something of the bad patient, alone or among others."""

    def plant(place: str, error: Exception | None = None) -> None:
        module, name = place.rsplit(".", 1)
        original = getattr(importlib.import_module(module), name)

        def step(*arguments: Any, **named: Any) -> Any:
            if BAD in repr((arguments, named)):
                raise error or ZeroDivisionError(f"planted, of {BAD}")
            return original(*arguments, **named)

        monkeypatch.setattr(f"{place}", step)

    return plant


def batch_of(settings: Settings) -> IngestBatch:
    return IngestBatch(settings, IntakeRules(), 0, INGESTED_AT)


OF_A_READING = ("observation_document", "_instant", "resolve", "_operation", "write_archive", "_count")


@pytest.mark.parametrize("step", OF_A_READING)
def test_a_reading_that_makes_a_step_of_storing_raise_costs_no_other(
    step: str, raising: Steps, client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    raising(f"jobs.streaming.store.{step}")
    messages = [message(of(f"p-{number}"), number) for number in range(10)]
    messages[6:6] = [message(of(BAD), 20)]
    counts = store_batch(client, messages, batch_of(settings))

    stored = {document["patient_id"] for document in fake.stored(OBSERVATIONS).values()}
    assert stored - {BAD} == {f"p-{number}" for number in range(10)}
    (refused,) = fake.stored(REJECTED).values()
    assert (refused["reason"], refused["source_offset"]) == ("INTERNAL_ERROR", 20)
    assert BAD in refused["payload"]
    assert BAD not in refused["detail"]
    assert (counts["messages"], counts["readings"]) == (11, 10)
    assert (counts["rejected"], counts["rejected.INTERNAL_ERROR"]) == (1, 1)


@pytest.mark.parametrize("step", ["store.retraction_document", "store.resolve"])
def test_a_retraction_that_makes_a_step_raise_costs_no_other(
    step: str, raising: Steps, client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    store_batch(client, [message(of("p-1"), 1), message(of(BAD), 2)], batch_of(settings))
    raising(f"jobs.streaming.{step}")
    retractions = [message(of(name, status="entered-in-error"), 10 + n) for n, name in enumerate(["p-1", BAD, "p-2"])]
    store_batch(client, [*retractions, message(of("p-3"), 14)], batch_of(settings))

    statuses = {document["patient_id"]: document["status"] for document in fake.stored(OBSERVATIONS).values()}
    assert statuses == {"p-1": "entered-in-error", BAD: "final", "p-2": "entered-in-error", "p-3": "final"}
    reasons = {document["source_offset"]: document["reason"] for document in fake.stored(REJECTED).values()}
    assert reasons == {10: "STATUS_ENTERED_IN_ERROR", 11: "INTERNAL_ERROR", 12: "STATUS_ENTERED_IN_ERROR"}


@pytest.mark.parametrize("step", ["read_documents", "read_plainly", "_parse", "pseudonymise"])
def test_a_message_that_makes_the_parser_raise_says_so_without_quoting_it(step: str, raising: Steps) -> None:
    rules = IntakeRules(pseudonym_key=b"k" * 32)
    raising(f"fhir.parse.message.{step}")
    parsed = parse_message(payload(of(BAD)), RECEIVED_US, rules)
    assert [reject.reason for reject in parsed.rejects] == [Reason.INTERNAL_ERROR]
    assert BAD not in parsed.rejects[0].detail
    assert parse_message(payload(of("p-1")), RECEIVED_US, rules).readings


def test_a_dead_letter_that_cannot_be_told_in_full_is_told_by_its_place(
    raising: Steps, client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    raising("jobs.streaming.rejects.printable")
    refusals = [message(of(name, status="bogus"), number) for number, name in enumerate(["p-1", BAD, "p-2"])]
    odd = [Reject(Reason.MALFORMED_JSON, BAD, None)]
    refusals[1] = refusals[1]._replace(parsed=refusals[1].parsed.__class__(rejects=odd))
    store_batch(client, refusals, batch_of(settings))
    assert sorted(document["source_offset"] for document in fake.stored(REJECTED).values()) == [0, 1, 2]


@pytest.mark.parametrize("detail", ["\ud800", "\0\x1b[31m\x07", "x" * 100_000, "\u202e"])
@pytest.mark.parametrize("received_us", [-(2**63), -1000, 0, RECEIVED_US, 2**63 - 1])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\0", b"x" * 100_000])
def test_a_dead_letter_can_always_be_written(
    client: Elasticsearch, fake: FakeElasticsearch, detail: str, received_us: int, content: bytes | None
) -> None:
    refused = raw_message(content, 1, received_us=received_us)
    write_rejects(client, [(refused, Reject(Reason.MALFORMED_JSON, detail, None))], "topic", INGESTED_AT)
    (letter,) = fake.stored(REJECTED).values()
    assert letter["@timestamp"] in (INGESTED_AT, "2026-03-01T12:00:00.000Z")
    assert len(letter["detail"]) <= 200


@pytest.mark.parametrize(
    ("seconds", "dated"), [(0, "2026-03-01T12:00:00.000Z"), (1, INGESTED_AT), (90_000, INGESTED_AT)]
)
def test_a_dead_letter_is_never_dated_after_it_came(
    client: Elasticsearch, fake: FakeElasticsearch, seconds: int, dated: str
) -> None:
    refused = raw_message(b"{", 1, received_us=RECEIVED_US + seconds * SECOND_US)
    write_rejects(client, [(refused, refused.parsed.rejects[0])], "topic", INGESTED_AT)
    (letter,) = fake.stored(REJECTED).values()
    assert letter["@timestamp"] == dated


def test_a_dead_letter_that_elasticsearch_refuses_is_written_without_what_others_have_said(
    client: Elasticsearch, fake: FakeElasticsearch
) -> None:
    fake.item_faults = {"topic-0-1": [400]}
    refused = raw_message(b"{", 1)
    write_rejects(client, [(refused, refused.parsed.rejects[0])], "topic", INGESTED_AT)
    (letter,) = fake.stored(REJECTED).values()
    assert (letter["reason"], letter["payload"], letter["source_offset"]) == ("MALFORMED_JSON", "{", 1)
    assert "detail" not in letter


def test_a_whole_index_of_dead_letters_that_takes_none_stops_the_batch(
    client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    """Nothing is to be lost: without a place for what is refused, nothing can be refused."""
    fake.refusing = {REJECTED: (403, "cluster_block_exception")}
    with pytest.raises(DocumentRefusedError, match=REJECTED):
        store_batch(client, [raw_message(b"{", 1)], batch_of(settings))


@pytest.mark.parametrize("error", [SinkUnavailableError("away"), OSError("disk full")])
def test_what_is_no_message_s_fault_still_stops_the_batch(
    error: Exception, raising: Steps, client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    raising("jobs.streaming.store.write_archive", error)
    with pytest.raises(type(error)):
        store_batch(client, [message(of(BAD), 1), message(of("p-1"), 2)], batch_of(settings))
    assert not fake.stored(REJECTED)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((403, "cluster_block_exception"), "INDEX_NOT_WRITABLE"),
        ((400, "index_closed_exception"), "INDEX_NOT_WRITABLE"),
        ((400, "document_parsing_exception"), "DOCUMENT_REFUSED"),
    ],
)
def test_a_month_that_takes_no_documents_stops_no_other(
    refusal: tuple[int, str], reason: str, client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    february = {"effectiveDateTime": "2026-02-10T08:00:00Z"}
    fake.refusing = {f"{OBSERVATIONS}-2026.02": refusal}
    late, crisis = message(of("p-1", **february), 1), message(of("p-1", systolic=190), 2)
    retraction = message(of("p-2", status="entered-in-error", **february), 3)
    counts = store_batch(client, [late, crisis, retraction], batch_of(settings))

    assert [document["systolic"] for document in fake.stored(OBSERVATIONS).values()] == [190]
    reasons = {document["source_offset"]: document["reason"] for document in fake.stored(REJECTED).values()}
    assert reasons == {1: reason, 3: reason}
    assert all(document["payload"] for document in fake.stored(REJECTED).values())
    assert (counts["readings"], counts["rejected"], counts[f"rejected.{reason}"]) == (1, 2, 2)


@pytest.mark.parametrize("step", ["revise", "names_of", "_has_met"])
def test_a_revision_that_makes_our_code_raise_costs_no_other_and_keeps_its_payload(
    step: str, raising: Steps, client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    names = ["p-1", BAD, "p-2"]
    store_batch(client, [message(of(name), number) for number, name in enumerate(names)], batch_of(settings))
    raising(f"jobs.streaming.revisions.{step}")
    by_id_alone = [without(of(name, status="entered-in-error"), "effectiveDateTime", "subject") for name in names]
    counts = store_batch(
        client, [message(taken_back, 10 + n) for n, taken_back in enumerate(by_id_alone)], batch_of(settings)
    )
    statuses = {document["patient_id"]: document["status"] for document in fake.stored(OBSERVATIONS).values()}
    assert statuses["p-1"] == statuses["p-2"] == "entered-in-error"
    letters = fake.stored(REJECTED)
    assert (letters["topic-0-11-revision"]["reason"], counts["unrevised"]) == ("INTERNAL_ERROR", 1)
    assert letters["topic-0-11"]["payload"]
    assert len(letters) == 4


def test_a_revision_that_a_month_does_not_take_is_refused_by_a_letter_of_its_own(
    client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    february = {"effectiveDateTime": "2026-02-10T08:00:00Z"}
    store_batch(client, [message(of("p-1", **february), 1), message(of("p-2"), 2)], batch_of(settings))
    fake.refusing = {f"{OBSERVATIONS}-2026.02": (403, "cluster_block_exception")}
    by_id_alone = [without(of(name, status="entered-in-error"), "effectiveDateTime") for name in ("p-1", "p-2")]
    counts = store_batch(client, [message(each, 10 + n) for n, each in enumerate(by_id_alone)], batch_of(settings))

    statuses = {document["patient_id"]: document["status"] for document in fake.stored(OBSERVATIONS).values()}
    assert statuses == {"p-1": "final", "p-2": "entered-in-error"}
    letter = fake.stored(REJECTED)["topic-0-10-revision"]
    assert (letter["reason"], letter["source_offset"], counts["unrevised"]) == ("INDEX_NOT_WRITABLE", 10, 1)


def test_a_document_that_takes_something_back_and_raises_is_silent_and_no_other(raising: Steps) -> None:
    document = {"@timestamp": INGESTED_AT, "source_partition": 0, "source_offset": 1, "retracted_ids": ["bp-1"]}
    raising("jobs.streaming.withdrawals._statements")
    told = by_patient([document | {"patient_id": patient_id} for patient_id in ("p-1", BAD, "p-2")])
    assert sorted(told) == ["p-1", "p-2"]


def test_a_month_that_takes_documents_again_takes_the_refused_ones(
    client: Elasticsearch, fake: FakeElasticsearch, settings: Settings
) -> None:
    fake.refusing = {OBSERVATIONS_OF_MARCH: (403, "cluster_block_exception")}
    store_batch(client, [message(of("p-1"), 1)], batch_of(settings))
    fake.refusing = {}
    counts = store_batch(client, [message(of("p-1"), 2)], batch_of(settings))
    assert (counts["readings"], len(fake.stored(OBSERVATIONS))) == (1, 1)


def test_a_statement_that_cannot_be_packed_is_refused_and_costs_no_other(
    raising: Steps, fake: FakeElasticsearch, client: Elasticsearch, settings: Settings
) -> None:
    assert client
    raising("jobs.streaming.window_state._pack_reading")
    messages = [message(of(name), number) for number, name in enumerate(["p-1", BAD, "p-2", "p-3"])]
    packed = list(pack_or_refuse(messages, settings))
    assert [name for part in packed for name in part.column("patient_id").to_pylist()] == ["p-1", "p-2", "p-3"]
    (refused,) = fake.stored(REJECTED).values()
    assert (refused["reason"], refused["source_offset"]) == ("INTERNAL_ERROR", 1)
    assert BAD in refused["payload"]


def test_messages_are_packed_at_once_while_nothing_raises(settings: Settings) -> None:
    messages: list[Message] = [message(of(f"p-{number}"), number) for number in range(5)]
    (packed,) = pack_or_refuse(messages, settings)
    assert len(packed) == 5


def state(*names: str) -> pa.RecordBatch:
    """Return the state of patients with twelve readings each, as Spark hands it to a task."""
    patient = Patient()
    for number in range(12):
        patient.reading(15 * number, systolic=120 + number % 7, name=f"bp-{number}")
    lists = [[entry.tobytes() for entry in patient.state()] for _ in names]
    columns = [pa.array(names, pa.string()), pa.array(lists, pa.list_(pa.binary()))]
    return pa.RecordBatch.from_arrays(columns, names=["patient_id", "entries"])


def scored(settings: Settings, *names: str) -> Counter[str]:
    broadcast = SimpleNamespace(value=make_bundle(1))
    batch = ScoreBatch(settings, broadcast, SCORED_US)  # type: ignore[arg-type]
    rows = score_partition(iter([state(*names)]), batch)
    return add_up(text for row in rows for text in row.column("counts").to_pylist())


@pytest.mark.parametrize("step", ["_with_lineage", "_operations", "score"])
def test_a_patient_whose_scoring_raises_is_left_out_and_counted(
    step: str, raising: Steps, fake: FakeElasticsearch, client: Elasticsearch, settings: Settings
) -> None:
    assert client
    raising(f"jobs.streaming.predict.{step}")
    counts = scored(settings, "a", "b", BAD, "c", "d")
    assert set(fake.stored(LATEST)) == {"a", "b", "c", "d"}
    assert (counts["patients"], counts["predictions"], counts["failed"]) == (5, 4, 1)


def test_a_patient_whose_fold_raises_is_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, fake: FakeElasticsearch, client: Elasticsearch, settings: Settings
) -> None:
    assert client
    monkeypatch.setattr("jobs.streaming.predict.build_windows", lambda *_: 1 / 0)
    assert scored(settings, "a", "b")["failed"] == 2
    assert not fake.stored(LATEST)


def test_predictions_of_a_month_that_takes_none_are_counted_and_latest_is_written(
    fake: FakeElasticsearch, client: Elasticsearch, settings: Settings
) -> None:
    assert client
    fake.refusing = {f"{PREDICTIONS}-2026.09": (403, "cluster_block_exception")}
    assert scored(settings, "a", "b")["unwritten"] == 2
    assert set(fake.stored(LATEST)) == {"a", "b"}


def test_latest_predictions_that_cannot_be_written_stop_the_batch(
    fake: FakeElasticsearch, client: Elasticsearch, settings: Settings
) -> None:
    assert client
    fake.refusing = {LATEST: (403, "cluster_block_exception")}
    with pytest.raises(DocumentRefusedError, match=LATEST):
        scored(settings, "a")
