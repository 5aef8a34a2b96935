"""What holds of the document of an instant, whatever messages meet in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conf.times import HOUR_US
from fhir.readings import FIRST_DATED_VERSION, Parsed, Reading, Retraction
from jobs.streaming.observations import (
    Verdict,
    observation_document,
    resolve,
    retraction_document,
    revise,
)
from jobs.streaming.revisions import revisions_of
from jobs.streaming.source import Message, TopicPlace
from jobs.streaming.standing import Document, is_retraction
from jobs.streaming.window_state import pack_messages, unpack_state
from jobs.streaming.windows import fold
from tests.unit.jobs.streaming.test_observations import EFFECTIVE_US, document, heart_rate, retraction


class Drawn(NamedTuple):
    """What hypothesis varies of a message; its offset is its place in the sequence."""

    kind: str
    name: str | None
    systolic: float
    rate: float | None

    def arrive(self, offset: int) -> Document:
        """Return the message's document."""
        if self.kind == "retraction":
            return retraction(offset, self.name, is_heart_rate=self.name is None and self.rate is not None)
        if self.kind == "heart rate":
            return heart_rate(self.rate or 60.0, offset, observation_id=self.name)
        status = "amended" if self.kind == "correction" else "final"
        return document(offset, observation_id=self.name, systolic=self.systolic, heart_rate=self.rate, status=status)


kinds = st.sampled_from(["reading", "reading", "heart rate", "correction", "retraction"])
drawn = st.builds(
    Drawn, kinds, st.sampled_from([None, "a", "b", "c"]), st.sampled_from([120.0, 150.0]), st.sampled_from([None, 70.0])
)
sequences = st.lists(drawn, min_size=1, max_size=8)


def arrivals(sequence: Sequence[Drawn]) -> list[Document]:
    return [drawn_message.arrive(10 + number) for number, drawn_message in enumerate(sequence)]


def micro_batch(stored: Document | None, batch: Sequence[Document]) -> tuple[Document | None, list[Verdict]]:
    """Run one micro-batch; what it leaves is read again from Elasticsearch, as JSON."""
    standing, verdicts = stored, []
    for incoming in batch:
        standing, verdict = resolve(standing, incoming)
        verdicts.append(verdict)
    return json.loads(json.dumps(standing)), verdicts


def refused(batch: Sequence[Document], verdicts: Sequence[Verdict]) -> set[int]:
    """Return the offsets of the duplicates."""
    pairs = zip(batch, verdicts, strict=True)
    return {incoming["source_offset"] for incoming, verdict in pairs if verdict is Verdict.DUPLICATE}


@settings(max_examples=200, deadline=None)
@given(sequences)
def test_replaying_everything_changes_nothing_and_refuses_the_same(sequence: list[Drawn]) -> None:
    batch = arrivals(sequence)
    end, verdicts = micro_batch(None, batch)
    again, repeated = micro_batch(end, batch)
    assert again == end
    assert refused(batch, repeated) == refused(batch, verdicts)
    assert Verdict.STORED not in repeated


@settings(max_examples=200, deadline=None)
@given(sequences, st.sets(st.integers(1, 7)), st.booleans())
def test_end_and_refusals_are_the_same_however_batches_are_cut_and_repeated(
    sequence: list[Drawn], cuts: set[int], repeat: bool
) -> None:
    whole = arrivals(sequence)
    expected, verdicts = micro_batch(None, whole)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    stored: Document | None = None
    duplicates: set[int] = set()
    for start, end in itertools.pairwise(bounds):
        for _ in range(1 + repeat):
            stored, told = micro_batch(stored, whole[start:end])
            duplicates |= refused(whole[start:end], told)
    assert stored == expected
    assert duplicates == refused(whole, verdicts)


@settings(max_examples=200, deadline=None)
@given(sequences)
def test_document_knows_every_message_it_met(sequence: list[Drawn]) -> None:
    batch = arrivals(sequence)
    end, _ = micro_batch(None, batch)
    assert end is not None
    own = f"{end['source_partition']}-{end['source_offset']}"
    noted = {own, *end.get("merged_from", ()), *end.get("duplicates", ())}
    assert noted == {f"{incoming['source_partition']}-{incoming['source_offset']}" for incoming in batch}


HERE = ("reading", "reading", "heart rate", "correction", "retraction", "withdrawal")
ELSEWHERE = ("move", "version elsewhere", "retraction by id", "withdrawal by id")


class Sent(NamedTuple):
    """What hypothesis varies of a message that both document and window meet."""

    kind: str
    name: str | None
    partner: str | None
    version: int
    systolic: float
    rate: float | None
    site: str | None

    def parse(self) -> Parsed:
        """Return what the intake makes of it; what speaks of elsewhere goes to another hour, or names no time."""
        if "retraction" in self.kind or "withdrawal" in self.kind:
            effective_us = None if "by id" in self.kind else EFFECTIVE_US
            for_good = "retraction" in self.kind
            taken_back = Retraction("p-1", self.name, effective_us, 0, for_good, self.version)
            return Parsed(retractions=[taken_back] if for_good or self.name else [])
        at_us = EFFECTIVE_US + (HOUR_US if self.is_elsewhere() else 0)
        alone = self.kind == "heart rate"
        systolic, diastolic = (None, None) if alone else (self.systolic, self.systolic - 40)
        rate = self.rate or 60.0 if alone else self.rate
        status = "corrected" if self.kind in ("correction", "move") else "final"
        names = (self.name, None, None, (), 0, self.version, None if alone else self.partner, self.site)
        return Parsed(readings=[Reading("p-1", at_us, 0, systolic, diastolic, rate, status, *names)])

    def is_elsewhere(self) -> bool:
        return self.kind in ELSEWHERE


names = st.sampled_from([None, "a", "b", "c"])
sent = st.builds(
    Sent,
    st.sampled_from(HERE + ELSEWHERE),
    names,
    st.one_of(st.none(), names),
    st.sampled_from([0, 0, 2, 3, 4, FIRST_DATED_VERSION, FIRST_DATED_VERSION + 1]),
    st.sampled_from([120.0, 150.0]),
    st.sampled_from([None, 60.0, 70.0]),
    st.sampled_from([None, None, "left", "right"]),
)


def meet(stored: Document | None, message: Message) -> Document | None:
    """Let a message reach the document of the instant, as `jobs.streaming.store` and `jobs.streaming.revisions` do."""
    source, at = message.place, "2026-09-21T00:00:00.000Z"
    for reading in message.parsed.readings:
        if reading.effective_us == EFFECTIVE_US:
            stored = resolve(stored, observation_document(reading, source, "topic", at)).document
    for retracted in message.parsed.retractions:
        if retracted.effective_us is not None:
            met = retraction_document("p-1", EFFECTIVE_US, retracted, source, "topic", at)
            stored = resolve(stored, met).document
    for revision in revisions_of(message):
        stored = None if stored is None else revise(stored, revision.note)
    return stored


def has_spoken(stored: Document | None, message: Sent) -> bool:
    """Tell whether a search for the Observation's names would find the document."""
    if stored is None:
        return False
    spoken = {stored.get("observation_id"), stored.get("partner_id"), *stored.get("merged_ids", ())} - {None}
    return not spoken.isdisjoint({message.name} if "by id" in message.kind else {message.name, message.partner})


@settings(max_examples=500, deadline=None)
@given(st.lists(sent, min_size=1, max_size=10))
def test_document_and_window_agree_on_what_stands(sequence: list[Sent]) -> None:
    """Of one instant, after each message; what speaks of it from elsewhere comes after it (docs/architecture.md).

    An older version from elsewhere, which a document does not keep, is not made the newest by a retraction without id.
    """
    stored: Document | None = None
    messages: list[Message] = []
    is_outdated = False
    for offset, drawn_message in enumerate(sequence):
        if drawn_message.is_elsewhere() and not has_spoken(stored, drawn_message):
            continue
        if is_outdated and drawn_message.kind == "retraction" and drawn_message.name is None:
            continue
        messages.append(Message(TopicPlace(0, offset, EFFECTIVE_US + HOUR_US), None, drawn_message.parse()))
        before, stored = stored, meet(json.loads(json.dumps(stored)), messages[-1])
        is_outdated |= drawn_message.is_elsewhere() and stored == before
        again = meet(json.loads(json.dumps(stored)), messages[-1])
        assert again == stored

        entries = pack_messages(messages).column("entry")
        state = pa.RecordBatch.from_arrays(
            [pa.array(["p-1"]), pa.array([entries.to_pylist()], pa.list_(pa.binary()))], names=["patient_id", "entries"]
        )
        _, statements, patients = unpack_state(state)
        window, _ = fold(statements, patients)
        standing = window[window["effective_us"] == EFFECTIVE_US]
        measures = ("systolic", "diastolic", "heart_rate")
        in_window = [
            tuple(None if np.isnan(reading[name]) else reading[name] for name in measures) for reading in standing
        ]
        is_reading = stored is not None and "systolic" in stored and not is_retraction(stored)
        assert in_window == ([tuple((stored or {}).get(name) for name in measures)] if is_reading else [])


def reused_id() -> list[Drawn]:
    """Return a heart rate and its pressures under one id, both retracted with it, then another measurement."""
    kinds_and_names = [("heart rate", "a"), ("reading", "a"), ("retraction", "a"), ("reading", "b")]
    return [Drawn(kind, name, 120.0, None) for kind, name in kinds_and_names]


@settings(max_examples=200, deadline=None)
@given(sequences)
@example(reused_id())
def test_what_was_retracted_by_its_id_never_stands_again(sequence: list[Drawn]) -> None:
    """Neither as the reading nor as the heart rate that joined it."""
    end, _ = micro_batch(None, arrivals(sequence))
    assert end is not None
    retracted = {
        drawn_message.name for drawn_message in sequence if drawn_message.kind == "retraction" and drawn_message.name
    }
    assert set(end.get("retracted_ids", ())) == retracted
    if not is_retraction(end):
        assert end.get("observation_id") not in retracted
        assert end.get("heart_rate_from") not in retracted


@settings(max_examples=200, deadline=None)
@given(sequences)
def test_retraction_without_an_id_takes_out_all_pressures_that_arrived_before(sequence: list[Drawn]) -> None:
    unnamed = Drawn("retraction", None, 120.0, None)
    retracted, _ = micro_batch(None, arrivals([*sequence, unnamed]))
    assert retracted is not None
    assert is_retraction(retracted) or "systolic" not in retracted
    later = arrivals([*sequence, unnamed, Drawn("reading", "later", 111.0, 50.0)])
    end, _ = micro_batch(retracted, later[-1:])
    assert end is not None
    assert (end["systolic"], end["status"], end.get("heart_rate")) == (111.0, "final", 50.0)


@settings(max_examples=200, deadline=None)
@given(sequences)
def test_lone_heart_rates_that_are_all_retracted_do_not_refuse_a_new_one(sequence: list[Drawn]) -> None:
    lone = [drawn_message for drawn_message in sequence if drawn_message.kind in ("heart rate", "retraction")]
    messages = [*lone, Drawn("retraction", None, 120.0, 70.0), Drawn("heart rate", "later", 120.0, 70.0)]
    end, verdicts = micro_batch(None, arrivals(messages))
    assert end is not None
    assert (end["heart_rate"], end["status"], end["flags"]) == (70.0, "final", ["heart_rate_only"])
    assert verdicts[-1] is Verdict.STORED
