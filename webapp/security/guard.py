"""What keeps a browser from being used against its user: the guard against forged requests (CSRF), and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask import Request, Response

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
REPORT_POLICY: Final = (  # of a model's report: a page of its own with its style in it, without scripts, forms or links
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox"
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


def is_forged(request: Request) -> bool:
    """Tell whether a request that may change something did not come from a page of this very site.

    Browsers say so in ``Sec-Fetch-Site``; older ones send ``Origin``. A request with neither is refused.
    """
    if request.method in SAFE_METHODS:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    return request.headers.get("Origin") != f"{request.scheme}://{request.host}"  # the host is a trusted one


def is_own_path(path: str) -> bool:
    """Tell whether `path` leads to a page of this site and nowhere else: the only ones to go to after sign-in."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return plain and path.startswith("/") and not path.startswith("//")


def add_headers(response: Response, request: Request) -> Response:
    """Add the headers of every answer; only static files may be kept by a cache."""
    is_report = response.headers.get("Content-Security-Policy") == REPORT_POLICY
    response.headers.update(HEADERS | ({"Content-Security-Policy": REPORT_POLICY} if is_report else {}))
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
    if request.endpoint == "static" and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={STATIC_MAX_AGE_S}"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
