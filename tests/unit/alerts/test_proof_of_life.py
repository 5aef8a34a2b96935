"""Which copy of the alert service looks at the chain, what it goes on from, and what it says without the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts import chain_record, probes
from alerts.chain import Link, Part, dead
from alerts.probes import Signs
from alerts.proof_of_life import ProofOfLife
from alerts.rules import load_rules
from conf.settings import Settings
from elastic.client import SearchUnavailable
from elastic.names import ALERT_SERVICE
from tests.support.chain import chain_document
from tests.support.fake_search import FakeSearch

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL_SECONDS = 400
INTERVAL_S, GRACE_S = 60, 45


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


@dataclass
class World:
    """What the probes find: links that give no sign from some second on; whether the lease is held; the store."""

    silent_from: dict[Part, float] = field(default_factory=dict)
    is_held: bool = True
    round_trip_s: float | None = None
    search: FakeSearch = field(default_factory=FakeSearch)
    looked_from: list[datetime | None] = field(default_factory=list)

    def signs(self, parts: set[Part], now: datetime) -> Signs:
        return {part: min(now, at(self.silent_from.get(part, ALL_SECONDS))) for part in parts}

    def of_topic(self, _: probes.Topic, now: datetime, from_: datetime | None) -> Signs:
        self.looked_from.append(from_)
        return self.signs({Part.KAFKA, Part.PRODUCER} if from_ else {Part.KAFKA}, now)

    def stored(self, now: datetime) -> Signs:
        if self.search.fake.is_away:
            raise SearchUnavailable("The fake is away. Bring it back.")
        return self.signs(set(Part) - {Part.KAFKA, Part.SITE}, now)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(probes, "stored", lambda _, __, now: probes.Stored(made.stored(now), made.round_trip_s))
    monkeypatch.setattr(probes.Topic, "signs", lambda *about: made.of_topic(*about))
    monkeypatch.setattr(probes.Site, "signs", lambda _, now: made.signs({Part.SITE}, now))
    monkeypatch.setattr("alerts.canary.answer", lambda *_: [])
    return made


def proof(world: World, folder: Path) -> ProofOfLife:
    settings = Settings(local_dir=folder, elasticsearch_url="http://127.0.0.1:9", canary_seconds=INTERVAL_S)
    rules = load_rules()
    system = rules.system.model_copy(update={"link_seconds": GRACE_S})
    return ProofOfLife(world.search, rules.model_copy(update={"system": system}), settings, lambda: world.is_held)


def look(by: ProofOfLife, first: int, last: int) -> list[Part]:
    """Look every two seconds; return what is dead at the end."""
    for second in range(first, last + 1, 2):
        by.turn(at(second))
    return dead(by.links or ())


def kept(world: World) -> dict[str, str]:
    return {
        link["part"]: link["state"] for link in world.search.fake.created.get((ALERT_SERVICE, "chain"), {})["links"]
    }


def test_a_copy_that_waits_for_the_lease_looks_at_nothing(world: World, tmp_path: Path) -> None:
    world.is_held = False
    waiting = proof(world, tmp_path)
    look(waiting, 0, 20)
    assert waiting.links is None
    assert world.search.fake.created == {}


def test_the_copy_that_works_keeps_what_it_finds_for_the_site(world: World, tmp_path: Path) -> None:
    world.silent_from = {Part.SCORING: 50}
    assert look(proof(world, tmp_path), 0, 200) == [Part.SCORING]
    assert kept(world) == {part: "dead" if part is Part.SCORING else "alive" for part in Part}


def test_the_last_round_of_the_canary_is_kept_while_the_next_is_on_its_way(world: World, tmp_path: Path) -> None:
    working = proof(world, tmp_path)
    for round_trip_s, expected in ((None, None), (3.5, 3.5), (None, 3.5), (2.0, 2.0)):
        world.round_trip_s = round_trip_s
        working.turn(at(1))
        assert chain_record.looked_at(world.search, at(2)).round_trip_s == expected
    assert chain_record.looked_at(world.search, at(60)).round_trip_s is None


def test_while_the_store_is_away_the_copy_that_had_the_lease_goes_on_and_says_so(world: World, tmp_path: Path) -> None:
    working = proof(world, tmp_path)
    assert look(working, 0, 100) == []
    world.search.fake.is_away, world.is_held = True, False
    assert look(working, 102, 144) == []
    assert look(working, 146, 150) == [Part.ELASTICSEARCH]
    world.search.fake.is_away = False  # another copy may have the lease by now
    before = working.links
    look(working, 152, 160)
    assert working.links is before


def test_what_was_dead_stays_so_for_the_next_copy_and_the_others_have_time_for_a_sign(
    world: World, tmp_path: Path
) -> None:
    document = chain_document(at(0), {Part.SITE: 300}, looked_s=20)
    world.search.fake.index(index=ALERT_SERVICE, id="chain", document=document)
    world.silent_from = {Part.SITE: -1000, Part.SCORING: -1000}
    next_copy = proof(world, tmp_path)
    assert look(next_copy, 0, 0) == [Part.SITE]
    (site,) = (link for link in next_copy.links or () if link.part is Part.SITE)
    assert site.since == at(-320)
    assert look(next_copy, 2, 104) == [Part.SITE]
    assert look(next_copy, 106, 106) == [Part.SCORING, Part.SITE]


def test_a_link_that_is_told_as_dead_keeps_the_moment_since_which_it_is_missed(world: World, tmp_path: Path) -> None:
    world.silent_from = {Part.STREAM: 10}
    working = proof(world, tmp_path)
    look(working, 0, 120)

    def stream() -> Link:
        return next(link for link in working.links or () if link.part is Part.STREAM)

    since = stream().since
    look(working, 122, 200)
    assert stream().since == since == at(10)


def test_records_of_the_topic_are_read_only_while_what_is_stored_of_the_canary_is_overdue(
    world: World, tmp_path: Path
) -> None:
    working = proof(world, tmp_path)
    look(working, 0, 20)
    assert set(world.looked_from) == {None}

    world.silent_from = dict.fromkeys((Part.STREAM, Part.SCORING, Part.ALERTS), 20)
    world.search.fake.is_away = True
    look(working, 22, 20 + 60 + 4)
    assert set(world.looked_from) == {None}
    look(working, 20 + 60 + 6, 20 + 60 + 6)
    assert world.looked_from[-1] == at(20)  # the newest that is known of the canary
