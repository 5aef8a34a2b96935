"""The chain as OpenMetrics: what Prometheus, and whatever else reads its format, scrapes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from alerts.chain import LinkState
from alerts.chain_record import Looked

MEDIA_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
AGE: Final = "bp_link_age_seconds"
LIMIT: Final = "bp_link_limit_seconds"
STATE: Final = "bp_link_state"
ROUND_TRIP: Final = "bp_canary_round_trip_seconds"


def exposition(looked: Looked, now: datetime) -> str:
    """Return what is known: no age of a link that never gave a sign, and no time of a round that is unknown."""
    links = looked.links
    ages = ((it.part, it.age_s(now)) for it in links)
    lines = [
        *_gauge(AGE, "Age of the last sign of a link of the chain.", ages),
        *_gauge(LIMIT, "Age from which on a link is dead.", ((it.part, it.limit.total_seconds()) for it in links)),
        f"# TYPE {STATE} stateset",
        f"# HELP {STATE} State of a link; unknown: never a sign, or seen only through a dead one.",
        *(
            f'{STATE}{{link="{it.part}",{STATE}="{state}"}} {int(it.state is state)}'
            for it in links
            for state in LinkState
        ),
        *_gauge(
            ROUND_TRIP,
            "From the canary's last crisis to its alert, and to the messages about it.",
            [(None, looked.round_trip_s)],
        ),
        "# EOF",
    ]
    return "".join(f"{line}\n" for line in lines)


def _gauge(name: str, text: str, values: Iterable[tuple[str | None, float | None]]) -> Iterator[str]:
    """Yield the lines of a gauge in seconds with those of its values, by link, that are known."""
    yield f"# TYPE {name} gauge"
    yield f"# UNIT {name} seconds"
    yield f"# HELP {name} {text}"
    for link, value in values:
        label = f'{{link="{link}"}}' if link else ""
        if value is not None:
            yield f"{name}{label} {value}"
