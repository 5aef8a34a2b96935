"""What the parser hands on: readings, retractions and rejects of one message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from fhir.reasons import Reason

CORRECTIONS: Final = frozenset({"amended", "corrected"})  # statuses that take the place of an earlier reading
PLAIN_STATUSES: Final = frozenset({"final"}) | CORRECTIONS  # used without a flag
RETRACTED_STATUS: Final = "entered-in-error"
HEART_RATE_ONLY: Final = "heart_rate_only"  # flags of a reading
CONFLICTING_VALUES: Final = "conflicting_values"
CLOCK_AHEAD: Final = "clock_ahead"  # it lay in the future when Kafka got it
TWO_SITES: Final = "two_sites"  # another reading of the instant, at another site of the body, was lower
WARD: Final = "wa"  # kinds of places, see HL7's location-physical-type
ROOM: Final = "ro"
BED: Final = "bd"
OTHER_PLACE: Final = "other"
FIRST_VERSION: Final = 2  # the greatest that an Observation's first version can have, where versions are counted
FIRST_DATED_VERSION: Final = 1 << 44  # versions below are counted, from here on dated: 1970-07-23 in microseconds


@dataclass(frozen=True)
class IntakeRules:
    """The settings of the intake; picklable.

    `max_age_days`: older readings, before the record time, are `TIME_TOO_OLD`; 0 sets no limit but
    the year 1971 (see `fhir.parse.effective_time`).
    `patient_key`: "id" drops the server part of a reference, "source" keeps it as ``base|id``.
    `takes_encounters`: Encounters and Locations say where patients lie; else they are none of our business.
    `pseudonym_key`: replaces every identifier by a pseudonym (see `fhir.pseudonyms`); None leaves them.
    """

    max_age_days: int = 400
    patient_key: Literal["id", "source"] = "id"
    hold_preliminary: bool = False
    refuse_unknown_status: bool = False
    pseudonym_key: bytes | None = field(default=None, repr=False)
    takes_encounters: bool = False


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What one message says of one patient at one instant.

    Pressures in mmHg, heart rate per minute, time in microseconds since the epoch (UTC). A heart rate that came alone
    has neither pressure and the flag ``heart_rate_only``. `entry` is the position in the message, 0 for the first.
    Where a reading was joined of two Observations, a systolic and a diastolic one, `partner_id` is the id of the other.
    `body_site` is the code of the place of measurement, as ``system|code``.
    `version` tells the versions of one Observation apart, 0 where there is nothing to compare by; a counted one and a
    dated one (see `FIRST_DATED_VERSION`) do not compare.
    """

    patient_id: str
    effective_us: int
    utc_offset_minutes: int
    systolic: float | None
    diastolic: float | None
    heart_rate: float | None
    status: str
    observation_id: str | None
    version_id: str | None
    device_id: str | None
    flags: tuple[str, ...]
    entry: int
    version: int = 0
    partner_id: str | None = None
    body_site: str | None = None


class Retraction(msgspec.Struct, frozen=True, gc=False):
    """What a message takes back: the Observation of an id, or what stands at a patient's instant.

    `for_good`: entered in error, so that nothing under the id stands again. Otherwise (cancelled, deleted, or corrected
    by something that was refused) only the content before it is taken back: a newer version may stand. The resource is
    also a `Reject`, or ignored. It has no time where its own is missing, unreadable or one that no stored reading can
    have, and names no patient where it is not about pressure or heart rate itself. Without an id it speaks of a heart
    rate alone if it `is_heart_rate`, else of pressures.
    """

    patient_id: str | None
    observation_id: str | None
    effective_us: int | None
    entry: int
    for_good: bool = True
    version: int = 0
    is_heart_rate: bool = False


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A refused resource; `entry` is its position, None if the message is a single resource or unreadable.

    Patient, device and time are told where they could be read. `attention` says in words what sounds like a crisis
    although it cannot be taken, None for all others.
    """

    reason: Reason
    detail: str
    entry: int | None
    patient_id: str | None = None
    device_id: str | None = None
    effective_us: int | None = None
    attention: str | None = None


class Place(msgspec.Struct, frozen=True, gc=False):
    """A place as an Encounter names it: what it calls it, to which Location it refers, and of what kind it says it is.

    A kind is `WARD`, `ROOM`, `BED`, `OTHER_PLACE`, or None where none is told.
    """

    name: str | None
    location_id: str | None
    kind: str | None


class Location(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What a place is, and of which other it is a part, as of then (microseconds since the epoch)."""

    location_id: str
    name: str
    kind: str | None
    part_of: str | None
    told_us: int


class Move(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Where an Encounter says that its patient lies since then (microseconds since the epoch); no places: it is over.

    Which of the places is the ward may be known by their Locations only.
    """

    patient_id: str
    encounter_id: str | None
    places: tuple[Place, ...]
    told_us: int


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """Everything one message gave; `ignored` counts resources that give no reading: also those of `moves`."""

    readings: list[Reading] = []
    retractions: list[Retraction] = []
    rejects: list[Reject] = []
    ignored: int = 0
    moves: list[Move | Location] = []
