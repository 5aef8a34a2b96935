from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


def refusal(master: str, *options: str) -> str:
    environment = {"BP_SPARK_MASTER": master}
    command = [sys.executable, "-m", "deploy.submit", *options, "stream"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), ended.stderr
    return ended.stderr


def test_a_packed_folder_that_is_not_there_is_told_before_anything_starts() -> None:
    expected = (
        "error: There is no packed environment in /nowhere. Pack it with: ./spark-submit.sh pack --output /nowhere\n"
    )
    assert refusal("spark://127.0.0.1:1", "--packed", "/nowhere") == expected


def test_a_packed_folder_is_of_no_use_on_a_local_master() -> None:
    assert refusal("local[2]", "--packed", "/nowhere").startswith("error: --packed is for a cluster")
