"""The folders of versions: which there are, and their files, of which each is checked by its hash when it is read.

Whoever only looks at versions needs this and no booster: nothing here imports xgboost.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ml.registry.files import damaged, parse_object, read, sha256
from ml.registry.pointer import read_pointer

UNJUDGED: Final = "-unjudged"
MANIFEST: Final = "manifest.json"
CARD: Final = "card.json"


def versions(model_dir: Path) -> list[str]:
    """Return all versions, published or not, oldest first."""
    return sorted(path.parent.name for path in model_dir.glob(f"[!.]*/{MANIFEST}"))


def bundle_file(model_dir: Path, version: str, name: str) -> bytes:
    """Return one file of a version, its hash checked."""
    return part(checked_files(model_dir, version, only=name), name, model_dir / version)


def manifest_hash(model_dir: Path, version: str) -> str:
    """Return the hash that pins all files of a version."""
    return sha256(read(model_dir / version / MANIFEST))


def checked_files(model_dir: Path, version: str, only: str | None = None) -> dict[str, bytes]:
    """Read the files that the manifest names (or `only` one) and check their hashes, and its own if it is published."""
    folder = model_dir / version
    raw_manifest = read(folder / MANIFEST)
    pointer = read_pointer(model_dir)
    if pointer and pointer.version == version and pointer.manifest_sha256 != sha256(raw_manifest):
        raise damaged(folder / MANIFEST, "its hash is not the published one")
    hashes = parse_object(raw_manifest, folder / MANIFEST).get("sha256")
    if not isinstance(hashes, dict):
        raise damaged(folder / MANIFEST, "it names no hashes")
    wanted = [name for name in hashes if only in (None, name)]
    files = {name: read(folder / name) for name in wanted}
    for name, content in files.items():
        if sha256(content) != hashes[name]:
            raise damaged(folder / name, "its hash is not the one in the manifest")
    return files


def part(files: Mapping[str, bytes], name: str, folder: Path) -> bytes:
    """Return one of the files of `folder`, which must be there."""
    if name not in files:
        raise damaged(folder / name, "the manifest does not name it")
    return files[name]
