"""What the window of a patient hears of what other patients' messages, or nobody's, have taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from fhir.precedence import StatementKind
from jobs.streaming.window_state import STATE_LENGTH, STATEMENT, VERSIONED, observation_number
from jobs.streaming.withdrawals import add_withdrawn, by_patient, read_withdrawn, withdrawn_since
from tests.support.factories import bundle, observation, without
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.messages import message
from tests.support.surveillance import Surveillance


@pytest.fixture
def world(tmp_path: Path) -> Surveillance:
    return Surveillance(tmp_path)


def sent(world: Surveillance, *resources: Any, first: int = 10) -> None:
    """Let each resource arrive in a micro-batch of its own."""
    for number, resource in enumerate(resources):
        world.store([message(resource, first + number)])
        world.keep([message(resource, first + number)])


def of(patient: str, **changes: Any) -> dict[str, Any]:
    return observation(**({"subject": {"reference": f"Patient/{patient}"}} | changes))


def patients_in_windows(world: Surveillance) -> list[str]:
    return [row[0] for row in world.in_windows()]


DELETED = {
    "request": {"method": "DELETE", "url": "Observation/bp-1"},
    "response": {"status": "204", "etag": 'W/"2"'},
}
TAKEN_BACK = {
    "corrected to another patient": of("p-2", status="corrected"),
    "a newer version of another patient": of("p-2", meta={"versionId": "2"}),
    "retracted by its id alone": {"resourceType": "Observation", "id": "bp-1", "status": "entered-in-error"},
    "corrected into something else": of("p-1", status="amended", code={"text": "weight"}, component=[]),
    "amended without a patient": without(of("p-1", status="amended", systolic=999), "subject"),
    "deleted": bundle(kind="history")
    | {"entry": [{"request": {"method": "DELETE", "url": "Observation/bp-1"}, "response": {"status": "204"}}]},
}


@pytest.mark.parametrize("what", TAKEN_BACK.values(), ids=TAKEN_BACK.keys())
def test_it_is_out_of_the_window_of_a_patient_whom_the_message_does_not_name(world: Surveillance, what: Any) -> None:
    sent(world, of("p-1"), of("p-3", id="bp-3"), what)
    assert "p-1" not in patients_in_windows(world)
    assert "p-3" in patients_in_windows(world)
    (document,) = read_withdrawn(world.client)
    assert document["patient_id"] == "p-1"


def test_newer_version_of_what_was_deleted_stands_again(world: Surveillance) -> None:
    sent(world, of("p-1"), bundle(kind="history") | {"entry": [DELETED]}, of("p-1", meta={"versionId": "3"}))
    assert patients_in_windows(world) == ["p-1"]
    assert [row[0] for row in world.standing()] == ["p-1"]


AWAY = {
    "another patient's": of("p-2", meta={"versionId": "2"}),
    "deleted": bundle(kind="history") | {"entry": [DELETED]},
    "refused without a patient": without(of("p-1", meta={"versionId": "2"}), "subject"),
}


@pytest.mark.parametrize("status", ["final", "amended"])
@pytest.mark.parametrize("what", AWAY.values(), ids=AWAY.keys())
def test_newest_version_stands_in_the_window_of_its_patient_wherever_the_one_before_was(
    world: Surveillance, what: Any, status: str
) -> None:
    """It takes the place of the first, too, at another instant; that is no withdrawal of itself."""
    back = of("p-1", systolic=190, effectiveDateTime="2026-03-01T08:38:00+01:00", meta={"versionId": "3"})
    sent(world, of("p-1"), what, back | {"status": status})
    in_window = [row for row in world.in_windows() if row[0] == "p-1"]
    assert [row[:3] for row in in_window] == [("p-1", "2026-03-01T07:38:00.000Z", 190)]
    assert in_window == [row for row in world.standing() if row[0] == "p-1"]


def without_time(number: int, status: str) -> dict[str, Any]:
    """Return what takes something back, or is refused as a newer version, for a time that nothing can be told by."""
    meta = {"versionId": "2"}
    return of("p-1", id=f"other-{number}", status=status, meta=meta, effectiveDateTime="2026-03-01T08:15:00")


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "amended", "final"])
def test_device_whose_messages_are_all_refused_for_their_time_keeps_no_reading_out_of_the_window(
    world: Surveillance, status: str
) -> None:
    sent(world, of("p-1"), *(without_time(number, status) for number in range(STATE_LENGTH + 1)))
    assert patients_in_windows(world) == ["p-1"]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_full_state_hears_through_the_document_of_what_is_taken_back_without_a_time(
    world: Surveillance, status: str
) -> None:
    minutes = [f"2026-03-01T{hour:02d}:{minute:02d}:00Z" for hour in range(8, 10) for minute in range(0, 60, 2)]
    readings = [of("p-1", id=f"bp-{number}", effectiveDateTime=at) for number, at in enumerate(minutes)]
    sent(world, *readings, without(of("p-1", id="bp-59", status=status), "effectiveDateTime"))
    assert len(minutes) == STATE_LENGTH
    assert minutes[59].replace("Z", ".000Z") not in [row[1] for row in world.in_windows()]
    assert minutes[58].replace("Z", ".000Z") in [row[1] for row in world.in_windows()]


def test_correction_of_the_patient_itself_is_no_withdrawal(world: Surveillance) -> None:
    sent(world, of("p-1"), of("p-1", status="corrected", systolic=140))
    assert read_withdrawn(world.client) == []


def test_what_stands_in_a_withdrawn_document_is_not_told_as_taken_back(world: Surveillance) -> None:
    """Another measurement of the instant, itself corrected, has taken the place of the one that was moved away."""
    sent(world, of("p-1"), of("p-2", status="corrected"), of("p-1", id="other", status="amended", systolic=150))
    packed = by_patient(read_withdrawn(world.client))
    told = np.frombuffer(packed["p-1"], dtype=VERSIONED)
    assert told["observation"].tolist() == [observation_number("bp-1")]
    assert told["kind"].tolist() == [StatementKind.WITHDRAWAL]
    assert ("p-1", 150) in [(row[0], row[2]) for row in world.in_windows()]


def test_what_was_withdrawn_since_is_told_also_where_it_is_withdrawn_once_more() -> None:
    first = {"patient_id": "p-1", "@timestamp": "2026-03-01T07:15:00.000Z", "withdrawn_at": "2026-03-01T12:00:00.000Z"}
    again = first | {"withdrawn_at": "2026-03-01T12:05:00.000Z"}
    assert withdrawn_since([first], [first]) == []
    assert withdrawn_since([again, first | {"patient_id": "p-2"}], [first]) == [again, first | {"patient_id": "p-2"}]


def test_patients_from_whom_nothing_was_taken_keep_their_statements_as_they_are() -> None:
    statements, patients = np.zeros(2, dtype=STATEMENT), np.array([0, 1])
    same, of_whom = add_withdrawn(statements, patients, ["a", "b"], {"c": b""})
    assert (same is statements, of_whom is patients) == (True, True)


def test_statements_of_each_patient_stay_together() -> None:
    statements, patients = np.zeros(3, dtype=STATEMENT), np.array([0, 0, 1])
    statements["offset"] = [1, 2, 3]
    more = np.zeros(1, dtype=VERSIONED)
    more["offset"] = 9
    whole, of_whom = add_withdrawn(statements, patients, ["a", "b"], {"a": more.tobytes()})
    assert (whole["offset"].tolist(), of_whom.tolist()) == ([1, 2, 9, 3], [0, 0, 0, 1])


def test_state_with_room_goes_by_what_has_arrived_and_not_by_how_far_the_documents_are(world: Surveillance) -> None:
    """Else earlier predictions would depend on which of the two queries is ahead."""
    sent(world, of("p-1"))
    world.store([message(without(of("p-1", status="entered-in-error"), "effectiveDateTime"), 11)])
    assert patients_in_windows(world) == ["p-1"]
    world.keep([message(without(of("p-1", status="entered-in-error"), "effectiveDateTime"), 11)])
    assert patients_in_windows(world) == []


def test_month_that_is_away_keeps_nobodys_prediction_waiting(
    fake: FakeElasticsearch, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    fake.search_faults = 1
    assert read_withdrawn(client) == []
    assert "does not answer" in caplog.text
