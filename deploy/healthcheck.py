"""Tell whether a service of ours is healthy: ``python -m deploy.healthcheck stream|alerts|site|page URL``.

Run inside the service's own container, with its settings. Exit code 0 says healthy; 1 comes with one line of why not.
Only signs of this life of the container count: files on volumes, and what is stored, outlive the one that left them.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from alerts.lease import LENGTH
from conf import cli
from conf.errors import UserError
from conf.settings import METRICS_FILE, Settings, load_settings
from elastic.client import Search, connect
from elastic.search.alerts import watched_until

HERE: Final = "127.0.0.1"
TIMEOUT_S: Final = 5.0
USUAL_MAX_AGE_S: Final = 180.0  # a micro-batch that catches up takes its time; a quiet query tells of itself every 10 s
START_TICKS: Final = 19  # place in /proc/1/stat after the name, in clock ticks since the machine's start
LEASE_MAX_AGE_S: Final = 60.0  # twice what a second copy of the alert service needs to take over


class UnhealthyError(UserError):
    """What the service says, or that it says nothing."""


def container_started(proc: Path = Path("/proc")) -> datetime:
    """Return when process 1 began, and with it this life of the container; without a container, of the machine."""
    booted_s = next(int(line.split()[1]) for line in (proc / "stat").read_text().splitlines() if "btime" in line)
    after_its_name = (proc / "1" / "stat").read_text().rpartition(")")[2].split()
    return datetime.fromtimestamp(booted_s + int(after_its_name[START_TICKS]) / os.sysconf("SC_CLK_TCK"), UTC)


def check_stream(metrics: Mapping[str, Any], born: datetime, now: datetime, max_age: timedelta) -> None:
    """Raise `UnhealthyError` unless each query has given a sign of life within `max_age` before `now`.

    It counts only if the stream was started after `born`, and the query has begun its work since.
    """
    started = datetime.fromisoformat(metrics["started_at"])
    if started < born:
        raise UnhealthyError(f"The stream has not started: what it left is of an earlier life, from {started}.")
    for name, query in metrics["queries"].items():
        seen = datetime.fromisoformat(query["seen_at"])
        if seen <= started:
            raise UnhealthyError(f"The query {name} has not begun its work. Look into the stream's log.")
        age = now - seen
        if age > max_age:
            raise UnhealthyError(
                f"The query {name} has not been seen for {age.total_seconds():.0f} s. Look into the stream's log."
            )


def check_alerts(watched_until: datetime | None, born: datetime, now: datetime, max_age: timedelta) -> None:
    """Raise `UnhealthyError` unless some copy of the alert service has held the watch within `max_age` before `now`.

    A copy that waits for its turn is healthy: that another one works is all that it can do. What it, or another one,
    held before `born` does not count.
    """
    if watched_until is None or watched_until <= born + LENGTH:
        raise UnhealthyError("The alert service has not begun its work. Look into its log.")
    age = now - watched_until
    if age > max_age:
        raise UnhealthyError(f"No alert service has been at work for {age.total_seconds():.0f} s. Look into its log.")


def check_page(url: str, host: str | None = None, context: ssl.SSLContext | None = None) -> None:
    """Raise `UnhealthyError` unless `url` answers with 200; `host` is the name to ask for instead of the address."""
    parts = urlsplit(url)
    address, port = parts.hostname or HERE, parts.port
    secure = parts.scheme == "https"
    connection = (
        HTTPSConnection(address, port, timeout=TIMEOUT_S, context=context)
        if secure
        else HTTPConnection(address, port, timeout=TIMEOUT_S)
    )
    try:
        connection.request("GET", parts.path or "/", headers={"Host": host} if host else {})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise UnhealthyError(f"{url} does not answer ({error}). Look into the service's log.") from error
    finally:
        connection.close()
    if status != 200:
        raise UnhealthyError(f"{url} answers with {status}. Look into the service's log.")


def site_address(settings: Settings) -> str:
    """Return where the site answers whether it lives."""
    scheme = "https" if settings.web_certificate else "http"
    return f"{scheme}://{HERE}:{settings.web_port}/healthz"


def trust_only(certificate: Path) -> ssl.SSLContext:
    """Trust this certificate itself, whoever signed it and whatever names are in it."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _stream(chosen: argparse.Namespace) -> None:
    file = load_settings().local_dir / METRICS_FILE
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnhealthyError(f"The stream has not started: {file} cannot be read ({error}).") from error
    check_stream(metrics, container_started(), datetime.now(UTC), timedelta(seconds=chosen.max_age))


def _alerts(chosen: argparse.Namespace) -> None:
    """Ask Elasticsearch with the service's own account, since what it has raised is nowhere else."""
    until = watched_until(Search(connect(load_settings())))
    check_alerts(until, container_started(), datetime.now(UTC), timedelta(seconds=chosen.max_age))


def _site(_chosen: argparse.Namespace) -> None:
    """Ask the site under its first trusted name; over TLS only its own certificate counts."""
    settings = load_settings()
    certificate = settings.web_certificate
    context = trust_only(certificate) if certificate else None
    check_page(site_address(settings), settings.trusted_hosts.split(",")[0], context)


def main(arguments: list[str] | None = None) -> int:
    """Look at one service; return the exit code."""
    parser = cli.parser("python -m deploy.healthcheck", __doc__)
    parts = parser.add_subparsers(required=True, metavar="SERVICE")
    stream = parts.add_parser("stream", help="both queries of the stream gave a sign of life")
    stream.add_argument("--max-age", type=float, default=USUAL_MAX_AGE_S, metavar="SECONDS", help="(%(default)g)")
    stream.set_defaults(check=_stream)
    alerts = parts.add_parser("alerts", help="a copy of the alert service is at work")
    alerts.add_argument("--max-age", type=float, default=LEASE_MAX_AGE_S, metavar="SECONDS", help="(%(default)g)")
    alerts.set_defaults(check=_alerts)
    parts.add_parser("site", help="the site answers").set_defaults(check=_site)
    page = parts.add_parser("page", help="an address answers with 200")
    page.add_argument("url")
    page.set_defaults(check=lambda chosen: check_page(chosen.url))
    return cli.run(parser, lambda chosen: chosen.check(chosen), arguments)


if __name__ == "__main__":
    sys.exit(main())
