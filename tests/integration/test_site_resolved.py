"""Alerts that are over, out of a real Elasticsearch: the pages are what the whole histories say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts import journal
from alerts.episodes import history_since
from conf.settings import Settings
from elastic.client import Search, connect
from embedded.services import Addresses
from tests.integration.pipeline import delete_documents
from tests.support.ward import INTERVAL, Patient, fill, ward

pytestmark = pytest.mark.integration

RECOVERED = [f"E-{number}" for number in range(5)]


def test_pages_of_resolved_alerts_are_what_whole_histories_say(
    services: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside those who are well again stands a ward whose alerts go on."""
    monkeypatch.setattr(journal, "MOST_PATIENTS", 2)
    client, now, others = connect(Settings(elasticsearch_url=services.elasticsearch_url)), datetime.now(UTC), ward(5)
    delete_documents(client)
    fill(client, [*others, *(Patient(id_, 150, 0.5, readings=20) for id_ in RECOVERED)], now - timedelta(hours=2))
    fill(client, [Patient(id_, 120, 0.02, readings=14) for id_ in RECOVERED], now)

    search, earliest = Search(client), history_since(now)
    pages = [journal.ended(search, earliest, now, now, INTERVAL)]
    while pages[-1][1] is not None:
        pages.append(journal.ended(search, earliest, now, now, INTERVAL, pages[-1][1]))

    ids = [*RECOVERED, *(patient.id for patient in others)]
    folded = journal.episodes_of_patients(search, dict.fromkeys(ids), now, INTERVAL)
    expected = [(id_, episode.started_at) for id_, episode in folded if not episode.is_open]
    found = [(id_, episode.started_at) for alerts, _ in pages for id_, episode in alerts]
    assert sorted(found) == sorted(expected)
    assert {id_ for id_, _ in found} >= set(RECOVERED)
    assert len(pages) >= 3
