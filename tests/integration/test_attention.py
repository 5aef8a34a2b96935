"""What is refused but sounds like a crisis, from Kafka to the ward and to the answer that ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.__main__ import run as keep_alerts
from alerts.answering import Acknowledgement, Fate, Person, acknowledge
from alerts.model import AnswerReason
from elastic.client import Search
from elastic.names import ALL_INDICES, REJECTED
from elastic.search import alerts, rejected
from jobs.erase import count_stored
from tests.integration.pipeline import Pipeline
from tests.support.factories import observation, payload, pressure, quantity, without

pytestmark = pytest.mark.integration

ANNE = Person("anne", "clinician")
SEEN = Acknowledgement(AnswerReason.SEEN, "", timedelta(minutes=30))


def measured(patient_id: str, systolic: float, diastolic: float | None = 81, comparator: str | None = None) -> bytes:
    """Return a reading of a minute ago whose systolic value may have a comparator."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    resource = observation(systolic=None, diastolic=diastolic, effectiveDateTime=now.isoformat())
    value = quantity(systolic) | ({"comparator": comparator} if comparator else {})
    resource["component"].append(pressure("8480-6", systolic) | {"valueQuantity": value})
    return payload({**resource, "id": patient_id, "subject": {"reference": f"Patient/{patient_id}"}})


def shown(pipeline: Pipeline) -> dict[str, list[str]]:
    """Let the alert service look; return what the board then shows of each patient, "" for what names none."""
    search = Search(pipeline.client)
    pipeline.client.indices.refresh(index=ALL_INDICES)
    keep_alerts(pipeline.settings, once=True)
    open_alerts = alerts.open_page(search, limit=100).documents
    told = {
        alert["patient_id"]: [refusal["words"] for refusal in alert["refusals"]]
        for alert in open_alerts
        if alert["kind"] == "attention"
    }
    nameless = rejected.nameless(search, datetime.now(UTC) - timedelta(hours=1), 10)
    return told | ({"": [refusal["attention"] for refusal in nameless]} if nameless else {})


def test_a_refused_crisis_reaches_the_ward_until_it_is_answered_also_when_its_batch_runs_again(
    pipeline: Pipeline,
) -> None:
    search = Search(pipeline.client)
    nobody = without(observation(systolic=212, effectiveDateTime=datetime.now(UTC).isoformat()), "subject")
    pipeline.send(measured("p-1", 250, comparator=">"), key="p-1")
    pipeline.send(measured("p-2", 230, None), key="p-2")
    pipeline.send(measured("p-3", 2047, 2047), key="p-3")  # the device's "no value"
    pipeline.send(measured("p-4", 250, comparator="<"), key="p-4")
    pipeline.send(payload(nobody), key="x")
    pipeline.drain()

    assert shown(pipeline) == {
        "p-1": ["systolic > 250 mmHg, diastolic 81 mmHg"],
        "p-2": ["systolic 230 mmHg"],
        "": ["212/82 mmHg"],
    }
    refused = {document["patient_id"]: document for document in pipeline.rejected().values()}
    assert refused["p-1"]["device_id"] == "cuff-7"
    assert refused["p-1"]["measured_at"] < refused["p-1"]["@timestamp"]
    assert pipeline.observations() == pipeline.latest() == {}

    (alert,) = alerts.open_of_patients(search, ["p-1"])["p-1"]
    (outcome,) = acknowledge(search, [alert["alert_id"]], SEEN, ANNE, datetime.now(UTC))
    assert outcome.fate is Fate.STORED
    pipeline.forget_last_commit()
    pipeline.drain()

    assert set(shown(pipeline)) == {"p-2", ""}
    (found,) = (part for part in count_stored(pipeline.client, "p-2") if part.place == REJECTED)
    assert found.number == 1
