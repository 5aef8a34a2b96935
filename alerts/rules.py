"""The rules of alerts: ``conf/alerts.yaml``, read whole and refused with file, line and remedy where it is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from alerts.lifecycle import Terms
from alerts.model import CRITICAL_RANK, AlertKind
from alerts.notifications.policy import Policy, PolicyError
from assessment.urgency import level_rank
from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from conf.errors import UserError

RULES_FILE: Final = Path(__file__).resolve().parents[1] / "conf" / "alerts.yaml"

RISK_DECIMALS: Final = 6  # of stored risks: 0.40 - 0.05 is 0.35 and nothing above

Level = Literal["MEDIUM", "HIGH", "CRITICAL"]
Minutes = Annotated[float, Field(gt=0, le=1440)]
Pressure = Annotated[float, Field(gt=0, lt=400)]
Share = Annotated[float, Field(gt=0, lt=1)]


class RulesError(UserError):
    """The file of the rules cannot be used."""


class KindRule(BaseModel):
    """What all kinds have: how many quiet findings end an alert, and how soon somebody is to answer, by level."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet: int = Field(2, ge=1, le=10)
    answer_within_minutes: dict[Level, Minutes]

    @property
    def answer_within(self) -> dict[int, timedelta]:
        """Return how long an alert may wait for an answer, by rank; a rank that is missing: for the next round."""
        return {level_rank(level): timedelta(minutes=minutes) for level, minutes in self.answer_within_minutes.items()}


class MeasuredRule(KindRule):
    """A reading in crisis, confirmed by a second one within some minutes unless that is 0."""

    systolic: Pressure
    diastolic: Pressure
    confirm_within_minutes: float = Field(ge=0, le=120)


class LimitRule(KindRule):
    """A reading beyond the limits of one patient."""

    level: Level


class LowRule(LimitRule):
    """A reading below a pressure; None: not asked for."""

    systolic: Pressure | None
    diastolic: Pressure | None


class PredictedRule(KindRule):
    """The 6 h risk from which on a level is reached, and how far below it must fall to leave it."""

    levels: dict[Level, Share]
    hysteresis: float = Field(ge=0, lt=0.5)

    @model_validator(mode="after")
    def _rise(self) -> PredictedRule:
        risks = sorted((level_rank(level), risk) for level, risk in self.levels.items())
        if len(risks) != CRITICAL_RANK or any(lower[1] >= upper[1] for lower, upper in pairwise(risks)):
            raise ValueError(
                "levels must name MEDIUM, HIGH and CRITICAL, each from a higher risk on than the one before"
            )
        return self

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """Return the lower ends of MEDIUM, HIGH and CRITICAL."""
        return tuple(sorted(self.levels.values()))

    @cached_property
    def held_down_to(self) -> tuple[float, ...]:
        """Return down to which risks these levels are kept once they are reached."""
        return tuple(round(threshold - self.hysteresis, RISK_DECIMALS) for threshold in self.thresholds)


class SilenceRule(KindRule):
    """For how many expected intervals nobody has heard of a patient, and to what a clinician may lengthen that."""

    intervals: float = Field(ge=1.5, le=100)
    longest_hours: float = Field(ge=1, le=168)


class FeedRule(KindRule):
    """For how many usual pauses of the ward, at least so many seconds, nothing has come of anybody."""

    pauses: float = Field(ge=3, le=1000)
    least_seconds: float = Field(ge=5, le=3600)


class SystemRule(KindRule):
    """For how many seconds a part of the system has given no sign of life; a link of the chain, beyond its interval."""

    silent_seconds: float = Field(ge=10, le=86400)
    link_seconds: float = Field(30, ge=5, le=3600)


class Rules(BaseModel):
    """All rules; see the comments in ``conf/alerts.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measured: MeasuredRule
    limit: LimitRule
    low: LowRule
    predicted: PredictedRule
    attention: KindRule
    silence: SilenceRule
    feed: FeedRule
    system: SystemRule
    kept_hours: float = Field(ge=1, le=720)
    notifications: Policy | None = None

    def terms(self, kind: AlertKind) -> Terms:
        """Return what the life cycle of a kind goes by."""
        rule: KindRule = getattr(self, kind.value)
        return Terms(rule.quiet, rule.answer_within, timedelta(hours=self.kept_hours))

    @model_validator(mode="after")
    def _crises_alert(self) -> Rules:
        """Refuse rules that would let a crisis pass: a ward may be alerted earlier than at a crisis, not later."""
        if self.measured.systolic > CRISIS_SYSTOLIC or self.measured.diastolic > CRISIS_DIASTOLIC:
            raise ValueError(f"measured must begin at {CRISIS_SYSTOLIC}/{CRISIS_DIASTOLIC} mmHg or below")
        return self


def load_rules(path: Path = RULES_FILE) -> Rules:
    """Read the rules; raise `RulesError` with every fault, each with its line."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except OSError as error:
        raise RulesError(
            f"The rules of alerts {path} cannot be read ({error.strerror}). Check BP_ALERT_RULES."
        ) from error
    except yaml.YAMLError as error:
        raise RulesError(f"{path} is not YAML: {' '.join(str(error).split())}. Mend that place.") from error
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"line {_line(node, place)}: {'.'.join(map(str, place)) or 'the file'}: {text}"
            for place, text in _faults(error)
        )
        raise RulesError(
            f"{path} cannot be used. {faults}. Mend these lines; conf/alerts.yaml is an example."
        ) from error


def _faults(error: ValidationError) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Yield place and text of each fault; a section as a whole may tell several at once."""
    for fault in error.errors():
        cause = fault.get("ctx", {}).get("error")
        for place, text in cause.faults if isinstance(cause, PolicyError) else [((), fault["msg"])]:
            yield (*fault["loc"], *place), text


def _line(node: Any, place: Iterable[int | str]) -> int:
    """Return the line of a place in the file, or of the nearest part around it that is there."""
    line = 0
    for name in place:
        if isinstance(node, yaml.SequenceNode):
            inner = dict(enumerate((item, item) for item in node.value))
        else:
            pairs = node.value if isinstance(node, yaml.MappingNode) else ()
            inner = {key.value: (key, value) for key, value in pairs}
        if name not in inner:
            break
        key, node = inner[name]
        line = key.start_mark.line
    return int(line) + 1
