from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.submit import jars
from deploy.submit.jars import JarsError

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two fetched files, one of each configuration used here."""
    for name, content in (("spark/a-1.jar", b"a"), ("kafka/b-2.jar", b"b")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def lock_of(folder: Path) -> dict[str, str]:
    return jars.digests(jars.present_files(folder), folder)


def test_the_files_of_the_lock_pass(folder: Path) -> None:
    jars.check(lock_of(folder), folder)


def test_a_changed_file_is_named_with_its_sha256_and_stays_there(folder: Path) -> None:
    lock = lock_of(folder)
    (folder / "kafka/b-2.jar").write_bytes(b"other")

    with pytest.raises(JarsError, match=r"kafka/b-2\.jar is not the file .* \(its sha256 is d9298a10d1b07"):
        jars.check(lock, folder)
    assert (folder / "kafka/b-2.jar").read_bytes() == b"other"


def test_a_file_beside_the_lock_is_named_and_stays_there(folder: Path) -> None:
    lock = lock_of(folder)
    (folder / "spark/evil-3.jar").write_bytes(b"e")

    with pytest.raises(JarsError, match=r"spark/evil-3\.jar is not listed"):
        jars.check(lock, folder)
    assert (folder / "spark/evil-3.jar").exists()


def test_a_missing_file_is_named(folder: Path) -> None:
    lock = lock_of(folder)
    (folder / "spark/a-1.jar").unlink()

    assert jars.missing_files(lock, folder) == {"spark/a-1.jar"}
    with pytest.raises(JarsError, match=r"spark/a-1\.jar is missing"):
        jars.check(lock, folder)


def test_the_lock_reads_back_as_written(folder: Path) -> None:
    lock = lock_of(folder)

    assert jars.read_lock(jars.write_lock(lock)) == lock


def test_the_committed_lock_holds_every_direct_dependency_of_the_ivy_file() -> None:
    ivy = (ROOT / jars.IVY_FILE).read_text(encoding="utf-8")
    lock = jars.read_lock((ROOT / jars.LOCK_FILE).read_text(encoding="utf-8"))
    direct = re.findall(r'<dependency org="\S+" name="(\S+)" rev="(\S+)" conf="(\w+)->', ivy)

    assert len(direct) >= 5
    for name, revision, configuration in direct:
        assert any(file.startswith(f"{configuration}/{name}-{revision}.") for file in lock), name


def test_a_mirror_is_used_when_ivy_settings_name_one() -> None:
    command = jars.ivy_command("java", Path("ivy.jar"), Path("jars"), {"IVY_SETTINGS": "m.xml", "XDG_CACHE_HOME": "/c"})

    assert command[command.index("-settings") + 1] == "m.xml"
    assert command[command.index("-cache") + 1] == "/c/blood-pressure-surveillance/ivy"
