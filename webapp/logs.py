"""Logs as JSON lines: what was asked by its route, never by its address, and never what was typed or measured."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

from flask import Flask, Response, g, request

from webapp.security.current import principal_or_none

requests_log = logging.getLogger("webapp.requests")
PROBES: Final = ("/healthz", "/readyz", "/metrics")  # asked by programs again and again
FIELDS: Final = ("method", "route", "status", "duration_ms", "request_id", "user")


class JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logs() -> None:
    """Send all logs to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # it would log each query


def install(app: Flask) -> None:
    """Log each request of `app`, and name it in the answer."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    """Note when the work on the request began, which `_end` tells the duration by."""
    g.began_s = time.perf_counter()


def _end(response: Response) -> Response:
    request_id, known = g.get("request_id", ""), principal_or_none()
    response.headers["X-Request-Id"] = request_id
    values = (
        request.method,
        request.url_rule.rule if request.url_rule else None,
        response.status_code,
        round((time.perf_counter() - g.get("began_s", time.perf_counter())) * 1000, 1),
        request_id,
        known.user_name if known else None,
    )
    is_probe = request.path in PROBES and response.status_code < 400  # thousands a day, all alike
    if request.endpoint != "static" and not is_probe:
        requests_log.info("request", extra=dict(zip(FIELDS, values, strict=True)))
    return response
