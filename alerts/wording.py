"""Words that pages and messages show: levels, answers to an alert, and the reasons of a prediction.

A reason tells which measure, which part of the window and what number raises the *model's* 6 h risk (see
`ml.explanation`), not what makes the patient ill; its weight is named in three steps, since log odds before
calibration are no number for the bedside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from babel.numbers import format_decimal, get_decimal_symbol

from alerts.events import Event
from alerts.model import AlertKind, AnswerReason, State, Withdrawal
from alerts.texts import N_, mmhg
from fhir.measures import DIASTOLIC, SYSTOLIC
from fhir.parse.attention import IN_DOUBT
from fhir.reasons import Reason
from ml.explanation import ReasonCode
from ml.features import WINDOW_LENGTH
from ml.inputs import RECENT_H
from ml.trained_range import RangeCode

Translate = Callable[[str], str]

LEVEL_NAMES: Final[Mapping[str, str]] = {
    "LOW": N_("LOW"),
    "MEDIUM": N_("MEDIUM"),
    "HIGH": N_("HIGH"),
    "CRITICAL": N_("CRITICAL"),
}
REASON_NAMES: Final[Mapping[AnswerReason, str]] = {
    AnswerReason.SEEN: N_("Seen, being dealt with"),
    AnswerReason.CALLED: N_("Patient called"),
    AnswerReason.TREATED: N_("Treatment adapted"),
    AnswerReason.FALSE_ALARM: N_("False alarm"),
    AnswerReason.OTHER: N_("Other"),
}
KIND_NAMES: Final[Mapping[AlertKind, str]] = {
    AlertKind.PREDICTED: N_("Predicted risk"),
    AlertKind.MEASURED: N_("Measured crisis"),
    AlertKind.LIMIT: N_("Beyond the limit of this patient"),
    AlertKind.LOW: N_("Low pressure"),
    AlertKind.ATTENTION: N_("Unusable reading that sounds like a crisis"),
    AlertKind.SILENCE: N_("No reading any more"),
    AlertKind.FEED: N_("No reading of any patient any more"),
    AlertKind.SYSTEM: N_("Something is wrong with the system"),
}
STATE_NAMES: Final[Mapping[State, str]] = {
    State.RAISED: N_("not acknowledged"),
    State.ACKNOWLEDGED: N_("acknowledged"),
    State.REMINDED: N_("acknowledgement ran out"),
    State.LATCHED: N_("over, not acknowledged"),
    State.RESOLVED: N_("over"),
    State.EXPIRED: N_("over, never acknowledged"),
    State.WITHDRAWN: N_("withdrawn"),
}
EVENT_NAMES: Final[Mapping[Event, str]] = {  # of the journal
    Event.ACKNOWLEDGED: N_("acknowledged"),
    Event.SNOOZED: N_("suspended again"),
    Event.NOTED: N_("note"),
    Event.OWNED: N_("takes care of it"),
    Event.UNDONE: N_("taken back"),
    Event.FEEDBACK: N_("opinion"),
    Event.LIMITS: N_("limits set"),
    Event.SURVEILLANCE_ENDED: N_("surveillance ended"),
    Event.SURVEILLANCE_RESUMED: N_("surveillance resumed"),
    Event.RAISED: N_("raised"),
    Event.ESCALATED: N_("overdue"),
    Event.REMINDED: N_("acknowledgement ran out"),
    Event.LATCHED: N_("over, not acknowledged"),
    Event.RESOLVED: N_("over"),
    Event.EXPIRED: N_("over, never acknowledged"),
    Event.WITHDRAWN: N_("withdrawn"),
    Event.NOTIFIED: N_("message sent"),
}
LIMIT_NAMES: Final[Mapping[str, str]] = {
    "systolic_from": N_("systolic from"),
    "diastolic_from": N_("diastolic from"),
    "systolic_below": N_("systolic below"),
    "diastolic_below": N_("diastolic below"),
    "silence_minutes": N_("silence after"),
}
WITHDRAWAL_NAMES: Final[Mapping[Withdrawal, str]] = {
    Withdrawal.CHANGED: N_("its reading was retracted or corrected"),
    Withdrawal.JOINED: N_("it is part of an earlier alert"),
    Withdrawal.ENDED: N_("the surveillance of the patient was ended"),
}


UNUSABLE: Final = N_("cannot be taken")
REFUSAL_NAMES: Final[Mapping[Reason, str]] = {
    Reason.PAYLOAD_TOO_LARGE: N_("message too long"),
    **dict.fromkeys((Reason.NOT_AN_OBJECT, Reason.MALFORMED_JSON), N_("message unreadable")),
    Reason.UNSUPPORTED_RESOURCE_TYPE: N_("not a measurement"),
    **dict.fromkeys(
        (Reason.DELETED, Reason.STATUS_ENTERED_IN_ERROR, Reason.STATUS_CANCELLED), N_("taken back by the sender")
    ),
    **dict.fromkeys(
        (Reason.STATUS_MISSING, Reason.STATUS_NO_RESULT, Reason.STATUS_UNRECOGNISED), N_("not released by the sender")
    ),
    **dict.fromkeys((Reason.MODIFIER_EXTENSION, Reason.IMPLICIT_RULES), N_("holds only under unknown conditions")),
    Reason.CODING_MALFORMED: N_("kind of the measurement unreadable"),
    Reason.NOT_SYSTEMIC_PRESSURE: N_("pressure of another vessel"),
    Reason.NOT_A_SINGLE_READING: N_("a mean, not a single reading"),
    **dict.fromkeys((Reason.SUBJECT_MISSING, Reason.SUBJECT_UNRESOLVED), N_("patient not identified")),
    **dict.fromkeys((Reason.SUBJECT_NOT_A_PATIENT, Reason.FOCUS_NOT_THE_SUBJECT), N_("not of the patient")),
    **dict.fromkeys(
        (
            Reason.TIME_AMBIGUOUS,
            Reason.TIME_MISSING,
            Reason.TIME_TOO_COARSE,
            Reason.TIME_NO_ZONE,
            Reason.TIME_UNPARSEABLE,
            Reason.RECORD_TIME_OUT_OF_RANGE,
        ),
        N_("time of the measurement unclear"),
    ),
    Reason.TIME_IN_FUTURE: N_("the device's clock is ahead"),
    **dict.fromkeys((Reason.TIME_TOO_OLD, Reason.LATE), N_("too old")),
    Reason.COMPONENT_DUPLICATED: N_("several values that differ"),
    **dict.fromkeys(
        (Reason.UNIT_MISMATCH, Reason.UNIT_MISSING, Reason.UNIT_UNSUPPORTED, Reason.HEART_RATE_UNIT),
        N_("unit missing or wrong"),
    ),
    Reason.SYSTOLIC_MISSING: N_("systolic pressure missing"),
    Reason.DIASTOLIC_MISSING: N_("diastolic pressure missing"),
    Reason.COMPONENT_ABSENT: N_("one of the two pressures was not measured"),
    **dict.fromkeys((Reason.VALUE_NOT_A_QUANTITY, Reason.VALUE_NOT_NUMERIC), N_("value badly transmitted")),
    Reason.VALUE_HAS_COMPARATOR: N_("beyond the range of the cuff, no exact value"),
    **dict.fromkeys(
        (Reason.SYSTOLIC_OUT_OF_RANGE, Reason.DIASTOLIC_OUT_OF_RANGE, Reason.HEART_RATE_OUT_OF_RANGE),
        N_("outside the limits of what is possible"),
    ),
    Reason.SYSTOLIC_NOT_ABOVE_DIASTOLIC: N_("systolic pressure not above the diastolic"),
    Reason.PULSE_PRESSURE_OUT_OF_RANGE: N_("implausible distance of systolic and diastolic pressure"),
    Reason.DUPLICATE: N_("sent twice"),
    **dict.fromkeys((Reason.INDEX_NOT_WRITABLE, Reason.DOCUMENT_REFUSED), N_("not taken by the database")),
    Reason.INTERNAL_ERROR: N_("fault of the program"),
}
WORDS_OF_ATTENTION: Final[Mapping[str, str]] = {  # that `fhir.parse.attention` writes
    SYSTOLIC.field: N_("systolic"),
    DIASTOLIC.field: N_("diastolic"),
    "or": N_("or"),
    IN_DOUBT: N_("(unit in doubt)"),
}


WHOLE: Final = "0"
TENTHS: Final = "0.0"
PRESSURE: Final = "mmHg"  # whole, cut off: see `mmhg`

# text and kind of number of each code; `recent` is the number of hours before the newest reading that count as recent
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    ReasonCode.SYSTOLIC_NEWEST: (N_("systolic pressure of the newest reading (%(value)s mmHg)"), PRESSURE),
    ReasonCode.SYSTOLIC_RECENT: (
        N_("systolic pressure in the %(recent)s h before the newest reading (mean %(value)s mmHg)"),
        PRESSURE,
    ),
    ReasonCode.SYSTOLIC_EARLIER: (N_("systolic pressure earlier in the window (mean %(value)s mmHg)"), PRESSURE),
    ReasonCode.DIASTOLIC_NEWEST: (N_("diastolic pressure of the newest reading (%(value)s mmHg)"), PRESSURE),
    ReasonCode.DIASTOLIC_RECENT: (
        N_("diastolic pressure in the %(recent)s h before the newest reading (mean %(value)s mmHg)"),
        PRESSURE,
    ),
    ReasonCode.DIASTOLIC_EARLIER: (N_("diastolic pressure earlier in the window (mean %(value)s mmHg)"), PRESSURE),
    ReasonCode.HEART_RATE_NEWEST: (N_("heart rate of the newest reading (%(value)s/min)"), WHOLE),
    ReasonCode.HEART_RATE_RECENT: (
        N_("heart rate in the %(recent)s h before the newest reading (mean %(value)s/min)"),
        WHOLE,
    ),
    ReasonCode.HEART_RATE_EARLIER: (N_("heart rate earlier in the window (mean %(value)s/min)"), WHOLE),
    ReasonCode.READING_TIMES: (N_("times of the readings (window of %(value)s h)"), TENTHS),
    ReasonCode.READINGS_MISSING: (N_("window not full (%(value)s of %(window)s readings are lacking)"), WHOLE),
    ReasonCode.HEART_RATE_MISSING: (N_("readings without heart rate (%(value)s)"), WHOLE),
    ReasonCode.CRISIS_BEFORE: (N_("crisis in the window (%(value)s h before the newest reading)"), TENTHS),
    ReasonCode.TIME_OF_DAY: (N_("time of the day (hour %(value)s)"), TENTHS),
}
UNKNOWN_TEXT: Final = N_("%(code)s (%(value)s)")

# lower end in log odds (odds times 2.7 and times 1.5), and the word
STRENGTHS: Final = (
    (1.0, N_("weighs heavily")),
    (0.4, N_("weighs clearly")),
    (float("-inf"), N_("weighs a little")),
)
SUMMARY_TEXT: Final = N_("What raises the 6 h risk most: %(reason)s.")
RANGE_TEXTS: Final[Mapping[str, str]] = {
    RangeCode.FEW_READINGS: N_("too few readings"),
    RangeCode.INTERVAL_SHORT: N_("readings closer together"),
    RangeCode.INTERVAL_LONG: N_("readings further apart"),
    RangeCode.GAP_LONG: N_("a longer gap"),
    RangeCode.HEART_RATE_MISSING: N_("more readings without heart rate"),
}
OUT_OF_RANGE_TEXT: Final = N_("The model was not trained on such readings (%(reasons)s): the risk is a mere guess.")


@dataclass(frozen=True, slots=True)
class ReasonInWords:
    """A reason as people read it: the text, how much it weighs, and its share of the strongest one's weight (0..1)."""

    text: str
    strength: str
    share: float


def refusal_name(reason: str) -> str:
    """Return why a reading was refused, in English words; a reason without words of its own just cannot be taken."""
    return REFUSAL_NAMES.get(Reason(reason), UNUSABLE) if reason in list(Reason) else UNUSABLE


def attention_in_words(words: str, translate: Translate, language: str) -> str:
    """Return stored words such as ``systolic > 250 mmHg`` in a language, with its decimal sign."""
    for word, name in WORDS_OF_ATTENTION.items():
        words = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", translate(name), words)
    return re.sub(r"(?<=\d)\.(?=\d)", get_decimal_symbol(language), words)


def reasons_in_words(
    reasons: Iterable[Mapping[str, Any]] | None, translate: Translate, language: str
) -> list[ReasonInWords]:
    """Return the stored reasons of a prediction in words, strongest first; none if the prediction has none."""
    ordered = sorted(reasons or (), key=lambda reason: -reason["contribution"])
    return [
        ReasonInWords(
            text=reason_text(reason, translate, language),
            strength=translate(strength(reason["contribution"])),
            share=reason["contribution"] / ordered[0]["contribution"],
        )
        for reason in ordered
    ]


def reason_text(reason: Mapping[str, Any], translate: Translate, language: str) -> str:
    """Put one reason into words; a code that this version does not know is shown as it is."""
    text, number_format = TEXTS.get(reason["code"], (UNKNOWN_TEXT, TENTHS))
    is_pressure, value = number_format is PRESSURE, reason["value"]
    return translate(text) % {
        "code": reason["code"],
        "value": mmhg(value) if is_pressure else format_decimal(value, number_format, locale=language),
        "recent": format_decimal(RECENT_H, "0.#", locale=language),
        "window": WINDOW_LENGTH,
    }


def strength(contribution: float) -> str:
    """Return the word, in English, for a contribution in log odds."""
    return next(word for least, word in STRENGTHS if contribution >= least)


def range_in_words(codes: Sequence[str] | None, translate: Translate) -> str | None:
    """Return one sentence on why a prediction is out of its model's range; None for one that is in range."""
    if not codes:
        return None
    reasons = ", ".join(translate(RANGE_TEXTS[code]) if code in RANGE_TEXTS else code for code in codes)
    return translate(OUT_OF_RANGE_TEXT) % {"reasons": reasons}


def summary(reasons: Sequence[ReasonInWords], translate: Translate) -> str | None:
    """Return one sentence from the strongest reason; None without reasons."""
    return translate(SUMMARY_TEXT) % {"reason": reasons[0].text} if reasons else None
