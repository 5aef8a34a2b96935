"""The site under gunicorn, two workers of eight threads: ``python -m webapp``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from conf import cli
from conf.errors import UserError
from conf.ports import is_free, is_loopback
from conf.settings import Settings, load_settings
from webapp.factory import create_app
from webapp.logs import configure_logs
from webapp.security import accounts
from webapp.services import EXTENSION
from webapp.store import users

log = logging.getLogger(__name__)

WORKERS: Final = 2
THREADS: Final = 8
TIMEOUT_S: Final = 30
STOPPING_S: Final = 5
KEEP_ALIVE_S: Final = 15  # longer than the pause between two polls, which then share a connection


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with options of our own; each worker makes its application after the fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set the options."""
        for name, value in options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the worker's application and let its audit ship."""
        app = create_app(self._settings)
        app.extensions[EXTENSION].audit.start()
        return app


def options(settings: Settings) -> dict[str, Any]:
    """Return gunicorn's options."""
    return {
        "bind": f"{settings.web_host}:{settings.web_port}",
        "worker_class": "gthread",
        "workers": WORKERS,
        "threads": THREADS,
        "timeout": TIMEOUT_S,
        "graceful_timeout": STOPPING_S,
        "keepalive": KEEP_ALIVE_S,
        "limit_request_line": 4094,
        "forwarded_allow_ips": "",  # ProxyFix alone believes forwarded headers, of the set number of proxies
        "worker_exit": _end_worker,
        "proc_name": "blood-pressure-site",
        **_certificate(settings),
        "loglevel": "warning",
    }


def _certificate(settings: Settings) -> dict[str, str]:
    """Return gunicorn's options for TLS; raises `UserError` for half of a pair, or files that cannot be read."""
    pair = {"certfile": settings.web_certificate, "keyfile": settings.web_key}
    if any(pair.values()) and not all(path and os.access(path, os.R_OK) for path in pair.values()):
        raise UserError(
            "BP_WEB_CERTIFICATE and BP_WEB_KEY must both name a file that this user can read. Set both or neither."
        )
    return {name: str(path) for name, path in pair.items() if path}


def serve(settings: Settings) -> None:
    """Run the site until it is stopped; raises `UserError` when it cannot start as it is set up."""
    _refuse_open_http(settings)
    if not is_free(settings.web_port):
        raise UserError(
            f"The site cannot listen on port {settings.web_port}: another program uses it, or it is not allowed to "
            "this user. Stop that program or set BP_WEB_PORT."
        )
    app = create_app(settings)  # a fault of the set-up ends here, with one sentence, and not in each worker
    for user in users.list_all(app.extensions[EXTENSION].store):
        for remark in accounts.remarks(user, settings):
            log.warning("account %s: %s", user.name, remark)
    scheme = "https" if settings.web_certificate else "http"
    print(f"The site listens on {scheme}://{settings.web_host}:{settings.web_port}/", flush=True)
    Server(settings).run()


def _refuse_open_http(settings: Settings) -> None:
    host = settings.web_host
    if not (is_loopback(host) or settings.proxy_hops or settings.web_certificate or settings.insecure_demo):
        raise UserError(
            f"BP_WEB_HOST={host} would serve plain HTTP beyond this machine. Set BP_WEB_CERTIFICATE and "
            "BP_WEB_KEY, or put a proxy with TLS in front and set BP_PROXY_HOPS, or set BP_INSECURE_DEMO=true for a "
            "trial without real data."
        )


def _end_worker(_server: Any, worker: Any) -> None:
    """Ship what the audit has spooled; a worker that gunicorn ends early has no site yet."""
    app = getattr(worker, "wsgi", None)
    if isinstance(app, Flask):
        app.extensions[EXTENSION].audit.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; return the exit code."""
    configure_logs()
    return cli.run(cli.parser("python -m webapp", __doc__), lambda _options: serve(load_settings()), arguments)


if __name__ == "__main__":
    sys.exit(main())
