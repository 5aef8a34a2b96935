"""Model bundles on disk: ``models/<version>/``, and which of them is in service.

A bundle is a folder: the boosters ``h1.ubj h6.ubj h24.ubj``; ``linear.json``, the straight part that they start from (a
version of before there were inputs has none, and serves as it did); ``calibrators.json``; what it expects of the
program, and what windows it was trained on (``features.json``, ``target.json``); ``golden.json``, some rows with their
outputs; ``card.json`` and whatever the trainer adds (reports, drift reference); ``manifest.json`` with the hash of each
file. The limits of the alert levels are no part of it: they are a rule of display, and another one makes no model
unfit. A bundle appears whole (temporary folder, fsync, rename) and never changes. One that is not judged yet is a
version of its own, named ``<version>-unjudged``, which `discard` removes once the judged one is there. `publish` moves
the pointer in one step; `rollback` is the same step to an older version. A reader checks everything before it trusts a
bundle and gets a `BundleError` otherwise.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H
from conf.files import one_at_a_time
from ml.calibration import Calibrators
from ml.features import FEATURE_NAMES, WINDOW_LENGTH
from ml.inputs import INPUT_NAMES
from ml.labels import GREATEST_GAP_H
from ml.linear import LinearPart
from ml.prediction import Bundle, Predictor, booster_bytes
from ml.registry.files import BundleError, damaged, parse_object, remove_folder, sha256, to_json, write_folder
from ml.registry.folders import CARD, MANIFEST, UNJUDGED, bundle_file, checked_files, manifest_hash, part, versions
from ml.registry.pointer import CHALLENGER, LOCK, make_promotion, move, read_journal, read_pointer, version_before
from ml.trained_range import TrainedRange

__all__ = [
    "Bundle",
    "BundleError",
    "bundle_file",
    "current_version",
    "discard",
    "golden_inputs",
    "load_bundle",
    "manifest_hash",
    "publish",
    "rollback",
    "save_bundle",
    "version_name",
    "versions",
]

CALIBRATORS: Final = "calibrators.json"
LINEAR: Final = "linear.json"
FEATURES: Final = "features.json"
INPUTS: Final = "inputs"  # in it: names of what the boosters see
TRAINED: Final = "trained_on"  # in it, too
GOLDEN: Final = "golden.json"
GOLDEN_TOLERANCE: Final = 1e-6


def save_bundle(
    model_dir: Path,
    boosters: Mapping[int, xgboost.Booster],
    linear: LinearPart,
    calibrators: Calibrators,
    card: Mapping[str, object],
    *,
    golden_features: NDArray[np.float32],
    golden_hours: NDArray[np.float32],
    created_at: datetime,
    parent: str | None,
    trained: TrainedRange | None = None,
    files: Mapping[str, bytes] | None = None,
    data_fingerprint: str | None = None,
    judged: bool = True,
) -> str:
    """Write a new version and return its name; it is not yet published.

    `boosters` maps each horizon in hours to its booster, which starts from `linear` and which `calibrators` follow.
    `card` holds what only the trainer knows (data, parameters, metrics), `files` what else belongs to the version, by
    name. Golden rows, `golden_features` (n, 120) and `golden_hours` (n,), are stored with their outputs so that every
    later load can prove that it predicts the same.
    `parent` is the version in service at the time, `data_fingerprint` a hash of the training data, `trained` what they
    cover: without it no window is ever out of range. A bundle that is not `judged` yet is whole and can be published by
    hand, under a name that says so.
    """
    raw = booster_bytes(boosters)
    content = {_booster_file(horizon_h): booster for horizon_h, booster in raw.items()}
    contract = _contract()
    contract[FEATURES] |= {TRAINED: trained.to_json()} if trained else {}
    content |= {name: to_json(value) for name, value in contract.items()}
    content[CALIBRATORS] = to_json(calibrators.to_json())
    content[LINEAR] = to_json(linear.to_json())
    content[GOLDEN] = to_json(_golden(Bundle("new", {}, raw, calibrators, linear), golden_features, golden_hours))
    content = {**(files or {}), **content, CARD: to_json(card)}
    hashes = {name: sha256(part) for name, part in sorted(content.items())}
    version = version_name(boosters, linear, calibrators, created_at) + ("" if judged else UNJUDGED)
    identity = {"version": version, "created_at": created_at.astimezone(UTC).isoformat(timespec="seconds")}
    libraries = {"python": platform.python_version(), "numpy": np.__version__, "xgboost": xgboost.__version__}
    origin = {"parent": parent, "data_fingerprint": data_fingerprint, "libraries": libraries}
    write_folder(model_dir / version, {**content, MANIFEST: to_json({**identity, **origin, "sha256": hashes})})
    return version


def version_name(
    boosters: Mapping[int, xgboost.Booster], linear: LinearPart, calibrators: Calibrators, created_at: datetime
) -> str:
    """Return the name that `save_bundle` gives if judged: the time, and the beginning of a hash of what predicts."""
    parts = [to_json(part.to_json()) for part in (linear, calibrators)]
    predicting = b"".join([*booster_bytes(boosters).values(), *parts])
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{sha256(predicting)[:8]}"


def publish(model_dir: Path, version: str, *, by: str, why: str, at: datetime) -> None:
    """Put `version` into service in one atomic step, and into the journal; the bundle is checked first."""
    load_bundle(model_dir, version)
    with one_at_a_time(model_dir / LOCK):
        move(model_dir, make_promotion("publish", version, manifest_hash(model_dir, version), by=by, why=why, at=at))


def rollback(model_dir: Path, *, by: str, why: str, at: datetime) -> str:
    """Put the version back into service that was published before the present one, and return its name.

    A repeated rollback goes further back. Raises `BundleError` if there is none, or if it cannot be used any more.
    """
    with one_at_a_time(model_dir / LOCK):
        version = version_before(read_journal(model_dir))
        load_bundle(model_dir, version)
        move(model_dir, make_promotion("rollback", version, manifest_hash(model_dir, version), by=by, why=why, at=at))
    return version


def discard(model_dir: Path, version: str) -> None:
    """Remove a version, unless it is or was in service or beside it: then it stays, for what it has predicted."""
    with one_at_a_time(model_dir / LOCK):
        moves = [*read_journal(model_dir), *read_journal(model_dir, CHALLENGER)]
        if all(promotion.version != version for promotion in moves):
            remove_folder(model_dir / version)


def current_version(model_dir: Path) -> str | None:
    """Return the version in service, or None before the first publication; cheap enough for every micro-batch."""
    pointer = read_pointer(model_dir)
    return None if pointer is None else pointer.version


def load_bundle(model_dir: Path, version: str) -> Bundle:
    """Read a version and check hashes, features, target and golden outputs, or raise `BundleError`."""
    folder = model_dir / version
    files = checked_files(model_dir, version)
    _check_contract(files, folder)
    card = parse_object(part(files, CARD, folder), folder / CARD)
    boosters = {horizon_h: part(files, _booster_file(horizon_h), folder) for horizon_h in HORIZONS_H}
    bundle = Bundle(version, card, boosters, *_around_boosters(files, folder), _trained(files, folder))
    _check_golden(bundle, parse_object(part(files, GOLDEN, folder), folder / GOLDEN), folder)
    return bundle


def golden_inputs(model_dir: Path, version: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the golden rows (n, 120) and hours (n,) of a version, for another one with the same boosters."""
    return _golden_inputs(parse_object(bundle_file(model_dir, version, GOLDEN), model_dir / version / GOLDEN))


def _contract() -> dict[str, dict[str, object]]:
    """Return what the code and a bundle must agree on, by file."""
    return {
        FEATURES: {
            "names": list(FEATURE_NAMES),
            "window_length": WINDOW_LENGTH,
            "units": {"systolic": "mmHg", "diastolic": "mmHg", "heart_rate": "1/min", "hours_before_newest": "h"},
            "missing": "NaN",
            INPUTS: list(INPUT_NAMES),
        },
        "target.json": {
            "horizons_h": list(HORIZONS_H),
            "crisis_mmhg": {"systolic": CRISIS_SYSTOLIC, "diastolic": CRISIS_DIASTOLIC},
            "greatest_gap_h": {f"{horizon_h}h": gap_h for horizon_h, gap_h in GREATEST_GAP_H.items()},
        },
    }


def _golden(bundle: Bundle, features: NDArray[np.float32], hours: NDArray[np.float32]) -> dict[str, object]:
    """Return rows (n, 120) and hours with what the bundle makes of them, as JSON can hold them: NaN is null."""
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in features]
    predictor = Predictor(bundle)
    raw, risks = predictor.raw_risks(features, hours), predictor.risks(features, hours).values
    return {"inputs": rows, "hours": hours.tolist(), "raw": raw.tolist(), "risks": risks.tolist()}


def _check_contract(files: Mapping[str, bytes], folder: Path) -> None:
    for name, expected in _contract().items():
        stored = parse_object(part(files, name, folder), folder / name)
        for key, value in expected.items():
            is_older = key == INPUTS and LINEAR not in files
            if stored.get(key) != value and not is_older:
                raise BundleError(
                    f"The model {folder} has other {key} in {name} than this program. Retrain, or publish a fitting "
                    "version."
                )


def _around_boosters(files: Mapping[str, bytes], folder: Path) -> tuple[Calibrators, LinearPart | None]:
    """Return what comes after the boosters and, unless the version is of before there was one, before them."""
    value = parse_object(part(files, CALIBRATORS, folder), folder / CALIBRATORS)
    try:
        calibrators = Calibrators.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder / CALIBRATORS, f"no calibrators ({error})") from error
    if LINEAR not in files:
        return calibrators, None
    try:
        return calibrators, LinearPart.from_json(parse_object(files[LINEAR], folder / LINEAR))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder / LINEAR, f"no linear part ({error})") from error


def _trained(files: Mapping[str, bytes], folder: Path) -> TrainedRange | None:
    stored = parse_object(part(files, FEATURES, folder), folder / FEATURES).get(TRAINED)
    try:
        return None if stored is None else TrainedRange.from_json(stored)
    except (TypeError, ValueError) as error:
        raise damaged(folder / FEATURES, f"it does not tell what it was trained on ({error})") from error


def _golden_inputs(golden: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    features = np.array(golden["inputs"], dtype=np.float32)
    return features, np.array(golden.get("hours", [0.0] * len(features)), dtype=np.float32)


def _check_golden(bundle: Bundle, golden: Mapping[str, Any], folder: Path) -> None:
    try:
        features, hours = _golden_inputs(golden)
        predictor = Predictor(bundle)
        outputs = {"raw": predictor.raw_risks(features, hours), "risks": predictor.risks(features, hours).values}
        same = all(np.allclose(got, golden[name], rtol=0, atol=GOLDEN_TOLERANCE) for name, got in outputs.items())
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as error:
        raise damaged(folder, f"its golden rows cannot be scored ({type(error).__name__})") from error
    if not same or len(features) == 0:
        raise damaged(folder, "its golden rows no longer give the stored outputs")


def _booster_file(horizon_h: int) -> str:
    return f"h{horizon_h}.ubj"
