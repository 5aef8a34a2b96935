"""The site's queries on a real Elasticsearch, with the mappings of the real templates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from elasticsearch import BadRequestError

from alerts import answering
from alerts.answering import Acknowledgement, Fate, Person
from alerts.model import AnswerReason
from assessment.urgency import Urgency
from conf.clinical import ALERT_LEVELS
from conf.settings import Settings
from elastic.client import Search, connect
from elastic.names import ALERT_EVENTS, ALERTS, ALL_INDICES, MODEL_MONITORING, OBSERVATIONS, REJECTED, fit_id
from elastic.search import alert_events, alerts, latest, monitoring, observations, predictions, rejected, statistics
from elastic.search.trends import trends
from embedded.services import Addresses
from tests.integration.pipeline import delete_documents
from tests.support.ward import INTERVAL, VERSION, fill, ward
from webapp.board.sections import count_sections, first_of_sections
from webapp.board.ward import Board, View

pytestmark = pytest.mark.integration

QUIET = 40
ANNE, BEA = Person("anne", "clinician"), Person("bea", "clinician")
SEEN = Acknowledgement(AnswerReason.SEEN, "", timedelta(minutes=30))


class Store(NamedTuple):
    search: Search
    now: datetime


@pytest.fixture(scope="module")
def store(services: Addresses) -> Store:
    client = connect(Settings(elasticsearch_url=services.elasticsearch_url))
    delete_documents(client)
    now = datetime.now(UTC)
    fill(client, ward(QUIET), now)
    return Store(Search(client), now)


def board(store: Store) -> Board:
    return Board(store.search, INTERVAL)


def places(store: Store, view: View | None = None) -> dict[str, str]:
    found = board(store).ward(view or View(), store.now)
    return {row.patient_id: row.urgency for row in found.rows}


def test_the_board_shows_each_patient_of_the_ward_in_its_section(store: Store) -> None:
    assert places(store) == {
        "P-0412": "CRITICAL",
        "P-0190": "CRITICAL",
        "P-0077": "CRITICAL",
        "P-0901": "CRITICAL",
        "P-0233": "HIGH",
        "P-0250": "HIGH",
        "P-0261": "CRITICAL",  # measured yesterday, and nobody has answered
        "P-0301": "HIGH",
        "P-0302": "SILENT",
        "P-0350": "MEDIUM",
        "P-0351": "MEDIUM",
        "P-0900": "WAITING",
    }
    assert len(places(store, View(quiet=True))) == 12 + QUIET


def test_totals_of_the_sections_are_exact_whatever_is_listed(store: Store) -> None:
    found = board(store).ward(View(), store.now)
    totals = {section.urgency: section.total for section in found.sections}
    assert totals == {"CRITICAL": 5, "HIGH": 3, "SILENT": 1, "MEDIUM": 2, "NONE": QUIET, "WAITING": 1}


def test_a_section_alone_is_in_the_order_of_action(store: Store) -> None:
    """Unanswered, measured before predicted, the higher pressure first; one that is cut still knows its total."""
    rows = board(store).ward(View(Urgency.CRITICAL), store.now)["CRITICAL"].rows
    kinds = [row.alert["kind"] for row in rows if row.alert]
    assert kinds == sorted(kinds)
    assert [row.patient_id for row in rows][-1] == "P-0190"
    assert count_sections(store.search) == ({"CRITICAL": 5, "HIGH": 3, "SILENT": 1, "MEDIUM": 2}, 11)
    assert len(first_of_sections(store.search, {Urgency.CRITICAL: 2})) == 2


def test_open_alerts_are_read_page_by_page_in_the_order_of_action(store: Store) -> None:
    whole = alerts.open_page(store.search, limit=100).documents
    found, after = [], None
    while True:
        page = alerts.open_page(store.search, limit=3, after=after)
        found += page.documents
        after = page.after
        if after is None:
            break
    assert found == whole
    assert [alert["is_unanswered"] for alert in whole] == sorted(
        (alert["is_unanswered"] for alert in whole), reverse=True
    )


def test_each_change_of_an_alert_is_noticed(store: Store) -> None:
    before = alerts.newest_change(store.search)
    document = alerts.open_page(store.search, limit=1).documents[0]
    store.search.client.index(index=ALERTS, id=fit_id(document["alert_id"]), document=document, refresh=True)
    assert before is not None
    assert alerts.newest_change(store.search) == before + 1
    assert alerts.by_id(store.search, document["alert_id"]) == document
    until = alerts.watched_until(store.search)
    assert until is not None
    assert until > store.now


def test_pages_of_patients_hold_each_once_crises_first(store: Store) -> None:
    ids, after = [], None
    while True:
        page = latest.page(store.search, limit=7, after=after, order="urgent")
        ids += [row["patient_id"] for row in page.documents]
        after = page.after
        if after is None:
            break
    assert ids[:3] == ["P-0412", "P-0077", "P-0190"]
    assert len(ids) == len(set(ids)) == 10 + QUIET


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"level": "HIGH"}, {"P-0233", "P-0250", "P-0301"}),
        ({"min_risk_6h": 0.6}, {"P-0412", "P-0190"}),
        ({"prefix": "P-03"}, {"P-0301", "P-0302", "P-0350", "P-0351"}),
        ({"prefix": "P-03", "level": "LOW"}, {"P-0302"}),
        ({"model_version": "none"}, set()),
        ({"part": "-035"}, {"P-0350", "P-0351"}),
        ({"part": "p-030"}, {"P-0301", "P-0302"}),
        ({"part": "P*1"}, set()),
        ({"part": "?"}, set()),
        ({"part": "\\"}, set()),
    ],
)
def test_patients_can_be_filtered(store: Store, filters: dict[str, object], expected: set[str]) -> None:
    found = latest.page(store.search, **filters)  # type: ignore[arg-type]
    assert {row["patient_id"] for row in found.documents} == expected


def test_a_patient_without_a_prediction_is_found_by_a_part_of_the_id(store: Store) -> None:
    found = observations.newest_of_others(
        store.search, "p-090", ["P-0900"], store.now - timedelta(days=1), store.now, 5
    )
    assert [(document["patient_id"], document["systolic"]) for document in found] == [("P-0901", 184)]


def test_the_trends_of_a_whole_ward_are_those_of_each_patient(store: Store) -> None:
    ids = ["P-0412", "P-0077", "P-0302", "P-1003"]
    whole = trends(store.search, ids, store.now, INTERVAL)
    assert whole == {id_: trends(store.search, [id_], store.now, INTERVAL)[id_] for id_ in ids}
    assert whole["P-0412"] is not None
    assert whole["P-0302"] is None  # silent for five hours


def test_a_patient_is_read_by_id_and_levels_are_counted(store: Store) -> None:
    found = latest.patient(store.search, "P-0412")
    assert found
    assert found["systolic"] == 186
    assert latest.patient(store.search, "nobody") is None
    assert latest.count_levels(store.search) == {"LOW": QUIET + 2, "MEDIUM": 3, "HIGH": 3, "CRITICAL": 2}
    assert latest.model_versions(store.search) == [VERSION]


def test_readings_come_in_pages_in_both_orders_and_whole(store: Store) -> None:
    whole = observations.all_of_patient(store.search, "P-0412", store.now - timedelta(days=3), store.now)
    assert len(whole) == 96
    first = observations.of_patient(store.search, "P-0412", limit=60)
    rest = observations.of_patient(store.search, "P-0412", limit=60, after=first.after)
    assert [*first.documents, *rest.documents] == whole
    assert observations.of_patient(store.search, "P-0412", limit=1, newest_first=True).documents == whole[-1:]


def test_buckets_hold_every_reading(store: Store) -> None:
    start = store.now - timedelta(days=3)
    found = observations.buckets_of_patient(store.search, "P-0412", start, store.now, "1h")
    assert sum(bucket["readings"] for bucket in found) == 96
    assert all(of["systolic"]["min"] <= of["systolic"]["avg"] <= of["systolic"]["max"] for of in found)


def test_patients_who_wait_for_a_prediction_have_their_readings(store: Store) -> None:
    assert observations.newest(store.search, ["P-0901", "P-0302"], store.now)["P-0901"]["systolic"] == 184
    assert dict(list(observations.waiting(store.search, store.now - timedelta(days=2), store.now).items())[:2]) == {
        "P-0901": 2,
        "P-0900": 4,
    }


def test_histories_hold_all_predictions_in_order(store: Store) -> None:
    found = predictions.histories(store.search, ["P-0412", "P-0350"], store.now - timedelta(days=3))
    assert {id_: len(of) for id_, of in found.items()} == {"P-0412": 87, "P-0350": 87}
    assert all(of == sorted(of, key=lambda past: past["@timestamp"]) for of in found.values())


def test_statistics_count_everything(store: Store) -> None:
    start, end = store.now - timedelta(days=3), store.now + timedelta(minutes=1)
    stored = store.search.client.count(index=OBSERVATIONS)["count"]
    assert sum(statistics.categories(store.search, start, end).values()) == stored
    assert sum(minute["readings"] for minute in statistics.readings_per_minute(store.search, start, end)) == stored
    over_time = statistics.levels_over_time(store.search, start, end)
    burden = statistics.alarm_burden(store.search, start, end)
    for level in ALERT_LEVELS:
        assert sum(interval[level] for interval in over_time) == burden["levels"][level]["predictions"]
    assert burden["patients"] == 10 + QUIET
    histories = predictions.histories(store.search, [patient.id for patient in ward(QUIET)], start)
    were_low = {id_ for id_, history in histories.items() if any(past["alert_level"] == "LOW" for past in history)}
    assert burden["levels"]["LOW"]["patients"] == len(were_low)
    edges = [store.now - timedelta(minutes=30), store.now - timedelta(hours=2)]
    assert statistics.freshness(store.search, edges, store.now) == [8 + QUIET, 1, 1]


def test_percentiles_by_hour_of_day_are_readings_to_the_nearest_half_mmhg(store: Store) -> None:
    """Of one hour of one day, which nothing is averaged over."""
    paris = ZoneInfo("Europe/Paris")
    start = store.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    end = start + timedelta(hours=1)
    (hour,) = statistics.circadian(store.search, start, end, paris)
    readings = observations.page(store.search, start=start, end=end, limit=5_000).documents
    assert (hour["hour"], hour["readings"]) == (start.astimezone(paris).hour, len(readings))
    for name in statistics.MEASURES:
        values = sorted(reading[name] for reading in readings)
        ranks = [int(len(values) * percent / 100 + 0.5) for percent in statistics.PERCENTS]
        assert hour[name] == pytest.approx([values[rank - 1] for rank in ranks], abs=0.5)


def test_rejects_and_what_the_monitor_found_are_read(store: Store) -> None:
    client = store.search.client
    day = store.now.replace(hour=0, minute=0, second=0, microsecond=0)
    reject = {"@timestamp": store.now.isoformat(), "reason": "NOT_JSON", "source_topic": "t"}
    client.index(index=REJECTED, id="r-1", document=reject)
    common = {"model_version": VERSION, "judged_at": store.now.isoformat(), "rows": 5}
    for back, psi in ((0, 0.3), (0, 0.1), (1, 0.9)):
        drift = {
            "kind": "drift",
            "feature": f"f-{psi}",
            "psi": psi,
            "@timestamp": (day - timedelta(days=back)).isoformat(),
        }
        client.index(index=MODEL_MONITORING, document=common | drift)
    quality = {"kind": "quality", "horizon_h": 6, "stratum": "all", "@timestamp": day.isoformat()}
    client.index(index=MODEL_MONITORING, document=common | quality)
    client.indices.refresh(index=ALL_INDICES)
    rejects = statistics.rejects_by_reason(store.search, day, store.now + INTERVAL)
    assert [(told["reason"], told["count"]) for told in rejects] == [("NOT_JSON", 1)]
    assert [moved["psi"] for moved in monitoring.drift(store.search, VERSION)] == [0.3, 0.1]
    assert len(monitoring.live_quality(store.search, VERSION)) == 1
    assert monitoring.live_quality(store.search, VERSION, horizon_h=24) == []


def test_refusals_are_counted_by_patient_device_and_reason_without_repetitions(store: Store) -> None:
    """1. Three from one cuff, one from an unknown one, a repetition, an old one. 2. Of one patient, and of all."""
    client = store.search.client
    told: list[tuple[str | None, str | None, str, int]]
    told = [("p-1", "cuff-7", "TIME_IN_FUTURE", back) for back in (1, 2, 30)]
    told += [("p-1", None, "UNIT_MISSING", 3), (None, "cuff-9", "SUBJECT_MISSING", 4), ("p-2", "cuff-1", "LATE", 5)]
    told += [("p-1", "cuff-7", "DUPLICATE", 1), ("p-1", "cuff-7", "TIME_IN_FUTURE", 3000)]
    for patient_id, device_id, reason, minutes in told:
        at = (store.now - timedelta(minutes=minutes)).isoformat()
        named = {"patient_id": patient_id, "device_id": device_id, "reason": reason, "source_topic": "t"}
        client.index(index=REJECTED, document={"@timestamp": at, **named})
    client.indices.refresh(index=REJECTED)
    since = store.now - timedelta(hours=24)

    found = rejected.refusals(store.search, since, ["p-1", "p-3"])

    assert [(group["device_id"], group["reason"], group["count"]) for group in found] == [
        ("cuff-7", "TIME_IN_FUTURE", 3),
        (None, "UNIT_MISSING", 1),
    ]
    assert datetime.fromisoformat(found[0]["first"]) < store.now - timedelta(minutes=29)
    of_all = [group["patient_id"] for group in rejected.refusals(store.search, since) if group["reason"] != "NOT_JSON"]
    assert of_all == ["p-1", "p-1", None, "p-2"]


def test_an_answer_is_in_the_journal_once(store: Store) -> None:
    alert, *_ = alerts.open_of_patients(store.search, ["P-0250"])["P-0250"]
    first, second = (
        answering.acknowledge(store.search, [alert["alert_id"]], SEEN, person, store.now + timedelta(seconds=later))
        for person, later in ((ANNE, 0), (BEA, 40))
    )
    assert [outcome.fate for outcome in first] == [Fate.STORED]
    assert [(outcome.fate, outcome.by) for outcome in second] == [(Fate.LATE, "anne")]
    assert alert_events.usefulness(store.search, store.now - INTERVAL, store.now + INTERVAL)["acknowledged"] == 1


def test_the_same_event_twice_shows_the_first(store: Store) -> None:
    event = {"@timestamp": store.now.isoformat(), "event": "feedback", "alert_id": "measured-1-x", "number": 1}
    assert alert_events.append(store.search, [event | {"by": "anne"}])[0].stored
    (result,) = alert_events.append(store.search, [event | {"by": "bea"}])
    assert (result.stored, result.winner["by"]) == (False, "anne")


def test_the_journal_takes_no_field_that_it_does_not_know(store: Store) -> None:
    with pytest.raises(BadRequestError, match="strict"):
        store.search.client.index(index=ALERT_EVENTS, document={"unknown": 1})


def test_indices_that_do_not_exist_hold_nothing(store: Store) -> None:
    assert store.search.page("blood-pressure-nothing", {"size": 1, "query": {"match_all": {}}}).documents == []
    assert store.search.aggregate("blood-pressure-nothing", {"newest": {"max": {"field": "@timestamp"}}}) in (
        {},
        {"newest": {"value": None}},
    )
