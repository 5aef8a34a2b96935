"""The demo as a user starts it, on folders and ports of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conf.errors import EXIT_FAILURE, EXIT_INTERRUPTED
from embedded import services

ROOT = Path(__file__).resolve().parents[2]
PATIENTS = 12
STOP_LIMIT_S = 45  # usually below 10, but others may be at work beside it

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


def read_until(process: subprocess.Popen[str], holds: Callable[[str], object]) -> str:
    """Return the output up to the first line of which this holds."""
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if holds(line):
            return "".join(lines)
    pytest.fail(f"the demo ended before what was waited for:\n{''.join(lines)}")


def shows_everybody(line: str) -> bool:
    """Tell whether a line of figures has all patients in it, and a micro-batch of each query of this start."""
    found = re.search(r"predictions [1-9].*, patients ([^,]+), .*, batch [\d.]+ s / [\d.]+ s", line)
    return found is not None and sum(map(int, re.findall(r"\d+", found[1]))) == PATIENTS


def test_a_first_start_predicts_for_every_patient_and_sigterm_ends_it_in_time_with_nothing_left_running(
    home: Home,
) -> None:
    # 1. it trains a model, and shows the passwords of its users
    process = home.start("--json", str(home.root / "result.json"))
    begun = read_until(process, shows_everybody)
    assert "First model" in begun
    assert re.search(r"The site is at http://127\.0\.0\.1:\d+/\. Shown this once", begun)
    assert len(re.findall(r"(?:[a-z0-9]{5}-){3}[a-z0-9]{5}", begun)) == 2  # an administrator and a clinician
    assert home.left_over() != []

    # 2. SIGTERM ends everything in time
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=STOP_LIMIT_S)
    assert process.returncode == EXIT_INTERRUPTED, output
    assert home.left_over() == []

    # 3. it tells what it came to, as the file of figures does
    figures = json.loads((home.root / "result.json").read_text())
    assert figures["patients"] == PATIENTS
    assert figures["predictions"] >= 1
    assert figures["rejected"] <= 0.05 * figures["readings"]  # artefacts of the simulated cuffs
    assert f"({PATIENTS} in all)" in output


def test_a_second_start_goes_on_and_a_part_that_dies_stops_it_with_its_name_and_log(home: Home) -> None:
    # 1. the second start trains no model, and the patients of the first one are still there
    process = home.start()
    output = read_until(process, shows_everybody)
    assert "First model" not in output
    assert "Shown this once" not in output

    # 2. the producer goes on where it ended
    assert "Continuing at" in (home.local_dir / "logs" / "producer.log").read_text()

    # 3. another demo on the same folders is refused
    refused = home.start("--exit-after", "5")
    assert "already runs on" in refused.communicate(timeout=60)[0]
    assert refused.returncode == EXIT_FAILURE

    # 4. the producer is killed: all ends, and its name and log are told
    _demo, _alerts, _site, _stream, producer, *_ = (home.local_dir / "demo.lock").read_text().split()
    os.kill(int(producer), signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == EXIT_FAILURE
    assert "error: The producer ended by signal SIGKILL: " in output
    assert f"(log: {home.local_dir / 'logs' / 'producer.log'})" in output
    assert home.left_over() == []
