"""What the producer says it has sent is what the real pipeline holds afterwards, to the last document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conf.settings import Settings
from elastic.names import OBSERVATIONS, REJECTED
from producer.faults import FAULTS
from producer.forms import FORMS
from tests.integration.pipeline import Pipeline, environment

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120
ARGUMENTS = (
    *("--patients", "80", "--history", "24h", "--seed", "6"),
    *("--forms", ",".join(f"{name}={1 / len(FORMS):.4f}" for name in FORMS)),
    *("--faults", ",".join(f"{name}=0.06" for name in FAULTS)),
)


def produce(settings: Settings, file: Path, *arguments: str) -> dict[str, Any]:
    """Return the report of a run of the producer that ends by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BP_")} | environment(settings)
    command = [sys.executable, "-m", "producer", *ARGUMENTS, *arguments, "--report", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(file.read_text()))


def total(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what must be found after several runs."""
    expected = [report["expected"] for report in reports]
    sums = {name: sum(each[name] for each in expected) for name in expected[0] if name != "rejected_by_reason"}
    reasons = sum((Counter(each["rejected_by_reason"]) for each in expected), Counter[str]())
    return sums | {"rejected_by_reason": dict(reasons)}


def found(pipeline: Pipeline) -> dict[str, Any]:
    """Return the same figures, from Elasticsearch and the stream's own count."""
    client = pipeline.client
    client.indices.refresh(index=f"{OBSERVATIONS},{REJECTED}")

    def by(index: str, name: str) -> dict[str, int]:
        aggregations = {"by": {"terms": {"field": name, "size": 100}}}
        answer = client.search(index=index, size=0, aggregations=aggregations)
        return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["by"]["buckets"]}

    statuses = by(OBSERVATIONS, "status")
    return {
        "observations": client.count(index=OBSERVATIONS)["count"],
        "corrected": statuses["corrected"],
        "retracted": statuses["entered-in-error"],
        "rejected": client.count(index=REJECTED)["count"],
        "rejected_by_reason": by(REJECTED, "reason"),
        "ignored": pipeline.metrics()["queries"]["ingest"]["totals"]["ignored"],
    }


def test_elasticsearch_holds_exactly_what_the_producer_says_it_sent(pipeline: Pipeline, tmp_path: Path) -> None:
    """1. A run that is ended in mid-history. 2. Another sends the rest. 3. All forms and faults have been met."""
    first = produce(pipeline.settings, tmp_path / "first.json", "--rate", "1500", "--limit-seconds", "2")
    second = produce(pipeline.settings, tmp_path / "second.json", "--limit-seconds", "0")
    assert first["sent"]["messages"] > 1000
    assert second["sent"]["messages"] > 1000
    pipeline.drain()
    assert found(pipeline) == total([first, second])
    assert len(total([first, second])["rejected_by_reason"]) > 30
