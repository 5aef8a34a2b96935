"""Reason codes of refused resources, in order of precedence: of several that match, the first is reported."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a message or one of its resources gave no reading; the values are stored and counted."""

    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    MALFORMED_JSON = "MALFORMED_JSON"

    UNSUPPORTED_RESOURCE_TYPE = "UNSUPPORTED_RESOURCE_TYPE"
    DELETED = "DELETED"

    STATUS_MISSING = "STATUS_MISSING"
    STATUS_ENTERED_IN_ERROR = "STATUS_ENTERED_IN_ERROR"
    STATUS_CANCELLED = "STATUS_CANCELLED"
    STATUS_NO_RESULT = "STATUS_NO_RESULT"
    STATUS_UNRECOGNISED = "STATUS_UNRECOGNISED"

    MODIFIER_EXTENSION = "MODIFIER_EXTENSION"
    IMPLICIT_RULES = "IMPLICIT_RULES"
    CODING_MALFORMED = "CODING_MALFORMED"
    NOT_SYSTEMIC_PRESSURE = "NOT_SYSTEMIC_PRESSURE"
    NOT_A_SINGLE_READING = "NOT_A_SINGLE_READING"

    SUBJECT_MISSING = "SUBJECT_MISSING"
    SUBJECT_NOT_A_PATIENT = "SUBJECT_NOT_A_PATIENT"
    SUBJECT_UNRESOLVED = "SUBJECT_UNRESOLVED"
    FOCUS_NOT_THE_SUBJECT = "FOCUS_NOT_THE_SUBJECT"

    TIME_AMBIGUOUS = "TIME_AMBIGUOUS"
    TIME_MISSING = "TIME_MISSING"
    TIME_TOO_COARSE = "TIME_TOO_COARSE"
    TIME_NO_ZONE = "TIME_NO_ZONE"
    TIME_UNPARSEABLE = "TIME_UNPARSEABLE"
    RECORD_TIME_OUT_OF_RANGE = "RECORD_TIME_OUT_OF_RANGE"
    TIME_IN_FUTURE = "TIME_IN_FUTURE"
    TIME_TOO_OLD = "TIME_TOO_OLD"

    COMPONENT_DUPLICATED = "COMPONENT_DUPLICATED"
    UNIT_MISMATCH = "UNIT_MISMATCH"
    SYSTOLIC_MISSING = "SYSTOLIC_MISSING"
    DIASTOLIC_MISSING = "DIASTOLIC_MISSING"
    COMPONENT_ABSENT = "COMPONENT_ABSENT"
    VALUE_NOT_A_QUANTITY = "VALUE_NOT_A_QUANTITY"
    VALUE_HAS_COMPARATOR = "VALUE_HAS_COMPARATOR"
    VALUE_NOT_NUMERIC = "VALUE_NOT_NUMERIC"
    UNIT_MISSING = "UNIT_MISSING"
    UNIT_UNSUPPORTED = "UNIT_UNSUPPORTED"

    SYSTOLIC_OUT_OF_RANGE = "SYSTOLIC_OUT_OF_RANGE"
    DIASTOLIC_OUT_OF_RANGE = "DIASTOLIC_OUT_OF_RANGE"
    SYSTOLIC_NOT_ABOVE_DIASTOLIC = "SYSTOLIC_NOT_ABOVE_DIASTOLIC"
    PULSE_PRESSURE_OUT_OF_RANGE = "PULSE_PRESSURE_OUT_OF_RANGE"

    HEART_RATE_UNIT = "HEART_RATE_UNIT"
    HEART_RATE_OUT_OF_RANGE = "HEART_RATE_OUT_OF_RANGE"

    DUPLICATE = "DUPLICATE"
    LATE = "LATE"

    INDEX_NOT_WRITABLE = "INDEX_NOT_WRITABLE"  # its month takes no documents
    DOCUMENT_REFUSED = "DOCUMENT_REFUSED"  # by Elasticsearch, which takes others of the month
    INTERNAL_ERROR = "INTERNAL_ERROR"  # our own code raised: a defect to mend, the message may be as good as any


DETAIL_LENGTH = 200


class Refused(Exception):  # noqa: N818 - a verdict on data, not a program error
    """Raised by a rule that a resource breaks; becomes one `Reject`."""

    def __init__(self, reason: Reason, detail: object) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = printable(detail)


def printable(value: object) -> str:
    """Return text of at most 200 characters, none of them a control, that any sink can take; never a whole payload."""
    try:
        text = str(value)
    except ValueError:  # an integer beyond Python's limit of digits
        text = f"a number of {type(value).__name__} too long to print"
    if len(text) > DETAIL_LENGTH:
        text = text[: DETAIL_LENGTH - 1] + "…"
    return (
        text
        if text.isprintable()
        else "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    )
