"""What the views work with, hung on the application by the factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from flask import current_app

from conf.settings import Settings
from elastic.client import Search
from elastic.scope import Scope
from webapp.security.current import scope_of_reader
from webapp.security.passwords import Passwords
from webapp.security.totp import Seals
from webapp.store import Store

if TYPE_CHECKING:  # it asks for the services itself
    from webapp.audit.events import AuditTrail

EXTENSION: Final = "bp"


@dataclass(frozen=True)
class Services:
    """Settings, Elasticsearch, users' store, clock (aware UTC), audit, passwords, seals of one-time-code secrets.

    There is no search without a scope: that of the reader is `search`.
    """

    settings: Settings
    search_within: Callable[[Scope], Search]
    store: Store
    clock: Callable[[], datetime]
    audit: AuditTrail
    passwords: Passwords
    seals: Seals

    @property
    def search(self) -> Search:
        """Return the search of who asks: within the wards of the account. Hand it on to where no request is."""
        return self.search_within(scope_of_reader())

    def search_in(self, ward: str | None) -> Search:
        """Return the search of who asks, of one ward alone; None: of all that the account may see."""
        scope = scope_of_reader()
        return self.search_within(scope if ward is None else scope.narrowed(ward))


def services() -> Services:
    """Return the services of the current application."""
    return cast(Services, current_app.extensions[EXTENSION])
