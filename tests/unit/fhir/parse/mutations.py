"""Messages that are almost right: a valid one in which a few places were replaced, removed or added."""

# ruff: noqa: SIM905 - words are easier to read and to add to than quoted literals

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from fhir.parse.values import DATA_ABSENT_REASON
from tests.support.factories import (
    LOINC,
    MDC,
    SNOMED,
    bundle,
    code,
    half_observation,
    heart_rate_observation,
    observation,
    quantity,
)

ODD_TEXTS = [
    *"final amended preliminary unknown entered-in-error in-process Patient Device Observation Bundle DELETE".split(),
    *"Patient/p-2 Group/1 #pat urn:uuid:1 https://fhir.example.org/Patient/9 p-9 transaction searchset".split(),
    *"2026-03-01 2026-03-01T08:15:00 2026-03-01T07:14:60Z 2026-02-30T00:00:00Z 2026-03-02T01:00:00Z".split(),
    *"2001-01-01T00:00:00+14:00 0001-01-01T00:00:00+14:00 8480-6 8462-4 8867-4 85354-9 96607-7 150021".split(),
    *["mm[Hg]", "mmHg", "kPa", "/min", "Hz", "<", "é", "x" * 300, "a|b", "128", "", LOINC, f"{LOINC}/", MDC],
]
ODD_NUMBERS = [0, -1, 1, 19.9, 20, 50, 49.999, 82.5, 128, 128.0, 200, 300, 301, 1e300, 10**400, -(10**400), 16, 17.3]
ODD_SHAPES: list[Any] = [
    None, True, False, [], {}, [None], [[]], [{}], {"coding": []}, {"coding": [None, {"system": [], "code": {}}]},
    {"start": "2026-03-01T07:00:00Z", "end": "2026-03-01T07:15:00Z"}, {"start": "2026-03-01T07:00:00Z"},
    {"start": "2026-03-01T07:00:00Z", "end": "2026-03-01T09:00:00Z"}, {"reference": "Patient/p-3"},
    {"identifier": {"system": "s", "value": "v"}}, quantity(128), quantity(16, "kPa"), quantity(71, "/min"),
    code("8480-6"), code("8462-4", "8867-4"), code("85354-9", "150020"), code("150020", system=MDC), code("8478-0"),
    code("8480-6", "8440-0"), code("8385-7", "8462-4"), code("96608-5", "8480-6"), code("60985-9"), code("76284-9"),
    {"coding": {"system": LOINC, "code": "8480-6"}}, {"coding": [{"system": MDC, "code": 150045}]},
    code("81040000", system=SNOMED), [{"url": "https://example.org/modifier"}], [{"reference": "Patient/p-1"}],
    {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": "masked"}]},
]  # fmt: skip
NAMES = [
    *"status subject effectiveDateTime effectivePeriod effectiveInstant effectiveTiming component code coding".split(),
    *"value unit system comparator valueQuantity valueSampledData valueString dataAbsentReason reference".split(),
    *"identifier type resourceType entry resource fullUrl request method url ifNoneExist response".split(),
    *"id meta versionId device _status note modifierExtension implicitRules focus bodySite extension _value".split(),
]

odd_values = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_SHAPES).map(copy.deepcopy),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)


def _valid_observations() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(
            observation,
            systolic=st.integers(60, 280),
            diastolic=st.integers(30, 180),
            heart_rate=st.one_of(st.none(), st.integers(10, 310)),
        ),
        st.builds(heart_rate_observation, st.integers(10, 310)),
        st.builds(half_observation, st.sampled_from(["8480-6", "8462-4"]), st.integers(40, 200)),
    )


def places_of(tree: Any) -> list[Any]:
    """Return every object and array inside `tree`."""
    children = list(tree.values()) if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    found = [tree] if isinstance(tree, dict | list) else []
    return found + [place for child in children for place in places_of(child)]


@st.composite
def almost_valid_observations(draw: st.DrawFn) -> Any:
    return _mutate(draw, draw(_valid_observations()))


@st.composite
def almost_valid_bundles(draw: st.DrawFn) -> Any:
    resources = draw(st.lists(st.one_of(_valid_observations(), almost_valid_observations()), max_size=5))
    kind = draw(st.sampled_from(["collection", "transaction", "batch", "searchset", "batch-response", "history"]))
    return _mutate(draw, bundle(*resources, kind=kind))


def _mutate(draw: st.DrawFn, resource: Any) -> Any:
    for _ in range(draw(st.integers(0, 3))):
        places = places_of(resource)
        if places:
            _change(draw, draw(st.sampled_from(places)))
    return resource


def _change(draw: st.DrawFn, place: Any) -> None:
    known = list(place) if isinstance(place, dict) else list(range(len(place)))
    what = draw(st.sampled_from(["replace", "remove", "add"]))
    if what == "add" or not known:
        if isinstance(place, dict):
            place[draw(st.sampled_from(NAMES))] = draw(odd_values)
        else:
            place.append(copy.deepcopy(place[0]) if place and draw(st.booleans()) else draw(odd_values))
    elif what == "remove":
        del place[draw(st.sampled_from(known))]
    else:
        place[draw(st.sampled_from(known))] = draw(odd_values)
