"""The live board as JSON: the same ward, loaded once for all screens, that the page shows."""

from __future__ import annotations

from typing import Any

from flask import request

from webapp.api.alert_models import Board
from webapp.api.alert_views import describe
from webapp.api.operations import Answer
from webapp.api.parameters import BoardQuery
from webapp.api.routes import operation
from webapp.audit.events import record
from webapp.board.rows import Row, Section, Ward
from webapp.board.views import screens
from webapp.board.ward import View
from webapp.http import tag
from webapp.security.roles import Permission
from webapp.services import services


@operation(
    "GET",
    "/api/v1/board",
    tag="board",
    summary="The live board, the most urgent patients first; made for polling with If-None-Match",
    permission=Permission.API_READ_PREDICTIONS,
    query=BoardQuery,
    answer=Board,
    problems=(503,),
    is_poll=True,
)
def get_board(query: BoardQuery) -> Answer:
    """The board's sections."""
    ward = screens().board.ward(View(query.level), services().clock())
    known = tag(ward.fingerprint.encode(), str(query.level).encode(), str(ward.newest_at).encode())
    if request.if_none_match.contains(known):
        return Answer(b"", status=304, etag=known)
    record("list", patient_ids=[row.patient_id for row in ward.rows])
    return Answer(Board.model_validate(_board(ward)), etag=known)


def _board(ward: Ward) -> dict[str, Any]:
    return {
        "newest_scored_at": ward.newest_at,
        "unanswered": ward.unanswered,
        "sections": list(map(_section, ward.sections)),
    }


def _section(section: Section) -> dict[str, Any]:
    return {"level": section.urgency, "total": section.total, "patients": list(map(_row, section.rows))}


def _row(row: Row) -> dict[str, Any]:
    return {
        "patient_id": row.patient_id,
        "reading": row.reading,
        "freshness": row.freshness,
        "measured_crisis": row.is_crisis,
        "slope": row.slope,
        "prediction": row.prediction,
        "readings": row.readings,
        "alerts": [describe(row.patient_id, episode) for episode in row.episodes],
    }
