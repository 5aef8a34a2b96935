from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.state import Held, heap_mib, held_readings, largest, new_readings, plot, size_mib
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HELD = Held(20_000, 9_000.0, 20.0, 2_000.0, 30.0, 400, 1.5, 12.0, 40.0)
LOG = """[0.5s][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 102M->15M(1024M) 9.1ms
[1.5s][info][gc] GC(1) Pause Young (Concurrent Start) (Metadata GC Threshold) 220M->61M(1024M) 12.0ms
[1.6s][info][gc] GC(2) Concurrent Mark Cycle 20.1ms
"""


def keys(messages: list[tuple[bytes, bytes]]) -> list[str]:
    return [key.decode() for key, _ in messages]


def test_the_state_holds_so_many_readings_of_each_patient_one_patient_after_the_other() -> None:
    messages = list(held_readings(patients=3, held=2, until=NOW))
    assert keys(messages) == ["p0000000"] * 2 + ["p0000001"] * 2 + ["p0000002"] * 2
    readings = [parse_message(value, round(NOW.timestamp() * 1e6), IntakeRules()).readings for _, value in messages]
    assert [len(each) for each in readings] == [1] * 6


def test_new_readings_meet_every_patient_once_a_round_in_no_order() -> None:
    messages = list(new_readings(patients=50, readings=120, since=NOW))
    assert set(Counter(keys(messages[:50])).values()) == {1}
    assert keys(messages[:50]) != sorted(keys(messages[:50]))
    assert len({value for _, value in messages}) == 120


def test_the_heap_is_what_collections_leave_in_it() -> None:
    assert heap_mib(LOG) == 61
    assert heap_mib("") == 0


def test_the_largest_size_of_a_folder_outlives_its_files(tmp_path: Path) -> None:
    with largest(tmp_path, every_s=0.01) as sizes:
        (tmp_path / "file").write_bytes(bytes(2 * 1024**2))
        while max(sizes) < 2:
            time.sleep(0.01)
        (tmp_path / "file").unlink()
    assert (max(sizes), size_mib(tmp_path)) == (2.0, 0.0)


def test_the_plot_shows_rate_heap_and_disk_of_each_number_of_patients() -> None:
    figure = plot([HELD, replace(HELD, patients=200_000)])
    assert [axes.get_xlabel().split(",")[0] for axes in figure.axes] == [
        "readings per second",
        "heap after a collection",
        "checkpoint",
    ]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["20,000 patients", "200,000 patients"]
