"""The demo as a user starts it, on folders and ports of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from embedded import services

ROOT = Path(__file__).resolve().parents[2]
PATIENTS = 12
BOTH_QUERIES = r"[\d.]+ s / [\d.]+ s"
STOP_LIMIT_S = 45  # usually below 10, but others may be at work beside it
START_TIMEOUT_S = 400  # with the training of a first model on a busy machine

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Home:
    """The folders of one demo."""

    root: Path

    @property
    def local_dir(self) -> Path:
        return self.root / "local"

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start the demo; its output can be read line by line."""
        ports = ("--kafka-port", "0", "--elasticsearch-port", "0", "--web-port", "0")
        return subprocess.Popen(
            [str(ROOT / "spark-submit.sh"), "demo", *ports, "--patients", str(PATIENTS), *options],
            env={**os.environ, **{f"BP_{name.upper()}_DIR": str(self.root / name) for name in FOLDERS}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def left_over(self) -> list[str]:
        """Return the processes with this demo's folder in their command or environment, which every part inherits."""
        listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        mine = [line for line in listing.stdout.splitlines() if str(self.root) in line]
        return [line[:200] for line in mine if not line.startswith(f"{os.getpid()} ") and " ps axeww" not in line]


FOLDERS = ("local", "data", "model", "checkpoint")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Return folders that the tests of this module share, so that only the first start trains a model."""
    made = Home(tmp_path_factory.mktemp("demo"))
    yield made
    services.stop(made.local_dir, clean=True)


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """Return the output up to the first line that the pattern is found in."""
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if re.search(pattern, line):
            return "".join(lines)
    pytest.fail(f"the demo ended before a line with {pattern}:\n{''.join(lines)}")


def run_to_end(home: Home, seconds: int) -> tuple[int, str, dict[str, Any]]:
    result = home.root / "result.json"
    process = home.start("--exit-after", str(seconds), "--json", str(result))
    output, _ = process.communicate(timeout=START_TIMEOUT_S + seconds)
    return process.returncode, output, json.loads(result.read_text())


def test_a_first_start_predicts_for_every_patient_and_leaves_nothing_running(home: Home) -> None:
    code, output, figures = run_to_end(home, seconds=75)

    assert code == 0, output
    assert figures["patients"] == PATIENTS, output
    assert figures["predictions"] >= 1
    assert figures["rejected"] <= 0.05 * figures["readings"]  # artefacts of the simulated cuffs
    assert f"({PATIENTS} in all)" in output
    assert re.search(r"The site is at http://127\.0\.0\.1:\d+/\. Shown this once", output)
    assert len(re.findall(r"(?:[a-z0-9]{5}-){3}[a-z0-9]{5}", output)) == 2  # an administrator and a clinician
    assert home.left_over() == []


def test_a_second_start_goes_on_and_sigterm_ends_it_in_time(home: Home) -> None:
    # 1. the second start trains no model, and the patients of the first one are still there
    process = home.start()
    output = read_until(process, rf"LOW [1-9].* batch {BOTH_QUERIES}")
    assert "First model" not in output
    assert "Shown this once" not in output
    assert home.left_over() != []

    # 2. the producer goes on where it ended
    assert "Continuing at" in (home.local_dir / "logs" / "producer.log").read_text()

    # 3. another demo on the same folders is refused
    refused = home.start("--exit-after", "5")
    assert "already runs on" in refused.communicate(timeout=60)[0]
    assert refused.returncode == 1

    # 4. SIGTERM ends everything in time
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=STOP_LIMIT_S)
    assert process.returncode == 130
    assert home.left_over() == []


def test_a_part_that_dies_stops_the_demo_with_its_name_and_log(home: Home) -> None:
    process = home.start()
    read_until(process, "waiting for")
    parts = [int(pid) for pid in (home.local_dir / "demo.lock").read_text().split()[1:]]

    os.kill(parts[-1], signal.SIGKILL)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "error: The producer ended by signal SIGKILL: " in output
    assert f"(log: {home.local_dir / 'logs' / 'producer.log'})" in output
    assert home.left_over() == []
