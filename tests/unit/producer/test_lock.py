from __future__ import annotations

import os
from pathlib import Path

import pytest

from conf.errors import UserError
from producer.lock import only_producer


def test_a_second_producer_on_the_same_directory_is_told_who_holds_it(tmp_path: Path) -> None:
    local_dir = tmp_path / "new"
    with (
        only_producer(local_dir),
        pytest.raises(UserError, match=rf"already runs on {local_dir} \(process {os.getpid()}\)"),
        only_producer(local_dir),
    ):
        pass


def test_the_lock_ends_with_its_holder_and_other_directories_are_free(tmp_path: Path) -> None:
    with only_producer(tmp_path / "one"), only_producer(tmp_path / "two"):
        pass
    with only_producer(tmp_path / "one"):
        pass
