"""What is needed to make a stored prediction once more: the prediction and its patient's readings, then and now.

A document of an observation keeps what its messages said and where each was in the topic, and a prediction tells which
message was the last that it knew. So what a reading said at that time is read from its document as it is today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from conf.times import to_us
from jobs.streaming.standing import Document, Shown, is_retraction, message_of, place_of, said_in, stands_among


class Values(NamedTuple):
    """A reading in mmHg and beats per minute; without pressures a heart rate of its own."""

    systolic: float | None
    diastolic: float | None
    heart_rate: float | None


class Told(msgspec.Struct, frozen=True):
    """What is stored of one instant (microseconds): what it said to the prediction, and what it says now.

    None where nothing had come yet, or nothing stands any more.
    """

    at_us: int
    then: Values | None
    now: Values | None


class Case(msgspec.Struct, frozen=True):
    """A prediction as it is stored, what is told of the instants up to its newest reading by time, and the zone."""

    prediction: dict[str, Any]
    told: tuple[Told, ...]
    time_zone: str

    @property
    def newest_us(self) -> int:
        """Return the time of the newest reading."""
        return instant_us(self.prediction["@timestamp"])

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone by whose clock the hour of the day is told."""
        return ZoneInfo(self.time_zone)


def make_case(prediction: Document, observations: Iterable[Document], time_zone: str) -> Case:
    """Put a prediction and the observations of its patient together."""
    told = (_told(document, prediction) for document in observations)
    return Case(prediction, tuple(sorted(told, key=lambda one: one.at_us)), time_zone)


def instant_us(text: str) -> int:
    """Return the microseconds of a time as documents tell it."""
    return to_us(datetime.fromisoformat(text))


def _told(document: Document, prediction: Document) -> Told:
    """Tell what a document says; what is taken back is no longer among what it keeps, but its values still stand."""
    at_us = instant_us(document["@timestamp"])
    if not is_retraction(document) and {"merged", "heart_rate_from"}.isdisjoint(document):  # one message, as nearly all
        return Told(at_us, _values(document) if _is_known(document, prediction) else None, _values(document))
    said = said_in(document)
    then = _shown(stands_among([message for message in said if _is_known(message, prediction)]))
    if not is_retraction(document):
        return Told(at_us, then, now=_values(document))
    own = message_of(document)
    if _is_known(own, prediction) and _was_taken_back_after(document, prediction):
        then = _values(own)
    return Told(at_us, then, now=_shown(stands_among(said)))


def _was_taken_back_after(document: Document, prediction: Document) -> bool:
    """Tell whether a document met something later that is not kept as a message: what took its reading back."""
    kept = {place_of(message) for message in (document, *document.get("merged", ()))}
    places = (tuple(map(int, place.split("-"))) for place in {*document.get("merged_from", ())} - kept)
    partition, offset = prediction["source_partition"], prediction["source_offset"]
    return any(at[0] == partition and at[1] > offset for at in places)


def _is_known(message: Mapping[str, Any], prediction: Mapping[str, Any]) -> bool:
    """Tell whether a message had come: in the partition of the last known one it stands no later than that.

    Between partitions only the times of writing compare.
    """
    if message["source_partition"] == prediction["source_partition"]:
        return bool(message["source_offset"] <= prediction["source_offset"])
    return "ingested_at" not in message or instant_us(message["ingested_at"]) <= instant_us(prediction["scored_at"])


def _shown(shown: Shown | None) -> Values | None:
    return None if shown is None else Values(*shown.values)


def _values(message: Mapping[str, Any]) -> Values | None:
    values = Values(*(message.get(name) for name in Values._fields))
    return values if any(value is not None for value in values) else None
