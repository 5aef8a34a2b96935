"""That an alert stood on a board is noted once, behind the answer."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elastic.client import SearchUnavailable
from elastic.names import ALERT_EVENTS
from elastic.search import alert_events
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.site import NOON, make_site
from webapp.board import shown
from webapp.board.shown import Shown

Document = dict[str, Any]


def alert(number: int) -> Document:
    return {"alert_id": f"measured-{number}-p-1", "patient_id": "p-1", "kind": "measured", "started_at": "2026-03-01"}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of alerts that are noted as shown."""
    ids: list[str] = []
    monkeypatch.setattr(
        alert_events, "note_shown", lambda _search, alerts, _at: ids.extend(one["alert_id"] for one in alerts)
    )
    return ids


def show(board: Shown, *alerts: Document) -> None:
    """Put alerts on a board, and wait until that is noted."""
    if thread := board.note(alerts, NOON):
        thread.join()


def test_an_alert_is_noted_when_it_is_first_shown_and_not_again(noted: list[str]) -> None:
    board = Shown(FakeSearch())
    show(board, alert(1))
    show(board, alert(1), alert(2))
    show(board, alert(2))
    assert noted == ["measured-1-p-1", "measured-2-p-1"]


def test_what_could_not_be_noted_is_noted_when_it_is_shown_once_more(
    noted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise SearchUnavailable("away")

    board = Shown(FakeSearch())
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(alert_events, "note_shown", away)
        show(board, alert(1))
    show(board, alert(1))
    assert noted == ["measured-1-p-1"]


def test_only_so_many_are_remembered(noted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "MOST_KNOWN", 2)
    board = Shown(FakeSearch())
    for number in (1, 2, 3, 1):
        show(board, alert(number))
    assert len(noted) == 4


def test_the_first_showing_stays_in_the_journal_and_is_nothing_that_anybody_said() -> None:
    search, later = FakeSearch(), NOON + timedelta(minutes=1)
    alert_events.note_shown(search, [alert(1), alert(2)], NOON)
    alert_events.note_shown(search, [alert(1)], later)
    shown_at = {event["alert_id"]: event["@timestamp"] for event in search.documents[ALERT_EVENTS]}
    assert shown_at == dict.fromkeys(("measured-1-p-1", "measured-2-p-1"), NOON.isoformat())
    assert alert_events.of_patients(search, ["p-1"], NOON - timedelta(hours=1)) == []


def test_a_board_that_is_asked_for_notes_the_alerts_on_it(tmp_path: Path, noted: list[str]) -> None:
    search = FakeSearch()
    search.put_history(Patient("P-0412", 186, 0.68), NOON)
    site = make_site(tmp_path, search)
    browser = site.signed_in("clinician")
    browser.get("/")
    browser.get("/board/rows", page=False)
    for thread in threading.enumerate():
        if thread.name == "shown":
            thread.join()
    assert len(noted) == len(set(noted)) > 0
    assert all("P-0412" in alert_id for alert_id in noted)
