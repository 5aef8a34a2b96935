"""The command on the audit's indices: old months go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from elasticsearch import Elasticsearch

from elastic.names import AUDIT
from webapp.audit.__main__ import prune


class Indices:
    """The indices of a cluster, by name."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.indices = self

    def get(self, **_options: object) -> dict[str, object]:
        return {name: {} for name in self.names}

    def delete(self, *, index: str) -> None:
        self.names.remove(index)


def test_months_past_retention_are_deleted_and_no_others() -> None:
    cluster = Indices([f"{AUDIT}-{month}" for month in ("2024.12", "2025.02", "2025.03", "2026.03")])

    deleted = prune(cast(Elasticsearch, cluster), datetime(2026, 3, 10, tzinfo=UTC), months=12)

    assert deleted == [f"{AUDIT}-2024.12", f"{AUDIT}-2025.02"]
    assert cluster.names == [f"{AUDIT}-2025.03", f"{AUDIT}-2026.03"]
