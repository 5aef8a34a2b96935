from __future__ import annotations

from fhir.reasons import Reason
from producer.messages import STORED, Counts, Effect, Message, report_lines


def message(kind: str, effect: Effect) -> Message:
    return Message(0, b"p", b"", kind, effect)


def counted(*messages: Message) -> Counts:
    counts = Counts()
    counts.add(messages)
    return counts


def test_a_report_counts_what_was_sent_and_what_must_be_found() -> None:
    report = counted(
        message("reading", STORED),
        message("retracted", Effect(refused=(Reason.STATUS_ENTERED_IN_ERROR,))),
        message("reading", Effect(1, (Reason.SYSTOLIC_OUT_OF_RANGE,))),
        message("malformed: other_observation", Effect(ignored=1)),
    ).report()
    assert report == {
        "sent": {"messages": 4, "by_kind": {"malformed: other_observation": 1, "reading": 2, "retracted": 1}},
        "expected": {
            "observations": 2,
            "corrected": 0,
            "retracted": 1,
            "rejected": 2,
            "rejected_by_reason": {"STATUS_ENTERED_IN_ERROR": 1, "SYSTOLIC_OUT_OF_RANGE": 1},
            "ignored": 1,
        },
    }


def test_the_lines_for_people_hold_every_figure() -> None:
    text = "\n".join(report_lines(counted(*[message("reading", STORED)] * 1234).report()))
    assert "Sent 1,234 messages:" in text
    assert "1,234 reading" in text
    assert "To be found: 1,234 observations" in text
