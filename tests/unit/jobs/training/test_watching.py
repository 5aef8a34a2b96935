"""What the monitor adds up, day after day, of observed against expected crises."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from conf.times import DAY_US, HOUR_US, from_us, iso_us
from elastic.names import MODEL_MONITORING
from elastic.search.monitoring import cusum, misfits, newest_by_horizon
from jobs.training.outcomes import add_targets, document_id
from jobs.training.watching import day_documents, estimate_documents, sum_up
from ml.evaluation.cusum import HIGHEST, LEAST_PATIENTS, LIMIT
from tests.support.fake_search import FakeSearch
from tests.unit.jobs.training.test_outcomes import LATER_US, THAT_DAY_US, Readings, prediction, readings
from tests.unit.jobs.training.test_outcomes import patients as batch_of

Documents = list[dict[str, Any]]


def days(**told: tuple[Documents, Readings]) -> dict[int, dict[str, Any]]:
    """Return the documents of one day by horizon."""
    table = pa.Table.from_batches(list(add_targets(iter([batch_of(**told)]))))
    return {document["horizon_h"]: document for document in day_documents(table, LATER_US)}


def summed() -> Documents:
    """Return what is stored of one day."""
    return estimates(prediction(0)) + list(sum_up(days(a=([prediction(0)], readings())).values(), {}))


def day(number: int, more: float, horizon_h: int = 6, version: str = "v1") -> dict[str, Any]:
    """Return a document of what a day adds."""
    key = {"kind": "cusum", "model_version": version, "horizon_h": horizon_h, "judged_at": iso_us(LATER_US)}
    added = {
        "patients": LEAST_PATIENTS,
        "added_more": more,
        "added_fewer": -1.0,
        "@timestamp": iso_us(THAT_DAY_US + number * DAY_US),
    }
    return {**key, "stratum": "not_in_crisis", **added, "@timestamp": iso_us(THAT_DAY_US + number * DAY_US)}


def estimates(*predictions: dict[str, Any]) -> Documents:
    """Return what is told of the predictions of a patient of whom nothing more has come since."""
    table = pa.Table.from_batches(list(add_targets(iter([batch_of(a=(list(predictions), readings(9)))]))))
    return list(estimate_documents(table, THAT_DAY_US + 2 * HOUR_US))


def test_what_risks_say_of_themselves_is_told_before_any_outcome_is_known() -> None:
    told = estimates(prediction(3, 0.9, systolic=190.0), prediction(4, 0.2), prediction(8, 0.4))
    found = {(each["horizon_h"], each["stratum"]): each for each in told}
    assert set(found) == {(h, stratum) for h in (1, 6, 24) for stratum in ("all", "not_in_crisis")}
    assert found[24, "all"]["rows"] == 3
    assert found[24, "all"]["expected_events"] == pytest.approx(1.5)
    calm = found[24, "not_in_crisis"]
    assert calm["estimated_brier"] == pytest.approx((0.2 * 0.8 + 0.4 * 0.6) / 2)
    assert (calm["kind"], calm["complete"]) == ("estimate", False)
    assert len({document_id(each) for each in told}) == 6


def test_windows_in_crisis_and_those_that_overlap_an_earlier_one_do_not_count() -> None:
    sick = [prediction(3, 0.9, systolic=190.0), prediction(4, 0.2), prediction(5, 0.5), prediction(8, 0.4)]
    found = days(sick=(sick, readings(at_9=190)), calm=([prediction(0, 0.3)], readings()))
    assert {h: (each["rows"], each["events"]) for h, each in found.items()} == {1: (3, 1), 6: (2, 1), 24: (2, 1)}
    assert found[6]["expected_events"] == pytest.approx(0.2 + 0.3)
    assert found[1]["expected_events"] == pytest.approx(0.2 + 0.4 + 0.3)
    assert (found[6]["kind"], found[6]["model_version"], found[6]["patients"]) == ("cusum", "v1", 2)


def test_a_window_whose_outcome_is_unknown_is_not_replaced_by_the_next_one() -> None:
    """Which outcomes of a stretch are known depends on what happened in it."""
    found = days(a=([prediction(0, 0.2), prediction(2, 0.4)], readings(25)))
    assert {h: each["rows"] for h, each in found.items()} == {1: 1, 6: 1}
    assert found[6]["expected_events"] == pytest.approx(0.2)


def test_sums_go_on_from_day_to_day_by_version_and_horizon() -> None:
    told = [day(1, 4.0), day(0, 3.0), day(0, 1.0, horizon_h=24), day(0, 2.0, version="v2")]
    found = {(each["model_version"], each["horizon_h"], each["@timestamp"]): each for each in sum_up(told, {})}
    assert found["v1", 6, iso_us(THAT_DAY_US + DAY_US)]["cusum_more"] == 7.0
    assert found["v1", 24, iso_us(THAT_DAY_US)]["cusum_more"] == 1.0
    assert found["v2", 6, iso_us(THAT_DAY_US)]["cusum_more"] == 2.0
    assert {each["cusum_fewer"] for each in found.values()} == {0.0}
    assert len({document_id(each) for each in found.values()}) == len(found)


def test_a_later_run_goes_on_where_an_earlier_one_stood() -> None:
    first = list(sum_up([day(number, 2.0) for number in range(3)], {}))
    again = list(sum_up([day(number, 2.0) for number in (1, 2, 3)], {("v1", 6): first[0]}))
    assert again[:2] == first[1:]
    assert again[2]["cusum_more"] == 8.0


def test_a_sum_that_has_reached_the_limit_is_off_whichever_side_it_is_on() -> None:
    below, reached = sum_up([day(0, LIMIT - 1), day(1, 1.0)], {})
    assert (below["is_off"], reached["is_off"], reached["cusum_limit"]) == (False, True, LIMIT)
    (fewer,) = sum_up([{**day(0, -5.0), "added_fewer": 100.0}], {})
    assert (fewer["is_off"], fewer["cusum_fewer"]) == (True, HIGHEST)


def test_of_few_patients_a_sum_says_nothing() -> None:
    """What a model does not know of each of them, for as long as they stay, is no drift."""
    (found,) = sum_up([{**day(0, LIMIT), "patients": LEAST_PATIENTS - 1}], {})
    assert (found["is_off"], found["cusum_more"]) == (False, LIMIT)


def test_the_newest_sum_of_each_horizon_counts_and_what_was_stored_before_a_day_is_found() -> None:
    search = FakeSearch()
    told = [day(0, LIMIT), day(1, -5.0), day(0, LIMIT, horizon_h=24), day(0, LIMIT, version="v2")]
    search.put(MODEL_MONITORING, *sum_up(told, {}))
    assert [each["horizon_h"] for each in misfits(search, "v1")] == [24]
    assert [each["horizon_h"] for each in misfits(search, "v2")] == [6]
    before = newest_by_horizon(cusum(search, "v1", from_us(THAT_DAY_US + DAY_US)))
    assert {horizon_h: each["cusum_more"] for horizon_h, each in before.items()} == {6: LIMIT, 24: LIMIT}
