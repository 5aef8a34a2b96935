"""Headers of every answer."""

from __future__ import annotations

from typing import Final

from flask import Request, Response

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
TRANSPORT_SECURITY: Final = "max-age=31536000; includeSubDomains"
STATIC_MAX_AGE_S: Final = 3600


def add_headers(response: Response, request: Request) -> Response:
    """Add them; only static files may be kept by a cache."""
    response.headers.update(HEADERS)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
    if request.endpoint == "static" and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={STATIC_MAX_AGE_S}"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
