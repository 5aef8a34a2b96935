"""How fast the parser reads Observations, alone and in a Bundle: ``python -m benchmarks.parse_observations``.

The machine's speed drifts, so each way is timed in turn, round by round, and the ratio to bare JSON decoding of the
same bytes is what can be compared between runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import msgspec

from fhir.parse.envelope import locate_resources, read_documents
from fhir.parse.message import judge_resources, parse_message
from fhir.readings import IntakeRules

ROUNDS = 15
REPEATS = 5_000
RECORD_TIME_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z
RULES = IntakeRules()
PSEUDONYMISED = IntakeRules(pseudonym_key=b"a key of at least thirty-two bytes")


def observation(minute: int = 15) -> dict[str, object]:
    """Return a valid Observation of about 1 KB, as EHRs write it."""
    return {
        "resourceType": "Observation",
        "id": f"8f732d5c-c4c1-016a-1557-1cc096b259{minute:02d}",
        "meta": {"versionId": "1", "profile": ["http://hl7.org/fhir/StructureDefinition/bp"]},
        "status": "final",
        "category": [_concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")],
        "code": _concept("http://loinc.org", "85354-9"),
        "subject": {"reference": "Patient/3fc4d5b0-9e46-4307-8c05-e4cef7602e7f"},
        "effectiveDateTime": f"2026-03-01T08:{minute:02d}:00+01:00",
        "device": {"reference": "Device/cuff-7"},
        "component": [_component("8462-4", 77), _component("8480-6", 124)],
    }


def bundle(size: int) -> dict[str, object]:
    """Return a searchset of up to 60 Observations, one a minute."""
    entries = [{"resource": observation(minute)} for minute in range(size)]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def _component(loinc: str, value: float) -> dict[str, object]:
    quantity = {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    return {"code": _concept("http://loinc.org", loinc), "valueQuantity": quantity}


def _concept(system: str, code: str) -> dict[str, object]:
    return {"coding": [{"system": system, "code": code, "display": f"display of {code}"}], "text": f"text of {code}"}


def microseconds_each(work: Callable[[], object], repeats: int) -> float:
    """Return the time of a call in microseconds, from one round."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats * 1e6


def main() -> None:
    """Print how fast one Observation and a Bundle of them are read."""
    compare("one Observation", observation(), 1)
    compare("Bundle of 50", bundle(50), 50)


def compare(name: str, message: dict[str, object], size: int) -> None:
    """Print median time, Observations per second and ratio of each way of reading the same message."""
    payload, repeats = msgspec.json.encode(message), REPEATS // size
    decode = msgspec.json.Decoder().decode
    ways: dict[str, Callable[[], object]] = {
        "bare JSON decoding": lambda: decode(payload),
        "parse_message": lambda: parse_message(payload, RECORD_TIME_US, RULES),
        "with pseudonyms": lambda: parse_message(payload, RECORD_TIME_US, PSEUDONYMISED),
        "full rules only": lambda: judge_resources(locate_resources(read_documents(payload)), RECORD_TIME_US, RULES),
    }
    rounds = [{way: microseconds_each(work, repeats) for way, work in ways.items()} for _ in range(ROUNDS)]
    print(f"{name}, {len(payload)} bytes, {ROUNDS} rounds of {repeats}")
    for way in ways:
        each = median(times[way] for times in rounds)
        ratio = median(times[way] / times["bare JSON decoding"] for times in rounds)
        print(f"{way:20} {each:8.2f} us {size * 1e6 / each:9,.0f} per second {ratio:6.2f} x bare decoding")


if __name__ == "__main__":
    main()
