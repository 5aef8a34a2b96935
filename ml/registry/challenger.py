"""The challenger: a version whose scores are kept beside those of the version in service, and shown to nobody.

Who appointed or dismissed one, when and why stands in ``models/challengers.jsonl``. A challenger that is put into
service is none for as long as it is there.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from conf.files import one_at_a_time
from ml.registry.bundles import BundleError, current_version, load_bundle, manifest_hash
from ml.registry.pointer import CHALLENGER, LOCK, make_promotion, move, read_challenger

__all__ = ["appoint", "dismiss", "read_challenger"]


def appoint(model_dir: Path, version: str, *, by: str, why: str, at: datetime) -> None:
    """Let `version` score beside the one in service, in place of another challenger; the bundle is checked first."""
    load_bundle(model_dir, version)
    with one_at_a_time(model_dir / LOCK):
        if version == current_version(model_dir):
            raise BundleError(f"The model {version} is in service: name another version to score beside it.")
        pinned = manifest_hash(model_dir, version)
        move(model_dir, make_promotion("appoint", version, pinned, by=by, why=why, at=at), CHALLENGER)


def dismiss(model_dir: Path, *, by: str, why: str, at: datetime) -> str:
    """Let nothing score beside the version in service any more; return which version did."""
    with one_at_a_time(model_dir / LOCK):
        last = read_challenger(model_dir)
        if last is None:
            raise BundleError("No version scores beside the one in service. Name one with retrain --shadow VERSION.")
        move(
            model_dir, make_promotion("dismiss", last.version, last.manifest_sha256, by=by, why=why, at=at), CHALLENGER
        )
    return last.version
