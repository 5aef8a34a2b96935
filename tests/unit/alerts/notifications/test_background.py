"""What is known of an alert besides: looked up only where somebody may be told of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.channels.message import Disclosure
from alerts.model import AlertKind, Finding
from alerts.notifications.background import completed
from elastic.names import PREDICTIONS, STAYS
from tests.support.fake_search import FakeSearch
from tests.support.tellings import EVERYTHING, NOON, NOTHING, OUT_OF_RANGE, outage
from tests.support.ward import REASONS, Document, Patient, alert

AT = NOON - timedelta(minutes=2)
STAY = {"patient_id": "P-1", "ward": "Cardiology", "bed": "12", "since": NOON.isoformat()}


@pytest.fixture
def search() -> FakeSearch:
    made = FakeSearch()
    made.put_history(Patient("P-1", 168, 0.7), NOON)
    for prediction in made.documents[PREDICTIONS]:
        prediction["out_of_range"] = OUT_OF_RANGE
    made.documents[STAYS] = [STAY]
    return made


def predicted(seconds_off: int = 0) -> Document:
    worst = Finding(AT + timedelta(seconds=seconds_off), 3, risk_6h=0.7)
    return alert("P-1", AT, AlertKind.PREDICTED, worst=worst)


def test_a_predicted_risk_is_told_with_its_reasons_and_its_patient_with_the_bed(search: FakeSearch) -> None:
    (found,) = completed(search, [predicted()], EVERYTHING)

    assert (found["ward"], found["bed"], found.get("name")) == ("Cardiology", "12", None)
    assert [reason["code"] for reason in found["reasons"]] == [reason.code for reason in REASONS]
    assert predicted().items() <= found.items()


def test_a_prediction_that_is_not_there_gives_no_reasons(search: FakeSearch) -> None:
    assert "reasons" not in completed(search, [predicted(seconds_off=1)], EVERYTHING)[0]


@pytest.mark.parametrize(
    ("discloses", "fields"),
    [(NOTHING, set()), ({Disclosure.VALUES}, {"reasons"}), ({Disclosure.WARD}, {"ward", "bed"})],
)
def test_what_nobody_is_told_is_not_looked_up(
    search: FakeSearch, discloses: frozenset[Disclosure], fields: set[str]
) -> None:
    (found,) = completed(search, [predicted()], frozenset(discloses))
    assert set(found) - set(predicted()) == fields | {"out_of_range"}


def test_everybody_is_told_that_a_predicted_level_is_a_guess(search: FakeSearch) -> None:
    (found,) = completed(search, [predicted()], NOTHING)
    assert found["out_of_range"] == OUT_OF_RANGE


def test_what_is_about_no_patient_stays_as_it_is(search: FakeSearch) -> None:
    assert completed(search, [outage()], EVERYTHING) == [outage()]
