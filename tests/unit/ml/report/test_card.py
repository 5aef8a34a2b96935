from __future__ import annotations

import json
from typing import Any

import numpy as np

from ml.report.card import make_card
from tests.support.evaluations import full_evaluation, least_evaluation, make_part


def card_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    data, _ = make_part(seed=0, rows=600)
    data.targets[:60, 2] = np.nan
    return make_card(
        data={"source": "SIMULATED patients"},
        rows={"test": data, "track": data.where(np.zeros(600, dtype=bool))},
        parameters={"max_depth": 4, "seed": 7},
        evaluation=evaluation,
        calibration={"1h": {"method": "isotonic"}},
    )


def test_a_card_counts_the_rows_of_the_parts_that_have_any() -> None:
    rows = card_of(full_evaluation())["rows"]
    assert list(rows) == ["test"]
    assert rows["test"]["rows"] == 600
    assert rows["test"]["censored_share"] == {"1h": 0.0, "6h": 0.0, "24h": 0.1}
    assert rows["test"]["events"]["24h"] <= rows["test"]["events"]["6h"]


def test_a_card_holds_what_a_reader_must_know() -> None:
    card = card_of(full_evaluation())
    assert "SIMULATED" in card["warning"]
    assert card["target"]["greatest_gap"] == {"1h": "0.5 h", "6h": "2 h", "24h": "8 h"}
    assert card["metrics"]["external"]["6h"]["xgboost"]["auroc"]["value"] > 0.5
    assert card["thresholds"]["levels"] == {"MEDIUM": 0.20, "HIGH": 0.40, "CRITICAL": 0.60}
    assert card["thresholds"]["at_level"]["HIGH"]["alarms_per_patient_day"]["value"] >= 0
    assert card["oracle_gap"]["6h"]["climatology"]["expected"]["value"] > 0
    assert card["known_failures"]


def test_a_card_is_strict_json_whatever_was_not_judged() -> None:
    for evaluation in (full_evaluation(), least_evaluation()):
        card = card_of(evaluation)
        assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_a_card_of_a_model_not_yet_judged_warns_of_it_and_holds_no_figures() -> None:
    data, _ = make_part(seed=0, rows=60)
    card = make_card(data={}, rows={"test": data}, parameters={}, calibration={}, evaluation=None)
    assert card["warning"].startswith("NOT JUDGED: saved as soon as it was trained on SIMULATED patients")
    assert not {"findings", "metrics", "thresholds"} & set(card)
    assert card["rows"]["test"]["rows"] == 60
