"""The links of the chain as the alert service keeps them, for tests of those who show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.chain import Part, judge
from conf.times import iso

INTERVAL, GRACE = timedelta(seconds=60), timedelta(seconds=45)


def chain_document(at: datetime, ages_s: Mapping[Part, float], looked_s: float = 0) -> dict[str, Any]:
    """Return the document of links whose last signs are so old, the others' new, looked at so many seconds before."""
    looked_at = at - timedelta(seconds=looked_s)
    signs = {part: looked_at - timedelta(seconds=ages_s.get(part, 0)) for part in Part}
    links = judge(signs, {}, INTERVAL, GRACE, looked_at)
    document: dict[str, Any] = msgspec.to_builtins({"changed_at": iso(looked_at), "links": links})
    return document
