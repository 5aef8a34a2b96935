"""How long crises took from the device to the board, and that the system page tells it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elastic.names import ALERT_EVENTS, OBSERVATIONS, PREDICTIONS
from elastic.search.passages import Passage, newest
from tests.support.fake_search import FakeSearch
from tests.support.ward import prediction, reading
from tests.unit.webapp.site import NOON, make_site
from webapp.system.passages import columns, steps

MEASURED = NOON - timedelta(minutes=20)


def after(seconds: float) -> Any:
    return MEASURED + timedelta(seconds=seconds)


def passage(*seconds: float | None) -> Passage:
    """Return the passage of a crisis by the seconds from its measuring to each of its times."""
    times = (None if second is None else after(second) for second in seconds)
    return Passage(MEASURED, *times)


def store_crisis(search: FakeSearch, patient_id: str = "p-1", *, is_shown: bool = True) -> None:
    """Store a crisis: received after 1 s, stored after 3, scored after 5, raised after 4 and shown after 5.5."""
    document = reading(patient_id, MEASURED, 190, 112)
    stored = {"received_at": after(1).isoformat(), "ingested_at": after(3).isoformat()}
    search.put(OBSERVATIONS, document | stored)
    search.put(PREDICTIONS, prediction(document, 0.7) | {"scored_at": after(5).isoformat()})
    about = {"alert_id": f"measured-1-{patient_id}", "patient_id": patient_id, "kind": "measured"}
    about["started_at"] = document["@timestamp"]
    search.put(
        ALERT_EVENTS,
        {**about, "event": "raised", "@timestamp": after(3).isoformat(), "written_at": after(4).isoformat()},
    )
    if is_shown:
        search.put(ALERT_EVENTS, {**about, "event": "shown", "@timestamp": after(5.5).isoformat()})


def test_the_times_of_a_crisis_are_found_in_its_documents_and_in_the_journal() -> None:
    search = FakeSearch()
    store_crisis(search)
    assert newest(search, NOON - timedelta(hours=6), NOON) == [passage(1, 3, 5, 4, 5.5)]


def test_what_nobody_has_seen_yet_has_no_time_of_showing() -> None:
    search = FakeSearch()
    store_crisis(search, is_shown=False)
    (found,) = newest(search, NOON - timedelta(hours=6), NOON)
    assert (found.raised_at, found.shown_at) == (after(4), None)


def test_a_crisis_of_an_earlier_day_is_none_of_the_last_hours() -> None:
    search = FakeSearch()
    store_crisis(search)
    assert newest(search, NOON, NOON) == []


def test_steps_are_medians_of_what_is_known() -> None:
    found = steps([passage(1, 3, 5, 4, 5.5), passage(1, 4, 6, 4.5), passage(2, 3, 3, 3.5, 4)])
    assert [(step.name, step.number, step.median_s) for step in found] == [
        ("device", 3, 1),
        ("store", 3, 2),
        ("raise", 3, 0.5),
        ("show", 2, 1),
        ("score", 3, 4),
        ("whole", 2, 3.25),
    ]


def test_a_step_of_which_nothing_is_known_is_left_out() -> None:
    assert steps([Passage(MEASURED)]) == []


def test_clocks_that_differ_a_little_make_no_negative_times() -> None:
    (device, *_) = steps([passage(-0.2, 1, 2, 2, 3)])
    assert device.median_s == 0


def test_only_crises_that_have_come_the_whole_way_are_drawn() -> None:
    assert columns([passage(1, 3, 5, 4, 5.5), passage(1, 3, 5, 4)]) == [{"store": 2, "raise": 1, "show": 1.5}]


@pytest.mark.parametrize(
    ("is_shown", "told"), [(True, "The newest crises that stood on a board"), (False, "To the alert")]
)
def test_the_system_page_tells_what_each_step_took(tmp_path: Path, is_shown: bool, told: str) -> None:
    search = FakeSearch()
    store_crisis(search, is_shown=is_shown)
    html = make_site(tmp_path, search).signed_in("admin").get("/admin/system").get_data(as_text=True)
    assert told in html
    assert ("From Kafka to a board" in html) == is_shown
    assert "p-1" not in html  # an administrator reads no patient


def test_a_quiet_ward_is_told_as_such(tmp_path: Path) -> None:
    html = make_site(tmp_path, FakeSearch()).signed_in("admin").get("/admin/system").get_data(as_text=True)
    assert "No measured crisis raised an alert in the last 6 hours." in html
