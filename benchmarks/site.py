"""The site under load: ``python -m benchmarks.site [--patients N] [--pollers N] [--seconds S] [--writes N]``.

Fills `blood-pressure-latest` of an Elasticsearch of its own with many patients, some of them alerting and with a
history, starts the site as users do, and lets many screens poll the board as `live.js` does, while one program asks the
API's lists. Prints the 50th and 95th percentile of what each waited, and the share of polls that got "not modified".
With ``--writes`` that many patients a second get a newer prediction meanwhile.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

import msgspec
from pydantic import SecretStr

from benchmarks.own_services import own_services
from conf import cli
from conf.ports import free_port
from conf.settings import PREFIX, Settings
from elastic.bulk import Operation, write
from elastic.client import connect
from elastic.names import LATEST
from tests.support.ward import Patient, fill, prediction, reading
from webapp.factory import create_app
from webapp.security import sessions
from webapp.services import EXTENSION
from webapp.store import users

HEAP = "1g"
BATCH = 20_000
ALERTING = ((250, 0.6, 0.95), (250, 0.4, 0.6), (150, 0.2, 0.4))  # patients, lowest and highest 6 h risk
SILENT_EVERY = 10  # of the alerting patients, one in so many has been silent for an hour
POLL_S, JITTER_S = 0.5, 0.1  # as board.js has it
API_PATHS = ("/api/v1/patients?limit=100", "/api/v1/patients?level=CRITICAL&limit=100", "/api/v1/predictions?limit=100")
API_PAUSE_S = 1.0
START_S = 30
WARM_UP = 25
COOKIE = "bp"
NO_PASSWORD = "-"  # noqa: S105 - nobody signs in


def main() -> int:
    """Parse the command line and measure; return the exit code."""
    parser = cli.parser("python -m benchmarks.site", __doc__)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--pollers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--writes", type=int, default=0, help="newer predictions a second meanwhile, default none")
    return cli.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Fill, serve, poll, print."""
    with own_services(only="elasticsearch", elasticsearch_heap=HEAP) as (folder, addresses):
        settings = site_settings(folder, str(addresses.elasticsearch_url))
        began = time.perf_counter()
        fill_latest(settings, options.patients)
        print(f"{options.patients} patients filled in {time.perf_counter() - began:.0f} s", flush=True)
        with serving(settings):
            poll(settings, options)


def site_settings(folder: Path, url: str) -> Settings:
    """Return the settings of a site of its own."""
    return Settings(local_dir=folder, elasticsearch_url=url, web_port=free_port(), secret_key=SecretStr("k" * 48))


def fill_latest(settings: Settings, patients: int) -> None:
    """Write alerting patients with a history of a day, and all the others with their newest prediction only."""
    client, now = connect(settings), datetime.now(UTC)
    fill(client, list(alerting_patients()), now)
    for first in range(0, patients, BATCH):
        write(client, [quiet_patient(number, now) for number in range(first, min(patients, first + BATCH))])
    client.indices.refresh(index=LATEST)


def alerting_patients() -> Iterator[Patient]:
    """Yield the documents of patients whom the board lists."""
    chance = random.Random(1)  # noqa: S311
    for count, low, high in ALERTING:
        for number in range(count):
            silent = timedelta(hours=1) if number % SILENT_EVERY == 0 else timedelta(minutes=1)
            yield Patient(f"A-{low}-{number}", 130 + chance.randrange(60), chance.uniform(low, high), silent=silent)


def quiet_patient(number: int, now: datetime) -> Operation:
    """Return the newest prediction of a patient at low risk."""
    chance = random.Random(number)  # noqa: S311
    at = now - timedelta(seconds=chance.randrange(900))
    document = prediction(reading(f"Q-{number}", at, 100 + chance.randrange(60), 70), chance.random() * 0.19)
    return Operation("index", LATEST, document["patient_id"], msgspec.json.encode(document))


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """Run the site in processes of its own, as ``python -m webapp`` starts it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name in ("local_dir", "elasticsearch_url", "web_port"):
        environment[PREFIX + name.upper()] = str(getattr(settings, name))
    environment["BP_SECRET_KEY"] = settings.secret_key.get_secret_value() if settings.secret_key else ""
    with subprocess.Popen([sys.executable, "-m", "webapp"], env=environment, stderr=subprocess.DEVNULL) as site:
        try:
            wait_until_up(settings.web_port)
            yield
        finally:
            site.terminate()


def wait_until_up(port: int) -> None:
    """Ask until the site answers."""
    for _ in range(START_S * 10):
        try:
            ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/healthz", {})
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the site did not start")


def poll(settings: Settings, options: argparse.Namespace) -> None:
    """Let the screens and the program ask, and print what they waited."""
    own, *cookies = sign_in(settings, options.pollers + 1)
    warm_up(settings.web_port, own)
    end = time.monotonic() + options.seconds
    waits: dict[str, list[float]] = defaultdict(list)
    statuses: Counter[tuple[str, int]] = Counter()
    asking = [
        threading.Thread(target=screen, args=(settings.web_port, cookie, end, waits["board"], statuses))
        for cookie in cookies
    ]
    asking.append(threading.Thread(target=program, args=(settings.web_port, own, end, waits, statuses)))
    if options.writes:
        asking.append(threading.Thread(target=keep_writing, args=(settings, options.writes, end)))
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    report(waits, statuses)


def warm_up(port: int, cookie: str) -> None:
    """Ask until both processes of the site have read the histories of the patients on the board; print the first."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    waits = []
    for _ in range(WARM_UP):
        connection.close()
        waits.append(ask(connection, "/board/rows", {"Cookie": f"{COOKIE}={cookie}"})[1])
        time.sleep(API_PAUSE_S)
    print(f"while warming up: first answer after {waits[0]:.1f} s, largest {max(waits):.1f} s", flush=True)


def sign_in(settings: Settings, count: int) -> list[str]:
    """Return the cookies of as many sessions, each of a user of its own."""
    store = create_app(settings).extensions[EXTENSION].store
    now, cookies = datetime.now(UTC), []
    for number in range(count):
        name = f"screen-{number}"
        users.add(
            store, name=name, role="clinician", now=now, language="fr", password=NO_PASSWORD, secret_expires_at=None
        )
        user = users.find(store, name)
        assert user  # noqa: S101 - just added
        cookies.append(sessions.begin(store, user, ip="127.0.0.1", agent="benchmark", now=now))
    return cookies


def screen(port: int, cookie: str, end: float, waits: list[float], statuses: Counter[tuple[str, int]]) -> None:
    """Poll the board as one screen does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Cookie": f"{COOKIE}={cookie}", "Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
    time.sleep(random.uniform(0, POLL_S))  # noqa: S311 - screens are not switched on at once
    while time.monotonic() < end:
        connection.close()  # the site has closed it: it keeps idle connections for a shorter time than polls are apart
        status, wait_s, tag = ask(connection, "/board/rows", headers)
        waits.append(wait_s)
        statuses["board", status] += 1
        if tag:
            headers["If-None-Match"] = tag
        time.sleep(POLL_S + random.uniform(0, JITTER_S))  # noqa: S311


def program(
    port: int, cookie: str, end: float, waits: dict[str, list[float]], statuses: Counter[tuple[str, int]]
) -> None:
    """Ask the API's lists in turn, as a program does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Cookie": f"{COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
    number = 0
    while time.monotonic() < end:
        path = API_PATHS[number % len(API_PATHS)]
        status, wait_s, _ = ask(connection, path, headers)
        waits[path].append(wait_s)
        statuses[path, status] += 1
        number += 1
        time.sleep(API_PAUSE_S)


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[int, float, str | None]:
    """Return status, seconds until the whole answer was there, and its entity tag."""
    began = time.perf_counter()
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    return response.status, time.perf_counter() - began, response.headers.get("ETag")


def keep_writing(settings: Settings, per_second: int, end: float) -> None:
    """Write newer predictions of quiet patients, evenly."""
    client, number = connect(settings), 0
    while time.monotonic() < end:
        began, now = time.monotonic(), datetime.now(UTC)
        write(client, [quiet_patient(number + offset, now) for offset in range(per_second)])
        number += per_second
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


def report(waits: dict[str, list[float]], statuses: Counter[tuple[str, int]]) -> None:
    """Print one line for each thing that was asked."""
    for name, seconds in waits.items():
        told = {status: count for (what, status), count in sorted(statuses.items()) if what == name}
        middle, high = quantiles(seconds, n=20)[9], quantiles(seconds, n=20)[18]
        unchanged = told.get(304, 0) / max(1, len(seconds))
        print(
            f"{name}: {len(seconds)} answers, p50 {middle * 1000:.0f} ms, p95 {high * 1000:.0f} ms, "
            f"largest {max(seconds) * 1000:.0f} ms, not modified {unchanged:.0%}, statuses {told}"
        )


if __name__ == "__main__":
    sys.exit(main())
