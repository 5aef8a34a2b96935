"""What is kept of each patient's last days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.episodes import HISTORY
from alerts.model import AlertKind
from elastic.names import LATEST, PREDICTIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import INTERVAL, Document, Patient, history, prediction, reading
from webapp.board.histories import MOST_AT_ONCE, Histories, risk_line

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def search() -> FakeSearch:
    found = FakeSearch()
    predictions = history(Patient("p-1", 160, 0.5, rise=8), NOW)[1]
    found.put(PREDICTIONS, *predictions)
    found.put(LATEST, predictions[-1])
    return found


def read(histories: Histories, search: FakeSearch, now: datetime = NOW) -> int:
    """Read the patient's history; how many searches that took."""
    before = len(search.asked)
    histories.read(search, {"p-1": (search.documents[LATEST][-1], None)}, now)
    return len(search.asked) - before


def test_a_history_is_read_again_only_after_a_newer_prediction(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    assert [read(histories, search), read(histories, search)] == [1, 0]
    newer = prediction(reading("p-1", NOW, 165, 100), 0.6)
    search.put(LATEST, newer)
    search.put(PREDICTIONS, newer)
    assert read(histories, search) == 1
    assert histories.history("p-1").findings.predicted[-1].rank == 3


def crisis(search: FakeSearch) -> Document:
    """Return a crisis that is found among the newest predictions and not yet among all of them."""
    newest = prediction(reading("p-1", NOW, 190, 100), 0.05)
    search.put(LATEST, newest)
    return newest


def test_a_prediction_that_both_indices_show_counts_once_and_is_not_read_again(search: FakeSearch) -> None:
    histories, read_later = Histories(INTERVAL), Histories(INTERVAL)
    newest = crisis(search)
    assert [read(histories, search), read(histories, search)] == [1, 1]
    early, before = histories.history("p-1"), histories.episodes("p-1", [], NOW)
    search.put(PREDICTIONS, newest)
    assert [read(histories, search), read(histories, search)] == [1, 0]
    read(read_later, search)
    for known in (histories.history("p-1"), read_later.history("p-1")):
        assert (known.findings, known.risk_line) == (early.findings, early.risk_line)
    assert histories.episodes("p-1", [], NOW) == before


def test_what_was_folded_of_a_part_of_the_history_is_not_kept_for_the_whole(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    newest = crisis(search)
    read(histories, search)
    histories.episodes("p-1", [], NOW)
    earlier = prediction(reading("p-1", NOW - timedelta(minutes=1), 185, 100), 0.05)
    search.put(PREDICTIONS, earlier, newest)
    read(histories, search)
    (measured,) = (episode for episode in histories.episodes("p-1", [], NOW) if episode.kind is AlertKind.MEASURED)
    assert measured.started_at == NOW - timedelta(minutes=1)


def test_a_newer_scoring_of_one_instant_takes_the_place_of_the_older(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    before = search.documents[PREDICTIONS][-1]
    search.put(LATEST, before | {"alert_level": "CRITICAL", "scored_at": NOW.isoformat()})
    read(histories, search)
    ranks = [finding.rank for finding in histories.history("p-1").findings.predicted]
    assert len(ranks) == len(search.documents[PREDICTIONS])
    assert ranks[-2:] == [2, 3]


def test_a_newest_prediction_from_before_the_history_is_neither_shown_nor_read_again(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    long_ago = prediction(reading("p-1", NOW - HISTORY - timedelta(days=2), 190, 100), 0.05)
    search.documents[PREDICTIONS] = []
    search.put(LATEST, long_ago)
    assert [read(histories, search), read(histories, search)] == [1, 0]
    assert histories.episodes("p-1", [], NOW) == []


def test_histories_in_part_do_not_keep_others_from_being_read() -> None:
    search, histories = FakeSearch(), Histories(INTERVAL)
    ids = [f"p-{number:03}" for number in range(MOST_AT_ONCE + 1)]
    newest = {id_: prediction(reading(id_, NOW, 190, 100), 0.05) for id_ in ids}
    rows = {id_: (document, None) for id_, document in newest.items()}
    for _ in range(2):
        histories.read(search, rows, NOW)
    assert [len(histories.episodes(id_, [], NOW)) for id_ in (ids[0], ids[-1])] == [1, 1]


def test_the_slope_is_that_of_the_last_two_hours(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    read(histories, search)
    assert histories.history("p-1").slope == pytest.approx(4, abs=3)


def test_time_alone_escalates_and_brings_the_technical_alert(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    read(histories, search)
    later = NOW + timedelta(minutes=45)
    before, after = ({episode.kind: episode for episode in histories.episodes("p-1", [], now)} for now in (NOW, later))
    assert AlertKind.TECHNICAL not in before
    assert after[AlertKind.TECHNICAL].is_open
    assert after[AlertKind.PREDICTED].escalated


def test_a_patient_without_prediction_needs_no_search(search: FakeSearch) -> None:
    histories = Histories(INTERVAL)
    histories.read(search, {"p-2": (None, reading("p-2", NOW, 190, 100))}, NOW)
    assert search.asked == []
    assert [episode.kind for episode in histories.episodes("p-2", [], NOW)] == [AlertKind.MEASURED]


def test_the_risk_line_ends_at_the_right_edge_and_rises_with_the_risk() -> None:
    known = [prediction(reading("p-1", NOW - INTERVAL * back, 150, 90), risk) for back, risk in ((1, 0.0), (0, 1.0))]
    assert risk_line(known) == "M63.3 16.0L64.0 0.0"
    assert risk_line(known[:1]) == ""


def test_after_a_start_histories_are_read_in_portions_the_first_ones_first() -> None:
    search, histories = FakeSearch(), Histories(INTERVAL)
    newest = {f"p-{n:03}": prediction(reading(f"p-{n:03}", NOW, 150, 90), 0.5) for n in range(MOST_AT_ONCE + 1)}
    search.put(PREDICTIONS, *newest.values())
    rows = {id_: (document, None) for id_, document in newest.items()}
    last = list(newest)[-1]
    histories.read(search, rows, NOW)
    assert [len(histories.episodes(id_, [], NOW)) for id_ in ("p-000", last)] == [1, 0]
    histories.read(search, rows, NOW)
    assert len(histories.episodes(last, [], NOW)) == 1
