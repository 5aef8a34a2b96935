from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conf.errors import UserError
from ml.prediction import Predictor
from ml.registry import BundleError, current_version, load_bundle, publish, save_bundle
from tests.unit.ml.bundles import CREATED_AT, make_booster, make_boosters, make_features, save_small_bundle


def edit_card(model_dir: Path, version: str, **changes: Any) -> None:
    path = model_dir / version / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_saved_bundle_predicts_what_its_boosters_predicted(tmp_path: Path) -> None:
    boosters, features = make_boosters(), make_features()
    version = save_bundle(tmp_path, boosters, {}, golden_features=features[:2], created_at=CREATED_AT)
    expected = [booster.inplace_predict(features) for booster in boosters.values()]
    assert np.allclose(Predictor(load_bundle(tmp_path, version)).raw_risks(features), np.stack(expected, axis=1))


def test_card_keeps_what_the_trainer_said_and_adds_contract_hashes_and_golden_rows(tmp_path: Path) -> None:
    card = load_bundle(tmp_path, save_small_bundle(tmp_path)).card
    assert card["data"] == "random numbers"
    assert card["crisis_mmhg"] == {"systolic": 180, "diastolic": 120}
    assert set(card["sha256"]) == {"h1.ubj", "h6.ubj", "h24.ubj"}
    assert len(card["golden"]["inputs"]) == len(card["golden"]["outputs"]) == 3
    assert None in card["golden"]["inputs"][0]


def test_versions_sort_by_the_time_of_their_making(tmp_path: Path) -> None:
    later = save_small_bundle(tmp_path, seed=1, created_at=CREATED_AT + timedelta(seconds=1))
    earlier = save_small_bundle(tmp_path, seed=2)
    assert sorted([later, earlier]) == [earlier, later]
    assert earlier.startswith("20250301T120000Z-")


def test_a_version_is_never_overwritten(tmp_path: Path) -> None:
    save_small_bundle(tmp_path)
    with pytest.raises(BundleError, match="versions never change"):
        save_small_bundle(tmp_path)


def test_an_interrupted_save_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("ml.registry.os.fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        save_small_bundle(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_current_before_the_first_publication(tmp_path: Path) -> None:
    save_small_bundle(tmp_path)
    assert current_version(tmp_path) is None


def test_publishing_moves_the_pointer_and_an_older_version_can_come_back(tmp_path: Path) -> None:
    old, new = save_small_bundle(tmp_path), save_small_bundle(tmp_path, created_at=CREATED_AT + timedelta(days=1))
    for version in (old, new, old):
        publish(tmp_path, version)
        assert current_version(tmp_path) == version
    assert sorted(path.name for path in tmp_path.iterdir()) == [old, new, "current.json"]


def test_a_broken_version_cannot_be_published(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    (tmp_path / version / "h6.ubj").unlink()
    with pytest.raises(BundleError):
        publish(tmp_path, version)
    assert current_version(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"version": "x"}', '"text"', "\xff"],
)
def test_an_unreadable_pointer_is_an_error_and_not_an_absent_model(tmp_path: Path, content: str) -> None:
    (tmp_path / "current.json").write_text(content, encoding="latin-1")
    with pytest.raises(BundleError, match=r"current\.json is not usable"):
        current_version(tmp_path)


def remove_booster(folder: Path) -> None:
    (folder / "h24.ubj").unlink()


def remove_card(folder: Path) -> None:
    (folder / "card.json").unlink()


def flip_one_bit(folder: Path) -> None:
    content = bytearray((folder / "h1.ubj").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "h1.ubj").write_bytes(content)


def cut_card(folder: Path) -> None:
    path = folder / "card.json"
    path.write_bytes(path.read_bytes()[:-100])


def swap_boosters(folder: Path) -> None:
    shutil.copy(folder / "h1.ubj", folder / "h6.ubj")


@pytest.mark.parametrize("damage", [remove_booster, remove_card, flip_one_bit, cut_card, swap_boosters])
def test_damaged_files_are_refused_in_one_sentence_with_the_path(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    version = save_small_bundle(tmp_path)
    damage(tmp_path / version)
    with pytest.raises(UserError, match=rf"{version}/\S+ is not usable") as caught:
        load_bundle(tmp_path, version)
    assert "\n" not in str(caught.value)


def test_a_missing_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        load_bundle(tmp_path, "20250101T000000Z-00000000")


@pytest.mark.parametrize("change", ["renamed", "reordered", "shortened"])
def test_other_features_are_refused(tmp_path: Path, change: str) -> None:
    version = save_small_bundle(tmp_path)
    names = load_bundle(tmp_path, version).card["feature_names"]
    others = {"renamed": ["pulse", *names[1:]], "reordered": names[::-1], "shortened": names[:-1]}
    edit_card(tmp_path, version, feature_names=others[change])
    with pytest.raises(BundleError, match="other feature_names"):
        load_bundle(tmp_path, version)


def test_other_crisis_limits_are_refused(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    edit_card(tmp_path, version, crisis_mmhg={"systolic": 180, "diastolic": 110})
    with pytest.raises(BundleError, match="other crisis_mmhg"):
        load_bundle(tmp_path, version)


@pytest.mark.parametrize("shift", [2e-6, -0.1, float("nan")])
def test_golden_outputs_that_differ_are_refused(tmp_path: Path, shift: float) -> None:
    version = save_small_bundle(tmp_path)
    golden = load_bundle(tmp_path, version).card["golden"]
    golden["outputs"][1][2] += shift
    edit_card(tmp_path, version, golden=golden)
    with pytest.raises(BundleError, match="golden rows no longer give"):
        load_bundle(tmp_path, version)


@pytest.mark.parametrize(
    "golden", [None, {}, {"inputs": [], "outputs": []}, {"inputs": [[1.0]], "outputs": [[0, 0, 0]]}]
)
def test_a_card_without_usable_golden_rows_is_refused(tmp_path: Path, golden: object) -> None:
    version = save_small_bundle(tmp_path)
    edit_card(tmp_path, version, golden=golden)
    with pytest.raises(BundleError, match="golden rows"):
        load_bundle(tmp_path, version)


def test_a_card_changed_after_publication_is_refused(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    publish(tmp_path, version)
    edit_card(tmp_path, version, data="real patients")
    with pytest.raises(BundleError, match="not the published one"):
        load_bundle(tmp_path, version)


def test_a_bundle_lacking_a_horizon_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        save_bundle(tmp_path, {1: make_booster()}, {}, golden_features=make_features(1), created_at=CREATED_AT)
