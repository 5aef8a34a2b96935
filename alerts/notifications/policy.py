"""The section `notifications` of the rules: who is told of which alerts, when, how often, and what messages may say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from alerts.channels.message import ChannelName, Disclosure, Language, Recipient
from alerts.model import AlertKind
from alerts.notifications.hours import ALL_DAY, DAY_MIN, DAYS, Hours, next_outside, next_within

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Level = Literal["MEDIUM", "HIGH", "CRITICAL", "STALE"]
Minutes = Annotated[float, Field(gt=0, le=10_080)]
Clock = Annotated[Hours, BeforeValidator(Hours.read)]
Place = tuple[int | str, ...]

CRITICAL: Final = "CRITICAL"
WEBHOOK: Final = r"^https?://\S+$"
CHANNELS: Final[tuple[ChannelName, ...]] = ("mail", "webhook", "kafka")
TURNS: Final = 16  # of duty and quiet hours, within which both let something pass, or never


class PolicyError(ValueError):
    """What is wrong with a section as a whole, each fault with its place in it."""

    def __init__(self, faults: list[tuple[Place, str]]) -> None:
        super().__init__("; ".join(text for _, text in faults))
        self.faults = faults


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecipientRule(_Part):
    """Somebody who is told, by one of the channels."""

    mail: str | None = Field(None, pattern=r"^[^@\s,<>]+@[^@\s,<>]+$")
    webhook: str | None = Field(None, pattern=WEBHOOK)
    kafka: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,249}$")
    language: Language = "fr"
    discloses: frozenset[Disclosure] = frozenset()
    form: Literal["json", "fhir"] = "json"
    canary: bool = False  # is told of the canary's alerts too

    @model_validator(mode="after")
    def _one_address(self) -> RecipientRule:
        if len([channel for channel in CHANNELS if getattr(self, channel)]) != 1:
            raise ValueError(f"a recipient has one address: {', '.join(CHANNELS)}")
        if self.form == "fhir" and not self.webhook:
            raise ValueError("form: fhir is for a webhook")
        return self

    def named(self, name: str) -> Recipient:
        """Return the recipient as channels know it."""
        channel = next(channel for channel in CHANNELS if getattr(self, channel))
        return Recipient(name, channel, getattr(self, channel), self.language, self.discloses, self.form)


class Step(_Part):
    """One step of an escalation: who is told so many minutes after the raise, and how often they are reminded."""

    after_minutes: float = Field(ge=0, le=10_080)
    tell: tuple[str, ...] = Field(min_length=1)
    remind_every_minutes: Minutes | None = None
    reminders: int = Field(0, ge=0, le=100)

    @property
    def after(self) -> timedelta:
        """Return how long after the raise it is due."""
        return timedelta(minutes=self.after_minutes)

    @property
    def remind_every(self) -> timedelta:
        """Return the time between two reminders."""
        return timedelta(minutes=self.remind_every_minutes or 0)

    @model_validator(mode="after")
    def _both_or_neither(self) -> Step:
        if bool(self.reminders) != (self.remind_every_minutes is not None):
            raise ValueError("reminders and remind_every_minutes go together")
        return self


class Route(_Part):
    """Which alerts go this way, in which hours, and whom they reach one after the other; what is left out is all."""

    kinds: frozenset[AlertKind] = Field(frozenset(AlertKind), min_length=1)
    levels: frozenset[Level] = Field(frozenset(("MEDIUM", "HIGH", "CRITICAL", "STALE")), min_length=1)
    wards: frozenset[str] = frozenset()
    days: frozenset[Day] = Field(frozenset(DAYS), min_length=1)
    hours: Clock = ALL_DAY
    chain: tuple[Step, ...] = Field(min_length=1)

    @field_validator("chain")
    @classmethod
    def _rising(cls, chain: tuple[Step, ...]) -> tuple[Step, ...]:
        times = [step.after_minutes for step in chain]
        if times != sorted(set(times)):
            raise ValueError("each step comes later than the one before it")
        return chain

    def takes(self, kind: str, level: str, ward: str | None) -> bool:
        """Tell whether alerts of a kind and level, about a patient of a ward, go this way."""
        return kind in self.kinds and level in self.levels and (not self.wards or ward in self.wards)


class HeartbeatRule(_Part):
    """Where the sign goes that all lives, and how often; its absence is what is told there."""

    webhook: str = Field(pattern=WEBHOOK)
    every_seconds: float = Field(60, ge=1, le=3_600)


class Policy(_Part):
    """The whole section; without recipients nobody is told of anything."""

    time_zone: str
    site_url: str | None = Field(None, pattern=r"^https?://[^\s]+$")
    deadline_minutes: Minutes = 60
    group_minutes: float = Field(2, ge=0, le=60)
    burst: int = Field(10, ge=1, le=1_000)
    recipients: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")], RecipientRule] = {}
    routes: tuple[Route, ...] = ()
    quiet_hours: Clock | None = None
    heartbeat: HeartbeatRule | None = None

    @field_validator("time_zone")
    @classmethod
    def _know_time_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, OSError, ValueError) as error:
            raise ValueError(f"{value!r} is not the name of a time zone, such as Europe/Paris") from error

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the time zone that hours and days are meant in."""
        return ZoneInfo(self.time_zone)

    @property
    def deadline(self) -> timedelta:
        """Return for how long a message is tried to be delivered."""
        return timedelta(minutes=self.deadline_minutes)

    @property
    def group(self) -> timedelta:
        """Return in which time somebody gets one message about a patient."""
        return timedelta(minutes=self.group_minutes)

    @cached_property
    def told_of_canary(self) -> tuple[str, ...]:
        """Return who is told of the canary's alerts, and so that messages arrive; nobody else is."""
        return tuple(name for name, rule in self.recipients.items() if rule.canary)

    @cached_property
    def named(self) -> dict[str, Recipient]:
        """Return the recipients by name."""
        return {name: rule.named(name) for name, rule in self.recipients.items()}

    def opens(self, route: Route, at: datetime, *, is_critical: bool) -> datetime | None:
        """Return when a route tells what is due at a moment: in its hours, and not in quiet ones unless it is critical.

        None: never, where its hours are all quiet.
        """
        for _ in range(TURNS):
            begin = next_within(at, route.hours, route.days, self.zone)
            at = begin if is_critical or self.quiet_hours is None else next_outside(begin, self.quiet_hours, self.zone)
            if at == begin:
                return at
        return None

    @model_validator(mode="after")
    def _whole(self) -> Policy:
        if faults := [*self._faults()]:
            raise PolicyError(faults)
        return self

    def _faults(self) -> Iterator[tuple[Place, str]]:
        """Yield what does not fit together."""
        if len(self.recipients) > len(self.told_of_canary) and not self.routes:
            yield (("recipients",), "nobody is told of anything: add routes, each with a chain")
        for at, route in enumerate(self.routes):
            for step_at, step in enumerate(route.chain):
                for name in sorted(set(step.tell) - set(self.recipients)):
                    known = ", ".join(self.recipients) or "there are none yet"
                    yield (("routes", at, "chain", step_at, "tell"), f"{name} is not among the recipients ({known})")
            if CRITICAL not in route.levels and self._is_never_open(route):
                yield (("routes", at, "hours"), "all of these hours are quiet_hours: nobody would ever be told")

    def _is_never_open(self, route: Route) -> bool:
        """Tell whether quiet hours cover those of a route, wherever the clocks are set forward or back."""
        quiet = self.quiet_hours
        return quiet is not None and (route.hours.start - quiet.start) % DAY_MIN + route.hours.length <= quiet.length
