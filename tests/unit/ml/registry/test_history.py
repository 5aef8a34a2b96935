"""What all versions are told by: cards, pointers and journals in the folder of the models."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml.registry.bundles import publish, rollback
from ml.registry.challenger import appoint, dismiss
from ml.registry.history import VersionSummary, version_history
from ml.report.card import make_card
from tests.support.bundles import CREATED_AT, publish_small, save_small_bundle
from tests.support.evaluations import full_evaluation, make_part


def card_of(**changes: Any) -> dict[str, Any]:
    data, _ = make_part(seed=0, rows=60)
    return make_card(data={}, rows={"test": data}, calibration={}, **{"evaluation": full_evaluation(), **changes})


def only(model_dir: Path) -> VersionSummary:
    (found,) = version_history(model_dir)
    return found


def test_a_folder_without_versions_or_none_at_all_has_no_history(tmp_path: Path) -> None:
    assert version_history(tmp_path) == version_history(tmp_path / "nowhere") == []


def test_the_newest_version_stands_first(tmp_path: Path) -> None:
    later = CREATED_AT + timedelta(days=1)
    saved = [save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2, created_at=later)]
    found = version_history(tmp_path)
    assert [each.version for each in found] == saved[::-1]
    assert [each.made_at for each in found] == [later, CREATED_AT]


def test_states_follow_pointers_and_journals_and_name_who_moved_a_version_last(tmp_path: Path) -> None:
    first, second, third, fourth = (save_small_bundle(tmp_path, seed=seed) for seed in (1, 2, 3, 4))
    publish(tmp_path, first, by="ada", why="the first", at=CREATED_AT)
    publish(tmp_path, second, by="bob", why="better", at=CREATED_AT)
    appoint(tmp_path, third, by="eve", why="try it", at=CREATED_AT)
    by_version = {each.version: each for each in version_history(tmp_path)}
    states = [by_version[version].state for version in (first, second, third, fourth)]
    assert states == ["was_in_service", "in_service", "beside", "never_in_service"]
    movers = [move and (move.by, move.why) for move in (by_version[v].moved for v in (first, second, third, fourth))]
    assert movers == [("ada", "the first"), ("bob", "better"), ("eve", "try it"), None]

    rollback(tmp_path, by="kim", why="too many alarms", at=CREATED_AT)
    dismiss(tmp_path, by="kim", why="enough", at=CREATED_AT)
    by_version = {each.version: each for each in version_history(tmp_path)}
    assert [by_version[version].state for version in (first, second, third)] == [
        "in_service",
        "was_in_service",
        "never_in_service",
    ]
    moved = by_version[first].moved
    assert moved is not None
    assert (moved.by, moved.why) == ("kim", "too many alarms")


def test_a_judged_version_tells_its_figures_and_that_it_has_a_report(tmp_path: Path) -> None:
    card = json.loads(json.dumps(card_of(parameters={"search": [{"max_depth": 3}]})))
    save_small_bundle(tmp_path, card=card, files={"report.html": b"<p>figures"})
    found = only(tmp_path)
    ours = full_evaluation()["parts"]["test"]["not_in_crisis"]["6h"]["models"]["xgboost"]
    burden = full_evaluation()["alarms"]["models"]["xgboost"]["at_recall"]["0.80"]
    assert (found.brier, found.calibration_error) == (ours["brier"]["value"], ours["ici"]["value"])
    assert found.alarms_per_patient_day == burden["alarms_per_patient_day"]["value"]
    assert (found.kind, found.is_simulated, found.has_report) == ("full", True, True)


@pytest.mark.parametrize(
    ("card", "judged", "kind"),
    [
        ({"parameters": {"search": []}}, True, "quick"),
        ({"parameters": {}}, False, "unjudged"),
        ({"data": "random numbers"}, True, None),
    ],
)
def test_the_kind_of_a_version_is_what_its_card_and_name_tell(
    tmp_path: Path, card: dict[str, Any], judged: bool, kind: str | None
) -> None:
    save_small_bundle(tmp_path, card=card, judged=judged)
    found = only(tmp_path)
    assert (found.kind, found.brier, found.has_report) == (kind, None, False)


def test_a_recalibrated_version_has_the_figures_of_local_patients(tmp_path: Path) -> None:
    after = {"brier": 0.031, "ici": 0.004}
    card = {"parameters": {}, "metrics": {}, "recalibration": {"of": "v1", "horizons": {"6h": {"after": after}}}}
    save_small_bundle(tmp_path, card=card)
    found = only(tmp_path)
    assert (found.kind, found.brier, found.calibration_error) == ("recalibrated", 0.031, 0.004)
    assert found.alarms_per_patient_day is None


@pytest.mark.parametrize("name", ["card.json", "manifest.json"])
def test_a_damaged_version_is_told_as_such_and_hides_no_other(tmp_path: Path, name: str) -> None:
    broken, whole = save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, whole)
    (tmp_path / broken / name).write_bytes(b"{")
    assert {each.version: each.state for each in version_history(tmp_path)} == {broken: "damaged", whole: "in_service"}


def test_whoever_only_looks_at_versions_needs_no_xgboost() -> None:
    program = "import sys, ml.registry.history; sys.exit('xgboost' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
