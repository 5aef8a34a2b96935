"""The counts of a micro-batch: made by each task, brought to the driver as one row a task, added up there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import pyarrow as pa

OUTCOME_ROWS: Final = "outcome string"
REASON_PREFIX: Final = "rejected."


def milliseconds(seconds: float) -> int:
    """A duration as it is counted."""
    return round(seconds * 1000)


def outcome_row(counts: Mapping[str, int]) -> pa.RecordBatch:
    """The counts of one task as a single row of `OUTCOME_ROWS`."""
    return pa.RecordBatch.from_pydict({"outcome": [msgspec.json.encode(dict(counts)).decode()]})


def add_up(outcomes: Iterable[str]) -> Counter[str]:
    """The sum of the tasks' rows."""
    return sum((Counter(msgspec.json.decode(outcome, type=dict[str, int])) for outcome in outcomes), Counter())


def rejected_by_reason(counts: Mapping[str, int]) -> dict[str, int]:
    """The refused entries of a batch by reason code."""
    return {name.removeprefix(REASON_PREFIX): count for name, count in counts.items() if name.startswith(REASON_PREFIX)}
