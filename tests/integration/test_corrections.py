"""What is corrected, withdrawn or retracted stands nowhere: neither in documents nor in windows, on real services."""

from __future__ import annotations

from typing import Any

import pytest

from fhir.readings import RETRACTED_STATUS
from tests.integration.pipeline import Pipeline
from tests.support.clock import at
from tests.support.factories import bundle, half_observation, heart_rate_observation, observation, payload, without

pytestmark = pytest.mark.integration

Stands = tuple[float, float, float | None]
GROUP = {"identifier": [{"system": "https://gateway.example/group", "value": "g-1"}]}


def told(patient: str, minute: float = 15, **changes: Any) -> dict[str, Any]:
    """Return a crisis of a patient, 185/121, in its first version."""
    base: dict[str, Any] = {
        "systolic": 185,
        "diastolic": 121,
        "id": f"{patient}-{minute:g}",
        "effectiveDateTime": at(minute),
    }
    return observation(**(base | {"subject": {"reference": f"Patient/{patient}"}} | changes))


def half(patient: str, code: str, value: float, **changes: Any) -> dict[str, Any]:
    names = {"id": f"{patient}-{code}", "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": at(15)}
    return half_observation(code, value, **(names | changes))


def version(number: int) -> dict[str, Any]:
    return {"meta": {"versionId": str(number)}}


def grouped(patient: str, rate: float, status: str) -> dict[str, Any]:
    """Return a heart rate that shares its identifier with a pressure."""
    subject = {"reference": f"Patient/{patient}"}
    return without(heart_rate_observation(rate, subject=subject, effectiveDateTime=at(15), status=status), "id") | GROUP


RETRACTED_ALONE = {"resourceType": "Observation", "status": "entered-in-error"}


def deleted(name: str) -> dict[str, Any]:
    """Return the history of a deletion."""
    entry = {
        "fullUrl": f"https://ehr.example/fhir/Observation/{name}",
        "request": {"method": "DELETE", "url": f"Observation/{name}"},
        "response": {"status": "204", "etag": 'W/"2"', "lastModified": at(20)},
    }
    return {"resourceType": "Bundle", "type": "history", "entry": [entry]}


CASES: dict[str, tuple[list[Any], list[Any], list[Stands]]] = {  # what is sent first, what then, and what stands
    "half-retracted": (
        [bundle(half("half-retracted", "8480-6", 128), half("half-retracted", "8462-4", 81))],
        [half("half-retracted", "8462-4", 81, status="entered-in-error")],
        [],
    ),
    "amended-to-absent": (
        [told("amended-to-absent")],
        [told("amended-to-absent", status="amended", systolic=None)],
        [],
    ),
    "cancelled": ([told("cancelled")], [told("cancelled", status="cancelled")], []),
    "out-of-order": (
        [told("out-of-order", status="amended", systolic=118, diastolic=76, **version(3))],
        [told("out-of-order", status="amended", systolic=140, diastolic=90, **version(2))],
        [(118, 76, None)],
    ),
    "moved-in-time": (
        [told("moved-in-time")],
        [told("moved-in-time", effectiveDateTime=at(5), systolic=131, diastolic=80, **version(2))],
        [(131, 80, None)],
    ),
    "rate-amended": (
        [without(told("rate-amended", systolic=128, diastolic=81), "id") | GROUP, grouped("rate-amended", 70, "final")],
        [grouped("rate-amended", 72, "amended")],
        [(128, 81, 72)],
    ),
    "deleted": ([told("deleted")], [deleted("deleted-15")], []),
    "resent-after-retraction": (
        [told("resent-after-retraction")],
        [told("resent-after-retraction", status="entered-in-error"), told("resent-after-retraction")],
        [],
    ),
    "crisis-resent": ([told("crisis-resent")], [told("crisis-resent")] * 3, [(185, 121, None)]),
    "back-again": (
        [told("back-again")],
        [
            deleted("back-again-15"),
            told("back-again", 20, id="back-again-15", systolic=190, **version(3)),
        ],
        [(190, 121, None)],
    ),
    "wrong-chart": ([told("wrong-chart")], [], []),
    "right-chart": (
        [],
        [told("right-chart", id="wrong-chart-15", status="corrected", **version(2))],
        [(185, 121, None)],
    ),
}


def standing(pipeline: Pipeline) -> dict[str, list[Stands]]:
    """Return the pressures that stand, of each patient, in order of time."""
    found: dict[str, list[Stands]] = {}
    for document in sorted(pipeline.observations().values(), key=lambda document: str(document["@timestamp"])):
        if document["status"] != RETRACTED_STATUS and "systolic" in document:
            values = (document["systolic"], document["diastolic"], document.get("heart_rate"))
            found.setdefault(document["patient_id"], []).append(values)
    return found


def newest(pipeline: Pipeline) -> dict[str, tuple[Stands, int]]:
    """Return what the latest prediction of each patient shows, and how many readings its window held."""
    return {
        patient: (
            (document["systolic"], document["diastolic"], document.get("heart_rate")),
            document["window_readings"],
        )
        for patient, document in pipeline.latest().items()
    }


@pytest.mark.parametrize("together", [False, True])
def test_what_is_taken_back_stands_neither_in_documents_nor_in_windows(pipeline: Pipeline, together: bool) -> None:
    pipeline = Pipeline(pipeline.settings.model_copy(update={"min_readings": 1}), pipeline.spark)
    for number in (0, 1):
        for patient, case in CASES.items():
            pipeline.send(*map(payload, case[number]), key=patient)
        if not together:
            pipeline.drain()
    pipeline.drain()
    expected = {patient: stands for patient, (*_, stands) in CASES.items() if stands}

    assert standing(pipeline) == expected
    assert newest(pipeline) == {patient: (stands[-1], 1) for patient, stands in expected.items()}
    before, archived = pipeline.everything(), pipeline.archived()
    pipeline.forget_last_commit()
    pipeline.drain()
    assert pipeline.everything() == before
    assert {row["@timestamp"] for row in pipeline.archived()} == {row["@timestamp"] for row in archived}

    # the next reading of each: none of what was taken back comes back into its window
    for patient in CASES:
        pipeline.send(payload(told(patient, minute=45, systolic=120, diastolic=70)), key=patient)
    pipeline.drain()
    assert newest(pipeline) == {patient: ((120, 70, None), 1 + len(expected.get(patient, []))) for patient in CASES}


def test_retraction_by_id_on_another_partition_with_a_lower_offset_takes_effect(pipeline: Pipeline) -> None:
    pipeline = Pipeline(pipeline.settings.model_copy(update={"min_readings": 1}), pipeline.spark)
    pipeline.send(payload({"id": "p-1-15", **RETRACTED_ALONE}), partition=1)
    pipeline.send(*(payload(told("p-2", minute)) for minute in (0, 5)), payload(told("p-1")), partition=0)
    pipeline.drain()
    assert standing(pipeline) == {"p-2": [(185, 121, None)] * 2}
    assert set(newest(pipeline)) == {"p-2"}

    pipeline.send(payload(told("p-1", 30, systolic=120, diastolic=70)), partition=0)
    pipeline.drain()
    assert newest(pipeline)["p-1"] == ((120, 70, None), 1)


def test_what_is_taken_back_before_it_comes_stands_neither_in_documents_nor_in_windows(pipeline: Pipeline) -> None:
    pipeline = Pipeline(pipeline.settings.model_copy(update={"min_readings": 1}), pipeline.spark)
    pipeline.send(payload(deleted("p-1-15")), payload({"id": "p-2-15", **RETRACTED_ALONE}), partition=1)
    pipeline.drain()
    pipeline.send(payload(told("p-1")), payload(told("p-2")), payload(told("p-3")), partition=0)
    pipeline.drain()
    assert standing(pipeline) == {"p-3": [(185, 121, None)]}

    pipeline.send(*(payload(told(patient, 30, systolic=120, diastolic=70)) for patient in ("p-1", "p-2")), partition=0)
    pipeline.drain()
    assert {patient: readings for patient, (_, readings) in newest(pipeline).items()} == {"p-1": 1, "p-2": 1, "p-3": 1}
