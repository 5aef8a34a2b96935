from __future__ import annotations

import pytest

from fhir.parse.message import parse_message
from fhir.readings import IntakeRules
from fhir.reasons import Reason
from fhir.write.device import Shown
from producer.malformed import MALFORMED

EFFECTIVE_US = 1_740_787_215_000_000
SHOWN = Shown("sim1-00007", EFFECTIVE_US, 60, 142, 88, 71)
NOT_SENT = {
    Reason.PAYLOAD_TOO_LARGE,  # Kafka's default limit is below the intake's
    Reason.STATUS_ENTERED_IN_ERROR,  # a retraction, not a malformed message
    Reason.DELETED,  # likewise
    Reason.RECORD_TIME_OUT_OF_RANGE,  # of the Kafka record, not of the message
    Reason.TIME_TOO_OLD,  # depends on a setting of the intake
    Reason.HEART_RATE_UNIT,
    Reason.HEART_RATE_OUT_OF_RANGE,
    Reason.DUPLICATE,
    Reason.LATE,
    Reason.INDEX_NOT_WRITABLE,  # depends on Elasticsearch, as the next
    Reason.DOCUMENT_REFUSED,
    Reason.INTERNAL_ERROR,  # a defect of ours
}


@pytest.mark.parametrize("name", MALFORMED)
def test_the_intake_refuses_it_for_the_reason_that_is_stated(name: str) -> None:
    malformed = MALFORMED[name]
    parsed = parse_message(malformed.payload(SHOWN), EFFECTIVE_US, IntakeRules())
    assert parsed.readings == []
    assert [reject.reason for reject in parsed.rejects] == ([malformed.reason] if malformed.reason else [])
    assert parsed.ignored == (malformed.reason is None)


def test_every_reason_that_one_message_can_give_is_met() -> None:
    assert {malformed.reason for malformed in MALFORMED.values()} == {None, *Reason} - NOT_SENT
