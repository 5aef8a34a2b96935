"""The site behind a real server, with users of each role in both languages, and a clock that can be put forward."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from conf.settings import Settings
from elastic.client import Search
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from webapp.factory import create_app
from webapp.security import sessions
from webapp.services import EXTENSION, Services
from webapp.store import users

ADDRESS = "127.0.0.1"
NOWHERE = f"http://{ADDRESS}:9"  # nothing is asked there
PASSWORD = "quatre lampes bleues dorment"
QUICK_BCRYPT = 4
USERS = {
    ("clinician", "fr"): "claire.moreau",
    ("clinician", "en"): "john.reed",
    ("viewer", "fr"): "luc.petit",
    ("viewer", "en"): "ann.hill",
    ("manager", "fr"): "dr.roy",
    ("manager", "en"): "dr.king",
    ("admin", "fr"): "admin",
    ("admin", "en"): "root",
    ("kiosk", "fr"): "couloir",
    ("kiosk", "en"): "corridor",
}


@dataclass
class Clock:
    """The time, put forward by `ahead`."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class Site:
    """A running site."""

    app: Flask
    clock: Clock
    url: str

    @property
    def services(self) -> Services:
        found = self.app.extensions[EXTENSION]
        assert isinstance(found, Services)
        return found

    def begin_session(self, role: str, language: str) -> str:
        """Sign a user in without the form; the id for the cookie."""
        user = users.find(self.services.store, USERS[role, language])
        assert user
        return sessions.begin(self.services.store, user, ip=ADDRESS, agent="Chromium", now=self.clock())


@contextmanager
def serve(settings: Settings, folder: Path, search: Search | None = None) -> Iterator[Site]:
    """Serve the site on a free port, its store in `folder`; over `search` where it is not the settings' own."""
    clock = Clock()
    own = Settings(**{**settings.model_dump(), "secret_key": "s" * 48})
    app = create_app(own, search=search, store=_make_store(folder), clock=clock, bcrypt_cost=QUICK_BCRYPT)

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(timestamp or clock().timestamp())

        def log_request(self, *_: Any) -> None:
            pass

    server = make_server(ADDRESS, 0, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever)
    site = Site(app, clock, f"http://{ADDRESS}:{server.server_port}")
    _add_users(site)
    site.services.audit.start()
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        site.services.audit.close()


@contextmanager
def serve_in_memory(folder: Path, patients: Iterable[Patient]) -> Iterator[Site]:
    """Serve a site over these patients up to now, for pages that need no pipeline behind them."""
    search = FakeSearch()
    for patient in patients:
        search.put_history(patient, datetime.now(UTC))
    settings = Settings(local_dir=folder, model_dir=folder / "models", elasticsearch_url=NOWHERE)
    with serve(settings, folder, search) as site:
        yield site


def _make_store(folder: Path) -> Any:
    from webapp.store import Store

    return Store(folder / "site.sqlite3")


def _add_users(site: Site) -> None:
    store, now = site.services.store, site.clock()
    record = site.services.passwords.make_record(PASSWORD)
    for (role, language), name in USERS.items():
        users.add(store, name=name, role=role, language=language, password=record, secret_expires_at=None, now=now)
        user = users.find(store, name)
        assert user
        if role == "admin":
            users.begin_totp(store, user.id, "0" * 32)
            users.use_totp_step(store, user.id, 1)
