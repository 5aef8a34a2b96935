"""A topic that was made anew under its old name is found out before anything is overwritten."""

from __future__ import annotations

import pytest

from jobs.streaming.checkpoint import CheckpointError
from jobs.streaming.earlier_topic import refuse_beyond


@pytest.mark.parametrize(
    ("newest", "ends"),
    [
        ({}, {}),
        ({}, {0: 0, 1: 7}),
        ({0: 6}, {0: 7, 1: 0}),
        ({0: 0, 1: 6}, {0: 1, 1: 7}),
    ],
)
def test_documents_of_messages_that_the_topic_holds_or_held_are_no_hindrance(
    newest: dict[int, int], ends: dict[int, int]
) -> None:
    refuse_beyond(newest, ends, "topic")


@pytest.mark.parametrize(
    ("newest", "ends"),
    [
        ({0: 0}, {0: 0}),
        ({0: 7}, {0: 7}),
        ({0: 2, 1: 9}, {0: 7, 1: 3}),
        ({3: 0}, {0: 7}),
        ({0: 0}, {}),
    ],
)
def test_documents_of_messages_beyond_the_end_of_the_topic_stop_the_start(
    newest: dict[int, int], ends: dict[int, int]
) -> None:
    with pytest.raises(CheckpointError, match=r"made anew.*BP_KAFKA_TOPIC"):
        refuse_beyond(newest, ends, "topic")
