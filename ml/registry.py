"""Model bundles on disk: ``models/<version>/`` and the pointer ``models/current.json``.

A bundle is a folder of ``h1.ubj h6.ubj h24.ubj`` and ``card.json``. It appears whole (temporary folder, fsync, rename)
and never changes. `publish` replaces the pointer in one step; a rollback is the same step with an older version.
A reader checks everything before it trusts a bundle and gets a `BundleError` otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, HORIZONS_H
from conf.errors import UserError
from ml.features import FEATURE_NAMES, WINDOW_LENGTH
from ml.prediction import Bundle, Predictor, booster_bytes

__all__ = ["Bundle", "BundleError", "current_version", "load_bundle", "publish", "save_bundle"]

POINTER: Final = "current.json"
CARD: Final = "card.json"
GOLDEN_TOLERANCE: Final = 1e-6


class BundleError(UserError):
    """A bundle or the pointer to it is missing, damaged, or made for other features."""


def save_bundle(
    model_dir: Path,
    boosters: Mapping[int, xgboost.Booster],
    card: Mapping[str, object],
    *,
    golden_features: NDArray[np.float32],
    created_at: datetime,
) -> str:
    """Write a new version and return its name; it is not yet published.

    `boosters` maps each horizon in hours to its booster. `card` holds what only the trainer knows (data, parameters,
    metrics); the contract of the model and the hashes are added here. `golden_features`, a few rows of shape (n, 120),
    are stored with the boosters' outputs so that every later load can prove that it predicts the same.
    """
    raw = booster_bytes(boosters)
    hashes = {_booster_file(horizon_h): _sha256(content) for horizon_h, content in raw.items()}
    version = f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{_sha256(''.join(hashes.values()).encode())[:8]}"
    identity = {"version": version, "created_at": created_at.astimezone(UTC).isoformat(timespec="seconds")}
    golden = _golden(Bundle(version, {}, raw), golden_features)
    full_card = {**identity, **_contract(), **card, "versions": _versions(), "sha256": hashes, "golden": golden}
    files = {_booster_file(horizon_h): content for horizon_h, content in raw.items()}
    _write_folder(model_dir / version, {**files, CARD: _to_json(full_card)})
    return version


def publish(model_dir: Path, version: str) -> None:
    """Point ``current.json`` at `version` in one atomic step; the bundle is checked first."""
    load_bundle(model_dir, version)
    pointer = {"version": version, "card_sha256": _sha256(_read(model_dir / version / CARD))}
    temporary = model_dir / f".{POINTER}.{os.getpid()}"
    _write_file(temporary, _to_json(pointer))
    temporary.replace(model_dir / POINTER)
    _fsync(model_dir)


def current_version(model_dir: Path) -> str | None:
    """The published version, or None before the first publication; cheap enough for every micro-batch."""
    pointer = _read_pointer(model_dir)
    return None if pointer is None else str(pointer["version"])


def load_bundle(model_dir: Path, version: str) -> Bundle:
    """Read a version and check hashes, features, horizons, crisis limits and golden outputs, or raise `BundleError`."""
    folder = model_dir / version
    raw_card = _read(folder / CARD)
    _check_pointer(model_dir, version, raw_card)
    card = _parse_object(raw_card, folder / CARD)
    _check_contract(card, folder)
    bundle = Bundle(version, card, {horizon_h: _read_booster(folder, card, horizon_h) for horizon_h in HORIZONS_H})
    _check_golden(bundle, folder)
    return bundle


def _contract() -> dict[str, object]:
    """What the code and a bundle must agree on."""
    return {
        "feature_names": list(FEATURE_NAMES),
        "window_length": WINDOW_LENGTH,
        "horizons_h": list(HORIZONS_H),
        "crisis_mmhg": {"systolic": CRISIS_SYSTOLIC, "diastolic": CRISIS_DIASTOLIC},
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "numpy": np.__version__, "xgboost": xgboost.__version__}


def _golden(bundle: Bundle, features: NDArray[np.float32]) -> dict[str, object]:
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in features]
    return {"inputs": rows, "outputs": Predictor(bundle).raw_risks(features).tolist()}


def _check_pointer(model_dir: Path, version: str, raw_card: bytes) -> None:
    pointer = _read_pointer(model_dir)
    if pointer and pointer["version"] == version and pointer["card_sha256"] != _sha256(raw_card):
        raise _damaged(model_dir / version / CARD, "its hash is not the published one")


def _check_contract(card: Mapping[str, Any], folder: Path) -> None:
    for key, expected in _contract().items():
        if card.get(key) != expected:
            raise BundleError(
                f"The model {folder} has other {key} than this program. Retrain, or publish a fitting version."
            )


def _read_booster(folder: Path, card: Mapping[str, Any], horizon_h: int) -> bytes:
    path = folder / _booster_file(horizon_h)
    content = _read(path)
    hashes = card.get("sha256")
    if not isinstance(hashes, dict) or hashes.get(path.name) != _sha256(content):
        raise _damaged(path, "its hash is not the one in the card")
    return content


def _check_golden(bundle: Bundle, folder: Path) -> None:
    try:
        features = np.array(bundle.card["golden"]["inputs"], dtype=np.float32)
        expected = np.array(bundle.card["golden"]["outputs"], dtype=np.float64)
        same = np.allclose(Predictor(bundle).raw_risks(features), expected, rtol=0, atol=GOLDEN_TOLERANCE)
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as error:
        raise _damaged(folder, f"its golden rows cannot be scored ({type(error).__name__})") from error
    if not same or len(features) == 0:
        raise _damaged(folder, "its golden rows no longer give the stored outputs")


def _read_pointer(model_dir: Path) -> dict[str, Any] | None:
    path = model_dir / POINTER
    if not path.exists():
        return None
    pointer = _parse_object(_read(path), path)
    if not {"version", "card_sha256"} <= pointer.keys():
        raise _damaged(path, "version or card_sha256 is missing")
    return pointer


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or "cannot be read") from error


def _parse_object(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise _damaged(path, "not valid JSON") from error
    if not isinstance(value, dict):
        raise _damaged(path, "not a JSON object")
    return value


def _damaged(path: Path, why: str) -> BundleError:
    return BundleError(f"The model file {path} is not usable: {why}. Retrain, or publish another version.")


def _booster_file(horizon_h: int) -> str:
    return f"h{horizon_h}.ubj"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _to_json(value: object) -> bytes:
    return json.dumps(value, indent=1, allow_nan=False).encode()


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files so that `folder` appears complete or not at all; an existing folder is never touched."""
    if folder.exists():
        raise BundleError(
            f"The model version {folder} exists already and versions never change. Retrain for a new one."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, content in files.items():
            _write_file(temporary / name, content)
        temporary.chmod(0o755)
        _fsync(temporary)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _fsync(folder.parent)


def _write_file(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
