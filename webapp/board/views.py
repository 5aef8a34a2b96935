"""The board's pages: the live list, its rows for polling screens, and the wall."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from typing import Any, Final, cast

from flask import Blueprint, Response, current_app, make_response, render_template, request

from assessment.freshness import stale_after
from assessment.urgency import Urgency
from webapp import i18n
from webapp.board.histories import RISK_LIMIT_Y
from webapp.board.rows import Ward
from webapp.board.ward import Board, View
from webapp.http import tag
from webapp.security.current import principal
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.shared import Shared
from webapp.wording import attention_in_words, refusal_name

blueprint = Blueprint("board", __name__)

EXTENSION: Final = "bp_board"
TILES: Final = 24
SHOWN_ID_END: Final = 4  # characters of an id that a wall shows
RENDERED_FOR: Final = timedelta(minutes=2)
SMALLEST_GZIP: Final = 1_000

Rendered = tuple[bytes, bytes]


class Screens:
    """The board and the rows rendered last; one per application."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.rendered: Shared[Rendered] = Shared(RENDERED_FOR)


def screens() -> Screens:
    """Return the screens of the current application."""
    site = services()
    found = current_app.extensions.get(EXTENSION)
    if found is None:
        found = current_app.extensions.setdefault(
            EXTENSION, Screens(Board(site.search, site.settings.expected_interval))
        )
    return cast(Screens, found)


@blueprint.get("/")
@requires(Permission.BOARD)
def index() -> str:
    """Show the board, or the wall for a kiosk."""
    now, view = services().clock(), asked_view()
    ward = screens().board.ward(view, now)
    note_seen(ward)
    template = "wall.html" if is_wall() else "board.html"
    return render_template(template, **page_values(ward, view, now))


@blueprint.get("/board/rows")
@requires(Permission.BOARD, is_poll=True)
def rows() -> Response:
    """Send what a screen shows to a script that asks again and again; 304 while nothing has changed."""
    now, view = services().clock(), asked_view()
    ward = screens().board.ward(view, now)
    screen = screen_tag(ward, view, now)
    if request.if_none_match.contains(screen):
        response = Response(status=304)
    else:
        note_seen(ward)
        plain, packed = screens().rendered.get(screen, now, lambda: render(ward, view, now))
        response = packed_response(plain, packed)
    response.set_etag(screen)
    response.headers["X-Newest"] = ward.newest_at or ""
    return response


def render(ward: Ward, view: View, now: datetime) -> Rendered:
    """Return the rows as bytes, plain and compressed."""
    template = "wall_tiles.html" if is_wall() else "board_rows.html"
    plain = render_template(template, **page_values(ward, view, now)).encode()
    return plain, gzip.compress(plain, compresslevel=5)


def packed_response(plain: bytes, packed: bytes) -> Response:
    """Answer with HTML, compressed for a browser that takes it; there is no secret in it that its size could tell."""
    fits = request.accept_encodings["gzip"] > 0 and len(plain) >= SMALLEST_GZIP
    response = make_response(packed if fits else plain)
    response.mimetype = "text/html"
    response.headers["Vary"] = "Accept-Encoding"
    if fits:
        response.headers["Content-Encoding"] = "gzip"
    return response


def screen_tag(ward: Ward, view: View, now: datetime) -> str:
    """Tag what a screen shows: the ward, the minute (ages), the reader's rights and language, the filter."""
    known = principal()
    parts = (ward.fingerprint, int(now.timestamp()) // 60, known.role, known.language, view, is_wall())
    return tag(repr(parts).encode())


def page_values(ward: Ward, view: View, now: datetime) -> dict[str, Any]:
    """Return what the templates of board and wall need."""
    interval = services().settings.expected_interval
    return {
        "ward": ward,
        "view": view,
        "now": now,
        "zone": services().settings.time_zone,
        "attention_tiles": ward.attention[:TILES],
        "tiles": [row for row in ward.rows if row.urgency is not Urgency.LOW][: max(0, TILES - len(ward.attention))],
        "minutes": lambda at: int((now - at).total_seconds() // 60),
        "short": short_id,
        "may_acknowledge": principal().allows(Permission.ACKNOWLEDGE),
        "may_open": principal().allows(Permission.PATIENT),
        "risk_limit_y": RISK_LIMIT_Y,
        "stale_s": int(stale_after(interval).total_seconds()),
        "heard": lambda refusal: attention_in_words(refusal.words, i18n.gettext, i18n.language()),
        "why_refused": lambda refusal: i18n.gettext(refusal_name(refusal.reason)),
        "min_readings": services().settings.min_readings,
    }


def short_id(patient_id: str) -> str:
    """Return an id as passers-by may read it."""
    return "\N{HORIZONTAL ELLIPSIS}" + patient_id[-SHOWN_ID_END:]


def is_wall() -> bool:
    """Tell whether this screen hangs on a wall: asked for, and always for a kiosk."""
    return principal().role == "kiosk" or request.args.get("kiosk") == "1"


def asked_view() -> View:
    """Return the view in the address; what it does not know is left out."""
    level = request.args.get("level", "")
    return View(Urgency(level) if level in list(Urgency) else None, request.args.get("low") == "1")


def note_seen(ward: Ward) -> None:
    """Note in the audit whom this screen shows."""
    shown = [row.patient_id for row in ward.attention] + [row.patient_id for row in ward.rows]
    services().audit.record("list", patient_ids=list(dict.fromkeys(shown)))
