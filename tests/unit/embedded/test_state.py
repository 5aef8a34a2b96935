from __future__ import annotations

from pathlib import Path

import pytest

from embedded.paths import STATE_FILE
from embedded.state import read_ports, write_ports


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
