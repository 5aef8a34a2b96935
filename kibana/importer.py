"""Import the dashboards into a Kibana: ``python -m kibana.importer [--url URL] [--deadline SECONDS] [--file FILE]``.

Waits until Kibana can serve, sends the whole file with ``overwrite=true`` and believes nothing but the body of the
answer, as a partial failure comes with status 200 too. What is there already is replaced, so that the command may run
at every start.

Kibana checks its users in Elasticsearch: account, API key and certificate authority are therefore the settings
``BP_ELASTICSEARCH_USER``, ``_PASSWORD``, ``_API_KEY`` and ``_CA``. Certificates that the system trusts are trusted too.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from elastic.client import REFUSED_ACCOUNT_STATUS, RETRY_WAITS_S

SAVED_OBJECTS: Final = Path(__file__).with_name("saved_objects.ndjson")
UPLOAD_NAME: Final = "saved_objects.ndjson"  # Kibana refuses a name with another ending
STATUS_PATH: Final = "/api/status"
IMPORT_PATH: Final = "/api/saved_objects/_import?overwrite=true"
XSRF_HEADER: Final = "kbn-xsrf"

DEADLINE_S: Final = 300.0
REQUEST_TIMEOUT_S: Final = 60.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 10.0
REFUSED_PATIENCE_S: Final = sum(RETRY_WAITS_S)  # an Elasticsearch that starts may not have found its accounts yet
OK_STATUS: Final = 200
RETRIED_STATUS: Final = frozenset({429, 502, 503, 504})  # Kibana starts, or a proxy in front of it finds none yet
MOST_SHOWN: Final = 200  # characters of an answer that is not JSON

REMEDIES: Final = {
    400: "Generate the file again with python -m kibana, and see that Kibana is at least of version 8.17.",
    401: "Check BP_ELASTICSEARCH_USER and BP_ELASTICSEARCH_PASSWORD (or BP_ELASTICSEARCH_API_KEY).",
    403: "Give the account the right to manage saved objects in Kibana.",
}
OTHER_REMEDY: Final = "Check the address of Kibana, its base path included."

Report = Callable[[str], None]


class KibanaUnavailableError(UserError):
    """Kibana did not get ready before the deadline."""


class KibanaRefusedError(UserError):
    """Kibana answered with a status that no repetition mends."""


class ImportFailedError(UserError):
    """Kibana did not import every object of the file."""


@dataclass(frozen=True)
class Patience:
    """Until when to go on asking: `end_s` of a clock that counts seconds; clock and pause are passed in."""

    end_s: float
    clock: Callable[[], float]
    pause: Callable[[float], None]

    def pauses_s(self) -> Iterator[float]:
        """Yield pauses that double up to the longest one; the last one ends at the end."""
        pause_s = FIRST_PAUSE_S
        while (left_s := self.end_s - self.clock()) > 0:
            yield min(pause_s, left_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


@dataclass(frozen=True)
class Kibana:
    """A Kibana that may still be starting."""

    url: str
    headers: Mapping[str, str]
    pool: urllib3.PoolManager
    patience: Patience
    report: Report

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Return the body of an answer with status 200; asked again while Kibana is away.

        Raises `KibanaUnavailableError` at the deadline, `KibanaRefusedError` at once for a fault that stays, and after
        `REFUSED_PATIENCE_S` for an account.
        """
        account_s = self.patience.clock() + REFUSED_PATIENCE_S
        for pause_s in chain(self.patience.pauses_s(), [None]):
            fault, answer = self._try(method, path, **more)
            is_final = pause_s is None or self.patience.clock() >= account_s
            if answer is not None and (answer.status != REFUSED_ACCOUNT_STATUS or is_final):
                return _read(answer)
            if pause_s is not None:
                self.report(f"Kibana is not ready ({fault}); next try in {pause_s:.0f} s.")
                self.patience.pause(pause_s)
        raise KibanaUnavailableError(
            f"Kibana at {self.url} is not ready ({fault}). Look into its log, or give it more time with --deadline."
        )

    def _try(self, method: str, path: str, **more: Any) -> tuple[str, urllib3.BaseHTTPResponse | None]:
        """Ask once: what is wrong, where something is, and an answer that stands, if there is one."""
        try:
            answer = self.pool.request(
                method, self.url + path, headers=self.headers, retries=False, timeout=REQUEST_TIMEOUT_S, **more
            )
        except (SSLError, LocationValueError) as error:
            raise KibanaRefusedError(
                f"No connection to {self.url} ({error}). Check the address, and BP_ELASTICSEARCH_CA, the file of the "
                "certificate authority that signed Kibana's certificate."
            ) from error
        except HTTPError as error:
            return str(error.__cause__ or error), None
        return f"status {answer.status}", None if answer.status in RETRIED_STATUS else answer


def _read(answer: urllib3.BaseHTTPResponse) -> Any:
    """Return the JSON of an answer that must have status 200."""
    text = answer.data.decode("utf-8", errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if answer.status == OK_STATUS and isinstance(body, dict):
        return body
    told = body.get("message") if isinstance(body, dict) else None
    raise KibanaRefusedError(
        f"Kibana refused with status {answer.status}: {told or text[:MOST_SHOWN]!r}. "
        f"{REMEDIES.get(answer.status, OTHER_REMEDY)}"
    )


def connect(settings: Settings, patience: Patience, report: Report) -> Kibana:
    """Return the Kibana of these settings, with the account that they give for Elasticsearch."""
    if not settings.kibana_url:
        raise UserError("No address of Kibana. Give it with --url, or set BP_KIBANA_URL.")
    headers = {XSRF_HEADER: "true", **_authorisation(settings)}
    pool = urllib3.PoolManager(ssl_context=_tls(settings.elasticsearch_ca))
    return Kibana(settings.kibana_url.rstrip("/"), headers, pool, patience, report)


def _tls(authority: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if authority:
            context.load_verify_locations(authority)
    except OSError as error:
        raise UserError(f"BP_ELASTICSEARCH_CA cannot be used ({error}). It must be a PEM file: {authority}.") from error
    return context


def _authorisation(settings: Settings) -> dict[str, str]:
    if settings.elasticsearch_api_key:
        return {"Authorization": f"ApiKey {settings.elasticsearch_api_key.get_secret_value()}"}
    if settings.elasticsearch_user is None:
        return {}
    password = settings.elasticsearch_password.get_secret_value() if settings.elasticsearch_password else ""
    pair = f"{settings.elasticsearch_user}:{password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def import_objects(kibana: Kibana, content: bytes) -> int:
    """Wait for Kibana, import all lines of `content`, and return how many; raise `ImportFailedError` if one failed."""
    sent = sum(1 for line in content.splitlines() if line.strip())
    kibana.ask("GET", STATUS_PATH)
    kibana.report(f"Kibana is ready; importing {sent} objects.")
    fields = {"file": (UPLOAD_NAME, content, "application/ndjson")}
    check_outcome(kibana.ask("POST", IMPORT_PATH, fields=fields), sent, kibana.report)
    return sent


def check_outcome(outcome: Mapping[str, Any], sent: int, report: Report) -> None:
    """Report every object that failed; raise `ImportFailedError` unless all of those sent are in Kibana."""
    errors, imported = outcome.get("errors") or [], outcome.get("successCount")
    for error in errors:
        report(f"FAILED {error.get('type')} {error.get('id')}: {_reason(error.get('error') or {})}")
    if outcome.get("success") is not True or errors or imported != sent:
        raise ImportFailedError(
            f"Kibana imported {imported} of {sent} objects and names {len(errors)} that failed. "
            "Mend them as told above, then import again; what is there already is replaced."
        )


def _reason(error: Mapping[str, Any]) -> str:
    """Return what Kibana says of one object: the kind of failure, its message, and the objects that are missing."""
    missing = [f"{reference.get('type')} {reference.get('id')}" for reference in error.get("references") or []]
    parts = [error.get("type", "no reason given"), error.get("message"), ", ".join(missing)]
    return ": ".join(str(part) for part in parts if part)


def read_content(file: Path) -> bytes:
    """Return the bytes of the file to import."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}). Generate it with python -m kibana.") from error
    if not content.strip():
        raise UserError(f"{file} holds no objects. Generate it with python -m kibana.")
    return content


def main(
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Parse the command line and import; return the exit code."""
    parser = cli.parser("python -m kibana.importer", __doc__)
    parser.add_argument("--url", help="address of Kibana; default: BP_KIBANA_URL")
    parser.add_argument(
        "--deadline", type=float, default=DEADLINE_S, metavar="SECONDS", help="to wait for Kibana (%(default).0f)"
    )
    parser.add_argument("--file", type=Path, default=SAVED_OBJECTS, help="other objects than those of the project")

    def run(chosen: argparse.Namespace) -> None:
        address = {"BP_KIBANA_URL": chosen.url} if chosen.url else {}
        settings = load_settings({**environment, **address})
        kibana = connect(settings, Patience(clock() + chosen.deadline, clock, pause), _say)
        _say(f"{import_objects(kibana, read_content(chosen.file))} objects imported into {kibana.url}.")

    return cli.run(parser, run, arguments)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
