from __future__ import annotations

from pathlib import Path

import pytest

from conf.errors import UserError
from embedded.paths import (
    MIN_FREE_BYTES,
    STATE_FILE,
    elasticsearch_zip,
    kafka_jars,
    make_local_dir,
    read_ports,
    require_space,
    write_ports,
)


def test_full_disk_is_refused_with_what_is_free_and_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has only 1\.5 GB free and 2\.1 GB are needed\. .*BP_LOCAL_DIR"):
        require_space(tmp_path, free=lambda _: 1_500_000_000)


def test_just_enough_space_is_enough(tmp_path: Path) -> None:
    require_space(tmp_path, free=lambda _: MIN_FREE_BYTES)
    with pytest.raises(UserError):
        require_space(tmp_path, free=lambda _: MIN_FREE_BYTES - 1)


@pytest.mark.parametrize("find", [kafka_jars, elasticsearch_zip])
def test_missing_jars_name_the_command_that_fetches_them(find: object, tmp_path: Path) -> None:
    assert callable(find)
    with pytest.raises(UserError, match=r"is missing\. Run \./spark-submit\.sh once"):
        find(tmp_path)


def test_fetched_jars_are_found(tmp_path: Path) -> None:
    for name in ("kafka/kafka_2.13-4.2.2.jar", "elasticsearch/elasticsearch-8.8.2.zip"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert kafka_jars(tmp_path) == tmp_path / "kafka"
    assert elasticsearch_zip(tmp_path).name == "elasticsearch-8.8.2.zip"


def test_local_directory_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be created .* Set BP_LOCAL_DIR"):
        make_local_dir(tmp_path / "file" / "local")


def test_local_directory_is_made_with_its_logs_and_is_absolute(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert make_local_dir(tmp_path / "link") == (tmp_path / "real").resolve()
    assert (tmp_path / "real" / "logs").is_dir()


def test_ports_are_remembered(tmp_path: Path) -> None:
    write_ports(tmp_path, {"kafka": 9092, "elasticsearch": 9200})
    assert read_ports(tmp_path) == {"kafka": 9092, "elasticsearch": 9200}


def test_nothing_left_to_remember_removes_the_file(tmp_path: Path) -> None:
    write_ports(tmp_path, {"kafka": 9092})
    write_ports(tmp_path, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"ports": 1}', '{"ports": {"kafka": "x"}}'])
def test_damaged_state_file_counts_as_none(content: str, tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text(content)
    assert read_ports(tmp_path) == {}
