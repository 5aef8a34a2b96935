"""Stored predictions beside what was observed afterwards."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from conf.times import DAY_US, HOUR_US, iso_us
from jobs.streaming.window_state import STATEMENT
from jobs.training.outcomes import (
    add_targets,
    document_id,
    documents_table,
    drift_documents,
    quality_documents,
    summarise_windows,
    windows_at,
)
from ml import drift
from ml.features import FEATURE_NAMES, Windows, feature_matrix

THAT_DAY_US = 20_000 * DAY_US
MINUTE_US = 60_000_000
LATER_US = THAT_DAY_US + 5 * DAY_US

Readings = list[dict[str, Any]]


def readings(count: int = 120, step: int = 15, **crises: int) -> Readings:
    """Return a reading every `step` minutes from midnight; those named (at_10=190) have another systolic pressure."""
    return [
        {
            "effective_us": THAT_DAY_US + number * step * MINUTE_US,
            "systolic": crises.get(f"at_{number}", 130),
            "diastolic": 80.0,
            "heart_rate": 70.0,
        }
        for number in range(count)
    ]


def prediction(number: int, risk: float = 0.1, **changes: Any) -> dict[str, Any]:
    """Return a prediction at the reading of this number."""
    risks = {f"critical_risk_{horizon_h}h": risk for horizon_h in (1, 6, 24)}
    common = {"newest_us": THAT_DAY_US + number * 15 * MINUTE_US, "model_version": "v1", "alert_level": "LOW"}
    return {**common, "systolic": 130.0, "diastolic": 80.0, **risks, **changes}


def patients(**told: tuple[list[dict[str, Any]], Readings]) -> pa.RecordBatch:
    observation = pa.struct(
        [
            ("effective_us", pa.int64()),
            ("systolic", pa.float32()),
            ("diastolic", pa.float32()),
            ("heart_rate", pa.float32()),
        ]
    )
    return pa.RecordBatch.from_arrays(
        [
            pa.array(list(told)),
            pa.array([predictions for predictions, _ in told.values()]),
            pa.array([observations for _, observations in told.values()], pa.list_(observation)),
        ],
        names=["patient_id", "predictions", "observations"],
    )


def judged(*batches: pa.RecordBatch) -> pa.Table:
    schema = next(add_targets(iter([patients(a=([prediction(0)], readings()))]))).schema
    return pa.Table.from_batches(list(add_targets(iter(batches))), schema)


def targets(table: pa.Table) -> Any:
    """Return a row per prediction, a column per horizon."""
    return np.stack([table[f"target_{horizon_h}h"].to_numpy() for horizon_h in (1, 6, 24)], axis=1).tolist()


def test_crisis_after_the_prediction_is_its_outcome_at_every_horizon_that_reaches_it() -> None:
    table = judged(patients(a=([prediction(0), prediction(8)], readings(at_10=190))))
    assert targets(table) == [[0, 1, 1], [1, 1, 1]]


def test_crisis_at_the_predictions_own_reading_is_no_outcome() -> None:
    assert targets(judged(patients(a=([prediction(10)], readings(at_10=190))))) == [[0, 0, 0]]


def test_outcome_that_the_record_does_not_reach_is_unknown_even_after_a_crisis() -> None:
    (told,) = targets(judged(patients(a=([prediction(0)], readings(20, at_10=190)))))
    np.testing.assert_array_equal(told, [0, np.nan, np.nan])


def test_patient_whose_readings_are_all_retracted_has_no_outcomes() -> None:
    assert np.isnan(targets(judged(patients(a=([prediction(0)], []))))).all()


def test_every_patient_is_judged_by_their_own_readings() -> None:
    calm, sick = readings(), readings(at_2=200)
    batch = patients(a=([prediction(0)], calm), b=([prediction(0), prediction(4)], sick), c=([prediction(1)], calm))
    for batches in ([batch], [batch.slice(0, 1), batch.slice(1)]):
        table = judged(*batches)
        assert table["patient_id"].to_pylist() == ["a", "b", "b", "c"]
        assert targets(table) == [[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_no_patients_give_no_rows() -> None:
    assert judged(patients(a=([prediction(0)], readings())).slice(0, 0)).num_rows == 0


def quality(now_us: int = LATER_US) -> list[dict[str, Any]]:
    """Return the documents of two patients, one with a crisis and alerts; the third prediction is made in crisis."""
    sick = [prediction(0, 0.5, alert_level="HIGH"), prediction(3, 0.9, alert_level="CRITICAL", systolic=190.0)]
    return list(
        quality_documents(
            judged(patients(a=([prediction(0)], readings()), b=(sick, readings(at_3=190, at_5=185)))), now_us
        )
    )


def test_a_document_for_each_horizon_and_stratum_of_a_version_and_day() -> None:
    documents = {(document["horizon_h"], document["stratum"]): document for document in quality()}
    assert set(documents) == {(h, s) for h in (1, 6, 24) for s in ("all", "not_in_crisis", "in_crisis")}
    calm = documents[6, "not_in_crisis"]
    assert (calm["rows"], calm["events"], calm["patients"], calm["auroc"]) == (2, 1, 2, 1.0)
    assert calm["brier"] == pytest.approx((0.1**2 + 0.5**2) / 2)
    assert calm["ppv"]["HIGH"] == 1.0
    assert calm["ppv"]["CRITICAL"] is None
    assert documents[6, "all"]["ppv"]["CRITICAL"] == 1.0
    assert calm["@timestamp"] == iso_us(THAT_DAY_US)
    assert (calm["kind"], calm["model_version"], calm["judged_at"]) == ("quality", "v1", iso_us(LATER_US))


def test_unknown_outcomes_are_left_out_and_their_share_told() -> None:
    table = judged(patients(a=([prediction(0), prediction(30)], readings(40)), b=([prediction(2)], readings(40))))
    by_horizon = {
        document["horizon_h"]: document
        for document in quality_documents(table, LATER_US)
        if document["stratum"] == "all"
    }
    assert {h: (document["rows"], document["censored_share"]) for h, document in by_horizon.items()} == {
        1: (3, 0.0),
        6: (2, pytest.approx(1 / 3, abs=1e-5)),
    }


@pytest.mark.parametrize("horizon_h", [1, 6, 24])
def test_a_day_is_complete_once_the_horizon_of_its_last_moment_has_passed(horizon_h: int) -> None:
    ends_us = THAT_DAY_US + DAY_US + horizon_h * HOUR_US
    for now_us, complete in ((ends_us - 1, False), (ends_us, True)):
        documents = [document for document in quality(now_us) if document["horizon_h"] == horizon_h]
        assert {document["complete"] for document in documents} == {complete}


def test_repetition_meets_its_own_documents() -> None:
    ids = [document_id(document) for document in quality()]
    assert ids == [document_id(document) for document in quality(LATER_US + 1)]
    assert len(set(ids)) == len(ids)
    assert "v1|6h|not_in_crisis|2024-10-04" in ids


def test_documents_travel_as_json() -> None:
    documents = quality()
    table = documents_table(documents)
    assert [msgspec.json.decode(body) for body in table["body"].to_pylist()] == documents


def entries(count: int) -> Any:
    made = np.zeros(count, dtype=STATEMENT)
    made["effective_us"] = THAT_DAY_US + np.arange(count) * 15 * MINUTE_US
    made["systolic"], made["diastolic"], made["heart_rate"] = 100 + np.arange(count), 80, np.nan
    made["offset"] = np.arange(count)
    return made


def test_window_of_a_prediction_ends_at_its_reading() -> None:
    told = windows_at(entries(50)["effective_us"][[10, 45]], entries(50))
    last = entries(50)[16:46]
    full = Windows(*(last[name][None, :] for name in ("effective_us", "systolic", "diastolic", "heart_rate")))
    np.testing.assert_array_equal(told[1:], feature_matrix(full))
    assert told[0, FEATURE_NAMES.index("systolic_lag00")] == 110
    assert np.isnan(told[0, FEATURE_NAMES.index("systolic_lag11")])


def test_prediction_without_any_reading_left_has_an_empty_window() -> None:
    assert np.isnan(windows_at(np.array([THAT_DAY_US]), entries(0))).all()


def reference_of(features: Any) -> drift.Reference:
    risks = np.full((len(features), 3), 0.1)
    return drift.make_reference(
        drift.summarise(features, risks), drift.strata(features, np.zeros(len(features), np.float32))
    )


def test_windows_are_summarised_by_patient_version_and_day_against_the_versions_own_reference() -> None:
    reference = reference_of(windows_at(entries(60)["effective_us"][20:], entries(60)))
    told = [prediction(20), prediction(21), prediction(22, model_version="v2"), prediction(110)]
    batch = patients(
        a=(told, readings()), b=([prediction(25, model_version="v3")], readings()), c=([prediction(30)], [])
    )
    references = {"v1": reference, "v2": reference}
    summarised = pa.Table.from_batches(list(summarise_windows(iter([batch]), references, UTC)))
    rows = {(row["model_version"], row["day"]): row for row in summarised.to_pylist()}
    assert {key: row["rows"] for key, row in rows.items()} == {
        ("v1", 20_000): 2,
        ("v1", 20_001): 1,
        ("v2", 20_000): 1,
    }
    newest_us = np.array([prediction(number)["newest_us"] for number in (20, 21)])
    of_two = windows_at(newest_us, _as_entries(readings()))
    hour = np.array([5.0, 5.25], np.float32)
    expected = drift.count(reference, drift.summarise(of_two, np.full((2, 3), 0.1)), drift.strata(of_two, hour))
    assert rows["v1", 20_000]["summary"] == expected.tolist()


def _as_entries(told: Readings) -> Any:
    made = entries(len(told))
    for name in ("effective_us", "systolic", "diastolic", "heart_rate"):
        made[name] = [reading[name] for reading in told]
    return made


def test_drift_has_a_document_per_summary_with_how_much_it_rests_on() -> None:
    features = windows_at(entries(60)["effective_us"][29:], entries(60))
    reference = reference_of(features)
    risks, strata = np.full((31, 3), 0.1), drift.strata(features, np.zeros(31, np.float32))
    counted = np.stack([drift.count(reference, drift.summarise(features + 50, risks), strata)] * 60)
    documents = list(drift_documents(drift.compare(reference, counted), "v1", 60, 1860, 20_000, LATER_US))
    assert [document["feature"] for document in documents] == list(drift.SUMMARIES)
    mean = documents[drift.SUMMARIES.index("mean_systolic")]
    assert (mean["rows"], mean["patients"], mean["drift"], mean["complete"]) == (1860, 60, "strong", True)
    assert mean["psi"] > 1
    assert mean["mean"] - mean["reference_mean"] == pytest.approx(50, abs=0.01)
    assert document_id(mean) == "v1|drift|mean_systolic|2024-10-04"
