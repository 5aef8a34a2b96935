"""What people, or the rule, have asked for: that a challenger goes into service. One document for each request.

The site cannot write the folder of the models, whose files others load: it leaves a request, in which it can name no
version but one that somebody with that folder has let score beside the one in service. `jobs.training.promoting`
answers it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from elastic.client import Document, Search, answering
from elastic.names import MODEL_PROMOTIONS, fit_id
from elastic.schema import put_templates
from elastic.search.queries import term

MOST: Final = 50
State = Literal["asked", "done", "refused"]
NEWEST_FIRST: Final[list[Any]] = [{"asked_at": "desc"}]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that `version` takes the place of `instead_of`, by whom, why, and whether it was `ready` then.

    `answer` says in a word why it was refused.
    """

    asked_at: datetime
    version: str
    instead_of: str
    by: str
    role: str
    why: str
    ready: bool
    state: State = "asked"
    answer: str | None = None
    answered_at: datetime | None = None


def requests(search: Search, state: State | None = None) -> list[Request]:
    """Return the requests, of one state or of all, the newest first."""
    query = term("state", state) if state else {"match_all": {}}
    body = {"size": MOST, "query": query, "sort": NEWEST_FIRST, "track_total_hits": False}
    return [msgspec.convert(found, Request, strict=False) for found in search.page(MODEL_PROMOTIONS, body).documents]


def ask(search: Search, request: Request) -> None:
    """Store a new request, visible to the next search."""
    with answering():
        client = search.client.options(request_timeout=search.timeout_s)
        if not client.indices.exists(index=MODEL_PROMOTIONS):
            put_templates(search.client)
        document: Document = msgspec.to_builtins(request)
        client.index(index=MODEL_PROMOTIONS, id=_id(request), document=document, op_type="create", refresh=True)


def answer(search: Search, request: Request, state: State, now: datetime, why: str | None = None) -> None:
    """Store what became of a request."""
    answered = msgspec.structs.replace(request, state=state, answer=why, answered_at=now)
    with answering():
        document: Document = msgspec.to_builtins(answered)
        search.client.index(index=MODEL_PROMOTIONS, id=_id(request), document=document, refresh=True)


def _id(request: Request) -> str:
    return fit_id(f"{request.version}|{request.asked_at.isoformat()}")
