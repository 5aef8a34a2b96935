"""The system: parts that give no sign of life, and predictions that stay behind readings.

The stream tells of itself in its metrics file where it runs on this machine; what it stores is a sign wherever it runs.
That nothing is stored is no fault of the stream: nothing may have been sent, which `alerts.feed` tells. A way to people
gives a sign with each message that arrives. Of the chain from sender to site the first dead link is told
(`alerts.proof_of_life`). A model whose risks do not fit any more what happens, or whose patients are others than those
that it was trained on, is told as a part that fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from alerts.chain import Link, LinkState
from alerts.channels.message import Recipient
from alerts.model import CRITICAL_RANK, AlertKind, Episode
from alerts.notifications.outbox import failures
from alerts.rules import SystemRule
from alerts.signs import lost
from elastic.client import Search
from elastic.search import latest, monitoring, observations

INGEST, SCORE, MONITOR = "stream-ingest", "stream-score", "monitor"
RISKS: Final = "model-risks"  # that of the model in service, of which the monitor says that they fit no more
PATIENTS: Final = "model-patients"  # those of the model in service, of whom the monitor says that it does not know them
WAY: Final = "channel-"  # and its name and recipient: a way to people
MONITOR_WITHIN: Final = timedelta(days=2)  # it judges once a day
MESSAGES_WITHIN: Final = timedelta(minutes=1)  # for so long a message may fail before that is told
FIRST_LOOK: Final = timedelta(days=1)  # how far back readings that wait for a prediction are looked for


class Sign(NamedTuple):
    """The last sign of life of a part, after how long without another one it is missed, and at which rank."""

    part: str
    at: datetime
    missed_after: timedelta
    rank: int = CRITICAL_RANK


def check(signs: Iterable[Sign], now: datetime) -> dict[str, Episode]:
    """Return the alerts of the parts whose next sign is missed, by part; what is not among them has ended."""
    return {
        sign.part: lost(AlertKind.SYSTEM, sign.rank, sign.at, sign.at + sign.missed_after)
        for sign in signs
        if now - sign.at >= sign.missed_after
    }


def read(search: Search, metrics_file: Path, least_readings: int, rule: SystemRule, now: datetime) -> list[Sign]:
    """Return the signs of all parts that ever gave one; `least_readings` is how many a prediction needs."""
    missed_after = timedelta(seconds=rule.silent_seconds)
    seen = _seen(metrics_file)
    newest = (observations.newest_time(search), latest.newest_time(search), monitoring.newest_time(search))
    stored, scored, judged = (datetime.fromisoformat(at) if at else None for at in newest)
    until, since = now - missed_after, now - FIRST_LOOK
    waiting = None
    if stored and (scored is None or scored < min(stored, until)):
        waiting = latest.unscored_since(search, max(scored or since, since), until, least_readings)
    signs = [
        Sign(part, max(seen[query], at or seen[query]), missed_after)
        for part, query, at in ((INGEST, "ingest", stored), (SCORE, "score", scored))
        if query in seen and not (part == SCORE and waiting)
    ]
    if waiting:
        signs.append(Sign(SCORE, waiting, missed_after))
    if judged:
        signs.append(Sign(MONITOR, judged, MONITOR_WITHIN, CRITICAL_RANK - 1))
    versions = latest.model_versions(search)
    return [*signs, *(_of_model(search, versions[0]) if versions else ())]


def _of_model(search: Search, version: str) -> Iterator[Sign]:
    """Yield a sign, missed at once, for each thing that the monitor finds wrong with a version."""
    for part, found, rank in (
        (RISKS, monitoring.misfits(search, version), CRITICAL_RANK - 1),
        (PATIENTS, monitoring.strangers(search, version), CRITICAL_RANK - 2),
    ):
        if found:
            yield Sign(part, datetime.fromisoformat(found[0]["judged_at"]), timedelta(0), rank)


def of_chain(links: Iterable[Link]) -> list[Sign]:
    """Return the signs of the dead links of the chain, as they are missed."""
    return [Sign(f"link-{it.part}", it.since, it.limit) for it in links if it.state is LinkState.DEAD]


def undelivered(search: Search, recipients: Iterable[Recipient], now: datetime) -> list[Sign]:
    """Return the signs of the ways to people by which nothing arrives; one that was given up is missed at once."""
    return [
        Sign(
            f"{WAY}{failure.channel}-{failure.recipient}",
            failure.given_up_at or failure.failing_since or now,
            timedelta(0) if failure.given_up_at else MESSAGES_WITHIN,
        )
        for failure in failures(search, recipients, now)
    ]


def _seen(metrics_file: Path) -> dict[str, datetime]:
    """Return when each query of the stream was seen last, {} where it does not run on this machine."""
    try:
        content: dict[str, Any] = json.loads(metrics_file.read_text(encoding="utf-8"))
        return {query: datetime.fromisoformat(told["seen_at"]) for query, told in content["queries"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
