"""The application factory: settings in, Flask application out.

Each module of `BLUEPRINTS` holds one ``blueprint``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

from flask import Flask, request
from flask_cors import CORS
from flask_openapi.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from alerts.secret_keys import secret_keys
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import Search, connect
from webapp import api, errors, i18n, logs, navigation
from webapp.api import surroundings
from webapp.audit import events as audit
from webapp.audit.events import AuditTrail
from webapp.security import access, throttle
from webapp.security.accounts import make_passwords, make_seals
from webapp.security.guard import add_headers
from webapp.security.passwords import BCRYPT_COST
from webapp.security.roles import find_unmarked, public
from webapp.services import EXTENSION, Services
from webapp.store import Store
from webapp.store.database import STORE_FILE

BLUEPRINTS: Final = (
    "auth.views",
    "account.views",
    "admin",
    "help",
    "board.views",
    "answers.views",
    "answers.link_views",
    "handover.views",
    "predictions.views",
    "stats.views",
    "system.views",
    "patients.views",
    "rules.views",
    "wards",
    "rules.trial_views",
)
MAX_BODY_BYTES: Final = 64 * 1024


class SiteError(UserError):
    """The site cannot start as it is set up."""


def create_app(
    settings: Settings,
    *,
    search: Search | None = None,
    store: Store | None = None,
    clock: Callable[[], datetime] | None = None,
    bcrypt_cost: int = BCRYPT_COST,
) -> Flask:
    """Make the site; raises `UserError` without secrets, or when a view says nothing of who may see it."""
    newest_key, *older_keys = secret_keys(settings)
    app = surroundings.make_app("webapp")
    app.debug = False  # whatever FLASK_DEBUG says: a trace shows too much
    app.config.update(
        SECRET_KEY=newest_key,
        SECRET_KEY_FALLBACKS=older_keys,
        TRUSTED_HOSTS=settings.trusted_hosts.split(","),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        READS_PER_MINUTE=throttle.READS_PER_MINUTE,
        EXPORTS_PER_MINUTE=throttle.EXPORTS_PER_MINUTE,
    )
    app.extensions[EXTENSION] = Services(
        settings=settings,
        search_within=(search or Search(connect(settings))).scoped,
        store=store or Store(settings.local_dir / STORE_FILE),
        clock=clock or now_utc,
        audit=AuditTrail(connect(settings), settings.local_dir / audit.FOLDER, clock or now_utc),
        passwords=make_passwords(settings, bcrypt_cost),
        seals=make_seals(settings),
    )
    _wire(app, settings)
    return app


def _wire(app: OpenAPI, settings: Settings) -> None:
    for part in (logs, i18n, navigation, errors, access):
        part.install(app)
    app.after_request(lambda response: add_headers(response, request))
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(f"webapp.{name}").blueprint)
    app.register_api(api.blueprint)
    navigation.redirect_moved(app)
    public(app.view_functions["static"])
    unmarked = find_unmarked(app)
    if unmarked:
        raise SiteError(
            f"These views say nothing of who may see them: {', '.join(unmarked)}. Add @requires or @public."
        )
    if settings.cors_origins:
        _allow_origins(app, settings.cors_origins.split(","))
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _allow_origins(app: Flask, origins: list[str]) -> None:
    CORS(
        app,
        resources={r"/api/*": {"origins": origins}},
        methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["ETag", "Link", "Retry-After"],
        supports_credentials=False,
    )


def now_utc() -> datetime:
    """Return the time; the clock of a site that is not under test."""
    return datetime.now(UTC)
