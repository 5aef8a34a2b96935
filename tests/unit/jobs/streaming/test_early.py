"""What is taken back before it comes, by a message that does not say where it will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elastic.names import OBSERVATIONS
from fhir.readings import RETRACTED_STATUS
from jobs.streaming.early import read_early
from tests.support.factories import bundle, observation, without
from tests.support.messages import message
from tests.support.surveillance import Surveillance


@pytest.fixture
def world(tmp_path: Path) -> Surveillance:
    return Surveillance(tmp_path)


LATER = "2026-03-01T09:00:00+01:00"


def deletion(version: int) -> dict[str, Any]:
    response = {"status": "204", "etag": f'W/"{version}"'}
    entry = {"request": {"method": "DELETE", "url": "Observation/bp-1"}, "response": response}
    return bundle(kind="history") | {"entry": [entry]}


def version(number: int) -> dict[str, Any]:
    return observation(meta={"versionId": str(number)})


TAKING_BACK = {
    "retracted by its id alone": {"resourceType": "Observation", "id": "bp-1", "status": "entered-in-error"},
    "retracted without a time": without(observation(status="entered-in-error"), "effectiveDateTime"),
    "deleted": deletion(7),
    "a newer version without a subject": without(observation(meta={"versionId": "7"}), "subject"),
    "cancelled without a time": without(observation(status="cancelled", meta={"versionId": "7"}), "effectiveDateTime"),
}


def statuses(world: Surveillance) -> dict[str, str]:
    found = (document for (index, _), document in world.fake.documents.items() if index.startswith(OBSERVATIONS))
    return {document["observation_id"]: document["status"] for document in found}


@pytest.mark.parametrize("partition", [0, 1])
@pytest.mark.parametrize("what", TAKING_BACK.values(), ids=TAKING_BACK.keys())
def test_reading_that_was_taken_back_before_it_came_stands_nowhere(
    world: Surveillance, what: Any, partition: int
) -> None:
    world.store([message(what, 30, partition=partition)])
    world.store([message(version(5), 10), message(observation(id="bp-2", effectiveDateTime=LATER), 11)])
    assert statuses(world) == {"bp-1": RETRACTED_STATUS, "bp-2": "final"}


def test_version_that_is_newer_than_what_was_taken_back_stands(world: Surveillance) -> None:
    world.store([message(deletion(7), 10)])
    world.store([message(version(8), 11)])
    assert statuses(world) == {"bp-1": "final"}


def test_message_of_another_patient_is_not_what_was_taken_back(world: Surveillance) -> None:
    world.store([message(TAKING_BACK["retracted without a time"], 10)])
    world.store([message(observation(subject={"reference": "Patient/p-2"}), 11)])
    assert statuses(world) == {"bp-1": "final"}


def test_repeated_micro_batch_changes_nothing(world: Surveillance) -> None:
    world.store([message(deletion(7), 10)])
    world.store([message(version(5), 11)])
    before = dict(world.fake.documents)
    world.store([message(version(5), 11)])
    assert world.fake.documents == before


def test_what_says_where_it_belongs_is_not_waited_with(world: Surveillance) -> None:
    world.store([message(observation(status="entered-in-error"), 10), message(observation(status="cancelled"), 11)])
    assert read_early(world.client) == {}
