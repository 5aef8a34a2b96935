from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MODULES = (
    "ml.report.card",
    "ml.drift",
    "ml.explanation",
    "ml.evaluation.gates",
    "ml.labels",
    "ml.evaluation.metrics",
    "ml.prediction",
    "ml.registry.bundles",
    "jobs.training.simulated",
    "ml.storage",
    "producer.run",
)


def test_models_and_simulator_work_where_there_is_no_spark() -> None:
    program = f"import sys, {', '.join(MODULES)}; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
