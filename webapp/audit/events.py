"""Who saw which patient: one event per access, made here and written by `webapp.audit.spool`.

A list is noted with those patients alone whom the session was not shown within the last 15 minutes, so that polling a
board on which patients come and go does not flood the trail. An export is made only when its event has reached
Elasticsearch; views go on while that is away, and are shipped later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from elasticsearch import ApiError, AuthorizationException, Elasticsearch, TransportError
from flask import g, request

from conf.errors import UserError
from elastic.names import AUDIT
from elastic.schema import TemplateError, put_templates
from webapp.audit.spool import Spool, ship_leftovers
from webapp.security.current import principal_or_none
from webapp.services import services

FOLDER: Final = "audit"
LIST_EVERY: Final = timedelta(minutes=15)
SHIP_TIMEOUT_S: Final = 5.0
RETRY_S: Final = 5.0
MAX_ID_LENGTH: Final = 512
EXPORTS: Final = frozenset({"export", "print"})


class AuditUnavailable(UserError):  # noqa: N818 - a state, as the page names it
    """An export cannot be noted, and is therefore refused."""


class AuditTrail:
    """Notes accesses; `start` ships them in the background, `flush` at once."""

    def __init__(self, client: Elasticsearch, folder: Path, clock: Callable[[], datetime]) -> None:
        self._client = client.options(request_timeout=SHIP_TIMEOUT_S)
        self._folder = folder
        self._clock = clock
        self._spool = Spool(folder)
        self._lists: dict[str, tuple[datetime, frozenset[str]]] = {}
        self._lists_lock = threading.Lock()
        self._has_template = False
        self._wake, self._ended = threading.Event(), threading.Event()

    def record(
        self,
        action: str,
        *,
        patient_ids: Iterable[str] = (),
        outcome: str = "ok",
        actor: str | None = None,
        target: str | None = None,
    ) -> None:
        """Note one access of the current request.

        `action`: view, list, export, print, ack, login, denied ...; `actor` only where nobody is signed in yet;
        `target`: the user or token that was acted on. Raises `AuditUnavailable` for an export that cannot be noted.
        """
        ids = frozenset(patient_id[:MAX_ID_LENGTH] for patient_id in patient_ids)
        if action == "list":
            ids = self._not_shown_lately(ids)
            if not ids:
                return
        event = _event(self._clock(), action, outcome, actor) | {"patient_id": sorted(ids), "target": target}
        self._spool.append(event)
        self._wake.set()
        if action in EXPORTS and outcome == "ok" and not self.flush():
            self._spool.append({**event, "outcome": "refused"})
            raise AuditUnavailable("Exports wait until the audit can be written again. Start Elasticsearch.")

    def flush(self) -> bool:
        """Ship what is spooled now; tell whether all of it arrived."""
        return self._ensure_template() and self._spool.ship(self._client)

    def start(self) -> None:
        """Ship in the background from now on."""
        threading.Thread(target=self._ship_for_ever, name="audit", daemon=True).start()

    def close(self) -> None:
        """End the background work and ship the rest, once."""
        self._ended.set()
        self._wake.set()
        self._spool.close(self._client)

    def _ship_for_ever(self) -> None:
        while not self._ended.is_set():
            if self.flush():
                ship_leftovers(self._folder, self._client)
                self._wake.wait()
                self._wake.clear()
            else:
                self._ended.wait(RETRY_S)

    def _not_shown_lately(self, ids: frozenset[str]) -> frozenset[str]:
        """Return those whom the session was not shown in its current quarter of an hour, and note that it is now."""
        known, now = principal_or_none(), self._clock()
        session = known.session_hash if known else ""
        with self._lists_lock:
            self._lists = {key: seen for key, seen in self._lists.items() if now - seen[0] < LIST_EVERY}
            since, seen_ids = self._lists.get(session, (now, frozenset()))
            self._lists[session] = since, seen_ids | ids
        return ids - seen_ids

    def _ensure_template(self) -> bool:
        """Create the index template if it is missing; an account without the right to look trusts that it is there."""
        if self._has_template:
            return True
        try:
            if not self._client.indices.exists_index_template(name=AUDIT):
                put_templates(self._client)
        except AuthorizationException:
            pass
        except (ApiError, TransportError, TemplateError):
            return False
        self._has_template = True
        return True


def record(action: str, *, patient_ids: Iterable[str] = (), outcome: str = "ok", target: str | None = None) -> None:
    """Note one access of the current request; see `AuditTrail.record`."""
    services().audit.record(action, patient_ids=patient_ids, outcome=outcome, target=target)


def of_owner(owner_name: str, id_: str) -> str:
    """Return how an event names a session or token that was acted on."""
    return f"{owner_name}/{id_}"


def _event(now: datetime, action: str, outcome: str, actor: str | None) -> dict[str, Any]:
    known = principal_or_none()
    return {
        "@timestamp": now.isoformat(timespec="milliseconds"),
        "actor": known.user_name if known else actor or "unknown",
        "role": known.role if known else None,
        "session": known.session_hash if known else None,
        "ip": request.remote_addr,
        "action": action,
        "route": request.url_rule.rule if request.url_rule else None,
        "outcome": outcome,
        "request_id": g.get("request_id"),
    }
