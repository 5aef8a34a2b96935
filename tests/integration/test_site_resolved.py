"""Alerts that are over, out of a real Elasticsearch: the pages are what the whole histories say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts import episodes, resolved
from conf.settings import Settings
from elastic.bulk import connect
from elastic.client import Search
from embedded.services import Addresses
from tests.integration.pipeline import delete_documents
from tests.support.ward import INTERVAL, Patient, fill, ward

pytestmark = pytest.mark.integration

RECOVERED = [f"E-{number}" for number in range(5)]


def test_pages_of_resolved_alerts_are_what_whole_histories_say(
    services: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside those who are well again stands a ward whose alerts go on."""
    monkeypatch.setattr(resolved, "MOST_PATIENTS", 2)
    client, now, others = connect(Settings(elasticsearch_url=services.elasticsearch_url)), datetime.now(UTC), ward(5)
    delete_documents(client)
    fill(client, [*others, *(Patient(id_, 150, 0.5, readings=20) for id_ in RECOVERED)], now - timedelta(hours=2))
    fill(client, [Patient(id_, 120, 0.02, readings=14) for id_ in RECOVERED], now)

    search, earliest = Search(client), episodes.history_since(now)
    pages = [resolved.page(search, earliest, now, now, INTERVAL)]
    while pages[-1].after is not None:
        pages.append(resolved.page(search, earliest, now, now, INTERVAL, pages[-1].after))

    ids = [*RECOVERED, *(one.id for one in others)]
    folded = episodes.episodes_of(search, dict.fromkeys(ids), now, INTERVAL)
    expected = [(id_, one.started_at) for id_, one in folded if not one.is_open]
    found = [(id_, one.started_at) for page in pages for id_, one in page.alerts]
    assert sorted(found) == sorted(expected)
    assert {id_ for id_, _ in found} >= set(RECOVERED)
    assert len(pages) >= 3
