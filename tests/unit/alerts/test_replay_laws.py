"""Alerts kept up change by change equal those of one replay over what stands, whatever happens in whatever order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.events import answers
from alerts.findings import FOLDED, find
from alerts.lifecycle import fold, settle
from alerts.model import AlertKind, Episode, State, Withdrawal, alert_id
from alerts.replay import Change, Stored, replay, start_of
from alerts.rules import RULES_FILE, Rules, load_rules

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENT = "P-1"
RULES = load_rules()
CONFIRMED = RULES.model_copy(update={"measured": RULES.measured.model_copy(update={"confirm_within_minutes": 30.0})})
SEQUENCES = 10_000
BLOCKS = 10


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


@dataclass
class Ward:
    """One patient's facts, and the alerts that were kept up with them."""

    rules: Rules
    chance: random.Random
    now: float = 0.0
    readings: dict[datetime, dict[str, Any]] = field(default_factory=dict)
    predictions: dict[datetime, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    stored: dict[tuple[AlertKind, datetime], Stored] = field(default_factory=dict)
    touched: list[datetime] = field(default_factory=list)

    def measure(self) -> None:
        """Store a reading: of now, late, or with another value for an instant that is known."""
        known = sorted(self.readings)
        if known and self.chance.random() < 0.2:
            instant = self.chance.choice(known)
        else:
            late = self.chance.choice([0, 0, 0, 0, 7, 31, 97, 400])
            instant = at(max(0.0, self.now - late + self.chance.choice([0, 0, 1])))
        systolic = self.chance.choice([120, 125, 178, 185, 210, 132])
        self.readings[instant] = self._document(instant) | {"systolic": systolic, "ingested_at": self._now()}
        self.touched.append(instant)

    def score(self) -> None:
        """Store a prediction, of the newest reading or of an earlier one, made anew or not; or of one not seen yet."""
        known = sorted(self.readings) or [at(self.now)]
        instant = known[-1] if self.chance.random() < 0.7 else self.chance.choice(known)
        risk = self.chance.choice([0.05, 0.17, 0.22, 0.36, 0.45, 0.58, 0.7])
        self.predictions[instant] = self._document(instant) | {"critical_risk_6h": risk, "scored_at": self._now()}
        self.touched.append(instant)

    def retract(self) -> None:
        """Take a reading back; its prediction stays in the index."""
        if self.readings:
            instant = self.chance.choice(sorted(self.readings))
            del self.readings[instant]
            self.touched.append(instant)

    def answer(self) -> None:
        """Acknowledge an open alert, or take such an answer back."""
        open_alerts = [alert.episode for alert in self.stored.values() if alert.episode.is_open]
        if not open_alerts:
            return
        episode = self.chance.choice(open_alerts)
        number = len(self.events) + 1
        event: dict[str, Any] = {
            "@timestamp": self._now(),
            "alert_id": alert_id(PATIENT, episode.kind, episode.started_at),
            "patient_id": PATIENT,
            "kind": episode.kind,
            "started_at": episode.started_at.isoformat(),
            "number": number,
            "by": "anne",
        }
        last = self.events[-1] if self.events else None
        if last and last["event"] == "acknowledged" and self.chance.random() < 0.3:
            event |= {name: last[name] for name in ("alert_id", "kind", "started_at")}
            self.events.append(event | {"event": "undone", "undone": last["number"]})
        else:
            until = at(self.now + self.chance.choice([15, 30, 60])).isoformat()
            self.events.append(event | {"event": "acknowledged", "reason": "seen", "until": until})
        self.touched.append(datetime.fromisoformat(self.events[-1]["started_at"]))

    def keep_up(self) -> None:
        """Do what the service does in a turn with what was touched since the last one."""
        if self.touched:
            earliest = min(self.touched)
            self.touched = []
            near = [it for it in self.stored.values() if it.episode.is_open or it.episode.changed_at >= earliest]
            for kind in FOLDED:
                start = start_of(kind, near, earliest)
                since = start.since - timedelta(minutes=self.rules.measured.confirm_within_minutes)
                for change in replay(
                    kind, start, self._findings(since)[kind], self._answers(kind), self.rules, at(self.now)
                ):
                    self._write(change)
        for alert in list(self.stored.values()):
            (after,) = settle([alert.episode], at(self.now), self.rules.terms(alert.episode.kind))
            if after != alert.episode and alert.episode.is_open:
                self._write(Change(alert, after))

    def replayed(self) -> list[Episode]:
        """Return what one fold over everything says."""
        findings = self._findings(START - timedelta(days=9))
        return [
            episode
            for kind in FOLDED
            for episode in settle(
                fold(kind, findings[kind], self._answers(kind), self.rules.terms(kind)),
                at(self.now),
                self.rules.terms(kind),
            )
        ]

    def _findings(self, since: datetime) -> dict[AlertKind, Any]:
        readings = [reading for instant, reading in self.readings.items() if instant >= since]
        standing = [
            prediction
            for instant, prediction in self.predictions.items()
            if instant >= since and instant in self.readings
        ]
        return find(readings, standing, self.rules, None)

    def _answers(self, kind: AlertKind) -> Any:
        return answers(self.events, kind)

    def _write(self, change: Change) -> None:
        key = change.after.kind, change.after.started_at
        assert self.stored.get(key) == change.before, "written over another version, or created twice"
        self.stored[key] = Stored(change.after, (len(self.stored), 1))

    def _document(self, instant: datetime) -> dict[str, Any]:
        return {"@timestamp": instant.isoformat(), "patient_id": PATIENT, "systolic": 130, "diastolic": 80}

    def _now(self) -> str:
        return at(self.now).isoformat()


def run(seed: int, rules: Rules) -> Ward:
    """Let anything happen in any order, the service looking now and then."""
    chance = random.Random(seed)  # noqa: S311 - a sequence that is the same each time
    ward = Ward(rules, chance)
    steps = [ward.measure, ward.measure, ward.measure, ward.score, ward.score, ward.retract, ward.answer, ward.answer]
    for _ in range(chance.randrange(4, 24)):
        ward.now += chance.choice([0, 0.5, 2, 5, 15, 15, 30, 300])
        chance.choice(steps)()
        if chance.random() < 0.6:
            ward.keep_up()
    ward.keep_up()
    return ward


@pytest.mark.parametrize("rules", [RULES, CONFIRMED], ids=["first reading raises", "confirmed by a second"])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_alerts_kept_up_change_by_change_are_those_of_one_replay(block: int, rules: Rules) -> None:
    each = SEQUENCES // BLOCKS // 2
    for seed in range(block * each, (block + 1) * each):
        ward = run(seed, rules)
        kept = [alert.episode for alert in ward.stored.values() if alert.episode.state is not State.WITHDRAWN]
        expected = ward.replayed()
        assert sorted(kept, key=_key) == sorted(expected, key=_key), f"seed {seed}"
        open_kinds = [episode.kind for episode in kept if episode.is_open]
        assert len(open_kinds) == len(set(open_kinds)), f"seed {seed}"


@pytest.mark.parametrize("block", range(2))
def test_no_answered_alert_is_ever_lost(block: int) -> None:
    """Whatever is answered stays: as it was, or withdrawn with the reason and who answered."""
    for seed in range(block * 1000, (block + 1) * 1000):
        ward = run(seed, RULES)
        ids = {alert_id(PATIENT, *key) for key in ward.stored}
        assert {event["alert_id"] for event in ward.events} <= ids
        for alert in ward.stored.values():
            assert (alert.episode.state is State.WITHDRAWN) == (alert.episode.why in list(Withdrawal))


def _key(episode: Episode) -> tuple[str, datetime]:
    return episode.kind, episode.started_at


def test_the_rules_of_these_laws_are_those_that_come_along() -> None:
    assert load_rules(RULES_FILE) == RULES
