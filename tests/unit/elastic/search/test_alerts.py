"""Stored alerts, as their readers ask for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.model import AlertKind, Answer, Finding, State
from elastic.names import ALERT_SERVICE
from elastic.search import alerts
from elastic.search.alerts import LATEST_SILENCE_FIRST, Wanted
from elastic.search.queries import term
from tests.support.fake_search import FakeSearch
from tests.support.ward import Document, alert

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EVERYBODY = alerts.is_open()


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def crisis(patient_id: str, minutes: float = 0, systolic: float = 190) -> Document:
    return alert(patient_id, at(minutes), worst=Finding(at(minutes), 3, systolic=systolic, diastolic=100))


def answered(patient_id: str, minutes: float = 0) -> Document:
    given = Answer(at(minutes + 1), at(minutes + 31), "anne")
    return alert(patient_id, at(minutes), state=State.ACKNOWLEDGED, answer=given)


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


def test_the_order_is_that_of_action(search: FakeSearch) -> None:
    """Unanswered, level, measured before predicted, pressure, time."""
    wanted = [
        crisis("a", 0, systolic=210),
        crisis("b", -5),
        crisis("c", 0),
        alert("d", at(-60), AlertKind.PREDICTED),
        alert("e", at(-60), AlertKind.PREDICTED, rank=2),
        answered("f", -99),
    ]
    search.put_alerts(*wanted[::-1])

    (shown,) = alerts.first_patients(search, [Wanted(EVERYBODY, 10)])

    assert shown == ["a", "b", "c", "d", "e", "f"]
    assert alerts.open_page(search, limit=9).documents == wanted


def test_a_patient_comes_once_by_the_first_alert(search: FakeSearch) -> None:
    search.put_alerts(crisis("a"), alert("a", at(0), AlertKind.PREDICTED), crisis("b", 1))
    assert alerts.first_patients(search, [Wanted(EVERYBODY, 10), Wanted(EVERYBODY, 1)]) == [["a", "b"], ["a"]]


def test_who_fell_silent_last_comes_first(search: FakeSearch) -> None:
    search.put_alerts(*(alert(f"p-{hours}", at(-60 * hours), AlertKind.SILENCE, rank=1) for hours in (700, 1, 30)))
    wanted = [Wanted(EVERYBODY, 10, LATEST_SILENCE_FIRST)]
    assert alerts.first_patients(search, wanted) == [["p-1", "p-30", "p-700"]]


def test_patients_are_counted_and_not_alerts(search: FakeSearch) -> None:
    search.put_alerts(crisis("a"), alert("a", at(0), AlertKind.PREDICTED), answered("b"), over("c"))
    counted = alerts.count_patients(search, {"all": EVERYBODY, "due": term("is_unanswered", True)})
    assert counted == {"all": 2, "due": 1}
    assert alerts.count_patients(FakeSearch(), {"all": EVERYBODY}) == {"all": 0}


def over(patient_id: str, ended: float = 0) -> Document:
    return alert(patient_id, at(ended - 500), state=State.RESOLVED, changed_at=at(ended))


def test_open_alerts_of_patients_are_by_patient(search: FakeSearch) -> None:
    search.put_alerts(alert("a", at(0), AlertKind.PREDICTED), crisis("a"), crisis("b"), over("c"))
    found = alerts.open_of_patients(search, ["a", "c"])
    assert {id_: [each["kind"] for each in of] for id_, of in found.items()} == {"a": ["measured", "predicted"]}
    assert alerts.open_of_patients(search, []) == {}


def test_a_patient_s_alerts_are_those_open_and_those_that_ended_lately(search: FakeSearch) -> None:
    long_open = alert("a", at(-9_000), AlertKind.SILENCE, rank=1)
    search.put_alerts(long_open, over("a", ended=-100), over("a", ended=-5), crisis("b"))
    found = alerts.of_patient(search, "a", since=at(-60))
    assert [each["state"] for each in found] == ["resolved", "raised"]
    assert alerts.of_patient(search, "a", at(-60), AlertKind.SILENCE) == [long_open]


def test_alerts_of_no_patient_are_apart(search: FakeSearch) -> None:
    search.put_alerts(alert(None, at(0), AlertKind.FEED, part="feed"), crisis("a"))
    assert [each["part"] for each in alerts.without_patient(search)] == ["feed"]


def test_an_alert_is_found_by_its_id(search: FakeSearch) -> None:
    search.put_alerts(crisis("a"))
    assert alerts.by_id(search, crisis("a")["alert_id"]) is not None
    assert alerts.by_id(search, "measured-0-a") is None


def test_open_alerts_are_filtered_and_paged(search: FakeSearch) -> None:
    search.put_alerts(crisis("a"), alert("b", at(0), rank=2), answered("c"))
    assert [each["patient_id"] for each in alerts.open_page(search, is_answered=True, limit=9).documents] == ["c"]
    assert [each["patient_id"] for each in alerts.open_page(search, level="HIGH", limit=9).documents] == ["b"]
    first = alerts.open_page(search, limit=2)
    rest = alerts.open_page(search, limit=2, after=first.after)
    assert [each["patient_id"] for each in (*first.documents, *rest.documents)] == ["a", "b", "c"]
    assert rest.after is None


def test_ended_alerts_are_those_of_a_span_the_last_one_first(search: FakeSearch) -> None:
    search.put_alerts(*(over(f"p-{minutes}", ended=-minutes) for minutes in (5, 30, 60, 61)), crisis("a"))
    found = alerts.ended_page(search, at(-60), at(-5), limit=9)
    assert [each["patient_id"] for each in found.documents] == ["p-30", "p-60"]


def test_each_change_of_an_alert_has_a_higher_number(search: FakeSearch) -> None:
    assert alerts.newest_change(search) is None
    numbers = []
    for document in (crisis("a"), crisis("b"), answered("a")):
        search.put_alerts(document)
        numbers.append(alerts.newest_change(search) or 0)
    assert numbers == sorted(set(numbers))


def test_until_when_somebody_watches(search: FakeSearch) -> None:
    assert alerts.watched_until(search) is None
    search.put(
        ALERT_SERVICE, {"position": {}}, {"holder": "x", "until": at(1).isoformat()}, {"until": at(-9).isoformat()}
    )
    assert alerts.watched_until(search) == at(1)
