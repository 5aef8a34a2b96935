"""The board's pages: the live list, its rows for polling screens, and the wall."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, make_response, render_template, request

from assessment.freshness import stale_after
from assessment.urgency import Urgency
from webapp.board.past import RISK_LIMIT_Y
from webapp.board.rows import WALL_ORDER, Ward, shown_ids, tiles_of
from webapp.board.shown import Shown
from webapp.board.ward import Board, View
from webapp.http import tag
from webapp.security.current import principal
from webapp.security.roles import Permission, requires
from webapp.services import services
from webapp.shared import Shared
from webapp.wards import chosen_ward

blueprint = Blueprint("board", __name__)

EXTENSION: Final = "bp_board"
TILES: Final = 60  # a wall shows as many of them as it has room for, and says how many more there are
SHOWN_ID_END: Final = 4  # characters of an id that a wall shows
RENDERED_FOR: Final = timedelta(minutes=2)
SMALLEST_GZIP: Final = 1_000

Rendered = tuple[bytes, bytes]


class Screens:
    """The board, the rows rendered last, and which alerts have been shown; for all who may see the same."""

    def __init__(self, board: Board, shown: Shown) -> None:
        self.board = board
        self.shown = shown
        self.rendered: Shared[Rendered] = Shared(RENDERED_FOR)


def screens(ward: str | None = None) -> Screens:
    """Return the screens of who may see the same as the reader, of one ward or of all that is."""
    site = services()
    search = site.search_in(ward)
    return _all_screens().get(
        search.scope, site.clock(), lambda: Screens(Board(search, site.settings.expected_interval), Shown(search))
    )


def forget_boards() -> None:
    """Let the next screen of everybody read again: somebody has just answered something."""
    for seen in _all_screens().known():
        seen.board.forget()


def _all_screens() -> Shared[Screens]:
    """Return the screens of the application by what their readers may see."""
    kept: Shared[Screens] = current_app.extensions.setdefault(EXTENSION, Shared(timedelta.max))
    return kept


@blueprint.get("/")
@requires(Permission.BOARD)
def index() -> str:
    """Show the board, or the wall for a kiosk."""
    now, view, seen = services().clock(), asked_view(), screens(chosen_ward())
    ward = seen.board.ward(view, now)
    note_seen(ward, seen.shown)
    template = "wall.html" if is_wall() else "board.html"
    return render_template(template, **page_values(ward, view, now))


@blueprint.get("/board/rows")
@requires(Permission.BOARD, is_poll=True)
def rows() -> Response:
    """Send what a screen shows to a script that asks again and again; 304 while nothing has changed."""
    now, view, seen = services().clock(), asked_view(), screens(chosen_ward())
    ward = seen.board.ward(view, now)
    screen = screen_tag(ward, view, now)
    if request.if_none_match.contains(screen):
        response = Response(status=304)
    else:
        note_seen(ward, seen.shown)
        plain, packed = seen.rendered.get(screen, now, lambda: render(ward, view, now))
        response = packed_response(plain, packed)
    response.set_etag(screen)
    response.headers["X-Newest"] = ward.newest_at or ""
    known = principal()
    if known.idle_at:
        response.headers["X-Idle-In"] = str(int((known.idle_at - now).total_seconds()))
    return response


@blueprint.post("/board/stay")
@requires(Permission.BOARD)
def stay() -> Response:
    """Keep the session of somebody who is there; a screen that only renews itself does not."""
    return Response(status=204)


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
    shown = ward.fingerprint, int(now.timestamp()) // 60, view, is_wall(), request.args.get("ward")
    return tag(repr((*shown, known.role, known.language, known.is_idle)).encode())


def page_values(ward: Ward, view: View, now: datetime) -> dict[str, Any]:
    """Return what the templates of board and wall need; ids are masked for who may not open a patient."""
    settings, known = services().settings, principal()
    may_open = known.allows(Permission.PATIENT) and not is_wall()
    tiles = tiles_of(ward)
    masked = {} if may_open else shown_ids((row.patient_id for row in ward.rows), SHOWN_ID_END)
    return {
        "ward": ward,
        "view": view,
        "kept_ward": "&" + urlencode({"ward": request.args["ward"]}) if "ward" in request.args else "",
        "now": now,
        "zone": settings.time_zone,
        "tiles": tiles[:TILES],
        "more_tiles": sum(ward[place].total for place in WALL_ORDER) - len(tiles[:TILES]),
        "minutes": lambda at: minutes_before(now, at),
        "shown_id": lambda id_: masked.get(id_, id_),
        "short": short_id,
        "may_acknowledge": known.allows(Permission.ACKNOWLEDGE) and not is_wall(),
        "may_open": may_open,
        "risk_limit_y": RISK_LIMIT_Y,
        "stale_s": int(stale_after(settings.expected_interval).total_seconds()),
        "min_readings": settings.min_readings,
    }


def minutes_before(now: datetime, at: datetime | str) -> int:
    """Return how many minutes ago a time is; also of one in a stored document (ISO 8601)."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return int((now - moment).total_seconds() // 60)


def short_id(text: str) -> str:
    """Return a device's id as passers-by may read it."""
    return "\N{HORIZONTAL ELLIPSIS}" + text[-SHOWN_ID_END:]


def is_wall() -> bool:
    """Tell whether this screen hangs on a wall: asked for, and always for a kiosk."""
    known = principal()
    return (known.role == "kiosk" and not known.is_idle) or request.args.get("kiosk") == "1"


def asked_view() -> View:
    """Return the view in the address; what it does not know is left out."""
    place = request.args.get("urgency", "")
    return View(Urgency(place) if place in list(Urgency) else None, request.args.get("quiet") == "1")


def note_seen(ward: Ward, shown: Shown) -> None:
    """Note in the audit whom this screen shows, and in the journal which alerts it is the first to show."""
    services().audit.record("list", patient_ids=[row.patient_id for row in ward.rows])
    shown.note((alert for row in ward.rows for alert in row.alerts), services().clock())
