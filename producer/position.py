"""Where the producer stands, and where it begins: a second start goes on without gap or repetition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from conf.files import write_whole
from conf.times import SECOND_US, from_us, iso

POSITION_FILE: Final = "producer.json"


class Identity(msgspec.Struct, frozen=True):
    """What makes two runs the same stream; any difference means other patients, other messages or another topic.

    `forms` and `faults` are shares by name.
    """

    seed: int
    patients: int
    interval_us: int
    episode_factor: float
    topic: str
    forms: dict[str, float] = {}
    faults: dict[str, float] = {}


class Position(msgspec.Struct, frozen=True):
    """Every reading of the stream before `sent_before_us` has been acknowledged by Kafka."""

    identity: Identity
    epoch_us: int
    sent_before_us: int


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins: the instant of tick 0, the first instant not yet sent, and the clock's first instant."""

    epoch_us: int
    sent_before_us: int
    clock_start_us: int


def load_position(local_dir: Path) -> Position | None:
    """Return the stored position, or None when there is none that can be read."""
    try:
        return msgspec.json.decode((local_dir / POSITION_FILE).read_bytes(), type=Position)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def store_position(local_dir: Path, position: Position) -> None:
    """Replace the stored position in one step."""
    write_whole(local_dir / POSITION_FILE, msgspec.json.encode(position))


def choose_start(
    identity: Identity, stored: Position | None, now_us: int, history_us: int, speed: float
) -> tuple[Start, str]:
    """Begin afresh or go on from the stored position; also say which, and why, for the log.

    At speed 1 the clock starts now; faster, it starts one history length ago. A further history lies before its start
    and is sent at once. What became due while the producer was away is sent too, but not beyond that reach.
    """
    clock_start_us = now_us - history_us if speed > 1 else now_us
    oldest_us = (clock_start_us - history_us) // SECOND_US * SECOND_US
    if stored is None or stored.identity != identity:
        reason = "no stored position" if stored is None else "the stored position belongs to other arguments"
        return Start(oldest_us, oldest_us, clock_start_us), f"Starting afresh at {to_second(oldest_us)}: {reason}."
    sent_before_us = max(stored.sent_before_us, oldest_us)
    clock_start_us = min(now_us, max(clock_start_us, sent_before_us))
    reason = ", where the last run ended"
    if sent_before_us > stored.sent_before_us:
        reason = f"; the time since {to_second(stored.sent_before_us)} exceeds --history"
    return Start(stored.epoch_us, sent_before_us, clock_start_us), f"Continuing at {to_second(sent_before_us)}{reason}."


def to_second(instant_us: int) -> str:
    """Write an instant in UTC to the second, for the log."""
    return iso(from_us(instant_us), "seconds")
