"""Figures over all patients, asked for once a minute by each process, however many people look at them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from flask import current_app

from elastic.client import Search
from elastic.search import statistics
from webapp.services import services
from webapp.shared import Shared

T = TypeVar("T")

EXTENSION: Final = "bp_figures"
TIMEOUT_S: Final = 20.0  # of each question: these go over all documents of a span
LIFETIME: Final = timedelta(minutes=1)
BURDEN_OVER: Final = timedelta(hours=24)
MOST_KEPT: Final = 256


def shared(name: str, asked: Hashable, search: Search, load: Callable[[Search], T]) -> T:
    """Return the figure `name` of what is `asked`, up to a minute old, or two while it is renewed behind.

    It is shared by who may see the same. `load` gets the search, and may run in another thread, where no request is.
    """
    store: Shared[Any] = current_app.extensions.setdefault(EXTENSION, Shared(LIFETIME, LIFETIME, MOST_KEPT))
    return cast(T, store.get((name, asked, search.scope), services().clock(), lambda: load(search)))


def alarm_burden_of_a_day(search: Search, now: datetime) -> dict[str, Any]:
    """Return the alarm burden of the last 24 hours."""
    return shared("burden of a day", None, search, lambda its: statistics.alarm_burden(its, now - BURDEN_OVER, now))
