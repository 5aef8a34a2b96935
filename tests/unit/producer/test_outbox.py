"""The messages of simulated patients, and that what is said to come of them is what the rules of the intake make."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.times import HOUR_US
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules, Parsed
from fhir.reasons import Reason
from jobs.streaming.observations import (
    Verdict,
    note_of_retraction,
    observation_document,
    resolve,
    retraction_document,
    revise,
)
from jobs.streaming.source import TopicPlace
from jobs.streaming.standing import Document, is_retraction
from producer.faults import FAULTS, USUAL_FAULTS
from producer.feed import open_outbox
from producer.forms import FORMS, USUAL_FORMS
from producer.malformed import MALFORMED
from producer.messages import Counts, Message
from producer.position import Identity
from tests.support.records import EPOCH_US, INTERVAL_US

SPAN_US = 6 * HOUR_US
ALL_FORMS = dict.fromkeys(FORMS, 1 / len(FORMS))
MANY_FAULTS = dict.fromkeys(FAULTS, 0.1)


def identity(patients: int = 30, **changes: Any) -> Identity:
    chosen: dict[str, Any] = {"seed": 3, "forms": ALL_FORMS, "faults": MANY_FAULTS} | changes
    return Identity(patients=patients, interval_us=INTERVAL_US, episode_factor=1.0, topic="t", **chosen)


def messages(of: Identity, begin_us: int = EPOCH_US, until_us: int = EPOCH_US + SPAN_US) -> list[Message]:
    outbox = open_outbox(of, EPOCH_US, begin_us)
    sent: list[Message] = []
    while (due := outbox.next(until_us)) is not None:
        sent += due
    return sent


class Store:
    """Documents by patient and instant, as the stream keeps them; what is refused is counted."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, int], Document] = {}
        self.refused: Counter[str] = Counter()
        self.ignored = self.offset = 0

    def take(self, message: Message) -> None:
        parsed = parse_message(message.value, message.due_us, IntakeRules())
        self.refused.update(reject.reason for reject in parsed.rejects)
        self.ignored += parsed.ignored
        self.offset += 1
        self._store(parsed, TopicPlace(0, self.offset, message.due_us))

    def _store(self, parsed: Parsed, source: TopicPlace) -> None:
        for reading in parsed.readings:
            document = observation_document(reading, source, "t", "")
            self._resolve((reading.patient_id, reading.effective_us), document)
        for retraction in parsed.retractions:
            patient, us = retraction.patient_id or "", retraction.effective_us
            if us is not None:
                self._resolve((patient, us), retraction_document(patient, us, retraction, source, "t", ""))
                continue
            for key, document in self.documents.items():
                self.documents[key] = revise(document, note_of_retraction(retraction, source))

    def _resolve(self, key: tuple[str, int], document: Document) -> None:
        self.documents[key], verdict = resolve(self.documents.get(key), document)
        self.refused[Reason.DUPLICATE] += verdict is Verdict.DUPLICATE


def test_what_is_said_to_be_found_is_what_the_rules_of_the_intake_make_of_the_messages() -> None:
    store, counts, sent = Store(), Counts(), messages(identity(patients=150))
    for message in sent:
        store.take(message)
    counts.add(sent)
    expected = counts.report()["expected"]
    assert expected["observations"] == len(store.documents)
    assert expected["ignored"] == store.ignored
    assert expected["rejected_by_reason"] == {
        str(reason): count for reason, count in sorted(store.refused.items()) if count
    }
    assert expected["rejected"] == store.refused.total()
    assert expected["retracted"] == sum(map(is_retraction, store.documents.values()))
    assert expected["corrected"] == sum(document["status"] == "corrected" for document in store.documents.values())
    kinds = counts.report()["sent"]["by_kind"]
    assert {"reading", "heart rate", "late", "duplicate", "corrected", "retracted", "retracted by id"} <= set(kinds)
    assert {f"malformed: {name}" for name in MALFORMED} <= set(kinds)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, SPAN_US), max_size=6))
def test_however_the_time_is_cut_and_wherever_it_begins_the_same_messages_are_sent_once(cuts: list[int]) -> None:
    ends = [EPOCH_US + cut for cut in [*sorted(cuts), SPAN_US]]
    pieces = [messages(identity(), begin, end) for begin, end in zip([EPOCH_US, *ends], ends, strict=False)]
    assert [message for piece in pieces for message in piece] == messages(identity())


def test_messages_come_in_order_of_their_due_time_and_never_before_their_reading() -> None:
    sent = messages(identity())
    dues = [message.due_us for message in sent]
    assert dues == sorted(dues)
    for message in sent:
        parsed = parse_message(message.value, message.due_us, IntakeRules())
        assert all(reading.effective_us <= message.due_us for reading in parsed.readings)


def test_late_readings_arrive_after_later_ones_of_the_same_patient() -> None:
    newest: Counter[bytes] = Counter()
    overtaken = 0
    for message in messages(identity(forms={}, faults={"late": 0.2})):
        [time] = [
            reading.effective_us for reading in parse_message(message.value, message.due_us, IntakeRules()).readings
        ] or [0]
        overtaken += message.kind == "late" and time < newest[message.key]
        newest[message.key] = max(newest[message.key], time)
    assert overtaken > 50


def test_messages_are_keyed_by_the_patient_they_speak_of() -> None:
    for message in messages(identity()):
        parsed = parse_message(message.value, message.due_us, IntakeRules())
        assert {reading.patient_id for reading in parsed.readings} <= {message.key.decode()}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_met_in_their_shares(name: str) -> None:
    """Of the last two hours of 48 some messages are still to come; 10,000 readings have a standard error of 0.004."""
    sent = messages(identity(patients=60, forms={}, faults={name: 0.2}), until_us=EPOCH_US + 48 * HOUR_US)
    kinds = Counter(message.kind.partition(":")[0] for message in sent)
    fault = name.replace("_", " ")
    readings = kinds["reading"] + (kinds[fault] if fault in ("late", "malformed") else 0)
    assert kinds[fault] / readings == pytest.approx(0.2, abs=0.2 * 2 / 48 + 4 * 0.004)


def test_without_shares_every_reading_is_one_plain_message() -> None:
    sent = messages(identity(forms={}, faults={}))
    assert {message.kind for message in sent} == {"reading"}
    assert len({(message.key, message.due_us) for message in sent}) == len(sent)


def test_usual_shares_are_known_names() -> None:
    assert set(USUAL_FAULTS) == set(FAULTS)
    assert set(USUAL_FORMS) <= set(FORMS)
