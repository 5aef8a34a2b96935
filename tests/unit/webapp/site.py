"""A site for tests: its own store, a clock that stands still, a fake search, and signed-in clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from conf.settings import Settings
from webapp.factory import create_app
from webapp.security import sessions, tokens, totp
from webapp.services import EXTENSION, Services
from webapp.store import users

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PASSWORD = "quatre lampes bleues dorment"
HOST = "https://localhost"
NO_LIMIT = 10**9
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html"}


def settings(tmp_path: Path, **changes: Any) -> Settings:
    """Return valid settings with files of their own and an address where no Elasticsearch is."""
    given = {
        "local_dir": tmp_path,
        "elasticsearch_url": "http://127.0.0.1:9",
        "secret_key": "s" * 48,
    }
    return Settings(**{**given, **changes})


@dataclass
class Clock:
    """The time; moved by hand."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Site:
    """An application with what tests need of it."""

    app: Flask
    clock: Clock = field(default_factory=Clock)

    @property
    def services(self) -> Services:
        found = self.app.extensions[EXTENSION]
        assert isinstance(found, Services)
        return found

    def add_user(
        self, name: str = "anne", role: str = "clinician", *, one_time: bool = False, **changes: Any
    ) -> users.User:
        """Add a user with `PASSWORD`; an administrator's second factor counts as set up."""
        store = self.services.store
        ends = self.clock.now + timedelta(days=1) if one_time else None
        record = self.services.passwords.make_record(PASSWORD)
        given = {"language": "en", "password": record, "secret_expires_at": ends, **changes}
        users.add(store, name=name, role=role, now=self.clock.now, **given)
        user = users.find(store, name)
        assert user
        if role == "admin":
            users.begin_totp(store, user.id, totp.new_secret(self.services.seals))
            users.use_totp_step(store, user.id, 1)
        return users.find_by_id(store, user.id) or user

    def some_user(self, role: str) -> users.User | None:
        """Return a user of that role, the first by name; None for nobody."""
        return next((user for user in users.list_all(self.services.store) if user.role == role), None)

    def client(self, user: users.User | None = None, ip: str = "127.0.0.1") -> Browser:
        """Return a browser, signed in as `user`."""
        browser = Browser(self.app.test_client(), ip)
        if user:
            session_id = sessions.begin(self.services.store, user, ip=ip, agent="test", now=self.clock.now)
            browser.client.set_cookie(sessions.SECURE_COOKIE, session_id, domain="localhost", secure=True)
        return browser

    def signed_in(self, role: str = "clinician", name: str | None = None, **changes: Any) -> Browser:
        """Return a browser signed in as a new user of that role."""
        return self.client(self.add_user(name or f"some-{role}", role, **changes))

    def signs_in(self, name: str, typed: str) -> bool:
        """Tell whether name and password open the site."""
        return self.client().post("/login", {"user_name": name, "password": typed}).status_code == 302

    def token(
        self, role: str = "service", scopes: tuple[str, ...] | None = None, name: str = "robot"
    ) -> dict[str, str]:
        """Return the header of a new token of a new user."""
        user = self.add_user(name, role)
        wanted = tokens.allowed_scopes(role) if scopes is None else scopes
        text = tokens.create(
            self.services.store, user, name="test", scopes=wanted, lifetime=timedelta(days=1), now=self.clock.now
        )
        return {"Authorization": f"Bearer {text}"}


@dataclass
class Browser:
    """A test client that speaks as a browser on the site's own pages does."""

    client: FlaskClient
    ip: str

    @property
    def session_id(self) -> str:
        """Return what the session's cookie holds."""
        cookie = self.client.get_cookie(sessions.SECURE_COOKIE, domain="localhost")
        return cookie.value if cookie else ""

    def get(self, path: str, *, page: bool = True, **more: Any) -> TestResponse:
        """Navigate (or, `page=False`, ask as a script does)."""
        return self.send("GET", path, headers={**(PAGE if page else {}), **more.pop("headers", {})}, **more)

    def post(self, path: str, data: Any = None, **more: Any) -> TestResponse:
        """Send a form from a page of the site."""
        return self.send("POST", path, data=data, headers={**SAME_ORIGIN, **PAGE, **more.pop("headers", {})}, **more)

    def confirm(self, path: str, data: dict[str, str]) -> TestResponse:
        """Send a form that asks first, and then what the question's page holds."""
        question = self.post(path, data).text
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', question.partition("<main")[2])
        assert dict(fields).items() > data.items(), question
        return self.post(path, dict(fields))

    def send(self, method: str, path: str, **more: Any) -> TestResponse:
        """Send anything, as it is."""
        return self.client.open(path, method=method, base_url=HOST, environ_overrides={"REMOTE_ADDR": self.ip}, **more)


class CompiledTemplates(BytecodeCache):
    """What one site compiles serves the next: a site of each test's own would compile its pages again."""

    def __init__(self) -> None:
        self.code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.code[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledTemplates()


def make_site(tmp_path: Path, search: Any = None, **changes: Any) -> Site:
    """Return a site without request limits and with quick passwords."""
    clock = Clock()
    app = create_app(settings(tmp_path, **changes), search=search, clock=clock, bcrypt_cost=4)
    app.jinja_env.bytecode_cache = COMPILED
    app.config.update(READS_PER_MINUTE=NO_LIMIT, EXPORTS_PER_MINUTE=NO_LIMIT, ALERT_PATIENCE=timedelta(0))
    return Site(app, clock)
