"""Let a program drain a topic into an empty Elasticsearch, and tell how fast that was and what it cost (Linux)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from elasticsearch import Elasticsearch

from benchmarks.own_services import cpu_seconds, environment_of, peak_gib
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect, with_retries
from elastic.names import ALL_INDICES, LATEST, OBSERVATIONS, PREDICTIONS

LOOK_S = 0.5
SAMPLE = 1_000
COMPARED = ("critical_risk_1h", "critical_risk_6h", "critical_risk_24h", "systolic", "diastolic", "window_readings")
ELASTICSEARCH = "elasticsearch"


@dataclass(frozen=True)
class Drained:
    """What became of so many readings: documents by index, a sample of predictions by id, and the times.

    `seconds` are those of the whole process, `first_s` those until a prediction could be found; `steady_rate` is the
    readings per second from the moment when half of them could be found until all could; `cpu_s` is by kind of process,
    Elasticsearch among them; `peak_gib` is the memory of the largest process of each kind.
    """

    readings: int
    seconds: float
    first_s: float
    steady_rate: float
    cpu_s: dict[str, float]
    peak_gib: dict[str, float]
    counts: dict[str, int]
    sample: dict[str, dict[str, Any]]

    def cpu_s_a_million(self, kind: str) -> float:
        """Return the processor time that a kind of process took for a million readings."""
        return self.cpu_s.get(kind, 0.0) / self.readings * 1e6


def drain(
    settings: Settings, command: list[str], readings: int, environment: Mapping[str, str] = MappingProxyType({})
) -> Drained:
    """Run a module until it has drained `readings`; raise `UserError` when it fails."""
    client = connect(settings)
    if names := list(client.indices.get(index=ALL_INDICES)):
        client.indices.delete(index=names)
    log = settings.local_dir / f"{command[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    watch = _Watch(client)
    with log.open("w") as output:
        program = [sys.executable, "-m", *command]
        told = {**environment_of(settings), **environment}
        process = subprocess.Popen(program, env=told, stdout=output, stderr=output, start_new_session=True)
        while process.poll() is None:
            watch.look(process.pid)
            time.sleep(LOOK_S)
    seconds = time.monotonic() - watch.began_s
    if process.returncode:
        raise UserError(f"{command[0]} failed: {log.read_text().splitlines()[-1]}")
    client.indices.refresh()
    watch.look(process.pid)
    counts = {name: int(client.count(index=name)["count"]) for name in (OBSERVATIONS, PREDICTIONS, LATEST)}
    first_s = next(at for at, count in watch.found if count) - watch.began_s
    steady = steady_rate(watch.found, readings)
    return Drained(readings, seconds, first_s, steady, watch.cpu_s(), watch.peak_gib, counts, predictions(client))


def predictions(client: Elasticsearch, ids: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return what is compared of predictions, by id: of those named, else of the first patients' newest."""
    newest_first = [{"patient_id": "asc"}, {"@timestamp": "desc"}]
    query = {"match_all": {}} if ids is None else {"ids": {"values": ids}}
    hits = client.search(index=PREDICTIONS, query=query, size=SAMPLE, sort=newest_first)["hits"]["hits"]
    return {hit["_id"]: {name: hit["_source"][name] for name in COMPARED} for hit in hits}


def steady_rate(found: Sequence[tuple[float, int]], readings: int) -> float:
    """Return readings per second of the second half, out of (seconds, predictions that could be found by then)."""
    half_s, half = next((at, count) for at, count in found if count >= readings / 2)
    all_s, most = next(((at, count) for at, count in found if count >= readings), found[-1])
    return (most - half) / max(all_s - half_s, LOOK_S)


@dataclass
class _Watch:
    """Looks at the processes of a session, and at how many predictions can be found."""

    client: Elasticsearch
    began_s: float = field(default_factory=time.monotonic)
    found: list[tuple[float, int]] = field(default_factory=list)  # (seconds, predictions)
    peak_gib: dict[str, float] = field(default_factory=dict)
    _cpu_of: dict[int, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._elasticsearch_before_s = _elasticsearch_cpu_s(self.client)

    def look(self, session: int) -> None:
        """Note predictions, processor time and memory of this moment; what comes after the last look is not counted."""
        ask = partial(self.client.count, index=PREDICTIONS, ignore_unavailable=True, allow_no_indices=True)
        count = with_retries(ask)  # 503: the index is just being made
        self.found.append((time.monotonic(), int(count["count"])))
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                if int(fields[3]) == session:
                    pid = int(entry.name)
                    kind = "java" if (entry / "comm").read_text(encoding="utf-8").strip() == "java" else "python"
                    self._cpu_of[pid] = kind, cpu_seconds(pid)
                    self.peak_gib[kind] = max(self.peak_gib.get(kind, 0.0), peak_gib(pid))
            except OSError:  # it has ended meanwhile
                continue

    def cpu_s(self) -> dict[str, float]:
        """Return processor time by kind of process."""
        total = {ELASTICSEARCH: _elasticsearch_cpu_s(self.client) - self._elasticsearch_before_s}
        for name, seconds in self._cpu_of.values():
            total[name] = total.get(name, 0.0) + seconds
        return total


def _elasticsearch_cpu_s(client: Elasticsearch) -> float:
    nodes = client.nodes.stats(metric="process")["nodes"].values()
    return sum(int(node["process"]["cpu"]["total_in_millis"]) for node in nodes) / 1000
