from __future__ import annotations

from pathlib import Path

from producer.position import POSITION_FILE, Identity, Position, load_position, store_position

POSITION = Position(Identity(1, 10, 900_000_000, 1.0, "topic"), 5, 7)


def test_a_stored_position_is_read_back_and_no_other_file_stays(tmp_path: Path) -> None:
    local_dir = tmp_path / "new"
    store_position(local_dir, POSITION)
    assert load_position(local_dir) == POSITION
    assert [path.name for path in local_dir.iterdir()] == [POSITION_FILE]


def test_no_position_or_a_damaged_one_means_a_fresh_start(tmp_path: Path) -> None:
    assert load_position(tmp_path) is None
    for content in ("", "{", "[]", '{"epoch_us": 1}'):
        (tmp_path / POSITION_FILE).write_text(content)
        assert load_position(tmp_path) is None
