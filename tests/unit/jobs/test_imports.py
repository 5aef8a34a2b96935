"""What the workers, the site and the tools import must not need Spark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = (
    "conf.settings",
    "jobs.streaming.archive",
    "jobs.check_patient_observations",
    "jobs.streaming.checkpoint",
    "jobs.streaming.entries",
    "jobs.erase",
    "fhir.parse.message",
    "elastic.names",
    "jobs.streaming.store",
    "jobs.training.outcomes",
    "jobs.streaming.observations",
    "jobs.prune",
    "jobs.pseudonym",
    "jobs.training.replay",
    "jobs.streaming.windows",
    "ml.features",
)


def exit_code(program: str) -> int:
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60).returncode


def test_rules_and_stores_work_where_there_is_no_spark() -> None:
    assert exit_code(f"import sys, {', '.join(MODULES)}; sys.exit('pyspark' in sys.modules)") == 0


@pytest.mark.parametrize("module", ["jobs.streaming.queries"])
def test_the_check_notices_spark_where_it_is_imported(module: str) -> None:
    assert exit_code(f"import sys, {module}; sys.exit('pyspark' in sys.modules)") == 1
