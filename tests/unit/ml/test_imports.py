from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import ml

ROOT = Path(__file__).resolve().parents[3]
MODELS = [module.name for module in pkgutil.walk_packages(ml.__path__, "ml.") if not module.ispkg]
SIMULATED = ["jobs.training.oracle", "jobs.training.outcomes", "jobs.training.replay", "producer.run"]


@pytest.mark.parametrize(
    ("modules", "unwanted"), [(MODELS, ["pyspark", "producer", "jobs"]), (SIMULATED, ["pyspark"])], ids=["ml", "rows"]
)
def test_models_need_neither_spark_nor_the_simulator_and_simulated_rows_no_spark(
    modules: list[str], unwanted: list[str]
) -> None:
    assert len(modules) > 3
    program = f"import sys, {', '.join(modules)}; sys.exit(', '.join(set({unwanted}) & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
