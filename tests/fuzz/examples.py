"""Examples by number: feeds from a seed, the laws asked of each, and the smallest feed that still breaks one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from random import Random

from jobs.streaming.predictions import score
from ml.prediction import Predictor
from tests.fuzz.author import Author, Feed
from tests.fuzz.laws import LawBroken, obey, require
from tests.support.bundles import make_bundle
from tests.support.classes import cases, payloads
from tests.support.surveillance import INGESTED_AT, Surveillance
from tests.unit.fhir.parse.mutations import places_of

DATA = Path(__file__).parents[1] / "data"
SCORED_AT_ONCE = 64
MOST_TRIALS = 3_000  # while looking for a smaller example
Obey = Callable[[Feed], None]


def corpus() -> list[bytes]:
    """Return every example of a message under tests/data."""
    written = [path.read_bytes() for folder in ("accepted", "rejected") for path in sorted((DATA / folder).iterdir())]
    return [*written, *(payload for _, case in cases() for payload in payloads(case))]


def feed_of(number: int, known: Sequence[bytes]) -> Feed:
    """Return the example of a number, the same for ever."""
    return Author(Random(number)).feed(known)  # noqa: S311 - nothing secret, only repeatable


def law_broken_by(feed: Feed, ask: Obey) -> LawBroken | None:
    """Return the law that a feed breaks; whatever else is raised breaks the first."""
    try:
        ask(feed)
    except LawBroken as broken:
        return broken
    except Exception as error:
        return LawBroken("never raises", f"{type(error).__name__}: {error}")
    return None


def smallest(feed: Feed, ask: Obey) -> Feed:
    """Return the feed with everything left out that the broken law does not need."""
    broken = law_broken_by(feed, ask)
    trials = 0
    shrunk = True
    while shrunk and broken is not None:
        shrunk = False
        for smaller in _smaller(feed):
            trials += 1
            if trials > MOST_TRIALS:
                return feed
            found = law_broken_by(smaller, ask)
            if found is not None and found.law == broken.law:
                feed, shrunk = smaller, True
                break
    return feed


def _smaller(feed: Feed) -> Iterator[Feed]:
    """Yield feeds with one thing less: a record, a repetition, a part of a resource, some bytes."""
    records = feed.records
    for place in range(len(records)):
        fewer = records[:place] + records[place + 1 :]
        if fewer:
            yield feed._replace(records=fewer, cuts=_cut_at(feed.cuts, place))
    for place, (length, times) in enumerate(feed.cuts):
        if times > 1:
            yield feed._replace(cuts=(*feed.cuts[:place], (length, 1), *feed.cuts[place + 1 :]))
    for place, record in enumerate(records):
        for payload in _smaller_payloads(record.payload):
            yield feed._replace(records=(*records[:place], record._replace(payload=payload), *records[place + 1 :]))


def _cut_at(cuts: Sequence[tuple[int, int]], place: int) -> tuple[tuple[int, int], ...]:
    """Return the cuts once the record of a place has gone."""
    kept, start = [], 0
    for length, times in cuts:
        lacks = start <= place < start + length
        kept += [(length - lacks, times)] if length > lacks else []
        start += length
    return tuple(kept)


def _smaller_payloads(payload: bytes | None) -> Iterator[bytes]:
    try:
        tree = json.loads(payload or b"")
    except (ValueError, RecursionError):
        yield from _fewer_bytes(payload or b"")
        return
    for number, place in enumerate(places_of(tree)):
        if isinstance(place, dict) and place.get("resourceType") and number:
            yield json.dumps(place).encode()  # what is inside, alone
        for key in list(place) if isinstance(place, dict) else range(len(place)):
            copied = copy.deepcopy(tree)
            del places_of(copied)[number][key]
            yield json.dumps(copied).encode()


def _fewer_bytes(text: bytes) -> Iterator[bytes]:
    length = len(text) // 2
    while length:
        for start in range(0, len(text), length):
            yield text[:start] + text[start + length :]
        length //= 2


def told(feed: Feed) -> str:
    """Return a feed as one can read it, and put it into a test."""
    lines = [f"rules {feed.rules}", f"micro-batches (length, times) {list(feed.cuts)}"]
    lines += [f"record time {record.received_us} us: {record.payload!r}" for record in feed.records]
    return "\n".join(lines)


class Fuzz:
    """Asks all laws of one feed after another, in one world; predictions are asked of many feeds at once."""

    def __init__(self, data_dir: Path) -> None:
        self._world = Surveillance(data_dir)
        self._together = Surveillance(data_dir)
        self._predictor = Predictor(make_bundle())
        self.known = corpus()

    def ask(self, feed: Feed) -> None:
        """Ask all laws of one feed."""
        obey(feed, self._world)
        self._obey_in_scores(self._world)

    def run(self, numbers: Sequence[int]) -> None:
        """Ask the examples of these numbers; raise `LawBroken` with the smallest example of the first that breaks."""
        for start in range(0, len(numbers), SCORED_AT_ONCE):
            chunk = numbers[start : start + SCORED_AT_ONCE]
            self._together.forget()
            for number in chunk:
                feed = feed_of(number, self.known)
                if law_broken_by(feed, self.ask_without_scores) is not None:
                    self._tell(number)
                self._together.entries |= {f"{number}|{who}": told for who, told in self._world.entries.items()}
            if law_broken_by(feed, lambda _: self._obey_in_scores(self._together)) is not None:
                for number in chunk:
                    self._tell(number)

    def ask_without_scores(self, feed: Feed) -> None:
        """Ask all laws of one feed but that of predictions."""
        obey(feed, self._world)

    def _tell(self, number: int) -> None:
        """Raise what the example of a number breaks, if it breaks something."""
        least = smallest(feed_of(number, self.known), self.ask)
        broken = law_broken_by(least, self.ask)
        if broken is not None:
            law, *more = broken.args
            raise LawBroken(law, f"example {number}", *more, told(least))

    def _obey_in_scores(self, world: Surveillance) -> None:
        """Score the windows as a micro-batch of the score query does."""
        patient_ids, windows = world.windows()
        for scoring in score(windows, patient_ids, self._predictor, INGESTED_AT, UTC)[0]:
            made = scoring.prediction
            risks = [made.critical_risk_1h, made.critical_risk_6h, made.critical_risk_24h]
            coherent = all(0 <= risk <= 1 for risk in risks) and risks == sorted(risks)
            require("every window gives coherent risks", coherent, made)
