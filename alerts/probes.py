"""How the links of the chain are asked for their signs: the topic, what is stored of the canary, the site.

Each probe is bounded in time, and says nothing where it gets no answer. Belongs to one thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import urllib3
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from urllib3.exceptions import HTTPError

from alerts.chain import Part
from alerts.notifications.policy import Policy
from conf.canary import CANARY_PREFIX
from conf.settings import Settings
from elastic.client import Search
from elastic.search import canary
from producer.sender import client_security

ANSWER_MS: Final = 3_000
READ_MS: Final = 200
MOST_RECORDS: Final = 50_000  # of a partition are read in one go; older ones are passed over
FETCH_BYTES: Final = 4 * 1024**2
SITE_TIMEOUT: Final = urllib3.Timeout(connect=2.0, read=3.0)
SERVER_ERROR: Final = 500
EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - where a site listens that is asked on this machine
KEY: Final = CANARY_PREFIX.encode()
FACTS_FOR: Final = timedelta(hours=1)  # back, that stored facts are looked for; older signs are known

Signs = dict[Part, datetime]


class Stored(NamedTuple):
    """What is stored of the canary: signs, and how long its newest crisis took to be told, None while that is open."""

    signs: Signs
    round_trip_s: float | None


class Topic:
    """The topic, of which only the canary's records count, and only while they are looked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Any = None
        self._is_reading = False

    def signs(self, now: datetime, from_: datetime | None) -> Signs:
        """Return when Kafka answered, and when the newest record of the canary was sent that is new here.

        Records are read `from_` that time on, and from call to call, until it is None.
        """
        try:
            ends = self._ends()
            sent = self._read(ends, from_) if from_ else None
        except (KafkaError, OSError, ValueError):
            self.close()
            return {}
        self._is_reading = from_ is not None
        if not ends:  # there is no such topic yet
            self.close()
        return {Part.KAFKA: now} | ({Part.PRODUCER: sent} if sent else {})

    def close(self) -> None:
        """End the connection; the next look begins another one."""
        self._is_reading = False
        if self._consumer is not None:
            with contextlib.suppress(KafkaError, OSError):
                self._consumer.close(timeout_ms=READ_MS)
            self._consumer = None

    def _ends(self) -> dict[TopicPartition, int]:
        """Return how far each partition reaches, as its broker says at this moment."""
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._settings.kafka_bootstrap_servers.split(","),
                bootstrap_timeout_ms=ANSWER_MS,
                request_timeout_ms=ANSWER_MS,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_bytes=FETCH_BYTES,
                check_crcs=False,  # summed in Python, they took three quarters of the service; TCP checks them, too
                **client_security(self._settings),
            )
            partitions = self._consumer.partitions_for_topic(self._settings.kafka_topic) or ()
            self._consumer.assign([TopicPartition(self._settings.kafka_topic, number) for number in partitions])
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(
            list(self._consumer.assignment()), timeout_ms=ANSWER_MS
        )
        return ends

    def _read(self, ends: Mapping[TopicPartition, int], from_: datetime) -> datetime | None:
        """Read up to the ends; return when the newest record of the canary was sent, None where there is none."""
        if not self._is_reading:
            from_ms = int(from_.timestamp() * 1000)
            begins = self._consumer.offsets_for_times(dict.fromkeys(ends, from_ms), timeout_ms=ANSWER_MS)
            for partition, end in ends.items():
                begin = begins.get(partition)
                self._consumer.seek(partition, max(begin.offset if begin else end, end - MOST_RECORDS))
        newest: datetime | None = None
        while any(self._consumer.position(at, timeout_ms=ANSWER_MS) < end for at, end in ends.items()):
            found = self._consumer.poll(timeout_ms=READ_MS, max_records=MOST_RECORDS)
            if not found:
                break
            times = [it.timestamp for records in found.values() for it in records if (it.key or b"").startswith(KEY)]
            if times:
                sent = datetime.fromtimestamp(max(times) / 1000, UTC)
                newest = max(sent, newest or sent)
        return newest


class Site:
    """The site, asked whether it lives."""

    def __init__(self, settings: Settings, policy: Policy | None) -> None:
        host = "127.0.0.1" if settings.web_host in EVERYWHERE else settings.web_host
        scheme = "https" if settings.web_certificate else "http"
        base = policy.site_url if policy and policy.site_url else f"{scheme}://{host}:{settings.web_port}"
        self.address = f"{base.rstrip('/')}/healthz"
        own: dict[str, Any] = {}
        if settings.web_certificate:  # its own, or that of the authority, whatever names are in it
            own = {"ca_certs": str(settings.web_certificate), "assert_hostname": False}
        self._pool = urllib3.PoolManager(timeout=SITE_TIMEOUT, retries=False, **own)

    def signs(self, now: datetime) -> Signs:
        """Return when it answered, over a connection of its own; a refusal is an answer too."""
        try:
            status = self._pool.request("GET", self.address, headers={"Connection": "close"}, redirect=False).status
        except HTTPError:
            return {}
        return {Part.SITE: now} if status < SERVER_ERROR else {}


def stored(search: Search, told: Collection[str], now: datetime) -> Stored:
    """Return when Elasticsearch answered, and what the canary's newest facts say of the links they have passed.

    Where somebody is to be told of the canary, the alert service is as old as the last message to the one who has
    waited longest. Raises `SearchUnavailable`.
    """
    facts = canary.facts(search, now - FACTS_FOR)
    told_at = [facts.notified.get(name) for name in told] or [facts.raised_at]
    signs = {
        Part.ELASTICSEARCH: now,
        Part.PRODUCER: facts.sent_at,
        Part.STREAM: facts.stored_at,
        Part.SCORING: facts.scored_at,
        Part.ALERTS: None if None in told_at else min(filter(None, told_at)),
    }
    arrived_at, crisis_at = signs[Part.ALERTS], facts.crisis_at
    took_s = (arrived_at - crisis_at).total_seconds() if arrived_at and crisis_at else -1
    return Stored({part: at for part, at in signs.items() if at}, took_s if took_s >= 0 else None)


def merged(known: Mapping[Part, datetime], *seen: Mapping[Part, datetime]) -> Signs:
    """Return the newest sign of each link."""
    found = dict(known)
    for signs in seen:
        for part, at in signs.items():
            found[part] = max(at, found.get(part, at))
    return found
