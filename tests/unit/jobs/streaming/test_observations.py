"""What a message does to the document of its instant."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fhir.readings import Reading, Retraction
from jobs.streaming.observations import (
    Verdict,
    note_of_reading,
    observation_document,
    resolve,
    retraction_document,
    revise,
)
from jobs.streaming.source import TopicPlace
from jobs.streaming.standing import Document

EFFECTIVE_US = 1_790_000_000_123_456


def document(offset: int = 10, partition: int = 0, **changes: Any) -> Document:
    """Return the document of one valid reading, varied."""
    fields: dict[str, Any] = {
        "patient_id": "p-1",
        "effective_us": EFFECTIVE_US,
        "utc_offset_minutes": 60,
        "systolic": 128.0,
        "diastolic": 82.0,
        "heart_rate": None,
        "status": "final",
        "observation_id": "bp-1",
        "version_id": None,
        "device_id": None,
        "flags": (),
        "entry": 0,
    }
    reading = Reading(**(fields | changes))
    return observation_document(
        reading, TopicPlace(partition, offset, EFFECTIVE_US), "topic", "2026-09-21T00:00:00.000Z"
    )


def heart_rate(rate: float, offset: int = 11, **changes: Any) -> Document:
    alone = {"systolic": None, "diastolic": None, "flags": ("heart_rate_only",), "observation_id": "hr-1"}
    return document(offset, heart_rate=rate, **(alone | changes))


def settle(*documents: Document) -> tuple[Document, list[Verdict]]:
    """Let documents arrive one after the other."""
    standing, verdicts = None, []
    for incoming in documents:
        resolution = resolve(standing, incoming)
        standing = resolution.document
        verdicts.append(resolution.verdict)
    assert standing is not None
    return standing, verdicts


def test_document_tells_derived_pressures_and_leaves_out_what_is_not_known() -> None:
    stored = document()
    assert stored["@timestamp"] == "2026-09-21T14:13:20.123Z"
    assert stored["received_at"] == "2026-09-21T14:13:20.123Z"
    assert (stored["mean_arterial_pressure"], stored["pulse_pressure"], stored["category"]) == (97.3, 46.0, "stage_1")
    assert {"heart_rate", "device_id", "version_id"}.isdisjoint(stored)


def test_heart_rate_alone_has_no_pressure_fields() -> None:
    assert {"systolic", "diastolic", "category", "pulse_pressure"}.isdisjoint(heart_rate(70))


def test_same_values_under_another_offset_are_a_duplicate() -> None:
    stored, verdicts = settle(document(10), document(12, observation_id="resent"))
    assert verdicts == [Verdict.STORED, Verdict.DUPLICATE]
    assert stored["source_offset"] == 10


def test_heart_rate_joins_its_pressure_whichever_arrives_first() -> None:
    for pair in itertools.permutations([document(10), heart_rate(71, 11)]):
        stored, verdicts = settle(*pair)
        assert verdicts == [Verdict.STORED, Verdict.STORED]
        assert (stored["systolic"], stored["heart_rate"], stored["flags"]) == (128.0, 71, [])
        assert stored["heart_rate_from"] == "hr-1"


def test_heart_rate_component_stands_against_a_separate_one() -> None:
    stored, verdicts = settle(document(10, heart_rate=64), heart_rate(71, 11))
    assert (stored["heart_rate"], verdicts[-1]) == (64, Verdict.DUPLICATE)


def test_of_two_separate_heart_rates_the_later_arrival_stands() -> None:
    stored, verdicts = settle(document(10), heart_rate(71, 11), heart_rate(75, 12, observation_id="hr-2"))
    assert (stored["heart_rate"], stored["heart_rate_from"], verdicts[-1]) == (75, "hr-2", Verdict.STORED)


def test_later_arrival_replaces_other_values_and_flags_the_conflict() -> None:
    stored, verdicts = settle(document(10), document(12, systolic=150.0, observation_id="other"))
    assert (stored["systolic"], stored["flags"], verdicts[-1]) == (150.0, ["conflicting_values"], Verdict.STORED)


def test_joined_heart_rate_survives_a_correction_of_the_pressure() -> None:
    stored, _ = settle(document(10), heart_rate(71, 11), document(12, systolic=150.0, status="amended"))
    assert (stored["systolic"], stored["heart_rate"], stored["flags"]) == (150.0, 71, [])


def test_correction_stands_against_a_resend_of_what_it_corrected() -> None:
    stored, verdicts = settle(
        document(10, systolic=190.0), document(11, status="corrected"), document(12, systolic=190.0)
    )
    assert (stored["systolic"], verdicts[-1]) == (128.0, Verdict.DUPLICATE)


def retraction(offset: int, name: str | None = "bp-1", **changes: Any) -> Document:
    entered_in_error = Retraction("p-1", name, EFFECTIVE_US, 0, **changes)
    source = TopicPlace(0, offset, EFFECTIVE_US)
    return retraction_document("p-1", EFFECTIVE_US, entered_in_error, source, "topic", "2026-09-21T00:00:00.000Z")


@pytest.mark.parametrize("status", ["final", "corrected"])
@pytest.mark.parametrize("retracted_first", [True, False])
def test_retracted_reading_does_not_come_back_under_its_id(status: str, retracted_first: bool) -> None:
    before = [retraction(11)] if retracted_first else [document(10), retraction(11)]
    stored, verdicts = settle(*before, document(12, status=status))
    assert (stored["status"], verdicts[-1]) == ("entered-in-error", Verdict.DUPLICATE)


def test_retraction_keeps_the_values_for_the_record() -> None:
    stored, _ = settle(document(10), retraction(11))
    assert (stored["status"], stored["systolic"]) == ("entered-in-error", 128.0)


def test_another_measurement_of_a_retracted_instant_is_stored() -> None:
    stored, verdicts = settle(document(10), retraction(11), document(12, observation_id="new"))
    assert (stored["status"], stored["flags"], verdicts[-1]) == ("final", [], Verdict.STORED)


def test_retraction_of_another_observation_leaves_the_reading_standing() -> None:
    stored, _ = settle(document(10), retraction(11, name="other"))
    assert stored["status"] == "final"


def test_retraction_of_a_joined_heart_rate_takes_only_that_out() -> None:
    stored, _ = settle(document(10), heart_rate(71, 11), retraction(12, name="hr-1"))
    assert (stored["status"], stored["systolic"], "heart_rate" in stored) == ("final", 128.0, False)


def test_document_falls_back_to_an_earlier_reading_when_the_standing_one_is_retracted() -> None:
    stored, _ = settle(document(10), document(11, observation_id="bp-2", systolic=150.0), retraction(12, name="bp-2"))
    assert (stored["systolic"], stored["observation_id"], stored["status"]) == (128.0, "bp-1", "final")
    assert (stored["flags"], stored["source_offset"], stored["category"]) == ([], 10, "stage_1")


def test_conflict_is_over_when_the_other_reading_is_retracted() -> None:
    stored, _ = settle(document(10), document(11, observation_id="bp-2", systolic=150.0), retraction(12))
    assert (stored["systolic"], stored["flags"]) == (150.0, [])


def test_document_falls_back_to_a_resend_that_was_refused_as_a_duplicate() -> None:
    stored, verdicts = settle(document(10), document(11, observation_id="bp-2"), retraction(12))
    assert (stored["systolic"], stored["observation_id"], stored["status"]) == (128.0, "bp-2", "final")
    assert verdicts == [Verdict.STORED, Verdict.DUPLICATE, Verdict.STORED]


def test_heart_rate_whose_pressure_is_retracted_waits_for_the_next_one() -> None:
    waiting, _ = settle(document(10), heart_rate(71, 11), retraction(12))
    assert (waiting["status"], waiting["systolic"]) == ("entered-in-error", 128.0)
    stored = resolve(waiting, document(13, observation_id="new")).document
    assert (stored["status"], stored["heart_rate"], stored["heart_rate_from"]) == ("final", 71, "hr-1")


def test_newer_version_takes_the_older_one_out_also_where_it_does_not_stand_itself() -> None:
    """Here a pair whose other half has been withdrawn."""
    withdrawal = Retraction("p-1", "half", EFFECTIVE_US, entry=0, for_good=False)
    withdrawn = retraction_document("p-1", EFFECTIVE_US, withdrawal, TopicPlace(0, 10, EFFECTIVE_US), "topic", "")
    versions = [document(11, version=3), document(12, version=4, partner_id="half")]
    stored, verdicts = settle(withdrawn, *versions)
    assert (stored["status"], verdicts) == ("entered-in-error", [Verdict.STORED] * 3)
    assert resolve(stored, versions[0]) == resolve(stored, versions[1]) == (stored, Verdict.KNOWN)


def test_older_version_from_elsewhere_counts_when_the_pair_that_outdates_it_is_retracted_by_its_other_half() -> None:
    pair = document(10, observation_id="systolic", partner_id="diastolic", version=4)
    stored, _ = settle(pair, document(11, observation_id="diastolic"))
    moved = Reading("p-1", EFFECTIVE_US + 1, 0, 150.0, 90.0, None, "corrected", "diastolic", None, None, (), 0, 3)
    told = revise(stored, note_of_reading(moved, TopicPlace(0, 12, EFFECTIVE_US)))
    assert told["status"] == "final"
    assert resolve(told, retraction(13, "systolic")).document["status"] == "entered-in-error"


def test_document_of_one_message_carries_no_notes_and_one_of_many_is_bounded() -> None:
    stored = document(10)
    assert {"merged", "merged_ids", "merged_from"}.isdisjoint(stored)
    for offset in range(11, 500):
        stored = resolve(stored, document(offset, observation_id=f"bp-{offset}", systolic=100.0 + offset % 90)).document
    assert (len(stored["merged"]), len(stored["merged_ids"]), len(stored["merged_from"])) == (20, 20, 200)
    assert (stored["source_offset"], stored["merged"][0]["source_offset"]) == (499, 479)


def written_by_an_earlier_release(**changes: Any) -> Document:
    """Return a document that knows its joined heart rate by name and value alone and keeps nothing to fall back to."""
    joined = {"heart_rate": 71.0, "heart_rate_from": "hr-1", "merged_from": ["0-11", "0-12"], "retracted_ids": ["x"]}
    return document(10) | joined | changes


def test_document_of_an_earlier_release_goes_on_by_the_same_rule() -> None:
    stored = written_by_an_earlier_release()
    assert resolve(stored, heart_rate(71, 11)) == (stored, Verdict.KNOWN)
    assert "heart_rate" not in resolve(stored, retraction(20, name="hr-1")).document
    corrected = resolve(stored, document(20, systolic=140.0, status="amended")).document
    assert (corrected["systolic"], corrected["heart_rate"], corrected["heart_rate_from"]) == (140.0, 71.0, "hr-1")
    assert resolve(stored, document(20, observation_id="x", systolic=99.0)).verdict is Verdict.DUPLICATE


def test_nameless_heart_rate_in_a_document_of_an_earlier_release_is_known_by_its_place() -> None:
    stored = written_by_an_earlier_release(heart_rate_from="0-11")
    corrected = resolve(stored, document(20, systolic=140.0, status="amended")).document
    assert (corrected["heart_rate"], corrected["heart_rate_from"]) == (71.0, "0-11")
    (heart_rate_alone,) = (message for message in corrected["merged"] if "systolic" not in message)
    assert "observation_id" not in heart_rate_alone


@pytest.mark.parametrize(
    "messages",
    [
        [document(10), document(12, observation_id="resent")],
        [document(10), heart_rate(71, 11)],
        [heart_rate(71, 9), document(10)],
        [document(10), document(12, systolic=150.0)],
        [document(10, systolic=190.0), document(11, status="corrected")],
        [heart_rate(71, 9), heart_rate(75, 10), document(11)],
        [document(10), document(11, observation_id="resent"), retraction(12)],
        [document(10), retraction(11), document(12, observation_id="new"), document(13)],
        [document(10), heart_rate(71, 11), retraction(12, name="hr-1"), heart_rate(71, 13)],
    ],
)
def test_repeated_micro_batch_changes_nothing_and_refuses_nothing_new(messages: list[Document]) -> None:
    once, first = settle(*messages)
    again, verdicts = settle(once, *messages)
    assert again == once
    refused = [verdict is Verdict.DUPLICATE for verdict in first]
    assert [verdict is Verdict.DUPLICATE for verdict in verdicts[1:]] == refused


def test_end_does_not_depend_on_where_micro_batches_were_cut() -> None:
    changed = [document(12, systolic=150.0), document(13, status="amended"), retraction(14), document(15)]
    messages = [document(10), heart_rate(71, 11), *changed]
    whole, _ = settle(*messages)
    for cut in range(1, len(messages)):
        first, _ = settle(*messages[:cut])
        end, _ = settle(first, *messages[cut:])
        assert end == whole
