"""What the workers, the site and the tools import must not need Spark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
STREAMING = ROOT / "jobs" / "streaming"
NEED_SPARK = ("jobs.streaming.queries", "jobs.stream")
MODULES = (
    "conf.settings",
    "elastic.names",
    "fhir.parse.message",
    "jobs.check_patient_observations",
    "jobs.erase",
    "jobs.explain",
    "jobs.prune",
    "jobs.pseudonym",
    "jobs.resend",
    "jobs.wards",
    "jobs.training.outcomes",
    "jobs.training.replay",
    "ml.features",
    *sorted({f"jobs.streaming.{path.stem}" for path in STREAMING.glob("[a-z]*.py")} - {*NEED_SPARK}),
)


def exit_code(program: str) -> int:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode


def test_rules_and_stores_work_where_there_is_no_spark() -> None:
    assert "jobs.streaming.store" in MODULES
    assert exit_code(f"import sys, {', '.join(MODULES)}; sys.exit('pyspark' in sys.modules)") == 0


@pytest.mark.parametrize("module", NEED_SPARK)
def test_the_check_notices_spark_where_it_is_imported(module: str) -> None:
    assert exit_code(f"import sys, {module}; sys.exit('pyspark' in sys.modules)") == 1
