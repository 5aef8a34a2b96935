"""Aggregations whose cost does not grow without end: beyond `MOST` documents a random sample stands for all of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from elastic.client import Document, Query, Search

MOST: Final = 1_000_000  # documents that are looked at; a share of a half is then known to a tenth of a percent
LARGEST_SHARE: Final = 0.5  # Elasticsearch samples at most half, or takes all
SEED: Final = 1  # the same sample for every screen


class Sampled(NamedTuple):
    """The aggregations, their counts scaled to all documents; `share` of these was looked at, 1.0 for all of them."""

    found: Document
    share: float


def aggregate(search: Search, index: str, aggregations: Query, query: Query, most: int = MOST) -> Sampled:
    """The aggregations over what matches, or over about `most` of it."""
    share = share_of(search, index, query, most)
    sampler = {"random_sampler": {"probability": share, "seed": SEED}, "aggs": aggregations}
    found = search.aggregate(index, {"sample": sampler}, query)
    return Sampled(found.get("sample", {}), share)


def share_of(search: Search, index: str, query: Query, most: int = MOST) -> float:
    """Which share of what matches is about `most` documents."""
    share = most / max(search.count(index, query), 1)
    return share if share <= LARGEST_SHARE else 1.0
