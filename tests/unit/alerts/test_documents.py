"""Alerts as documents: nothing of an episode is lost, and what readers sort by is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.documents import MOST_REFUSALS, subject_of, to_document, to_episode
from alerts.lifecycle import fold, settle
from alerts.model import AlertKind, Answer, Episode, Finding, Refusal
from alerts.rules import load_rules
from elastic.schema import TEMPLATE_DIR

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = load_rules()
FIELDS: dict[str, Any] = json.loads((TEMPLATE_DIR / "template-alerts.json").read_text(encoding="utf-8"))


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


FINDINGS = st.lists(
    st.builds(
        Finding,
        st.floats(0, 300).map(at),
        st.integers(0, 3),
        holds=st.integers(0, 3),
        arrived_at=st.none() | st.floats(0, 300).map(at),
        systolic=st.none() | st.floats(60, 250),
        diastolic=st.none() | st.floats(30, 150),
        risk_6h=st.none() | st.floats(0, 1),
        model_version=st.none() | st.just("2026-03-01"),
    ),
    max_size=8,
)
ANSWERS = st.lists(
    st.builds(
        Answer, st.floats(0, 300).map(at), st.floats(300, 400).map(at), st.just("anne"), note=st.text(max_size=9)
    ),
    max_size=3,
)


@given(FINDINGS, ANSWERS, st.sampled_from([AlertKind.MEASURED, AlertKind.PREDICTED]), st.floats(0, 9000))
def test_an_episode_comes_back_from_its_document_as_it_was(
    findings: list[Finding], answers: list[Answer], kind: AlertKind, now: float
) -> None:
    terms = RULES.terms(kind)
    for episode in settle(fold(kind, findings, answers, terms), at(now), terms):
        document = json.loads(json.dumps(to_document("P-1", episode, terms)))
        assert to_episode(document) == episode
        assert subject_of(document) == "P-1"


@given(FINDINGS, ANSWERS)
def test_a_document_has_no_field_that_the_template_does_not_know(
    findings: list[Finding], answers: list[Answer]
) -> None:
    known = FIELDS["template"]["mappings"]["properties"]
    for episode in fold(AlertKind.PREDICTED, findings, answers):
        document = to_document("P-1", episode, RULES.terms(AlertKind.PREDICTED))
        assert set(document) <= set(known)
        for inner in ("answer", "worst"):
            assert set(document.get(inner, {})) <= set(known[inner]["properties"])


def episode(kind: AlertKind, rank: int = 3, **more: Any) -> Episode:
    return Episode(
        kind, START, rank=rank, peak=rank, mark=rank, raised_at=START, met_at=START, changed_at=START, **more
    )


def test_of_one_level_facts_come_before_opinions() -> None:
    kinds = [AlertKind.PREDICTED, AlertKind.SILENCE, AlertKind.MEASURED, AlertKind.ATTENTION, AlertKind.FEED]
    documents = [to_document("P-1", episode(kind), RULES.terms(kind)) for kind in kinds]
    ordered = [document["kind"] for document in sorted(documents, key=lambda document: document["kind_order"])]
    assert ordered == ["feed", "measured", "attention", "predicted", "silence"]


@pytest.mark.parametrize("kind", [AlertKind.FEED, AlertKind.SYSTEM])
def test_what_concerns_no_patient_names_a_part(kind: AlertKind) -> None:
    document = to_document("ward", episode(kind), RULES.terms(kind))
    assert document["part"] == "ward"
    assert "patient_id" not in document


def test_a_document_says_when_time_alone_will_change_it() -> None:
    terms = RULES.terms(AlertKind.MEASURED)
    document = to_document("P-1", episode(AlertKind.MEASURED), terms)
    assert datetime.fromisoformat(document["due_at"]) == at(5)


def test_a_document_keeps_the_newest_refusals_and_counts_them_all() -> None:
    refusals = tuple(Refusal(at(-n), None, "cuff", "UNIT_MISSING", "systolic 220") for n in range(MOST_REFUSALS + 3))
    document = to_document("P-1", episode(AlertKind.ATTENTION, refusals=refusals), RULES.terms(AlertKind.ATTENTION))
    assert len(document["refusals"]) == MOST_REFUSALS
    assert document["refused"] == MOST_REFUSALS + 3
    assert to_episode(document).refusals == refusals[:MOST_REFUSALS]
