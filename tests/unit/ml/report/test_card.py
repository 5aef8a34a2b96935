from __future__ import annotations

import json

from ml.report.card import make_card
from tests.support.evaluations import card_of, full_evaluation, least_evaluation, make_part


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


def test_rows_of_which_only_a_beginning_is_in_memory_are_counted_as_a_whole() -> None:
    data, _ = make_part(seed=0, rows=60)
    whole = {
        "rows": 10_000,
        "patients": 700,
        "events": dict.fromkeys(("1h", "6h", "24h"), 900),
        "censored_share": {},
        "from": "2026-01-01",
        "to": "2026-02-01",
    }
    card = make_card(
        data={}, rows={"train": data}, counts={"train": whole}, parameters={}, calibration={}, evaluation=None
    )
    assert card["rows"] == {"train": whole}
    assert "Train: 10,000 windows of 700 patients, 900 followed" in next(
        answer["answer"] for answer in card["tripod"] if answer["item"] == "10"
    )


def test_a_card_says_on_which_days_windows_end_when_it_was_made_and_how_its_levels_were_chosen() -> None:
    card = card_of(full_evaluation())
    assert (card["rows"]["test"]["from"], card["rows"]["test"]["to"]) == ("1970-01-01", "1970-01-25")  # 600 hours
    assert card["made"]["code"] == "0.1.0, commit abc"
    assert "neither data nor clinicians chose them" in card["thresholds"]["chosen"]
    assert "MEDIUM from 20 % (4.0 calm windows for each with a crisis)" in card["thresholds"]["chosen"]


def test_a_card_names_users_oversight_harm_and_licence_and_no_owner_that_nobody_has_set() -> None:
    card = card_of(full_evaluation())
    assert "Nurses and doctors" in card["users"]
    assert "People decide" in card["oversight"]
    assert "python -m jobs.explain" in card["harm"]
    assert card["owner"].startswith("Not named")
    assert "Apache License 2.0" in card["licence"]


def test_a_judged_card_tells_how_many_windows_each_horizon_needs() -> None:
    data, _ = make_part(seed=0, rows=600)
    rows = {"train": data, "test": data}
    card = make_card(data={}, rows=rows, parameters={}, calibration={}, evaluation=full_evaluation())
    size = card["sample_size"]["6h"]
    assert size["needed"] == max(size["overall_risk"], size["shrinkage"], size["optimism"])
    assert (size["rows"], size["patients"]) == (600, len(set(data.patient_id)))
