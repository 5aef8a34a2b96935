"""The site as a browser sees it, through the published port."""

from __future__ import annotations

import http.cookiejar
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Final

from tests.containers.stack import NAME, Stack

FOR_ONE_USE: Final = re.compile(r"Password for one use.*: (\S+)")
OWN: Final = "a sentence that nobody guesses, 1892"
OF_A_PATIENT: Final = re.compile(r'href="/patients/([^"/?]+)')


class Visitor:
    """A browser with its cookies."""

    def __init__(self, address: str, authority: Path | None = None) -> None:
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        context = ssl.create_default_context(cafile=authority) if authority else None
        handlers = [urllib.request.HTTPSHandler(context=context)] if context else []
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), *handlers)

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Open a page, or send a form; return the path where this leads, and the page."""
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Origin": self.address}
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(self.address + path, data=data, headers=headers)  # noqa: S310 - http, https
        try:
            answer = self._browser.open(request)
        except urllib.error.HTTPError as error:
            answer = error
        return urllib.parse.urlsplit(answer.url or "").path, answer.read().decode()

    def sign_in(self, name: str, password: str, new: str = "") -> str:
        """Sign in, with a password of its own at the first time; return the path where this leads."""
        self.open("/login")
        form = {"next": "/", "lang": "en", "user_name": name, "password": password, "code": ""}
        path, _page = self.open("/login", form)
        if new:
            path, _page = self.open(path, {"user_name": name, "present": password, "new": new, "again": new})
        return path

    def patients(self) -> set[str]:
        """Return the patients that the board links to."""
        return set(OF_A_PATIENT.findall(self.open("/")[1]))


def first_sign_in(stack: Stack, name: str) -> Visitor:
    """Add a clinician as docs/operations.md says, sign in, and choose the password `OWN`."""
    told = stack.compose(
        "exec", "-T", "webapp", "python", "-m", "webapp.create_users", "--name", name, "--role", "clinician"
    )
    found = FOR_ONE_USE.search(told)
    assert found, told
    visitor = visit(stack)
    assert visitor.sign_in(name, found[1], new=OWN) != "/login"
    return visitor


def visit(stack: Stack) -> Visitor:
    """Return a browser that has not been there yet."""
    if stack.files:
        authority = stack.engine.volume(f"{NAME}_authority") / "ca.crt"
        return Visitor(f"https://localhost:{stack.ports['SITE_TLS_PORT']}", authority)
    return Visitor(f"http://127.0.0.1:{stack.ports['SITE_PORT']}")
