from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from conf.errors import UserError
from conf.files import one_at_a_time
from ml.calibration import UNCALIBRATED
from ml.features import FEATURE_NAMES
from ml.inputs import booster_inputs
from ml.prediction import Predictor
from ml.registry.bundles import (
    BundleError,
    bundle_file,
    current_version,
    discard,
    load_bundle,
    rollback,
    save_bundle,
    version_name,
    versions,
)
from ml.registry.files import sha256
from ml.registry.pointer import LOCK, read_journal
from tests.support.bundles import (
    CREATED_AT,
    make_booster,
    make_boosters,
    make_calibrators,
    make_features,
    make_hours,
    make_linear,
    publish_small,
    save_small_bundle,
)

ROOT = Path(__file__).resolve().parents[4]


def test_saved_bundle_predicts_what_its_boosters_predicted(tmp_path: Path) -> None:
    boosters, features = make_boosters(), make_features()
    version = save_small_bundle(tmp_path)
    inputs, hours = booster_inputs(features, make_hours()), make_hours()
    expected = [
        booster.inplace_predict(inputs, base_margin=margin)
        for booster, margin in zip(boosters.values(), make_linear().margins(inputs).T, strict=True)
    ]
    raw = Predictor(load_bundle(tmp_path, version)).raw_risks(features, hours)
    assert np.allclose(raw, np.stack(expected, axis=1))


def test_folder_holds_the_documented_files_and_a_manifest_of_all_of_them(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path, parent="older", files={"report.html": b"<p>"}, data_fingerprint="f" * 64)
    folder = tmp_path / version
    names = {path.name for path in folder.iterdir()}
    parts = {"linear.json", "calibrators.json", "features.json", "target.json", "golden.json", "card.json"}
    assert names == {"h1.ubj", "h6.ubj", "h24.ubj", *parts, "report.html", "manifest.json"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["sha256"]) == names - {"manifest.json"}
    assert (manifest["version"], manifest["parent"], manifest["data_fingerprint"]) == (version, "older", "f" * 64)
    assert set(manifest["libraries"]) == {"python", "numpy", "xgboost"}


def test_bundle_brings_the_card_and_the_calibrators_of_its_trainer(tmp_path: Path) -> None:
    bundle = load_bundle(tmp_path, save_small_bundle(tmp_path))
    assert bundle.card == {"data": "random numbers"}
    assert bundle.calibrators == make_calibrators()


def test_what_was_saved_beside_the_model_can_be_read_back(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path, files={"drift.json": b"{}"})
    assert bundle_file(tmp_path, version, "drift.json") == b"{}"
    with pytest.raises(BundleError, match="does not name it"):
        bundle_file(tmp_path, version, "report.html")


def test_a_report_can_name_its_version_before_it_is_saved(tmp_path: Path) -> None:
    name = version_name(make_boosters(), make_linear(), make_calibrators(), CREATED_AT)
    assert save_small_bundle(tmp_path, files={"report.html": name.encode()}) == name
    assert version_name(make_boosters(), make_linear(), UNCALIBRATED, CREATED_AT) != name


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

    monkeypatch.setattr("ml.registry.files.sync", fail)
    with pytest.raises(OSError, match="no space left"):
        save_small_bundle(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_current_before_the_first_publication(tmp_path: Path) -> None:
    save_small_bundle(tmp_path)
    assert current_version(tmp_path) is None


def test_publishing_moves_the_pointer_and_an_older_version_can_come_back(tmp_path: Path) -> None:
    old, new = save_small_bundle(tmp_path), save_small_bundle(tmp_path, created_at=CREATED_AT + timedelta(days=1))
    for version in (old, new, old):
        publish_small(tmp_path, version)
        assert current_version(tmp_path) == version
    visible = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))
    assert visible == [old, new, "current.json", "promotions.jsonl"]


def test_all_versions_are_listed_oldest_first_whether_published_or_not(tmp_path: Path) -> None:
    new = save_small_bundle(tmp_path, created_at=CREATED_AT + timedelta(days=1))
    old = save_small_bundle(tmp_path)
    (tmp_path / ".new-abc").mkdir()
    (tmp_path / ".new-abc" / "manifest.json").write_text("{}")
    assert versions(tmp_path) == [old, new]


def roll_back(model_dir: Path) -> str:
    return rollback(model_dir, by="ada", why="alarms at night", at=CREATED_AT + timedelta(days=9))


def test_repeated_rollbacks_go_further_back_until_there_is_nothing_left(tmp_path: Path) -> None:
    first, second, third = [save_small_bundle(tmp_path, seed=seed) for seed in (1, 2, 3)]
    for version in (first, second, third):
        publish_small(tmp_path, version)
    assert [roll_back(tmp_path), roll_back(tmp_path)] == [second, first]
    assert current_version(tmp_path) == first
    with pytest.raises(BundleError, match="no earlier version"):
        roll_back(tmp_path)
    assert current_version(tmp_path) == first
    assert [promotion.action for promotion in read_journal(tmp_path)] == ["publish"] * 3 + ["rollback"] * 2


def test_a_rollback_to_a_damaged_version_leaves_the_present_one_in_service(tmp_path: Path) -> None:
    first, second = [save_small_bundle(tmp_path, seed=seed) for seed in (1, 2)]
    publish_small(tmp_path, first)
    publish_small(tmp_path, second)
    (tmp_path / first / "h6.ubj").unlink()
    with pytest.raises(BundleError, match="not usable"):
        roll_back(tmp_path)
    assert current_version(tmp_path) == second


def test_the_pointer_waits_until_another_process_has_moved_it(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    publishing = Thread(target=publish_small, args=(tmp_path, version))
    with one_at_a_time(tmp_path / LOCK):
        publishing.start()
        publishing.join(timeout=0.5)
        assert (publishing.is_alive(), current_version(tmp_path)) == (True, None)
    publishing.join(timeout=60)
    assert current_version(tmp_path) == version


def test_a_broken_version_cannot_be_published(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    (tmp_path / version / "h6.ubj").unlink()
    with pytest.raises(BundleError):
        publish_small(tmp_path, version)
    assert current_version(tmp_path) is None


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
    path.write_bytes(path.read_bytes()[:-1])


def cut_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:-100])


def empty_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"sha256": {}}')


def remove_calibrators(folder: Path) -> None:
    (folder / "calibrators.json").unlink()


def change_report(folder: Path) -> None:
    (folder / "report.html").write_text("a better one")


def swap_boosters(folder: Path) -> None:
    shutil.copy(folder / "h1.ubj", folder / "h6.ubj")


DAMAGES = (
    remove_booster,
    remove_card,
    flip_one_bit,
    cut_card,
    cut_manifest,
    empty_manifest,
    remove_calibrators,
    change_report,
    swap_boosters,
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_in_one_sentence_with_the_path(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    version = save_small_bundle(tmp_path, files={"report.html": b"<p>"})
    damage(tmp_path / version)
    with pytest.raises(UserError, match=rf"{version}/\S+ is not usable") as caught:
        load_bundle(tmp_path, version)
    assert "\n" not in str(caught.value)


def test_a_missing_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        load_bundle(tmp_path, "20250101T000000Z-00000000")


def rewrite(model_dir: Path, version: str, name: str, change: Callable[[Any], Any]) -> None:
    """Change a JSON file of a bundle and its hash with it, as a program of another release would have written it."""
    path, manifest_path = model_dir / version / name, model_dir / version / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    manifest = json.loads(manifest_path.read_text())
    manifest["sha256"][name] = sha256(path.read_bytes())
    manifest_path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("change", ["renamed", "reordered", "shortened"])
def test_other_features_are_refused(tmp_path: Path, change: str) -> None:
    version, names = save_small_bundle(tmp_path), list(FEATURE_NAMES)
    others = {"renamed": ["pulse", *names[1:]], "reordered": names[::-1], "shortened": names[:-1]}
    rewrite(tmp_path, version, "features.json", lambda value: {**value, "names": others[change]})
    with pytest.raises(BundleError, match=r"other names in features\.json"):
        load_bundle(tmp_path, version)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("target.json", "crisis_mmhg", {"systolic": 180, "diastolic": 110}),
        ("target.json", "horizons_h", [1, 6, 12]),
        ("target.json", "greatest_gap_h", {}),
        ("features.json", "units", None),
        ("features.json", "inputs", ["systolic"]),
    ],
)
def test_another_target_or_other_units_are_refused(tmp_path: Path, name: str, key: str, value: object) -> None:
    version = save_small_bundle(tmp_path)
    rewrite(tmp_path, version, name, lambda stored: {**stored, key: value})
    with pytest.raises(BundleError, match=f"other {key} in {name}"):
        load_bundle(tmp_path, version)


def test_a_version_that_names_alert_limits_as_versions_once_did_is_loaded_whatever_they_are(tmp_path: Path) -> None:
    limits = {"horizon_h": 6, "lower_ends": {"MEDIUM": 0.1, "HIGH": 0.4, "CRITICAL": 0.65}}
    version = save_small_bundle(tmp_path, files={"thresholds.json": json.dumps(limits).encode()})
    assert load_bundle(tmp_path, version).version == version


def test_other_alert_limits_of_the_program_make_no_model_unfit(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    program = (
        "import sys, pathlib, conf.clinical; conf.clinical.ALERT_THRESHOLDS = (0.20, 0.40, 0.65); "
        "from ml.registry.bundles import load_bundle; load_bundle(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path, version], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["raw", "risks"])
@pytest.mark.parametrize("shift", [2e-6, -0.1, float("nan")])
def test_golden_outputs_that_differ_are_refused(tmp_path: Path, kind: str, shift: float) -> None:
    version = save_small_bundle(tmp_path)

    def change(golden: dict[str, Any]) -> dict[str, Any]:
        golden[kind][1][2] += shift
        return golden

    rewrite(tmp_path, version, "golden.json", change)
    with pytest.raises(BundleError, match="golden rows no longer give"):
        load_bundle(tmp_path, version)


def test_calibrators_of_another_model_are_noticed_by_the_golden_rows(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    rewrite(tmp_path, version, "calibrators.json", lambda _: UNCALIBRATED.to_json())
    with pytest.raises(BundleError, match="golden rows no longer give"):
        load_bundle(tmp_path, version)


@pytest.mark.parametrize("value", [{}, {"1h": {}}, {**UNCALIBRATED.to_json(), "6h": {"method": "isotonic"}}])
def test_calibrators_that_are_none_are_refused(tmp_path: Path, value: object) -> None:
    version = save_small_bundle(tmp_path)
    rewrite(tmp_path, version, "calibrators.json", lambda _: value)
    with pytest.raises(BundleError, match="no calibrators"):
        load_bundle(tmp_path, version)


@pytest.mark.parametrize(
    "golden",
    [{}, {"inputs": [], "raw": [], "risks": []}, {"inputs": [[1.0]], "raw": [[0, 0, 0]], "risks": [[0, 0, 0]]}],
)
def test_a_bundle_without_usable_golden_rows_is_refused(tmp_path: Path, golden: object) -> None:
    version = save_small_bundle(tmp_path)
    rewrite(tmp_path, version, "golden.json", lambda _: golden)
    with pytest.raises(BundleError, match="golden rows"):
        load_bundle(tmp_path, version)


def test_a_version_changed_after_publication_is_refused_even_if_its_hashes_fit(tmp_path: Path) -> None:
    version = save_small_bundle(tmp_path)
    publish_small(tmp_path, version)
    rewrite(tmp_path, version, "card.json", lambda card: {**card, "data": "real patients"})
    with pytest.raises(BundleError, match="not the published one"):
        load_bundle(tmp_path, version)


def test_a_bundle_lacking_a_horizon_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        save_bundle(
            tmp_path,
            {1: make_booster()},
            make_linear(),
            UNCALIBRATED,
            {},
            golden_features=make_features(1),
            golden_hours=make_hours(1),
            created_at=CREATED_AT,
            parent=None,
        )


def test_an_unjudged_version_is_whole_and_named_so(tmp_path: Path) -> None:
    judged, unjudged = save_small_bundle(tmp_path), save_small_bundle(tmp_path, judged=False)
    assert unjudged == f"{judged}-unjudged"
    assert load_bundle(tmp_path, unjudged).version == unjudged
    assert versions(tmp_path) == [judged, unjudged]


def test_a_discarded_version_is_gone_without_a_trace(tmp_path: Path) -> None:
    kept, gone = save_small_bundle(tmp_path), save_small_bundle(tmp_path, judged=False)
    discard(tmp_path, gone)
    assert versions(tmp_path) == [kept]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {kept}


def test_a_version_that_is_or_was_in_service_is_not_discarded(tmp_path: Path) -> None:
    first, second = save_small_bundle(tmp_path, judged=False), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, first)
    publish_small(tmp_path, second)
    for version in (first, second):
        discard(tmp_path, version)
    assert versions(tmp_path) == sorted([first, second])
