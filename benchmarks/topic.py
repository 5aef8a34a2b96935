"""Fill a Kafka topic with FHIR Observations for a benchmark: every patient once a round, 15 minutes apart, keyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from confluent_kafka import Producer

from fhir.codes import LOINC, Meaning
from fhir.measures import MEASURES
from fhir.write.observation import PRESSURE_PROFILE, TERMINOLOGY, bare_concept, concept, quantity

INTERVAL = timedelta(minutes=15)


def fill(bootstrap_servers: str, topic: str, patients: int, rounds: int, ends_at: datetime, seed: int = 1) -> int:
    """Send patients x rounds Observations of about 1 KB whose last round ends before `ends_at`; return how many."""
    return send(bootstrap_servers, topic, observations(patients, rounds, ends_at, seed))


def send(bootstrap_servers: str, topic: str, messages: Iterable[tuple[bytes, bytes]]) -> int:
    """Send all (key, payload) as fast as Kafka takes them; return how many."""
    producer = Producer(
        {"bootstrap.servers": bootstrap_servers, "linger.ms": 20, "compression.type": "gzip", "batch.size": 262144}
    )
    sent = 0
    for key, value in messages:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
    producer.flush()
    return sent


def observations(patients: int, rounds: int, ends_at: datetime, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, payload) round by round; pressures wander slowly about a level of each patient's own."""
    random = np.random.default_rng(seed)
    level = random.normal(138, 16, patients)
    for number in range(rounds):
        taken_at = ends_at - INTERVAL * (rounds - number)
        systolic = np.clip(level + random.normal(0, 12, patients), 80, 230).round().astype(int)
        diastolic = np.clip(systolic * 0.58 + random.normal(0, 6, patients), 40, 130).round().astype(int)
        diastolic = np.minimum(diastolic, systolic - 15)
        rate = np.clip(random.normal(73, 9, patients), 40, 150).round().astype(int)
        for patient, values in enumerate(zip(systolic.tolist(), diastolic.tolist(), rate.tolist(), strict=True)):
            at = taken_at + timedelta(seconds=patient % 900)
            yield f"p{patient:06d}".encode(), observation(f"p{patient:06d}", f"o{number}-{patient}", at, values)


def observation(patient_id: str, observation_id: str, at: datetime, values: tuple[int, ...]) -> bytes:
    """Return one blood-pressure panel with the heart rate as third component."""
    components = [
        {"code": bare_concept(LOINC, measure.code), "valueQuantity": quantity(value, measure.unit)}
        for measure, value in zip(MEASURES.values(), values, strict=True)
    ]
    resource = {
        "resourceType": "Observation",
        "id": observation_id,
        "meta": {"profile": [PRESSURE_PROFILE]},
        "status": "final",
        "category": [bare_concept(f"{TERMINOLOGY}/observation-category", "vital-signs")],
        "code": concept(Meaning.PANEL),
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": at.astimezone(UTC).isoformat(timespec="seconds"),
        "device": {"reference": f"Device/cuff-{patient_id}"},
        "component": components,
    }
    return msgspec.json.encode(resource)
