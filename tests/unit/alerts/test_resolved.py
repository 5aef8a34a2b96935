"""Alerts that are over: the pages hold each of them once, at a cost that does not grow with what is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import resolved
from alerts.episodes import episodes_of, history_since
from alerts.model import Episode, alert_id
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS
from tests.support.ward import INTERVAL, prediction, reading
from tests.unit.webapp.api.fake_search import FakeSearch

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EARLIEST = history_since(NOW)
LOW, MEDIUM, HIGH, CRITICAL = 0.05, 0.25, 0.45, 0.7
CRISIS = -1.0  # of a risk list: low risk, but measured in crisis
MISSING = None  # a reading that never came

Risks = Sequence[float | None]


def ward(patients: dict[str, Risks], newest_min: float = 2) -> FakeSearch:
    """Patients with a prediction for each of their risks, in the usual rhythm."""
    search = FakeSearch()
    for patient_id, risks in patients.items():
        documents = list(history(patient_id, risks, newest_min))
        search.put(PREDICTIONS, *documents)
        search.put(OBSERVATIONS, *(reading(patient_id, at(one), one["systolic"], 80) for one in documents[-1:]))
        search.put(LATEST, *documents[-1:])
    return search


def history(patient_id: str, risks: Risks, newest_min: float) -> Iterator[dict[str, Any]]:
    newest = NOW - timedelta(minutes=newest_min)
    for back, risk in zip(range(len(risks) - 1, -1, -1), risks, strict=True):
        if risk is not MISSING:
            systolic = 190 if risk == CRISIS else 140
            taken = reading(patient_id, newest - INTERVAL * back, systolic, 80)
            yield prediction(taken, LOW if risk == CRISIS else risk) | {"window_largest_gap_hours": 24.0}


def at(document: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(document["@timestamp"])


def pages(search: FakeSearch, start: datetime = EARLIEST, end: datetime = NOW) -> Iterator[list[str]]:
    after = None
    while True:
        found = resolved.page(search, start, end, NOW, INTERVAL, after)
        yield [id_of(*one) for one in found.alerts]
        after = found.after
        if after is None:
            return


def all_pages(search: FakeSearch, start: datetime = EARLIEST, end: datetime = NOW) -> list[str]:
    return [one for page in pages(search, start, end) for one in page]


def id_of(patient_id: str, episode: Episode) -> str:
    return alert_id(patient_id, episode.kind, episode.started_at)


def folded(search: FakeSearch, patients: dict[str, Risks]) -> list[str]:
    """What the whole histories say."""
    return [id_of(*one) for one in episodes_of(search, dict.fromkeys(patients), NOW, INTERVAL) if not one[1].is_open]


RISKS = st.lists(st.sampled_from([LOW, LOW, LOW, MEDIUM, HIGH, CRITICAL, CRISIS, MISSING, MISSING]), max_size=24)
WARDS = st.dictionaries(st.sampled_from([f"p-{number}" for number in range(6)]), RISKS, max_size=6)


@settings(deadline=None)
@given(patients=WARDS, block=st.integers(1, 12), blocks=st.integers(1, 3), most=st.integers(1, 3))
def test_the_pages_together_are_what_the_whole_histories_say_each_alert_once(
    patients: dict[str, Risks], block: int, blocks: int, most: int
) -> None:
    search = ward(patients)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BLOCK", block), ("MOST_BLOCKS", blocks), ("MOST_PATIENTS", most)):
            patch.setattr(resolved, name, value)
        assert sorted(all_pages(search)) == sorted(folded(search, patients))


def test_the_alert_whose_condition_went_last_comes_first() -> None:
    search = ward({"early": [HIGH, LOW, LOW, LOW, LOW], "late": [LOW, LOW, HIGH, LOW, LOW]})
    assert [id_.rpartition("-")[2] for id_ in all_pages(search)] == ["late", "early"]


def test_a_span_holds_the_alerts_whose_condition_was_last_found_in_it() -> None:
    search = ward({"p-1": [HIGH, HIGH, LOW, LOW, LOW, LOW]}, newest_min=0)
    last_met = NOW - 4 * INTERVAL
    assert len(all_pages(search, last_met, last_met + INTERVAL)) == 1
    assert all_pages(search, EARLIEST, last_met) == []
    assert all_pages(search, last_met + INTERVAL, NOW) == []


def test_a_page_reads_few_histories_however_many_patients_alert() -> None:
    search = ward({f"p-{number}": [HIGH, LOW, LOW] for number in range(4 * resolved.MOST_PATIENTS)})
    found = resolved.page(search, EARLIEST, NOW, NOW, INTERVAL)
    assert len({id_ for id_, _ in found.alerts}) == resolved.MOST_PATIENTS
    assert found.after is not None


def test_alerts_that_go_on_cost_no_history() -> None:
    """Neither those of this moment nor the earlier findings of the same alerts."""
    search = ward({f"p-{number}": [HIGH] * 6 for number in range(30)})
    assert all_pages(search) == []
    assert not any(one["index"] == OBSERVATIONS for one in search.asked)


def test_a_page_ends_after_a_bounded_walk_with_a_place_to_go_on() -> None:
    search = ward({f"p-{number}": [HIGH] * 6 for number in range(resolved.BLOCK)})
    found = resolved.page(search, EARLIEST, NOW, NOW, INTERVAL)
    walked = [one for one in search.asked if one["index"].startswith(PREDICTIONS) and one["size"] == resolved.BLOCK]
    assert (found.alerts, len(walked)) == ([], resolved.MOST_BLOCKS)
    assert found.after is not None


def test_only_the_months_of_the_span_are_asked() -> None:
    search = FakeSearch()
    resolved.page(search, datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), NOW, INTERVAL)
    (walked,) = [one["index"] for one in search.asked]
    assert walked == ",".join(f"{PREDICTIONS}-{month}" for month in ("2025.12", "2026.01", "2026.02"))
