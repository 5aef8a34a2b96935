"""The counts of a micro-batch on their way from the tasks to the driver."""

from __future__ import annotations

from collections import Counter

from jobs.streaming.outcome import OUTCOME_ROWS, add_up, outcome_row, rejected_by_reason


def texts(*counts: dict[str, int]) -> list[str]:
    return [row for one in counts for row in outcome_row(one).column("outcome").to_pylist()]


def test_each_task_hands_over_one_row_of_one_column() -> None:
    row = outcome_row(Counter(messages=3))
    assert (row.num_rows, row.schema.names) == (1, [OUTCOME_ROWS.split()[0]])


def test_counts_of_all_tasks_are_added_up() -> None:
    rows = texts({"messages": 3, "rejected": 1}, {"messages": 4}, {"rejected.TIME_MISSING": 2})
    assert add_up(rows) == {"messages": 7, "rejected": 1, "rejected.TIME_MISSING": 2}


def test_batch_without_tasks_counts_nothing() -> None:
    assert add_up([]) == {}


def test_refused_entries_are_told_by_reason_alone() -> None:
    counts = {"messages": 9, "rejected": 3, "rejected.DUPLICATE": 1, "rejected.TIME_MISSING": 2}
    assert rejected_by_reason(counts) == {"DUPLICATE": 1, "TIME_MISSING": 2}
