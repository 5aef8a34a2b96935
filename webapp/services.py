"""What the views work with, hung on the application by the factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from flask import current_app

from conf.settings import Settings
from elastic.client import Search
from webapp.security.passwords import Passwords
from webapp.security.totp import Seals
from webapp.store import Store

if TYPE_CHECKING:  # it asks for the services itself
    from webapp.audit.events import AuditTrail

EXTENSION: Final = "bp"


@dataclass(frozen=True)
class Services:
    """Settings, Elasticsearch, users' store, clock (aware UTC), audit, passwords, seals of one-time-code secrets."""

    settings: Settings
    search: Search
    store: Store
    clock: Callable[[], datetime]
    audit: AuditTrail
    passwords: Passwords
    seals: Seals


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions[EXTENSION])
